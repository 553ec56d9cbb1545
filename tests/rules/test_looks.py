"""Looks compared: which differences are faults, how bad they are, and who is told to see what."""

from __future__ import annotations

import errno
from typing import Any, cast

import pytest
from forge import CAST, NAME, NOW, Forged, certificate
from msgspec.structs import replace

from probe.catalogue.advice import worded
from probe.model import (
    Chain,
    Confidence,
    Endpoint,
    EndpointReport,
    Failure,
    Finding,
    Observation,
    Severity,
    Side,
    Stage,
    Tls,
    Trouble,
)
from probe.pki.certificate import parse
from probe.rules import judge
from probe.rules.case import Case
from probe.rules.looks import compared

MX = CAST.mx
OTHER = CAST.leaf(subject="CN=other.example.test", names=("other.example.test",))
RENEWED = CAST.leaf(**CAST.days(-1, 89))
EC = CAST.leaf(key="p256")
HERE = Endpoint(NAME, "192.0.2.1", 25, sni=NAME)
BARE = replace(HERE, sni=None)
THERE = replace(HERE, address="2001:db8::1")
FIRST, SECOND = replace(HERE, mx_preference=10), replace(HERE, host="mx2.example.test", mx_preference=20)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def look(endpoint: Endpoint, sent: tuple[Forged, ...] = (MX, CAST.r3), /, **changes: Any) -> EndpointReport:
    """A look that saw a list; findings by severity, such as error="expired"."""
    found = tuple(Finding(id_, Severity(s)) for s in ("error", "warning", "info") if (id_ := changes.pop(s, None)))
    version = endpoint.offered_tls or "TLSv1.3"
    seen = Observation(
        endpoint, NOW, Stage.DONE, presented=tuple(one.der for one in sent), tls_version=version, **changes
    )
    return EndpointReport(seen, Chain(tuple(parse(one.der) for one in sent), 0, None), found)


def ended(endpoint: Endpoint, stage: Stage, trouble: Trouble, text: str, id_: str = "") -> EndpointReport:
    """A look that saw no list."""
    symptoms = ("alert:40",) if trouble is Trouble.ALERT else ()
    seen = Observation(endpoint, NOW, stage, Failure(trouble, text, symptoms))
    return EndpointReport(seen, findings=(Finding(id_, ERROR),) if id_ else ())


def only(*reports: EndpointReport) -> Finding:
    """The one finding of these looks."""
    (finding,) = compared(reports)
    return finding


def told(found: Finding, name: str) -> tuple[str, ...]:
    """A list among the facts."""
    return cast("tuple[str, ...]", found.facts[name])


def test_equal_looks_bring_nothing() -> None:
    """Whatever is asked, the same list of the same quality is no finding, be it right or wrong."""
    ends = [HERE, BARE, THERE, replace(HERE, offered_tls="TLSv1.2"), replace(HERE, offered_key="rsa"), FIRST, SECOND]
    assert compared([look(end) for end in ends]) == ()
    assert compared([look(end, error="missing-intermediate") for end in ends]) == ()
    assert compared([]) == ()


def test_a_worse_list_for_clients_without_sni_is_an_error() -> None:
    """Who is affected and who is right are told, with what was shown."""
    found = only(look(HERE), look(BARE, (OTHER,), error="name-mismatch", warning="expires-soon"))
    assert (found.id, found.severity, found.confidence) == ("sni-dependent", ERROR, Confidence.IS)
    assert found.facts["affected"] == ("without a name (name-mismatch, expires-soon)",)
    assert found.facts["right"] == ("with the name",)
    assert found.facts["where"] == ("192.0.2.1",)
    assert (found.facts["asked"], found.facts["endpoint"], found.facts["host"]) == (NAME, f"{NAME}:25", NAME)
    with_name, without = told(found, "shown")
    assert with_name == f'with the name: "{NAME}" (by "Example R3", until 2026-12-31, 2 sent)'
    assert without.endswith(", 1 sent)")


def test_another_right_list_without_sni_is_worth_knowing() -> None:
    """A default certificate of the same quality harms nobody."""
    found = only(look(HERE), look(BARE, (OTHER, CAST.r3)))
    assert (found.id, found.severity, found.facts["case"]) == ("sni-dependent", INFO, "other")
    assert found.facts["affected"] == ()


