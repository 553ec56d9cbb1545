"""Something that moves while we wait: one line on stderr that says for what, and since when.

It is drawn on a terminal alone. In a pipe, in a log and on a dumb terminal nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from probe.model import Stage, Target
from probe.render.clean import clean

if TYPE_CHECKING:
    from rich.text import Text

REDRAWS = 8
"""A second: enough to look alive, too little to cost anything."""
FRAMES = "|/-\\"
"""Every encoding has them."""
WORDS = {
    Stage.DNS: "looking up the name",
    Stage.CONNECT: "connecting",
    Stage.GREETING: "waiting for the greeting (30 s is usual)",
    Stage.EHLO: "waiting for the reply to EHLO",
    Stage.STARTTLS: "waiting for the reply to STARTTLS",
    Stage.HANDSHAKE: "shaking hands",
    Stage.EHLO_TLS: "waiting for the reply to EHLO inside TLS",
    Stage.DONE: "judging the chain",
}


NAME = 20
"""Characters of the host's name: with the longest words the line keeps within 80."""


class Wait:
    """What we wait for now. rich asks for its text a few times a second."""

    def __init__(self, target: Target, clock: Callable[[], float]) -> None:
        self._target, self._clock = target, clock
        self.enter(Stage.DNS)

    def enter(self, stage: Stage) -> None:
        """Begin to wait for another stage."""
        self._stage, self._since = stage, self._clock()

    def __rich__(self) -> Text:
        from rich.text import Text

        waited = self._clock() - self._since
        frame = FRAMES[int(waited * REDRAWS) % len(FRAMES)]
        place = f"{clean(self._target.name, NAME)}:{self._target.port}"
        return Text(f"{frame} {WORDS[self._stage]}, {waited:.0f} s ({place})", no_wrap=True, overflow="ellipsis")


@contextmanager
def waiting(
    target: Target, stream: TextIO, *, shown: bool = True, clock: Callable[[], float] = time.monotonic
) -> Iterator[Callable[[Stage], None] | None]:
    """Draw the line while the block runs; yields what the probe calls at each stage, None where nothing is drawn."""
    if not (shown and stream.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(file=stream, highlight=False, markup=False, emoji=False)
    if console.is_dumb_terminal:
        yield None
        return
    wait = Wait(target, clock)
    with Live(
        wait, console=console, refresh_per_second=REDRAWS, transient=True, redirect_stdout=False, redirect_stderr=False
    ):
        yield wait.enter
