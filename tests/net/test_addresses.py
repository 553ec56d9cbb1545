"""Which addresses a certificate may send us to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.net.addresses import refusal

PUBLIC = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2003::1",
    "2606:4700::1111",
    "2a02:8071::1",
    "3ffe::1",
    "::ffff:1.1.1.1",
    "64:ff9b::1.1.1.1",
    "64:ff9b:1::1.1.1.1",
    "2002:101:101::1",
    "2a02:8071::5efe:1.1.1.1",
]

SPECIAL = {
    "0.0.0.0": "this network",  # noqa: S104 - no bind
    "0.1.2.3": "this network",
    "10.0.0.0": "private",
    "10.255.255.255": "private",
    "100.64.0.0": "carrier",
    "100.100.100.200": "carrier",  # Alibaba's metadata
    "100.127.255.255": "carrier",
    "127.0.0.1": "loopback",
    "127.255.255.254": "loopback",
    "168.63.129.16": "metadata",
    "169.254.0.1": "link-local",
    "169.254.169.254": "link-local",
    "172.16.0.0": "private",
    "172.31.255.255": "private",
    "192.0.0.192": "protocols",  # Oracle's metadata
    "192.0.2.1": "documentation",
    "192.88.99.1": "6to4",
    "192.168.0.1": "private",
    "198.18.0.1": "benchmarks",
    "198.19.255.255": "benchmarks",
    "198.51.100.1": "documentation",
    "203.0.113.1": "documentation",
    "224.0.0.1": "multicast",
    "239.255.255.255": "multicast",
    "240.0.0.1": "reserved",
    "255.255.255.255": "reserved",
    "::": "unspecified",
    "::1": "loopback",
    "::2": "stands for 0.0.0.2",
    "100::1": "reserved",
    "1fff::1": "reserved",
    "2001::1": "protocols",
    "2001:0:53aa:64c:0:0:80ff:fffe": "protocols",  # Teredo
    "2001:2::1": "protocols",
    "2001:db8::1": "documentation",
    "3fff::1": "documentation",
    "4000::1": "reserved",
    "5f00::1": "reserved",
    "fc00::1": "private",
    "fd00:ec2::254": "private",  # Amazon's metadata
    "fe80::1": "link-local",
    "fe80::1%eth0": "link-local",
    "fec0::1": "site-local",
    "ff02::1": "multicast",
    "::1.1.1.1": "reserved",
    "::ffff:0:1.1.1.1": "reserved",
    "64:ff9b:1:7f00:0:100::": "NAT64",
    "64:ff9b:1:0:0:1:101:101": "NAT64",
    "64:ff9b:2::1.1.1.1": "reserved",
    "localhost": "no IP address",
    "127.1": "no IP address",
    "": "no IP address",
}

FORMS = {
    "IPv4-mapped": "::ffff:{dotted}",
    "IPv4-translated": "::ffff:0:{dotted}",
    "IPv4-compatible": "::{dotted}",
    "NAT64": "64:ff9b::{dotted}",
    "local NAT64": "64:ff9b:1::{dotted}",
    "6to4": "2002:{hex}::1",
    "6to4 with a public ISATAP inside": "2002:{hex}::5efe:1.1.1.1",
    "ISATAP": "2a02:8071::5efe:{dotted}",
    "ISATAP, universal": "2a02:8071::200:5efe:{dotted}",
    "ISATAP, in 6to4": "2002:101:101::5efe:{dotted}",
    "with a zone": "64:ff9b::{dotted}%1",
}


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    """The neighbours of every special range, and public addresses in disguise."""
    assert refusal(address) is None


@pytest.mark.parametrize(("address", "word"), SPECIAL.items())
def test_special_addresses_are_refused_with_their_kind(address: str, word: str) -> None:
    """First, last and famous addresses of every range."""
    said = refusal(address)
    assert said is not None
    assert said.startswith(f"{address} ")
    assert word in said


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize(
    "inner", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "192.168.255.255", "100.64.0.1", "224.0.0.1"]
)
def test_an_address_in_disguise_is_unfolded(inner: str, form: str) -> None:
    """Every form in which IPv6 carries IPv4."""
    packed = IPv4Address(inner).packed.hex()
    address = form.format(dotted=inner, hex=f"{packed[:4]}:{packed[4:]}")
    said = refusal(address)
    assert said is not None
    assert f"{address} stands for {inner}, which is " in said


@given(st.ip_addresses(v=4))
def test_a_disguise_never_makes_an_address_public(inner: IPv4Address) -> None:
    """What is refused in plain is refused in every form."""
    packed = inner.packed.hex()
    if refusal(str(inner)):
        dressed = [form.format(dotted=inner, hex=f"{packed[:4]}:{packed[4:]}") for form in FORMS.values()]
        assert None not in map(refusal, dressed)


@given(st.ip_addresses(v=6))
def test_what_passes_is_global_unicast_or_a_way_to_ipv4(address: IPv6Address) -> None:
    """The standard library knows fewer special addresses than we do, never more."""
    if refusal(str(address)) is None and address.ipv4_mapped is None and not str(address).startswith("64:ff9b:"):
        assert address.is_global
        assert address.packed[0] >> 5 == 1


@given(st.text(max_size=30))
def test_text_that_is_no_address_is_refused(text: str) -> None:
    """Whatever it is; nothing raises."""
    try:
        IPv4Address(text)
    except ValueError:
        assert refusal(text) is not None or ":" in text
