"""Certificates of any brokenness, from committed test keys, with dates that are passed in.

``cryptography`` refuses to make what we must show broken: MD5 and SHA-1 signatures, RSA below 1024 bits, version 1.
So the certificate is written by our own DER writer, and only ``key.sign`` is borrowed. The same arguments give the
same bytes: serials follow from the contents, and ECDSA signs deterministically.

    root = certificate(subject="CN=Example Root", key="root", ca=True, not_before=…, not_after=…)
    leaf = certificate(subject="CN=mx.example", issuer=root, key="leaf", names=("mx.example",), not_before=…, …)
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from probe.demo import der, keys
from probe.demo import extensions as ext

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import datetime

    from probe.demo.extensions import Extension

Corruption = Literal["signature", "truncated", "trailing", "indefinite", "garbage"]


class Forged(Struct, frozen=True):
    """A certificate that we made, and what is needed to sign with it or to serve it."""

    der: bytes
    key: str
    """Name of its key in ``keys/``."""
    subject: str | bytes
    """As it was asked for: text of RFC 4514, most specific first, or a Name in DER."""
    ca: bool = False
    """It was made for a CA."""

    @property
    def sha256(self) -> str:
        """Digest of the DER, lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        """PEM (RFC 7468) with the subject in a line above; the line is ASCII whatever the subject holds."""
        body = "\n".join(textwrap.wrap(base64.b64encode(self.der).decode(), 64))
        return f"{ascii(self.subject)[1:-1]}\n-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"


def certificate(
    *,
    subject: str | bytes,
    key: str,
    not_before: datetime,
    not_after: datetime,
    issuer: Forged | None = None,
    names: Iterable[str | bytes] = (),
    ca: bool = False,
    pathlen: int | None = None,
    key_usage: Iterable[str] | None = None,
    eku: Iterable[str] | None = None,
    aia: Collection[str] = (),
    extensions: Collection[Extension] = (),
    without: Collection[str] = (),
    digest: str = "sha256",
    inner_digest: str | None = None,
    version: int = 3,
    serial: int | None = None,
    signed_with: str | None = None,
    corrupt: Corruption | None = None,
) -> Forged:
    """Make one certificate, self-signed without ``issuer``. Keys go by the names of the committed files; dates are UTC.

    Key usage, purposes and key identifiers are what a CA would write, unless given. ``extensions`` replace those of
    the same OID and may repeat one another; ``without`` leaves OIDs out; only version 3 has any. ``inner_digest``
    makes the algorithm inside the signed part differ from the one outside; ``signed_with`` is somebody else's key.
    """
    usual = _usual(names, key, issuer, ca=ca, pathlen=pathlen, key_usage=key_usage, eku=eku, aia=aia)
    signer = signed_with or (issuer.key if issuer else key)
    contents = (
        keys.algorithm(signer, inner_digest or digest)
        + der.name(issuer.subject if issuer else subject)
        + der.sequence(der.time(not_before), der.time(not_after))
        + (der.name(subject) + keys.spki(key))
        + (_extensions(usual, extensions, without) if version == 3 else b"")
    )
    number = der.integer(_derived(contents) if serial is None else serial)
    whole = _signed(der.sequence(_version(version), number, contents), signer, digest)
    return Forged(_corrupted(whole, corrupt), key, subject, ca)


def _usual(
    names: Iterable[str | bytes],
    key: str,
    issuer: Forged | None,
    *,
    ca: bool,
    pathlen: int | None,
    key_usage: Iterable[str] | None,
    eku: Iterable[str] | None,
    aia: Collection[str],
) -> Iterator[Extension]:
    yield ext.basic_constraints(ca=ca, pathlen=pathlen)
    yield ext.key_usage(_KEY_USAGE[ca] if key_usage is None else key_usage)
    yield ext.subject_key_id(keys.key_id(key))
    if issuer:
        yield ext.authority_key_id(keys.key_id(issuer.key))
    if eku or not ca:
        yield ext.extended_key_usage(eku or ("serverAuth",))
    if names := tuple(names):
        yield ext.alternative_names(names)
    if aia:
        yield ext.authority_access(aia)


_KEY_USAGE = {True: ("keyCertSign", "cRLSign"), False: ("digitalSignature", "keyEncipherment")}


def _extensions(usual: Iterable[Extension], extra: Collection[Extension], without: Collection[str]) -> bytes:
    hidden = {*without, *(oid for oid, *_ in extra)}
    chosen = [extension for extension in usual if extension[0] not in hidden]
    return der.explicit(3, der.sequence(*map(ext.written, [*chosen, *extra])))


def _signed(tbs: bytes, signer: str, digest: str) -> bytes:
    return der.sequence(tbs, keys.algorithm(signer, digest), der.bits(keys.sign(signer, digest, tbs)))


def _version(version: int) -> bytes:
    return b"" if version == 1 else der.explicit(0, der.integer(version - 1))


def _derived(contents: bytes) -> int:
    """Derive a positive serial number of eight octets from the contents."""
    return int.from_bytes(hashlib.sha256(contents).digest()[:8], "big") >> 2 | 1 << 61


def _corrupted(whole: bytes, corruption: Corruption | None) -> bytes:
    match corruption:
        case None:
            return whole
        case "signature":
            return whole[:-1] + bytes([whole[-1] ^ 1])
        case "truncated":
            return whole[: len(whole) * 3 // 4]
        case "trailing":
            return whole + b"\0\0\0\0"
        case "indefinite":  # BER, not DER (X.690 §8.1.3.6): OpenSSL reads it and encodes it anew
            return b"\x30\x80" + whole[4:] + b"\0\0"
        case _:
            return b"this is no certificate"
