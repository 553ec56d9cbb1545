"""Whole conversations without a socket: the scripts of fixtures/smtp, and what no script can say."""

from __future__ import annotations

import pytest
from fake_mta import STARTED, Player, Script, drive, ending, rehearse, scripts
from fake_tls import old_flight, old_list
from forge import chain
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from shared import examples

from probe.model import Endpoint, Failure, Protocol, Reply, Stage, Tls, Trouble
from probe.wire.record import Record
from probe.wire.retry import reason_to_retry
from probe.wire.session import GOODBYE, INPUT_LIMIT, LIMITS, Session

SCRIPTS = scripts()
ENDPOINT = Endpoint("mx.example", "192.0.2.1", 25, sni="mx.example")
OFFER = b"220 mx.example\r\n", b"250-mx.example\r\n250 STARTTLS\r\n", b"220 go\r\n"


def session(tls: Tls = Tls.STARTTLS, *heard: bytes, protocol: Protocol = Protocol.SMTP) -> Session:
    """A session that has heard this."""
    new = Session(replace(ENDPOINT, tls=tls, protocol=protocol), ehlo="[192.0.2.99]", started=STARTED)
    for data in heard:
        new.receive(data, 0)
    return new


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_script(script: Script) -> None:
    """Every scripted server ends as its head says, on the first connection or the second."""
    seen = rehearse(script)
    if why := script.head.get("retried"):
        assert why == reason_to_retry(seen)
        seen = rehearse(script, 1, Tls.IMPLICIT if why == "implicit" else None)
    expected = script.expected() | {"retried": None}
    assert expected == {key: value for key, value in ending(seen).items() if key in expected}
    assert seen.answered == (script.name not in {"hangs-up-at-once", "silent-at-greeting"})


def named(name: str) -> Script:
    """One of the scripts."""
    return next(script for script in SCRIPTS if script.name == name)


def test_transcript_of_a_good_server() -> None:
    """Every line of both sides, and what TLS did."""
    said = [f"{line.sender[0]} {line.line}" for line in rehearse(named("good-starttls")).transcript]
    assert [
        "s 220 mx.example ESMTP Postfix",
        "c EHLO [192.0.2.99]",
        "s 250-mx.example",
        "s 250-PIPELINING",
        "s 250 STARTTLS",
        "c STARTTLS",
        "s 220 2.0.0 Ready to start TLS",
        "c <TLS: ClientHello>",
        "s <TLS: 2 certificates>",
        "c EHLO [192.0.2.99]",
        "s 250-mx.example",
        "s 250 PIPELINING",
        "c QUIT",
        "s 221 2.0.0 Bye",
    ] == said


def test_replies_are_kept() -> None:
    """All four, and the times of all stages."""
    seen = rehearse(named("multi-line-greeting"))
    assert seen.greeting == Reply(220, ("*** mx.example ***", "", "Kein Spam! Täglich geprüft.", "mx.example ESMTP"))
    assert seen.ehlo == Reply(250, ("mx.example", "STARTTLS"))
    assert seen.starttls == Reply(220, ("go",))
    assert seen.ehlo_tls == Reply(250, ("mx.example",))
    assert {"greeting": 20000, "ehlo": 0, "starttls": 0, "handshake": 0, "ehlo-tls": 0} == seen.timing_ms
    assert [0.0, 0.0, 0.0, 20000.0] == [line.ms for line in seen.transcript[:4]]


def test_surplus_is_kept_and_never_given_to_tls() -> None:
    """What stood behind the 220 is evidence, and TLS succeeds without it."""
    seen = rehearse(named("injected-after-220"))
    assert (b"250 injected\r\n", Stage.DONE) == (seen.surplus, seen.stage)
    assert "<14 bytes behind the reply: 250 injected>" in [line.line for line in seen.transcript]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("one-byte-a-second", "220 mx.example greets you, and takes all"),
        ("half-a-greeting-then-hangs-up", "421 too many conn"),
        ("plaintext-after-220", "454 4.7.0 TLS not available"),
        ("ssh-instead", "SSH-2.0-OpenSSH_9.6"),
        ("client-cert-required-1.3", "<TLS: alert 116>"),
        ("client-cert-required-1.2", "<TLS: alert 40>"),
        ("no-shared-cipher", "<TLS: no certificates>"),
        ("only-without-tls-1.3", "<TLS: alert 40>"),
    ],
)
def test_last_words_are_in_the_transcript(name: str, line: str) -> None:
    """Whatever the server said last, be it half a line, an alert or nonsense, is there as the server's."""
    assert any(line == said.line and said.sender == "server" for said in rehearse(named(name)).transcript)


