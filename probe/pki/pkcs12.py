"""PKCS#12 (RFC 7292): certificate, key and intermediates in one encrypted file, as Windows and CAs hand them out.

PFX ::= SEQUENCE { version INTEGER (3), authSafe ContentInfo, macData MacData OPTIONAL }        RFC 7292 §4
MacData ::= SEQUENCE { mac DigestInfo, macSalt OCTET STRING, iterations INTEGER DEFAULT 1 }
PBKDF2-params ::= SEQUENCE { salt OCTET STRING, iterationCount INTEGER, … }                     RFC 8018 A.2
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import pairwise

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, pkcs12

from probe.material import Block, What
from probe.pki.der import INTEGER, OCTET_STRING, OID, SEQUENCE, DerError, Element, element, scan

ITERATIONS = 2_000_000
"""Most rounds of a key derivation: OpenSSL writes 2,048, Windows 2,000, cautious people 600,000; two million take two
seconds, and the number in the file is whoever wrote it's."""
CLOSED = "cannot be opened: the password is another one, or the file is damaged"
ELEMENTS = 20_000
DEPTH = 24


def is_pkcs12(content: bytes) -> bool:
    """These bytes begin as a PFX does."""
    try:
        _, _, start, stop, _ = element(content, 0, len(content))
        version, safe = scan(content, start, stop)[0][:2]
        inner = element(content, safe[2], safe[3])
    except (DerError, ValueError):
        return False
    return version[0] == INTEGER and content[version[2] : version[3]] == b"\x03" and inner[0] == OID


def read(content: bytes, password: bytes | None) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    """Read key and certificates: what the file holds, and the certificates (DER), the leaf first.

    Raises ValueError, with a sentence, where the password is wrong or missing, or where the file asks for more work
    than ``ITERATIONS``. What the password decrypts may ask for more: see ``cli/apart.py``.
    """
    refuse_work(content)
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # of BER, which old programs write
            key, own, others = pkcs12.load_key_and_certificates(content, password)
    except (ValueError, TypeError, UnsupportedAlgorithm, OverflowError):
        raise ValueError(CLOSED) from None
    certificates = tuple(one.public_bytes(Encoding.DER) for one in ([own] if own else []) + list(others))
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) if key else None
    keys = (Block(What.KEY, spki=spki),) if key else ()
    return (*keys, *(Block(What.CERTIFICATE) for _ in certificates)), certificates


def refuse_work(content: bytes) -> None:
    """Raise ValueError where the file asks for too many rounds in the open."""
    rounds = max(_rounds(content), default=0)
    if rounds > ITERATIONS:
        raise ValueError(f"asks for {rounds} rounds of key derivation, which is more than {ITERATIONS}: not read")


def _rounds(content: bytes) -> Iterator[int]:
    """Every number that stands behind a salt."""
    for parts in _sequences(content):
        for salt, count in pairwise(parts):
            if salt[0] == OCTET_STRING and count[0] == INTEGER:
                yield int.from_bytes(content[count[2] : count[3]][:16], "big")


def _sequences(content: bytes) -> Iterator[list[Element]]:
    """The parts of each SEQUENCE, however deep, octet strings that hold DER included; bounded."""
    queue, seen = [(0, len(content), 0)], 0
    while queue and seen < ELEMENTS:
        at, end, depth = queue.pop()
        parts, _ = scan(content, at, end)
        seen += len(parts)
        yield parts
        inner = [part for part in parts if part[0] & 0x20 or part[0] in {SEQUENCE, OCTET_STRING}]
        queue += [(part[2], part[3], depth + 1) for part in inner if depth < DEPTH]
