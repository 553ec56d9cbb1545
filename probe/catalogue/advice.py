"""Words for findings: the head of a page, its slots filled with the facts of one finding.

The values come from the network and from certificates, so they are hostile. In a sentence whatever does not print is
shown as an escape and long values are cut; in a command every value is one word of a POSIX shell.
"""

from __future__ import annotations

import re
import shlex
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from msgspec.structs import replace

from probe.catalogue.pages import DEFAULT, UnknownPageError, page
from probe.catalogue.protocols import spoken_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from probe.model import Finding

SMTP = "smtp"
"""The protocol of which the pages speak."""

UNKNOWN = "unknown"
"""What a slot without a value says; tests/catalogue/test_pages.py keeps it from being needed."""

COMMAND = "$ "
"""What a line of a fix begins with when it is a command."""

LONGEST = 512
"""Characters of one value in a sentence: a whole reply line (RFC 5321 §4.5.3.1.5), and no screen full of a name."""

LABELS: Mapping[str, Mapping[str, str]] = {
    "stage": {
        "dns": "the look-up in DNS",
        "connect": "the connection",
        "greeting": "the greeting",
        "ehlo": "the answer to EHLO",
        "starttls": "the answer to STARTTLS",
        "handshake": "the TLS handshake",
        "ehlo-tls": "the answer to EHLO inside TLS",
        "done": "the end",
    },
    "service": {"smtp": "an SMTP", "imap": "an IMAP", "pop3": "a POP3", "sieve": "a ManageSieve"},
    "seconds": {"0": "less than 1"},
    "where": {"cache": "kept from an earlier run"},
    "consequence": {
        "enforce": "Senders that honour MTA-STS do not deliver to this host; if no other is right, mail is returned",
        "testing": "Senders that honour MTA-STS deliver all the same and report it; in mode enforce they would refuse",
    },
}
"""Slot → a rule's word for programs → the word for people."""

_SLOT = re.compile(r"\{([a-z_]+)\}")
_SPOKEN = re.compile(r"""\{([a-z_]+)\}("?)([.,:;?!)]?)(\Z)?""")
"""A slot in a sentence, with the quotation mark and the punctuation behind it."""
_APPOSITION = re.compile(r"#\d+ of \d+, ")
"""How a rule points at a certificate, '#2 of 3, "Example R3"': a comma closes what a comma opened."""
_LINE_END = re.compile(r"\r\n?|\n")
_ADDRESS = re.compile(r"[0-9.]+|.*:.*")
_COMMAND_SLOT = re.compile(r" ?\{([a-z_]+)\}")
_STARTTLS = re.compile(r"-starttls [a-z0-9]+")
"""A value that is more than one word of a command; it comes from our own table of protocols."""

_Words = TypeVar("_Words")


def worded(finding: Finding, slots: Mapping[str, str], voice: str = "") -> Finding:
    """Return the finding with summary and fix filled in from its page; unchanged where it has none.

    ``slots`` holds what is known of the endpoint (host, port, endpoint, name, starttls, sni, protocol, and connect, the
    endpoint as other programs than ours must be told it); a fact of the same name goes before. Two slots are made here:
    ``number``, the first position of the finding as people count, and ``servername``, the words that let s_client name
    the host as we did, if at all. The words are those of ``facts["case"]``, else those of the confidence, else those of
    "is". ``voice`` says who presented the certificates where it was no server, "file" or "client": such words go before
    the others of the same key.
    """
    try:
        this = page(finding.page)
    except UnknownPageError:
        return finding
    number = {"number": str(finding.positions[0] + 1)} if finding.positions else {}
    protocol = slots.get("protocol", SMTP)
    values = ChainMap(_shown(finding.facts, protocol), number, dict(slots))
    fix = tuple(_line(_called(line, voice), values) for line in _advised(_choose(this.fix, finding, voice), protocol))
    summary = _sentence(spoken_of(protocol, _choose(this.summary, finding, voice)), values)
    return replace(finding, summary=summary, fix=fix)


def _advised(lines: Iterable[str], protocol: str) -> Iterator[str]:
    """Say the lines of a fix as is right for the protocol; a line that introduces nothing any more has no commands."""
    kept = True
    for line in lines:
        command = line.startswith(COMMAND)
        said = line if command else spoken_of(protocol, line)
        kept = kept if command else line.endswith(":") == said.endswith(":")
        if said and (kept or not command):
            yield said


