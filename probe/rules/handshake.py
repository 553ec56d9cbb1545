"""Handshake: what TLS itself said, by number."""

from __future__ import annotations

from collections.abc import Iterable

from probe.model import Confidence, Failure, Observation, Severity, Stage, Trouble
from probe.rules.case import Case, Hit, Need, rule
from probe.rules.conversation import facts_of
from probe.rules.structure import wrong_key

UNEXPECTED_MESSAGE = 10
CERTIFICATE_REQUIRED = 116
NO_CERTIFICATE = frozenset({40, 41, 42, 43, 46})
"""What servers say in TLS 1.2, which has no alert of its own for it: handshake_failure (OpenSSL), bad_certificate (Go,
Java) and their like."""

ALERTS = {
    0: "close_notify",
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    90: "user_canceled",
    100: "no_renegotiation",
    109: "missing_extension",
    110: "unsupported_extension",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
    121: "ech_required",
}
"""IANA's TLS Alerts registry; 41 and 60 are SSLv3's and TLS 1.0's."""

OLD_VERSIONS = frozenset({"SSLv3", "TLSv1", "TLSv1.1"})
OLD_REASONS = frozenset({"reason:258", "reason:252", "reason:396"})
"""SSL_R_UNSUPPORTED_PROTOCOL, UNSUPPORTED_SSL_VERSION (before 3.0), VERSION_TOO_LOW (include/openssl/sslerr.h)."""
SMALL_DH_REASONS = frozenset({"reason:394", "reason:126", "reason:128"})
"""SSL_R_DH_KEY_TOO_SMALL, DH_R_MODULUS_TOO_SMALL, DH_R_INVALID_SIZE: the library refused the group."""

TOO_LARGE = "reason:152"
"""SSL_R_EXCESSIVE_MESSAGE_SIZE: above SSL_MAX_CERT_LIST_DEFAULT, 100 KiB (include/openssl/ssl.h)."""
DH_BROKEN = 1024
"""Below this every current library refuses."""
DH_MINIMUM = 2048
"""112 bits: security level 2."""


@rule("old-tls", Severity.ERROR, Need.TLS, "RFC 8996")
def old_tls(case: Case) -> Iterable[Hit]:
    """The newest version that the server speaks is below TLS 1.2."""
    seen = case.observation
    if seen.tls_version in OLD_VERSIONS or _refused_for(seen.failure, OLD_REASONS):
        yield Hit((), facts_of(seen, seen.failure))


@rule("weak-dh", Severity.WARNING, Need.TLS, "RFC 9325 §4.5, OpenSSL SSL_CTX_set_security_level(3)")
def weak_dh(case: Case) -> Iterable[Hit]:
    """The server's Diffie-Hellman group is too small."""
    seen = case.observation
    bits = seen.key_exchange_bits
    refused = _refused_for(seen.failure, SMALL_DH_REASONS)
    if refused or (bits is not None and bits < DH_MINIMUM):
        broken = refused or (bits is not None and bits < DH_BROKEN)
        facts = facts_of(seen, seen.failure, bits=str(bits or "too few"))
        yield Hit((), facts, severity=Severity.ERROR if broken else None)


@rule("client-cert-required", Severity.ERROR, Need.TLS, "RFC 8446 §4.4.2, RFC 5246 §7.4.6")
def client_cert_required(case: Case) -> Iterable[Hit]:
    """The server asked for a client certificate and ended TLS because there was none."""
    seen = case.observation
    number = ending_alert(seen)
    if number is not None and demands(seen):
        yield Hit((), facts_of(seen, seen.failure, alert=_named(number)), _sure(number))


def demands(seen: Observation) -> bool:
    """It ended TLS with an alert that means: a certificate of ours, or nothing."""
    number = None if seen.client_chain else ending_alert(seen)
    return number is not None and (number == CERTIFICATE_REQUIRED or _after_request(seen, number))


def _sure(number: int) -> Confidence:
    return Confidence.IS if number == CERTIFICATE_REQUIRED else Confidence.VERY_LIKELY


def _after_request(seen: Observation, number: int) -> bool:
    """The alert came after a request that we left unanswered, and after the list of certificates."""
    return number in NO_CERTIFICATE and seen.client_cert_requested is True and bool(seen.presented)


