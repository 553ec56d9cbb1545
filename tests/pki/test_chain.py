"""The path builder under every shuffle: what is found does not depend on order, and OpenSSL agrees with it."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from forge import CAST, NOW, Forged, certificate, chain
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import examples

from probe.model import Certificate, Chain, Source
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build, leaf_position
from probe.pki.paths import PATHS
from probe.pki.pool import Pool
from probe.pki.repair import repair

TRUSTED = (CAST.root,)
TRUST = anchors.of([parse(CAST.root.der)], "test")


def parsed(*forged: Forged) -> list[Certificate]:
    """Read what was forged."""
    return [parse(one.der) for one in forged]


def built(
    *sent: Forged,
    trusted: tuple[Forged, ...] = TRUSTED,
    pool: tuple[Forged, ...] = (),
    fetched: tuple[Forged, ...] = (),
) -> Chain:
    """Build the chain of a list as of NOW."""
    known = Pool({one.der: "pool" for one in pool})
    return build(parsed(*sent), anchors.of(parsed(*trusted), "test"), known, NOW, {Source.AIA: parsed(*fetched)})


def digests(*forged: Forged) -> list[str]:
    """Digests, for comparing with a path."""
    return [one.sha256 for one in forged]


def path_of(found: Chain) -> list[str]:
    """Digests of the claimed path."""
    return [c.sha256 for c in found.path.certificates] if found.path else []


LEAF, UPPER, LOWER, ROOT = chain(2)


@pytest.mark.parametrize("rest", list(permutations((UPPER, LOWER, ROOT))))
def test_the_path_is_found_in_every_order(rest: tuple[Forged, ...]) -> None:
    """The claimed path, its verdict and the repaired bundle are the same however the list is shuffled."""
    found = built(LEAF, *rest)
    assert path_of(found) == digests(LEAF, UPPER, LOWER, ROOT)
    assert found.verdict is not None
    assert found.verdict.number == 0
    mended = repair(found, NOW, TRUST)
    assert mended is not None
    assert [c.sha256 for c in mended.bundle or ()] == digests(LEAF, UPPER, LOWER)


@pytest.mark.parametrize("sent", list(permutations((LEAF, UPPER, LOWER, ROOT))))
def test_the_leaf_is_found_in_every_order(sent: tuple[Forged, ...]) -> None:
    """Wherever the leaf stands it is the leaf."""
    assert leaf_position(parsed(*sent)) == sent.index(LEAF)


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.sampled_from((LEAF, UPPER, LOWER, ROOT, CAST.r3, CAST.strange_root)), max_size=8))
def test_the_claimed_path_is_one_that_openssl_accepts(sent: list[Forged]) -> None:
    """Whatever is sent: our verdict on the claimed path is OpenSSL's, and no path means that OpenSSL has none."""
    found = built(*sent)
    if found.path is not None and found.verdict is not None:
        assert found.path.valid == (found.verdict.number == 0)


@settings(max_examples=examples(60), deadline=None)
@given(st.permutations((UPPER, LOWER, ROOT, CAST.r3)), st.integers(0, 4))
def test_a_repair_mends(rest: list[Forged], cut: int) -> None:
    """The bundle of a repair needs no further repair: every step is to keep."""
    first = repair(built(LEAF, *rest[:cut], pool=(UPPER, LOWER)), NOW, TRUST)
    assert first is not None
    assert first.bundle is not None
    again = repair(build(first.bundle, TRUST, Pool(), NOW), NOW, TRUST)
    assert again is not None
    assert again.bundle == first.bundle
    assert {step.do for step in again.steps} == {"keep"}


def test_a_missing_intermediate_leaves_a_gap() -> None:
    """The gap names position, issuer and key identifier of the certificate whose issuer nobody sent."""
    found = built(LEAF, LOWER)
    assert found.gap is not None
    assert found.gap.position == 0
    assert found.gap.issuer == parse(UPPER.der).subject.text
    assert found.gap.authority_key_id is not None
    assert found.mended is None
    assert [c.sha256 for c in found.frontier] == [LEAF.sha256]


def test_what_is_fetched_leads_on() -> None:
    """A fetched issuer closes the gap, or moves the frontier up one level."""
    assert [c.sha256 for c in built(LEAF, fetched=(UPPER,)).frontier] == [UPPER.sha256]
    whole = built(LEAF, fetched=(UPPER, LOWER))
    assert whole.mended is not None
    assert whole.mended.sources == (Source.PRESENTED, Source.AIA, Source.AIA, Source.ANCHOR)
    assert whole.frontier == ()


def test_a_private_root_is_found_behind_fetched_issuers() -> None:
    """The mended path ends at a self-signed certificate that is no anchor."""
    found = built(LEAF, UPPER, trusted=(CAST.strange_root,), pool=(LOWER, ROOT))
    assert found.mended is not None
    assert not found.mended.anchored
    assert found.mended.certificates[-1].sha256 == ROOT.sha256


def test_an_anchor_in_the_middle_ends_the_path() -> None:
    """A trusted intermediate is an anchor (OpenSSL's partial chain)."""
    found = built(LEAF, UPPER, LOWER, trusted=(UPPER,))
    assert path_of(found) == digests(LEAF, UPPER)
    assert found.verdict is not None
    assert found.verdict.number == 0


