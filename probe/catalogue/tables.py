"""The number tables as values: what ``numbers`` answers from. The files in ``numbers/`` are made by ``forge-numbers``.

A table is read when it is first asked for, and stays.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

FOLDER = Path(__file__).with_name("numbers")

Row = TypeVar("Row")
Key = TypeVar("Key", bound=Hashable)

VERSIONS = ("0.9.8", "1.0.0", "1.0.1", "1.0.2", "1.1.0", "1.1.1", "3.0", "3.3", "3.5", "4.0")
"""The OpenSSL versions whose tables were read; one between two that agree is taken to agree."""
OLD, NEW, LIBRESSL, BORINGSSL = "pre-3.0", "3.x", "libressl", "boringssl"
FORK = "1.0.1"
"""LibreSSL left OpenSSL here; the libraries beside SSL kept their numbers."""
SSL = {OLD: 20, NEW: 20, LIBRESSL: 20, BORINGSSL: 16}


class Library(Struct, frozen=True):
    """A part of OpenSSL that reports errors."""

    era: str
    number: int
    name: str
    """"SSL", of ERR_LIB_SSL."""
    text: str
    """"SSL routines", as printed; "" where none is known."""


class Function(Struct, frozen=True):
    """A function before 3.0, in one spelling; or a handshake state of LibreSSL."""

    library: int
    number: int
    text: str
    """"SSL3_READ_BYTES", as printed; "" where the versions print none that is known."""
    versions: tuple[str, ...]


class Reason(Struct, frozen=True):
    """What went wrong, in one wording."""

    era: str
    library: int
    """0 for a reason that all libraries share."""
    number: int
    """Without flags."""
    name: str
    """"WRONG_VERSION_NUMBER", of SSL_R_WRONG_VERSION_NUMBER."""
    text: str
    """As printed; BoringSSL prints the name."""
    versions: tuple[str, ...]


class Alert(Struct, frozen=True):
    """A TLS alert of the IANA registry."""

    number: int
    name: str
    """"unknown_ca"."""
    level: str
    """"fatal" or "warning"; "" where the sender chooses."""
    texts: tuple[str, ...]
    """OpenSSL's wordings, newest first."""


class Verify(Struct, frozen=True):
    """A verdict of OpenSSL's path validation, in one meaning and wording."""

    number: int
    name: str
    """"X509_V_ERR_CERT_HAS_EXPIRED"."""
    text: str
    versions: tuple[str, ...]
    """OpenSSL versions, and "LibreSSL"."""


class Named(Struct, frozen=True):
    """An error of GnuTLS, NSS, Windows or Linux."""

    number: int
    """Negative for GnuTLS and NSS, 0x80090325 for Windows."""
    name: str
    text: str
    """"" for Windows, and where the library has none."""


def plain(text: str) -> str:
    """Give lower-case words with single blanks: what is left when programs quote, fold and escape a text."""
    return " ".join(re.findall(r"[a-z0-9]+", text.lower()))


def squeezed(text: str) -> str:
    """Give letters and digits alone, lower-case: "UnknownCA" and "unknown_ca" are one."""
    return plain(text).replace(" ", "")


def versions(ranges: str) -> tuple[str, ...]:
    """Return the versions of "0.9.8-1.0.2,3.0", in order."""
    found: list[str] = []
    for part in ranges.split(","):
        first, _, last = part.partition("-")
        if first in VERSIONS:
            found += VERSIONS[VERSIONS.index(first) : VERSIONS.index(last or first) + 1]
        else:
            found.append(first)
    return tuple(found)


def _rows(table: str) -> Iterator[list[str]]:
    lines = (FOLDER / f"{table}.tsv").read_text(encoding="utf-8").splitlines()
    return (line.split("\t") for line in lines[1:])


def _constant(text: str) -> str:
    return re.sub(r"[ -]", "_", text).upper()


