"""Files of a sweep beside its results: the table for spreadsheets, and the page."""

from __future__ import annotations

import os
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace


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
        if Path(name).exists() and not (arguments.force or arguments.resume):
            raise ValueError(f"{clean(name)} exists already. Say --force to overwrite it, or choose another name.")


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
    beside = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
