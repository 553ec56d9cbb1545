"""Two sweeps compared: on the screen, and as JSON, which is written in pieces, for it may be larger than memory."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING

from probe.model import Kind, Target
from probe.render.changes import GONE, NEW, OTHER, VERDICTS
from probe.render.counts import number
from probe.render.json import SCHEMA, written
from probe.render.plain import plain
from probe.render.sheet import MARKS, Sheet
from probe.render.verdict import place
from probe.results.row import parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probe.results.compared import Compared, Group, Move, Moved

HEADS = {
    "broke": (MARKS["error"], "error", "broke"),
    "worse": (MARKS["error"], "error", "got worse"),
    "unreachable": (MARKS["unreachable"], "unreachable", "no answer any more"),
    "gone": (GONE, "warning", "not in the second"),
    "mended": (MARKS["ok"], "ok", "mended"),
    "better": (OTHER, "ok", "got better"),
    "back": (NEW, "ok", "answers again"),
    "new": (NEW, "info", "not in the first"),
    "otherwise": (OTHER, "warning", "same verdict, for other reasons"),
}
"""Kind → sign, style, and what it is called on the screen."""
TOLD = 20
"""Targets of one kind, and findings, that are told without --verbose."""
GROUPS = 10
"""CAs, and kinds of software, likewise."""
IDS = 6
"""Findings of one target that are named."""
_NAME, _NUMBER = 30, 9
"""Cells of the table of findings."""


def code(compared: Compared) -> int:
    """1 where something became of a target, else 0: what ``diff`` ends with."""
    return int(any(compared.counts().values()))


def show(sheet: Sheet, compared: Compared, *, verbose: bool = False, quiet: bool = False) -> None:
    """Add who broke, who was mended and the rest, the findings that moved, and whose CA and software it was."""
    before, after, both = compared.sizes()
    sheet.say(f"{number(before)} targets before, {number(after)} after, {number(both)} in both.")
    counts = compared.counts()
    if not any(counts.values()):
        sheet.line((f"{MARKS['ok']} ", "ok"), "nothing that matters has changed")
    for kind, count in counts.items():
        if count:
            _show_kind(sheet, compared, kind, count, told=0 if quiet else count if verbose else TOLD)
    if quiet:
        return
    told = (moved for moved in compared.findings() if verbose or moved.severity != "info")
    _show_findings(sheet, list(islice(told, None if verbose else TOLD + 1)), verbose=verbose)
    _show_groups(sheet, "by CA", compared.groups("ca"), verbose=verbose)
    _show_groups(sheet, "by software", compared.groups("mta"), verbose=verbose)


def _show_kind(sheet: Sheet, compared: Compared, kind: str, count: int, told: int) -> None:
    mark, style, words = HEADS[kind]
    if told:
        sheet.blank()
    sheet.line((f"{mark} ", style), (f"{words}: {number(count)}", "strong"))
    for move in islice(compared.moves(kind), told):
        sheet.say(_said(move), first="    ", rest="      ")
    if told:
        _say_more(sheet, count - told)


def _say_more(sheet: Sheet, more: int) -> None:
    if more > 0:
        sheet.say(f"… and {number(more)} more (--verbose shows all)", first="    ")


def _said(move: Move) -> str:
    kind, name, port, _ = parts_of(move.key)
    where = place(Target(name, port, kind=Kind(kind))) if kind in {*Kind} else move.key
    verdict = [f"is {VERDICTS.get(move.after or '', move.after)}"] if move.kind in {"new", "back"} else []
    return "  ".join([where, *verdict, *_listed(NEW, move.came), *_listed(GONE, move.went)])


def _listed(sign: str, ids: Sequence[str]) -> list[str]:
    more = [f"{sign} {len(ids) - IDS} more"] if len(ids) > IDS else []
    return [*(f"{sign} {id_}" for id_ in ids[:IDS]), *more]


def _show_findings(sheet: Sheet, findings: Sequence[Moved], *, verbose: bool) -> None:
    if not findings:
        return
    sheet.blank()
    sheet.line(_cells(sheet, "findings of how many targets", ("before", "after", "came", "went")))
    for moved in findings if verbose else findings[:TOLD]:
        counts = (number(count) for count in (moved.before, moved.after, moved.came, moved.went))
        sheet.line((f"  {MARKS[moved.severity]} ", moved.severity), _cells(sheet, moved.id, tuple(counts), _NAME))
    if not verbose and len(findings) > TOLD:
        sheet.say("… and more (--verbose shows all)", first="    ")


def _cells(sheet: Sheet, name: str, counts: Sequence[str], width: int = _NAME + 4) -> str:
    return sheet.cell(name, width) + "".join(f"{count:>{_NUMBER}}" for count in counts)


def _show_groups(sheet: Sheet, head: str, groups: Sequence[Group], *, verbose: bool) -> None:
    if not groups:
        return
    sheet.blank()
    sheet.line((head, "strong"))
    told = len(groups) if verbose else GROUPS
    for group in groups[:told]:
        counts = ", ".join(f"{HEADS[kind][2]} {number(group.counts[kind])}" for kind in HEADS if group.counts[kind])
        sheet.say(f"{sheet.shown(group.name, 40)}: {counts}", first="    ", rest="      ")
    _say_more(sheet, len(groups) - told)


def text(compared: Compared) -> Iterator[str]:
    """Write one document, one line, in pieces."""
    before, after, both = compared.sizes()
    head = {
        "before": before,
        "after": after,
        "both": both,
        "counts": compared.counts(),
        "findings": [_moved(moved) for moved in compared.findings()],
        "by_ca": [_group(group) for group in compared.groups("ca")],
        "by_mta": [_group(group) for group in compared.groups("mta")],
    }
    yield json.dumps({"schema": SCHEMA, "exit_code": code(compared)})[:-1] + ', "sweeps": '
    yield written(head).rstrip("\n")[:-1] + ', "targets": ['
    comma = ""
    for kind in HEADS:
        for move in compared.moves(kind):
            yield comma + written(_move(move)).rstrip("\n")
            comma = ", "
    yield "]}}\n"


def _move(move: Move) -> dict[str, object]:
    return {
        "target": dict(zip(("kind", "name", "port", "protocol"), map(plain, parts_of(move.key)), strict=True)),
        "kind": move.kind,
        "before": move.before,
        "after": move.after,
        "came": plain(move.came),
        "went": plain(move.went),
    }


def _moved(moved: Moved) -> dict[str, object]:
    counts = {"before": moved.before, "after": moved.after, "came": moved.came, "went": moved.went}
    return {"id": plain(moved.id), "severity": moved.severity, **counts}


def _group(group: Group) -> dict[str, object]:
    return {"name": plain(group.name), "counts": group.counts}
