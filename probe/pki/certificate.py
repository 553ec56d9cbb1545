"""From the bytes of a certificate to a value, whatever the bytes are.

    Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature BIT STRING }       RFC 5280 4.1
    TBSCertificate ::= SEQUENCE { [0] version, serialNumber, signature, issuer, validity, subject,
                                  subjectPublicKeyInfo, [1] issuerUniqueID, [2] subjectUniqueID, [3] extensions }

Mail servers accept certificates that strict parsers refuse. So a field that is not as it should be becomes a sentence
in ``problems`` and the others are kept; ``problem`` is set only where there is no certificate at all.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

from probe.model import Certificate
from probe.pki import distinguished, keys
from probe.pki.der import (
    BIT_STRING,
    INTEGER,
    SEQUENCE,
    DerError,
    Element,
    are_der,
    bit_string,
    children,
    contents,
    element,
    integer,
)
from probe.pki.extensions import Fields, extensions
from probe.pki.times import moment

ALGORITHMS_DIFFER = "signature algorithm: the signed one is another than the one beside the signature"

MAX_SIZE = 1 << 18  # bytes; OpenSSL takes 100 KiB for a whole list, so more than twice that is no certificate
_REMEMBERED = 2048  # certificates; the intermediates of the public Internet, read once in a sweep
_REMEMBERED_SIZE = (
    1 << 14
)  # bytes of a certificate; a real one has 1 to 8 KiB, and hostile ones must not fill the memory
_SERIAL_OCTETS = 20  # RFC 5280 4.1.2.2
_SERIAL_READ = 256  # octets; beyond that the number is of no use, and turning it into decimal digits costs time
_VERSION_3 = b"\x02\x01\x02"
_TBS_PARTS = 6  # from the serial number to the key, without version


def parse(der: bytes) -> Certificate:
    """Read a certificate; never raises. Remembers what it has read."""
    return _remembered(der) if len(der) <= _REMEMBERED_SIZE else _parse(der)


def _parse(der: bytes) -> Certificate:
    digest = sha256(der).hexdigest()
    if len(der) > MAX_SIZE:
        return Certificate(der, digest, problem=f"{len(der)} bytes are too many")
    problems: list[str] = []
    try:
        fields = _fields(der, problems)
    except DerError as error:
        return Certificate(der, digest, problem=str(error))
    return Certificate(der, digest, **fields, problems=tuple(dict.fromkeys(problems)))


_remembered = lru_cache(maxsize=_REMEMBERED)(_parse)


def _fields(der: bytes, problems: list[str]) -> Fields:
    if not der:
        raise DerError("empty")
    outer = element(der, 0, len(der))
    if outer[0] != SEQUENCE:
        raise DerError("does not begin with a SEQUENCE")
    if outer[4] != len(der):
        problems.append("certificate: trailing bytes")
    parts = children(der, outer[2], outer[3])
    if [part[0] for part in parts[:3]] != [SEQUENCE, SEQUENCE, BIT_STRING]:
        raise DerError("not a certificate, its algorithm and a signature")
    tbs, algorithm, signature = parts[:3]
    inner = children(der, tbs[2], tbs[3])
    if len(parts) > 3:
        problems.append("certificate: something behind the signature")
    if not are_der((outer, *parts, *inner)):
        problems.append("certificate: lengths in BER, not DER")
    fields: Fields = {"tbs": der[tbs[1] : tbs[4]]}
    fields |= _signature(der, algorithm, signature, problems)
    fields |= _tbs(der, inner, fields["signature_algorithm"], problems)
    return fields


def _signature(der: bytes, algorithm: Element, signature: Element, problems: list[str]) -> Fields:
    identifier = der[algorithm[1] : algorithm[4]]
    fields: Fields = {"signature_algorithm": identifier}
    try:
        read = keys.signature_algorithm(identifier)
        fields |= {"signature_name": read.name, "signature_hash": read.hash}
    except DerError as error:
        problems.append(f"signature algorithm: {error}")
    try:
        unused, fields["signature"] = bit_string(der[signature[2] : signature[3]])
        if unused:
            problems.append("signature: not a whole number of bytes")
    except DerError as error:
        problems.append(f"signature: {error}")
    return fields


def _tbs(der: bytes, inner: list[Element], algorithm: bytes, problems: list[str]) -> Fields:
    version = _version(der, inner.pop(0), problems) if inner and inner[0][0] == 0xA0 else 1
    if [each[0] for each in inner[:_TBS_PARTS]] != [INTEGER, *[SEQUENCE] * 5]:
        raise DerError("not the fields of a certificate")
    serial, signed, issuer, validity, subject, key = inner[:_TBS_PARTS]
    if der[signed[1] : signed[4]] != algorithm:
        problems.append(ALGORITHMS_DIFFER)
    fields: Fields = {"version": version, "serial": _serial(der[serial[2] : serial[3]], problems)}
    fields |= _validity(der, validity, problems)
    fields["issuer"], troubles = distinguished.name(der[issuer[1] : issuer[4]])
    problems += [f"issuer: {trouble}" for trouble in troubles]
    fields["subject"], troubles = distinguished.name(der[subject[1] : subject[4]])
    problems += [f"subject: {trouble}" for trouble in troubles]
    fields["key"], trouble = keys.public_key(der[key[1] : key[4]])
    if trouble:
        problems.append(f"subjectPublicKeyInfo: {trouble}")
    fields |= _optional(der, inner[_TBS_PARTS:], version, problems)
    _note_empty_names(fields, problems)
    return fields


def _note_empty_names(fields: Fields, problems: list[str]) -> None:
    """Only the subject may be empty, and only beside a subjectAltName (RFC 5280 4.1.2.4, 4.1.2.6)."""
    if not fields["issuer"].key:
        problems.append("issuer: empty")
    if not fields["subject"].key and not fields.get("has_san"):
        problems.append("subject: empty")


def _version(der: bytes, found: Element, problems: list[str]) -> int:
    """``[0] EXPLICIT Version DEFAULT v1``, where v1 is 0 (RFC 5280 4.1.2.1); what is unreadable counts as 3."""
    value = der[found[2] : found[3]]
    if value == _VERSION_3:
        return 3
    try:
        start, stop, _ = contents(value, INTEGER, "INTEGER")
        version = integer(value[start:stop][:8]) + 1
    except DerError as error:
        problems.append(f"version: {error}")
        return 3
    if version == 1:
        problems.append("version: 1 is written out, which DER leaves out")
    elif version not in (2, 3):
        problems.append(f"version: {version} does not exist")
    return version


def _serial(content: bytes, problems: list[str]) -> int:
    try:
        number = integer(content[:_SERIAL_READ])
    except DerError as error:
        problems.append(f"serial number: {error}")
        return 0
    if number <= 0:
        problems.append("serial number is not positive")
    if len(content) > _SERIAL_OCTETS:
        problems.append(f"serial number of {len(content)} bytes")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0, 0), (255, 1)):
        problems.append("serial number is longer than needed")
    return number


def _validity(der: bytes, found: Element, problems: list[str]) -> Fields:
    """``Validity ::= SEQUENCE { notBefore Time, notAfter Time }`` (RFC 5280 4.1.2.5)."""
    fields: Fields = {}
    try:
        times = children(der, found[2], found[3])
    except DerError as error:
        problems.append(f"validity: {error}")
        return fields
    if len(times) != 2:
        problems.append(f"validity: {len(times)} times")
    for (field, word), (tag, _, start, stop, _) in zip(_TIMES, times, strict=False):
        try:
            fields[field], troubles = moment(tag, der[start:stop])
            problems += [f"{word}: {trouble}" for trouble in troubles]
        except DerError as error:
            problems.append(f"{word}: {error}")
    return fields


_TIMES = (("not_before", "notBefore"), ("not_after", "notAfter"))


def _optional(der: bytes, found: list[Element], version: int, problems: list[str]) -> Fields:
    """Read what follows the key: unique identifiers, which nobody uses, and extensions."""
    fields: Fields = {}
    for tag, _, start, stop, _ in found:
        if tag == 0xA3 and not fields:
            fields = _extensions(der, start, stop, problems)
        elif tag not in (0x81, 0x82, 0xA1, 0xA2):
            problems.append("certificate: an unknown field after the key")
    if fields and version != 3:
        problems.append(f"extensions: version {version} has none")
    return fields


def _extensions(der: bytes, start: int, stop: int, problems: list[str]) -> Fields:
    try:
        value = der[start:stop]
        begin, end, more = contents(value, SEQUENCE, "SEQUENCE")
    except DerError as error:
        problems.append(f"extensions: {error}")
        return {"unknown_critical": ()}
    if more:
        problems.append("extensions: trailing bytes")
    fields, troubles = extensions(value, begin, end)
    problems += troubles
    return fields
