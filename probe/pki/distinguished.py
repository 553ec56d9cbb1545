"""Distinguished names: reading, printing, and the canonical form by which two of them are compared.

    Name ::= SEQUENCE OF RelativeDistinguishedName                          RFC 5280 4.1.2.4
    RelativeDistinguishedName ::= SET SIZE (1..MAX) OF AttributeTypeAndValue
    AttributeTypeAndValue ::= SEQUENCE { type OBJECT IDENTIFIER, value ANY }

The canonical form is OpenSSL's (crypto/x509/x_name.c, x509_name_canon), because that decides which certificate OpenSSL
takes for an issuer: every string becomes a UTF8String, ASCII letters become small, white space at the ends goes and
inside becomes one blank; the SETs follow one another without an outer header. So the canonical form of a name begins
with that of each of its superiors, which is how directory names are tested against name constraints.
"""

from __future__ import annotations

import re
from functools import lru_cache

from probe.model import Name
from probe.pki.der import OID, SEQUENCE, SET, UTF8_STRING, DerError, Element, children, contents, dotted, encode

Read = tuple[Name, tuple[str, ...]]
"""A name and what is wrong with it."""

Rdn = tuple[bytes, str, str | None, list[str]]
"""Canonical form, text, common name and problems of a RelativeDistinguishedName."""

_CACHED = 1024  # bytes; a longer name is read each time, so that hostile ones cannot fill the memory
_CACHED_RDN = 128  # bytes, likewise

_SHORT = {
    # RFC 4514 section 3 names the first nine; the others are the words that people know from OpenSSL.
    "2.5.4.3": "CN",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.6": "C",
    "2.5.4.9": "STREET",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "1.2.840.113549.1.9.1": "emailAddress",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.12": "title",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}
# Kind → its name and encoding. T61String is read as Latin-1, as OpenSSL does and CAs mean it.
_CANONICAL = {
    0x0C: ("UTF8String", "utf-8"),
    0x13: ("PrintableString", "latin-1"),
    0x14: ("T61String", "latin-1"),
    0x16: ("IA5String", "latin-1"),
    0x1A: ("VisibleString", "latin-1"),
    0x1C: ("UniversalString", "utf-32-be"),
    0x1E: ("BMPString", "utf-16-be"),
}
_NUMERIC_STRING = 0x12  # text too, but compared byte by byte (OpenSSL's ASN1_MASK_CANON leaves it out)
# X.680 41.4 for PrintableString; IA5String and VisibleString are ASCII, the latter without controls.
_ALLOWED = {
    0x12: re.compile(r"[0-9 ]*"),
    0x13: re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*"),
    0x16: re.compile(r"[\x00-\x7f]*"),
    0x1A: re.compile(r"[\x20-\x7e]*"),
}
# RFC 4514 section 2.4: these take a backslash; control characters go as hex pairs so that no name moves a cursor.
_SPECIAL = re.compile(r'[",;<>+\\]|^[ #]| $|[\x00-\x1f\x7f-\x9f]')


def name(der: bytes) -> Read:
    """Read a Name; never raises. What cannot be read is left out of ``text`` and stands unchanged in ``key``."""
    return _cached(der) if len(der) <= _CACHED else _name(der)


def _name(der: bytes) -> Read:
    problems: list[str] = []
    keys: list[bytes] = []
    texts: list[str] = []
    common_name = None
    try:
        start, stop, _ = contents(der, SEQUENCE, "SEQUENCE")
        for tag, _, begin, end, _ in children(der, start, stop):
            key, text, common, troubles = _read_rdn(der[begin:end] if tag == SET else None)
            keys.append(key)
            texts.append(text)
            problems += troubles
            common_name = common_name if common is None else common
    except DerError as error:
        return Name(der, der, "(unreadable)"), (str(error),)
    text = ",".join(filter(None, reversed(texts)))
    return Name(der, b"".join(keys), text, common_name), tuple(dict.fromkeys(problems))


_cached = lru_cache(maxsize=4096)(_name)


def _read_rdn(content: bytes | None) -> Rdn:
    if content is None:
        raise DerError("no SET in a name")
    return _cached_rdn(content) if len(content) <= _CACHED_RDN else _rdn(content)


def _rdn(content: bytes) -> Rdn:
    """One RelativeDistinguishedName from the contents of its SET; an empty one leaves nothing behind."""
    problems: list[str] = []
    attributes = [_attribute(content, found, problems) for found in children(content, 0, len(content))]
    if not attributes:
        return b"", "", None, ["an empty RelativeDistinguishedName"]
    key = b"".join(sorted(key for key, _, _ in attributes))
    common_names = [common for _, _, common in attributes if common is not None]
    text = "+".join(text for _, text, _ in attributes)
    return encode(SET, key), text, common_names[-1] if common_names else None, problems


# "C=DE" and "O=Let's Encrypt" stand in a great many names.
_cached_rdn = lru_cache(maxsize=4096)(_rdn)


def _attribute(der: bytes, found: Element, problems: list[str]) -> tuple[bytes, str, str | None]:
    if found[0] != SEQUENCE:
        raise DerError("no SEQUENCE in a name")
    parts = children(der, found[2], found[3])
    if len(parts) < 2 or parts[0][0] != OID:
        raise DerError("an attribute of a name without type and value")
    if len(parts) > 2:
        problems.append("an attribute with more than type and value")
    kind, value = parts[0], parts[1]
    oid = dotted(der[kind[2] : kind[3]])
    word = _SHORT.get(oid, oid)
    text, canonical = _value(der, value, problems)
    key = encode(SEQUENCE, der[kind[1] : kind[4]] + canonical)
    if text is None:
        return key, f"{word}=#{der[value[1] : value[4]].hex()}", None
    return key, f"{word}={_SPECIAL.sub(_escape, text)}", text if word == "CN" else None


def _value(der: bytes, value: Element, problems: list[str]) -> tuple[str | None, bytes]:
    """Text of an attribute value, None when it is no string, and its canonical encoding."""
    tag, raw = value[0], der[value[2] : value[3]]
    if not raw:
        problems.append("an empty attribute value")
    if tag == _NUMERIC_STRING:
        text = raw.decode("latin-1")
        _complain(tag, "NumericString", text, problems)
        return text, der[value[1] : value[4]]
    if tag not in _CANONICAL:
        return None, der[value[1] : value[4]]
    kind, encoding = _CANONICAL[tag]
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        problems.append(f"a malformed {kind}")
        return raw.decode(encoding, "replace"), der[value[1] : value[4]]
    _complain(tag, kind, text, problems)
    # Not text.lower().split(): OpenSSL folds ASCII letters and ASCII white space alone.
    return text, encode(UTF8_STRING, b" ".join(text.encode().split()).lower())


def _complain(tag: int, kind: str, text: str, problems: list[str]) -> None:
    if tag in _ALLOWED and not _ALLOWED[tag].fullmatch(text):
        problems.append(f"{kind} with a forbidden character")


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    if character.isprintable():
        return "\\" + character
    return "".join(f"\\{byte:02X}" for byte in character.encode())
