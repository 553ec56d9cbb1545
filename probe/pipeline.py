"""The whole story: Target → Observation → Chain → findings → Report.

1. observe    the network: every look at every address (net.survey); nothing is judged here
2. complete   issuers that nobody sent: kept ones (net.cache), then fetched by AIA, level by level (net.issuers)
3. build      the presented certificates become a Chain, and the Chain a Repair (pki)
4. judge      every rule looks at the Case (rules)
5. word       the catalogue gives each finding its sentences and the commands for the server at hand

Steps 3 to 5 are pure: a saved observation, or a list of certificates, enters there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterable
from contextlib import aclosing
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.garbage import searched_seldom
from probe.judgement import Options, chain_of, judged, moment_of, of_list, report_of_survey
from probe.model import (
    Certificate,
    Domain,
    Kind,
    Observation,
    Protocol,
    Report,
    Side,
    Source,
    Stage,
    Survey,
    Target,
    Tls,
)
from probe.pki.profile import is_root

if TYPE_CHECKING:
    from probe.material import Material
    from probe.net.fetches import Fetches
    from probe.net.known import Known
    from probe.net.manners import Manners
    from probe.net.observe import ObserveOptions

LEVELS = 4
"""Issuers above one another that are fetched; public CAs need one, seldom two."""


async def probe_host(target: Target, options: Options, known: Known | None = None) -> Report:
    """Probe one host, or all of a mail domain, and report: the whole story.

    Never raises for what the network or the server does. ``known`` fills as looks are done, for whoever interrupts it.
    """
    from probe.net.dns import Dns
    from probe.net.observe import ObserveOptions, begun
    from probe.net.servers import DnsOptions
    from probe.net.survey import survey

    network = options.network or ObserveOptions()
    run = begun(network)
    dns, private = Dns(options.dns or DnsOptions()), options.allow_private
    seen = await survey(target, replace(network, identity=None), dns, options.breadth, known, allow_private=private)
    if network.identity is not None:
        seen = await _presenting(seen, replace(network, timeout=run.at_most()))
    return report_of_survey(await completed(seen, options, run.at_most()), options)


async def sweep(
    targets: Iterable[Target] | AsyncIterable[Target], options: Options, manners: Manners, most: int
) -> AsyncGenerator[Report, None]:
    """Probe many targets side by side, and yield each report as it is done; never more than ``most`` are in hand.

    What they ask alike is asked once: DNS, mail hosts that several domains name, AIA addresses. Raises Halted where
    it is our own side that fails: what was not yielded by then was not examined.
    """
    from probe.judge import Judge
    from probe.net.dns import Dns
    from probe.net.fetches import Fetches
    from probe.net.hosts import Hosts
    from probe.net.observe import ObserveOptions
    from probe.net.outage import Outage
    from probe.net.overlap import overlapped
    from probe.net.servers import DnsOptions
    from probe.net.survey import survey

    network, private, judge = options.network or ObserveOptions(), options.allow_private, Judge(options)
    dns, hosts = Dns(replace(options.dns or DnsOptions(), direct=True)), Hosts()
    fetches, outage = Fetches(allow_private=private), Outage(dns)

    async def examined(target: Target) -> Report:
        seen = await survey(target, network, dns, options.breadth, allow_private=private, manners=manners, hosts=hosts)
        await outage.refuse(seen)
        if seen.domain or any(one.presented and judge.chain(one).frontier for one in seen.observations):
            seen = await completed(seen, options, fetches=fetches)
        return judge.report(seen)

    with searched_seldom():
        every = overlapped(targets, examined, most, lambda: manners.supplied)
        async with dns, hosts, fetches, aclosing(every) as reports:
            async for report in reports:
                yield report


async def _presenting(seen: Survey, network: ObserveOptions) -> Survey:
    """Look once more, now presenting our certificate; and look at what we present.

    It is for the first server that came to TLS, else for the first that let us in.
    """
    from probe.net.observe import begun, look

    open_doors = [one for one in seen.observations if one.stage not in {Stage.DNS, Stage.CONNECT}]
    if not open_doors:
        return seen
    first = next((one for one in open_doors if one.presented is not None), open_doors[0])
    run, there = begun(network), first.endpoint
    presenting = await look(run, there)
    if run.cut(presenting):
        return replace(seen, left_out=(*seen.left_out, f"{there.host} at {there.address}, with our certificate"))
    ours = of_list(presenting.client_chain, presenting.started, Side.CLIENT)
    return replace(seen, observations=(*seen.observations, presenting, ours))


async def completed(survey: Survey, options: Options, seconds: float = inf, fetches: Fetches | None = None) -> Survey:
    """Look for issuers that were not sent, once for each distinct list, all within so many seconds."""
    first = {(seen.presented, seen.side): seen for seen in reversed(survey.observations)}
    policy = asyncio.create_task(_with_policy(survey.domain, options, seconds, fetches))
    lists = await asyncio.gather(*(complete(one, options, seconds, fetches) for one in first.values()))
    whole = dict(zip(first, lists, strict=True))
    found = ((seen, whole[seen.presented, seen.side]) for seen in survey.observations)
    filled = tuple(replace(seen, fetched=one.fetched, cached=one.cached) for seen, one in found)
    return replace(survey, observations=filled, domain=await policy)


async def _with_policy(
    domain: Domain | None, options: Options, seconds: float, fetches: Fetches | None
) -> Domain | None:
    """Look for the issuers that the web host of the policy does not send."""
    if not (domain and domain.sts and domain.sts.fetch):
        return domain
    from probe.rules.sts import web_host

    host = web_host(domain)
    if host is None:
        return domain
    fetch = replace(domain.sts.fetch, fetched=(await complete(host, options, seconds, fetches)).fetched)
    return replace(domain, sts=replace(domain.sts, fetch=fetch))


async def complete(
    observation: Observation, options: Options, seconds: float = inf, fetches: Fetches | None = None
) -> Observation:
    """Look for issuers that were not sent: in the cache, then by AIA, until a trust anchor is reached.

    Fetching takes ``issuers.SECONDS`` at most, or ``seconds`` where they are fewer. ``fetches`` is what a sweep shares.
    """
    frontier = _frontier(observation, options)
    if not frontier:
        return observation
    if options.cache:
        found = options.cache.signers(frontier)
        observation = replace(observation, cached=tuple(certificate.der for certificate in found))
    whole = await _fetching(observation, options, seconds, fetches) if options.fetch else observation
    if options.cache and (path := chain_of(whole, options).mended) and path.anchored:
        used = zip(path.certificates, path.sources, strict=True)
        options.cache.keep(c for c, source in used if source in {Source.AIA, Source.CACHE} and not is_root(c))
    return whole


async def _fetching(observation: Observation, options: Options, seconds: float, fetches: Fetches | None) -> Observation:
    """Ask the addresses that certificates name, level by level, until nobody names one that was not asked."""
    asked = set[str]()
    if not _addresses(observation, options, asked):
        return observation
    from probe.net.issuers import SECONDS, Budget, fetch_issuers

    budget = Budget(min(SECONDS, seconds))
    for _ in range(LEVELS):
        urls = _addresses(observation, options, asked)
        if not urls:
            break
        asked.update(urls)
        if fetches:
            fetched = await fetches.of(urls, budget)
        else:
            fetched = await fetch_issuers(urls, allow_private=options.allow_private, budget=budget)
        observation = replace(observation, fetched=observation.fetched + fetched)
    return observation


def _frontier(observation: Observation, options: Options) -> tuple[Certificate, ...]:
    """Certificates whose issuer nobody knows yet."""
    return chain_of(observation, options).frontier if observation.presented else ()


def _addresses(observation: Observation, options: Options, asked: Collection[str]) -> list[str]:
    """The AIA addresses, not yet asked, of certificates whose issuer nobody knows."""
    every = dict.fromkeys(url for c in _frontier(observation, options) for url in c.aia)
    return [url for url in every if url not in asked]


async def report_of_file(material: Material, options: Options, now: datetime) -> Report:
    """Judge what one file holds; issuers that it lacks are fetched as for a probe."""
    kind = Target(material.name, 25, Protocol.SMTP, Tls.NONE, Kind.FILE)
    side = Side.CLIENT if options.sides == {Side.CLIENT} else Side.SERVER
    seen = await complete(of_list(material.certificates, now, side), options)
    at = moment_of(seen, options)
    return Report(kind, (judged(seen, options, material),), (), options.anchors.stores, at, options.fail_on)
