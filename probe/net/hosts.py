"""Mail hosts that many domains share: each is looked at once, for the first that names it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Self

from probe.model import Stage, Survey, Target

REMEMBERED = 1024
"""Hosts whose looks are kept, some 30 KB each: the large providers come again all the time, the others seldom."""

Look = Callable[[Target], Coroutine[Any, Any, Survey]]


class Hosts:
    """The mail hosts of a sweep, for whoever is sent to them."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._tasks: OrderedDict[Target, asyncio.Task[Survey]] = OrderedDict()

    async def of(self, host: Target, look: Look) -> Survey:
        """What is seen of this host; a second domain waits for the look of the first, and outlives it."""
        task = self._tasks.pop(host, None)
        if task is None or task.cancelled() or _is_lost(task):
            task = asyncio.create_task(look(host))
        self._tasks[host] = task
        self._forget()
        return await asyncio.shield(task)

    def _forget(self) -> None:
        """Drop what was not asked for longest; a look that is not done yet stays."""
        while len(self._tasks) > self._most:
            done = next((host for host, task in self._tasks.items() if task.done()), None)
            if done is None:
                return
            del self._tasks[done]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the looks that are under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()


def _is_lost(task: asyncio.Task[Survey]) -> bool:
    """It is done, and its name led nowhere: that may have been a bad moment of the resolver, and costs nobody much."""
    if not task.done():
        return False
    seen = () if task.exception() else task.result().observations
    return bool(task.exception() or (seen and all(one.stage is Stage.DNS for one in seen)))
