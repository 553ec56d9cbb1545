"""A sweep as a table for a spreadsheet: RFC 4180, UTF-8, one line an endpoint.

A spreadsheet computes what looks like a formula, and names come from strangers. A cell that begins like one gets an
apostrophe in front (https://owasp.org/www-community/attacks/CSV_Injection), and so does what would begin a cell where
the reader's program parts cells by semicolons.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from probe.render.clean import clean
from probe.results.row import Place, Row
from probe.results.tally import called

COLUMNS = (
    *("target", "host", "address", "port", "status", "stage", "tls", "ca", "mta"),
    *("errors", "warnings", "notes"),
)
BEGIN = ",".join(COLUMNS[:6])
"""How every table of ours begins."""
CELL = 2000
"""Characters of a cell: all findings of one endpoint have room."""
_FORMULA = re.compile(r"(?:^|(?<=;))(?=[\s'\"]*[=+\-@＝＋－＠﹦﹢﹣﹫])")
_PLAIN = re.compile(r"\w[\w.: -]{0,200}", re.ASCII)
"""Needs neither quotes nor an apostrophe."""
_QUOTED = re.compile(r'[",;\r\n]|^\s|\s$')

Named = Iterable[tuple[str, str]]


def header() -> str:
    """Write the names of the columns."""
    return ",".join(COLUMNS) + "\r\n"


def rows_of(row: Row) -> str:
    """Write the lines of one target: one an endpoint, and one where something is said of none, or there is none."""
    name = called(row.key)
    lines = [_line(name, *_where(place), *_kinds(place.findings)) for place in row.places]
    if row.findings or not row.places:
        lines.insert(0, _line(name, "", "", "", row.status, "", "", "", "", *_kinds(row.findings)))
    return "".join(lines)


def _where(place: Place) -> tuple[str, ...]:
    seen = (place.status, place.stage, place.tls_version, place.ca, place.mta)
    return tuple(part or "" for part in (place.host, place.address, str(place.port), *seen))


def _kinds(findings: Named) -> tuple[str, ...]:
    kinds: dict[str, list[str]] = {"error": [], "warning": [], "info": []}
    for name, severity in findings:
        if name not in kinds[severity]:
            kinds[severity].append(name)
    return tuple(" ".join(names) for names in kinds.values())


def _line(*cells: str) -> str:
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(text: str) -> str:
    if not text or _PLAIN.fullmatch(text):
        return text
    harmless = _FORMULA.sub("'", clean(text, CELL))
    return '"' + harmless.replace('"', '""') + '"' if _QUOTED.search(harmless) else harmless
