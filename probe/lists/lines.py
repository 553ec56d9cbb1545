"""The lines of a list, each held within bounds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

LONGEST = 64 << 10
"""Bytes of a line that are kept, and of a record that goes over several lines."""
MOST_LINES = 50
"""Lines that a quoted field may go over. A quote that is never closed costs no more than these."""


class Line(NamedTuple):
    """One line as it stands in the file."""

    number: int
    """From 1; within a stretch it counts from the stretch's beginning."""
    octets: bytes
    cut: bool = False
    """It is longer than ``LONGEST``, and this is its beginning."""

    @property
    def text(self) -> str:
        """UTF-8, else Latin-1, which can be anything; without the end of the line."""
        try:
            text = self.octets.decode()
        except UnicodeDecodeError:
            text = self.octets.decode("latin-1")
        return text.rstrip("\r\n").removeprefix("\ufeff")


class Stream(Protocol):
    """What lines are read from: a file, a pipe, an archive."""

    def readline(self, size: int, /) -> bytes:
        """Read up to the end of the line, at most ``size`` bytes."""


def lines(stream: Stream) -> Iterator[Line]:
    """All lines. What a line has beyond ``LONGEST`` is read and dropped. Raises what the stream raises."""
    number = 0
    while octets := stream.readline(LONGEST):
        number += 1
        rest = b"" if octets.endswith(b"\n") else stream.readline(LONGEST)
        cut = rest not in {b"", b"\n", b"\r\n"}
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST)
        yield Line(number, octets, cut)


def records(found: Iterator[Line]) -> Iterator[Line]:
    """Join what belongs to one record of a table, where a quoted field goes over several lines (RFC 4180 §2).

    Where the quotes do not add up within ``MOST_LINES`` and ``LONGEST``, the lines stay single.
    """
    for line in found:
        parts = [line]
        quotes, size = line.octets.count(b'"'), len(line.octets)
        while quotes % 2 and len(parts) < MOST_LINES and size < LONGEST and (more := next(found, None)):
            parts.append(more)
            quotes, size = quotes + more.octets.count(b'"'), size + len(more.octets)
        if quotes % 2 or size > LONGEST:
            yield from parts
        else:
            yield Line(line.number, b"".join(part.octets for part in parts), any(part.cut for part in parts))
