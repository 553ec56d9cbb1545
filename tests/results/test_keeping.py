"""Files of results, of both kinds: what is added stays, whatever happens, and nothing of anybody else's is touched."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import random
import resource
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest
from render.samples import GOOD, MISSING
from results.sweeps import named, sweep
from shared import share

from probe.render.json import document, text
from probe.results.database import Tables
from probe.results.file import KeepingError
from probe.results.keeping import kept
from probe.results.lines import Lines
from probe.results.row import row_of, row_of_document

TOP = Path(__file__).parents[2]
BOTH = pytest.mark.parametrize("name", ["results.jsonl", "results.db"])
KILLS = 20
HOSTS = ["mx0.example.com", "mx1.example.com", "mx2.example.com"]


def keys(path: Path) -> list[str]:
    """The hosts in a file of results."""
    with kept(str(path), resume=True) as results:
        return [key.split()[1] for key in results.keys()]  # noqa: SIM118 -- no mapping


@pytest.fixture(params=["results.jsonl", "results.db"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of results of each kind, with three hosts in it."""
    return sweep(tmp_path / request.param, dict.fromkeys(HOSTS, "ok"))


def test_what_was_added_is_read_back(path: Path) -> None:
    """In its order, and as it is counted when it is fresh."""
    with kept(str(path), resume=True) as results:
        made = named(MISSING, "new.example.com")
        results.add(row_of(made), text([made]))
        wanted = [*(named(GOOD, host) for host in HOSTS), made]
        assert list(results.rows()) == [row_of_document(document(report)) for report in wanted]
        assert results.told == ()
    assert keys(path) == [*HOSTS, "new.example.com"]


def test_what_is_there_needs_a_word(path: Path) -> None:
    """Neither option: refused, and both are named; --force begins anew."""
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"holds results: --resume .* --force"):
        kept(str(path))
    assert path.read_bytes() == before
    with kept(str(path), force=True) as results:
        assert list(results.keys()) == []
    assert keys(path) == []


@BOTH
@pytest.mark.parametrize(
    "content",
    [b"mx.example.com\n", b'{"schema": "smtp-chaincheck/1", "reports": []}\n', b"{\n}\n", b"\0" * 4096, b"# list"],
)
@pytest.mark.parametrize("word", [{}, {"resume": True}, {"force": True}])
def test_what_is_not_ours_is_never_touched(name: str, content: bytes, word: dict[str, bool], tmp_path: Path) -> None:
    """A list of targets, a document of another kind, a hole in the disk."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match="something else than results"):
        kept(str(path), **word)
    assert path.read_bytes() == content


@pytest.mark.parametrize("word", [{}, {"resume": True}, {"force": True}])
def test_a_database_of_something_else_is_never_touched(word: dict[str, bool], tmp_path: Path) -> None:
    """Nor one of ours in a version that we do not know."""
    foreign, later = tmp_path / "bookmarks.db", sweep(tmp_path / "later.db", {"mx": "ok"})
    with closing(sqlite3.connect(foreign)) as link:
        link.execute("CREATE TABLE report (key)")
    with closing(sqlite3.connect(later)) as link:
        link.execute("PRAGMA user_version = 2")
    for path in (foreign, later):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="something else than results"):
            kept(str(path), **word)
        assert path.read_bytes() == before


def test_a_damaged_database_is_said(tmp_path: Path) -> None:
    """As a clause."""
    path = sweep(tmp_path / "results.db", {f"mx{n}": "ok" for n in range(50)})
    with path.open("r+b") as stream:
        stream.seek(100)
        stream.write(b"\xff" * 4000)
    with pytest.raises(ValueError, match="cannot be used as a database: "):
        kept(str(path), resume=True)


@BOTH
def test_places_where_nothing_can_be_kept(name: str, tmp_path: Path) -> None:
    """Folders, links that lead nowhere, folders that are not there, no name, sockets."""
    (tmp_path / f"folder-{name}").mkdir()
    (tmp_path / f"link-{name}").symlink_to("nowhere")
    with closing(socket.socket(socket.AF_UNIX)) as listening:
        listening.bind(str(tmp_path / f"socket-{name}"))
        for place, clause in {
            f"folder-{name}": "is a folder",
            f"link-{name}": "leads nowhere",
            f"absent/{name}": "No such file",
            f"nul\0{name}": "is no name",
            f"socket-{name}": "cannot be written|is no file",
            f"{'x' * 300}{name}": "too long",
        }.items():
            with pytest.raises(ValueError, match=clause):
                kept(str(tmp_path / place))
    with pytest.raises(ValueError, match="is no name"):
        kept("")


def test_a_link_is_followed(path: Path) -> None:
    """And stays one."""
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path.name)
    sweep(link, {"new.example.com": "ok"})
    assert link.is_symlink()
    assert keys(path) == ["new.example.com"]


def test_two_sweeps_do_not_write_one_file(path: Path) -> None:
    """Whichever word the second says."""
    with kept(str(path), resume=True):
        for word in ({}, {"resume": True}, {"force": True}):
            with pytest.raises(ValueError, match="by another sweep"):
                kept(str(path), **word)
    assert keys(path) == HOSTS


def test_a_file_that_is_taken_away_is_noticed(path: Path) -> None:
    """With the next report, which would be lost."""
    results = kept(str(path), resume=True)
    path.unlink()
    with pytest.raises(KeepingError, match="somebody has removed it"):
        results.add(row_of(GOOD), text([GOOD]))
    results.close()


@contextmanager
def little_room() -> Iterator[None]:
    """Files may not grow beyond 256 KiB, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 10, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@BOTH
