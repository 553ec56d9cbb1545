from __future__ import annotations

import io

import pytest

from probe.model import Stage, Target
from probe.render.progress import WORDS, Wait, waiting

TARGET = Target("mx.example.com")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """As a terminal does."""
        return True


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        """What time.monotonic does."""
        return self.now


def test_every_stage_has_words() -> None:
    """Whoever waits knows for what."""
    assert set(WORDS) == set(Stage)


def test_the_line_moves_and_counts() -> None:
    """The frame turns, the seconds grow, and a new stage begins at none."""
    clock = Clock()
    wait = Wait(TARGET, clock)
    assert wait.__rich__().plain == "| looking up the name, 0 s (mx.example.com:25)"
    wait.enter(Stage.CONNECT)
    clock.now = 2.125
    assert wait.__rich__().plain == "/ connecting, 2 s (mx.example.com:25)"


def test_the_line_keeps_within_80_columns() -> None:
    """With the longest words, name, port and time."""
    clock = Clock()
    wait = Wait(Target("mx" * 40 + ".example.com", 65535), clock)
    for stage in Stage:
        clock.now = 0.0
        wait.enter(stage)
        clock.now = 3600.0
        assert len(wait.__rich__().plain) <= 80


@pytest.mark.parametrize(("stream", "shown"), [(io.StringIO(), True), (Terminal(), False)])
def test_nothing_is_drawn_without_a_terminal_or_when_unwanted(stream: io.StringIO, shown: bool) -> None:
    """A pipe and --quiet stay clean."""
    with waiting(TARGET, stream, shown=shown) as on_stage:
        assert on_stage is None
    assert stream.getvalue() == ""


def test_nothing_is_drawn_on_a_dumb_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not take the line back."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with waiting(TARGET, stream) as on_stage:
        assert on_stage is None
    assert stream.getvalue() == ""


def test_the_line_is_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn while we wait and erased when there is something to read."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with waiting(TARGET, stream, clock=Clock()) as on_stage:
        assert on_stage
        on_stage(Stage.GREETING)
    assert "mx.example.com:25" in stream.getvalue()
    assert "\x1b[2K" in stream.getvalue().rpartition(":25")[2]
