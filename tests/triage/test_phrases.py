"""Phrases and numbers in a text: where they stand, which of them counts, and what looking for them costs."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.catalogue.pages import SCOPES, Page
from probe.triage import phrases
from probe.triage.phrases import GAP, LONGEST, Evidence, evidence, normal

PAGES = {
    "short": ("cause", ("self signed certificate",)),
    "long": ("cause", ("self signed certificate in chain",)),
    "tail": ("cause", ("certificate in chain",)),
    "aside": ("aside", ("tls handshake failed",)),
    "umbrella": ("umbrella", ("tls handshake failed for a reason",)),
    "reason": ("cause", ("for a reason",)),
    "gap": ("cause", ("name * does not match *.pem",)),
    "marked": ("cause", ("(err) no peer", "in full.")),
    "closing": ("cause", ("(nothing behind)$",)),
}
"""Pages of our own, so that the catalogue may change: id → scope and phrases."""


def made(name: str) -> Page:
    """One of the pages above."""
    scope, spellings = PAGES[name]
    return Page(name, name, "other", {}, {}, scope=scope, spellings=spellings)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of those pages alone."""
    monkeypatch.setattr(phrases, "all_pages", lambda: tuple(map(made, PAGES)))
    index = phrases._phrases.__wrapped__()  # what the cache holds belongs to the real catalogue
    monkeypatch.setattr(phrases, "_phrases", lambda: index)


def places(text: str) -> list[tuple[str, str]]:
    """Page and the piece of the text that means it, the weightiest first."""
    return [(place.page, text[place.start : place.start + place.length]) for place in evidence(text)[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("X509_V_ERR_CERT", "x509 v err cert"),
        ("self-signed", "self signed"),
        ("  folded\r\n\t bounce  ", "folded bounce"),
        ("a _-_ b", "a b"),
        ("‘a’ `b' “c”", "'a' 'b' \"c\""),
        ("no\u00a0break", "no break"),
        ("ÄRGER", "ärger"),
        ("", ""),
    ],
)
def test_the_normal_form(text: str, expected: str) -> None:
    """Lower case, plain quotes, and one blank for whatever parts words; it is its own normal form."""
    assert normal(text) == expected
    assert normal(expected) == expected


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "place",
    [
        "self-signed certificate",
        "self signed certificate",
        "SELF_SIGNED_CERTIFICATE",
        "Self  \t signed\r\n   certificate",
        "self---signed__ __certificate",
    ],
)
@pytest.mark.parametrize("before", ["", "x: ", "a \n\t\n  b   ", "__", "İİİ ", "İ  İ   ", "ẞ\u00a0‘ “  "], ids=repr)
def test_offsets_are_those_of_the_text(before: str, place: str) -> None:
    """Blanks that collapse before the place or in it, and letters whose lower case is longer, do not move it."""
    assert places(f"{before}{place}   at   the end") == [("short", place)]


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(self signed certificate)", ["short"]),
        ("self signed certificate2", []),
        ("self signed certificates", []),
        ("myself signed certificate", []),
        ("2self signed certificate", []),
        ("self signed certificate\u00e9", []),
        ("self signed certificate.", ["short"]),
        ("(err) no peer", ["marked"]),
        ("err) no peer", []),
        ("told in full.no blank", ["marked"]),
        ("told in fully.", []),
    ],
)
def test_a_phrase_stands_as_whole_words(text: str, expected: list[str]) -> None:
    """Letters and digits beside it make another word; marks of the phrase have to be there."""
    assert [page for page, _ in places(text)] == expected


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name mx.example.net does not match key.pem", ["gap"]),
        ("name does not match the\n file .pem", ["gap"]),
        (f"name {'x' * (GAP - 2)} does not match .pem", ["gap"]),
        (f"name {'x' * (GAP + 1)} does not match .pem", []),
        (f"name x does not match {'x' * (GAP + 1)}.pem", []),
        ("name x does not match", []),
        ("name x does not match a.pems", []),
    ],
)
def test_a_star_stands_for_a_few_words(text: str, expected: list[str]) -> None:
    """For none as well, and for no more than GAP characters, over the end of a line too."""
    assert [page for page, _ in places(text)] == expected


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("self-signed certificate", ["short"]),
        ("self-signed certificate in chain", ["long"]),
        ("self-signed   certificate   in   chain", ["long"]),
        ("certificate in chain", ["tail"]),
        ("self-signed certificate; self-signed certificate in chain", ["short", "long"]),
        ("TLS handshake failed for a reason", ["reason", "umbrella"]),
        ("TLS handshake failed", ["aside"]),
        ("TLS handshake failed, self-signed certificate", ["short", "aside"]),
    ],
)
def test_a_longer_place_beats_one_that_lies_in_it(text: str, expected: list[str]) -> None:
    """Unless that one says more; what says most comes first, then what stands first."""
    assert [page for page, _ in places(text)] == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("TLS session: (nothing  behind)", ["closing"]),
        ("TLS session: (nothing behind) \r\nanother line", ["closing"]),
        ("TLS session: (nothing behind): revoked", []),
        ("TLS session: (nothing behind) at all\n(nothing behind)", ["closing"]),
    ],
)
@pytest.mark.usefixtures("small")
def test_a_dollar_stands_for_the_end_of_a_line(text: str, expected: list[str]) -> None:
    """What stands behind is another reason."""
    assert [page for page, _ in places(text)] == expected


