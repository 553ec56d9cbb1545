"""The server's side of a TLS 1.2 handshake up to ServerHelloDone, written by hand (RFC 5246, RFC 8422).

A correct TLS library does not send an empty list, bytes that are no certificate, a leaf that is not first, or a
signature by another key. These functions do; they go no further than the demo needs, and keep no secret.
"""

from __future__ import annotations

from collections.abc import Iterable

from probe.demo import keys

ALERT, HANDSHAKE = 21, 22
SERVER_HELLO, CERTIFICATE, SERVER_KEY_EXCHANGE, SERVER_HELLO_DONE = 2, 11, 12, 14
ECDHE_RSA_AES128_GCM, DHE_RSA_AES128_GCM = 0xC02F, 0x009E
RC4_MD5 = 0x0004
"""A cipher suite that no client of today offers (RFC 7465)."""
SERVER_RANDOM = b"demo" * 8
SECP256R1 = b"\x03\x00\x17"
"""named_curve, secp256r1 (RFC 8422 §5.4)."""
RSA_PKCS1_SHA256 = b"\x04\x01"
OAKLEY_1 = bytes.fromhex(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A63A3620FFFFFFFFFFFFFFFF"
)
"""The 768-bit prime of RFC 2409 §6.1."""


def alert(number: int) -> bytes:
    """A fatal alert in plain text (RFC 5246 §7.2)."""
    return record(ALERT, bytes([2, number]))


def record(kind: int, fragment: bytes) -> bytes:
    """TLSPlaintext of version 1.2 (§6.2.1)."""
    return bytes([kind, 3, 3]) + sized(2, fragment)


def sized(octets: int, content: bytes) -> bytes:
    """A vector with its length in front (§4.3)."""
    return len(content).to_bytes(octets, "big") + content


def hello(suite: int) -> bytes:
    """ServerHello without session, with renegotiation_info, which today's clients insist on (RFC 5746 §3.6)."""
    extensions = sized(2, b"\xff\x01\x00\x01\x00")
    return _message(
        SERVER_HELLO, b"\x03\x03" + SERVER_RANDOM + b"\x00" + suite.to_bytes(2, "big") + b"\x00" + extensions
    )


def certificates(listed: Iterable[bytes]) -> bytes:
    """Certificate with these octets, be they certificates or not (RFC 5246 §7.4.2)."""
    return _message(CERTIFICATE, sized(3, b"".join(sized(3, octets) for octets in listed)))


def ecdhe(client_hello: bytes, key: str) -> bytes:
    """ServerKeyExchange on P-256, signed by an RSA key of ours (RFC 8422 §5.4)."""
    return _key_exchange(client_hello, key, SECP256R1 + sized(1, keys.spki("p256")[-65:]))


def dhe(client_hello: bytes, key: str, prime: bytes = OAKLEY_1) -> bytes:
    """ServerKeyExchange with a prime of 768 bits and generator 2 (RFC 5246 §7.4.3)."""
    public = pow(2, 65537, int.from_bytes(prime, "big")).to_bytes(len(prime), "big")
    return _key_exchange(client_hello, key, sized(2, prime) + sized(2, b"\x02") + sized(2, public))


def done() -> bytes:
    """ServerHelloDone (§7.4.5)."""
    return _message(SERVER_HELLO_DONE, b"")


def complete(octets: bytes) -> bool:
    """The first record has arrived as a whole."""
    return len(octets) >= 5 and len(octets) >= 5 + int.from_bytes(octets[3:5], "big")


def _key_exchange(client_hello: bytes, key: str, parameters: bytes) -> bytes:
    client_random = client_hello[11:43]  # behind the headers of record and message, and the version
    signature = keys.sign(key, "sha256", client_random + SERVER_RANDOM + parameters)
    return _message(SERVER_KEY_EXCHANGE, parameters + RSA_PKCS1_SHA256 + sized(2, signature))


def _message(kind: int, body: bytes) -> bytes:
    return record(HANDSHAKE, bytes([kind]) + sized(3, body))
