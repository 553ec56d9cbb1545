"""Results as lines of JSON: a report a line, appended by one write each.

Whoever ends the program by force at the worst moment leaves a last line that is not whole. It is cut off when the sweep
goes on, and its target is looked at again.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import BinaryIO, Self

from probe.results import reading
from probe.results.file import EXISTS, FOREIGN, KeepingError, cut, opened, still_there, sync
from probe.results.row import Row

STDOUT = "-"
TORN = "its last line was not whole and was cut off"
GONE = "Nothing can go on from there: with -o FILE, --resume could"
BLOCK = 1 << 16


class Lines:
    """A file of lines that is open for appending, or standard output."""

    def __init__(self, handle: int, path: str, told: tuple[str, ...] = ()) -> None:
        self.told = told
        """Clauses about what was mended at the beginning."""
        self._handle = handle
        self._path = path
        self._added = False
        self._is_file = path != STDOUT and stat.S_ISREG(os.fstat(handle).st_mode)

    @classmethod
    def open(cls, path: str, *, resume: bool = False, force: bool = False) -> Self:
        """Open ``path``; "-" is standard output. What is in the file stays with ``resume`` and goes with ``force``.

        Raises ValueError with a clause where it holds something and neither is said, where that is not ours, where
        another sweep writes it, and where nothing can be written there.
        """
        if path == STDOUT:
            if resume:
                raise ValueError("cannot be gone on with: --resume needs -o FILE")
            return cls(_stdout(), path)
        handle = opened(path)
        try:
            return cls(handle, path, _prepared(handle, resume, force))
        except BaseException:
            os.close(handle)
            raise

    def add(self, row: Row, line: str) -> None:  # noqa: ARG002 -- a database takes the row as well
        """Append ``line``, which ends with a line break. Raises KeepingError; the file then ends as before."""
        before, self._added = None, True
        try:
            before = (still_there if self._is_file else os.fstat)(self._handle)
            rest = memoryview(line.encode())
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except BaseException as problem:
            if before and stat.S_ISREG(before.st_mode):
                cut(self._handle, before.st_size)
            if isinstance(problem, OSError):
                raise self._failed(problem) from problem
            raise

    def keys(self) -> Iterator[str]:
        """Give the key of each target in it. Raises ValueError with a clause for a line that is not ours."""
        with self._read() as stream:
            yield from reading.keys(stream)

    def rows(self) -> Iterator[Row]:
        """Give what counts of each report in it; raises as ``keys``."""
        with self._read() as stream:
            try:
                yield from reading.rows(stream)
            except reading.NoReportError as problem:
                command = f"sed -i {problem.line}d {shlex.quote(self._path)}"
                raise ValueError(f"{problem}: {command} takes it out, and its target is looked at again") from None

    def close(self) -> None:
        """Wait until all is on the disk. Raises KeepingError."""
        handle, self._handle = self._handle, -1
        if handle < 0:
            return
        try:
            if self._added:
                sync(handle)
        except OSError as problem:
            raise self._failed(problem) from problem
        finally:
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self) -> BinaryIO:
        return open(self._path if self._is_file else os.devnull, "rb")  # noqa: PTH123 -- its name is a string

    def _failed(self, problem: OSError) -> KeepingError:
        if self._is_file:
            return KeepingError(problem)
        return KeepingError(problem, GONE if self._path == STDOUT else "It is no file: nothing can go on")


def _stdout() -> int:
    try:
        return os.dup(1)
    except OSError as problem:
        raise ValueError(f"cannot be written: {problem.strerror}") from None


def _prepared(handle: int, resume: bool, force: bool) -> tuple[str, ...]:
    """Look at what stands there already; what was mended."""
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        if resume:
            raise ValueError("is no file, and cannot be gone on with")
        return ()
    if not found.st_size:
        return ()
    if not reading.begins_like_ours(_first(handle)):
        raise ValueError(FOREIGN)
    if not (resume or force):
        raise ValueError(EXISTS)
    end = _end_of_whole(handle, found.st_size) if resume else 0
    try:
        os.ftruncate(handle, end)
    except OSError as problem:
        raise ValueError(f"cannot be written: {problem.strerror}") from None
    return (TORN,) if resume and end < found.st_size else ()


def _end_of_whole(handle: int, size: int) -> int:
    """Where the last line that is whole ends; only the very last can be torn."""
    start = _start_of_last(handle, size)
    return size if reading.is_whole(_read_at(handle, start, size - start)) else start


def _first(handle: int) -> bytes:
    """The first line."""
    os.lseek(handle, 0, os.SEEK_SET)
    with os.fdopen(os.dup(handle), "rb") as stream:
        return stream.readline(reading.LONGEST)


def _start_of_last(handle: int, size: int) -> int:
    """Where the last line begins: behind the last line break but for that at the very end."""
    end = size - 1
    while end > 0:
        block = max(end - BLOCK, 0)
        found = _read_at(handle, block, end - block).rfind(b"\n")
        if found >= 0:
            return block + found + 1
        end = block
    return 0


def _read_at(handle: int, start: int, length: int) -> bytes:
    """Up to ``length`` bytes, and no more than the longest line has."""
    read = bytearray()
    while len(read) < min(length, reading.LONGEST):
        more = os.pread(handle, min(length, reading.LONGEST) - len(read), start + len(read))
        if not more:
            break
        read += more
    return bytes(read)
