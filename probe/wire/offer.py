"""What our ClientHello offers: everything that we can, or so little that the server must show one certificate of two.

A server chooses among its certificates by what the client can verify: the signature algorithms (RFC 8446 §4.2.3,
RFC 5246 §7.4.1.4.1), up to TLS 1.2 the cipher suites as well. The list speaks for the signatures *inside* the
certificates too, and ``signature_algorithms_cert``, which would speak for them alone, cannot be sent with OpenSSL. So
the list for ECDSA holds RSA with PKCS #1 as well, which TLS 1.3 allows in certificates only, and which the cipher
suites keep out of TLS 1.2. The list for RSA can hold no ECDSA: a server that looks at its CA's signatures (OpenSSL and
GnuTLS do not) may say that it has no certificate for us, where an RSA leaf stands under an ECDSA CA.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct
from OpenSSL import SSL

CIPHERS = b"ALL:!aNULL:@SECLEVEL=0"
"""Every suite with a certificate: plain ALL lets a server pick an anonymous one. Level 0 lets weak keys be seen."""

SUITES = b"TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
"""OpenSSL's default for TLS 1.3, all of which :mod:`probe.wire.certificates` can open."""

GROUPS = b"X25519:P-256:P-384:P-521:X448:ffdhe2048:ffdhe3072:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1"
"""No ML-KEM: its ClientHello needs two packets, which some old servers do not survive. Brainpool for its leaves."""

TLS12 = "tls1.2"

LIBRARY: Any = getattr(SSL, "_lib", None)
"""OpenSSL's functions by a private name of pyOpenSSL, for what has no public one; we can do without."""

_PKCS1 = b"RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1"
_KINDS: Mapping[str, tuple[bytes, bytes]] = {
    "rsa": (
        b"aRSA:@SECLEVEL=0",
        b"RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:rsa_pss_pss_sha512:"
        + _PKCS1,
    ),
    "ecdsa": (
        b"aECDSA:@SECLEVEL=0",
        b"ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:ECDSA+SHA1:" + _PKCS1,
    ),
}
"""Kind of key → cipher suites up to TLS 1.2, signature algorithms. Ed25519 and Ed448 go by the suites of ECDSA."""

_VERSIONS = {"TLSv1.2": SSL.TLS1_2_VERSION, "TLSv1.3": SSL.TLS1_3_VERSION}


class Offer(Struct, frozen=True):
    """What is offered: without arguments everything."""

    key: str | None = None
    """"rsa" or "ecdsa": the server must show that certificate, or refuse."""
    tls: str | None = None
    """"TLSv1.2" or "TLSv1.3": that version alone."""
    cap: str | None = None
    """"tls1.2": nothing newer."""


EVERYTHING = Offer()


def narrow(context: SSL.Context, offer: Offer) -> None:
    """Set versions, suites, signature algorithms and groups of a new context.

    Where pyOpenSSL lets nobody set signature algorithms, one kind of key is asked for with TLS 1.2 at most.
    """
    ciphers, algorithms = _KINDS.get(offer.key or "", (CIPHERS, b""))
    asked = not algorithms or _set("SSL_CTX_set1_sigalgs_list", context, algorithms)
    highest = SSL.TLS1_2_VERSION if offer.cap == TLS12 or not asked else 0
    context.set_min_proto_version(_VERSIONS.get(offer.tls or "", 0))  # 0 is the lowest, or highest, of the library
    context.set_max_proto_version(_VERSIONS.get(offer.tls or "", highest))
    context.set_cipher_list(ciphers)
    context.set_tls13_ciphersuites(SUITES)
    _set("SSL_CTX_set1_curves_list", context, GROUPS)  # OpenSSL's default will do


def _set(name: str, context: SSL.Context, words: bytes) -> bool:
    """Call one of OpenSSL's functions that has no public name; False where it is not there, or takes no such words."""
    call = getattr(LIBRARY, name, None)
    return call is not None and call(context._context, words) == 1  # noqa: SLF001
