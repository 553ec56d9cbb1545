"""What one packed error code of OpenSSL means, given the texts that were printed behind it.

A printed text outweighs the number: numbers were used again by later versions, and programs mix them up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from msgspec import Struct
from msgspec.structs import replace

from probe.catalogue import numbers
from probe.catalogue.numbers import Reason
from probe.wire.codes import Era, Packed, eras, unpack

ALERT_OFFSET = 1000
"""A reason of the SSL library from here on is an alert that the other side sent (ssl.h, SSL_AD_REASON_OFFSET)."""
_REALLY = {"14082174": "DH_KEY_TOO_SMALL"}
"""Numbers with two meanings by the tables of which that function reports one alone (1.0.2, ssl/s3_clnt.c)."""
REMEMBERED = 1024
"""Codes kept with their texts: a log repeats few of them very often."""
_WORDS = 12
"""Words of the longest reason that OpenSSL prints."""
_OLDEST, _LAST_OLD, _FIRST_NEW, _LAST = "0.9.8", "1.1.1", "3.0", "4.0"


class Code(Struct, frozen=True):
    """One error code found in a text."""

    code: str
    """Eight hexadecimal digits in capitals; "" where only a text, a mnemonic or an alert number was printed."""
    era: str
    """For people: "OpenSSL before 3.0"; "" where nothing tells."""
    library: str | None
    """As printed: "SSL routines"."""
    function: str | None
    """As printed, else in the newest spelling; a handshake state for LibreSSL."""
    reason: str | None
    """As printed, else in the newest wording."""
    alert: int | None
    """The alert that the other side sent."""
    symptom: str | None
    """"alert:10", "reason:267", "x509:116", "sys:2", "common:259"; None for what only points to another error."""
    written_by: str
    """"OpenSSL 1.0.1 or older": the versions in which the function was printed so; "" where that dates nothing."""
    ambiguous: tuple[str, ...]
    """Other meanings of the same number, where no text decides; what the number says, where the text says otherwise."""
    start: int
    """Offset in the text."""


class Printed(Struct, frozen=True):
    """The texts that stood behind a code, each "" where there was none."""

    library: str = ""
    function: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.library or self.function or self.reason)


class _View(Struct, frozen=True):
    """A code by the rules of one era, beside what was printed."""

    packed: Packed
    printed: Printed

    @property
    def library(self) -> str:
        found = numbers.library(self.packed.era, self.packed.library)
        return (found.text or found.name) if found else ""

    @property
    def name(self) -> str:
        found = numbers.library(self.packed.era, self.packed.library)
        return found.name if found else ""

    @property
    def functions(self) -> tuple[numbers.Function, ...]:
        number = self.packed.function
        return numbers.functions(self.packed.library, number, self.packed.era) if number is not None else ()

    @property
    def versions(self) -> set[str]:
        """The versions in which the function had this number, and this spelling if one was printed; empty for all."""
        rows = [row for row in self.functions if row.text == self.printed.function]
        return {version for row in rows or self.functions for version in row.versions}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """What the reason number meant, oldest first, in versions that have the function."""
        packed = self.packed
        if packed.errno is not None:
            return ()
        if packed.shared is not None:
            return numbers.shared(packed.era, packed.shared)
        every = numbers.reasons(packed.era, packed.library, packed.reason)
        return tuple(row for row in every if self.versions.intersection(row.versions)) or every

    @property
    def fit(self) -> int:
        """How well the numbers agree with the texts."""
        told = known(self.printed.reason, self.name)
        names = {row.name for row in self.reasons}
        library = bool(self.printed.library) and numbers.plain(self.library) == numbers.plain(self.printed.library)
        reason = any(row.name in names for row in told)
        function = any(row.text == self.printed.function for row in self.functions)
        return 4 * library + 4 * reason + 2 * function + self.known

    @property
    def known(self) -> bool:
        """Whether the number means anything."""
        return bool(self.reasons) or self.packed.errno is not None or self.packed.code == "00000000"


def decoded(code: int, printed: Printed, start: int) -> Code:
    """Say what a code means by the era that fits it best."""
    return replace(_decoded(code, printed), start=start)


@lru_cache(REMEMBERED)
def _decoded(code: int, printed: Printed) -> Code:
    views = [_View(unpack(code, era), printed) for era in eras(code, printed.library, printed.function)]
    if not views:
        return told(printed, 0, code=f"{code:08X}")
    best = max(views, key=lambda view: view.fit)
    others = () if printed.reason else tuple(_elsewhere(view) for view in views if view is not best and view.known)
    meant = _meant(best)
    return Code(
        code=best.packed.code,
        era=best.packed.era.label,
        library=printed.library or best.library or None,
        function=printed.function or next((row.text for row in reversed(best.functions) if row.text), None),
        reason=printed.reason or (meant.text if meant else None) or _system(best.packed.errno),
        alert=alert_of(meant) if meant else best.packed.alert,
        symptom=_symptom(best, meant),
        written_by=_written_by(best),
        ambiguous=(*_ambiguous(best, meant), *others),
        start=0,
    )


def told(printed: Printed, start: int, code: str = "") -> Code:
    """Say what the texts alone mean, where there is no number or none that any era makes."""
    library = next((row.name for row in numbers.libraries_by_text(printed.library)), "")
    meant = newest(known(printed.reason, library)) if printed.reason else None
    errno = numbers.errno_by_text(printed.reason) if library == "SYS" else None
    found = named(meant, printed, start, code)
    return replace(found, symptom=f"sys:{errno.number}") if errno else found


def named(meant: Reason | None, printed: Printed, start: int, code: str = "") -> Code:
    """Say what a known reason means; the version that printed it is not known."""
    return Code(
        code=code,
        era="",
        library=printed.library or None,
        function=printed.function or None,
        reason=printed.reason or (meant.text if meant else None),
        alert=alert_of(meant) if meant else None,
        symptom=symptom_of(meant) if meant else None,
        written_by="",
        ambiguous=(),
        start=start,
    )


def known(text: str, library: str) -> tuple[Reason, ...]:
    """Return the reasons of a library (by name; "" for any), or shared ones, that were ever printed so."""
    return tuple(row for row in numbers.reasons_by_text(text) if not library or library_of(row) in {library, ""})


@lru_cache(REMEMBERED)
def beginning(text: str, libraries: tuple[str, ...] = ("",)) -> str:
    """Return the longest known reason with which a text begins, as it is written there; "" for none."""
    words = numbers.plain(text).split()[:_WORDS]
    for count in range(len(words), 0, -1):
        found = " ".join(words[:count])
        if any(known(found, library) for library in libraries):
            return found
    return ""


def library_of(reason: Reason) -> str:
    """Return the name of the reason's library, "" for a reason that all libraries share."""
    library = numbers.library(reason.era, reason.library) if reason.library else None
    return library.name if library else ""


