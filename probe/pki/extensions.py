"""The extensions of a certificate that path validation and diagnosis need (RFC 5280 4.2), read one by one.

    Extension ::= SEQUENCE { extnID OBJECT IDENTIFIER, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }

What is wrong with one extension is noted and hides neither its other parts nor the other extensions.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from probe.pki import constraints
from probe.pki.der import (
    BIT_STRING,
    BOOLEAN,
    INTEGER,
    OCTET_STRING,
    OID,
    SEQUENCE,
    DerError,
    Element,
    bit_string,
    children,
    contents,
    dotted,
    integer,
    scan,
)
from probe.pki.distinguished import name

Fields: TypeAlias = dict[str, Any]
"""Fields of model.Certificate, by their names."""
Problems: TypeAlias = list[str]
Reader: TypeAlias = Callable[[bytes, Problems], Fields]

_CACHED = 512  # bytes; longer extensions (long SANs, hostile ones) are read each time, so that memory stays bounded
_PATHLEN_LIMIT = 1 << 31  # a path length above this is none, and its decimal form would be of any length

_CA_ISSUERS = "1.3.6.1.5.5.7.48.2"
_KEY_USAGES = (  # RFC 5280 4.2.1.3, by bit number
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
_RFC822_NAME, _DNS_NAME, _DIRECTORY_NAME, _URI, _IP_ADDRESS = 0x81, 0x82, 0xA4, 0x86, 0x87  # GeneralName, 4.2.1.6
_GENERAL_NAMES = frozenset((0xA0, 0x81, 0x82, 0xA3, 0xA4, 0xA5, 0x86, 0x87, 0x88))
# Extensions that OpenSSL accepts critical (crypto/x509/v3_purp.c, X509_supported_extension), beside those read here.
_SUPPORTED = {
    "2.5.29.32": "certificatePolicies",
    "2.5.29.31": "cRLDistributionPoints",
    "2.5.29.33": "policyMappings",
    "2.5.29.36": "policyConstraints",
    "2.5.29.54": "inhibitAnyPolicy",
    "1.3.6.1.5.5.7.1.7": "ipAddrBlocks",
    "1.3.6.1.5.5.7.1.8": "autonomousSysIds",
    "1.3.6.1.5.5.7.1.14": "proxyCertInfo",
    "1.3.6.1.5.5.7.48.1.5": "ocspNoCheck",
    "2.16.840.1.113730.1.1": "netscapeCertType",
}


def extensions(data: bytes, start: int, stop: int) -> tuple[Fields, Problems]:
    """Read the contents of ``Extensions ::= SEQUENCE OF Extension``; never raises."""
    found, trouble = scan(data, start, stop)
    problems = [f"extensions: {trouble}"] if trouble else []
    fields: Fields = {}
    unknown, raws, seen = list[str](), list[bytes](), set[str]()
    for tag, _, begin, end, _ in found:
        raw = data[begin:end] if tag == SEQUENCE else b""
        raws.append(raw)
        oid, word, critical, values, troubles = _cached(raw) if end - begin <= _CACHED else _extension(raw)
        problems += troubles
        if not oid:
            continue
        if oid in seen:
            problems.append(f"{word}: occurs twice")
            continue
        seen.add(oid)
        fields.update(values)
        if critical and oid not in _KNOWN:
            unknown.append(oid)
    fields["extensions"], fields["unknown_critical"] = tuple(raws), tuple(unknown)
    return fields, problems


def _extension(raw: bytes) -> tuple[str, str, bool, Fields, Problems]:
    """OID ("" when unreadable), name, criticality, fields and problems of one extension, from its contents."""
    problems: Problems = []
    try:
        oid, critical, value = _parts(raw, problems)
    except DerError as error:
        return "", "extensions", False, {}, [f"extensions: {error}"]
    word, reader = _READERS.get(oid, (_SUPPORTED.get(oid, oid), None))
    fields: Fields = {}
    if reader:
        try:
            fields = reader(value, problems)
        except DerError as error:
            problems.append(str(error))
            fields = _UNREADABLE.get(oid, {})
    return oid, word, critical, fields, [f"{word}: {problem}" for problem in problems]


_cached = lru_cache(maxsize=4096)(_extension)


def _parts(raw: bytes, problems: Problems) -> tuple[str, bool, bytes]:
    parts = children(raw, 0, len(raw))
    if not parts or parts[0][0] != OID or parts[-1][0] != OCTET_STRING or len(parts) > 3:
        raise DerError("not an identifier and a value")
    critical = False
    if len(parts) == 3:
        if parts[1][0] != BOOLEAN:
            raise DerError("critical is no BOOLEAN")
        critical = _boolean(raw, parts[1], "critical", problems)
    return dotted(raw[parts[0][2] : parts[0][3]]), critical, raw[parts[-1][2] : parts[-1][3]]


def _boolean(data: bytes, found: Element, what: str, problems: Problems) -> bool:
    """TRUE is 0xFF and a default is left out in DER (X.690 11.1, 11.5); OpenSSL minds neither."""
    content = data[found[2] : found[3]]
    if len(content) != 1:
        raise DerError(f"{what} is a BOOLEAN of {len(content)} bytes")
    if content == b"\0":
        problems.append(f"{what} is FALSE, which DER leaves out")
    elif content != b"\xff":
        problems.append(f"{what} is a TRUE that is not FF")
    return content != b"\0"


def _inside(value: bytes, tag: int, what: str, problems: Problems) -> list[Element]:
    """Elements in the one element that ``value`` holds; junk among and behind them becomes a problem."""
    start, stop, more = contents(value, tag, what)
    if more:
        problems.append("trailing bytes")
    found, trouble = scan(value, start, stop)
    if trouble:
        problems.append(trouble)
    return found


def _subject_alt_name(value: bytes, problems: Problems) -> Fields:
    """``SubjectAltName ::= SEQUENCE SIZE (1..MAX) OF GeneralName`` (4.2.1.6)."""
    texts: dict[int, list[str]] = {_DNS_NAME: [], _RFC822_NAME: []}
    addresses: list[str] = []
    found = _inside(value, SEQUENCE, "SEQUENCE", problems)
    if not found:
        problems.append("no names")
    for tag, _, start, stop, _ in found:
        if tag in texts:
            texts[tag].append(value[start:stop].decode("latin-1"))
        elif tag == _IP_ADDRESS:
            addresses += _address(value[start:stop], problems)
        elif tag not in _GENERAL_NAMES:
            problems.append("something that is no name")
    dns, email = tuple(texts[_DNS_NAME]), tuple(texts[_RFC822_NAME])
    return {"has_san": True, "dns_names": dns, "ip_addresses": tuple(addresses), "email_addresses": email}


def _address(content: bytes, problems: Problems) -> Iterator[str]:
    if len(content) in (4, 16):
        yield str(ipaddress.ip_address(content))
    else:
        problems.append(f"iPAddress of {len(content)} bytes")


def _basic_constraints(value: bytes, problems: Problems) -> Fields:
    """``SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER (0..MAX) OPTIONAL }`` (4.2.1.9)."""
    fields: Fields = {"has_basic_constraints": True, "is_ca": False, "pathlen": None}
    found = _inside(value, SEQUENCE, "SEQUENCE", problems)
    if found and found[0][0] == BOOLEAN:
        fields["is_ca"] = _boolean(value, found.pop(0), "cA", problems)
    if found and found[0][0] == INTEGER:
        _, _, start, stop, _ = found.pop(0)
        fields["pathlen"] = _pathlen(integer(value[start:stop]), problems)
        if not fields["is_ca"]:
            problems.append("pathLenConstraint without cA")
    if found:
        problems.append("something after pathLenConstraint")
    return fields


def _pathlen(number: int, problems: Problems) -> int | None:
    if 0 <= number < _PATHLEN_LIMIT:
        return number
    problems.append("negative pathLenConstraint" if number < 0 else "pathLenConstraint out of all measure")
    return None


def _key_usage(value: bytes, problems: Problems) -> Fields:
    """``KeyUsage ::= BIT STRING``, bit 0 is the highest of the first byte (4.2.1.3)."""
    start, stop, more = contents(value, BIT_STRING, "BIT STRING")
    if more:
        problems.append("trailing bytes")
    _, content = bit_string(value[start:stop])
    bits = int.from_bytes(content[:2].ljust(2, b"\0"), "big")
    usages = frozenset(word for n, word in enumerate(_KEY_USAGES) if bits >> (15 - n) & 1)
    if not usages:
        problems.append("no bit is set")
    return {"key_usage": usages}


def _extended_key_usage(value: bytes, problems: Problems) -> Fields:
    """``ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF OBJECT IDENTIFIER`` (4.2.1.12)."""
    found = _inside(value, SEQUENCE, "SEQUENCE", problems)
    if any(each[0] != OID for each in found):
        problems.append("something that is no OBJECT IDENTIFIER")
    if not found:
        problems.append("no purpose")
    return {"eku": tuple(dotted(value[start:stop]) for tag, _, start, stop, _ in found if tag == OID)}


def _subject_key_id(value: bytes, problems: Problems) -> Fields:
    """``SubjectKeyIdentifier ::= OCTET STRING`` (4.2.1.2)."""
    start, stop, more = contents(value, OCTET_STRING, "OCTET STRING")
    if more:
        problems.append("trailing bytes")
    return {"subject_key_id": value[start:stop]}


def _authority_key_id(value: bytes, problems: Problems) -> Fields:
    """``SEQUENCE { [0] keyIdentifier, [1] authorityCertIssuer, [2] authorityCertSerialNumber }`` (4.2.1.1)."""
    found = {each[0]: each for each in _inside(value, SEQUENCE, "SEQUENCE", problems)}
    fields: Fields = {}
    if 0x80 in found:
        fields["authority_key_id"] = value[found[0x80][2] : found[0x80][3]]
    if 0xA1 in found and 0x82 in found:
        _, _, start, stop, _ = found[0x82]
        key = _directory_name(value, found[0xA1])
        if key is not None:
            fields["authority_issuer"] = key, integer(value[start:stop])
    elif 0xA1 in found or 0x82 in found:
        problems.append("authorityCertIssuer and authorityCertSerialNumber are not both there")
    return fields


def _directory_name(value: bytes, names: Element) -> bytes | None:
    """Canonical form of the first directoryName among GeneralNames, the only one that OpenSSL minds."""
    for tag, _, start, stop, _ in children(value, names[2], names[3]):
        if tag == _DIRECTORY_NAME:
            return name(value[start:stop])[0].key
    return None


def _authority_information_access(value: bytes, problems: Problems) -> Fields:
    """``SEQUENCE OF SEQUENCE { accessMethod OBJECT IDENTIFIER, accessLocation GeneralName }`` (4.2.2.1)."""
    addresses = []
    for found in _inside(value, SEQUENCE, "SEQUENCE", problems):
        parts, trouble = scan(value, found[2], found[3])
        if trouble or len(parts) != 2 or parts[0][0] != OID:
            problems.append("not a method and a location")
        elif parts[1][0] == _URI and dotted(value[parts[0][2] : parts[0][3]]) == _CA_ISSUERS:
            addresses.append(value[parts[1][2] : parts[1][3]].decode("latin-1"))
    return {"aia": tuple(addresses)}


def _name_constraints(value: bytes, problems: Problems) -> Fields:
    """``SEQUENCE { [0] permittedSubtrees, [1] excludedSubtrees }`` (4.2.1.10)."""
    fields: Fields = {}
    for found in _inside(value, SEQUENCE, "SEQUENCE", problems):
        word = {0xA0: "permitted", 0xA1: "excluded"}.get(found[0])
        if word:
            fields[word] = constraints.subtrees(value, found[2], found[3], problems)
        else:
            problems.append("something that is no subtree")
    return fields


_SUBJECT_ALT_NAME, _BASIC_CONSTRAINTS = "2.5.29.17", "2.5.29.19"
_UNREADABLE: dict[str, Fields] = {  # what is known of an extension that is there and cannot be read
    _SUBJECT_ALT_NAME: {"has_san": True},
    _BASIC_CONSTRAINTS: {"has_basic_constraints": True},
}
_READERS: dict[str, tuple[str, Reader]] = {
    "2.5.29.14": ("subjectKeyIdentifier", _subject_key_id),
    "2.5.29.15": ("keyUsage", _key_usage),
    _SUBJECT_ALT_NAME: ("subjectAltName", _subject_alt_name),
    _BASIC_CONSTRAINTS: ("basicConstraints", _basic_constraints),
    "2.5.29.30": ("nameConstraints", _name_constraints),
    "2.5.29.35": ("authorityKeyIdentifier", _authority_key_id),
    "2.5.29.37": ("extKeyUsage", _extended_key_usage),
    "1.3.6.1.5.5.7.1.1": ("authorityInfoAccess", _authority_information_access),
}
# OpenSSL reads both key identifiers and the issuers' addresses, but does not accept them critical.
_KNOWN = (_SUPPORTED.keys() | _READERS.keys()) - {"2.5.29.14", "2.5.29.35", "1.3.6.1.5.5.7.1.1"}
