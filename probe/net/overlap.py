"""Work on many things at a time, a bounded number of them: what is done first comes out first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

STARTED = 64
"""Things begun in one go, before what is under way has its turn."""

AGAIN = 0.05
"""Seconds after which it is asked again whether there still is enough to do."""


async def overlapped(
    items: Iterable[Item] | AsyncIterable[Item],
    work: Callable[[Item], Coroutine[Any, Any, Outcome]],
    most: int,
    enough: Callable[[], bool] = lambda: False,
) -> AsyncGenerator[Outcome, None]:
    """Yield what ``work`` makes of each item, in the order in which it is done.

    Back-pressure: never more than ``most`` items are taken that nobody has been given the outcome of, and none while
    there is ``enough`` to do. ``items`` is read as it is needed; what it raises is raised here once everything that it
    gave is done. What ``work`` raises is raised after the outcomes that were there before, and ends everything, as
    closing the generator does: all work is cancelled, and has ended.
    """
    crew: _Crew[Item, Outcome] = _Crew(items, work, most, enough)
    try:
        while not crew.finished:
            if crew.outcomes:
                yield crew.outcomes.popleft()
            crew.begin()
            if not crew.outcomes:
                crew.complain()
                await crew.progress()
    finally:
        await crew.dismiss()


class _Crew(Generic[Item, Outcome]):
    """The work that is under way."""

    def __init__(
        self,
        items: Iterable[Item] | AsyncIterable[Item],
        work: Callable[[Item], Coroutine[Any, Any, Outcome]],
        most: int,
        enough: Callable[[], bool],
    ) -> None:
        self.outcomes: deque[Outcome] = deque()
        self._slow: AsyncIterator[Item] | None = aiter(items) if isinstance(items, AsyncIterable) else None
        self._quick: Iterator[Item] = iter(()) if isinstance(items, AsyncIterable) else iter(items)
        self._next: asyncio.Task[Item] | None = None
        self._work = work
        self._most = most
        self._enough = enough
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._exhausted = False
        self._fresh = 0
        """Begun since others had their turn: how much there is to do is not to be seen of them yet."""
        self._problem: BaseException | None = None
        self._unread: Exception | None = None
        self._moved = asyncio.Event()
        self._alarm: asyncio.TimerHandle | None = None

    @property
    def finished(self) -> bool:
        """There is nothing left to do or to tell."""
        return self._exhausted and not (self._tasks or self.outcomes or self._problem or self._unread)

    def begin(self) -> None:
        """Take up what there is room for."""
        for _ in range(min(self._most - len(self._tasks) - len(self.outcomes), STARTED - self._fresh)):
            if self._exhausted or self._problem:
                return
            if self._enough():
                self._alarm = self._alarm or asyncio.get_running_loop().call_later(AGAIN, self._wake)
                return
            if not self._take():
                return
        if len(self._tasks) + len(self.outcomes) < self._most:
            self._moved.set()

    def _wake(self) -> None:
        """What there was to do may be begun by now, and none of it be done for long."""
        self._alarm = None
        self._moved.set()

    def _take(self) -> bool:
        """Begin one more; False where the next item is not there yet, or none is left."""
        try:
            item = next(self._quick) if self._slow is None else self._arrived()
        except (StopIteration, StopAsyncIteration):
            self._exhausted = True
            return False
        except _NotYetError:
            return False
        except Exception as problem:  # noqa: BLE001 -- it is handed on to whoever asks for outcomes
            self._exhausted, self._unread = True, problem
            return False
        task = asyncio.create_task(self._work(item))
        self._fresh += 1
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return True

    def _arrived(self) -> Item:
        """Give the item that a slow source has, and ask it for the next."""
        if self._next is None:
            assert self._slow is not None  # noqa: S101 -- the caller looked
            self._next = asyncio.ensure_future(anext(self._slow))
            self._next.add_done_callback(lambda _: self._moved.set())
        if not self._next.done():
            raise _NotYetError
        task, self._next = self._next, None
        return task.result()

    def _done(self, task: asyncio.Task[Outcome]) -> None:
        self._tasks.discard(task)
        self._moved.set()
        if task.cancelled():
            self._problem = self._problem or asyncio.CancelledError()
        elif problem := task.exception():
            self._problem = self._problem or problem
        else:
            self.outcomes.append(task.result())

    def complain(self) -> None:
        """Raise what went wrong."""
        if self._problem:
            raise self._problem
        if self._unread and not self._tasks:
            raise self._unread

    async def progress(self) -> None:
        """Wait until something has changed; others have their turn in any case."""
        if not self._moved.is_set() and not self.finished:
            await self._moved.wait()
        else:
            await asyncio.sleep(0)
        self._moved.clear()
        self._fresh = 0

    async def dismiss(self) -> None:
        """Cancel what is under way, and wait until it has ended."""
        if self._alarm:
            self._alarm.cancel()
        every = [*self._tasks, *([self._next] if self._next else [])]
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)


class _NotYetError(Exception):
    """The source has no item yet."""
