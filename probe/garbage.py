"""Python's search for garbage in cycles: a sweep leaves next to none, and the search costs a tenth of its time."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

YOUNG = 20_000
"""Objects, made and still there, after which the youngest are searched; Python's own figure is 700."""


class _Search:
    """There is one in a process, and sweeps may overlap, in other threads, too."""

    lock: ClassVar[threading.Lock] = threading.Lock()
    sweeps: ClassVar[int] = 0
    before: ClassVar[tuple[int, int, int]] = (0, 0, 0)
    thaw: ClassVar[bool] = False


@contextmanager
def searched_seldom() -> Iterator[None]:
    """Search less often, and not what was there before; the last sweep puts things back.

    A search that somebody switched off stays off, and what somebody froze (gc.freeze) stays frozen.
    """
    with _Search.lock:
        _Search.sweeps += 1
        if _Search.sweeps == 1:
            _slow_down()
    try:
        yield
    finally:
        with _Search.lock:
            _Search.sweeps -= 1
            if not _Search.sweeps:
                _put_back()


def _slow_down() -> None:
    _Search.before, _Search.thaw = gc.get_threshold(), not gc.get_freeze_count()
    young, *older = _Search.before
    gc.set_threshold(max(young, YOUNG) if young else 0, *older)
    if _Search.thaw:
        gc.freeze()


def _put_back() -> None:
    gc.set_threshold(*_Search.before)
    if _Search.thaw:
        gc.unfreeze()
