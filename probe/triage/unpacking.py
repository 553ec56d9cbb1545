"""One archive in pieces: gzip, xz, bzip2, zstd, told by their first bytes and unpacked in bounded steps.

The libraries' own file readers are not used: they raise at the first fault and lose what they had unpacked before it.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from enum import StrEnum
from types import ModuleType
from typing import Protocol

STEP = 16 << 10
"""Bytes unpacked at a time. A fault costs what was unpacked in its step, so the step is small."""
WINDOW = 128 << 20
"""Bytes of memory that an archive may claim; xz -9 needs 65 MiB, zstd --ultra 128."""
_ZSTD_FEED = 1 << 10
"""Bytes of zstd fed at a time: four can unpack to 128 KiB (RFC 8878 3.1.1.2.2), and the library sets no bound."""


class Packing(StrEnum):
    """What can be unpacked."""

    GZIP = "gzip"
    XZ = "xz"
    BZIP2 = "bzip2"
    ZSTD = "zstd"


_MAGIC = {
    b"\x1f\x8b": Packing.GZIP,
    b"\xfd7zXZ\0": Packing.XZ,
    b"BZh": Packing.BZIP2,
    b"\x28\xb5\x2f\xfd": Packing.ZSTD,
}
_SKIPPABLE = b"\x2a\x4d\x18"
"""Bytes 1 to 3 of a zstd frame without content, such as pzstd puts first (RFC 8878 3.1.2)."""
_FOREIGN = {
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x1f\x9d": "compress",
    b"\x04\x22\x4d\x18": "lz4",
}
MAGIC_SIZE = 6


class Damaged(Exception):  # noqa: N818 - a state of the archive, which the reader reports and survives
    """An archive cannot be unpacked any further; the text says why."""


def packing(head: bytes) -> Packing | None:
    """Return how something is packed that begins with these (``MAGIC_SIZE``) bytes; None: not at all."""
    if head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F:
        return Packing.ZSTD
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


def foreign(head: bytes) -> str | None:
    """Return the name of a packing that is known but not unpacked here."""
    return next((name for magic, name in _FOREIGN.items() if head.startswith(magic)), None)


class Unpacker(Protocol):
    """One archive (gzip: member, zstd: frame)."""

    ended: bool
    rest: bytes
    """What was fed behind its end."""

    def steps(self, piece: bytes) -> Iterator[bytes]:
        """Unpack more of it. Raises what its library raises."""


def unpacker(kind: Packing) -> Unpacker:
    """Return a fresh unpacker. Raises Damaged when the library for it is missing."""
    makers: dict[Packing, Callable[[], Unpacker]] = {
        Packing.GZIP: _Gzip,
        Packing.XZ: lambda: _Buffering(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=WINDOW)),
        Packing.BZIP2: lambda: _Buffering(bz2.BZ2Decompressor()),
        Packing.ZSTD: _Zstd,
    }
    return makers[kind]()


def fed(kind: Packing, archive: Unpacker, piece: bytes) -> Iterator[bytes]:
    """Unpack more of an archive.

    Raises Damaged behind all that could be unpacked before the fault.
    """
    try:
        yield from archive.steps(piece)
    except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError) as error:
        raise Damaged(f"the {kind} data is damaged ({error}): what follows was not read") from error


def _zstandard() -> ModuleType:
    try:
        import zstandard
    except ImportError as error:
        raise Damaged("it is packed by zstd, and the Python package zstandard is missing: it was not read") from error
    return zstandard


class _Gzip:
    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        self._inner = zlib.decompressobj(16 + zlib.MAX_WBITS)  # 16: with gzip's header and check sum

    def steps(self, piece: bytes) -> Iterator[bytes]:
        while piece and not self.ended:
            if out := self._inner.decompress(piece, STEP):
                yield out
            piece = self._inner.unconsumed_tail
            self.ended = self._inner.eof
        self.rest = self._inner.unused_data


class _Buffering:
    """xz and bzip2, whose unpackers keep what they were fed until it is asked for."""

    def __init__(self, inner: lzma.LZMADecompressor | bz2.BZ2Decompressor) -> None:
        self.ended = False
        self.rest = b""
        self._inner = inner

    def steps(self, piece: bytes) -> Iterator[bytes]:
        while True:
            if out := self._inner.decompress(piece, STEP):
                yield out
            piece = b""
            if self._inner.eof or self._inner.needs_input:
                break
        self.ended = self._inner.eof
        self.rest = self._inner.unused_data


class _Zstd:
    def __init__(self) -> None:
        self.ended = False
        self.rest = b""
        library = _zstandard()
        self._error: type[Exception] = library.ZstdError
        self._inner = library.ZstdDecompressor(max_window_size=WINDOW).decompressobj()

    def steps(self, piece: bytes) -> Iterator[bytes]:
        for start in range(0, len(piece), _ZSTD_FEED):
            try:
                out = self._inner.decompress(piece[start : start + _ZSTD_FEED])
            except self._error as error:
                raise ValueError(error) from error
            if out:
                yield out
            if self._inner.eof:
                self.ended = True
                self.rest = self._inner.unused_data + piece[start + _ZSTD_FEED :]
                return
