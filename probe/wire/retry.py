"""Whether a second connection may tell more than the first, and which of two observations knows more. Pure decisions.

A TLS 1.3 server with a 512-bit key cannot sign at all, but a TLS 1.2 handshake shows its certificate; a server that
ends the handshake over an unknown name may have a certificate for no name; a silent port may wait for a ClientHello.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from probe.model import Failure, Observation, Stage, Tls, Trouble

IMPLICIT, NO_SNI, TLS12 = "implicit", "no-sni", "tls1.2"

UNRECOGNIZED_NAME = 112
"""The alert of a server that does not know the name in SNI (RFC 6066 §3)."""


def reason_to_retry(seen: Observation) -> str | None:
    """Why a second connection may show more: "implicit", "no-sni", "tls1.2", or None when it would not."""
    failure = seen.failure
    if failure is None:
        return None
    if seen.stage is Stage.GREETING and seen.endpoint.tls is Tls.STARTTLS:
        silent = failure.trouble is Trouble.TIMEOUT and not seen.answered
        return IMPLICIT if silent or "bytes:tls" in failure.symptoms else None
    if seen.stage is not Stage.HANDSHAKE or seen.presented is not None:
        return None
    if seen.endpoint.sni and any(a.received and a.fatal and a.number == UNRECOGNIZED_NAME for a in seen.alerts):
        return NO_SNI
    if seen.endpoint.offered_key or seen.endpoint.offered_tls:
        return None  # one kind of key, or one version, was the question: a refusal is the answer
    went_away = failure.trouble is Trouble.CLOSED and not failure.symptoms  # old servers do so at a newer ClientHello
    return TLS12 if went_away or failure.trouble in {Trouble.ALERT, Trouble.TLS} else None


def knows_more(second: Observation, first: Observation, why: str) -> bool:
    """The certificates decide, then how far it came; a try with implicit TLS counts only when TLS answered it."""
    if why == IMPLICIT:
        return second.tls_version is not None or any(alert.received for alert in second.alerts)
    return _knowledge(second) > _knowledge(first)


def told_by(first: Observation, second: Observation, why: str) -> Observation:
    """Keep the first observation, with what the second one taught.

    A silent port that answers a ClientHello in words which no mail server says belongs to another service.
    """
    failure = second.failure
    if why != IMPLICIT or failure is None or failure.trouble is not Trouble.NOT_TLS or re.match(_REPLY, failure.text):
        return first
    return replace(first, failure=Failure(Trouble.UNREADABLE, failure.text))


_REPLY = r'[2-5][0-9]{2}(?:[ -]|$)|\* (?:OK|BYE|PREAUTH)\b|\+OK\b|-ERR\b|"IMPLEMENTATION"'
"""The first words of mail servers (RFC 5321 §4.2, RFC 9051 §7.1, RFC 1939 §3, RFC 5804 §1.7)."""


def _knowledge(seen: Observation) -> tuple[bool, int]:
    return seen.presented is not None, list(Stage).index(seen.stage)
