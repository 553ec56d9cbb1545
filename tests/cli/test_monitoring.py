"""``--nagios`` on the command line: exit codes 0 to 3, and a line on stdout whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from render.test_nagios import parsed

from probe import cli
from probe.cli import main, mishap
from probe.demo.cases import case_of
from probe.demo.server import serving


@pytest.mark.parametrize(
    ("case", "state", "code"),
    [
        ("good", "OK", 0),
        ("expires-soon", "WARNING", 1),
        ("missing-intermediate", "CRITICAL", 2),
        ("connect-refused", "CRITICAL", 2),
        ("starttls-refused", "CRITICAL", 2),
    ],
)
def test_a_server_on_loopback(
    case: str, state: str, code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that refuses us did not do its work, and we did ours."""
    with serving(case_of(case), datetime.now(UTC)) as stand:
        roots = tmp_path / "roots.pem"
        roots.write_text("".join(root.pem for root in stand.act.anchors), encoding="ascii")
        words = [f"{stand.host}:{stand.port}", "--name", stand.name, "--no-fetch", "--nagios", "--warn-days", "20"]
        assert main([*words, "--trust", str(roots)]) == code
    out, err = capsys.readouterr()
    told, numbers = parsed(out)
    assert (told, err) == (state, "")
    assert numbers["errors"]["value"] == str(int(code == 2))
    assert 0 < float(numbers["time"]["value"]) < 60
    assert (numbers["handshake"]["value"] is not None) == (case in {"good", "expires-soon", "missing-intermediate"})


def test_a_file_can_be_watched_as_well(capsys: pytest.CaptureFixture[str]) -> None:
    """Every night, before the server reads it."""
    chain = Path(__file__).parents[2] / "fixtures/chains/good"
    words = ["file", str(chain / "sent.pem"), "--trust", str(chain / "anchors.pem"), "--at", "2026-11-01", "--nagios"]
    assert main([*words, "--name", "mx.example.test"]) == 0
    assert parsed(capsys.readouterr().out)[0] == "OK"


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--bogus",),
        ("bad..host",),
        ("mx.example.com", "--trust", "nowhere.pem"),
        ("mx.example.com", "--quiet"),
        ("mx.example.com", "--verbose"),
        ("mx.example.com", "--watch"),
        ("mx.example.com", "--save", "x"),
        ("--from", "nowhere.json"),
        ("--from", "nowhere|.json"),
    ],
)
def test_wrong_usage_is_unknown(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The guidelines want 3 and a line on stdout, where monitoring looks."""
    assert main([*words, "--nagios"]) == 3
    out, err = capsys.readouterr()
    assert out.startswith("SMTP-CHAINCHECK UNKNOWN - ")
    assert (out.count("\n"), "|" in out, err) == (1, False, "")


def test_json_goes_before(capsys: pytest.CaptureFixture[str]) -> None:
    """It promised one document."""
    assert main(["mx.example.com", "--nagios", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith('{"schema"')
    assert "--nagios and --json contradict each other" in err


def test_a_host_of_that_name_is_none_of_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    """Behind "--" words are hosts."""
    assert main(["--", "bad..host", "--nagios"]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("end", [KeyboardInterrupt(), ZeroDivisionError("a|b")])
def test_what_kept_us_from_it_is_unknown(
    end: BaseException, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug of ours, an interruption."""

    def fail(_: list[str]) -> int:
        raise end

    monkeypatch.setattr(cli, "_verb", fail)
    assert main(["mx.example.com", "--nagios"]) == mishap.UNKNOWN
    assert capsys.readouterr().out.startswith("SMTP-CHAINCHECK UNKNOWN - ")
