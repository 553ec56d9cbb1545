"""Reads the server's handshake messages from the very bytes that arrived.

OpenSSL gives no list at all when one certificate of it cannot be parsed, when the list is empty or above 100 KB, and
it re-encodes a certificate whose outer SEQUENCE is not DER. The bytes themselves always tell: up to TLS 1.2 the
server's first flight is plain text, and TLS 1.3 opens with the secret that OpenSSL's key log hands out.

    struct { ContentType type; ProtocolVersion version; uint16 length; opaque fragment[length]; } TLSPlaintext;
    struct { HandshakeType msg_type; uint24 length; ... } Handshake;
    RFC 5246 §7.4.2:
    opaque ASN.1Cert<1..2^24-1>;  struct { ASN.1Cert certificate_list<0..2^24-1>; } Certificate;
    RFC 8446 §4.4.2:
    struct { opaque cert_data<1..2^24-1>; Extension extensions<0..2^16-1>; } CertificateEntry;
    struct { opaque certificate_request_context<0..2^8-1>; CertificateEntry certificate_list<0..2^24-1>; } Certificate;
"""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec import Struct

MESSAGE_LIMIT = 1024 * 1024
"""Bytes of a Certificate message that we wait for: ten times what OpenSSL accepts, and far below the 16 MB that fit."""

MESSAGES_LIMIT = 50
"""Handshake messages that we look at; a server's flight has at most some ten."""

ENTRIES_LIMIT = 1000
"""Certificates that we take from one list; what OpenSSL accepts cannot hold more real ones."""

CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE, APPLICATION = 20, 21, 22, 23
SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, CERTIFICATE_REQUEST, SERVER_HELLO_DONE = 2, 11, 12, 13, 14

VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2", 0x0304: "TLSv1.3"}
SUPPORTED_VERSIONS, KEY_SHARE = 43, 51

FFDHE = {0x0100: 2048, 0x0101: 3072, 0x0102: 4096, 0x0103: 6144, 0x0104: 8192}
"""Bits of the finite-field groups that TLS 1.3 knows (RFC 7919 §2)."""

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
"""The random of a ServerHello that is a HelloRetryRequest (RFC 8446 §4.1.3)."""

Open = Callable[[bytes, bytes], tuple[int, bytes]]


class Flight(Struct, frozen=True):
    """What the server's handshake messages say, as far as they arrived and can be read."""

    version: str | None = None
    certificates: tuple[bytes, ...] | None = None
    """The list as sent; None when no whole Certificate message is there."""
    client_cert_requested: bool | None = None
    """None while the request may still come."""
    key_exchange_bits: int | None = None
    """Of the finite-field Diffie-Hellman group, where it is one."""
    missing: int = 0
    """Bytes of a begun Certificate message that have not arrived."""


class Hello(Struct, frozen=True):
    """A ServerHello: version and suite by number, extensions by number."""

    version: int
    suite: int
    extensions: dict[int, bytes]


def read(raw: bytes, secret: bytes | None = None) -> Flight:
    """Read everything that the server sent since TLS began; ``secret`` is TLS 1.3's server_handshake_traffic_secret."""
    messages, missing, hello = _messages(raw, secret)
    bodies = dict(reversed(messages))
    listed = bodies.get(CERTIFICATE)
    newest = hello is not None and hello.version > 0x0303
    return Flight(
        VERSIONS.get(hello.version) if hello else None,
        _entries(listed, extended=newest) if listed and hello else None,
        _requested(bodies, newest=newest),
        _bits(bodies, hello),
        missing,
    )


def read_client(raw: bytes, version: int, suite: int, secret: bytes | None = None) -> Flight:
    """Read what a client sent, its list where it was asked; version and suite are those that its server chose.

    ``secret`` is TLS 1.3's client_handshake_traffic_secret.
    """
    messages, missing, _ = _messages(raw, secret, Hello(version, suite, {}))
    listed = dict(reversed(messages)).get(CERTIFICATE)
    known = None if listed is None else _entries(listed, extended=version > 0x0303)
    return Flight(VERSIONS.get(version), known, missing=missing)


def _requested(bodies: dict[int, bytes], *, newest: bool) -> bool | None:
    """In TLS 1.3 the request stands before the certificates, up to TLS 1.2 before ServerHelloDone."""
    past = CERTIFICATE if newest else SERVER_HELLO_DONE
    return True if CERTIFICATE_REQUEST in bodies else False if past in bodies else None


def _messages(
    raw: bytes, secret: bytes | None, hello: Hello | None = None
) -> tuple[list[tuple[int, bytes]], int, Hello | None]:
    """Whole handshake messages by type, whatever records they were cut into, up to what cannot be opened.

    In TLS 1.3 nothing is opened behind the certificates. Also how many bytes a begun Certificate message lacks, and the
    ServerHello.
    """
    stream, messages, at, begin, size = bytearray(), list[tuple[int, bytes]](), 0, 5, len(raw)
    opened: Open | None = None
    while begin <= size:
        kind, end = raw[begin - 5], begin + (raw[begin - 2] << 8 | raw[begin - 1])
        if end > size:
            break
        body, header, begin = raw[begin:end], raw[begin - 5 : begin], end + 5
        if kind == APPLICATION and secret:
            hello = hello or _hello(messages)
            opened = opened or _opener(hello, secret)
            inner, body = opened(header, body)
            if inner != HANDSHAKE:
                break
        elif kind == CHANGE_CIPHER_SPEC and not secret:
            break
        elif kind != HANDSHAKE:
            continue
        stream += body
        at = _cut(stream, at, messages)
        if opened and messages and messages[-1][0] == CERTIFICATE:
            break
    begun = stream[at : at + 4]
    lacks = len(begun) == 4 and begun[0] == CERTIFICATE and len(messages) < MESSAGES_LIMIT
    missing = at + 4 + int.from_bytes(begun[1:]) - len(stream) if lacks else 0
    return messages, missing, hello or _hello(messages)


