"""What moves on stderr while a sweep runs: how far, how fast, what was found so far. On a terminal alone."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from heapq import nlargest
from typing import TYPE_CHECKING, TextIO

from probe.render.clean import clean
from probe.render.counts import WORDS, duration, number, share
from probe.render.progress import drawn
from probe.results.tally import STATUSES, Tally

if TYPE_CHECKING:
    from rich.text import Text

REDRAWS = 4
"""A second."""
WINDOW = 10
"""Seconds over which "now" is measured: shorter ones jump."""
FINDINGS = 3
LEAST = 2
"""Seconds before a rate, or a time that is left, is more than a guess."""


class Progress:
    """How far a sweep is. It is told of each target, which costs three assignments, and drawn a few times a second.

    ``expected``: how many targets there are, with those that were done ``already``; None while nobody knows, and to be
    set as soon as somebody does.
    """

    def __init__(self, expected: int | None, clock: Callable[[], float], already: int = 0) -> None:
        self.expected = expected
        self._clock, self._began, self._already = clock, clock(), already
        self._seen = deque([(self._began, already)])
        self._tally, self._under_way, self._waiting = Tally(), 0, 0

    def update(self, tally: Tally, under_way: int, waiting: int) -> None:
        """Take note of what is counted, and how many targets are begun, and known but not begun."""
        self._tally, self._under_way, self._waiting = tally, under_way, waiting

    def __rich__(self) -> Text:
        from rich.text import Text

        lines = (self._pace(), self._statuses(), self._found())
        return Text("\n".join(line for line in lines if line), no_wrap=True, overflow="ellipsis")

    def _pace(self) -> str:
        now, done = self._clock(), max(self._tally.targets, self._already)
        recent = self._recent(now, done)
        overall = (done - self._already) / max(now - self._began, 1e-3)
        of = f" of {number(self.expected)} ({share(done, self.expected)})" if self.expected else ""
        words = f"{number(done)}{of}"
        if now - self._began >= LEAST:
            words += f", {_rate(recent)}/s ({_rate(overall)}/s overall)"
            rest = self.expected - done if self.expected is not None else 0
            words += f", {duration(rest / overall)} left" if rest > 0 and overall else ""
        waiting = f", {number(self._waiting)} waiting" if self._waiting else ""
        return f"{words}; {number(self._under_way)} under way{waiting}"

    def _recent(self, now: float, done: int) -> float:
        """Targets a second over the last seconds."""
        self._seen.append((now, done))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW:
            self._seen.popleft()
        since, before = self._seen[0]
        return (done - before) / max(now - since, 1e-3)

    def _statuses(self) -> str:
        counts = [(self._tally.statuses[status], WORDS[status]) for status in STATUSES]
        return ", ".join(f"{number(count)} {word}" for count, word in counts if count)

    def _found(self) -> str:
        """The most frequent errors and warnings, and where the time goes.

        This runs in a thread of its own, and the tally grows meanwhile: each table is copied at one stroke first.
        """
        grave = [(one.targets, name) for name, one in list(self._tally.findings.items()) if one.severity != "info"]
        parts = [f"{clean(name, 40)} {number(count)}" for count, name in nlargest(FINDINGS, grave)]
        if slow := self._tally.slowest:
            parts.append(f"slowest: {clean(slow[0], 12)} {self._tally.share_of_time(slow[1]):.0%}")
        return ", ".join(parts)


def _rate(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


@contextmanager
def sweeping(
    stream: TextIO,
    expected: int | None = None,
    *,
    already: int = 0,
    shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Draw how far the sweep is while the block runs; in a pipe, on a dumb terminal, and unless ``shown``, nothing."""
    progress = Progress(expected, clock, already)
    with drawn(progress, stream, shown=shown, redraws=REDRAWS, above=True):
        yield progress
