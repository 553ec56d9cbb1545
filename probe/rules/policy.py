"""Policies of a domain: what is wrong with MTA-STS (RFC 8461), and with TLS-RPT (RFC 8460), as findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model import (
    Chain,
    Confidence,
    Dnssec,
    Domain,
    EndpointReport,
    Finding,
    PolicyFetch,
    Severity,
    StsLook,
    Trouble,
)
from probe.rules.refused import Facts, refused
from probe.rules.sts import OK, StsOutcome, bar, fetch_faults, perhaps_ours, taken_policy, web_host_faults
from probe.wire.sts import Policy, Problem, announced, covers, is_host, policy, reporting

IDS = frozenset({"mta-sts-broken", "mta-sts-mismatch", "mta-sts-none", "tls-rpt-broken", "tls-rpt-none"})
"""What ``of_policies`` may find."""

PROBLEMS = 5
"""Problems of one policy file that are told; a web page has hundreds of lines."""
WANTED = {"version": "version: STSv1", "mode": "mode: testing", "age": "max_age: 604800"}
"""Problem id → the line that is wanted; a week is what large receivers publish."""


def of_policies(
    domain: Domain, reports: Sequence[EndpointReport], policy_chain: Chain | None = None
) -> tuple[Finding, ...]:
    """Judge what a domain announces; a domain that takes no mail has nothing to announce.

    Where senders deliver is told by ``reports``, one for each endpoint of each mail host.
    """
    if domain.failure and domain.failure.trouble is Trouble.NULL_MX:
        return ()
    found = [*_broken(domain, policy_chain), *_mismatches(domain, reports, policy_chain)]
    dane = any(map(_dane, reports))
    if domain.sts and not domain.sts.failure and not (found or _announces(domain) or dane or _dane_unknown(reports)):
        found.append(Finding("mta-sts-none", Severity.INFO, facts=_base(domain)))
    return (*found, *_of_reporting(domain, _reportable(domain, policy_chain, dane=dane)))


def _announces(domain: Domain) -> bool:
    return domain.sts is not None and bool(domain.sts.records)


def _dane(report: EndpointReport) -> bool:
    tlsa = report.observation.tlsa
    return tlsa is not None and bool(tlsa.records) and tlsa.dnssec is Dnssec.SECURE


def _dane_unknown(reports: Sequence[EndpointReport]) -> bool:
    return any(tlsa.failure is not None for report in reports if (tlsa := report.observation.tlsa))


def _reportable(domain: Domain, chain: Chain | None, *, dane: bool) -> Facts | None:
    """By what senders may refuse, or the case in which they refuse nobody and have something to report all the same."""
    taken = taken_policy(domain, chain)
    mode = taken.mode if taken else None
    by = [*(["MTA-STS"] if mode == "enforce" else []), *(["DANE"] if dane else [])]
    if by:
        return {"by": " and ".join(by)}
    if mode == "testing":
        return {"case": "testing"}
    return {"case": "announced"} if taken is None and _announces(domain) else None


def _base(domain: Domain, mode: str = "testing") -> Facts:
    """What every finding about MTA-STS may say, the policy that would be right among it: for printf's %b."""
    hosts = [mx.host for mx in domain.mx if is_host(mx.host)] or [domain.name]
    lines = ("version: STSv1", f"mode: {mode}", *(f"mx: {host}" for host in hosts), "max_age: 604800")
    return {
        "domain": domain.name,
        "owner": f"_mta-sts.{domain.name}",
        "policy_host": f"mta-sts.{domain.name}",
        "url": f"https://mta-sts.{domain.name}/.well-known/mta-sts.txt",
        "new_id": f"{domain.started:%Y%m%d%H%M%S}",
        "policy": "".join(f"{line}\\n" for line in lines),
    }


def _broken(domain: Domain, chain: Chain | None) -> Iterator[Finding]:
    """Findings ``mta-sts-broken``: no new sender takes the policy, or it is not what was meant."""
    if domain.sts is None:
        return
    mode = policy(domain.sts.fetch.body).mode if domain.sts.fetch else None
    for case, facts in (*_of_records(domain.sts), *_of_policy_host(domain, chain)):
        whole = {**_base(domain, mode or "testing"), **facts, "case": case}
        sure = Confidence.MAY_BE if "said" in facts and perhaps_ours(domain.sts) else Confidence.IS
        weight = Severity.INFO if case in {"dns", "long"} else Severity.WARNING
        yield Finding("mta-sts-broken", weight, sure, facts=whole)


