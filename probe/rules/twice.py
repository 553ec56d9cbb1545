"""A server looked at twice, without a certificate of ours and with it: what of each look is worth saying."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from probe.model import EndpointReport, Finding, Severity
from probe.rules.across import client_certificate

ENDING = frozenset({"handshake-refused", "handshake-failed", "closed"})
"""How the second look ends where our certificate is refused: ``client-cert-refused`` tells it."""


def looked_twice(looks: Sequence[EndpointReport]) -> tuple[EndpointReport, ...]:
    """Leave to each second look what only it has, and make the demand for a certificate a note where ours is taken."""
    second = {id(first): look for look in looks if (first := _without(look, looks))}
    return tuple(_first(look, second[id(look)]) if id(look) in second else _second(look, looks) for look in looks)


def _without(look: EndpointReport, looks: Sequence[EndpointReport]) -> EndpointReport | None:
    """The look at the same place without a certificate; None where this one had none."""
    seen = look.observation
    if not seen.client_chain:
        return None
    bare = (one for one in looks if not one.observation.client_chain)
    return next((one for one in bare if one.observation.endpoint == seen.endpoint), None)


def _first(look: EndpointReport, second: EndpointReport) -> EndpointReport:
    taken = client_certificate(look.observation, second.observation).facts.get("case") == "needed"
    if not taken:
        return look
    eased = (replace(f, severity=Severity.INFO) if f.id == "client-cert-required" else f for f in look.findings)
    return replace(look, findings=tuple(eased))


def _second(look: EndpointReport, looks: Sequence[EndpointReport]) -> EndpointReport:
    first = _without(look, looks)
    return replace(look, findings=tuple(_fresh(first, look))) if first else look


def _fresh(first: EndpointReport, second: EndpointReport) -> Iterator[Finding]:
    refused = client_certificate(first.observation, second.observation).id == "client-cert-refused"
    told = {(finding.id, finding.positions) for finding in first.findings}
    for finding in second.findings:
        if (finding.id, finding.positions) not in told and not (refused and finding.id in ENDING):
            yield finding
