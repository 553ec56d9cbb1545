"""Lines that carry the line of a log inside: journald's JSON, Docker's JSON, the prefix of docker compose."""

from __future__ import annotations

import json
import re

from msgspec import Struct

_COMPOSE = re.compile(r"[A-Za-z0-9][\w.-]{0,63} *\| ?")
_MICROSECONDS = 20
"""Digits of a number of microseconds, at most: a longer one is no time."""


class Wrapped(Struct, frozen=True):
    """What was inside."""

    text: str
    program: str | None = None
    """None: the text is a whole line of some dialect."""
    pid: str | None = None
    host: str | None = None
    microseconds: int = 0
    """Since 1970; 0: unknown."""
    stamp: str | None = None


def unwrapped(text: str) -> Wrapped | None:
    """Return what the line carries; None when it is no wrapping. Never raises."""
    if text.startswith("{"):
        return _from_json(text)
    found = _COMPOSE.match(text)
    return Wrapped(text[found.end() :]) if found else None


def _from_json(text: str) -> Wrapped | None:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    if isinstance(line := fields.get("log"), str):  # Docker's json-file
        return None if line.startswith("{") else Wrapped(line, stamp=_text(fields.get("time")))
    if "MESSAGE" not in fields:
        return None
    since = _text(fields.get("__REALTIME_TIMESTAMP")) or ""
    program = _text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM"))
    return Wrapped(
        _message(fields["MESSAGE"]),
        program or "journal",
        _text(fields.get("SYSLOG_PID")) or _text(fields.get("_PID")),
        _text(fields.get("_HOSTNAME")),
        int(since) if since.isascii() and since.isdecimal() and len(since) < _MICROSECONDS else 0,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _message(value: object) -> str:
    """Of a field that is no clean text journald gives the bytes as numbers; of a repeated one a list."""
    if isinstance(value, list):
        if all(isinstance(byte, int) and 0 <= byte <= 255 for byte in value):
            return bytes(value).decode("utf-8", "backslashreplace")
        return "\n".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""
