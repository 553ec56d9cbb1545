"""Handshakes in memory: every version, every way to fail, and what is known afterwards."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import pytest
from fake_tls import REQUEST, Server, context, new_flight, new_list, old_flight, old_list, records
from forge import certificate, chain
from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from shared import examples

from probe.demo import flight
from probe.model import Alert, Failure, Trouble
from probe.wire import callbacks, certificates, handshake
from probe.wire.handshake import Handshake, server_name
from probe.wire.offer import TLS12, Offer

GOOD = tuple(one.der for one in chain(1)[:2])
GARBAGE = (GOOD[0], b"this is no certificate", GOOD[1])
LARGE = tuple(GOOD[0] + bytes(1000) for _ in range(100))

Mangle = Callable[[bytes], bytes]


def shaken(made: SSL.Context, sni: str | None = None, *, cap: str | None = None, rounds: int = 4) -> Handshake:
    """Carry bytes to and fro until both sides have nothing more to say."""
    shake, server = Handshake(sni, offer=Offer(cap=cap)), Server(made)
    for _ in range(rounds):
        with contextlib.suppress(SSL.Error):
            server.receive(shake.take())
        shake.receive(server.take())
    return shake


def alone(*answers: bytes, cap: str | None = None) -> Handshake:
    """A handshake that hears just this."""
    shake = Handshake(None, offer=Offer(cap=cap))
    shake.take()
    for answer in answers:
        shake.receive(answer)
    return shake


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_every_version_completes(version: str) -> None:
    """TLS 1.0 to 1.3: complete, the list as sent, version and cipher by name."""
    shake = shaken(context(version), "mx.example")
    seen = shake.learned()
    assert shake.complete
    assert shake.failure is None
    assert GOOD == seen["presented"]
    assert {"1.0": "TLSv1"}.get(version, f"TLSv{version}") == seen["tls_version"]
    assert seen["cipher"]
    assert seen["client_cert_requested"] is False
    assert seen["alerts"] == ()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("count", [1, 3, 50])
def test_list_is_the_wire_s_and_openssl_s(version: str, count: int) -> None:
    """What we read from the bytes is what OpenSSL read."""
    sent = chain(1)[:2] * count
    shake = shaken(context(version, sent=sent))
    assert tuple(one.der for one in sent) == shake.learned()["presented"] == shake._presented()  # the list of OpenSSL


def test_openssl_s_list_serves_where_the_bytes_cannot_be_read() -> None:
    """Without the secret of TLS 1.3 OpenSSL's own list is taken."""
    shake = shaken(context("1.3"))
    shake._flight = certificates.read(bytes(shake._raw))  # as if the key log had said nothing
    assert GOOD == shake.learned()["presented"]


def test_outer_ber_is_kept_as_sent() -> None:
    """A certificate with an indefinite outer length is re-encoded by OpenSSL, and is not by us."""
    ber = certificate(corrupt="indefinite").der
    for raw in (old_flight(old_list([ber])), None):
        shake = Handshake(None)
        shake.receive(raw or new_flight(shake.take(), new_list([ber])))
        assert (ber,) == shake.learned()["presented"]
        assert shake._presented() != (ber,)  # why the wire's list is preferred


def test_hello_retry_request() -> None:
    """A server that wants another group first is followed, and its second ServerHello is the one that counts."""
    shake = shaken(context("1.3", groups=b"P-384"))
    seen = shake.learned()
    assert (GOOD, "TLSv1.3") == (seen["presented"], seen["tls_version"])


@pytest.mark.parametrize("bits", [1024, 768])
def test_finite_field_key_exchange(bits: int) -> None:
    """The size of the server's prime is known, whether OpenSSL takes it or not; 768 bits it refuses."""
    prime = {768: flight.OAKLEY_1, 1024: bytes.fromhex("f" * 255 + "b")}[bits]
    shake = Handshake(None)
    hello = shake.take()
    shake.receive(
        flight.hello(flight.DHE_RSA_AES128_GCM)
        + records(old_list(GOOD))
        + flight.dhe(hello, "leaf", prime)
        + flight.done()
    )
    assert bits == shake.learned()["key_exchange_bits"]
    assert GOOD == shake.learned()["presented"]
    refused = Failure(Trouble.TLS, "unknown security bits; dh key too small", ("reason:394", "alert-sent:40"))
    assert ({768: refused}.get(bits)) == shake.failure


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_request_without_demand(version: str) -> None:
    """A server that asks for a certificate and lives without is complete, and the question is noted."""
    shake = shaken(context(version, asks=True))
    assert (True, None, True) == (shake.complete, shake.failure, shake.learned()["client_cert_requested"])


