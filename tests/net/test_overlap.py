"""Work on many things at a time: order, bounds, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest

from probe.net.overlap import STARTED, overlapped


class Workshop:
    """Counts what is in hand."""

    def __init__(self) -> None:
        self.taken = self.now = self.most = self.ended = 0

    def items(self, count: int) -> Iterator[int]:
        """Numbers, noting how many were taken."""
        for number in range(count):
            self.taken += 1
            yield number

    async def slowly(self, count: int) -> AsyncIterator[int]:
        """The same from a source that has to be waited for."""
        for number in self.items(count):
            await asyncio.sleep(0)
            yield number

    async def work(self, item: int) -> int:
        """Take a few turns."""
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            for _ in range(item % 5):
                await asyncio.sleep(0)
            return item
        finally:
            self.now -= 1
            self.ended += 1


async def collect(found: list[int], outcomes: AsyncIterator[int]) -> None:
    """Note each as it comes."""
    async for number in outcomes:
        found.append(number)  # noqa: PERF401 -- what came before a failure counts


@pytest.mark.parametrize("most", [1, 3, 100, 1000])
@pytest.mark.parametrize("slow", [False, True])
def test_every_item_comes_out_once(most: int, slow: bool) -> None:
    """Never more than so many are in hand."""
    shop = Workshop()

    async def play() -> list[int]:
        items = shop.slowly(300) if slow else shop.items(300)
        return [number async for number in overlapped(items, shop.work, most)]

    assert sorted(asyncio.run(play())) == list(range(300))
    assert shop.most <= most
    assert shop.now == 0


def test_no_more_is_begun_than_there_is_room_for() -> None:
    """Who says that it is enough sees what was begun before: at most one handful comes on top."""
    shop, held = Workshop(), list[int]()

    async def wait(number: int) -> int:
        held.append(number)
        done = await shop.work(number)
        held.remove(number)
        return done

    async def play() -> list[int]:
        return [n async for n in overlapped(shop.items(1000), wait, 1000, lambda: len(held) > 20)]

    assert sorted(asyncio.run(play())) == list(range(1000))
    assert 20 < shop.most <= 20 + STARTED


def test_more_is_begun_when_it_is_not_enough_any_longer() -> None:
    """What is under way may use up what there was to do long before any of it is done."""
    many = STARTED + 1

    async def play() -> list[int]:
        waiting, all_begun = list[int](), asyncio.Event()

        async def work(number: int) -> int:
            waiting.append(number)
            asyncio.get_running_loop().call_soon(waiting.remove, number)
            if number == many - 1:
                all_begun.set()
            await all_begun.wait()
            return number

        return [n async for n in overlapped(range(many), work, many, lambda: bool(waiting))]

    assert sorted(asyncio.run(asyncio.wait_for(play(), 20))) == list(range(many))


def test_nothing_comes_of_nothing() -> None:
    """An empty list ends at once."""
    shop = Workshop()

    async def play() -> list[int]:
        return [n async for n in overlapped((), shop.work, 5)] + [
            n async for n in overlapped(shop.slowly(0), shop.work, 5)
        ]

    assert asyncio.run(play()) == []


def test_a_reader_who_is_slow_holds_everything_back() -> None:
    """What nobody has been given yet counts as in hand."""
    shop = Workshop()

    async def play() -> None:
        given = 0
        async with aclosing(overlapped(shop.items(1000), shop.work, 10)) as outcomes:
            async for _ in outcomes:
                given += 1
                for _ in range(20):
                    await asyncio.sleep(0)
                assert shop.taken - given <= 10
                if given == 50:
                    break

    asyncio.run(play())
    assert shop.now == 0
    assert shop.taken <= 60


def test_a_source_that_waits_keeps_nobody_waiting() -> None:
    """Outcomes come while the next item is not there yet."""
    gate = asyncio.Event()

    async def source() -> AsyncIterator[int]:
        yield 1
        await gate.wait()
        yield 2

    async def play() -> list[int]:
        shop, found = Workshop(), []
        async for number in overlapped(source(), shop.work, 5):
            found.append(number)
            gate.set()
        return found

    assert asyncio.run(asyncio.wait_for(play(), 10)) == [1, 2]


def test_a_failure_comes_after_what_was_done_before_it() -> None:
    """And everything else is cancelled by then."""
    shop = Workshop()

    async def work(item: int) -> int:
        if item == 4:
            for _ in range(50):
                await asyncio.sleep(0)
            raise OSError("gone")
        if item > 4:
            await asyncio.sleep(3600)
        return await shop.work(item)

    async def play() -> list[int]:
        found: list[int] = []
        with pytest.raises(OSError, match="gone"):
            await collect(found, overlapped(range(100), work, 10))
        return found

    assert sorted(asyncio.run(asyncio.wait_for(play(), 10))) == [0, 1, 2, 3]


def test_a_list_that_cannot_be_read_any_further() -> None:
    """What was begun by then is still given."""

    def items() -> Iterator[int]:
        yield 1
        raise ValueError("line 2")

    async def play() -> list[int]:
        found: list[int] = []
        with pytest.raises(ValueError, match="line 2"):
            await collect(found, overlapped(items(), Workshop().work, 10))
        return found

    assert asyncio.run(play()) == [1]


def test_cancelling_leaves_nothing_behind() -> None:
    """All work has ended when the reader has."""
    shop = Workshop()

    async def forever(item: int) -> int:
        try:
            await asyncio.sleep(3600)
        finally:
            shop.ended += 1
        return item

    async def read() -> None:
        async for _ in overlapped(range(100), forever, 20):
            pass

    async def play() -> set[asyncio.Task[object]]:
        task = asyncio.create_task(read())
        while len(asyncio.all_tasks()) < 22:  # noqa: ASYNC110 -- there is no event for it
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return asyncio.all_tasks() - {asyncio.current_task()}

    assert asyncio.run(play()) == set()
    assert shop.ended == 20