def _cut(stream: bytearray, at: int, messages: list[tuple[int, bytes]]) -> int:
    """Take the whole messages that stand from there on; give where the next one begins."""
    size = len(stream)
    while at + 4 <= size and len(messages) < MESSAGES_LIMIT:
        end = at + 4 + (stream[at + 1] << 16 | stream[at + 2] << 8 | stream[at + 3])
        if end > size:
            break
        messages.append((stream[at], bytes(stream[at + 4 : end])))
        at = end
    return at


def awaited(raw: bytes | bytearray, missing: int) -> int:
    """How many bytes must have arrived before reading again can tell more, when so many of a message are missing."""
    at, end, size = 0, 0, len(raw)
    while end + 5 <= size:
        end += 5 + (raw[end + 3] << 8 | raw[end + 4])
        at = end if end <= size else at
    return max(at + 5 + missing, at + 5 + int.from_bytes(raw[at + 3 : at + 5]))


def _hello(messages: list[tuple[int, bytes]]) -> Hello | None:
    """The ServerHello that counts: a HelloRetryRequest is none.

    struct { ProtocolVersion version; Random random; opaque session_id<0..32>; CipherSuite suite; uint8 compression;
             Extension extensions<0..2^16-1>; } ServerHello;
    """
    for kind, body in messages:
        if kind == SERVER_HELLO and len(body) >= 38 and body[2:34] != RETRY:
            at = 35 + body[34]
            extensions = _extensions(body[at + 5 :])
            chosen = extensions.get(SUPPORTED_VERSIONS, body[:2])
            return Hello(int.from_bytes(chosen), int.from_bytes(body[at : at + 2]), extensions)
    return None


def _extensions(block: bytes) -> dict[int, bytes]:
    found, at = dict[int, bytes](), 0
    while at + 4 <= len(block):
        end = at + 4 + (block[at + 2] << 8 | block[at + 3])
        found[block[at] << 8 | block[at + 1]] = block[at + 4 : end]
        at = end
    return found


def _entries(body: bytes, *, extended: bool) -> tuple[bytes, ...]:
    """The certificates of a message, byte for byte. What is left where the lengths contradict is a last entry."""
    at = 3 + (1 + body[0] if extended and body else 0)
    size, entries = len(body), list[bytes]()
    if at > size:
        return (body,)
    while at < size and len(entries) < ENTRIES_LIMIT:
        end = at + 3 + int.from_bytes(body[at : at + 3])
        entries.append(body[at + 3 : end])
        at = end + (2 + int.from_bytes(body[end : end + 2]) if extended else 0)
    return tuple(entries)


def _bits(bodies: dict[int, bytes], hello: Hello | None) -> int | None:
    if hello and hello.version > 0x0303:
        return FFDHE.get(int.from_bytes(hello.extensions.get(KEY_SHARE, b"")[:2]))
    return _prime_bits(bodies.get(SERVER_KEY_EXCHANGE, b""), signed_by_name=bool(hello and hello.version == 0x0303))


def _prime_bits(body: bytes, *, signed_by_name: bool) -> int | None:
    """Size of dh_p, when the message is a Diffie-Hellman one to its last byte (an elliptic one never is).

    struct { opaque dh_p<1..2^16-1>; opaque dh_g<1..2^16-1>; opaque dh_Ys<1..2^16-1>; } ServerDHParams;
    followed by the signature, before which TLS 1.2 names its algorithms in two bytes (RFC 5246 §7.4.3).
    """
    at = 0
    for skipped in (0, 0, 0, 2 if signed_by_name else 0):
        at += skipped
        at += 2 + int.from_bytes(body[at : at + 2])
    size = int.from_bytes(body[:2])
    return int.from_bytes(body[2 : 2 + size]).bit_length() if size and at == len(body) else None


def _opener(hello: Hello | None, secret: bytes) -> Open:
    """Open the server's records one after the other (RFC 8446 §5.2, §7.3); what cannot be opened has type 0."""
    size, cipher = _CIPHERS.get(hello.suite if hello else 0, (32, ChaCha20Poly1305))
    digest = _DIGESTS[len(secret)]
    aead = cipher(_expand(secret, b"key", size, digest))
    nonce = int.from_bytes(_expand(secret, b"iv", 12, digest))
    sequence = 0

    def opened(header: bytes, body: bytes) -> tuple[int, bytes]:
        nonlocal sequence
        try:
            inner = aead.decrypt((nonce ^ sequence).to_bytes(12), body, header).rstrip(b"\0")
        except InvalidTag:
            return 0, b""
        sequence += 1
        return (inner[-1], inner[:-1]) if inner else (0, b"")

    return opened


_DIGESTS: dict[int, SHA256 | SHA384] = {32: SHA256(), 48: SHA384()}
_CIPHERS: dict[int, tuple[int, type[AESGCM | ChaCha20Poly1305]]] = {0x1301: (16, AESGCM), 0x1302: (32, AESGCM)}


def _expand(secret: bytes, label: bytes, size: int, digest: SHA256 | SHA384) -> bytes:
    """HKDF-Expand-Label with an empty context (RFC 8446 §7.1)."""
    name = b"tls13 " + label
    return HKDFExpand(digest, size, b"\0%c%c%b\0" % (size, len(name), name)).derive(secret)
