"""The file of networks that are not called."""

from __future__ import annotations

import time
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.net.excluded import Excluded, networks


def test_what_such_a_file_may_hold() -> None:
    """Addresses, networks, comments, blank lines; a byte order mark and Windows' line ends do no harm."""
    text = "\ufeff192.0.2.7\r\n\r\n# ours\n 192.0.2.0/24 # the office\n10.0.0.0/255.0.0.0\n2001:db8::/32\n2001:db8::1"
    assert [str(network) for network in networks(text)] == [
        "192.0.2.7/32",
        "192.0.2.0/24",
        "10.0.0.0/8",
        "2001:db8::/32",
        "2001:db8::1/128",
    ]
    assert networks("") == networks("# nothing\n") == ()


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ("mx.example.com", "this is no address or network; write one a line, such as 192.0.2.7, "),
        ("192.0.2.1-192.0.2.9", "this is no address or network"),
        ("192.0.2.0/33", "this is no address or network"),
        ("192.0.2.7/24", "the address goes on behind its prefix; write 192.0.2.0/24, or 192.0.2.7 for that address"),
        ("x" * 10_000, "…': this is no address or network"),
    ],
)
def test_a_line_that_is_neither(line: str, advice: str) -> None:
    """The sentence names the line, and says what to type."""
    with pytest.raises(ValueError, match=r"^Line 3, '") as caught:
        networks(f"# first\n192.0.2.1\n{line}\n")
    assert advice in str(caught.value)
    assert len(str(caught.value)) < 250


def covering(text: str, address: str) -> str | None:
    """Give the network that holds an address, as text."""
    found = Excluded(networks(text)).covering(address)
    return str(found) if found else None


def test_in_whatever_form_it_comes() -> None:
    """Mapped, translated, by 6to4, with a zone; and a network that is written as mapped."""
    forms = ("192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::c000:207", "2002:c000:207::1")
    assert {covering("192.0.2.0/24", form) for form in forms} == {"192.0.2.0/24"}
    assert {covering("::ffff:192.0.2.0/120", form) for form in forms} == {"192.0.2.0/24"}
    assert covering("fe80::/10", "fe80::1%eth0") == "fe80::/10"
    assert covering("64:ff9b::/96", "64:ff9b::c000:207") == "64:ff9b::/96"
    assert covering("64:ff9b::/96", "192.0.2.7") is None
    assert covering("0.0.0.0/0", "2001:db8::1") is None
    assert covering("::/0", "192.0.2.7") is None
    assert covering("0.0.0.0/0", "192.0.2.7") == "0.0.0.0/0"


@given(st.lists(st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)), max_size=8), st.integers(0, 2**32 - 1))
def test_as_the_long_way(pairs: list[tuple[int, int]], number: int) -> None:
    """An address is in one of them, or in none, as ipaddress has it."""
    listed = [
        ip_network((number_, length), strict=False) for number_, length in [*pairs, (number ^ 1, 31)][: len(pairs)]
    ]
    address = ip_address(number)
    found = Excluded(listed).covering(str(address))
    assert (found is not None) == any(address in network for network in listed)
    assert found is None or found in listed


@pytest.mark.unmeasured
def test_a_hundred_thousand_networks_are_no_burden() -> None:
    """A look-up takes microseconds; 1 ms is what a slow machine under load may take, a walk takes 10 ms."""
    listed = Excluded(ip_network((n << 12, 20 + n % 8), strict=False) for n in range(100_000))
    before = time.process_time()
    for n in range(100):
        listed.covering(f"198.51.{n}.1")
    assert (time.process_time() - before) / 100 < 1e-3
