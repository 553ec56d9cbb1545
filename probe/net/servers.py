"""DNS servers: whom to ask, whom to believe, and what one of them said. Nothing is asked here."""

from __future__ import annotations

import ipaddress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from probe.model import Dnssec, Failure, bracketed
from probe.net.resolve import address_of

PORT = 53
SERVERS = 3
"""As many of the system's servers as its own resolver asks (resolv.conf(5), MAXNS)."""
RESOLV_CONF = Path("/etc/resolv.conf")
LONGEST_FILE = 1 << 20
"""Characters of it that are read."""


class Server(NamedTuple):
    """A DNS server."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        """As --resolver takes it."""
        return self.address if self.port == PORT else f"{bracketed(self.address)}:{self.port}"


class DnsOptions(Struct, frozen=True):
    """Whom to ask, and whom to believe."""

    resolver: tuple[tuple[str, int], ...] = ()
    """(Address, port) of the servers to ask, in order; () = the system's."""
    trust_ad: bool = False
    """Believe a resolver that is not on loopback when it says that it validated (RFC 7672 §2.1)."""
    direct: bool = False
    """Read the hosts file and ask the system's servers ourselves, instead of asking the system for each address."""


class Answer(NamedTuple):
    """What one server said to one question."""

    server: Server | None = None
    rcode: str = ""
    records: tuple[Any, ...] = ()
    """Text for A, AAAA and TXT, ``Mx`` and ``Tlsa``, in the order of the answer, as often as they stand there."""
    aliases: tuple[str, ...] = ()
    """Where the CNAME records lead, one after the other."""
    dnssec: Dnssec = Dnssec.UNKNOWN
    failure: Failure | None = None
    """Why nobody knows; that a name does not exist is no failure."""

    @property
    def resolver(self) -> str | None:
        """Who answered."""
        return str(self.server) if self.server else None

    @property
    def unknown_name(self) -> bool:
        """The name does not exist (RFC 8020)."""
        return self.rcode == "NXDOMAIN"


def system_servers() -> tuple[Server, ...]:
    """The system's DNS servers (resolv.conf(5)). Raises OSError, with a text for people, where none can be learned."""
    try:
        with RESOLV_CONF.open(encoding="utf-8") as file:
            words = [line.split() for line in file.read(LONGEST_FILE).splitlines()]
    except (OSError, ValueError) as problem:
        raise OSError(f"no DNS server is known: {problem}") from problem
    named = [address_of(word[1]) for word in words if word[:1] == ["nameserver"] and len(word) > 1]
    servers = tuple(Server(address) for address in named if address)
    if not servers:
        raise OSError(f"no DNS server is known: {RESOLV_CONF} names none")
    return servers[:SERVERS]


@cache
def is_loopback(server: Server) -> bool:
    """Nobody stands between it and us."""
    return ipaddress.ip_address(server.address).is_loopback
