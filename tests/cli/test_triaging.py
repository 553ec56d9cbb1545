"""``triage`` and ``explain`` where a script cannot show it: standard input, progress, the probe, bad streams."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from render.samples import GOOD, MISSING, UNREACHABLE

from probe import pipeline
from probe.cli import main, triaging
from probe.judgement import Options
from probe.model import Report, Stage, Target
from probe.net.known import Known

EXPIRED = "Nov 23 07:36:{:02} mx postfix/smtp[{}]: certificate verification failed for {}: certificate has expired\n"
LOG = EXPIRED.format(1, 1, "mx.example.net[192.0.2.25]:25")
LOG_587 = EXPIRED.format(2, 2, "b.example.net[192.0.2.26]:587")
INCOMPLETE = LOG.replace("certificate has expired", "num=20:unable to get local issuer certificate")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], None]:
    """Puts bytes on standard input."""

    def put(raw: bytes) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw), encoding="ascii", errors="strict"))

    return put


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Report]:
    """Host → what a probe of it finds, without a network; hosts that were probed move to the end, with their target."""
    known: dict[str, Report] = {}

    async def probe_host(target: Target, options: Options, _: Known | None = None) -> Report:
        assert options.network
        report = replace(known.pop(target.name), target=target)
        known[target.name] = report
        return report

    monkeypatch.setattr(pipeline, "probe_host", probe_host)
    return known


@pytest.fixture
def log(tmp_path: Path) -> str:
    """A file with one problem."""
    path = tmp_path / "mail.log"
    path.write_text(LOG, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_standard_input_is_triaged(
    typed: Callable[[bytes], None], capsys: pytest.CaptureFixture[str], pack: Callable[[bytes], bytes]
) -> None:
    """As ``journalctl | smtp-chaincheck triage -``, packed or not."""
    typed(pack(LOG.encode()))
    assert main(["triage", "-"]) == 1
    assert "\n  standard input, line 1, 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raw", "code", "said"),
    [
        (b"certificate has expired \xff\xfe", 0, "[expired]"),
        (b"  \n", 1, "no explanation"),
        (b"", 1, "no explanation"),
        (b"20\n", 0, "[issuer-unknown]"),
    ],
)
def test_standard_input_is_explained(
    typed: Callable[[bytes], None], capsys: pytest.CaptureFixture[str], raw: bytes, code: int, said: str
) -> None:
    """Whatever bytes it has; nothing is no wish for the list."""
    typed(raw)
    assert main(["explain", "-"]) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["triage", "explain"])
def test_a_closed_standard_input_is_an_empty_one(monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    """As ``<&-`` leaves it."""
    monkeypatch.setattr("sys.stdin", None)
    assert main([verb, "-"]) == (0 if verb == "triage" else 1)


@pytest.mark.parametrize("words", [["triage", "--help"], ["explain", "--help"]])
def test_help_tells_the_exit_codes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """And is an answer."""
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "exit codes:" in out
    assert max(map(len, out.splitlines())) <= 80


def test_with_json_stdout_is_one_document(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where a file is missing, alone or beside others, and where it is a folder."""
    for words, code in (([log], 1), ([f"{log}.1"], 2), ([log, f"{log}.1"], 2), ([str(Path(log).parent)], 2)):
        assert main(["triage", "--json", *words]) == code
        out, _ = capsys.readouterr()
        assert json.loads(out)["exit_code"] == code


