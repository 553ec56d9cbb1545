"""Paths through the graph of signatures: every one that matters, within a bound, each with its faults.

A path goes from the leaf upward and ends at the first trust anchor. It never meets the same name and key twice
(cross-signed CAs would otherwise go round in circles). The search is depth first; it leaves a branch as soon as a
fault arises that it was told not to tolerate, and it never enters a certificate from which no tolerable way leads to
an anchor, so a mesh of cross-signatures costs what its good part costs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from datetime import datetime

from msgspec import Struct

from probe.model import Certificate, Fault, Path, Side, Source
from probe.pki.graph import Graph
from probe.pki.profile import EVERY_DAY, X509_AKID_MISMATCH, key_ids_differ, own_faults, step_faults

PATHS = 32
"""Anchored paths kept; a leaf with more ways up is a mesh, and the best of 32 is as good as any."""
STEPS = 5000
"""Most certificates entered in one search; real graphs need fewer than a hundred."""
DEPTH = 101
"""Most certificates below the anchor: leaf and a hundred intermediates, as far as OpenSSL goes (DEFAULT_DEPTH of
crypto/x509/x509_vpm.c); Postfix stops at 9 intermediates, GnuTLS at 16 certificates."""

TOLERANCES: tuple[Callable[[Fault], bool], ...] = (
    lambda _: False,
    lambda fault: fault.verify is None,
    lambda _: True,
)
"""From strict to lenient: paths without any fault, then those that OpenSSL accepts, then all. Faults of the leaf
itself stand on every path, and play no part."""

SENT = frozenset({Source.PRESENTED, Source.ANCHOR})
KNOWN = frozenset(Source)


class _Budget(Struct):
    """What one search may still spend."""

    steps: int = STEPS
    paths: int = PATHS
    too_deep: bool = False

    @property
    def spent(self) -> bool:
        return self.steps <= 0 or self.paths <= 0


class Search(Struct, frozen=True):
    """One search of one graph: over which sources, as of when, and which faults above the leaf it puts up with."""

    graph: Graph
    at: datetime
    sources: Collection[Source]
    tolerates: Callable[[Fault], bool] = TOLERANCES[-1]
    sides: Collection[Side] = EVERY_DAY

    def anchored(self) -> tuple[list[Path], bool]:
        """All paths that end at an anchor, in search order, and whether the bound cut the search short."""
        budget = _Budget()
        useful = self._reaching_anchor()
        found = list(self._walk((self.graph.leaf,), self._leaf_faults(), useful, budget))
        return found, budget.spent or budget.too_deep

    def longest(self) -> Path:
        """The longest path upward, anchored or not: what a peer is left with when no anchor is reached."""
        budget = _Budget(paths=10 * PATHS)
        best: tuple[Certificate, ...] = (self.graph.leaf,)
        for certificates in self._climb(best, budget):
            if len(certificates) > len(best):
                best = certificates
        faults = self._leaf_faults()
        for n in range(1, len(best)):
            faults += self._entering(best[:n], best[n])
        return self._path(best, faults)

    def _walk(
        self, below: tuple[Certificate, ...], faults: tuple[Fault, ...], useful: Collection[str], budget: _Budget
    ) -> Iterator[Path]:
        if self._is_anchor(below[-1]):
            budget.paths -= 1
            yield self._path(below, faults)
            return
        for issuer in self._next(below, budget):
            if issuer.sha256 not in useful:
                continue
            more = self._entering(below, issuer)
            if all(map(self.tolerates, more)):
                yield from self._walk((*below, issuer), faults + more, useful, budget)

    def _climb(self, below: tuple[Certificate, ...], budget: _Budget) -> Iterator[tuple[Certificate, ...]]:
        for issuer in self._next(below, budget):
            higher = (*below, issuer)
            budget.paths -= 1
            yield higher
            yield from self._climb(higher, budget)

    def _next(self, below: tuple[Certificate, ...], budget: _Budget) -> Iterator[Certificate]:
        if len(below) > DEPTH:
            budget.too_deep = True
            return
        met = {(c.subject.key, c.key.spki) for c in below}
        for issuer in self.graph.issuers.get(below[-1].sha256, ()):
            if budget.spent:
                return
            allowed = self.graph.sources[issuer.sha256] in self.sources
            if allowed and (issuer.subject.key, issuer.key.spki) not in met:
                budget.steps -= 1
                yield issuer

    def _reaching_anchor(self) -> set[str]:
        """Digests of certificates from which an anchor can be reached, by tolerable steps."""
        children: dict[str, list[str]] = {}
        for child_key, issuers in self.graph.issuers.items():
            for issuer in issuers:
                if self.graph.sources[issuer.sha256] in self.sources and self._passable(child_key, issuer):
                    children.setdefault(issuer.sha256, []).append(child_key)
        reached = [key for key, source in self.graph.sources.items() if source is Source.ANCHOR]
        useful = set(reached)
        for key in reached:
            for child in children.get(key, ()):
                if child not in useful:
                    useful.add(child)
                    reached.append(child)
        return useful

    def _passable(self, child_key: str, issuer: Certificate) -> bool:
        """What can be said of a step whatever stands below the child."""
        faults = own_faults(issuer, 1, self.at, is_anchor=self._is_anchor(issuer), sides=self.sides)
        differ = Fault("fragile-path", 0, X509_AKID_MISMATCH)
        likely = self.tolerates(differ) or not key_ids_differ(self.graph.certificates[child_key], issuer)
        return likely and all(map(self.tolerates, faults))

    def _leaf_faults(self) -> tuple[Fault, ...]:
        leaf = self.graph.leaf
        return tuple(own_faults(leaf, 0, self.at, is_anchor=self._is_anchor(leaf), sides=self.sides))

    def _entering(self, below: tuple[Certificate, ...], issuer: Certificate) -> tuple[Fault, ...]:
        own = own_faults(issuer, len(below), self.at, is_anchor=self._is_anchor(issuer), sides=self.sides)
        return (*own, *step_faults(below, issuer))

    def _is_anchor(self, certificate: Certificate) -> bool:
        return self.graph.sources[certificate.sha256] is Source.ANCHOR

    def _path(self, certificates: tuple[Certificate, ...], faults: tuple[Fault, ...]) -> Path:
        sources = tuple(self.graph.sources[c.sha256] for c in certificates)
        return Path(certificates, sources, self._is_anchor(certificates[-1]), faults)
