"""DANE: which finding speaks of which answer, how loudly, and what it says."""

from __future__ import annotations

from hashlib import sha256, sha512

import pytest
from forge import CAST, NAME, NOW, Forged
from msgspec.structs import replace

from probe.demo import keys
from probe.model import Dnssec, Endpoint, Failure, Finding, Observation, Severity, Stage, Tlsa, TlsaAnswer, Trouble
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.render.finding import Told, tell
from probe.render.sheet import Sheet
from probe.rules import dane, judge
from probe.rules.case import Case
from probe.wording import Saying, slots_of, spoken

OTHER = CAST.leaf(CAST.r3, key="leaf-2")
TRUSTED = anchors.of([parse(CAST.root.der)], "ours")
ANSWER = TlsaAnswer(f"_25._tcp.{NAME}", (), Dnssec.SECURE, Dnssec.SECURE, resolver="127.0.0.1")
RULES = {rule.id for rule in vars(dane).values() if hasattr(rule, "look")}


def by_key(usage: int, named: Forged) -> Tlsa:
    """The record with SHA-256 of its key."""
    return Tlsa(usage, 1, 1, sha256(keys.spki(named.key)).digest())


RIGHT, WRONG, STRONG = by_key(3, CAST.mx), by_key(3, OTHER), Tlsa(3, 1, 2, sha512(keys.spki("leaf-2")).digest())
BY_CA, BY_ROOT, PKIX = by_key(2, CAST.r3), by_key(2, CAST.root), by_key(1, CAST.mx)


def case(answer: TlsaAnswer | None, *sent: Forged) -> Case:
    """A server that sends this list (the usual one unless told), and what DNS says of it."""
    listed = [parse(each.der) for each in sent or (CAST.mx, CAST.r3)]
    seen = Observation(
        Endpoint(NAME, "127.0.0.1", 25, sni=NAME), NOW, Stage.DONE, presented=tuple(c.der for c in listed), tlsa=answer
    )
    chain = build(listed, TRUSTED, Pool(), NOW)
    return Case(seen, NOW, chain, None, NAME, TRUSTED.stores)


def found(this: Case) -> list[Finding]:
    """What is said about DANE, in words."""
    findings = [finding for finding in judge(this)[0] if finding.id in RULES]
    return list(spoken(findings, None, Saying(slots_of(this.observation.endpoint, NAME), None, ())))


def told(answer: TlsaAnswer, *sent: Forged) -> list[tuple[str, str, str, object]]:
    """Id, severity, confidence and case of what is said."""
    return [(f.id, f.severity.value, f.confidence.value, f.facts.get("case")) for f in found(case(answer, *sent))]


def test_records_are_looked_up_for_the_host_by_whom_this_run_asked() -> None:
    """A command that names one address of it would not see them; dig is told the resolver, unless it goes by itself."""
    slots = slots_of(Endpoint(NAME, "127.0.0.1", 25), NAME, ask="127.0.0.1")
    saying = Saying(slots, None, (), by_name=NAME, dig="@127.0.0.2 -p 53")
    names = ("dane-mismatch", "dane-bogus", "expired-root")
    every = (Finding(name, Severity.ERROR, facts={"owner": "x"}) for name in names)
    lines = [line for said in spoken(tuple(every), None, saying) for line in said.fix if line.startswith("$ ")]
    assert f"$ smtp-chaincheck {NAME}:25 --tlsa" in lines
    assert f"$ smtp-chaincheck 127.0.0.1:25 --trust system --name {NAME}" in lines
    assert "$ dig @127.0.0.2 -p 53 +dnssec TLSA x" in lines
    assert all(" @127.0.0.2 " in line or " @9.9.9.9 " in line or "+trace" in line for line in lines if "$ dig" in line)


LOST = Failure(Trouble.UNRESOLVED, "SERVFAIL for _25._tcp.mx.example.test TLSA")
LATE = CAST.leaf(CAST.r3, **CAST.days(-90, -1))
SAID = [
    ({"records": (RIGHT,)}, (), []),
    ({"records": ()}, (), []),
    ({"records": (WRONG,)}, (), [("dane-mismatch", "error", "is", None)]),
    ({"records": (WRONG,), "mx_dnssec": Dnssec.SECURE}, (), [("dane-mismatch", "error", "is", None)]),
    (
        {"records": (WRONG,), "mx_dnssec": Dnssec.INSECURE},
        (),
        [("dane-mismatch", "warning", "is", None), ("dane-insecure", "info", "is", "mx")],
    ),
    ({"records": (WRONG,), "dnssec": Dnssec.UNKNOWN}, (), [("dane-mismatch", "warning", "may be", None)]),
    ({"records": (WRONG,), "dnssec": Dnssec.INSECURE}, (), [("dane-insecure", "info", "is", None)]),
    ({"records": (WRONG,), "address_dnssec": Dnssec.INSECURE}, (), [("dane-insecure", "info", "is", "addresses")]),
    ({"records": (RIGHT, STRONG)}, (), [("dane-mismatch", "error", "is", "outranked")]),
    ({"records": (BY_CA,)}, (LATE, CAST.r3), [("dane-mismatch", "error", "is", "path")]),
    ({"records": (BY_CA,)}, (CAST.mx,), [("dane-mismatch", "error", "is", None)]),
    ({"records": (BY_ROOT,)}, (), [("dane-ta-missing", "error", "is", "root")]),
    ({"records": (BY_ROOT,), "dnssec": Dnssec.UNKNOWN}, (), [("dane-ta-missing", "warning", "may be", "root")]),
    ({"records": (BY_ROOT,)}, (CAST.mx, CAST.r3, CAST.root), []),
    ({"records": (BY_ROOT, RIGHT)}, (), [("dane-rollover", "info", "is", None)]),
    ({"records": (RIGHT, WRONG)}, (), [("dane-rollover", "info", "is", None)]),
    ({"records": (PKIX,)}, (), [("dane-unusable", "warning", "is", None)]),
    ({"records": (PKIX, RIGHT)}, (), [("dane-unusable", "info", "is", "some")]),
    ({"failure": LOST, "dnssec": Dnssec.BOGUS}, (), [("dane-bogus", "error", "is", None)]),
    ({"failure": LOST}, (), [("dane-bogus", "warning", "may be", "failed")]),
    (
        {"failure": LOST, "address_dnssec": Dnssec.UNKNOWN, "dnssec": Dnssec.UNKNOWN},
        (),
        [("dane-bogus", "info", "may be", "unanswered")],
    ),
]


