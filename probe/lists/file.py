"""A list that is a regular file: it is read at many places in turn, through one descriptor."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

STRETCHES = 256
"""Parts of a file that are read in turn."""
SMALLEST = 4096
"""Bytes of a part: a smaller file is not worth dividing."""
COUNTED = 256 << 20
"""Bytes of a file whose lines are counted, within a fifth of a second; those of a larger one are estimated."""
SAMPLES = 64
PIECE = 1 << 20


class File(Struct, frozen=True):
    """The bytes of an open file from ``start`` to ``end``."""

    descriptor: int
    start: int
    end: int

    def opened(self) -> io.BufferedReader:
        """Read these bytes, from a place that is the reader's own."""
        return io.BufferedReader(_Reading(self))

    def pieces(self, size: int = PIECE) -> Iterator[bytes]:
        """Read these bytes without moving anybody's place; a file that has become shorter ends where it ends."""
        at = self.start
        while at < self.end and (piece := os.pread(self.descriptor, min(size, self.end - at), at)):
            yield piece
            at += len(piece)

    def has_records_of_several_lines(self) -> bool:
        """Tell whether a quoted field in the first ``PIECE`` goes over the end of its line (RFC 4180 §2)."""
        return any(line.count(b'"') % 2 for line in next(self.pieces(), b"").split(b"\n")[:-1])

    def stretches(self) -> list[File]:
        """Divide it into up to ``STRETCHES`` of about the same size, which begin and end with a line."""
        step = max(SMALLEST, -(-(self.end - self.start) // STRETCHES))
        bounds = [self.start]
        for wanted in range(self.start + step, self.end, step):
            if wanted > bounds[-1]:  # else a long line has gone beyond it
                bounds.append(replace(self, start=wanted - 1).second_line())
        return [replace(self, start=start, end=end) for start, end in pairwise([*bounds, self.end]) if start < end]

    def second_line(self) -> int:
        """Where the line begins behind the first end of a line."""
        at = self.start
        for piece in self.pieces(SMALLEST):
            if (found := piece.find(b"\n")) >= 0:
                return at + found + 1
            at += len(piece)
        return self.end

    def lines_before(self, parts: list[File]) -> list[int]:
        """Count the lines that stand before each of its stretches."""
        return list(accumulate((part.newlines() for part in parts[:-1]), initial=0))

    def newlines(self) -> int:
        """Count the ends of lines."""
        return sum(piece.count(b"\n") for piece in self.pieces())

    def how_many_lines(self) -> int:
        """Count the lines up to ``COUNTED`` bytes, else estimate them from ``SAMPLES`` pieces."""
        size = self.end - self.start
        if size <= COUNTED:
            unended = size > 0 and os.pread(self.descriptor, 1, self.end - 1) != b"\n"
            return self.newlines() + unended
        starts = range(self.start, self.end - PIECE, size // SAMPLES)
        found = sum(replace(self, start=start, end=start + PIECE).newlines() for start in starts)
        return found * size // (len(starts) * PIECE)


class _Reading(io.RawIOBase):
    def __init__(self, file: File) -> None:
        super().__init__()
        self._file, self._at = file, file.start

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        size = min(len(view), self._file.end - self._at)
        piece = os.pread(self._file.descriptor, size, self._at)
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)
