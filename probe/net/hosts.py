"""Mail hosts that many domains share: each is looked at once, for the first that names it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from probe.model import Stage, Survey, Target
from probe.net.once import Once

REMEMBERED = 1024
"""Hosts whose looks are kept, some 30 KB each: the large providers come again all the time, the others seldom."""

Look = Callable[[Target], Coroutine[Any, Any, Survey]]


class Hosts(Once[Target, Survey]):
    """The mail hosts of a sweep, for whoever is sent to them."""

    def __init__(self, most: int = REMEMBERED) -> None:
        super().__init__(most)

    async def of(self, host: Target, look: Look) -> Survey:
        """What is seen of this host; a second domain waits for the look of the first, and outlives it."""
        return await self.answer(host, partial(look, host), _is_lost)


def _is_lost(task: asyncio.Task[Survey]) -> bool:
    """It is done, and its name led nowhere: that may have been a bad moment of the resolver, and costs nobody much."""
    if not task.done() or task.cancelled():
        return task.done()
    seen = () if task.exception() else task.result().observations
    return bool(task.exception() or (seen and all(one.stage is Stage.DNS for one in seen)))
