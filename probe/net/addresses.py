"""Which addresses a URL out of a certificate may lead to: public unicast ones, in whatever form they are dressed.

    refusal("10.1.2.3")                 # "10.1.2.3 is a private address (RFC 1918)"
    refusal("64:ff9b::7f00:1")          # "64:ff9b::7f00:1 stands for 127.0.0.1, which is a loopback address (RFC 1122)"
    refusal("192.0.46.8")               # None

The tables are IANA's special-purpose registries (RFC 6890), written out because the ipaddress module's own judgement
differs between versions of Python.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPECIAL_4 = tuple(
    (IPv4Network(network), what)
    for network, what in (
        ("0.0.0.0/8", 'an address of "this network" (RFC 791)'),
        ("10.0.0.0/8", "a private address (RFC 1918)"),
        ("100.64.0.0/10", "a carrier's private address (RFC 6598)"),
        ("127.0.0.0/8", "a loopback address (RFC 1122)"),
        ("168.63.129.16/32", "a cloud's metadata address"),  # Azure's, public by its number
        ("169.254.0.0/16", "a link-local address (RFC 3927), where clouds keep their metadata"),
        ("172.16.0.0/12", "a private address (RFC 1918)"),
        ("192.0.0.0/24", "an address for protocols (RFC 6890)"),
        ("192.0.2.0/24", "an address for documentation (RFC 5737)"),
        ("192.88.99.0/24", "an address of 6to4 relays (RFC 7526)"),
        ("192.168.0.0/16", "a private address (RFC 1918)"),
        ("198.18.0.0/15", "an address for benchmarks (RFC 2544)"),
        ("198.51.100.0/24", "an address for documentation (RFC 5737)"),
        ("203.0.113.0/24", "an address for documentation (RFC 5737)"),
        ("224.0.0.0/4", "a multicast address (RFC 1112)"),
        ("240.0.0.0/4", "a reserved address (RFC 1112)"),
    )
)

_SPECIAL_6 = tuple(
    (IPv6Network(network), what)
    for network, what in (
        ("::/128", "the unspecified address (RFC 4291)"),
        ("::1/128", "a loopback address (RFC 4291)"),
        ("fc00::/7", "a private address (RFC 4193)"),
        ("fe80::/10", "a link-local address (RFC 4291)"),
        ("fec0::/10", "a site-local address (RFC 3879)"),
        ("ff00::/8", "a multicast address (RFC 4291)"),
        ("64:ff9b:1::/48", "an address of a local NAT64 that may lead anywhere (RFC 8215)"),
        ("2001::/23", "an address for protocols (RFC 2928)"),  # Teredo, ORCHID, benchmarks and their like
        ("2001:db8::/32", "an address for documentation (RFC 3849)"),
        ("3fff::/20", "an address for documentation (RFC 9637)"),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
"""All that IANA has given out for the public IPv6 Internet (RFC 4291 §2.4 and IANA's ipv6-address-space)."""

_WRAPPERS = tuple(
    (IPv6Network(network), octet)
    for network, octet in (
        ("::ffff:0:0/96", 12),  # IPv4-mapped, RFC 4291 §2.5.5.2
        ("::ffff:0:0:0/96", 12),  # IPv4-translated, RFC 2765 §2.1
        ("::/96", 12),  # IPv4-compatible, RFC 4291 §2.5.5.1
        ("64:ff9b::/96", 12),  # NAT64, RFC 6052 §2.1
        ("64:ff9b:1::/96", 12),  # the one form of local NAT64 (RFC 8215) in which the IPv4 address has a sure place
        ("2002::/16", 2),  # 6to4, RFC 3056 §2
    )
)
"""Prefix → the octet at which the IPv4 address begins that is really meant."""

_ISATAP = (bytes.fromhex("00005efe"), bytes.fromhex("02005efe"))
"""Octets 8 to 11 under any prefix, before the IPv4 address (RFC 5214 §6.1)."""


def refusal(address: str) -> str | None:
    """Why this address, as text and with or without a zone, is not to be asked; None when it is public."""
    try:
        outer = ip_address(address.partition("%")[0])
    except ValueError:
        return f"{address} is no IP address"
    if isinstance(outer, IPv4Address):
        what = _special_4(outer)
        return f"{address} is {what}" if what else None
    for inner in inside(outer):
        if what := _special_4(inner):
            return f"{address} stands for {inner}, which is {what}"
    what = _special_6(outer)
    return f"{address} is {what}" if what else None


def _special_4(address: IPv4Address) -> str | None:
    return next((what for network, what in _SPECIAL_4 if address in network), None)


def _special_6(address: IPv6Address) -> str | None:
    if any(address in network for network in _ROUTED):
        return None
    found = next((what for network, what in _SPECIAL_6 if address in network), None)
    return found if found or address in _GLOBAL_UNICAST else "a reserved address (RFC 4291)"


_ROUTED = tuple(IPv6Network(network) for network in ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/96"))
"""Outside 2000::/3 and yet a way to the IPv4 Internet: the system's own, and a network's NAT64."""


def inside(address: IPv6Address) -> Iterator[IPv4Address]:
    """Every IPv4 address that the IPv6 one may stand for."""
    octets = address.packed
    if octets[8:12] in _ISATAP:
        yield IPv4Address(octets[12:])
    if address not in _NOTHING_INSIDE:
        for network, begin in _WRAPPERS:
            if address in network:
                yield IPv4Address(octets[begin : begin + 4])


_NOTHING_INSIDE = frozenset({IPv6Address("::"), IPv6Address("::1")})
"""They look IPv4-compatible, and are not."""
