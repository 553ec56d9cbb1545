from __future__ import annotations

import errno
import io
import json
import os
import resource
import subprocess
import sys
import warnings
from datetime import UTC, datetime
from pathlib import Path

import jsonschema
import pytest

from probe import cli
from probe.cli import main, mishap
from probe.cli.arguments import VERBS
from probe.demo.cases import CASES
from probe.demo.server import serving

TOP = Path(__file__).parents[2]
QUICK = 4.0
"""How many times the start of a bare Python --help and --version may take."""
TRIES = 5
UNNEEDED = {
    *("rich", "dns", "h11", "http", "sqlite3", "csv", "zstandard", "service_identity", "idna", "difflib", "tempfile"),
    *("shutil", "zipfile", "certifi", "importlib.resources", "importlib.metadata", "dataclasses", "multiprocessing"),
    *("probe.api", "probe.judge", "probe.message", "probe.documents", "probe.changes"),
    *(f"probe.rules.{name}" for name in ("ids", "file", "listen", "disk", "domain", "policy", "sts", "looks")),
    *(f"probe.wire.{name}" for name in ("programs", "sts", "saved", "sink")),
    *(f"probe.net.{name}" for name in ("answers", "packet", "http", "policy", "issuers", "listen", "hosts", "overlap")),
    *(f"probe.cli.{name}" for name in ("files", "chain_file", "identity", "outputs", "watching", "explaining")),
    *(f"probe.render.{name}" for name in ("terminal", "nagios", "html", "table")),
}
UNNEEDED_ROOMS = ("probe.demo", "probe.lists", "probe.results", "probe.triage")


