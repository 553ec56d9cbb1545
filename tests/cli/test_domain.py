"""``example.test:PORT --mx`` on the command line: mail servers of today on loopback, and a resolver of our own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from net.fake_dns import Says, Zone, resolver

from probe.cli import main
from probe.demo import keys, manners
from probe.demo.cases import Case, case_of
from probe.demo.cast import Act, Cast, cast
from probe.demo.line import Line
from probe.demo.manners import Shop
from probe.demo.server import serving
from probe.pki import pem
from probe.wire.saved import load

VALIDATOR = jsonschema.Draft202012Validator(
    json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))
)
NOW = datetime.now(UTC).replace(microsecond=0)
ACTORS = cast(NOW)
MX1, MX2, MX3 = (f"mx{n}.example.test" for n in (1, 2, 3))


def address(number: int) -> str:
    """Give a loopback address that no other process of these tests uses."""
    return f"127.{128 + (os.getpid() >> 8 & 63)}.{os.getpid() & 255}.{number}"


ONE, TWO, NOBODY = map(address, (1, 2, 3))


def server(*names: str, whole: bool = True, days: float = 60) -> Case:
    """A mail server with a certificate for these names, with its intermediate or without."""

    def act(actors: Cast) -> Act:
        leaf = actors.leaf(subject=f"CN={names[0]}", names=names, **actors.days(-30, days))
        return actors.act(leaf, *[actors.r3] * whole)

    good = case_of("good")
    return replace(good, scene=replace(good.scene, act=act))


SILENT = case_of("timeout-banner")
BOTH = server(MX1, MX2)


@dataclass(frozen=True, slots=True)
class Place:
    """What the command line needs to know."""

    port: int
    words: tuple[str, ...]


@contextmanager
def place(servers: Mapping[str, Case], zone: Zone, folder: Path) -> Iterator[Place]:
    """Run servers at one port of several addresses, and a resolver; trust the root of today."""
    (folder / "root.pem").write_text(ACTORS.root.pem, encoding="ascii")
    (folder / "r3.pem").write_text(ACTORS.r3.pem, encoding="ascii")
    port = 0
    with ExitStack() as stack:
        for host, case in servers.items():
            port = stack.enter_context(serving(case, NOW, host=host, port=port)).port
        here = stack.enter_context(resolver(zone))
        trust = ("--trust", str(folder / "root.pem"), "--intermediates", str(folder / "r3.pem"))
        yield Place(port, (*here.words, *trust, "--no-fetch", "--no-cache", "--at", f"{NOW:%Y-%m-%dT%H:%M:%SZ}"))


def zone(**addresses: str | list[str]) -> Zone:
    """Two mail hosts or more of example.test, the first preferred."""
    hosts = {f"{host}.example.test A": each for host, each in addresses.items()}
    return {"example.test MX": [f"{n}0 {host}.example.test." for n, host in enumerate(addresses, 1)], **hosts}


TWO_HOSTS = zone(mx1=ONE, mx2=TWO)


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    """The one JSON document on stdout, which is as the schema wants it."""
    found = json.loads(capsys.readouterr().out)
    VALIDATOR.validate(found)
    return found


def words(text: str) -> str:
    """What was said, its lines joined."""
    return " ".join(text.split())


CASES: dict[str, tuple[Mapping[str, Case], Zone, int, set[str]]] = {
    "all is right": ({ONE: BOTH, TWO: BOTH}, TWO_HOSTS, 0, set()),
    "the second lacks its issuer": (
        {ONE: BOTH, TWO: server(MX2, whole=False)},
        TWO_HOSTS,
        1,
        {"missing-intermediate", "mx-dependent"},
    ),
    "the second is not there": ({ONE: BOTH}, zone(mx1=ONE, mx2=NOBODY), 1, {"connect-refused", "mx-dependent"}),
    "one address of the host is not there": (
        {ONE: BOTH},
        zone(mx1=[ONE, NOBODY]),
        1,
        {"connect-refused", "address-dependent"},
    ),
    "nobody is there": ({ONE: BOTH}, zone(mx1=NOBODY), 3, {"connect-refused"}),
    "the host has no address": ({ONE: BOTH}, {"example.test MX": "10 mx1.example.test."}, 3, {"dns-failed"}),
    "null MX": ({ONE: BOTH}, {"example.test MX": "0 ."}, 3, {"null-mx"}),
    "no MX": ({ONE: BOTH}, {"example.test TXT": '"x"'}, 3, {"no-mx"}),
    "no such domain": ({ONE: BOTH}, {}, 3, {"dns-failed"}),
    "an address for a name": ({ONE: BOTH}, {"example.test MX": f"10 {ONE}."}, 3, {"mx-is-address"}),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", CASES)
def test_exit_code_and_findings(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON, and in words: the same code, and every finding is named."""
    servers, names, code, expected = CASES[name]
    with place(servers, names, tmp_path) as here:
        domain = f"example.test:{here.port}"
        assert main([domain, "--mx", *here.words, "--json"]) == code
        target = document(capsys)
        assert main([domain, "--mx", *here.words]) == code
        said = capsys.readouterr().out
        assert main([domain, "--mx", *here.words, "--quiet"]) == code
        quiet = capsys.readouterr().out
    findings = [*target["findings"], *(f for endpoint in target["endpoints"] for f in endpoint["findings"])]
    assert {f["id"] for f in findings if f["severity"] != "info"} == expected
    assert all(f"({id_})" in said or f" {id_}" in said for id_ in expected)
    assert said.splitlines()[0].startswith(quiet.rstrip("\n")[:60])
    assert (quiet.count("\n"), f"example.test:{here.port} — " in quiet) == (1, True)
    assert target["exit_code"] == code


