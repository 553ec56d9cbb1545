"""How a sweep, as a process, ends before its end: killed, interrupted, without room, resolver or descriptors."""

from __future__ import annotations

import json
import random
import resource
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from cli.crowd import HASTY, LONGEST, begun, crowd, ended, kept, listed, swept
from net.fake_dns import Says, Zone, resolver
from shared import share

from probe.results.seen import Seen

pytestmark = pytest.mark.unmeasured
KILLS = 20
QUIET = ("--quiet", "--ehlo", "probe.example")


def until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something to be so, or for the end of the process."""
    ends = time.monotonic() + LONGEST
    while not true() and process.poll() is None:
        assert time.monotonic() < ends
        time.sleep(0.002)


def asleep(number: int) -> bool:
    """Tell whether a process waits for something, for a tenth of a second on end."""
    seen = set[str]()
    for _ in range(10):
        time.sleep(0.01)
        seen.add(Path(f"/proc/{number}/stat").read_text(encoding="ascii").rpartition(") ")[2][0])
    return seen == {"S"}


def limited(octets: int) -> None:
    """Let no file of this process be larger."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, octets))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["results.jsonl", "results.db"])
def test_twenty_kills_lose_nothing(name: str, tmp_path: Path) -> None:
    """Every target is there once; who was in the results is not called again, and no more than the flight is lost."""
    chance, results, concurrency = random.Random(name), tmp_path / name, 12  # noqa: S311 -- moments of a test
    with crowd(300, 3, delay=0.02) as here:
        words = (*listed(here, tmp_path), *QUIET, "--concurrency", concurrency, "-o", results, "--resume")
        for _ in range(KILLS):
            before, done = Counter(here.connections), set(kept(results))
            process = begun(*words)
            wanted = before.total() + chance.randrange(1, 14)
            until(lambda goal=wanted: here.connections.total() >= goal, process)  # type: ignore[misc]
            time.sleep(chance.random() * 0.02)
            process.kill()
            process.communicate(timeout=LONGEST)
            called = here.connections - before
            assert process.returncode == -signal.SIGKILL
            assert not called.keys() & done
            assert max(called.values()) == 1
            lost = called.keys() - set(kept(results))
            assert len(lost) <= 2 * concurrency
        before, done = Counter(here.connections), set(kept(results))
        code, out, err = swept(*words)
        assert (code, out) == (1, "")
        assert "Traceback" not in err
        assert (here.connections - before).keys() == set(here.addresses) - done
        assert sorted(kept(results)) == sorted(here.addresses)
    assert 300 < here.connections.total() <= 300 + KILLS * 2 * concurrency


@pytest.mark.parametrize("number", share([signal.SIGTERM, signal.SIGINT], 2))
def test_an_interrupted_sweep_says_how_to_go_on(number: int, tmp_path: Path) -> None:
    """What was done is whole, and summed up."""
    results, page = tmp_path / "my results.jsonl", tmp_path / "page.html"
    with crowd(120, delay=0.05) as here:
        words = (*listed(here, tmp_path), "--concurrency", 8, "-o", results, "--summary", page)
        process = begun(*words)
        until(lambda: len(kept(results)) >= 10, process)
        process.send_signal(number)
        code, out, err = ended(process)
        done = kept(results)
        assert code == 130
        said, _, command = err.partition("this goes on from there: ")
        assert said.endswith("Interrupted before the end. What was done is kept; ")
        assert "Traceback" not in err
        assert 10 <= len(done) < 120
        assert f"{len(done)} targets" in out
        assert "no-starttls" in page.read_text(encoding="utf-8")
        program, verb, *again = shlex.split(command)
        assert (program, verb) == ("smtp-chaincheck", "sweep")
        code, _, err = swept(*again)
    assert (code, "Interrupted" in err) == (1, False)
    assert sorted(kept(results)) == sorted(here.addresses)


def test_a_silent_pipe_does_not_hold_an_interrupted_sweep(tmp_path: Path) -> None:
    """Nobody ends the pipe; the sweep ends all the same, before and after its first target."""
    results = tmp_path / "results.jsonl"
    with crowd(3) as here:
        process = begun("-", "--port", here.port, *HASTY, "--no-shuffle", "-o", results, stdin=subprocess.PIPE)
        assert process.stdin
        process.stdin.write("".join(f"{address}\n" for address in here.addresses))
        process.stdin.flush()
        until(lambda: len(kept(results)) == 3, process)
        process.send_signal(signal.SIGINT)
        code = process.wait(10)
        _, _, err = ended(process)
    assert code == 130
    assert "Interrupted before the end." in err


