"""What can be said of the page without a browser; tests/real/test_summary_page.py opens it in one."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from msgspec.structs import replace
from render.tallies import ABOUT, HOSTILE, hostile, row, title, usual

from probe.render import html
from probe.render.html import POLICY, page
from probe.results.tally import Tally

EMPTY = {"meta", "rect"}


class Reader(HTMLParser):
    """Elements with their attributes, the text, and whether every element is closed in turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.names: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of an element."""
        self.names.add(tag)
        self.attributes += attrs
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one without contents."""
        self.names.add(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Each closes the one that was opened last."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Collect the text."""
        self.words.append(data)


@pytest.mark.parametrize("tally", [Tally(), usual(), hostile()], ids=["none", "usual", "hostile"])
def test_every_element_is_closed_and_harmless(tally: Tally) -> None:
    """Whatever the names are: the same elements, and no attribute that runs or fetches anything."""
    about = replace(ABOUT, source=HOSTILE[0], version=HOSTILE[1], stores=HOSTILE, finished=False)
    read = Reader(page(tally, about, title))
    assert read.open == []
    assert not read.names & {"script", "img", "a", "iframe", "link", "form", "object"}
    assert not [name for name, _ in read.attributes if name.startswith("on") or name in {"src", "href", "style"}]
    assert ("content", POLICY) in read.attributes


def test_hostile_names_are_told_as_they_are() -> None:
    """Letter by letter, and what is invisible as an escape."""
    told = "".join(Reader(page(hostile(), ABOUT, title)).words)
    for word in (*HOSTILE[:4], r"\u202egro.elpmaxe\u2066", r"nul\x00and\x1b[2J\x07", HOSTILE[8], r"a\nb\r\tc"):
        assert word in told
    page(hostile(), ABOUT, title).encode("utf-8")


def test_an_unfinished_sweep_says_so() -> None:
    """Else its numbers would be taken for all."""
    assert "not finished" not in page(usual(), ABOUT, title)
    assert "not finished" in page(usual(), replace(ABOUT, finished=False), title)


def test_long_tables_are_cut_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is beyond the bound is counted in one row; targets beyond it are in the file of results."""
    monkeypatch.setattr(html, "GROUPS", 3)
    monkeypatch.setattr("probe.results.tally.WORST", 4)
    tally = Tally()
    for n in range(10):
        tally.add(row(f"mx{n}.example", ("expired", "error"), ca=f"CA {n}"))
    told = " ".join("".join(Reader(page(tally, ABOUT, title)).words).split())
    assert "CA 2" in told
    assert "CA 3" not in told
    assert "7 more" in told
    assert "Targets that are wrong (the first 4)" in told


def test_nothing_stands_there_for_nothing() -> None:
    """No empty tables, and no division by nothing."""
    assert "<table" not in page(Tally(), replace(ABOUT, seconds=0.0), title)
