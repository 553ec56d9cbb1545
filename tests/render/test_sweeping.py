from __future__ import annotations

import io
import threading

import pytest
from render.tallies import hostile, row, usual
from render.terminals import Clock, Terminal
from rich.console import Console

from probe.render.sweeping import Progress, sweeping
from probe.results.tally import Tally


def lines(progress: Progress, width: int = 120) -> list[str]:
    """What is drawn now."""
    screen = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    drawn = screen.render_lines(progress, pad=False)
    return ["".join(segment.text for segment in line) for line in drawn]


def test_how_far_how_fast_and_what_was_found() -> None:
    """In three lines."""
    clock = Clock()
    progress = Progress(lambda: 4000, clock)
    assert lines(progress) == ["0 of 4 000 (0%); 0 under way"]
    progress.update(usual(), 500, 2500)
    clock.now = 20.0
    assert lines(progress) == [
        "1 000 of 4 000 (25.0%), 50/s, 1 min 0 s left; 500 under way, 2 500 waiting",
        "836 right, 68 with notes, 9 with warnings, 58 wrong, 29 unreachable",
        "timeout-connect 29, no-starttls 24, missing-intermediate 20, slowest: connect 61%",
    ]


def test_where_nobody_knows_the_end_there_is_no_rest() -> None:
    """Until somebody does."""
    clock, known = Clock(), [None, 1001]
    progress = Progress(lambda: known[0], clock)
    progress.update(usual(), 1, 0)
    clock.now = 100.0
    assert lines(progress)[0] == "1 000, 10/s; 1 under way"
    known.reverse()
    assert "1 000 of 1 001 (99.9%)" in lines(progress)[0]


def test_now_is_the_last_seconds() -> None:
    """A sweep that stands still says so."""
    clock = Clock()
    progress = Progress(lambda: None, clock)
    progress.update(usual(), 1, 0)
    for second in range(60):
        clock.now = float(second)
        lines(progress)
    assert ", 0.0/s (17/s overall)" in lines(progress)[0]


def test_a_resumed_sweep_counts_its_own_rate() -> None:
    """What was done before took no time of this run."""
    clock = Clock()
    progress = Progress(lambda: 2000, clock, already=1000)
    tally = usual()
    progress.update(tally, 0, 0)
    tally.add(row("one.more"))
    clock.now = 10.0
    assert lines(progress)[0].startswith("1 001 of 2 000 (50.0%), 0.1/s, ")


def test_the_rate_of_all_gives_way_in_a_narrow_line() -> None:
    """What is under way and waiting is worth more."""
    clock = Clock()
    progress = Progress(lambda: 20_000, clock)
    for now, held in ((0.0, False), (60.0, True)):
        progress.update(usual(), 0, 796, held_up=held)
        clock.now = now
        lines(progress)
    clock.now = 65.0
    wide, narrow = lines(progress, 120), lines(progress, 80)
    assert wide[0] == "1 000 of 20 000 (5.0%), 0.0/s (15/s overall), 20 min 35 s left; 0 under way, 796 waiting"
    assert narrow[0] == "1 000 of 20 000 (5.0%), 0.0/s, 20 min 35 s left; 0 under way, 796 waiting"
    assert narrow[1].startswith("the others wait for their operator (--per-operator, ")
    assert max(map(len, narrow)) <= 80


@pytest.mark.unmeasured
@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_line_is_cut_not_broken(width: int) -> None:
    """Else the terminal could not take it back."""
    progress = Progress(lambda: 4000, Clock())
    for tally in (usual(), hostile()):
        progress.update(tally, 500, 2500)
        screen = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
        drawn = screen.render_lines(progress, pad=False)
        assert len(drawn) == 3
        assert all(sum(len(segment.text) for segment in line) <= width for line in drawn)
    assert all(char.isprintable() for line in lines(progress) for char in line)


@pytest.mark.parametrize(("stream", "shown"), [(io.StringIO(), True), (Terminal(), False)])
def test_nothing_is_drawn_without_a_terminal_or_when_unwanted(stream: io.StringIO, shown: bool) -> None:
    """A pipe and --quiet stay clean; it may be told all the same."""
    with sweeping(stream, lambda: 10, shown=shown) as progress:
        progress.update(usual(), 1, 1)
    assert stream.getvalue() == ""


def test_it_is_drawn_and_gone_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the summary stands there alone."""
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    with sweeping(stream, lambda: 4000, clock=Clock()) as progress:
        progress.update(usual(), 500, 0)
    assert "1 000 of 4 000" in stream.getvalue()
    assert "\x1b[2K" in stream.getvalue().rpartition("of 4 000")[2]


def test_a_dumb_terminal_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could not take it back."""
    monkeypatch.setenv("TERM", "dumb")
    stream = Terminal()
    with sweeping(stream, lambda: 4000):
        pass
    assert stream.getvalue() == ""


def test_it_is_drawn_while_the_tally_grows() -> None:
    """In another thread, as rich does it."""
    tally, progress, ended = Tally(), Progress(lambda: None, Clock()), threading.Event()
    progress.update(tally, 0, 0)

    def grow() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            tally.add(row("x", (f"finding-{number}", "error"), ca=f"CA {number}"))
            if number > 20_000:
                tally.findings.clear()
                number = 0

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(100):
            lines(progress)
    finally:
        ended.set()
        thread.join()
