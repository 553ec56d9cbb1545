"""Name constraints (RFC 5280 §4.2.1.10), decided as OpenSSL's crypto/x509/v3_ncons.c decides them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from msgspec import Struct, field

from probe.model import Certificate, Subtree

UNSPECIFIED = 1
PERMITTED_VIOLATION = 47
EXCLUDED_VIOLATION = 48
UNSUPPORTED_NAME_SYNTAX = 53

NAME_CHECK_MAX = 1 << 20
"""Names times subtrees above which OpenSSL gives up (v3_ncons.c); more is an attack on whoever verifies."""

_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?"
_HOST_LIKE = rf"{_LABEL}(?:\.{_LABEL})+"
"""What OpenSSL takes for a host name in a commonName (cn2dnsid): two labels or more, no hyphen at an end of one."""


def violation(certificate: Certificate, issuer: Certificate, *, is_leaf: bool) -> tuple[int, str] | None:
    """Return the X509_V_ERR number and the name at fault, or None when every name is within the issuer's subtrees.

    Remembered by digests, for a hostile mesh asks the same question on every path.
    """
    if not issuer.permitted and not issuer.excluded:
        return None
    question = certificate.sha256, issuer.sha256, is_leaf, certificate.problems == ()
    if question not in _answers:
        if len(_answers) >= _REMEMBERED:
            _answers.clear()
        _answers[question] = _violation(certificate, issuer, is_leaf=is_leaf)
    return _answers[question]


_REMEMBERED = 4096
_answers: dict[tuple[str, str, bool, bool], tuple[int, str] | None] = {}


def _violation(certificate: Certificate, issuer: Certificate, *, is_leaf: bool) -> tuple[int, str] | None:
    names = len(certificate.dns_names) + len(certificate.ip_addresses) + len(certificate.email_addresses) + 1
    if names * (len(issuer.permitted) + len(issuer.excluded)) > NAME_CHECK_MAX:
        return UNSPECIFIED, f"{names} names"
    permitted, excluded = _subtrees(issuer.permitted), _subtrees(issuer.excluded)
    if any("iPAddress" in problem for problem in certificate.problems) and {"ip"} & (permitted.kinds | excluded.kinds):
        return UNSUPPORTED_NAME_SYNTAX, "an iPAddress of no known length"
    for kind, name, text in _names(certificate, is_leaf=is_leaf):
        if kind in permitted.kinds and not permitted.hold(kind, name):
            return PERMITTED_VIOLATION, text
        if kind in excluded.kinds and excluded.hold(kind, name):
            return EXCLUDED_VIOLATION, text
    return None


class _Subtrees(Struct, frozen=True):
    """Subtrees arranged for look-up: a name is compared with the few that can hold it, not with thousands."""

    kinds: set[str] = field(default_factory=set)
    texts: set[tuple[str, str]] = field(default_factory=set)
    """Kind and base, lower case; a mailbox keeps the case of its local part."""
    networks: dict[bytes, set[bytes]] = field(default_factory=dict)
    """Mask → networks, both as bytes."""
    directories: list[bytes] = field(default_factory=list)

    def hold(self, kind: str, name: str | bytes) -> bool:
        """Say whether a name of this kind lies within one of them."""
        if isinstance(name, bytes):
            return self._hold_address(name) if kind == "ip" else any(map(name.startswith, self.directories))
        return any((kind, base) in self.texts for base in (_bases(name) if kind == "dns" else _mail_bases(name)))

    def _hold_address(self, address: bytes) -> bool:
        fitting = ((mask, found) for mask, found in self.networks.items() if len(mask) == len(address) > 0)
        return any(bytes(a & m for a, m in zip(address, mask, strict=True)) in found for mask, found in fitting)


def _subtrees(listed: Iterable[Subtree]) -> _Subtrees:
    trees = _Subtrees()
    for subtree in listed:
        trees.kinds.add(subtree.kind)
        value = subtree.value
        if isinstance(value, str):
            local, at, host = value.rpartition("@") if subtree.kind == "email" else ("", "", value)
            trees.texts.add((subtree.kind, f"{local}{at}{host.lower()}"))
        elif subtree.kind == "directory":
            trees.directories.append(value)
        elif subtree.kind == "ip" and len(value) in {8, 32}:
            network, mask = value[: len(value) // 2], value[len(value) // 2 :]
            masked = bytes(n & m for n, m in zip(network, mask, strict=True))
            trees.networks.setdefault(mask, set()).add(masked)
    return trees


def _bases(name: str) -> Iterator[str]:
    """Every dNSName base that holds the name: itself, what is above it with and without a leading dot, and all."""
    host = name.lower()
    yield host
    yield ""
    place = host.find(".")
    while place >= 0:
        yield host[place:]
        yield host[place + 1 :]
        place = host.find(".", place + 1)


def _mail_bases(name: str) -> Iterator[str]:
    """Every rfc822Name base that holds the mailbox: itself, its host, and what is above that with a leading dot."""
    local, at, host = name.rpartition("@")
    host = host.lower()
    yield f"{local}{at}{host}"
    yield host
    place = host.find(".")
    while place >= 0:
        yield host[place:]
        place = host.find(".", place + 1)


def _names(certificate: Certificate, *, is_leaf: bool) -> Iterator[tuple[str, str | bytes, str]]:
    """Every name that a constraint can speak of: kind, comparable form, text."""
    if certificate.subject.key:
        yield "directory", certificate.subject.key, certificate.subject.text
    for name in certificate.dns_names:
        yield "dns", name, name
    for address in certificate.ip_addresses:
        yield "ip", _packed(address), address
    for email in certificate.email_addresses:
        yield "email", email, email
    common_name = certificate.subject.common_name
    if is_leaf and not certificate.dns_names and common_name and re.fullmatch(_HOST_LIKE, common_name):
        yield "dns", common_name, common_name


def _packed(address: str) -> bytes:
    try:
        return ipaddress.ip_address(address).packed
    except ValueError:
        return b""
