"""From the bytes of a file to what it holds: certificates, keys, and what people put in their place.

    -----BEGIN label-----       RFC 7468 §2; a BEGIN that does not begin its line is invisible to OpenSSL
    base64
    -----END label-----

OpenSSL reads a file as a row of such blocks and passes over those that it does not look for, PKCS#7 among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from probe.material import Block, Form, What
from probe.pki import pem

BLOCKS = 4_000
"""Blocks of one file that are looked at; a file of all public intermediates has 2,200."""
LARGEST_BLOCK = 1 << 20
"""Bytes of one block; a certificate of a public CA has two thousand."""
_BEGIN = re.compile(rb"-----BEGIN ([^\n]{1,80}?)-----")
_SET = re.compile(rb"-----BEGIN (?:PKCS7|PKCS #7 SIGNED DATA|CMS)-----")
_CERTIFICATE = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")
_LABELS = (
    (re.compile(r"(X509 |TRUSTED )?CERTIFICATE|PKCS7|PKCS #7 SIGNED DATA|CMS"), What.CERTIFICATE),
    (re.compile(r"([A-Z0-9]+ )*PRIVATE KEY"), What.KEY),
    (re.compile(r"([A-Z0-9]+ )*PUBLIC KEY"), What.PUBLIC_KEY),
    (re.compile(r"(NEW )?CERTIFICATE REQUEST"), What.REQUEST),
    (re.compile(r"[A-Z0-9. ]*PARAMETERS"), What.PARAMETERS),
    (re.compile(r"X509 CRL"), What.CRL),
)
_ENCRYPTED = re.compile(rb"^Proc-Type: *4, *ENCRYPTED", re.MULTILINE)
_END = re.compile(rb"^-----END ", re.MULTILINE)
_BASE64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_BLANKS = bytes(range(0x21))
"""What OpenSSL takes off the end of a line: everything up to the blank."""
_SPACE = b" \t\r"
"""What OpenSSL passes over within base64 (crypto/evp/encode.c)."""
_COLUMNS = 64
_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16."""
_NOTHING = (b"", b"\xef\xbb\xbf")
"""What may stand before a BEGIN on its line: a byte order mark at most."""
_TOO_LARGE = f"it is larger than {LARGEST_BLOCK >> 20} MiB"
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, OverflowError)


def form_of(content: bytes) -> Form:
    """Say how a file is written; what is neither text nor anything known is DER."""
    if content[:2] in _MARKS:
        return Form.UTF16
    if _BEGIN.search(content):
        return Form.PKCS7 if _SET.search(content) and not _CERTIFICATE.search(content) else Form.PEM
    return Form.PKCS7 if pem.is_pkcs7(content) else Form.DER


def blocks(content: bytes) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    """Read what a file holds: the blocks, and the certificates (DER) in them, both in the file's order. Never raises.

    A block that OpenSSL would not read is there with its ``problem``, and its certificates are, where we can read them.
    """
    text = pem.as_ascii(content)
    if not _BEGIN.search(text):
        return _binary(content)
    found = list(_pem(text))
    seen = [pair for pair in found if pair[0].label.endswith("CERTIFICATE")] or found
    return tuple(block for block, _ in found), tuple(der for _, ders in seen for der in ders)


def _pem(text: bytes) -> Iterator[tuple[Block, tuple[bytes, ...]]]:
    begins = list(islice(_BEGIN.finditer(text), BLOCKS + 1))
    stops = [begin.start() for begin in begins[1:]] + [len(text)]
    line = counted = 0
    for begin, stop in zip(begins[:BLOCKS], stops, strict=False):
        line += text.count(b"\n", counted, begin.start())
        counted = begin.start()
        piece, before = text[begin.start() : stop], text[text.rfind(b"\n", 0, begin.start()) + 1 : begin.start()]
        block = _block(piece, begin[1].decode("latin-1"), line + 1, glued=before not in _NOTHING)
        small = block.what is What.CERTIFICATE and block.problem != _TOO_LARGE
        yield block, pem.certificates(piece) if small else ()


