"""A server looked at without a certificate of ours and with it: what that changed, and what of each look is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from probe.model import Confidence, EndpointReport, Finding, Observation, Severity, Stage, Trouble
from probe.rules.handshake import demands, ending_alert, named_alert

IDS = frozenset({"client-cert-refused", "client-cert-tried"})
"""What ``changed`` may find."""

WITHIN_TLS = frozenset({Stage.HANDSHAKE, Stage.EHLO_TLS})
"""Where a server that refuses our certificate ends the connection: in TLS 1.3 that shows after the handshake only."""

ENDING = frozenset({"handshake-refused", "handshake-failed", "closed"})
"""How the second look ends where our certificate is refused: ``client-cert-refused`` tells it."""


def changed(looks: Sequence[EndpointReport]) -> Iterator[Finding]:
    """Say what our certificate changed wherever it was presented; the words are added later."""
    for first, second in _pairs(looks):
        yield _change(first.observation, second.observation)


def looked_twice(looks: Sequence[EndpointReport]) -> tuple[EndpointReport, ...]:
    """Leave to each second look what only it has, and make the demand for a certificate a note where ours is taken."""
    told: dict[int, EndpointReport] = {}
    for first, second in _pairs(looks):
        told |= {id(first): _first(first, second), id(second): _second(first, second)}
    return tuple(told.get(id(look), look) for look in looks)


def _pairs(looks: Sequence[EndpointReport]) -> Iterator[tuple[EndpointReport, EndpointReport]]:
    """Each look with a certificate of ours behind the one at the same place without."""
    bare = {look.observation.endpoint: look for look in reversed(looks) if not look.observation.client_chain}
    for look in looks:
        if look.observation.client_chain and (first := bare.get(look.observation.endpoint)):
            yield first, look


def _first(look: EndpointReport, second: EndpointReport) -> EndpointReport:
    taken = _change(look.observation, second.observation).facts.get("case") == "needed"
    if not taken:
        return look
    eased = (replace(f, severity=Severity.INFO) if f.id == "client-cert-required" else f for f in look.findings)
    return replace(look, findings=tuple(eased))


def _second(first: EndpointReport, second: EndpointReport) -> EndpointReport:
    return replace(second, findings=tuple(_fresh(first, second)))


def _fresh(first: EndpointReport, second: EndpointReport) -> Iterator[Finding]:
    refused = _change(first.observation, second.observation).id == "client-cert-refused"
    told = {(finding.id, finding.positions) for finding in first.findings}
    for finding in second.findings:
        if (finding.id, finding.positions) not in told and not (refused and finding.id in ENDING):
            yield finding


def _change(without: Observation, presenting: Observation) -> Finding:
    """A finding ``client-cert-refused``, or a note ``client-cert-tried``."""
    facts = {"stage": presenting.stage.value, "said": presenting.failure.text if presenting.failure else ""}
    facts |= {"alert": named} if (named := named_alert(presenting)) else {}
    alerted = presenting.failure is not None and presenting.failure.trouble is Trouble.ALERT
    if without.stage is Stage.DONE and presenting.stage in WITHIN_TLS:
        sure = Confidence.IS if alerted else Confidence.VERY_LIKELY
        case = {} if alerted else {"case": "closed"}
        return Finding("client-cert-refused", Severity.ERROR, sure, facts=facts | case)
    if demands(without) and alerted and ending_alert(presenting) != ending_alert(without):
        case, sure = {"case": "demanded"}, Confidence.VERY_LIKELY
        return Finding("client-cert-refused", Severity.ERROR, sure, facts=facts | case)
    return Finding("client-cert-tried", Severity.INFO, facts=facts | {"case": _unchanged(without, presenting)})


def _unchanged(without: Observation, presenting: Observation) -> str:
    """Which case of ``client-cert-tried`` it is."""
    if without.stage is Stage.DONE and presenting.stage is Stage.DONE:
        return "taken" if presenting.client_cert_requested else "unasked"
    if without.stage in WITHIN_TLS and presenting.stage is Stage.DONE:
        return "needed"
    return "same" if without.stage is presenting.stage else "apart"
