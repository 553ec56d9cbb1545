"""TLS as its server: whatever a client presents is seen as it was sent, and nothing that it sends raises."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import pytest
from fake_tls import message, new_list, old_list
from forge import Forged, chain
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from shared import examples

from probe.demo import flight, keys
from probe.model import Alert, Failure, Trouble
from probe.wire import certificates
from probe.wire.handshake import Handshake
from probe.wire.identity import Identity
from probe.wire.offer import TLS12, Offer
from probe.wire.welcome import Welcome, context

pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")
"""Certificates are given to OpenSSL unread; the command line hides that warning, too."""
OURS = chain(1)
THEIRS = chain(2)
LISTS = {"good": (0, 1, 2), "leaf": (0,), "misordered": (0, 2, 1), "with root": (0, 1, 2, 3), "twice": (0, 1, 1)}


def identity(listed: Sequence[Forged]) -> Identity:
    """Present these, by the key of the first."""
    return Identity(tuple(one.der for one in listed), keys.pem(listed[0].key).encode())


@cache
def made() -> SSL.Context:
    """Present our own chain, once for all."""
    return context(identity(OURS[:2]))


class Verifier:
    """A TLS client that trusts nobody, in memory, used as a Handshake is."""

    def __init__(self, version: int) -> None:
        strict = SSL.Context(SSL.TLS_METHOD)
        strict.set_max_proto_version(version)
        strict.set_verify(SSL.VERIFY_PEER)
        self.tls = SSL.Connection(strict, None)
        self.tls.set_connect_state()
        self.receive(b"")

    def receive(self, data: bytes) -> None:
        """Go on with the handshake until it is refused."""
        if data:
            self.tls.bio_write(data)
        with suppress(SSL.Error):
            self.tls.do_handshake()

    def take(self) -> bytes:
        """Give what waits to be sent."""
        try:
            return self.tls.bio_read(1 << 16)
        except SSL.WantReadError:
            return b""


def shaken(client: Handshake | Verifier, size: int = 1 << 16) -> Welcome:
    """Let them speak until both are silent; the client's bytes arrive in pieces of that size."""
    welcome = Welcome(made())
    while sent := client.take():
        for at in range(0, len(sent), size):
            welcome.receive(sent[at : at + size])
        if answer := welcome.take():
            client.receive(answer)
    return welcome


@pytest.mark.unmeasured
@pytest.mark.parametrize("size", [1, 1 << 16])
@pytest.mark.parametrize("cap", [None, TLS12])
@pytest.mark.parametrize("order", LISTS.values(), ids=LISTS)
def test_the_list_is_seen_as_it_was_sent(order: tuple[int, ...], cap: str | None, size: int) -> None:
    """Byte for byte, in wire order, in TLS 1.2 and 1.3, however the network cuts it."""
    presenting = identity([THEIRS[n] for n in order])
    learned = shaken(Handshake("mx.example", offer=Offer(cap=cap), identity=presenting), size).learned()
    assert presenting.chain == learned["presented"]
    assert ("TLSv1.2" if cap else "TLSv1.3") == learned["tls_version"]
    assert learned["client_cert_requested"] is True


@pytest.mark.parametrize("cap", [None, TLS12])
def test_a_client_without_a_certificate_is_welcome(cap: str | None) -> None:
    """It sends an empty list, which is seen as one; the name that it asks for is kept."""
    client = Handshake("mx.example", offer=Offer(cap=cap))
    welcome = shaken(client)
    assert (welcome.complete, client.complete, welcome.sni) == (True, True, "mx.example")
    assert welcome.learned()["presented"] == ()


@pytest.mark.parametrize("cap", [None, TLS12])
def test_the_request_names_no_ca(cap: str | None) -> None:
    """An empty list means that any CA will do, and a client keeps nothing back."""
    client = Handshake(None, offer=Offer(cap=cap), identity=identity(THEIRS[:1]))
    shaken(client)
    assert client.learned()["client_cert_requested"] is True
    assert client._tls.get_client_ca_list() == []


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_client_that_refuses_us_tells_why(version: int) -> None:
    """It does not know our CA: alert 48 comes before its own certificate."""
    welcome = shaken(Verifier(version))
    assert welcome.failure
    assert (Trouble.ALERT, ("alert:48",)) == (welcome.failure.trouble, welcome.failure.symptoms)
    learned = welcome.learned()
    assert Alert(received=True, number=48) in learned["alerts"]
    assert learned["presented"] is None
    assert learned["client_cert_requested"] is True


