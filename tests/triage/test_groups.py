"""One row a distinct problem: counted, dated, the most harmful first, in bounded memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.message import Accused, Category, Direction, Message, Peer, Role
from probe.model import Confidence
from probe.triage.groups import GROUPS, MANY, NAMED, PEERS, RECIPIENTS, Summary, grouped

START = datetime(2026, 11, 23, 8, tzinfo=UTC)
EXPIRED = Message("has expired", Category.EXPIRED, page="expired", mta="postfix", role=Role.CLIENT)
FAILED = Message("TLS failed", Category.UNDETERMINED, page="tls-handshake-failed")
OTHER = Message("user unknown", Category.OTHER, page="not-about-tls", about_tls=False)
STRANGE = Message("zzz", Category.UNDETERMINED, about_tls=False)
FINE = Message("Untrusted TLS connection", Category.HARMLESS, page="connection-is-encrypted", accused=Accused.NONE)


def with_peer(number: int, message: Message = EXPIRED) -> Message:
    """The message with one of many peers."""
    return replace(message, peer=Peer(f"mx{number}.example.net"))


def test_nothing_makes_no_group() -> None:
    """An empty log is no mistake."""
    assert grouped([]) == Summary((), 0)


def test_the_same_problem_is_one_row() -> None:
    """It keeps the first text and place, and counts all, as often as each counts itself."""
    first = replace(EXPIRED, text="one", file="a.log", line=7)
    (row,) = grouped([first, replace(EXPIRED, text="two", line=9), replace(EXPIRED, count=100)]).groups
    assert row == replace(first, count=102, peer_count=0)


@pytest.mark.parametrize(
    "other",
    [
        replace(EXPIRED, page="expired-root"),
        replace(EXPIRED, mta="exim"),
        replace(EXPIRED, role=Role.SERVER),
        replace(EXPIRED, accused=Accused.SERVER),
        replace(EXPIRED, category=Category.OTHER),
    ],
)
def test_what_differs_is_another_problem(other: Message) -> None:
    """In page, category, program, role or accused."""
    assert len(grouped([EXPIRED, other]).groups) == 2


def test_texts_that_nobody_knows_are_told_apart_by_themselves() -> None:
    """By the beginning of the text, and by their numbers."""
    same = replace(STRANGE, text="z" * 300)
    several = [STRANGE, same, replace(same, text="z" * 299), replace(same, symptoms=("reply:530",))]
    assert [row.count for row in grouped(several).groups] == [2, 1, 1]


def test_first_and_last() -> None:
    """Whatever the order of the lines, and where some have no time."""
    times = (3, 1, None, 2)
    several = [replace(EXPIRED, first=START + timedelta(hours=at) if at else None) for at in times]
    several.append(replace(EXPIRED, first=START + timedelta(hours=2), last=START + timedelta(hours=9)))
    (row,) = grouped(several).groups
    assert (row.first, row.last) == (START + timedelta(hours=1), START + timedelta(hours=9))
    (never,) = grouped([EXPIRED]).groups
    assert (never.first, never.last) == (None, None)


def test_peers_are_named_by_frequency() -> None:
    """The most frequent first, a few of them; a count of many counts as many."""
    (row,) = grouped([with_peer(number % 20) for number in range(40)] + [replace(with_peer(7), count=99)]).groups
    assert row.peers[0] == Peer("mx7.example.net")
    assert (len(row.peers), row.peer_count) == (NAMED, 20)
    assert row.peer == row.peers[0]


UNTRUSTED = Message(
    "untrusted", Category.UNKNOWN_CA, page="issuer-unknown", role=Role.CLIENT, direction=Direction.LOCAL
)
REFUSED = replace(UNTRUSTED, page="tls-alert-unknown-ca", role=Role.SERVER, direction=Direction.RECEIVED)


@pytest.mark.parametrize(
    ("message", "peers", "words"),
    [
        (UNTRUSTED, MANY, "the sending side"),
        (UNTRUSTED, MANY - 1, ""),
        (REFUSED, MANY, "what this server sends"),
        (REFUSED, MANY - 1, ""),
        (replace(UNTRUSTED, role=Role.UNKNOWN), MANY, ""),
        (replace(UNTRUSTED, category=Category.HOSTNAME_MISMATCH), MANY, ""),
    ],
)
def test_many_other_sides_point_to_the_one_in_common(message: Message, peers: int, words: str) -> None:
    """Hardly all of them are wrong; so it is very likely, comes first, and is no more than that."""
    (row,) = grouped([with_peer(number % peers, message) for number in range(3 * peers)]).groups
    assert [cause.confidence for cause in row.causes] == ([Confidence.VERY_LIKELY] if words else [])
    assert all(words in cause.text and str(peers) in cause.text for cause in row.causes)


def test_recipients_are_named_once() -> None:
    """Up to a bound."""
    several = [replace(EXPIRED, recipients=(f"{number % 30}@example.net",)) for number in range(60)]
    (row,) = grouped(several).groups
    assert row.recipients == tuple(f"{number}@example.net" for number in range(RECIPIENTS))


def test_the_most_harmful_first() -> None:
    """A failure with a cause, one without, what is not about TLS, what is no failure; in each the most frequent."""
    often = replace(EXPIRED, mta="exim", count=5)
    rows = grouped([FINE, replace(FINE, count=900), OTHER, STRANGE, FAILED, EXPIRED, often]).groups
    assert [row.text for row in rows] == [often.text, EXPIRED.text, FAILED.text, OTHER.text, STRANGE.text, FINE.text]
    assert [row.count for row in rows] == [5, 1, 1, 1, 1, 901]


def test_what_is_beyond_the_cap_is_counted() -> None:
    """Known problems go on being counted, new ones only in sum."""
    several = [replace(STRANGE, text=f"{number}", count=2) for number in range(GROUPS + 10)]
    summary = grouped([*several, several[0]])
    assert (len(summary.groups), summary.overflow) == (GROUPS, 20)
    assert summary.groups[0].count == 4


def test_a_hundred_thousand_peers_are_not_kept() -> None:
    """Those that came first are counted, the others only as messages."""
    (row,) = grouped([with_peer(number) for number in range(PEERS + 500)] + [with_peer(PEERS + 1)] * 50).groups
    assert row.count == PEERS + 550
    assert Peer(f"mx{PEERS + 1}.example.net") not in row.peers


MESSAGES = st.builds(
    replace,
    st.sampled_from([EXPIRED, FAILED, OTHER, STRANGE, FINE]),
    count=st.integers(0, 9),
    text=st.text(max_size=3),
    role=st.sampled_from(Role),
    first=st.none() | st.datetimes(timezones=st.just(UTC)),
    last=st.none() | st.datetimes(timezones=st.just(UTC)),
)


@given(st.lists(MESSAGES))
def test_no_message_is_lost(several: list[Message]) -> None:
    """The counts of the rows and what overflows make up all of them."""
    summary = grouped(several)
    assert sum(row.count for row in summary.groups) + summary.overflow == sum(one.count for one in several)
    assert all(row.first <= row.last for row in summary.groups if row.first and row.last)
