"""What moves on stderr while a sweep runs: how far, how fast, what was found so far. On a terminal alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import nlargest
from typing import TYPE_CHECKING, TextIO

from probe.render.clean import clean
from probe.render.counts import WORDS, duration, number, rate, share
from probe.render.progress import drawn
from probe.results.tally import Tally

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

REDRAWS = 4
"""A second."""
WINDOW = 10
"""Seconds over which "now" is measured: shorter ones jump."""
FINDINGS = 3
HELD_UP = "the others wait for their operator (--per-operator, --pause) or for --rate"
LEAST = 2
"""Seconds before a rate, or a time that is left, is more than a guess."""


class Progress:
    """How far a sweep is. It is told of each target, which costs three assignments, and drawn a few times a second.

    ``expected`` is asked how many targets there are, with those that were done ``already``; None while nobody knows.
    """

    def __init__(self, expected: Callable[[], int | None], clock: Callable[[], float], already: int = 0) -> None:
        self._expected = expected
        self._clock, self._began, self._already = clock, clock(), already
        self._seen = deque([(self._began, already)])
        self._tally, self._under_way, self._waiting, self._held_up = Tally(), 0, 0, False

    def update(self, tally: Tally, under_way: int, waiting: int, *, held_up: bool = False) -> None:
        """Take note of what is counted, and how many targets are begun, and known but not begun.

        ``held_up``: those wait for somebody else than us.
        """
        self._tally, self._under_way, self._waiting, self._held_up = tally, under_way, waiting, held_up

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        lines = (self._pace(options.max_width), HELD_UP if self._held_up else "", self._statuses(), self._found())
        yield Text("\n".join(line for line in lines if line), no_wrap=True, overflow="ellipsis")

    def _pace(self, room: int) -> str:
        """How far and how fast; of that the rate of all of it goes without saying where there is no room."""
        now, done = self._clock(), max(self._tally.targets, self._already)
        expected = max(known, done) if (known := self._expected()) else 0
        recent, overall = self._recent(now, done), (done - self._already) / max(now - self._began, 1e-3)
        far = number(done) + (f" of {number(expected)} ({share(done, expected)})" if expected else "")
        fast = whole = rest = ""
        if now - self._began >= LEAST:
            fast = f", {rate(recent)}/s"
            whole = f" ({rate(overall)}/s overall)" if rate(overall) != rate(recent) else ""
            rest = f", {duration((expected - done) / overall)} left" if expected > done and overall else ""
        waiting = f", {number(self._waiting)} waiting" if self._waiting else ""
        rest += f"; {number(self._under_way)} under way{waiting}"
        line = far + fast + whole + rest
        return line if len(line) <= room else far + fast + rest

    def _recent(self, now: float, done: int) -> float:
        """Targets a second over the last seconds."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / max(now - since, 1e-3)

    def _statuses(self) -> str:
        counts = self._tally.outcomes
        return ", ".join(f"{number(counts[one])} {word}" for one, word in WORDS.items() if counts[one])

    def _found(self) -> str:
        """The most frequent errors and warnings, and where the time goes.

        This runs in a thread of its own, and the tally grows meanwhile: each table is copied at one stroke first.
        """
        grave = [(one.targets, name) for name, one in list(self._tally.findings.items()) if one.severity != "info"]
        parts = [f"{clean(name, 40)} {number(count)}" for count, name in nlargest(FINDINGS, grave)]
        if slow := self._tally.slowest:
            parts.append(f"slowest: {clean(slow[0], 12)} {self._tally.share_of_time(slow[1]):.0%}")
        return ", ".join(parts)


@contextmanager
def sweeping(
    stream: TextIO,
    expected: Callable[[], int | None],
    *,
    already: int = 0,
    shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Draw how far the sweep is while the block runs; in a pipe, on a dumb terminal, and unless ``shown``, nothing."""
    progress = Progress(expected, clock, already)
    with drawn(progress, stream, shown=shown, redraws=REDRAWS, above=True):
        yield progress