def test_a_full_disk_is_said_and_what_was_added_stays_whole(name: str, tmp_path: Path) -> None:
    """The file ends with the last report that was added, and when there is room again the sweep goes on."""
    path = tmp_path / name
    added: list[str] = []
    with little_room(), kept(str(path)) as results:
        with pytest.raises(KeepingError, match=r"cannot be written any more: .*--resume goes on"):
            fill(results, added)
        assert 3 < len(added) < 100
    assert keys(path) == added
    if path.suffix == ".jsonl":
        assert path.read_bytes().endswith(b"}\n")


def fill(results: Lines | Tables, added: list[str]) -> None:
    """Add reports for ever, and write down which."""
    for n in count():
        made = named(GOOD, f"mx{n}")
        results.add(row_of(made), text([made]))
        added.append(f"mx{n}")


def test_a_disk_that_is_full_at_the_beginning_is_no_bad_database(tmp_path: Path) -> None:
    """SQLite finds no room for the tables."""

    class Full(sqlite3.Connection):
        def execute(self, *words: object) -> sqlite3.Cursor:
            super().execute("PRAGMA max_page_count = 2")
            return super().execute(*words)  # type: ignore[arg-type]

    connect = sqlite3.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", lambda *words, **how: connect(*words, **how, factory=Full))
        with pytest.raises(ValueError, match=r"^cannot be written: No space left on device$"):
            kept(str(tmp_path / "r.db"))


def test_a_device_that_is_full() -> None:
    """/dev/full is written to, and says what a full disk says."""
    with kept("/dev/full") as results, pytest.raises(KeepingError, match="No space left") as told:
        results.add(row_of(GOOD), text([GOOD]))
    assert told.value.errno == errno.ENOSPC
    with pytest.raises(ValueError, match="cannot be gone on with"):
        kept("/dev/full", resume=True)


