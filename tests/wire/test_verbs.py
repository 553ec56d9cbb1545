"""The replies of every protocol, cut everywhere; what counts as a yes; which extensions they offer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from probe.model import Protocol, Reply, Trouble
from probe.wire.programs import IMAP, POP3, SIEVE, capabilities, quoted_names
from probe.wire.replies import LINE_LIMIT, LINES_LIMIT, QUOTED, REPLY_LIMIT, BadReply, Form, Replies
from probe.wire.verbs import SMTP, Answer, extensions, verbs_of

ANSWERS = {
    "imap greeting": IMAP.greeting,
    "imap": IMAP.offer,
    "pop3": POP3.greeting,
    "pop3 capa": POP3.offer,
    "sieve": SIEVE.offer,
}
TABLE = [
    ("imap greeting", b"* OK ready\r\n", ("* OK ready",), True),
    ("imap greeting", b"* ok [CAPABILITY IMAP4rev1] ready {3}\r\n", ("* ok [CAPABILITY IMAP4rev1] ready {3}",), True),
    ("imap greeting", b"* PREAUTH you\n", ("* PREAUTH you",), True),
    ("imap greeting", b"* BYE\r\n", ("* BYE",), False),
    ("imap", b"* CAPABILITY IMAP4rev1\r\na1 OK done\r\n", ("* CAPABILITY IMAP4rev1", "a1 OK done"), True),
    ("imap", b"a2 NO [UNAVAILABLE] no\r\n", ("a2 NO [UNAVAILABLE] no",), False),
    ("imap", b"a2 bad\r\n", ("a2 bad",), False),
    ("imap", b"+ go\r\n* 3 EXISTS\r\n* BYE gone {9}\r\n", ("+ go", "* 3 EXISTS", "* BYE gone {9}"), False),
    (
        "imap",
        b"* X {4}\r\na\r\nb {0}\r\n {2+}\r\n\r\n\r\na1 OK\r\n",
        ("* X {4}\r\na\r\nb {0}\r\n {2+}\r\n\r\n", "a1 OK"),
        True,
    ),
    ("imap", b"a2 OK {5}\r\n", ("a2 OK {5}",), True),
    ("imap", "* OK grüße\r\na1 OK\r\n".encode("latin-1"), ("* OK grüße", "a1 OK"), True),
    ("pop3", b"+OK\r\n", ("+OK",), True),
    ("pop3", b"+OK ready {5}\r\n", ("+OK ready {5}",), True),
    ("pop3", b"-ERR [SYS/TEMP] no\n", ("-ERR [SYS/TEMP] no",), False),
    ("pop3 capa", b"+OK list\r\nSTLS\r\n\r\n..x\r\n.\r\n", ("+OK list", "STLS", "", "..x", "."), True),
    ("pop3 capa", b"-ERR what?\r\n", ("-ERR what?",), False),
    ("sieve", b'"STARTTLS"\r\n"SIEVE" "a b"\r\nOK\r\n', ('"STARTTLS"', '"SIEVE" "a b"', "OK"), True),
    ("sieve", b'{3}\r\na\nb "c"\r\nok "done"\r\n', ('{3}\r\na\nb "c"', 'ok "done"'), True),
    ("sieve", b"NO (QUOTA) {5+}\r\nNO\r\n!\r\n", ("NO (QUOTA) {5+}\r\nNO\r\n!",), False),
    ("sieve", b'BYE (REFERRAL "sieve://x") "y"\n', ('BYE (REFERRAL "sieve://x") "y"',), False),
]
BAD = [
    ("imap greeting", b"220 mx ESMTP\r\n"),
    ("imap greeting", b"* NO not now\r\n"),
    ("imap greeting", b"* OKAY\r\n"),
    ("imap greeting", b"\x16\x03\x01\x00\x05hello"),
    ("imap", b"* X\r\nb1 OK\r\n"),
    ("imap", b"\r\n"),
    ("pop3", b"* OK\r\n"),
    ("pop3", b"+OKAY\r\n"),
    ("pop3", b"+ok\tx\r\n"),
    ("pop3 capa", b"STLS\r\n"),
    ("sieve", b"* OK\r\n"),
    ("sieve", b"OKAY\r\n"),
    ("sieve", b'"X"\r\n+OK\r\n'),
]


def fed(form: Form, pieces: Iterable[bytes]) -> tuple[list[Reply], bytes]:
    """All replies of these pieces, and what is left."""
    replies = Replies(form)
    found = [reply for piece in pieces for reply in replies.feed(piece)]
    return found, replies.rest


@pytest.mark.parametrize(("name", "raw", "lines", "yes"), TABLE, ids=lambda value: repr(value)[:30])
def test_every_row_at_every_cut(name: str, raw: bytes, lines: tuple[str, ...], yes: bool) -> None:
    """Whole, byte by byte, cut in two at every place, and with another reply's beginning behind it."""
    form, reply = ANSWERS[name].form, Reply(0, lines)
    assert ([reply], b"") == fed(form, [raw])
    assert ([reply], b"") == fed(form, (raw[n : n + 1] for n in range(len(raw))))
    for cut in range(len(raw) + 1):
        assert ([reply], b"* ") == fed(form, [raw[:cut], raw[cut:] + b"* "])
    assert ([reply, reply], b"") == fed(form, [raw + raw])
    assert yes is ANSWERS[name].grants(reply)
    assert "\n".join(lines) == reply.text


