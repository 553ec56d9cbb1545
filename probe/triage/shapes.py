"""The shape of a line: what is left of it without names, numbers and addresses.

A million lines have a few hundred shapes, so what is thought about a shape need not be thought about a line. Error
codes, reply codes, "num=20" and names with digits such as SSLv3 and x509 stay in the shape, because they decide what a
line means.
"""

from __future__ import annotations

import re

LONGEST = 4 << 10
"""Bytes of a line that has a shape; longer ones are rare, and all different."""
_APART = rb"""\s=:,;()\[\]<>"'"""
_CHANGING = re.compile(
    rb"""[ \t=:\[(,<"'](?:"""
    rb"(?=[a-z/+_-]*+(?:[\d@]|\.[a-z]))"  # a word with a digit, an "@" or a dot inside: host, address, id, file
    rb"(?<!error:)(?<!num=)(?!ssl|tls|x509|0x8|[45]\d\d[ -]|[245]\.\d\.\d{1,3}[\s,):;])[^" + _APART + rb"]++"
    rb"|(?<=<)[^<>\s]+"  # users, senders, sessions
    rb")"
)


def shape(line: bytes) -> bytes:
    """Return the shape of a line in lower case."""
    if b"delivery " in line:  # of qmail, whose blanks are written as "_"
        line = line.replace(b"_", b" ")
    return _CHANGING.sub(b"0", b" " + line[_stamp(line) :])


def _stamp(line: bytes) -> int:
    """Length of the time stamp that the line begins with, where it is one of the two usual ones."""
    if line[3:4] == b" " and line[15:16] == b" " and line[12:13] == b":":
        return 15
    return 19 if line[4:5] == b"-" and line[16:17] == b":" else 0
