"""Name: whether the certificate speaks for the host that was asked for (RFC 9525)."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from probe.model import Certificate, Severity, Side
from probe.rules.case import Case, Hit, Need, about, rule

NAMES_SHOWN = 5


@rule("name-mismatch", Severity.ERROR, Need.NAME, "RFC 9525 §6")
def name_mismatch(case: Case) -> Iterable[Hit]:
    """None of the presented names matches the reference name."""
    from probe.pki.names import cn_would_match, matches

    if not case.leaf or not case.reference or matches(case.leaf, case.reference):
        return
    by_cn = cn_would_match(case.leaf, case.reference)
    if by_cn and not case.leaf.has_san:
        return  # no-san tells this story
    hit = about(case, case.leaf, name=case.reference, names=_names(case.leaf))
    yield Hit(hit.positions, {**hit.facts, **_special(case, by_cn=by_cn)})


def _special(case: Case, *, by_cn: bool) -> dict[str, object]:
    """The user asked by address without giving a name, or the commonName is the only thing that would match."""
    asked = case.observation.endpoint.address
    if asked is not None and case.reference == asked and case.leaf and case.leaf.dns_names:
        return {"case": "address"}
    return {"case": "cn"} if by_cn else {}


@rule("no-san", Severity.ERROR, Need.LEAF, "RFC 9525 §2, RFC 5280 §4.2.1.6")
def no_san(case: Case) -> Iterable[Hit]:
    """The leaf has no subjectAltName; its commonName does not count, though some clients fall back to it."""
    leaf = case.leaf
    if leaf and not leaf.has_san:
        hit = about(case, leaf, common_name=leaf.subject.common_name or "none")
        yield replace(hit, severity=Severity.INFO if case.observation.side is Side.CLIENT else None)


@rule("bad-name", Severity.WARNING, Need.LEAF, "RFC 9525 §6.3, RFC 5280 §4.2.1.6")
def bad_name(case: Case) -> Iterable[Hit]:
    """A name in the leaf that no careful client will match, or that was made to deceive a careless one."""
    from probe.pki.names import bad_names

    for problem in bad_names(case.leaf) if case.leaf else ():
        yield about(case, case.leaf, problem=problem) if case.leaf else Hit()


def _names(leaf: Certificate) -> str:
    names = (*leaf.dns_names, *leaf.ip_addresses)
    more = len(names) - NAMES_SHOWN
    return ", ".join(names[:NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "") or "no name at all"