def test_demand_in_tls12() -> None:
    """TLS 1.2: the handshake itself ends with alert 40."""
    shake = shaken(context("1.2", demands=True))
    assert not shake.complete
    assert Failure(Trouble.ALERT, "tls alert handshake failure", ("alert:40",)) == shake.failure
    assert (Alert(received=True, number=40),) == shake.alerts
    assert (GOOD, True) == (shake.learned()["presented"], shake.learned()["client_cert_requested"])


def test_demand_in_tls13() -> None:
    """TLS 1.3: the alert comes when all looked complete."""
    shake = shaken(context("1.3", demands=True))
    assert shake.complete
    assert Failure(Trouble.ALERT, "tlsv13 alert certificate required", ("alert:116",)) == shake.failure
    assert GOOD == shake.learned()["presented"]


def test_alert_10_after_finished() -> None:
    """A server that is upset by what follows says so by number."""
    shake, server = Handshake(None), Server(context("1.3"))
    for _ in range(3):
        server.receive(shake.take())
        shake.receive(server.take())
    with pytest.raises(SSL.Error):
        server.receive(flight.record(20, b"\x01"))
    shake.receive(server.take())
    assert Failure(Trouble.ALERT, "tls alert unexpected message", ("alert:10",)) == shake.failure


def test_no_shared_cipher() -> None:
    """A server without a suite for us says alert 40, before any list."""
    shake = shaken(context("1.2", ciphers=b"PSK:@SECLEVEL=0"))
    assert Failure(Trouble.ALERT, "tls alert handshake failure", ("alert:40",)) == shake.failure
    seen = shake.learned()
    assert (None, None, None) == (seen["presented"], seen["tls_version"], seen["client_cert_requested"])


def test_512_bit_rsa_needs_the_cap() -> None:
    """A key too small to sign in TLS 1.3 is seen when TLS 1.2 is the most that we offer."""
    weak = certificate(key="rsa-512")
    shake = shaken(context("1.2", sent=(weak,), ciphers=b"kRSA:@SECLEVEL=0"), cap=TLS12)
    assert (weak.der,) == shake.learned()["presented"]


def test_wrong_key() -> None:
    """A signature by another key than the certificate's ends in our library, and the list stays."""
    shake = Handshake(None)
    hello = shake.take()
    shake.receive(old_flight(old_list(GOOD), flight.ecdhe(hello, "leaf-2"), flight.done()))
    assert shake.failure
    assert (Trouble.TLS, ("reason:123", "alert-sent:51")) == (shake.failure.trouble, shake.failure.symptoms)
    assert shake.failure.text.endswith("; RSA lib; bad signature")  # what stands before it depends on random bytes
    assert GOOD == shake.learned()["presented"]
    assert Alert(received=False, number=51) in shake.alerts
    assert shake.take().startswith(b"\x15\x03\x03")


@pytest.mark.parametrize("listed", [GARBAGE, (), (b"", GOOD[0]), (GOOD[0] + b"?",), LARGE], ids=len)
def test_lists_that_openssl_drops(listed: tuple[bytes, ...]) -> None:
    """Garbage, an empty list, an empty entry, trailing bytes, more than 100 KB: all seen, in TLS 1.2 and 1.3."""
    for old in (True, False):
        shake = Handshake(None)
        hello = shake.take()
        raw = old_flight(old_list(listed), flight.done()) if old else new_flight(hello, REQUEST, new_list(listed))
        for at in range(0, len(raw), 9000):
            shake.receive(raw[at : at + 9000])
        assert shake.failure
        assert Trouble.TLS is shake.failure.trouble
        assert not shake.reading
        assert listed == shake.learned()["presented"]
        assert shake.take()


def test_our_alert_waits_until_a_large_list_is_here() -> None:
    """OpenSSL refuses a large message at its head; what it answers is held back while the rest comes."""
    raw = old_flight(old_list(LARGE))
    shake = alone(raw[:20000])
    assert shake.reading
    assert shake.take() == b""
    shake.receive(raw[20000:])
    assert not shake.reading
    assert LARGE == shake.learned()["presented"]
    assert shake.take()


