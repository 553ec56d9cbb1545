"""Any wrapping in, whole lines out; what was not read is said, and memory is bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from probe.triage import reading
from probe.triage.reading import BLOCK, LINE_LIMIT, Source, opened

LOG = b"".join(b"Nov 23 08:16:21 mx postfix/smtp[%d]: line %d\n" % (n % 97, n) for n in range(30_000))
ZSTD = zstandard.ZstdCompressor().compress
SKIPPABLE = b"\x50\x2a\x4d\x18\x04\0\0\0abcd"
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=0),
    "zstd": ZSTD,
}


def read(content: bytes) -> tuple[bytes, Source]:
    """All that comes out, and the source behind it."""
    source = Source(io.BytesIO(content), "mail.log", len(content))
    return b"".join(source.blocks()), source


def test_plain_lines_come_in_blocks_of_whole_lines() -> None:
    """A block ends where a line ends, and no byte is lost or moved."""
    source = Source(io.BytesIO(LOG), "mail.log", len(LOG))
    blocks = list(source.blocks())
    assert b"".join(blocks) == LOG
    assert len(blocks) > 1
    assert all(block.endswith(b"\n") and len(block) < 3 * BLOCK for block in blocks)
    assert (source.consumed, source.size, source.unpacked, source.problems) == (len(LOG), len(LOG), len(LOG), ())


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", PACKED)
def test_packed(kind: str) -> None:
    """One archive, several glued together and padded, and each with its end missing."""
    pack = PACKED[kind]
    packed = pack(LOG)
    assert read(packed)[0] == LOG
    several = pack(LOG[:999]) + pack(LOG[999:50_000]) + pack(b"") + pack(LOG[50_000:]) + bytes(8)
    out, source = read(several)
    assert (out, source.problems) == (LOG, ())
    for size in (1, 7, 100, len(packed) // 2, len(packed) - 1):
        out, source = read(packed[:size])
        if size > 6:
            assert LOG.startswith(out[:-1])
            assert source.problems == (f"the {kind} data breaks off: the end of the log is missing",)


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", PACKED)
def test_damage_is_said_and_what_came_before_it_is_kept(kind: str) -> None:
    """Half of the log is there although the middle of the archive is broken."""
    broken = bytearray(PACKED[kind](LOG * 2))
    middle = len(broken) // 2
    broken[middle : middle + 40] = b"\xff" * 40
    out, source = read(PACKED[kind](LOG) + bytes(broken))
    assert out.startswith(LOG)
    assert kind == "zstd" or f"the {kind} data is damaged" in source.problems[0]  # zstd's frames have no check sum here


def test_something_else_behind_an_archive() -> None:
    """It is not read, and that is said."""
    out, source = read(gzip.compress(LOG) + b"and now for something else\n")
    assert (out, len(source.problems)) == (LOG, 1)
    assert "behind the end of the gzip data" in source.problems[0]


def test_zstd_of_pzstd() -> None:
    """A frame without content comes first."""
    assert read(SKIPPABLE + ZSTD(LOG))[0] == LOG


def test_zstd_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is named."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    out, source = read(ZSTD(LOG))
    assert out == b""
    assert "the Python package zstandard is missing" in source.problems[0]


@pytest.mark.parametrize(
    ("head", "name"), [(b"PK\x03\x04", "zip"), (b"\x1f\x9d", "compress"), (b"7z\xbc\xaf\x27\x1c", "7z")]
)
def test_foreign_packings_are_named(head: bytes, name: str) -> None:
    """Junk is not read as a log where the reason is known."""
    out, source = read(head + LOG)
    assert out == b""
    assert f"it is packed by {name}" in source.problems[0]


@pytest.mark.unmeasured
def test_a_bomb_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What unpacks to a thousand times its size is given up, and that is said."""
    monkeypatch.setattr(reading, "FREE", 1 << 20)
    for pack in PACKED.values():
        source = Source(io.BytesIO(pack(bytes(16 << 20))), "mail.log")
        assert sum(map(len, source.blocks())) <= LINE_LIMIT + 1
        assert any("it unpacks to more than 250 times its size" in words for words in source.problems)
        assert source.unpacked < 5 << 20 or pack is ZSTD  # whose library unpacks 1 KiB at a time to up to 32 MiB


