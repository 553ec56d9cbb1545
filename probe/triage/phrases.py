"""Which pages a text points to, and where in it: by the phrases of the pages and by numbers.

Both the text and the phrases are compared in a normal form: lower case, typographic quotes plain, every run of white
space, "_" and "-" one space. So a phrase finds a log line, a constant's name and a folded bounce alike.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct

from probe.catalogue.pages import SCOPES, all_pages, by_symptom, page
from probe.triage.codes import Code, codes, numeric

LONGEST = 64 * 1024
"""Characters of a text that are looked at. A log line has hundreds, a traceback thousands; what is longer repeats."""
GAP = 100
"""Characters that ``*`` in a phrase stands for at most: a name, an address or a date."""

KEY = 9
"""Characters by which phrases are looked up: many begin with the same word, few with the same word and a half."""

_SUBJECT = re.compile(r"\b[Ss]ubject:[ \t][^\n]*?(?=[ \t]from[ \t]\S+\[|;|\n|\Z)|\bT=\"[^\"\n]*\"")
"""The subject of somebody's mail, which a log quotes: it may speak of certificates as it likes."""
_QUOTES = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "`": "'", "\u00a0": " "})
_BLANK = re.compile(r"[\s_-]+")
_WORD = re.compile(r"[a-z0-9]+")
_LINE_END = re.compile(r"[ \t\r]*(?:\n|\Z)")


class Evidence(Struct, frozen=True):
    """One place in a text that means a page."""

    page: str
    scope: int
    """Index in ``SCOPES``: how much the place says."""
    start: int
    """Offset in the text."""
    length: int
    symptom: str | None = None


class _Phrase(Struct, frozen=True):
    page: str
    scope: int
    text: str
    lead: int
    """Characters before the first word of the phrase."""
    rest: re.Pattern[str] | None
    """What follows ``text`` behind a ``*``."""
    closes: bool
    """Whether nothing may follow in its line."""


def normal(text: str) -> str:
    """Return the form in which texts and phrases are compared."""
    return _BLANK.sub(" ", text.translate(_QUOTES).lower()).strip()


def evidence(text: str) -> tuple[tuple[Evidence, ...], tuple[Code, ...]]:
    """Return all places that mean a page, the weightiest first, and the decoded codes."""
    text = _SUBJECT.sub(lambda found: " " * len(found[0]), text[:LONGEST])
    found = codes(text)
    places = [*_by_number(text, found), *_by_phrase(text)]
    return tuple(sorted(_standing(places), key=lambda place: (-place.scope, place.start, -place.length))), found


def _standing(places: list[Evidence]) -> Iterator[Evidence]:
    """Leave out what lies within a longer place and says no more: "self-signed certificate" in "… in chain"."""
    ends: dict[int, int] = {}
    for place in sorted(places, key=lambda place: (place.start, -place.length)):
        end = place.start + place.length
        if all(end > ends.get(scope, -1) for scope in range(place.scope, len(SCOPES))):
            ends[place.scope] = end
            yield place


def _by_number(text: str, found: tuple[Code, ...]) -> Iterator[Evidence]:
    pages = by_symptom()
    numbers = [(code.symptom, code.start) for code in found if code.symptom]
    for symptom, start in (*numbers, *numeric(text)):
        if symptom in pages:
            found_page = page(pages[symptom])
            yield Evidence(found_page.id, SCOPES.index(found_page.scope), start, 1, symptom)


def _by_phrase(text: str) -> Iterator[Evidence]:
    plain, positions, shifts = _mapped(text)
    index = _phrases()
    for word in _WORD.finditer(plain):
        at = word.start()
        for phrase in (*index.get(plain[at : at + KEY], ()), *index.get(word[0], ())):
            start = at - phrase.lead
            end = _end(plain, phrase, start)
            if end:
                first, last = (place + shifts[bisect_right(positions, place) - 1] for place in (start, end - 1))
                if not phrase.closes or _LINE_END.match(text, last + 1):
                    yield Evidence(phrase.page, phrase.scope, first, last + 1 - first)


def _end(plain: str, phrase: _Phrase, start: int) -> int:
    """Where the phrase ends that begins there; 0 when it does not stand there as whole words."""
    if start < 0 or not plain.startswith(phrase.text, start):
        return 0
    end = start + len(phrase.text)
    if phrase.rest:
        more = phrase.rest.match(plain, end)
        return more.end() if more else 0
    return 0 if phrase.text[-1].isalnum() and plain[end : end + 1].isalnum() else end


def _mapped(text: str) -> tuple[str, list[int], list[int]]:
    """The normal form, and how far each part of it has moved: from ``positions[n]`` on by ``shifts[n]``."""
    lower = text.translate(_QUOTES).lower()
    if len(lower) != len(text):  # a letter whose lower case is longer: offsets would lie
        lower = "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text.translate(_QUOTES))
    parts: list[str] = []
    positions, shifts, length, last = [0], [0], 0, 0
    for blank in _BLANK.finditer(lower):
        parts += (lower[last : blank.start()], " ")
        length += blank.start() - last + 1
        last = blank.end()
        if last - blank.start() > 1:
            positions.append(length)
            shifts.append(last - length)
    parts.append(lower[last:])
    return "".join(parts), positions, shifts


@cache
def _phrases() -> Mapping[str, tuple[_Phrase, ...]]:
    """First ``KEY`` characters, from the first word on, → phrases; shorter ones stand under their first word."""
    index: dict[str, list[_Phrase]] = defaultdict(list)
    for this in all_pages():
        for spelling in this.spellings:
            head, *more = (part.strip() for part in spelling.removesuffix("$").split("*"))
            first = _WORD.search(head)
            if not first:
                raise ValueError(f"{this.id}: the phrase {spelling!r} has no word before its first *")
            key = head[first.start() : first.start() + KEY]
            phrase = _Phrase(
                this.id, SCOPES.index(this.scope), head, first.start(), _rest(more), spelling.endswith("$")
            )
            index[key if len(key) == KEY else first[0]].append(phrase)
    return {word: tuple(phrases) for word, phrases in index.items()}


def _rest(parts: list[str]) -> re.Pattern[str] | None:
    gap = f".{{0,{GAP}}}?"
    ends = r"(?![a-z0-9])" if parts and parts[-1][-1:].isalnum() else ""
    return re.compile("".join(gap + re.escape(part) for part in parts) + ends, re.DOTALL) if parts else None
