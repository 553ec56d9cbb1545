"""A loop whose time passes only while everybody waits: hours take milliseconds, and what comes when is sure."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.SelectSelector):
    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and nothing will ever happen"
        self.now += max(timeout, 0.0)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


def played(story: Coroutine[Any, Any, Result]) -> Result:
    """Run it from second 0 on. Raises AssertionError where all wait and no timer is set."""
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(story)
