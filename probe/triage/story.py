"""From a file to messages: a bounce, a TLS report or a log, whatever it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from probe.catalogue.pages import page
from probe.message import Category, Message, Role
from probe.triage import bounce, tlsrpt
from probe.triage.codes import numeric
from probe.triage.diagnosis import Found, diagnose, explained, found, worded
from probe.triage.incidents import Incident, incidents
from probe.triage.interest import ANCHORS, Interests
from probe.triage.lines import Reader
from probe.triage.origin import Origin, peer_of
from probe.triage.reading import Source
from probe.triage.shapes import shape

LOOK, FIRST_LINES = 16 << 10, 6
"""Bytes and lines at the beginning by which a log is known."""
REPORTED = "tls-report-failure"
"""The page of a failure that a TLS report names without a reason."""
PASTE = 32 << 10
"""Characters of a text that is looked at as a whole, such as a traceback."""
SHAPES = 10_000
"""Shapes of incidents that are remembered; then the memory starts anew."""
WHOLE = 16 << 20
"""Bytes of a mail or report that are read: mail servers seldom take larger ones, and a bounce is small."""

_PRIVATE = re.compile(r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----)(?:(?!-----).)*", re.DOTALL)


class Triage(Struct):
    """What one run has read so far."""

    now: datetime
    """The moment that stamps without a year are before."""
    on_progress: Callable[[Source], None] = field(default=lambda _: None)
    notes: list[str] = field(default_factory=list)
    """In sentences, what was not read and why."""

    def messages(self, source: Source) -> Iterator[Message]:
        """Give one message for each failed delivery, reported failure, or incident of a log."""
        head = source.head()
        for message in self._of_kind(source, head):
            yield replace(message, file=source.name)
        self.notes += (f"{source.name}: {problem}." for problem in source.problems)

    def _of_kind(self, source: Source, head: bytes) -> Iterator[Message]:
        if _is_log(head, self.now):
            return self._of_log(source)
        if tlsrpt.is_report(head):
            reports = tlsrpt.read(source.whole(WHOLE))
            self._cut(source, reports.cut)
            if reports.succeeded:
                self.notes.append(f"{source.name}: it also counts {reports.succeeded:,} sessions that succeeded.")
            return _of_reports(reports)
        if bounce.is_mail(head):
            bounces = bounce.read(source.whole(WHOLE))
            self._cut(source, bounces.cut)
            return map(_of_delivery, bounces.deliveries)
        return self._of_paste(source, head) if 0 < len(head) <= PASTE else self._of_log(source)

    def _cut(self, source: Source, words: tuple[str, ...]) -> None:
        self.notes += (f"{source.name}: not read: {what}." for what in words)

    def _of_log(self, source: Source) -> Iterator[Message]:
        interests, remembered = Interests(), _Remembered()
        failed = False
        for incident in incidents(self._watched(source), ANCHORS, interests, self.now):
            failed = True
            yield remembered.message(incident)
        if not failed:
            yield from _of_text(source.head(), interests.harmless)

    def _of_paste(self, source: Source, head: bytes) -> Iterator[Message]:
        """A dialogue, say: it may tell as a whole what none of its lines tells."""
        by_line = tuple(self._of_log(source))
        whole = diagnose(_readable(head))
        told = any(message.category is not Category.UNDETERMINED for message in by_line)
        tells = whole.tells_of_tls and whole.category is not Category.UNDETERMINED
        yield from (whole,) if tells and not told else by_line

    def _watched(self, source: Source) -> Iterator[bytes]:
        for block in source.blocks():
            self.on_progress(source)
            yield block


def _is_log(head: bytes, now: datetime) -> bool:
    """Whether the text begins with lines that bear a time: a log may quote a bounce or a report anywhere."""
    lines = [line for line in head[:LOOK].decode("utf-8", "replace").splitlines() if line.strip()][:FIRST_LINES]
    reader = Reader(now)
    stamped = sum(1 for line in lines if reader.line(line).time)
    return stamped > len(lines) // 2


def _of_reports(reports: tlsrpt.Reports) -> Iterator[Message]:
    """One message for each failure that is told, and one for those that are only counted."""
    yield from (_of_report(failure) for failure in reports.failures if failure.count)
    untold = reports.failed - sum(failure.count for failure in reports.failures)
    if untold > 0:
        yield replace(_counted(Message("sessions that failed", Category.UNDETERMINED, role=Role.CLIENT)), count=untold)


def _counted(message: Message) -> Message:
    """A failure of a report that no other page explains."""
    return explained(message, page(REPORTED))


def _readable(head: bytes) -> str:
    """A paste as text, without the private keys that stand in it: it is quoted in what we say."""
    return _PRIVATE.sub(r"\1\n(not repeated)", head.decode("utf-8", "backslashreplace").strip())


def _of_text(head: bytes, harmless: str) -> Iterator[Message]:
    """What a text says of which no line fails by itself: a paste as a whole; else the first line that is no failure."""
    text = _readable(head)
    paste = diagnose(text) if 0 < len(text) <= PASTE else None
    if paste and paste.tells_of_tls:
        yield paste
    elif harmless:
        yield diagnose(harmless)
    elif paste:
        yield paste


def _of_delivery(delivery: bounce.Delivery) -> Message:
    peer = peer_of(delivery.remote_mta, delivery.remote_address)
    status = f"\nStatus: {delivery.status}" if delivery.status and delivery.status not in delivery.text else ""
    bounced = delivery.recipient or delivery.action or delivery.software  # else it is a mail that quotes who knows what
    role = Role.CLIENT if bounced else Role.UNKNOWN
    message = diagnose(delivery.text + status, Origin(delivery.software, role, peer))
    recipients = (delivery.recipient,) if delivery.recipient else ()
    if not bounced and not message.codes:  # words of a letter, not of a program
        message = replace(message, about_tls=False)
    return replace(message, text=delivery.text, first=delivery.date, last=delivery.date, recipients=recipients)


def _of_report(failure: tlsrpt.ReportedFailure) -> Message:
    host = failure.receiving_mx_hostname or failure.policy_domain
    peer = peer_of(host, failure.receiving_ip)
    message = diagnose(f"result-type: {failure.text}", Origin(failure.organization, Role.CLIENT, peer))
    message = message if message.page else _counted(message)
    return replace(message, text=failure.text, count=failure.count, first=failure.first, last=failure.last)


class _Remembered:
    """What was found in incidents of the same shape: a log repeats a few thousands of times."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], Found] = {}

    def message(self, incident: Incident) -> Message:
        lines = "\n".join(incident.lines)
        text = f"{incident.program}: {lines}" if incident.program else lines
        shapes = tuple(shape(line.encode("utf-8", "surrogatepass")) for line in text.lower().split("\n"))
        key = (shapes, tuple(symptom for symptom, _ in numeric(text)))
        if key not in self._found:
            if len(self._found) >= SHAPES:
                self._found.clear()
            self._found[key] = found(text)
        message = worded(text, self._found[key])
        return replace(message, text=lines, line=incident.line, first=incident.first, last=incident.last)