def test_numbers_are_places_too() -> None:
    """A number of a page leads there as its words do, with the symptom that a report shows."""
    text = "verify error:num=10:some words"
    (place,), codes = evidence(text)
    assert (place, codes) == (Evidence("expired", SCOPES.index("cause"), text.index("num"), 1, "verify:10"), ())


def test_what_stands_behind_the_limit_is_not_read() -> None:
    """A text that long repeats itself."""
    words = " certificate has expired"
    assert evidence("x" * (LONGEST - len(words)) + words)[0]
    assert not evidence("x" * LONGEST + words)[0]


def test_a_phrase_without_a_first_word_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be found nowhere; its page is named."""
    monkeypatch.setattr(phrases, "all_pages", lambda: (Page("bad", "", "other", {}, {}, spellings=("* failed",)),))
    with pytest.raises(ValueError, match=r"bad: the phrase '\* failed' has no word before its first \*"):
        phrases._phrases.__wrapped__()


HOSTILE = (
    "a ", " ", "_", "(", "[", "certificate ", "tls ", "error:", "error:0A000418:", "alert ", "SSL alert number ",
    "num=", "gnutls -", "A_B_", "5.7.1 ", "0x8009", "where=0x4004 ", "ssl accept error from ", "certificate a of ",
    "a fatal alert was received ", "server certificate ", "x509: ", "lost connection with ", "İ_",
)  # fmt: skip
"""What phrases and numbers begin with, over and over."""


def spent(text: str) -> float:
    """Seconds of processor time to find all places."""
    before = time.process_time()
    evidence(text)
    return time.process_time() - before


QUICK = 0.5
"""Seconds: what is as quick as that for the longest text needs no second look."""


@pytest.mark.slow
def test_the_time_grows_with_the_length() -> None:
    """Twice the text takes about twice the time, never four times."""
    evidence("certificate has expired")  # the pages are read once
    for words in HOSTILE:
        text = words * (LONGEST // len(words))
        if spent(text) > QUICK:
            assert min(spent(text) for _ in "123") < 3.5 * min(spent(text[: len(text) // 2]) for _ in "123"), words


PIECES = st.sampled_from(
    [*HOSTILE, "self-signed certificate", "in chain", "\n", "‘", "İ", "\x00", "\u202e", "0A000418", "140943F2:SSL"]
)


@given(st.one_of(st.text(), st.lists(st.one_of(PIECES, st.text(max_size=3)), max_size=30).map("".join)))
def test_any_text_has_places_inside_itself(text: str) -> None:
    """Nothing raises, and every place lies in the text, whatever letters it has."""
    found, codes = evidence(text)
    for place in found:
        assert 0 <= place.start < place.start + place.length <= len(text)
    assert all(0 <= code.start < len(text) for code in codes)
    assert [place.scope for place in found] == sorted((place.scope for place in found), reverse=True)
