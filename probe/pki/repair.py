"""The shortest edit from the list that was presented to the list that should be.

Right is: the leaf, then each certificate behind one that it signed (RFC 5246 §7.4.2, RFC 8446 §4.4.2), no duplicates,
nothing foreign, no root that is an anchor anyway (unless DANE needs it), and whatever the best path needs that was not
sent. Cross-signed certificates that open a second way upward stay: old peers may need them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from probe.model import ABSENT, Certificate, Chain, Missing, Path, Repair, Source, Step
from probe.pki.anchors import Anchors, verdict
from probe.pki.pem import bundle
from probe.pki.profile import is_root, tampered
from probe.pki.signature import signed_by


def repair(
    chain: Chain,
    at: datetime,
    anchors: Anchors,
    origins: Mapping[str, str] = MappingProxyType({}),
    keep: Collection[str] = (),
) -> Repair | None:
    """Return the edit, or None when no leaf could be read.

    ``origins`` tells where certificates that nobody sent were found: digest → address or file. ``keep`` are digests of
    certificates that the list must hold, be they roots: DANE needs them there (RFC 7672 §3.1.2). Where a certificate is
    damaged whose issuer was not found elsewhere, no other list is better, and everything is kept. Without any trust
    anchor nobody can say where the list should end, and nothing is called missing. A list that no peer would take,
    since an intermediate of it is expired or may not sign, or since OpenSSL refuses it with these ``anchors``, is not
    offered as a bundle.
    """
    goal = chain.mended or chain.path
    if goal is None:
        return None
    if chain.mended is None and _damaged(chain, goal.certificates[-1]):
        return Repair(tuple(_steps(chain.presented, chain.presented)), None)
    right, accepted = _accepted(
        *_lists(chain, goal, at, keep), goal, lambda listed: _number(listed, chain, anchors, at)
    )
    steps = tuple(_steps(chain.presented, right))
    if chain.mended is None:
        return (
            Repair((*steps, *_unknown_step(chain, len(right))), None, _unknown(chain))
            if anchors.stores
            else Repair(steps, None)
        )
    usable = accepted and not any(fault.verify is not None and fault.index for fault in goal.faults)
    pem = bundle(right) if usable else None
    unsent = {*keep}.difference(certificate.sha256 for certificate in chain.presented)
    return Repair(steps, right if usable else None, tuple(_missing(goal, origins, unsent)), pem)


Listed = tuple[Certificate, ...]


def _number(listed: Listed, chain: Chain, anchors: Anchors, at: datetime) -> int:
    """OpenSSL's verdict on a list; on the one that was sent it has been asked already."""
    known = chain.verdict_as_sent if listed == chain.presented else None
    return (known or verdict(listed, anchors, at)).number


def _accepted(rich: Listed, bare: Listed, goal: Path, number: Callable[[Listed], int]) -> tuple[Listed, bool]:
    """The rich list where OpenSSL takes it as well as the bare one, else that; and whether it takes that.

    A fault of the leaf itself is refused in every list, and speaks against none.
    """
    if not goal.anchored:
        return rich, True
    best = number(bare)
    as_good = rich == bare or number(rich) == best
    return (rich if as_good else bare), best == 0 or not goal.valid


def _damaged(chain: Chain, certificate: Certificate) -> bool:
    return any(child.sha256 == certificate.sha256 and tampered(child, other) for child, other in chain.near_misses)


def _lists(chain: Chain, goal: Path, at: datetime, keep: Collection[str]) -> tuple[Listed, Listed]:
    """What may be right: the goal's certificates with what else was presented and may serve another peer; and alone.

    The first is as it was sent, where that is in order.
    """
    sent = {certificate.sha256 for certificate in chain.presented}
    above = zip(goal.certificates[1:], goal.sources[1:], strict=True)
    needed = [c for c, source in above if c.sha256 in keep or _belongs(c, source, sent)]
    bare = (goal.certificates[0], *needed)
    stale = {position for position, _ in chain.stale}
    beside = (chain.presented[position] for position in sorted(chain.related - stale))
    rich = tuple(dict.fromkeys((*bare, *(c for c in beside if c.sha256 in keep or _is_useful(c, chain, at)))))
    as_sent = tuple(certificate for certificate in dict.fromkeys(chain.presented) if certificate in rich)
    return (as_sent if len(as_sent) == len(rich) and _in_order(as_sent) else rich), bare


def _belongs(certificate: Certificate, source: Source, sent: Collection[str]) -> bool:
    """Above the leaf everything does but a root, and an anchor that was not sent."""
    return not is_root(certificate) and (source is not Source.ANCHOR or certificate.sha256 in sent)


def _in_order(certificates: Sequence[Certificate]) -> bool:
    """Each certificate behind the leaf has signed one that stands before it."""
    return all(
        any(c.issuer.key == issuer.subject.key and signed_by(c, issuer) for c in certificates[:n])
        for n, issuer in enumerate(certificates)
        if n
    )


def _is_useful(certificate: Certificate, chain: Chain, at: datetime) -> bool:
    """A cross-signed certificate may serve a peer that has other roots; a root, a damaged or a late one serves none."""
    return not is_root(certificate) and not _damaged(chain, certificate) and _in_time(certificate, at)


def _in_time(certificate: Certificate, at: datetime) -> bool:
    begins, ends = certificate.not_before, certificate.not_after
    return (begins is None or begins <= at) and (ends is None or at <= ends)


def _steps(presented: Sequence[Certificate], right: Sequence[Certificate]) -> Iterator[Step]:
    """One step a certificate: the largest set that stands in order already is kept, the others move."""
    first = {certificate.sha256: n for n, certificate in reversed(list(enumerate(presented)))}
    kept = set(_longest_rise([first[c.sha256] for c in right if c.sha256 in first]))
    goal = {certificate.sha256: n for n, certificate in enumerate(right)}
    for n, certificate in enumerate(presented):
        to = goal.get(certificate.sha256) if first[certificate.sha256] == n else None
        verb = "remove" if to is None else "keep" if n in kept else "move"
        yield Step(verb, certificate.sha256, certificate.label, n, to)
    for n, certificate in enumerate(right):
        if certificate.sha256 not in first:
            yield Step("insert", certificate.sha256, certificate.label, None, n)


def _longest_rise(numbers: Sequence[int]) -> list[int]:
    """The longest increasing subsequence: patience sorting with back links."""
    tails: list[int] = []
    before: dict[int, int | None] = {}
    for number in numbers:
        place = bisect_left(tails, number)
        before[number] = tails[place - 1] if place else None
        tails[place : place + 1] = [number]
    rise: list[int] = []
    number_or_none = tails[-1] if tails else None
    while number_or_none is not None:
        rise.append(number_or_none)
        number_or_none = before[number_or_none]
    return rise


def _missing(goal: Path, origins: Mapping[str, str], wanted: Collection[str]) -> Iterator[Missing]:
    for certificate, source in zip(goal.certificates, goal.sources, strict=True):
        if certificate.sha256 in wanted or (source in ABSENT and not is_root(certificate)):
            yield Missing(certificate.subject.text, certificate.sha256, source.value, origins.get(certificate.sha256))


def _unknown(chain: Chain) -> tuple[Missing, ...]:
    if chain.gap is None or not chain.gap.issuer:
        return ()
    return (Missing(chain.gap.issuer, None, "unknown", next(iter(chain.gap.aia), None)),)


def _unknown_step(chain: Chain, to: int) -> tuple[Step, ...]:
    return tuple(Step("insert", None, missing.subject, None, to) for missing in _unknown(chain))
