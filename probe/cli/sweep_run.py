"""One run of a sweep: the list comes in, reports go to the results, the tally, and the table; and the last words."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import ExitStack, aclosing
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, cast

from msgspec import Struct, field

from probe.cli.mishap import INTERRUPTED, WRONG_USAGE, ended_by_signals, say, uninterrupted
from probe.cli.sweep_files import refuse_missing, refuse_others, replace, table_of
from probe.cli.sweep_list import Wanted
from probe.cli.sweep_words import Mistakes, is_read_along, kept_until, named, short, show
from probe.lists import open_list
from probe.net.manners import AHEAD
from probe.net.outage import Halted
from probe.render.clean import clean
from probe.results.file import KeepingError
from probe.results.keeping import kept
from probe.results.row import Row, row_of
from probe.results.seen import Seen
from probe.results.tally import About, Tally

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.judgement import Options
    from probe.model import Report, Target
    from probe.net.manners import Manners
    from probe.results.database import Tables
    from probe.results.lines import Lines

UNREACHABLE = 3


class Run(Struct):
    """What is open while a sweep runs."""

    arguments: Namespace
    wanted: Wanted
    results: Lines | Tables
    table: TextIO | None
    stack: ExitStack
    tally: Tally = field(default_factory=Tally)
    codes: set[int] = field(default_factory=set)
    mistakes: Mistakes = field(default_factory=Mistakes)
    told: bool = False
    """It was said that there are targets of which no address may be called."""
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    clock: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def code(self, options: Options, manners: Manners) -> int:
        """Do it all, and give the exit code."""
        try:
            with ended_by_signals():
                asyncio.run(self._swept(options, manners))
            self.results.close()
        except KeyboardInterrupt:
            with uninterrupted():
                return self._ended(options, INTERRUPTED, "Interrupted before the end.")
        except Halted as stop:
            return self._ended(options, WRONG_USAGE, str(stop))
        except KeepingError as stop:
            if isinstance(stop.__cause__, BrokenPipeError):
                raise BrokenPipeError from None
            say(f"{named(self.arguments.output)} {stop}.")
            return WRONG_USAGE
        return self._ended(options, self._verdict)

    @property
    def _verdict(self) -> int:
        """The exit code of what was done: the worst of all; a list without targets is a mistake."""
        return max(self.codes - {UNREACHABLE}, default=UNREACHABLE if self.codes else WRONG_USAGE)

    async def _swept(self, options: Options, manners: Manners) -> None:
        from probe.pipeline import sweep
        from probe.render.sweeping import sweeping

        shown = not (self.arguments.quiet or (self.arguments.output is None and is_read_along()))
        shuffle = not self.arguments.no_shuffle
        targets = self.wanted.targets(self.arguments.list, self._mistaken, _understood(self.arguments), shuffle=shuffle)
        reports = sweep(targets, options, manners, self.arguments.concurrency * AHEAD)
        async with aclosing(reports):
            with sweeping(sys.stderr, self.wanted.expected, already=self.wanted.earlier, shown=shown) as progress:
                async for report in reports:
                    self._take(report)
                    progress.update(self.tally, manners.under_way, manners.waiting, held_up=manners.held_up)

    def _take(self, report: Report) -> None:
        """Keep a report, then count it: what is counted is kept."""
        from probe.render.json import line

        row = row_of(report)
        if report.left_out and not (report.endpoints or report.domain or self.told):
            self.told = True
            say(f"{clean(report.left_out[0])}. Such targets are not called, and their status is unreachable.")
        if self._on_screen:
            sys.stdout.write(short(row))
        else:
            self.results.add(row, line(report))
        self.count(row)

    @property
    def _on_screen(self) -> bool:
        """Somebody looks at standard output, and is better served by words than by JSON."""
        return self.arguments.output is None and sys.stdout.isatty()

    def count(self, row: Row) -> None:
        """Count what is kept. Raises Halted where the table cannot be written."""
        from probe.render.csv import rows_of

        self.tally.add(row)
        self.codes.add(row.exit_code)
        try:
            if self.table:
                self.table.write(rows_of(row))
        except OSError as problem:
            raise Halted(f"{clean(self.arguments.csv)} cannot be written any more: {problem.strerror}.") from problem

    def _mistaken(self, number: int, text: str, why: str) -> None:
        if not text:  # the list itself, not a line of it
            self.codes.add(WRONG_USAGE)
            say(f"Line {number}: {clean(why[:400])}")
            return
        self.mistakes.add(number, text, why)

    def _ended(self, options: Options, code: int, why: str = "") -> int:
        """Say what came of it, and write the page."""
        from probe import __version__

        stores = tuple(f"{store.name} ({store.date})" for store in options.anchors.stores)
        seconds = time.monotonic() - self.clock
        counts = self.wanted.earlier, self.wanted.repeated
        about = About(self.arguments.list, self.began, seconds, __version__, stores, not why, *counts)
        self.mistakes.end()
        if self.tally.targets and not self.arguments.quiet:
            show(self.tally, about, self.arguments, options.words)
        code = self._page(about, code)
        if why:
            say(f"{clean(why)}{kept_until(self.tally, self.arguments)}")
        else:
            self._tell_of_the_list()
        return code

    def _tell_of_the_list(self) -> None:
        """Say where nothing was in it, or not all that is in the results."""
        source = "Standard input" if self.arguments.list == "-" else clean(self.arguments.list)
        if not self.tally.targets:
            say(f"{source} has no target in it: nothing was looked at.")
        elif others := self.wanted.missing:
            results = named(self.arguments.output)
            many = "" if others == 1 else "s"
            say(f"{source} lacks {others} target{many} that {results} has from before. What it has counts.")

    def _page(self, about: About, code: int) -> int:
        from probe.cli.explaining import title
        from probe.render.html import page

        if self.arguments.summary is None:
            return code
        try:
            replace(Path(self.arguments.summary), page(self.tally, about, title))
        except OSError as problem:
            say(f"{clean(self.arguments.summary)} cannot be written: {problem.strerror}.")
            return WRONG_USAGE
        return code


def prepared(arguments: Namespace) -> Run:
    """Open the list and the results. Raises ValueError with a sentence where one of them cannot be used."""
    path = "-" if arguments.output is None else arguments.output
    refuse_missing(arguments.list)
    refuse_others(arguments)
    if arguments.list == "-" and sys.stdin.isatty():
        say("Reading targets from the keyboard; Ctrl-D ends them.")
    with ExitStack() as stack:
        listing = stack.enter_context(open_list(arguments.list, _standard_input(), arguments.column))
        if listing.lends_no_port and not arguments.quiet:
            say("A port in a field of its own is not read: write host:port, or say --port.")
        try:
            results = kept(path, resume=arguments.resume, force=arguments.force)
        except ValueError as problem:
            raise ValueError(f"{named(arguments.output)} {problem}.") from None
        stack.enter_context(results)
        for told in results.told:
            say(f"{named(arguments.output)}: {told}.")
        seen = Seen()
        stack.callback(seen.close)
        run = Run(arguments, Wanted(listing, seen), results, table_of(arguments, stack), stack.pop_all())
        try:
            _remember(run)
        except BaseException:
            run.stack.close()
            raise
        return run


def _standard_input() -> BufferedReader:
    """Give a reader of our own: at its exit Python closes its own one, and aborts where a thread still reads there."""
    try:
        return open(sys.stdin.fileno(), "rb", closefd=False)
    except (OSError, ValueError):  # somebody's stream without a descriptor
        return cast("BufferedReader", sys.stdin.buffer)


def _remember(run: Run) -> None:
    """Count what an earlier run has done; it is not looked at again."""
    if not run.arguments.resume:
        return
    try:
        for row in run.results.rows():
            run.wanted.done(row.key)
            run.count(row)
    except ValueError as problem:
        raise ValueError(f"{named(run.arguments.output)} {problem}.") from None
    except Halted as problem:
        raise ValueError(str(problem)) from None


def _understood(arguments: Namespace) -> partial[Target]:
    from probe.model import Protocol, Tls
    from probe.targets import target_of

    protocol = Protocol(arguments.protocol) if arguments.protocol else None
    tls = Tls(arguments.tls) if arguments.tls else None
    return partial(target_of, port=arguments.port, protocol=protocol, tls=tls, mx=arguments.mx)
