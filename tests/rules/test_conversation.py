"""From what ended an observation to the finding that names it: a table."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from probe.catalogue.advice import worded
from probe.model import (
    Confidence,
    Endpoint,
    Exchange,
    Failure,
    Finding,
    Observation,
    Protocol,
    Reply,
    Severity,
    Stage,
    Tls,
    Trouble,
)
from probe.rules import REVOCATION, RULES, judge
from probe.rules.case import Case

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def spoken(observation: Observation) -> tuple[Finding, ...]:
    """What the rules say of an observation without certificates."""
    return judge(Case(observation, NOW))[0]


def ended(trouble: Trouble, stage: Stage, *symptoms: str, **more: Any) -> Observation:
    """An observation that ended in this way."""
    failure = Failure(trouble, "the words", symptoms)
    endpoint = more.pop("endpoint", Endpoint("mx.example", "127.0.0.1", 25))
    return Observation(endpoint, NOW, stage, failure, **more)


ENDINGS = [
    (Trouble.UNRESOLVED, Stage.DNS, (), "dns-failed"),
    (Trouble.NULL_MX, Stage.DNS, (), "null-mx"),
    (Trouble.NO_MX, Stage.DNS, (), "no-mx"),
    (Trouble.REFUSED, Stage.CONNECT, (), "connect-refused"),
    (Trouble.UNREACHABLE, Stage.CONNECT, (), "unreachable"),
    (Trouble.TIMEOUT, Stage.CONNECT, (), "timeout-connect"),
    (Trouble.TIMEOUT, Stage.GREETING, (), "timeout-banner"),
    (Trouble.TIMEOUT, Stage.EHLO, (), "timeout-ehlo"),
    (Trouble.TIMEOUT, Stage.STARTTLS, (), "timeout-starttls"),
    (Trouble.TIMEOUT, Stage.HANDSHAKE, (), "timeout-handshake"),
    (Trouble.TIMEOUT, Stage.EHLO_TLS, (), "timeout-handshake"),
    (Trouble.REPLY, Stage.GREETING, ("reply:554",), "banner-refused"),
    (Trouble.REPLY, Stage.EHLO, ("reply:502",), "ehlo-refused"),
    (Trouble.REPLY, Stage.EHLO_TLS, ("reply:421",), "ehlo-refused"),
    (Trouble.REPLY, Stage.STARTTLS, ("reply:454",), "starttls-refused"),
    (Trouble.NO_STARTTLS, Stage.EHLO, (), "no-starttls"),
    (Trouble.OVERSIZE, Stage.EHLO, (), "oversize-reply"),
    (Trouble.UNREADABLE, Stage.GREETING, (), "not-smtp"),
    (Trouble.UNREADABLE, Stage.GREETING, ("bytes:tls",), "implicit-tls"),
    (Trouble.NOT_TLS, Stage.HANDSHAKE, (), "not-tls"),
    (Trouble.CLOSED, Stage.GREETING, (), "closed"),
    (Trouble.CLOSED, Stage.HANDSHAKE, (), "closed"),
    (Trouble.ALERT, Stage.HANDSHAKE, ("alert:40",), "handshake-refused"),
    (Trouble.ALERT, Stage.HANDSHAKE, ("alert:70",), "handshake-refused"),
    (Trouble.ALERT, Stage.HANDSHAKE, ("alert:199",), "handshake-refused"),
    (Trouble.ALERT, Stage.EHLO_TLS, ("alert:116",), "client-cert-required"),
    (Trouble.ALERT, Stage.EHLO_TLS, ("alert:10",), "tls-alert-unexpected-message"),
    (Trouble.TLS, Stage.HANDSHAKE, ("reason:258",), "old-tls"),
    (Trouble.TLS, Stage.HANDSHAKE, ("reason:394",), "weak-dh"),
    (Trouble.TLS, Stage.HANDSHAKE, ("reason:123",), "handshake-failed"),
    (Trouble.TLS, Stage.HANDSHAKE, ("reason:1",), "handshake-failed"),
]


@pytest.mark.parametrize(("trouble", "stage", "symptoms", "expected"), ENDINGS)
def test_an_ending_has_its_finding(trouble: Trouble, stage: Stage, symptoms: tuple[str, ...], expected: str) -> None:
    """Each way to end has exactly one finding, an error, with the other side's words among its facts."""
    found = spoken(ended(trouble, stage, *symptoms))
    assert [(f.id, f.severity) for f in found] == [(expected, Severity.ERROR)]
    assert found[0].facts["text"] == "the words"


