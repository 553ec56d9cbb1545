"""Whose place an address is, and how we stand with them.

An operator is a network (/24, /48) or an organisation (example.com); an address belongs to one of either kind.
"""

from __future__ import annotations

from enum import Enum, auto
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_pton

from msgspec import Struct

from probe.model import Endpoint, Observation, Stage, Trouble

Key = bytes | str
"""An operator: the octets of a network's prefix, or the domain of an organisation."""

SLOWER, SLOWEST = 1.0, 60.0
"""Seconds between two connections at an operator who refused us, after the first refusal and at most."""

NOBODY_MOST = 4.0
"""Seconds at most where all we know is that nobody answers: the hosts may just as well be gone."""

IN_A_ROW = 3
"""So many addresses of a network that let us in before have to be silent until we take it for a sign."""

UNWANTED = frozenset(f"reply:{code}" for code in (421, 450, 451, 452, 454, 554))
"""Refusals that may mean us, before TLS (RFC 5321 §3.1, §4.2.2; RFC 3207 §4)."""

TEMPORARY = UNWANTED - {"reply:554"}
"""Refusals that may be gone later (RFC 5321 §4.2.1)."""

SHORT = (
    *("ac", "ad", "co", "com", "edu", "gob", "gouv", "gov", "go", "gr", "gv", "id"),
    *("ind", "ltd", "me", "mil", "ne", "net", "nom", "or", "org", "plc", "sch"),
)
"""Second levels below which country codes give out names: co.uk, com.au, ne.jp."""

_FOLDED = frozenset({bytes(10) + b"\xff\xff", bytes.fromhex("0064ff9b") + bytes(8)})
"""Octets before an IPv4 address in the form of IPv6 (RFC 4291 §2.5.5.2), and behind NAT64 (RFC 6052 §2.1)."""

_BEFORE_TLS = frozenset({Stage.GREETING, Stage.EHLO, Stage.STARTTLS})
_OUTSIDE = frozenset({Stage.DNS, Stage.CONNECT, Stage.GREETING})


def machine(endpoint: Endpoint) -> bytes:
    """One address, however DNS writes it: ::ffff:192.0.2.1 is 192.0.2.1, and so is what NAT64 makes of it."""
    return _octets(endpoint.address or "::")


@lru_cache(maxsize=1024)
def _octets(text: str) -> bytes:
    address = text.partition("%")[0]
    if ":" not in address:
        return inet_pton(AF_INET, address)
    octets = inet_pton(AF_INET6, address)
    return octets[12:] if octets[:12] in _FOLDED else octets


def operators(endpoint: Endpoint, address: bytes) -> tuple[Key, ...]:
    """Give the network of an address, and the organisation of its host where it has a name."""
    network = address[:3] if len(address) == 4 else address[:6]
    organised = organisation(endpoint.host or "")
    return (network, organised) if organised else (network,)


@lru_cache(maxsize=1024)
def organisation(host: str) -> str | None:
    """Give the domain that somebody registered for a host, as far as its labels tell; None for an address."""
    labels = host.lower().removesuffix(".").rsplit(".", 3)
    if ":" in host or not labels[-1] or labels[-1].isdigit():
        return None
    long = len(labels[-1]) == 2 and labels[-2:-1] and labels[-2] in SHORT
    return ".".join(labels[-3:] if long else labels[-2:])


class Reception(Enum):
    """How a look was received."""

    LET_IN = auto()
    REFUSED = auto()
    """A reply before TLS that may mean us."""
    SHUT = auto()
    """The connection was closed without a word."""
    NOBODY = auto()
    """No connection."""
    OTHER = auto()
    """Nothing that tells whether we are welcome."""


def reception(seen: Observation) -> Reception:
    """Say how we were received."""
    failure = seen.failure
    if failure is None:
        return Reception.LET_IN
    if seen.stage in _BEFORE_TLS and not UNWANTED.isdisjoint(failure.symptoms):
        return Reception.REFUSED
    if seen.stage is Stage.CONNECT and failure.trouble in {Trouble.REFUSED, Trouble.TIMEOUT}:
        return Reception.NOBODY
    if failure.trouble is Trouble.CLOSED and not seen.answered:
        return Reception.SHUT
    return Reception.LET_IN if seen.answered and seen.stage not in _OUTSIDE else Reception.OTHER


def deserves_another(seen: Observation) -> bool:
    """The refusal is temporary (421, 454 and their like, before TLS): one more look, later, may be let in."""
    temporary = seen.failure is not None and not TEMPORARY.isdisjoint(seen.failure.symptoms)
    return temporary and seen.stage in _BEFORE_TLS


class Standing(Struct):
    """What an operator lets us feel, as long as it is remembered."""

    penalty: float = 0.0
    """Seconds between two connections, of which there is then one at a time; 0 = nobody minds us."""
    let_in: bool = False
    """We were received as everybody is."""
    silent: int = 0
    """Addresses in a row where nobody answered."""

    def note(self, how: Reception) -> None:
        """Slow down, or recover."""
        self.silent = self.silent + 1 if how is Reception.NOBODY else 0
        if how is Reception.LET_IN:
            self.let_in = True
            self.penalty = self.penalty / 2 if self.penalty >= 2 * SLOWER else 0.0
        elif how is Reception.REFUSED or (how is Reception.SHUT and self.let_in):
            self._slow(SLOWEST)
        elif self.silent >= IN_A_ROW and self.let_in:
            self.silent = 0
            self._slow(NOBODY_MOST)

    def _slow(self, most: float) -> None:
        self.penalty = max(self.penalty, min(most, self.penalty * 2 or SLOWER))
