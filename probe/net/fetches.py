"""AIA addresses of a sweep: each is asked once, however many servers leave out the certificate that lies there."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from typing import Self

from probe.model import Fetch
from probe.net.issuers import HOPS, SECONDS, Budget, fetch_issuers

REMEMBERED = 4096
"""Addresses whose answers are kept, some 2 KB each: public CAs have a few hundred."""


class Fetches:
    """What the addresses gave, for every chain that names them."""

    def __init__(self, *, allow_private: bool, most: int = REMEMBERED) -> None:
        self._allow_private = allow_private
        self._most = most
        self._tasks: OrderedDict[str, asyncio.Task[tuple[Fetch, ...]]] = OrderedDict()

    async def of(self, urls: Sequence[str]) -> tuple[Fetch, ...]:
        """Ask these addresses side by side, or take what they gave; one that was asked has five seconds of its own."""
        found = await asyncio.gather(*(asyncio.shield(self._asked(url)) for url in urls[:HOPS]))
        return tuple(fetch for fetches in found for fetch in fetches)

    def _asked(self, url: str) -> asyncio.Task[tuple[Fetch, ...]]:
        task = self._tasks.pop(url, None)
        if task is None or task.cancelled():
            work = fetch_issuers((url,), allow_private=self._allow_private, budget=Budget(SECONDS))
            task = asyncio.create_task(work)
        self._tasks[url] = task
        while len(self._tasks) > self._most and next(iter(self._tasks.values())).done():
            self._tasks.popitem(last=False)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the requests that are under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
