"""How the numbers of a sweep are written, on a screen and on a page."""

from __future__ import annotations

from probe.results.tally import About, Tally

WORDS = {
    "ok": "right",
    "info": "with notes",
    "warning": "with warnings",
    "error": "wrong",
    "unreachable": "unreachable",
    "no-mail": "take no mail, by their null MX",
    "excluded": "not called: excluded (--exclude)",
    "private": "not called: loopback or private (see --allow-private)",
}
"""Outcome → what is said of so many targets."""
MINUTE, HOUR = 60, 3600


def number(value: int) -> str:
    """Write a number with its thousands apart: "50 000"."""
    return f"{value:,}".replace(",", " ")


def share(part: int, whole: int) -> str:
    """Write a part in percent; what is there is never 0, and what is missing never 100."""
    if not part or part >= whole:
        return "100%" if part else "0%"
    percent = min(max(100 * part / whole, 0.1), 99.9)
    return f"{percent:.1f}%"


def duration(seconds: float) -> str:
    """Write a time in its two largest units: "12 s", "3 min 20 s", "2 h 5 min"."""
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"


def milliseconds(ms: float) -> str:
    """Write how long a server took: "40 ms", "1.5 s", "31 s"."""
    if ms < 1000:
        return f"{ms:.0f} ms"
    return f"{ms / 1000:.1f} s" if ms < 10_000 else f"{ms / 1000:.0f} s"


def rate(value: float) -> str:
    """Write how many a second, in two digits at least."""
    return number(round(value)) if value >= 10 else f"{value:.1f}"


def how_many(tally: Tally) -> str:
    """Say how many targets there were, and endpoints where those are not the same."""
    words = f"{number(tally.targets)} target{'' if tally.targets == 1 else 's'}"
    if tally.endpoints in {tally.targets, 0}:
        return words
    return f"{words} ({number(tally.endpoints)} endpoint{'' if tally.endpoints == 1 else 's'})"


def took(tally: Tally, about: About) -> str:
    """Say how long it took, and how fast it was: what follows ``how_many``."""
    now = tally.targets - about.already
    before = f"; {number(about.already)} were done before, {number(now)} now" if about.already else ""
    many = "line names" if about.repeated == 1 else "lines name"
    again = f"; {number(about.repeated)} {many} one of them again" if about.repeated else ""
    return before + (_speed(now, about.seconds) if now or not before else "") + again


def _speed(count: int, seconds: float) -> str:
    time = f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
    a_second = count / seconds if seconds else 0
    speed = f"{rate(a_second)} a second" if a_second >= 1 else f"{rate(a_second * MINUTE)} a minute"
    return f" in {time}" + (f", {speed}" if a_second else "")