@rule("client-cert-requested", Severity.INFO, Need.TLS, "RFC 8446 §4.3.2, RFC 5246 §7.4.4")
def client_cert_requested(case: Case) -> Iterable[Hit]:
    """The server asked for a client certificate and went on without one."""
    seen = case.observation
    if seen.client_cert_requested and seen.stage is Stage.DONE and not seen.client_chain:
        yield Hit((), facts_of(seen, seen.failure))


@rule("tls-alert-unexpected-message", Severity.ERROR, Need.OBSERVATION, "RFC 8446 §6.2")
def unexpected_message(case: Case) -> Iterable[Hit]:
    """The server says that a message of ours made no sense to it at this point."""
    if ending_alert(case.observation) == UNEXPECTED_MESSAGE:
        yield Hit((), facts_of(case.observation, case.observation.failure, alert=_named(UNEXPECTED_MESSAGE)))


@rule("handshake-refused", Severity.ERROR, Need.OBSERVATION, "RFC 8446 §6.2")
def handshake_refused(case: Case) -> Iterable[Hit]:
    """The server ended the handshake with an alert, at once or until we asked for less."""
    seen = case.observation
    number = ending_alert(seen)
    if number is not None and number != UNEXPECTED_MESSAGE and not any(client_cert_required.look(case)):
        yield Hit((), facts_of(seen, seen.failure, alert=_named(number)))
    elif number is None and seen.first_failure and seen.first_failure.trouble is not Trouble.TLS:
        yield from _retried(seen, seen.first_failure)


@rule("handshake-failed", Severity.ERROR, Need.OBSERVATION, "RFC 8446 §6.2")
def handshake_failed(case: Case) -> Iterable[Hit]:
    """Our TLS library could not accept what the server sent, and no other rule knows why."""
    seen = case.observation
    if seen.failure and seen.failure.trouble is Trouble.TLS and not _explained(case, seen.failure):
        large = {"case": "too-large"} if TOO_LARGE in seen.failure.symptoms and seen.presented else {}
        yield Hit((), facts_of(seen, seen.failure, **large))
    elif seen.first_failure and seen.first_failure.trouble is Trouble.TLS:
        yield from _retried(seen, seen.first_failure)


def _retried(seen: Observation, first: Failure) -> Iterable[Hit]:
    """The first handshake came to nothing, and one that asked for less went on: some senders only try the first."""
    if seen.retried in {"tls1.2", "no-sni"}:
        facts = facts_of(seen, seen.failure, case=seen.retried, first=first.text)
        yield Hit((), facts, severity=Severity.WARNING)


def _explained(case: Case, failure: Failure) -> bool:
    if case.observation.presented == () or any(c.problem for c in case.presented):
        return True
    if _refused_for(failure, OLD_REASONS | SMALL_DH_REASONS):
        return True
    return wrong_key(failure) and case.leaf is not None


def _refused_for(failure: Failure | None, reasons: frozenset[str]) -> bool:
    return failure is not None and failure.trouble is Trouble.TLS and not reasons.isdisjoint(failure.symptoms)


def declined(seen: Observation) -> bool:
    """The server did not take an offer of one kind of key, or one version, alone: it has none such, and that is all.

    OpenSSL and GnuTLS say handshake_failure or protocol_version, others close; where the version is missing, some
    answer with an older one.
    """
    narrow = seen.endpoint.offered_key or seen.endpoint.offered_tls
    ended = seen.failure is not None and seen.failure.trouble in {Trouble.ALERT, Trouble.CLOSED, Trouble.TLS}
    return bool(narrow) and seen.stage is Stage.HANDSHAKE and seen.presented is None and ended


def ending_alert(seen: Observation) -> int | None:
    """The number of the alert that ended the observation."""
    if seen.failure is None or seen.failure.trouble is not Trouble.ALERT or seen.stage is Stage.DONE:
        return None
    numbers = [s.removeprefix("alert:") for s in seen.failure.symptoms if s.startswith("alert:")]
    named = numbers and numbers[0].isascii() and numbers[0].isdecimal() and len(numbers[0]) <= 3
    return int(numbers[0]) if named else None


def named_alert(seen: Observation) -> str | None:
    """The alert that ended the observation, "48 (unknown_ca)", or None."""
    number = ending_alert(seen)
    return None if number is None else _named(number)


def _named(number: int) -> str:
    return f"{number} ({ALERTS.get(number, 'unassigned')})"