def python(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    """Run this Python in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    return subprocess.run(  # type: ignore[call-overload,no-any-return]  # whatever run() takes
        [sys.executable, *words], check=False, capture_output="stdout" not in more, text=True, env=environment, **more
    )


@pytest.mark.parametrize("word", ["--help", "--version"])
def test_help_and_version_load_next_to_nothing(word: str) -> None:
    """No library, not even of ours beyond the command line; the stream is a pipe."""
    ask = (
        f"import sys; from probe.cli import main; main([{word!r}]);"
        "print(*sorted({name.split('.')[0] for name in sys.modules}), file=sys.stderr)"
    )
    loaded = set(python("-c", ask).stderr.split())
    assert "argparse" in loaded
    heavy = {"rich", "dns", "OpenSSL", "cryptography", "asyncio", "idna", "json", "dataclasses", "tomllib", "ssl"}
    assert loaded & heavy == set()


def test_one_host_loads_what_it_needs_and_looks_for_no_garbage() -> None:
    """Most of the time of one probe goes into imports: a library or a room that it does not need stays away."""
    ask = (
        "import gc, sys; sys.argv[1:] = {words}; from probe.cli import main; before = gc.get_stats(); main();"
        "ran = [now['collections'] - then['collections'] for now, then in zip(gc.get_stats(), before)];"
        "print(sum(ran), *sys.modules, file=sys.stderr)"
    )
    with serving(next(case for case in CASES if case.id == "untrusted-root"), datetime.now(UTC)) as stand:
        words = [stand.host, "--port", str(stand.port), "--name", stand.name, "--json", "--no-fetch"]
        ran = python("-c", ask.format(words=words))
    collected, *modules = ran.stderr.split()
    assert json.loads(ran.stdout)["status"] == "error"
    assert collected == "0"
    assert {"probe.rules.structure", "OpenSSL.SSL", "asyncio"} <= {*modules}
    assert UNNEEDED & {*modules} == set()
    assert [name for name in modules if name.startswith(UNNEEDED_ROOMS)] == []


@pytest.mark.parametrize("words", [(), *((verb,) for verb in VERBS)])
def test_help_fits_a_terminal(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """No line of any verb's help is wider than 80 columns."""
    assert main([*words, "--help"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if len(line) > 80] == []


def test_help_and_version_are_quick() -> None:
    """Within four times of ``python -c pass``, by processor time, which a busy machine does not stretch."""
    calls = {
        "pass": ("-c", "pass"),
        "--help": ("-c", "from probe.cli import main; main(['--help'])"),
        "--version": ("-c", "from probe.cli import main; main(['--version'])"),
    }
    best = dict.fromkeys(calls, float("inf"))
    for _ in range(TRIES):
        for name, words in calls.items():
            before = _spent_by_children()
            python(*words)
            best[name] = min(best[name], _spent_by_children() - before)
    assert best["--help"] <= QUICK * best["pass"]
    assert best["--version"] <= QUICK * best["pass"]


def _spent_by_children() -> float:
    """Seconds of processor time."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_module_can_be_run() -> None:
    """As ``python -m probe``."""
    ran = python("-m", "probe", "--version")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("smtp-chaincheck ")


@pytest.mark.parametrize("words", [("--help",), ("explain", "expired"), ("--bogus", "--json")])
def test_a_reader_that_goes_away_is_no_drama(words: tuple[str, ...]) -> None:
    """As ``head -1`` does: quiet, and the exit code of a broken pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    ran = python("-m", "probe", *words, stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (mishap.READER_GONE, "")


def test_a_full_disk_is_said() -> None:
    """It is no bug of ours."""
    with Path("/dev/full").open("w") as full:
        ran = python("-m", "probe", "--help", stdout=full, stderr=subprocess.PIPE)
    assert (ran.returncode, ran.stderr) == (2, "The output could not be written: no space is left.\n")


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_behind_a_mistake_is_no_traceback(stream: str) -> None:
    """The exit code is all that can still be told."""
    with Path("/dev/full").open("w") as full:
        other = "stderr" if stream == "stdout" else "stdout"
        ran = python("-m", "probe", "--json", "bad..host", **{stream: full, other: subprocess.PIPE})
    assert ran.returncode == 2
    assert "Traceback" not in (ran.stderr or "")


def test_closed_streams_disturb_nobody() -> None:
    """As a daemon starts us."""
    ran = python("-c", "import os; os.close(1); os.close(2); os.execl(%r, 'python', '-m', 'probe')" % sys.executable)  # noqa: UP031 -- braces below
    assert (ran.returncode, ran.stdout, ran.stderr) == (2, "", "")


def failing(monkeypatch: pytest.MonkeyPatch, mishap: BaseException) -> None:
    """Let every run of a verb end so."""

    def fail(_: list[str]) -> int:
        raise mishap

    monkeypatch.setattr(cli, "_verb", fail)


def test_an_interrupted_run_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One line and the exit code of a shell."""
    failing(monkeypatch, KeyboardInterrupt())
    assert main(["mx.example.com"]) == 130
    assert capsys.readouterr() == ("", "Interrupted before the end.\n")


def test_an_interrupted_run_leaves_a_document(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --json there is always one."""
    failing(monkeypatch, KeyboardInterrupt())
    assert main(["mx.example.com", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["exit_code"] == 130


def test_a_bug_of_ours_is_a_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names what and where, harmlessly."""

    def fail(_: object) -> None:
        raise ZeroDivisionError("\x1b[2J boo")

    monkeypatch.setattr("probe.cli.explaining.titles", lambda: fail(None))
    assert main(["explain"]) == 70
    told = capsys.readouterr().err
    assert told.startswith("This is a bug of ours, sorry: ZeroDivisionError at probe/cli/explaining.py:")
    assert r"\x1b[2J boo" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("code", [mishap.WRONG_USAGE, mishap.OUR_BUG, mishap.INTERRUPTED])
def test_every_way_to_end_without_a_report_keeps_the_contract(code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The document of an error validates whatever its exit code."""
    schema = json.loads((TOP / "probe/render/schema.json").read_text(encoding="utf-8"))
    mishap.tell("x", code, ("--json",))
    jsonschema.Draft202012Validator(schema).validate(json.loads(capsys.readouterr().out))


def test_a_bug_far_from_here_has_no_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a traceback there is a question mark."""
    assert mishap.tell_of(ValueError("x"), ()) == 70
    assert "ValueError at ?: x" in capsys.readouterr().err


def test_a_terminal_that_was_closed_ends_the_run_quietly() -> None:
    """Nobody is there to read of it."""
    assert mishap.tell_of(OSError(errno.EIO, "gone"), ()) == mishap.READER_GONE


def test_messages_are_wrapped_and_examples_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """80 columns in a pipe, the width of the screen on a terminal; what is indented stays as it is."""
    mishap.say(f"{'word ' * 30}\n  {'example ' * 20}")
    first, *rest, example = capsys.readouterr().err.splitlines()
    assert (len(first), len(rest), example) == (79, 1, f"  {'example ' * 20}")
    monkeypatch.setattr(sys.stderr, "fileno", lambda: 2)
    monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((60, 24)))
    mishap.say("word " * 30)
    assert {len(line) for line in capsys.readouterr().err.splitlines()} <= set(range(61))


def test_the_arguments_of_the_process_are_the_default(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the installed script calls it."""
    monkeypatch.setattr(sys, "argv", ["smtp-chaincheck", "--version"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("smtp-chaincheck ")


def test_absent_streams_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written then goes nowhere."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert main(["sweep"]) == 2
    sys.stdout.close()


def test_warnings_of_libraries_stay_away_unless_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """``python -W`` still shows them."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monkeypatch.setattr(sys, "warnoptions", ["error"])
        mishap.prepare_streams()
        with pytest.raises(UserWarning, match="odd"):
            warnings.warn("odd", UserWarning, stacklevel=1)
        monkeypatch.setattr(sys, "warnoptions", [])
        mishap.prepare_streams()
        warnings.warn("odd", UserWarning, stacklevel=1)


def test_streams_without_a_descriptor_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream of somebody's test has none, and nothing to reconfigure."""
    assert mishap.reader_gone() == mishap.READER_GONE
    assert mishap.tell_of(OSError(errno.ENOSPC, "full"), ("--json",)) == 2
    assert capsys.readouterr() == ("", "The output could not be written: no space is left.\n")


def test_streams_of_somebody_else_need_not_be_configurable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain StringIO has no encoding to change."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["--version"]) == 0
    assert stream.getvalue().startswith("smtp-chaincheck ")


def test_a_broken_pipe_ends_the_run_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever it breaks."""
    failing(monkeypatch, BrokenPipeError(errno.EPIPE, "gone"))
    assert main(["mx.example.com", "--json"]) == mishap.READER_GONE


def test_a_message_into_a_broken_pipe_ends_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there to read it."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "gone")

    monkeypatch.setattr(sys, "stderr", Gone())
    assert mishap.tell("x", 2, ()) == mishap.READER_GONE
