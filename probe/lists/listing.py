"""A list is opened, its form is told from its first line, and its targets come in mixed order."""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from gzip import GzipFile
from itertools import chain
from random import Random
from typing import Protocol

from msgspec import Struct

from probe.lists.fields import Column, Understood, column_of, has_port_beside, in_column, in_line, is_blank, is_header
from probe.lists.file import File
from probe.lists.lines import LONGEST, Line, Stream, lines, records
from probe.lists.order import in_turn, mixed
from probe.model import Target
from probe.targets import shown, target_of

WINDOW = 4096
"""Targets out of which a random one is taken."""

Mistake = Callable[[int, str, str], None]
"""Told of a line that is no target: its number, its text as it stands there, and a sentence that says why."""

_CUT = f"This line is longer than {LONGEST >> 10} KiB: its target was taken, and what follows was not read."
_UNREADABLE = (OSError, EOFError, zlib.error)
_GZIP = b"\x1f\x8b"
_REFUSED = {
    b"{": "JSON, such as results of a sweep, and no list",
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it with unzip -p, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "a spreadsheet: save it as CSV",
    b"%PDF": "a PDF: a list is text, a host a line",
    b"\xfd7zXZ": "packed by xz: unpack it with xz -dc",
    b"BZh": "packed by bzip2: unpack it with bzip2 -dc",
    b"\x28\xb5\x2f\xfd": "packed by zstd: unpack it with zstd -dc",
    b"7z\xbc\xaf": "a 7z archive: unpack it with 7z x -so",
    b"\xff\xfe": "text in UTF-16: convert it with iconv -f UTF-16 -t UTF-8",
    b"\xfe\xff": "text in UTF-16: convert it with iconv -f UTF-16 -t UTF-8",
}


class _Peekable(Stream, Protocol):
    def peek(self, size: int, /) -> bytes:
        """Give what is read next, without reading it; nothing at the end alone."""


@contextmanager
def open_list(name: str, stdin: io.BufferedReader, column: str | int | None = None) -> Iterator[Listing]:
    """Open a list of targets; "-" is ``stdin``, which stays open.

    ``column`` is the name of a column in the header of a table, or its number from 1. Waits for the first line. Raises
    ValueError with a sentence when there is no such list or no such column, when nothing is in it, or when it is no
    text; gzip (RFC 1952) is read through.
    """
    called = "Standard input" if name == "-" else shown(name)
    stream = stdin if name == "-" else _opened(name, called)
    try:
        try:
            plain = _unpacked(stream, called)
            start = _start(plain, called, column)
        except _UNREADABLE as problem:
            raise ValueError(f"{called} cannot be read: {_reason(problem)}.") from None
        yield Listing(start, _file(stream, start) if plain is stream is not stdin else None)
    finally:
        if stream is not stdin:
            stream.close()


def unique(targets: Iterable[Target], add: Callable[[str], bool], key: Callable[[Target], str]) -> Iterator[Target]:
    """Leave out each target whose key ``add`` has had before: it says True of a new one."""
    return (target for target in targets if add(key(target)))


def _opened(name: str, called: str) -> io.BufferedReader:
    try:
        return open(name, "rb")  # noqa: PTH123 -- open_list closes it
    except IsADirectoryError:
        raise ValueError(f"{called} is a folder. Name a file in it.") from None
    except (OSError, ValueError) as problem:
        raise ValueError(f"{called} cannot be read: {_reason(problem)}.") from None


def _unpacked(stream: io.BufferedReader, called: str) -> _Peekable:
    """What stands in it, without gzip around it. Raises ValueError with a sentence where that is no list."""
    plain: _Peekable = GzipFile(fileobj=stream) if stream.peek(2).startswith(_GZIP) else stream
    head = plain.peek(1)
    if not head:
        raise ValueError(f"{called} is empty.")
    for magic, what in _REFUSED.items():
        if head.startswith(magic):
            raise ValueError(f"{called} is {what}.")
    if b"\0" in head:
        raise ValueError(f"{called} is no text. A list has a host a line.")
    return plain


