"""What is said of a domain's policies, and what a sender that honours them does with each mail host."""

from __future__ import annotations

import shlex
import subprocess
from typing import Any

import pytest
from forge import CAST, NOW, Forged
from msgspec.structs import replace

from probe.catalogue.advice import worded
from probe.judgement import Options, chain_of, judged
from probe.model import (
    Chain,
    Dnssec,
    Domain,
    Endpoint,
    EndpointReport,
    Failure,
    Finding,
    Mx,
    Observation,
    PolicyFetch,
    Severity,
    Stage,
    StsLook,
    Tlsa,
    TlsaAnswer,
    TlsRptLook,
    Trouble,
)
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.rules.policy import of_policies
from probe.rules.sts import StsOutcome, sts_outcome, web_host
from probe.wire import sts
from probe.wire.sts import NOT_ASKED

MX = "mx.example.test"
HOST = "mta-sts.example.test"
RECORD = "v=STSv1; id=1"
POLICY = f"version: STSv1\nmode: enforce\nmx: {MX}\nmax_age: 604800\n"
WEB = CAST.leaf(subject=f"CN={HOST}", names=(HOST,))
OPTIONS = Options(anchors=anchors.of([parse(CAST.root.der)], "the root", "2026-01-01"), fetch=False)

Case = str | None


def fetched(text: str = POLICY, **changes: Any) -> PolicyFetch:
    """A fetch that went well, but for these changes."""
    fetch = PolicyFetch(f"https://{HOST}/", "192.0.2.1", (WEB.der,), "TLSv1.3", 200, "text/plain", None, text.encode())
    return replace(fetch, **changes)


def domain(fetch: PolicyFetch | None = None, *, records: tuple[str, ...] = (RECORD,), **changes: Any) -> Domain:
    """A domain with one mail host and a policy."""
    look = StsLook(records, None, fetch or fetched())
    return Domain("example.test", NOW, **{"mx": (Mx(10, MX),), "sts": look, **changes})


def with_mode(mode: str) -> Domain:
    """The same in another mode."""
    return domain(fetched(POLICY.replace("enforce", mode)))


def host(*sent: Forged, name: str = MX, **changes: Any) -> EndpointReport:
    """A mail host that presents these, judged as a probe judges it."""
    seen = Observation(Endpoint(name, "192.0.2.25", 25, sni=name), NOW, Stage.DONE, tls_version="TLSv1.3")
    seen = replace(seen, presented=tuple(one.der for one in sent or (CAST.mx, CAST.r3)))
    return judged(replace(seen, **changes), OPTIONS)


def chain(*sent: Forged, pool: bool = False) -> Chain:
    """The chain of the web host that presents these."""
    seen = web_host(domain(fetched(presented=tuple(one.der for one in sent))))
    assert seen is not None
    return chain_of(replace(seen, cached=(CAST.r3.der,) if pool else ()), OPTIONS)


WITHOUT: dict[str, Any] = {
    "presented": None,
    "stage": Stage.EHLO,
    "failure": Failure(Trouble.NO_STARTTLS, "250 mx"),
    "tls_version": None,
}
ALERTED: dict[str, Any] = {
    "presented": None,
    "stage": Stage.HANDSHAKE,
    "failure": Failure(Trouble.ALERT, "x"),
    "tls_version": None,
}
AWAY: dict[str, Any] = {
    "presented": None,
    "stage": Stage.CONNECT,
    "failure": Failure(Trouble.REFUSED, "x"),
    "tls_version": None,
}


def found(of: Domain, *reports: EndpointReport, web: Chain | None = None) -> list[tuple[str, Case]]:
    """Ids and cases."""
    findings = of_policies(of, reports or (host(),), web)
    return [(finding.id, str(finding.facts["case"]) if "case" in finding.facts else None) for finding in findings]


def broken(*cases: str) -> list[tuple[str, Case]]:
    """So many findings about the policy."""
    return [("mta-sts-broken", case) for case in cases]


# The policy


def test_all_is_well() -> None:
    """Nothing is said of a policy that is right and satisfied, in whatever mode."""
    for mode in sts.MODES:
        assert found(with_mode(mode), web=chain(WEB, CAST.r3)) == []