def test_times_of_a_slow_server() -> None:
    """The deadline is the stage's: forty bytes of a byte a second are as late as none."""
    seen = rehearse(named("one-byte-a-second"))
    assert {"greeting": 40000} == seen.timing_ms
    assert Failure(Trouble.TIMEOUT, "220 mx.example greets you, and takes all") == seen.failure


def test_every_stage_has_its_deadline() -> None:
    """Each begins when the stage does; the reply to QUIT has its own."""
    new = session()
    assert 40000 == new.deadline
    for ms, heard, stage in ((7, OFFER[0], Stage.EHLO), (8, OFFER[1], Stage.STARTTLS), (9, OFFER[2], Stage.HANDSHAKE)):
        new.receive(heard, ms)
        assert (stage, ms + 1000 * LIMITS[stage]) == (new.stage, new.deadline)
    leaving = session(Tls.STARTTLS, b"554 no\r\n")
    assert (Stage.GREETING, 1000 * GOODBYE) == (leaving.stage, leaving.deadline)
    leaving.expire(2000)
    assert leaving.done


def test_limits_can_be_given() -> None:
    """Seconds of a stage, where they differ."""
    new = Session(ENDPOINT, ehlo="x", started=STARTED, limits={Stage.GREETING: 1.5}, record=Record(100))
    assert 1600 == new.deadline
    new.expire(1600)
    assert Failure(Trouble.TIMEOUT, "no complete answer in 1.5 s") == new.observation.failure


def test_quit_is_said_after_a_refusal() -> None:
    """A refusal is no reason to be rude; what is said after the QUIT changes nothing."""
    new = session(Tls.STARTTLS, b"554 no\r\n")
    assert new.take() == b"QUIT\r\n"
    assert not new.done
    new.receive(b"nonsense\r\n", 5)
    assert new.done
    assert new.observation.failure
    assert Trouble.REPLY is new.observation.failure.trouble


def test_nothing_counts_once_it_is_done() -> None:
    """Bytes, an end and a deadline that come later are ignored."""
    new = session(Tls.STARTTLS, b"SSH-2.0\r\n")
    seen = new.observation
    new.receive(b"220 x\r\n", 1)
    new.eof(2)
    new.expire(3)
    assert seen == new.observation


def test_flood_is_cut() -> None:
    """What never ends and never completes anything ends at the limit of the whole conversation."""
    new = session(Tls.STARTTLS, *OFFER)
    while not new.done:
        new.receive(b"\x16\x03\x03\x40\x00" + bytes(16384), 1)
    seen = new.observation
    assert seen.failure
    assert seen.failure.trouble in {Trouble.TLS, Trouble.OVERSIZE}
    flooded = session(Tls.STARTTLS, b"220-x\r\n")
    flooded.receive(bytes(INPUT_LIMIT), 1)
    assert flooded.observation.failure == Failure(Trouble.OVERSIZE, f"more than {INPUT_LIMIT} bytes")


def test_endless_session_tickets_are_cut() -> None:
    """Inside TLS as well, nothing may go on for ever."""
    new = session(Tls.IMPLICIT)
    new._input = INPUT_LIMIT  # as if it had all come already
    new.receive(b"\x16", 1)
    assert new.observation.failure
    assert Trouble.OVERSIZE is new.observation.failure.trouble


@pytest.mark.unmeasured
def test_large_list_is_read_to_its_end() -> None:
    """OpenSSL gives up at the head of a list above 100 KB; the session goes on reading, and then sends the alert."""
    listed = tuple(chain(1)[0].der + bytes(3000) for _ in range(50))
    new = session(Tls.STARTTLS, *OFFER)
    new.take()
    raw = old_flight(old_list(listed))
    for at in range(0, len(raw), 16384):
        assert not new.done
        assert new.take() == b""
        new.receive(raw[at : at + 16384], 1)
    assert new.done
    assert new.take().startswith(b"\x15")
    assert listed == new.observation.presented
    assert new.observation.failure
    assert ("reason:152", "alert-sent:47") == new.observation.failure.symptoms


