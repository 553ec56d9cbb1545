"""Profile: whether each certificate of the path may be used as it is used (RFC 5280 §4.2, §6.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from probe.model import Certificate, Severity
from probe.pki.profile import TLS_KEY_USAGES
from probe.rules.case import Case, Hit, Need, about, about_ca, rule

PURPOSES = {
    "1.3.6.1.5.5.7.3.1": "TLS server",
    "1.3.6.1.5.5.7.3.2": "TLS client",
    "1.3.6.1.5.5.7.3.3": "code signing",
    "1.3.6.1.5.5.7.3.4": "e-mail protection",
    "1.3.6.1.5.5.7.3.8": "time stamping",
    "1.3.6.1.5.5.7.3.9": "OCSP signing",
    "2.5.29.37.0": "any purpose, which OpenSSL does not take for TLS",
}
"""Extended key usages by name (RFC 5280 §4.2.1.12)."""


def _at_fault(case: Case, rule_id: str) -> Iterator[tuple[Certificate, int, str]]:
    """Certificates of the claimed path that have this fault, with their index and the note beside it."""
    for fault in case.path.faults if case.path else ():
        if fault.id == rule_id and case.path:
            yield case.path.certificates[fault.index], fault.index, fault.note


@rule("not-a-ca", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2.1.9")
def not_a_ca(case: Case) -> Iterable[Hit]:
    """A certificate that signed another has no basicConstraints cA=TRUE."""
    for certificate, _, _ in _at_fault(case, "not-a-ca"):
        yield about(case, certificate)


@rule("pathlen", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2.1.9")
def pathlen(case: Case) -> Iterable[Hit]:
    """A CA has more intermediates below it than its pathLenConstraint allows."""
    for certificate, _, _ in _at_fault(case, "pathlen"):
        yield about(case, certificate, limit=str(certificate.pathlen))


@rule("eku", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2.1.12")
def eku(case: Case) -> Iterable[Hit]:
    """The extended key usage of the leaf, or of a CA above it, leaves out TLS servers."""
    for certificate, index, _ in _at_fault(case, "eku"):
        yield about(case, certificate, allowed=_allowed(certificate), **({"case": "intermediate"} if index else {}))


@rule("client-eku", Severity.WARNING, Need.LEAF, "RFC 5280 §4.2.1.12")
def client_eku(case: Case) -> Iterable[Hit]:
    """The extended key usage of what we present as a client, or of a CA above it, leaves out TLS clients."""
    for certificate, index, _ in _at_fault(case, "client-eku"):
        yield about(case, certificate, allowed=_allowed(certificate), **({"case": "intermediate"} if index else {}))


def _allowed(certificate: Certificate) -> str:
    return ", ".join(PURPOSES.get(oid, oid) for oid in certificate.eku or ()) or "nothing"


@rule("key-usage", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2.1.3")
def key_usage(case: Case) -> Iterable[Hit]:
    """A CA may not sign certificates, or the leaf may not do what a TLS server's key does."""
    for certificate, _, _ in _at_fault(case, "key-usage"):
        yield about(case, certificate, usage=_usage(certificate), case="intermediate")
    leaf = case.leaf
    if leaf and leaf.key_usage is not None and (severity := _leaf_usage(leaf.key_usage)):
        hit = about(case, leaf, usage=_usage(leaf))
        yield Hit(hit.positions, hit.facts, severity=severity)


def _leaf_usage(usage: frozenset[str]) -> Severity | None:
    """OpenSSL wants one of three (purpose sslserver); every cipher suite of today needs digitalSignature."""
    if not usage & TLS_KEY_USAGES:
        return Severity.ERROR
    return None if "digitalSignature" in usage else Severity.WARNING


def _usage(certificate: Certificate) -> str:
    return ", ".join(sorted(certificate.key_usage or ())) or "nothing"


@rule("name-constraints", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2.1.10")
def name_constraints(case: Case) -> Iterable[Hit]:
    """A CA above may not sign for a name that a certificate below carries."""
    for certificate, _, name in _at_fault(case, "name-constraints"):
        yield about(case, certificate, name=name)


@rule("unknown-critical-ext", Severity.ERROR, Need.LEAF, "RFC 5280 §4.2")
def unknown_critical_ext(case: Case) -> Iterable[Hit]:
    """An extension is critical and path validation does not know it."""
    for certificate, _, _ in _at_fault(case, "unknown-critical-ext"):
        yield about(case, certificate, oids=", ".join(certificate.unknown_critical))


@rule("v1-cert", Severity.ERROR, Need.LEAF, "RFC 5280 §6.1.4 (k)")
def v1_cert(case: Case) -> Iterable[Hit]:
    """An X.509 version 1 certificate, which can say neither that it is a CA nor for which names it stands."""
    for certificate, _, _ in _at_fault(case, "v1-cert"):
        yield about(case, certificate, case="intermediate")
    if case.leaf and case.leaf.version == 1:
        hit = about(case, case.leaf)
        yield Hit(hit.positions, hit.facts, severity=Severity.WARNING)


@rule("weak-signature", Severity.ERROR, Need.LEAF, "OpenSSL SSL_CTX_set_security_level(3), RFC 9155")
def weak_signature(case: Case) -> Iterable[Hit]:
    """A signature on the path is made with MD5, SHA-1 or worse."""
    for certificate, _, _ in _at_fault(case, "weak-signature"):
        yield about_ca(case, certificate, algorithm=certificate.signature_name)


@rule("weak-key", Severity.ERROR, Need.LEAF, "OpenSSL SSL_CTX_set_security_level(3)")
def weak_key(case: Case) -> Iterable[Hit]:
    """A key on the path gives less than 112 bits of security."""
    for certificate, _, _ in _at_fault(case, "weak-key"):
        yield about_ca(case, certificate, key=certificate.key.text)
