"""Every chain in fixtures/chains: which findings speak, which keep silent, and what mends it."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from probe.model import Endpoint, Finding, Observation, Repair, Stage
from probe.pki import anchors, pem
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.pki.repair import repair
from probe.rules import judge
from probe.rules.case import Case

CHAINS = Path(__file__).parents[2] / "fixtures/chains"
CASES = sorted(CHAINS.glob("*/case.toml"))


def ders(path: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file beside the case; () where there is none."""
    return pem.certificates(path.read_bytes()) if path.exists() else ()


def examine(path: Path) -> tuple[dict[str, Any], tuple[Finding, ...], Repair | None]:
    """The case, its findings, and its repair."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    at = case["now"].astimezone(UTC) if isinstance(case["now"], datetime) else datetime.fromisoformat(case["now"])
    presented = ders(path.with_name("sent.pem"))
    trusted = anchors.of([parse(der) for der in ders(path.with_name("anchors.pem"))], "the case's own", "2026-01-01")
    chain = build(
        [parse(der) for der in presented], trusted, Pool(dict.fromkeys(ders(path.with_name("pool.pem")), "p")), at
    )
    mending = repair(chain, at, trusted)
    seen = Observation(Endpoint(None, None, 25), at, Stage.DONE, presented=presented)
    findings, _ = judge(Case(seen, at, chain, mending, case.get("name"), trusted.stores))
    return case, findings, mending


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.parent.name)
def test_a_case_has_its_findings(path: Path) -> None:
    """The findings are exactly those that the case names, with the confidence that it names."""
    case, findings, _ = examine(path)
    assert {finding.id for finding in findings} == set(case["findings"])
    assert {finding.id for finding in findings}.isdisjoint(case.get("silent", ()))
    if "confidence" in case:
        assert {f.confidence.value for f in findings if f.id == case["findings"][0]} == {case["confidence"]}
