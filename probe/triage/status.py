"""Delivery status fields (RFC 3464, RFC 6533): one block a recipient, and what the values mean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from msgspec import Struct

from probe.triage.decoding import encoded_words, printable
from probe.triage.mime import Fields
from probe.triage.origin import address_of

BLOCKS = 2000
"""Blocks of one status that are read: four times the recipients that we tell apart."""
VALUE_LIMIT = 16 * 1024
"""Characters of one field: a Diagnostic-Code that quotes a whole reply."""

_NAME = re.compile(r"([A-Za-z][A-Za-z0-9-]{0,60})\s?:")
_FIELDS = frozenset(
    {
        "reporting-mta",
        "dsn-gateway",
        "received-from-mta",
        "arrival-date",
        "original-envelope-id",
        "original-recipient",
        "final-recipient",
        "action",
        "status",
        "remote-mta",
        "diagnostic-code",
        "last-attempt-date",
        "final-log-id",
        "will-retry-until",
        "localized-diagnostic",
        "smtp-remote-recipient",
    }
)
_RECIPIENT = frozenset({"final-recipient", "original-recipient", "action", "status", "diagnostic-code", "remote-mta"})
_TYPED = re.compile(r"\s*([A-Za-z0-9-]{1,60})\s*;\s*(.*)", re.DOTALL)
_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\s*(?:\((.*)\))?", re.DOTALL | re.ASCII)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_BRACKETED = re.compile(r"(?P<host>[\w.-]{1,255})?\s?[\[(](?:IPv6:)?(?P<address>[0-9A-Fa-f:.]{3,45})[\]),]")
_BARE = re.compile(
    r"\b(?:connected to|connect to|giving up on|failed to connect to)\s(?P<address>[0-9A-Fa-f:.]{3,45})"
    r"|^(?P<start>[0-9.]{7,15}) (?:does not like|failed after)",
    re.IGNORECASE | re.MULTILINE,
)
_TALKING = re.compile(
    r"(?:while talking to|read error from|reset by|timed out with|remote server:) ?(?P<host>[\w.-]{1,255})",
    re.IGNORECASE,
)
_WRITERS = (
    ("postfix", "received", r"\(Postfix\)|by \S+ \(Postfix"),
    ("exim", "received", r"\(Exim [\d.]"),
    ("qmail", "received", r"\(qmail \d+ invoked for bounce"),
    ("haraka", "received", r"\(Haraka "),
    ("opensmtpd", "received", r"\(OpenSMTPD\)"),
    ("exim", "content-type", r"-eximdsn-"),
    ("courier", "content-type", r"=_courier"),
    ("exchange", "x-ms-exchange-message-is-ndr", r""),
    ("exchange", "content-type", r"\.(?:outlook|exchangelabs)\.com"),
    ("gmail", "from", r"mailer-daemon@(?:googlemail|google)\.com"),
    ("sendmail", "received", r"by \S{1,255} \((?:8\.\d+\.\d+)[^)]{0,60}/"),
)
"""What wrote a bounce: software, header field, words in it."""
_COMPILED = tuple((software, name, re.compile(words, re.IGNORECASE)) for software, name, words in _WRITERS)


class Delivery(Struct, frozen=True):
    """One recipient who could not be reached, or not yet; or one failure that somebody quotes."""

    text: str
    """What the server says: unfolded, decoded, without quoting marks; a line for each sentence or reply."""
    reporting_mta: str | None = None
    """Host that wrote the bounce."""
    remote_mta: str | None = None
    """Host with which it spoke."""
    remote_address: str | None = None
    recipient: str | None = None
    action: str | None = None
    """RFC 3464 §2.3.3, in lower case: "failed", "delayed", …"""
    status: str | None = None
    """Enhanced status code (RFC 3463)."""
    diagnostic_type: str | None = None
    """In lower case: "smtp", "x-postfix", …"""
    date: datetime | None = None
    """Last attempt, else arrival, else the mail's own date; UTC."""
    software: str | None = None
    """What wrote the bounce: "postfix", "exim", "sendmail", "qmail", "courier", "exchange", "gmail", …"""


def recipients(status: str) -> Iterator[Delivery]:
    """Yield one Delivery for each block of a recipient."""
    common: dict[str, str] = {}
    for block in _blocks(status):
        if not _RECIPIENT & set(block):
            common = {**common, **block}
            continue
        common |= {name: block[name] for name in ("reporting-mta", "arrival-date") if name in block}
        yield _delivery({**common, **block})


