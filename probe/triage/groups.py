"""One row for each distinct problem: how often, from when to when, with whom, the most harmful first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from probe.message import Accused, Category, Cause, Direction, Message, Peer, Role
from probe.model import Confidence
from probe.triage.diagnosis import retold

GROUPS = 200
"""Distinct problems that are told apart: more than a person reads; what comes after is counted."""
PEERS = 1000
"""Other sides of one problem that are counted apart."""
NAMED = 10
"""Other sides that are named, the most frequent first."""
RECIPIENTS = 10
ALIKE = frozenset({Category.UNKNOWN_CA, Category.EXPIRED, Category.SELF_SIGNED})
MANY = 5
"""Other sides that see the same fault: they hardly have it all, so it lies with the one that they have in common."""

Key = tuple[object, ...]


class Summary(Struct, frozen=True):
    """All messages of a run."""

    groups: tuple[Message, ...]
    """One message for each distinct problem; ``count``, ``first``, ``last``, ``peers`` tell of all of its kind."""
    overflow: int
    """Messages of further problems, beyond the cap."""


class _Group(Struct):
    message: Message
    count: int = 0
    peers: Counter[Peer] = field(default_factory=Counter)
    recipients: dict[str, None] = field(default_factory=dict)
    first: datetime | None = None
    last: datetime | None = None

    def add(self, message: Message) -> None:
        self.count += message.count
        if message.peer and (message.peer in self.peers or len(self.peers) < PEERS):
            self.peers[message.peer] += message.count
        if len(self.recipients) < RECIPIENTS:
            self.recipients.update(dict.fromkeys(message.recipients))
        moments = [moment for moment in (self.first, message.first, message.last) if moment]
        self.first = min(moments, default=None)
        self.last = max([moment for moment in (self.last, message.first, message.last) if moment], default=None)

    def _worded(self, peers: tuple[Peer, ...]) -> Message:
        """The message, its commands for the most frequent of the other sides."""
        if not peers or peers[0] == self.message.peer or self.message.page is None:
            return self.message
        return retold(self.message, peers[0])

    def told(self) -> Message:
        peers = tuple(peer for peer, _ in self.peers.most_common(NAMED))
        return replace(
            _with_all(self._worded(peers), len({peer.host or peer.address for peer in self.peers})),
            count=self.count,
            peers=peers,
            peer_count=len(self.peers),
            recipients=tuple(self.recipients),
            first=self.first,
            last=self.last,
        )


def grouped(messages: Iterable[Message]) -> Summary:
    """Put messages of the same problem together; memory is bounded by the caps above."""
    groups: dict[Key, _Group] = {}
    overflow = 0
    for message in messages:
        key = _key(message)
        if key not in groups and len(groups) >= GROUPS:
            overflow += message.count
            continue
        groups.setdefault(key, _Group(message)).add(message)
    told = (group.told() for group in groups.values())
    return Summary(tuple(sorted(told, key=lambda message: (_harm(message), -message.count))), overflow)


def _with_all(message: Message, peers: int) -> Message:
    """Say what the number of other sides tells, where one of them alone would leave it open."""
    if peers < MANY or message.category not in ALIKE:
        return message
    if message.direction is Direction.LOCAL and message.role is Role.CLIENT:
        words = (
            f"{peers} different servers are refused alike: the sending side's list of CAs is missing or old, its clock "
            "is wrong, or something in between answers in their place"
        )
    elif message.direction is Direction.RECEIVED and message.role is Role.SERVER:
        words = f"{peers} different clients refuse the same certificate, so it lies with what this server sends"
    else:
        return message
    accused = Accused.UNKNOWN if message.role is Role.CLIENT else message.accused
    return replace(message, causes=(Cause(words, Confidence.VERY_LIKELY), *message.causes), accused=accused)


def _key(message: Message) -> Key:
    """The same page, said by the same program in the same role, is the same problem; so is the same unknown text."""
    same = () if message.page else (message.text[:200], message.symptoms)
    return (message.page, message.category, message.mta, message.role, message.accused, *same)


def _harm(message: Message) -> int:
    """Failures that have a cause, failures whose cause stands elsewhere, texts that say nothing of TLS, no failures."""
    if message.category is Category.HARMLESS:
        return 3
    if not message.tells_of_tls:
        return 2
    return 1 if message.category is Category.UNDETERMINED else 0