def test_the_leaf_may_be_the_anchor() -> None:
    """Somebody trusts this very certificate."""
    assert path_of(built(LEAF, trusted=(LEAF,))) == digests(LEAF)


def test_nothing_presented_is_no_chain() -> None:
    """An empty list has no leaf and no path; behind a first item that is no certificate the leaf is looked for."""
    assert built().path is None
    garbage = [parse(b"garbage"), parse(LOWER.der), parse(LEAF.der)]
    assert leaf_position(garbage) == 2
    assert leaf_position(garbage[:2]) is None


def test_a_proved_key_settles_who_is_the_leaf() -> None:
    """The server signed the handshake with the key of the first certificate, which carries names."""
    own = CAST.self_signed(ca=True)
    other = CAST.leaf(own, names=("client.example",), subject="CN=client.example", key="issuing-2")
    assert leaf_position(parsed(own, other), proved=True) == 0
    assert leaf_position(parsed(own, other)) == 1
    assert leaf_position(parsed(UPPER, LEAF), proved=True) == 1


def test_an_expired_intermediate_is_looked_for_anew() -> None:
    """The CA may have renewed it: the certificate that it signed names the address."""
    late = CAST.authority("Example I2", "issuing-2", LOWER, **CAST.days(-900, -2))
    assert [c.sha256 for c in built(LEAF, late, LOWER).frontier] == [LEAF.sha256]
    mended = built(LEAF, late, LOWER, fetched=(UPPER,)).mended
    assert mended is not None
    assert mended.valid


def test_one_unparsable_certificate_does_not_hide_its_neighbours() -> None:
    """The path goes around it."""
    listed = [parse(LEAF.der), parse(b"garbage"), parse(UPPER.der), parse(LOWER.der)]
    found = build(listed, anchors.of(parsed(ROOT), "test"), Pool(), NOW)
    assert path_of(found) == digests(LEAF, UPPER, LOWER, ROOT)


@pytest.mark.unmeasured
def test_a_mesh_of_cross_signatures_is_bounded() -> None:
    """Eight CAs that all signed one another have thousands of paths: a bounded number is kept, quickly."""
    keys = ("issuing", "issuing-2", "issuing-3")
    roots = [CAST.authority(f"Mesh {n}", key) for n, key in enumerate(keys)]
    crossed = [
        CAST.authority(f"Mesh {n}", key, issuer, serial=100 * n + 10 * m + twin)
        for n, key in enumerate(keys)
        for m, issuer in enumerate(roots)
        for twin in range(9)
        if n != m
    ]
    leaf = CAST.leaf(roots[0])
    found = built(leaf, *crossed, trusted=(CAST.root,))
    assert found.path is not None
    assert not found.path.anchored
    trusted = built(leaf, *crossed, trusted=(roots[2],))
    assert trusted.path is not None
    assert trusted.path.valid
    assert len(trusted.paths) <= PATHS


def test_an_expired_twin_beside_a_good_one_does_no_harm() -> None:
    """The path goes through the twin that is in its time, wherever the expired one stands."""
    dates = {"not_before": NOW - timedelta(days=900), "not_after": NOW - timedelta(days=2)}
    expired = CAST.authority("Example I2", "issuing-2", LOWER, **dates)
    for sent in ((LEAF, expired, UPPER, LOWER), (LEAF, UPPER, expired, LOWER)):
        assert path_of(built(*sent)) == digests(LEAF, UPPER, LOWER, ROOT)


def test_the_best_of_bad_paths_is_claimed() -> None:
    """Where every path has a fault, the one with the fewest is shown, with its faults."""
    leaf = CAST.leaf(UPPER, **CAST.days(-90, -1))
    found = built(leaf, UPPER, LOWER)
    assert found.path is not None
    assert [(fault.id, fault.index) for fault in found.path.faults] == [("expired", 0)]
    assert found.verdict is not None
    assert found.verdict.number == 10


def test_a_self_signed_leaf_is_its_own_path() -> None:
    """OpenSSL calls it 18 at depth 0."""
    found = built(certificate())
    assert found.path is not None
    assert len(found.path.certificates) == 1
    assert found.verdict is not None
    assert (found.verdict.number, found.verdict.depth) == (18, 0)


@pytest.mark.parametrize(
    ("worse", "number"), [({"digest": "sha1"}, 68), ({"eku": ("emailProtection",)}, 26), ({"pathlen": 3}, 0)]
)
def test_where_peers_take_a_worse_twin_the_verdict_on_the_list_is_theirs(worse: dict[str, Any], number: int) -> None:
    """Purpose and security level, which every handshake has, are counted in; the claimed path stays the good one."""
    twin = CAST.authority("Example R3", "issuing", CAST.root, **worse)
    found = built(CAST.mx, twin, CAST.r3)
    assert found.verdict_as_sent is not None
    assert found.verdict_as_sent.number == number
    if number:
        assert path_of(found) == digests(CAST.mx, CAST.r3, CAST.root)
    assert (good := built(CAST.mx, CAST.r3, twin).verdict_as_sent)
    assert good.number == 0
