"""TLS servers for tests: real ones by pyOpenSSL in memory, and one written by hand that sends what no library would."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from hashlib import new

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.x509 import load_der_x509_certificate
from forge import Forged, chain
from OpenSSL import SSL

from probe.demo import flight, keys

VERSIONS = {"1.0": SSL.TLS1_VERSION, "1.1": SSL.TLS1_1_VERSION, "1.2": SSL.TLS1_2_VERSION, "1.3": SSL.TLS1_3_VERSION}
EMPTY = b"\x00\x00\x00"


@cache
def context(
    version: str = "1.3",
    *,
    sent: tuple[Forged, ...] = (),
    key: str = "",
    ciphers: bytes = b"ALL:!aNULL:@SECLEVEL=0",
    asks: bool = False,
    demands: bool = False,
    groups: bytes = b"",
) -> SSL.Context:
    """A server's context of exactly one TLS version; the usual list is a leaf and its intermediate."""
    listed = sent or chain(1)[:2]
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_cipher_list(ciphers)
    made.set_min_proto_version(VERSIONS[version])
    made.set_max_proto_version(VERSIONS[version])
    made.use_certificate(load_der_x509_certificate(listed[0].der))
    made.use_privatekey(keys.private(key or listed[0].key))
    for other in listed[1:]:
        made.add_extra_chain_cert(load_der_x509_certificate(other.der))
    if asks or demands:
        strict = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if demands else 0
        made.set_verify(SSL.VERIFY_PEER | strict, lambda *_: True)
    if groups:  # no public name; a group that the client has no share for makes a HelloRetryRequest
        vars(SSL)["_lib"].SSL_CTX_set1_curves_list(made._context, groups)
    return made


class Server:
    """A real TLS server in memory: ``receive`` takes the client's bytes, ``take`` gives what to send."""

    def __init__(self, made: SSL.Context) -> None:
        self.tls = SSL.Connection(made, None)
        self.tls.set_accept_state()
        self.complete = False
        self.plain = b""

    def receive(self, data: bytes) -> None:
        """Go on with the handshake, or decrypt; raises SSL.Error when TLS ends."""
        if data:
            self.tls.bio_write(data)
        try:
            if not self.complete:
                self.tls.do_handshake()
                self.complete = True
            while True:
                self.plain += self.tls.recv(1024)
        except SSL.WantReadError:
            pass

    def take(self) -> bytes:
        """Everything that waits to be sent."""
        return b"".join(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        try:
            while True:
                yield self.tls.bio_read(4096)
        except SSL.WantReadError:
            return


def records(messages: bytes, *, size: int = 16000, kind: int = flight.HANDSHAKE) -> bytes:
    """These octets cut into TLSPlaintext records of so many octets."""
    return b"".join(flight.record(kind, messages[at : at + size]) for at in range(0, len(messages), size))


def message(kind: int, body: bytes) -> bytes:
    """One handshake message (RFC 8446 §4)."""
    return bytes([kind]) + flight.sized(3, body)


def old_list(entries: Iterable[bytes]) -> bytes:
    """Certificate of TLS 1.2 (RFC 5246 §7.4.2)."""
    return message(11, flight.sized(3, b"".join(flight.sized(3, entry) for entry in entries)))


def new_list(entries: Iterable[bytes]) -> bytes:
    """Certificate of TLS 1.3 (RFC 8446 §4.4.2)."""
    listed = b"".join(flight.sized(3, entry) + b"\x00\x00" for entry in entries)
    return message(11, b"\x00" + flight.sized(3, listed))


def old_flight(certificate: bytes, *behind: bytes, size: int = 16000) -> bytes:
    """ServerHello of TLS 1.2, this Certificate message, and what is to follow."""
    return flight.hello(flight.ECDHE_RSA_AES128_GCM) + records(certificate, size=size) + b"".join(behind)


REQUEST = message(13, b"\x00" + flight.sized(2, b"\x00\x0d" + flight.sized(2, flight.sized(2, b"\x08\x04"))))
"""CertificateRequest with signature_algorithms (RFC 8446 §4.3.2)."""


def new_flight(hello: bytes, *messages: bytes, suite: int = 0x1301, size: int = 16000) -> bytes:
    """The first flight of a TLS 1.3 server: ServerHello, then these messages encrypted in records of ``size``."""
    body = hello[9:]
    session = body[35 : 35 + body[34]]
    mine = X25519PrivateKey.from_private_bytes(b"\x07" * 32)
    shared = mine.exchange(X25519PublicKey.from_public_bytes(_share(body)))
    share = b"\x00\x1d\x00\x20" + mine.public_key().public_bytes_raw()
    extensions = b"\x00\x2b\x00\x02\x03\x04\x00\x33" + flight.sized(2, share)
    fixed = b"\x03\x03" + b"r" * 32 + flight.sized(1, session) + suite.to_bytes(2, "big") + b"\x00"
    answer = message(2, fixed + flight.sized(2, extensions))
    seal = _sealer(shared, hello[5:] + answer, suite)
    stream = message(8, b"\x00\x00") + b"".join(messages)
    sealed = b"".join(seal(stream[at : at + size], flight.HANDSHAKE) for at in range(0, len(stream), size))
    return records(answer) + flight.record(20, b"\x01") + sealed


def _share(body: bytes) -> bytes:
    """The client's X25519 key: its key_share entry is the only one of ours (RFC 8446 §4.2.8)."""
    return body[body.index(b"\x00\x1d\x00\x20") + 4 :][:32]


def _sealer(shared: bytes, transcript: bytes, suite: int) -> Callable[[bytes, int], bytes]:
    """RFC 8446 §7.1, as far as the server's handshake keys."""
    name, size = {0x1301: ("sha256", 16), 0x1302: ("sha384", 32), 0x1303: ("sha256", 32)}[suite]

    def expanded(secret: bytes, label: str, context: bytes, length: int) -> bytes:
        wanted = length.to_bytes(2, "big") + flight.sized(1, b"tls13 " + label.encode()) + flight.sized(1, context)
        return hmac.digest(secret, wanted + b"\x01", name)[:length]

    zeros = bytes(new(name).digest_size)
    early = hmac.digest(zeros, zeros, name)
    derived = expanded(early, "derived", new(name).digest(), len(zeros))
    secret = expanded(hmac.digest(derived, shared, name), "s hs traffic", new(name, transcript).digest(), len(zeros))
    key = expanded(secret, "key", b"", size)
    aead = ChaCha20Poly1305(key) if suite == 0x1303 else AESGCM(key)
    nonce = int.from_bytes(expanded(secret, "iv", b"", 12), "big")
    count = iter(range(1 << 30))

    def seal(plain: bytes, kind: int) -> bytes:
        inner = plain + bytes([kind]) + bytes(7)
        header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
        return header + aead.encrypt((nonce ^ next(count)).to_bytes(12, "big"), inner, header)

    return seal
