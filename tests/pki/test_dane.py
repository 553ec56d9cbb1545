"""DANE: which record speaks for which certificate, and what a sender makes of all of them."""

from __future__ import annotations

from hashlib import sha256, sha512

import pytest
from forge import CAST, NAME, NOW, Forged, certificate
from msgspec.structs import replace

from probe.demo import keys
from probe.model import Chain, Dnssec, Failure, Tlsa, TlsaAnswer, Trouble
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.dane import Outcome, fits, is_usable, needed, outcome, proposed
from probe.pki.pool import Pool
from probe.pki.repair import repair

UPPER = CAST.authority("Example A", "issuing-2", CAST.root)
LOWER = CAST.authority("Example B", "issuing", UPPER)
LEAF = CAST.leaf(LOWER)
OTHER = CAST.leaf(LOWER, key="leaf-2")
TRUSTED = anchors.of([parse(CAST.root.der)], "ours")
SECURE = TlsaAnswer(f"_25._tcp.{NAME}", dnssec=Dnssec.SECURE, address_dnssec=Dnssec.SECURE)


def record(numbers: str, named: Forged) -> Tlsa:
    """The record with these three numbers for a certificate."""
    usage, selector, matching = map(int, numbers.split())
    part = keys.spki(named.key) if selector else named.der
    return Tlsa(usage, selector, matching, (part, sha256(part).digest(), sha512(part).digest())[matching])


def listed(*sent: Forged) -> Chain:
    """The chain of a list."""
    return build([parse(each.der) for each in sent], TRUSTED, Pool(), NOW)


def said(chain: Chain | None, *records: Tlsa, name: str = NAME, **changes: object) -> Outcome:
    """What a sender finds."""
    return outcome(replace(SECURE, records=records, **changes), chain, {name}, NOW)


@pytest.mark.parametrize("numbers", ["3 0 0", "3 0 1", "3 0 2", "3 1 0", "3 1 1", "3 1 2"])
def test_usage_3_is_the_leaf_alone(numbers: str) -> None:
    """Whatever else is sent; no certificate further up will do."""
    assert said(listed(LEAF), record(numbers, LEAF)) is Outcome.MATCH
    assert said(listed(LEAF, LOWER), record(numbers, LOWER)) is Outcome.MISMATCH
    assert said(listed(LEAF, OTHER), record(numbers, OTHER)) is Outcome.MISMATCH


def test_usage_3_asks_for_no_name_no_date_and_no_issuer() -> None:
    """RFC 7672 §3.1.1."""
    late = CAST.leaf(LOWER, names=("elsewhere.test",), **CAST.days(-60, -30))
    assert said(listed(late), record("3 1 1", LEAF)) is Outcome.MATCH
    assert said(listed(certificate()), record("3 1 1", LEAF)) is Outcome.MATCH


@pytest.mark.parametrize("numbers", ["2 0 0", "2 0 1", "2 0 2", "2 1 0", "2 1 1", "2 1 2"])
def test_usage_2_is_a_ca_that_was_sent(numbers: str) -> None:
    """Anywhere above the leaf, never the leaf; the order does not matter."""
    for ca in (LOWER, UPPER, CAST.root):
        assert said(listed(LEAF, LOWER, UPPER, CAST.root), record(numbers, ca)) is Outcome.MATCH
        assert said(listed(LEAF, CAST.root, UPPER, LOWER), record(numbers, ca)) is Outcome.MATCH
    assert said(listed(LEAF, LOWER, UPPER), record(numbers, LEAF)) is not Outcome.MATCH


def test_usage_2_needs_the_way_down_to_be_right() -> None:
    """Signatures, dates, purpose and name (RFC 7672 §3.1.2, §3.2)."""
    by_ca = record("2 1 1", LOWER)
    assert said(listed(LEAF, UPPER), record("2 1 1", UPPER)) is Outcome.MISMATCH
    assert said(listed(CAST.leaf(LOWER, **CAST.days(-60, -30)), LOWER), by_ca) is Outcome.MISMATCH
    assert said(listed(CAST.leaf(LOWER, eku=("clientAuth",)), LOWER), by_ca) is Outcome.MISMATCH
    assert said(listed(LEAF, LOWER), by_ca, name="elsewhere.test") is Outcome.MISMATCH
    late = CAST.authority("Example B", "issuing", UPPER, **CAST.days(-60, -30))
    assert said(listed(CAST.leaf(late), late), by_ca) is Outcome.MISMATCH


