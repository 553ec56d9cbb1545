"""Which pages come nearest to a text that none of them explains: by the words that they share, rare ones first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import cache

from probe.catalogue.pages import alike, all_pages, ids
from probe.triage.phrases import LONGEST, normal

NEAR = 5
"""Pages that are named: as many as are read at a glance."""
ENOUGH = 60
"""What a word counts that 16 pages share, or two that 32 do; one that all have ("certificate") is not near."""
_WORD = re.compile(r"[a-z0-9]{3,}")
_WORDS = 50
"""Words of a text that are looked up."""
_LONG = 5
"""Letters of a word that counts though no id has it: the short ones are those of every sentence."""


def near(text: str) -> tuple[str, ...]:
    """Return the ids of the nearest pages, best first, of equals what says the words oftener; none for none."""
    said = set(_WORD.findall(normal(text[:LONGEST])))
    said = {_spelt(word) for word in sorted(said)[:_WORDS]}
    words = {word for word in said if len(word) >= _LONG or word in _id_words()}
    rarity = _rarity()
    scores: Counter[str] = Counter()
    for id_, known in _vocabulary().items():
        scores[id_] = sum(1000 * (2 if word in id_ else 1) // rarity[word] for word in words & known)
    best = sorted(scores, key=lambda id_: (-scores[id_], -_said(id_, words), id_))[:NEAR]
    found = tuple(id_ for id_ in best if scores[id_] >= ENOUGH)
    return found or (alike(text) if len(text.split()) == 1 else ())


def _spelt(word: str) -> str:
    """The known word that a mistyped one resembles."""
    from difflib import get_close_matches

    if word in _rarity() or len(word) < _LONG - 1:
        return word
    return next(iter(get_close_matches(word, _rarity(), n=1, cutoff=0.8)), word)


@cache
def _vocabulary() -> Mapping[str, frozenset[str]]:
    return {id_: frozenset(words) for id_, words in _counted().items()}


@cache
def _counted() -> Mapping[str, Counter[str]]:
    texts = {this.id: (this.id, this.title, *this.spellings) for this in all_pages()}
    return {id_: Counter(_WORD.findall(normal(" ".join(words)))) for id_, words in texts.items()}


def _said(id_: str, words: Collection[str]) -> int:
    return sum(_counted()[id_][word] for word in words)


@cache
def _id_words() -> frozenset[str]:
    return frozenset(word for id_ in ids() for word in id_.split("-"))


@cache
def _rarity() -> Mapping[str, int]:
    return Counter(word for words in _vocabulary().values() for word in words)
