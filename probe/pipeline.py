"""The whole story: Target → Observation → Chain → findings → Report.

1. observe    the network, once, at one endpoint (net.observe); nothing is judged here
2. complete   issuers that nobody sent: kept ones (net.cache), then fetched by AIA, level by level (net.issuers)
3. build      the presented certificates become a Chain, and the Chain a Repair (pki)
4. judge      every rule looks at the Case (rules)
5. word       the catalogue gives each finding its sentences and the commands for the server at hand

Steps 3 to 5 are pure: a saved observation, or a list of certificates, enters there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from probe.catalogue.protocols import named
from probe.catalogue.recognise import recognise
from probe.material import Material
from probe.model import (
    Certificate,
    Chain,
    Confidence,
    Endpoint,
    EndpointReport,
    Kind,
    Mta,
    Observation,
    OnDisk,
    Protocol,
    Report,
    Severity,
    Side,
    Source,
    Stage,
    Target,
    Tls,
)
from probe.pki.anchors import Anchors, mozilla
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.pki.profile import is_root
from probe.pki.repair import repair
from probe.rules import hidden, judge
from probe.rules.across import client_certificate
from probe.rules.case import Case
from probe.wording import Saying, slots_of, spoken, voice_of

if TYPE_CHECKING:
    from probe.net.cache import Cache
    from probe.net.observe import ObserveOptions

CALLER = "the sending server"
"""How sentences name a client, of which we know no name."""
LEVELS = 4
"""Issuers above one another that are fetched; public CAs need one, seldom two."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to judge; the same for every host of a run."""

    anchors: Anchors = field(default_factory=mozilla)
    pool: Pool = field(default_factory=Pool)
    name: str | None = None
    """Reference name to judge against; None = the host that was asked for."""
    at: datetime | None = None
    """Judge as of this moment; None = as of the observation."""
    warn_days: int | None = None
    sides: frozenset[Side] = frozenset()
    """Purposes to judge for; none = that of the side which presented the certificates."""
    fetch: bool = True
    """Ask AIA addresses for what was not sent."""
    cache: Cache | None = None
    """Where intermediates that verified are kept; None = nowhere, and none is looked for."""
    allow_private: bool = False
    ignore: frozenset[str] = frozenset()
    fail_on: Severity = Severity.WARNING
    mta: str | None = None
    """Recipe id; None = recognise the software."""
    on_disk: OnDisk | None = None
    """What the server is given, to be compared with what it serves."""
    words: tuple[str, ...] = ()
    """Options of the command line that a command which we print repeats, such as ("--name", "mx.example.com")."""
    network: ObserveOptions | None = None
    """Time-outs, SNI, source address and the like; None = the defaults."""


async def probe_host(target: Target, options: Options) -> Report:
    """Probe one host and report: the whole story. Never raises for what the network or the server does."""
    from probe.net.observe import ObserveOptions, observe

    network = options.network or ObserveOptions()
    seen = await observe(target, replace(network, identity=None))
    report = report_of(await complete(seen, options), options, target)
    if network.identity is None or seen.stage in {Stage.DNS, Stage.CONNECT}:
        return report
    again = replace(target, name=seen.endpoint.address or target.name)
    presenting = await observe(again, replace(network, sni=seen.endpoint.sni))
    presenting = replace(presenting, endpoint=seen.endpoint)
    return await _side_by_side(report, presenting, network.identity.name, options)


async def _side_by_side(report: Report, presenting: Observation, name: str, options: Options) -> Report:
    """Add the same server seen while we present a certificate, what that changed, and the list that we presented."""
    first = report.endpoints[0]
    ours = _of_list(presenting.client_chain, presenting.started, Side.CLIENT)
    bare = replace(options, name=None, mta=None, on_disk=None)
    second = judged(await complete(presenting, options), options)
    own = judged(await complete(ours, bare), bare, Material(name, certificates=presenting.client_chain))
    changed = client_certificate(first.observation, presenting)
    if changed.id in options.ignore:
        grave = changed.severity is not Severity.INFO
        second = replace(second, hidden=(*second.hidden, changed.id)) if grave else second
        return replace(report, endpoints=(first, second, own))
    slots = slots_of(presenting.endpoint, options.name or presenting.endpoint.host)
    said = spoken((changed,), None, Saying(slots, options.mta, options.words))
    return replace(report, endpoints=(first, second, own), findings=(*report.findings, *said))