def test_a_log_of_one_line_repeated_is_no_bomb() -> None:
    """It shrinks to a hundredth and is read whole."""
    many = LOG[:43] * 100_000
    assert len(read(gzip.compress(many))[0]) == len(many)


@pytest.mark.parametrize("length", [0, 1, LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 3 * LINE_LIMIT, 3 * BLOCK])
@pytest.mark.parametrize("end", [b"", b"\n", b"\nnext\n"])
def test_long_lines_are_cut(length: int, end: bytes) -> None:
    """A line up to the limit stays; a longer one loses its end, and is counted."""
    out, source = read(b"first\n" + b"x" * length + end)
    kept = b"first\n" + b"x" * min(length, LINE_LIMIT) + (end or (b"\n" if length else b""))
    assert (out, source.cut) == (kept, int(length > LINE_LIMIT))
    assert source.problems == (("1 line was longer than 64 KiB and cut there",) if length > LINE_LIMIT else ())


class Endless(io.RawIOBase):
    """One line that is made while it is read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def read(self, size: int = -1) -> bytes:
        """Give the next part of it."""
        size = min(size, self.left)
        self.left -= size
        return b"\0" * size


def test_a_line_of_200_mb_takes_no_memory() -> None:
    """A few blocks are in memory at a time."""
    tracemalloc.start()
    try:
        source = Source(Endless(200_000_000), "mail.log")  # type: ignore[arg-type]
        assert sum(map(len, source.blocks())) == LINE_LIMIT + 1
        assert tracemalloc.get_traced_memory()[1] < 8 * BLOCK
    finally:
        tracemalloc.stop()
    assert source.cut == 1


@given(st.binary(max_size=60), st.integers(1, 9), st.integers(1, 8))
def test_every_cut_gives_the_same_lines(content: bytes, size: int, limit: int) -> None:
    """Where the pieces of a file are cut changes nothing, long lines included."""
    expected = b"".join(line[:limit] + b"\n" for line in content.removesuffix(b"\n").split(b"\n")) if content else b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "LINE_LIMIT", limit)
        splitter = reading._Splitter()
        pieces = [splitter.feed(content[here : here + size]) for here in range(0, len(content), size)]
        assert b"".join([*pieces, splitter.rest()]) == expected
    assert all(piece.endswith(b"\n") for piece in pieces if piece)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-8-sig"])
def test_byte_order_marks(encoding: str) -> None:
    """A log from Windows reads as UTF-8, however it is cut."""
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    assert read(mark + "SSL_accept – ä\n".encode(encoding))[0] == "SSL_accept – ä\n".encode()


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b", b"BZh9", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", SKIPPABLE])
)
def test_no_bytes_raise(content: bytes, head: bytes) -> None:
    """Whatever it is, it ends in lines and words."""
    out, source = read(head + content)
    assert not out or out.endswith(b"\n")
    assert all(isinstance(words, str) for words in source.problems)


def test_files_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file has a size, a pipe has none."""
    (tmp_path / "mail.log").write_bytes(LOG)
    with opened(str(tmp_path / "mail.log")) as source:
        assert (b"".join(source.blocks()), source.size) == (LOG, len(LOG))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(LOG)))
    with opened("-") as source:
        assert (b"".join(source.blocks()), source.size, source.name) == (LOG, None, "standard input")


def test_errors_of_the_system_name_the_file(tmp_path: Path) -> None:
    """Missing, a folder, and a disk that fails in the middle."""
    for name in (tmp_path / "missing", tmp_path):
        with pytest.raises(OSError, match=str(name)), opened(str(name)) as source:
            list(source.blocks())

    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(5, f"Input/output error at {size}")

    with pytest.raises(OSError, match=r"Input/output error.*'mail\.log'"):
        list(Source(Failing(), "mail.log").blocks())


class Slow(io.BytesIO):
    """A pipe that gives a byte at a time."""

    def read(self, size: int | None = -1) -> bytes:
        """Give one byte."""
        return super().read(min(1, size or 0))


def test_pieces_of_a_slow_pipe() -> None:
    """They give the same."""
    short = LOG[: LOG.index(b"\n", 300) + 1]
    for content in (short, gzip.compress(short), b"\xff\xfe" + short.decode().encode("utf-16-le")):
        assert b"".join(Source(Slow(content), "-").blocks()) == short
