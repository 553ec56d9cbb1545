"""An iterator that may block for hours, such as a pipe, read beside the loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")

AHEAD = 256
"""Items that are read before they are asked for."""


async def fed(items: Iterator[T]) -> AsyncGenerator[T, None]:
    """Give the items, and raise what reading them raises.

    The thread that reads ends with the program and not before: nothing ends a read from a silent pipe.
    """
    loop, queue, room = asyncio.get_running_loop(), asyncio.Queue[tuple[bool, T | Exception | None]](), AHEAD
    free, left = threading.Semaphore(room), threading.Event()

    def hand(more: bool, item: T | Exception | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(queue.put_nowait, (more, item))

    def read() -> None:
        try:
            for item in items:
                free.acquire()
                if left.is_set():
                    return
                hand(True, item)
        except Exception as problem:  # noqa: BLE001 -- it is handed on
            hand(False, problem)
        else:
            hand(False, None)

    threading.Thread(target=read, daemon=True).start()
    try:
        while True:
            more, item = await queue.get()
            if not more:
                break
            free.release()
            yield item  # type: ignore[misc]
    finally:
        left.set()
        free.release()
    if item is not None:
        raise item  # type: ignore[misc]