def test_no_trouble_is_without_finding() -> None:
    """Every trouble that the network can make is in the table above."""
    assert {trouble for trouble, *_ in ENDINGS} == set(Trouble)


def test_the_reply_is_quoted() -> None:
    """A refusal keeps the server's reply, code restored, every line."""
    reply = Reply(454, ("4.7.0 TLS not available", "due to local problem"))
    (found,) = spoken(ended(Trouble.REPLY, Stage.STARTTLS, "reply:454", starttls=reply))
    assert found.facts["reply"] == "454-4.7.0 TLS not available\n454 due to local problem"


def test_a_request_and_then_handshake_failure_is_very_likely_a_required_certificate() -> None:
    """TLS 1.2 has no alert of its own for it; the request that came before is the evidence."""
    seen = ended(Trouble.ALERT, Stage.HANDSHAKE, "alert:40", client_cert_requested=True, presented=(b"x",))
    found = {f.id: f.confidence for f in spoken(seen)}
    assert found["client-cert-required"] is Confidence.VERY_LIKELY
    assert "client-cert-requested" not in found
    assert "handshake-refused" not in found


def test_a_request_alone_is_worth_knowing() -> None:
    """The server went on without our certificate."""
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, client_cert_requested=True)
    assert [(f.id, f.severity) for f in spoken(seen)] == [("client-cert-requested", Severity.INFO)]


@pytest.mark.parametrize(
    ("bits", "expected"), [(512, [Severity.ERROR]), (1024, [Severity.WARNING]), (2048, []), (None, [])]
)
def test_the_size_of_a_dh_group(bits: int | None, expected: list[Severity]) -> None:
    """Below 1024 bits every current library refuses, below 2048 some do."""
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, key_exchange_bits=bits)
    assert [f.severity for f in spoken(seen)] == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("TLSv1", ["old-tls"]), ("TLSv1.1", ["old-tls"]), ("TLSv1.2", []), ("TLSv1.3", [])]
)
def test_old_versions(version: str, expected: list[str]) -> None:
    """RFC 8996 ended TLS 1.0 and 1.1."""
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, tls_version=version)
    assert [f.id for f in spoken(seen)] == expected


def test_surplus_bytes_are_an_injection() -> None:
    """What came behind the 220 is shown, and counted."""
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, surplus=b"250 injected\r\n")
    (found,) = spoken(seen)
    assert (found.id, found.facts["count"]) == ("starttls-injection", "14")


@pytest.mark.parametrize("trouble", [Trouble.CLOSED, Trouble.NOT_TLS])
def test_a_complaint_behind_the_yes_is_the_servers_own(trouble: Trouble) -> None:
    """Dovecot says OK to STARTTLS and, at once or a moment later, that it has no TLS; then it ends the connection."""
    said = b'BYE "TLS initialization failed."\r\n'
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.HANDSHAKE, Failure(trouble, "x", ()), surplus=said)
    (found,) = spoken(seen)
    assert (found.id, found.facts["text"]) == ("not-tls", 'BYE "TLS initialization failed."')


@pytest.mark.parametrize(("retried", "expected"), [("tls1.2", "handshake-refused"), ("no-sni", "handshake-refused")])
def test_a_second_try_that_worked_is_a_warning(retried: str, expected: str) -> None:
    """The first connection was refused; others will be refused as well."""
    first = Failure(Trouble.ALERT, "alert 40", ("alert:40",))
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, retried=retried, first_failure=first)
    (found,) = spoken(seen)
    assert (found.id, found.severity, found.facts["case"]) == (expected, Severity.WARNING, retried)


def test_tls_from_the_first_byte() -> None:
    """A silent port that answered a ClientHello speaks implicit TLS."""
    first = Failure(Trouble.TIMEOUT, "nothing", ())
    seen = Observation(Endpoint("mx", None, 25), NOW, Stage.DONE, retried="implicit", first_failure=first)
    assert [f.id for f in spoken(seen)] == ["implicit-tls"]


