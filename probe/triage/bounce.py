"""Bounces: which recipient a mail server could not reach, and what it says about it.

Read are delivery status notifications (RFC 3464, RFC 6533) and the sentences that servers write for people, wherever
they stand: in the mail itself, in a forwarded mail, quoted, as HTML, in an mbox. The mail that a bounce returns is no
part of the diagnosis and is left out. No input raises, and what is left unread is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from probe.triage import plain
from probe.triage.decoding import html_text, lines_unified
from probe.triage.mime import Fields, Mail, counted, header, mails
from probe.triage.status import Delivery, moment, peer_of, recipients, software_of

__all__ = ["Bounces", "Delivery", "deliveries", "is_mail", "read"]

TEXT_LIMIT = 8000
"""Characters of one diagnosis. A reply of 50 lines, and the dialogue before it, stay below."""
DELIVERIES = 500
"""Recipients of one bounce that are told apart: more than a mail server puts into one (Postfix: 50 by default)."""
MAILS = 1000
"""Mails of one mbox that are read. Who has more bounces than that has one problem a thousand times."""
HEAD = 64 * 1024
"""Bytes at the beginning by which a mail is told from a log."""
OPENING_LINES = 40
"""Lines in which a bounce without header says what it is."""

_ENVELOPE = re.compile(rb"(?:\A|\n)\n?From [^\n]{1,300}[0-9]{4}[^\n]{0,30}(?=\n)")
_KNOWN = frozenset(
    {
        "from",
        "to",
        "subject",
        "date",
        "received",
        "return-path",
        "message-id",
        "mime-version",
        "content-type",
        "delivered-to",
        "sender",
        "reply-to",
        "cc",
        "auto-submitted",
        "references",
        "x-failed-recipients",
        "authentication-results",
        "dkim-signature",
        "arc-seal",
        "envelope-to",
    }
)
_STATUS_FIELDS = frozenset(
    {
        "reporting-mta",
        "final-recipient",
        "original-recipient",
        "diagnostic-code",
        "remote-mta",
        "last-attempt-date",
        "action",
    }
)
_INLINE = re.compile(r"(?:Reporting-MTA|Final-Recipient|Original-Recipient|Diagnostic-Code)\s?:", re.IGNORECASE)


class Bounces(Struct, frozen=True):
    """What a mail, or an mbox, tells of failed deliveries."""

    deliveries: tuple[Delivery, ...]
    cut: tuple[str, ...]
    """In words, what was left unread: "12 345 more parts"."""


def is_mail(raw: bytes) -> bool:
    """Whether this looks like a mail, an mbox, or a bounce pasted without its header, rather than like a log."""
    head = lines_unified(raw[:HEAD]).lstrip(b"\n \t>")
    names = set(header(head)[0])
    if len(names & _KNOWN) >= 2 or names & {"reporting-mta", "final-recipient", "diagnostic-code"}:
        return True
    if head.startswith(b"From ") and _ENVELOPE.match(head):
        return True
    lines = plain.unquoted(head.decode("utf-8", "replace"))
    opening = [line for line in lines if line.strip()][:OPENING_LINES]
    return any(map(plain.opens_bounce, opening)) or sum(bool(_INLINE.match(line.strip())) for line in lines) >= 2


def deliveries(raw: bytes) -> tuple[Delivery, ...]:
    """Every failed or delayed delivery that a mail, or an mbox, tells of."""
    return read(raw).deliveries


def read(raw: bytes) -> Bounces:
    """Every failed or delayed delivery, and what was left unread. A mail that is no bounce gives its text."""
    found: list[Delivery] = []
    ordinary: list[Delivery] = []
    cut: list[str] = []
    pieces, more = _mbox(raw)
    for piece in pieces:
        inside, unread = mails(piece)
        told = [delivery for mail in inside for delivery in _told(mail)]
        found += told
        ordinary += [] if told else _text(inside[0])
        cut += [*unread, *_unread_lines(inside)]
    if more:
        cut.append(counted(more, "more mails"))
    kept = list(dict.fromkeys(found or ordinary))
    if len(kept) > DELIVERIES:
        cut.append(counted(len(kept) - DELIVERIES, "more recipients"))
    shortened, long = _shortened(kept[:DELIVERIES])
    return Bounces(shortened, tuple(dict.fromkeys([*cut, *long])))


def _unread_lines(inside: Iterable[Mail]) -> list[str]:
    """Say how many lines of long texts nobody looked at."""
    texts = [part.body for mail in inside for part in mail.parts if part.kind.startswith("text/")]
    more = sum(max(0, body.count(b"\n") - plain.LINES) for body in texts)
    return [counted(more, "lines of long texts")] if more else []


def _shortened(kept: Sequence[Delivery]) -> tuple[tuple[Delivery, ...], list[str]]:
    """Cut long texts, and say how much went."""
    more = sum(max(0, len(one.text) - TEXT_LIMIT) for one in kept)
    cut = [counted(more, "characters of long texts")] if more else []
    return tuple(replace(one, text=one.text[:TEXT_LIMIT]) for one in kept), cut


def _mbox(raw: bytes) -> tuple[list[bytes], int]:
    """Cut an mbox into its mails, and count those beyond MAILS. Any other file is one mail."""
    if not raw[:1024].lstrip().startswith(b"From "):
        return [raw], 0
    raw = lines_unified(raw).lstrip()
    starts = [found.start() for found in _ENVELOPE.finditer(raw)] or [0]
    ends = [*starts[1:], len(raw)]
    pieces = [raw[start:end] for start, end in zip(starts[:MAILS], ends[:MAILS], strict=True)]
    return pieces, max(0, len(starts) - MAILS)


def _told(mail: Mail) -> list[Delivery]:
    """What one mail tells: by its status fields, and by its words for what they lack."""
    lines = _lines(mail)
    statuses = [part.text for part in mail.parts if part.kind.endswith("delivery-status")]
    statuses += [inline] if not statuses and (inline := _inline(lines)) else []
    if not statuses and set(mail.fields) & _STATUS_FIELDS:
        statuses = ["\n".join([*(f"{name}: {value}" for name in mail.fields for value in mail.fields[name]), *lines])]
    said = plain.failures(lines)
    found = [delivery for status in statuses for delivery in recipients(status)]
    if not found:
        return [_in_words(failure, mail) for failure in said if failure.text] or _unnamed(mail, lines)
    words: dict[str | None, list[plain.Failure]] = {}
    for failure in said:
        words.setdefault(_folded(failure.recipient), []).append(failure)
    only = list(said) if len(found) == len(said) == 1 else []
    return [_with_words(one, mail, words.get(_folded(one.recipient)) or only, lines) for one in found]


def _folded(recipient: str | None) -> str | None:
    return recipient.lower() if recipient else None


def _unnamed(mail: Mail, lines: Sequence[str]) -> list[Delivery]:
    """A bounce of a server that we do not know: its sender or its header says that it is one."""
    if not _is_from_server(mail.fields):
        return []
    blocks = [(who, "\n".join(plain.unfolded(reason))) for who, reason in plain.recipients(lines) if reason]
    named = [plain.Failure(who, reason, None, None, None) for who, reason in blocks]
    return [_in_words(failure, mail) for failure in named]


def _is_from_server(fields: Fields) -> bool:
    sender = " ".join(fields.get("from", ()))[:500].lower()
    return "mailer-daemon" in sender or "postmaster" in sender or fields.get("return-path", [""])[0].strip() == "<>"


def _lines(mail: Mail) -> list[str]:
    """The words of a mail: its plain texts, or else its HTML, or else what stands before the first boundary."""
    for kinds in (("text/plain",), ("text/html",), ("text/",), ("preamble",)):
        texts = [part for part in mail.parts if part.kind.startswith(kinds)]
        lines = plain.unquoted("\n".join(html_text(p.text) if p.kind == "text/html" else p.text for p in texts))
        if any(line.strip() for line in lines):
            return lines
    return []


def _inline(lines: Sequence[str]) -> str:
    """Status fields that stand in the text, from the first of them on."""
    start = next((number for number, line in enumerate(lines) if _INLINE.match(line.strip())), None)
    return "" if start is None else "\n".join(lines[start:])


def _with_words(delivery: Delivery, mail: Mail, said: Sequence[plain.Failure], lines: Sequence[str]) -> Delivery:
    """Add what the server wrote for people about the same recipient, and what the header tells."""
    text = _joined([*delivery.text.split("\n"), *(line for words in said for line in words.text.split("\n"))])
    if not text:
        text = "\n".join(plain.unfolded([line for line in lines if not _INLINE.match(line.strip())]))
    software = software_of(mail.fields, delivery) or next((words.software for words in said), None)
    reporting = delivery.reporting_mta or next((words.reporting_mta for words in said), None)
    return _completed(replace(delivery, text=text, software=software, reporting_mta=reporting), mail.fields)


def _joined(lines: Iterable[str]) -> str:
    """Each thing once: a line that another one contains is left out."""
    kept: list[str] = []
    for line in filter(None, lines):
        if not any(line in other for other in kept):
            kept = [other for other in kept if other not in line]
            kept.append(line)
    return "\n".join(kept)


def _in_words(failure: plain.Failure, mail: Mail) -> Delivery:
    software = failure.software or software_of(mail.fields, None)
    delivery = Delivery(
        failure.text, failure.reporting_mta, recipient=failure.recipient, action=failure.action, software=software
    )
    return _completed(delivery, mail.fields)


def _text(mail: Mail) -> list[Delivery]:
    """The readable text of a mail that is no bounce."""
    text = "\n".join(line.rstrip() for line in _lines(mail)).strip() or " ".join(mail.fields.get("subject", ()))
    return [_completed(Delivery(text), mail.fields)] if text else []


def _completed(delivery: Delivery, fields: Fields) -> Delivery:
    """Fill in from the text what no field tells: the peer, the status code, the time."""
    host, address = peer_of(delivery.text, delivery.remote_mta)
    code = re.search(r"(?<![\d.])[245]\.\d{1,3}\.\d{1,3}(?![\d]|\.\d)", delivery.text, re.ASCII)
    return replace(
        delivery,
        remote_mta=delivery.remote_mta or host,
        remote_address=delivery.remote_address or address,
        status=delivery.status or (code[0] if code else None),
        date=delivery.date or _first_moment(fields.get("date", ())),
    )


def _first_moment(values: Iterable[str]) -> datetime | None:
    return next(filter(None, map(moment, values)), None)
