"""In how many ways one address is asked: pure decisions, taken after the first look."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from probe.model import PORTS, Endpoint, Observation, bracketed
from probe.net.observe import CONNECT_TIMEOUT

KNOCK_TIMEOUT = 3.0
"""Seconds to connect to a port that nobody asked for: a SYN and its first repetition. Firewalls drop, so most wait."""


class Breadth(Struct, frozen=True):
    """How many ways to ask each address."""

    thorough: bool = False
    """With and without SNI, for RSA and ECDSA, with TLS 1.2 and 1.3, and at the other mail ports that answer."""
    repeat: int = 1
    """How often the first look is taken: the members of a pool behind one address may differ."""


def further(endpoint: Endpoint, first: Observation, breadth: Breadth) -> Iterator[tuple[Endpoint, float]]:
    """What to ask after the first look, with the seconds for its connection."""
    for _ in range(breadth.repeat - 1):
        yield endpoint, CONNECT_TIMEOUT
    if not breadth.thorough:
        return
    if first.presented is not None or first.tls_version:
        yield from ((place, CONNECT_TIMEOUT) for place in _ways(endpoint))
    for port, (protocol, tls) in PORTS.items():
        if port != endpoint.port:
            yield replace(endpoint, port=port, protocol=protocol, tls=tls), KNOCK_TIMEOUT


def _ways(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Senders differ in these: many send no SNI, old ones know no ECDSA, and older ones no TLS 1.3."""
    if endpoint.sni:
        yield replace(endpoint, sni=None)
    yield from (replace(endpoint, offered_key=key) for key in ("rsa", "ecdsa"))
    yield from (replace(endpoint, offered_tls=version) for version in ("TLSv1.2", "TLSv1.3"))


def named_look(endpoint: Endpoint) -> str:
    """Name a look for people."""
    address = endpoint.address or ""
    shown = f"{bracketed(address)}:{endpoint.port}"
    where = shown if endpoint.host == endpoint.address else f"{endpoint.host} at {shown}"
    ways = [way for way in (endpoint.offered_key, endpoint.offered_tls) if way]
    return ", ".join((where, *ways))
