from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from render.samples import (
    GOOD_CHAIN,
    LONE,
    MISSING,
    MX,
    NOW,
    R3,
    ROOT,
    SEEN,
    certificate,
    keep,
    remove,
)

from probe.model import (
    Certificate,
    Chain,
    Confidence,
    EndpointReport,
    Finding,
    Missing,
    Path,
    Repair,
    Severity,
    Source,
    Step,
)
from probe.render.chain_drawing import ROWS, draw
from probe.render.sheet import Sheet


def drawn(report: EndpointReport, *, width: int = 80, **options: Any) -> list[str]:
    """The lines of the drawing, below its heading."""
    sheet = Sheet(width)
    draw(sheet, report, **options)
    return [line.plain for line in sheet.lines][1:]


def sent(
    *certificates: Certificate, findings: tuple[Finding, ...] = (), steps: tuple[Step, ...] = ()
) -> EndpointReport:
    """An endpoint that presented these."""
    return EndpointReport(SEEN, Chain(certificates, 0, LONE), findings, Repair(steps, None))


def at(position: int, name: str, severity: Severity = Severity.ERROR) -> Finding:
    """A finding about one certificate."""
    return Finding(name, severity, positions=(position,))


def test_nothing_is_drawn_where_no_list_came() -> None:
    """The conversation ended before."""
    assert drawn(EndpointReport(SEEN)) == []


def test_an_empty_list_is_said() -> None:
    """It came, and there was nothing in it."""
    sheet = Sheet()
    draw(sheet, EndpointReport(SEEN, Chain((), None, None)))
    assert [line.plain for line in sheet.lines] == ["  The server sent an empty list of certificates."]


def test_a_right_chain() -> None:
    """Numbers as sent, key, end of validity, and the anchor with its store."""
    assert drawn(EndpointReport(SEEN, GOOD_CHAIN)) == [
        "  ✓ #1 mx.example.com   RSA 2048     until 2027-01-22",
        "  ✓ #2 Example R3       ECDSA P-256  until 2029-08-19",
        "  ◆    Example Root X1  trust anchor in certifi 2026.10.18",
    ]


def test_an_anchor_of_an_unnamed_store() -> None:
    """It is drawn all the same."""
    assert drawn(EndpointReport(SEEN, replace(GOOD_CHAIN, store=None)))[-1] == "  ◆    Example Root X1  trust anchor"


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (at(0, "expired"), "✗ #1 mx.example.com  RSA 2048  until 2027-01-22  expired"),
        (at(0, "expires-soon", Severity.WARNING), "! #1 mx.example.com  RSA 2048  until 2027-01-22  expires soon"),
        (at(0, "not-yet-valid"), "✗ #1 mx.example.com  RSA 2048  from 2026-08-25  not valid yet"),
        (at(0, "name-mismatch"), "✗ #1 mx.example.com  RSA 2048  until 2027-01-22  another name"),
        (at(0, "weak-key"), "✗ #1 mx.example.com  RSA 2048  until 2027-01-22  weak key"),
        (at(1, "expired"), "✓ #1 mx.example.com  RSA 2048  until 2027-01-22"),
        (at(0, "missing-intermediate"), "✓ #1 mx.example.com  RSA 2048  until 2027-01-22"),
        (at(0, "misordered"), "✓ #1 mx.example.com  RSA 2048  until 2027-01-22"),
    ],
)
def test_what_is_wrong_with_a_certificate_stands_beside_it(finding: Finding, words: str) -> None:
    """A word of ours or the id; findings about other places leave it alone."""
    assert drawn(sent(MX, findings=(finding,), steps=(keep(MX, 0),))) == [f"  {words}"]


def test_several_faults_of_one_certificate_are_listed() -> None:
    """The worst gives the mark, each is named once."""
    findings = (at(0, "expires-soon", Severity.WARNING), at(0, "no-san"), at(0, "no-san"))
    assert drawn(sent(MX, findings=findings))[0].endswith("until 2027-01-22  expires soon, no names (SAN)")
    assert drawn(sent(MX, findings=findings))[0].startswith("  ✗ #1")


def test_what_is_too_much_or_in_the_wrong_place() -> None:
    """Removed because it is a root, a repetition, or a stranger; moved to its number."""
    steps = (keep(MX, 0), remove(ROOT, 1), remove(MX, 2), remove(MX, 3), keep(R3, 4, 1))
    findings = (
        at(1, "root-included", Severity.INFO),
        at(2, "duplicate", Severity.WARNING),
        at(3, "extra-cert", Severity.WARNING),
        at(4, "misordered", Severity.WARNING),
    )
    lines = drawn(sent(MX, ROOT, MX, MX, R3, findings=findings, steps=steps))
    assert [line.split("  ")[-1].strip() for line in lines] == [
        "until 2027-01-22",
        "root: not needed",
        "repeated",
        "not needed",
        "should be #2",
    ]


def test_what_is_ignored_is_still_drawn_as_a_note() -> None:
    """The drawing shows the repair, whatever was told to be no finding."""
    assert drawn(sent(MX, ROOT, steps=(keep(MX, 0), remove(ROOT, 1))))[1].startswith("  i #2 Example Root X1")


