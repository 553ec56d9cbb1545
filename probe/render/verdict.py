"""The first line: mark and place, the worst of it, how many more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.catalogue.protocols import spoken_of
from probe.model import Confidence, Kind, Severity, bracketed
from probe.render.finding import Told
from probe.render.looks import declined, gravity, looks_of
from probe.render.places import briefly
from probe.render.sheet import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probe.model import EndpointReport, Finding, Report, Target
    from probe.render.finding import Title
    from probe.render.looks import Looks
    from probe.render.sheet import Part

SMTP = 25
"""The port of mail domains, which goes without saying."""


def verdict(report: Report, told: Told) -> tuple[Part, Part]:
    """Mark and words of the first line."""
    status, words = _several(report, told) if len(looks_of(report)) > 1 else _one(report, told)
    return (f"{MARKS[status]} ", status), (f"{place(report.target)} — {_interruption(report)}{words}", "strong")


def _interruption(report: Report) -> str:
    """How far it came, where somebody lost patience."""
    if not report.interrupted:
        return ""
    hosts = {mx.host for mx in report.domain.mx if mx.host} if report.domain else set()
    if not hosts:
        return "interrupted: "
    seen = {look.observation.endpoint.host for look in looks_of(report) if look.examined}
    return f"interrupted, {len(hosts & seen)} of {len(hosts)} mail host{'' if len(hosts) == 1 else 's'} seen: "


def in_words(report: Report, title: Title) -> str:
    """Say in one line where it was looked and the worst of it, without a mark."""
    return verdict(report, Told(lambda id_: spoken_of(report.target.protocol, title(id_))))[1][0]


def _one(report: Report, told: Told) -> tuple[str, str]:
    """All findings are about the same server, so each counts."""
    findings = [*report.findings, *(f for endpoint in report.endpoints for f in endpoint.findings)]
    grave = sorted((f for f in findings if f.severity is not Severity.INFO), key=gravity, reverse=True)
    if grave:
        return report.status, accusation(grave[0], told.title) + _counted(len(grave) - 1, "more finding")
    status, words = _praise(report, told)
    return status, words + _counted(len(findings), "note")


def _several(report: Report, told: Told) -> tuple[str, str]:
    """The worst of what was seen in any place, and there; many places with one fault have one."""
    looks = looks_of(report)
    grave = sorted(_grave(report, looks), key=_urgency, reverse=True)
    if not grave:
        notes = {f.id for f in report.findings} | {f.id for look in looks for f in look.findings}
        status, words = _praise(report, told)
        return status, words + _counted(len(notes), "note")
    worst = grave[0][0]
    at = [look for finding, _, look in grave if finding.id == worst.id and look]
    where = briefly(at, looks) if at else ""
    more = _counted(len({finding.id for finding, _, _ in grave}) - 1, "more finding")
    return report.status, (f"{where}: " if where else "") + accusation(worst, told.title) + more


def _urgency(entry: tuple[Finding, int, EndpointReport | None]) -> tuple[int, bool, int, bool]:
    """How bad and how sure; then how near it was seen, and of that first for what mail waits now."""
    bad, sure, stops = gravity(entry[0])
    return bad, sure, entry[1], stops


def _grave(report: Report, looks: Looks) -> Iterator[tuple[Finding, int, EndpointReport | None]]:
    """What is wrong, how near to the certificates it was seen, and by which look.

    A server's own fault tells more than a comparison; a place that could not be seen tells least.
    """
    every = [(f, 2 if look.examined else 0, look) for look in looks for f in look.findings]
    for finding, nearness, look in [*every, *((f, 1, None) for f in report.findings)]:
        if finding.severity is not Severity.INFO:
            yield finding, nearness, look


def accusation(finding: Finding, title: Title) -> str:
    """The title of a finding inside a line, and how sure it is."""
    sure = "" if finding.confidence is Confidence.IS else f"{finding.confidence}: "
    return sure + _without_capital(title(finding.id))


def _counted(number: int, what: str) -> str:
    return f" (+ {number} {what}{'s' if number > 1 else ''})" if number > 0 else ""


def _praise(report: Report, told: Told) -> tuple[str, str]:
    """Status and words where no rule objected: "right" only of a chain that OpenSSL accepts, too."""
    if report.status == "unreachable":
        return report.status, "nothing could be examined"
    chains = [endpoint.chain for endpoint in report.endpoints if endpoint.examined and not declined(endpoint)]
    silent = [f for e in report.endpoints if not e.observation.presented for f in e.findings]
    if report.target.kind is Kind.LISTEN and silent:
        return "info", accusation(silent[0], told.title)
    if any(chains) and not report.stores:
        return "info", "no trust anchors were given: trust was not judged"
    if report.hidden:
        return "info", f"nothing else to report (ignored: {', '.join(report.hidden)})"
    if chains and all(chain and chain.path and chain.path.valid for chain in chains):
        lists = {endpoint.observation.presented for endpoint in looks_of(report)} - {None}
        words = "every chain is right" if len(lists) > 1 else "the chain is right"
        whole = not (report.left_out or report.interrupted) and all(endpoint.examined for endpoint in report.endpoints)
        return (report.status, words) if whole else ("info", f"{words} where it could be seen")
    return "info" if any(chains) else report.status, "nothing to report"


def _without_capital(title: str) -> str:
    """Inside a line; a name such as STARTTLS or OpenSSL keeps its letters."""
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or len(first) == 1 else title


def place(target: Target) -> str:
    """Write the target as a user types it, port and brackets included."""
    if target.kind is Kind.FILE or (target.kind is Kind.DOMAIN and target.port == SMTP):
        return target.name
    if target.kind is Kind.LISTEN:
        return f"the client {target.name}"
    return f"{bracketed(target.name)}:{target.port}"
