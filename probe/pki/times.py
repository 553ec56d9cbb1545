"""The two notations of time in a certificate (RFC 5280 4.1.2.5), and the forms of X.680 that RFC 5280 forbids.

UTCTime          YYMMDDhhmm[ss](Z|+hhmm|-hhmm)              RFC 5280: with seconds, Z
GeneralizedTime  YYYYMMDDhh[mm[ss]][.f…](Z|+hhmm|-hhmm|)    RFC 5280: with seconds, without fraction, Z
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from probe.pki.der import GENERALIZED_TIME, UTC_TIME, DerError

_UTC_TIME = (
    r"(?P<year>\d\d)(?P<day>\d{4})(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)?"
    r"(?P<fraction>)(?P<zone>Z|[+-]\d{4})?"
)
_GENERALIZED_TIME = (
    r"(?P<year>\d{4})(?P<day>\d{4})(?P<hour>\d\d)(?:(?P<minute>\d\d)(?P<second>\d\d)?)?"
    r"(?P<fraction>[.,]\d+)?(?P<zone>Z|[+-]\d{4})?"
)
"""Both are compiled when an unusual time is met; a usual one does not need them."""
_PLAIN = {UTC_TIME: 13, GENERALIZED_TIME: 15}  # bytes of the only form that RFC 5280 allows
_UTC_TIME_ENDS = 2050  # a year before it is to be written as UTCTime


def moment(tag: int, content: bytes) -> tuple[datetime, tuple[str, ...]]:
    """Read a Time: the moment in UTC and what is not as RFC 5280 wants it; raises DerError when it is no time."""
    text = content.decode("latin-1")
    if len(text) != _PLAIN.get(tag) or text[-1] != "Z" or not content[:-1].isdigit():
        return _unusual(tag, text)
    if tag == UTC_TIME:
        return _moment(_century(text) + text[:6], text[6:12]), ()
    when = _moment(text[:8], text[8:14])
    return when, ("GeneralizedTime before 2050",) if when.year < _UTC_TIME_ENDS else ()


def _century(year: str) -> str:
    """Of two digits, 50 and above are of the 20th century (RFC 5280 4.1.2.5.1)."""
    return "19" if year >= "50" else "20"


def _moment(day: str, clock: str) -> datetime:
    """From YYYYMMDD and hhmmss; strptime would take six times as long."""
    try:
        if clock < "24":  # some Pythons read 24:00:00
            return datetime.fromisoformat(f"{day}T{clock}+00:00")
    except ValueError:
        pass
    raise DerError("no such time")


def _unusual(tag: int, text: str) -> tuple[datetime, tuple[str, ...]]:
    if tag not in _PLAIN:
        raise DerError("neither UTCTime nor GeneralizedTime")
    found = re.fullmatch(_UTC_TIME if tag == UTC_TIME else _GENERALIZED_TIME, text, re.ASCII)
    if not found:
        raise DerError("unreadable time")
    year, day, hour, minute, second = found.group("year", "day", "hour", "minute", "second")
    century = _century(year) if tag == UTC_TIME else ""
    when = _moment(f"{century}{year}{day}", f"{hour}{minute or '00'}{second or '00'}")
    try:
        return when - _offset(found["zone"]), _departures(found)
    except OverflowError:
        raise DerError("no such time") from None


def _offset(zone: str | None) -> timedelta:
    if zone in {None, "Z"}:
        return timedelta()
    minutes = 60 * int(zone[1:3]) + int(zone[3:5])
    return timedelta(minutes=-minutes if zone[0] == "-" else minutes)


def _departures(found: re.Match[str]) -> tuple[str, ...]:
    said = {
        "without seconds": not found["second"],
        "with a fraction": bool(found["fraction"]),
        "without time zone": not found["zone"],
        "with an offset": found["zone"] not in {None, "Z"},
    }
    return tuple(words for words, so in said.items() if so)