def test_a_pipe_that_never_says_anything_can_be_left(tmp_path: Path) -> None:
    """Ctrl-C while the first line is waited for."""
    process = begun("-", *HASTY, "-o", tmp_path / "results.jsonl", stdin=subprocess.PIPE)
    until(lambda: asleep(process.pid), process)
    process.send_signal(signal.SIGINT)
    code = process.wait(10)
    assert "Traceback" not in ended(process)[2]
    assert code == 130


@pytest.mark.parametrize("name", share(["results.db", "results.jsonl"], 2))
def test_a_full_disk_is_said_and_gone_on_from(name: str, tmp_path: Path) -> None:
    """The sweep ends with a sentence; with more room it goes on."""
    results = tmp_path / name
    with crowd(120) as here:
        words = (*listed(here, tmp_path), *QUIET, "-o", results)
        process = begun(*words, preexec_fn=lambda: limited(200_000))
        code, _, err = ended(process)
        done = kept(results)
        assert code == 2
        assert f"{results.name} cannot be written any more: " in err.replace(str(tmp_path) + "/", "")
        assert "--resume goes on" in err
        assert "Traceback" not in err
        assert 0 < len(done) < 120
        before = Counter(here.connections)
        assert swept(*words, "--resume")[0] == 1
        assert not (here.connections - before).keys() & set(done)
    assert sorted(kept(results)) == sorted(here.addresses)


def test_a_device_without_room_is_said(tmp_path: Path) -> None:
    """/dev/full, as the file of results and as standard output."""
    with crowd(5) as here, Path("/dev/full").open("w", encoding="utf-8") as full:
        words = (*listed(here, tmp_path), *QUIET)
        named = swept(*words, "-o", "/dev/full")
        stdout = ended(begun(*words, stdout=full))
    assert (named[0], stdout[0]) == (2, 2)
    full_already = "/dev/full cannot be written any more: No space left on device. It is no file: nothing can go on."
    assert " ".join(named[2].split()) == full_already
    assert stdout[2] == (
        "Standard output cannot be written any more: No space left on device. Nothing can go on from there: "
        "with -o FILE, --resume could."
    )


def test_a_table_without_room_is_said(tmp_path: Path) -> None:
    """At its first line, and later on; the results are no worse for it."""
    with crowd(20) as here:
        words = (*listed(here, tmp_path), *QUIET, "--concurrency", 1)
        at_once = swept(*words, "-o", tmp_path / "r.jsonl", "--csv", "/dev/full", "--force")
        later = ended(
            begun(*words, "-o", "/dev/null", "--csv", "t.csv", cwd=tmp_path, preexec_fn=lambda: limited(1000))
        )
    assert at_once[::2] == (2, "/dev/full cannot be written: No space left on device.\n")
    assert later[0] == 2
    assert later[2].startswith("t.csv cannot be written any more: File too large. What was done is kept;")
    assert 0 < here.connections.total() < 20


