"""``smtp-chaincheck diff A B``: what changed between two looks that were kept with ``--json``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.arguments import Parser, UsageError
from probe.cli.options import add_output
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.documents import Document

LIMIT = 256 << 20
"""Bytes of one file: a report has some 20 KiB, so this is a sweep of ten thousand hosts."""
USAGE = "smtp-chaincheck diff BEFORE.json AFTER.json [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck mx.example.com --json > monday.json
  smtp-chaincheck mx.example.com --json > tuesday.json
  smtp-chaincheck diff monday.json tuesday.json
  smtp-chaincheck mx.example.com --json | smtp-chaincheck diff monday.json -

A file holds what --json wrote: one report, several, or one on each line. Hosts
are compared by name and port, servers by address and by how they were asked.
Another cipher, another anchor above the chain and newer trust stores of ours do
not matter; nor do notes that come and go. --verbose tells them, too.

exit codes:
  0  nothing that matters has changed
  1  something has
  2  the command line was wrong, or a file holds no report
"""
FIRST = """\
Name two files that --json wrote, the older first:
  smtp-chaincheck mx.example.com --json > monday.json
  smtp-chaincheck diff monday.json tuesday.json
All options: smtp-chaincheck diff --help"""


def diff(words: Sequence[str]) -> int:
    """Say what changed between two files of reports; returns the exit code."""
    from probe.changes import changes

    arguments = _arguments(words)
    found = changes(*map(_reports, arguments.files))
    code = int(any(change.matters for change in found))
    if arguments.json:
        from probe.render.changes import text

        sys.stdout.write(text(found, code))
        return code
    from probe.cli.explaining import title
    from probe.render.changes import show
    from probe.render.sheet import Sheet, console, write

    screen = console(sys.stdout, no_color=arguments.no_color)
    sheet = Sheet(screen.width, screen.encoding)
    show(sheet, found, title=title, verbose=arguments.verbose, quiet=arguments.quiet)
    write(sheet, screen)
    return code


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser(usage=USAGE, description="Says what changed between two reports.", epilog=EXAMPLES)
    parser.add_argument("files", nargs="*", metavar="FILE", help="what --json wrote; - reads standard input")
    add_output(parser)
    arguments = parser.parse_intermixed_args(list(words))
    if len(arguments.files) != 2:
        raise UsageError(FIRST)
    if arguments.files == ["-", "-"]:
        raise UsageError("Standard input can be one of the two files, not both.")
    return arguments


def _reports(name: str) -> list[Document]:
    from probe.documents import reports

    shown = "standard input" if name == "-" else clean(name)
    try:
        return reports(_text(name))
    except OSError as problem:
        raise UsageError(f"{shown} cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        why = clean(str(problem))
        raise UsageError(f"{shown} cannot be compared: {why}. diff reads what --json wrote of a probe.") from None


def _text(name: str) -> str:
    """Raises OSError, and ValueError with a clause where it is no text or too long."""
    if name == "-":
        octets = sys.stdin.buffer.read(LIMIT + 1) if sys.stdin else b""
    else:
        with Path(name).open("rb") as stream:
            octets = stream.read(LIMIT + 1)
    if len(octets) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
