"""What a triage found, for a person: a table of the problems, then each of them, the most harmful first."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from probe.catalogue.pages import ids, page
from probe.message import Category, Role
from probe.render.message import mark, peer_words, tell_advice, tell_causes, tell_code, tell_meaning, tell_sides
from probe.render.sheet import MARKS, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console

    from probe.message import Message
    from probe.model import Report
    from probe.triage.groups import Summary

KINDRED = {
    Category.UNKNOWN_CA: {"unknown-ca", "missing-intermediate", "self-signed"},
    Category.MISSING_INTERMEDIATE: {"unknown-ca", "missing-intermediate"},
    Category.SELF_SIGNED: {"unknown-ca", "self-signed"},
    Category.UNDETERMINED: set[str](),
    Category.OTHER: set[str](),
}
"""Category of a text → categories of findings that would explain it: an unknown issuer is often a missing one."""
QUOTED = 400
"""Characters of the text that are quoted: enough to find it again."""
LINES = 4
FULL = 20
"""Problems that are told in full; the table has them all."""


def overview(summary: Summary, notes: Sequence[str], console: Console, *, full: bool = True) -> Sheet:
    """Lay out the whole answer; without ``full`` the table alone."""
    sheet = Sheet(console.width, console.encoding)
    groups = summary.groups
    if not groups:
        sheet.say((f"{MARKS['ok']} ", "ok"), "Nothing in it tells of TLS that failed.", first="", rest="  ")
    if len(groups) > 1 or (groups and not full):
        _tell_table(sheet, groups)
    for number, message in enumerate(groups[:FULL] if full else (), 1):
        sheet.blank()
        _tell_group(sheet, message, number if len(groups) > 1 else 0)
    if full and len(groups) > FULL:
        sheet.say(f"The other {len(groups) - FULL} stand in the table; --json has them in full.")
    sheet.blank()
    if summary.overflow:
        sheet.say(f"{summary.overflow} more messages belong to further problems that are not told apart here.")
    for words in notes:
        sheet.say(words)
    return sheet


def decision(message: Message, report: Report, console: Console) -> Sheet:
    """Lay out whether the probe sees what the message tells of."""
    sheet = Sheet(console.width, console.encoding)
    sheet.say(
        f"{report.target.name} was probed because a message says: {message.title}. ",
        (_compared(message, report), "strong"),
        first="",
        rest="  ",
    )
    return sheet


def _compared(message: Message, report: Report) -> str:
    found = {finding.page for finding in (*report.findings, *(f for e in report.endpoints for f in e.findings))}
    categories = {page(name).category for name in found if name in ids()}
    kinds = KINDRED.get(message.category, {message.category.value})
    if report.status == "unreachable":
        return "The server could not be examined now, so this is still open."
    if message.page in found or kinds & categories:
        return "The probe sees the same fault now."
    if report.exit_code == 0:
        return "The probe sees no fault there now: it was mended since, or it lies on the other side."
    return "The probe sees other faults now, and not that one."


def _tell_table(sheet: Sheet, groups: Sequence[Message]) -> None:
    total = sum(message.count for message in groups)
    problems = "1 problem" if len(groups) == 1 else f"{len(groups)} different problems"
    sheet.say((f"{problems}, {'once' if total == 1 else f'{total} times in all'}", "strong"))
    sheet.blank()
    for number, message in enumerate(groups, 1):
        lead = f"{number:>3}. {message.count:>7} x "
        title = message.title or _subject(message)
        side = f" ({message.role})" if message.role is not Role.UNKNOWN else ""
        more = f" and {message.peer_count - 1} more" if message.peer_count > 1 else ""
        peers = f" with {peer_words(message.peers[0])}{more}" if message.peers else ""
        writer = f"; {message.mta or 'unknown program'}{side}{peers}"
        sheet.say((f"{MARKS[mark(message)]} ", mark(message)), title, writer, first=lead)


def _tell_group(sheet: Sheet, message: Message, number: int) -> None:
    lead = f"{number}. " if number else ""
    name = f"  [{message.page}]" if message.page else ""
    style = mark(message)
    sheet.say(lead, (f"{MARKS[style]} ", style), (message.title or _subject(message), "strong"), name, rest="  ")
    for line in message.text[:QUOTED].splitlines()[:LINES]:
        sheet.say(line, first="  | ", rest="  | ")
    sheet.blank()
    tell_meaning(sheet, message)
    _tell_extent(sheet, message)
    for code in message.codes[:LINES]:
        tell_code(sheet, code, "  ")
    tell_sides(sheet, message)
    if message.category is not Category.HARMLESS:
        tell_causes(sheet, message)
    tell_advice(sheet, message)
    if message.page:
        sheet.blank()
        sheet.say(f"page: smtp-chaincheck explain {message.page}", first="  ")
    elif message.also:
        sheet.say(f"The nearest pages: {', '.join(message.also)}", first="  ")
    sheet.blank()


def _tell_extent(sheet: Sheet, message: Message) -> None:
    """Where it stands, how often, when, with whom, for whom."""
    place = f"{message.file}, line {message.line}" if message.line else message.file or ""
    times = " to ".join(dict.fromkeys(map(_moment, filter(None, (message.first, message.last)))))
    often = f"{message.count} times" if message.count > 1 else ""
    sheet.blank()
    sheet.say(", ".join(filter(None, (place, often, times))), first="  ", rest="      ")
    if len(message.peers) > 1:
        rest = message.peer_count - len(message.peers)
        more = f" and {rest} more" if rest > 0 else ""
        sheet.say(f"with {', '.join(map(peer_words, message.peers))}{more}", first="  ", rest="      ")
    if message.recipients:
        sheet.say(f"for {', '.join(message.recipients)}", first="  ", rest="      ")


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _subject(message: Message) -> str:
    return "A text that we know no explanation for" if message.about_tls else "Nothing in it speaks of TLS"