def _blocks(status: str) -> Iterator[dict[str, str]]:
    """Yield the fields of each block. A field that comes again begins a block, as a blank line does."""
    block: dict[str, str] = {}
    name, count = "", 0
    for line in status.split("\n"):
        found = _NAME.match(line)
        field = found[1].lower() if found else ""
        if found and (field in _FIELDS or field.startswith("x-")):
            if field in block and field in _RECIPIENT:
                yield block
                block, count = {}, count + 1
            name = field
            block[name] = line[found.end() :].strip()[:VALUE_LIMIT]
        elif line.strip() and name:
            block[name] = (
                f"{block[name]} {line.strip()}"[:VALUE_LIMIT] if len(block[name]) < VALUE_LIMIT else block[name]
            )
        elif block:
            yield block
            block, name, count = {}, "", count + 1
        if count >= BLOCKS:
            return
    if block:
        yield block


def _delivery(fields: Mapping[str, str]) -> Delivery:
    diagnostic_type, diagnostic = typed(encoded_words(fields.get("diagnostic-code", "")))
    status = _STATUS.match(fields.get("status", ""))
    host, address = named_host(fields.get("remote-mta", ""))
    times = (moment(fields.get(name, "")) for name in ("last-attempt-date", "arrival-date"))
    comment = status[2].strip() if status and status[2] else ""
    return Delivery(
        text="\n".join(filter(None, (" ".join(diagnostic.split()), comment))),
        reporting_mta=named_host(fields.get("reporting-mta", ""))[0],
        remote_mta=host,
        remote_address=address,
        recipient=mailbox(fields.get("final-recipient") or fields.get("original-recipient") or "") or None,
        action=(fields.get("action", "").split() or [""])[0].lower() or None,
        status=status[1] if status else None,
        diagnostic_type=diagnostic_type,
        date=next(filter(None, times), None),
        software="postfix" if any(name.startswith("x-postfix") for name in fields) else None,
    )


def typed(value: str) -> tuple[str | None, str]:
    """Split "smtp; 550 no" into its type, in lower case, and the rest; a value without type has None."""
    found = _TYPED.match(value)
    return (found[1].lower(), found[2]) if found else (None, value)


def without_type(value: str) -> str:
    """The value behind "dns;" and its like."""
    return typed(value)[1].strip()


def mailbox(value: str) -> str:
    """An address behind its type, without brackets: xtext (RFC 3461 §4) and RFC 6533's hexadecimal forms decoded."""
    address = without_type(encoded_words(value)).strip("<> ")
    address = printable(_UNICODE.sub(lambda found: chr(min(int(found[1], 16), 0x10FFFF)), address))
    if "@" not in address:
        address = _XTEXT.sub(lambda found: chr(int(found[1], 16)), address)
    return address


def named_host(value: str) -> tuple[str | None, str | None]:
    """Host and address of "dns; mx.example.com", "mx.example.com [192.0.2.1]" or "192.0.2.1"."""
    value = without_type(value)
    first = value.split()[0].strip("[]()") if value.split() else ""
    if address := address_of(first):
        return None, address
    found = _BRACKETED.search(value[:1000])
    return first.rstrip(".") or None, (address_of(found["address"]) or None) if found else None


def peer_of(text: str, remote: str | None) -> tuple[str | None, str | None]:
    """Host and address of the other side as the text tells them. ``remote``: the host, where a field told it.

    An address counts beside the name of a host: "Client host [192.0.2.1] blocked" is about somebody else.
    """
    for found in _BRACKETED.finditer(text):
        host, address = (found["host"] or "").rstrip("."), address_of(found["address"].rstrip(".:"))
        if address and "." in host and (not remote or host.lower() == remote.lower()):
            return host, address
    host = next((found["host"].rstrip(".") for found in _TALKING.finditer(text)), "") or None
    bare = ((found["address"] or found["start"]).rstrip(".:;") for found in _BARE.finditer(text))
    return host, next(filter(None, map(address_of, bare)), None)


def moment(value: str) -> datetime | None:
    """A date of RFC 5322 in UTC; None when it is none."""
    try:
        when = parsedate_to_datetime(value[:200])
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def software_of(fields: Fields, delivery: Delivery | None) -> str | None:
    """What wrote a bounce, as far as its header tells. The last Received line is the oldest: its writer's own."""
    if delivery and (delivery.software or (delivery.diagnostic_type or "") == "x-postfix"):
        return delivery.software or "postfix"
    for software, name, words in _COMPILED:
        values = fields.get(name, [])
        if any(words.search(value) for value in (values[-2:] if name == "received" else values[:1])):
            return software
    return None
