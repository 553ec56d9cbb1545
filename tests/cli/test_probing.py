from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from msgspec.structs import replace
from render.samples import GOOD, HOSTILE, MISSING, REFUSED, UNREACHABLE

from probe import pipeline
from probe.cli import main
from probe.judgement import Options
from probe.model import Report, Severity, Target
from probe.net.known import Known


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, Report]:
    """Host → report: what probes find in this test, without a network."""
    known: dict[str, Report] = {}

    async def probe_host(target: Target, options: Options, _: Known | None = None) -> Report:
        assert options.network
        return replace(known[target.name], target=target, fail_on=options.fail_on)

    monkeypatch.setattr(pipeline, "probe_host", probe_host)
    return known


@pytest.mark.parametrize(
    ("reports", "code"),
    [
        ((GOOD,), 0),
        ((MISSING,), 1),
        ((UNREACHABLE,), 3),
        ((REFUSED,), 1),
        ((GOOD, GOOD), 0),
        ((GOOD, MISSING), 1),
        ((UNREACHABLE, GOOD), 0),
        ((UNREACHABLE, MISSING), 1),
        ((UNREACHABLE, UNREACHABLE), 3),
    ],
)
def test_the_exit_code(answers: dict[str, Report], reports: tuple[Report, ...], code: int) -> None:
    """Several hosts: 3 if none could be examined, else the worst of 0 and 1."""
    answers |= {f"mx{n}": report for n, report in enumerate(reports)}
    assert code == main([*answers, "--trust", "none", "--quiet"])


def test_warnings_may_pass(answers: dict[str, Report]) -> None:
    """``--fail-on error`` looks at errors alone."""
    finding = replace(MISSING.endpoints[0].findings[0], severity=Severity.WARNING)
    answers["mx"] = replace(MISSING, endpoints=(replace(MISSING.endpoints[0], findings=(finding,)),))
    assert main(["mx", "--trust", "none"]) == 1
    assert main(["mx", "--trust", "none", "--fail-on", "error"]) == 0


def test_reports_come_in_order_with_air_between(answers: dict[str, Report], capsys: pytest.CaptureFixture[str]) -> None:
    """The first begins at the first line."""
    answers |= {"a.example": GOOD, "b.example": UNREACHABLE}
    assert main(["a.example", "b.example", "--trust", "none"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("✓ a.example:25 — the chain is right\n\n")
    assert "\n\n✗ b.example:25 — " in out


def test_every_host_is_read_before_any_is_probed(answers: dict[str, Report]) -> None:
    """A typing error in the last one costs no waiting."""
    assert main(["a.example", "b..example", "--trust", "none"]) == 2
    assert answers == {}


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (UNREACHABLE, "the server presented no certificates to us"),
        (replace(UNREACHABLE, endpoints=()), "the server presented no certificates to us"),
        (replace(GOOD, endpoints=(replace(GOOD.endpoints[0], repair=None),)), "no certificate of the server itself"),
        (HOSTILE, r"\x1b]0;owned"),
    ],
)
def test_without_a_mended_chain_nothing_is_written_and_it_is_said_why(
    answers: dict[str, Report],
    report: Report,
    sentence: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The exit code is that of the report."""
    answers["mx"] = report
    place = tmp_path / "chain.pem"
    assert report.exit_code == main(["mx", "--trust", "none", "--write-chain", str(place)])
    told = " ".join(capsys.readouterr().err.split())
    assert "was not written: " in told
    assert sentence in told
    assert not place.exists()


def test_a_file_that_cannot_be_written_in_the_end_is_said(
    answers: dict[str, Report], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report stands on stdout all the same, and the others are written."""
    answers["mx"] = GOOD
    monkeypatch.chdir(tmp_path)

    place = tmp_path / "seen.json"

    async def appear(target: Target, *_: object) -> Report:
        place.write_text("theirs")
        return replace(GOOD, target=target)

    monkeypatch.setattr(pipeline, "probe_host", appear)
    assert main(["mx", "--trust", "none", "--save", "seen.json", "--write-chain", "chain.pem"]) == 2
    out, err = capsys.readouterr()
    assert "the chain is right" in out
    assert "seen.json exists already." in err
    assert "Wrote chain.pem" in err


def test_a_chain_that_leads_nowhere_is_written_with_a_warning(
    answers: dict[str, Report], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said before the report."""
    endpoint = GOOD.endpoints[0]
    assert endpoint.chain
    answers["mx"] = replace(GOOD, endpoints=(replace(endpoint, chain=replace(endpoint.chain, path=None)),))
    main(["mx", "--trust", "none", "--write-chain", str(tmp_path / "chain.pem")])
    assert "\nBut it leads to no root in the store used: " in capsys.readouterr().err


def test_a_finding_without_a_page_is_shown_by_its_id(
    answers: dict[str, Report], capsys: pytest.CaptureFixture[str]
) -> None:
    """A page that is lacking is no reason to fail."""
    finding = replace(MISSING.endpoints[0].findings[0], id="brand-new")
    answers["mx"] = replace(MISSING, endpoints=(replace(MISSING.endpoints[0], findings=(finding,)),))
    assert main(["mx", "--trust", "none", "--quiet"]) == 1
    assert capsys.readouterr().out == "✗ mx:25 — brand-new\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_it_is_told_what_is_known(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    """Ctrl-C, and the signal of timeout(1) and of service managers; --json is one document still."""

    async def probe_host(_: Target, __: Options, known: Known) -> Report:
        known.add((0, 0, 0), MISSING.endpoints[0].observation)
        known.waiting[0, 1, 0] = "mx.example.test at 127.0.0.2:25"
        signal.raise_signal(number)
        await asyncio.sleep(20)
        raise AssertionError

    monkeypatch.setattr(pipeline, "probe_host", probe_host)
    assert main(["mx.example.test", "--trust", "none", "--json"]) == 130
    out, err = capsys.readouterr()
    assert json.loads(out)["left_out"] == ["mx.example.test at 127.0.0.2:25"]
    assert "Interrupted before the end; the report holds" in err
