"""Where OpenSSL refuses what was sent, we say so and why; where we offer a list, OpenSSL takes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from forge import CAST, NAME, NOW, Forged
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import examples

from probe import Options, Report, analyze
from probe.demo.extensions import AUTHORITY_KEY_ID, SUBJECT_KEY_ID
from probe.model import Severity
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.pool import Pool

LEAF, R3, ROOT = CAST.mx, CAST.r3, CAST.root
NAMELESS_KEY = (AUTHORITY_KEY_ID, SUBJECT_KEY_ID)


def report(
    sent: tuple[Forged, ...], trusted: tuple[Forged, ...] = (CAST.root,), pool: tuple[Forged, ...] = (), at: Any = NOW
) -> Report:
    """Judge a list as of ``at``."""
    store = anchors.of([parse(one.der) for one in trusted], "the test's own")
    options = Options(store, Pool({one.der: "the test" for one in pool}))
    return analyze([one.der for one in sent], name=NAME, at=at, options=options)


def told(found: Report) -> dict[str, str]:
    """Finding → its severity."""
    return {finding.id: finding.severity.value for finding in found.endpoints[0].findings}


def bundle(found: Report) -> list[str] | None:
    """Digests of the list to install."""
    mending = found.endpoints[0].repair
    return [c.sha256 for c in mending.bundle] if mending and mending.bundle else None


def digests(*forged: Forged) -> list[str]:
    """Digests, for comparing with a bundle."""
    return [one.sha256 for one in forged]


OTHER = CAST.authority("Example X2", "issuing-2")
OTHER_BY_ROOT = CAST.authority("Example X2", "issuing-2", CAST.root)
E1 = CAST.authority("Example E1", "issuing-3", OTHER)
BELOW_E1 = CAST.leaf(E1)


def test_a_root_that_nobody_trusts_was_sent_in_the_place_of_its_cross_sign() -> None:
    """The missing certificate has the root's name and another issuer, and the words say so."""
    found = report((BELOW_E1, E1, OTHER), pool=(OTHER_BY_ROOT,))
    (finding,) = (f for f in found.endpoints[0].findings if f.id == "missing-intermediate")
    assert (finding.positions, finding.facts["missing"]) == ((1,), '"Example X2" signed by "Example Root X1"')
    assert bundle(found) == digests(BELOW_E1, E1, OTHER_BY_ROOT)


def test_above_a_root_that_nobody_trusts_there_may_be_a_cross_sign() -> None:
    """So the address in the certificate below it is asked, though its issuer was sent."""
    below = CAST.authority("Example E1", "issuing-3", OTHER, aia=("http://ca.example.test/x2.der",))
    (found,) = report((CAST.leaf(below), below, OTHER)).endpoints
    assert found.chain is not None
    assert [c.sha256 for c in found.chain.frontier] == [below.sha256]


ROLLED = CAST.authority("Example Root X1", "issuing-2", CAST.root, without=NAMELESS_KEY)
"""The root's new key, signed by its former one, without key identifiers: OpenSSL takes it for a root."""
BELOW_ROLLED = CAST.leaf(ROLLED)


@pytest.mark.parametrize("sent", [(BELOW_ROLLED,), (BELOW_ROLLED, ROLLED)])
def test_a_link_certificate_without_key_identifiers_leads_openssl_nowhere(sent: tuple[Forged, ...]) -> None:
    """No list mends it, and none is offered."""
    found = report(sent, pool=(ROLLED,))
    assert (found.status, bundle(found)) == ("error", None)
    assert told(found).keys() & {"fragile-path", "missing-intermediate"}


def test_a_root_of_tomorrow_is_told() -> None:
    """It was not sent, and the path ends there."""
    tomorrow = CAST.authority("Example Root X1", "root", **CAST.days(1, 99))
    assert told(report((LEAF, R3), (tomorrow,))) == {"not-yet-valid": "error"}


TWIN = CAST.authority("Example Root X1", "strange-root", without=NAMELESS_KEY)
PLAIN_ROOT = CAST.authority("Example Root X1", "root", without=NAMELESS_KEY)
PLAIN_R3 = CAST.authority("Example R3", "issuing", PLAIN_ROOT, without=NAMELESS_KEY)


def test_two_roots_of_one_name_in_the_store_are_a_fragile_path() -> None:
    """OpenSSL takes the first, and no list that the server could send mends it."""
    found = report((CAST.leaf(PLAIN_R3), PLAIN_R3), (TWIN, PLAIN_ROOT))
    assert told(found) == {"fragile-path": "error"}
    assert bundle(found) is None
    assert "trust store" in " ".join(found.endpoints[0].findings[0].fix)


def test_a_list_that_leads_openssl_astray_is_not_offered() -> None:
    """Whether the leaf stands first or not, and whether it is expired or not."""
    astray = CAST.authority("Example R3", "issuing", CAST.strange_root)
    assert bundle(report((ROOT, LEAF, astray, R3))) in (digests(LEAF, R3), digests(LEAF, R3, astray))
    late = CAST.leaf(R3, **CAST.days(-90, -3))
    assert bundle(report((late, astray, R3))) == digests(late, R3)


def test_the_files_of_an_old_ca_in_front_do_not_hide_the_leaf() -> None:
    """A CA without names is no server's certificate, wherever it stands."""
    old = CAST.authority("Old CA", "issuing-2", CAST.strange_root)
    found = report((CAST.strange_root, old, LEAF, R3))
    assert told(found) == {"leaf-not-first": "error", "extra-cert": "info"}
    assert bundle(found) == digests(LEAF, R3)


