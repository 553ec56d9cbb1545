from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.demo import der as writer
from probe.pki.der import (
    MAX_DEPTH,
    DerError,
    bit_string,
    children,
    contents,
    dotted,
    element,
    encode,
    integer,
    is_der,
    scan,
)

INTEGER_5 = b"\x02\x01\x05"

READABLE = {
    "short": ("30 03 020105", (0x30, 0, 2, 5, 5), True),
    "long form that is needed": ("04 8180" + "00" * 128, (0x04, 0, 3, 131, 131), True),
    "longer form that is needed": ("04 820100" + "00" * 256, (0x04, 0, 4, 260, 260), True),
    "long form without need": ("30 8103 020105", (0x30, 0, 3, 6, 6), False),
    "longer form without need": ("30 820003 020105", (0x30, 0, 4, 7, 7), False),
    "zeros before the length": ("30 8400000003 020105", (0x30, 0, 6, 9, 9), False),
    "indefinite": ("30 80 020105 0000", (0x30, 0, 2, 5, 7), False),
    "indefinite and empty": ("30 80 0000", (0x30, 0, 2, 2, 4), False),
    "indefinite in indefinite": ("30 80 30 80 020105 0000 0000", (0x30, 0, 2, 9, 11), False),
    "two identifier bytes": ("9f20 01 aa", (0x9F20, 0, 3, 4, 4), False),
    "three identifier bytes": ("9f8120 01 aa", (0x9F8120, 0, 4, 5, 5), False),
}
UNREADABLE = {
    "nothing": ("", "ends too early"),
    "identifier alone": ("30", "ends too early"),
    "length cut": ("30 82", "ends too early"),
    "length cut in the middle": ("30 8203", "ends too early"),
    "contents cut": ("30 03 0201", "longer than what holds it"),
    "contents cut behind a long length": ("30 820100 00", "longer than what holds it"),
    "length of nine bytes": ("30 89 000000000000000003 020105", "a length of too many bytes"),
    "reserved length": ("30 ff 00", "a length of too many bytes"),
    "identifier without end": ("9f81818181 00", "an identifier of too many bytes"),
    "identifier cut": ("9f81", "ends too early"),
    "indefinite without end": ("30 80 020105", "an indefinite length without end"),
    "indefinite, half an end": ("30 80 020105 00", "ends too early"),
    "indefinite, nothing inside": ("30 80", "an indefinite length without end"),
    "indefinite and primitive": ("04 80 00 0000", "indefinite length of something that has no parts"),
    "indefinite too often": ("3080" * (MAX_DEPTH + 2), "nested too deeply"),
}


@pytest.mark.parametrize("name", READABLE)
def test_an_element_is_read_in_every_form_of_length(name: str) -> None:
    """DER and the BER that OpenSSL lets pass are read, and told apart."""
    text, found, strict = READABLE[name]
    data = bytes.fromhex(text)
    assert element(data, 0, len(data)) == found
    assert scan(data, 0, len(data)) == ([found], None)
    assert is_der(found) is strict


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_element_is_said(name: str) -> None:
    """The reader and the scanner give the same short sentence."""
    text, words = UNREADABLE[name]
    data = bytes.fromhex(text)
    with pytest.raises(DerError) as caught:
        element(data, 0, len(data))
    assert str(caught.value) == words
    if data:
        assert scan(data, 0, len(data)) == ([], words)


def test_an_element_stays_inside_what_holds_it() -> None:
    """The end given counts, not the end of the bytes: nothing of the neighbour is read."""
    data = b"\x04\x03abc"
    assert scan(data, 0, 4) == ([], "longer than what holds it")
    assert scan(b"\x30\x04" + data, 2, 6)[1] == "longer than what holds it"


def test_the_scanner_keeps_what_stands_before_the_trouble() -> None:
    """Two good elements, then junk: the two are there, and the sentence."""
    found, trouble = scan(INTEGER_5 * 2 + b"\x02\x09", 0, 8)
    assert [each[1] for each in found] == [0, 3]
    assert trouble == "longer than what holds it"
    with pytest.raises(DerError, match="longer than what holds it"):
        children(INTEGER_5 * 2 + b"\x02\x09", 0, 8)


def test_contents_are_those_of_the_one_element_expected() -> None:
    """Another kind is refused, and what follows is told."""
    assert contents(INTEGER_5, 0x02, "INTEGER") == (2, 3, False)
    assert contents(INTEGER_5 + b"x", 0x02, "INTEGER") == (2, 3, True)
    with pytest.raises(DerError, match="no SEQUENCE"):
        contents(INTEGER_5, 0x30, "SEQUENCE")


def test_integers_are_signed_and_not_empty() -> None:
    """Two's complement (X.690 8.3)."""
    assert [integer(content) for content in (b"\0", b"\x7f", b"\xff", b"\0\xff", b"\x80\0")] == [
        0,
        127,
        -1,
        255,
        -32768,
    ]
    with pytest.raises(DerError, match="an empty INTEGER"):
        integer(b"")


@pytest.mark.parametrize("content", [b"", b"\x08\xff", b"\x01"])
def test_malformed_bit_strings_are_refused(content: bytes) -> None:
    """No first byte, more than seven unused bits, or unused bits of nothing (X.690 8.6)."""
    with pytest.raises(DerError, match="a malformed BIT STRING"):
        bit_string(content)
    assert bit_string(b"\x03\xf8") == (3, b"\xf8")


@pytest.mark.parametrize(
    "text", ["2.5.29.17", "1.2.840.113549.1.1.11", "0.9.2342.19200300.100.1.25", "2.999.3", "1.39"]
)
def test_object_identifiers_are_written_with_dots(text: str) -> None:
    """The first number holds two arcs, also above 80."""
    assert dotted(writer.oid(text)[2:]) == text


@pytest.mark.parametrize("content", [b"", b"\x55\x9d", b"\x55" * 129])
def test_malformed_object_identifiers_are_refused(content: bytes) -> None:
    """Empty, without an end, or longer than any that is in use."""
    with pytest.raises(DerError, match="OBJECT IDENTIFIER"):
        dotted(content)


@given(st.integers(0, 0x1E), st.binary(max_size=70_000))
def test_what_is_encoded_is_read_again(tag: int, content: bytes) -> None:
    """The writer's length is the shortest, and the reader agrees."""
    data = encode(tag, content)
    found = element(data, 0, len(data))
    assert (found[0], data[found[2] : found[3]], found[4]) == (tag, content, len(data))
    assert is_der(found)


@given(st.binary(max_size=60))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Whatever the bytes, elements lie one behind the other inside them, up to a sentence."""
    found, trouble = scan(data, 0, len(data))
    position = 0
    for _, begin, start, stop, after in found:
        assert (begin, position < start <= stop <= after <= len(data)) == (position, True)
        position = after
    assert trouble is not None or position == len(data)
