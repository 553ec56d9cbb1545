"""The set of keys on disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing

import pytest

from probe.results import seen as module
from probe.results.seen import Seen


@pytest.fixture
def seen() -> Iterator[Seen]:
    """An empty set."""
    with closing(Seen()) as made:
        yield made


def test_a_key_is_new_once(seen: Seen) -> None:
    """And is in the set from then on."""
    assert "mx.example.com:25" not in seen
    assert [seen.add("mx.example.com:25") for _ in range(3)] == [True, False, False]
    assert seen.add("mx.example.com:26")
    assert "mx.example.com:25" in seen


def test_any_text_is_a_key(seen: Seen) -> None:
    """Empty, with NUL, with half of a surrogate pair, and very long."""
    keys = ["", "\0", "a\0", "a", "\udcff", "\ud800", "ü", "x" * 100_000]
    assert [seen.add(key) for key in keys] == [True] * len(keys)
    assert all(key in seen for key in keys)


@pytest.mark.unmeasured
def test_it_spills_to_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What does not fit into the memory that it may have is found again."""
    monkeypatch.setattr(module, "KEPT_KIB", 100)
    with closing(Seen()) as small:
        assert all(small.add(f"mx{at}.example") for at in range(30_000))
        assert not any(small.add(f"mx{at}.example") for at in range(0, 30_000, 7))
        assert f"mx{30_000}.example" not in small


def test_another_thread_may_go_on(seen: Seen) -> None:
    """Targets are read in a thread beside the event loop."""
    found: list[bool] = []
    seen.add("a")
    thread = threading.Thread(target=lambda: found.extend([seen.add("a"), seen.add("b")]))
    thread.start()
    thread.join()
    assert found == [False, True]
    assert "b" in seen


def test_a_full_disk_is_said(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the variable that names another folder."""

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(seen, "_ask", full)
    with pytest.raises(OSError, match=r"database or disk is full.*SQLITE_TMPDIR"):
        seen.add("a")
