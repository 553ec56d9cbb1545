"""Leaves that differ in nothing that a path depends on: what was found of one list holds for the next.

A CA makes a great many certificates of one kind. Two lists are alike where all above the leaf is the same, and the
leaves differ in serial number, names, key, dates and signature alone. Where nothing is wrong with the path of one,
nothing can be wrong with that of the other but what stands in the leaf alone: its names and dates, which are looked at,
and its signature, which is verified. OpenSSL has read the leaf in the handshake, and has found the rest good before.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import chain

from msgspec import Struct

from probe.model import Certificate, Chain, Path, Repair, Source, Step
from probe.pki.anchors import Anchors
from probe.pki.der import OCTET_STRING, SEQUENCE, encode
from probe.pki.graph import BySubject
from probe.pki.names import bad_names
from probe.pki.pem import bundle
from probe.pki.profile import may_sign
from probe.pki.signature import signed_by


def kind(presented: Sequence[Certificate]) -> Hashable | None:
    """Give what alike lists have in common; None where the leaf has something of its own that may matter."""
    leaf, *above = presented
    if leaf.problem or leaf.problems or not leaf.dns_names or not leaf.issuer.key or leaf.self_issued:
        return None
    if may_sign(leaf) or bad_names(leaf):
        return None
    key = leaf.key.algorithm, leaf.key.bits, leaf.key.curve, leaf.signature_algorithm
    return tuple([one.der for one in above]), key, leaf.issuer.der, leaf.version, tuple(_common(leaf))


def _common(leaf: Certificate) -> Iterator[bytes]:
    """The extensions that alike leaves have in common: all but those of which OpenSSL reads each, whatever it says.

    These are names of hosts and nothing else, an identifier of the key, the one address of a list of revoked
    certificates, and timestamps of Certificate Transparency (crypto/x509/v3_purp.c, ossl_x509v3_cache_extensions).
    """
    names = encode(SEQUENCE, b"".join([encode(_DNS_NAME, name.encode("latin-1")) for name in leaf.dns_names]))
    own = _NAMES + encode(OCTET_STRING, names)
    for extension in leaf.extensions:
        if extension.startswith(_LISTS):
            if not _is_one(extension[len(_LISTS) :]):
                yield extension
        elif extension != own and not extension.startswith(_READ):
            yield extension


def _is_one(points: bytes) -> bool:
    """``CRLDistributionPoints`` with one point, which has one URI and nothing else (RFC 5280 §4.2.1.13)."""
    size = len(points) - 2
    tags = zip((OCTET_STRING, SEQUENCE, SEQUENCE, 0xA0, 0xA0, 0x86), range(size, 0, -2), strict=False)
    return 10 < size < 0x80 and points.startswith(bytes(chain.from_iterable(tags)))


_DNS_NAME = 0x82
_NAMES, _LISTS = bytes.fromhex("0603551d11"), bytes.fromhex("0603551d1f")
"""OBJECT IDENTIFIER of subjectAltName and of cRLDistributionPoints."""
_READ = bytes.fromhex("0603551d0e04"), bytes.fromhex("060a2b06010401d67902040204")
"""The same of subjectKeyIdentifier, which is an OCTET STRING as we have seen, and of the timestamps of RFC 6962 §3.3,
which OpenSSL passes over; both as they begin where they are not critical."""


class Model(Struct, frozen=True):
    """A chain of which others may be made."""

    chain: Chain
    names: frozenset[bytes]
    """Of all that stands, or might stand, above the leaf, and their issuers'; no leaf may have one of them."""

    def taken_over(self, presented: Sequence[Certificate], anchors: Anchors) -> Chain | None:
        """Make the chain of a list of the same kind; None where the issuer did not sign the leaf."""
        leaf, path = presented[0], self.chain.path
        if path is None or leaf.subject.key in self.names or leaf in anchors:
            return None
        if not signed_by(leaf, path.certificates[1]):
            return None
        own = _with(leaf, path)
        like, paths = self.chain, (own, *[_with(leaf, other) for other in self.chain.paths[1:]])
        return Chain(
            tuple(presented),
            0,
            own,
            paths,
            own,
            related=like.related,
            store=like.store,
            verdict=like.verdict,
            verdict_as_sent=like.verdict_as_sent,
        )


def model(chain: Chain, anchors: Anchors, pool: BySubject) -> Model | None:
    """Give the model that a chain is; None where anything of it is not as it should be, or may hang on the leaf."""
    path, said = chain.path, chain.verdict_as_sent
    if not (path and path.anchored and chain.leaf == 0 and said and said.number == 0) or _is_odd(chain, path):
        return None
    leaf = path.certificates[0]
    above = _above(chain.presented, anchors, pool)
    keys = {issuer.key.spki for issuer in above if issuer.subject.key == leaf.issuer.key}
    names = frozenset(key for one in above for key in (one.subject.key, one.issuer.key))
    constrained = any(issuer.permitted or issuer.excluded for issuer in above)
    if len(keys) > 1 or constrained or leaf.subject.key in names or leaf in anchors:
        return None
    return Model(chain, names)


def _is_odd(chain: Chain, path: Path) -> bool:
    faulty = path.faults or chain.gap or chain.frontier or chain.stale or chain.truncated or chain.near_misses
    strange = chain.mended is not path or chain.paths[0] is not path or path.sources[0] is Source.ANCHOR
    return bool(faulty) or strange or chain.verdict is None or chain.verdict.number != 0


def _above(presented: Sequence[Certificate], anchors: Anchors, pool: BySubject) -> list[Certificate]:
    """All that was sent above the leaf, and whatever may be an issuer there by its name."""
    queue = list(presented)
    met = {certificate.sha256 for certificate in queue}
    for child in queue:  # grows while it is read
        for issuer in (*anchors.by_subject(child.issuer.key), *pool.by_subject(child.issuer.key)):
            if issuer.sha256 not in met:
                met.add(issuer.sha256)
                queue.append(issuer)
    return queue[1:]


def repaired(like: Repair | None, leaf: Certificate) -> Repair | None:
    """Make the repair of a list of that of an alike one: nothing changes but the leaf, which is the first."""
    if like is None or like.bundle is None:
        return None
    old, *above = like.bundle
    own = leaf.sha256, leaf.label
    steps = [Step(s.do, *own, s.position, s.to) if s.sha256 == old.sha256 else s for s in like.steps]
    right = (leaf, *above)
    return Repair(tuple(steps), right, like.missing, bundle(right))


def _with(leaf: Certificate, path: Path) -> Path:
    return Path((leaf, *path.certificates[1:]), path.sources, path.anchored, path.faults)
