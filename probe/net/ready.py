"""Which sockets are ready, and which are late: one epoll and one timer inside asyncio's loop, for thousands of sockets.

asyncio makes a handle and a key for every event, looks each socket up four times, and sorts a timer for every reply
that is awaited; a reply of one line is read in less. Here an event is a number and a call, a deadline a number in a
table. Where the system has no epoll(7), asyncio's own readers do that part.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable
from math import inf

AT_ONCE = 64
"""Events that are dealt with before the loop has its turn again."""


class Ready:
    """Calls back, again and again, while a socket has bytes for us, or takes bytes of ours; and when it is late."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._calls: dict[int, Callable[[], None]] = {}
        self._late: dict[int, Callable[[], None]] = {}
        self._due: dict[int, float] = {}
        self._next = inf
        self._timer: asyncio.TimerHandle | None = None
        self._epoll = select.epoll() if hasattr(select, "epoll") else None
        if self._epoll:
            loop.add_reader(self._epoll.fileno(), self._dispatch)

    def watch(
        self, number: int, call: Callable[[], None], late: Callable[[], None], *, receiving: bool, sending: bool
    ) -> None:
        """Call from now on; an error of the socket with that number counts as either."""
        if self._epoll:
            put = self._epoll.modify if number in self._calls else self._epoll.register
            put(number, select.EPOLLIN * receiving | select.EPOLLOUT * sending)
        else:
            self._ask_loop(number, call, receiving=receiving, sending=sending)
        self._calls[number], self._late[number] = call, late

    def until(self, number: int, due: float) -> None:
        """Be late at that time of the loop, and not at an earlier one that was named before."""
        self._due[number] = due
        if due < self._next:
            self._set_timer(due)

    def forget(self, number: int) -> None:
        """Call no more; to be done before the socket is closed. The last one leaves nothing behind."""
        if self._calls.pop(number, None) is None:
            return
        self._due.pop(number, None)
        del self._late[number]
        if self._epoll:
            self._epoll.unregister(number)
        else:
            self._ask_loop(number, None, receiving=False, sending=False)
        if not self._calls:
            self._close()

    def _ask_loop(self, number: int, call: Callable[[], None] | None, *, receiving: bool, sending: bool) -> None:
        loop = self._loop
        loop.add_reader(number, call) if receiving and call else loop.remove_reader(number)
        loop.add_writer(number, call) if sending and call else loop.remove_writer(number)

    def _dispatch(self) -> None:
        if self._epoll:
            for number, _ in self._epoll.poll(0, AT_ONCE):
                if call := self._calls.get(number):
                    call()

    def _set_timer(self, due: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._next = due
        self._timer = self._loop.call_at(due, self._ring) if due < inf else None

    def _ring(self) -> None:
        """Tell those that are late. Most deadlines were put off since the timer was set, and it is set anew."""
        past = self._next
        for number in [number for number, due in self._due.items() if due <= past]:
            del self._due[number]
            self._late[number]()
        self._set_timer(min(self._due.values(), default=inf))

    def _close(self) -> None:
        self._set_timer(inf)
        if self._epoll:
            self._loop.remove_reader(self._epoll.fileno())
            self._epoll.close()
        _KNOWN.pop(self._loop, None)


_KNOWN: dict[asyncio.AbstractEventLoop, Ready] = {}
"""Those that have a socket to watch."""


def ready(loop: asyncio.AbstractEventLoop) -> Ready:
    """What tells of the sockets of this loop."""
    found = _KNOWN.get(loop)
    if found is None:
        found = _KNOWN[loop] = Ready(loop)
    return found