def test_a_refusal_without_sni_is_an_error() -> None:
    """A server that ends the handshake of a client without SNI takes no TLS from it at all."""
    found = only(look(HERE), ended(BARE, Stage.HANDSHAKE, Trouble.ALERT, "alert", "handshake-refused"))
    assert (found.severity, found.facts["affected"]) == (ERROR, ("without a name (handshake-refused)",))
    assert "no certificate (alert 40 (handshake_failure))" in told(found, "shown")[1]


def test_a_look_that_never_came_to_tls_says_nothing_of_sni() -> None:
    """The second connection was turned away at the greeting: that is no answer to the question."""
    assert compared([look(HERE), ended(BARE, Stage.GREETING, Trouble.REPLY, "421", "banner-refused")]) == ()


def test_the_same_at_two_addresses_is_said_once() -> None:
    """Both addresses are named."""
    ends = (HERE, BARE, THERE, replace(THERE, sni=None))
    found = only(*(look(end) if end.sni else look(end, (OTHER,), error="name-mismatch") for end in ends))
    assert found.facts["where"] == ("192.0.2.1", "2001:db8::1")


def test_behind_a_pool_a_list_seen_on_both_sides_is_the_same() -> None:
    """Repeated looks of a pool do not accuse SNI."""
    pool = [look(HERE), look(HERE, (RENEWED, CAST.r3)), look(BARE, (RENEWED, CAST.r3))]
    assert {f.id for f in compared(pool)} == {"pool-dependent"}


@pytest.mark.parametrize(("fault", "severity"), [("error", ERROR), ("warning", WARNING)])
def test_one_kind_of_key_is_at_fault(fault: str, severity: Severity) -> None:
    """The ECDSA chain is faulty, and clients that prefer RSA never see it."""
    rsa = look(replace(HERE, offered_key="rsa"))
    ecdsa = look(HERE, (EC,), **{fault: "missing-intermediate"})
    found = only(rsa, ecdsa)
    assert (found.id, found.severity) == ("ecdsa-rsa-differ", severity)
    assert (found.facts["affected"], found.facts["right"]) == (("ECDSA (missing-intermediate)",), ("RSA",))


def test_two_kinds_of_key_of_one_quality_are_usual() -> None:
    """Also where each version shows another one of them, as GnuTLS does."""
    twelve = replace(HERE, offered_tls="TLSv1.2")
    assert compared([look(replace(HERE, offered_key="rsa")), look(HERE, (EC, CAST.r3))]) == ()
    assert compared([look(HERE), look(twelve, (EC, CAST.r3))]) == ()


def test_two_faulty_kinds_are_told_each() -> None:
    """Neither is right, and they are wrong in their own ways."""
    found = only(look(replace(HERE, offered_key="rsa"), error="expired"), look(HERE, (EC,), error="weak-key"))
    assert (found.facts["case"], found.facts["right"]) == ("each", ())
    assert found.facts["affected"] == ("RSA (expired)", "ECDSA (weak-key)")


@pytest.mark.parametrize("end", [replace(HERE, offered_key="ecdsa"), replace(HERE, offered_tls="TLSv1.3")])
@pytest.mark.parametrize("trouble", [Trouble.ALERT, Trouble.CLOSED, Trouble.TLS])
def test_what_a_server_does_not_have_is_no_fault(end: Endpoint, trouble: Trouble) -> None:
    """No ECDSA certificate, no TLS 1.3: nothing is found at the endpoint, every rule says why, nothing is compared."""
    seen = Observation(end, NOW, Stage.HANDSHAKE, Failure(trouble, "refused", ("alert:40",)))
    findings, skipped = judge(Case(seen, NOW))
    assert findings == ()
    assert "alone was offered" in {skip.id: skip.reason for skip in skipped}["handshake-refused"]
    assert compared([look(HERE), EndpointReport(seen)]) == ()


def test_the_usual_offer_refused_is_a_fault() -> None:
    """The same end of a look that offered everything accuses."""
    seen = Observation(HERE, NOW, Stage.HANDSHAKE, Failure(Trouble.ALERT, "refused", ("alert:40",)))
    assert [f.id for f in judge(Case(seen, NOW))[0]] == ["handshake-refused"]


