from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.render.clean import LIMIT, clean

SHOWN = [
    ("mx.example.com", "mx.example.com"),
    ("Müller & Söhne GmbH", "Müller & Söhne GmbH"),
    ("Việt Nam", "Việt Nam"),
    ("日本語", "日本語"),
    ("\x1b[31mred", r"\x1b[31mred"),
    ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
    ("\x9b2J", r"\x9b2J"),
    ("a\x7fb", r"a\x7fb"),
    ("two\r\nlines\tand tab", r"two\r\nlines\tand tab"),
    ("gnp.\u202eexe", r"gnp.\u202eexe"),
    ("\u2066\u2069\u200e\u200f\u061c", r"\u2066\u2069\u200e\u200f\u061c"),
    ("a\u200bb\u200dc\ufeff", r"a\u200bb\u200dc\ufeff"),
    ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
    ("a\u00a0b", r"a\xa0b"),
    ("\ue000\U000f0000", r"\ue000\U000f0000"),
    ("\U000e0041", r"\U000e0041"),
    ("\ud800", r"\ud800"),
    ("\udcff", r"\xff"),
    ("\u3164\u2800\ufe0f", r"\u3164\u2800\ufe0f"),
    ("25 \u05d0\u0661", r"25 \u05d0\u0661"),
    ("a" + "\u0301" * 4, "a\u0301\u0301" + r"\u0301\u0301"),
    ("\u0301a", r"\u0301a"),
    ("[bold]markup[/]", "[bold]markup[/]"),
]


@pytest.mark.parametrize(("text", "expected"), SHOWN, ids=[ascii(text) for text, _ in SHOWN])
def test_what_cannot_be_seen_or_deceives_becomes_an_escape(text: str, expected: str) -> None:
    """Letters stay; controls, bidi, invisible and unassigned characters are written out."""
    assert expected == clean(text)


def test_long_text_is_cut_and_says_so() -> None:
    """The last character of what was cut is an ellipsis."""
    assert "x" * (LIMIT - 1) + "…" == clean("x" * 100_000)


def test_escapes_count_towards_the_limit() -> None:
    """Text that grows by its escapes is no longer than any other."""
    assert clean("\x1b" * 5, 10) == r"\x1b\x1b\…"


def test_text_of_the_greatest_length_is_whole() -> None:
    """Nothing is cut that fits."""
    assert clean("ä" * 10, 10) == "ä" * 10


@given(st.text(st.characters()), st.integers(1, 50))
def test_whatever_comes_in_only_visible_characters_come_out(text: str, limit: int) -> None:
    """Printable, bounded, and the same when cleaned again."""
    shown = clean(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
    assert shown == clean(shown, limit)
