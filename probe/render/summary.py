"""What a sweep found, on one screen: how many are wrong, with what, at which CA and which mail server."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rich.cells import cell_len

from probe.render.clean import clean
from probe.render.counts import WORDS, how_many, milliseconds, number, share, took
from probe.render.facts import software_name
from probe.render.sheet import MARKS, Sheet, write
from probe.results.tally import About, Found, Group, Tally, frequent, largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from probe.render.finding import Title

FINDINGS = 5
GROUPS = 4
"""Rows of a table, so that all of it stands on one screen; --verbose shows every one."""
NAME = 28
"""Cells of the name of a CA or a mail server: the four numbers behind it keep within 80."""
COUNT = 8
COMMAND = 56
"""Cells of a command that has room for words behind it."""


Again = tuple["Sequence[str]", int | None]
"""The options of a command that looks as the sweep did; and the port of its domains, if it was named."""


def show(
    tally: Tally, about: About, console: Console, *, title: Title, verbose: bool = False, again: Again = ((), None)
) -> None:
    """Write the summary; ``title`` gives the title of a finding's page."""
    sheet = Sheet(console.width, console.encoding)
    _add_verdict(sheet, tally, about)
    if tally.targets:
        _add_findings(sheet, tally, title, verbose=verbose)
        _add_groups(sheet, "By CA", largest(tally.authorities), verbose=verbose)
        software = [(software_name(name), group) for name, group in largest(tally.software)]
        _add_groups(sheet, "By mail server", software, verbose=verbose)
        _add_rest(sheet, tally)
        _add_next(sheet, tally, again)
    write(sheet, console)


def _add_verdict(sheet: Sheet, tally: Tally, about: About) -> None:
    left = "" if about.finished else "; not finished"
    sheet.say((f"{how_many(tally)}{took(tally, about)}{left}", "strong"))
    for outcome, words in WORDS.items():
        if count := tally.outcomes[outcome]:
            part = f"{number(count):>{COUNT}}  {share(count, tally.targets):>6}  "
            sheet.say((MARKS[outcome], outcome), part + words, first="  ", rest=" " * (3 + len(part)))


def _add_findings(sheet: Sheet, tally: Tally, title: Title, *, verbose: bool) -> None:
    found = tally.ranked(notes=verbose)
    if not found:
        return
    _head(sheet, "What is wrong")
    for name, one in found if verbose else found[:FINDINGS]:
        _add_finding(sheet, name, one, tally.targets, title)
    _more(sheet, len(found) - FINDINGS, verbose=verbose)


def _add_finding(sheet: Sheet, name: str, found: Found, targets: int, title: Title) -> None:
    part = f"{number(found.targets):>{COUNT}}  {share(found.targets, targets):>6}  "
    example = f", as at {clean(found.examples[0])}" if found.examples else ""
    sheet.say(
        (MARKS[found.severity], found.severity),
        f"{part}{clean(title(name))} [{clean(name)}]{example}",
        first="  ",
        rest=" " * (3 + len(part)),
    )


def _add_groups(sheet: Sheet, heading: str, groups: Sequence[tuple[str, Group]], *, verbose: bool) -> None:
    if not groups:
        return
    _head(sheet, f"{heading:<{NAME + 2}} targets   wrong  warned  most often")
    for name, group in groups if verbose else groups[:GROUPS]:
        counts = "".join(f"{number(count):>{COUNT}}" for count in (group.targets, group.errors, group.warnings))
        line = f"{sheet.cell(name, NAME)}{counts}  {group.most or ''}".rstrip()
        sheet.say(line, first="  ", rest=" " * (NAME + 3 * COUNT + 4))
    _more(sheet, len(groups) - GROUPS, verbose=verbose)


def _add_rest(sheet: Sheet, tally: Tally) -> None:
    versions = [f"{name} {number(count)}" for name, count in frequent(tally.versions)]
    sheet.blank()
    if versions:
        sheet.say(", ".join(versions[:GROUPS]), first="TLS: ")
    if slow := tally.slowest:
        name, one = slow
        times = ", ".join(
            (f"half within {milliseconds(one.within(0.5))}", f"95% within {milliseconds(one.within(0.95))}")
        )
        part = f"{tally.share_of_time(one):.0%} of the time"
        sheet.say(f"{name}, {part}; {times}, at most {milliseconds(one.longest)}", first="Slowest stage: ")


def _add_next(sheet: Sheet, tally: Tally, again: Again) -> None:
    """Name the commands that go on from here, for the first thing that is wrong."""
    found = tally.ranked(notes=False)
    if not found:
        return
    name, one = found[0]
    rows = [(f"smtp-chaincheck explain {shlex.quote(clean(name))}", "what it means, and what mends it")]
    if one.examples:
        rows.insert(0, (_look(one.examples[0], again, of_domain=one.of_domain), "one of them in full"))
    lengths = [cell_len(command) for command, _ in rows]
    room = max((length for length in lengths if length <= COMMAND), default=0)
    sheet.blank()
    for (command, words), length in zip(rows, lengths, strict=True):
        beside = " " * (room - length + 2) + words if length <= room else ""
        sheet.line("  ", (command, "command"), beside)


def _look(example: str, again: Again, *, of_domain: bool) -> str:
    """The command that looks at it; a host has its port in its name."""
    words, port = again
    domain = ("--mx", *(("--port", str(port)) if port else ())) if of_domain else ()
    end = ("--",) if example.startswith("-") else ()
    return shlex.join(map(clean, ("smtp-chaincheck", *domain, *words, *end, example)))


def _head(sheet: Sheet, words: str) -> None:
    sheet.blank()
    sheet.say((words, "strong"))


def _more(sheet: Sheet, count: int, *, verbose: bool) -> None:
    if count > 0 and not verbose:
        sheet.say(f"and {number(count)} more (--verbose)", first="  ")
