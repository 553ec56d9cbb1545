"""Rules that need more than a folder of certificates: unreadable fields, a wrong key, notice in days."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from forge import CAST, NAME, NOW, Forged, certificate, chain
from msgspec.structs import replace

from probe.model import Endpoint, Failure, Fetch, Finding, Observation, Severity, Stage, Trouble
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.pki.repair import repair
from probe.rules import judge
from probe.rules.case import Case

TRUSTED = anchors.of([parse(CAST.root.der)], "ours")


def spoken(*sent: Forged | bytes, at: Any = NOW, warn_days: int | None = None, **seen: Any) -> tuple[Finding, ...]:
    """What the rules say of a presented list."""
    ders = tuple(one if isinstance(one, bytes) else one.der for one in sent)
    presented = build([parse(der) for der in ders], TRUSTED, Pool(), at)
    observation = Observation(Endpoint(NAME, None, 25), at, Stage.DONE, presented=ders)
    observation = replace(observation, **seen)
    case = Case(observation, at, presented, repair(presented, at, TRUSTED), NAME, TRUSTED.stores, warn_days)
    return judge(case)[0]


def ids(found: tuple[Finding, ...]) -> list[str]:
    """Their ids, in order."""
    return [finding.id for finding in found]


LEAF, R3, _ = chain(1)


def test_odd_fields_are_worth_knowing() -> None:
    """A serial number of zero is against RFC 5280, and OpenSSL does not mind."""
    (found,) = spoken(CAST.leaf(chain(1)[1], serial=0), R3)
    assert (found.id, found.severity, found.facts["case"]) == ("unparsable-cert", Severity.INFO, "field")


def test_bytes_behind_a_certificate_end_every_handshake() -> None:
    """OpenSSL calls it "cert length mismatch", and refuses the whole list."""
    found = {f.id: f.severity for f in spoken(LEAF.der + b"\0", R3)}
    assert found == {"unparsable-cert": Severity.ERROR}


@pytest.mark.parametrize("reason", ["reason:123", "reason:370"])
def test_a_wrong_key_is_told_from_other_failures(reason: str) -> None:
    """The signature over the handshake was made with another key than the first certificate's."""
    failure = Failure(Trouble.TLS, "bad signature", (reason,))
    found = spoken(LEAF, R3, failure=failure, stage=Stage.HANDSHAKE)
    assert ids(found) == ["key-mismatch"]
    assert found[0].positions == (0,)


def test_a_misplaced_leaf_explains_the_wrong_key() -> None:
    """Then the key is right, and the order is not."""
    failure = Failure(Trouble.TLS, "bad signature", ("reason:123",))
    assert ids(spoken(R3, LEAF, failure=failure, stage=Stage.HANDSHAKE)) == ["leaf-not-first"]


def test_an_unreadable_item_explains_a_failed_handshake() -> None:
    """One finding for one fault."""
    failure = Failure(Trouble.TLS, "asn1", ("reason:1",))
    assert ids(spoken(LEAF, b"garbage", R3, failure=failure, stage=Stage.HANDSHAKE)) == ["unparsable-cert"]


@pytest.mark.parametrize(
    ("left", "warn_days", "expected"),
    [(20, None, ["expires-soon"]), (22, None, []), (22, 30, ["expires-soon"]), (20, 7, [])],
)
def test_notice(left: int, warn_days: int | None, expected: list[str]) -> None:
    """Twenty-one days by default for a certificate of ninety, or what --warn-days says."""
    leaf = CAST.leaf(R3, **CAST.days(left - 90, left))
    assert ids(spoken(leaf, R3, warn_days=warn_days)) == expected


def test_a_short_lived_certificate_is_not_always_near_its_end() -> None:
    """A quarter of six days is a day and a half."""
    short = CAST.leaf(R3, **CAST.days(-4, 2))
    assert ids(spoken(short, R3)) == []
    assert ids(spoken(short, R3, at=NOW + timedelta(days=1))) == ["expires-soon"]


def test_an_address_that_gave_nothing_is_named() -> None:
    """An info: the fault may be ours, or the CA's."""
    problem = Fetch("http://a.example/x.der", (), "no answer")
    found = spoken(LEAF, R3, fetched=(problem,))
    assert [(f.id, f.severity, f.facts["url"]) for f in found] == [
        ("aia-problem", Severity.INFO, "http://a.example/x.der")
    ]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (("digitalSignature",), []),
        (("keyEncipherment",), [Severity.WARNING]),
        (("cRLSign",), [Severity.ERROR]),
    ],
)
def test_the_leafs_own_key_usage(usage: tuple[str, ...], expected: list[Severity]) -> None:
    """Without digitalSignature only the key exchange of old remains; without any of three, nothing."""
    leaf = CAST.leaf(R3, key_usage=usage)
    assert [f.severity for f in spoken(leaf, R3) if f.id == "key-usage"] == expected


