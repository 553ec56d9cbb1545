"""One run of a sweep: the list comes in, reports go to the results, the tally, and the table; and the last words."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, cast

from probe.cli.mishap import INTERRUPTED, WRONG_USAGE, ended_by_signals, say, uninterrupted
from probe.lists import Listing, open_list, unique
from probe.net.outage import Halted
from probe.render.clean import clean
from probe.results.file import KeepingError
from probe.results.keeping import kept
from probe.results.row import Row, key_of, row_of
from probe.results.seen import Seen
from probe.results.tally import About, Tally, called

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.judgement import Options
    from probe.model import Report, Target
    from probe.net.manners import Manners
    from probe.results.database import Tables
    from probe.results.lines import Lines

UNREACHABLE = 3
AHEAD = 4
"""Targets in hand for each connection: those that wait for a busy operator must not keep others waiting."""
TOLD = 10
"""Lines that are no targets and are quoted."""
QUOTED = 60


@dataclass(slots=True)
class Run:
    """What is open while a sweep runs."""

    arguments: Namespace
    listing: Listing
    results: Lines | Tables
    seen: Seen
    table: TextIO | None
    stack: ExitStack
    tally: Tally = field(default_factory=Tally)
    codes: set[int] = field(default_factory=set)
    mistakes: int = 0
    told: bool = False
    """It was said that there are targets of which no address may be called."""
    already: int = 0
    """Targets that an earlier run has done."""
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
            if stop.errno == BrokenPipeError().errno or isinstance(stop.__cause__, BrokenPipeError):
                raise BrokenPipeError from None
            say(f"{_named(self.arguments.output)} {stop}.")
            return WRONG_USAGE
        return self._ended(options, self._verdict)

    @property
    def _verdict(self) -> int:
        """The exit code of what was done: the worst of all; a list of mistakes alone is one."""
        nobody = WRONG_USAGE if self.mistakes else 0
        return max(self.codes - {UNREACHABLE}, default=UNREACHABLE if self.codes else nobody)

    async def _swept(self, options: Options, manners: Manners) -> None:
        from probe.pipeline import sweep
        from probe.render.sweeping import sweeping

        expected, already = self.listing.how_many(), self.tally.targets
        shown = not self.arguments.quiet
        reports = sweep(self._targets(), options, manners, self.arguments.concurrency * AHEAD)
        async with aclosing(reports):
            with sweeping(sys.stderr, expected, already=already, shown=shown) as progress:
                async for report in reports:
                    self._take(report)
                    progress.update(self.tally, manners.under_way, manners.waiting)

    def _take(self, report: Report) -> None:
        """Keep a report, then count it: what is counted is kept."""
        from probe.render.json import line

        row = row_of(report)
        if report.left_out and not (report.endpoints or report.domain or self.told):
            self.told = True
            say(f"{clean(report.left_out[0])}. Such targets are not called, and count as unreachable.")
        if self._on_screen:
            sys.stdout.write(_short(row))
        else:
            self.results.add(row, line(report))
        self.count(row)

    @property
    def _on_screen(self) -> bool:
        """Somebody looks at standard output, and is better served by words than by JSON."""
        return self.arguments.output is None and sys.stdout.isatty()

    def count(self, row: Row) -> None:
        """Count what is kept."""
        from probe.render.csv import rows_of

        self.tally.add(row)
        self.codes.add(row.exit_code)
        if self.table:
            self.table.write(rows_of(row))

    def _targets(self) -> Iterable[Target] | AsyncIterable[Target]:
        from probe.net.feed import fed

        shuffle = not self.arguments.no_shuffle
        every = self.listing.targets(self._mistaken, _understood(self.arguments), shuffle=shuffle)
        if self.arguments.list != "-":
            return unique(every, self.seen.add, key_of)
        return self._new(fed(every))

    async def _new(self, targets: AsyncIterator[Target]) -> AsyncIterator[Target]:
        async for target in targets:
            if self.seen.add(key_of(target)):
                yield target

    def _mistaken(self, number: int, text: str, why: str) -> None:
        if not text:  # the list itself, not a line of it
            self.codes.add(WRONG_USAGE)
            say(f"Line {number}: {clean(why[:400])}")
            return
        self.mistakes += 1
        if self.mistakes <= TOLD:
            say(f'Line {number} "{clean(text[:QUOTED])}" is left out. {clean(why[:400])}')

    def _ended(self, options: Options, code: int, why: str = "") -> int:
        """Say what came of it, and write the page."""
        from probe import __version__

        stores = tuple(f"{store.name} ({store.date})" for store in options.anchors.stores)
        seconds = time.monotonic() - self.clock
        about = About(self.arguments.list, self.began, seconds, __version__, stores, not why, self.already)
        if self.mistakes > TOLD:
            say(f"{self.mistakes} lines of the list are no targets and were left out.")
        if not self.arguments.quiet:
            _show(self.tally, about, self.arguments)
        code = self._page(about, code)
        if why:
            kept = "What was done is kept; --resume goes on from there."
            say(f"{clean(why)} {kept if self.arguments.output else 'With -o FILE, --resume could go on.'}")
        return code

    def _page(self, about: About, code: int) -> int:
        from probe.cli.explaining import title
        from probe.render.html import page

        if self.arguments.summary is None:
            return code
        try:
            _replace(Path(self.arguments.summary), page(self.tally, about, title))
        except OSError as problem:
            say(f"{clean(self.arguments.summary)} cannot be written: {problem.strerror}.")
            return WRONG_USAGE
        return code


def prepared(arguments: Namespace) -> Run:
    """Open the list and the results. Raises ValueError with a sentence where one of them cannot be used."""
    path = "-" if arguments.output is None else arguments.output
    _refuse_others(arguments)
    with ExitStack() as stack:
        listing = stack.enter_context(open_list(arguments.list, _standard_input(), arguments.column))
        try:
            results = kept(path, resume=arguments.resume, force=arguments.force)
        except ValueError as problem:
            raise ValueError(f"{_named(arguments.output)} {problem}.") from None
        stack.enter_context(results)
        for told in results.told:
            say(f"{_named(arguments.output)}: {told}.")
        seen = Seen()
        stack.callback(seen.close)
        run = Run(arguments, listing, results, seen, _table(arguments, stack), stack.pop_all())
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
            run.seen.add(row.key)
            run.count(row)
        run.already = run.tally.targets
    except ValueError as problem:
        raise ValueError(f"{_named(run.arguments.output)} {problem}.") from None


def _table(arguments: Namespace, stack: ExitStack) -> TextIO | None:
    """Open the table for spreadsheets: it is written anew by every run, what is kept already first."""
    from probe.render.csv import header

    if arguments.csv is None:
        return None
    try:
        table = stack.enter_context(open(arguments.csv, "w", encoding="utf-8", newline="", buffering=1))  # noqa: PTH123, SIM115
    except OSError as problem:
        raise ValueError(f"{clean(arguments.csv)} cannot be written: {problem.strerror}.") from None
    table.write(header())
    return table


def _refuse_others(arguments: Namespace) -> None:
    """Raise ValueError where a file would be overwritten, or be written twice."""
    named = {name: getattr(arguments, name) for name in ("output", "csv", "summary") if getattr(arguments, name)}
    if len({os.path.realpath(name) for name in named.values()}) < len(named):
        raise ValueError("-o, --csv and --summary name the same file. Give each its own.")
    for option in ("csv", "summary"):
        name = getattr(arguments, option)
        if name is None:
            continue
        if name == "" or Path(name).is_dir() or not Path(name).absolute().parent.is_dir():
            raise ValueError(f"--{option} {clean(name)}: there is no such place for a file.")
        if Path(name).exists() and not (arguments.force or arguments.resume):
            raise ValueError(f"{clean(name)} exists already. Say --force to overwrite it, or choose another name.")


def _understood(arguments: Namespace) -> partial[Target]:
    from probe.model import Protocol, Tls
    from probe.targets import target_of

    protocol = Protocol(arguments.protocol) if arguments.protocol else None
    tls = Tls(arguments.tls) if arguments.tls else None
    return partial(target_of, port=arguments.port, protocol=protocol, tls=tls, mx=arguments.mx)


def _named(output: str | None) -> str:
    return "Standard output" if output is None else clean(output)


def _short(row: Row) -> str:
    """A target in one line, for a person."""
    grave = [name for name, severity in sorted(row.every) if severity != "info"]
    return f"{row.status:<12} {clean(called(row.key))}{'  ' if grave else ''}{', '.join(grave)}\n"


def _show(tally: Tally, about: About, arguments: Namespace) -> None:
    from probe.cli.explaining import title
    from probe.render.sheet import console
    from probe.render.summary import show

    stream = sys.stderr if arguments.output is None and not sys.stdout.isatty() else sys.stdout
    show(tally, about, console(stream, no_color=arguments.no_color), title=title, verbose=arguments.verbose)


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all. Raises OSError."""
    beside = path.with_name(f".{path.name[:200]}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
