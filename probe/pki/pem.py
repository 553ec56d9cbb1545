"""Certificates out of files, whatever their wrapping, and a PEM bundle that people can read.

    -----BEGIN CERTIFICATE-----         RFC 7468: textual encoding; text before, between and behind the blocks is
    MIIB…                               explanatory and ignored (RFC 7468 2 and 5.2)
    -----END CERTIFICATE-----

Tolerated because files of mail servers have them: CRLF and CR, a byte order mark, UTF-16 from Windows editors, blocks
glued together without a line between, blanks around lines, no newline at the end, headers in the manner of RFC 1421.
"""

from __future__ import annotations

import base64
import binascii
import re
import string
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from probe.pki.der import BIT_STRING, SEQUENCE, DerError, Element, element

if TYPE_CHECKING:
    from probe.model import Certificate

_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>(?:X509 |TRUSTED )?CERTIFICATE|PKCS7|PKCS #7 SIGNED DATA|CMS)-----"
    rb"(?P<body>[^-]*(?:-(?!----)[^-]*)*)-----END (?P=label)-----"
)
_HEADER = rb"(?m)^[!-9;-~]+:.*(?:\r?\n[ \t].*)*$"  # RFC 1421 4.6: field name, colon, folded text
_NOT_BASE64 = bytes({*range(256)} - {*string.ascii_letters.encode(), *string.digits.encode(), *b"+/="})
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")  # 1.2.840.113549.1.7.2, as an element
_CERTIFICATES = 0xA0  # [0] of SignedData
_COLUMNS = 64  # RFC 7468 2
_LABEL_SIZE = 120  # characters of a name in a comment line
_MARKS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}  # byte order marks


def certificates(content: bytes) -> tuple[bytes, ...]:
    """Take the certificates (DER) out of PEM, DER or PKCS#7 (PEM or DER), in their order; () when there are none.

    A PEM block that is no base64 is passed over; whether what a block holds is of use, says
    :func:`probe.pki.certificate.parse`. Never raises.
    """
    content = as_ascii(content)
    if b"-----BEGIN " in content:
        return tuple(der for found in _BLOCK.finditer(content) for der in _block(found["label"], found["body"]))
    return tuple(_unwrapped(content))


def as_ascii(content: bytes) -> bytes:
    """The text of a file that a Windows editor wrote in UTF-16; anything else as it is."""
    encoding = _MARKS.get(content[:2])
    return content[2:].decode(encoding, "ignore").encode("ascii", "ignore") if encoding else content


def is_pkcs7(content: bytes) -> bool:
    """These bytes begin as a PKCS#7 message does: SEQUENCE { OBJECT IDENTIFIER signedData, … } (RFC 2315 §7)."""
    try:
        return content.startswith(_SIGNED_DATA, element(content, 0, len(content))[2])
    except DerError:
        return False


def bundle(certs: Iterable[Certificate]) -> str:
    """PEM of the certificates, each below a line that names it; the name is cut and freed of all that could act."""
    return "".join(map(_entry, certs))


def _block(label: bytes, body: bytes) -> Iterator[bytes]:
    text = (re.sub(_HEADER, b"", body) if b":" in body else body).translate(None, _NOT_BASE64)
    try:
        der = base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return
    if label.endswith(b"CERTIFICATE"):
        yield from _first(der) if label.startswith(b"TRUSTED") else [der] if der else []
    else:
        yield from _signed_data(der)


def _first(der: bytes) -> Iterator[bytes]:
    """Of an OpenSSL TRUSTED CERTIFICATE the certificate, without the trust settings behind it."""
    try:
        yield der[: element(der, 0, len(der))[4]]
    except DerError:
        return


def _unwrapped(content: bytes) -> Iterator[bytes]:
    """DER: a PKCS#7 message, or certificates one behind the other; what follows them is ignored."""
    with suppress(DerError):
        for _, begin, start, stop, end in _each(content, 0, len(content)):
            if content.startswith(_SIGNED_DATA, start):
                yield from _signed_data(content[begin:end])
            elif [part[0] for part in islice(_each(content, start, stop), 4)] == [SEQUENCE, SEQUENCE, BIT_STRING]:
                yield content[begin:end]
            else:
                return


def _signed_data(der: bytes) -> Iterator[bytes]:
    """Certificates of a PKCS#7 message.

    ``ContentInfo ::= SEQUENCE { contentType, content [0] EXPLICIT SignedData }`` (RFC 2315 7)
    ``SignedData ::= SEQUENCE { version, digestAlgorithms SET, contentInfo SEQUENCE, [0] certificates, … }`` (9.1)
    """
    try:
        found = element(der, 0, len(der))
        for number in (1, 0, 3):
            found = next(islice(_each(der, found[2], found[3]), number, None))
    except (DerError, StopIteration):
        return
    with suppress(DerError):
        certificates = _each(der, found[2], found[3]) if found[0] == _CERTIFICATES else ()
        yield from (der[begin:end] for tag, begin, _, _, end in certificates if tag == SEQUENCE)


def _each(data: bytes, at: int, end: int) -> Iterator[Element]:
    """One element after the other, without a list of them: a file may be large, and hostile."""
    while at < end:
        found = element(data, at, end)
        yield found
        at = found[4]


@lru_cache(maxsize=1024)
def _entry(certificate: Certificate) -> str:
    text = base64.b64encode(certificate.der).decode("ascii")
    lines = "\n".join([text[at : at + _COLUMNS] for at in range(0, len(text), _COLUMNS)])
    comment = f"# {_harmless(certificate.label)} (issued by {_harmless(certificate.issuer.text)})"
    return f"{comment}\n-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def _harmless(text: str) -> str:
    """Letters, digits, signs and blanks alone, in one line; never the five hyphens that begin and end a block."""
    clean = text if text.isascii() and text.isprintable() else "".join(map(_shown, text))
    short = clean if len(clean) <= _LABEL_SIZE else clean[: _LABEL_SIZE - 1] + "…"
    return re.sub(r"--+", "-", short)


def _shown(character: str) -> str:
    """The character, a blank for any kind of blank, or "?" for what controls, hides or turns text round."""
    kind = unicodedata.category(character)
    return " " if kind == "Zs" else character if kind[0] in "LMNPS" else "?"
