"""TLS reports (RFC 8460): which sessions a sending provider could not secure, and why.

A report comes as JSON, as JSON in gzip, or as a part of a mail. What real reports do differently is taken too: counts
as strings, missing keys, a list of reports, a pasted fragment. No input raises; what is left unread is said.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from msgspec import Struct

from probe.triage.decoding import printable
from probe.triage.mime import counted, mails

JSON_LIMIT = 4 * 1024 * 1024
"""Bytes of one report after decompression. Reports of the largest providers have some hundred kilobytes."""
RAW_LIMIT = 32 * 1024 * 1024
"""Bytes of one file that are looked at: the largest mails that servers take by default."""
DOCUMENTS = 2000
"""Reports in one file that are read: one a line, some years of them."""
MOST = 10**12
"""Sessions that a count may tell of: more than the largest sender has in a year."""
FAILURES = 5000
"""Failures that are told apart."""
VALUE_LIMIT = 1000
"""Characters of one value that are kept."""
SALVAGE_LIMIT = 64 * 1024
"""Bytes of one object that is taken out of a text which is no JSON as a whole."""

_GZIP = b"\x1f\x8b"
_SEPARATORS = re.compile(r"[\s,;\x1e]*")
_DETAIL = {"result-type", "failure-reason-code", "failed-session-count"}
_REPORT = {"organization-name", "report-id", "date-range", "policies"} | _DETAIL | {"failure-details"}
_SIGNS = re.compile(rb'"(?:result-type|policies|failure-details|failed-session-count|failure-reason-code)"\s{0,20}:')

Value = Mapping[str, object]


class ReportedFailure(Struct, frozen=True):
    """One row of "failure-details" (RFC 8460 §4.4) with what stands around it."""

    result_type: str
    """As written: "certificate-expired", …; "" when it is missing."""
    count: int
    """Failed sessions; 1 when no count is given."""
    reason_code: str | None
    additional: str | None
    policy_type: str | None
    """ "tlsa", "sts" or "no-policy-found"."""
    policy_domain: str | None
    sending_mta_ip: str | None
    receiving_mx_hostname: str | None
    receiving_mx_helo: str | None
    receiving_ip: str | None
    organization: str | None
    """Who reports: the sender."""
    first: datetime | None
    last: datetime | None
    text: str
    """One line for the recognisers: result type and reason code as written."""


class Reports(Struct, frozen=True):
    """All reports of a file together."""

    failures: tuple[ReportedFailure, ...]
    succeeded: int
    """Sessions that succeeded, by the summaries."""
    failed: int
    """Sessions that failed, by the summaries: may be more than the details tell."""
    cut: tuple[str, ...]
    """In words, what was left unread."""


def is_report(raw: bytes) -> bool:
    """Whether this is a TLS report, in whatever wrapping."""
    texts, _ = _texts(raw)
    return any(_SIGNS.search(text[:JSON_LIMIT]) for text in texts)


def failures(raw: bytes) -> tuple[ReportedFailure, ...]:
    """Every reported failure of a file."""
    return read(raw).failures


def read(raw: bytes) -> Reports:
    """Every reported failure of a file, how many sessions succeeded and failed, and what was left unread."""
    texts, cut = _texts(raw)
    found: list[ReportedFailure] = []
    succeeded = failed = 0
    for report in (one for text in texts for one in _reports(text)):
        found += _of_report(report)
        for summary in _summaries(report):
            succeeded += _count(summary.get("total-successful-session-count"), 0)
            failed += _count(summary.get("total-failure-session-count"), 0)
    if len(found) > FAILURES:
        cut.append(counted(len(found) - FAILURES, "more failures"))
    return Reports(tuple(found[:FAILURES]), succeeded, failed, tuple(dict.fromkeys(cut)))


def _texts(raw: bytes) -> tuple[list[bytes], list[str]]:
    """The JSON texts in a file: itself, or the parts of a mail; and what was left unread."""
    cut = [counted(len(raw) - RAW_LIMIT, "bytes of the file")] if len(raw) > RAW_LIMIT else []
    raw = raw[:RAW_LIMIT].removeprefix(b"\xef\xbb\xbf")
    pieces = [raw]
    if not raw.startswith(_GZIP) and raw.lstrip()[:1] not in (b"{", b"[", b'"'):
        inside, unread = mails(raw)
        attached = [part.body for mail in inside for part in mail.parts if part.kind.startswith("application/")]
        pieces = attached or [part.body for mail in inside for part in mail.parts]
        cut += unread
    texts = []
    for piece in pieces:
        text, whole = _unpacked(piece)
        texts.append(text)
        cut += [] if whole else [f"what follows the first {JSON_LIMIT // 1024**2} MiB of a report"]
    return texts, cut


def _unpacked(piece: bytes) -> tuple[bytes, bool]:
    """Decompress gzip, at most JSON_LIMIT bytes, and tell whether that is all. A damaged end gives what precedes it."""
    if not piece.startswith(_GZIP):
        return piece[:JSON_LIMIT], len(piece) <= JSON_LIMIT
    unpacking = zlib.decompressobj(wbits=31)
    text = bytearray()
    try:
        for start in range(0, len(piece), 4096):
            text += unpacking.decompress(piece[start : start + 4096], JSON_LIMIT + 1 - len(text))
            if len(text) > JSON_LIMIT:
                return bytes(text[:JSON_LIMIT]), False
            if unpacking.eof:
                break
    except zlib.error:
        pass
    return bytes(text), True


def _reports(text: bytes) -> Iterator[Value]:
    """Yield every JSON object in a text that is a report or a piece of one."""
    words = text.decode("utf-8", "replace").strip()
    read = 0
    for document in _documents(words):
        for one in document if isinstance(document, list) else [document]:
            if isinstance(one, dict) and set(keyed(one)) & _REPORT:
                read += 1
                yield keyed(one)
    if not read:
        yield from _salvaged(words)


def _documents(words: str) -> Iterator[object]:
    """Yield the JSON values that stand one behind the other, until something is no JSON."""
    at = 0
    for _ in range(DOCUMENTS):
        at = _end(_SEPARATORS.match(words, at))
        if at >= len(words):
            return
        document, at = _decoded(words, at)
        if at < 0:
            return
        yield document


def _end(found: re.Match[str] | None) -> int:
    return found.end() if found else 0


def _decoded(words: str, at: int) -> tuple[object, int]:
    """Decode one JSON value and tell where it ends: -1 when it is none, or nested too deep for the decoder."""
    try:
        document, end = json.JSONDecoder().raw_decode(words, at)
    except (ValueError, RecursionError):
        return None, -1
    return document, end


def _salvaged(words: str) -> Iterator[Value]:
    """Yield the rows of details in a text that is no JSON as a whole: cut off, quoted, pasted from the middle."""
    done = 0
    for number, found in enumerate(re.finditer(r'"result-type"', words)):
        start = words.rfind("{", max(done, found.start() - SALVAGE_LIMIT), found.start())
        if number >= DOCUMENTS:
            return
        if start >= 0:
            row, length = _decoded(words[start : start + SALVAGE_LIMIT], 0)
            if isinstance(row, dict) and length > 0:
                done = start + length
                yield keyed(row)


def keyed(value: object) -> dict[str, object]:
    """An object with its keys in the notation of RFC 8460; {} for anything else."""
    if not isinstance(value, dict):
        return {}
    return {str(name).lower().replace("_", "-"): inner for name, inner in value.items()}


def _objects(value: object) -> Iterable[dict[str, object]]:
    """The objects of a list, or the one object that stands where a list should."""
    return map(keyed, value) if isinstance(value, list) else [keyed(value)]


def _summaries(report: Value) -> Iterator[Value]:
    for policy in _objects(report.get("policies")):
        yield keyed(policy.get("summary"))
    yield keyed(report.get("summary"))


def _of_report(report: Value) -> Iterator[ReportedFailure]:
    """Yield the failures of a report, of one of its policies pasted alone, or of a single row."""
    spaces = [*_objects(report.get("policies")), report]
    for space in spaces:
        for row in _objects(space.get("failure-details")):
            if row:
                yield _failure(row, next(iter(_objects(space.get("policy"))), {}), report)
    if set(report) & _DETAIL:
        yield _failure(report, {}, report)


def _failure(row: Value, policy: Value, report: Value) -> ReportedFailure:
    dates = keyed(report.get("date-range"))
    result, reason = _word(row.get("result-type")), _word(row.get("failure-reason-code", row.get("failure-error-code")))
    return ReportedFailure(
        result_type=result or "",
        count=_count(row.get("failed-session-count"), 1),
        reason_code=reason,
        additional=_word(row.get("additional-information", row.get("additional-info-uri"))),
        policy_type=_word(policy.get("policy-type")),
        policy_domain=_word(policy.get("policy-domain")),
        sending_mta_ip=_word(row.get("sending-mta-ip")),
        receiving_mx_hostname=_word(row.get("receiving-mx-hostname")),
        receiving_mx_helo=_word(row.get("receiving-mx-helo")),
        receiving_ip=_word(row.get("receiving-ip")),
        organization=_word(report.get("organization-name")),
        first=_moment(dates.get("start-datetime")),
        last=_moment(dates.get("end-datetime")),
        text=": ".join(filter(None, (result, reason))),
    )


def _word(value: object) -> str | None:
    """A value as one line, None when there is none."""
    if value is None or isinstance(value, dict | list):
        return None
    return " ".join(printable(str(value)[:VALUE_LIMIT]).split()) or None


def _count(value: object, missing: int) -> int:
    """A count that may be written as a string or with a fraction; ``missing`` when it is no number."""
    try:
        return min(max(0, int(float(str(value)[:30]))), MOST)
    except (ValueError, OverflowError):
        return missing


def _moment(value: object) -> datetime | None:
    """A date of RFC 3339 in UTC; None when it is none."""
    try:
        when = datetime.fromisoformat(str(value)[:64].strip())
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
