"""Time stamps of logs: syslog (RFC 3164, no year), ISO 8601, TAI64N, microseconds since 1970.

All come out with a time zone, so that they can be compared: a stamp without one gets the zone of ``now``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
MONTHS = {name: number for number, name in enumerate(_NAMES, start=1)}
_TAI_OFFSET = (1 << 62) + 10
"""TAI64 label of 1970 as daemontools writes it: with 10 leap seconds, those of 1972, whatever the day."""
_AHEAD = timedelta(days=1)
"""A clock may be that far ahead of ours before a stamp without year is taken for last year's."""
_LEAP = 9
"""Years in which there is a 29 February at least once."""
_NUMBERS = re.compile(r"\d+")
_ZONE = re.compile(r"(?:Z|UTC|GMT|([+-])(\d\d):?(\d\d))$")


class Stamps:
    """Reads stamps; remembers the last one, because a second of a busy log has many lines."""

    def __init__(self, now: datetime) -> None:
        """``now`` (with a time zone) bounds the year of stamps that have none."""
        self._now = now
        self._last: tuple[str, datetime | None] = ("", None)

    def read(self, stamp: str) -> datetime | None:
        """Read "Nov 23 08:16:21[.5]", "[<weekday> ]2026-11-23[T ]08:16:21[.5][zone]", "2026/11/23 …", "Nov-23-26 …"."""
        if stamp != self._last[0]:
            try:
                moment = self._yearless(stamp) if stamp[:3] in MONTHS else self._dated(stamp)
                self._last = stamp, moment.astimezone(UTC)  # no later step finds a moment that has no UTC
            except (ValueError, OverflowError):
                self._last = stamp, None
        return self._last[1]

    def _yearless(self, stamp: str) -> datetime:
        month = MONTHS[stamp[:3]]
        if stamp[3] == "-":  # ASSP: Nov-23-26 08:16:21
            day, year, *clock = map(int, _NUMBERS.findall(stamp)[:5])
            return self._made(2000 + year, month, day, *clock)
        day, hour, minute, second = map(int, _NUMBERS.findall(stamp)[:4])
        for year in range(self._now.year, self._now.year - _LEAP, -1):
            if (month, day) == (2, 29) and (year % 4 or year % 100 == 0):
                continue
            moment = self._made(year, month, day, hour, minute, second)
            if moment - self._now <= _AHEAD:
                return moment
        raise ValueError(stamp)

    def _dated(self, stamp: str) -> datetime:
        zone = _ZONE.search(stamp)
        numbers = _NUMBERS.findall(stamp[: zone.start()] if zone else stamp)
        moment = self._made(*map(int, numbers[:6]), int(numbers[6][:6].ljust(6, "0")) if numbers[6:] else 0)
        if not zone:
            return moment
        sign, hours, minutes = zone.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes)) if sign else timedelta()
        return moment.replace(tzinfo=UTC) - (-offset if sign == "-" else offset)

    def _made(self, *numbers: int) -> datetime:
        return datetime(*numbers, tzinfo=self._now.tzinfo or UTC)  # type: ignore[arg-type, misc]


def tai64n(label: str) -> datetime | None:
    """Read 16 or 24 hexadecimal digits, as multilog writes them behind an "@"."""
    try:
        microseconds = int(label[16:24] or "0", 16) // 1000
        return since_1970((int(label[:16], 16) - _TAI_OFFSET) * 1_000_000 + microseconds)
    except ValueError:
        return None


def since_1970(microseconds: int) -> datetime | None:
    """Return that moment, if there is one."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError:
        return None
