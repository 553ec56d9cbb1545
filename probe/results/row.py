"""One report as a sweep counts it: a few words of each, be it fresh or read back from a file of results."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from msgspec import Struct

from probe.model import NOT_CALLED, EndpointReport, Finding, Report, Severity, Target

OUTCOMES = ("ok", "info", "warning", "error", "unreachable", "no-mail", *NOT_CALLED)
"""What may become of a target, as ``Row.outcome``: the statuses, the best first, then why nobody was called."""
_ORGANISATION = re.compile(r"(?:^|,)(?:O|CN)=((?:[^,\\]|\\.)*)")
_ESCAPED = re.compile(r"\\([0-9A-Fa-f]{2}|.)")


class Place(Struct, frozen=True):
    """One endpoint."""

    host: str | None
    address: str | None
    port: int
    status: str
    stage: str
    findings: tuple[tuple[str, str], ...]
    """(id, severity), in the order of the report."""
    ca: str | None
    """Organisation that issued the server's certificate, by its own word; None = no certificate was seen."""
    mta: str | None
    """Recipe id of the software, where it was recognised."""
    tls_version: str | None
    timing_ms: Mapping[str, float]


class Row(Struct, frozen=True):
    """One target."""

    key: str
    """The target: kind, name, port and protocol, separated by spaces. Unique within a sweep."""
    status: str
    exit_code: int
    findings: tuple[tuple[str, str], ...]
    """(id, severity) of what is said of no single endpoint."""
    places: tuple[Place, ...]
    left_out: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """One of ``OUTCOMES``: "unreachable" is parted by whether it is so by somebody's wish."""
        if self.status != "unreachable":
            return self.status
        if any(name == "null-mx" for name, _ in self.every):
            return "no-mail"
        wishes = () if self.places else NOT_CALLED.items()
        return next((why for why, end in wishes if any(one.endswith(end) for one in self.left_out)), self.status)

    @property
    def every(self) -> frozenset[tuple[str, str]]:
        """(id, severity) of all findings, each once."""
        return frozenset(self.findings).union(*(place.findings for place in self.places))


def key_of(target: Target) -> str:
    """Give the key of a target, as ``Row.key``."""
    return f"{target.kind} {target.name} {target.port} {target.protocol}"


def key_read(target: Mapping[str, Any]) -> str:
    """Give it of the target of a document; raises KeyError or TypeError if it is none."""
    return f"{target['kind']} {target['name']} {target['port']} {target['protocol']}"


def parts_of(key: str) -> tuple[str, str, int, str]:
    """Take a key apart again: kind, name, port and protocol; raises ValueError where it is none."""
    kind, _, rest = key.partition(" ")
    name, port, protocol = rest.rsplit(" ", 2)
    return kind, name, int(port), protocol


def row_of(report: Report) -> Row:
    """Take from a report what is counted."""
    return Row(
        key_of(report.target),
        report.status,
        report.exit_code,
        _named(report.findings),
        tuple(map(_place, report.endpoints)),
        report.left_out,
    )


def row_of_document(document: Mapping[str, Any]) -> Row:
    """Take the same from a document of the contract; raises KeyError, TypeError or ValueError if it is none."""
    return Row(
        key_read(document["target"]),
        document["status"],
        document["exit_code"],
        _read(document["findings"]),
        tuple(map(_place_read, document["endpoints"])),
        tuple(document["left_out"]),
    )


def _place(endpoint: EndpointReport) -> Place:
    seen, chain = endpoint.observation, endpoint.chain
    own = chain.own or (chain.presented[0] if chain.presented else None) if chain else None
    there = seen.endpoint
    return Place(
        there.host,
        there.address,
        there.port,
        endpoint.status,
        seen.stage.value,
        _named(endpoint.findings),
        issuing(own.issuer.text) if own and own.problem is None else None,
        endpoint.mta.name if endpoint.mta else None,
        seen.tls_version,
        seen.timing_ms,
    )


def _place_read(endpoint: Mapping[str, Any]) -> Place:
    presented, path = endpoint["presented"], endpoint["path"]
    own = next((one for one in presented if path and one["sha256"] == path[0]), presented[0] if presented else None)
    return Place(
        endpoint["host"],
        endpoint["address"],
        endpoint["port"],
        endpoint["status"],
        endpoint["stage"],
        _read(endpoint["findings"]),
        issuing(own["issuer"]) if own and own["issuer"] is not None else None,
        endpoint["mta"]["name"] if endpoint["mta"] else None,
        endpoint["tls_version"],
        endpoint["timing_ms"],
    )


def _named(findings: Sequence[Finding]) -> tuple[tuple[str, str], ...]:
    return tuple((finding.id, finding.severity.value) for finding in findings)


def _read(findings: Sequence[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((finding["id"], Severity(finding["severity"]).value) for finding in findings)


@lru_cache(maxsize=4096)
def issuing(name: str) -> str:
    """The organisation in a distinguished name (RFC 4514), else its common name, else all of it."""
    parts = [part for part in re.split(r"(?<!\\),", name) if part.startswith("O=")]
    found = parts[0][2:] if parts else next((m[1] for m in _ORGANISATION.finditer(name)), name)
    return _ESCAPED.sub(lambda one: _unescaped(one[1]), found)


def _unescaped(escaped: str) -> str:
    return chr(int(escaped, 16)) if len(escaped) == 2 else escaped
