"""A source that blocks, read beside the loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing

import pytest

from probe.net.feed import AHEAD, fed


async def collected(items: Iterator[int]) -> list[int]:
    """All of them."""
    return [item async for item in fed(items)]


@pytest.mark.parametrize("count", [0, 1, AHEAD, 5 * AHEAD + 1])
def test_all_items_come_in_their_order(count: int) -> None:
    """However many."""
    assert asyncio.run(collected(iter(range(count)))) == list(range(count))


def test_the_loop_goes_on_while_the_source_blocks() -> None:
    """And an item that is there is given at once."""
    free = threading.Event()

    def blocking() -> Iterator[int]:
        yield 1
        assert free.wait(10)
        yield 2

    async def run() -> list[int]:
        found = []
        async for item in fed(blocking()):
            found.append(item)
            await asyncio.sleep(0.01)
            free.set()
        return found

    assert asyncio.run(run()) == [1, 2]


def test_no_more_is_read_than_that_far_ahead() -> None:
    """A slow taker is waited for."""
    read = 0

    def counted() -> Iterator[int]:
        nonlocal read
        for number in range(10 * AHEAD):
            read += 1
            yield number

    async def run() -> int:
        items = fed(counted())
        async with aclosing(items):
            await anext(items)
            await asyncio.sleep(0.1)
            return read

    assert AHEAD <= asyncio.run(run()) <= AHEAD + 2


def test_what_reading_raises_is_raised_after_the_items_before_it() -> None:
    """In the loop, not in the thread."""
    found: list[int] = []

    def failing() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the pipe broke")

    async def run() -> None:
        async for item in fed(failing()):
            found.append(item)  # noqa: PERF401 -- what came before the failure counts

    with pytest.raises(OSError, match="the pipe broke"):
        asyncio.run(run())
    assert found == [1, 2]


def test_who_leaves_does_not_wait_for_the_source() -> None:
    """The thread stays in its read; when that ends it reads no further."""
    free, after = threading.Event(), threading.Event()

    def blocking() -> Iterator[int]:
        yield 1
        free.wait(10)
        yield 2
        after.set()
        yield 3

    async def run() -> None:
        items = fed(blocking())
        async with aclosing(items):
            await anext(items)

    began = time.monotonic()
    asyncio.run(run())
    assert time.monotonic() - began < 5
    free.set()
    assert not after.wait(0.1)
