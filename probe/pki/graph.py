"""Who really signed whom: the graph of verified signatures above a leaf.

Names propose candidates (RFC 5280 §6.1: subject of the issuer = issuer of the child), key identifiers order them, and
only a verified signature makes an edge. The graph is what every path is read from; nothing in it depends on time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from probe.model import Certificate, Source
from probe.pki.profile import key_ids_differ
from probe.pki.signature import can_verify, signed_by, signed_itself

SIGNATURE_CHECKS = 300
"""Most signatures checked for one leaf, each with one key: a real chain needs fewer than ten, and a hostile list of a
thousand would need a million, each of some milliseconds."""
CANDIDATES = 20_000
"""Most candidates looked at for one leaf; most of them have a key that was tried already."""

PRESENTED_READ = 1000
"""Certificates of one list that take part in path building; no server needs twenty."""


class BySubject(Protocol):
    """A collection that finds certificates by Name.key."""

    def by_subject(self, key: bytes, /) -> tuple[Certificate, ...]:
        """All certificates whose subject has this key."""


class Graph(Struct, frozen=True):
    """Verified issuers of every certificate that can be reached upward from the leaf."""

    leaf: Certificate
    certificates: Mapping[str, Certificate]
    """Digest → every certificate reached."""
    issuers: Mapping[str, tuple[Certificate, ...]]
    """Digest of the child → its issuers, in order of preference; absent for anchors."""
    sources: Mapping[str, Source]
    """Digest → where the certificate came from."""
    near_misses: tuple[tuple[Certificate, Certificate], ...]
    """Child, and a sent certificate or an anchor that has its issuer's name and did not make its signature."""
    truncated: bool

    @property
    def frontier(self) -> tuple[Certificate, ...]:
        """Where AIA could help: certificates above which nobody knows more than a self-signed one that is no anchor."""
        stuck = (self.certificates[key] for key, found in self.issuers.items() if not any(map(self._leads_on, found)))
        return tuple(certificate for certificate in stuck if not signed_itself(certificate))

    def _leads_on(self, issuer: Certificate) -> bool:
        return self.sources[issuer.sha256] is Source.ANCHOR or not signed_itself(issuer)


def graph(
    leaf: Certificate,
    presented: Sequence[Certificate],
    anchors: BySubject,
    pool: BySubject,
    fetched: Mapping[Source, Sequence[Certificate]],
) -> Graph:
    """Explore upward from the leaf, breadth first, and stop at anchors."""
    layers = (
        (Source.ANCHOR, anchors),
        (Source.PRESENTED, _Index(presented[:PRESENTED_READ])),
        *((source, _Index(found)) for source, found in fetched.items()),
        (Source.POOL, pool),
    )
    issuers: dict[str, tuple[Certificate, ...]] = {}
    sources = {leaf.sha256: _source_of_leaf(leaf, anchors)}
    near: list[tuple[Certificate, Certificate]] = []
    queue, looked, asked = [leaf], 0, set[tuple[str, bytes]]()
    for child in queue:  # grows while it is read
        if sources[child.sha256] is Source.ANCHOR:
            continue
        found: dict[str, Certificate] = {}
        for source, candidate in _candidates(child, layers):
            if len(asked) >= SIGNATURE_CHECKS or looked >= CANDIDATES:
                break
            looked += 1
            asked.add((child.sha256, candidate.key.spki))
            if signed_by(child, candidate):
                found.setdefault(candidate.sha256, candidate)
                if candidate.sha256 not in sources:
                    sources[candidate.sha256] = source
                    queue.append(candidate)
            elif source in {Source.ANCHOR, Source.PRESENTED} and can_verify(child, candidate):
                near.append((child, candidate))
        issuers[child.sha256] = tuple(found.values())
    reached = {certificate.sha256: certificate for certificate in queue}
    cut = len(asked) >= SIGNATURE_CHECKS or looked >= CANDIDATES or len(presented) > PRESENTED_READ
    return Graph(leaf, reached, issuers, sources, tuple(near), cut)


def _source_of_leaf(leaf: Certificate, anchors: BySubject) -> Source:
    is_anchor = any(anchor.sha256 == leaf.sha256 for anchor in anchors.by_subject(leaf.subject.key))
    return Source.ANCHOR if is_anchor else Source.PRESENTED


def _candidates(child: Certificate, layers: Iterable[tuple[Source, BySubject]]) -> Iterator[tuple[Source, Certificate]]:
    for source, collection in layers:
        same_name = [c for c in collection.by_subject(child.issuer.key) if c.sha256 != child.sha256]
        for candidate in sorted(same_name, key=lambda c: key_ids_differ(child, c)):
            yield source, candidate


class _Index:
    """Certificates by Name.key of their subject, in the order given."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._found: dict[bytes, list[Certificate]] = {}
        for certificate in certificates:
            if certificate.problem is None:
                self._found.setdefault(certificate.subject.key, []).append(certificate)

    def by_subject(self, key: bytes, /) -> tuple[Certificate, ...]:
        return tuple(self._found.get(key, ()))
