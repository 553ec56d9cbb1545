"""The tour: a broken server is found, mended with what the program itself proposes, and found right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from probe.demo.cases import Case
from probe.demo.server import Stand, serving
from probe.model import Report

UNKNOWN = "The missing certificate, which nobody here knows."


def tour(
    case: Case,
    now: datetime,
    *,
    check: Callable[[Stand], Report],
    show: Callable[[Report], None],
    say: Callable[[str], None],
) -> tuple[Report, ...]:
    """Play a case and return the reports: before, and after if a better list of certificates mends it.

    ``check`` probes the stand, with ``stand.act.anchors`` as the only anchors, ``stand.act.pool`` as intermediates,
    ``stand.name`` as the name, and the time-outs of ``stand.case``; ``show`` prints a report, ``say`` a line between.
    """
    with serving(case, now) as stand:
        say(f"A mail server on {stand.host}, port {stand.port}: {case.story}")
        before = check(stand)
        show(before)
        pem = repaired(before)
        if not (case.mends and pem):
            say(f"What would mend it: {case.cure or UNKNOWN}" if case.findings else "Nothing needs mending here.")
            return (before,)
        stand.mend(pem)
        say("The repaired list was put into the file that the server serves, its servercert.pem. Once more:")
        after = check(stand)
        show(after)
        return before, after


def repaired(report: Report) -> str | None:
    """Give the PEM that the report proposes, where it knows one."""
    return next((found.repair.pem for found in report.endpoints if found.repair and found.repair.pem), None)