@pytest.mark.parametrize(
    ("records", "cases"),
    [
        ((RECORD, RECORD), ["several"]),
        (("v=STSv1 id=1",), ["record"]),
        (("v=STSv1; id=a-b",), ["record"]),
        ((), ["orphan"]),
    ],
)
def test_records(records: tuple[str, ...], cases: list[str]) -> None:
    """Whatever keeps a sender from looking for the policy; then nothing is mismatched."""
    unlisted = domain(records=records, mx=(Mx(10, "other.example.test"),))
    assert found(unlisted) == broken(*cases)
    assert sts_outcome(unlisted, host(name="other.example.test")) is StsOutcome.NONE


@pytest.mark.parametrize(
    ("changes", "case"),
    [
        ({"status": 301, "location": "https://x/", "body": b""}, "redirect"),
        ({"status": 404, "body": b""}, "status"),
        ({"media_type": "text/html"}, "type"),
        ({"media_type": None}, "type"),
        ({"body": b"<!doctype html>", "media_type": "text/html"}, "html"),
        ({"failure": Failure(Trouble.OVERSIZE, "x")}, "size"),
        ({"failure": Failure(Trouble.UNREADABLE, "x")}, "http"),
        ({"failure": Failure(Trouble.TIMEOUT, "x")}, "late"),
        ({"failure": Failure(Trouble.UNRESOLVED, "x"), "status": None, "presented": None}, "unresolved"),
        ({"failure": Failure(Trouble.REFUSED, "x"), "status": None, "presented": None}, "unreachable"),
        ({"failure": Failure(Trouble.ALERT, "x"), "status": None, "presented": None}, "tls"),
        ({"failure": Failure(Trouble.NOT_TLS, "x"), "status": None, "presented": None}, "tls"),
        ({"tls_version": "TLSv1.1"}, "old-tls"),
        ({"body": b"\xef\xbb\xbf" + POLICY.encode()}, "bom"),
        ({"body": POLICY.replace("mode: enforce\n", "").encode()}, "lacks"),
        ({"body": POLICY.replace("enforce", "strict").encode()}, "wrong"),
        ({"body": POLICY.replace("mode", "#\nmode").encode()}, "line"),
        ({"body": POLICY.replace("604800", "60").encode()}, "short"),
        ({"body": (POLICY + "mx: *.*.example.test\n").encode()}, "pattern"),
    ],
)
def test_a_policy_that_is_broken(changes: dict[str, Any], case: str) -> None:
    """Each fault has its case, is a warning, and takes nobody's mail."""
    (finding,) = of_policies(domain(fetched(**changes)), [host()])
    assert (finding.id, finding.facts["case"], finding.severity) == ("mta-sts-broken", case, Severity.WARNING)


@pytest.mark.parametrize(
    ("sent", "pool", "case"),
    [
        ((CAST.leaf(subject=f"CN={HOST}", names=(HOST,), **CAST.days(-100, -10)), CAST.r3), False, "expired"),
        ((CAST.mx, CAST.r3), False, "name"),
        ((CAST.leaf(subject=f"CN={HOST}", names=()), CAST.r3), False, "name"),
        ((WEB,), True, "incomplete"),
        ((WEB,), False, "untrusted"),
        ((CAST.self_signed(),), False, "untrusted"),
        (
            (CAST.leaf(subject=f"CN={HOST}", names=(HOST,), issuer=CAST.strange_root), CAST.strange_root),
            False,
            "untrusted",
        ),
    ],
)
def test_a_web_host_that_nobody_trusts(sent: tuple[Forged, ...], pool: bool, case: str) -> None:
    """No sender takes a policy from it, so no host is refused because of that policy."""
    web = chain(*sent, pool=pool)
    unlisted = domain(mx=(Mx(10, "other.example.test"),))
    assert found(unlisted, web=web) == broken(case)
    assert sts_outcome(unlisted, host(name="other.example.test"), web) is StsOutcome.NONE


NOWHERE: dict[str, Any] = {"status": None, "presented": None}


