"""Something that moves while we wait: one line on stderr that says for what, and since when.

It is drawn on a terminal alone. In a pipe, in a log and on a dumb terminal nothing is written.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from probe.catalogue.protocols import spoken_of
from probe.model import Stage, Target
from probe.render.clean import clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

REDRAWS = 8
"""A second: enough to look alive, too little to cost anything."""
FRAMES = "|/-\\"
"""Every encoding has them."""
WORDS = {
    Stage.DNS: "looking up the name",
    Stage.CONNECT: "connecting",
    Stage.GREETING: "waiting for the greeting (30 s is usual)",
    Stage.EHLO: "waiting for the answer to EHLO",
    Stage.STARTTLS: "waiting for the answer to STARTTLS",
    Stage.HANDSHAKE: "shaking hands",
    Stage.EHLO_TLS: "waiting for the answer to EHLO inside TLS",
    Stage.DONE: "judging the chain",
}


NAME = 20
"""Characters of the host's name, where the line keeps within 80 with them."""
ROOM = 80 - len(" (:65535)")
"""Characters of the line without the port."""


Count = Callable[[], tuple[int, int]]


def alone() -> tuple[int, int]:
    """Count a probe that is one look."""
    return 0, 1


class Wait:
    """What we wait for now. rich asks for its text a few times a second."""

    def __init__(self, target: Target, clock: Callable[[], float], count: Count = alone) -> None:
        self._target, self._clock, self._count = target, clock, count
        self._began = clock()
        self.enter(Stage.DNS)

    def enter(self, stage: Stage) -> None:
        """Begin to wait for another stage."""
        self._stage, self._since = stage, self._clock()

    def __rich__(self) -> Text:
        from rich.text import Text

        now, (done, looks) = self._clock(), self._count()
        frame = FRAMES[int((now - self._since) * REDRAWS) % len(FRAMES)]
        if looks > 1:
            words = f"{frame} {done} of {looks} looks done, {now - self._began:.0f} s"
        else:
            words = f"{frame} {spoken_of(self._target.protocol, WORDS[self._stage])}, {now - self._since:.0f} s"
        place = f"{clean(self._target.name, min(NAME, ROOM - len(words)))}:{self._target.port}"
        return Text(f"{words} ({place})", no_wrap=True, overflow="ellipsis")


@contextmanager
def waiting(
    target: Target,
    stream: TextIO,
    *,
    shown: bool = True,
    clock: Callable[[], float] = time.monotonic,
    count: Count = alone,
) -> Iterator[Callable[[Stage], None] | None]:
    """Draw the line while the block runs; yields what the probe calls at each stage, None where nothing is drawn.

    ``count`` tells how many looks are done, of how many that are known of.
    """
    wait = Wait(target, clock, count)
    with drawn(wait, stream, shown=shown) as seen:
        yield wait.enter if seen else None


@contextmanager
def drawn(
    line: RenderableType, stream: TextIO, *, shown: bool, redraws: int = REDRAWS, above: bool = False
) -> Iterator[bool]:
    """Draw a line that changes, on a terminal alone; yields whether it is drawn.

    ``above``: what the program writes to the terminal meanwhile stands above it.
    """
    if not (shown and stream.isatty()):
        yield False
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if console.is_dumb_terminal:
        yield False
        return
    with Live(
        line,
        console=console,
        refresh_per_second=redraws,
        transient=True,
        redirect_stdout=above and _on_one_screen(sys.stdout, stream),
        redirect_stderr=above,
    ):
        yield True


def _on_one_screen(one: TextIO, other: TextIO) -> bool:
    """Both lead to the same terminal."""
    return one.isatty() and os.fstat(one.fileno()).st_rdev == os.fstat(other.fileno()).st_rdev


@contextmanager
def pausing(
    seconds: float, stream: TextIO, *, shown: bool = True, clock: Callable[[], float] = time.monotonic
) -> Iterator[None]:
    """Draw how long the pause still takes while the block runs."""
    with drawn(Pause(seconds, clock), stream, shown=shown):
        yield


class Pause:
    """The time until the next look. rich asks for its text a few times a second."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._end, self._clock = clock() + seconds, clock

    def __rich__(self) -> Text:
        from rich.text import Text

        left = max(self._end - self._clock(), 0)
        return Text(f"next look in {left:.0f} s (Ctrl-C ends the watch)", no_wrap=True, overflow="ellipsis")


class Reading:
    """How much of a file is read, how fast, and how long it will take. rich asks for its text a few times a second."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._since = clock, clock()
        self._source: Readable | None = None

    def __call__(self, source: Readable) -> None:
        """Take note of the file that is being read."""
        if self._source is not source:
            self._since = self._clock()
        self._source = source

    def __rich__(self) -> Text:
        from rich.text import Text

        source = self._source
        if source is None:
            return Text()
        passed = max(self._clock() - self._since, 1e-3)
        rate = source.consumed / passed
        words = f"{clean(source.name, NAME)}: {source.consumed >> 20} MiB, {rate / (1 << 20):.1f} MiB/s"
        if source.size and source.consumed:
            share = min(source.consumed / source.size, 1)  # a log grows while it is read
            words = f"{words}, {share:.0%}, {(1 - share) / share * passed:.0f} s left"
        return Text(words, no_wrap=True, overflow="ellipsis")


class Readable(Protocol):
    """A file while it is read."""

    name: str
    size: int | None
    consumed: int


@contextmanager
def reading(
    stream: TextIO, *, shown: bool = True, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Readable], None]]:
    """Draw the progress of reading while the block runs; yields what is called now and then with the file."""
    progress = Reading(clock)
    with drawn(progress, stream, shown=shown):
        yield progress
