"""``smtp-chaincheck diff A B``: what changed between two looks that were kept with ``--json``, or two sweeps."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO

from probe.cli.arguments import Parser, UsageError
from probe.cli.options import add_output
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.documents import Document

USAGE = "smtp-chaincheck diff BEFORE AFTER [options]"
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
Of sweeps (a database, or more than 100 lines) it is told who broke, who was
mended, who does not answer any more, and which findings came and went.

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
    from probe.cli.comparing import compare, is_sweep, stream

    arguments = _arguments(words)
    with ExitStack() as stack:
        sources = [stack.enter_context(stream(name)) for name in arguments.files]
        if any(map(is_sweep, sources)):
            return compare(arguments, sources)
        before, after = map(_reports, arguments.files, sources)
    return _tell(arguments, before, after)


def _tell(arguments: Namespace, before: list[Document], after: list[Document]) -> int:
    from probe.changes import changes

    found = changes(before, after)
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
    parser = Parser(
        "diff", usage=USAGE, description="Says what changed between two reports, or two sweeps.", epilog=EXAMPLES
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="what --json wrote; - reads standard input")
    add_output(parser)
    arguments = parser.parse_intermixed_args(list(words))
    if len(arguments.files) != 2:
        raise UsageError(FIRST)
    if arguments.files == ["-", "-"]:
        raise UsageError("Standard input can be one of the two files, not both.")
    return arguments


def _reports(name: str, source: BinaryIO) -> list[Document]:
    from probe.cli.comparing import shown
    from probe.documents import reports

    try:
        return reports(_text(source))
    except OSError as problem:
        raise UsageError(f"{shown(name)} cannot be read: {problem.strerror}.") from None
    except ValueError as problem:
        why = clean(str(problem))
        raise UsageError(f"{shown(name)} cannot be compared: {why}. diff reads what --json wrote of a probe.") from None


def _text(source: BinaryIO) -> str:
    """Raises OSError, and ValueError with a clause where it is no text or too long."""
    from probe.cli.comparing import LIMIT

    octets = source.read(LIMIT + 1)
    if len(octets) > LIMIT:
        raise ValueError(f"it is larger than {LIMIT >> 20} MiB")
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is no text") from None