@pytest.mark.parametrize(
    ("failure", "case", "sure", "outcome"),
    [
        (Failure(Trouble.TIMEOUT, "x"), "late", "may be", StsOutcome.UNKNOWN),
        (Failure(Trouble.UNREACHABLE, "x"), "unreachable", "may be", StsOutcome.UNKNOWN),
        (Failure(Trouble.UNREACHABLE, "x", (NOT_ASKED,)), "unasked", "may be", StsOutcome.UNKNOWN),
        (Failure(Trouble.UNRESOLVED, "SERVFAIL"), "unresolved", "may be", StsOutcome.UNKNOWN),
        (Failure(Trouble.UNRESOLVED, "x", ("rcode:NXDOMAIN",)), "unresolved", "is", StsOutcome.NONE),
        (Failure(Trouble.REFUSED, "x"), "unreachable", "is", StsOutcome.NONE),
    ],
)
def test_what_may_be_our_own_network_accuses_nobody(
    failure: Failure, case: str, sure: str, outcome: StsOutcome
) -> None:
    """A sender elsewhere may get the policy that we did not get."""
    unseen = domain(fetched(failure=failure, **NOWHERE))
    (finding,) = of_policies(unseen, [host()])
    assert (finding.facts["case"], finding.confidence.value) == (case, sure)
    assert sts_outcome(unseen, host()) is outcome


def test_dns_that_fails_for_us_is_a_note() -> None:
    """Most domains have no MTA-STS, and our resolver may be the one that fails."""
    (finding,) = of_policies(domain(sts=StsLook(failure=Failure(Trouble.UNRESOLVED, "SERVFAIL"))), [host()])
    assert (finding.severity, finding.confidence.value) == (Severity.INFO, "may be")


def test_no_web_host() -> None:
    """Where no certificate came there is nothing to build."""
    assert web_host(domain(sts=None)) is None
    assert web_host(domain(fetched(presented=None))) is None


def test_many_problems_are_told_as_few() -> None:
    """A hostile policy fills no screen."""
    assert len(found(domain(fetched(POLICY + "mx: .\n" * 1000)))) == 5


# The hosts


@pytest.mark.parametrize(
    ("report", "case", "outcome"),
    [
        (host(), "", StsOutcome.DELIVERS),
        (host(CAST.leaf(**CAST.days(-100, -10)), CAST.r3), "expired", StsOutcome.CERTIFICATE),
        (host(CAST.leaf(names=("other.test",)), CAST.r3), "name", StsOutcome.CERTIFICATE),
        (host(CAST.mx), "untrusted", StsOutcome.CERTIFICATE),
        (host(CAST.mx, cached=(CAST.r3.der,)), "incomplete", StsOutcome.CERTIFICATE),
        (host(CAST.self_signed()), "untrusted", StsOutcome.CERTIFICATE),
        (host(CAST.leaf(eku=("clientAuth",)), CAST.r3), "certificate", StsOutcome.CERTIFICATE),
        (host(**WITHOUT), "tls", StsOutcome.NO_TLS),
        (host(**ALERTED), "tls", StsOutcome.NO_TLS),
        (host(**AWAY), "", StsOutcome.UNKNOWN),
    ],
)
def test_a_listed_host(report: EndpointReport, case: str, outcome: StsOutcome) -> None:
    """A sender in mode enforce refuses what the finding names, in mode testing it delivers and reports."""
    assert sts_outcome(domain(), report) is outcome
    tested = {StsOutcome.DELIVERS: StsOutcome.TESTING, StsOutcome.UNKNOWN: StsOutcome.UNKNOWN}
    assert sts_outcome(with_mode("testing"), report) is tested.get(outcome, StsOutcome.TESTING_FAILS)
    assert sts_outcome(with_mode("none"), report) is StsOutcome.NONE
    for mode, severity in (("enforce", Severity.ERROR), ("testing", Severity.WARNING)):
        findings = of_policies(with_mode(mode), [report])
        assert [(f.id, f.facts["case"], f.severity) for f in findings] == (
            [("mta-sts-mismatch", case, severity)] if case else []
        )
    assert of_policies(with_mode("none"), [report]) == ()