@pytest.mark.unmeasured
def test_what_was_saved_is_judged_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A survey with all of its looks, its domain, and what was left out."""
    seen = str(tmp_path / "seen.json")
    servers = {ONE: BOTH, TWO: server(MX2, whole=False)}
    with place(servers, zone(mx1=[ONE, NOBODY], mx2=TWO), tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", "--repeat", "2", *here.words]
        assert main([*asked, "--save", seen, "--json"]) == 1
        live = document(capsys)
        shown = main([*asked]), capsys.readouterr().out
    again = ["--from", seen, *here.words]
    assert main([*again, "--json"]) == 1
    assert document(capsys) == live
    assert (main(again), capsys.readouterr().out) == shown


def written(tmp_path: Path, servers: Mapping[str, Case], names: Zone, *more: str) -> tuple[int, int, Path]:
    """Ask for the chain of a domain; give the exit code, the port, and the file."""
    file = tmp_path / "chain.pem"
    with place(servers, names, tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", *here.words, "--write-chain", str(file), "--quiet", *more]
        return main(asked), here.port, file


RIGHT = [ACTORS.leaf(subject=f"CN={MX1}", names=(MX1, MX2)).der, ACTORS.r3.der]


@pytest.mark.parametrize(
    "names", [TWO_HOSTS, zone(mx1=NOBODY, mx2=[ONE, TWO]), zone(mx1=[NOBODY, ONE])], ids=["two", "second", "address"]
)
def test_one_chain_for_all_hosts_is_written(names: Zone, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where all that present certificates need the same list; one that is not there does not matter."""
    broken = server(MX1, MX2, whole=False)
    code, _, file = written(tmp_path, {ONE: broken, TWO: BOTH}, names)
    assert (code, list(pem.certificates(file.read_bytes()))) == (1, RIGHT)
    assert f"Wrote {file}" in capsys.readouterr().err.replace("\n", " ")


def test_two_chains_are_not_written_to_one_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The hosts are named."""
    code, _, file = written(tmp_path, {ONE: server(MX1), TWO: server(MX2, whole=False)}, TWO_HOSTS)
    assert (code, file.exists()) == (1, False)
    said = words(capsys.readouterr().err)
    assert f"was not written: {MX1} and {MX2} need different lists. Name one of them alone" in said


def test_two_addresses_of_one_host_may_need_two_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are named by their addresses then."""
    code, _, file = written(tmp_path, {ONE: server(MX1), TWO: server(MX1, days=50)}, zone(mx1=[ONE, TWO]))
    assert (code, file.exists()) == (0, False)
    assert f"{ONE} and {TWO} need different lists" in words(capsys.readouterr().err)