def test_a_pipe_whose_reader_is_gone(tmp_path: Path) -> None:
    """Whole lines as long as somebody reads; a pipe that nobody reads is not waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match="cannot be written"):
        kept(str(pipe))
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with kept(str(pipe)) as results:
        results.add(row_of(GOOD), text([GOOD]))
        assert os.read(reader, 1 << 20) == text([GOOD]).encode()
        assert list(results.keys()) == []
        os.close(reader)
        with pytest.raises(KeepingError, match="Broken pipe") as told:
            results.add(row_of(GOOD), text([GOOD]))
    assert told.value.errno == errno.EPIPE


def test_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    """Named "-"; it cannot be gone on with."""
    with kept("-") as results:
        results.add(row_of(GOOD), text([GOOD]))
        assert list(results.rows()) == []
    assert capfd.readouterr().out == text([GOOD])
    with pytest.raises(ValueError, match="--resume needs -o FILE"):
        kept("-", resume=True)


def test_a_last_line_torn_at_any_byte_is_cut_off(tmp_path: Path) -> None:
    """And that host alone is left to do."""
    path = sweep(tmp_path / "results.jsonl", dict.fromkeys(HOSTS, "error"))
    whole = path.read_bytes()
    start = whole.rindex(b"\n", 0, -1) + 1
    for end in share(range(start + 1, len(whole)), 8):
        path.unlink()
        path.write_bytes(whole[:end])
        with kept(str(path), resume=True) as results:
            assert results.told == ("its last line was not whole and was cut off",)
            assert path.read_bytes() == whole[:start]
    assert keys(path) == HOSTS[:2]


@pytest.mark.unmeasured
def test_a_first_line_torn_at_any_byte_is_cut_off(tmp_path: Path) -> None:
    """Nothing is left of it, and --force takes it as well."""
    path = tmp_path / "results.jsonl"
    whole = text([GOOD]).encode()
    for end in share(range(1, len(whole)), 8):
        for word in ({"resume": True}, {"force": True}):
            path.write_bytes(whole[:end])
            kept(str(path), **word).close()
            assert path.read_bytes() == b""
            path.unlink()


def test_a_line_that_ends_and_is_no_report_is_cut_off_at_the_end_alone(tmp_path: Path) -> None:
    """In the middle it is none of ours, and named."""
    path = sweep(tmp_path / "results.jsonl", dict.fromkeys(HOSTS, "ok"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, b"\0\0\0\n"]))
    assert keys(path) == HOSTS
    for rubbish in (b"\0\0\0\n", lines[1][:-2] + b"\n", b'{"schema": "smtp-chaincheck/1", "target": {}}\n', b"[]\n"):
        path.write_bytes(b"".join([lines[0], b"\n", rubbish, *lines[1:]]))
        with pytest.raises(ValueError, match="line 3 is no report"):
            keys(path)
        with kept(str(path), resume=True) as results, pytest.raises(ValueError, match="line 3 is no report"):
            list(results.rows())


def test_a_file_that_another_program_wrote_anew_is_read(tmp_path: Path) -> None:
    """Such as jq, which writes no spaces, or keys in another order."""
    path = sweep(tmp_path / "results.jsonl", dict.fromkeys(HOSTS, "ok"))
    documents = [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]
    path.write_text("".join(json.dumps(one, separators=(",", ":"), sort_keys=True) + "\n" for one in documents))
    assert keys(path) == HOSTS


def test_a_report_of_the_same_target_takes_the_place_of_the_older(tmp_path: Path) -> None:
    """With all that hangs on it; two ports are two targets."""
    path = sweep(tmp_path / "results.db", dict.fromkeys(HOSTS, "error"))
    with kept(str(path), resume=True) as results:
        made = named(GOOD, HOSTS[0])
        results.add(row_of(made), text([made]))
    with closing(sqlite3.connect(path)) as link:
        assert link.execute("SELECT count(*), sum(status = 'ok') FROM report").fetchone() == (3, 1)
        assert link.execute("SELECT count(*) FROM endpoint").fetchone() == (3,)
        assert link.execute("SELECT count(*) FROM finding WHERE report NOT IN (SELECT id FROM report)").fetchone() == (
            0,
        )
        assert link.execute("SELECT count(DISTINCT report) FROM finding WHERE severity = 'error'").fetchone() == (2,)


def test_a_finished_database_is_one_file_and_can_be_read_meanwhile(tmp_path: Path) -> None:
    """The log is gone with the last word; while a sweep runs, others read what is there."""
    path = tmp_path / "results.db"
    with kept(str(path)) as results:
        results.add(row_of(GOOD), text([GOOD]))
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as link:
            assert link.execute("SELECT count(*) FROM report").fetchone() == (1,)
            results.add(row_of(GOOD), text([GOOD]))
    assert [found.name for found in tmp_path.iterdir()] == ["results.db"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600


@BOTH
def test_twenty_sweeps_that_are_killed_lose_nothing_and_double_nothing(name: str, tmp_path: Path) -> None:
    """Each goes on where the last was ended by SIGKILL; every report that was added is there, once."""
    path, sample = tmp_path / name, tmp_path / "sample.json"
    sample.write_text(text([MISSING]), encoding="ascii")
    chance = random.Random(name)  # noqa: S311 -- the same moments each time
    added: list[str] = []
    for _ in share(range(KILLS), 4):
        more = written(path, sample, 10**6, chance)
        assert set(added).isdisjoint(more)
        added += more
        found = keys(path)
        assert len(found) == len(set(found))
        assert set(added) <= set(found)
        assert len(found) - len(added) <= KILLS
    hosts = len(keys(path)) + 5
    written(path, sample, hosts, None)
    assert sorted(keys(path)) == sorted(f"mx{n}.example.com" for n in range(hosts))
    with kept(str(path), resume=True) as results:
        assert sum(1 for _ in results.rows()) == hosts


def written(path: Path, sample: Path, hosts: int, chance: random.Random | None) -> list[str]:
    """Which hosts a writer says that it added; one with a ``chance`` is killed some milliseconds after its first."""
    words = [sys.executable, "-m", "results.writer", str(path), str(sample), str(hosts)]
    environment = {**os.environ, "PYTHONPATH": f"{TOP}{os.pathsep}{TOP / 'tests'}"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        fcntl.fcntl(child.stdout, 1031, 1 << 20)  # F_SETPIPE_SZ: it never waits for us
        first = child.stdout.readline()
        if chance:
            time.sleep(chance.uniform(0, 0.02))
            child.kill()
        return (first + child.stdout.read()).decode().split()
