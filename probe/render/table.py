"""The table over many looks: mail hosts by preference, what is wrong at each, and which chain it showed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from rich.cells import cell_len

from probe.model import Severity
from probe.render.looks import declined, gravity, servers, severity
from probe.render.places import asked, lacked, ports, where
from probe.render.sheet import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probe.model import EndpointReport, Report
    from probe.render.looks import Group, Looks, Server
    from probe.render.sheet import Sheet

IDS = 3
"""Findings that a row names, the worst first; the chain's own section has them all."""
LETTER = 2
WORDS = 40
"""Cells that mark, letter and words need; a place that leaves them less has a line of its own."""


class Row(Struct, frozen=True):
    """One line: looks at one server with one outcome; without a status it heads those below it."""

    place: str
    status: str = ""
    letter: str = ""
    words: str = ""


def rows_of(looks: Looks, groups: Sequence[Group], report: Report) -> list[Row]:
    """The whole table; one row alone says no more than the first line of the report."""
    found, unseen = servers(looks), [*_unseen(looks, report)]
    alone = len(found) == 1 and not unseen
    return [*(row for server in found for row in _rows(server, groups, report, alone=alone)), *unseen]


def add_table(sheet: Sheet, rows: Sequence[Row], looks: Looks, report: Report) -> None:
    """Add the rows, where there are several, and how each address was asked."""
    lengths = [cell_len(sheet.shown(row.place)) for row in rows if row.status]
    room = max((length for length in lengths if length <= sheet.width - WORDS), default=0)
    for row in rows if len(rows) > 1 else ():
        _add(sheet, row, room)
    if words := asked(looks):
        sheet.say(f"Each address was asked {words}.", first="  ")
    if silent := "" if report.left_out else ports(looks):
        sheet.say(f"The other mail ports were tried, too; nobody answered at {silent}.", first="  ")


def _rows(server: Server, groups: Sequence[Group], report: Report, *, alone: bool) -> Iterator[Row]:
    """The server by itself where all looks at it are alike, else it heads its rows."""
    preference = f"{server.preference:>3}  " if server.preference is not None else ""
    name, below = f"{preference}{server.name}", "" if alone else " " * len(preference) + "  "
    found = _alike(server, groups, report)
    if len(found) == 1 and not alone:
        yield from (Row(name, *key) for key in found)
        return
    if not alone:
        yield Row(name)
    yield from (Row(below + where(looks, server), *key) for key, looks in found.items())


def _alike(server: Server, groups: Sequence[Group], report: Report) -> dict[tuple[str, str, str], list[EndpointReport]]:
    """Status, letter and words of an outcome → looks that had it, in the order in which they came."""
    letters = {id(look): group.letter for group in groups for look in group.looks}
    found: dict[tuple[str, str, str], list[EndpointReport]] = {}
    for look in server.looks:
        status, words = outcome(look, report)
        found.setdefault((status, "" if declined(look) else letters[id(look)], words), []).append(look)
    return found


def _unseen(looks: Looks, report: Report) -> Iterator[Row]:
    """Mail hosts that nobody looked at."""
    seen = {look.observation.endpoint.host for look in looks}
    for mx in report.domain.mx if report.domain else ():
        if mx.host and mx.host not in seen:
            why = "; ".join(place.removeprefix(f"{mx.host} at ") for place in report.left_out if _of(place, mx.host))
            yield Row(f"{mx.preference:>3}  {mx.host}", "info", "", f"not seen: {why}" if why else "was not looked at")


def _of(place: str, host: str) -> bool:
    """One of the places that were left out is of this host."""
    return place.startswith(f"{host} at ")


def without_rows(report: Report, looks: Looks) -> tuple[str, ...]:
    """Places that were left out, and that no row tells."""
    seen = {look.observation.endpoint.host for look in looks}
    told = [mx.host for mx in (report.domain.mx if report.domain else ()) if mx.host and mx.host not in seen]
    return tuple(place for place in report.left_out if not any(place == host or _of(place, host) for host in told))


def outcome(look: EndpointReport, report: Report) -> tuple[str, str]:
    """Status and words of one look."""
    told = [f for f in look.findings if f.severity is not Severity.INFO or not look.examined]
    ids = [*dict.fromkeys(finding.id for finding in sorted(told, key=gravity, reverse=True))]
    if ids:
        more = f" + {len(ids) - IDS} more" if len(ids) > IDS else ""
        return max(told, key=severity).severity, ", ".join(ids[:IDS]) + more
    if declined(look):
        return "info", f"no {lacked(look)}"
    if not look.examined:
        return look.status, "could not be examined"
    return "info" if (words := _reserve(look, report)) else "ok", words or "right"


def _reserve(look: EndpointReport, report: Report) -> str:
    """Why a look without warnings and errors is not called right."""
    if look.chain and not report.stores:
        return "trust was not judged"
    if look.hidden:
        return f"nothing else (ignored: {', '.join(look.hidden)})"
    return "" if look.chain and look.chain.path and look.chain.path.valid else "nothing to report"


def _add(sheet: Sheet, row: Row, room: int) -> None:
    """Add one row; a long place stands alone, and the outcome below it where the others are."""
    mark = (f"{MARKS[row.status]} ", row.status) if row.status else "  "
    result, rest = f"  {row.letter:<{LETTER}} {row.words}", " " * (room + LETTER + 7)
    if row.status and cell_len(sheet.shown(row.place)) <= room:
        sheet.say(mark, f"{sheet.cell(row.place, room)}{result}", first="  ", rest=rest)
        return
    inside = len(row.place) - len(row.place.lstrip())
    sheet.say(mark, row.place, first="  ", rest=" " * (inside + 6))
    sheet.say(result.strip(), first=" " * (room + 6), rest=rest)
