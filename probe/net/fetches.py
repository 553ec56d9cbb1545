"""AIA addresses of a sweep: each is asked once, however many servers leave out the certificate that lies there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from probe.model import Fetch
from probe.net.issuers import HOPS, SECONDS, Budget, fetch_issuers
from probe.net.once import Once

REMEMBERED = 4096
"""Addresses whose answers are kept, some 2 KB each: public CAs have a few hundred."""


class Fetches(Once[str, tuple[Fetch, ...]]):
    """What the addresses gave, for every chain that names them."""

    def __init__(self, *, allow_private: bool, most: int = REMEMBERED) -> None:
        super().__init__(most)
        self._allow_private = allow_private

    async def of(self, urls: Sequence[str]) -> tuple[Fetch, ...]:
        """Ask these addresses side by side, or take what they gave; one that was asked has five seconds of its own."""
        found = await asyncio.gather(*(self.answer(url, partial(self._asked, url)) for url in urls[:HOPS]))
        return tuple(fetch for fetches in found for fetch in fetches)

    async def _asked(self, url: str) -> tuple[Fetch, ...]:
        return await fetch_issuers((url,), allow_private=self._allow_private, budget=Budget(SECONDS))
