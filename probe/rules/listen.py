"""Listen: what a sending mail server does when it is asked for its certificate."""

from __future__ import annotations

from collections.abc import Iterable

from probe.model import Confidence, Observation, Severity, Side, Stage, Trouble
from probe.rules.case import Case, Hit, Need, Rule, rule
from probe.rules.handshake import ending_alert, named_alert

OF_CERTIFICATE = frozenset({42, 43, 44, 45, 46, 48, 49, 51, 113})
"""Alerts with which a client ends TLS over the certificate that a server presents (RFC 8446 §6.2)."""
OUTCOME = frozenset({Stage.HANDSHAKE, Stage.EHLO_TLS})


@rule("refused-us", Severity.WARNING, Need.CALLER, "RFC 8446 §6.2")
def refused_us(case: Case) -> Iterable[Hit]:
    """The client ended TLS over the certificate that we presented, so its own was not seen, or counts for nothing."""
    seen = case.observation
    if seen.stage in OUTCOME and ending_alert(seen) in OF_CERTIFICATE:
        yield Hit((), {"alert": named_alert(seen), "address": seen.endpoint.address or ""})
    elif _went_silently(seen):
        facts = {"address": seen.endpoint.address or "", "stage": seen.stage.value, "case": "closed"}
        yield Hit((), facts, Confidence.MAY_BE)


def _went_silently(seen: Observation) -> bool:
    """The client had our certificate before it and hung up without a word."""
    shown = seen.client_cert_requested is True
    return shown and seen.stage in OUTCOME and seen.failure is not None and seen.failure.trouble is Trouble.CLOSED


@rule("client-handshake-failed", Severity.WARNING, Need.CALLER, "RFC 8446 §6")
def client_handshake_failed(case: Case) -> Iterable[Hit]:
    """TLS with the client came to nothing for another reason."""
    seen = case.observation
    refused = ending_alert(seen) in OF_CERTIFICATE or _went_silently(seen)
    if seen.stage in OUTCOME and seen.failure and not refused:
        begun = {} if seen.client_cert_requested or seen.failure.trouble is not Trouble.CLOSED else {"case": "unbegun"}
        facts = {"said": seen.failure.text, "stage": seen.stage.value, "address": seen.endpoint.address or ""}
        yield Hit((), facts | begun)


@rule("client-without-tls", Severity.INFO, Need.CALLER, "RFC 3207 §4")
def client_without_tls(case: Case) -> Iterable[Hit]:
    """The client went without having said STARTTLS."""
    seen = case.observation
    if seen.stage in {Stage.GREETING, Stage.EHLO}:
        yield Hit((), {"address": seen.endpoint.address or ""})


@rule("no-client-cert", Severity.INFO, Need.CALLER, "RFC 8446 §4.4.2.4")
def no_client_cert(case: Case) -> Iterable[Hit]:
    """The client was asked for a certificate and presented none."""
    seen = case.observation
    if seen.presented == () and seen.side is Side.CLIENT:
        yield Hit((), {"address": seen.endpoint.address or ""})


RULES: tuple[Rule, ...] = (refused_us, client_handshake_failed, client_without_tls, no_client_cert)
"""What a client does that called us."""
