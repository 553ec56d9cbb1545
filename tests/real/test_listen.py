"""Real senders deliver to ``listen``, and we name what each presented: a good list, the leaf alone, or nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from queue import Queue

import pytest
from msgspec.structs import replace
from real.conftest import Authority
from real.running import HOST, Files, Unpacked
from real.senders import SENDERS

from probe.demo import keys
from probe.demo.cast import cast
from probe.judgement import Options, report_of
from probe.model import Observation, Report, Stage
from probe.net.listen import ListenOptions, listen
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.wire.identity import Identity

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")]
PATIENCE = 40


@dataclass
class Listener:
    """What listens in a thread of its own, and what was seen."""

    ports: Queue[int] = field(default_factory=Queue)
    seen: list[Observation] = field(default_factory=list)

    def serve(self, options: ListenOptions) -> None:
        """Listen until enough was seen."""
        asyncio.run(listen(options, self.ports.put, self._note))

    async def _note(self, seen: Observation, _: str) -> None:
        self.seen.append(seen)


@contextmanager
def listening(authority: Authority, *, discard: bool = False, host: str = HOST) -> Iterator[tuple[int, Listener]]:
    """Listen with a good chain until one session is over."""
    chain = tuple(authority.named[letter].der for letter in "LBA")
    identity = Identity(chain, keys.pem("leaf").encode())
    options = ListenOptions(identity, host, port=0, count=1, discard=discard)
    listener = Listener()
    thread = threading.Thread(target=listener.serve, args=(options,), daemon=True)
    thread.start()
    yield listener.ports.get(timeout=PATIENCE), listener
    thread.join(PATIENCE)
    assert not thread.is_alive(), listener.seen


@pytest.fixture(scope="module")
def clients(authority: Authority) -> Authority:
    """Add C, a leaf for a client; L is one for a server, as public CAs issue them."""
    issuer = authority.named["B"]
    leaf = cast(datetime.now(UTC).replace(microsecond=0)).leaf(issuer, eku=("clientAuth",))
    return replace(authority, named={**authority.named, "C": leaf})


@dataclass(frozen=True)
class Row:
    """What the sender is given, and what we say of what came."""

    software: str
    what: str
    files: str | None
    """Certificates by letter; None = no setting at all."""
    presented: str | None
    """None = no list came."""
    findings: frozenset[str]
    ca: str = ""
    stage: Stage = Stage.DONE


def rows() -> tuple[Row, ...]:
    """Postfix and Exim send a file as it stands; Sendmail its first certificate, and what its CA file adds."""
    alike = [
        row
        for software in ("postfix", "exim")
        for row in (
            Row(software, "good", "CBA", "CBA", frozenset()),
            Row(software, "of a server", "LBA", "LBA", frozenset({"client-eku"})),
        )
    ]
    every = [
        row
        for software in SENDERS
        for row in (
            Row(software, "incomplete", "C", "C", frozenset({"missing-intermediate"})),
            Row(software, "absent", None, "", frozenset({"no-client-cert"})),
        )
    ]
    own = [
        Row("postfix", "misordered", "CAB", "CAB", frozenset({"misordered"})),
        Row("exim", "misordered", "CAB", "CBA", frozenset()),  # GnuTLS sorts the list
        Row("sendmail", "good", "C", "CBA", frozenset(), ca="BA"),
        Row("sendmail", "all in one file", "CBA", "C", frozenset({"missing-intermediate"})),
        Row("postfix", "unreadable", "", None, frozenset({"client-without-tls"}), stage=Stage.EHLO),
        Row("exim", "unreadable", "", None, frozenset({"client-handshake-failed"}), stage=Stage.HANDSHAKE),
        Row("sendmail", "unreadable", "", "", frozenset({"no-client-cert"})),
    ]
    return (*alike, *every, *own)


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row.software}, {row.what}")
def test_what_a_sender_presents_is_named(row: Row, unpacked: Unpacked, clients: Authority) -> None:
    """A message is routed here by each server's own means, and the list that it shows is judged as a client's."""
    files = None if row.files is None else clients.files(row.files, ca=row.ca)
    if row.files == "":
        files = Files("This is no certificate.\n", keys.pem("leaf"))
    with listening(clients) as (port, listener):
        log = SENDERS[row.software](unpacked, port, files, HOST)
    (seen,) = listener.seen
    report = judged(seen, clients)
    presented = None if seen.presented is None else clients.letters(tuple(parse(der).sha256 for der in seen.presented))
    assert (row.presented, row.stage) == (presented, seen.stage), log
    assert row.findings == {finding.id for finding in report.endpoints[0].findings}, log
    assert seen.tls_version == ("TLSv1.3" if row.presented is not None else None)


@pytest.mark.parametrize(
    ("software", "word"), [("postfix", "status=sent"), ("exim", "=> probe@"), ("sendmail", "Sent (")]
)
def test_with_discard_a_message_is_gone(software: str, word: str, unpacked: Unpacked, clients: Authority) -> None:
    """The sender is content, and nothing of the message is kept."""
    with listening(clients, discard=True) as (port, listener):
        log = SENDERS[software](unpacked, port, clients.files("CBA"), HOST)
    assert word in log, log
    (seen,) = listener.seen
    assert not any("Hello." in line.line for line in seen.transcript)
    assert "354 Go on" in [line.line for line in seen.transcript]


@pytest.mark.parametrize("software", SENDERS)
def test_a_listener_on_ipv6_is_reached(software: str, unpacked: Unpacked, clients: Authority) -> None:
    """By the route that is printed for it, whose address each server writes in its own way."""
    with listening(clients, host="::1") as (port, listener):
        log = SENDERS[software](unpacked, port, clients.files("CBA"), "::1")
    (seen,) = listener.seen
    assert (seen.endpoint.address, seen.stage) == ("::1", Stage.DONE), log
    assert clients.letters(tuple(parse(der).sha256 for der in seen.presented or ()))[:1] == "C", log


def test_a_strict_sender_refuses_us(unpacked: Unpacked, clients: Authority) -> None:
    """Postfix that verifies by a store of its own looks at our certificate and leaves; that is told as it is."""
    with listening(clients) as (port, listener):
        log = SENDERS["postfix"](unpacked, port, clients.files("CBA", ca="S"), HOST)
    assert {"refused-us"} <= {finding.id for finding in judged(listener.seen[0], clients).endpoints[0].findings}, log


def judged(seen: Observation, authority: Authority) -> Report:
    """Judge what a sender presented by our own root."""
    trusted = anchors.of([parse(authority.named["R"].der)], "the test's own")
    return report_of(seen, Options(anchors=trusted, fetch=False))