def test_what_could_not_run_is_said() -> None:
    """A rule that needs certificates is skipped with its reason when there are none, and so is revocation always."""
    found, skipped = judge(Case(ended(Trouble.REFUSED, Stage.CONNECT), NOW))
    assert len(found) == 1
    reasons = {s.id: s.reason for s in skipped}
    assert reasons["bad-signature"] == "no readable server certificate was received"
    assert reasons["old-tls"] == "TLS did not begin"
    assert skipped[-1] == REVOCATION


def test_ignored_rules_are_skipped() -> None:
    """--ignore acts before anything is counted."""
    found, skipped = judge(Case(ended(Trouble.REFUSED, Stage.CONNECT), NOW), {"connect-refused"})
    assert found == ()
    assert "connect-refused" in {s.id for s in skipped}


def test_ids_are_unique() -> None:
    """One rule an id."""
    ids = [rule.id for rule in RULES]
    assert sorted(set(ids)) == sorted(ids)


@pytest.mark.parametrize(
    ("trouble", "stage", "rule"),
    [
        (Trouble.REPLY, Stage.EHLO_TLS, "ehlo-refused"),
        (Trouble.REPLY, Stage.GREETING, "banner-refused"),
        (Trouble.OVERSIZE, Stage.EHLO_TLS, "oversize-reply"),
        (Trouble.UNREADABLE, Stage.EHLO_TLS, "not-smtp"),
        (Trouble.TIMEOUT, Stage.GREETING, "timeout-banner"),
        (Trouble.TIMEOUT, Stage.EHLO_TLS, "timeout-handshake"),
    ],
)
def test_nobody_says_unseen_of_certificates_that_were_seen(trouble: Trouble, stage: Stage, rule: str) -> None:
    """Inside TLS the certificates have been looked at, and large packets have come through."""
    seen = ended(trouble, stage, tls_version="TLSv1.3", presented=(b"x",))
    (found,) = (finding for finding in spoken(seen) if finding.id == rule)
    summary = worded(found, {"endpoint": "mx.example:25"}).summary
    assert ("could not be looked at" in summary, "large packets" in summary) == (False, False)


def test_what_was_tried_is_not_advised() -> None:
    """A silent port is asked for TLS from the first byte as well; where that was done, no command asks for it again."""
    seen = ended(Trouble.TIMEOUT, Stage.GREETING)
    tried = replace(seen, transcript=(Exchange(8000, "client", "<again: implicit>"),))
    fixes = []
    for one in (seen, tried):
        (found,) = (finding for finding in spoken(one) if finding.id == "timeout-banner")
        told = worded(found, {"endpoint": "mx.example:25"})
        fixes.append("--tls implicit" in " ".join(told.fix))
        assert ("TLS at once" in told.summary) is (one is tried)
    assert fixes == [True, False]


def test_a_list_that_is_too_large_is_told_as_such() -> None:
    """It is the server's list that ends the handshake, and not an odd library."""
    (found,) = spoken(ended(Trouble.TLS, Stage.HANDSHAKE, "reason:152", presented=(b"x",), tls_version="TLSv1.3"))[:1]
    assert (found.id, found.facts["case"]) == ("handshake-failed", "too-large")


