"""The DER writer, against what X.690 says and what other libraries read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.demo import der


@pytest.mark.parametrize(
    ("number", "octets"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (-1, "0201ff"), (-128, "020180"), (-129, "0202ff7f")],
)
def test_an_integer_is_written_in_its_shortest_form(number: int, octets: str) -> None:
    """Two's complement, and no octet more than the sign needs (X.690 §8.3)."""
    assert der.integer(number).hex() == octets


@pytest.mark.parametrize(
    ("dotted", "octets"), [("2.5.4.3", "0603550403"), ("1.2.840.113549", "06062a864886f70d"), ("2.999", "06028837")]
)
def test_an_object_identifier_is_written_in_base_128(dotted: str, octets: str) -> None:
    """The first two arcs share a number, large arcs take several octets (X.690 §8.19)."""
    assert der.oid(dotted).hex() == octets


@pytest.mark.parametrize(
    ("positions", "octets"), [(set(), "030100"), ({0}, "03020780"), ({5, 6}, "03020106"), ({8}, "0303070080")]
)
def test_named_bits_lose_their_trailing_zeros(positions: set[int], octets: str) -> None:
    """X.690 §11.2.2."""
    assert der.named_bits(positions).hex() == octets


@pytest.mark.parametrize(
    ("size", "header"), [(0, "0400"), (127, "047f"), (128, "048180"), (256, "04820100"), (65536, "0483010000")]
)
def test_a_length_takes_as_few_octets_as_it_can(size: int, header: str) -> None:
    """X.690 §10.1."""
    assert der.octets(bytes(size)).hex().startswith(header)


@pytest.mark.parametrize(
    ("year", "written"), [(2049, b"\x17\x0d490201030405Z"), (2050, b"\x18\x0f20500201030405Z"), (1949, b"\x18\x0f1949")]
)
def test_time_is_generalized_from_2050_on(year: int, written: bytes) -> None:
    """RFC 5280 §4.1.2.5; years before 1950 do not fit into UTCTime either."""
    assert der.time(datetime(year, 2, 1, 3, 4, 5, tzinfo=UTC)).startswith(written)


def test_a_name_is_written_most_general_first() -> None:
    r"""RFC 4514 turns the order round; ``\,`` is a comma of the value, bytes pass as they are."""
    parts = [b"\x13\x02NL", b"\x0c\x0cExample, Inc", b"\x0c\x01x"]
    written = der.name(r"CN=x,O=Example\, Inc,C=NL")
    assert sorted(parts, key=written.index) == parts
    assert der.name(b"anything") == b"anything"
    assert der.name("") == b"\x30\x00"


def test_truth_is_ff() -> None:
    """X.690 §11.1."""
    assert (der.boolean(true=True), der.boolean(true=False)) == (b"\x01\x01\xff", b"\x01\x01\x00")
