"""Who wrote a text, in which role of the SMTP connection, and who the other side was.

The patterns are data, ``catalogue/writers.toml``: names of programs and fields of their log lines.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache

from msgspec import Struct

from probe.catalogue import WRITERS
from probe.message import Peer, Role

ENOUGH = 16 * 1024
"""Characters in which the writer is looked for: it names itself in the first lines."""
PORTS = range(1, 10_000)
"""Ports that a server may have; the others are those of clients."""
_HOST = re.compile(r"\w(?:[\w.-]{0,253}\w)?")
_NAMELESS = frozenset({"unknown", "none", "localhost", "default"})
"""What programs print where they know no host name."""


class Origin(Struct, frozen=True):
    """Where a text comes from, as far as it tells."""

    mta: str | None = None
    role: Role = Role.UNKNOWN
    peer: Peer | None = None


class _Writer(Struct, frozen=True):
    mta: str
    role: Role | None
    """None where the program may be either; "unknown" in the file says that neither is meant."""
    pattern: re.Pattern[str]


def writer(text: str) -> tuple[str | None, Role]:
    """Return the program that wrote the text, None if it does not tell, and its role."""
    text = text[:ENOUGH]
    patterns = _patterns()
    one = next((one for one in patterns.writers if one.pattern.search(text)), None)
    role = _role(text, patterns.roles) if one is None or one.role is None else one.role
    return one.mta if one else None, role


def peer(text: str) -> Peer | None:
    """Return the first other side that has a name, else the first that has an address."""
    peers = [found for pattern in _patterns().peers for found in _peers(pattern, text[:ENOUGH])]
    named = (found for found in peers if found.host and found.address)
    return next(named, None) or next(iter(peers), None)


def _role(text: str, roles: tuple[_Writer, ...]) -> Role:
    """By the words that only one side's library prints; unknown when both are there."""
    said = {one.role for one in roles if one.role and one.pattern.search(text)}
    return said.pop() if len(said) == 1 else Role.UNKNOWN


def peer_of(host: str | None, address: str | None, port: int | None = None) -> Peer | None:
    """Make a peer of what somebody wrote: only a host name and an address that are such; None where neither is.

    The text is hostile, and a peer becomes an argument of the commands that we print.
    """
    place = address_of(address or "") or address_of(host or "")
    name = (host or "").strip(".")
    known = name if _HOST.fullmatch(name) and not address_of(name) and name.lower() not in _NAMELESS else None
    return Peer(known, place or None, port) if known or place else None


def _peers(pattern: re.Pattern[str], text: str) -> Iterator[Peer]:
    for found in pattern.finditer(text):
        groups = found.groupdict()
        port = int(groups.get("port") or 0)
        other = peer_of(
            groups.get("host"), groups.get("address") or groups.get("address2"), port if port in PORTS else None
        )
        if other:
            yield other


def address_of(text: str) -> str:
    """Return the address in its usual form, an IPv4 address mapped into IPv6 as the former; "" if it is none."""
    if "%" in text:  # a zone means nothing elsewhere, and may be anything
        return ""
    try:
        address = ipaddress.ip_address(text.strip("[]").removeprefix("IPv6:"))
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


class _Patterns(Struct, frozen=True):
    writers: tuple[_Writer, ...]
    roles: tuple[_Writer, ...]
    peers: tuple[re.Pattern[str], ...]


@cache
def _patterns() -> _Patterns:
    tables = tomllib.loads(WRITERS.read_text(encoding="utf-8"))
    return _Patterns(
        writers=tuple(map(_writer, tables["writer"])),
        roles=tuple(map(_writer, tables["role"])),
        peers=tuple(re.compile(row["pattern"], re.MULTILINE) for row in tables["peer"]),
    )


def _writer(row: Mapping[str, str]) -> _Writer:
    return _Writer(
        row.get("mta", ""), Role(row["role"]) if "role" in row else None, re.compile(row["pattern"], re.MULTILINE)
    )