def test_an_unlisted_host() -> None:
    """It is named, be it reached or not, and once for all of its addresses."""
    two = domain(mx=(Mx(10, MX), Mx(20, "mx2.example.test")))
    second = host(name="mx2.example.test")
    for reports in ([host()], [host(), second, second]):
        (finding,) = of_policies(two, reports)
        assert (finding.id, finding.facts["mx_host"], finding.severity) == (
            "mta-sts-mismatch",
            "mx2.example.test",
            Severity.ERROR,
        )
    assert sts_outcome(two, second) is StsOutcome.UNLISTED


def test_a_look_that_no_such_sender_takes() -> None:
    """What a client without SNI sees is not what they see (RFC 8461 §7.1), nor what one kind of key alone shows."""
    bad = host(CAST.self_signed())
    for changes in ({"sni": None}, {"offered_key": "rsa"}, {"offered_tls": "TLSv1.2"}):
        endpoint = replace(bad.observation.endpoint, **changes)
        other = replace(bad, observation=replace(bad.observation, endpoint=endpoint))
        assert of_policies(domain(), [host(), other]) == ()


def test_every_address_counts_once() -> None:
    """Two addresses with one fault are one finding."""
    assert found(domain(), host(CAST.self_signed()), host(CAST.self_signed())) == [("mta-sts-mismatch", "untrusted")]


# Nothing at all, DANE, reports


def test_nothing_is_announced() -> None:
    """A note, where DANE is not there either, and DNS answered."""
    bare = domain(sts=StsLook())
    assert found(bare) == [("mta-sts-none", None)]
    assert of_policies(bare, [host()])[0].severity is Severity.INFO
    assert sts_outcome(bare, host()) is StsOutcome.NONE
    record = TlsaAnswer("_25._tcp.mx", (Tlsa(3, 1, 1, b"x"),), Dnssec.SECURE)
    assert found(bare, host(tlsa=record)) == []
    assert found(bare, host(tlsa=replace(record, dnssec=Dnssec.UNKNOWN))) == [("mta-sts-none", None)]
    failed = domain(sts=StsLook(failure=Failure(Trouble.UNRESOLVED, "SERVFAIL")))
    assert found(failed) == broken("dns")
    assert sts_outcome(failed, host()) is StsOutcome.UNKNOWN


def test_nobody_looked() -> None:
    """What was not asked is not missing."""
    assert found(domain(sts=None)) == []
    assert sts_outcome(domain(sts=None), host()) is StsOutcome.UNKNOWN


def test_a_domain_without_mail() -> None:
    """A null MX leaves nothing to announce."""
    none = Failure(Trouble.NULL_MX, "its only MX is the null MX")
    assert of_policies(domain(sts=StsLook(), mx=(Mx(0, ""),), failure=none), []) == ()


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (TlsRptLook(("v=TLSRPTv1; rua=mailto:a@b.c",)), []),
        (TlsRptLook(), [("tls-rpt-none", None)]),
        (TlsRptLook(failure=Failure(Trouble.UNRESOLVED, "x")), [("tls-rpt-broken", "dns")]),
        (TlsRptLook(("v=TLSRPTv1; rua=mailto:a@b.c",) * 2), [("tls-rpt-broken", "several")]),
        (TlsRptLook(("v=TLSRPTv1",)), [("tls-rpt-broken", "version")]),
        (TlsRptLook(("v=TLSRPTv1; rua=a@b.c",)), [("tls-rpt-broken", "rua")]),
    ],
)
def test_reports(look: TlsRptLook, expected: list[tuple[str, Case]]) -> None:
    """Notes alone: no mail depends on them."""
    findings = of_policies(domain(tls_rpt=look), [host()])
    assert [(f.id, f.facts.get("case")) for f in findings] == expected
    assert all(finding.severity is Severity.INFO for finding in findings)


