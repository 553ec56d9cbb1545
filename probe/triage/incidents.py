"""Lines that tell of one failure, joined: in one pass, with bounded memory.

    postfix/smtp[458]: SSL_connect error to mx.example.net[192.0.2.1]:25: -1
    postfix/smtp[458]: warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown ca:…
    postfix/smtp[458]: F329A7C0194: to=<…>, relay=mx.example.net[192.0.2.1]:25, … status=deferred (…)

Lines with the same key (``lines.Line.key``) of the same host belong together until the peer or the message changes, the
delivery or connection is over, or nothing more is heard. A process serves one after another, so its pid alone does not
join.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec import Struct, field

from probe.triage.candidates import Candidate, Interest, Sieve
from probe.triage.lines import Line

__all__ = ["Incident", "Interest", "incidents"]

LINES = 12
"""Lines that an incident keeps: the queue of OpenSSL errors has up to five, what was said around it as many."""
QUIET_LINES = 20_000
QUIET_TIME = timedelta(seconds=300)
"""An incident is over when nothing of it was heard for so long: a delivery waits 300 s for a peer (Postfix)."""
OPEN = 1024
"""Incidents that may be open at once; more than processes of a large machine talk at once."""
TEXT = 32 << 20
"""Characters that all open incidents may hold together."""

NAME = 255
"""Characters of a host name (RFC 1035 2.3.4)."""

_ADDRESS = re.compile(r"(?<![(<])\[([0-9A-Fa-f.:]{3,45})\]|\brip=([0-9A-Fa-f.:]{3,45})")
_RELAY = re.compile(r"\brelay=([\w-]{1,63}(?:\.[\w-]{1,63}){1,20})\.?(?=[,\s]|$)")
_QUEUE = re.compile(r"(?:warning: )?([0-9A-F]{6,20}|(?=[A-Za-z]*\d)[0-9A-Za-z]{10,20}): ")
_DONE = (", dsn=", ",status: ", "Disconnected", "Login aborted", "disconnect from", "lost connection after")
_DONE_FIRST = ("delivery ", "completed,", "Completed")
"""How Postfix, Sendmail and Courier, Dovecot, Postfix, and qmail, Courier and Exim say that they are through."""
_BEGINS = ("SSL_accept error from ", "SSL_connect error to ")
"""The first line of a handshake that failed (Postfix): the next one is of another connection."""
ESTABLISHED = "TLS connection established "
"""A session that went on: it says more about a failure of the same peer before it, and begins nothing."""
_OPENSSL = re.compile(r"\berror:[0-9A-Fa-f]{8}:")


class Incident(Struct, frozen=True):
    """One failure as a log tells it."""

    lines: tuple[str, ...]
    """What was said, without stamp and host, in order; lines that differ in names and numbers alone stand once."""
    line: int
    """Number of the first line of evidence, from 1."""
    program: str | None
    host: str | None
    """The machine that wrote it."""
    key: str | None
    """What the lines have in common."""
    first: datetime | None
    last: datetime | None


def incidents(
    blocks: Iterable[bytes], anchors: Sequence[bytes], interest: Callable[[str], Interest], now: datetime
) -> Iterator[Incident]:
    """Give the incidents of a log, as they end: nearly in the order of their lines.

    ``blocks`` hold whole lines and end in a line feed. ``interest`` is asked with the text of a line, once for lines
    that differ in names and numbers alone, and never for lines without any of the ``anchors`` (lower case).
    ``now`` has a time zone: stamps without year are not later than a day after it, stamps without zone are in its.
    """
    table = _Table()
    for candidate in Sieve(anchors, interest, now).candidates(blocks):
        yield from table.add(candidate)
    yield from table.rest()


class _Mark(NamedTuple):
    """What a line tells about the peer and the message."""

    name: str | None = None
    address: str | None = None
    queue: str | None = None


class _Open(Struct):
    """An incident that may still grow."""

    of: Line
    number: int = 0
    last_number: int = 0
    lines: list[tuple[Interest, str]] = field(default_factory=list)
    shapes: set[bytes] = field(default_factory=set)
    first: datetime | None = None
    last: datetime | None = None
    mark: _Mark = field(default_factory=_Mark)
    done: bool = False
    size: int = 0

    def continued_by(self, line: Line, mark: _Mark) -> bool:
        """Whether a line is about the same connection and the same message."""
        if line.body.startswith(_BEGINS) and any(body.startswith(_BEGINS) for _, body in self.lines):
            return False
        if self.mark.address and mark.address:
            other_peer = self.mark.address != mark.address
        else:
            other_peer = bool(self.mark.name and mark.name and self.mark.name != mark.name)
        other_mail = bool(self.mark.queue and mark.queue and self.mark.queue != mark.queue)
        return not (other_peer or other_mail or (self.done and (not mark.queue or mark.queue != self.mark.queue)))

    def take(self, candidate: Candidate, mark: _Mark) -> None:
        """Add a line."""
        line, interest = candidate.line, candidate.interest
        self.last_number = candidate.number
        self.first, self.last = self.first or line.time, line.time or self.last
        self.mark = _Mark(*(old or new for old, new in zip(self.mark, mark, strict=True)))
        if interest == Interest.EVIDENCE:
            self.number = self.number or candidate.number
            self.done = self.done or _by_address(line)
        self.done = self.done or _done(line.body)
        if candidate.shape not in self.shapes and self._room(interest):
            self.shapes.add(candidate.shape)
            self.lines.append((interest, line.body))
            self.size += len(line.body) + len(candidate.shape)

    def _room(self, interest: Interest) -> bool:
        """Whether there is room for a line; for evidence a line of context makes room."""
        if len(self.lines) < LINES:
            return True
        context = next((place for place in self.lines if place[0] == Interest.CONTEXT), None)
        if context is None or interest == Interest.CONTEXT:
            return False
        self.lines.remove(context)
        self.size -= len(context[1])
        return True

    def closed(self) -> Iterator[Incident]:
        """Give what it has become; nothing if there was only context."""
        if self.number:
            said = tuple(body for _, body in self.lines)
            of = self.of
            yield Incident(said, self.number, of.program, of.host, of.key, self.first, self.last)


class _Table:
    """The open incidents, that which was heard of longest ago first."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str | None, str], _Open] = OrderedDict()
        self._loose: _Open | None = None
        self._size = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, candidate: Candidate) -> Iterator[Incident]:
        """Take a line of interest; give the incidents that are over by it."""
        yield from self._quiet(candidate)
        if candidate.line.key is None:
            yield from self._unrelated(candidate)
            return
        where, mark = (candidate.line.host, candidate.line.key), _mark(candidate.line.body)
        one = self._open.get(where)
        if _is_aside(candidate) and not (one and one.number and one.mark.address == mark.address):
            return
        if one and not one.continued_by(candidate.line, mark):
            yield from self._close(where)
            one = None
        if one is None:
            one = self._open[where] = _Open(candidate.line)
        self._size -= one.size
        one.take(candidate, mark)
        self._size += one.size
        self._open.move_to_end(where)
        while len(self._open) > OPEN or (self._size > TEXT and len(self._open) > 1):
            yield from self._close(next(iter(self._open)))

    def rest(self) -> Iterator[Incident]:
        """Give what is still open at the end."""
        for where in list(self._open):
            yield from self._close(where)
        yield from self._loose_closed()

    def _close(self, where: tuple[str | None, str]) -> Iterator[Incident]:
        one = self._open.pop(where)
        self._size -= one.size
        yield from one.closed()

    def _quiet(self, candidate: Candidate) -> Iterator[Incident]:
        """Close what has not been heard of for long."""
        while self._open:
            where, oldest = next(iter(self._open.items()))
            time, last = candidate.line.time, oldest.last
            waited = time - last if time and last else timedelta()
            if waited <= QUIET_TIME and candidate.number - oldest.last_number <= QUIET_LINES:
                return
            yield from self._close(where)

    def _unrelated(self, candidate: Candidate) -> Iterator[Incident]:
        """A line without key stands alone, but OpenSSL's error queue comes as lines one after another."""
        if candidate.interest != Interest.EVIDENCE:
            return
        line, loose = candidate.line, self._loose
        queue = bool(_OPENSSL.search(line.body))
        if loose and not (queue and candidate.number == loose.last_number + 1 and loose.of.program == line.program):
            yield from self._loose_closed()
        if self._loose is None:
            self._loose = _Open(line)
        self._loose.take(candidate, _Mark())
        if not queue:
            yield from self._loose_closed()

    def _loose_closed(self) -> Iterator[Incident]:
        loose, self._loose = self._loose, None
        if loose:
            yield from loose.closed()


def _mark(body: str) -> _Mark:
    queue = _QUEUE.match(body)
    name = address = None
    if found := _ADDRESS.search(body):
        address = (found[1] or found[2]).lower().removeprefix("::ffff:")
        before = body[max(0, found.start() - NAME) : found.start()].rstrip(" .")
        name = before.replace("=", " ").rpartition(" ")[2].strip("()").lower()
    elif found := _RELAY.search(body):
        name = found[1].lower()
    return _Mark(name if name and "." in name else None, address, queue and queue[1])


def _done(body: str) -> bool:
    """Whether a delivery or connection is over by what the line says."""
    return body.startswith(_DONE_FIRST) or any(words in body for words in _DONE)


def _is_aside(candidate: Candidate) -> bool:
    return candidate.interest == Interest.CONTEXT and ESTABLISHED in candidate.line.body


def _by_address(line: Line) -> bool:
    """Whether nothing but the peer's address joins: then each line of evidence is a failure of its own."""
    key = line.key or ""
    return key.startswith("[") or " [" in key
