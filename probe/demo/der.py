"""A writer of DER (X.690), as much of it as a certificate needs, and willing to write it wrong.

Every function gives the encoding as bytes; nothing is checked, because broken certificates are what it is for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL, OID = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06
UTF8_STRING, PRINTABLE_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31


def tlv(tag: int, *parts: bytes) -> bytes:
    """Tag, shortest definite length, contents (X.690 §8.1.3, §10.1)."""
    body = b"".join(parts)
    size = len(body)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag]) + (bytes([size]) if size < 0x80 else bytes([0x80 | len(octets)]) + octets) + body


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE of the parts."""
    return tlv(SEQUENCE, *parts)


def explicit(number: int, *parts: bytes) -> bytes:
    """Context-specific, constructed tag ``[number]`` around the parts."""
    return tlv(0xA0 | number, *parts)


def integer(number: int) -> bytes:
    """INTEGER in two's complement, shortest form (X.690 §8.3)."""
    magnitude = number if number >= 0 else ~number
    return tlv(INTEGER, number.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def boolean(true: bool) -> bytes:
    """BOOLEAN; TRUE is FF (X.690 §11.1)."""
    return tlv(BOOLEAN, b"\xff" if true else b"\x00")


def octets(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(OCTET_STRING, content)


def bits(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\x00", content)


def named_bits(positions: set[int]) -> bytes:
    """BIT STRING with those bits set, trailing zero bits cut (X.690 §11.2.2)."""
    size = max(positions, default=-1) + 1
    unused = -size % 8
    number = sum(1 << (size - 1 - position) for position in positions) << unused
    return tlv(BIT_STRING, bytes([unused]), number.to_bytes((size + 7) // 8, "big"))


def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER (X.690 §8.19)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    return tlv(OID, *map(_base128, [first * 40 + second, *rest]))


def _base128(number: int) -> bytes:
    groups = [number & 0x7F]
    while number := number >> 7:
        groups.append(0x80 | number & 0x7F)
    return bytes(reversed(groups))


def time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5); ``moment`` is in UTC."""
    if 1950 <= moment.year < 2050:
        return tlv(UTC_TIME, moment.strftime("%y%m%d%H%M%SZ").encode())
    return tlv(GENERALIZED_TIME, moment.strftime("%Y%m%d%H%M%SZ").encode())


_ATTRIBUTES = {
    "CN": "2.5.4.3",
    "C": "2.5.4.6",
    "L": "2.5.4.7",
    "O": "2.5.4.10",
    "OU": "2.5.4.11",
    "emailAddress": "1.2.840.113549.1.9.1",
}


def name(text: str | bytes) -> bytes:
    r"""Name (RFC 5280 §4.1.2.4) of ``"CN=mx.example,O=Example"``, most specific first as in RFC 4514; bytes pass as is.

    ``\,`` is a comma of a value; there is no other escape, so that control characters can be written as they are.
    """
    if isinstance(text, bytes):
        return text
    parts = [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", text) if part]
    return sequence(*(_attribute(*part.split("=", 1)) for part in reversed(parts)))


def _attribute(kind: str, value: str) -> bytes:
    tag = {"C": PRINTABLE_STRING, "emailAddress": IA5_STRING}.get(kind, UTF8_STRING)
    return tlv(SET, sequence(oid(_ATTRIBUTES[kind]), tlv(tag, value.encode())))
