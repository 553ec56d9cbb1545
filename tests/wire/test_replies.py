"""Replies, cut everywhere: each row whole, byte by byte, at every cut, and with something behind it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Reply, Trouble
from probe.wire.replies import LINE_LIMIT, LINES_LIMIT, QUOTED, REPLY_LIMIT, BadReply, Replies, decoded, quoted

TABLE = [
    (b"220 mx.example ESMTP\r\n", Reply(220, ("mx.example ESMTP",))),
    (b"220\r\n", Reply(220, ("",))),
    (b"220 \r\n", Reply(220, ("",))),
    (b"250-mx.example\r\n250-SIZE 1000\r\n250 STARTTLS\r\n", Reply(250, ("mx.example", "SIZE 1000", "STARTTLS"))),
    (b"220-\r\n220-*** no spam ***\r\n220 ready\r\n", Reply(220, ("", "*** no spam ***", "ready"))),
    (b"220 bare line feed\n", Reply(220, ("bare line feed",))),
    (b"220 two returns\r\r\n", Reply(220, ("two returns",))),
    ("220 grüße\r\n".encode(), Reply(220, ("grüße",))),
    ("220 grüße\r\n".encode("latin-1"), Reply(220, ("grüße",))),
    (b"220 \x1b[2J\x00\x07\r\n", Reply(220, ("\x1b[2J\x00\x07",))),
    (b"250-first\r\n220 last code counts\r\n", Reply(220, ("first", "last code counts"))),
    (b"220 inner\rreturn\r\n", Reply(220, ("inner\rreturn",))),
    (b"999 any three digits\r\n", Reply(999, ("any three digits",))),
    (b"000 no code\r\n", Reply(0, ("000 no code",))),
    (b"220  two spaces - and a dash\r\n", Reply(220, (" two spaces - and a dash",))),
]
BAD = [
    (b"SSH-2.0-OpenSSH_9.6\r\n", "SSH-2.0-OpenSSH_9.6"),
    (b"+OK POP3 ready\r\n", "+OK POP3 ready"),
    (b"* OK IMAP4rev1\r\n", "* OK IMAP4rev1"),
    (b"\r\n", ""),
    (b"22 mx\r\n", "22 mx"),
    (b"2200 mx\r\n", "2200 mx"),
    (b"220\tmx\r\n", "220\tmx"),
    (b"220_mx\r\n", "220_mx"),
    ("٢٢٠ mx\r\n".encode(), "٢٢٠ mx"),
    (b"\x15\x03\x01\x00\x02\x02\x28", "<7 bytes that are no text: 15 03 01 00 02 02 28>"),
    (b"\x00" * 40, "<40 bytes that are no text: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00>"),
]


def fed(pieces: Iterable[bytes]) -> tuple[list[Reply], bytes]:
    """All replies of these pieces, and what is left."""
    replies = Replies()
    found = [reply for piece in pieces for reply in replies.feed(piece)]
    return found, replies.rest


@pytest.mark.parametrize(("raw", "reply"), TABLE, ids=lambda value: repr(value)[:30])
def test_every_row_at_every_cut(raw: bytes, reply: Reply) -> None:
    """Whole, byte by byte, cut in two at every place, and with another reply's beginning behind it."""
    assert ([reply], b"") == fed([raw])
    assert ([reply], b"") == fed(raw[n : n + 1] for n in range(len(raw)))
    for cut in range(len(raw) + 1):
        assert ([reply], b"") == fed([raw[:cut], raw[cut:]])
        assert ([reply], b"25") == fed([raw[:cut], raw[cut:] + b"25"])
    assert ([reply, reply], b"") == fed([raw + raw])


@pytest.mark.parametrize(("raw", "text"), BAD, ids=lambda value: repr(value)[:30])
def test_what_is_no_reply(raw: bytes, text: str) -> None:
    """It is refused and quoted, as soon as it cannot become one."""
    with pytest.raises(BadReply) as caught:
        fed([raw])
    assert (Trouble.UNREADABLE, text) == (caught.value.trouble, caught.value.text)
    with pytest.raises(BadReply):
        fed(raw[n : n + 1] for n in range(len(raw)))


def test_rest_between_two_replies() -> None:
    """While the replies come one by one, ``rest`` is what stands behind the last of them."""
    replies = Replies()
    one_by_one = replies.feed(b"220 go\r\n250 injected\r\nMAIL")
    assert Reply(220, ("go",)) == next(one_by_one)
    assert replies.rest == b"250 injected\r\nMAIL"
    assert Reply(250, ("injected",)) == next(one_by_one)
    assert replies.rest == b"MAIL"


def test_rest_of_what_is_no_reply() -> None:
    """The bytes that were refused are still there to be looked at."""
    replies = Replies()
    with pytest.raises(BadReply):
        list(replies.feed(b"220 fine\r\noh\r\nno\r\n"))
    assert replies.rest == b"oh\r\nno\r\n"


def test_heard_lines() -> None:
    """Lines are heard as they end, before the reply is whole, and once."""
    replies = Replies()
    assert [] == list(replies.feed(b"220-one\r\n220-two\r\n220"))
    assert ["220-one", "220-two"] == replies.heard()
    assert [] == replies.heard()
    assert [Reply(220, ("one", "two", "three"))] == list(replies.feed(b" three\r\n"))
    assert ["220 three"] == replies.heard()


@pytest.mark.parametrize(
    "raw",
    [
        b"250-" + b"x" * LINE_LIMIT,
        b"250 " + b"x" * LINE_LIMIT + b"\r\n",
        b"250-x\r\n" * (LINES_LIMIT + 1),
        (b"250-" + b"x" * 4000 + b"\r\n") * (REPLY_LIMIT // 4000 + 1),
        b"no digits and no end " * 1000,
    ],
    ids=["unfinished line", "line", "lines", "reply", "no reply"],
)
def test_limits(raw: bytes) -> None:
    """A line, a reply and its number of lines have limits; what is above is quoted by its beginning."""
    with pytest.raises(BadReply) as caught:
        fed(raw[n : n + 5000] for n in range(0, len(raw), 5000))
    assert Trouble.OVERSIZE is caught.value.trouble
    assert 0 < len(caught.value.text) <= QUOTED


def test_within_the_limits() -> None:
    """Long, but not too long."""
    raw = b"250-" + b"x" * (LINE_LIMIT - 5) + b"\r\n250 x\r\n"
    assert 1 == len(fed([raw])[0])


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_stream_at_any_cut_means_the_same(pieces: list[bytes]) -> None:
    """How the network cuts a stream changes nothing; what cannot be read raises BadReply and nothing else."""

    def outcome(stream: Iterable[bytes]) -> list[Reply]:
        """What came before the stream could not be read counts, as it does for a session."""
        replies, found = Replies(), list[Reply]()
        with suppress(BadReply):
            for piece in stream:
                found.extend(replies.feed(piece))
        return found

    assert outcome(pieces) == outcome([b"".join(pieces)])
    outcome([b"220-" + b"".join(pieces) + b"\n220 x\n"])


@given(st.binary(max_size=300))
def test_any_bytes_can_be_quoted(raw: bytes) -> None:
    """Text that any file can take."""
    assert isinstance(decoded(raw).encode(), bytes)
    assert len(quoted(raw)) <= QUOTED
