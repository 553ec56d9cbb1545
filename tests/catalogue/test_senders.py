"""The table of senders as data: every word in it is known, and what follows from the worst of several traits."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from probe.catalogue.senders import BREAK, OUTCOMES, TABLE, clauses, refusals, senders, verifiers, worst_first
from probe.model import Protocol
from probe.pki.dane import Outcome
from probe.rules.sts import StsOutcome
from probe.rules.traits import NO_DANE, of_sts

ROWS = tomllib.loads(TABLE.read_text(encoding="utf-8"))
USUAL = {"in-clear", "unverified", "nothing"}
TRAITS = Path(__file__).parents[2] / "probe/rules/traits.py"


def outcomes(*traits: str, protocol: Protocol = Protocol.SMTP) -> dict[str, str]:
    """Sender → what it does."""
    return {row.sender: row.outcome for row in refusals(traits, protocol)}


def test_every_trait_has_a_clause_and_every_clause_a_use() -> None:
    """What somebody minds is said in words, and no words are left over."""
    minded = {trait for sender in senders() for traits in sender.minds.values() for trait in traits}
    assert minded | USUAL == set(clauses())


def test_every_trait_can_arise() -> None:
    """A trait of the table that no line of traits.py could give would never be told."""
    from probe.rules.ids import IDS

    source = TRAITS.read_text(encoding="utf-8")
    made = {trait for trait in clauses() if f'"{trait}"' in source} | IDS
    made |= {f"{fault}-ca" for fault in ("expired", "not-yet-valid", "eku", "weak-key")}
    left = {trait for trait in clauses() if not trait.startswith(("dane-", "sts-"))} - made - USUAL
    assert left == set()


def test_clauses_can_be_told_from_sources() -> None:
    """The terminal cuts a reason where the clause ends; each has a source behind it."""
    assert [clause for clause in clauses().values() if ";" in clause] == []
    for sender in senders():
        assert sender.source
    assert all(row.why.partition(BREAK)[2] for row in refusals((), Protocol.SMTP))


def test_rows_have_known_keys() -> None:
    """A misspelt key would be a silent nothing."""
    keys = {"name", "source", "speaks", "usual", "asks", "by", "then", "clear", *OUTCOMES}
    assert {key for row in ROWS["sender"] for key in row} <= keys
    assert {key for row in ROWS["verifier"].values() for key in row} <= {"like", "refuses", "unknown", "accepts"}
    assert {name for row in ROWS["sender"] for name in row.get("speaks", ())} <= set(Protocol)
    assert len({row["name"] for row in ROWS["sender"]}) == len(ROWS["sender"])


def test_a_verifier_minds_what_it_accepts_no_more() -> None:
    """What is accepted, or unknown, is taken from what the other refuses."""
    openssl, java = verifiers()["openssl"], verifiers()["java"]
    assert "sha1" in openssl.refuses
    assert "sha1" not in java.refuses
    assert "sha1" in java.unknown
    assert "expired-root" not in java.refuses | java.unknown
    for verifier in verifiers().values():
        assert verifier.refuses & verifier.unknown == frozenset()


def test_the_worst_is_told_first_and_the_first_clause_of_several() -> None:
    """Refusals stand before deferrals; of two reasons the earlier of the list is given."""
    rows = refusals({"expired", "name-mismatch"}, Protocol.SMTP)
    order = [OUTCOMES.index(row.outcome) for row in rows]
    assert order == sorted(order)
    assert {row.why.partition(BREAK)[0] for row in rows if row.outcome == "refuses"} == {clauses()["expired"]}


def test_who_only_encrypts_delivers_whatever_the_chain() -> None:
    """A broken chain stops nobody who asks for none; TLS that fails stops some."""
    for trait in ("missing-intermediate", "expired", "untrusted-root", "name-mismatch", "sha1"):
        assert outcomes(trait)["Postfix (may) and Exim"] == outcomes(trait)["Sendmail"] == "delivers"
    assert outcomes("no-tls")["Postfix (may) and Exim"] == "delivers"
    assert outcomes("no-tls")["Sendmail"] == "defers"
    clear = next(row for row in refusals({"no-tls"}, Protocol.SMTP) if row.sender == "Postfix (may) and Exim")
    assert clear.why.startswith("in plain text: TLS comes to nothing")


@pytest.mark.parametrize(
    ("trait", "outcome"),
    [
        ("dane-match", "delivers"),
        ("dane-unusable", "delivers"),
        ("dane-mismatch", "defers"),
        ("dane-ta-missing", "defers"),
        ("dane-bogus", "defers"),
        ("dane-unknown", "unknown"),
        ("dane-failed", "unknown"),
        ("dane-unanswered", "unknown"),
    ],
)
def test_a_dane_sender_looks_at_tlsa_alone(trait: str, outcome: str) -> None:
    """RFC 7672 §3.1: with usage 3 neither names nor dates nor anchors count; without DANE there is no such sender."""
    assert outcomes(trait, "untrusted-root", "expired")["DANE senders"] == outcome
    assert "DANE senders" not in outcomes("untrusted-root")


@pytest.mark.parametrize(
    ("trait", "outcome"),
    [
        ("sts-enforce-delivers", "delivers"),
        ("sts-testing-fails", "delivers"),
        ("sts-enforce-unlisted", "defers"),
        ("sts-enforce-certificate", "defers"),
        ("sts-unknown", "unknown"),
    ],
)
def test_a_policy_is_obeyed_by_those_who_know_it(trait: str, outcome: str) -> None:
    """RFC 8461 §5: in enforce mode the message is not delivered, and tried again; the row can be had alone."""
    (row,) = refusals({trait}, Protocol.SMTP, "sts")
    assert (row.sender, row.outcome) == ("MTA-STS senders", outcome)
    assert "MTA-STS senders" not in outcomes()


def test_every_word_of_dane_and_of_a_policy_is_in_the_table() -> None:
    """Whatever the rules find of them has its clause."""
    found = {trait for word in (None, *StsOutcome) for trait in of_sts(word)}
    assert found == {name for name in clauses() if name.startswith("sts-")}
    assert {f"dane-{word}" for word in set(Outcome) - NO_DANE} == {n for n in clauses() if n.startswith("dane-")}


def test_rows_from_elsewhere_are_sorted_in() -> None:
    """A policy is judged when the whole domain is known, and its row takes its place among the others."""
    late = refusals({"sts-enforce-no-tls"}, Protocol.SMTP, "sts")
    rows = worst_first((*refusals((), Protocol.SMTP), *late))
    assert rows[0] == late[0]


@pytest.mark.parametrize("doubt", ["dane-unknown", "dane-failed", "dane-unanswered"])
def test_where_dane_is_in_doubt_nothing_is_sure_of_its_senders(doubt: str) -> None:
    """Without DANE the same sender goes on in plain text."""
    rows = {row.sender: row for row in refusals({doubt, "old-tls", "no-tls"}, Protocol.SMTP)}
    for sender in ("DANE senders", "Exim (hosts_try_dane)"):
        assert rows[sender].outcome == "unknown"
        assert rows[sender].why.startswith(clauses()[doubt])
    assert outcomes("dane-match", "old-tls")["DANE senders"] == "defers"


def test_without_tls_no_library_says_anything() -> None:
    """There is nothing to verify."""
    assert not {"GnuTLS", "Go"} & set(outcomes("no-starttls"))
    assert {"GnuTLS", "Go"} <= set(outcomes("no-tls"))
