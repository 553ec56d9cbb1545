"""A mail domain: what its MX records say, or why nobody knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network

from probe.model import Confidence, Dnssec, Domain, EndpointReport, Finding, Severity, Trouble
from probe.pki.names import is_address, is_host_name

IDS = frozenset({"mx-is-address", "mx-bad-name", "mx-is-cname", "mx-is-private", "mx-too-many"})
"""What ``of_domain`` may find, beside ``dns-failed``, ``no-mx`` and ``null-mx`` of a single host."""

NAMED = 5
"""Records that are named one by one."""
HOME = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/32", "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"),
            *("::/127", "fc00::/7", "fe80::/10"),
        ),
    )
)
"""Addresses that mean something else to everybody: of one's own computer, or of a private network (RFC 6890 §2.2)."""
OF_TROUBLE = {Trouble.NULL_MX: "null-mx", Trouble.NO_MX: "no-mx"}


def of_domain(domain: Domain, reports: Sequence[EndpointReport] = ()) -> tuple[Finding, ...]:
    """Judge the MX records of a domain (RFC 5321 §5.1). The findings concern no single endpoint.

    The addresses to which the records lead are told by ``reports``.
    """
    if domain.failure:
        return tuple(_unknown(domain))
    return (*_of_records(domain), *_of_addresses(domain, reports))


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


def _of_addresses(domain: Domain, reports: Sequence[EndpointReport]) -> Iterator[Finding]:
    """Hosts that are the sender's own computer, or in a private network while others are public.

    Where all are private, and none is called localhost, whoever asks is in that network.
    """
    hosts: dict[str, dict[str, None]] = {mx.host: {} for mx in domain.mx if is_host_name(mx.host)}
    for report in reports:
        host, address = report.observation.endpoint.host, report.observation.endpoint.address
        if host in hosts and address and is_address(address.partition("%")[0]):
            hosts[host][address.partition("%")[0]] = None
    private = _private(hosts)
    if domain.implicit or not private:
        return
    alone = len(private) == len(hosts)
    records = [f"{host} ({', '.join(hosts[host])})" if hosts[host] else host for host in private]
    weight = Severity.ERROR if alone else Severity.WARNING
    yield Finding("mx-is-private", weight, facts=_facts(domain, records) | ({"case": "only"} if alone else {}))


def _private(hosts: Mapping[str, Mapping[str, None]]) -> list[str]:
    inside = {host: all(map(_at_home, addresses)) for host, addresses in hosts.items()}
    public = not all(inside.values())
    return [host for host in hosts if inside[host] and (_is_localhost(host) or (public and hosts[host]))]


def _is_localhost(host: str) -> bool:
    return host.partition(".")[0].lower() == "localhost"


def _at_home(address: str) -> bool:
    return any(ip_address(address) in network for network in HOME)


def _facts(domain: Domain, records: Sequence[str]) -> dict[str, object]:
    """What the records say, each once, as DNS has it."""
    each = tuple(dict.fromkeys(records))
    more = (f"and {len(each) - NAMED} more",) if len(each) > NAMED else ()
    return {"host": domain.name, "records": (*each[:NAMED], *more)}
