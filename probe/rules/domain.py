"""A mail domain: what its MX records say, or why nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from probe.model import Confidence, Dnssec, Domain, Finding, Severity, Trouble
from probe.pki.names import is_address, is_host_name

IDS = frozenset({"mx-is-address", "mx-bad-name", "mx-is-cname", "mx-too-many"})
"""What ``of_domain`` may find, beside ``dns-failed``, ``no-mx`` and ``null-mx`` of a single host."""

NAMED = 5
"""Records that are named one by one."""
OF_TROUBLE = {Trouble.NULL_MX: "null-mx", Trouble.NO_MX: "no-mx"}


def of_domain(domain: Domain) -> tuple[Finding, ...]:
    """Judge the MX records of a domain (RFC 5321 §5.1). The findings concern no single endpoint."""
    return tuple(_unknown(domain) if domain.failure else _of_records(domain))


def _unknown(domain: Domain) -> Iterator[Finding]:
    """There is no host to ask."""
    failure = domain.failure
    if failure is None:
        return
    facts = {"host": domain.name, "text": failure.text, "symptoms": ", ".join(failure.symptoms)}
    named = OF_TROUBLE.get(failure.trouble)
    if named:
        yield Finding(named, Severity.ERROR, facts=facts)
    elif domain.dnssec is Dnssec.BOGUS:
        yield Finding("dns-failed", Severity.ERROR, Confidence.VERY_LIKELY, facts=facts | {"case": "bogus"})
    else:
        case = "no-domain" if "rcode:NXDOMAIN" in failure.symptoms else "domain"
        yield Finding("dns-failed", Severity.ERROR, facts=facts | {"case": case})


def _of_records(domain: Domain) -> Iterator[Finding]:
    hosts = [mx.host for mx in domain.mx]
    good = any(map(is_host_name, hosts))
    weight = Severity.WARNING if good else Severity.ERROR
    alone = {} if good else {"case": "only"}
    if addresses := [host for host in hosts if is_address(host)]:
        yield Finding("mx-is-address", weight, facts=_facts(domain, addresses) | alone)
    if odd := [host for host in hosts if host and not is_host_name(host) and not is_address(host)]:
        yield Finding("mx-bad-name", weight, facts=_facts(domain, odd) | alone)
    if "" in hosts:
        yield Finding("mx-bad-name", weight, facts=_facts(domain, ["."]) | {"case": "null"})
    if aliases := [f"{mx.host} (leads to {mx.alias_of})" for mx in domain.mx if mx.alias_of]:
        yield Finding("mx-is-cname", Severity.INFO, facts=_facts(domain, aliases))
    if domain.left_out:
        seen = {"seen": str(len(domain.mx)), "count": str(len(domain.mx) + domain.left_out)}
        yield Finding("mx-too-many", Severity.INFO, facts={"host": domain.name} | seen)


def _facts(domain: Domain, records: Sequence[str]) -> dict[str, object]:
    """What the records say, each once, as DNS has it."""
    each = tuple(dict.fromkeys(records))
    more = (f"and {len(each) - NAMED} more",) if len(each) > NAMED else ()
    return {"host": domain.name, "records": (*each[:NAMED], *more)}