def test_a_name_that_only_old_clients_find() -> None:
    """No subjectAltName: the commonName does not count, and the report says which clients fall back to it."""
    leaf = CAST.leaf(R3, names=(), subject=f"CN={NAME}")
    assert ids(spoken(leaf, R3)) == ["no-san"]
    stranger = CAST.leaf(R3, names=(), subject="CN=other.example")
    assert ids(spoken(stranger, R3)) == ["name-mismatch", "no-san"]


def test_many_names_are_shortened() -> None:
    """The summary shows five and counts the rest."""
    names = tuple(f"m{n}.example" for n in range(9))
    (found,) = spoken(CAST.leaf(R3, names=names), R3)
    assert found.facts["names"] == "m0.example, m1.example, m2.example, m3.example, m4.example and 4 more"


def test_a_self_signed_leaf_without_any_anchor_is_still_self_signed() -> None:
    """--trust none takes no side about roots, and this is no question of roots."""
    found = build([parse(certificate().der)], anchors.none(), Pool(), NOW)
    observation = Observation(Endpoint(NAME, None, 25), NOW, Stage.DONE, presented=(certificate().der,))
    assert ids(judge(Case(observation, NOW, found, repair(found, NOW, anchors.none()), NAME))[0]) == [
        "self-signed-leaf"
    ]


def test_without_anchors_nothing_is_called_missing() -> None:
    """Where nobody is trusted, the issuer that was not sent may be the root."""
    found = build([parse(LEAF.der), parse(R3.der)], anchors.none(), Pool(), NOW)
    observation = Observation(Endpoint(NAME, None, 25), NOW, Stage.DONE, presented=(LEAF.der, R3.der))
    assert ids(judge(Case(observation, NOW, found, repair(found, NOW, anchors.none()), NAME))[0]) == []


def test_a_leaf_that_shares_its_issuers_name_is_not_self_signed() -> None:
    """The usual home-made CA: one subject for both, and the issuer was not sent."""
    ca = CAST.authority("x", "issuing-2", subject=f"CN={NAME}")
    found = spoken(CAST.leaf(ca))
    assert [(f.id, f.confidence.value) for f in found] == [("missing-intermediate", "may be")]


def test_what_needs_anchors_is_skipped_without_them() -> None:
    """--trust none: could not look is not passed."""
    found = build([parse(LEAF.der)], anchors.none(), Pool(), NOW)
    observation = Observation(Endpoint(NAME, None, 25), NOW, Stage.DONE, presented=(LEAF.der,))
    _, skipped = judge(Case(observation, NOW, found, repair(found, NOW, anchors.none()), NAME))
    assert {"missing-intermediate", "untrusted-root"} <= {one.id for one in skipped}


def test_a_thousand_faults_of_one_kind_are_few_findings() -> None:
    """Five are told one by one, the rest as one with all their positions."""
    found = spoken(LEAF, R3, *[bytes([n % 256, n // 256]) for n in range(300)])
    unreadable = [f for f in found if f.id == "unparsable-cert"]
    assert len(unreadable) == 6
    assert unreadable[-1].positions == tuple(range(7, 302))
    assert unreadable[-1].facts["certificate"] == "295 more certificates"


@pytest.mark.parametrize("number", [40, 42, 46])
def test_no_certificate_has_many_alerts_in_tls_12(number: int) -> None:
    """OpenSSL says handshake_failure, Go and Java say bad_certificate; the request before is the evidence."""
    failure = Failure(Trouble.ALERT, "alert", (f"alert:{number}",))
    found = spoken(LEAF, R3, failure=failure, stage=Stage.HANDSHAKE, client_cert_requested=True)
    assert ids(found) == ["client-cert-required"]


def test_an_alert_without_a_number_is_no_trouble_of_ours() -> None:
    """A saved observation may hold anything."""
    failure = Failure(Trouble.ALERT, "alert", ("alert:²", "alert:" + "9" * 5000))
    assert ids(spoken(LEAF, R3, failure=failure, stage=Stage.HANDSHAKE)) == []


def test_an_extra_item_that_openssl_cannot_read_is_not_a_fragile_path() -> None:
    """A peer's OpenSSL refuses the whole list."""
    garbled = bytearray(CAST.strange_root.der)
    garbled[40:44] = b"\xff\xff\xff\xff"
    assert "fragile-path" not in ids(spoken(LEAF, R3, bytes(garbled)))
