"""Groups of looks side by side: what is wrong in one group that is not wrong in all, and who was shown what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import combinations

from msgspec import Struct
from msgspec.structs import replace

from probe.model import Confidence, EndpointReport, Finding, Severity, Stage, Trouble, bracketed
from probe.rules.handshake import named_alert

FEW = 5
"""Items of a list that a sentence names."""
LONGEST = 60
"""Characters of a name or a message in such an item; they are not ours."""

UNHEARD = frozenset({Stage.DNS, Stage.CONNECT, Stage.GREETING})
"""Where an observation ended that never came to a conversation; the next address or host is tried then."""

PERHAPS_OURS = frozenset({Trouble.UNRESOLVED, Trouble.UNREACHABLE, Trouble.TIMEOUT, Trouble.REPLY})
"""Our resolver may have failed, our network may block the way, the server may refuse our address alone."""

Group = tuple[EndpointReport, ...]
Groups = Mapping[str, Group]
"""What people call a kind of look → its reports, at least one."""


class Contrast(Struct, frozen=True):
    """At least two groups of looks."""

    groups: Groups

    @property
    def common(self) -> tuple[str, ...]:
        """Ids of the warnings and errors that every group has; where there are any, no group is right."""
        every = [troubles(group) for group in self.groups.values()]
        return tuple(id_ for id_ in every[0] if all(id_ in ids for ids in every))

    @property
    def wrong(self) -> dict[str, dict[str, Severity]]:
        """Group → ids of the warnings and errors that it has and not every group has."""
        every = {label: troubles(group) for label, group in self.groups.items()}
        return {label: {id_: ids[id_] for id_ in ids if id_ not in self.common} for label, ids in every.items()}

    @property
    def affected(self) -> Groups:
        """The groups with something wrong."""
        return {label: self.groups[label] for label, ids in self.wrong.items() if ids}

    @property
    def parted(self) -> bool:
        """Two of the groups have no list in common: behind a pool, one that both were shown makes them the same."""
        lists = [{report.observation.presented for report in group} for group in self.groups.values()]
        return any(one.isdisjoint(other) for one, other in combinations(lists, 2))

    @property
    def severity(self) -> Severity:
        """The worst of what is wrong; info where all are of one quality."""
        return worst(severity for ids in self.wrong.values() for severity in ids.values())

    def finding(self, id_: str, **facts: object) -> Finding:
        """Say which groups see what.

        The case is "other" where none is wrong, "each" where every one has a fault of its own, and "more" where all
        have a fault in common and some have another in addition.
        """
        wrong = {label: tuple(ids) for label, ids in self.wrong.items() if ids}
        spared = [label for label in self.groups if label not in wrong]
        told: dict[str, object] = {
            "shown": few([f"{label}: {shown(group[0])}" for label, group in self.groups.items()]),
            "affected": few([f"{label} ({', '.join(few(ids))})" for label, ids in wrong.items()]),
            "right": () if self.common else few(spared),
        }
        kind = "other" if not wrong else "each" if not spared else "more" if self.common else ""
        case: dict[str, object] = {"case": kind} if kind else {}
        case |= {"common": few(self.common)} if kind == "more" else {}
        place = place_of(next(iter((self.affected or self.groups).values())))
        return Finding(id_, self.severity, facts={**place, **told, **case, **facts})

    def reached(self, id_: str, **facts: object) -> Finding:
        """The same; where all that is wrong is that nobody answered, it is no error.

        The case is "unheard", or "silent" where that may be our own side's doing.
        """
        found = self.finding(id_, **facts)
        seen = [report.observation for group in self.affected.values() for report in group if troubles((report,))]
        if "case" in found.facts or any(one.stage not in UNHEARD for one in seen):
            return found
        ours = any(one.failure is not None and one.failure.trouble in PERHAPS_OURS for one in seen)
        sure, case = (Confidence.MAY_BE, "silent") if ours else (Confidence.IS, "unheard")
        return replace(found, severity=Severity.WARNING, confidence=sure, facts={**found.facts, "case": case})


def troubles(group: Group) -> dict[str, Severity]:
    """Ids of all warnings and errors of a group, the errors first."""
    found = [finding for report in group for finding in report.findings]
    errors = {f.id: f.severity for f in found if f.severity is Severity.ERROR}
    return errors | {f.id: f.severity for f in found if f.severity is Severity.WARNING and f.id not in errors}


def worst(severities: Iterable[Severity]) -> Severity:
    """Give the worst of them, info where there is none."""
    return max(severities, key=lambda severity: severity.rank, default=Severity.INFO)


def few(items: Collection[str]) -> tuple[str, ...]:
    """Cut a list to what a sentence can hold."""
    more = len(items) - FEW
    return (*list(items)[:FEW], f"{more} more") if more > 0 else tuple(items)


def place_of(group: Group) -> dict[str, object]:
    """Give the slots that name the server in sentences and commands."""
    endpoint = group[0].observation.endpoint
    host = endpoint.host or endpoint.address or ""
    return {"host": host, "port": str(endpoint.port), "endpoint": f"{bracketed(host)}:{endpoint.port}"}


def shown(report: EndpointReport) -> str:
    """What a look was shown, in a few words that tell it from another."""
    leaf, seen = report.chain.own if report.chain else None, report.observation
    if leaf is None or seen.presented is None:
        alert = named_alert(seen)
        said = f"alert {alert}" if alert else seen.failure.text[:LONGEST] if seen.failure else "none can be read"
        return f"no certificate ({said})"
    issuer = (leaf.issuer.common_name or leaf.issuer.text)[:LONGEST]
    until = f", until {leaf.not_after:%Y-%m-%d}" if leaf.not_after else ""
    return f'"{leaf.label[:LONGEST]}" (by "{issuer}"{until}, {len(seen.presented)} sent)'