def _of_records(look: StsLook) -> Iterator[tuple[str, Facts]]:
    if look.failure:
        yield "dns", {"said": look.failure.text}
    for problem in announced(look.records).problems:
        yield {"version": "record", "id": "record"}.get(problem.id, problem.id), {"line": problem.line}
    fetch = None if look.records or look.failure else look.fetch
    if fetch and fetch.status == OK and fetch.failure is None and policy(fetch.body).valid:
        yield "orphan", {}


def _of_policy_host(domain: Domain, chain: Chain | None) -> Iterator[tuple[str, Facts]]:
    """What is wrong with the policy that a record announces."""
    look = domain.sts
    if look is None or look.fetch is None or not look.records:
        return
    ended = tuple(fetch_faults(look.fetch))
    yield from ended
    yield from web_host_faults(domain, look.fetch, chain)
    if not ended:
        yield from _of_body(domain, look.fetch)


def _of_body(domain: Domain, fetch: PolicyFetch) -> Iterator[tuple[str, Facts]]:
    problems = policy(fetch.body).problems
    for problem in problems[:PROBLEMS]:
        yield _case_of(problem, domain)
    kind = (fetch.media_type or "").partition(";")[0].strip().lower()
    if kind != "text/plain" and not any(problem.id == "html" for problem in problems):
        yield "type", {"media_type": fetch.media_type or "none"}


def _case_of(problem: Problem, domain: Domain) -> tuple[str, Facts]:
    """A line that is missing or wrong is told with the right one beside it."""
    host = next((mx.host for mx in domain.mx if is_host(mx.host)), domain.name)
    wanted = {**WANTED, "mx": f"mx: {host}"}.get(problem.id)
    if wanted is None:
        return problem.id, {"line": problem.line}
    return ("wrong", {"line": problem.line, "wanted": wanted}) if problem.line else ("lacks", {"wanted": wanted})


def _mismatches(domain: Domain, reports: Sequence[EndpointReport], chain: Chain | None) -> Iterator[Finding]:
    """Findings ``mta-sts-mismatch``: one for each mail host and reason."""
    taken = taken_policy(domain, chain)
    if taken is None or taken.mode not in {"enforce", "testing"}:
        return
    severity = Severity.ERROR if taken.mode == "enforce" else Severity.WARNING
    base = {**_base(domain, taken.mode), "patterns": ", ".join(taken.mx) or "none", "consequence": taken.mode}
    for host in _unlisted(domain, taken):
        yield Finding("mta-sts-mismatch", severity, facts={**base, "mx_host": host})
    told = set[tuple[str, str]]()
    for report in filter(_usual, reports):
        host, why = report.observation.endpoint.host or "", _why(taken, report)
        if why and (host, why[0]) not in told:
            told.add((host, why[0]))
            yield Finding("mta-sts-mismatch", severity, facts={**base, "mx_host": host, **why[1], "case": why[0]})


def _unlisted(domain: Domain, taken: Policy) -> list[str]:
    hosts = [mx.host for mx in domain.mx] or [domain.name]
    return [host for host in dict.fromkeys(hosts) if not any(covers(pattern, host) for pattern in taken.mx)]


def _usual(report: EndpointReport) -> bool:
    """Seen as such a sender sees it: with SNI (RFC 8461 §7.1), and every kind of key and version offered."""
    endpoint = report.observation.endpoint
    return endpoint.sni is not None and endpoint.offered_key is None and endpoint.offered_tls is None


def _why(taken: Policy, report: EndpointReport) -> tuple[str, Facts] | None:
    barred, seen = bar(taken, report), report.observation
    if barred is StsOutcome.NO_TLS:
        return "tls", {"address": seen.endpoint.address, "said": seen.failure.text if seen.failure else ""}
    if barred is StsOutcome.CERTIFICATE and report.chain:
        why = refused(report.chain, seen.endpoint.host or "")
        return (why[0], {"address": seen.endpoint.address, **why[1]}) if why else None
    return None


def _of_reporting(domain: Domain, reportable: Facts | None) -> Iterator[Finding]:
    """TLS-RPT changes no delivery; its absence matters where there is something to report about."""
    look = domain.tls_rpt
    if look is None:
        return
    base: Facts = {"domain": domain.name, "report_owner": f"_smtp._tls.{domain.name}"}
    if look.failure:
        yield Finding("tls-rpt-broken", Severity.INFO, facts={**base, "case": "dns", "said": look.failure.text})
    elif not look.records and reportable is not None:
        yield Finding("tls-rpt-none", Severity.INFO, facts={**base, **reportable})
    for problem in reporting(look.records).problems:
        case = {"several": "several", "rua": "rua"}.get(problem.id, "version")
        yield Finding("tls-rpt-broken", Severity.INFO, facts={**base, "case": case, "line": problem.line})
