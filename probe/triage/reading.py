"""The lines of a log, whatever its size and wrapping, in blocks of whole lines.

The packing is told by the first bytes, never by the name: gzip (RFC 1952), xz, bzip2 and zstd (RFC 8878), each also as
several archives glued together, as log rotation leaves them. UTF-16 with a byte order mark (Windows) becomes UTF-8.
Memory is bounded whatever comes; what was not read is said in ``Source.problems``.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from probe.triage.unpacking import MAGIC_SIZE, Damaged, Packing, fed, foreign, packing, unpacker

BLOCK = 1 << 20
"""Bytes of a block, about: large enough that the work a block costs does not count, small enough for the caches."""
LINE_LIMIT = 64 << 10
"""Bytes of a line that are kept. Syslog stops at 8 KiB, a JSON line with a stack trace has some 20."""
FREE = 256 << 20
RATIO = 250
"""An archive may unpack to ``FREE`` bytes, and beyond that to ``RATIO`` times what was read of it. Logs shrink to a
tenth, a log of one line repeated to a hundredth; bombs to a thousandth (gzip) and less, and so they end."""
_PIECE = 64 << 10
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


class Source:
    """One log while it is read: ``blocks()`` is called once; the counts grow as it goes."""

    def __init__(self, raw: BinaryIO, name: str, size: int | None = None) -> None:
        self.name = name
        self.size = size
        """Bytes of the file as it lies on disk; None when nobody knows (a pipe)."""
        self.consumed = 0
        """Bytes read of it so far."""
        self.unpacked = 0
        """Bytes that came out of the packing so far."""
        self.cut = 0
        """Lines that were longer than ``LINE_LIMIT`` and lost their end."""
        self._raw = raw
        self._problems: list[str] = []
        self._stream = _gathered(_utf8(self._pieces()))
        self._head: bytes | None = None

    @property
    def problems(self) -> tuple[str, ...]:
        """What was not read and why, as sentences without the name; complete when ``blocks()`` has ended."""
        lines = "1 line was" if self.cut == 1 else f"{self.cut:,} lines were"
        cut = [f"{lines} longer than {LINE_LIMIT >> 10} KiB and cut there"] if self.cut else []
        return (*self._problems, *cut)

    def head(self) -> bytes:
        """Return the beginning, about ``BLOCK`` bytes, without consuming it; raises OSError as ``blocks`` does."""
        if self._head is None:
            self._head = next(self._stream, b"")
        return self._head

    def whole(self, limit: int) -> bytes:
        """Return everything, up to ``limit`` bytes; raises OSError as ``blocks`` does."""
        parts, size = [self.head()], len(self.head())
        while size <= limit and (piece := next(self._stream, b"")):
            parts.append(piece)
            size += len(piece)
        if size > limit:
            self._problems.append(f"only the first {limit >> 20} MiB were read, as of a mail or a report")
        return b"".join(parts)[:limit]

    def blocks(self) -> Iterator[bytes]:
        """Give all lines, in blocks of about ``BLOCK`` bytes that end in a line feed.

        Raises OSError, with the name, when the file cannot be read any further; bad archives raise nothing.
        """
        splitter = _Splitter()
        for piece in chain((self.head(),), self._stream):
            if block := splitter.feed(piece):
                yield block
            self.cut = splitter.cut
        if block := splitter.rest():
            yield block

    def _pieces(self) -> Iterator[bytes]:
        head = self._filled(b"")
        kind = packing(head)
        if kind:
            yield from self._unpacked(kind, head)
        elif other := foreign(head):
            self._problems.append(f"it is packed by {other}, which is not read here: unpack it first")
        else:
            while head:
                self.unpacked += len(head)
                yield head
                head = self._read(BLOCK)

    def _unpacked(self, kind: Packing, head: bytes) -> Iterator[bytes]:
        try:
            for piece in self._archives(kind, head):
                self.unpacked += len(piece)
                yield piece
                if self.unpacked > max(FREE, RATIO * self.consumed):
                    self._problems.append(
                        f"it unpacks to more than {RATIO} times its size, as no log does: "
                        f"only the first {self.unpacked >> 20:,} MiB were read"
                    )
                    return
        except Damaged as damage:
            self._problems.append(str(damage))

    def _archives(self, kind: Packing, head: bytes) -> Iterator[bytes]:
        while head := self._filled(head):
            if packing(head) != kind:
                self._problems.append(f"behind the end of the {kind} data comes something else, which was not read")
                return
            head = yield from self._archive(kind, head)

    def _archive(self, kind: Packing, piece: bytes) -> Generator[bytes, None, bytes]:
        """Give the content of one archive; return what was already read of that which follows it."""
        archive = unpacker(kind)
        while piece:
            yield from fed(kind, archive, piece)
            if archive.ended:
                return archive.rest
            piece = self._read(_PIECE)
        self._problems.append(f"the {kind} data breaks off: the end of the log is missing")
        return b""

    def _filled(self, head: bytes) -> bytes:
        """Return ``head``, made long enough to recognise a packing; padding (zeros) between archives is passed over."""
        padding = self.consumed > 0
        while len(head := head.lstrip(b"\0") if padding else head) < MAGIC_SIZE:
            more = self._read(_PIECE)
            if not more:
                return head
            head += more
        return head

    def _read(self, size: int) -> bytes:
        try:
            piece = self._raw.read(size)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), self.name) from error
        self.consumed += len(piece)
        return piece


@contextmanager
def opened(name: str) -> Iterator[Source]:
    """Open a file, or standard input for "-".

    Raises OSError, whose text names the file, when it cannot be opened or is a folder.
    """
    if name == "-":
        yield Source(sys.stdin.buffer, "standard input")
        return
    with Path(name).open("rb") as raw:
        status = os.fstat(raw.fileno())
        yield Source(raw, name, status.st_size if stat.S_ISREG(status.st_mode) else None)


class _Splitter:
    """Pieces in, whole lines out; a line over the limit loses its end, and is not kept in memory meanwhile."""

    def __init__(self) -> None:
        self.cut = 0
        self._tail = b""
        self._skipping = False

    def feed(self, piece: bytes) -> bytes:
        """Return the lines that are whole by now; each ends in a line feed."""
        if self._skipping:
            start = piece.find(b"\n") + 1
            if not start:
                return b""
            self._skipping = False
            piece = piece[start:]
        text = self._tail + piece
        end = text.rfind(b"\n") + 1
        self._tail = text[end:]
        return self._shortened(text[:end]) + self._overlong()

    def rest(self) -> bytes:
        """Return the last line, which has no line feed in the file and gets one."""
        return self._tail + b"\n" if self._tail else b""

    def _overlong(self) -> bytes:
        if len(self._tail) <= LINE_LIMIT:
            return b""
        line, self._tail = self._tail[:LINE_LIMIT] + b"\n", b""
        self._skipping = True
        self.cut += 1
        return line

    def _shortened(self, text: bytes) -> bytes:
        """Cut the lines that are too long; looks at one place in 64 KiB unless there is one."""
        parts, start, here = [], 0, 0
        while here < len(text):
            end = text.rfind(b"\n", here, here + LINE_LIMIT + 1)
            if end < 0:
                end = text.find(b"\n", here)
                parts += [text[start : here + LINE_LIMIT], b"\n"]
                start = end + 1
                self.cut += 1
            here = end + 1
        return b"".join([*parts, text[start:]]) if parts else text


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Join small pieces to blocks."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(waiting)
            waiting, size = [], 0
    if waiting:
        yield b"".join(waiting)


def _utf8(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Turn UTF-16 with a byte order mark to UTF-8, drop the mark of UTF-8, and leave all else."""
    first = next(pieces, b"")
    while 0 < len(first) < len(codecs.BOM_UTF8) and (more := next(pieces, b"")):
        first += more
    encoding = _MARKS.get(first[:2])
    if not encoding:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    yield decoder.decode(first[2:]).encode("utf-8", "replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")
