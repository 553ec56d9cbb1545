"""Whom we may call, and when: one connection at a time to an address, not too many in all.

A probe of one target keeps to that; a sweep of many is more polite still, and waits as long as that takes.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from probe.model import Endpoint, Observation

AT_ONCE = 32
"""Connections at a time, each to another address."""


class Manners:
    """The queue in which looks wait for their turn; one for a whole run."""

    def __init__(self, at_once: int = AT_ONCE, *, patient: bool = False) -> None:
        self.patient = patient
        """Waiting for one's turn does not count: the deadline of a look begins with it."""
        self._places = asyncio.Semaphore(at_once)
        self._addresses: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    def refusal(self, endpoint: Endpoint) -> str | None:  # noqa: ARG002 -- nobody is left out yet
        """Say why this address is not called at all, for people; None = it may be."""
        return None

    @asynccontextmanager
    async def turn(self, endpoint: Endpoint) -> AsyncIterator[None]:
        """Wait until this address may be called, and hold the place."""
        async with self._addresses[machine(endpoint)], self._places:
            yield

    def heard(self, seen: Observation) -> None:
        """Take note of how we were received."""


def machine(endpoint: Endpoint) -> str:
    """One address, however DNS writes it: ::ffff:192.0.2.1 is 192.0.2.1 (RFC 4291 §2.5.5.2)."""
    address = ipaddress.ip_address(endpoint.address or "::")
    return str(getattr(address, "ipv4_mapped", None) or address)