RECORDS = TlsaAnswer("_25._tcp.mx", (Tlsa(3, 1, 1, b"x"),), Dnssec.SECURE)
FORGOTTEN: list[tuple[Domain, TlsaAnswer | None, str | None]] = [
    (domain(), None, "refuse to deliver to example.test by MTA-STS,"),
    (domain(), RECORDS, "by MTA-STS and DANE,"),
    (with_mode("none"), RECORDS, "by DANE,"),
    (domain(fetched(status=404)), RECORDS, "by DANE,"),
    (domain(sts=StsLook()), RECORDS, "by DANE,"),
    (with_mode("none"), None, None),
    (with_mode("testing"), None, "is in mode testing"),
    (with_mode("testing"), RECORDS, "by DANE,"),
    (domain(fetched(status=404)), None, "we got no policy"),
]


@pytest.mark.parametrize(("seen", "tlsa", "said"), FORGOTTEN)
def test_what_nobody_reports(seen: Domain, tlsa: TlsaAnswer | None, said: str | None) -> None:
    """Named is what senders refuse by: not a policy in mode none, nor one that did not come."""
    findings = of_policies(replace(seen, tls_rpt=TlsRptLook()), [host(tlsa=tlsa)])
    told = [spoken(finding).summary for finding in findings if finding.id == "tls-rpt-none"]
    assert len(told) == (1 if said else 0)
    assert all(said in summary for summary in told if said)


def test_nothing_is_said_of_dane_that_could_not_be_looked_up() -> None:
    """The records may be there, so nobody says that nothing obliges senders."""
    lost = replace(RECORDS, records=(), failure=Failure(Trouble.UNRESOLVED, "SERVFAIL"))
    assert found(domain(sts=StsLook()), host(tlsa=lost)) == []


def test_the_look_is_not_told_as_a_removal() -> None:
    """A command follows what it does, and giving up is left to the page, which says how."""
    lost = fetched(status=None, failure=Failure(Trouble.UNRESOLVED, "no such name"))
    (finding, *_) = of_policies(domain(lost), [host()])
    fix = spoken(finding).fix
    assert fix[0].endswith("To see what it has now:")
    assert not any("remove" in line for line in fix)


def test_no_reports_where_there_is_nothing_to_report() -> None:
    """A domain without policy is told one thing, not two."""
    assert found(domain(sts=StsLook(), tls_rpt=TlsRptLook())) == [("mta-sts-none", None)]


# Words


def spoken(finding: Finding) -> Finding:
    """The finding in words."""
    return worded(finding, {"host": MX, "endpoint": MX, "name": MX})


def test_the_policy_that_is_printed_is_right() -> None:
    """The command in the advice writes a policy that covers all mail hosts of today, in the mode of today."""
    hosts = (MX, "mx2.example.test", "$(touch x).example.test", "")
    (finding, *_) = of_policies(domain(mx=tuple(Mx(10, name) for name in hosts)), [host()])
    (command,) = (line for line in spoken(finding).fix if "printf" in line)
    words = shlex.split(command)
    assert words[1:3] == ["printf", "%b"]
    written = subprocess.run(["/bin/sh", "-c", shlex.join(words[1:4])], capture_output=True, check=True).stdout
    assert sts.policy(written) == sts.Policy("enforce", 604800, hosts[:2])


def test_hostile_names_stay_words() -> None:
    """Nothing from DNS, HTTP or a certificate is more than a word of a command, or a part of a sentence."""
    evil = "x'; touch y; $(z)\x1b[31m"
    cases = (
        domain(mx=(Mx(10, evil),)),
        domain(fetched(status=302, location=evil, body=b"")),
        domain(records=(f"v=STSv1; id={evil}",)),
        domain(fetched(f"<{evil}")),
        domain(tls_rpt=TlsRptLook((f"v=TLSRPTv1; rua={evil}",))),
    )
    for of in cases:
        findings = of_policies(of, [])
        assert findings != ()
        for finding in map(spoken, findings):
            assert "\x1b" not in finding.summary
            assert "unknown" not in finding.summary
            commands = [line for line in finding.fix if line.startswith("$ ")]
            assert all(shlex.split(line)[1] in {"dig", "curl", "printf", "smtp-chaincheck"} for line in commands)
            assert not any(word in {"touch", "y;"} for line in commands for word in shlex.split(line))
