"""One finding on a sheet: mark, weight, title and id; what was found and for whom; what to do; where to read more."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct, field

from probe.catalogue.advice import CHAIN, MENDED
from probe.catalogue.pages import ids, page
from probe.model import Confidence, Finding, Severity
from probe.render.clean import LIMIT
from probe.render.sheet import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probe.render.sheet import Sheet

Title = Callable[[str], str]
"""Finding id → title of its page."""

NAMES = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
COMMAND = "$ "
"""Begins an entry of Finding.fix that is a command."""
OURS = ("$ smtp-chaincheck ", "$ openssl ")
"""Commands that are the same whatever the server is."""
_LEAD_IN = re.compile(r"(?:(?<=[.!?]) |\A)[^.!?]*:\Z")
"""The last sentence of an entry, when it announces the command that follows."""
_LONG = re.compile(rf"\S{{{LIMIT + 1},}}")


class Told(Struct):
    """What this report has said already, so that it says nothing twice."""

    title: Title
    verbose: bool = False
    words: tuple[str, ...] = ()
    """Options of this run that a command of ours repeats."""
    written: str | None = None
    """The file into which the mended list was just written."""
    records: bool = False
    """TLSA records to publish are among what is told."""
    hint: str | None = ""
    """What is still to be said beside commands for no server in particular; None = it was said."""
    fixes: dict[tuple[str, ...], str] = field(default_factory=dict)
    """Ends of the advice given so far → the finding for which it was given."""
    trust: str = ""
    """By whose trust it is judged, as last said."""
    findings: dict[tuple[object, ...], tuple[tuple[str, ...], Finding]] = field(default_factory=dict)
    """Id, lines for a zone, sentences and advice, without names → the names, and the finding of which it was told."""


def tell(sheet: Sheet, finding: Finding, told: Told, where: str = "", names: tuple[str, ...] = ()) -> None:
    """Add one finding; a note takes one line unless all is wanted, or it brings lines for a zone file.

    ``where``: not every look of these has it. ``names`` are the host and the address of which it speaks: what was said
    of others in the same words is not said again.
    """
    sure = "" if finding.confidence is Confidence.IS else f" ({finding.confidence})"
    mark = (f"{MARKS[finding.severity]} {NAMES[finding.severity]}{sure}: ", finding.severity.value)
    heading = (told.title(finding.id), "strong")
    lines = zone_of(finding)
    if finding.severity is Severity.INFO and not told.verbose and not lines:
        sheet.say(mark, heading, f"  [{finding.id}]", first="", rest="  ")
        return
    sheet.blank()
    sheet.say(mark, heading, f"  [{finding.id}]", first="", rest="  ")
    sheet.say(where, first="  ")
    said = (finding.id, lines, *_nameless(finding, names))
    if before := told.findings.get(said):
        sheet.say(f"All that was said of it above holds here, too{_instead(finding, names, *before)}.", first="  ")
        sheet.blank()
        return
    told.findings[said] = names, finding
    sheet.say(_LONG.sub(_cut, finding.summary.replace("\n", " ")), first="  ")
    _copyable(sheet, lines)
    _advise(sheet, finding, told)
    sheet.say(f"page: smtp-chaincheck explain {finding.page}", first="  ")
    sheet.blank()


def tell_briefly(sheet: Sheet, finding: Finding, told: Told) -> None:
    """Add the title of one that a table above has said already, and where more of it stands."""
    mark = (f"{MARKS[finding.severity]} {NAMES[finding.severity]}: ", finding.severity.value)
    sheet.say(mark, (told.title(finding.id), "strong"), f"  [{finding.id}]", first="", rest="  ")
    sheet.say(f"page: smtp-chaincheck explain {finding.page}", first="  ")


def _nameless(finding: Finding, names: tuple[str, ...]) -> tuple[object, ...]:
    """Sentences and advice with each name left open; a command that writes a list is for one server alone."""
    said = (finding.summary, *finding.fix)
    if not names or any("--write-chain" in entry for entry in finding.fix):
        return said
    known = re.compile("|".join(re.escape(name) for name in sorted(names, key=len, reverse=True)))
    return tuple(known.sub("\0", entry) for entry in said)


def _instead(finding: Finding, names: tuple[str, ...], others: tuple[str, ...], before: Finding) -> str:
    """Which name stands in the place of which, where the words are not the same."""
    if (before.summary, before.fix) == (finding.summary, finding.fix):
        return ""
    pairs = (pair for pair in zip(names, others, strict=False) if pair[0] != pair[1])
    return next((f", with {this} in the place of {other}" for this, other in pairs), "")


def zone_of(finding: Finding) -> tuple[str, ...]:
    """The lines for a zone file that it brings."""
    zone = finding.facts.get("zone")
    return tuple(map(str, zone)) if isinstance(zone, list | tuple) else ()


def _copyable(sheet: Sheet, lines: Sequence[str]) -> None:
    """Add lines that are copied whole, with air around them."""
    sheet.blank()
    for line in lines:
        sheet.line("    ", (line, "command"))
    sheet.blank()


def _cut(word: re.Match[str]) -> str:
    """A word of that length was made to fill a screen, unless it is an address."""
    return word[0] if "://" in word[0] else f"{word[0][: LIMIT - 1]}…"


def _advise(sheet: Sheet, finding: Finding, told: Told) -> None:
    fix = _without_writing(finding.fix, told.written) if told.written else finding.fix
    fix = _without_printing(fix) if told.records else fix
    fresh, elsewhere, last = _fresh(fix, told.fixes)
    if fix:
        sheet.blank()
        sheet.say(("To mend it:", "strong"), first="  ")
    if told.hint and not elsewhere and _is_general(finding):
        sheet.say(told.hint, first="  ")
        sheet.blank()
        told.hint = None
    add_steps(sheet, fresh)
    if elsewhere:
        if fresh and fresh[-1].startswith(COMMAND):
            sheet.blank()
        sheet.say(f"{'Then the' if fresh else 'The'} same commands as for {elsewhere}, above.", first="  ")
    add_steps(sheet, last)
    for end in (len(fix), len(fix) - len(_last_look(fix))):
        for start in range(end):
            told.fixes.setdefault(fix[start:end], finding.id)
    sheet.blank()


def _without_writing(fix: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The advice without the command that was just obeyed."""
    kept: list[str] = []
    for entry in fix:
        if entry.startswith(OURS[0]) and "--write-chain" in entry:
            kept[-1:] = [_LEAD_IN.sub("", last) for last in kept[-1:]]
            kept.append(f"{name} is written.")
        elif entry in {f"{COMMAND}C={CHAIN}", f"{COMMAND}C={MENDED}"}:
            kept.append(f"{COMMAND}C={shlex.quote(name)}")
        else:
            kept.append(entry)
    return tuple(filter(None, kept))


