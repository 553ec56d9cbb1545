"""``smtp-chaincheck sweep``: whom it calls and how often, what it reads, writes, says and returns."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import pty
import re
import subprocess
from collections import Counter
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cli.crowd import HASTY, LONGEST, TOP, addresses, command, crowd, kept, listed, network, swept
from cli.test_domain import MX1, MX2, ONE, TWO, VALIDATOR, place, server
from net.fake_dns import resolver

from probe.cli import main
from probe.cli.sweep_list import Wanted
from probe.lists import open_list
from probe.results.seen import Seen
from probe.targets import target_of

QUIET = ("--quiet", "--ehlo", "probe.example")
PATIENT = ("--allow-private", "--no-fetch", "--no-cache", "--trust", "none")
"""Words of a sweep with the manners that it has by itself."""


def a_list(folder: Path, text: str | bytes) -> str:
    """Write a list, and give its name."""
    path = folder / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def reports(out: str) -> list[Any]:
    """What stands on the lines, each as the schema wants it."""
    found = [json.loads(line) for line in out.splitlines()]
    for report in found:
        VALIDATOR.validate(report)
    return found


def named(out: str) -> list[str]:
    """The targets in their order."""
    return [report["target"]["name"] for report in reports(out)]


# --- manners


@pytest.mark.unmeasured
def test_an_operator_is_called_as_often_at_once_as_was_said(tmp_path: Path) -> None:
    """Two connections to a /24 at a time, one to an address, six in all; and a name that servers see."""
    with crowd(30, 3, delay=0.03) as here:
        words = (*listed(here, tmp_path, *(f"[{address}]" for address in here.addresses)), *QUIET)
        code, out, err = swept(*words, "--per-operator", 2)
    assert (code, err, len(out.splitlines())) == (1, "", 30)
    assert set(here.connections.values()) == {1}
    assert {here.most[network(address)] for address in here.addresses} == {2}
    assert here.most[""] == 6
    assert here.names == {"probe.example"}


def test_one_at_a_time_goes_to_an_address(tmp_path: Path) -> None:
    """Ports and protocols of one address are no reason to come twice at once."""
    with crowd(2, delay=0.05) as here:
        one = here.addresses[0]
        (tmp_path / "list.txt").write_text(f"{one}:{here.port}\nsubmission://{one}:{here.port}\n", encoding="utf-8")
        code, out, _ = swept(tmp_path / "list.txt", *HASTY, *QUIET)
    assert (code, len(out.splitlines())) == (1, 2)
    assert (here.connections[one], here.most[one]) == (2, 1)


def test_a_pause_lies_between_two_connections_to_an_operator(tmp_path: Path) -> None:
    """From the end of one to the begin of the next, with one place."""
    with crowd(5) as here:
        words = (listed(here, tmp_path)[0], "--port", here.port, *PATIENT, *QUIET, "--per-operator", 1, "--pause", 0.2)
        assert swept(*words)[0] == 1
    moments = [moment for moment, _ in here.moments]
    assert all(after - before >= 0.19 for before, after in pairwise(moments))


def test_a_rate_is_kept(tmp_path: Path) -> None:
    """Twenty a second, evenly spaced, though there is room for all at once."""
    with crowd(15, 15) as here:
        assert swept(*listed(here, tmp_path), *QUIET, "--rate", 20)[0] == 1
    moments = [moment for moment, _ in here.moments]
    assert moments[-1] - moments[0] >= 14 / 20 - 0.05
    assert all(later - moment >= 0.2 for moment, later in zip(moments, moments[5:], strict=False))


@pytest.mark.unmeasured
def test_no_more_than_the_concurrency_are_open(tmp_path: Path) -> None:
    """As many as was said, and not fewer where there is enough to do."""
    with crowd(40, 4, delay=0.03) as here:
        assert swept(*listed(here, tmp_path), *QUIET, "--concurrency", 5)[0] == 1
    assert here.most[""] == 5


def test_excluded_networks_are_never_called(tmp_path: Path) -> None:
    """They are in the results all the same, and say why."""
    with crowd(9, 3) as here:
        out_of_it = here.addresses[0]
        (tmp_path / "never").write_text(f"# asked us\n{network(out_of_it)}.0/24\n", encoding="utf-8")
        code, out, err = swept(*listed(here, tmp_path), *QUIET, "--exclude", tmp_path / "never")
    assert (code, "which is excluded. Such targets are not called" in " ".join(err.split())) == (1, True)
    assert {network(address) for address in here.connections} == {network(one) for one in here.addresses[1:3]}
    (report,) = [each for each in reports(out) if each["target"]["name"] == out_of_it]
    assert (report["endpoints"], report["status"]) == ([], "unreachable")
    assert "which is excluded" in report["left_out"][0]


def test_who_is_not_called_is_counted_apart(tmp_path: Path) -> None:
    """Also where the results of an earlier run are read back."""
    here = addresses(3)
    (tmp_path / "never").write_text(f"{here[0]}\n", encoding="utf-8")
    results = tmp_path / "r.jsonl"
    words = (a_list(tmp_path, "\n".join(here)), "-o", results, "--exclude", tmp_path / "never", "--ehlo", "h.example")
    for more in ((), ("--resume",)):
        code, out, _ = swept(*words, *more)
        assert code == 3
        assert "1   33.3%  not called: excluded" in out
        assert "2   66.7%  not called: loopback or private" in out
        assert "unreachable" not in out


def test_private_addresses_want_leave(tmp_path: Path) -> None:
    """Without --allow-private nobody is called, be it an address or a name that leads to one."""
    with crowd(3) as here, resolver({"inside.test A": here.addresses[0]}) as names:
        path = a_list(tmp_path, "".join(f"{address}\n" for address in (*here.addresses, "inside.test", "localhost")))
        words = (path, "--port", here.port, *names.words, *QUIET, "--trust", "none", "--no-fetch", "--no-cache")
        code, out, err = swept(*words)
    assert (code, " ".join(err.split()).count("--allow-private lifts this.")) == (3, 1)
    assert not here.connections
    assert all("--allow-private" in report["left_out"][0] for report in reports(out))
    assert len(out.splitlines()) == 5


@pytest.mark.unmeasured
def test_a_mail_host_of_fifty_domains_is_called_once(tmp_path: Path) -> None:
    """And looked up once; each domain has its report."""
    domains = [f"customer{n}.test" for n in range(50)]
    with crowd(1) as here:
        zone = {"mx.provider.test A": here.addresses[0], **{f"{name} MX": "10 mx.provider.test." for name in domains}}
        with resolver(zone) as names:
            path = a_list(tmp_path, "".join(f"{name}\n" for name in domains))
            code, out, err = swept(path, "--mx", "--port", here.port, *HASTY, *QUIET, *names.words)
    assert (code, err) == (1, "")
    assert here.connections.total() == 1
    assert names.asked.count("udp mx.provider.test A") == 1
    assert sorted(named(out)) == sorted(domains)
    assert {report["endpoints"][0]["host"] for report in reports(out)} == {"mx.provider.test"}


@pytest.mark.unmeasured
def test_the_order_is_mixed_unless_it_is_not_to_be(tmp_path: Path) -> None:
    """With one connection at a time the order of calls is the order of targets."""
    orders = []
    for more in ((), ("--no-shuffle",)):
        with crowd(40) as here:
            assert swept(*listed(here, tmp_path), *QUIET, "--concurrency", 1, *more)[0] == 1
        orders.append([address for _, address in here.moments] == list(here.addresses))
    assert orders == [False, True]


def test_who_is_displeased_is_called_more_slowly(tmp_path: Path) -> None:
    """After 421 that operator is left alone for a second; whoever lets us in has us back, and others notice nothing."""
    mine = network(addresses(1)[0])

    def greeting(address: str, _: int) -> str:
        return "421 not now" if address == f"{mine}.1" else "220 here"

    with crowd(6, 2, greeting=greeting) as here:
        assert swept(*listed(here, tmp_path), *QUIET, "--no-shuffle", "--per-operator", 1)[0] == 1
    first, second, third, *_ = (moment for moment, address in here.moments if network(address) == mine)
    others = [moment for moment, address in here.moments if network(address) != mine]
    assert second - first >= 0.99
    assert third - second < 0.9
    assert others[-1] - first < 0.9


@pytest.mark.parametrize(("busy", "refused"), [("421 too many of you", 1), ("421 never", 9), ("554 go away", 9)])
def test_a_temporary_refusal_is_asked_once_more(busy: str, refused: int, tmp_path: Path) -> None:
    """Later, and no more than once; what was seen then counts. Whoever refuses for good is not asked again."""
    with crowd(1, greeting=lambda _, number: busy if number <= refused else "220 here") as here:
        code, out, err = swept(*listed(here, tmp_path), *QUIET)
    (report,) = reports(out)
    assert (code, err, len(report["endpoints"])) == (1, "", 1)
    assert here.connections.total() == (1 if busy.startswith("554") else 2)
    assert ("no-starttls" in [one["id"] for one in report["endpoints"][0]["findings"]]) is (refused == 1)
    assert all(second - first >= 0.99 for (first, _), (second, _) in pairwise(here.moments))


# --- lists


LISTS: dict[str, tuple[bytes, tuple[str, ...], int]] = {
    "comments, blank lines, CRLF": (b"# mine\r\n\r\n%a  # first\r\n%b\r\n", (), 2),
    "twice the same": (b"%a\n%a\n[%a]\n %a \n", (), 1),
    "a column by name": (b"rank,host\n1,%a\n2,%b\n", ("--column", "host"), 2),
    "a column by number": (b"%a;mine\n%b;yours\n", ("--column", "1"), 2),
    "without a last line break": (b"%a\n%b", (), 2),
}


@pytest.mark.parametrize("case", LISTS)
@pytest.mark.parametrize("way", ["file", "pipe"])
def test_a_list_is_read_as_people_have_it(case: str, way: str, tmp_path: Path) -> None:
    """From a file and from a pipe alike, each target once."""
    text, more, count = LISTS[case]
    with crowd(2) as here:
        text = text.replace(b"%a", here.addresses[0].encode()).replace(b"%b", here.addresses[1].encode())
        path = a_list(tmp_path, text)
        words = ("--port", here.port, *HASTY, *QUIET, *more)
        if way == "file":
            code, out, err = swept(path, *words)
        else:
            with (
                Path(path).open(encoding="utf-8") as stream,
                subprocess.Popen(["cat"], stdin=stream, stdout=subprocess.PIPE) as cat,
            ):
                code, out, err = swept("-", *words, stdin=cat.stdout)
    assert (code, err) == (1, "")
    assert sorted(named(out)) == sorted(here.addresses[:count])


def test_lines_that_are_no_targets_are_told(tmp_path: Path) -> None:
    """The others are done; the exit code is that of what was found, and twenty mistakes fill no screen."""
    with crowd(1) as here:
        wrong = "".join(f"no host {n}\n" for n in range(20))
        path = a_list(tmp_path, f"{here.addresses[0]}\nbad_\x1b[31m host\n{wrong}")
        code, out, err = swept(path, "--port", here.port, *HASTY, *QUIET, "--no-shuffle")
    assert code == 1
    assert named(out) == [here.addresses[0]]
    assert err.startswith('Line 2 "bad_')
    assert "\x1b" not in err
    assert err.count("is left out.") == 10
    assert err.endswith("21 lines of the list are no targets and were left out.\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "is empty"), ("# nothing\n\n", "has no target in it"), (None, "cannot be read: No such file")],
)
def test_a_list_of_nothing_is_a_mistake(text: str | None, sentence: str, tmp_path: Path) -> None:
    """Nothing is begun, and no file of results is made."""
    path = str(tmp_path / "none") if text is None else a_list(tmp_path, text)
    code, out, err = swept(path, *HASTY, "-o", tmp_path / "r.jsonl")
    assert (code, out) == (2, "")
    assert sentence in err.replace("\n", " ")
    assert not (tmp_path / "r.jsonl").exists()


def test_a_list_of_mistakes_alone_is_not_well(tmp_path: Path) -> None:
    """Nobody was looked at: a monitor must not take that for good news."""
    code, out, err = swept(a_list(tmp_path, "no host\nneither this\n"), *HASTY, *QUIET)
    assert (code, out) == (2, "")
    assert "Line 1" in err


def test_a_list_that_breaks_off_is_not_well(tmp_path: Path) -> None:
    """What was read is done; nobody may take it for the whole."""
    with crowd(3) as here:
        text = "".join(f"{address}\n" for address in here.addresses) + "".join(f"# {n}\n" for n in range(20_000))
        path = tmp_path / "list.gz"
        path.write_bytes(gzip.compress(text.encode())[:-2000])
        code, out, err = swept(path, "--port", here.port, *HASTY, *QUIET)
    assert code == 2
    assert sorted(named(out)) == sorted(here.addresses)
    assert "The list cannot be read from here on: " in err.replace("\n", " ")


def test_a_port_that_is_not_read_is_told(tmp_path: Path) -> None:
    """Else another port would be called without a word."""
    here = addresses(1)
    path = a_list(tmp_path, f"{here[0]};2603\n")
    assert "write host:port" in swept(path, "--ehlo", "h.example", "--trust", "none")[2]
    assert "write host:port" not in swept(path, *QUIET, "--trust", "none")[2]


@pytest.mark.parametrize("option", ["--rate", "--pause", "--concurrency", "--per-operator"])
def test_a_number_below_nothing_is_refused_as_one(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """And not taken for an option."""
    assert main(["sweep", "hosts.txt", option, "-1"]) == 2
    assert "not '-1'" in " ".join(capsys.readouterr().err.split())


def test_lines_are_not_targets(tmp_path: Path) -> None:
    """Who stands there twice, a comment and a mistake count for none; an earlier run's work is no repetition."""
    path = a_list(tmp_path, "# mine\na.example\nb.example\na.example\nno host\nc.example\n")
    told: list[int] = []

    def mistaken(number: int, *_: str) -> None:
        told.append(number)

    with open_list(path, io.BufferedReader(io.BytesIO())) as listing, closing(Seen()) as seen:
        wanted = Wanted(listing, seen)
        wanted.done("host b.example 25 smtp")
        assert wanted.expected() is None
        targets = iter(wanted.targets(path, mistaken, target_of, shuffle=False))  # type: ignore[arg-type]
        assert [next(targets).name, wanted.expected()] == ["a.example", 6]
        assert [target.name for target in targets] == ["c.example"]
        assert (wanted.expected(), wanted.repeated, wanted.missing, told) == (3, 1, 0, [5])


