"""A mail server without mail: whole sessions with real TLS clients in memory, however cut; and hostile ones."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest
from forge import chain
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import examples

from probe.demo import keys
from probe.model import Endpoint, Failure, Observation, Side, Stage, Trouble
from probe.wire.handshake import Handshake
from probe.wire.identity import Identity
from probe.wire.offer import TLS12, Offer
from probe.wire.sink import COMMANDS, IDLE, INPUT, LINE, MESSAGE, Sink
from probe.wire.welcome import Context, context

pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")
STARTED = datetime(2026, 11, 1, tzinfo=UTC)
THEIRS = chain(2)
PRESENTING = Identity(tuple(one.der for one in THEIRS[:3]), keys.pem(THEIRS[0].key).encode())
DELIVERY = (b"EHLO sender.example\r\n", b"MAIL FROM:<a@b.example> SIZE=7\r\n", b"QUIT\r\n")


@cache
def made() -> Context:
    """Present a chain of our own."""
    ours = chain(1)
    return context(Identity(tuple(one.der for one in ours[:2]), keys.pem(ours[0].key).encode()))


def sink(*, discard: bool = False) -> Sink:
    """Begin a session."""
    endpoint = Endpoint(None, "192.0.2.1", 2525)
    return Sink(endpoint, made(), name="here.example", started=STARTED, discard=discard)


def told(to: Sink, data: bytes, size: int = 0) -> bytes:
    """Say these bytes, in pieces of a size (0: in one), and give what came back."""
    answer = bytearray()
    for at in range(0, len(data), size or max(len(data), 1)):
        to.receive(data[at : at + (size or len(data))], 1.0)
        answer += to.take()
    return bytes(answer)


def secured(to: Sink, cap: str | None = None, presenting: Identity | None = PRESENTING, size: int = 0) -> Handshake:
    """Go as far as the end of the handshake."""
    told(to, b"EHLO sender.example\r\n", size)
    told(to, b"STARTTLS\r\n", size)
    client = Handshake("mx.example", offer=Offer(cap=cap), identity=presenting)
    while data := client.take():
        client.receive(told(to, data, size) or b"")
    return client


def said(client: Handshake, to: Sink, line: bytes, size: int = 0) -> bytes:
    """Say a line inside TLS and give the answer."""
    client.send(line)
    return client.receive(told(to, client.take(), size))


@pytest.mark.unmeasured
@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("cap", [None, TLS12])
def test_a_whole_session(cap: str | None, size: int) -> None:
    """Greeting, EHLO, STARTTLS, TLS, EHLO, no mail, QUIT: the list is there, byte for byte, however it was cut."""
    to = sink()
    assert to.take().startswith(b"220 here.example ")
    client = secured(to, cap, size=size)
    replies = [said(client, to, line, size) for line in DELIVERY]
    assert [b"250 ", b"450 ", b"221 "] == [reply[:4] for reply in replies]
    seen = to.observation
    assert to.done
    assert (Stage.DONE, None, Side.CLIENT) == (seen.stage, seen.failure, seen.side)
    assert (PRESENTING.chain, "mx.example", "192.0.2.1") == (seen.presented, seen.endpoint.sni, seen.endpoint.address)
    assert seen.key_proved
    assert seen.answered
    assert to.client == "sender.example"


def test_the_transcript_tells_it_all() -> None:
    """Who said what, TLS in angle brackets."""
    to = sink()
    client = secured(to)
    for line in DELIVERY:
        said(client, to, line)
    lines = [(line.sender, line.line) for line in to.observation.transcript]
    assert ("client", "STARTTLS") in lines
    assert ("client", "<TLS: 3 certificates>") in lines
    assert ("client", "MAIL FROM:<a@b.example> SIZE=7") in lines
    assert set(to.observation.timing_ms) == {"greeting", "ehlo", "handshake", "ehlo-tls", "done"}


@pytest.mark.parametrize("cut", range(1, 37))
def test_every_cut_of_what_stands_before_tls(cut: int) -> None:
    """Two packets, wherever they meet; plain bytes behind STARTTLS are no commands and no TLS (RFC 3207 §6)."""
    to, whole = sink(), b"EHLO a.example\r\nSTARTTLS\r\nEHLO evil\r\n"
    to.take()
    out = told(to, whole[:cut]) + told(to, whole[cut:])
    assert out.startswith(b"250-here.example\r\n250 STARTTLS\r\n220 2.0.0 ")
    assert b"250 here.example" not in out
    assert to.client == "a.example"
    assert to.stage is Stage.HANDSHAKE


def test_a_sender_without_a_certificate() -> None:
    """It goes on without: an empty list."""
    to = sink()
    said(secured(to, presenting=None), to, b"EHLO x\r\n")
    assert to.observation.presented == ()


def test_no_mail_is_taken_and_none_is_relayed() -> None:
    """Outside TLS and inside, RCPT and DATA fare no better than MAIL, and what looks like a text is commands."""
    for command in (b"MAIL FROM:<>\r\n", b"RCPT TO:<x@elsewhere.example>\r\n", b"DATA\r\n", b"mail from:<>\r\n"):
        assert told(sink(), b"EHLO x\r\n" + command).rpartition(b"\n4")[2].startswith(b"50 4.7.0 ")
        to = sink()
        assert said(secured(to), to, command).startswith(b"450 4.7.0 ")
    assert told(sink(), b"VRFY root\r\nBDAT 5 LAST\r\nAUTH PLAIN\r\n").count(b"502 5.5.1") == 3


@pytest.mark.parametrize("size", [0, 1, 3])
def test_a_message_is_thrown_away(size: int) -> None:
    """With discard every text ends at its dot, and the session goes on."""
    to = sink(discard=True)
    to.take()
    begin = b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"
    text = b"Subject: x\r\n\r\n..\r\n.x\r\nQUIT\r\nx.\r\n.\r\n"
    out = told(to, begin + text + b"DATA\r\n.\r\nDATA\r\n\r\n.\r\nNOOP\r\n", size)
    assert [b"354", b"250", b"354", b"250", b"354", b"250", b"250"] == [line[:3] for line in out.splitlines()[-7:]]
    assert not to.done
    assert not any("Subject" in line.line for line in to.observation.transcript)


def test_endless_messages_end() -> None:
    """More than the bound is no message of a test; nothing of it is kept on the way."""
    to = sink(discard=True)
    told(to, b"DATA\r\n")
    block = b"x" * (1 << 20)
    for _ in range(MESSAGE // len(block) - 1):
        told(to, block)
    assert len(to._rest) < 10
    assert not to.done
    told(to, block)
    assert to.done


@pytest.mark.parametrize(
    ("flood", "trouble"),
    [
        (b"x" * (LINE + 1), Trouble.OVERSIZE),
        (b"NOOP\r\n" * (COMMANDS + 1), Trouble.OVERSIZE),
        (b"\n" * (COMMANDS + 1), Trouble.OVERSIZE),
        (b"y" * (INPUT + 1), Trouble.OVERSIZE),
    ],
    ids=["line", "commands", "empty lines", "bytes"],
)
def test_floods_end(flood: bytes, trouble: Trouble) -> None:
    """Long lines, many commands, many bytes."""
    to = sink()
    told(to, flood)
    assert to.done
    assert to.observation.failure
    assert trouble is to.observation.failure.trouble


@pytest.mark.parametrize(
    ("lines", "stage"),
    [
        (b"", Stage.GREETING),
        (b"EHLO x\r\n", Stage.EHLO),
        (b"EHLO x\r\nSTARTTLS\r\n", Stage.HANDSHAKE),
    ],
    ids=["greeting", "ehlo", "handshake"],
)
def test_silence_and_hanging_up(lines: bytes, stage: Stage) -> None:
    """Each stage has its time, and its end is told."""
    silent, gone = sink(), sink()
    for to in (silent, gone):
        told(to, lines)
    assert 0 < silent.deadline <= 1000 * IDLE + 1.0
    silent.expire(silent.deadline)
    gone.eof(2.0)
    assert Failure(Trouble.CLOSED, "connection closed") == gone.observation.failure
    failure = silent.observation.failure
    assert failure
    assert (stage, Trouble.TIMEOUT) == (silent.stage, failure.trouble)
    assert (silent.done, gone.done) == (True, True)


def test_plain_text_where_tls_was_due() -> None:
    """It is quoted."""
    to = sink()
    told(to, b"STARTTLS\r\n")
    told(to, b"EHLO again\r\n")
    assert Failure(Trouble.NOT_TLS, "EHLO again") == to.observation.failure


def test_a_sender_that_leaves_at_once_after_tls() -> None:
    """A strict sender may take no notice of us but QUIT once it has seen our certificate."""
    to = sink()
    said(secured(to), to, b"QUIT\r\n")
    seen = to.observation
    assert (Stage.EHLO_TLS, Failure(Trouble.CLOSED, "QUIT")) == (seen.stage, seen.failure)
    assert PRESENTING.chain == seen.presented


@settings(max_examples=examples(200), deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b"EHLO x\r\n", b"STARTTLS\r\n", b"DATA\r\n", b"QUIT\r\n", b"\x16\x03\x01\x00\x05\x01"]),
        ),
        max_size=12,
    ),
    st.booleans(),
    st.booleans(),
)
def test_hostile_bytes_raise_nothing(pieces: list[bytes], discard: bool, inside: bool) -> None:
    """Whatever is said, in plain text or inside TLS, gets a reply line of SMTP, or an end."""
    to = sink(discard=discard)
    client = secured(to) if inside else None
    for piece in pieces:
        if client and piece:
            client.send(piece)
            told(to, client.take())
        else:
            told(to, piece)
    to.eof(9.0)
    seen: Observation = to.observation
    assert to.done
    assert seen.stage is Stage.DONE or seen.failure
