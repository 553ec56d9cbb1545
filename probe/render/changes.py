"""What changed between two looks: a line for each change, for ``diff`` and ``--watch``, and as JSON."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from probe.model import Kind, Target
from probe.render.json import SCHEMA, written
from probe.render.plain import plain
from probe.render.sheet import MARKS, Sheet
from probe.render.verdict import place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from probe.changes import Change, Part
    from probe.model import Report
    from probe.render.finding import Title

NEW, GONE, OTHER = "+", "-", "~"
"""What stands before a change, as in the output of diff(1)."""
LABELS = {
    "status": "verdict",
    "target": "report",
    "endpoint": "server",
    "leaf": "certificate",
    "list": "list",
    "stage": "came to",
    "tls-version": "TLS",
    "stores": "trust",
    "anchor": "leads to",
    "mx": "MX",
    "dnssec": "DNSSEC",
    "mta-sts": "MTA-STS",
    "mta-sts-policy": "policy",
    "tls-rpt": "TLS-RPT",
    "tlsa": "TLSA",
}
"""Kind of change → what it is called on the screen."""
NOTHING = "none"
VERDICTS = {"ok": "right", "info": "right", "warning": "not quite right", "error": "wrong"}
"""Status → how a person says it; notes are no fault."""
STAMP = len("14:02:11  ")
_DAY = len("2026-11-23")
_DIGEST = 16
"""Hexadecimal digits that tell two certificates apart for the eye."""


def text(changes: Sequence[Change], exit_code: int) -> str:
    """Write one document: all changes, whether they matter or not."""
    return written({"schema": SCHEMA, "exit_code": exit_code, "changes": [_entry(change) for change in changes]})


def _entry(change: Change) -> dict[str, object]:
    return {
        "target": plain(change.target),
        "endpoint": plain(change.endpoint),
        "kind": change.kind,
        "id": plain(change.id),
        "matters": change.matters,
        "before": plain(change.before),
        "after": plain(change.after),
    }


def show(sheet: Sheet, changes: Sequence[Change], *, title: Title, verbose: bool = False, quiet: bool = False) -> None:
    """Add what changed, target by target; what does not matter is counted, and told with ``verbose``."""
    told = [change for change in changes if change.matters or verbose]
    minor = len(changes) - len(told)
    more = f" that matters (else {minor}: --verbose)" if minor else ""
    if not told:
        sheet.line((f"{MARKS['ok']} ", "ok"), f"nothing has changed{more}")
    for _, group in groupby(told, lambda change: change.target):
        sheet.blank()
        _show_target(sheet, list(group), title, quiet=quiet)
    if told and minor and not quiet:
        sheet.blank()
        verb = " that does not matter" if minor == 1 else "s that do not matter"
        sheet.say(f"{minor} more change{verb} (--verbose).")


def add_news(sheet: Sheet, news: Sequence[Change], report: Report, title: Title, stamp: str) -> None:
    """Add what one look of a watch shows, a line for each change, below its server where there are several.

    ``report`` is that of the look: its errors and warnings are what is left.
    """
    first = f"{stamp:<{STAMP}}"
    for endpoint, group in groupby(news, lambda change: change.endpoint):
        inside = endpoint is not None and len(report.endpoints) > 1
        if inside:
            sheet.say(_called(endpoint), first=first)
            first = " " * STAMP
        for change in group:
            sheet.say(sentence(change, title), first=first + "  " * inside)
            first = " " * STAMP
    sheet.say(_left(report), first=first)


def _left(report: Report) -> str:
    findings = (*report.findings, *(finding for endpoint in report.endpoints for finding in endpoint.findings))
    counts = [(word, sum(finding.severity == word for finding in findings)) for word in ("error", "warning")]
    words = ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in counts if count)
    return f"left: {words}" if words else ""


def _show_target(sheet: Sheet, changes: Sequence[Change], title: Title, *, quiet: bool) -> None:
    target = changes[0].target
    sheet.say(*_heading(target, changes), first="", rest="  ")
    if quiet:
        return
    for endpoint, group in groupby(changes, lambda change: change.endpoint):
        if endpoint is not None and target["kind"] != Kind.FILE:
            sheet.say(_called(endpoint), first="  ")
        for change in group:
            if change.kind not in {"status", "target"}:
                sheet.say(sentence(change, title), first=f"    {_sign(change)} ")


def _heading(target: Part, changes: Sequence[Change]) -> tuple[tuple[str, str], tuple[str, str]]:
    verdict = next((change for change in changes if change.kind in {"status", "target"}), None)
    if verdict is None or _verdict(verdict.before) == _verdict(verdict.after):
        many = "" if len(changes) == 1 else "s"
        mark, style, words = OTHER, "warning", f"{len(changes)} change{many}, and the same verdict"
    elif verdict.after is None:
        mark, style, words = GONE, "warning", "no report any more"
    elif verdict.before is None:
        mark, style, words = MARKS[verdict.after], verdict.after, f"had no report, is {_verdict(verdict.after)}"
    else:
        was, is_ = _verdict(verdict.before), _verdict(verdict.after)
        mark, style, words = MARKS[verdict.after], verdict.after, f"was {was}, is {is_}"
    name = place(Target(target["name"], target["port"], kind=Kind(target["kind"])))
    return (f"{mark} ", style), (f"{name} — {words}", "strong")


def _verdict(status: Part) -> str:
    return VERDICTS.get(status, status or NOTHING)


def _called(endpoint: Part) -> str:
    """Where it is and how it was asked, in one line."""
    address = endpoint["address"] or "no address"
    asked = f"asked for {endpoint['sni']}" if endpoint["sni"] else "asked for no name"
    host = endpoint["host"] if endpoint["host"] != address else None
    words = [host, address, f"port {endpoint['port']}", asked, endpoint["offered_key"]]
    return ", ".join(word for word in (*words, endpoint["offered_tls"]) if word)


def _sign(change: Change) -> str:
    return NEW if change.before is None else GONE if change.after is None else OTHER


def sentence(change: Change, title: Title) -> str:
    """Say one change, for a person."""
    if change.kind == "finding":
        return _of_finding(change, title)
    if change.kind == "endpoint":
        return (
            f"new server: {_verdict(change.after)}" if change.after else f"gone: server, was {_verdict(change.before)}"
        )
    label = LABELS.get(change.kind, change.kind)
    if change.kind in {"status", "target"}:
        return f"{label}: {_verdict(change.before)} → {_verdict(change.after)}"
    if change.kind != "leaf" and isinstance(change.before, list) and isinstance(change.after, list):
        return f"{label}: {_moved([*map(_said, change.before)], [*map(_said, change.after)])}"
    return f"{label}: {_said(change.before)} → {_said(change.after)}"


def _of_finding(change: Change, title: Title) -> str:
    words = f"{title(change.id or '')} [{change.id}]"
    if change.before is None:
        return f"new {change.after}: {words}"
    if change.after is None:
        return f"gone: {words}"
    return f"was {change.before}, is {change.after}: {words}"


def _said(part: Part) -> str:
    """One value as it is before or after."""
    if part is None:
        return NOTHING
    if isinstance(part, list):
        return ", ".join(map(_said, part)) or NOTHING
    if not isinstance(part, dict):
        return str(part)
    name = (part["subject"] or "?").removeprefix("CN=").partition(",")[0]
    until = f", until {part['not_after'][:_DAY]}" if part.get("not_after") else ""
    return f"{name} ({part['sha256'][:_DIGEST]}{until})"


def _moved(before: Sequence[str], after: Sequence[str]) -> str:
    """What came into a list and what left it; where it is the same, its order."""
    come, gone = [
        [one for one in these if one not in those] for these, those in ((after, {*before}), (before, {*after}))
    ]
    told = [f"{word} {', '.join(ones)}" for word, ones in (("added", come), ("removed", gone)) if ones]
    return "; ".join(told) or f"in another order: {', '.join(after)}"