def test_large_list_that_never_comes() -> None:
    """When the rest stays away, the failure is what OpenSSL said at first."""
    shake = alone(old_flight(old_list(LARGE))[:20000])
    failure = shake.end(Failure(Trouble.CLOSED, "connection closed"))
    assert ("excessive message size", ("reason:152", "alert-sent:47")) == (failure.text, failure.symptoms)
    assert not shake.reading
    assert shake.learned()["presented"] is None


def test_list_of_16_megabytes_is_not_awaited() -> None:
    """Above our own limit nothing is waited for."""
    shake = alone(flight.hello(0xC02F) + records(b"\x0b\xff\xff\xff" + bytes(100)))
    assert shake.failure
    assert not shake.reading


@pytest.mark.parametrize("behind", [b"", flight.alert(40), flight.alert(10), flight.alert(116)], ids=len)
def test_alert_after_the_list_of_tls12(behind: bytes) -> None:
    """Silence or an alert behind Certificate: the list is known all the same."""
    shake = alone(old_flight(old_list(GOOD), behind))
    assert bool(behind) == bool(shake.failure)
    assert GOOD == shake.learned()["presented"]


def test_close_notify_in_the_handshake() -> None:
    """A server that says goodbye in the middle has closed."""
    shake = alone(flight.record(21, b"\x01\x00"))
    assert shake.failure
    assert ("alert:0",) == shake.failure.symptoms
    assert Trouble.CLOSED is shake.failure.trouble


def test_a_fatal_close_notify_is_an_end_and_no_refusal_of_ours() -> None:
    """Whatever its level: it was the server that went away."""
    shake = Handshake(None)
    shake.receive(b"\x15\x03\x03\x00\x02\x02\x00")
    assert Failure(Trouble.CLOSED, "close_notify", ("alert:0",)) == shake.failure


def test_an_alert_of_level_one_ends_tls_13_all_the_same() -> None:
    """It is the server that breaks off, and not our library."""
    shake = Handshake(None)
    shake.complete = True
    shake.alerts = (Alert(received=True, number=116, fatal=False),)
    shake._tls = Mock(get_protocol_version_name=lambda: "TLSv1.3")  # no library of today sends such an alert
    assert shake._named(SSL.Error([])) == Failure(Trouble.ALERT, "", ("alert:116",))


def test_close_notify_later() -> None:
    """The same, when TLS is complete."""
    shake, server = Handshake(None), Server(context("1.3"))
    for _ in range(3):
        server.receive(shake.take())
        shake.receive(server.take())
    server.tls.shutdown()
    assert shake.receive(server.take()) == b""
    assert Failure(Trouble.CLOSED, "close_notify", ("alert:0",)) == shake.failure
    shake.send(b"EHLO x\r\n")
    shake.close()


def test_warning_alert_is_noted_and_ends_nothing() -> None:
    """unrecognized_name as a warning (RFC 6066 §3)."""
    shake = alone(flight.record(21, b"\x01\x70") + old_flight(old_list(GOOD)))
    assert (Alert(received=True, number=112, fatal=False),) == shake.alerts
    assert shake.failure is None
    assert GOOD == shake.learned()["presented"]


@pytest.mark.parametrize(
    ("said", "text", "numbers"),
    [
        (b"454 4.7.0 TLS not available\r\n", "454 4.7.0 TLS not available", ("reply:454", "status:4.7.0")),
        (b"* BYE [UNAVAILABLE] no TLS\r\n", "* BYE [UNAVAILABLE] no TLS", ("response:UNAVAILABLE",)),
        (b"-ERR [SYS/TEMP] no TLS\r\n", "-ERR [SYS/TEMP] no TLS", ("response:SYS/TEMP",)),
        (b"oh no\n", "oh no", ()),
        (b"\x00\x01\x02\n", "<4 bytes that are no text: 00 01 02 0a>", ()),
        (b"4" * 300, "4" * 200, ()),
    ],
)
def test_plain_bytes_where_tls_should_be(said: bytes, text: str, numbers: tuple[str, ...]) -> None:
    """What is no TLS record is quoted, byte by byte or whole, and nothing of it reaches OpenSSL."""
    for answers in ([said], [said[n : n + 1] for n in range(len(said))]):
        assert Failure(Trouble.NOT_TLS, text, numbers) == alone(*answers).failure


def test_plain_bytes_without_an_end() -> None:
    """When the connection ends in the middle of the line, what came is quoted."""
    shake = alone(b"454 TL")
    assert shake.failure is None
    assert Failure(Trouble.NOT_TLS, "454 TL", ("reply:454",)) == shake.end(Failure(Trouble.CLOSED, "closed"))