def names(template: str) -> frozenset[str]:
    """Return the names of the slots that a template uses."""
    return frozenset(_SLOT.findall(template))


LOOK = "smtp-chaincheck {endpoint}"
"""What a command begins with that looks at a server."""
CALLS = {"file": "smtp-chaincheck file {path}", "client": "smtp-chaincheck file --as client {path}"}
"""Who presented the certificates → what looks at them in its place."""
CHAIN = "chain.pem"
"""What pages and recipes call the file of the mended list."""
MENDED = "mended.pem"
"""What it is called beside a file: chain.pem is certbot's own."""


def _called(line: str, voice: str) -> str:
    """A command that looks at what was looked at, be it no server."""
    if voice not in CALLS or not line.startswith(COMMAND):
        return line
    return line.replace(LOOK, CALLS[voice]).replace(f"--write-chain {CHAIN}", f"--write-chain {MENDED}")


def _choose(words: Mapping[str, _Words], finding: Finding, voice: str) -> _Words:
    keys = (str(finding.facts.get("case", "")), str(finding.confidence), DEFAULT)
    wanted = (name for key in keys for name in (f"{voice}/{key}", key))
    return next(words[name] for name in wanted if name in words)


def _shown(facts: Mapping[str, object], protocol: str) -> dict[str, str]:
    """Facts as text; one that is None or empty is left out, and so reads as unknown."""
    texts = ((name, _text(value)) for name, value in facts.items())
    return {name: _labelled(name, text, protocol) for name, text in texts if text}


def _labelled(name: str, text: str, protocol: str) -> str:
    label = LABELS.get(name, {}).get(text)
    return text if label is None else spoken_of(protocol, label)


def _text(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return ", ".join(_text(part) for part in value) if isinstance(value, Iterable) else str(value)


def _line(template: str, values: Mapping[str, str]) -> str:
    return (_command if template.startswith(COMMAND) else _sentence)(template, values)


def _sentence(template: str, values: Mapping[str, str]) -> str:
    return _SPOKEN.sub(lambda found: _punctuated(found, _prose(values.get(found[1], UNKNOWN))), template)


def _punctuated(found: re.Match[str], value: str) -> str:
    """No second full stop where the value brings one; a comma behind an apposition that the sentence goes on from."""
    quote, mark, end = found[2], found[3], found[4]
    if mark == "." and value.endswith((".", "!", "?")):
        mark = ""
    elif not mark and end is None and _APPOSITION.match(value):
        mark = ","
    return value + quote + mark


def _command(template: str, values: Mapping[str, str]) -> str:
    if "connect" in values:
        template = template.replace("-connect {endpoint}", "-connect {connect}")
    return _COMMAND_SLOT.sub(lambda found: _words(found, values), template)


def _prose(value: str) -> str:
    """One line of printable text: line ends become " / ", other things that do not print become escapes."""
    line = _LINE_END.sub(" / ", value.rstrip("\r\n")) if len(value) <= LONGEST else value[: LONGEST - 1] + "…"
    return _printable(line, _escape)


def _escape(letter: str) -> str:
    r"""As probe/render/clean.py writes it: "\x1b", and a byte that was no text (PEP 383) as the byte, "\xff"."""
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape").decode("ascii")


def _words(found: re.Match[str], values: Mapping[str, str]) -> str:
    """Fill one slot of a command: a word that a shell takes as it stands and no program takes for an option."""
    lead, value = found[0][: found.start(1) - found.start() - 1], values.get(found[1], UNKNOWN)
    if found[1] == "starttls":
        return lead + value if _STARTTLS.fullmatch(value) else ""
    if found[1] == "servername":
        named = values["connect"].rpartition(":")[0] if "connect" in values else values.get("host", "")
        return _servername(values.get("sni", ""), named)
    return lead + _word(value, first=bool(lead))


def _servername(sni: str, host: str) -> str:
    """Return what s_client must be told to send the name that we sent: it sends its host, unless that is an address."""
    if sni == host or (not sni and _ADDRESS.fullmatch(host)):
        return ""
    return f" -servername {_word(sni, first=True)}" if sni else " -noservername"


def _word(value: str, *, first: bool) -> str:
    word = _printable(value, lambda _: "_")
    return shlex.quote("./" + word if first and word.startswith("-") else word)


def _printable(text: str, instead: Callable[[str], str]) -> str:
    """Replace what is a control, format (bidi among them), surrogate or odd space character: see str.isprintable."""
    return "".join(letter if letter.isprintable() else instead(letter) for letter in text)
