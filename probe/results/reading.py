"""Lines of results read back, one at a time: a file may be larger than memory, and nobody vouches for what is in it.

What is wrong with it is a ValueError, whose text is a clause that names the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from math import isfinite
from typing import Any, BinaryIO, cast

from probe.model import Severity
from probe.results.row import Row, key_read, parts_of, row_of_document

SCHEMA = "smtp-chaincheck/1"
LONGEST = 64 << 20
"""Bytes of a line; a report has some 20 KiB, that of a domain with many servers some MiB."""
STATUS = frozenset({"ok", *Severity, "unreachable"})
_BEGIN = b'{"schema":"smtp-chaincheck/1","target":'
_HEAD = re.compile(rb'\s*\{\s*"schema"\s*:\s*"smtp-chaincheck/1"\s*,\s*"target"\s*:\s*(?=\{)')
_TARGET = 16 << 10
"""Bytes in which a target is complete."""
_DECODER = json.JSONDecoder()
_WRONG = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


class NoReportError(ValueError):
    """A line is none of ours; ``line`` is its number."""

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is no report of a sweep")
        self.line = line


def lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Give each line with its number, those that are empty left out."""
    for number in count(1):
        line = stream.readline(LONGEST + 1)
        if len(line) > LONGEST:
            raise ValueError(f"line {number} is longer than {LONGEST >> 20} MiB")
        if line.strip():
            yield number, line
        elif not line:
            return


def keys(stream: BinaryIO) -> Iterator[str]:
    """Give the keys of the targets; of a line no more is decoded than that takes."""
    for number, line in lines(stream):
        yield key_of_line(line, number)


def rows(stream: BinaryIO, *, torn: bool = False) -> Iterator[Row]:
    """Give what counts of each line. ``torn``: a last line that was never finished is left out."""
    for number, line in lines(stream):
        try:
            row = row_of_line(line, number)
        except ValueError:
            if torn and not is_whole(line) and not stream.read(1):
                return
            raise
        yield row


def key_of_line(line: bytes, number: int = 1) -> str:
    """Give the key of its target, as ``Row.key``."""
    try:
        return key_read(_target(line))
    except _WRONG:
        raise NoReportError(number) from None


def row_of_line(line: bytes, number: int) -> Row:
    """Read one line, held to the kinds of a Row."""
    try:
        row = row_of_document(_report(line))
        parts_of(row.key)
        sound = _is_sound(row)
    except _WRONG:
        sound = False
    if not sound:
        raise NoReportError(number)
    return row


def is_whole(line: bytes) -> bool:
    """It ends as a line does and is JSON."""
    if not line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def begins_like_ours(line: bytes) -> bool:
    """It is a report, or what is left of the first line of one."""
    if line[: len(_BEGIN)] == _BEGIN[: len(line)]:
        return True
    with suppress(ValueError):
        return bool(key_of_line(line))
    return False


def _target(line: bytes) -> Mapping[str, Any]:
    """What the head of the line says, if it has ours and its end is there; else what all of it says."""
    head = _HEAD.match(line)
    if head and line[-3:].rstrip().endswith(b"}"):
        with suppress(ValueError):
            found: Mapping[str, Any]
            found, _ = _DECODER.raw_decode(line[head.end() : head.end() + _TARGET].decode("utf-8", "replace"))
            return found
    target: Mapping[str, Any] = _report(line)["target"]
    return target


def _report(line: bytes) -> Mapping[str, Any]:
    document: Mapping[str, Any] = json.loads(line)
    if document["schema"] != SCHEMA:
        raise ValueError(document)
    return document


def _is_time(ms: object) -> bool:
    return ms is None or (type(ms) in {int, float} and isfinite(cast("float", ms)))


def _is_sound(row: Row) -> bool:
    """Every word is one, and every number."""
    named = [*row.findings, *(finding for place in row.places for finding in place.findings)]
    words = [word for place in row.places for word in (place.host, place.address, place.ca, place.mta)]
    more = [word for place in row.places for word in (place.status, place.stage, place.tls_version or "")]
    return (
        row.status in STATUS
        and type(row.exit_code) is int
        and all(isinstance(word, str) for word in (*more, *row.left_out, *(id_ for id_, _ in named)))
        and all(word is None or isinstance(word, str) for word in words)
        and all(type(place.port) is int and place.status in STATUS for place in row.places)
        and all(isinstance(place.timing_ms, Mapping) for place in row.places)
        and all(_is_time(ms) for place in row.places for ms in place.timing_ms.values())
    )