def test_several_missing_certificates_stand_in_their_places() -> None:
    """Behind the one that they signed, each with its address where there is one."""
    steps = (keep(MX, 0), Step("insert", "a", "Middle", None, 1), Step("insert", "b", "Upper", None, 2))
    missing = (Missing("CN=Middle", "a", "aia", "http://x/m"), Missing("CN=Upper", "b", "pool"))
    finding = Finding("missing-intermediate", Severity.ERROR)
    report = EndpointReport(SEEN, Chain((MX,), 0, LONE), (finding,), Repair(steps, None, missing))
    assert drawn(report) == [
        "  ✓ #1 mx.example.com  RSA 2048  until 2027-01-22",
        "  ✗  ? Middle          missing here; found: http://x/m",
        "  ✗  ? Upper           missing here",
    ]


def test_a_wrong_certificate_and_its_right_twin_are_one_row() -> None:
    """Never "missing here" beside "not needed" for the same name."""
    wrong = certificate("Example R3", "Example Root X1", 900)
    steps = (keep(MX, 0), remove(wrong, 1), Step("insert", R3.sha256, R3.label, None, 1))
    missing = (Missing("CN=Example R3,O=Example", R3.sha256, "aia", "http://x/r3"),)
    chain = Chain((MX, wrong), 0, LONE)
    report = EndpointReport(SEEN, chain, (at(1, "wrong-key-intermediate"),), Repair(steps, None, missing))
    assert drawn(report)[1:] == [
        "  ✗ #2 Example R3      RSA 2048  until 2029-05-11",
        "       right name, other key, the wrong one, replace it: http://x/r3",
    ]
    unnamed = replace(report, repair=Repair(steps, None))
    assert drawn(unnamed)[2].endswith("replace it")


def test_certificates_of_one_name_are_told_apart_by_their_issuers() -> None:
    """A root, and the same name signed by an older root."""
    cross = certificate("Example Root X1", "Old Root", 800)
    lines = drawn(sent(MX, cross, ROOT))
    assert lines[1].endswith("  by Old Root")
    assert lines[2].endswith("  by itself")


def test_an_expired_anchor_is_no_anchor_to_lean_on() -> None:
    """OpenSSL looks at the dates of roots, too."""
    later = NOW + timedelta(days=5001)
    report = EndpointReport(SEEN, GOOD_CHAIN, (at(0, "expired-root"),))
    assert drawn(report, at=later)[-1] == (
        "  ✗    Example Root X1  expired 2040-08-01, trust anchor in certifi 2026.10.18"
    )


def test_a_root_that_was_fetched_and_that_nobody_trusts_is_drawn() -> None:
    """It is where the path ends; nobody objecting, it is a note."""
    path = Path((MX, ROOT), (Source.PRESENTED, Source.AIA), anchored=False)
    report = EndpointReport(SEEN, Chain((MX,), 0, LONE, mended=path), (at(0, "untrusted-root"),))
    assert drawn(report)[-1] == "  ✗    Example Root X1  root, not in the store used"
    assert drawn(replace(report, findings=()))[-1].startswith("  i ")


def test_a_guess_is_drawn_as_a_guess() -> None:
    """The confidence of the finding is in the drawing, too."""
    endpoint = MISSING.endpoints[0]
    unsure = replace(endpoint.findings[0], confidence=Confidence.VERY_LIKELY)
    assert "very likely missing here; see: http" in " ".join(
        " ".join(drawn(replace(endpoint, findings=(unsure,)))).split()
    )


def test_without_a_repair_the_list_is_drawn_as_it_is() -> None:
    """No leaf could be read, so nothing can be said of places."""
    broken = replace(MX, problem="no DER", not_after=None)
    report = EndpointReport(SEEN, Chain((broken,), None, None), (at(0, "unparsable-cert"),))
    assert drawn(report) == ["  ✗ #1 no certificate  unreadable"]


def test_words_without_room_stand_below() -> None:
    """The table keeps its columns on a narrow screen."""
    assert drawn(sent(MX, findings=(at(0, "name-mismatch"),)), width=60) == [
        "  ✗ #1 mx.example.com  RSA 2048  until 2027-01-22",
        "       another name",
    ]


def test_a_hundred_certificates_do_not_push_the_findings_away() -> None:
    """The first are drawn, the others counted, unless all is wanted."""
    crowd = sent(*[certificate(f"ca {n}", "x") for n in range(100)])
    assert len(drawn(crowd)) == ROWS + 1
    assert drawn(crowd)[-1].strip() == f"… and {100 - ROWS} more (--verbose shows them)"
    assert len(drawn(crowd, verbose=True)) == 100


def test_wide_letters_keep_the_columns() -> None:
    """Cells are counted, not characters; a long label is cut."""
    lines = drawn(sent(certificate("日本語", "x"), certificate("y" * 60, "x")))
    assert lines[0].split("RSA")[0] == "  ✓ #1 日本語" + " " * (34 - 6 + 2)
    assert "y" * 33 + "…  RSA 2048" in lines[1]
