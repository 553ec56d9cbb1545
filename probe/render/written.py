"""How a document is put into JSON: whole, or with parts in it that many documents share and that are written once.

A part is a function of one value of a report. Reports of one sweep have a great many of these values in common (the
certificates, what senders do), as the same objects; their JSON is kept by identity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import Raw

from probe.render.plain import text_of

KEPT = 2048
"""Parts kept; a list of certificates has some three thousand characters."""
SHORT = 128
"""Characters of a line of which the JSON is kept."""
LONGEST = 1 << 14
"""Characters of a part that is kept: hostile ones must not fill the memory."""
LONG = 1e9
"""Milliseconds that no probe takes."""

Document = Mapping[str, object]
Saying = Callable[[str, str], Document]
Times: TypeAlias = Sequence[float]
Words: TypeAlias = Sequence[str]


class Manner(Protocol):
    """What becomes of a document's parts while it is put together."""

    def part(self, make: Callable[..., object], value: object, *more: Hashable) -> object:
        """What stands in the document for ``make(value, *more)``."""

    def timed(self, make: Saying, times: Times, senders: Words, lines: Words) -> object:
        """What stands in it for a list of ``make`` of sender and line, each behind its time under "ms"."""

    def took(self, times: Mapping[str, float]) -> object:
        """What stands in it for times under their names."""


class Whole:
    """Everything in dicts, lists, strings and numbers."""

    def part(self, make: Callable[..., object], value: object, *more: Hashable) -> object:
        """Make it."""
        return make(value, *more)

    def timed(self, make: Saying, times: Times, senders: Words, lines: Words) -> list[Document]:
        """Make each."""
        return [{"ms": tenths(ms), **make(*said)} for ms, *said in zip(times, senders, lines, strict=True)]

    def took(self, times: Mapping[str, float]) -> Document:
        """Make it."""
        return {text_of(name): tenths(ms) for name, ms in times.items()}


class Parts:
    """What many documents share stands in them as its text, for ``encoded`` alone."""

    def part(self, make: Callable[..., object], value: object, *more: Hashable) -> Raw:
        """Write it, or find it written. The value is kept beside the text, so that its identity stays its own."""
        key = make, id(value), *more
        found = _kept.pop(key, None)
        if found is None:
            found = value, Raw(encoded(make(value, *more)))
        if len(memoryview(found[1])) <= LONGEST:
            _kept[key] = found
            if len(_kept) > KEPT:
                del _kept[next(iter(_kept))]
        return found[1]

    def timed(self, make: Saying, times: Times, senders: Words, lines: Words) -> object:
        """Write each time; what stands behind it is said by a great many servers."""
        if lines and _are_usual(times):
            form = _form if max(map(len, lines)) <= SHORT else _form.__wrapped__
            return Raw(f"[{','.join(map(form, repeat(make), senders, lines))}]" % tuple(times))
        return WHOLE.timed(make, times, senders, lines)

    def took(self, times: Mapping[str, float]) -> object:
        """Write them."""
        if not times or not _are_usual(times.values()):
            return WHOLE.took(times)
        return Raw(_frame(tuple(times)) % tuple(times.values()))


def tenths(took: float) -> float | None:
    """A tenth of a millisecond is finer than any network."""
    return round(float(took), 1) if math.isfinite(took) else None


def _are_usual(times: Collection[float]) -> bool:
    """They are such numbers as "%.1f" writes in the way of json."""
    return min(times) > -LONG and max(times) < LONG and math.isfinite(sum(times))


def encoded(value: Any) -> str:
    """ASCII, one line, nothing between the tokens. DEL is the one control character that is left as it is."""
    try:
        text = str(_encode(value), "ascii")
    except UnicodeError:
        text = _encode_rarely(value)
    return text.replace("\x7f", "\\u007f") if "\x7f" in text else text


@lru_cache(maxsize=KEPT)
def _form(make: Saying, sender: str, line: str) -> str:
    """One of ``timed``, its time left open."""
    return '{"ms":%.1f,' + encoded(make(sender, line))[1:].replace("%", "%%")


@lru_cache(maxsize=64)
def _frame(names: tuple[str, ...]) -> str:
    return "{" + ",".join([encoded(text_of(name)).replace("%", "%%") + ":%.1f" for name in names]) + "}"


def _read(part: Any) -> Any:
    """What a part says, for an encoder that takes no texts."""
    return json.loads(bytes(part))


_kept: dict[Hashable, tuple[object, Raw]] = {}
_encode = msgspec.json.Encoder().encode
_encode_rarely = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_read).encode
WHOLE, PARTS = Whole(), Parts()