@pytest.mark.parametrize(
    ("tls", "text", "case"),
    [
        (Tls.STARTTLS, "454 4.7.0 TLS not available", None),
        (Tls.STARTTLS, "250 fine", "odd"),
        (Tls.STARTTLS, "SSH-2.0-OpenSSH_9.6", "odd"),
        (Tls.STARTTLS, "a2 NO TLS is out of order", None),
        (Tls.STARTTLS, "* BYE TLS initialization failed.", None),
        (Tls.STARTTLS, "-ERR TLS is out of order", None),
        (Tls.STARTTLS, 'BYE "TLS is out of order"', None),
        (Tls.STARTTLS, "* CAPABILITY IMAP4rev1", "odd"),
        (Tls.IMPLICIT, "220 mx.example ESMTP", "implicit"),
        (Tls.IMPLICIT, "* OK ready", "implicit"),
        (Tls.IMPLICIT, "+OK", "implicit"),
        (Tls.IMPLICIT, '"IMPLEMENTATION" "Example"', "implicit"),
        (Tls.IMPLICIT, "421 busy", "implicit-odd"),
        (Tls.IMPLICIT, "* BYE busy", "implicit-odd"),
        (Tls.IMPLICIT, "SSH-2.0-OpenSSH_9.6", "implicit-odd"),
    ],
)
def test_what_came_instead_of_tls_is_taken_for_what_it_is(tls: Tls, text: str, case: str | None) -> None:
    """A complaint accuses the server, a greeting shows how TLS begins here, and SSH's first words show neither."""
    endpoint = Endpoint("mx.example", "127.0.0.1", 465, tls=tls)
    seen = Observation(endpoint, NOW, Stage.HANDSHAKE, Failure(Trouble.NOT_TLS, text))
    (found,) = spoken(seen)
    assert (found.id, found.facts.get("case")) == ("not-tls", case)


@pytest.mark.parametrize(
    ("stage", "text", "case"),
    [
        (Stage.GREETING, "* PREAUTH IMAP4rev1 server logged in as Smith", "preauth"),
        (Stage.GREETING, '"IMPLEMENTATION" "X"\nOK', None),
        (Stage.EHLO, "* CAPABILITY IMAP4rev1 PREAUTH\na1 OK", None),
    ],
)
def test_whoever_is_logged_in_already_cannot_begin_tls(stage: Stage, text: str, case: str | None) -> None:
    """That the server has no STARTTLS would not be true then."""
    endpoint = Endpoint("mail.example", "127.0.0.1", 143, Protocol.IMAP)
    (found,) = spoken(Observation(endpoint, NOW, stage, Failure(Trouble.NO_STARTTLS, text)))
    assert (found.id, found.facts.get("case")) == ("no-starttls", case)
    assert ("logged in already" in worded(found, {"endpoint": "mail.example:143"}).summary) == bool(case)


def test_a_server_hello_is_no_list_of_certificates() -> None:
    """Where the first large packet is lost, the version is known and the certificates have not arrived."""
    (found,) = spoken(ended(Trouble.TIMEOUT, Stage.HANDSHAKE, tls_version="TLSv1.3"))
    assert "large packets" in worded(found, {"endpoint": "mx.example:25"}).summary


NAMED = ("mx:mx1.example.net", "mx:mx2.example.net", "mx:$(reboot)", "mx:a\x1b[2J", "mx:e")
ON_THE_WAY = [
    (Trouble.UNRESOLVED, Stage.DNS),
    (Trouble.REFUSED, Stage.CONNECT),
    (Trouble.UNREACHABLE, Stage.CONNECT),
    (Trouble.TIMEOUT, Stage.CONNECT),
]


@pytest.mark.parametrize(("trouble", "stage"), ON_THE_WAY)
def test_a_bare_name_whose_mail_goes_elsewhere(trouble: Trouble, stage: Stage) -> None:
    """The sentence names the first hosts, and the command looks at them; nothing of DNS stands in a command."""
    (found,) = spoken(ended(trouble, stage, *NAMED, endpoint=Endpoint("example.net", "127.0.0.1", 25)))
    assert (found.facts["case"], found.facts["mail_hosts"]) == (
        "mx",
        "mx1.example.net, mx2.example.net, $(reboot) and 2 more",
    )
    said = worded(found, {"host": "example.net", "port": "25"})
    assert "mx1.example.net, mx2.example.net" in said.summary
    assert said.fix[-1] == "$ smtp-chaincheck example.net --mx"
    assert [line for line in said.fix if "reboot" in line] == []


def test_no_domain_is_suggested_to_who_asked_for_one() -> None:
    """Nor to who reads mail; a mail host without address is told as one."""
    for endpoint, case in (
        (Endpoint("mx", None, 25, mx_preference=10), "mail-host"),
        (Endpoint("mx", None, 993, Protocol.IMAP), None),
    ):
        (found,) = spoken(ended(Trouble.UNRESOLVED, Stage.DNS, *NAMED, endpoint=endpoint))
        assert found.facts.get("case") == case