def test_a_reversed_list_that_begins_with_an_old_root() -> None:
    """A root of version 1 may sign nothing unless it is trusted, and is no leaf for that."""
    root = CAST.authority("Example Root V1", "root", version=1)
    middle = CAST.authority("Example R3", "issuing", root)
    leaf = CAST.leaf(middle)
    assert "leaf-not-first" in told(report((root, middle, leaf), (root,)))


def test_as_many_intermediates_as_openssl_follows_are_followed() -> None:
    """Thirty are too many for most peers, and nothing is missing."""
    above = CAST.root
    sent: list[Forged] = []
    for number in range(30):
        above = CAST.authority(f"Example I{number}", ("issuing", "issuing-2")[number % 2], above)
        sent.insert(0, above)
    assert told(report((CAST.leaf(above), *sent))) == {"too-many-certs": "warning"}


def test_one_signature_is_counted_once() -> None:
    """Forty certificates of four keys are forty signatures, not the four hundred pairs between them."""
    above = CAST.root
    sent: list[Forged] = []
    for layer, key in enumerate(("issuing", "issuing-2", "issuing-3", "old-root")):
        twins = [CAST.authority(f"Example L{layer}", key, above, serial=n + 1) for n in range(10)]
        sent[:0] = twins
        above = twins[0]
    assert told(report((CAST.leaf(above), *sent))) == {"too-many-certs": "warning"}


def test_a_late_certificate_of_the_pool_mends_nothing() -> None:
    """The missing one is still missing, and nobody says that it was found."""
    late = CAST.authority("Example R3", "issuing", CAST.root, **CAST.days(-99, -3))
    found = report((LEAF,), pool=(late,))
    (finding,) = found.endpoints[0].findings
    assert (finding.id, finding.confidence.value) == ("missing-intermediate", "may be")
    assert bundle(found) is None


def test_time_is_judged_by_whole_seconds() -> None:
    """As OpenSSL judges it: a certificate lives until its last second has passed."""
    last = CAST.now + timedelta(days=60)
    leaf = CAST.leaf(R3, not_before=CAST.now, not_after=last)
    found = report((leaf, R3), at=last + timedelta(milliseconds=500))
    assert "expired" not in told(found)
    assert "expired" in told(report((leaf, R3), at=last + timedelta(seconds=1)))


def test_an_expired_anchor_that_was_sent_is_told_once() -> None:
    """As a root that has expired, not as the CA's certificate too."""
    late = CAST.authority("Example Root X1", "root", **CAST.days(-999, -3))
    assert told(report((LEAF, R3, late), (late,))) == {"expired-root": "error", "root-included": "info"}


def test_a_moment_without_zone_is_utc() -> None:
    """As everywhere in the library."""
    assert report((LEAF, R3), at=NOW.replace(tzinfo=None)).at == NOW


@pytest.mark.parametrize(("without", "sure"), [((), "is"), (NAMELESS_KEY, "very likely")])
def test_which_key_was_meant_is_known_by_its_identifier(without: tuple[str, ...], sure: str) -> None:
    """Without one the certificate may be damaged as well."""
    former = CAST.authority("Example R3", "issuing-2", CAST.root, without=without)
    found = report((CAST.leaf(CAST.r3, without=without), former)).endpoints[0].findings
    assert [f.confidence.value for f in found if f.id == "wrong-key-intermediate"] == [sure]


UNIVERSE = (
    LEAF, CAST.leaf(R3, **CAST.days(-90, -3)), BELOW_E1, BELOW_ROLLED, R3, E1, OTHER, OTHER_BY_ROOT, ROLLED, CAST.root,
    CAST.strange_root, PLAIN_R3, PLAIN_ROOT, TWIN,
    CAST.authority("Example R3", "issuing", CAST.strange_root), CAST.authority("Example R3", "issuing-2", CAST.root),
    CAST.authority("Example R3", "issuing", CAST.root, **CAST.days(-99, -3)),
    CAST.authority("Example Root X1", "root", CAST.strange_root), CAST.authority("Example X2", "issuing-2", E1),
    CAST.authority("Example Root X1", "root", **CAST.days(-99, -3)),
)  # fmt: skip
LEAVES, ABOVE = UNIVERSE[:4], UNIVERSE[4:]


@settings(max_examples=examples(150), deadline=None)
@given(
    st.sampled_from(LEAVES),
    st.lists(st.sampled_from(ABOVE), max_size=6),
    st.lists(st.sampled_from(ABOVE), min_size=1, max_size=3, unique_by=lambda one: one.sha256),
    st.lists(st.sampled_from(ABOVE), max_size=4),
)
def test_no_refusal_goes_unsaid(leaf: Forged, above: list[Forged], trusted: list[Forged], pool: list[Forged]) -> None:
    """OpenSSL refuses: an error is found. We claim a path: OpenSSL agrees. We offer a list: OpenSSL takes it."""
    (found,) = report((leaf, *above), tuple(trusted), tuple(pool)).endpoints
    assert found.chain is not None
    path, verdict, as_sent = found.chain.path, found.chain.verdict, found.chain.verdict_as_sent
    assert path is not None
    assert verdict is not None
    assert path.valid == (verdict.number == 0)
    assert {fault.note for fault in path.faults if fault.told} <= {"store"}
    if as_sent and as_sent.number:
        assert [f.id for f in found.findings if f.severity is Severity.ERROR] != []
    if found.repair and found.repair.bundle and found.chain.mended and found.chain.mended.valid:
        store = anchors.of([parse(one.der) for one in trusted], "the test's own")
        assert anchors.verdict(found.repair.bundle, store, NOW).number == 0
