"""Observation → Chain → findings → Report: everything behind the network, and pure.

A saved observation, or a list of certificates, enters here and takes the same way as a live one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from probe.across import Look, across, dig, obeying, with_ours
from probe.catalogue.protocols import named
from probe.catalogue.recognise import recognise
from probe.catalogue.senders import refusals
from probe.model import (
    Chain,
    Confidence,
    Domain,
    Endpoint,
    EndpointReport,
    Finding,
    Kind,
    Mta,
    Observation,
    OnDisk,
    Protocol,
    Refusal,
    Repair,
    Report,
    Severity,
    Side,
    Source,
    Stage,
    Survey,
    Target,
    Tls,
    alone,
)
from probe.pki.anchors import Anchors, mozilla
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.dane import needed
from probe.pki.pool import Pool
from probe.pki.repair import repair
from probe.rules import hidden, judge
from probe.rules.case import Case
from probe.rules.conversation import no_way
from probe.rules.several import apart, sent, spot
from probe.rules.traits import traits
from probe.wording import Saying, slots_of, spoken, voice_of

if TYPE_CHECKING:
    from probe.material import Material
    from probe.net.cache import Cache
    from probe.net.observe import ObserveOptions
    from probe.net.servers import DnsOptions
    from probe.net.ways import Breadth


CALLER = "the sending server"
"""How sentences name a client, of which we know no name."""


class Options(Struct, frozen=True):
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
    dns: DnsOptions | None = None
    """Whom to ask for names; None = the system's resolver."""
    tlsa: bool = False
    """Say which TLSA records to publish."""
    domain: str | None = None
    """The mail domain whose MX records led to these hosts; None = none did."""
    sent: Mapping[bytes, Endpoint] = field(default_factory=dict)
    """Certificates of the pool, DER, that a server of this survey sent, and which."""
    breadth: Breadth | None = None
    """How many ways to ask each address; None = one."""
    network: ObserveOptions | None = None
    """Time-outs, SNI, source address and the like; None = the defaults."""


def chain_of(observation: Observation, options: Options, at: datetime | None = None) -> Chain:
    """Build the chain of one observation, as of when it is judged unless told."""
    presented = [parse(der) for der in observation.presented or ()]
    at = at or moment_of(observation, options)
    sides = options.sides or {observation.side}
    found = tuple(parse(der) for fetch in observation.fetched for der in fetch.certificates)
    fetched = {Source.AIA: found, Source.CACHE: tuple(map(parse, observation.cached))}
    proved = observation.key_proved
    return build(presented, options.anchors, options.pool, at, fetched, proved=proved, sides=sides)


def moment_of(observation: Observation, options: Options) -> datetime:
    """As of when to judge; a naive moment is UTC."""
    return _aware(options.at or observation.started)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def judged(
    observation: Observation,
    options: Options,
    material: Material | None = None,
    chain: Chain | None = None,
    *,
    others_open: bool = False,
    ask: str | None = None,
) -> EndpointReport:
    """Judge one endpoint, or the certificates of a file: chain, repair, findings in words.

    ``chain`` is the one of this observation, where it was built already; ``others_open`` as in ``Case``; ``ask`` is
    the address that commands must name.
    """
    if chain is None and observation.presented is not None:
        chain = chain_of(observation, options)
    mending = mending_of(observation, chain, options) if chain else None
    case = case_of(observation, chain, mending, options, material, others_open=others_open)
    findings, skipped = judge(case, options.ignore)
    said = in_words(findings, case, options, mta := software_of(observation, options), ask)
    left_out = hidden(case, options.ignore)
    told = _senders(case)
    return EndpointReport(observation, chain, said, mending, mta, told, skipped, left_out, options.on_disk, ask)


def second_of(observation: Observation, options: Options) -> datetime:
    """The moment of judgement: certificates count whole seconds."""
    return moment_of(observation, options).replace(microsecond=0)


def mending_of(observation: Observation, chain: Chain, options: Options) -> Repair | None:
    """How the list of one look becomes the right one."""
    kept, origins = needed(observation.tlsa, chain), _origins(observation, options)
    return repair(chain, second_of(observation, options), options.anchors, origins, kept)


def case_of(
    observation: Observation,
    chain: Chain | None,
    mending: Repair | None,
    options: Options,
    material: Material | None = None,
    *,
    others_open: bool = False,
) -> Case:
    """What the rules look at."""
    return Case(
        observation,
        second_of(observation, options),
        chain,
        mending,
        options.name or observation.endpoint.host,
        options.anchors.stores,
        options.warn_days,
        material,
        options.on_disk,
        options.domain,
        others_open,
        sent=options.sent,
        proposes_tlsa=options.tlsa,
    )


def software_of(observation: Observation, options: Options) -> Mta | None:
    """The mail software: what the user says, else what the conversation shows."""
    return Mta(options.mta, "--mta", Confidence.IS) if options.mta else recognise(observation)