def _without_printing(fix: tuple[str, ...]) -> tuple[str, ...]:
    """The advice without the command that prints TLSA records, where this report has them."""
    kept: list[str] = []
    for entry in fix:
        if entry.startswith(OURS[0]) and "--tlsa" in entry.split():
            kept[-1:] = [_LEAD_IN.sub("", last) for last in kept[-1:]]
            kept.append("The records stand at tlsa-records.")
        else:
            kept.append(entry)
    return tuple(filter(None, kept))


def _is_general(finding: Finding) -> bool:
    """Commands of a mail server's recipe are among the advice."""
    theirs = any(entry.startswith(COMMAND) and not entry.startswith(OURS) for entry in finding.fix)
    return theirs and finding.page in ids() and bool(page(finding.page).recipe)


def _fresh(
    fix: tuple[str, ...], given: dict[tuple[str, ...], str]
) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    """What of ``fix`` was not said above, for which finding the rest was, and what follows it of its own."""
    last = _last_look(fix)
    for follows in ((), last):
        for start in range(len(fix) - len(follows)):
            part = fix[start : len(fix) - len(follows)]
            if part in given and _worth_pointing(part):
                own = fix[:start]
                return (*own[:-1], *filter(None, (_LEAD_IN.sub("", entry) for entry in own[-1:]))), given[part], follows
    return fix, None, ()


def _worth_pointing(part: tuple[str, ...]) -> bool:
    """To point at one command of ours is no shorter than to print it; a mail server's own have sentences with them."""
    commands = [entry for entry in part if entry.startswith(COMMAND)]
    return len(commands) > 1 or any(not entry.startswith(OURS) for entry in commands)


def _last_look(fix: tuple[str, ...]) -> tuple[str, ...]:
    """The command that looks again, at the end, with the sentence before it: it names the server."""
    return fix[-2:] if len(fix) > 2 and fix[-1].startswith(OURS[0]) else ()


def add_steps(sheet: Sheet, fix: Sequence[str]) -> None:
    """Add advice: sentences are paragraphs; commands stand alone, with air around each run of them."""
    for before, entry in _pairs(fix):
        command = entry.startswith(COMMAND)
        if command != before.startswith(COMMAND):
            sheet.blank()
        if command:
            sheet.line("    ", (entry.removeprefix(COMMAND), "command"))
        else:
            sheet.say(entry.replace("`", ""), first="  ")


def _pairs(fix: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(("", *fix), fix, strict=False)
