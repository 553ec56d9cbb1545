from __future__ import annotations

import io
from dataclasses import dataclass

import pytest
from render.terminals import Clock, Terminal

from probe.model import Protocol, Stage, Target
from probe.render.progress import WORDS, Pause, Reading, Wait, pausing, reading, waiting

TARGET = Target("mx.example.com")


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


@pytest.mark.parametrize("protocol", Protocol)
def test_the_line_keeps_within_80_columns(protocol: Protocol) -> None:
    """With the longest words, name, port and time."""
    clock = Clock()
    wait = Wait(Target("mx" * 40 + ".example.com", 65535, protocol), clock)
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


MIB = 1 << 20


@dataclass
class File:
    """A file while it is read."""

    name: str = "mail.log"
    size: int | None = 100 * MIB
    consumed: int = 0


@pytest.mark.parametrize(
    ("size", "consumed", "seconds", "expected"),
    [
        (100 * MIB, 0, 0.0, "mail.log: 0 MiB, 0.0 MiB/s"),
        (100 * MIB, 50 * MIB, 10.0, "mail.log: 50 MiB, 5.0 MiB/s, 50%, 10 s left"),
        (100 * MIB, 100 * MIB, 10.0, "mail.log: 100 MiB, 10.0 MiB/s, 100%, 0 s left"),
        (100 * MIB, 150 * MIB, 10.0, "mail.log: 150 MiB, 15.0 MiB/s, 100%, 0 s left"),
        (None, 50 * MIB, 10.0, "mail.log: 50 MiB, 5.0 MiB/s"),
        (0, 0, 1.0, "mail.log: 0 MiB, 0.0 MiB/s"),
    ],
)
def test_how_much_is_read_and_how_long_it_takes(size: int | None, consumed: int, seconds: float, expected: str) -> None:
    """Where nobody knows the size, as of a pipe, there is no rest; a file that grows is no mistake."""
    clock = Clock()
    progress = Reading(clock)
    progress(File(size=size, consumed=consumed))
    clock.now = seconds
    assert progress.__rich__().plain == expected


def test_each_file_has_a_clock_of_its_own() -> None:
    """The rate is that of the file that is read now; before the first there is nothing to say."""
    clock = Clock()
    progress = Reading(clock)
    assert progress.__rich__().plain == ""
    first, second = File("a.log", consumed=MIB), File("b.log", consumed=MIB)
    progress(first)
    clock.now = 100.0
    progress(second)
    clock.now = 102.0
    progress(second)
    assert progress.__rich__().plain.startswith("b.log: 1 MiB, 0.5 MiB/s")


def test_the_name_of_a_file_is_clean_and_short() -> None:
    """It may come from anywhere."""
    progress = Reading(Clock())
    progress(File("\x1b[2J" + "x" * 300, 1 << 50, 1 << 49))
    assert "\x1b" not in progress.__rich__().plain
    assert len(progress.__rich__().plain) <= 100


@pytest.mark.parametrize(("stream", "shown"), [(io.StringIO(), True), (Terminal(), False)])
def test_reading_draws_nothing_without_a_terminal_or_when_unwanted(stream: io.StringIO, shown: bool) -> None:
    """It may be called all the same."""
    with reading(stream, shown=shown) as on_progress:
        on_progress(File())
    assert stream.getvalue() == ""


def test_reading_is_drawn_and_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the answer stands there alone."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with reading(stream, clock=Clock()) as on_progress:
        on_progress(File(consumed=MIB))
    assert "mail.log: 1 MiB" in stream.getvalue()
    assert "\x1b[2K" in stream.getvalue().rpartition("MiB")[2]


def test_a_pause_counts_down() -> None:
    """And never below nothing."""
    clock = Clock()
    pause = Pause(60.0, clock)
    assert pause.__rich__().plain == "next look in 60 s (Ctrl-C ends the watch)"
    clock.now = 61.0
    assert pause.__rich__().plain == "next look in 0 s (Ctrl-C ends the watch)"


@pytest.mark.parametrize("shown", [True, False])
def test_a_pause_is_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, shown: bool) -> None:
    """Where it is wanted."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with pausing(5.0, stream, shown=shown, clock=Clock()):
        pass
    assert ("next look in 5 s" in stream.getvalue()) == shown
