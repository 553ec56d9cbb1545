"""One line of a list → the target that it names."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence

from msgspec import Struct

from probe.model import Target
from probe.targets import shown

Understood = Callable[[str], Target]
"""What a text means, such as ``target_of``. Raises ValueError with a sentence."""

LONGEST_FIELD = 2048
"""Characters: a host name has 253, a pasted URL may have more."""
_SEVERAL = re.compile(r'[,;\t"]')
_COMMENT = re.compile(r"\s#.*", re.DOTALL)
_QUOTED = re.compile(r'"[^"]*"')
_HEADINGS = re.compile(
    "hosts?|hostname|domains?|domainname|fqdn|name|dnsname|commonname|namevalue|ip|ipaddress|addr|address|saddr|daddr"
    "|target|url|email|rank|globalrank|id"
)
"""What columns of hosts, and the columns beside them, are called: Tranco, Majestic, crt.sh, ZMap, inventories."""


class Column(Struct, frozen=True):
    """The column of a table."""

    at: int
    """From 0."""
    delimiter: str


def is_blank(text: str) -> bool:
    """Tell whether nothing stands in the line, or a comment alone."""
    text = text.lstrip()
    return not text or text.startswith("#")


def is_header(text: str) -> bool:
    """Tell whether the first line plainly is a header: it has a usual name of a column, and nothing like a host."""
    words = [re.sub(r"[\W_]", "", field).lower() for field in fields(text, _delimiter(text))]
    return any(map(_HEADINGS.fullmatch, words)) and not re.search(r"[.:@]", text)


def has_port_beside(text: str) -> bool:
    """Tell whether the first line seems to give a port a field of its own: by its heading, or behind a lone host."""
    names = [field.strip().lower() for field in fields(text, _delimiter(text))]
    return "port" in names or (len(names) == 2 and not names[0].isdecimal() and names[1].isdecimal())


def column_of(wanted: str | int, first: str) -> tuple[Column, bool]:
    """Find a column by its name in the header, else by its number from 1, and tell whether it was by name.

    ``first`` is the first line. Raises ValueError with a sentence where it has no such column.
    """
    delimiter = _delimiter(first)
    names = [name.strip().casefold() for name in fields(first, delimiter)]
    if isinstance(wanted, str) and wanted.strip().casefold() in names:
        return Column(names.index(wanted.strip().casefold()), delimiter), True
    if isinstance(wanted, int) or (wanted.isascii() and wanted.isdecimal() and len(wanted) < 6):
        if 1 <= int(wanted) <= len(names):
            return Column(int(wanted) - 1, delimiter), False
        raise ValueError(f"There is no column {wanted}: the first line has {len(names)}.")
    raise ValueError(f'There is no column "{shown(wanted)}". The first line has: {shown(", ".join(names))}.')


def fields(text: str, delimiter: str) -> Sequence[str]:
    """Take a line apart; quotes are RFC 4180's, where they can be read at all."""
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:
        return text.split(delimiter)


def in_column(text: str, column: Column, understood: Understood) -> Target:
    """Give the target in that column. Raises ValueError with a sentence where there is none."""
    found = fields(text, column.delimiter)
    if column.at >= len(found):
        raise ValueError(f"This line has no column {column.at + 1}.")
    if not (field := _COMMENT.sub("", found[column.at]).strip()):
        raise ValueError(f"Column {column.at + 1} of this line is empty.")
    return _bounded(field, understood)


def in_line(text: str, understood: Understood) -> Target:
    """Give the target of a plain line, or the first of several fields that is one.

    A name with a dot, or an address, goes before a single word. Raises ValueError with a sentence where there is none.
    """
    if "#" in text and '"' not in text:
        text = _COMMENT.sub("", text)
    if not _SEVERAL.search(text):
        return _bounded(text, understood)
    word = None
    several = fields(text, _delimiter(text)) if '"' in text else _SEVERAL.split(text)
    for field in map(str.strip, several):
        if not field or field.isdecimal():
            continue
        try:
            target = _bounded(field, understood)
        except ValueError:
            continue
        if "." in target.name or ":" in target.name:
            return target
        word = word or target
    if word is None:
        raise ValueError("None of the fields of this line is a host name or an address.")
    return word


def _bounded(field: str, understood: Understood) -> Target:
    if len(field) > LONGEST_FIELD:
        raise ValueError(f'"{shown(field)}" is longer than any host name.')
    return understood(field)


def _delimiter(text: str) -> str:
    """Tell what the fields of this line are divided by: TAB, ";" or ",", whichever is there most outside of quotes."""
    return max("\t;,", key=_QUOTED.sub("", text).count)
