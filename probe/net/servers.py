"""DNS servers: whom to ask, whom to believe, and what one of them said. Values alone; nothing is asked here."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Any, NamedTuple

from probe.model import Dnssec, Failure, bracketed

PORT = 53


class Server(NamedTuple):
    """A DNS server."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        """As --resolver takes it."""
        return self.address if self.port == PORT else f"{bracketed(self.address)}:{self.port}"


@dataclass(frozen=True, slots=True)
class DnsOptions:
    """Whom to ask, and whom to believe."""

    resolver: tuple[tuple[str, int], ...] = ()
    """(Address, port) of the servers to ask, in order; () = the system's."""
    trust_ad: bool = False
    """Believe a resolver that is not on loopback when it says that it validated (RFC 7672 §2.1)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one server said to one question."""

    server: Server | None = None
    rcode: str = ""
    records: tuple[Any, ...] = ()
    """Rdata of dnspython, and ``Tlsa``, in the order of the answer."""
    aliases: tuple[str, ...] = ()
    """Where the CNAME records lead, one after the other."""
    ad: bool = False
    """The server says that it validated the answer."""
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


def is_loopback(server: Server) -> bool:
    """Nobody stands between it and us."""
    return ipaddress.ip_address(server.address).is_loopback
