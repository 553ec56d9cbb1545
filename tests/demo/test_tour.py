"""The tour, with a check of our own in the place of the real one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from demo.client import Client

from probe.demo.cases import case_of
from probe.demo.server import Stand
from probe.demo.tour import repaired, tour
from probe.model import Endpoint, EndpointReport, Observation, Repair, Report, Stage, Target

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def report(pem: str | None) -> Report:
    """Write the least report that proposes this PEM."""
    seen = Observation(Endpoint("mx.example.test", "127.0.0.1", 25), NOW, Stage.DONE)
    return Report(Target("mx.example.test"), (EndpointReport(seen, repair=Repair((), None, (), pem)),))


def complete(stand: Stand) -> str:
    """Put what the pool knows behind the first certificate, as a repair would."""
    return "\n".join(certificate.pem for certificate in (stand.act.sent[0], *stand.act.pool))


def played(case_id: str, pem: str = "") -> tuple[list[str], list[int]]:
    """Play a case; returns what was said, and how many certificates each check saw."""
    said: list[str] = []
    seen: list[int] = []

    def check(stand: Stand) -> Report:
        with Client(stand) as client:
            client.start_tls()
            seen.append(len(client.presented()))
        return report(complete(stand) if pem == "complete" else None)

    reports = tour(case_of(case_id), NOW, check=check, show=lambda shown: said.append(shown.status), say=said.append)
    assert len(reports) == len(seen)
    return said, seen


def test_a_missing_intermediate_is_found_mended_and_gone() -> None:
    """Two checks of one server: the second sees the list that the first proposed."""
    said, seen = played("missing-intermediate", "complete")
    assert seen == [1, 2]
    assert [line.partition(" ")[0] for line in said] == ["A", "unreachable", "The", "unreachable"]
    assert "root → R3 → mx, sent as mx" in said[0]
    assert "servercert.pem" in said[2]


@pytest.mark.parametrize(
    ("case_id", "last"),
    [
        ("no-san", "What would mend it: A certificate with the server's name among its subject alternative names."),
        ("missing-intermediate", "What would mend it: The missing certificate, which nobody here knows."),
        ("good", "Nothing needs mending here."),
    ],
)
def test_where_no_list_mends_the_tour_says_what_would(case_id: str, last: str) -> None:
    """One check, one report, one sentence."""
    said, seen = played(case_id)
    assert (len(seen), said[-1]) == (1, last)


def test_a_list_is_not_put_in_where_it_would_not_help() -> None:
    """A certificate for the wrong name stays wrong with any list."""
    assert played("no-san", "complete")[1] == [2]


def test_a_report_without_endpoints_proposes_nothing() -> None:
    """Nobody was examined, nothing is known."""
    assert repaired(Report(Target("mx.example.test"))) is None