def in_words(
    findings: tuple[Finding, ...], case: Case, options: Options, mta: Mta | None, ask: str | None
) -> tuple[Finding, ...]:
    """Give the findings of one look their sentences and commands."""
    if not findings:
        return ()
    observation, endpoint = case.observation, case.observation.endpoint
    called = case.reference or (CALLER if observation.side is Side.CLIENT else None)
    slots = slots_of(endpoint, called, case.material, ask, by_address=bool(dig(options)))
    software, by_name = mta.name if mta else None, None if options.name or not ask else endpoint.host
    words = named(options.words, endpoint.port, endpoint.protocol, endpoint.tls)
    saying = Saying(slots, software, words, voice_of(observation), by_name, dig(options))
    return spoken(findings, case.repair, saying)


def _senders(case: Case) -> tuple[Refusal, ...]:
    """Tell what senders do with a server; of a client, and of a file, there is nothing to tell."""
    endpoint = case.observation.endpoint
    if case.observation.side is Side.CLIENT or endpoint.tls is Tls.NONE:
        return ()
    found = traits(case)
    return refusals(found, endpoint.protocol) if found is not None else ()


def _origins(observation: Observation, options: Options) -> Mapping[str, str]:
    fetched = {parse(der).sha256: fetch.url for fetch in observation.fetched for der in fetch.certificates}
    return {**options.pool.origins, **fetched}


def report_of(observation: Observation, options: Options, target: Target | None = None) -> Report:
    """Make the report of one observation."""
    survey = alone(observation)
    return report_of_survey(replace(survey, target=target or survey.target), options)


def report_of_survey(survey: Survey, options: Options, look: Look | None = None) -> Report:
    """Make the report of everything that was seen of a target, live or saved; ``look`` judges one look of it."""
    domain = survey.target.name if survey.target.kind is Kind.DOMAIN else None
    found = {der: there for der, there in sent(survey.observations).items() if der not in options.pool.found}
    others = Pool({der: f"sent by {there.address}" for der, there in found.items()})
    known = replace(options, domain=domain, pool=options.pool + others if found else options.pool, sent=found)
    looks = tuple(_looks(survey.observations, known, look or _once()))
    policy = _policy_chain(survey.domain, options) if survey.domain else None
    endpoints = tuple(obeying(look, survey.domain, policy) for look in with_ours(looks))
    begun = [seen.started for seen in survey.observations] + ([survey.domain.started] if survey.domain else [])
    at = _aware(options.at or min(begun)) if options.at or begun else None
    report = Report(survey.target, endpoints, (), options.anchors.stores, at, options.fail_on, survey.domain)
    findings, left_out = across(report, policy, options)
    return replace(report, left_out=survey.left_out, findings=findings, hidden_across=left_out)


def _policy_chain(domain: Domain, options: Options) -> Chain | None:
    """The chain of the web host that gave the policy."""
    from probe.rules.sts import web_host

    web = web_host(domain)
    return chain_of(web, options) if web else None


def _once() -> Look:
    """Judge look by look; a chain that several of them show is built, and OpenSSL asked about it, once."""
    chains: dict[object, Chain] = {}

    def look(seen: Observation, options: Options, *, others_open: bool, ask: str | None) -> EndpointReport:
        second = second_of(seen, options)
        key = (seen.presented, seen.fetched, seen.cached, seen.key_proved, seen.side, second)
        if seen.presented is not None and key not in chains:
            chains[key] = chain_of(seen, options)
        return judged(seen, options, chain=chains.get(key), others_open=others_open, ask=ask)

    return look


def _looks(observations: Sequence[Observation], options: Options, look: Look) -> Iterator[EndpointReport]:
    entered = {_door(seen) for seen in observations if seen.stage not in {Stage.DNS, Stage.CONNECT}}
    pinned = apart(observations)
    for seen in observations:
        if seen.side is Side.CLIENT and seen.endpoint.tls is Tls.NONE and seen.endpoint.address is None:
            yield _own(seen, options)
            continue
        others_open = _door(seen) in entered or (bool(entered) and no_way(seen))
        yield look(seen, options, others_open=others_open, ask=pinned.get(spot(seen)))


def _door(seen: Observation) -> tuple[str | None, int]:
    return seen.endpoint.host, seen.endpoint.port


def _own(seen: Observation, options: Options) -> EndpointReport:
    """Judge the list that we present, as a client's."""
    identity = options.network.identity if options.network else None
    name, bare = identity.name if identity else "clientcert.pem", replace(options, name=None, mta=None, on_disk=None)
    from probe.material import Material

    return judged(seen, bare, Material(name, certificates=seen.presented or ()))


def report_of_certificates(certificates: Sequence[bytes], options: Options, now: datetime) -> Report:
    """Judge certificates that came from no network: DER, in the order in which a server would send them."""
    seen = of_list(tuple(certificates), now)
    return report_of(seen, options, Target(options.name or "", 25, Protocol.SMTP, Tls.NONE, Kind.FILE))


def of_list(certificates: tuple[bytes, ...], now: datetime, side: Side = Side.SERVER) -> Observation:
    """Certificates that nobody sent, as if somebody had, nowhere."""
    return Observation(Endpoint(None, None, 25, tls=Tls.NONE), now, Stage.DONE, presented=certificates, side=side)
