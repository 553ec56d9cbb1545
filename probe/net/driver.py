"""Carries bytes between a socket and a session: asyncio's readers and writers, for one host and for thousands alike.

Streams would cost half as much time again, threads more; the session does everything that needs thought.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from probe.model import Stage

if TYPE_CHECKING:
    from probe.wire.session import Session
    from probe.wire.sink import Sink

CHUNK = 64 * 1024
"""Bytes read from the socket at once: more than the first flight of nearly every server."""


def _nothing() -> None:
    """The socket takes bytes again; sending them is a part of every turn."""


class Driver:
    """One socket and one session, ours as a client's or as a server's.

    ``began`` (zero of milliseconds) and ``until`` (total deadline) are loop times.
    """

    def __init__(
        self,
        sock: socket.socket,
        session: Session | Sink,
        *,
        began: float,
        until: float,
        enter: Callable[[Stage], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._session = session
        self._began = began
        self._until = until
        self._enter = enter
        self._unsent = b""
        self._stage = Stage.CONNECT
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._alarm: asyncio.TimerHandle | None = None

    async def drive(self) -> None:
        """Run until the session is done; the socket stays open, with no reader left on it, however this ends."""
        loop = self._loop
        loop.add_reader(self._sock, self._guarded, self._receive)
        try:
            self._turn()
            await self._done
        finally:
            loop.remove_reader(self._sock)
            loop.remove_writer(self._sock)
            self._silence()

    @property
    def _ms(self) -> float:
        return (self._loop.time() - self._began) * 1000

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do one thing, and what follows of it; a mistake of ours ends the probe instead of leaving it to hang."""
        try:
            act()
            self._turn()
        except Exception as error:  # noqa: BLE001 - it is handed on to whoever awaits drive()
            if not self._done.done():
                self._done.set_exception(error)

    def _receive(self) -> None:
        try:
            data = self._sock.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._session.eof(self._ms, error.strerror or str(error))
            return
        if data:
            self._session.receive(data, self._ms)
        else:
            self._session.eof(self._ms)

    def _turn(self) -> None:
        self._unsent += self._session.take()
        self._send()
        if self._session.stage is not self._stage:
            self._stage = self._session.stage
            self._enter(self._stage)
        if self._session.done and not self._done.done():
            self._done.set_result(None)
        else:
            self._set_alarm()

    def _send(self) -> None:
        """Send what the kernel takes. When nobody reads any more, the reason is still to be read: that side goes on."""
        try:
            self._unsent = self._unsent[self._sock.send(self._unsent) :] if self._unsent else b""
        except BlockingIOError:
            pass
        except OSError:
            self._unsent = b""
        if self._unsent:
            self._loop.add_writer(self._sock, self._guarded, _nothing)
        else:
            self._loop.remove_writer(self._sock)

    def _set_alarm(self) -> None:
        self._silence()
        due = min(self._began + self._session.deadline / 1000, self._until)
        self._alarm = self._loop.call_at(due, self._guarded, self._expire)

    def _silence(self) -> None:
        if self._alarm:
            self._alarm.cancel()

    def _expire(self) -> None:
        self._session.expire(self._ms)
