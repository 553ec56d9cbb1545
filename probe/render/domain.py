"""What DNS and the policy host say of a mail domain, in a few lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from probe.model import Dnssec
from probe.render.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

    from probe.model import Domain, StsLook, TlsRptLook
    from probe.render.sheet import Sheet

SIGNED = {
    Dnssec.SECURE: "signed (DNSSEC)",
    Dnssec.INSECURE: "not signed (no DNSSEC)",
    Dnssec.UNKNOWN: "DNSSEC not known",
    Dnssec.BOGUS: "signed, and the signatures do not fit (DNSSEC)",
}
OK = 200
RECORD = 120
"""Characters of a TXT record, unless all is wanted."""
_MODE = re.compile(rb"^mode[ \t]*:[ \t]*([a-z]+)[ \t]*\r?$", re.MULTILINE)


def add_domain(sheet: Sheet, domain: Domain, *, verbose: bool) -> None:
    """Add the block, a line a subject."""
    for name, words in _lines(domain, verbose=verbose):
        sheet.say(words, first=f"  {name:<7}  ")


def _lines(domain: Domain, *, verbose: bool) -> Iterator[tuple[str, str]]:
    yield "mx", f"{_mail_hosts(domain)}; {SIGNED[domain.dnssec]}"
    if verbose:
        yield from (("", f"{clean(mx.host)} is an alias of {clean(mx.alias_of)}") for mx in domain.mx if mx.alias_of)
        yield "", f"by {clean(domain.resolver)}" if domain.resolver else ""
    if domain.sts:
        yield "mta-sts", _policy(domain.sts)
        yield from (("", line) for line in (_policy_in_full(domain.sts) if verbose else ()))
    if domain.tls_rpt:
        yield "tls-rpt", _reports(domain.tls_rpt, verbose=verbose)


def _mail_hosts(domain: Domain) -> str:
    """How many there are, or which it is; the table below has each of several."""
    if domain.failure:
        return f"none: {clean(domain.failure.text)}"
    if domain.implicit:
        return "no record, so the domain is its own mail host"
    more = f", and {domain.left_out} more that were left out" if domain.left_out else ""
    hosts = [mx for mx in domain.mx if mx.host]
    beside = ", and a null MX that counts for nothing" if hosts and len(hosts) < len(domain.mx) else ""
    named = f"{hosts[0].preference} {clean(hosts[0].host)}" if len(hosts) == 1 else f"{len(hosts)} mail hosts"
    return f"{named}{beside}{more}"


def _policy(look: StsLook) -> str:
    """What a sender can find of the policy; whether it is right is told by findings."""
    if look.failure:
        return f"not known: {clean(look.failure.text)}"
    if not look.records:
        return "none"
    fetch = look.fetch
    if fetch is None:
        return "announced; the policy was not fetched"
    if fetch.failure:
        return f"announced; the policy could not be fetched: {clean(fetch.failure.text)}"
    if fetch.status != OK:
        return f"announced; the policy host answers {fetch.status}"
    mode = _MODE.search(fetch.body)
    return f"mode {mode[1].decode('ascii')}" if mode else "announced; the policy says no mode"


def _policy_in_full(look: StsLook) -> Iterator[str]:
    yield from (clean(record) for record in look.records)
    if look.fetch:
        at = f" at {look.fetch.address}" if look.fetch.address else ""
        yield clean(look.fetch.url) + at
        yield from (f"| {clean(line)}" for line in look.fetch.body.decode("utf-8", "surrogateescape").splitlines())


def _reports(look: TlsRptLook, *, verbose: bool) -> str:
    if look.failure:
        return f"not known: {clean(look.failure.text)}"
    return "; ".join(clean(record, 1000 if verbose else RECORD) for record in look.records) or "none"
