"""Disk: whether what is served is what lies in the file that the server is given (``--compare``)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.model import Certificate, Confidence, Severity
from probe.pki.chain import leaf_position
from probe.pki.profile import is_root, may_sign
from probe.rules.case import Case, Hit, Need, about, rule

NAMED = 4
"""Certificates that are named; an honest file has two."""


@rule("served-differs", Severity.WARNING, Need.LEAF, "practice: a server reads its file when it starts, or is told to")
def served_differs(case: Case) -> Iterable[Hit]:
    """Another list is served than lies on disk."""
    disk, served = case.on_disk, case.leaf
    if disk is None or served is None or disk.certificates == case.presented:
        return
    own = disk.certificates[leaf_position(disk.certificates) or 0]
    lacking = _beyond(disk.certificates, case.presented)
    facts = {"file": disk.path, "own": f'"{own.label}"', "own_from": _day(own), "own_sha256": own.sha256}
    hit = about(case, served, served_from=_day(served), lacking=_named(lacking), **facts)
    name, severity, confidence = _story(own, served, bool(lacking))
    yield Hit(hit.positions, {**hit.facts, "case": name}, confidence, severity)


def _story(own: Certificate, served: Certificate, lacking: bool) -> tuple[str, Severity, Confidence]:
    """The case of the page, how bad it is, and how sure."""
    if own.sha256 == served.sha256:
        return (
            ("unchained", Severity.WARNING, Confidence.VERY_LIKELY)
            if lacking
            else ("listed", Severity.INFO, Confidence.IS)
        )
    if may_sign(own) and not own.dns_names:
        return "no-leaf", Severity.INFO, Confidence.IS
    if _names(own).isdisjoint(_names(served)):
        return "another", Severity.WARNING, Confidence.IS
    return _by_age(own, served)


def _by_age(own: Certificate, served: Certificate) -> tuple[str, Severity, Confidence]:
    """Two certificates for one name: a renewal that was not read, or one of each kind of key."""
    begins, began = own.not_before, served.not_before
    alike = own.key.algorithm == served.key.algorithm
    if begins and began and begins > began:
        return "not-reloaded", Severity.WARNING, Confidence.VERY_LIKELY if alike else Confidence.MAY_BE
    if not alike:
        return "other-key", Severity.INFO, Confidence.MAY_BE
    return "older", Severity.WARNING, Confidence.IS


def _named(certificates: Sequence[Certificate]) -> str:
    more = len(certificates) - NAMED
    few = ", ".join(f'"{certificate.label}"' for certificate in certificates[:NAMED])
    return f"{few} and {more} more" if more > 0 else few


def _beyond(mine: Iterable[Certificate], theirs: Iterable[Certificate]) -> list[Certificate]:
    """What is in the one list alone; roots count for nothing."""
    known = {certificate.sha256 for certificate in theirs}
    return [c for c in dict.fromkeys(mine) if c.sha256 not in known and c.problem is None and not is_root(c)]


def _names(certificate: Certificate) -> frozenset[str]:
    common = certificate.subject.common_name
    named = (*certificate.dns_names, *certificate.ip_addresses, *([common] if common else []))
    return frozenset(name.lower() for name in named)


def _day(certificate: Certificate) -> str:
    return f"{certificate.not_before:%Y-%m-%d}" if certificate.not_before else "a day that cannot be read"
