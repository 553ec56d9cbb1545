"""The words of each mail protocol: what we say, what the answer looks like, and which answer is a yes.

    protocol   RFC                 greeting   we say                      a yes is
    SMTP       5321, 3207          220        EHLO, STARTTLS              250, 220
    LMTP       2033, 3207          220        LHLO, STARTTLS              250, 220
    IMAP       9051 §6.1.1, §6.2.1 * OK       a1 CAPABILITY, a2 STARTTLS  a1 OK, a2 OK
    POP3       1939, 2449, 2595    +OK        CAPA, STLS                  +OK
    ManageSieve 5804               …, OK      STARTTLS                    OK

ManageSieve's greeting is its list of capabilities, and inside TLS it sends that again unasked (RFC 5804 §2.2).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec import Struct

from probe.model import Protocol, Reply
from probe.wire.replies import CODED, Form


class Answer(Struct, frozen=True):
    """What comes back: its form, and which answer is a yes."""

    form: Form
    yes: re.Pattern[str] | int
    """How the line begins that is a yes; where there are reply codes, the one that is."""
    decides: int = -1
    """The line that says yes or no: 0 for the first, -1 for the last; with reply codes all say it."""

    def grants(self, reply: Reply) -> bool:
        """Tell whether the reply is a yes; anything but this very word is a no: it answers another question."""
        if isinstance(self.yes, int):
            return reply.code == self.yes
        return bool(self.yes.match(reply.lines[self.decides]))


class Verbs(Struct, frozen=True):
    """One protocol's words. Another protocol of this shape is another row."""

    greeting: Answer
    hello: str | None
    """Asks for the extensions; ``{name}`` is who we are. None where the greeting has told them."""
    again: str | None
    """The same inside TLS. None where they come unasked."""
    offer: Answer
    """The reply to both."""
    starttls: str
    agreed: Answer
    quit: str
    keywords: Callable[[Reply], frozenset[str]]
    """The extensions of an offer, in capitals."""
    needs_hello: bool = True
    """A refused ``hello`` is an end; else the extensions are unknown, and STARTTLS is tried."""

    @property
    def keyword(self) -> str:
        """The extension that offers STARTTLS is called like the command."""
        return self.starttls.split()[-1]


def extensions(reply: Reply) -> frozenset[str]:
    """Give the keywords of a reply to EHLO or CAPA, in capitals: they are case-insensitive (RFC 5321 §4.1.1.1).

    ehlo-line    = ehlo-keyword *( SP ehlo-param )
    ehlo-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
    """
    return frozenset([words[0].upper() for line in reply.lines[1:] if (words := line.split(None, 1))])


_READY = Answer(CODED, 220)
_FINE = Answer(CODED, 250)

SMTP = Verbs(_READY, "EHLO {name}", "EHLO {name}", _FINE, "STARTTLS", _READY, "QUIT", extensions)
LMTP = Verbs(_READY, "LHLO {name}", "LHLO {name}", _FINE, "STARTTLS", _READY, "QUIT", extensions)


def verbs_of(protocol: Protocol) -> Verbs:
    """Return the words of a protocol; those of mail programs are made when one is spoken, since they are dear."""
    match protocol:
        case Protocol.SMTP | Protocol.SUBMISSION:
            return SMTP
        case Protocol.LMTP:
            return LMTP
    from probe.wire.programs import PROGRAMS

    return PROGRAMS[protocol]