def test_a_temporary_folder_without_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen already is kept there."""

    def full(*_: object) -> bool:
        raise OSError("The temporary folder cannot be written (full).")

    monkeypatch.setattr(Seen, "add", full)
    (tmp_path / "list.txt").write_text("".join(f"host{n}.invalid\n" for n in range(1000)), encoding="utf-8")
    code, _, err = swept(tmp_path / "list.txt", *QUIET, "-o", tmp_path / "results.jsonl")
    assert code == 2
    assert " ".join(err.split()) == "The temporary folder cannot be written (full)."


@pytest.mark.parametrize("name", share(["results.jsonl", "results.db"], 2))
def test_a_folder_that_is_removed_is_noticed(name: str, tmp_path: Path) -> None:
    """What is written into a file without a name is lost."""
    folder = tmp_path / "results"
    folder.mkdir()
    with crowd(200, delay=0.02) as here:
        process = begun(*listed(here, tmp_path), *QUIET, "--concurrency", 8, "-o", folder / name)
        until(lambda: len(kept(folder / name)) >= 5, process)
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
        code, _, err = ended(process)
    assert code == 2
    assert f"{name} cannot be written any more: " in err
    assert "Traceback" not in err
    assert here.connections.total() < 200


def test_a_reader_that_has_enough_ends_the_sweep(tmp_path: Path) -> None:
    """``sweep … | head -1``: quietly, and without calling the rest."""
    with crowd(200, delay=0.02) as here, begun(*listed(here, tmp_path), *QUIET, "--concurrency", 8) as process:
        assert process.stdout
        assert process.stderr
        first = process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
    assert json.loads(first)["schema"] == "smtp-chaincheck/1"
    assert (process.returncode, err) == (141, "")
    assert here.connections.total() < 100


def test_a_resolver_that_dies_ends_the_sweep_and_not_the_hosts(tmp_path: Path) -> None:
    """Nobody is called unresolvable for our resolver's sake; when it is back, the sweep goes on."""
    results = tmp_path / "results.jsonl"
    names = [f"host{n}.example.test" for n in range(60)]
    with crowd(60, delay=0.02) as here:
        zone = {f"{name} A": address for name, address in zip(names, here.addresses, strict=True)}
        (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
        with resolver(zone) as first:
            words = (tmp_path / "list.txt", "--port", here.port, *HASTY, *QUIET, "--concurrency", 2, "-o", results)
            process = begun(*words, *first.words)
            until(lambda: len(kept(results)) >= 8, process)
            port = first.port
        code, _, err = ended(process)
        done = kept(results)
        assert code == 2
        assert "The resolver answers no more: " in err
        assert "What was done is kept; this goes on from there: smtp-chaincheck sweep --resume " in err
        assert 8 <= len(done) < 60
        assert all("no-starttls" in line for line in results.read_text(encoding="utf-8").splitlines())
        with resolver(zone, port=port) as again:
            assert swept(*words, *again.words, "--resume")[0] == 1
    assert sorted(kept(results)) == sorted(names)


def test_a_resolver_that_says_no_ends_nothing(tmp_path: Path) -> None:
    """One name that has no answer is that name's trouble."""
    results = tmp_path / "results.jsonl"
    with crowd(2) as here:
        zone: Zone = {
            "good.test A": here.addresses[0],
            "broken.test": Says(rcode="SERVFAIL"),
            "also.test A": here.addresses[1],
        }
        (tmp_path / "list.txt").write_text("good.test\nbroken.test\nalso.test\nnone.test\n", encoding="utf-8")
        with resolver(zone) as names:
            code, _, err = swept(
                tmp_path / "list.txt", "--port", here.port, *HASTY, *QUIET, *names.words, "-o", results
            )
    assert (code, err) == (1, "")
    assert sorted(kept(results)) == ["also.test", "broken.test", "good.test", "none.test"]


def descriptors(soft: int, hard: int) -> Callable[[], None]:
    """Let a process open no more."""
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_few_descriptors_make_a_smaller_crowd(tmp_path: Path) -> None:
    """``ulimit -n 100`` is told, and kept within; where only the soft limit is low, it is raised in silence."""
    results = tmp_path / "results.jsonl"
    with crowd(150, delay=0.05) as here:
        words = (*listed(here, tmp_path), *QUIET, "--concurrency", 500, "-o", results)
        code, _, err = ended(begun(*words, preexec_fn=descriptors(100, 100)))
        assert code == 1
        assert err == "At most 36 connections at a time: this system lets us open no more files (ulimit -n)."
        assert sorted(kept(results)) == sorted(here.addresses)
        assert here.most[""] == 36
        code, _, err = ended(begun(*words, "--force", preexec_fn=descriptors(100, 1000)))
        assert (code, err) == (1, "")
        assert here.most[""] > 100


def test_no_descriptors_in_the_middle_are_said(tmp_path: Path) -> None:
    """EMFILE is ours: nobody who was not called is called unreachable."""
    results = tmp_path / "results.jsonl"
    with crowd(150, delay=0.1) as here:
        words = (*listed(here, tmp_path), *QUIET, "--concurrency", 30, "-o", results)
        process = begun(*words)
        until(lambda: len(kept(results)) >= 5, process)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (20, 20))
        code, _, err = ended(process)
        assert code == 2
        assert err.startswith(
            "This computer can open no more connections: Too many open files. What was done is kept; this goes on from "
            "there: smtp-chaincheck sweep --resume "
        )
        assert all("no-starttls" in line for line in results.read_text(encoding="utf-8").splitlines())
        assert swept(*words, "--resume")[0] == 1
    assert sorted(kept(results)) == sorted(here.addresses)