def test_faults_are_named() -> None:
    """For the report."""
    late = CAST.leaf(LOWER, names=("elsewhere.test",), **CAST.days(-60, -30))
    (fit,) = fits((record("2 1 1", LOWER),), listed(late, LOWER), {NAME}, NOW)
    assert (fit.position, fit.faults) == (1, ("expired", "name-mismatch"))
    (fit,) = fits((record("2 1 1", UPPER),), listed(LEAF, UPPER), {NAME}, NOW)
    assert (fit.position, fit.faults) == (1, ("missing-intermediate",))
    (fit,) = fits((record("2 1 1", CAST.old_root),), listed(LEAF, LOWER, UPPER, CAST.old_root), {NAME}, NOW)
    assert (fit.position, fit.faults) == (3, ("extra-cert",))


def test_the_mail_domain_will_do_for_a_name() -> None:
    """RFC 7672 §3.2.2."""
    answer, chain = replace(SECURE, records=(record("2 1 1", LOWER),)), listed(LEAF, LOWER)
    assert outcome(answer, chain, {"host.test", NAME}, NOW) is Outcome.MATCH
    assert outcome(answer, chain, {"host.test"}, NOW) is Outcome.MISMATCH


def test_a_full_record_stands_for_a_ca_that_was_not_sent() -> None:
    """OpenSSL takes certificate or key out of the record; the one just below must be there."""
    for numbers in ("2 0 0", "2 1 0"):
        assert said(listed(LEAF, LOWER, UPPER), record(numbers, CAST.root)) is Outcome.MATCH
        assert said(listed(LEAF), record(numbers, CAST.root)) is not Outcome.MATCH


def test_an_anchor_that_was_not_sent_is_missing() -> None:
    """It is known from the trust store here; to a DANE sender that is nothing."""
    chain = listed(LEAF, LOWER, UPPER)
    assert said(chain, record("2 1 1", CAST.root)) is Outcome.TA_MISSING
    assert said(chain, record("2 1 1", CAST.strange_root)) is Outcome.MISMATCH
    assert said(chain, record("2 1 1", CAST.root), record("3 1 1", LEAF)) is Outcome.MATCH
    (fit,) = fits((record("2 1 1", CAST.root),), chain, {NAME}, NOW)
    assert fit.absent is not None
    assert fit.absent.sha256 == CAST.root.sha256


def test_only_the_strongest_digest_is_looked_at() -> None:
    """Of one usage and selector (RFC 7671 §9); what is not well-formed outranks nothing, full contents always count."""
    chain = listed(LEAF)
    right = record("3 1 1", LEAF)
    assert said(chain, right, record("3 1 2", OTHER)) is Outcome.MISMATCH
    assert said(chain, right, record("3 1 2", LEAF)) is Outcome.MATCH
    assert said(chain, right, record("3 0 2", OTHER)) is Outcome.MATCH
    assert said(chain, right, record("2 1 2", OTHER)) is Outcome.MATCH
    assert said(chain, right, Tlsa(3, 1, 2, b"short")) is Outcome.MATCH
    assert said(chain, record("3 1 0", LEAF), record("3 1 2", OTHER)) is Outcome.MATCH