class _Start(Struct, frozen=True):
    """What the first line tells that is neither blank nor a comment."""

    first: Line
    rest: Iterator[Line]
    header: bool
    column: Column | None

    @property
    def lines(self) -> Iterator[Line]:
        """All lines in which a target is looked for; they can be taken once."""
        return self.rest if self.header else chain([self.first], self.rest)


def _start(stream: Stream, called: str, wanted: str | int | None) -> _Start:
    rest = lines(stream)
    first = next((line for line in rest if not is_blank(line.text)), None)
    if first is None:
        raise ValueError(f"{called} has no target in it: all lines are blank or comments.")
    if wanted is None:
        return _Start(first, rest, is_header(first.text), None)
    column, named = column_of(wanted, first.text)
    return _Start(first, rest, named or is_header(first.text), column)


def _file(stream: io.BufferedReader, start: _Start) -> File | None:
    """The lines behind the header, where they can be read from any place; None where the stream is no regular file."""
    about = os.fstat(stream.fileno())
    if not stat.S_ISREG(about.st_mode) or not about.st_size:
        return None
    return File(stream.fileno(), stream.tell() if start.header else 0, about.st_size)


def _reason(problem: Exception) -> str:
    return shown(getattr(problem, "strerror", None) or str(problem) or "it ends too early")


class Listing(Struct, frozen=True):
    """An open list. Its targets can be read once, by one thread at a time."""

    _start: _Start
    _file: File | None

    def targets(
        self, mistake: Mistake, understood: Understood = target_of, *, shuffle: bool = True, seed: int | None = None
    ) -> Iterator[Target]:
        """Give the target of each line as ``understood`` has it; what is none is told to ``mistake``.

        Mixed, a file is read at up to ``STRETCHES`` places in turn, and of the next ``WINDOW`` targets a random one is
        taken; a pipe and an archive have the window alone, and give none before it is full or they end. ``seed`` makes
        the order repeatable.
        """
        if not shuffle:
            return self._told(self._start.lines, mistake, understood)
        chance = Random(seed)  # noqa: S311 -- an order, no secret
        return mixed(self._in_turn(mistake, understood, chance), WINDOW, chance)

    @property
    def lends_no_port(self) -> bool:
        """Its first line seems to have a port in a field of its own, which is not read."""
        return has_port_beside(self._start.first.text)

    def how_many(self) -> int | None:
        """Give the number of lines that may hold a target, for a file above ``COUNTED`` bytes an estimate.

        None: nobody knows before the end.
        """
        return self._file.how_many_lines() if self._file else None

    def _in_turn(self, mistake: Mistake, understood: Understood, chance: Random) -> Iterator[Target]:
        file = self._file
        if file is None or (self._start.column and file.has_records_of_several_lines()):
            return self._told(self._start.lines, mistake, understood)
        parts = file.stretches()
        above = self._start.first.number if self._start.header else 0
        before = cache(lambda: file.lines_before(parts))

        def told(part: int, stretch: File) -> Iterator[Target]:
            def counted(number: int, text: str, why: str) -> None:
                mistake(above + before()[part] + number, text, why)

            return self._told(lines(stretch.opened()), counted, understood)

        return in_turn([told(part, stretch) for part, stretch in enumerate(parts)], chance)

    def _told(self, found: Iterator[Line], mistake: Mistake, understood: Understood) -> Iterator[Target]:
        """Targets of these lines. Where reading fails, that is told as a mistake of the line that is not there."""
        column = self._start.column
        number = 0
        try:
            for line in records(found) if column else found:
                number, text = line.number, line.text
                if is_blank(text):
                    continue
                try:
                    target = in_column(text, column, understood) if column else in_line(text.strip(), understood)
                except ValueError as problem:
                    mistake(number, text, str(problem))
                    continue
                if line.cut:
                    mistake(number, text, _CUT)
                yield target
        except _UNREADABLE as problem:
            mistake(number + 1, "", f"The list cannot be read from here on: {_reason(problem)}.")
