"""Across connections: what changes between two looks at one server is evidence that neither look is alone."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from dataclasses import replace

from probe.model import Confidence, EndpointReport, Finding, Observation, Severity, Stage, Trouble
from probe.rules.handshake import demands, ending_alert, named_alert

WITHIN_TLS = frozenset({Stage.HANDSHAKE, Stage.EHLO_TLS})
"""Where a server that refuses our certificate ends the connection: in TLS 1.3 that shows after the handshake only."""


def client_certificate(without: Observation, presenting: Observation) -> Finding:
    """Say what our certificate changed: a finding ``client-cert-refused``, or a note ``client-cert-tried``."""
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


NO_ROUTE = frozenset(f"errno:{number}" for number in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT))
"""Our own computer has no way there, most often none for IPv6: that is no fault of the server."""


def eased(endpoints: Sequence[EndpointReport]) -> tuple[EndpointReport, ...]:
    """Lower what is said of an address that lets nobody in, where another of the same host does: senders go on."""
    open_hosts = {look.observation.endpoint.host for look in endpoints if look.observation.stage not in SHUT}
    return tuple(_eased(look) if look.observation.endpoint.host in open_hosts else look for look in endpoints)


SHUT = frozenset({Stage.DNS, Stage.CONNECT})


def _eased(look: EndpointReport) -> EndpointReport:
    failure = look.observation.failure
    if failure is None or look.observation.stage is not Stage.CONNECT:
        return look
    weight = Severity.INFO if NO_ROUTE.intersection(failure.symptoms) else Severity.WARNING
    findings = (replace(f, severity=weight) if f.severity is Severity.ERROR else f for f in look.findings)
    return replace(look, findings=tuple(findings))
