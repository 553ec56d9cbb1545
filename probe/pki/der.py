"""A small, lenient reader of DER, and of the BER that OpenSSL lets pass for it (X.690).

An element is identifier, length and contents::

    30 03 02 01 05      SEQUENCE of 3 bytes, and in it INTEGER of 1 byte: 5
    30 81 03 02 01 05   the same with a longer length than needed (BER, X.690 8.1.3.5)
    30 80 02 01 05 00 00    the same with indefinite length, ended by two zero bytes (BER, X.690 8.1.3.6)

DER allows the first form alone; the other two are read, and :func:`is_der` tells them apart. Nothing here recurses
except over nested indefinite lengths, and that is bounded. The only error that leaves this module is DerError.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TypeAlias

Element: TypeAlias = tuple[int, int, int, int, int]
"""Tag, first byte of the identifier, first byte of the contents, end of the contents, end of the element.

The tag is the identifier byte as it stands (0x30 is SEQUENCE), a longer identifier as one big-endian number. The two
ends differ where the length is indefinite."""

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OID = 0x01, 0x02, 0x03, 0x04, 0x06
SEQUENCE, SET = 0x30, 0x31
UTF8_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x17, 0x18

MAX_DEPTH = 16  # indefinite lengths inside one another; no real certificate nests even two
_LONG_LENGTH = 8  # bytes of a length, leading zeros included; four already address 4 GiB
_LONG_TAG = 4  # bytes of an identifier; X.509 uses one


class DerError(ValueError):
    """What was expected is not there. The text is short and holds no byte of the input."""


def element(data: bytes, at: int, end: int) -> Element:
    """Read the element that begins at ``at`` and must not go beyond ``end``; raises DerError."""
    try:
        return _element(data, at, end, 0)
    except IndexError:
        raise DerError("ends too early") from None


def scan(data: bytes, at: int, end: int) -> tuple[list[Element], str | None]:
    """Read the elements from ``at`` to ``end``: those that can be read, and what is wrong with the next one."""
    found: list[Element] = []
    try:
        while at < end:
            # The three forms of which nearly all is made, unrolled: here is a third of the time of reading.
            tag, length, start = data[at], data[at + 1], at + 2
            if length >= 0x80:
                if length == 0x82:
                    length, start = data[at + 2] << 8 | data[at + 3], at + 4
                elif length == 0x81:
                    length, start = data[at + 2], at + 3
                else:
                    length = end  # cannot be: element() reads it
            after = start + length
            if after <= end and tag & 0x1F != 0x1F:
                found.append((tag, at, start, after, after))
            else:
                found.append(_element(data, at, end, 0))
                after = found[-1][4]
            at = after
    except IndexError:
        return found, "ends too early"
    except DerError as error:
        return found, str(error)
    return found, None


def children(data: bytes, at: int, end: int) -> list[Element]:
    """Read all elements from ``at`` to ``end``; raises DerError when one cannot be read."""
    found, trouble = scan(data, at, end)
    if trouble:
        raise DerError(trouble)
    return found


def contents(data: bytes, tag: int, what: str) -> tuple[int, int, bool]:
    """Start and end of the contents of the one element that ``data`` holds, and whether something follows it.

    Raises DerError when it is of another kind than ``tag``; ``what`` is the kind's name for that sentence.
    """
    size = len(data)
    if size > 1 and data[0] == tag and data[1] < 0x80 and data[1] + 2 <= size:
        return 2, data[1] + 2, data[1] + 2 != size
    found = element(data, 0, size)
    if found[0] != tag:
        raise DerError(f"no {what}")
    return found[2], found[3], found[4] != size


def are_der(several: Iterable[Element]) -> bool:
    """Say so of each, as ``is_der`` does; for nearly all it is told by the two bytes before the contents."""
    return not [f for f in several if (f[2] != f[1] + 2 or f[3] != f[4]) and not is_der(f)]


def is_der(found: Element) -> bool:
    """The length is definite and as short as can be (X.690 10.1), and the identifier one byte, as all of X.509 are."""
    _, begin, start, stop, after = found
    if after != stop or start == begin + 2:
        return after == stop
    size = stop - start
    return size >= 0x80 and start - begin == 2 + (size.bit_length() + 7) // 8


def _element(data: bytes, at: int, end: int, depth: int) -> Element:
    tag, position = _identifier(data, at)
    length = data[position]
    position += 1
    if length == 0x80:
        stop = _end_of_contents(data, at, position, end, depth)
        return tag, at, position, stop, stop + 2
    if length > 0x80:
        size = length & 0x7F
        if size > _LONG_LENGTH:
            raise DerError("a length of too many bytes")
        if position + size > end:
            raise DerError("ends too early")
        length = int.from_bytes(data[position : position + size], "big")
        position += size
    stop = position + length
    if stop > end:
        raise DerError("longer than what holds it")
    return tag, at, position, stop, stop


def _identifier(data: bytes, at: int) -> tuple[int, int]:
    """Tag, and where the length begins."""
    tag = data[at]
    if tag & 0x1F != 0x1F:
        return tag, at + 1
    for position in range(at + 1, at + _LONG_TAG):
        tag = tag << 8 | data[position]
        if data[position] < 0x80:
            return tag, position + 1
    raise DerError("an identifier of too many bytes")


def _end_of_contents(data: bytes, begin: int, at: int, end: int, depth: int) -> int:
    """Where the two zero bytes stand that end an indefinite length whose contents begin at ``at``."""
    if not data[begin] & 0x20:
        raise DerError("indefinite length of something that has no parts")
    if depth == MAX_DEPTH:
        raise DerError("nested too deeply")
    while data[at : at + 2] != b"\0\0" and at < end:
        at = _element(data, at, end, depth + 1)[4]
    if at + 2 > end:
        raise DerError("an indefinite length without end")
    return at


def integer(content: bytes) -> int:
    """Value of an INTEGER; raises DerError for an empty one."""
    if not content:
        raise DerError("an empty INTEGER")
    return int.from_bytes(content, "big", signed=True)


def bit_string(content: bytes) -> tuple[int, bytes]:
    """How many bits of the last byte are unused, and the bytes; raises DerError."""
    if not content or content[0] > 7 or (content[0] and len(content) == 1):
        raise DerError("a malformed BIT STRING")
    return content[0], content[1:]


@lru_cache(maxsize=1024)
def dotted(content: bytes) -> str:
    """Write the contents of an OBJECT IDENTIFIER as "1.2.840.…"; raises DerError.

    The first number holds two arcs, 40 * first + second (X.690 8.19.4); each further number is base 128.
    """
    if not content or content[-1] >= 0x80:
        raise DerError("a malformed OBJECT IDENTIFIER")
    if len(content) > 128:  # OIDs of X.509 have about ten bytes; conversion to decimal is quadratic
        raise DerError("an OBJECT IDENTIFIER of too many bytes")
    numbers, value = list[int](), 0
    for byte in content:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(value)
            value = 0
    top = min(numbers[0] // 40, 2)
    return ".".join(map(str, (top, numbers[0] - 40 * top, *numbers[1:])))


def encode(tag: int, content: bytes) -> bytes:
    """One element in DER, for a one-byte identifier."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content
