"""What we say to a mail server, from the first byte to the last. Nothing is said that :mod:`probe.wire.verbs` lacks.

A dialogue is a generator: it yields what is to be done next (:class:`Listen`, :class:`Say`, :class:`Upgrade`) and is
sent the server's :class:`~probe.model.Reply`. It returns None when everything was answered, else the
:class:`~probe.model.Failure`. QUIT follows in either case and is the business of :mod:`probe.wire.session`.

RFC 3207 §4, with TLS in the middle and everything learned before it forgotten; the other protocols do the same:

    S: 220 mx.example ESMTP                     S: * OK ready
    C: EHLO [192.0.2.1]                         C: a1 CAPABILITY
    S: 250-mx.example                           S: * CAPABILITY IMAP4rev1 STARTTLS
    S: 250 STARTTLS                             S: a1 OK done
    C: STARTTLS                                 C: a2 STARTTLS
    S: 220 go ahead                             S: a2 OK begin
    (TLS)                                       (TLS)
    C: EHLO [192.0.2.1]                         C: a3 CAPABILITY
    S: 250 mx.example                           S: …
    C: QUIT                                     C: a4 LOGOUT
"""

from __future__ import annotations

import re
from collections.abc import Generator

from msgspec import Struct

from probe.model import Failure, Reply, Stage, Tls, Trouble
from probe.wire.replies import CODED, Form
from probe.wire.verbs import Answer, Verbs


class Listen(Struct, frozen=True):
    """Wait for a reply of this form; the stage has begun."""

    stage: Stage
    form: Form = CODED


class Say(Struct, frozen=True):
    """Send the line, then wait for its reply."""

    stage: Stage
    line: str
    form: Form = CODED


class Upgrade(Struct, frozen=True):
    """Hand over to TLS; nothing is sent back into the dialogue until it is there."""

    stage: Stage = Stage.HANDSHAKE


Step = Listen | Say | Upgrade
Dialogue = Generator[Step, Reply, Failure | None]

_STATUS = r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s|$)"
_RESPONSE = r"(?:\S+ )?(?:NO|BAD|BYE|-ERR) [\[(]([A-Z0-9/_-]{1,40})[\]) ]"
_LOGGED_IN = r"\* PREAUTH\b"


def converse(verbs: Verbs, name: str, tls: Tls) -> Dialogue:
    """Speak to a mail server as ``name`` (RFC 5321 §4.1.1.1); ``tls`` says when TLS begins (RFC 3207, RFC 8314 §3)."""
    if tls is Tls.IMPLICIT:
        yield Upgrade()
    greeting = yield Listen(Stage.GREETING, verbs.greeting.form)
    if refusal := _unless(verbs.greeting, greeting):
        return refusal
    if tls is Tls.STARTTLS and (refusal := (yield from _upgraded(verbs, name, greeting))):
        return refusal
    if verbs.again:
        said = yield Say(Stage.EHLO_TLS, verbs.again.format(name=name), verbs.offer.form)
    elif tls is Tls.STARTTLS:
        said = yield Listen(Stage.EHLO_TLS, verbs.offer.form)
    else:
        return None
    return _unless(verbs.offer, said) if verbs.needs_hello else None


def _upgraded(verbs: Verbs, name: str, greeting: Reply) -> Dialogue:
    """Ask for the extensions, then for TLS.

    Whoever is logged in by the greeting may not ask for TLS any more (RFC 9051 §6.2.1). Where extensions are unknown,
    a refusal of STARTTLS means that there is none.
    """
    if re.match(_LOGGED_IN, greeting.text, re.IGNORECASE):
        return Failure(Trouble.NO_STARTTLS, greeting.text)
    offer = greeting
    if verbs.hello:
        offer = yield Say(Stage.EHLO, verbs.hello.format(name=name), verbs.offer.form)
    unknown = _unless(verbs.offer, offer)
    if unknown and verbs.needs_hello:
        return unknown
    if not unknown and verbs.keyword not in verbs.keywords(offer):
        return Failure(Trouble.NO_STARTTLS, offer.text)
    said = yield Say(Stage.STARTTLS, verbs.starttls, verbs.agreed.form)
    if refusal := _unless(verbs.agreed, said):
        return Failure(Trouble.NO_STARTTLS, refusal.text, refusal.symptoms) if unknown else refusal
    yield Upgrade()
    return None


def symptoms(reply: Reply) -> tuple[str, ...]:
    """Give the field's numbers of a reply: its code, and its enhanced status code (RFC 3463 §2) where it has one.

    Where there are no codes: the response code of a refusal (RFC 5530, RFC 2449 §8, RFC 5804 §1.3).
    """
    if not reply.code:
        found = (re.match(_RESPONSE, line, re.IGNORECASE) for line in reply.lines)
        return tuple(f"response:{one[1].upper()}" for one in found if one)[-1:]
    status = re.match(_STATUS, reply.lines[0])
    return (f"reply:{reply.code:03d}", *([f"status:{status[1]}"] if status else []))


def _unless(answer: Answer, reply: Reply) -> Failure | None:
    if answer.grants(reply):
        return None
    return Failure(Trouble.REPLY, reply.text, symptoms(reply))
