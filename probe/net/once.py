"""What a sweep asks once, however many of its targets want to know."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, Self, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Once(Generic[Key, Value]):
    """Answers by key, the ``most`` of them that were asked for last; to be closed with the sweep."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: OrderedDict[Key, asyncio.Task[Value]] = OrderedDict()

    async def answer(
        self,
        key: Key,
        ask: Callable[[], Coroutine[Any, Any, Value]],
        is_lost: Callable[[asyncio.Task[Value]], bool] = asyncio.Task.cancelled,
    ) -> Value:
        """Ask in a task of its own, which outlives whoever waits, or take what there is unless it ``is_lost``."""
        task = self._tasks.pop(key, None)
        if task is None or is_lost(task):
            task = asyncio.create_task(ask())
        self._tasks[key] = task
        self._forget()
        return await asyncio.shield(task)

    def _forget(self) -> None:
        """Drop what was not asked for longest; what is not done yet stays."""
        while len(self._tasks) > self._most:
            done = next((key for key, task in self._tasks.items() if task.done()), None)
            if done is None:
                return
            del self._tasks[done]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        self._tasks.clear()
