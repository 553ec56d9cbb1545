"""``--compare``: what is served against what lies on disk."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from forge import CAST, NAME, NOW, Forged, chain
from msgspec.structs import replace

from probe.judgement import Options, judged
from probe.model import Confidence, Endpoint, EndpointReport, Observation, OnDisk, Severity, Stage
from probe.pki import anchors
from probe.pki.certificate import parse

TRUSTED = anchors.of([parse(CAST.root.der)], "ours")
LEAF, UPPER, LOWER, ROOT = chain(2)
RENEWED = CAST.leaf(UPPER, **CAST.days(-1, 80))
RENEWED_ECDSA = CAST.leaf(UPPER, key="p256", **CAST.days(-1, 80))
OLDER = CAST.leaf(UPPER, **CAST.days(-200, 10))
OLDER_ECDSA = CAST.leaf(UPPER, key="p256", **CAST.days(-200, 10))
OTHER = CAST.leaf(UPPER, names=("other.example",), subject="CN=other.example")
WIDER = CAST.leaf(UPPER, names=(NAME, "more.example"), **CAST.days(-1, 80))
WARNING, INFO = Severity.WARNING, Severity.INFO
IS, LIKELY, MAY_BE = Confidence


def compared(served: Sequence[Forged], disk: Sequence[Forged], **changes: object) -> EndpointReport:
    """The report on a server that sends this, with that in its file."""
    seen = Observation(
        Endpoint(NAME, "127.0.0.1", 25, sni=NAME), NOW, Stage.DONE, presented=tuple(one.der for one in served)
    )
    lying = OnDisk("/etc/mx.pem", tuple(parse(one.der) for one in disk))
    options = replace(Options(anchors=TRUSTED, on_disk=lying, mta="postfix"), **changes)
    return judged(seen, options)


@pytest.mark.parametrize(
    ("disk", "case", "severity", "confidence"),
    [
        ((RENEWED, UPPER, LOWER), "not-reloaded", WARNING, LIKELY),
        ((WIDER, UPPER, LOWER), "not-reloaded", WARNING, LIKELY),
        ((UPPER, RENEWED, LOWER), "not-reloaded", WARNING, LIKELY),
        ((RENEWED_ECDSA, UPPER, LOWER), "not-reloaded", WARNING, MAY_BE),
        ((OLDER, UPPER, LOWER), "older", WARNING, IS),
        ((OLDER_ECDSA, UPPER, LOWER), "other-key", INFO, MAY_BE),
        ((OTHER, UPPER, LOWER), "another", WARNING, IS),
        ((LEAF, LOWER, UPPER), "listed", INFO, IS),
        ((LEAF, UPPER, LOWER, ROOT), "listed", INFO, IS),
        ((LEAF, UPPER), "listed", INFO, IS),
        ((LEAF,), "listed", INFO, IS),
        ((UPPER, LOWER), "no-leaf", INFO, IS),
    ],
)
def test_what_differs_has_its_story(
    disk: tuple[Forged, ...], case: str, severity: Severity, confidence: Confidence
) -> None:
    """The server sends leaf and intermediates; the file holds something else."""
    (finding,) = compared((LEAF, UPPER, LOWER), disk).findings
    assert (finding.id, finding.facts["case"]) == ("served-differs", case)
    assert (finding.severity, finding.confidence, finding.positions) == (severity, confidence, (0,))
    assert "/etc/mx.pem" in finding.summary
    assert "unknown" not in finding.summary
    assert ("$ postfix reload" in finding.fix) == (case == "not-reloaded")


def test_a_file_installed_without_its_chain_is_seen() -> None:
    """The leaf is the same, and what the file has behind it is not sent."""
    report = compared((LEAF,), (LEAF, UPPER, LOWER))
    (finding,) = [f for f in report.findings if f.id == "served-differs"]
    assert (finding.facts["case"], finding.facts["lacking"]) == ("unchained", '"Example I2", "Example I1"')
    assert (finding.severity, finding.confidence) == (WARNING, LIKELY)
    assert '"Example I2", "Example I1"' in finding.summary
    assert "$ postfix reload" in finding.fix


def test_what_is_served_as_it_lies_there_is_no_finding() -> None:
    """The report knows it, and knows whether anything was compared."""
    same = compared((LEAF, UPPER, LOWER), (LEAF, UPPER, LOWER))
    assert (same.findings, same.as_on_disk) == ((), True)
    assert compared((LEAF, UPPER, LOWER), (LEAF,)).as_on_disk is False
    assert compared((LEAF, UPPER, LOWER), (LEAF,), on_disk=None).as_on_disk is None


def test_without_a_list_nothing_is_compared_and_that_is_said() -> None:
    """It is skipped where a file was named, and no word is lost where none was."""
    lying = OnDisk("mx.pem", (parse(LEAF.der),))
    nothing = Observation(Endpoint(NAME, None, 25), NOW, Stage.CONNECT)
    report = judged(nothing, Options(anchors=TRUSTED, on_disk=lying))
    assert report.as_on_disk is None
    assert "served-differs" in [skipped.id for skipped in report.skipped]
    bare = judged(nothing, Options(anchors=TRUSTED))
    assert "served-differs" not in [skipped.id for skipped in bare.skipped]


def test_a_hostile_list_on_either_side_is_compared_as_it_is() -> None:
    """What is no certificate has no name, no dates, and no order."""
    broken = OnDisk("mx.pem", (parse(b"0\x03no"), parse(b"x")))
    seen = Observation(Endpoint(NAME, None, 25), NOW, Stage.DONE, presented=(LEAF.der, b"x"))
    report = judged(seen, Options(anchors=TRUSTED, on_disk=broken))
    (finding,) = [f for f in report.findings if f.id == "served-differs"]
    assert finding.facts["case"] == "another"
