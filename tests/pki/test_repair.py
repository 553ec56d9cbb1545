"""The shortest edit, case by case: what is kept, moved, removed, inserted."""

from __future__ import annotations

import pytest
from forge import CAST, NOW, Forged, certificate, chain

from probe.model import Repair
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.pki.repair import repair

LEAF, UPPER, LOWER, ROOT = chain(2)
STRANGE = CAST.strange_root


def mended(*sent: Forged, pool: tuple[Forged, ...] = (), trusted: tuple[Forged, ...] = (CAST.root,)) -> Repair:
    """The repair of a list as of NOW."""
    known = Pool({one.der: "pool" for one in pool})
    store = anchors.of([parse(one.der) for one in trusted], "test")
    found = repair(build([parse(one.der) for one in sent], store, known, NOW), NOW, store, known.origins)
    assert found is not None
    return found


def steps(found: Repair) -> list[str]:
    """The edit, shortly: verb, from, to."""
    return [f"{step.do} {step.position} {step.to}" for step in found.steps]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ((LEAF, UPPER, LOWER), ["keep 0 0", "keep 1 1", "keep 2 2"]),
        ((LEAF, LOWER, UPPER), ["keep 0 0", "move 1 2", "keep 2 1"]),
        ((LEAF, UPPER, UPPER, LOWER), ["keep 0 0", "keep 1 1", "remove 2 None", "keep 3 2"]),
        ((LEAF, UPPER, LOWER, ROOT), ["keep 0 0", "keep 1 1", "keep 2 2", "remove 3 None"]),
        ((LEAF, UPPER, STRANGE, LOWER), ["keep 0 0", "keep 1 1", "remove 2 None", "keep 3 2"]),
        ((UPPER, LOWER, LEAF), ["keep 0 1", "keep 1 2", "move 2 0"]),
        ((LEAF,), ["keep 0 0", "insert None 1", "insert None 2"]),
        ((LEAF, LOWER), ["keep 0 0", "keep 1 2", "insert None 1"]),
    ],
)
def test_the_edit_is_the_shortest(sent: tuple[Forged, ...], expected: list[str]) -> None:
    """The largest part that stands in order is kept."""
    found = mended(*sent, pool=(UPPER, LOWER))
    moves = sum(step.do == "move" for step in found.steps)
    assert moves == sum(step.startswith("move") for step in expected)
    if moves != 1 or sent[0] is UPPER:
        assert steps(found) == expected
    assert [c.sha256 for c in found.bundle or ()] == [LEAF.sha256, UPPER.sha256, LOWER.sha256]


def test_what_was_missing_is_named_with_its_place() -> None:
    """Where it was found, and, when nobody has it, what is known of it."""
    assert [(m.source, m.url) for m in mended(LEAF, UPPER, pool=(LOWER,)).missing] == [("pool", "pool")]
    (unknown,) = mended(LEAF, UPPER).missing
    assert (unknown.source, unknown.sha256, unknown.subject) == ("unknown", None, parse(LOWER.der).subject.text)


def test_a_damaged_certificate_is_replaced_not_kept() -> None:
    """The pool has the sound one; the damaged twin has no place beside it."""
    damaged = CAST.authority("Example R3", "issuing", CAST.root, corrupt="signature")
    found = mended(CAST.mx, damaged, pool=(CAST.r3,))
    assert [c.sha256 for c in found.bundle or ()] == [CAST.mx.sha256, CAST.r3.sha256]


def test_a_damaged_leaf_has_no_better_list() -> None:
    """Nothing is missing and nothing is too much: the leaf itself must come anew."""
    found = mended(CAST.leaf(corrupt="signature"), CAST.r3)
    assert (steps(found), found.bundle, found.missing) == (["keep 0 0", "keep 1 1"], None, ())


def test_what_leads_openssl_astray_goes() -> None:
    """Two certificates of one CA, and the first one leads to a root that nobody knows."""
    astray = CAST.authority("Example R3", "issuing", STRANGE)
    found = mended(CAST.mx, astray, CAST.r3)
    assert [c.sha256 for c in found.bundle or ()] == [CAST.mx.sha256, CAST.r3.sha256]


def test_a_cross_signed_certificate_stays() -> None:
    """It leads to a root that we do not know, and older peers may."""
    crossed = CAST.authority("Example Root X1", "root", STRANGE)
    found = mended(CAST.mx, CAST.r3, crossed)
    assert [step.do for step in found.steps] == ["keep", "keep", "keep"]


def test_a_private_root_is_left_out() -> None:
    """The right list is known though nobody trusts where it leads."""
    private = CAST.authority("Private Root", "issuing-3")
    leaf = CAST.leaf(private)
    found = mended(leaf, private)
    assert [c.sha256 for c in found.bundle or ()] == [leaf.sha256]


def test_a_self_signed_leaf_is_all_there_is() -> None:
    """Nothing is missing above it."""
    found = mended(certificate())
    assert (steps(found), found.missing) == (["keep 0 0"], ())


def test_a_trusted_intermediate_that_was_sent_is_kept() -> None:
    """It is an anchor to us, and not to others."""
    assert steps(mended(LEAF, UPPER, trusted=(UPPER,))) == ["keep 0 0", "keep 1 1"]


def test_no_leaf_no_repair() -> None:
    """An unreadable first item leaves nothing to build on."""
    assert repair(build([parse(b"x")], anchors.none(), Pool(), NOW), NOW, anchors.none()) is None