@pytest.mark.parametrize(("answer", "sent", "said"), SAID)
def test_each_answer_has_its_finding(
    answer: dict[str, object], sent: tuple[Forged, ...], said: list[tuple[str, str, str, object]]
) -> None:
    """And no other; the sentence has no hole and at most four full stops."""
    this = replace(ANSWER, **answer)
    assert told(this, *sent) == said
    for finding in found(case(this, *sent)):
        assert "unknown" not in finding.summary
        assert all("unknown" not in line for line in finding.fix)


def test_without_an_answer_there_is_nothing_to_say() -> None:
    """Nobody asked."""
    assert [finding for finding in judge(case(None))[0] if finding.id in RULES] == []


def test_a_server_without_tls_that_has_records_gets_no_mail() -> None:
    """From senders that use DANE."""
    seen = Observation(
        Endpoint(NAME, "127.0.0.1", 25),
        NOW,
        Stage.EHLO,
        Failure(Trouble.NO_STARTTLS, ""),
        tlsa=replace(ANSWER, records=(RIGHT,)),
    )
    (finding,) = (finding for finding in judge(Case(seen, NOW))[0] if finding.id in RULES)
    assert (finding.id, finding.severity, finding.facts["case"]) == ("dane-mismatch", Severity.ERROR, "no-tls")


def test_a_root_that_a_record_names_is_not_advised_away() -> None:
    """Other roots are."""
    sent = (CAST.mx, CAST.r3, CAST.root)
    assert "root-included" in {finding.id for finding in judge(case(ANSWER, *sent))[0]}
    named = case(replace(ANSWER, records=(BY_ROOT,)), *sent)
    assert "root-included" not in {finding.id for finding in judge(named)[0]}


def test_the_mail_domain_is_a_name_for_a_ca_record() -> None:
    """RFC 7672 §3.2.2."""
    strange = CAST.leaf(CAST.r3, names=("mail.test",))
    this = case(replace(ANSWER, records=(BY_CA,)), strange, CAST.r3)
    assert [(f.id, f.facts["faults"]) for f in found(this)] == [("dane-mismatch", ("name-mismatch",))]
    assert found(replace(this, domain="mail.test")) == []


def test_a_hostile_record_does_not_fill_the_screen() -> None:
    """A full record may have 64 KiB, and there may be fifty."""
    (finding,) = found(case(replace(ANSWER, records=(Tlsa(3, 1, 9, b"\1" * 60000),) * 50)))
    assert len(finding.summary) < 1200


WANTED = [
    (None, "unasked"),
    (ANSWER, ""),
    (replace(ANSWER, failure=Failure(Trouble.UNRESOLVED, "SERVFAIL")), "unknown"),
    (replace(ANSWER, records=(RIGHT,)), "fitting"),
    (replace(ANSWER, records=(WRONG,)), "unfitting"),
]


@pytest.mark.parametrize(("answer", "state"), WANTED)
def test_records_to_publish_are_given_to_those_who_ask(answer: TlsaAnswer | None, state: str) -> None:
    """Ready for a zone file, each on one line that is never wrapped."""
    this = case(answer)
    assert "tlsa-records" not in {finding.id for finding in found(this)}
    finding = next(f for f in found(replace(this, proposes_tlsa=True)) if f.id == "tlsa-records")
    assert finding.facts["case"] == state
    lines = [f"_25._tcp.{NAME}. IN TLSA {one.text}" for one in (RIGHT, BY_CA)]
    assert finding.facts["zone"] == lines
    sheet = Sheet(80)
    tell(sheet, finding, Told(lambda id_: id_))
    shown = [line.plain for line in sheet.lines]
    assert [line for line in shown if " IN TLSA " in line] == ["    " + line for line in lines]
    assert ("has no TLSA records" in finding.summary) is (state == "")
    assert "unknown" not in finding.summary
