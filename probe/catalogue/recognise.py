"""Which mail software answered, judged by what any client sees: greeting, reply to EHLO, reply to STARTTLS.

For EHLO stands what another protocol has in its place: LHLO, CAPABILITY, CAPA.

No wrong command is ever sent to find out. The patterns are data, ``fingerprints.tsv``. A pattern looks at one place and
has one strength:

    name     the greeting in its default form, in which the software names itself
    own      words that only this software uses
    shared   words that a few programs use; proves nothing alone
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from msgspec import Struct

from probe.catalogue.protocols import spoken_of
from probe.model import Confidence, Mta, Observation, Protocol, Reply

FINGERPRINTS = Path(__file__).with_name("fingerprints.tsv")
LINE = 512
"""Octets of a line that we look at: the longest reply line of RFC 5321 §4.5.3.1.5."""
LINES = 64
"""Lines of a reply that we look at; the longest list of extensions seen has 20."""
QUOTE = 80
"""Characters quoted of one line: evidence fits a line of the report."""
_REMEMBERED, _REMEMBERED_SIZE = 512, 2048  # answers, and characters of what was said: hostile replies are long

_WEIGHT = {"name": 4, "own": 2, "shared": 1}
_PLACE = {"greeting": "greeting", "ehlo": "EHLO", "extensions": "EHLO offers", "starttls": "STARTTLS"}


class Pattern(Struct, frozen=True):
    """One thing that one software says."""

    software: str
    place: str
    """"greeting", "ehlo" (its first line), "extensions" (the lines behind it) or "starttls"."""
    strength: str
    says: str
    """A regular expression, compiled when a line has its ``core``."""
    core: str
    """What stands in every line that it fits."""
    order: tuple[str, ...]
    """Where ``says`` is empty: these extensions come in this order, others may stand between."""


class Sign(Struct, frozen=True):
    """A pattern that fits, with the words that it fits."""

    software: str
    place: str
    strength: str
    quote: str

    @property
    def weight(self) -> int:
        """A name outweighs everything else together with one word of its own; two shared words equal one own."""
        return _WEIGHT[self.strength]

    @property
    def text(self) -> str:
        """For people: 'greeting "220 mx.example ESMTP Postfix"'."""
        return f'{self.place} "{self.quote}"'


def recognise(observation: Observation) -> Mta | None:
    """Return the software that answered, with evidence and confidence; None where nothing or no one thing speaks.

    "is" only when the software names itself in its greeting in the default form, "very likely" when two places of
    the conversation speak for it, "may be" otherwise. Evidence for another software lowers it by one step.
    """
    said = observation.ehlo or observation.ehlo_tls
    told = observation.greeting, said, observation.starttls
    small = sum(sum(map(len, reply.lines)) for reply in told if reply) <= _REMEMBERED_SIZE
    return (_remembered if small else _recognised)(observation.endpoint.protocol, *told)


def _recognised(protocol: Protocol, greeting: Reply | None, said: Reply | None, starttls: Reply | None) -> Mta | None:
    found = _by_software(protocol, greeting, said, starttls)
    ranked = sorted(found, key=lambda name: _weight(found[name]), reverse=True)
    if not ranked or (len(ranked) > 1 and _weight(found[ranked[0]]) == _weight(found[ranked[1]])):
        return None
    best, rivals = found[ranked[0]], [found[name] for name in ranked[1:] if _weight(found[name]) >= _WEIGHT["own"]]
    confidence = _confidence(best, lowered=bool(rivals))
    return Mta(ranked[0], _evidence(best, rivals), confidence) if confidence else None


_remembered = lru_cache(maxsize=_REMEMBERED)(_recognised)
"""The same where many servers, or the addresses of one, say the same."""


def _confidence(signs: list[Sign], *, lowered: bool) -> Confidence | None:
    steps = [Confidence.IS, Confidence.VERY_LIKELY, Confidence.MAY_BE, None]
    if any(sign.strength == "name" for sign in signs):
        step = 0
    elif _weight(signs) > _WEIGHT["own"] and len({sign.place for sign in signs}) > 1:
        step = 1
    else:
        step = 2 if _weight(signs) >= _WEIGHT["own"] else 3
    return steps[min(step + lowered, 3)]


def _evidence(best: list[Sign], rivals: list[list[Sign]]) -> str:
    against = [f"but {sign.text} speaks for {sign.software}" for signs in rivals[:1] for sign in signs[:1]]
    return "; ".join([sign.text for sign in best[:3]] + against)


def _weight(signs: list[Sign]) -> int:
    return sum(sign.weight for sign in signs)


def _by_software(
    protocol: Protocol, greeting: Reply | None, said: Reply | None, starttls: Reply | None
) -> Mapping[str, list[Sign]]:
    own = (*_fits("greeting", _lines(greeting)), *_fits("ehlo", _first(said)))
    common = (*_known_fits("extensions", _offered(said)), *_known_fits("starttls", _lines(starttls)))
    found: dict[str, list[Sign]] = defaultdict(list)
    for number, quote in sorted((*own, *common)):
        pattern = _patterns()[number]
        place = spoken_of(protocol, _PLACE[pattern.place])
        found[pattern.software].append(Sign(pattern.software, place, pattern.strength, quote))
    return found


def _fits(place: str, lines: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    """Numbers of the patterns that fit at a place, and their quotes."""
    if not lines:
        return ()
    searches, orders = _of_place(place)
    said = [
        (n, _cut(line))
        for n, core, says in searches
        if (line := next((line for line in lines if core in line and re.search(says, line)), ""))
    ]
    words = [line.split(" ", 1)[0].upper() for line in lines] if orders else []
    return (*said, *((n, ", ".join(order)) for n, order in orders if _in_order(order, words)))


_known_fits = lru_cache(maxsize=_REMEMBERED)(_fits)
"""The same where a great many servers say the same, since it does not hold their names."""


@cache
def _of_place(place: str) -> tuple[list[tuple[int, str, str]], list[tuple[int, tuple[str, ...]]]]:
    """Number, core and expression of each pattern of a place, and number and words of those that are an order."""
    here = [(number, pattern) for number, pattern in enumerate(_patterns()) if pattern.place == place]
    searches = [(number, pattern.core, pattern.says) for number, pattern in here if pattern.says]
    return searches, [(number, pattern.order) for number, pattern in here if not pattern.says]


def _cut(line: str) -> str:
    return line if len(line) <= QUOTE else line[: QUOTE - 1] + "…"


def _in_order(order: tuple[str, ...], words: Iterable[str]) -> bool:
    left = iter(words)
    return all(keyword in left for keyword in order)


def _first(reply: Reply | None) -> tuple[str, ...]:
    """The first line, by which code and separator tell whether more follow."""
    return _lines(reply and Reply(reply.code, (*reply.lines[:1], "") if reply.lines[1:] else reply.lines))[:1]


def _offered(reply: Reply | None) -> tuple[str, ...]:
    """The lines behind it, without code and separator."""
    return tuple([line[:LINE] for line in reply.lines[1:LINES]]) if reply else ()


def _lines(reply: Reply | None) -> tuple[str, ...]:
    if reply is None:
        return ()
    few = Reply(reply.code, tuple(line[:LINE] for line in reply.lines[:LINES]))
    return tuple(few.text.split("\n"))


@cache
def _patterns() -> tuple[Pattern, ...]:
    lines = FINGERPRINTS.read_text(encoding="utf-8").splitlines()
    return tuple(_pattern(*line.split("\t")) for line in lines if line and not line.startswith("#"))


def _pattern(software: str, place: str, strength: str, core: str, words: str) -> Pattern:
    """Build a pattern from its row; raises KeyError for a place or a strength that does not exist."""
    says, order = ("", tuple(words.split())) if place == "order" else (words, ())
    place = "extensions" if order else place
    _ = _PLACE[place], _WEIGHT[strength]
    return Pattern(software, place, strength, says, core, order)


def names() -> frozenset[str]:
    """Return all software that can be recognised."""
    return frozenset(pattern.software for pattern in _patterns())
