"""What the presented certificates amount to: the leaf, the path that we claim, the gap, the mended path.

Our path builder explains and OpenSSL judges: its verdict is asked for the path that we claim and, where that tells
something new, for the whole list as a peer runs it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from probe.model import ABSENT, Certificate, Chain, Fault, Gap, Path, Side, Source, Verdict
from probe.pki.anchors import UNSPECIFIED, Anchors, route, verdict
from probe.pki.certificate import parse
from probe.pki.graph import BySubject, Graph, graph
from probe.pki.paths import KNOWN, SENT, TOLERANCES, Search
from probe.pki.profile import EVERY_DAY, may_sign, own_faults
from probe.pki.signature import signed_by, signed_itself, vouched


def build(
    presented: Sequence[Certificate],
    anchors: Anchors,
    pool: BySubject,
    at: datetime,
    fetched: Mapping[Source, Sequence[Certificate]] = MappingProxyType({}),
    *,
    proved: bool = False,
    sides: Collection[Side] = EVERY_DAY,
) -> Chain:
    """Judge a presented list as of ``at``, for ``sides``; ``proved``: the first one's key has signed a handshake."""
    presented, at = tuple(presented), at.replace(microsecond=0)
    if (position := leaf_position(presented, proved=proved)) is None:
        return Chain(presented, None, None)
    asked = None if position else asked_of(presented, anchors, at)
    known = graph(presented[position], presented, anchors, pool, fetched)
    over_sent, over_known = (Search(known, at, sources, sides=sides) for sources in (SENT, KNOWN))
    sent, sent_cut = _anchored(over_sent)
    path = sent[0] if sent else over_sent.longest()
    every, cut = (sent, False) if path.valid else _anchored(over_known)
    judged, as_sent = _verdicts(path, presented, position, anchors, at, asked=asked, sides=sides)
    mended = _better(every, path := _told(path, judged)) or (None if every else _topped(over_known))
    return Chain(
        presented=presented,
        leaf=position,
        path=path,
        paths=tuple(sent),
        mended=mended,
        store=_store(anchors, path, mended),
        gap=None if path.anchored else _gap(path, presented),
        frontier=_frontier(known, every),
        near_misses=() if path.anchored else tuple(_near_misses(known)),
        stale=tuple(_stale(known, presented, at)),
        related=frozenset(n for n, c in enumerate(presented) if c.sha256 in known.certificates),
        truncated=known.truncated or sent_cut or cut,
        verdict=judged,
        verdict_as_sent=as_sent,
    )


NAME_CONSTRAINTS = frozenset({47, 48, 49, 50, 51, 52, 53})
"""X509_V_ERR_PERMITTED_VIOLATION to X509_V_ERR_UNSUPPORTED_NAME_SYNTAX."""
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
    if first.dns_names and (proved or not may_sign(first)):
        return 0
    below = [(n, c) for n, c in readable if c.sha256 != first.sha256 and _descends(c, first, readable)]
    lowest = [n for n, c in below if not any(_signed(other, c) for _, other in readable)]
    best = min(lowest, key=lambda n: (presented[n].is_ca, n), default=0)
    if presented[best].is_ca or not presented[best].dns_names:
        return next((n for n, c in readable if not c.is_ca and c.dns_names), best)
    return best


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


def _anchored(search: Search) -> tuple[list[Path], bool]:
    """Anchored paths, best first; faulty ones are only looked for when there is none without fault."""
    for tolerates in TOLERANCES:
        found, cut = replace(search, tolerates=tolerates).anchored()
        if found:
            return sorted(found, key=_cost), cut
    return [], False


def _cost(path: Path) -> tuple[int, int, int, int]:
    """What a better path has less of: refusals, other faults, certificates that nobody sent, length."""
    refusals = sum(fault.verify is not None for fault in path.faults)
    absent = sum(source in ABSENT for source in path.sources)
    return refusals, len(path.faults) - refusals, absent, len(path.certificates)


def _frontier(known: Graph, every: Sequence[Path]) -> tuple[Certificate, ...]:
    """Where AIA could help: certificates without known issuer, or with one that is out of its time."""
    if not every:
        return known.frontier
    late = {f.index for f in every[0].faults if f.id in {"expired", "not-yet-valid"} and f.index}
    return tuple(every[0].certificates[index - 1] for index in sorted(late))


def _better(every: Sequence[Path], path: Path) -> Path | None:
    """The best path when everything known may be used; the sent one wins a tie.

    A certificate that nobody sent and that is late, or may not sign, mends nothing.
    """
    own = path if path.anchored else None
    if not every or (own and _cost(own)[:2] <= _cost(every[0])[:2]):
        return own
    best = every[0]
    useless = any(fault.verify is not None and best.sources[fault.index] in ABSENT for fault in best.faults)
    return own if useless else best


def _gap(path: Path, presented: Sequence[Certificate]) -> Gap:
    last = path.certificates[-1]
    position = next(n for n, c in enumerate(presented) if c.sha256 == last.sha256)
    key_id = last.authority_key_id.hex() if last.authority_key_id else None
    return Gap(position, last.issuer.text, key_id, last.aia)


