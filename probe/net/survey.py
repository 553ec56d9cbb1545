"""All looks at one target: every mail host of a domain, every address of a host, every way of asking.

Addresses are asked side by side, one address never twice at once. One that hangs hides no other: what was seen is kept
as it comes, and where the time is up, or somebody loses patience, ``Known`` still has it. Nothing is judged.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from probe.model import (
    Domain,
    Endpoint,
    Kind,
    Observation,
    Protocol,
    Stage,
    Survey,
    Target,
    Trouble,
)
from probe.net.dns import MX_TIMEOUT, Dns, hosts_of, with_mail_hosts
from probe.net.known import Known, Rank
from probe.net.manners import Manners
from probe.net.observe import (
    CONNECT_TIMEOUT,
    RESOLVE_TIMEOUT,
    Broken,
    ObserveOptions,
    Run,
    begun,
    endpoint_of,
    family_of,
    look,
    unresolved,
)
from probe.net.operators import deserves_another
from probe.net.resolve import address_of
from probe.net.ways import KNOCK_TIMEOUT, Breadth, further, named_look

if TYPE_CHECKING:
    from probe.net.hosts import Hosts

ADDRESSES = 16
"""Addresses of one host: the largest providers have eight."""

TLSA_TIMEOUT = 5.0
"""Seconds for TLSA records: some home routers never answer for a type that they do not know."""

POLICY_SECONDS = 30.0
"""For MTA-STS and TLS reporting, from DNS to the policy; a sender gives it a minute (RFC 8461 §3.3)."""

_DNS = Stage.DNS.value

UNWELCOME = frozenset({421, 554})
"""Greetings after which a polite client does not come again (RFC 5321 §3.1, §3.8)."""


class _Tour(Struct, frozen=True):
    """What the looks of one survey share."""

    run: Run
    dns: Dns
    breadth: Breadth
    known: Known
    manners: Manners
    allow_private: bool
    hosts: Hosts | None = None
    dns_ms: dict[int, float] = field(default_factory=dict)
    """Host → milliseconds until its addresses were known."""


async def survey(
    target: Target,
    options: ObserveOptions,
    dns: Dns,
    breadth: Breadth | None = None,
    known: Known | None = None,
    *,
    allow_private: bool = False,
    manners: Manners | None = None,
    hosts: Hosts | None = None,
) -> Survey:
    """Look at everything that belongs to a target, within the total deadline of ``options``.

    ``allow_private`` is about the web host of the policy; ``manners`` and ``hosts`` are what the surveys of a sweep
    share. Raises nothing for what the network does. Cancelling it closes the connections; ``known`` keeps what was
    seen.
    """
    tour = _Tour(
        begun(options),
        dns,
        breadth or Breadth(),
        known or Known(target),
        manners or Manners(),
        allow_private,
        hosts,
    )
    if target.kind is Kind.DOMAIN:
        await _domain(tour, target)
    else:
        await _host(tour, 0, target, None)
        await _suggest(tour)
    return tour.known.survey


async def _suggest(tour: _Tour) -> None:
    """Where a name has no mail server of its own, somebody may have meant the domain: note where its mail goes."""
    known = tour.known
    if all(seen.stage is Stage.CONNECT for seen in known.seen.values()):
        for rank, seen in known.seen.items():
            known.seen[rank] = await with_mail_hosts(seen, tour.dns, tour.run.at_most(MX_TIMEOUT))


async def _domain(tour: _Tour, target: Target) -> None:
    """Look at the mail hosts of a domain, all at once."""
    domain = tour.known.domain = await tour.dns.mail_hosts(target.name, tour.run.at_most(RESOLVE_TIMEOUT))
    if tour.manners.patient:
        tour = replace(tour, run=begun(tour.run.options))
    hosts = [(replace(target, name=mx.host, kind=Kind.HOST), mx.preference) for mx in hosts_of(domain)]
    visit = _shared if tour.hosts else _host
    looks = (visit(tour, n, *host) for n, host in enumerate(hosts))
    await asyncio.gather(_aliases(tour, domain), _policies(tour, domain), *looks)


async def _shared(tour: _Tour, number: int, target: Target, preference: int | None) -> None:
    """Look at a host that other domains may share, or take what was seen of it."""
    assert tour.hosts and tour.known.domain  # noqa: S101, PT018 -- it is called for a domain of a sweep
    known, of_mx = tour.known, tour.known.domain.dnssec
    known.waiting[number, 0, 0] = target.name
    found = await tour.hosts.of(target, partial(_for_many, tour))
    known.waiting.pop((number, 0, 0), None)
    for n, seen in enumerate(found.observations):
        known.add((number, n, 0), replace(seen, endpoint=replace(seen.endpoint, mx_preference=preference)))
        if seen.tlsa:
            known.tlsa[number, seen.endpoint.port] = replace(seen.tlsa, mx_dnssec=of_mx)
    known.left_out += found.left_out


async def _for_many(tour: _Tour, target: Target) -> Survey:
    """Look at a host on behalf of every domain that names it."""
    own = replace(tour, run=begun(tour.run.options), known=Known(target), dns_ms={})
    await _host(own, 0, target, None)
    return own.known.survey


async def _aliases(tour: _Tour, domain: Domain) -> None:
    """Look where the mail hosts lead, beside all else: a host whose DNS hangs shall keep nobody waiting."""
    aliased = await tour.dns.aliases(domain, tour.run.at_most(RESOLVE_TIMEOUT))
    tour.known.domain = replace(tour.known.domain or domain, mx=aliased.mx)


async def _policies(tour: _Tour, domain: Domain) -> None:
    """Look for what the domain announces; one that takes no mail, or is not there, announces nothing."""
    if domain.failure:
        return
    from probe.net.policy import sts, tls_rpt  # HTTP, which a host needs not

    seconds = tour.run.at_most(POLICY_SECONDS)
    found, reports = await asyncio.gather(
        sts(domain.name, tour.dns, seconds=seconds, allow_private=tour.allow_private),
        tls_rpt(domain.name, tour.dns, seconds=seconds),
    )
    tour.known.domain = replace(tour.known.domain or domain, sts=found, tls_rpt=reports)


async def _host(tour: _Tour, number: int, target: Target, preference: int | None) -> None:
    """Look at every address of one host, and for its TLSA records meanwhile."""
    known, options, before = tour.known, tour.run.options, tour.run.ms
    known.waiting[number, 0, 0] = target.name
    resolved = await tour.dns.addresses(target.name, family_of(options), tour.run.at_most(RESOLVE_TIMEOUT))
    tour.dns_ms[number] = round(tour.run.ms - before, 3)
    if resolved.failure:
        nowhere = unresolved(tour.run, target, resolved.failure)
        known.add((number, 0, 0), replace(nowhere, endpoint=replace(nowhere.endpoint, mx_preference=preference)))
        return
    if resolved.partly:
        known.left_out.append(f"more addresses of {target.name} ({resolved.partly.text})")
    if more := len(resolved.addresses[ADDRESSES:]):
        known.left_out.append(f"{more} more addresses of {target.name} ({ADDRESSES} are the most)")
    places = [endpoint_of(target, address, options, preference) for address in resolved.addresses[:ADDRESSES]]
    places = [place for place in places if not _left_out(tour, place)]
    known.waiting.pop((number, 0, 0), None)
    known.waiting |= {(number, n, 0): place for n, place in enumerate(places)}
    name = _asked_of_tlsa(tour, target)
    if len(places) == 1 and not name:  # no tasks for what is one thing
        await _address(tour, (number, 0, 0), places[0])
        return
    async with asyncio.TaskGroup() as group:
        for n, place in enumerate(places):
            group.create_task(_address(tour, (number, n, 0), place))
        if name:
            group.create_task(_tlsa(tour, number, target, name))


def _left_out(tour: _Tour, place: Endpoint) -> bool:
    """An address that must not be called is named as such."""
    why = tour.manners.refusal(place)
    if why:
        tour.known.left_out.append(f"{named_look(place)}: {why}")
    return bool(why)


def _asked_of_tlsa(tour: _Tour, target: Target) -> str | None:
    """DANE is for names, and among mail servers for those that speak SMTP (RFC 7672 §1.3).

    For an address it is asked by the name that the server is to have there; of a loopback address the world knows
    nothing, and only a resolver that was named is asked.
    """
    name: str | None = target.name
    if address := address_of(target.name):
        private = not tour.dns.options.resolver and (address.startswith("127.") or address == "::1")
        name = None if private else endpoint_of(target, None, tour.run.options).sni
    return name if target.protocol in {Protocol.SMTP, Protocol.SUBMISSION} else None


async def _tlsa(tour: _Tour, number: int, target: Target, name: str) -> None:
    of_mx = tour.known.domain.dnssec if tour.known.domain else None
    found = await tour.dns.tlsa(name, target.port, of_mx, tour.run.at_most(TLSA_TIMEOUT))
    tour.known.tlsa[number, target.port] = found


async def _address(tour: _Tour, rank: Rank, endpoint: Endpoint) -> None:
    """Take all looks at one address; in a sweep a second time, in a turn of its own, where that may be let in."""
    first = await _turn(tour, rank, endpoint)
    if first and tour.manners.patient and deserves_another(first):
        await _turn(tour, rank, endpoint)


async def _turn(tour: _Tour, rank: Rank, endpoint: Endpoint) -> Observation | None:
    """Take looks, one after the other, until the time is up or the server wants no more of them; give the first."""
    async with tour.manners.turn(endpoint):
        run = begun(tour.run.options) if tour.manners.patient else tour.run
        if run.left <= 0 and tour.known.seen:
            tour.known.leave_out(rank, named_look(endpoint))
            return None
        first = last = await _look(tour, run, rank, endpoint)
        asked = 1
        for n, (place, seconds) in enumerate(further(endpoint, first, tour.breadth), start=1):
            if run.left <= 0 or _unwelcome(last):
                times = f", asked {asked} of {tour.breadth.repeat} times" if place == endpoint else ""
                tour.known.leave_out((*rank[:2], n), named_look(place) + times)
            else:
                last = await _look(tour, run, (*rank[:2], n), place, seconds)
                asked += 1
        return first


async def _look(tour: _Tour, run: Run, rank: Rank, endpoint: Endpoint, seconds: float = CONNECT_TIMEOUT) -> Observation:
    """Take one look. A port that nobody asked for, and where nobody is, is no news.

    Nor is it, beside other looks, that the time was up for one which began late.
    """
    known = tour.known
    known.waiting.setdefault(rank, endpoint)
    late = bool(known.seen) and run.late
    try:
        seen = await look(run, endpoint, seconds, {_DNS: tour.dns_ms[rank[0]]})
    except Broken as stop:
        known.waiting[rank] = f"{named_look(endpoint)} ({stop})"
        if stop.first:
            known.add(rank, stop.first)
        raise
    tour.manners.heard(seen)
    if seconds == KNOCK_TIMEOUT and seen.stage is Stage.CONNECT:
        del known.waiting[rank]
    elif late and run.cut(seen):
        known.leave_out(rank, named_look(endpoint))
    else:
        known.add(rank, seen)
    return seen


def _unwelcome(seen: Observation) -> bool:
    failure, greeting = seen.failure, seen.greeting
    refused = failure is not None and failure.trouble is Trouble.REPLY
    return refused and greeting is not None and greeting.code in UNWELCOME
