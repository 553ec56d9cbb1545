"""A server looked at twice: each look keeps what it alone shows, and the report tells it."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from probe.cli.explaining import title
from probe.judgement import Options, judged
from probe.model import Endpoint, EndpointReport, Observation, Report, Stage, Target
from probe.pki import anchors, pem
from probe.pki.certificate import parse
from probe.render.terminal import show
from probe.rules.presenting import looked_twice

CHAINS = Path(__file__).parents[2] / "fixtures/chains"
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
PLACE = Endpoint("mx.example.test", "192.0.2.25", 25, sni="mx.example.test")
OURS = pem.certificates((CHAINS / "good/sent.pem").read_bytes())


def look(case: str, *, ours: tuple[bytes, ...] = (), place: Endpoint = PLACE) -> EndpointReport:
    """A look at a server that presents the chain of a case; ``ours`` is what we presented."""
    folder = CHAINS / case
    roots = [parse(der) for der in pem.certificates((folder / "anchors.pem").read_bytes())]
    options = Options(anchors=anchors.of(roots, "the case's own", "2026-01-01"), fetch=False)
    sent = pem.certificates((folder / "sent.pem").read_bytes())
    seen = Observation(place, AT, Stage.DONE, presented=sent, tls_version="TLSv1.3", client_chain=ours)
    return judged(seen, options)


def ids(looks: tuple[EndpointReport, ...]) -> list[list[str]]:
    """The findings of each."""
    return [[finding.id for finding in one.findings] for one in looks]


def test_what_both_looks_have_is_said_once() -> None:
    """The same list twice: its faults are those of the first look."""
    twice = looked_twice((look("misordered"), look("misordered", ours=OURS)))
    assert ids(twice) == [["misordered"], []]


def test_what_only_the_second_look_has_is_told() -> None:
    """A pool behind one address, say: the finding is counted, and stands below the table."""
    twice = looked_twice((look("good"), look("misordered", ours=OURS)))
    assert ids(twice) == [[], ["misordered"]]
    out = io.StringIO()
    screen = Console(file=out, width=80, no_color=True)
    show(Report(Target("mx.example.test"), twice, (), (), AT), screen, title=title)
    _, table, below = out.getvalue().partition("without a certificate of ours and with it")
    assert table
    assert "[misordered]" in below


def test_a_look_at_another_place_is_left_alone() -> None:
    """Two addresses of a host are no pair."""
    elsewhere = replace(PLACE, address="192.0.2.26")
    looks = (look("misordered", place=elsewhere), look("misordered", ours=OURS))
    assert looked_twice(looks) == looks
