"""Certificates put together from parts in DER, for what no library would make."""

from __future__ import annotations

from probe.demo import der as writer
from probe.demo import keys as demo_keys
from probe.model import Certificate
from probe.pki.certificate import parse

ALGORITHM = writer.sequence(writer.oid("1.2.840.113549.1.1.11"), writer.tlv(writer.NULL))
OTHER_ALGORITHM = writer.sequence(writer.oid("1.2.840.113549.1.1.5"), writer.tlv(writer.NULL))
TRUE, ODD_TRUE, FALSE = b"\x01\x01\xff", b"\x01\x01\x01", b"\x01\x01\x00"
VALIDITY = writer.sequence(writer.tlv(0x17, b"260101000000Z"), writer.tlv(0x17, b"270101000000Z"))


def crafted(
    *,
    version: bytes = writer.explicit(0, writer.integer(2)),
    serial: bytes = writer.integer(5),
    inner: bytes = ALGORITHM,
    issuer: str | bytes = "CN=Example CA",
    validity: bytes = VALIDITY,
    subject: str | bytes = "CN=mx.example",
    key: bytes = demo_keys.spki("leaf"),
    rest: bytes = b"",
    outer: bytes = ALGORITHM,
    signature: bytes = writer.bits(b"signature"),
    tail: bytes = b"",
) -> bytes:
    """Put a certificate together from parts in DER; its signature is a word."""
    tbs = writer.sequence(version, serial, inner, writer.name(issuer), validity, writer.name(subject), key, rest)
    return writer.sequence(tbs, outer, signature) + tail


def extended(*extensions: bytes, tail: bytes = b"", **parts: bytes) -> Certificate:
    """Read a certificate with these extensions; a subjectAltName is not among them."""
    return parse(crafted(rest=writer.explicit(3, writer.sequence(*extensions), tail), **parts))


def extension(oid: str, content: bytes, critical: bytes = b"") -> bytes:
    """Encode one extension; ``critical`` is the encoded BOOLEAN."""
    return writer.sequence(writer.oid(oid), critical, writer.octets(content))


def name(*attributes: bytes) -> bytes:
    """Encode a name of one attribute a level."""
    return writer.sequence(*(writer.tlv(writer.SET, attribute) for attribute in attributes))


def attribute(oid: str, tag: int, content: bytes) -> bytes:
    """Encode one attribute."""
    return writer.sequence(writer.oid(oid), writer.tlv(tag, content))
