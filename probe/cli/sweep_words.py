"""What a sweep says beside its reports: lines that are no targets, a target in a line, the summary, how to go on."""

from __future__ import annotations

import os
import shlex
import stat
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import Struct, field

from probe.cli.mishap import LONGEST, say
from probe.render.clean import clean
from probe.results.tally import About, Tally, called

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.results.row import Row

TOLD = 10
"""Lines that are no targets and are quoted."""
QUOTED = 60


class Mistakes(Struct):
    """Lines that are no targets: the first ones are quoted, the others counted."""

    count: int = 0
    advice: set[str] = field(default_factory=set)
    """What was advised already."""

    def add(self, number: int, text: str, why: str) -> None:
        """Tell of one line; what to write instead is said once."""
        self.count += 1
        if self.count > TOLD:
            return
        reason, _, advice = why[:400].partition(". ")
        known = advice in self.advice
        self.advice.add(advice)
        told = f"{reason.removesuffix('.')}." if known else why[:400]
        say(f'Line {number} "{clean(text[:QUOTED])}" is left out. {clean(told)}')

    def end(self) -> None:
        """Tell how many there were, where not all were quoted."""
        if self.count > TOLD:
            say(f"{self.count} lines of the list are no targets and were left out.")


def named(output: str | None) -> str:
    """Name the results."""
    return "Standard output" if output is None else clean(output)


def is_read_along() -> bool:
    """Somebody reads standard output by a pipe, and may write to the same screen as we."""
    try:
        kind = stat.S_IFMT(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):  # somebody's stream without a descriptor
        return False
    return kind in {stat.S_IFIFO, stat.S_IFSOCK}


def kept_until(tally: Tally, arguments: Namespace) -> str:
    """Say what is left of a sweep that was broken off, and what goes on with it."""
    if not tally.targets:
        return ""
    if arguments.output is None:
        return " With -o FILE, --resume could go on."
    same = " with the same list on standard input" if arguments.list == "-" else ""
    return f" What was done is kept; this goes on from there{same}:\n  {clean(_resumed(arguments.words), LONGEST)}"


def _resumed(words: Sequence[str]) -> str:
    """The command line that goes on: it stands before what may follow "--"."""
    again = [word for word in words if word not in {"--resume", "--force"}]
    return shlex.join(["smtp-chaincheck", "sweep", "--resume", *again])


def short(row: Row) -> str:
    """A target in one line, for a person."""
    grave = [name for name, severity in sorted(row.every) if severity != "info"]
    return f"{row.status:<12} {clean(called(row.key))}{'  ' if grave else ''}{', '.join(grave)}\n"


def show(tally: Tally, about: About, arguments: Namespace, words: Sequence[str]) -> None:
    """Write the summary; ``words`` are the options of a command that looks at one target as this sweep did."""
    from probe.cli.explaining import title
    from probe.render.sheet import console
    from probe.render.summary import show as show_summary

    stream = sys.stderr if arguments.output is None and not sys.stdout.isatty() else sys.stdout
    screen = console(stream, no_color=arguments.no_color)
    again = (words, arguments.port)
    show_summary(tally, about, screen, title=title, verbose=arguments.verbose, again=again)