@pytest.mark.parametrize("cap", [None, TLS12])
def test_no_session_is_resumed(cap: str | None) -> None:
    """A client that tries to resume goes through it all again, and presents its list again."""
    presenting = identity(THEIRS[:3])
    first = Handshake(None, offer=Offer(cap=cap), identity=presenting)
    shaken(first)
    second = Handshake(None, offer=Offer(cap=cap), identity=presenting)
    if session := first._tls.get_session():
        second._tls.set_session(session)
    assert presenting.chain == shaken(second).learned()["presented"]


def test_what_is_no_certificate_is_seen_all_the_same() -> None:
    """Where OpenSSL keeps no list, the bytes on the wire have it."""
    strange = (b"\x30\x03\x02\x01\x00", b"no certificate")
    hello = certificates.HANDSHAKE
    raw = flight.record(hello, message(1, b"")) + flight.record(hello, old_list(strange))
    assert certificates.read_client(raw, 0x0303, 0).certificates == strange


def test_a_list_that_is_not_whole_is_waited_for() -> None:
    """Half a Certificate message says how much of it lacks."""
    raw = flight.record(certificates.HANDSHAKE, old_list((b"x" * 300,))[:100])
    seen = certificates.read_client(raw, 0x0303, 0)
    assert (seen.certificates, seen.missing) == (None, 4 + 3 + 3 + 300 - 100)


@pytest.mark.parametrize(("suite", "digest"), [(0x1301, "sha256"), (0x1302, "sha384"), (0x1303, "sha256")])
def test_encrypted_lists_open(suite: int, digest: str) -> None:
    """In TLS 1.3 the client's handshake secret opens its list, for every suite that we offer."""
    secret = bytes(range(32 if digest == "sha256" else 48))
    raw = _sealed(new_list((b"one", b"two")), suite, secret, digest)
    assert certificates.read_client(raw, 0x0304, suite, secret).certificates == (b"one", b"two")


def _sealed(plain: bytes, suite: int, secret: bytes, digest: str) -> bytes:
    """One record as a client writes it (RFC 8446 §5.2)."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

    def expanded(label: bytes, size: int) -> bytes:
        name = b"tls13 " + label
        return hmac.digest(secret, size.to_bytes(2, "big") + bytes([len(name)]) + name + b"\x00\x01", digest)[:size]

    size = 16 if suite == 0x1301 else 32
    aead: Any = (ChaCha20Poly1305 if suite == 0x1303 else AESGCM)(expanded(b"key", size))
    inner = plain + b"\x16"
    header = b"\x17\x03\x03" + (len(inner) + 16).to_bytes(2, "big")
    return header + bytes(aead.encrypt(expanded(b"iv", 12), inner, header))


def test_plain_text_is_told() -> None:
    """A client that says STARTTLS and goes on in plain text: its line is quoted."""
    welcome = Welcome(made())
    welcome.receive(b"EHLO again\r\n")
    assert welcome.failure == Failure(Trouble.NOT_TLS, "EHLO again", ())


@settings(max_examples=examples(150), deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=300), max_size=6),
    st.sampled_from([b"", b"\x16\x03\x01", b"\x16\x03\x03\x00\x50\x01"]),
)
def test_hostile_bytes_raise_nothing(pieces: list[bytes], begin: bytes) -> None:
    """Whatever arrives ends in a failure, or waits for more."""
    welcome = Welcome(made())
    for piece in (begin + b"".join(pieces[:1]), *pieces[1:]):
        if piece:
            assert welcome.receive(piece) == b""
        welcome.take()
    assert not welcome.complete
    assert welcome.end(Failure(Trouble.CLOSED, "gone"))
    assert welcome.learned()["presented"] is None


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 4000), st.integers(1, 255))
def test_one_wrong_byte_raises_nothing(place: int, change: int) -> None:
    """A client's flight with one byte of it wrong ends TLS, or changes nothing that counts."""
    client = Handshake(None, identity=identity(THEIRS[:3]))
    welcome = Welcome(made())
    welcome.receive(client.take())
    client.receive(welcome.take())
    flown = bytearray(client.take())
    flown[place % len(flown)] ^= change
    welcome.receive(bytes(flown))
    welcome.take()
    assert welcome.learned()["presented"] in {None, tuple(one.der for one in THEIRS[:3])}
