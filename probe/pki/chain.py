"""What the presented certificates amount to: the leaf, the path that we claim, the gap, the mended path.

Our path builder explains and OpenSSL judges: its verdict is asked for the path that we claim and, where that tells
something new, for the whole list as a peer runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from probe.model import Certificate, Chain, Fault, Gap, Path, Source, Verdict
from probe.pki.anchors import Anchors, verdict
from probe.pki.graph import BySubject, Graph, graph
from probe.pki.paths import KNOWN, SENT, TOLERANCES, Search
from probe.pki.profile import may_sign
from probe.pki.signature import signed_by, signed_itself


def build(
    presented: Sequence[Certificate],
    anchors: Anchors,
    pool: BySubject,
    at: datetime,
    fetched: Sequence[Certificate] = (),
    *,
    proved: bool = False,
) -> Chain:
    """Judge a presented list as of ``at``; pool and fetched certificates show how it could be mended.

    ``proved`` says that the server has signed a handshake with the key of the first certificate.
    """
    presented, at = tuple(presented), at.replace(microsecond=0)
    position = leaf_position(presented, proved=proved)
    if position is None:
        return Chain(presented, None, None)
    known = graph(presented[position], presented, anchors, pool, fetched)
    sent, sent_cut = _anchored(known, at, SENT)
    path = sent[0] if sent else Search(known, at, SENT).longest()
    every, cut = (sent, False) if path.valid else _anchored(known, at, KNOWN)
    judged, as_sent = _verdicts(path, presented, position, anchors, at)
    path = _told(path, judged)
    mended = _better(every, path) or _topped(known, at)
    return Chain(
        presented=presented,
        leaf=position,
        path=path,
        paths=tuple(sent),
        mended=mended,
        store=next((anchors.store_of(p.certificates[-1]) for p in (path, mended) if p and p.anchored), None),
        gap=None if path.anchored else _gap(path, presented),
        frontier=_frontier(known, every),
        near_misses=() if path.anchored else tuple(_near_misses(known)),
        stale=tuple(_stale(known, presented, at)),
        related=frozenset(n for n, c in enumerate(presented) if c.sha256 in known.certificates),
        truncated=known.truncated or sent_cut or cut,
        verdict=judged,
        verdict_as_sent=as_sent,
    )


LEAF_SEARCH = 24
"""How far into the list a leaf is looked for behind a misplaced first certificate."""


def leaf_position(presented: Sequence[Certificate], *, proved: bool = False) -> int | None:
    """The position of the server's own certificate: the first, unless it is plainly the issuer of a later one.

    A key that was proved settles it for a first certificate with names. Behind an unreadable first item the leaf is
    the first certificate that carries names and is no CA.
    """
    readable = [(n, c) for n, c in enumerate(presented[:LEAF_SEARCH]) if c.problem is None]
    if not readable or readable[0][0] != 0:
        return next((n for n, c in readable if not c.is_ca and c.dns_names), None)
    first = presented[0]
    if not may_sign(first) or (proved and first.dns_names):
        return 0
    below = [(n, c) for n, c in readable if c.sha256 != first.sha256 and _descends(c, first, readable)]
    lowest = [n for n, c in below if not any(_signed(other, c) for _, other in readable)]
    if lowest:
        return min(lowest, key=lambda n: (presented[n].is_ca, n))
    if not first.dns_names:
        return next((n for n, c in readable if not c.is_ca and c.dns_names), 0)
    return 0


def _descends(certificate: Certificate, ancestor: Certificate, readable: Sequence[tuple[int, Certificate]]) -> bool:
    """Follow verified issuers upward from the certificate, at most once through each, until the ancestor is met."""
    seen, queue = {certificate.sha256}, [certificate]
    for child in queue:  # grows while it is read
        if _signed(child, ancestor):
            return True
        for _, issuer in readable:
            if issuer.sha256 not in seen and _signed(child, issuer):
                seen.add(issuer.sha256)
                queue.append(issuer)
    return False


def _signed(child: Certificate, issuer: Certificate) -> bool:
    return child.sha256 != issuer.sha256 and child.issuer.key == issuer.subject.key and signed_by(child, issuer)


def _anchored(known: Graph, at: datetime, sources: frozenset[Source]) -> tuple[list[Path], bool]:
    """Anchored paths, best first; faulty ones are only looked for when there is none without fault."""
    for tolerates in TOLERANCES:
        found, cut = Search(known, at, sources, tolerates).anchored()
        if found:
            return sorted(found, key=_cost), cut
    return [], False


def _cost(path: Path) -> tuple[int, int, int, int]:
    """What a better path has less of: refusals, other faults, certificates that nobody sent, length."""
    refusals = sum(fault.verify is not None for fault in path.faults)
    absent = sum(source in {Source.POOL, Source.AIA} for source in path.sources)
    return refusals, len(path.faults) - refusals, absent, len(path.certificates)


def _frontier(known: Graph, every: Sequence[Path]) -> tuple[Certificate, ...]:
    """Where AIA could help: certificates without known issuer, or with one that is out of its time."""
    if not every:
        return known.frontier
    late = {f.index for f in every[0].faults if f.id in {"expired", "not-yet-valid"} and f.index}
    return tuple(every[0].certificates[index - 1] for index in sorted(late))


def _better(every: Sequence[Path], path: Path) -> Path | None:
    """The best path when everything known may be used; the sent one wins a tie."""
    if path.anchored and (not every or _cost(path)[:2] <= _cost(every[0])[:2]):
        return path
    return every[0] if every else None


def _gap(path: Path, presented: Sequence[Certificate]) -> Gap:
    last = path.certificates[-1]
    position = next(n for n, c in enumerate(presented) if c.sha256 == last.sha256)
    key_id = last.authority_key_id.hex() if last.authority_key_id else None
    return Gap(position, last.issuer.text, key_id, last.aia)


def _topped(known: Graph, at: datetime) -> Path | None:
    """The longest path of everything known, when it ends at a certificate that signed itself."""
    path = Search(known, at, KNOWN).longest()
    return path if signed_itself(path.certificates[-1]) else None


def _told(path: Path, judged: Verdict) -> Path:
    """Where a certificate has fields that nobody can read, whether OpenSSL takes it is asked, not guessed."""
    if judged.number == 0 or not path.valid or not any(c.problems for c in path.certificates):
        return path
    fault = Fault("unparsable-cert", min(judged.depth, len(path.certificates) - 1), judged.number, judged.text)
    return replace(path, faults=(*path.faults, fault))


def _near_misses(known: Graph) -> Iterator[tuple[Certificate, Certificate]]:
    for child, candidate in known.near_misses:
        sent = (issuer for issuer in known.issuers[child.sha256] if known.sources[issuer.sha256] in SENT)
        if not child.self_issued and not any(sent):
            yield child, candidate


def _stale(known: Graph, presented: Sequence[Certificate], at: datetime) -> Iterator[tuple[int, Certificate]]:
    for position, certificate in enumerate(presented):
        issuers = known.issuers.get(certificate.sha256, ())
        if issuers and all(c.self_issued and c.not_after and c.not_after < at for c in issuers):
            yield position, issuers[0]


def _verdicts(
    path: Path, presented: Sequence[Certificate], position: int, anchors: Anchors, at: datetime
) -> tuple[Verdict, Verdict | None]:
    """OpenSSL on the claimed path with its anchor, and on the list as sent where that may differ."""
    readable = [c for c in presented if c.problem is None]
    if not path.anchored:
        as_sent = verdict([presented[position], *(c for c in readable if c is not presented[position])], anchors, at)
        return as_sent, as_sent
    below = [c for c, source in zip(path.certificates, path.sources, strict=True) if source is not Source.ANCHOR]
    judged = verdict(below or path.certificates[:1], path.certificates[-1:], at)
    if [c.sha256 for c in below] == [c.sha256 for c in readable]:
        return judged, judged
    return judged, verdict(readable, anchors, at) if position == 0 else None
