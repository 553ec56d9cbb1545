"""The purpose for which a certificate is judged: as a server's, as a client's, or as both."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.judgement import Options, report_of_certificates
from probe.model import Side
from probe.pki import anchors, pem
from probe.pki.certificate import parse

CHAINS = Path(__file__).parents[2] / "fixtures/chains"
BOTH = frozenset(Side)
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


def found(case: str, *sides: Side) -> set[str]:
    """The purposes that are missing where the chain of a case is judged for these sides."""
    roots = [parse(der) for der in pem.certificates((CHAINS / case / "anchors.pem").read_bytes())]
    options = Options(anchors=anchors.of(roots, "the case's own", "2026-01-01"), sides=frozenset(sides), fetch=False)
    report = report_of_certificates(pem.certificates((CHAINS / case / "sent.pem").read_bytes()), options, AT)
    return {finding.id for finding in report.endpoints[0].findings} & {"eku", "client-eku"}


@pytest.mark.parametrize(
    ("case", "sides", "expected"),
    [
        ("eku", (), {"eku"}),
        ("eku", (Side.SERVER,), {"eku"}),
        ("eku", (Side.CLIENT,), set()),
        ("eku", BOTH, {"eku"}),
        ("eku-both", BOTH, set()),
        ("eku-intermediate", (Side.CLIENT,), {"client-eku"}),
        ("eku-intermediate", BOTH, {"eku", "client-eku"}),
        ("good", (Side.SERVER,), set()),
    ],
)
def test_a_purpose_is_judged_for_the_side_that_needs_it(case: str, sides: tuple[Side, ...], expected: set[str]) -> None:
    """The purpose serverAuth is missed where the certificate serves a server, clientAuth where it serves a client."""
    assert found(case, *sides) == expected