async def complete(observation: Observation, options: Options) -> Observation:
    """Look for issuers that were not sent: in the cache, then by AIA, until a trust anchor is reached."""
    frontier = _frontier(observation, options)
    if not frontier:
        return observation
    if options.cache:
        found = options.cache.signers(frontier)
        observation = replace(observation, cached=tuple(certificate.der for certificate in found))
    whole = await _fetching(observation, options) if options.fetch else observation
    if options.cache and (path := chain_of(whole, options).mended) and path.anchored:
        used = zip(path.certificates, path.sources, strict=True)
        options.cache.keep(c for c, source in used if source in {Source.AIA, Source.CACHE} and not is_root(c))
    return whole


async def _fetching(observation: Observation, options: Options) -> Observation:
    """Ask the addresses that certificates name, level by level, until nobody names one that was not asked."""
    asked = set[str]()
    if not _addresses(observation, options, asked):
        return observation
    from probe.net.issuers import Budget, fetch_issuers

    budget = Budget()
    for _ in range(LEVELS):
        urls = _addresses(observation, options, asked)
        if not urls:
            break
        asked.update(urls)
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


def chain_of(observation: Observation, options: Options) -> Chain:
    """Build the chain of one observation."""
    presented = [parse(der) for der in observation.presented or ()]
    at = _moment(observation, options)
    sides = options.sides or {observation.side}
    fetched = {Source.AIA: _fetched(observation), Source.CACHE: tuple(map(parse, observation.cached))}
    proved = observation.key_proved
    return build(presented, options.anchors, options.pool, at, fetched, proved=proved, sides=sides)


def _moment(observation: Observation, options: Options) -> datetime:
    """As of when to judge; a naive moment is UTC."""
    at = options.at or observation.started
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _fetched(observation: Observation) -> tuple[Certificate, ...]:
    return tuple(parse(der) for fetch in observation.fetched for der in fetch.certificates)


def judged(observation: Observation, options: Options, material: Material | None = None) -> EndpointReport:
    """Judge one endpoint, or the certificates of a file: chain, repair, findings in words."""
    endpoint = observation.endpoint
    at = _moment(observation, options).replace(microsecond=0)  # certificates count whole seconds
    chain = chain_of(observation, options) if observation.presented is not None else None
    stores = options.anchors.stores
    mending = repair(chain, at, options.anchors, _origins(observation, options)) if chain else None
    reference = options.name or endpoint.host
    case = Case(observation, at, chain, mending, reference, stores, options.warn_days, material, options.on_disk)
    findings, skipped = judge(case, options.ignore)
    mta = Mta(options.mta, "--mta", Confidence.IS) if options.mta else recognise(observation)
    words = named(options.words, endpoint.port, endpoint.protocol, endpoint.tls)
    called = reference or (CALLER if observation.side is Side.CLIENT else None)
    slots, software = slots_of(endpoint, called, material), mta.name if mta else None
    saying = Saying(slots, software, words, voice_of(observation))
    said = spoken(findings, mending, saying)
    left_out = hidden(case, options.ignore)
    return EndpointReport(observation, chain, said, mending, mta, (), skipped, left_out, options.on_disk)


def _origins(observation: Observation, options: Options) -> Mapping[str, str]:
    fetched = {parse(der).sha256: fetch.url for fetch in observation.fetched for der in fetch.certificates}
    return {**options.pool.origins, **fetched}


def report_of(observation: Observation, options: Options, target: Target | None = None) -> Report:
    """Make the report of one observation, live or saved."""
    endpoint = observation.endpoint
    name = endpoint.host or endpoint.address or ""
    target = target or Target(name, endpoint.port, endpoint.protocol, endpoint.tls)
    at = _moment(observation, options)
    return Report(target, (judged(observation, options),), (), options.anchors.stores, at, options.fail_on)


async def report_of_file(material: Material, options: Options, now: datetime) -> Report:
    """Judge what one file holds; issuers that it lacks are fetched as for a probe."""
    kind = Target(material.name, 25, Protocol.SMTP, Tls.NONE, Kind.FILE)
    side = Side.CLIENT if options.sides == {Side.CLIENT} else Side.SERVER
    seen = await complete(_of_list(material.certificates, now, side), options)
    at = _moment(seen, options)
    return Report(kind, (judged(seen, options, material),), (), options.anchors.stores, at, options.fail_on)


def report_of_certificates(certificates: Sequence[bytes], options: Options, now: datetime) -> Report:
    """Judge certificates that came from no network: DER, in the order in which a server would send them."""
    seen = _of_list(tuple(certificates), now)
    return report_of(seen, options, Target(options.name or "", 25, Protocol.SMTP, Tls.NONE, Kind.FILE))


def _of_list(certificates: tuple[bytes, ...], now: datetime, side: Side = Side.SERVER) -> Observation:
    """Certificates that nobody sent, as if somebody had, nowhere."""
    return Observation(Endpoint(None, None, 25, tls=Tls.NONE), now, Stage.DONE, presented=certificates, side=side)
