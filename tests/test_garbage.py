"""Python's search for garbage during a sweep."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from probe.garbage import YOUNG, searched_seldom


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    (gc.freeze if frozen else gc.unfreeze)()


def test_the_last_sweep_puts_things_back() -> None:
    """Sweeps overlap, and end in any order."""
    gc.set_threshold(700, 10, 10)
    first, second = searched_seldom(), searched_seldom()
    first.__enter__()
    assert (YOUNG, 10, 10) == gc.get_threshold()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (YOUNG, 10, 10) == gc.get_threshold()
    assert gc.get_freeze_count()
    second.__exit__(None, None, None)
    assert ((700, 10, 10), 0) == (gc.get_threshold(), gc.get_freeze_count())


def test_who_chose_otherwise_is_left_alone() -> None:
    """A search that is off, or is seldom already, and what was frozen before."""
    gc.set_threshold(0, 10, 10)
    gc.freeze()
    with searched_seldom():
        assert 0 == gc.get_threshold()[0]
    assert gc.get_freeze_count()
    gc.set_threshold(YOUNG + 1, 5, 5)
    with searched_seldom():
        assert (YOUNG + 1, 5, 5) == gc.get_threshold()


def test_a_sweep_that_fails_puts_things_back() -> None:
    """However it ends."""
    gc.set_threshold(700, 10, 10)
    with pytest.raises(LookupError), searched_seldom():
        raise LookupError
    assert (700, 10, 10) == gc.get_threshold()
