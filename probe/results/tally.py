"""What a sweep counts while it runs: one row after another, in memory that does not grow with the list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from probe.model import Severity
from probe.results.row import OUTCOMES, Place, Row

EXAMPLES = 3
"""Hosts that are named for a finding."""
WORST = 1000
"""Targets with errors that are named; whoever has more reads the file of results."""
NAMES = 2000
"""Distinct names of one kind, each a stranger's word: the public CAs are some hundreds."""
NAME = 80
"""Characters of a name that are kept."""
OTHERS = "others"
"""What is counted together, once there are too many names."""
UNKNOWN = "not recognised"
"""Software that left no sign."""
WITHOUT = "none"
"""The version of TLS where the host answers, and TLS is not reached."""
OCTAVES = 32
"""Times are counted by powers of two milliseconds; the last holds whatever takes weeks."""
_RANKS = {severity.value: severity.rank for severity in Severity}


class About(Struct, frozen=True):
    """What is to be said of a sweep beside its counts."""

    source: str
    """Where the targets came from, for people: "targets.txt"."""
    began: datetime
    seconds: float
    """How long it took; of a resumed sweep, this run."""
    version: str
    """Of this program."""
    stores: tuple[str, ...] = ()
    """Trust stores, with their dates."""
    finished: bool = True
    """False where targets were left."""
    already: int = 0
    """Of the targets, how many earlier runs have done."""
    repeated: int = 0
    """Lines of the list that name a target again."""


class Found(Struct):
    """One finding."""

    severity: str
    """The worst that it had."""
    targets: int = 0
    examples: list[str] = field(default_factory=list)
    """Distinct hosts, or targets where no host has it by itself."""
    of_domain: bool = False
    """Those are mail domains."""

    def add(self, severity: str, host: str) -> None:
        """Count one target."""
        self.targets += 1
        if severity != self.severity and _RANKS[severity] > _RANKS[self.severity]:
            self.severity = severity
        if len(self.examples) < EXAMPLES and host not in self.examples:
            self.examples.append(host)


class Group(Struct):
    """Targets that have a CA, or a mail server, in common. A target counts once, by the worst of its endpoints."""

    targets: int = 0
    errors: int = 0
    warnings: int = 0
    """Targets without errors that have a warning."""
    findings: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Error or warning → targets."""

    def add(self, ids: Mapping[str, str]) -> None:
        """Count one target by its errors and warnings, id → severity."""
        self.targets += 1
        if not ids:
            return
        if "error" in ids.values():
            self.errors += 1
        else:
            self.warnings += 1
        for one in ids:
            self.findings[one] += 1

    @property
    def most(self) -> str | None:
        """The most frequent error or warning."""
        return max(list(self.findings.items()), key=lambda pair: pair[1], default=(None, 0))[0]


class Took(Struct):
    """How long one stage took, over all endpoints that came to it, in milliseconds."""

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    octaves: list[int] = field(default_factory=lambda: [0] * OCTAVES)

    def add(self, ms: float) -> None:
        """Count one time."""
        self.count += 1
        self.total += ms
        self.longest = max(self.longest, ms)
        self.octaves[min(int(ms).bit_length(), OCTAVES - 1) if ms > 0 else 0] += 1

    def within(self, share: float) -> float:
        """Give a time within which that share of them was ready: at most twice the true one, or 1 ms."""
        seen = 0
        for octave, count in enumerate(self.octaves):
            seen += count
            if seen >= share * self.count:
                return min(float(1 << octave), self.longest)
        return self.longest


class Wrong(Struct, frozen=True):
    """A target with errors."""

    name: str
    findings: tuple[str, ...]
    """Its errors, then its warnings."""


class Tally(Struct):
    """What was counted so far. Names are as they came, and need cleaning before anybody sees them."""

    targets: int = 0
    endpoints: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    findings: dict[str, Found] = field(default_factory=dict)
    authorities: dict[str, Group] = field(default_factory=dict)
    """Organisation that issued the server's certificate → targets."""
    software: dict[str, Group] = field(default_factory=dict)
    """Recipe id → targets; ``UNKNOWN`` = it answered, and left no sign."""
    versions: dict[str, int] = field(default_factory=dict)
    """TLS version → targets; ``WITHOUT`` = it answered, and TLS was not reached."""
    stages: dict[str, Took] = field(default_factory=dict)
    worst: list[Wrong] = field(default_factory=list)
    """The first ``WORST`` targets with errors."""

    def add(self, row: Row) -> None:
        """Count one target."""
        self.targets += 1
        self.endpoints += len(row.places)
        self.outcomes[row.outcome] += 1
        found = _found(row)
        for one, (severity, host) in found.items():
            if (known := self.findings.get(one)) is None:
                known = self.findings[one] = Found(severity)
            known.add(severity, host)
        if row.findings and row.key.startswith("domain "):
            for one, _ in row.findings:
                self.findings[one].of_domain = True
        self._group(row.places)
        self._time(row.places)
        if row.status == "error" and len(self.worst) < WORST:
            self.worst.append(Wrong(called(row.key), _sorted(found)))

    def _group(self, places: tuple[Place, ...]) -> None:
        for groups, of in ((self.authorities, _ca), (self.software, _mta)):
            for name, alike in _apart(places, of):
                _counted(groups, name).add(_grave(alike))
        for version, _ in _apart(places, _version):
            name = _bounded(self.versions, version)
            self.versions[name] = self.versions.get(name, 0) + 1

    def _time(self, places: tuple[Place, ...]) -> None:
        for place in places:
            for stage, ms in place.timing_ms.items():
                if (took := self.stages.get(stage)) is None:
                    took = self.stages[stage] = Took()
                took.add(ms)

    def ranked(self, *, notes: bool = True) -> list[tuple[str, Found]]:
        """Give the findings, errors first, and of each kind the most frequent first."""
        found = [pair for pair in list(self.findings.items()) if notes or pair[1].severity != "info"]
        return sorted(found, key=lambda pair: (-_RANKS[pair[1].severity], -pair[1].targets, pair[0]))

    @property
    def slowest(self) -> tuple[str, Took] | None:
        """The stage that took most time of all; None before there is one."""
        return max(list(self.stages.items()), key=lambda pair: pair[1].total, default=None)

    def share_of_time(self, took: Took) -> float:
        """Give a stage's part of the time that all stages took, 0 to 1."""
        return took.total / (sum(one.total for one in list(self.stages.values())) or 1)