def _topped(search: Search) -> Path | None:
    """The longest path of everything known, when it ends at a certificate that signed itself."""
    path = search.longest()
    return path if signed_itself(path.certificates[-1]) else None


def _told(path: Path, judged: Verdict) -> Path:
    """On the path that we claim OpenSSL judges: where it refuses what we find valid, the path has a fault more.

    It may be a kind of name under a constraint that we do not read, a field that nobody can read, or an anchor that it
    takes by name for the issuer of a certificate that another signed.
    """
    if judged.number == 0 or not path.valid:
        return path
    if judged.number in NAME_CONSTRAINTS:
        told = "name-constraints"
    elif any(c.problems for c in path.certificates):
        told = "unparsable-cert"
    elif judged.number == UNSPECIFIED:
        return path
    else:
        told = "fragile-path"
    note = "store" if told == "fragile-path" else judged.text
    fault = Fault(told, min(judged.depth, len(path.certificates) - 1), judged.number, note, told=True)
    return replace(path, faults=(*path.faults, fault))


def _near_misses(known: Graph) -> Iterator[tuple[Certificate, Certificate]]:
    for child, candidate in known.near_misses:
        sent = (issuer for issuer in known.issuers[child.sha256] if known.sources[issuer.sha256] in SENT)
        if not child.self_issued and not any(sent):
            yield child, candidate


def _store(anchors: Anchors, *paths: Path | None) -> str | None:
    """The store of the first anchor that one of the paths reaches."""
    return next((anchors.store_of(path.certificates[-1]) for path in paths if path and path.anchored), None)


def _stale(known: Graph, presented: Sequence[Certificate], at: datetime) -> Iterator[tuple[int, Certificate]]:
    for position, certificate in enumerate(presented):
        issuers = known.issuers.get(certificate.sha256, ())
        if issuers and all(c.self_issued and c.not_after and c.not_after < at for c in issuers):
            yield position, issuers[0]


class Asked(Struct, frozen=True):
    """OpenSSL on the list as sent, with all anchors, as a peer asks it."""

    verdict: Verdict
    route: tuple[bytes, ...]
    """The chain on which it settles; empty where it accepts none."""


def asked_of(presented: Sequence[Certificate], anchors: Anchors, at: datetime) -> Asked:
    """Ask, before anything else verifies a signature: those that OpenSSL finds good need no second look."""
    asked = Asked(*route(_readable(presented), anchors, at))
    for child, issuer in pairwise(map(parse, asked.route)):
        vouched(child, issuer)
    return asked


def _readable(presented: Sequence[Certificate]) -> list[Certificate]:
    return [certificate for certificate in presented if certificate.problem is None]


def _verdicts(
    path: Path,
    presented: Sequence[Certificate],
    position: int,
    anchors: Anchors,
    at: datetime,
    *,
    asked: Asked | None,
    sides: Collection[Side],
) -> tuple[Verdict, Verdict | None]:
    """OpenSSL on the claimed path with its anchor, and on the list as sent with all anchors, as a peer asks it."""
    readable = _readable(presented)
    if not path.anchored:
        leaf_first = [presented[position], *(c for c in readable if c is not presented[position])]
        as_sent = asked.verdict if asked and leaf_first == readable else verdict(leaf_first, anchors, at)
        return as_sent, as_sent
    below = [c for c, source in zip(path.certificates, path.sources, strict=True) if source is not Source.ANCHOR]
    if asked and asked.route == tuple(certificate.der for certificate in path.certificates):
        judged = asked.verdict  # the same chain, to which nothing else could lead astray
    else:
        judged = verdict(below or path.certificates[:1], path.certificates[-1:], at)
    if asked is None:
        return judged, None
    return judged, _misled(path, readable, at, asked, sides) or asked.verdict


REFUSED_BY_PEERS = {
    "eku": (26, "unsuitable certificate purpose"),
    "client-eku": (26, "unsuitable certificate purpose"),
    "weak-signature": (68, "CA signature digest algorithm too weak"),
}
"""Fault → X509_V_ERR number and text of peers, who set a purpose and a security level, which we cannot."""


def _misled(
    path: Path, readable: Sequence[Certificate], at: datetime, asked: Asked, sides: Collection[Side]
) -> Verdict | None:
    """Tell whether peers leave the claimed path for a certificate that they then refuse."""
    beside = {c.der: c for c in readable if c not in path.certificates}
    own = {der: list(own_faults(c, 1, at, is_anchor=False, sides=sides)) for der, c in beside.items()}
    told = {der: REFUSED_BY_PEERS[f.id] for der, faults in own.items() for f in faults if f.id in REFUSED_BY_PEERS}
    if not told or any(fault.id in REFUSED_BY_PEERS for fault in path.faults):
        return None
    taken = enumerate(asked.route)
    return next((Verdict(told[der][0], depth, told[der][1]) for depth, der in taken if der in told), None)