def test_what_does_not_count_for_mail() -> None:
    """Usages 0 and 1 (RFC 7672 §3.1.3), unknown numbers, lengths that no digest has, contents that nobody can read."""
    digest = b"\1" * 32
    useless = [Tlsa(0, 1, 1, digest), Tlsa(1, 1, 1, digest), Tlsa(4, 1, 1, digest), Tlsa(255, 1, 1, digest)]
    useless += [Tlsa(3, 2, 1, digest), Tlsa(3, 1, 3, digest), Tlsa(3, 1, 1, digest[1:]), Tlsa(3, 1, 2, digest)]
    useless += [Tlsa(3, 1, 0, digest), Tlsa(3, 0, 0, b""), Tlsa(2, 0, 0, LEAF.der + b"\0"), Tlsa(2, 1, 0, b"")]
    assert [one.text for one in useless if is_usable(one)] == []
    assert said(listed(LEAF), *useless) is Outcome.UNUSABLE
    assert said(listed(LEAF), *useless, record("3 1 1", OTHER)) is Outcome.MISMATCH


def test_what_dnssec_decides() -> None:
    """Bogus before failed before insecure; only where nobody knows, and nothing fits, is it unknown."""
    chain, wrong, right = listed(LEAF), record("3 1 1", OTHER), record("3 1 1", LEAF)
    lost = Failure(Trouble.UNRESOLVED, "no answer")
    assert outcome(None, chain, {NAME}, NOW) is Outcome.NONE
    assert said(chain) is Outcome.NONE
    assert said(None, wrong) is Outcome.MISMATCH
    assert said(None, wrong, dnssec=Dnssec.UNKNOWN) is Outcome.UNKNOWN
    assert said(chain, failure=lost, dnssec=Dnssec.UNKNOWN, address_dnssec=Dnssec.UNKNOWN) is Outcome.UNANSWERED
    assert said(chain, failure=lost) is Outcome.FAILED
    assert said(chain, failure=lost, dnssec=Dnssec.BOGUS) is Outcome.BOGUS
    assert said(chain, failure=lost, address_dnssec=Dnssec.BOGUS) is Outcome.BOGUS
    assert said(chain, wrong, dnssec=Dnssec.INSECURE) is Outcome.INSECURE
    assert said(chain, wrong, address_dnssec=Dnssec.INSECURE) is Outcome.INSECURE
    assert said(chain, wrong, dnssec=Dnssec.UNKNOWN) is Outcome.UNKNOWN
    assert said(chain, right, dnssec=Dnssec.UNKNOWN) is Outcome.MATCH


def test_a_root_that_a_record_names_stays_and_one_that_is_absent_comes() -> None:
    """The repair never takes it away, and puts it where it belongs."""
    answer = replace(SECURE, records=(record("2 1 1", CAST.root),))
    for sent in ((LEAF, LOWER, UPPER, CAST.root), (LEAF, LOWER, UPPER), (LEAF, CAST.root, LOWER, UPPER)):
        chain = listed(*sent)
        mended = repair(chain, NOW, TRUSTED, keep=needed(answer, chain))
        assert mended is not None
        assert mended.bundle is not None
        assert [c.sha256 for c in mended.bundle] == [c.sha256 for c in (LEAF, LOWER, UPPER, CAST.root)]
        assert said(listed(LEAF, LOWER, UPPER, CAST.root), *answer.records) is Outcome.MATCH
        assert [m.source for m in mended.missing] == ["anchor"] * (CAST.root not in sent)


def test_nothing_is_needed_that_no_record_names() -> None:
    """Usage 3 needs the leaf alone."""
    chain = listed(LEAF, LOWER, UPPER, CAST.root)
    assert needed(None, chain) == frozenset()
    assert needed(replace(SECURE, records=(record("3 1 1", LEAF), record("2 1 1", OTHER))), chain) == frozenset()
    assert needed(replace(SECURE, records=(record("2 1 1", LOWER),)), chain) == {LOWER.sha256}


def test_what_is_proposed_fits() -> None:
    """3 1 1 of the leaf, 2 1 1 of the CA above it, which may be absent from the list; nothing without a leaf."""
    assert proposed(listed(LEAF, LOWER, UPPER)) == (record("3 1 1", LEAF), record("2 1 1", LOWER))
    assert proposed(listed(certificate())) == (record("3 1 1", LEAF),)
    assert proposed(build([], TRUSTED, Pool(), NOW)) == ()
    for one in proposed(listed(LEAF, LOWER, UPPER)):
        assert said(listed(LEAF, LOWER, UPPER), one) is Outcome.MATCH