def frequent(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Give names and their counts, the most frequent first."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def largest(groups: Mapping[str, Group]) -> list[tuple[str, Group]]:
    """Give the groups by size, what has no name of its own last."""
    nameless = (OTHERS, UNKNOWN)
    return sorted(groups.items(), key=lambda pair: (pair[0] in nameless, -pair[1].targets, pair[0]))


def called(key: str) -> str:
    """Give the name in a ``Row.key`` as a person types it: the host, with its port where that is not 25."""
    kind, _, rest = key.partition(" ")
    name, port, _ = rest.rsplit(" ", 2)
    return name if kind != "host" or port == "25" else joined(name, int(port))


def joined(host: str, port: int) -> str:
    """Write host and port, an address of IPv6 in brackets; port 25 is left out."""
    if port == 25:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _found(row: Row) -> dict[str, tuple[str, str]]:
    """Each finding of a target once: id → its worst severity, and the host (or target) that has it."""
    found: dict[str, tuple[str, str]] = {}
    for place in row.places:
        for one, severity in place.findings:
            known = found.get(one)
            if known is None or _RANKS[severity] > _RANKS[known[0]]:
                found[one] = severity, joined(place.host or place.address or called(row.key), place.port)
    for one, severity in row.findings:
        if one not in found or _RANKS[severity] > _RANKS[found[one][0]]:
            found[one] = severity, called(row.key)
    return found


def _sorted(found: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    grave = [(-_RANKS[severity], one) for one, (severity, _) in found.items() if severity != "info"]
    return tuple(one for _, one in sorted(grave))


def _grave(places: Iterable[Place]) -> dict[str, str]:
    """Errors and warnings of these endpoints: id → severity, an error where it is one anywhere."""
    grave = [pair for place in places for pair in place.findings if pair[1] != "info"]
    return dict(sorted(grave, key=lambda pair: _RANKS[pair[1]])) if grave else {}


def _apart(places: Sequence[Place], of: Callable[[Place], str | None]) -> Iterable[tuple[str, Sequence[Place]]]:
    """Endpoints by what they have in common; those that have it not are left out."""
    if len(places) == 1:  # as nearly always
        return ((name, places),) if (name := of(places[0])) else ()
    apart: dict[str, list[Place]] = {}
    for place in places:
        if name := of(place):
            apart.setdefault(name, []).append(place)
    return apart.items()


def _ca(place: Place) -> str | None:
    return place.ca


def _mta(place: Place) -> str | None:
    return place.mta or (UNKNOWN if place.status != "unreachable" else None)


def _version(place: Place) -> str | None:
    return place.tls_version or (WITHOUT if place.status != "unreachable" else None)


def _bounded(names: Mapping[str, object], name: str) -> str:
    name = name[:NAME]
    return name if name in names or len(names) < NAMES else OTHERS


def _counted(groups: dict[str, Group], name: str) -> Group:
    if (known := groups.get(name)) is None:
        known = groups.setdefault(_bounded(groups, name), Group())
    return known
