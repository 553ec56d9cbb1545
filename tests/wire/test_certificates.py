"""What the server's raw bytes tell: hand-made flights, and real ones held against OpenSSL's own list."""

from __future__ import annotations

import pytest
from fake_tls import REQUEST, message, new_flight, new_list, old_flight, old_list, records
from forge import chain
from hypothesis import given
from hypothesis import strategies as st

from probe.demo import flight
from probe.wire.certificates import ENTRIES_LIMIT, Flight, read
from probe.wire.handshake import Handshake

GOOD = tuple(one.der for one in chain(1)[:2])
LISTS = {
    "good": GOOD,
    "garbage": (GOOD[0], b"this is no certificate", GOOD[1]),
    "empty entry": (b"", GOOD[1]),
    "trailing": (GOOD[0] + b"??", GOOD[1]),
    "none": (),
    "hundred": GOOD * 50,
    "large": tuple(GOOD[0] + bytes(1000) for _ in range(150)),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("size", [1, 100, 16000])
def test_old_list(listed: tuple[bytes, ...], size: int) -> None:
    """Up to TLS 1.2 the list is plain text, however it is cut into records."""
    if size == 1 and len(listed) > 10:
        size = 50
    seen = read(old_flight(old_list(listed), flight.done(), size=size))
    assert Flight("TLSv1.2", listed, client_cert_requested=False) == seen


@pytest.mark.parametrize("listed", LISTS.values(), ids=LISTS)
@pytest.mark.parametrize("suite", [0x1301, 0x1302, 0x1303])
def test_new_list(listed: tuple[bytes, ...], suite: int) -> None:
    """In TLS 1.3 the key log opens the records, in each suite that we offer."""
    shake = Handshake(None)
    raw = new_flight(shake.take(), new_list(listed), suite=suite, size=1000)
    shake.receive(raw)
    assert shake.secret
    assert Flight("TLSv1.3", listed, client_cert_requested=False) == read(raw, shake.secret)
    assert Flight("TLSv1.3") == read(raw)


def test_request_in_tls13_stands_before_the_list() -> None:
    """A CertificateRequest is seen; without the list nothing is known yet."""
    shake = Handshake(None)
    raw = new_flight(shake.take(), REQUEST, new_list(GOOD))
    shake.receive(raw)
    assert read(raw, shake.secret).client_cert_requested is True
    assert read(raw[:200], shake.secret).client_cert_requested is None


def test_request_in_tls12_stands_behind_the_list() -> None:
    """Without ServerHelloDone the request may still come."""
    raw = old_flight(old_list(GOOD))
    asks = records(message(13, b"\x01\x01\x00\x00\x00\x00"))
    assert [None, False, True] == [
        read(raw + more).client_cert_requested for more in (b"", flight.done(), asks + flight.done())
    ]


def test_finite_field_group_of_tls12() -> None:
    """The prime of a signed ServerDHParams is measured; an elliptic message is none."""
    hello = b"x" * 50
    assert read(old_flight(old_list(GOOD), flight.dhe(hello, "leaf"))).key_exchange_bits == 768
    assert read(old_flight(old_list(GOOD), flight.ecdhe(hello, "leaf"))).key_exchange_bits is None


def test_finite_field_group_of_tls13() -> None:
    """The ServerHello's key share names one of RFC 7919's groups."""
    shares = {0x0100: 2048, 0x0104: 8192, 0x001D: None}
    for group, bits in shares.items():
        extensions = b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33" + flight.sized(2, group.to_bytes(2) + b"\x00\x01k")
        body = b"\x03\x03" + b"r" * 32 + b"\x00" + b"\x13\x01\x00" + flight.sized(2, extensions)
        seen = read(records(message(2, body)))
        assert ("TLSv1.3", bits) == (seen.version, seen.key_exchange_bits)


def test_unfinished_list_says_what_is_missing() -> None:
    """Of a begun Certificate message the missing bytes are counted, and nothing is claimed."""
    listed = old_list(GOOD)
    seen = read(old_flight(listed[:-9]))
    assert (None, 9) == (seen.certificates, seen.missing)
    announced = flight.hello(0x009E) + records(b"\x0b\xff\xff\xff")
    assert read(announced).missing == 0xFFFFFF


def test_contradicting_lengths_leave_a_last_entry() -> None:
    """An entry longer than its list is kept as far as it goes."""
    body = flight.sized(3, flight.sized(3, GOOD[0]) + b"\x00\xff\xffrest")
    assert read(old_flight(message(11, body))).certificates == (GOOD[0], b"rest")


def test_a_malformed_message_is_no_empty_list() -> None:
    """Without its length field there is no list; a length that leads past the end leaves everything as one entry."""
    assert read(old_flight(message(11, b""))).certificates is None
    assert read(old_flight(message(11, b"\x00\x00"))).certificates == (b"\x00\x00",)
    assert read(old_flight(message(11, b"\x00\x00\x00"))).certificates == ()


def test_too_many_entries_are_cut() -> None:
    """A list of empty entries does not become a list of a hundred thousand."""
    assert len(read(old_flight(old_list([b""] * 5000))).certificates or ()) == ENTRIES_LIMIT


def test_encrypted_finished_of_tls12_is_left_alone() -> None:
    """Behind ChangeCipherSpec nothing is read; alerts in plain text are passed over."""
    raw = old_flight(old_list(GOOD), flight.done(), flight.alert(10), flight.record(20, b"\x01"))
    assert read(raw + records(message(13, b""))).client_cert_requested is False


def test_wrong_secret_opens_nothing() -> None:
    """A record that does not open ends the reading."""
    shake = Handshake(None)
    raw = new_flight(shake.take(), new_list(GOOD))
    for secret in (bytes(32), bytes(48)):
        assert Flight("TLSv1.3") == read(raw, secret)


def test_versions_by_name() -> None:
    """The ServerHello's version is named as OpenSSL names it; one that nobody knows has no name."""
    old = flight.hello(0x002F)
    names = [read(old.replace(b"\x03\x03demo", bytes([3, n]) + b"demo", 1)).version for n in (0, 1, 2, 3, 9)]
    assert ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", None] == names


@given(st.binary(max_size=400), st.sampled_from([None, bytes(32), bytes(48)]))
def test_any_bytes_can_be_read(noise: bytes, secret: bytes | None) -> None:
    """Nothing that a server sends makes the reader raise, at the start or within a flight."""
    read(noise, secret)
    read(records(noise) if noise else b"", secret)
    read(flight.hello(0x1301) + records(message(11, noise)) + flight.record(23, noise), secret)
    read(records(message(2, b"\x03\x03" + bytes(32) + noise)) + flight.record(23, noise), secret)
