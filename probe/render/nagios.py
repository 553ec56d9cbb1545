"""A run as a monitoring plugin answers: one line with performance data, then some words for whoever is called.

By the Monitoring Plugins Development Guidelines: the service and its state, "|", numbers as ``label=value[unit];warn;
crit;min``; 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. A server that does not answer and a name that does not resolve are
CRITICAL, since the plugin did its work; UNKNOWN is what kept it from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.model import Severity, Stage
from probe.render.sheet import Sheet
from probe.render.verdict import in_words, place

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probe.model import EndpointReport, Finding, Report
    from probe.render.finding import Title

OK, WARNING, CRITICAL, UNKNOWN = range(4)
STATES = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
SERVICE = "SMTP-CHAINCHECK"
LARGEST = 4000
"""Bytes: the guidelines promise that 4 KiB are read."""
LONGEST = 300
"""Characters of one line's words: a pager shows fewer."""
_MEANINGFUL = str.maketrans({char: f"\\x{ord(char):02x}" for char in '|<>&`$"'})
"""What ends the words of a line, or means something where monitoring puts them into a web page or a command."""
_STATE = {"unreachable": CRITICAL, "error": CRITICAL, "warning": WARNING}
TIMED = tuple(stage for stage in Stage if stage is not Stage.DONE)


def state(report: Report) -> int:
    """The exit code of a plugin for one report; what --fail-on lets pass is OK."""
    return _STATE.get(report.status, OK) if report.exit_code else OK


def text(reports: Sequence[Report], took: float, *, title: Title, warn_days: int | None = None) -> tuple[str, int]:
    """Answer for all reports, the worst first: what to write, at most 4000 bytes, and the exit code.

    ``took`` is in seconds, ``warn_days`` the limit that the user set, if any.
    """
    ordered = sorted(reports, key=state, reverse=True)
    worst = ordered[0]
    left = _days(reports)
    days = "" if left is None else f", {left} day{'' if left == 1 else 's'} left"
    more = f" (the worst of {len(reports)} hosts)" if len(reports) > 1 else ""
    words = _plain(in_words(worst, title)) + days + more
    numbers = " ".join(_numbers(reports, took, left, warn_days))
    first = f"{SERVICE} {STATES[state(worst)]} - {words} | {numbers}"
    return _bounded([first, *_lines(ordered, title)]), state(worst)


def unknown(message: str) -> str:
    """Say why there is no answer."""
    return f"{SERVICE} {STATES[UNKNOWN]} - {_plain(' '.join(message.split()))}\n"


def _plain(words: str) -> str:
    """ASCII without anything that steers a screen, a plugin's reader, a web page or a shell."""
    return Sheet(encoding="ascii").shown(words, LONGEST).translate(_MEANINGFUL)


def _numbers(reports: Sequence[Report], took: float, left: int | None, warn_days: int | None) -> Iterator[str]:
    """The same labels each time, whatever was found, so that a graph goes on; "U" is what is not known."""
    findings = [finding for report in reports for _, finding in _grave(report)]
    endpoints = [endpoint for report in reports for endpoint in report.endpoints]
    yield f"days={'U' if left is None else left};{'' if warn_days is None else f'{warn_days}:'};0:"
    yield f"errors={sum(finding.severity is Severity.ERROR for finding in findings)};;0;0"
    yield f"warnings={sum(finding.severity is Severity.WARNING for finding in findings)};0;;0"
    yield f"time={took:.3f}s;;;0"
    for stage in TIMED:
        took_ms = [endpoint.observation.timing_ms.get(stage) for endpoint in endpoints]
        known = [ms for ms in took_ms if ms is not None]
        yield f"{stage}={f'{max(known) / 1000:.4f}s' if known else 'U'};;;0"


def _days(reports: Sequence[Report]) -> int | None:
    """Whole days until the first certificate of a claimed path ends; negative when one has."""
    left = [
        (certificate.not_after - report.at).days
        for report in reports
        for endpoint in report.endpoints
        for certificate in (endpoint.chain.path.certificates if endpoint.chain and endpoint.chain.path else ())
        if certificate.not_after and report.at
    ]
    return min(left, default=None)


def _grave(report: Report) -> Iterator[tuple[EndpointReport | None, Finding]]:
    """Warnings and errors with the endpoint where they were found."""
    everywhere = [(None, report.findings), *((endpoint, endpoint.findings) for endpoint in report.endpoints)]
    for endpoint, findings in everywhere:
        yield from ((endpoint, finding) for finding in findings if finding.severity is not Severity.INFO)


def _lines(reports: Sequence[Report], title: Title) -> Iterator[str]:
    """One for each warning and error, errors first. No word of theirs is the server's own."""
    for report in reports:
        for endpoint, finding in sorted(_grave(report), key=lambda found: found[1].severity is Severity.WARNING):
            at = endpoint.observation.endpoint if endpoint else None
            host = at.host if at and at.host != report.target.name else None
            where = " ".join(filter(None, (place(report.target), host, at.address if at else None)))
            yield _plain(f"{finding.severity}: {where}: {title(finding.id)} [{finding.id}]")


def _bounded(lines: Sequence[str]) -> str:
    """Whole lines, as many as there is room for."""
    kept, used = [], 0
    for line in lines:
        used += len(line) + 1
        if used > LARGEST:
            break
        kept.append(line)
    return "\n".join((*kept, ""))
