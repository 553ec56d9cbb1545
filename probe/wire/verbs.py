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


def capabilities(reply: Reply) -> frozenset[str]:
    """Give the words of IMAP's untagged CAPABILITY (RFC 9051 §7.2.2)."""
    told = (line.upper().split() for line in reply.lines)
    return frozenset(word for words in told if words[:2] == ["*", "CAPABILITY"] for word in words[2:])


def quoted_names(reply: Reply) -> frozenset[str]:
    """Give the names of ManageSieve's capabilities: strings, quoted or literal (RFC 5804 §1.7)."""
    return frozenset(found[1].upper() for line in reply.lines if (found := _NAME.match(line)))


def _all(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_NAME = re.compile(r'(?:"|\{[0-9]+\+?\}\r?\n)([A-Za-z0-9-]+)')
_NEVER = re.compile(r"(?!)")

_IMAP_GREETING = Form(_all(r"\* (?:OK|PREAUTH|BYE)\b.*"), _NEVER, _all(r".*"))
_IMAP_LINE = _all(r"[*+] .*|\+|a[0-9] .*")
_IMAP_LAST = _all(r"a[0-9] (?:OK|NO|BAD)\b.*|\* BYE\b.*")
_IMAP_LITERALS = re.compile(rb"\* (?!(?:OK|NO|BAD|BYE|PREAUTH)\b)", re.IGNORECASE)
"""Those lines end in text for people, which may look like a literal and is none (RFC 9051 §9, resp-text)."""
_IMAP_YES = Answer(Form(_IMAP_LINE, _IMAP_LINE, _IMAP_LAST, _IMAP_LITERALS), _all(r"a[0-9] OK\b"))

_POP3_LINE = _all(r"(?:\+OK|-ERR)(?: .*)?")
_POP3_YES = Answer(Form(_POP3_LINE, _NEVER, _all(r".*")), _all(r"\+OK\b"), 0)
_POP3_OFFER = Answer(Form(_POP3_LINE, _all(r".*"), _all(r"\.|-ERR\b.*")), _all(r"\+OK\b"), 0)
"""Of all that we ask POP3, CAPA alone is answered in several lines; a refusal is one (RFC 2449 §5)."""

_SIEVE_LAST = _all(r"(?:OK|NO|BYE)\b.*")
_SIEVE_LINE = _all(r'["{].*|(?:OK|NO|BYE)\b.*')
_SIEVE_YES = Answer(Form(_SIEVE_LINE, _SIEVE_LINE, _SIEVE_LAST, re.compile(rb"")), _all(r"OK\b"))

_READY = Answer(CODED, 220)
_FINE = Answer(CODED, 250)

SMTP = Verbs(_READY, "EHLO {name}", "EHLO {name}", _FINE, "STARTTLS", _READY, "QUIT", extensions)
LMTP = Verbs(_READY, "LHLO {name}", "LHLO {name}", _FINE, "STARTTLS", _READY, "QUIT", extensions)
IMAP = Verbs(
    Answer(_IMAP_GREETING, _all(r"\* (?:OK|PREAUTH)\b")),
    "a1 CAPABILITY",
    "a3 CAPABILITY",
    _IMAP_YES,
    "a2 STARTTLS",
    _IMAP_YES,
    "a4 LOGOUT",
    capabilities,
)
POP3 = Verbs(_POP3_YES, "CAPA", "CAPA", _POP3_OFFER, "STLS", _POP3_YES, "QUIT", extensions, needs_hello=False)
SIEVE = Verbs(_SIEVE_YES, None, None, _SIEVE_YES, "STARTTLS", _SIEVE_YES, "LOGOUT", quoted_names)

VERBS = {
    Protocol.SMTP: SMTP,
    Protocol.SUBMISSION: SMTP,
    Protocol.LMTP: LMTP,
    Protocol.IMAP: IMAP,
    Protocol.POP3: POP3,
    Protocol.SIEVE: SIEVE,
}
