"""Documents read back and compared: what is told, what matters, and what no document may do to us."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.samples import ALL, GOOD, HOSTILE, MISORDERED, MISSING, MX, OLD_MX, R3, UNREACHABLE

from probe.changes import Change, changes
from probe.documents import report, reports
from probe.model import Certificate
from probe.render.json import document, text

Edit = Callable[[Any], object]


def seen(base: Any = GOOD, edit: Edit = lambda _: None) -> Any:
    """One report as it is read back, after somebody has changed it."""
    made = deepcopy(json.loads(text([base])))
    edit(made)
    return report(made)


def told(before: Any, after: Any) -> list[tuple[str, Any, Any]]:
    """What changed, without the places."""
    return [(change.kind, change.before, change.after) for change in changes([before], [after])]


def endpoint(**more: object) -> Edit:
    """Change keys of the first endpoint."""
    return lambda made: made["endpoints"][0].update(more)


@pytest.mark.parametrize("name", ALL)
def test_every_report_can_be_read_back_and_is_like_itself(name: str) -> None:
    """As a dict of the running program, and as text."""
    (read,) = reports(text([ALL[name]]))
    assert read == report(document(ALL[name]))
    assert changes([read], [read]) == ()


def test_several_reports_are_read_from_one_document_and_from_lines() -> None:
    """In their order; empty lines are none."""
    both = text([GOOD, MISSING])
    lines = text([GOOD]) + "\n" + text([MISSING])
    assert [one["status"] for one in reports(both)] == ["ok", "error"]
    assert reports(both) == reports(lines)


def test_a_line_ends_where_lines_of_json_end() -> None:
    """And not at the other separators of Unicode, which may stand in a string."""
    odd = text([GOOD]).replace('"mx.example.com"', '"mx\u2028\x85.example.com"')
    assert len(reports(odd + odd)) == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("x", "it is no JSON"),
        ("[]", 'it does not say "schema"'),
        ("[" * 100_000, "it is nested deeper than any report"),
        ('{"schema": 1}', 'it does not say "schema"'),
        ('{"schema": "smtp-chaincheck/2"}', "it is of another version"),
        ('{"schema": "smtp-chaincheck/1", "error": "x", "exit_code": 2}', "that run came to no report"),
        ('{"schema": "smtp-chaincheck/1", "messages": []}', "it holds messages"),
        ('{"schema": "smtp-chaincheck/1", "changes": []}', "it holds changes"),
        ('{"schema": "smtp-chaincheck/1", "reports": []}', "it holds no report"),
        ('{"schema": "smtp-chaincheck/1", "reports": {}}', "reports is not a list"),
        ('{"schema": "smtp-chaincheck/1", "reports": [1]}', "a report is not an object"),
        ('{"schema": "smtp-chaincheck/1"}', "target is not an object"),
        (text([GOOD]) + "{", "line 2: it is no JSON"),
        (text([GOOD]) + '{"schema": "smtp-chaincheck/1"}', "line 2: target is not an object"),
    ],
)
def test_what_holds_no_report_is_refused_by_name(given: str, why: str) -> None:
    """The clause says what it is instead."""
    with pytest.raises(ValueError, match="^" + why.replace("[", r"\[")):
        reports(given)


@pytest.mark.parametrize(
    ("edit", "where"),
    [
        (endpoint(port="25"), r"endpoints\[0\].port"),
        (endpoint(port=True), r"endpoints\[0\].port"),
        (endpoint(port=65536), r"endpoints\[0\].port"),
        (endpoint(status="fine"), r"endpoints\[0\].status"),
        (endpoint(findings=[{"id": "x", "severity": []}]), r"endpoints\[0\].findings\[0\].severity"),
        (endpoint(presented=[{"sha256": "../etc"}]), r"endpoints\[0\].presented\[0\].sha256"),
        (endpoint(host={}), r"endpoints\[0\].host"),
        (lambda made: made.update(endpoints={}), "endpoints is not a list"),
        (lambda made: made.update(domain=[]), "domain is not an object"),
        (lambda made: made["target"].update(kind="x"), "target.kind"),
    ],
)
def test_values_of_another_kind_are_refused_with_their_place(edit: Edit, where: str) -> None:
    """Whoever wrote them."""
    with pytest.raises(ValueError, match=where):
        seen(GOOD, edit)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(["schema", "reports", "target", "endpoints", "findings"]), inner)
        ),
    )
)
def test_no_document_ends_otherwise_than_in_a_sentence(value: object) -> None:
    """Whatever its shape."""
    for document_ in (value, {"schema": "smtp-chaincheck/1", "reports": value}):
        with pytest.raises(ValueError, match=r"\w"):
            reports(json.dumps(document_))


def test_an_older_document_may_lack_what_may_be_null() -> None:
    """It then is null."""
    old = seen(GOOD, lambda made: [made.pop("domain"), made["endpoints"][0].pop("tlsa")])
    assert changes([old], [seen()]) == ()


def test_a_finding_appears_and_vanishes() -> None:
    """With the verdict, and with what made it."""
    assert told(seen(GOOD), seen(MISSING))[:1] == [("status", "ok", "error")]
    new = [change for change in changes([seen(GOOD)], [seen(MISSING)]) if change.kind == "finding"]
    assert [(c.id, c.before, c.after, c.matters) for c in new] == [
        ("missing-intermediate", None, "error", True),
        ("client-cert-requested", None, "info", False),
    ]
    assert new[0].endpoint["address"] == "192.0.2.25"
    gone = [change for change in changes([seen(MISSING)], [seen(GOOD)]) if change.kind == "finding"]
    assert [(c.id, c.before, c.after) for c in gone] == [
        ("missing-intermediate", "error", None),
        ("client-cert-requested", "info", None),
    ]


def test_a_finding_that_weighs_more_than_before() -> None:
    """The heaviest counts where there are several of an id."""
    light = [{"id": "expired", "severity": "warning"}, {"id": "expired", "severity": "info"}]
    heavy = [{"id": "expired", "severity": "warning"}, {"id": "expired", "severity": "error"}]
    assert told(seen(GOOD, endpoint(findings=light)), seen(GOOD, endpoint(findings=heavy))) == [
        ("finding", "warning", "error")
    ]


def brief(found: Certificate) -> dict[str, object]:
    """What is kept of a certificate."""
    every = [one for base in (GOOD, MISORDERED) for one in seen(base)["endpoints"][0]["presented"]]
    return next(one for one in every if one["sha256"] == found.sha256)


def test_a_renewed_leaf_is_one_change_and_the_list_behind_it_another() -> None:
    """Each with its dates."""
    new, old, issuer = brief(MX), brief(OLD_MX), brief(R3)
    was = seen(GOOD, endpoint(presented=[old, issuer]))
    assert told(was, seen(GOOD, endpoint(presented=[new, issuer]))) == [("leaf", old, new)]
    assert told(was, seen(GOOD, endpoint(presented=[new]))) == [("leaf", old, new), ("list", [issuer], [])]
    assert told(was, seen(GOOD, endpoint(presented=[old]))) == [("list", [old, issuer], [old])]
    assert told(was, seen(GOOD, endpoint(presented=[]))) == [("list", [old, issuer], [])]


@pytest.mark.parametrize(
    ("key", "value", "kind", "matters"),
    [
        ("tls_version", "TLSv1.2", "tls-version", True),
        ("stage", "connect", "stage", True),
        ("address", "192.0.2.99", "address", True),
        ("cipher", "X", "cipher", False),
        ("anchor", None, "anchor", False),
        ("tlsa", {"records": ["3 1 1 00"], "dnssec": "secure"}, "tlsa", True),
    ],
)
def test_what_was_negotiated_is_compared(key: str, value: object, kind: str, matters: bool) -> None:
    """A server whose one address is another now is still that server."""
    (change,) = changes([seen()], [seen(GOOD, endpoint(**{key: value}))])
    assert (change.kind, change.matters) == (kind, matters)


def test_newer_trust_stores_are_told_and_do_not_matter() -> None:
    """What follows from them is a finding."""
    later = seen(GOOD, lambda made: made["stores"][0].update(name="certifi 2027"))
    (change,) = changes([seen()], [later])
    assert (change.kind, change.after, change.matters) == ("stores", ["certifi 2027"], False)


def twins(*addresses: str, first: Any = GOOD) -> Any:
    """A report of several endpoints."""

    def edit(made: Any) -> None:
        made["endpoints"] = [made["endpoints"][0] | {"address": address} for address in addresses]

    return seen(first, edit)


def test_endpoints_come_and_go() -> None:
    """By their addresses."""
    (change,) = changes([twins("192.0.2.1", "192.0.2.2")], [twins("192.0.2.2")])
    assert (change.kind, change.before, change.after, change.endpoint["address"]) == (
        "endpoint", "ok", None, "192.0.2.1",
    )  # fmt: skip
    assert told(twins("192.0.2.2"), twins("192.0.2.3", "192.0.2.2")) == [("endpoint", None, "ok")]


def test_members_of_a_pool_are_compared_with_their_like() -> None:
    """Whatever the order in which they answered."""
    issuer, new, old = brief(R3), brief(MX), brief(OLD_MX)

    def pool(*leaves: object) -> Any:
        def edit(made: Any) -> None:
            made["endpoints"] = [made["endpoints"][0] | {"presented": [leaf, issuer]} for leaf in leaves]

        return seen(GOOD, edit)

    assert told(pool(new, old), pool(old, new)) == []
    assert told(pool(new, old), pool(old, old)) == [("leaf", new, old)]


def test_how_it_was_asked_tells_endpoints_apart() -> None:
    """With SNI and without are two looks."""
    (gone, come) = sorted(told(seen(), seen(GOOD, endpoint(sni=None))), key=str)[::-1]
    assert {gone, come} == {("endpoint", "ok", None), ("endpoint", None, "ok")}


def test_targets_come_and_go() -> None:
    """By name and port."""
    other = seen(GOOD, lambda made: made["target"].update(port=465))
    found = changes([seen(), seen()], [other, seen()])
    assert [(c.kind, c.before, c.after, c.target["port"]) for c in found] == [
        ("target", None, "ok", 465),
        ("target", "ok", None, 25),
    ]


DOMAIN = {
    "mx": [{"preference": 10, "host": "mx1.example"}],
    "dnssec": "secure",
    "mta_sts": {"records": ["v=STSv1; id=1"], "policy": {"body": "version: STSv1\r\nmode: testing\r\n"}},
    "tls_rpt": {"records": []},
}


@pytest.mark.parametrize(
    ("edit", "change"),
    [
        (lambda d: d["mx"].clear(), ("mx", ["10 mx1.example"], [])),
        (lambda d: d.update(dnssec=None), ("dnssec", "secure", None)),
        (lambda d: d["mta_sts"].update(records=["v=STSv1; id=2"]), ("mta-sts", ["v=STSv1; id=1"], ["v=STSv1; id=2"])),
        (lambda d: d["mta_sts"].update(policy=None), ("mta-sts-policy", ["version: STSv1", "mode: testing"], None)),
        (lambda d: d.update(tls_rpt=None), ("tls-rpt", [], None)),
    ],
)
def test_a_mail_domain_is_compared(edit: Edit, change: tuple[str, Any, Any]) -> None:
    """Its hosts and its policies."""
    later = deepcopy(DOMAIN)
    edit(later)
    with_domain = [seen(GOOD, lambda made, d=d: made.update(domain=d)) for d in (DOMAIN, later)]  # type: ignore[misc]
    assert told(*with_domain) == [change]
    assert [kind for kind, *_ in told(with_domain[0], seen())][:1] == ["mx"]


def test_a_note_is_no_other_verdict() -> None:
    """Between right and right with a note nobody has to act; from there to a warning somebody has."""
    pairs = (("ok", "info"), ("info", "warning"), ("ok", "unreachable"))
    assert [Change("status", *pair).matters for pair in pairs] == [False, True, True]


def test_a_server_that_went_away() -> None:
    """It came to another stage."""
    kinds = [kind for kind, *_ in told(seen(), seen(UNREACHABLE))]
    assert kinds == ["status", "stage", "tls-version", "cipher", "list", "anchor", "finding"]
    assert changes([seen(HOSTILE)], [seen(UNREACHABLE)])
