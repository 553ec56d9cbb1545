"""Across connections: what changes between two looks at one server is evidence that neither look is alone."""

from __future__ import annotations

from probe.model import Confidence, Finding, Observation, Severity, Stage, Trouble
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
