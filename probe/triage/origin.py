"""Who wrote a text, in which role of the SMTP connection, and who the other side was.

The patterns are data, ``catalogue/writers.toml``: names of programs and fields of their log lines.
"""

from __future__ import annotations

import ipaddress
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from probe.catalogue import WRITERS
from probe.message import Peer, Role

ENOUGH = 16 * 1024
"""Characters in which the writer is looked for: it names itself in the first lines."""
_NAMELESS = frozenset({"unknown", "none", "localhost", "default"})
"""What programs print where they know no host name."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a text comes from, as far as it tells."""

    mta: str | None = None
    role: Role = Role.UNKNOWN
    peer: Peer | None = None


@dataclass(frozen=True, slots=True)
class _Writer:
    mta: str
    role: Role
    pattern: re.Pattern[str]


def writer(text: str) -> tuple[str | None, Role]:
    """Return the program that wrote the text, None if it does not tell, and its role."""
    text = text[:ENOUGH]
    patterns = _patterns()
    one = next((one for one in patterns.writers if one.pattern.search(text)), None)
    role = one.role if one and one.role is not Role.UNKNOWN else _role(text, patterns.roles)
    return one.mta if one else None, role


def peer(text: str) -> Peer | None:
    """Return the first other side that has a name, else the first that has an address."""
    peers = [found for pattern in _patterns().peers for found in _peers(pattern, text[:ENOUGH])]
    named = (found for found in peers if found.host and found.address)
    return next(named, None) or next(iter(peers), None)


def _role(text: str, roles: tuple[_Writer, ...]) -> Role:
    """By the words that only one side's library prints; unknown when both are there."""
    said = {one.role for one in roles if one.pattern.search(text)}
    return said.pop() if len(said) == 1 else Role.UNKNOWN


def _peers(pattern: re.Pattern[str], text: str) -> Iterator[Peer]:
    for found in pattern.finditer(text):
        groups = found.groupdict()
        host, address = groups.get("host") or "", address_of(groups.get("address") or groups.get("address2") or "")
        port = int(groups.get("port") or 0)
        if address_of(host):
            host, address = "", address or address_of(host)
        host = "" if host.lower() in _NAMELESS else host.strip(".")
        if host or address:
            yield Peer(host or None, address or None, port if 0 < port < 1 << 16 else None)


def address_of(text: str) -> str:
    """Return the address in its usual form, an IPv4 address mapped into IPv6 as the former; "" if it is none."""
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


@dataclass(frozen=True, slots=True)
class _Patterns:
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
    return _Writer(row.get("mta", ""), Role(row.get("role", "unknown")), re.compile(row["pattern"], re.MULTILINE))
