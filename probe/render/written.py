"""How a document is put into JSON: whole, or by parts of which those that many documents share are written once.

A part is a function of one value of a report. Reports of one sweep have a great many of these values in common (the
list of certificates, what senders do), as the same objects; their JSON is kept by identity.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

KEPT = 2048
"""Parts kept; a list of certificates has some three thousand characters."""
SHORT = 128
"""Characters of a line of which the JSON is kept."""
LONGEST = 1 << 14
"""Characters of a part that is kept: hostile ones must not fill the memory."""

Value = TypeVar("Value")
Document = Mapping[str, object]
Make = Callable[..., Document]
Items = Sequence[tuple[float | None, tuple[str, ...]]]


class Manner(Protocol):
    """What becomes of a document's parts while it is put together."""

    def part(self, make: Callable[[Value], object], value: Value) -> object:
        """What stands in the document for ``make(value)``."""

    def listed(self, documents: Sequence[Document]) -> object:
        """What stands in it for these documents."""

    def numbered(self, key: str, make: Make, items: Items) -> object:
        """What stands in it for a list of documents, each a number under ``key``, and ``make`` of the values beside."""


class Whole:
    """Everything in dicts, lists, strings and numbers."""

    def part(self, make: Callable[[Value], object], value: Value) -> object:
        """Make it."""
        return make(value)

    def listed(self, documents: Sequence[Document]) -> object:
        """Leave them as they are."""
        return documents

    def numbered(self, key: str, make: Make, items: Items) -> list[Document]:
        """Make each."""
        return [{key: number, **make(*values)} for number, values in items]


class Written(tuple[str, ...]):
    """Pieces of a text that is JSON already; they are joined once, since some are long."""

    __slots__ = ()


class Parts:
    """Shared parts in JSON, the others in dicts, lists, strings and numbers, until ``joined`` makes one text of it."""

    def __init__(self) -> None:
        self._kept: dict[tuple[object, int], tuple[object, Written]] = {}

    def part(self, make: Callable[[Value], object], value: Value) -> Written:
        """Write it, or find it written. The value is kept beside the text, so that its identity stays its own."""
        key = make, id(value)
        if found := self._kept.pop(key, None):
            self._kept[key] = found
            return found[1]
        text = encoded(make(value))
        written = Written((text,))
        if len(text) <= LONGEST:
            self._kept[key] = value, written
            if len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return written

    def listed(self, documents: Sequence[Document]) -> Written:
        """Write each."""
        pieces = ["["]
        for document in documents:
            pieces += (", ",) if len(pieces) > 1 else ()
            pieces += self._pieces(document)
        return Written((*pieces, "]"))

    def numbered(self, key: str, make: Make, items: Items) -> Written:
        """Write each number; what stands behind it is said by a great many servers."""
        begin = f'{{"{key}": '
        texts = [f"{begin}{'null' if number is None else number}, {_behind(make, *said)}" for number, said in items]
        return Written(("[", ", ".join(texts), "]"))

    def joined(self, document: Document) -> str:
        """Make the text."""
        return "".join(self._pieces(document))

    def _pieces(self, document: Document) -> Iterator[str]:
        """Neighbours that are no JSON yet become it in one go."""
        lead, bare = "{", dict[str, object]()
        for key, value in document.items():
            text = value if isinstance(value, Written) else None if bare or value else _EMPTY.get(type(value))
            if text is None:
                bare[key] = value
                continue
            if bare:
                yield lead
                yield encoded(bare)[1:-1]
                lead, bare = ", ", {}
            yield f'{lead}"{key}": '
            yield from text
            lead = ", "
        if bare:
            yield lead
            yield encoded(bare)[1:-1]
        yield "}"


def encoded(value: Any) -> str:
    """ASCII, one line. DEL is the one control character that json leaves as it is."""
    text = _encode(value)
    return text.replace("\x7f", "\\u007f") if "\x7f" in text else text


def _behind(make: Make, *values: str) -> str:
    return encoded(make(*values))[1:] if len(values[-1]) > SHORT else _known_behind(make, *values)


@lru_cache(maxsize=KEPT)
def _known_behind(make: Make, *values: str) -> str:
    return encoded(make(*values))[1:]


_EMPTY: Mapping[type, Written] = {type(None): Written(("null",)), list: Written(("[]",))}
_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, check_circular=False).encode
WHOLE, BY_PARTS = Whole(), Parts()
