"""Two looks at one server, beside one another: without a certificate of ours, and with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.render.facts import STAGES

if TYPE_CHECKING:
    from probe.model import Observation
    from probe.render.sheet import Sheet

COLUMN = 30
"""Cells of one column: two of them and the words before them fill 80."""
ASKED = {True: "yes", False: "no", None: "not known"}


def compare(sheet: Sheet, without: Observation, presenting: Observation) -> None:
    """Add the table; what ended each of the two stands below it, for it may be long."""
    sheet.say("The same server, without a certificate of ours and with it:", first="  ")
    rows = [
        ("", "without", "with"),
        *zip(("asked for it", "TLS", "came to"), _look(without), _look(presenting), strict=True),
    ]
    for name, left, right in rows:
        sheet.line(f"    {sheet.cell(name, 12)}  {sheet.cell(left, COLUMN)}  {sheet.shown(right)}".rstrip())
    for name, seen in (("without", without), ("with", presenting)):
        if seen.failure:
            sheet.say(" / ".join(seen.failure.text.splitlines()), first=f"    {name + ':':<12}  ")


def _look(seen: Observation) -> tuple[str, str, str]:
    return ASKED[seen.client_cert_requested], seen.tls_version or "none", STAGES[seen.stage]
