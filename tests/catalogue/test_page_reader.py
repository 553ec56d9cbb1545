"""The reader of pages: what it makes of a file, and what it says of an id that there is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.catalogue.pages import FOLDER, HEADINGS, Page, UnknownPageError, ids, nearest, page, page_text, parse


def test_ids_are_the_file_names() -> None:
    """An id is a file's name without its ending."""
    assert list(ids()) == sorted(path.stem for path in FOLDER.glob("*.md"))


def test_a_page_is_read_once() -> None:
    """Asking again gives the same value."""
    assert page("expired") is page("expired")


def test_the_text_of_a_page_is_title_id_and_sections() -> None:
    """What ``explain`` prints has no head and no template."""
    text = page_text("misordered")
    assert text.startswith("# The certificates are in the wrong order\n\n`misordered`\n\n## What it means\n\n")
    assert [line[3:] for line in text.splitlines() if line.startswith("## ")] == list(HEADINGS)
    assert "+++" not in text


HEAD = """\
id = "x"
title = "X"
category = "other"
scope = "cause"
symptoms = []
spellings = []
seen_as = []
recipe = ""
"""
SAID = """\
[said]
meaning = "M."
direction = "local"
accuses = "peer"
confidence = "is"
stage = "handshake"
causes = ["very likely: A: b", "may be: C"]
next = []
fix = []
"""


def test_what_a_text_means_may_depend_on_who_wrote_it() -> None:
    """The plain keys hold for everybody; a table goes before them for one role, and within it for one program."""
    roles = '[said.client]\nmeaning = "C."\n[said.client.qmail]\nnext = ["date"]\n'
    said = parse(f"+++\n{HEAD}{SAID}{roles}+++\n").said
    assert [(role, words.meaning, words.next) for role, words in said.items()] == [
        ("", "M.", ()),
        ("client", "C.", ()),
        ("client/qmail", "C.", ("date",)),
    ]
    assert said["client"].causes == (("very likely", "A: b"), ("may be", "C"))


def test_a_cause_begins_with_a_word_of_confidence() -> None:
    """There are three, and no others."""
    with pytest.raises(ValueError, match="a cause begins with"):
        parse(f"+++\n{HEAD}{SAID.replace('may be', 'perhaps')}+++\n")


def written(fix: str, body: str = "") -> Page:
    """Read a page that has this fix and this body."""
    head = f'{HEAD}{fix}\n[summary]\nis = "X."\n'
    return parse(f"+++\n{head}+++\n{body}")


def test_a_list_is_the_fix_of_every_case() -> None:
    """A head may give one list, or a table with a list a case."""
    assert dict(written('fix = ["A."]').fix) == {"is": ("A.",)}
    assert dict(written('[fix]\nis = ["A."]\nfield = ["B."]').fix) == {"is": ("A.",), "field": ("B.",)}


def test_a_body_is_cut_at_its_headings() -> None:
    """Only headings of the second level cut; what stands before the first is nobody's."""
    body = "\nlost\n## A\n\none\n### not a section\n\n## B\ntwo\n"
    assert dict(written("fix = []", body).sections) == {"A": "one\n### not a section", "B": "two"}
    assert dict(written("fix = []").sections) == {}


def test_an_unknown_id_says_what_is_near() -> None:
    """A mistyped id is no KeyError but a sentence."""
    with pytest.raises(UnknownPageError, match=r"There is no page 'expird'. The nearest: expired, "):
        page("expird")


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("missing_intermediate", "missing-intermediate"),
        ("intermediate", "missing-intermediate"),
        ("Expired", "expired"),
        ("misorderd", "misordered"),
        ("root", "root-included"),
    ],
)
def test_nearest_finds_words_and_spellings(text: str, first: str) -> None:
    """A word of an id or a slip of the pen is enough."""
    near = nearest(text)
    assert first in near
    assert len(near) == len(set(near)) <= 5


@settings(deadline=None)
@given(st.text(max_size=40))
def test_nearest_always_has_an_answer(text: str) -> None:
    """Whatever was typed, some ids come back, and no path outside the folder is opened."""
    found = nearest(text)
    assert found
    assert set(found) <= set(ids())


@pytest.mark.parametrize("id_", ["../pages/expired", "/etc/passwd", "", "expired.md", "expired\0"])
def test_an_id_is_no_path(id_: str) -> None:
    """Only ids are read."""
    with pytest.raises(UnknownPageError):
        page(id_)


def test_a_page_needs_its_head() -> None:
    """A file without head is refused when it is read, which this module's walk does."""
    with pytest.raises(ValueError, match="not enough values"):
        parse("## What it means\n")
