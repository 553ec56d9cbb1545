from __future__ import annotations

from msgspec.structs import replace
from render.samples import GOOD_CHAIN, MX, SEEN, UNREACHABLE

from probe.model import EndpointReport
from probe.render.details import MANY, add_conversation, add_details
from probe.render.sheet import Sheet


def told(report: EndpointReport) -> list[str]:
    """The lines of the details."""
    sheet = Sheet()
    add_details(sheet, report)
    add_conversation(sheet, report.observation)
    return [line.plain for line in sheet.lines]


def test_a_certificate_that_is_none_says_why() -> None:
    """Nothing else of it is known."""
    broken = replace(MX, problem="no DER at all")
    lines = told(EndpointReport(SEEN, replace(GOOD_CHAIN, presented=(broken,), verdict_as_sent=None)))
    assert "    problem    no DER at all" in lines
    assert not any("subject" in line for line in lines)


def test_many_names_are_counted() -> None:
    """Some certificates hold hundreds."""
    crowded = replace(MX, dns_names=tuple(f"n{n}" for n in range(MANY + 5)), not_after=None, problems=("SAN: odd",))
    text = "\n".join(told(EndpointReport(SEEN, replace(GOOD_CHAIN, presented=(crowded,), verdict=None))))
    assert "… and 5 more" in text
    assert "to ?" in text
    assert "    problem    SAN: odd" in text


def test_a_probe_that_never_connected_has_only_times() -> None:
    """There is no chain and no conversation."""
    assert told(UNREACHABLE.endpoints[0]) == ["  Took: dns 3 ms, connect 20000 ms"]


def test_an_observation_without_anything_says_nothing() -> None:
    """No headings over nothing."""
    assert told(EndpointReport(replace(SEEN, timing_ms={}, transcript=()))) == []
