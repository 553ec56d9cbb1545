"""``--watch``: look again while somebody mends the server, until the chain is right or the verdict is another."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import UTC, datetime
from time import monotonic, sleep
from typing import TYPE_CHECKING

from msgspec import Struct

from probe.changes import Change, changes
from probe.cli import outputs
from probe.cli.explaining import title
from probe.cli.mishap import INTERRUPTED, WRONG_USAGE, say, uninterrupted
from probe.documents import report as read_back
from probe.render.changes import add_news
from probe.render.json import document, text
from probe.render.progress import pausing
from probe.render.sheet import Sheet, console, write

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from probe.documents import Document
    from probe.model import Report

SLOWEST = 300.0
"""Seconds to which the pause grows while nothing changes: what took half an hour will hardly be done in a minute."""
GROWTH = 1.25
"""Of the pause, with each look that shows nothing new: from one minute to five within half an hour."""
GONE = "unreachable"
"""No verdict but the lack of one: a server that is restarted is away for a moment."""


class Look(Struct, frozen=True):
    """One look, and what of weight it shows that those before did not."""

    report: Report
    news: tuple[Change, ...] | None = None
    """None for the first look, with which there is nothing to compare."""


def watch(look: Callable[[], Report], show: Callable[..., None], arguments: Namespace) -> int:
    """Look until that is enough, say what changed on the way, and return the exit code.

    ``show`` writes a report. With ``--json`` the last one alone stands on stdout, and the news on stderr.
    """
    last: Look | None = None
    examined = again = changed = interrupted = False

    def rest(seconds: float) -> None:
        with pausing(seconds, sys.stderr, shown=not arguments.quiet):
            sleep(seconds)

    try:
        for last in until_enough(looks(look, arguments.every, arguments.watch_limit, monotonic, rest)):
            examined |= last.report.status != GONE
            again |= last.news is not None
            _tell(last, show, arguments, first=not changed)
            changed |= bool(last.news)
    except KeyboardInterrupt:
        interrupted = True
        if last is None:
            raise
    assert last  # noqa: S101 -- there is always a first look
    with uninterrupted() if interrupted else nullcontext():
        if again and not arguments.json:
            sys.stdout.write("" if arguments.quiet else "\n")
            show(last.report, quiet=arguments.quiet or not changed)
        written = _conclude(last.report, arguments)
    code = last.report.exit_code and (1 if examined else 3)
    return INTERRUPTED if interrupted else code if written else WRONG_USAGE


def until_enough(looks: Iterator[Look]) -> Iterator[Look]:
    """End with the look that shows the server right, or with another status than when it was first examined."""
    first = GONE
    for one in looks:
        yield one
        status = one.report.status
        first = status if first == GONE else first
        if one.report.exit_code == 0 or status not in {first, GONE}:
            return


def looks(
    look: Callable[[], Report], every: float, limit: float, clock: Callable[[], float], rest: Callable[[float], None]
) -> Iterator[Look]:
    """Look, rest for ``every`` seconds (longer while nothing changes), and look again, for ``limit`` seconds in all."""
    end, pause = clock() + limit, every
    report = look()
    yield Look(report)
    before = known = read_back(document(report))
    while clock() + pause <= end:
        rest(pause)
        report = look()
        now = read_back(document(report))
        found = news(before, known, now)
        yield Look(report, found)
        pause = every if found else min(pause * GROWTH, max(every, SLOWEST))
        before, known = now, known if now["status"] == GONE else now


def news(before: Document, known: Document, now: Document) -> tuple[Change, ...]:
    """Compare with the look before; a server that is back again, with the last time when it was there (``known``)."""
    was, is_ = before["status"], now["status"]
    verdict = (Change("status", was, is_),) if was != is_ else ()
    if is_ == GONE:
        return (*verdict, *(c for c in changes([before], [now]) if c.kind == "finding" and c.after and c.matters))
    return (*verdict, *(c for c in changes([known], [now]) if c.kind != "status" and c.matters))


def _tell(seen: Look, show: Callable[..., None], arguments: Namespace, *, first: bool) -> None:
    """The first look is a report, every other one a few lines, where there is news; ``first`` has air above it."""
    if seen.news is None and not arguments.json:
        show(seen.report)
    if not seen.news:
        return
    stream = sys.stderr if arguments.json else sys.stdout
    screen = console(stream, no_color=arguments.no_color)
    sheet = Sheet(screen.width, screen.encoding)
    stream.write("\n" if first and not arguments.quiet and not arguments.json else "")
    add_news(sheet, seen.news, seen.report, title, f"{datetime.now(UTC).astimezone():%H:%M:%S}")
    write(sheet, screen)
    stream.flush()


def _conclude(report: Report, arguments: Namespace) -> bool:
    """Leave what a program reads; False where --save could not write it."""
    if arguments.json:
        sys.stdout.write(text([report]))
    if report.exit_code:
        say("The watch is over, and the chain is not right.")
    return outputs.observations([report], arguments)
