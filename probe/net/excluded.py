"""Networks that nobody wants called: the file that names them, and whether an address lies in one."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from probe.net.addresses import inside

Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 in the form of IPv6 (RFC 4291 §2.5.5.2)."""


def networks(text: str) -> tuple[Network, ...]:
    """Read one address or network a line; blank lines, and what follows a #, are left out.

    Raises ValueError with a sentence for a line that is neither.
    """
    lines = (line.partition("#")[0].strip() for line in text.removeprefix("\ufeff").split("\n"))
    return tuple(_network(bare, number) for number, bare in enumerate(lines, start=1) if bare)


def _network(bare: str, number: int) -> Network:
    try:
        return ip_network(bare)
    except ValueError:
        shown = bare if len(bare) <= 60 else f"{bare[:59]}…"
        raise ValueError(f"Line {number}, {shown!r}: {_instead(bare)}") from None


def _instead(bare: str) -> str:
    """Say what to type."""
    try:
        whole = ip_network(bare, strict=False)
    except ValueError:
        return "this is no address or network; write one a line, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32."
    return f"the address goes on behind its prefix; write {whole}, or {bare.partition('/')[0]} for that address alone."


class Excluded:
    """Networks by the length of their prefixes, so that a hundred thousand are looked through as quickly as one."""

    def __init__(self, networks: Iterable[Network] = ()) -> None:
        self._prefixes: dict[tuple[int, int], set[int]] = {}
        for network in map(_unfolded, networks):
            shift = network.max_prefixlen - network.prefixlen
            prefix = int(network.network_address) >> shift
            self._prefixes.setdefault((network.version, shift), set()).add(prefix)

    def covering(self, address: str) -> Network | None:
        """Give the network in which an address lies, in whatever form it is dressed; None = in none of them."""
        if not self._prefixes:
            return None
        outer = ip_address(address.partition("%")[0])
        forms: tuple[IPv4Address | IPv6Address, ...] = (outer,)
        if isinstance(outer, IPv6Address):
            forms = (outer, *inside(outer))
        return next((network for form in forms if (network := self._around(form))), None)

    def _around(self, address: IPv4Address | IPv6Address) -> Network | None:
        number = int(address)
        for (version, shift), prefixes in self._prefixes.items():
            if version == address.version and number >> shift in prefixes:
                return ip_network(f"{address}/{address.max_prefixlen - shift}", strict=False)
        return None


def _unfolded(network: Network) -> Network:
    """::ffff:192.0.2.0/120 is 192.0.2.0/24."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((network.network_address.packed[12:], network.prefixlen - 96))
    return network
