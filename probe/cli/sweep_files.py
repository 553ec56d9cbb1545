"""Files of a sweep beside its results: the table for spreadsheets, and the page."""

from __future__ import annotations

import os
import shlex
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace


HEAD = 400
"""Bytes that tell whose file it is."""
WHAT = {"csv": "table", "summary": "page"}


def refuse_missing(name: str) -> None:
    """Raise ValueError where there is no list of that name: it may be meant as a host."""
    if name == "-" or "/" in name or os.path.lexists(name):
        return
    raise ValueError(
        f"{clean(name)} cannot be read: there is no such file.\n"
        f"For one host: smtp-chaincheck {clean(shlex.quote(name))}\n"
        "For a list from a pipe: ... | smtp-chaincheck sweep -"
    )


def refuse_others(arguments: Namespace) -> None:
    """Raise ValueError where a file would be overwritten, or be written twice."""
    names = [getattr(arguments, name) for name in ("output", "csv", "summary", "exclude")]
    named = [name for name in (*names, arguments.list) if name not in {None, "", "-"}]
    if len({os.path.realpath(name) for name in named}) < len(named):
        raise ValueError("The list, -o, --csv, --summary and --exclude name the same file. Give each its own.")
    for option in ("csv", "summary"):
        name = getattr(arguments, option)
        if name is None:
            continue
        if name == "" or Path(name).is_dir() or not Path(name).absolute().parent.is_dir():
            raise ValueError(f"--{option} {clean(name)}: there is no such place for a file.")
        if option == "summary" and Path(name).exists() and not Path(name).is_file():
            raise ValueError(f"{clean(name)} is no regular file. Choose another name.")
        _refuse_to_overwrite(Path(name), option, there=arguments.force or arguments.resume)
    if arguments.summary:
        _try(arguments.summary)


def _refuse_to_overwrite(path: Path, option: str, *, there: bool) -> None:
    """Raise ValueError for a file that is somebody's; ``there``: one that an earlier sweep wrote may be replaced."""
    from probe.render import csv, html

    try:
        if not path.is_file() or not path.stat().st_size:
            return
        with path.open("rb") as stream:
            begin = stream.read(HEAD)
    except OSError as problem:
        raise ValueError(f"{clean(str(path))} cannot be read: {problem.strerror}.") from None
    if not begin.startswith({"csv": csv.BEGIN, "summary": html.BEGIN}[option].encode()):
        raise ValueError(
            f"{clean(str(path))} holds something else than the {WHAT[option]} of a sweep, and is left alone: "
            "choose another name."
        )
    if not there:
        raise ValueError(f"{clean(str(path))} exists already: --resume goes on with it, --force begins anew.")


def _try(name: str) -> None:
    """Raise ValueError where the page could not be written at the end."""
    beside = _beside(Path(os.path.realpath(name)))
    try:
        beside.touch(exist_ok=False)
        beside.unlink()
    except OSError as problem:
        raise ValueError(f"{clean(name)} cannot be written: {problem.strerror}.") from None


def table_of(arguments: Namespace, stack: ExitStack) -> TextIO | None:
    """Open the table for spreadsheets: it is written anew by every run, what is kept already first."""
    from probe.render.csv import header

    if arguments.csv is None:
        return None
    try:
        table = open(arguments.csv, "w", encoding="utf-8", newline="", buffering=1)  # noqa: PTH123, SIM115
        stack.callback(_close, table)
        table.write(header())
    except OSError as problem:
        raise ValueError(f"{clean(arguments.csv)} cannot be written: {problem.strerror}.") from None
    return table


def _close(table: TextIO) -> None:
    with suppress(OSError):  # each line was written at once: what fails here has failed before, and was told
        table.close()


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OSError."""
    path = Path(os.path.realpath(path))
    beside = _beside(path)
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _beside(path: Path) -> Path:
    """Where the new file is made, before it takes the place of the old one."""
    return path.with_name(f".{path.name[:200]}.{os.getpid()}")
