"""Reports of made-up sweeps, and files of them."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace
from render.samples import GOOD, MISORDERED, MISSING, UNREACHABLE

from probe.model import Report, Severity
from probe.render.json import text
from probe.results.keeping import kept
from probe.results.row import row_of


def minor(report: Report) -> Report:
    """The report, with warnings in place of errors."""
    (endpoint,) = report.endpoints
    findings = tuple(replace(finding, severity=Severity.WARNING) for finding in endpoint.findings)
    return replace(report, endpoints=(replace(endpoint, findings=findings),))


LOOKS = {"ok": GOOD, "warning": minor(MISORDERED), "error": MISSING, "unreachable": UNREACHABLE}
"""Verdict → a report that has it."""


def named(report: Report, name: str) -> Report:
    """The report, as if it were that host's."""
    return replace(report, target=replace(report.target, name=name))


def sweep(path: Path, verdicts: dict[str, str]) -> Path:
    """Write a file of results: host → verdict."""
    with kept(str(path), force=True) as results:
        for name, verdict in verdicts.items():
            made = named(LOOKS[verdict], name)
            results.add(row_of(made), text([made]))
    return path