def test_odd_ehlo_name_is_sent_as_ascii() -> None:
    """A name that cannot be said is said as well as it can, and never becomes a second command."""
    new = Session(ENDPOINT, ehlo="bücher\r\nMAIL", started=STARTED)
    new.receive(OFFER[0], 0)
    assert new.take() == b"EHLO b?cher MAIL\r\n"


ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def test_tls_bytes_are_implicit_tls_only_where_a_greeting_was_due() -> None:
    """An alert in the place of a reply to EHLO is no sign of a port that speaks TLS from the first byte."""
    early, late = session(Tls.STARTTLS), session(Tls.STARTTLS, *OFFER[:1])
    for new in (early, late):
        new.receive(ALERT, 1)
    symptoms = [new.observation.failure.symptoms if new.observation.failure else None for new in (early, late)]
    assert symptoms == [("bytes:tls",), ()]


OFFERS = {
    Protocol.SMTP: OFFER,
    Protocol.SUBMISSION: OFFER,
    Protocol.LMTP: OFFER,
    Protocol.IMAP: (b"* OK x\r\n", b"* CAPABILITY STARTTLS\r\na1 OK x\r\n", b"a2 OK x\r\n"),
    Protocol.POP3: (b"+OK\r\n", b"+OK\r\nSTLS\r\n.\r\n", b"+OK\r\n"),
    Protocol.SIEVE: (b'"STARTTLS"\r\nOK\r\n', b"OK\r\n"),
}
"""What brings each protocol to the handshake."""
WORDS = st.sampled_from(
    [
        *sorted({word for words in OFFERS.values() for word in words}),
        *(b"250 x\r\n", b"454 no\r\n", b"{5}\r\n", b"* BYE\r\n", b"\x16\x03\x03\x00\x05hello", ALERT),
    ]
)


@pytest.mark.parametrize("protocol", Protocol)
def test_every_protocol_comes_to_the_handshake(protocol: Protocol) -> None:
    """And keeps what was said behind the yes to itself."""
    *before, agreed = OFFERS[protocol]
    new = session(Tls.STARTTLS, *before, agreed + b"more", protocol=protocol)
    assert (Stage.HANDSHAKE, b"more") == (new.stage, new.observation.surplus)
    assert new.observation.starttls


@settings(max_examples=examples(100), deadline=None)
@given(
    st.sampled_from([Tls.STARTTLS, Tls.IMPLICIT]),
    st.sampled_from(Protocol),
    st.integers(0, 3),
    st.lists(st.one_of(WORDS, st.binary(min_size=1, max_size=60)), max_size=6),
    st.sampled_from(["eof", "expire"]),
)
def test_any_bytes_at_any_stage(tls: Tls, protocol: Protocol, far: int, pieces: list[bytes], end: str) -> None:
    """Whatever arrives, at whatever stage: an end, an observation, no exception."""
    new = session(tls, *OFFERS[protocol][:far], protocol=protocol)
    for ms, piece in enumerate(pieces):
        new.receive(piece, ms)
        new.take()
    getattr(new, end)(99)
    new.take()
    if not new.done:
        new.expire(new.deadline)
    assert new.done
    assert new.observation.failure or new.observation.stage is Stage.DONE


@settings(max_examples=examples(30), deadline=None)
@given(st.sampled_from(Protocol), st.lists(st.one_of(WORDS, st.binary(min_size=1, max_size=60)), max_size=4))
def test_any_bytes_inside_tls(protocol: Protocol, pieces: list[bytes]) -> None:
    """The same, behind a complete handshake."""
    steps = ("tls 1.3", *(f"hex {piece.hex()}" for piece in pieces), "hang up")
    new = session(Tls.IMPLICIT, protocol=protocol)
    seen = drive(new, Player(steps))
    assert seen.presented
    assert seen.failure or seen.stage is Stage.DONE
