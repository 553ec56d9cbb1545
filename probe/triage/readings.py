"""What a single word or number that a user types may mean: every reading, the likeliest first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from probe.catalogue import numbers
from probe.catalogue.numbers import Reason, Verify
from probe.message import Reading
from probe.triage.meaning import ALERT_OFFSET, alert_of, dated, library_of, newest, symptom_of
from probe.triage.numeric import verdict

LONGEST = 80
"""Characters of a word that is looked up; the longest constant has 60."""
_NUMBER = re.compile(r"-?\d{1,10}")
_HEX = re.compile(r"(?:0x)?[0-9A-F]{8}", re.IGNORECASE)
_STATUS = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_REPLY = re.compile(r"[245][0-5]\d")
_SSL = 20


def readings(word: str) -> tuple[Reading, ...]:
    """Return what a word may mean, the likeliest first; empty for a word that no table has."""
    word = word.strip().strip("[]()'\",;")
    if not word or len(word) > LONGEST:
        return ()
    if _STATUS.fullmatch(word):
        return (Reading("enhanced status code (RFC 3463)", word, "", numbers.status(word), f"status:{word}"),)
    found: list[Reading] = []
    if _HEX.fullmatch(word):
        found += _windows(int(word, 16))
    if _NUMBER.fullmatch(word):
        found += _of_number(int(word))
    return tuple(dict.fromkeys(found or _of_name(word)))


def _of_number(number: int) -> Iterator[Reading]:
    """X509 first: it is what programs print as a bare number most often."""
    yield from _verdicts(numbers.verify(number))
    yield from _alert(number)
    if number > 0:
        yield from _gnutls(-number)
    yield from _gnutls(number)
    yield from _nss(number)
    yield from _windows(number) if number < 0 or number >> 31 else ()
    yield from _reasons_of_tls(number)
    yield from _library(number)
    if _REPLY.fullmatch(str(number)):
        yield Reading("SMTP reply code", str(number), "", "", f"reply:{number}")


def _of_name(word: str) -> Iterator[Reading]:
    yield from _verdicts(numbers.verify_by_name(word) or numbers.verify_by_text(word))
    if named := numbers.alert_by_name(word):
        yield from _alert(named.number)
    upper = word.upper()
    yield from _gnutls(upper if upper.startswith("GNUTLS_E_") else f"GNUTLS_E_{upper}")
    yield from _nss(upper)
    yield from _windows(upper)
    reasons = numbers.reasons_by_name(re.sub(r"^ERR_SSL_", "", upper))
    for library in dict.fromkeys(map(library_of, reasons)):
        same = [row for row in reasons if library_of(row) == library]
        if not named or alert_of(same[0]) is None:
            yield from _reason(same)


def _verdicts(rows: Sequence[Verify]) -> Iterator[Reading]:
    """One reading for a name and number, in the newest wording."""
    for name, number in dict.fromkeys((row.name, row.number) for row in rows):
        same = [row for row in rows if (row.name, row.number) == (name, number)]
        versions = {version for row in same for version in row.versions}
        owner = "LibreSSL" if versions == {"LibreSSL"} else dated(versions - {"LibreSSL"}) or "OpenSSL"
        symptom = verdict(number, same[0].text) if number else None
        yield Reading(f"X509 verification error ({owner})", str(number), name, same[0].text, symptom)


def _alert(number: int) -> Iterator[Reading]:
    if row := numbers.alert(number):
        yield Reading("TLS alert", str(number), row.name, next(iter(row.texts), ""), f"alert:{number}")


def _gnutls(key: int | str) -> Iterator[Reading]:
    row = numbers.gnutls(key)
    if row and row.number:
        yield Reading("GnuTLS error", str(row.number), row.name, row.text, f"gnutls:{row.number}")


def _nss(key: int | str) -> Iterator[Reading]:
    if row := numbers.nss(key):
        yield Reading("NSS error", str(row.number), row.name, row.text, f"nss:{row.number}")


def _windows(key: int | str) -> Iterator[Reading]:
    if row := numbers.hresult(key):
        digits = f"0x{row.number:08X}"
        yield Reading("Windows error (Schannel, CryptoAPI)", digits, row.name, "", f"hresult:{digits}")


def _reasons_of_tls(number: int) -> Iterator[Reading]:
    """Every meaning that a number of the SSL library had, the newest first."""
    if 100 <= number < ALERT_OFFSET + 256:
        rows = [row for era in (numbers.NEW, numbers.OLD) for row in reversed(numbers.reasons(era, _SSL, number))]
        for name in dict.fromkeys(row.name for row in rows):
            yield from _reason([row for row in rows if row.name == name])


def _reason(same: Sequence[Reason]) -> Iterator[Reading]:
    """One reading for the reasons of a name and library, in the newest wording."""
    row = newest(same)
    if row:
        library = library_of(row)
        forks = {numbers.LIBRESSL: "LibreSSL", numbers.BORINGSSL: "BoringSSL"}
        numbered = (mine for mine in same if mine.era not in forks and mine.number == row.number)
        owner = forks.get(row.era) or dated(v for mine in numbered for v in mine.versions) or "OpenSSL"
        kind = f"reason of the {library} library" if library else "reason that all libraries share"
        yield Reading(f"{kind} ({owner})", str(row.number), row.name, row.text, symptom_of(row))


def _library(number: int) -> Iterator[Reading]:
    row = numbers.library(numbers.NEW, number) or numbers.library(numbers.OLD, number)
    if row and row.text:
        yield Reading("part of OpenSSL (library number)", str(number), row.name, row.text, None)
