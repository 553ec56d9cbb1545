"""In which places, and asked in which manner, some of many looks were taken: in words.

The manner is what was offered: SNI or none, one kind of key, one version of TLS. The words are not cleaned yet.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, combinations
from typing import TYPE_CHECKING

from probe.model import PORTS
from probe.render.looks import servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from probe.model import EndpointReport
    from probe.render.looks import Looks, Server

Manner = tuple[bool, str | None, str | None]
"""SNI was sent, the kind of key that alone was offered, the version of TLS that alone was offered."""

USUAL: Manner = (True, None, None)
LISTED = 4
"""Servers, or addresses of one server, that one line names; ``--verbose`` and JSON have all of them."""
BRIEF = 45
"""Letters of a place in the first line; the longest address has 39."""
KEYS = {"rsa": "RSA", "ecdsa": "ECDSA"}
VERSIONS = {"TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def places(looks: Looks, every: Looks, named: int = LISTED) -> str:
    """Where these of ``every`` look were taken: "mx1.example.com, 192.0.2.1; mx2.example.com, 2001:db8::2 (RSA)"."""
    among = servers(every)
    parts = list(_places(looks, among, named))
    more = f"; {len(parts) - named} more" if len(parts) > named else ""
    return "; ".join(parts[:named]) + more


def _places(looks: Looks, among: Sequence[Server], named: int) -> Iterator[str]:
    wanted = {id(look) for look in looks}
    for server in among:
        if chosen := [look for look in server.looks if id(look) in wanted]:
            name = [server.name] if len(among) > 1 else []
            yield ", ".join([*name, *filter(None, (_addresses(_differences(chosen, server), named),))])


def where(looks: Looks, server: Server, named: int = LISTED) -> str:
    """Which looks at one server these are: addresses, and how they were asked where that matters.

    The addresses are left out where it is not by them that the looks differ from the others.
    """
    how = _differences(looks, server)
    everywhere = len(how) == len(_manners(server.looks)) and len({*how.values()}) == 1
    return (everywhere and next(iter(how.values()))) or _addresses(how, named)


def _differences(looks: Looks, server: Server) -> dict[str, str]:
    """Address → by what its looks differ from the other looks at it."""
    every = _manners(server.looks)
    return {address: manner(asked, every[address]) for address, asked in _manners(looks).items()}


def _addresses(how: Mapping[str, str], named: int) -> str:
    """Addresses that were asked in the same manner, together."""
    alike: dict[str, list[str]] = {}
    for address, words in how.items():
        alike.setdefault(words, []).append(address)
    return " and ".join(
        f"{_some(addresses, named)}{f' ({words})' if words else ''}" for words, addresses in alike.items()
    )


def briefly(looks: Looks, every: Looks) -> str:
    """Where, in the few words that the first line has room for; "" where it is everywhere."""
    wanted = {id(look) for look in looks}
    among = servers(every)
    hit = [server for server in among if any(id(look) in wanted for look in server.looks)]
    if len(looks) == len(every):
        return ""
    if len(hit) > 1:
        both = f"{hit[0].name} and {hit[1].name}"
        return both if len(hit) == 2 and len(both) <= BRIEF else f"{hit[0].name} and {len(hit) - 1} more"
    name = hit[0].name if len(among) > 1 else ""
    chosen = [look for look in hit[0].looks if id(look) in wanted]
    if len(chosen) == len(hit[0].looks):
        return name
    if family := _family(chosen, hit[0].looks):
        return f"{name} over {family}".strip()
    words = where(chosen, hit[0], 1)
    brief = words if len(words) <= BRIEF else f"at {len(chosen)} of {len(hit[0].looks)} looks"
    return ", ".join(filter(None, (name, brief)))


def _family(looks: Looks, every: Looks) -> str:
    """The family of addresses that these looks are all of."""
    for family, wanted in (("IPv6", True), ("IPv4", False)):
        if looks == [look for look in every if (":" in (look.observation.endpoint.address or "")) is wanted]:
            return family
    return ""


def _some(addresses: Sequence[str], named: int) -> str:
    more = f" and {len(addresses) - named} more" if len(addresses) > named else ""
    return ", ".join(addresses[:named]) + more


def _manners(looks: Looks) -> dict[str, Counter[Manner]]:
    """Address → how often it was asked in which manner."""
    found: dict[str, Counter[Manner]] = {}
    for look in looks:
        at = look.observation.endpoint
        asked = (at.sni is not None, at.offered_key, at.offered_tls)
        found.setdefault(at.address or "", Counter[Manner]())[asked] += 1
    return found


def manner(chosen: Counter[Manner], every: Counter[Manner]) -> str:
    """By what the ``chosen`` differ from the rest of ``every``; "" where they are all of them."""
    if chosen == every:
        return ""
    if any(chosen[asked] < every[asked] for asked in chosen):
        return "; ".join(_often(asked, chosen, every) for asked in chosen)
    for told in _choices() if [*chosen] != [USUAL] else _choices(1):
        wanted = {n: {asked[n] for asked in chosen} for n in told}
        if all(asked in chosen or any(asked[n] not in wanted[n] for n in told) for asked in every):
            return ", ".join(_value(n, wanted[n], {asked[n] for asked in every}) for n in told)
    return "; ".join(_one(asked) for asked in chosen)


def _choices(most: int = 3) -> Iterator[tuple[int, ...]]:
    """Which parts of the manner to tell: the fewest that set these looks apart."""
    return chain.from_iterable(combinations(range(3), number) for number in range(1, most + 1))


def _often(asked: Manner, chosen: Counter[Manner], every: Counter[Manner]) -> str:
    """One server may be several machines, and answer otherwise the next time."""
    name = f"{_one(asked)}: " if len(every) > 1 else ""
    return f"{name}{chosen[asked]} of {every[asked]} times" if every[asked] > 1 else _one(asked)


def _one(asked: Manner) -> str:
    sni, key, version = asked
    words = ("" if sni else "without SNI", KEYS.get(key or "", key or ""), VERSIONS.get(version or "", version or ""))
    return " ".join(filter(None, reversed(words))) or "as usual"


def _value(part: int, values: set[str | bool | None], every: set[str | bool | None]) -> str:
    """One part of the manner; where all kinds were offered, too, by what was not."""
    if part == 0:
        return "with SNI" if True in values else "without SNI"
    told, how = (every - values, "except ") if None in values else (values, "")
    names = (KEYS, VERSIONS)[part - 1]
    return how + ", ".join(sorted(names.get(str(value), str(value)) for value in told))


def lacked(look: EndpointReport) -> str:
    """What a server does not have that was offered one kind of key, or one version, alone."""
    at = look.observation.endpoint
    if at.offered_key:
        return f"{KEYS.get(at.offered_key, at.offered_key)} certificate"
    return VERSIONS.get(at.offered_tls or "", at.offered_tls or "")


def ports(looks: Looks) -> str:
    """At which other mail ports nobody answered; "" where it does not show that they were tried."""
    if not any(look.observation.endpoint.offered_key for look in looks):
        return ""
    answered = {look.observation.endpoint.port for look in looks}
    return ", ".join(str(port) for port in sorted(PORTS) if port not in answered)


def asked(looks: Looks) -> str:
    """How each address was asked, where there was more than one manner."""
    counts = [counted for server in servers(looks) for counted in _manners(server.looks).values()]
    manners = {at for counted in counts for at in counted}
    times = max((n for counted in counts for n in counted.values()), default=1)
    keys = [word for kind, word in KEYS.items() if any(at[1] == kind for at in manners)]
    versions = [word for kind, word in VERSIONS.items() if any(at[2] == kind for at in manners)]
    words = ["with and without SNI"] if len({at[0] for at in manners}) > 1 else []
    words += [f"{how} {' and '.join(names)} alone" for how, names in (("for", keys), ("with", versions)) if names]
    return ", ".join([*words, f"{times} times"] if times > 1 else words)
