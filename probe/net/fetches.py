"""AIA addresses of a sweep: each is asked once, however many servers leave out the certificate that lies there."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from probe.model import Fetch
from probe.net.issuers import ADDRESSES, Budget, fetch_issuers, left_out, too_slow
from probe.net.once import Once

REMEMBERED = 4096
"""Addresses whose answers are kept, some 2 KB each: public CAs have a few hundred."""
AGAIN = 300.0
"""Seconds after which an address that gave nothing is asked once more: a sweep takes hours, a disturbance minutes."""


class _Answer(NamedTuple):
    fetch: Fetch
    until: float
    """The loop's time when it is to be forgotten."""
    poor: bool
    """The chain for which it was asked had too few requests left."""


class Fetches(Once[str, _Answer]):
    """What the addresses gave, for every chain that names them."""

    def __init__(self, *, allow_private: bool, most: int = REMEMBERED) -> None:
        super().__init__(most)
        self._allow_private = allow_private

    async def of(self, urls: Sequence[str], budget: Budget) -> tuple[Fetch, ...]:
        """Ask each distinct address, or take what it gave; as ``fetch_issuers``, within what is left for the chain.

        A chain pays for the requests that it causes, for its waiting, and for the certificates that it gets.
        """
        distinct = list(dict.fromkeys(urls))
        asked = distinct[:ADDRESSES]
        found = [await self._of(url, budget, len(asked) - n) for n, url in enumerate(asked)]
        return (*found, *left_out(distinct[ADDRESSES:]))

    async def _of(self, url: str, budget: Budget, sharers: int) -> Fetch:
        """Wait for one answer, with a fair share of the time that is left; the question goes on for others."""
        if budget.spent:
            return Fetch(url, problem=budget.spent)
        loop, question = asyncio.get_running_loop(), Budget(hops=budget.hops)
        began, share, ask = loop.time(), budget.share(sharers), partial(self._asked, url, question)
        try:
            async with asyncio.timeout(share):
                answer = await self.answer(url, ask, _is_lost)
                if answer.poor and question.hops == budget.hops:  # it was asked for a chain with less left than ours
                    answer = await self.answer(url, ask, _is_lost)
            fetch = answer.fetch
        except TimeoutError:
            fetch = too_slow(url, share)
        budget.seconds -= loop.time() - began
        budget.hops, question.hops = max(question.hops, 0), 0
        kept = fetch.certificates[: budget.certificates]
        budget.certificates -= len(kept)
        return replace(fetch, certificates=kept)

    async def _asked(self, url: str, question: Budget) -> _Answer:
        """Ask it, with five whole seconds: the answer is good for all, unless the chain had too few requests left."""
        (fetch,) = await fetch_issuers((url,), allow_private=self._allow_private, budget=question)
        now, poor = asyncio.get_running_loop().time(), question.hops < 0
        return _Answer(fetch, inf if not fetch.problem else now if poor else now + AGAIN, poor)


def _is_lost(task: asyncio.Task[_Answer]) -> bool:
    return task.cancelled() or (task.done() and task.result().until <= asyncio.get_running_loop().time())
