"""The words of the protocols that mail programs speak: rows of ``verbs``, which has the table of all."""

from __future__ import annotations

import re

from probe.model import Protocol, Reply
from probe.wire.replies import Form
from probe.wire.verbs import Answer, Verbs, extensions


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

PROGRAMS = {Protocol.IMAP: IMAP, Protocol.POP3: POP3, Protocol.SIEVE: SIEVE}