def _end(label: str) -> bytes:
    return b"-----END " + label.encode("latin-1") + b"-----"


def _block(piece: bytes, label: str, line: int, *, glued: bool) -> Block:
    what = next((what for pattern, what in _LABELS if pattern.fullmatch(label)), What.OTHER)
    glued, problem = glued or _is_followed(piece, label), _problem(piece, label)
    if what is not What.KEY:
        return Block(what, line, label, glued=glued, problem=problem)
    encrypted = is_encrypted(piece)
    spki, unread = (None, None) if encrypted or problem else public_half(piece)
    return Block(what, line, label, spki, encrypted=encrypted, glued=glued, problem=problem or unread)


def is_encrypted(piece: bytes) -> bool:
    """A key needs a passphrase, by its armour alone: PKCS#8 (RFC 5958 §3), or the older form (RFC 1421 §4.6.1.1)."""
    return piece.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") or bool(_ENCRYPTED.search(piece))


def _is_followed(piece: bytes, label: str) -> bool:
    """Something stands behind the BEGIN or the END on its line."""
    first, _, rest = piece.partition(b"\n")
    behind = rest.partition(_end(label))[2].partition(b"\n")[0]
    return first.rstrip(_BLANKS) != b"-----BEGIN " + label.encode("latin-1") + b"-----" or bool(behind.strip(_BLANKS))


def _problem(piece: bytes, label: str) -> str | None:
    """Why OpenSSL would not read this block (crypto/pem/pem_lib.c, get_header_and_data)."""
    end = _END.search(piece)
    if not end or not piece.startswith(_end(label), end.start()):
        return "it does not end"
    if end.start() > LARGEST_BLOCK:
        return _TOO_LARGE
    lines = [line.rstrip(_BLANKS) for line in piece[: end.start()].split(b"\n")[1:-1]]
    head, data = _divided(lines)
    if head and not head[0].startswith(b"Proc-Type: 4,"):
        return "an empty line stands in it, and what is before that is no header of a key"
    if data != lines and not _is_regular(data):
        return f"behind an empty line its lines must be {_COLUMNS} characters long"
    text = b"".join(data).translate(None, _SPACE)
    if not text:
        return "it is empty"
    return None if len(text) % 4 == 0 and _BASE64.fullmatch(text) else "its base64 is damaged"


def _divided(lines: Sequence[bytes]) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Before and behind the first empty line; all is data where there is none (RFC 1421 §4.4)."""
    at = next((number for number, line in enumerate(lines) if not line), None)
    return ((), lines) if at is None else (lines[:at], lines[at + 1 :])


def _is_regular(lines: Sequence[bytes]) -> bool:
    return all(len(line) == _COLUMNS for line in lines[:-1]) and all(0 < len(line) <= _COLUMNS for line in lines[-1:])


def public_half(piece: bytes) -> tuple[bytes | None, str | None]:
    """The public half of a key, or why nobody can read it; neither for a kind that we alone do not know."""
    try:
        key = load_pem_private_key(piece, None, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm:
        return None, None
    except _UNREADABLE:
        return None, "it is no private key"
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), None


def _binary(content: bytes) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    ders = pem.certificates(content)
    if ders:
        return tuple(Block(What.CERTIFICATE) for _ in ders), ders
    try:
        key = load_der_private_key(content, None, unsafe_skip_rsa_key_validation=True)
    except _UNREADABLE:
        return _other(content), ()
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return (Block(What.KEY, spki=spki),), ()


def _other(content: bytes) -> tuple[Block, ...]:
    """A certificate request or a revocation list in DER; nothing for anything else."""
    from cryptography import x509

    for load, what in ((x509.load_der_x509_csr, What.REQUEST), (x509.load_der_x509_crl, What.CRL)):
        try:
            load(content)
        except _UNREADABLE:
            continue
        return (Block(what),)
    return ()
