"""Carries bytes between a socket and a session, for one host and for thousands alike.

Streams would cost half as much time again, threads more; the session does everything that needs thought.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from probe.model import Stage
from probe.net.ready import ready

if TYPE_CHECKING:
    from probe.wire.session import Session
    from probe.wire.sink import Sink

CHUNK = 16 * 1024
"""Bytes read from the socket at once: more than the first flight of nearly every server."""


class Driver:
    """One socket and its session, ours as a client's or as a server's.

    ``began`` (zero of milliseconds) and ``until`` (total deadline) are loop times; ``enter`` is told of each stage.
    ``session`` is None as long as there is no connection.
    """

    def __init__(
        self, sock: socket.socket, *, began: float, until: float, enter: Callable[[Stage], None] | None = None
    ) -> None:
        self.session: Session | Sink | None = None
        self._loop = asyncio.get_running_loop()
        self._sock = sock
        self._began = began
        self._until = until
        self._enter = enter
        self._sockets = ready(self._loop)
        self._number = sock.fileno()
        self._unsent = b""
        self._deadline = -1.0
        self._stage = Stage.CONNECT
        self._done: asyncio.Future[OSError | None] = self._loop.create_future()

    async def visit(self, begin: Callable[[], Session], due: float) -> OSError | None:
        """Wait for the connection until that time of the loop, then run the session that ``begin`` makes.

        Give why there was no connection, as TimeoutError where nobody answered.
        """
        sockets, number = self._sockets, self._number
        sockets.watch(number, partial(self._arrive, begin), self._miss, receiving=False, sending=True)
        sockets.until(number, due)
        return await self._end()

    async def drive(self, session: Session | Sink) -> None:
        """Run a session over a socket that is connected."""
        self._converse(session)
        await self._end()

    async def _end(self) -> OSError | None:
        """Wait until it is done; the socket stays open, and nobody waits for it, however this ends."""
        try:
            return await self._done
        finally:
            self._sockets.forget(self._number)

    def _arrive(self, begin: Callable[[], Session]) -> None:
        try:
            if number := self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self._settle(OSError(number, os.strerror(number)))
            else:
                self._converse(begin())
        except Exception as error:  # noqa: BLE001 - it is handed on to whoever waits for the end
            self._give_up(error)

    def _miss(self) -> None:
        self._settle(TimeoutError())

    def _settle(self, problem: OSError | None) -> None:
        if not self._done.done():
            self._done.set_result(problem)

    def _converse(self, session: Session | Sink) -> None:
        self.session = session
        self._watch(sending=bool(self._unsent))
        self._turn(session)

    def _watch(self, *, sending: bool) -> None:
        self._sockets.watch(self._number, self._receive, self._expire, receiving=True, sending=sending)

    def _receive(self) -> None:
        """Take what arrived, and do what follows of it."""
        session = self.session
        assert session  # noqa: S101 -- before that nobody waits for bytes
        try:
            try:
                data = self._sock.recv(CHUNK)
            except BlockingIOError:
                pass  # the socket takes bytes again; sending them is a part of every turn
            except OSError as error:
                session.eof(self._ms(), error.strerror or str(error))
            else:
                if data:
                    session.receive(data, self._ms())
                else:
                    session.eof(self._ms())
            self._turn(session)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _ms(self) -> float:
        return (self._loop.time() - self._began) * 1000

    def _expire(self) -> None:
        session = self.session
        assert session  # noqa: S101 -- before that _miss is called
        try:
            session.expire(self._ms())
            self._turn(session)
        except Exception as error:  # noqa: BLE001 - as above
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """A mistake of ours ends the probe instead of leaving it to hang."""
        if not self._done.done():
            self._done.set_exception(error)

    def _turn(self, session: Session | Sink) -> None:
        if (out := session.take()) or self._unsent:
            self._send(out)
        if session.stage is not self._stage:
            self._stage = session.stage
            if self._enter:
                self._enter(self._stage)
        if session.done:
            self._settle(None)
        elif (deadline := session.deadline) != self._deadline:
            self._deadline = deadline
            self._sockets.until(self._number, min(self._began + deadline / 1000, self._until))

    def _send(self, out: bytes) -> None:
        """Send what the kernel takes. When nobody reads any more, the reason is still to be read: that side goes on."""
        waited, unsent = bool(self._unsent), self._unsent + out
        try:
            self._unsent = unsent[self._sock.send(unsent) :]
        except BlockingIOError:
            self._unsent = unsent
        except OSError:
            self._unsent = b""
        if waited is not bool(self._unsent):
            self._watch(sending=not waited)
