"""``diff`` of sweeps from the command line; tests/cli/diff.txt has that of single reports."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from render.samples import GOOD
from results.sweeps import LOOKS, sweep

from probe.cli import main
from probe.cli.comparing import FEW
from probe.render.json import text

TOP = Path(__file__).parents[2]
SCHEMA = json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))
MANY = dict.fromkeys((f"mx{n}.example.com" for n in range(FEW + 1)), "ok")
WORSE = MANY | dict.fromkeys((f"mx{n}.example.com" for n in range(25)), "error")
SCREEN = """\
101 targets before, 101 after, 101 in both.

✗ broke: 25
    mx0.example.com:25  + missing-intermediate
    mx1.example.com:25  + missing-intermediate
    mx10.example.com:25  + missing-intermediate
    mx11.example.com:25  + missing-intermediate
    mx12.example.com:25  + missing-intermediate
    mx13.example.com:25  + missing-intermediate
    mx14.example.com:25  + missing-intermediate
    mx15.example.com:25  + missing-intermediate
    mx16.example.com:25  + missing-intermediate
    mx17.example.com:25  + missing-intermediate
    mx18.example.com:25  + missing-intermediate
    mx19.example.com:25  + missing-intermediate
    mx2.example.com:25  + missing-intermediate
    mx20.example.com:25  + missing-intermediate
    mx21.example.com:25  + missing-intermediate
    mx22.example.com:25  + missing-intermediate
    mx23.example.com:25  + missing-intermediate
    mx24.example.com:25  + missing-intermediate
    mx3.example.com:25  + missing-intermediate
    mx4.example.com:25  + missing-intermediate
    … and 5 more (--verbose shows all)

findings of how many targets         before    after     came     went
  ✗ missing-intermediate                  0       25       25        0

by CA
    Example: broke 25

by software
    postfix: broke 25
"""


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A sweep in which all is well."""
    return sweep(tmp_path / "before.jsonl", MANY)


@pytest.fixture
def after(tmp_path: Path) -> Path:
    """The next one, in which 25 broke."""
    return sweep(tmp_path / "after.jsonl", WORSE)


def test_many_lines_are_compared_as_sweeps(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On the screen, all of it, and in short."""
    assert main(["diff", str(before), str(after)]) == 1
    assert capsys.readouterr().out == SCREEN
    assert main(["diff", str(before), str(after), "--verbose"]) == 1
    out = capsys.readouterr().out
    assert "more" not in out
    assert "mx9.example.com:25" in out
    assert main(["diff", str(before), str(after), "--quiet"]) == 1
    assert capsys.readouterr().out == "101 targets before, 101 after, 101 in both.\n✗ broke: 25\n"
    assert main(["diff", str(before), str(before)]) == 0
    assert capsys.readouterr().out.endswith("\n✓ nothing that matters has changed\n")


def test_as_a_document(before: Path, after: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With all targets, whatever their number."""
    assert main(["diff", str(before), str(after), "--json"]) == 1
    made = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert made["sweeps"]["counts"]["broke"] == len(made["sweeps"]["targets"]) == 25


def test_few_lines_are_compared_in_detail(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hundred are few; beside a database, one line is a sweep, too."""
    few = sweep(tmp_path / "few.jsonl", dict(list(MANY.items())[1:]))
    one = sweep(tmp_path / "one.jsonl", {"mx1.example.com": "error"})
    assert main(["diff", str(few), str(one), "--json"]) == 1
    assert "changes" in json.loads(capsys.readouterr().out)
    assert main(["diff", str(sweep(tmp_path / "one.db", {"mx1.example.com": "ok"})), str(one), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sweeps"]["counts"]["broke"] == 1


def test_a_report_over_many_lines_is_one_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever makes JSON readable does not make a sweep of it."""
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps(json.loads(text([GOOD])), indent=1), encoding="ascii")
    assert main(["diff", str(pretty), str(pretty), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []


def test_a_sweep_comes_through_a_pipe(before: Path, after: Path) -> None:
    """As standard input, and as a shell's <(command)."""
    path = {**os.environ, "PYTHONPATH": str(TOP)}
    words = f'"{sys.executable}" -m probe diff --json'
    for line in (f"cat after.jsonl | {words} before.jsonl -", f"{words} before.jsonl <(cat after.jsonl)"):
        ended = subprocess.run(["bash", "-c", line], check=False, cwd=before.parent, env=path, capture_output=True)
        assert ended.returncode == 1, ended.stderr
        assert json.loads(ended.stdout)["sweeps"]["counts"]["broke"] == 25
    assert after.exists()


def test_what_cannot_be_compared_is_said(
    before: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the name of the file, with exit code 2."""
    (tmp_path / "rubbish.jsonl").write_text(before.read_text(encoding="ascii") + "rubbish\n{}\n", encoding="ascii")
    (tmp_path / "half.db").write_bytes(b"SQLite format 3\0and no more")
    (tmp_path / "empty.jsonl").write_bytes(b"")
    for name, sentence in {
        "rubbish.jsonl": f"rubbish.jsonl: line {FEW + 2} is no report of a sweep.",
        "half.db": "half.db: cannot be read as a sweep: ",
        "empty.jsonl": "empty.jsonl: holds no report.",
        "absent.db": "absent.db cannot be read: No such file",
    }.items():
        assert main(["diff", str(before), str(tmp_path / name)]) == 2
        assert sentence in " ".join(capsys.readouterr().err.split())
    database = sweep(tmp_path / "one.db", {"mx": "ok"}).read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(database)))
    assert main(["diff", str(before), "-"]) == 2
    assert "standard input: it is a database, and has to be a file." in " ".join(capsys.readouterr().err.split())


def test_every_kind_fits_the_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """80 columns, with names as long as DNS has them."""
    long = ".".join(["m" * 60] * 4)
    hosts = [f"{was}-{now}.{long}" for was in LOOKS for now in LOOKS]
    old = {host: host.partition("-")[0] for host in hosts} | {"gone": "ok"}
    new = {host: host.partition(".")[0].partition("-")[2] for host in hosts} | {"new": "ok"}
    files = [sweep(tmp_path / name, verdicts) for name, verdicts in (("before.db", old), ("after.db", new))]
    assert main(["diff", *map(str, files), "--verbose"]) == 1
    out = capsys.readouterr().out
    for words in (
        "broke: 2",
        "got worse: 1",
        "answer any more: 3",
        "not in the second: 1",
        "mended: 2",
        "answers again: 3",
    ):
        assert words in out
    assert "new:25  is right\n" in out
    assert [line for line in out.splitlines() if len(line) > 80 and long not in line] == []


def test_numbers_are_written_as_in_a_sweep(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Thousands apart, and no comma."""
    monkeypatch.setattr("probe.results.compared.Compared.sizes", lambda _: (1234, 5678, 1000))
    files = [sweep(tmp_path / name, {"mx.example.com": "ok"}) for name in ("before.db", "after.db")]
    assert main(["diff", *map(str, files)]) == 0
    assert capsys.readouterr().out.startswith("1 234 targets before, 5 678 after, 1 000 in both.\n")