def grouped(rows: Iterable[Row], key: Callable[[Row], Key]) -> Mapping[Key, tuple[Row, ...]]:
    """Put rows of the same key together, in their order."""
    found: dict[Key, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return {name: tuple(same) for name, same in found.items()}


@cache
def libraries() -> Mapping[tuple[str, int], Library]:
    """(era, number) → library."""
    return {(era, int(n)): Library(era, int(n), name, text) for era, n, name, text in _rows("libraries")}


@cache
def library_texts() -> Mapping[str, tuple[Library, ...]]:
    """Plain text → libraries that are printed so."""
    return grouped((row for row in libraries().values() if row.text), lambda row: plain(row.text))


@cache
def functions() -> Mapping[tuple[int, int], tuple[Function, ...]]:
    """(library, number) → functions before 3.0, oldest first."""
    rows = _rows("functions")
    every = (Function(int(library), int(n), text, versions(ranges)) for library, n, ranges, text, _name in rows)
    return grouped(every, lambda row: (row.library, row.number))


@cache
def states() -> Mapping[int, str]:
    """Number → handshake state that LibreSSL prints in place of a function."""
    return {int(n): text for n, text in _rows("states")} | {0xFFF: "(UNKNOWN)SSL_internal"}


def _every_reason() -> Iterator[Reason]:
    for library, n, ranges, text, name in _rows("reasons"):
        seen = versions(ranges)
        for era, mine in ((OLD, [one for one in seen if one < "3"]), (NEW, [one for one in seen if one >= "3"])):
            if mine:
                yield Reason(era, int(library), int(n), name or _constant(text), text, tuple(mine))
    for era, n, name, text in _rows("common"):
        yield Reason(era, 0, int(n), name, text, ())
    for n, text, name in _rows("libressl"):
        yield Reason(LIBRESSL, SSL[LIBRESSL], int(n), name or _constant(text), text, ("LibreSSL",))
    for library, n, name in _rows("boringssl"):
        yield Reason(BORINGSSL, int(library), int(n), name, name, ("BoringSSL",))


@cache
def reasons() -> Mapping[tuple[str, int, int], tuple[Reason, ...]]:
    """(era, library, number) → reasons, oldest first."""
    return grouped(_every_reason(), lambda row: (row.era, row.library, row.number))


@cache
def reason_texts() -> Mapping[str, tuple[Reason, ...]]:
    """Plain text → reasons that were ever printed so."""
    return grouped(chain.from_iterable(reasons().values()), lambda row: plain(row.text))


@cache
def reason_names() -> Mapping[str, tuple[Reason, ...]]:
    """Constant without its prefix → reasons."""
    return grouped(chain.from_iterable(reasons().values()), lambda row: row.name)


@cache
def alerts() -> Mapping[int, Alert]:
    """Number → alert."""
    return {int(n): Alert(int(n), name, level, _wordings(int(n))) for n, name, level, _source in _rows("alerts")}


def _wordings(number: int) -> tuple[str, ...]:
    told = [reason for era in (OLD, NEW) for reason in reasons().get((era, SSL[era], 1000 + number), ())]
    return tuple(dict.fromkeys(reason.text for reason in reversed(told)))


@cache
def alert_names() -> Mapping[str, Alert]:
    """Squeezed name, or OpenSSL's wording with or without what stands before the name → alert."""
    return {squeezed(text): row for row in alerts().values() for text in (*row.texts, row.name)}


@cache
def verdicts() -> tuple[Verify, ...]:
    """All verdicts of path validation, those of the newest OpenSSL first, LibreSSL's own last."""
    rows = (Verify(int(n), f"X509_V_{name}", text, versions(some)) for n, some, text, name in _rows("verify"))
    newest = {version: place for place, version in enumerate((*VERSIONS[::-1], "LibreSSL"))}
    return tuple(sorted(rows, key=lambda row: min(newest[version] for version in row.versions)))


@cache
def verdict_numbers() -> Mapping[int, tuple[Verify, ...]]:
    """Number → verdicts, newest first."""
    return grouped(verdicts(), lambda row: row.number)


@cache
def verdict_names() -> Mapping[str, tuple[Verify, ...]]:
    """Name without X509_V_ERR_ → verdicts, newest first."""
    return grouped(verdicts(), lambda row: row.name.removeprefix("X509_V_").removeprefix("ERR_"))


@cache
def verdict_texts() -> Mapping[str, tuple[Verify, ...]]:
    """Plain text → verdicts, newest first."""
    return grouped((row for row in verdicts() if row.text), lambda row: plain(row.text))


@cache
def gnutls() -> Mapping[int | str, Named]:
    """Number or name → error of GnuTLS; of two names of one number the first stands under the number."""
    rows = [(int(n), names.split(), text) for n, names, _alert, text in _rows("gnutls")]
    return _by_both(Named(n, f"GNUTLS_E_{name}", text) for n, names, text in rows for name in reversed(names))


@cache
def nss() -> Mapping[int | str, Named]:
    """Number or name → error of NSS or NSPR."""
    return _by_both(Named(int(n), name, text) for n, name, text in _rows("nss"))


@cache
def hresults() -> Mapping[int | str, Named]:
    """Number or name → error of Windows."""
    return _by_both(Named(int(n, 16), name, "") for n, name in _rows("hresults"))


@cache
def statuses() -> Mapping[str, str]:
    """Pattern of an enhanced status code, or a part of one, → what it says (RFC 3463, RFC 5248, RFC 7505, RFC 8689)."""
    return {row[0]: row[1] for row in _rows("status")}


@cache
def errnos() -> Mapping[int | str, Named]:
    """Number, name or plain text → error of Linux."""
    rows = [Named(int(n), name, text) for n, name, text in _rows("errnos")]
    return {**_by_both(rows), **{plain(row.text): row for row in rows}}


def _by_both(rows: Iterable[Named]) -> dict[int | str, Named]:
    found: dict[int | str, Named] = {}
    for row in rows:
        found[row.number] = found[row.name] = row
    return found
