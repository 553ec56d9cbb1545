"""The few lines of a log that may be about TLS, found without looking at the others in Python.

Each anchor is searched in a whole block (memory speed), so the price of a log is (number of anchors) × (its size). What
is found is weighed once a shape, not once a line.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import IntEnum
from itertools import accumulate

from msgspec import Struct

from probe.triage.lines import Line, Reader
from probe.triage.shapes import LONGEST, shape


class Interest(IntEnum):
    """What a line is good for."""

    NOTHING = 0
    CONTEXT = 1
    """Says more about a failure beside it: the peer, the message, what became of it."""
    EVIDENCE = 2
    """Says by itself that something failed."""


class Candidate(Struct, frozen=True):
    """A line that is of interest."""

    number: int
    """From 1."""
    line: Line
    interest: Interest
    shape: bytes


JOURNAL_BYTES = b'"message":['
"""How journald writes a text that is not clean: as numbers, in which no anchor is found."""
QMAIL = (b": deferral: ", b": failure: ")
MANY = 200
"""Lines that are found before they are taken out of a block, so that the other anchors are not searched in them."""
SHAPES = 50_000
"""Shapes remembered, some 20 MiB at most; then the memory starts anew."""


class Sieve:
    """Keeps what is of interest; one for a log."""

    def __init__(self, anchors: Sequence[bytes], interest: Callable[[str], Interest], now: datetime) -> None:
        """``anchors`` are in lower case; lines without any of them are never looked at."""
        self._anchors = needed(anchors)
        self._interest = interest
        self._reader = Reader(now)
        self._weights: dict[bytes, Interest] = {}

    def candidates(self, blocks: Iterable[bytes]) -> Iterator[Candidate]:
        """Give the lines of interest. Blocks hold whole lines and end in a line feed."""
        before = 0
        for block in blocks:
            small = block.lower()
            counted, number = 0, before + 1
            for start, end in found(small, self._anchors):
                interest, kind, line = self._weighed(block, small, start, end)
                if interest:
                    number += block.count(b"\n", counted, start)
                    counted = start
                    yield Candidate(number, line or self._line(block, start, end), interest, kind)
            before = number - 1 + block.count(b"\n", counted)

    def _weighed(self, block: bytes, small: bytes, start: int, end: int) -> tuple[Interest, bytes, Line | None]:
        if end - start > LONGEST or small[start] == 0x7B:  # "{": JSON, whose text is one word with all its fields
            line = self._line(block, start, end)
            text = line.body.lower().encode("utf-8", "surrogatepass")
            if not any(anchor in text for anchor in self._anchors):
                return Interest.NOTHING, b"", None
            if len(text) > LONGEST:
                return self._interest(line.body), text[:LONGEST], line
            kind = shape(text)
            return self._weight(kind, line), kind, line
        kind = shape(small[start:end])
        weight = self._weights.get(kind)
        if weight is not None:
            return weight, kind, None
        line = self._line(block, start, end)
        return self._weight(kind, line), kind, line

    def _weight(self, kind: bytes, line: Line) -> Interest:
        weight = self._weights.get(kind)
        if weight is None:
            if len(self._weights) >= SHAPES:
                self._weights.clear()
            weight = self._weights[kind] = self._interest(line.body)
        return weight

    def _line(self, block: bytes, start: int, end: int) -> Line:
        return self._reader.line(block[start:end].decode("utf-8", "backslashreplace"))


def needed(anchors: Sequence[bytes]) -> tuple[bytes, ...]:
    """Leave out anchors that contain another, add those of lines in which none could be found; the short ones first.

    qmail writes "_" for a blank: its failed deliveries are all looked at.
    """
    kept: list[bytes] = []
    for anchor in sorted({*anchors, JOURNAL_BYTES, *QMAIL} - {b""}, key=lambda anchor: (len(anchor), anchor)):
        if not any(other in anchor for other in kept):
            kept.append(anchor)
    return tuple(kept)


def found(block: bytes, anchors: Sequence[bytes]) -> list[tuple[int, int]]:
    """Return start and end (that of the line feed) of all lines that hold an anchor, in order."""
    lines: dict[int, int] = {}
    rest, searched = Rest(block), 0
    for anchor in anchors:
        lines.update(rest.hits(anchor))
        if len(lines) - searched > MANY:
            rest, searched = Rest(block, sorted(lines.items())), len(lines)
    return sorted(lines.items())


class Rest:
    """What is left of a block without some of its lines."""

    def __init__(self, block: bytes, without: Sequence[tuple[int, int]] = ()) -> None:
        """``without``: start and end of lines, in order."""
        self._text = block
        self._offsets = [0]
        self._origins = [0]
        if without:
            self._origins += [end + 1 for _, end in without]
            pieces = [block[a:b] for a, b in zip(self._origins, [start for start, _ in without], strict=False)]
            self._offsets = [0, *accumulate(map(len, pieces))]
            self._text = b"".join([*pieces, block[self._origins[-1] :]])

    def hits(self, anchor: bytes) -> Iterator[tuple[int, int]]:
        """Give start and end, in the block, of the lines that are left and hold the anchor."""
        text = self._text
        here = text.find(anchor)
        while here >= 0:
            start, end = text.rfind(b"\n", 0, here) + 1, text.find(b"\n", here)
            place = bisect_right(self._offsets, start) - 1
            shift = self._origins[place] - self._offsets[place]
            yield start + shift, end + shift
            here = text.find(anchor, end)