def alternating(file: Path) -> Case:
    """A pool behind one address: every second member was not mended."""
    turn = count()

    def start(line: Line, shop: Shop) -> bool:
        leaf = ACTORS.leaf(subject=f"CN={MX1}", names=(MX1, MX2))
        file.write_text(leaf.pem, encoding="ascii")
        return manners.start_tls(line, shop if next(turn) % 2 == 0 else replace(shop, file=file))

    return replace(BOTH, moves={"STARTTLS": start})


def test_a_pool_behind_one_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--repeat finds the member that was forgotten; a single look at a good one would not."""
    with place({ONE: alternating(tmp_path / "leaf.pem")}, zone(mx1=ONE), tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", *here.words, "--json"]
        assert main([*asked, "--repeat", "4"]) == 1
    target = document(capsys)
    assert len(target["endpoints"]) == 4
    (found,) = [finding for finding in target["findings"] if finding["severity"] != "info"]
    assert found["id"] == "pool-dependent"
    assert "answer 2, seen 2 of 4 times" in json.dumps(found)


def test_several_domains_in_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In order; a mail address means its domain, and a host stays one beside it."""
    names = {**TWO_HOSTS, "other.test MX": "0 ."}
    with place({ONE: BOTH, TWO: BOTH}, names, tmp_path) as here:
        asked = [f"postmaster@example.test:{here.port}", "user@other.test", f"{MX1}:{here.port}"]
        assert main([*asked, *here.words, "--json"]) == 0
    targets = document(capsys)["reports"]
    assert [len(target["endpoints"]) for target in targets] == [2, 0, 1]
    assert [target["exit_code"] for target in targets] == [0, 3, 0]
    assert [bool(target["domain"]) for target in targets] == [True, True, False]


