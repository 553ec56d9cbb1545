"""What no single look of a survey shows: what senders do for the whole domain, and findings that compare looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import replace

from probe.catalogue.senders import refusals, worst_first
from probe.model import Chain, Domain, Endpoint, EndpointReport, Finding, Observation, Report, Severity
from probe.rules.traits import of_sts
from probe.wording import Saying, slots_of, spoken

if TYPE_CHECKING:
    from probe.judgement import Options
    from probe.rules.sts import StsOutcome


class Look(Protocol):
    """How one look of a survey is judged; ``others_open`` and ``ask`` as for ``judgement.judged``."""

    def __call__(self, seen: Observation, options: Options, /, *, others_open: bool, ask: str | None) -> EndpointReport:
        """Judge it."""


def obeying(endpoint: EndpointReport, domain: Domain | None = None, policy: Chain | None = None) -> EndpointReport:
    """Add what senders do that honour MTA-STS, which the whole domain has to be known for."""
    if (domain and domain.sts is None) or not endpoint.refused_by:
        return endpoint
    found = of_sts(_sts(domain, endpoint, policy) if domain else None)
    told = refusals(found, endpoint.observation.endpoint.protocol, "sts")
    return replace(endpoint, refused_by=worst_first((*endpoint.refused_by, *told)))


def with_ours(looks: tuple[EndpointReport, ...]) -> tuple[EndpointReport, ...]:
    """Tell looks that presented a certificate of ours beside those that did not."""
    if not any(look.observation.client_chain for look in looks):
        return looks
    from probe.rules.presenting import looked_twice

    return looked_twice(looks)


def across(report: Report, policy: Chain | None, options: Options) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """What no single look shows, in words; and the ids of what the user does not want to hear of it."""
    found = [*_of_domain(report, policy), *_compared(report.endpoints)]
    kept = tuple(finding for finding in found if finding.id not in options.ignore)
    grave = (finding for finding in found if finding.severity is not Severity.INFO)
    target = report.target
    place = Endpoint(target.name, None, target.port, target.protocol, target.tls)
    said = spoken(kept, None, Saying(slots_of(place, options.name), options.mta, options.words, dig=dig(options)))
    return said, tuple({finding.id: None for finding in grave if finding.id in options.ignore})


def _sts(domain: Domain, endpoint: EndpointReport, policy: Chain | None) -> StsOutcome:
    from probe.rules.sts import sts_outcome

    return sts_outcome(domain, endpoint, policy)


def _compared(endpoints: tuple[EndpointReport, ...]) -> Iterator[Finding]:
    """What only several looks show."""
    if len(endpoints) < 2:
        return
    from probe.rules.looks import compared
    from probe.rules.presenting import changed

    yield from changed(endpoints)
    yield from compared(endpoints)


def _of_domain(report: Report, policy: Chain | None) -> Iterator[Finding]:
    """What MX records and policies show."""
    domain = report.domain
    if domain is None:
        return
    from probe.rules.domain import of_domain
    from probe.rules.policy import of_policies

    yield from of_domain(domain, report.endpoints)
    yield from of_policies(domain, report.endpoints, policy)


def dig(options: Options) -> str:
    """How dig is told whom to ask; "" = the system's resolver."""
    address, port = next(iter(options.dns.resolver if options.dns else ()), ("", 0))
    return f"@{address} -p {port}" if address else ""