# --- results


def test_a_report_is_what_one_look_gives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line is the document of ``smtp-chaincheck HOST --json`` but for what differs from look to look."""
    with place({ONE: server(MX1), TWO: server(MX2, whole=False)}, {f"{MX1} A": ONE, f"{MX2} A": TWO}, tmp_path) as here:
        path = a_list(tmp_path, f"{MX1}\n{MX2}\n")
        code, out, err = swept(path, "--port", here.port, *here.words, *QUIET, "--allow-private")
        assert (code, err) == (1, "")
        swept_ones = {report["target"]["name"]: report for report in reports(out)}
        for name in (MX1, MX2):
            main([f"{name}:{here.port}", *here.words, "--json", *QUIET[1:], "--allow-private"])
            assert still(json.loads(capsys.readouterr().out)) == still(swept_ones[name])
    assert [swept_ones[name]["status"] for name in (MX1, MX2)] == ["ok", "error"]


def still(value: Any) -> Any:
    """Take out of a document what moves: times, and what is new in each handshake."""
    if isinstance(value, list):
        return [still(one) for one in value]
    if isinstance(value, dict):
        return {key: still(one) for key, one in value.items() if key not in {"timing_ms", "ms"}}
    return value


def test_all_that_is_written_holds_each_target_once_after_resume(tmp_path: Path) -> None:
    """Results, table and page, though the second run has looked at a part alone."""
    results, table, page = tmp_path / "r.db", tmp_path / "t.csv", tmp_path / "p.html"
    words = ("-o", results, "--csv", table, "--summary", page, "--ehlo", "probe.example")
    with crowd(24) as here:
        every = listed(here, tmp_path)
        half = a_list(tmp_path, "".join(f"{address}\n" for address in here.addresses[::2]))
        assert swept(half, *every[1:], *words)[0] == 1
        listed(here, tmp_path)
        code, out, err = swept(*every, *words, "--resume")
        again = swept(*every, *words, "--resume")
    assert (code, err) == (1, "")
    assert set(here.connections.values()) == {1}
    assert "24 targets" in out
    assert again[0] == 1
    assert "24 targets; 24 were done before, 0 now\n" in again[1]
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len(rows) == 1 + 24
    assert Counter(cell for row in rows for cell in row if cell in here.addresses).keys() == set(here.addresses)
    assert sorted(kept(results)) == sorted(here.addresses)
    assert re.search(r"\b24\b", page.read_text(encoding="utf-8"))


def test_results_are_not_overwritten(tmp_path: Path) -> None:
    """--force does it; what is no result of ours stays in any case."""
    with crowd(2) as here:
        words = (*listed(here, tmp_path), *QUIET, "-o", tmp_path / "r.jsonl")
        assert swept(*words)[0] == 1
        code, _, err = swept(*words)
        assert (code, "--resume goes on with them" in err.replace("\n", " ")) == (2, True)
        assert swept(*words, "--force")[0] == 1
        (tmp_path / "r.jsonl").write_text("dear diary\n", encoding="utf-8")
        code, _, err = swept(*words, "--force")
        assert (code, "left alone" in err.replace("\n", " ")) == (2, True)
    assert set(here.connections.values()) == {2}


def test_a_terminal_shows_progress_and_a_line_a_target(tmp_path: Path) -> None:
    """Words instead of JSON where somebody looks, and how far it is on standard error."""
    main, terminal = pty.openpty()
    errors, terminal_too = pty.openpty()
    with crowd(40, delay=0.1) as here:
        words = command(*listed(here, tmp_path), "--ehlo", "probe.example", "--concurrency", 4)
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
        with subprocess.Popen(words, cwd=TOP, env=environment, stdout=terminal, stderr=terminal_too) as process:
            os.close(terminal)
            os.close(terminal_too)
            out, err = drained(main, errors)
            assert process.wait(LONGEST) == 1
    lines = [line for line in out.splitlines() if line.startswith("error ")]
    assert len(lines) == 40
    assert lines[0].endswith("  no-starttls")
    assert "What is wrong" in out
    assert '"schema"' not in out
    assert re.search(r"\d+ of 40 \(\d+%\)", err)
    assert "4 under way" in err


def test_a_pipe_behind_the_sweep_has_the_screen_for_itself(tmp_path: Path) -> None:
    """``sweep … | jq`` writes to the screen on which progress would be drawn; with -o nobody else does."""
    for more, moves in ((), False), (("-o", tmp_path / "r.jsonl"), True):
        errors, terminal = pty.openpty()
        with crowd(40, delay=0.1) as here:
            words = command(*listed(here, tmp_path), "--ehlo", "probe.example", "--concurrency", 4, *more)
            environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
            with subprocess.Popen(words, cwd=TOP, env=environment, stdout=subprocess.PIPE, stderr=terminal) as process:
                os.close(terminal)
                assert process.stdout
                out = process.stdout.read().decode()
                (err,) = drained(errors)
        assert process.returncode == 1
        assert ("under way" in err) is moves
        assert "40 targets" in (out if more else err)


def test_a_keyboard_is_told_what_is_waited_for(tmp_path: Path) -> None:
    """And how its list ends; a pipe is told nothing."""
    keyboard, terminal = pty.openpty()
    with crowd(1) as here:
        words = command("-", "--port", here.port, *HASTY, *QUIET, "-o", tmp_path / "r.jsonl")
        with subprocess.Popen(words, cwd=TOP, stdin=terminal, stderr=subprocess.PIPE, text=True) as process:
            os.close(terminal)
            assert process.stderr
            said = process.stderr.readline()
            os.write(keyboard, f"{here.addresses[0]}\n\4".encode())
            assert process.wait(LONGEST) == 1
        os.close(keyboard)
    assert said == "Reading targets from the keyboard; Ctrl-D ends them.\n"
    assert kept(tmp_path / "r.jsonl") == [here.addresses[0]]


def test_results_of_another_list_are_told_of(tmp_path: Path) -> None:
    """With --resume they count; a longer list is what it is for, and a shorter one is said."""
    with crowd(5) as here:
        words = (*listed(here, tmp_path)[1:], *QUIET, "-o", tmp_path / "r.jsonl")
        for few, err in ((slice(0, 3), ""), (slice(0, 4), ""), (slice(3, 5), "lacks 3 targets that ")):
            path = a_list(tmp_path, "".join(f"{address}\n" for address in here.addresses[few]))
            code, _, said = swept(path, *words, "--resume")
            assert (code, err in " ".join(said.split()), bool(said)) == (1, True, bool(err))
    assert set(here.connections.values()) == {1}


def test_the_command_that_looks_at_one_repeats_the_options(tmp_path: Path) -> None:
    """What the sweep was told about names, trust and protocols holds there, too; where to write does not."""
    with crowd(1) as here:
        words = (*listed(here, tmp_path), "--protocol", "imap", "--tls", "implicit", "--name", "mx.test")
        _, out, _ = swept(*words, "-o", tmp_path / "r.jsonl")
    again = "--name mx.test --protocol imap --tls implicit --trust none --no-fetch --no-cache --allow-private"
    assert f"  smtp-chaincheck {again} {here.addresses[0]}:{here.port}\n" in out


def drained(*terminals: int) -> tuple[str, ...]:
    """Read terminals until nobody writes there any more."""
    import select

    said = dict.fromkeys(terminals, b"")
    left = set(terminals)
    while left:
        for one in select.select(left, [], [], LONGEST)[0]:
            try:
                said[one] += os.read(one, 65536)
            except OSError:  # EIO: the last writer has gone
                os.close(one)
                left.discard(one)
    return tuple(text.decode() for text in said.values())
