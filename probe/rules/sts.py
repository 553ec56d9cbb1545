"""What a sender does that honours MTA-STS (RFC 8461): whether it can take the policy, and whether a host satisfies it.

    sts_outcome(domain, report, chain)      # StsOutcome.DELIVERS; chain is that of web_host(domain)

The web host's chain is built as that of a mail server is; None = it was not built, and then counts as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from msgspec.structs import replace

from probe.model import (
    Chain,
    Domain,
    Endpoint,
    EndpointReport,
    Observation,
    PolicyFetch,
    Stage,
    StsLook,
    Tls,
    Trouble,
)
from probe.rules.contrast import PERHAPS_OURS
from probe.rules.handshake import OLD_VERSIONS
from probe.rules.refused import Facts, refused
from probe.wire.sts import NOT_ASKED, Policy, announced, covers, policy

OK = 200
HTTPS = 443
CONNECTING: Mapping[Trouble, str] = {
    Trouble.UNRESOLVED: "unresolved",
    Trouble.REFUSED: "unreachable",
    Trouble.UNREACHABLE: "unreachable",
    Trouble.TIMEOUT: "late",
}
"""What ended a fetch → case, wherever it happened."""


class StsOutcome(StrEnum):
    """What a sender that honours MTA-STS, and knows no earlier policy, does with one mail host."""

    NONE = "none"
    """It finds no policy that it could take, or one in mode "none": it goes on as if there were none (§3.3)."""
    UNKNOWN = "unknown"
    """MTA-STS was not looked for, what was looked for may be out of reach for us alone, or the host not examined."""
    TESTING = "testing"
    """The policy is in mode "testing" and satisfied."""
    TESTING_FAILS = "testing-fails"
    """It delivers all the same, and reports (§5)."""
    DELIVERS = "enforce-delivers"
    UNLISTED = "enforce-unlisted"
    """No pattern names the host (§4.1); it does not deliver there, nor in the two that follow."""
    NO_TLS = "enforce-no-tls"
    CERTIFICATE = "enforce-certificate"
    """The certificate is not trusted, not in its time, or does not name the host (§4.2)."""


def sts_outcome(domain: Domain, report: EndpointReport, policy_chain: Chain | None = None) -> StsOutcome:
    """Say what such a sender does with the host of one endpoint."""
    taken = taken_policy(domain, policy_chain)
    if taken is None or taken.mode == "none":
        return StsOutcome.UNKNOWN if _in_doubt(domain.sts) else StsOutcome.NONE
    barred = bar(taken, report)
    if taken.mode == "testing" and barred is not StsOutcome.UNKNOWN:
        return StsOutcome.TESTING_FAILS if barred else StsOutcome.TESTING
    return barred or StsOutcome.DELIVERS


def _in_doubt(look: StsLook | None) -> bool:
    """A sender elsewhere may find a policy where we found none."""
    return look is None or look.failure is not None or (announced(look.records).id is not None and perhaps_ours(look))


def perhaps_ours(look: StsLook) -> bool:
    """It may be our own side that fails; that a name does not exist is the same for everybody."""
    failure = look.failure or (look.fetch.failure if look.fetch else None)
    return failure is not None and failure.trouble in PERHAPS_OURS and "rcode:NXDOMAIN" not in failure.symptoms


def taken_policy(domain: Domain, policy_chain: Chain | None = None) -> Policy | None:
    """Give the policy that a sender takes today; None where it finds none that it may take (RFC 8461 §3.3)."""
    look = domain.sts
    if look is None or look.fetch is None or announced(look.records).id is None:
        return None
    if any(fetch_faults(look.fetch)) or any(web_host_faults(domain, look.fetch, policy_chain)):
        return None
    found = policy(look.fetch.body)
    return found if found.valid else None


def bar(taken: Policy, report: EndpointReport) -> StsOutcome | None:
    """What keeps a sender in mode "enforce" from delivering to this host; None for nothing."""
    seen, host = report.observation, report.observation.endpoint.host or ""
    if not any(covers(pattern, host) for pattern in taken.mx):
        return StsOutcome.UNLISTED
    if _without_tls(seen):
        return StsOutcome.NO_TLS
    if report.chain is None:
        return StsOutcome.UNKNOWN
    return StsOutcome.CERTIFICATE if refused(report.chain, host) else None


def _without_tls(seen: Observation) -> bool:
    """It was reached, and TLS did not come about."""
    denied = seen.failure is not None and seen.failure.trouble is Trouble.NO_STARTTLS
    return denied or seen.stage in {Stage.STARTTLS, Stage.HANDSHAKE}


def web_host(domain: Domain) -> Observation | None:
    """Give the policy's web host as it would be seen of a mail server, to be completed and built as one; or None."""
    fetch = domain.sts.fetch if domain.sts else None
    if fetch is None or fetch.presented is None:
        return None
    name = f"mta-sts.{domain.name}"
    endpoint = Endpoint(name, fetch.address, HTTPS, tls=Tls.IMPLICIT, sni=name)
    seen = Observation(endpoint, domain.started, Stage.DONE, presented=fetch.presented)
    return replace(seen, tls_version=fetch.tls_version, fetched=fetch.fetched)


def fetch_faults(fetch: PolicyFetch) -> Iterator[tuple[str, Facts]]:
    """Why no policy came (RFC 8461 §3.3): the connection, TLS, or HTTP."""
    if fetch.status is not None and fetch.status != OK:
        redirected = 300 <= fetch.status < 400
        where = {"location": fetch.location or "an address that it does not name"} if redirected else {}
        yield "redirect" if redirected else "status", {"status": str(fetch.status), **where}
    elif fetch.failure:
        trouble = fetch.failure.trouble
        later = "size" if trouble is Trouble.OVERSIZE else "http" if fetch.tls_version and fetch.presented else "tls"
        case = "unasked" if NOT_ASKED in fetch.failure.symptoms else CONNECTING.get(trouble, later)
        yield case, {"said": fetch.failure.text}


def web_host_faults(domain: Domain, fetch: PolicyFetch, chain: Chain | None) -> Iterator[tuple[str, Facts]]:
    """Why a sender does not trust the web host."""
    if chain and (why := refused(chain, f"mta-sts.{domain.name}")):
        yield why
    if fetch.tls_version in OLD_VERSIONS:
        yield "old-tls", {"version": fetch.tls_version}
