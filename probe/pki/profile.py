"""What one certificate may do on a path: time, CA, path length, usage, strength; one function a question.

A fault carries the X509_V_ERR number with which OpenSSL's X509_verify_cert refuses such a path (crypto/x509/x509_vfy.c,
check_extensions, check_name_constraints and internal_verify); a fault without number is one that OpenSSL judges
elsewhere (purpose, security level) or that only other verifiers mind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from probe.model import Fault, Side
from probe.pki.name_constraints import violation
from probe.pki.signature import signed_itself, suits

if TYPE_CHECKING:
    from datetime import datetime

    from probe.model import Certificate

SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
SERVER_EKUS = frozenset({SERVER_AUTH, "1.3.6.1.4.1.311.10.3.3", "2.16.840.1.113730.4.1"})
"""serverAuth and the two "server gated cryptography" OIDs, which OpenSSL's purpose sslserver takes for it."""

CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"

TLS_KEY_USAGES = frozenset({"digitalSignature", "keyEncipherment", "keyAgreement"})

BROKEN_HASHES = frozenset({"md2", "md4", "md5", "sha1", "ripemd160"})
"""Below 80 bits of security (OpenSSL security level 1, SSL_CTX_set_security_level(3))."""

RSA_MINIMUM = 2048
"""112 bits: security level 2, the default of OpenSSL 3.2 and of Debian before it."""
EC_MINIMUM = 224
"""112 bits as well."""

X509_CERT_NOT_YET_VALID = 9
X509_CERT_HAS_EXPIRED = 10
X509_SELF_SIGNED_LEAF = 18
X509_SELF_SIGNED_IN_CHAIN = 19
X509_PATH_LENGTH_EXCEEDED = 25
X509_AKID_MISMATCH = 30
X509_NO_CERTSIGN = 32
X509_UNKNOWN_CRITICAL = 34
X509_INVALID_CA = 79
X509_EXPLICIT_PARAMETERS = 94


def is_self_signed(certificate: Certificate) -> bool:
    """Subject and issuer are one name and no key identifier says otherwise (RFC 5280 §3.2); signature not verified."""
    return certificate.self_issued and not key_ids_differ(certificate, certificate)


def is_root(certificate: Certificate) -> bool:
    """It is self-signed, and its own key made the signature."""
    return certificate.problem is None and is_self_signed(certificate) and signed_itself(certificate)


def looks_self_signed(certificate: Certificate) -> bool:
    """OpenSSL takes it for self-signed and looks for nothing above it (EXFLAG_SS, crypto/x509/v3_purp.c).

    So a self-issued certificate that its former key signed, without a key identifier, ends every path there.
    """
    return is_self_signed(certificate) and suits(certificate, certificate)


def key_ids_differ(child: Certificate, issuer: Certificate) -> bool:
    """The child names another key or serial number than the issuer has (X509_check_akid)."""
    if child.authority_key_id and issuer.subject_key_id and child.authority_key_id != issuer.subject_key_id:
        return True
    return child.authority_issuer is not None and child.authority_issuer != (issuer.issuer.key, issuer.serial)


def tampered(child: Certificate, candidate: Certificate) -> bool:
    """The key identifiers say that this candidate made the signature, which its key does not verify."""
    return child.authority_key_id is not None and child.authority_key_id == candidate.subject_key_id


def may_sign(certificate: Certificate, *, is_anchor: bool = False) -> bool:
    """It may act as a CA: basicConstraints say so, or it is an anchor of the days before them (X509_check_ca)."""
    if certificate.has_basic_constraints or not is_anchor:
        return certificate.is_ca
    if certificate.version == 1:
        return is_self_signed(certificate)
    return certificate.key_usage is not None and "keyCertSign" in certificate.key_usage


def is_weak_hash(certificate: Certificate) -> bool:
    """Its signature uses a hash for which collisions are made."""
    return certificate.signature_hash in BROKEN_HASHES


def is_weak_key(certificate: Certificate) -> bool:
    """Its key gives less than 112 bits of security."""
    key = certificate.key
    if key.bits is None:
        return False
    minimum = {"rsa": RSA_MINIMUM, "rsa-pss": RSA_MINIMUM, "dsa": RSA_MINIMUM, "ecdsa": EC_MINIMUM}.get(key.algorithm)
    return minimum is not None and key.bits < minimum


EVERY_DAY = frozenset({Side.SERVER})
"""The purpose that a certificate is judged for unless something else is said."""


def own_faults(
    certificate: Certificate, index: int, at: datetime, *, is_anchor: bool, sides: Collection[Side] = EVERY_DAY
) -> Iterator[Fault]:
    """Faults of one certificate at its place in a path, whatever stands around it; ``sides`` are its purposes."""
    if certificate.not_before and at < certificate.not_before:
        yield Fault("not-yet-valid", index, X509_CERT_NOT_YET_VALID)
    if certificate.not_after and at > certificate.not_after:
        yield Fault("expired-root" if is_anchor and index else "expired", index, X509_CERT_HAS_EXPIRED)
    if certificate.unknown_critical:
        yield Fault("unknown-critical-ext", index, X509_UNKNOWN_CRITICAL)
    if index and not may_sign(certificate, is_anchor=is_anchor):
        yield Fault("v1-cert" if certificate.version == 1 else "not-a-ca", index, X509_INVALID_CA)
    elif index and certificate.key_usage is not None and "keyCertSign" not in certificate.key_usage:
        yield Fault("key-usage", index, X509_NO_CERTSIGN)
    if Side.SERVER in sides and certificate.eku is not None and not SERVER_EKUS.intersection(certificate.eku):
        yield Fault("eku", index)
    if Side.CLIENT in sides and certificate.eku is not None and CLIENT_AUTH not in certificate.eku:
        yield Fault("client-eku", index)
    if certificate.key.curve == "explicit":
        yield Fault("weak-key", index, X509_EXPLICIT_PARAMETERS)
    if is_weak_hash(certificate) and not is_anchor and not is_self_signed(certificate):
        yield Fault("weak-signature", index)
    if is_weak_key(certificate):
        yield Fault("weak-key", index)


def step_faults(below: tuple[Certificate, ...], issuer: Certificate) -> Iterator[Fault]:
    """Faults that arise between an issuer and the certificates below it (leaf first)."""
    index = len(below)
    if key_ids_differ(below[-1], issuer):
        yield Fault("fragile-path", index - 1, X509_AKID_MISMATCH)
    if looks_self_signed(below[-1]):
        number = X509_SELF_SIGNED_IN_CHAIN if index > 1 else X509_SELF_SIGNED_LEAF
        yield Fault("fragile-path", index - 1, number, "self-issued")
    intermediates = sum(not certificate.self_issued for certificate in below[1:])
    if issuer.pathlen is not None and issuer.is_ca and intermediates > issuer.pathlen:
        yield Fault("pathlen", index, X509_PATH_LENGTH_EXCEEDED)
    for n, certificate in enumerate(below):
        if n and certificate.self_issued:
            continue
        if found := violation(certificate, issuer, is_leaf=n == 0):
            yield Fault("name-constraints", n, found[0], found[1])
