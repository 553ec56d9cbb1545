"""What we say to a mail server, from the first byte to the second EHLO. Nothing is said that is not written here.

A dialogue is a generator: it yields what is to be done next (:class:`Listen`, :class:`Say`, :class:`Upgrade`) and is
sent the server's :class:`~probe.model.Reply`. It returns None when everything was answered, else the
:class:`~probe.model.Failure`. QUIT follows in either case and is the business of :mod:`probe.wire.session`.

RFC 3207 §4, with TLS in the middle and everything learned before it forgotten:

    S: 220 mx.example ESMTP
    C: EHLO [192.0.2.1]
    S: 250-mx.example
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 go ahead
    (TLS)
    C: EHLO [192.0.2.1]
    S: 250 mx.example
    C: QUIT
"""

from __future__ import annotations

import re
from collections.abc import Generator
from dataclasses import dataclass

from probe.model import Failure, Protocol, Reply, Stage, Tls, Trouble


@dataclass(frozen=True, slots=True)
class Verbs:
    """One protocol's words. Another protocol of this shape is another row, with its own parser of replies."""

    hello: str
    """Asks for the extensions; ``{name}`` is who we are."""
    starttls: str
    quit: str


SMTP = Verbs(hello="EHLO {name}", starttls="STARTTLS", quit="QUIT")
VERBS = {Protocol.SMTP: SMTP, Protocol.SUBMISSION: SMTP}


@dataclass(frozen=True, slots=True)
class Listen:
    """Wait for a reply; the stage has begun."""

    stage: Stage


@dataclass(frozen=True, slots=True)
class Say:
    """Send the line, then wait for its reply."""

    stage: Stage
    line: str


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Hand over to TLS; nothing is sent back into the dialogue until it is there."""

    stage: Stage = Stage.HANDSHAKE


Step = Listen | Say | Upgrade

_STATUS = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)")


def converse(verbs: Verbs, name: str, tls: Tls) -> Generator[Step, Reply, Failure | None]:
    """Speak to a mail server as ``name`` (RFC 5321 §4.1.1.1); ``tls`` says when TLS begins (RFC 3207, RFC 8314 §3)."""
    hello = verbs.hello.format(name=name)
    if tls is Tls.IMPLICIT:
        yield Upgrade()
    if refusal := _unless(220, (yield Listen(Stage.GREETING))):
        return refusal
    if tls is Tls.STARTTLS:
        offer = yield Say(Stage.EHLO, hello)
        if refusal := _unless(250, offer) or _not_offered(offer, verbs.starttls):
            return refusal
        if refusal := _unless(220, (yield Say(Stage.STARTTLS, verbs.starttls))):
            return refusal
        yield Upgrade()
    return _unless(250, (yield Say(Stage.EHLO_TLS, hello)))


def extensions(ehlo: Reply) -> frozenset[str]:
    """Give the keywords of an EHLO reply, in capitals: they are case-insensitive (RFC 5321 §4.1.1.1).

    ehlo-line    = ehlo-keyword *( SP ehlo-param )
    ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
    """
    return frozenset(line.split()[0].upper() for line in ehlo.lines[1:] if line.split())


def symptoms(reply: Reply) -> tuple[str, ...]:
    """Give the field's numbers of a reply: its code, and its enhanced status code (RFC 3463 §2) where it has one."""
    status = _STATUS.match(reply.lines[0])
    return (f"reply:{reply.code:03d}", *([f"status:{status[1]}"] if status else []))


def _unless(code: int, reply: Reply) -> Failure | None:
    """Anything but this very code is a no: a 2xx other than it answers another question."""
    if reply.code == code:
        return None
    return Failure(Trouble.REPLY, reply.text, symptoms(reply))


def _not_offered(ehlo: Reply, keyword: str) -> Failure | None:
    if keyword in extensions(ehlo):
        return None
    return Failure(Trouble.NO_STARTTLS, ehlo.text)