def test_a_version_with_a_list_of_its_own() -> None:
    """TLS 1.2 is served another chain, for the same kind of key."""
    twelve = look(replace(HERE, offered_tls="TLSv1.2"), (MX,), error="missing-intermediate")
    found = only(look(HERE), twelve)
    assert (found.id, found.severity) == ("tls-version-dependent", ERROR)
    assert found.facts["affected"] == ("TLS 1.2 (missing-intermediate)",)


def test_members_of_a_pool_that_differ() -> None:
    """How often each answer came is told."""
    found = only(look(HERE), look(HERE, (MX,), error="missing-intermediate"), look(HERE))
    assert (found.id, found.severity) == ("pool-dependent", ERROR)
    assert found.facts["affected"] == ("answer 2, seen 1 of 3 times (missing-intermediate)",)
    assert found.facts["right"] == ("answer 1, seen 2 of 3 times",)


def test_members_of_one_quality_are_worth_knowing() -> None:
    """A renewal that did not reach all members, so far without harm."""
    found = only(look(HERE), look(HERE, (RENEWED, CAST.r3)))
    assert (found.severity, found.facts["case"]) == (INFO, "other")


def test_a_repeated_look_that_is_turned_away_may_be_about_us() -> None:
    """Many connections from one address are slowed down by honest servers."""
    found = only(look(HERE), ended(HERE, Stage.GREETING, Trouble.REPLY, "421 too many", "banner-refused"))
    assert (found.severity, found.confidence, found.facts["case"]) == (WARNING, Confidence.MAY_BE, "silent")


def test_an_address_with_another_fault() -> None:
    """IPv6 leads to a server that was forgotten."""
    found = only(look(HERE), look(THERE, (MX,), error="missing-intermediate"))
    assert (found.id, found.severity, found.confidence) == ("address-dependent", ERROR, Confidence.IS)
    assert (found.facts["affected"], found.facts["right"]) == (("2001:db8::1 (missing-intermediate)",), ("192.0.2.1",))
    assert found.facts["address"] == "2001:db8::1"


def test_the_same_list_under_other_conditions() -> None:
    """What is wrong need not be the list: one address speaks old TLS alone."""
    assert only(look(HERE), look(THERE, error="old-tls")).facts["affected"] == ("2001:db8::1 (old-tls)",)


def test_addresses_of_one_quality_are_worth_knowing() -> None:
    """The dates tell that one was renewed later."""
    found = only(look(HERE), look(THERE, (RENEWED, CAST.r3)))
    assert (found.id, found.severity, found.facts["case"]) == ("address-dependent", INFO, "other")
    assert ["until 2026-12-31" in s for s in told(found, "shown")] == [True, False]


@pytest.mark.parametrize(
    ("trouble", "id_", "sure", "case"),
    [
        (Trouble.REFUSED, "connect-refused", Confidence.IS, "unheard"),
        (Trouble.TIMEOUT, "timeout-connect", Confidence.MAY_BE, "silent"),
        (Trouble.UNREACHABLE, "unreachable", Confidence.MAY_BE, "silent"),
    ],
)
def test_an_address_that_nobody_answers_at(trouble: Trouble, id_: str, sure: Confidence, case: str) -> None:
    """Senders try the next address: a warning; silence may be our own network's."""
    found = only(look(HERE), ended(THERE, Stage.CONNECT, trouble, "no", id_))
    assert (found.severity, found.confidence, found.facts["case"]) == (WARNING, sure, case)


def test_an_address_for_which_we_have_no_route_accuses_nobody() -> None:
    """A computer without IPv6 knows nothing of the server's."""
    lost = ended(THERE, Stage.CONNECT, Trouble.UNREACHABLE, "Network is unreachable", "unreachable")
    failure = Failure(Trouble.UNREACHABLE, "Network is unreachable", (f"errno:{errno.ENETUNREACH}",))
    lost = replace(lost, observation=replace(lost.observation, failure=failure))
    assert compared([look(HERE), lost]) == ()
    assert compared([look(FIRST), replace(lost, observation=replace(lost.observation, endpoint=SECOND))]) == ()


