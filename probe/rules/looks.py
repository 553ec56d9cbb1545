"""Several looks in one report: what depends on the name asked for, the key, the version, the address, the mail host.

What counts is the list, and which warnings and errors it brings. Different certificates of one quality are no fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain
from typing import cast

from msgspec.structs import replace

from probe.model import EndpointReport, Finding, Severity, Side, Stage, Tls
from probe.rules.contrast import UNHEARD, Contrast, Group, Groups, few, troubles
from probe.rules.conversation import no_way
from probe.rules.handshake import declined

IDS = frozenset(
    {
        "sni-dependent",
        "ecdsa-rsa-differ",
        "tls-version-dependent",
        "pool-dependent",
        "address-dependent",
        "mx-dependent",
    }
)
"""What ``compared`` may find."""


def compared(endpoints: Sequence[EndpointReport]) -> tuple[Finding, ...]:
    """Compare all looks of one report; the words are added later.

    No part take looks that the server declined (it has no ECDSA certificate, no TLS 1.3), that present a certificate
    of ours, that are of a file, or for which our own computer has no route.
    """
    seen = [report for report in endpoints if _takes_part(report)]
    usual = _usual(seen)
    inside = (*_by_name(seen), *_by_key(seen), *_by_version(seen), *_by_repeat(seen))
    return _merged((*inside, *_by_address(usual), *_by_host(usual)))


def _takes_part(report: EndpointReport) -> bool:
    seen = report.observation
    called = seen.side is Side.SERVER and seen.endpoint.tls is not Tls.NONE
    return called and not (seen.client_chain or no_way(seen) or declined(seen))


def _by_name(seen: Sequence[EndpointReport]) -> Iterator[Finding]:
    """With the name of the host in the ClientHello (SNI) and without."""
    for group in _apart([r for r in seen if not _narrow(r) and _in_tls(r)], _spot):
        asked = _labelled(group, lambda r: "with the name" if r.observation.endpoint.sni else "without a name")
        if len(asked) > 1 and (contrast := Contrast(asked)).parted:
            name = asked["with the name"][0].observation.endpoint.sni
            yield contrast.finding("sni-dependent", asked=name, where=(_address(group[0]),))


def _by_key(seen: Sequence[EndpointReport]) -> Iterator[Finding]:
    """The RSA certificate and the ECDSA certificate; to have both is usual."""
    for group in _apart([r for r in seen if _kind(r)], lambda r: (_spot(r), r.observation.endpoint.sni)):
        kinds = _labelled(group, _kind)
        if len(kinds) > 1 and (contrast := Contrast(kinds)).affected:
            yield contrast.finding("ecdsa-rsa-differ", where=(_address(group[0]),))


def _by_version(seen: Sequence[EndpointReport]) -> Iterator[Finding]:
    """TLS 1.2 and TLS 1.3, for the same name and the same kind of key."""
    for group in _apart([r for r in seen if _kind(r)], lambda r: (_spot(r), r.observation.endpoint.sni, _kind(r))):
        versions = _labelled(group, lambda r: (r.observation.tls_version or "").replace("v", " "))
        if len(versions) > 1 and (contrast := Contrast(versions)).parted:
            yield contrast.finding("tls-version-dependent", where=(_address(group[0]),))


def _by_repeat(seen: Sequence[EndpointReport]) -> Iterator[Finding]:
    """The same question again, answered otherwise: several servers share an address."""
    for group in _apart(seen, lambda r: r.observation.endpoint):
        answers = _apart(group, lambda r: (r.observation.presented, frozenset(troubles((r,)))))
        if len(answers) > 1:
            counted = {
                f"answer {n}, seen {len(same)} of {len(group)} times": same for n, same in enumerate(answers, start=1)
            }
            yield Contrast(counted).reached("pool-dependent", where=(_address(group[0]),))


def _by_address(usual: Sequence[EndpointReport]) -> Iterator[Finding]:
    """The addresses of one host."""
    known = [r for r in usual if r.observation.endpoint.address]
    for group in _apart(known, lambda r: (_host(r), _service(r))):
        contrast = Contrast(_labelled(group, _address))
        if contrast.affected or contrast.parted:
            wrong = contrast.affected or contrast.groups
            heard = (address for address, group in wrong.items() if group[0].observation.stage not in UNHEARD)
            yield contrast.reached("address-dependent", address=next(heard, next(iter(wrong))))


def _by_host(usual: Sequence[EndpointReport]) -> Iterator[Finding]:
    """The mail hosts of one domain. Where one of them is right, senders that refuse the others go on to that one."""
    for group in _apart([r for r in usual if r.observation.endpoint.mx_preference is not None], _service):
        contrast = Contrast(_labelled(group, _host))
        if contrast.affected:
            found = _in_part(contrast.reached("mx-dependent"), contrast)
            settled = found.facts.get("case") in {"each", "unheard", "silent"}
            yield found if settled else replace(found, severity=_MILDER[found.severity])


def _in_part(found: Finding, contrast: Contrast) -> Finding:
    """The case "part" where each host has a fault, and at some of its addresses none."""
    spots = _labelled(chain.from_iterable(contrast.groups.values()), lambda r: f"{_host(r)} at {_address(r)}")
    sound = [label for label, group in spots.items() if not troubles(group)]
    if found.facts.get("case") != "each" or not sound:
        return found
    return replace(found, facts={**found.facts, "case": "part", "right": few(sound)})


_MILDER = {Severity.ERROR: Severity.WARNING, Severity.WARNING: Severity.INFO}


def _usual(seen: Sequence[EndpointReport]) -> list[EndpointReport]:
    """The looks that ask as most clients do: everything is offered, and the name is the one that was sent first."""
    plain = [r for r in seen if not _narrow(r)]
    names = {_spot(r): r.observation.endpoint.sni for r in reversed(plain)}
    return [r for r in plain if r.observation.endpoint.sni == names[_spot(r)]]


def _narrow(report: EndpointReport) -> bool:
    return bool(report.observation.endpoint.offered_key or report.observation.endpoint.offered_tls)


def _in_tls(report: EndpointReport) -> bool:
    return report.observation.presented is not None or report.observation.stage is Stage.HANDSHAKE


def _spot(report: EndpointReport) -> Hashable:
    return _host(report), _address(report), _service(report)


def _service(report: EndpointReport) -> Hashable:
    endpoint = report.observation.endpoint
    return endpoint.port, endpoint.protocol, endpoint.tls


def _host(report: EndpointReport) -> str:
    return report.observation.endpoint.host or _address(report)


def _address(report: EndpointReport) -> str:
    return report.observation.endpoint.address or ""


def _kind(report: EndpointReport) -> str:
    """The kind of the leaf's key, as servers choose by it; "" where there is no leaf, or a key of another kind."""
    leaf = report.chain.own if report.chain else None
    return _KINDS.get(leaf.key.algorithm, "") if leaf else ""


_KINDS = {"rsa": "RSA", "ecdsa": "ECDSA", "ed25519": "ECDSA", "ed448": "ECDSA"}


def _apart(seen: Iterable[EndpointReport], by: Callable[[EndpointReport], Hashable]) -> list[Group]:
    groups: dict[Hashable, list[EndpointReport]] = defaultdict(list)
    for report in seen:
        groups[by(report)].append(report)
    return [tuple(group) for group in groups.values()]


def _labelled(seen: Iterable[EndpointReport], by: Callable[[EndpointReport], str]) -> Groups:
    return {by(group[0]): group for group in _apart(seen, by)}


def _merged(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """What is so at several addresses of a host is said once, with all of them in ``where``."""
    alike: dict[Hashable, list[Finding]] = defaultdict(list)
    for finding in found:
        facts = {**finding.facts, "where": ()}
        alike[finding.id, finding.severity, finding.confidence, repr(facts)].append(finding)
    return tuple(map(_joined, alike.values()))


def _joined(same: Sequence[Finding]) -> Finding:
    places = [place for finding in same for place in cast("tuple[str, ...]", finding.facts.get("where", ()))]
    return replace(same[0], facts={**same[0].facts, "where": few(places)}) if places else same[0]