@pytest.mark.parametrize(("name", "raw"), BAD, ids=lambda value: repr(value)[:30])
def test_what_is_no_reply(name: str, raw: bytes) -> None:
    """Words of another protocol, and words in the wrong place."""
    for pieces in ([raw], (raw[n : n + 1] for n in range(len(raw)))):
        with pytest.raises(BadReply) as caught:
            fed(ANSWERS[name].form, pieces)
        assert Trouble.UNREADABLE is caught.value.trouble


LONG = {
    "imap greeting": [b"* OK " + b"x" * LINE_LIMIT],
    "imap": [
        b"* X\r\n" * (LINES_LIMIT + 1),
        b"* X {999999999}\r\n",
        b"* X {1}\r\n" + b"y {1}\r\n" * LINE_LIMIT,
        (b"* " + b"x" * 4000 + b"\r\n") * (REPLY_LIMIT // 4000 + 1),
    ],
    "pop3": [b"+OK " + b"x" * LINE_LIMIT],
    "pop3 capa": [b"+OK\r\n" + b"x\r\n" * (LINES_LIMIT + 1)],
    "sieve": [b'"x" {9000+}\r\n', b'"x' * LINE_LIMIT],
}


@pytest.mark.parametrize("name", LONG)
def test_limits(name: str) -> None:
    """A line with its literals, a reply, and its number of lines have limits; a literal is refused when announced."""
    for raw in LONG[name]:
        with pytest.raises(BadReply) as caught:
            fed(ANSWERS[name].form, (raw[n : n + 5000] for n in range(0, len(raw), 5000)))
        assert Trouble.OVERSIZE is caught.value.trouble
        assert 0 < len(caught.value.text) <= QUOTED


WORDS = st.sampled_from(
    [b"* OK x", b"a1 OK", b"{3}\r\n", b"{0+}", b"\r\n", b"+OK", b".", b'"STARTTLS"', b"NO", b"* X "]
)


@example("imap", [b"a1 OK", b"{3}\r\n", b"{3}\r\n"])
@given(st.sampled_from(sorted(ANSWERS)), st.lists(st.one_of(WORDS, st.binary(max_size=20)), max_size=20))
def test_any_stream_at_any_cut_means_the_same(name: str, pieces: list[bytes]) -> None:
    """How the network cuts a stream changes nothing; what cannot be read raises BadReply and nothing else."""

    def outcome(stream: Iterable[bytes]) -> list[Reply]:
        """What came before the stream could not be read counts, as it does for a session."""
        replies, found = Replies(ANSWERS[name].form), list[Reply]()
        with suppress(BadReply):
            for piece in stream:
                found.extend(replies.feed(piece))
        return found

    whole = b"".join(pieces)
    assert outcome(pieces) == outcome([whole]) == outcome(whole[n : n + 1] for n in range(len(whole)))
    for reply in outcome([whole]):
        ANSWERS[name].grants(reply)
        for verbs in map(verbs_of, Protocol):
            verbs.keywords(reply)


def test_every_protocol_has_its_verbs() -> None:
    """A protocol without a row could not be spoken."""
    assert [verbs_of(protocol) for protocol in (Protocol.SUBMISSION, Protocol.IMAP, Protocol.POP3)] == [
        SMTP,
        IMAP,
        POP3,
    ]
    assert len({verbs_of(protocol) for protocol in Protocol}) == len(Protocol) - 1


def test_extensions_in_any_case() -> None:
    """Keywords are compared in capitals, their parameters left off; the first line of EHLO and CAPA is none."""
    assert {"SIZE", "STARTTLS"} == extensions(Reply(250, ("mx", "Size 1000", "starttls", "", "  ")))
    assert {"TOP", "STLS", "."} == extensions(Reply(0, ("+OK STLS", "top", "stls x", ".")))


def test_capabilities_of_imap() -> None:
    """Only the untagged answer has them, not a greeting or a completion."""
    lines = ("* OK [CAPABILITY X] hi", "* capability IMAP4rev1 StartTLS", "* CAPABILITY", "a1 OK [CAPABILITY Y] z")
    assert {"IMAP4REV1", "STARTTLS"} == capabilities(Reply(0, lines))


def test_capabilities_of_manage_sieve() -> None:
    """The first string of a line, not its value."""
    lines = ('"IMPLEMENTATION" "STARTTLS"', "{8}\r\nstarttls", "{4+}\r\nSASL {5}\r\nPLAIN", 'OK "X"')
    assert {"IMPLEMENTATION", "STARTTLS", "SASL"} == quoted_names(Reply(0, lines))


@pytest.mark.parametrize(
    ("answer", "reply", "yes"),
    [
        (SMTP.greeting, Reply(220, ("",)), True),
        (SMTP.greeting, Reply(250, ("220 x",)), False),
        (SMTP.offer, Reply(250, ("a", "b")), True),
        (SMTP.offer, Reply(220, ("a",)), False),
        (SMTP.greeting, Reply(0, ("000 x",)), False),
    ],
)
def test_a_yes_is_one_code(answer: Answer, reply: Reply, yes: bool) -> None:
    """Where 220 is due nothing else will do."""
    assert yes is answer.grants(reply)
