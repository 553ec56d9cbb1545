"""Whom we may call, and when: one connection at a time to an address, not too many in all.

A probe of one target keeps to that; a sweep of many is more polite still, and waits as long as that takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager

from probe.model import NOT_CALLED, Endpoint, Observation
from probe.net.addresses import refusal
from probe.net.excluded import Excluded, Network
from probe.net.operators import machine, operators, reception
from probe.net.queue import Queue

AT_ONCE = 32
"""Connections at a time, each to another address."""

AHEAD = 4
"""In a sweep: targets in hand for each connection. Those that wait for a busy operator must keep no others waiting."""

RESERVE = 16
"""In a sweep nothing is begun while more than one target for so many places could call at once."""

PER_OPERATOR = 4
"""In a sweep: connections at a time to one network (/24, /48), and to the hosts of one organisation."""

PAUSE = 0.1
"""In a sweep: seconds from the end of a connection until its place at an operator, and its address, have the next."""


class Manners:
    """The queue in which looks wait for their turn; one for a whole run.

    ``per_operator`` None = as many as there are; ``pause`` in seconds; ``rate`` in connections a second, evenly
    spaced, None = unlimited. Without ``allow_private`` only public addresses are called.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        *,
        per_operator: int | None = None,
        pause: float = 0.0,
        rate: float | None = None,
        exclude: Iterable[Network] = (),
        allow_private: bool = True,
        patient: bool = False,
    ) -> None:
        self.patient = patient
        """Waiting for one's turn does not count: the deadline of a look begins with it."""
        self._at_once = at_once
        self._allow_private = allow_private
        self._excluded = Excluded(exclude)
        self._queue = Queue(at_once, per_operator, pause, rate)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._queue.waiting

    @property
    def under_way(self) -> int:
        """How many have it."""
        return self._queue.under_way

    @property
    def held_up(self) -> bool:
        """Half of the places are free, and most wait all the same: for an operator, or for the rate."""
        return 2 * self.under_way <= self._at_once and self.waiting > self.under_way

    @property
    def supplied(self) -> bool:
        """So many wait for nothing but a place that further ones would only lie in memory."""
        return self._queue.ready > self._at_once // RESERVE

    def refusal(self, endpoint: Endpoint) -> str | None:
        """Say why this address is not called at all, for people; None = it may be."""
        address = endpoint.address or "::"
        if network := self._excluded.covering(address):
            return f"{address} is in {network}, {NOT_CALLED['excluded']}"
        if self._allow_private or not (why := refusal(address)):
            return None
        return f"{why}; {NOT_CALLED['private']}"

    def turn(self, endpoint: Endpoint) -> AbstractAsyncContextManager[None]:
        """Wait until this address may be called, and hold the place."""
        return _Held(self._queue, endpoint)

    def heard(self, seen: Observation) -> None:
        """Take note of how we were received: to be called within the turn, once for each look."""
        address = machine(seen.endpoint)
        connections = 2 if seen.retried else 1
        self._queue.heard(address, operators(seen.endpoint, address), reception(seen), connections)


class _Held:
    """A turn, from the wish to the end; written out, for as a generator it costs a third more."""

    __slots__ = ("_endpoint", "_queue", "_turn")

    def __init__(self, queue: Queue, endpoint: Endpoint) -> None:
        self._queue = queue
        self._endpoint = endpoint

    async def __aenter__(self) -> None:
        address = machine(self._endpoint)
        self._turn = await self._queue.enter(address, operators(self._endpoint, address))

    async def __aexit__(self, *_: object) -> None:
        self._queue.leave(self._turn)