def alert_of(reason: Reason) -> int | None:
    """Return the alert that a reason reports."""
    received = library_of(reason) == "SSL" and reason.number >= ALERT_OFFSET
    return reason.number - ALERT_OFFSET if received else None


def symptom_of(reason: Reason) -> str | None:
    """Return the reason's number in the current numbering, with its kind; None where the current number means another.

    A shared reason such as "PEM lib" only points to the error before it and has none.
    """
    number = alert_of(reason)
    if number is not None:
        return f"alert:{number}"
    library = library_of(reason)
    current = newest([row for row in numbers.reasons_by_name(reason.name) if library_of(row) == library]) or reason
    if not library:
        return None if reason.name.endswith("_LIB") else f"common:{current.number}"
    if current.era == numbers.BORINGSSL:
        return f"boringssl:{library.lower()}:{current.number}"
    taken = () if current.era == numbers.NEW else numbers.reasons(numbers.NEW, current.library, current.number)
    return None if taken else f"{'reason' if library == 'SSL' else library.lower()}:{current.number}"


def newest(rows: Sequence[Reason]) -> Reason | None:
    """Return the reason of the newest OpenSSL; a fork's own only where OpenSSL has none."""
    order = (numbers.BORINGSSL, numbers.LIBRESSL, numbers.OLD, numbers.NEW)
    return max(rows, key=lambda row: (order.index(row.era), row.versions[-1:]), default=None)


def dated(versions: Iterable[str]) -> str:
    """Name the OpenSSL versions for people; "" for all or none."""
    seen = sorted(set(versions))
    if not seen or (seen[0], seen[-1]) == (_OLDEST, _LAST):
        return ""
    if (seen[0], seen[-1]) in {(_OLDEST, _LAST_OLD), (_FIRST_NEW, _LAST)}:
        return Era.PRE_3.label if seen[0] == _OLDEST else Era.SINCE_3.label
    if seen[0] == _OLDEST:
        return f"OpenSSL {seen[-1]} or older"
    if seen[-1] == _LAST:
        return f"OpenSSL {seen[0]} or newer"
    return f"OpenSSL {seen[0]}" + (f" {'or' if len(seen) == 2 else 'to'} {seen[-1]}" if len(seen) > 1 else "")


def _written_by(view: _View) -> str:
    """The versions that the function dates: by its spelling, or where only its number is there, by that."""
    spelt = not view.printed.function or any(row.text == view.printed.function for row in view.functions)
    if view.packed.era is not Era.PRE_3 or not spelt:
        return ""
    return dated(view.versions).removeprefix(Era.PRE_3.label)


def _meant(view: _View) -> Reason | None:
    """The reason that the text names if it names one, else the newest that the number had."""
    by_text = known(view.printed.reason, view.name)
    names = {row.name for row in by_text} or {_REALLY.get(view.packed.code, "")}
    return next((row for row in reversed(view.reasons) if row.name in names), None) or newest(by_text or view.reasons)


def _symptom(view: _View, meant: Reason | None) -> str | None:
    errno = view.packed.errno
    if meant or errno is None:
        return symptom_of(meant) if meant else _unknown(view)
    by_text = numbers.errno_by_text(view.printed.reason)
    return f"sys:{by_text.number if by_text else errno}"


def _unknown(view: _View) -> str | None:
    """The symptom of a number that no table has: an alert is one also where OpenSSL has no words for it."""
    packed = view.packed
    if packed.alert is not None and not view.printed.reason:
        return f"alert:{packed.alert}"
    return None


def _system(errno: int | None) -> str | None:
    row = numbers.errno(errno) if errno is not None else None
    return row.text if row else None


def _ambiguous(view: _View, meant: Reason | None) -> Iterator[str]:
    others = {row.name: row for row in view.reasons if meant and row.name != meant.name}
    for row in others.values():
        if not view.printed.reason:
            yield f"{row.text} ({dated(row.versions) or view.packed.era.label})"
        elif meant and meant.name not in {mine.name for mine in view.reasons}:
            yield f'the number {row.number} itself means "{row.text}"'


def _elsewhere(view: _View) -> str:
    row = newest(view.reasons)
    text = row.text if row else _system(view.packed.errno) or str(view.packed.reason)
    return f"{text} ({view.library}, {view.packed.era.label})"