def test_nothing_at_all() -> None:
    """A connection that ends before a byte came has just ended."""
    shake = alone()
    ended = Failure(Trouble.TIMEOUT, "x")
    assert not shake.heard
    assert ended == shake.end(ended)


@pytest.mark.parametrize(
    ("sni", "name"),
    [
        ("mx.example", b"mx.example"),
        ("mx.example.", b"mx.example"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("", None),
        (None, None),
        ("x" * 256, None),
        ("bücher.example", None),
    ],
)
def test_server_name(sni: str | None, name: bytes | None) -> None:
    """SNI carries host names only."""
    assert name == server_name(sni)
    assert ((name or b"no name") in Handshake(sni).take()) == (name is not None)


def test_nothing_is_sent_when_tls_is_broken() -> None:
    """A line for a server whose TLS has failed is not sent, and the first failure stays."""
    shake, server = Handshake(None), Server(context("1.2"))
    for _ in range(3):
        server.receive(shake.take())
        shake.receive(server.take())
    shake.receive(records(b"\x00" * 40, kind=23))
    failure = shake.failure
    assert failure
    assert Trouble.TLS is failure.trouble
    shake.send(b"EHLO x\r\n")
    assert failure == shake.failure


@pytest.mark.parametrize("first", ["", "import OpenSSL.SSL; "])
def test_configuration_of_the_user(first: str, tmp_path: Path) -> None:
    """A MinProtocol in the user's openssl.cnf does not hide old servers from us."""
    (tmp_path / "openssl.cnf").write_text(
        "openssl_conf=c\n[c]\nssl_conf=s\n[s]\nsystem_default=d\n[d]\nMinProtocol=TLSv1.3\nCiphersuites=TLS_AES_128_GCM_SHA256\n"
    )
    asking = "Handshake(None, offer=Offer(cap='tls1.2'))"
    code = f"{first}from probe.wire.handshake import Handshake, Offer; print(len({asking}.take()) > 100)"
    environment = {**os.environ, "OPENSSL_CONF": str(tmp_path / "openssl.cnf")}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert "True\n" == ran.stdout


def test_callbacks_hear_no_more_than_they_ask_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the two dozen steps of a handshake none reaches us, of five secrets one."""
    steps, lines = list[int](), list[bytes]()
    monkeypatch.setattr(callbacks, "alerted", lambda _, where, value: steps.append(where if value > 0 else 0))
    monkeypatch.setattr(callbacks, "_keylog", lambda _, line: lines.append(line.split()[0]))
    handshake._context.cache_clear()
    assert shaken(context("1.3")).complete
    handshake._context.cache_clear()
    assert [] == steps
    assert [b"SERVER_HANDSHAKE_TRAFFIC_SECRET"] == lines


def test_without_private_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """What pyOpenSSL has no public name for is done without: the number of a reason, quick callbacks."""
    monkeypatch.setattr(callbacks, "LIBRARY", None)
    handshake._context.cache_clear()  # made anew without, and with again below
    shake = alone(old_flight(old_list(())))
    whole = shaken(context("1.3"))
    handshake._context.cache_clear()
    assert (GOOD, (Alert(received=False, number=50),)) == (whole._flight and whole._flight.certificates, shake.alerts)
    assert Failure(Trouble.TLS, "length mismatch", ("alert-sent:50",)) == shake.failure


@settings(max_examples=examples(60), deadline=None)
@given(
    st.lists(st.binary(min_size=1, max_size=200), max_size=4), st.sampled_from([b"", b"\x16\x03\x03", b"\x15\x03\x01"])
)
def test_any_bytes_end_somehow(pieces: list[bytes], head: bytes) -> None:
    """Nothing that a server sends makes the handshake raise."""
    shake = alone(*([head] if head else []), *pieces)
    shake.end(Failure(Trouble.CLOSED, ""))
    shake.learned()
    shake.take()
    shake.close()


@settings(max_examples=examples(60), deadline=None)
@given(st.integers(0, 3000), st.integers(0, 255), st.sampled_from(["1.2", "1.3"]))
def test_any_flipped_byte_ends_somehow(at: int, value: int, version: str) -> None:
    """A true flight with one byte changed: an end, and no exception."""
    shake, server = Handshake(None), Server(context(version))
    server.receive(shake.take())
    raw = bytearray(server.take())
    raw[at % len(raw)] = value
    shake.receive(bytes(raw))
    shake.end(Failure(Trouble.CLOSED, ""))
    shake.learned()
