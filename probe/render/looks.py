"""Many looks at one target, put in order: by server, and by what they saw. A look is an EndpointReport."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from probe.model import Confidence, EndpointReport, Kind, Side, bracketed

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from probe.model import Finding, Report

Looks = Sequence[EndpointReport]


class Server(Struct, frozen=True):
    """One host and port, with every look at it."""

    name: str
    preference: int | None
    looks: tuple[EndpointReport, ...]


class Group(Struct, frozen=True):
    """Looks that saw the same list of certificates, or that ended alike without one."""

    letter: str
    looks: tuple[EndpointReport, ...]

    @property
    def worst(self) -> EndpointReport:
        """The look with the gravest finding, the first of equals."""
        return max(self.looks, key=weight)

    @property
    def showed(self) -> bool:
        """A list of certificates came."""
        return self.looks[0].observation.presented is not None


def looks_of(report: Report) -> tuple[EndpointReport, ...]:
    """What was seen of the target: not what our own certificate changed, and not our own list."""
    if report.target.kind is Kind.FILE:
        return report.endpoints
    return tuple(look for look in report.endpoints if not look.observation.client_chain and not _is_ours(look))


def _is_ours(look: EndpointReport) -> bool:
    """It is a list of a client's that nobody sent: the one that we would present."""
    return look.observation.side is Side.CLIENT and look.observation.endpoint.address is None


def declined(look: EndpointReport) -> bool:
    """It was offered one kind of key, or one version of TLS, alone, and has none such: that is no fault."""
    at = look.observation.endpoint
    return bool(at.offered_key or at.offered_tls) and look.observation.presented is None and not look.findings


def servers(looks: Looks) -> tuple[Server, ...]:
    """By preference, then as they came. The port is said where there are several."""
    ports = {look.observation.endpoint.port for look in looks}
    found: dict[tuple[int | None, str], list[EndpointReport]] = {}
    for look in looks:
        at = look.observation.endpoint
        host = at.host or at.address or "?"
        name = f"{bracketed(host)}:{at.port}" if len(ports) > 1 else host
        found.setdefault((at.mx_preference, name), []).append(look)
    ordered = sorted(found.items(), key=lambda entry: entry[0][0] or 0)
    return tuple(Server(name, preference, tuple(seen)) for (preference, name), seen in ordered)


def distinct(looks: Looks) -> tuple[Group, ...]:
    """Each distinct list of certificates, and each way to end without one; the worst first."""
    found: dict[Hashable, list[EndpointReport]] = {}
    for look in looks:
        found.setdefault(_shown(look), []).append(look)
    worst_first = sorted(found.values(), key=lambda seen: max(map(weight, seen)), reverse=True)
    return tuple(Group(letter, tuple(seen)) for letter, seen in zip(_letters(), worst_first, strict=False))


def _shown(look: EndpointReport) -> Hashable:
    """What makes two looks the same."""
    seen = look.observation
    if seen.presented is not None:
        return seen.presented
    return seen.stage, frozenset((finding.id, _case(finding)) for finding in look.findings)


def _case(finding: Finding) -> str:
    return str(finding.facts.get("case", ""))


def _letters() -> Iterator[str]:
    """A to Z, then A1 to Z1, and so on."""
    for turn in count():
        yield from (f"{letter}{turn or ''}" for letter in string.ascii_uppercase)


def severity(finding: Finding) -> int:
    """Its rank: errors have the highest."""
    return finding.severity.rank


STOPS = frozenset({"dane-mismatch", "dane-ta-missing", "dane-bogus"})
"""Findings for which mail waits now, whereas few senders mind another name or a missing certificate."""


def gravity(finding: Finding) -> tuple[int, bool, bool]:
    """How bad, then whether it is more than a possibility, then whether mail waits now."""
    return severity(finding), finding.confidence is not Confidence.MAY_BE, finding.id in STOPS


def weight(look: EndpointReport) -> tuple[int, bool]:
    """How bad it is; of equals, what was seen weighs more than what could not be seen."""
    return max(map(severity, look.findings), default=-1), look.examined


def folded(looks: Looks, *, apart: bool) -> list[tuple[Finding, tuple[EndpointReport, ...]]]:
    """Each finding of looks that saw the same, once, with the looks that have it.

    Its sentences may name a host or an address; with ``apart`` every wording stands for itself.
    """
    found: dict[Hashable, tuple[Finding, list[EndpointReport]]] = {}
    for look in looks:
        times: Counter[Hashable] = Counter()
        for finding in look.findings:
            said = finding.summary if apart else _case(finding)
            software = look.mta.name if look.mta else None
            zone = str(finding.facts.get("zone", ""))
            what = (finding.id, finding.severity, finding.confidence, finding.positions, said, software, zone)
            times[what] += 1
            found.setdefault((what, times[what]), (finding, []))[1].append(look)
    return [(finding, tuple(seen)) for finding, seen in found.values()]


def merged(group: Group, findings: Sequence[tuple[Finding, Looks]]) -> EndpointReport:
    """The worst look of a group with the findings, and what was skipped, of all of them."""
    skipped = {entry.id: entry for look in group.looks for entry in look.skipped}
    return replace(group.worst, findings=tuple(f for f, _ in findings), skipped=tuple(skipped.values()))
