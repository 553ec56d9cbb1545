from __future__ import annotations

import io

import pytest
from msgspec.structs import replace
from render.tallies import ABOUT, hostile, row, title, usual

from probe.model import NOT_CALLED
from probe.render.counts import duration, how_many, milliseconds, number, share, took
from probe.render.sheet import console
from probe.render.summary import Again, show
from probe.results.row import Row
from probe.results.tally import About, Tally


def shown(
    tally: Tally, about: About = ABOUT, *, verbose: bool = False, encoding: str = "utf-8", again: Again = ((), None)
) -> str:
    """The summary as a pipe gets it."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    show(tally, about, console(stream), title=title, verbose=verbose, again=again)
    stream.seek(0)
    return stream.read()


def test_a_usual_sweep_fits_on_a_screen() -> None:
    """Within 80 columns and 40 lines, with what is wrong at the top."""
    lines = shown(usual()).splitlines()
    assert lines[0] == "1 000 targets in 2 min 5 s, 8.0 a second"
    assert lines[1:6] == [
        "  ✓     836   83.6%  right",
        "  i      68    6.8%  with notes",
        "  !       9    0.9%  with warnings",
        "  ✗      58    5.8%  wrong",
        "  ✗      29    2.9%  unreachable",
    ]
    assert "  Sectigo Limited                   20      20       0  missing-intermediate" in lines
    assert "  smtp-chaincheck mx33.example.com         one of them in full" in lines
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 80


@pytest.mark.unmeasured
def test_verbose_leaves_nothing_out() -> None:
    """Notes, and every group."""
    assert "root-included" not in shown(usual())
    assert "and 1 more (--verbose)" in shown(usual())
    told = shown(usual(), verbose=True)
    assert "root-included" in told
    assert "more (--verbose)" not in told


def test_a_sweep_without_faults_is_short() -> None:
    """And one without targets has no tables and no commands."""
    tally = Tally()
    tally.add(row("mx.example.com"))
    assert "What is wrong" not in shown(tally)
    assert "smtp-chaincheck" not in shown(tally)
    assert shown(Tally()) == "0 targets in 2 min 5 s\n"


def test_an_unfinished_sweep_says_so() -> None:
    """Else its numbers would be taken for all."""
    assert shown(usual(), replace(ABOUT, finished=False)).startswith("1 000 targets in 2 min 5 s, 8.0 a second; not")


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (replace(ABOUT, seconds=0.2), "1 000 targets in 0.2 s, 5 000 a second"),
        (replace(ABOUT, seconds=4000.0), "1 000 targets in 1 h 6 min, 15 a minute"),
        (replace(ABOUT, already=900), "1 000 targets; 900 were done before, 100 now in 2 min 5 s, 48 a minute"),
        (replace(ABOUT, already=1000), "1 000 targets; 1 000 were done before, 0 now"),
        (replace(ABOUT, repeated=1), "1 000 targets in 2 min 5 s, 8.0 a second; 1 line names one of them again"),
        (replace(ABOUT, repeated=3600), "1 000 targets in 2 min 5 s, 8.0 a second; 3 600 lines name one of them again"),
    ],
)
def test_what_was_done_and_how_fast(about: About, words: str) -> None:
    """What earlier runs have done is no work of this one."""
    assert how_many(usual()) + took(usual(), about) == words


def test_who_was_not_called_has_a_row_of_its_own() -> None:
    """Nobody takes an exclusion, or a null MX, for an outage."""
    tally = Tally()
    for place, why in enumerate(NOT_CALLED.values()):
        tally.add(Row(f"host h{place} 25 smtp", "unreachable", 3, (), (), (f"h{place}:25: 10.0.0.1, {why}",)))
    tally.add(Row("domain example.org 25 smtp", "unreachable", 3, (("null-mx", "error"),), ()))
    assert shown(tally).splitlines()[1:4] == [
        "  -       1   33.3%  take no mail, by their null MX",
        "  -       1   33.3%  not called: excluded (--exclude)",
        "  -       1   33.3%  not called: loopback or private (see --allow-private)",
    ]


def test_names_of_strangers_are_clean_and_quoted() -> None:
    """Nothing reaches the terminal that is not visible, and a command is one command."""
    told = shown(hostile(), verbose=True)
    assert all(char.isprintable() or char == "\n" for char in told)
    assert r"\u202egro.elpmaxe\u2066" in told
    assert "smtp-chaincheck '<script>document.title=\"ran\"</script>'" in told


def test_a_mail_domain_is_given_back_with_its_option() -> None:
    """A command that was printed works."""
    tally = Tally()
    tally.add(Row("domain example.org 25 smtp", "error", 1, (("no-mx", "error"),), ()))
    assert "  smtp-chaincheck --mx example.org " in shown(tally)
    told = shown(tally, again=(("--resolver", "127.0.0.1:5353"), 2604))
    assert "  smtp-chaincheck --mx --port 2604 --resolver 127.0.0.1:5353 example.org\n" in told
    assert "  smtp-chaincheck explain no-mx  what it means" in told


def test_other_encodings_get_other_letters() -> None:
    """As everywhere."""
    assert "  x      58    5.8%  wrong" in shown(usual(), encoding="ascii")


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [(0, 10, "0%"), (10, 10, "100%"), (1, 100_000, "0.1%"), (99_999, 100_000, "99.9%"), (1, 3, "33.3%"), (0, 0, "0%")],
)
def test_a_share_never_rounds_to_all_or_nothing(part: int, whole: int, words: str) -> None:
    """One host in a hundred thousand is still one."""
    assert share(part, whole) == words


def test_numbers_and_times() -> None:
    """As people write them."""
    assert [number(value) for value in (0, 999, 1000, 1234567)] == ["0", "999", "1 000", "1 234 567"]
    assert [duration(value) for value in (0.2, 59.4, 59.6, 3599, 3600, 90061)] == [
        *("0 s", "59 s", "1 min 0 s", "59 min 59 s", "1 h 0 min", "25 h 1 min")
    ]
    assert [milliseconds(ms) for ms in (0.4, 40, 999.4, 1500, 31_000)] == ["0 ms", "40 ms", "999 ms", "1.5 s", "31 s"]
