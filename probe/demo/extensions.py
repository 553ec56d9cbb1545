"""The extensions of a certificate (RFC 5280 §4.2), right by default and wrong on request."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from probe.demo import der

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Extension = tuple[str, bool, bytes]
"""Dotted OID, critical, contents of extnValue."""

SUBJECT_KEY_ID, KEY_USAGE, SAN, BASIC_CONSTRAINTS = "2.5.29.14", "2.5.29.15", "2.5.29.17", "2.5.29.19"
NAME_CONSTRAINTS, AUTHORITY_KEY_ID, EXTENDED_KEY_USAGE = "2.5.29.30", "2.5.29.35", "2.5.29.37"
AIA = "1.3.6.1.5.5.7.1.1"
PURPOSES = {
    "any": "2.5.29.37.0",
    "serverAuth": "1.3.6.1.5.5.7.3.1",
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
}
_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
)
"""Names of the bits of KeyUsage, from bit 0 (RFC 5280 §4.2.1.3)."""


def written(extension: Extension) -> bytes:
    """Extension, as it stands in the certificate."""
    dotted, critical, content = extension
    return der.sequence(der.oid(dotted), der.boolean(true=True) if critical else b"", der.octets(content))


def basic_constraints(*, ca: bool, pathlen: int | None = None) -> Extension:
    """BasicConstraints; a negative ``pathlen`` is written as it is."""
    length = b"" if pathlen is None else der.integer(pathlen)
    return BASIC_CONSTRAINTS, True, der.sequence(der.boolean(true=True) if ca else b"", length)


def key_usage(usages: Iterable[str]) -> Extension:
    """KeyUsage of these names."""
    return KEY_USAGE, True, der.named_bits({_USAGES.index(usage) for usage in usages})


def extended_key_usage(purposes: Iterable[str]) -> Extension:
    """ExtKeyUsage of these names ("serverAuth", "any", …) or dotted OIDs."""
    return EXTENDED_KEY_USAGE, False, der.sequence(*(der.oid(PURPOSES.get(p, p)) for p in purposes))


def subject_key_id(identifier: bytes) -> Extension:
    """SubjectKeyIdentifier."""
    return SUBJECT_KEY_ID, False, der.octets(identifier)


def authority_key_id(identifier: bytes) -> Extension:
    """AuthorityKeyIdentifier with the key identifier alone."""
    return AUTHORITY_KEY_ID, False, der.sequence(der.tlv(0x80, identifier))


def alternative_names(names: Iterable[str | bytes]) -> Extension:
    """SubjectAltName: text is an IP address, an e-mail address or a DNS name by its look; bytes are a DNS name."""
    return SAN, False, der.sequence(*map(_general_name, names))


def name_constraints(permitted: Collection[str] = (), excluded: Collection[str] = ()) -> Extension:
    """NameConstraints of DNS names and IP networks ("192.0.2.0/24")."""
    trees = [(0xA0, permitted), (0xA1, excluded)]
    return NAME_CONSTRAINTS, True, der.sequence(*(_subtrees(tag, bases) for tag, bases in trees if bases))


def authority_access(urls: Iterable[str]) -> Extension:
    """AuthorityInfoAccess with caIssuers addresses (RFC 5280 §4.2.2.1)."""
    method = der.oid(_CA_ISSUERS)
    return AIA, False, der.sequence(*(der.sequence(method, der.tlv(0x86, url.encode())) for url in urls))


def _general_name(name: str | bytes) -> bytes:
    if isinstance(name, bytes):
        return der.tlv(0x82, name)
    if "@" in name:
        return der.tlv(0x81, name.encode())
    try:
        return der.tlv(0x87, ip_address(name).packed)
    except ValueError:
        return der.tlv(0x82, name.encode())


def _subtrees(tag: int, bases: Iterable[str]) -> bytes:
    return der.tlv(tag, *(der.sequence(_subtree(base)) for base in bases))


def _subtree(base: str) -> bytes:
    try:
        network = ip_network(base)
    except ValueError:
        return _general_name(base)
    return der.tlv(0x87, network.network_address.packed + network.netmask.packed)