def test_a_mail_host_that_is_wrong() -> None:
    """A warning: senders go on to the other. The host to mend is the one that commands name."""
    found = only(look(FIRST), look(SECOND, (OTHER,), error="expired"))
    assert (found.id, found.severity) == ("mx-dependent", WARNING)
    assert found.facts["affected"] == ("mx2.example.test (expired)",)
    assert (found.facts["right"], found.facts["endpoint"]) == ((NAME,), "mx2.example.test:25")


def test_mail_hosts_that_are_all_wrong_in_their_own_ways() -> None:
    """There is none to go on to."""
    found = only(look(FIRST, error="eku"), look(SECOND, (OTHER,), error="expired"))
    assert (found.severity, found.facts["case"]) == (ERROR, "each")


def test_what_all_have_makes_none_of_them_right() -> None:
    """The address that only lacks the others' second fault is not held up as the good one."""
    sent = {"error": "name-mismatch"}
    found = only(look(HERE, **sent), look(THERE, (MX,), warning="missing-intermediate", **sent))
    assert (found.id, found.severity, found.facts["case"], found.facts["right"]) == (
        "address-dependent",
        WARNING,
        "more",
        (),
    )
    summary = worded(found, {}).summary
    assert "all have name-mismatch, and in addition there is 2001:db8::1 (missing-intermediate)" in summary
    hosts = only(look(FIRST, **sent), look(SECOND, (MX,), warning="missing-intermediate", **sent))
    assert (hosts.id, hosts.severity, hosts.facts["case"]) == ("mx-dependent", INFO, "more")


def test_a_host_that_is_right_at_one_address_only() -> None:
    """Each host has its fault, and senders still get through somewhere."""
    elsewhere = replace(SECOND, address="192.0.2.2")
    reports = look(FIRST, error="eku"), look(SECOND, error="expired"), look(elsewhere)
    (found,) = (one for one in compared(reports) if one.id == "mx-dependent")
    assert (found.severity, found.facts["case"]) == (WARNING, "part")
    assert "Right is only mx2.example.test at 192.0.2.2." in worded(found, {}).summary


def test_mail_hosts_have_certificates_of_their_own() -> None:
    """Other leaves, or a warning at one of them alone, trouble nobody who has the other."""
    assert compared([look(FIRST), look(SECOND, (OTHER, CAST.r3))]) == ()
    assert only(look(FIRST), look(SECOND, (OTHER, CAST.r3), warning="expires-soon")).severity is INFO


def test_a_mail_host_that_is_down() -> None:
    """Its address is not known, or silent."""
    lost = ended(replace(SECOND, address=None), Stage.DNS, Trouble.UNRESOLVED, "no such name", "dns-failed")
    found = only(look(FIRST), lost)
    assert (found.id, found.severity, found.facts["case"]) == ("mx-dependent", WARNING, "silent")
    assert found.facts["affected"] == ("mx2.example.test (dns-failed)",)


def test_ports_are_services_of_their_own() -> None:
    """What submission shows is not compared with what port 25 shows."""
    submission = replace(HERE, port=465, tls=Tls.IMPLICIT)
    assert compared([look(HERE), look(submission, (OTHER,), error="expired")]) == ()


def test_what_no_server_showed_takes_no_part() -> None:
    """A client's list, a file, and a look that presented a certificate of ours are other questions."""
    odd = look(HERE, (OTHER,), error="expired")
    for changes in ({"side": Side.CLIENT}, {"client_chain": (MX.der,)}, {"endpoint": replace(HERE, tls=Tls.NONE)}):
        assert compared([look(HERE), replace(odd, observation=replace(odd.observation, **changes))]) == ()


def test_many_and_long_items_are_cut() -> None:
    """A sentence names five addresses, and no endless name."""
    long = certificate(subject=f"CN={'x' * 500}")
    ends = [replace(HERE, address=f"192.0.2.{n}") for n in range(9)]
    found = only(look(THERE), *(look(end, (long,), error="expired") for end in ends))
    assert len(told(found, "affected")) == 6
    assert told(found, "affected")[-1] == "4 more"
    assert all(len(item) < 250 for item in told(found, "shown"))
