"""``diff`` of two sweeps: databases of results, or files of more lines than anybody reads one by one."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from probe.cli.arguments import UsageError
from probe.render.clean import clean
from probe.results import reading
from probe.results.compared import Compared
from probe.results.database import MAGIC

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence

FEW = 100
"""Reports whose every change is told; of more it is told what became of them."""
LIMIT = 256 << 20
"""Bytes of a file whose every change is told: it is held in memory."""


def stream(name: str) -> BinaryIO:
    """Open a file or standard input so that it can be read twice. Raises UsageError."""
    try:
        if name != "-":
            found = Path(name).open("rb")  # noqa: SIM115 -- the caller closes it
            return found if found.seekable() else _copied(found)
        return _copied(sys.stdin.buffer) if sys.stdin else tempfile.TemporaryFile()
    except OSError as problem:
        raise UsageError(f"{shown(name)} cannot be read: {problem.strerror}.") from None


def shown(name: str) -> str:
    """Call the file by its name, for a sentence."""
    return "standard input" if name == "-" else clean(name)


def _copied(pipe: BinaryIO) -> BinaryIO:
    """What comes through a pipe, in a file without a name; of what is no sweep no more than would be compared."""
    copy = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 -- the caller closes it
    first = pipe.readline(reading.LONGEST)
    copy.write(first)
    if reading.begins_like_ours(first):
        shutil.copyfileobj(pipe, copy)
    else:
        copy.write(pipe.read(LIMIT + 1))
    copy.seek(0)
    return copy


def is_sweep(source: BinaryIO) -> bool:
    """It is a database, or holds a report on each of many lines. ``source`` stands at its beginning, then as before."""
    try:
        return source.read(len(MAGIC)) == MAGIC or _has_many(source)
    except ValueError:
        return False
    finally:
        source.seek(0)


def _has_many(source: BinaryIO) -> bool:
    source.seek(0)
    for n, (_, line) in enumerate(reading.lines(source)):
        if n == 0 and not reading.begins_like_ours(line):
            return False
        if n >= FEW or source.tell() > LIMIT:
            return True
    return False


def compare(arguments: Namespace, sources: Sequence[BinaryIO]) -> int:
    """Say what became of the targets; returns the exit code. Raises UsageError."""
    from probe.render import compared as words

    with Compared() as compared:
        try:
            for side, name, source in zip(("was", "now"), arguments.files, sources, strict=True):
                what = shown(name)
                compared.read("was" if side == "was" else "now", _source(name, source))
            what = "The two sweeps"
            compared.settle()
        except ValueError as problem:
            raise UsageError(f"{what}: {clean(str(problem))}.") from None
        if arguments.json:
            sys.stdout.writelines(words.text(compared))
            return words.code(compared)
        _show(arguments, compared)
        return words.code(compared)


def _source(name: str, source: BinaryIO) -> str | BinaryIO:
    """The name of a database, whose log lies beside it; the stream of lines."""
    if source.read(len(MAGIC)) != MAGIC:
        source.seek(0)
        return source
    if name == "-" or not Path(name).is_file():
        raise ValueError("it is a database, and has to be a file")
    return name


def _show(arguments: Namespace, compared: Compared) -> None:
    from probe.render.compared import show
    from probe.render.sheet import Sheet, console, write

    screen = console(sys.stdout, no_color=arguments.no_color)
    sheet = Sheet(screen.width, screen.encoding)
    show(sheet, compared, verbose=arguments.verbose, quiet=arguments.quiet)
    write(sheet, screen)