def test_what_was_not_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the screen and in the document, and it is no mistake of the command line."""
    path = tmp_path / "mail.log"
    path.write_bytes(b"x" * 100_000)
    assert main(["triage", str(path)]) == 0
    assert "longer than 64 KiB" in " ".join(capsys.readouterr().out.split())
    assert main(["triage", "--json", str(path)]) == 0
    assert len(json.loads(capsys.readouterr().out)["notes"]) == 1


def test_problems_beyond_the_cap_are_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the document too."""
    monkeypatch.setattr("probe.triage.groups.GROUPS", 1)
    path = tmp_path / "mail.log"
    path.write_text(LOG + "Nov 23 07:36:09 mx postfix/smtp[9]: no shared cipher\n", encoding="utf-8")
    assert main(["triage", "--json", str(path)]) == 1
    assert json.loads(capsys.readouterr().out)["notes"] == ["1 messages of further problems."]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (GOOD, "The probe sees no fault there now: it was mended since"),
        (MISSING, "The probe sees other faults now, and not that one."),
        (UNREACHABLE, "The server could not be examined now"),
    ],
)
def test_the_message_proposes_and_the_probe_decides(
    asked: dict[str, Report], log: str, capsys: pytest.CaptureFixture[str], report: Report, expected: str
) -> None:
    """Whether both agree stands above the report of the server, and below what the text says."""
    asked["mx.example.net"] = report
    assert main(["triage", log, "--probe", "--trust", "none"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert f"mx.example.net was probed because a message says: A certificate has expired. {expected}" in out
    assert out.index("[expired]") < out.index("was probed because") < out.index("mx.example.net:25 —")


def test_the_probe_asks_each_server_once(
    asked: dict[str, Report], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the port of the text, and with the options of the command line; the document has the reports."""
    path = tmp_path / "mail.log"
    path.write_text(LOG_587 + LOG_587 + INCOMPLETE, encoding="utf-8")
    asked |= {"b.example.net": GOOD, "mx.example.net": MISSING}
    words = ["--probe", "--allow-private", "--trust", "none", "--no-fetch", "--timeout", "5", "--json", "--quiet"]
    assert main(["triage", str(path), *words]) == 1
    reports = json.loads(capsys.readouterr().out)["reports"]
    places = {(report["target"]["name"], report["target"]["port"]) for report in reports}
    assert places == {("b.example.net", 587), ("mx.example.net", 25)}


def test_a_name_that_leads_nowhere_is_probed_by_its_address(
    asked: dict[str, Report], log: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The text tells the address, and the certificate is judged against the name."""
    (endpoint,) = UNREACHABLE.endpoints
    nowhere = replace(endpoint, observation=replace(endpoint.observation, stage=Stage.DNS))
    asked |= {"mx.example.net": replace(UNREACHABLE, endpoints=(nowhere,)), "192.0.2.25": GOOD}
    assert main(["triage", log, "--probe", "--allow-private", "--trust", "none", "--json"]) == 1
    (report,) = json.loads(capsys.readouterr().out)["reports"]
    assert report["target"]["name"] == "192.0.2.25"
    assert list(asked) == ["mx.example.net", "192.0.2.25"]


def test_a_server_is_not_probed_for_what_is_no_failure(asked: dict[str, Report], tmp_path: Path) -> None:
    """Nor for a server's own log, which does not tell by which name it is asked."""
    path = tmp_path / "mail.log"
    path.write_text(
        "Nov 23 07:36:03 mx postfix/smtp[3]: Untrusted TLS connection established to a.example.net[192.0.2.1]:25:\n"
        "Nov 23 07:36:04 mx postfix/smtpd[4]: SSL_accept error from b.example.net[192.0.2.2]: lost connection\n",
        encoding="utf-8",
    )
    assert main(["triage", str(path), "--probe", "--trust", "none"]) == 1
    assert asked == {}


def test_many_servers_are_not_all_probed(
    asked: dict[str, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log of a provider has thousands."""
    monkeypatch.setattr(triaging, "PROBES", 1)
    path = tmp_path / "mail.log"
    path.write_text(LOG + INCOMPLETE.replace("mx.example.net", "c.example.net"), encoding="utf-8")
    asked |= {"mx.example.net": GOOD}
    assert main(["triage", str(path), "--probe", "--trust", "none"]) == 1


@pytest.mark.parametrize("words", [["--port", "x"], ["--timeout", "-1"], ["--trust", "mozila"], ["--bogus"]])
def test_options_of_the_probe_are_those_of_a_probe(
    log: str, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    """And a mistake in them is told as there."""
    assert main(["triage", log, "--probe", *words]) == 2
    assert words[0] in capsys.readouterr().err


def test_progress_is_drawn_on_a_terminal_alone(log: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error stays clean in a pipe."""
    main(["triage", log])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("place", ["[127.0.0.1]:25", "mx.example.net[192.0.2.25]:6379"])
def test_a_text_leads_nobody_where_mail_servers_are_not(place: str, asked: dict[str, Report], tmp_path: Path) -> None:
    """Whoever wrote it may want us to knock there: a private address, a port of something else."""
    path = tmp_path / "mail.log"
    path.write_text(
        f"Nov 23 07:36:03 mx postfix/smtp[3]: SSL_connect error to {place}: lost connection\n", encoding="utf-8"
    )
    assert main(["triage", str(path), "--probe"]) == 1
    assert asked == {}
