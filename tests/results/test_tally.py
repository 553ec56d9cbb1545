from __future__ import annotations

import sys
from itertools import count

import pytest

from probe.results import tally as counted
from probe.results.row import Place, Row
from probe.results.tally import NAME, OTHERS, UNKNOWN, WITHOUT, Tally, Took, called, joined, largest

NUMBERS = count()


def place(*findings: tuple[str, str], host: str = "mx.example.com", **more: object) -> Place:
    """One endpoint that was examined."""
    worst = max((severity for _, severity in findings), key=["info", "warning", "error"].index, default="ok")
    known: dict[str, object] = {
        "address": "192.0.2.25",
        "port": 25,
        "status": worst,
        "stage": "done",
        "ca": "Example CA",
        "mta": "postfix",
        "tls_version": "TLSv1.3",
        "timing_ms": {"connect": 3.0, "greeting": 40.0},
    }
    return Place(**{"host": host, "findings": findings, **known, **more})  # type: ignore[arg-type]


def row(*places: Place, status: str = "", key: str = "", findings: tuple[tuple[str, str], ...] = ()) -> Row:
    """One target, as bad as the first of its endpoints unless it says otherwise."""
    return Row(key or f"host h{next(NUMBERS)}.example 25 smtp", status or places[0].status, 1, findings, places)


def tallied(*rows: Row) -> Tally:
    """Count them."""
    tally = Tally()
    for one in rows:
        tally.add(one)
    return tally


def test_a_finding_counts_targets_and_keeps_a_few_hosts() -> None:
    """Each target once, though both of its addresses have it; a host is named once."""
    expired = ("expired", "error")
    rows = [row(place(expired, host=f"mx{n // 2}.example"), place(expired, host="b.example")) for n in range(12)]
    found = tallied(*rows).findings["expired"]
    assert (found.targets, found.severity) == (12, "error")
    assert found.examples == ["mx0.example", "mx1.example", "mx2.example"]


def test_a_finding_has_the_worst_severity_that_it_had_anywhere() -> None:
    """Also where the same target has it twice."""
    tally = tallied(row(place(("x", "warning"))), row(place(("x", "info")), place(("x", "error")), status="error"))
    assert tally.findings["x"].severity == "error"
    assert tally.findings["x"].targets == 2


def test_what_is_said_of_no_endpoint_names_the_target() -> None:
    """As the findings about a domain."""
    tally = tallied(row(key="domain example.org 25 smtp", status="error", findings=(("no-mx", "error"),)))
    assert tally.findings["no-mx"].examples == ["example.org"]
    assert tally.findings["no-mx"].of_domain
    assert tally.endpoints == 0
    assert not tally.software


def test_a_target_counts_once_for_each_ca_by_the_worst_of_its_endpoints() -> None:
    """What happens at another CA's endpoint is no fault of this one."""
    tally = tallied(
        row(
            place(ca="Good"),
            place(("a", "warning"), ca="Bad"),
            place(("a", "warning"), ("b", "error"), ca="Bad"),
            status="error",
        ),
        row(place(("a", "warning"), ("n", "info"), ca="Bad")),
    )
    good, bad = tally.authorities["Good"], tally.authorities["Bad"]
    assert (good.targets, good.errors, good.warnings, good.most) == (1, 0, 0, None)
    assert (bad.targets, bad.errors, bad.warnings, bad.most) == (2, 1, 1, "a")
    assert dict(bad.findings) == {"a": 2, "b": 1}


def test_who_does_not_answer_has_neither_software_nor_tls() -> None:
    """Who answers without a sign, or without TLS, is counted as such."""
    silent = place(status="unreachable", ca=None, mta=None, tls_version=None)
    plain = place(("no-starttls", "error"), ca=None, mta=None, tls_version=None)
    tally = tallied(row(silent), row(plain))
    assert list(tally.software) == [UNKNOWN]
    assert tally.versions == {WITHOUT: 1}
    assert {outcome for outcome, count in tally.outcomes.items() if count} == {"error", "unreachable"}


def test_names_from_strangers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and in length; nobody is lost."""
    monkeypatch.setattr(counted, "NAMES", 5)
    tally = tallied(*(row(place(ca=f"{n}" + "x" * 200)) for n in range(50)))
    assert sum(group.targets for group in tally.authorities.values()) == 50
    assert len(tally.authorities) == 6
    assert tally.authorities[OTHERS].targets == 45
    assert max(map(len, tally.authorities)) == NAME
    assert largest(tally.authorities)[-1][0] == OTHERS


def test_memory_does_not_grow_with_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets with errors are named up to a bound, and counted beyond it."""
    monkeypatch.setattr(counted, "WORST", 10)
    tally = tallied(*(row(place(("expired", "error"))) for _ in range(30)))
    assert len(tally.worst) == 10
    assert tally.outcomes["error"] == 30
    assert sys.getsizeof(tally.findings["expired"].examples) < 200


def test_a_target_with_errors_is_named_with_the_worst_first() -> None:
    """Notes are left out."""
    bad = row(
        place(("n", "info"), ("w", "warning"), ("e", "error"), host="x"), key="host x 587 submission", status="error"
    )
    (only,) = tallied(bad).worst
    assert (only.name, only.findings) == ("x:587", ("e", "w"))


def test_findings_are_ranked_by_gravity_then_by_number() -> None:
    """What hurts most people stands first."""
    rows = [*(row(place(("w", "warning"))) for _ in range(3)), row(place(("i", "info")))]
    tally = tallied(*rows, row(place(("e1", "error"))), *(row(place(("e2", "error"))) for _ in range(2)))
    assert [one for one, _ in tally.ranked()] == ["e2", "e1", "w", "i"]
    assert [one for one, _ in tally.ranked(notes=False)] == ["e2", "e1", "w"]


def test_the_slowest_stage_is_the_one_that_took_most_of_all() -> None:
    """Half of the time of two hosts, or nothing to tell."""
    assert Tally().slowest is None
    tally = tallied(row(place(timing_ms={"connect": 10.0, "greeting": 20.0})), row(place(timing_ms={"connect": 30.0})))
    assert tally.slowest
    name, took = tally.slowest
    assert (name, took.total, took.longest, took.count) == ("connect", 40.0, 30.0, 2)
    assert tally.share_of_time(took) == pytest.approx(2 / 3)


def test_times_are_told_to_a_factor_of_two() -> None:
    """The bound is never below the truth, nor above twice of it, nor above the longest."""
    took = Took()
    for ms in range(1, 1001):
        took.add(float(ms))
    assert 500 <= took.within(0.5) <= 1000
    assert took.within(0.05) == 64
    assert took.within(1.0) == 1000
    for odd in (0.0, -1.0, 1e15):
        took.add(odd)
    assert took.longest == 1e15
    assert Took().within(0.95) == 0


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("host mx.example.com 25 smtp", "mx.example.com"),
        ("host mx.example.com 465 submission", "mx.example.com:465"),
        ("host 2001:db8::1 25 smtp", "2001:db8::1"),
        ("host 2001:db8::1 465 submission", "[2001:db8::1]:465"),
        ("domain example.org 25 smtp", "example.org"),
        ("host a b 25 smtp", "a b"),
    ],
)
def test_a_target_is_called_as_it_is_typed(key: str, name: str) -> None:
    """So that it can be given to the program again."""
    assert called(key) == name


def test_host_and_port() -> None:
    """The usual port goes without saying."""
    assert joined("h", 25) == "h"
    assert joined("::1", 2525) == "[::1]:2525"