def test_hostile_names_are_harmless(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records with letters that move a cursor or run a command are named, and never obeyed."""
    odd = ["5 a\\010\\027x.test.", "6 \\$\\(reboot\\).test.", "7 '\\059reboot.test.", f"10 {MX1}."]
    with place({ONE: BOTH}, {"example.test MX": odd, f"{MX1} A": ONE}, tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", *here.words]
        assert main([*asked, "--verbose"]) == 1
        said = capsys.readouterr().out
        assert main([*asked, "--json"]) == 1
    assert said.replace("\n", "").isprintable()
    assert not [line for line in said.splitlines() if line.strip().startswith("$") and "reboot" in line]
    target = document(capsys)
    assert [f["id"] for f in target["findings"] if f["severity"] == "warning"] == ["mx-bad-name"]
    assert len(target["endpoints"]) == 1


def test_the_total_deadline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever hangs, the run ends in time, and the others are told."""
    began = time.monotonic()
    with place({ONE: SILENT, TWO: BOTH}, zone(mx1=ONE, mx3=ONE, mx2=TWO), tmp_path) as here:
        assert main([f"example.test:{here.port}", "--mx", *here.words, "--timeout", "1", "--json"]) == 1
    assert time.monotonic() - began < 5
    target = document(capsys)
    status = {e["host"]: e["status"] for e in target["endpoints"]}
    hung = MX1 if MX1 in status else MX3  # whichever of the two was resolved first
    assert status == {hung: "unreachable", MX2: "ok"}
    assert target["left_out"] == [f"{({MX1, MX3} - {hung}).pop()} at {ONE}:{here.port}"]


def test_no_time_is_left_for_our_certificate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The server that would have been asked with it is not at fault."""
    own = ACTORS.leaf(eku=("serverAuth", "clientAuth"))
    (tmp_path / "own.pem").write_text(keys.pem("leaf") + own.pem + ACTORS.r3.pem, encoding="ascii")
    with place({ONE: SILENT, TWO: BOTH}, TWO_HOSTS, tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", *here.words, "--client-cert", str(tmp_path / "own.pem")]
        assert main([*asked, "--timeout", "1", "--json"]) == 1
    target = document(capsys)
    assert [(e["host"], e["status"]) for e in target["endpoints"]] == [(MX1, "unreachable"), (MX2, "ok")]
    assert target["left_out"] == [f"{MX2} at {TWO}, with our certificate"]


def hanging(reached: threading.Event, *, after: int = 0) -> Case:
    """A server that is good so many times, then says nothing any more and notes that somebody waits."""
    visits = count()

    def greet(line: Line, shop: Shop) -> bool:
        if next(visits) < after:
            return manners.welcome(line, shop)
        reached.set()
        return manners.silence(line, shop)

    return replace(BOTH, moves={"greeting": greet})


def interrupted(reached: Callable[[], bool], *arguments: str) -> tuple[int, str, str]:
    """Run the program as a process of its own, and press Ctrl-C when it is so far."""
    command = [sys.executable, "-m", "probe", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            until = time.monotonic() + 30
            while not reached() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
def test_what_is_known_is_told_when_somebody_loses_patience(form: list[str], tmp_path: Path) -> None:
    """The good host with its first look; what hangs stands under what was not looked at, and the rest is saved, too."""
    reached, seen = threading.Event(), tmp_path / "seen.json"
    servers = {ONE: SILENT, TWO: hanging(reached, after=1)}
    with place(servers, TWO_HOSTS, tmp_path) as here:
        asked = [f"example.test:{here.port}", "--mx", "--repeat", "2", *here.words, "--save", str(seen), *form]
        code, out, err = interrupted(reached.is_set, *asked)
    waited = [f"{host} at {ip}:{here.port} (connected, no greeting" for host, ip in ((MX2, TWO), (MX1, ONE))]
    assert (code, "Traceback" in err) == (130, False)
    assert "Interrupted before the end; the report holds what was known by then." in words(err)
    assert [len(survey.observations) for survey in load(seen.read_text(encoding="ascii"))] == [1]
    if not form:
        assert "interrupted, 1 of 2 mail hosts seen: the chain is right where it could be seen" in words(out)
        assert f"Left out: {waited[0]}" in words(out)
        rows = [
            " ".join(line.split()[1:]) for line in out.splitlines() if line.split()[1:3] in (["10", MX1], ["20", MX2])
        ]
        assert rows[0] == f"20 {MX2} A right"
        assert rows[1].startswith(f"10 {MX1} not seen: {ONE}:{here.port} (connected,")
        assert "Left out: mx1" not in words(out)
        return
    target = json.loads(out)
    VALIDATOR.validate(target)
    assert [(e["host"], e["status"]) for e in target["endpoints"]] == [(MX2, "ok")]
    assert target["exit_code"] == 130
    left_out = sorted(target["left_out"], reverse=True)
    assert all(place.startswith(known) for place, known in zip(left_out, waited, strict=True))


def test_mail_hosts_are_told_though_none_has_answered(tmp_path: Path) -> None:
    """What DNS said is known already."""
    reached = threading.Event()
    with place({ONE: hanging(reached)}, zone(mx1=ONE), tmp_path) as here:
        code, out, err = interrupted(reached.is_set, f"example.test:{here.port}", "--mx", *here.words)
    assert (code, "Traceback" in err) == (130, False)
    assert "mx 10 mx1.example.test;" in words(out)
    assert "— interrupted, 0 of 1 mail host seen: nothing could be examined" in words(out)
    assert f"Left out: {MX1} at {ONE}:{here.port} (connected, no greeting after" in words(out)


def test_an_earlier_report_is_not_lost(tmp_path: Path) -> None:
    """Ctrl-C at the second domain, of which nothing is known yet: the document has the first."""
    names = {**zone(mx1=ONE), "slow.test": Says(manner="silence")}
    with place({ONE: BOTH}, names, tmp_path) as here, resolver(names) as slow:
        asked = ["--resolver", f"{slow.address}:{slow.port}", *here.words[2:], "--mx", "--json"]
        code, out, err = interrupted(
            lambda: "udp slow.test MX" in slow.asked, f"example.test:{here.port}", "slow.test", *asked
        )
    assert (code, "Traceback" in err) == (130, False)
    target = json.loads(out)
    VALIDATOR.validate(target)
    assert (target["target"]["name"], target["exit_code"]) == ("example.test", 0)
