"""From the bytes of a file to what it holds: certificates, keys, and what people put in their place.

    -----BEGIN label-----       RFC 7468 §2; a BEGIN that does not begin its line is invisible to OpenSSL
    base64
    -----END label-----

OpenSSL reads a file as a row of such blocks and passes over those that it does not look for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from probe.material import Block, Form, What
from probe.pki import pem

BLOCKS = 20_000
"""Blocks of one file that are looked at; a file of all public intermediates has 2,200."""
_BEGIN = re.compile(rb"-----BEGIN ([A-Z0-9 #]{1,60})-----")
_LABELS = (
    (re.compile(r"(X509 |TRUSTED )?CERTIFICATE|PKCS7|PKCS #7 SIGNED DATA|CMS"), What.CERTIFICATE),
    (re.compile(r"([A-Z0-9]+ )*PRIVATE KEY"), What.KEY),
    (re.compile(r"([A-Z0-9]+ )*PUBLIC KEY"), What.PUBLIC_KEY),
    (re.compile(r"(NEW )?CERTIFICATE REQUEST"), What.REQUEST),
    (re.compile(r"[A-Z0-9. ]*PARAMETERS"), What.PARAMETERS),
    (re.compile(r"X509 CRL"), What.CRL),
)
_ENCRYPTED = re.compile(rb"^Proc-Type: *4, *ENCRYPTED", re.MULTILINE)
_BODY = re.compile(rb"[A-Za-z0-9+/=\s]*\Z")
_HEADERS = re.compile(rb"\A\s*(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)+")
_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Byte order marks of UTF-16."""
_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, OverflowError)


def form_of(content: bytes) -> Form:
    """Say how a file is written; what is neither text nor anything known is DER."""
    if content[:2] in _MARKS:
        return Form.UTF16
    if _BEGIN.search(content):
        return Form.PEM
    return Form.PKCS7 if pem.is_pkcs7(content) else Form.DER


def blocks(content: bytes) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    """Read what a file holds: the blocks, and the certificates (DER) in them, both in the file's order. Never raises.

    A block that OpenSSL would not read is there with its ``problem``, and its certificates are, where we can read them.
    """
    if form_of(content) not in {Form.PEM, Form.UTF16}:
        return _binary(content)
    text = pem.as_ascii(content)
    found = [(block, ders) for block, ders in _pem(text)]
    return tuple(block for block, _ in found), tuple(der for _, ders in found for der in ders)


def _pem(text: bytes) -> Iterator[tuple[Block, tuple[bytes, ...]]]:
    begins = [match for match, _ in zip(_BEGIN.finditer(text), range(BLOCKS), strict=False)]
    line = counted = 0
    for number, begin in enumerate(begins):
        line += text.count(b"\n", counted, begin.start())
        counted = begin.start()
        until = begins[number + 1].start() if number + 1 < len(begins) else len(text)
        piece = text[begin.start() : until]
        label = begin[1].decode("ascii")
        block = _block(piece, label, line + 1, glued=_is_glued(text, begin.start()) or _is_followed(piece, label))
        yield block, pem.certificates(piece) if block.what is What.CERTIFICATE else ()


def _is_glued(text: bytes, at: int) -> bool:
    return bool(text[text.rfind(b"\n", 0, at) + 1 : at].removeprefix(b"\xef\xbb\xbf").strip())


def _is_followed(piece: bytes, label: str) -> bool:
    """Something stands behind the END on its line, which OpenSSL calls a bad end line."""
    return bool(piece.partition(_end(label))[2].partition(b"\n")[0].strip())


def _end(label: str) -> bytes:
    return b"-----END " + label.encode("ascii") + b"-----"


def _block(piece: bytes, label: str, line: int, *, glued: bool) -> Block:
    what = next((what for pattern, what in _LABELS if pattern.fullmatch(label)), What.OTHER)
    problem = _problem(piece, label)
    if what is not What.KEY:
        return Block(what, line, label, glued=glued, problem=problem)
    encrypted = label == "ENCRYPTED PRIVATE KEY" or bool(_ENCRYPTED.search(piece))
    spki = None if encrypted or problem else _public(piece)
    return Block(what, line, label, spki, encrypted=encrypted, glued=glued, problem=problem)


def _problem(piece: bytes, label: str) -> str | None:
    """Why OpenSSL would not read this block (crypto/pem/pem_lib.c, get_header_and_data)."""
    body, end, _ = piece.partition(_end(label))
    if not end:
        return "it does not end"
    inside = _HEADERS.sub(b"", body.partition(b"-----\n")[2] or body.rpartition(b"-----")[2])
    return None if _BODY.match(inside) else "there is something in it that is no base64"


def _public(piece: bytes) -> bytes | None:
    """The public half of a key, or None where the library cannot read it."""
    try:
        key = load_pem_private_key(piece, None, unsafe_skip_rsa_key_validation=True)
    except _UNREADABLE:
        return None
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


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
