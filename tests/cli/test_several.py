"""Commands of a report about a host whose addresses differ: each does at the right server what it promises."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.test_domain import ACTORS, MX1, MX2, NOBODY, ONE, TWO, Place, place, server, words, zone

from probe.cli import main
from probe.demo.cases import Case
from probe.pki import pem

OTHER = server(MX1, whole=False, days=50)
OTHERS = ACTORS.leaf(subject=f"CN={MX1}", names=(MX1,), **ACTORS.days(-30, 50)).der


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Run a host with a good address, one that shows another leaf without its issuer, and one that is not there."""
    monkeypatch.chdir(tmp_path)
    yield from differing(tmp_path, {ONE: server(MX1), TWO: OTHER}, [NOBODY, ONE, TWO])


def differing(folder: Path, servers: dict[str, Case], addresses: list[str]) -> Iterator[Place]:
    """Nothing but the root is known of it beforehand."""
    with place(servers, zone(mx1=addresses), folder) as found:
        at = found.words.index("--intermediates")
        yield Place(found.port, found.words[:at] + found.words[at + 2 :])


def commands(capsys: pytest.CaptureFixture[str], program: str) -> list[str]:
    """The commands of a report that begin with this word."""
    lines = (line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("    "))
    return [line for line in lines if line.startswith(f"{program} ")]


def test_what_is_missing_is_taken_from_the_other_address(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It is found for certain, and the printed commands write the list of the address that they are printed for."""
    assert main([f"{MX1}:{here.port}", *here.words]) == 1
    said = capsys.readouterr().out
    assert f"We found what is missing (sent by {ONE})" in words(said)
    printed = [line.strip() for line in said.splitlines() if " --write-chain " in line]
    assert [command.split()[1] for command in printed] == [f"{ONE}:{here.port}", f"{TWO}:{here.port}"]
    for command in printed:
        main(shlex.split(command)[1:])
    assert list(pem.certificates(Path("chain.pem").read_bytes())) == [OTHERS, ACTORS.r3.der]


def test_every_command_for_one_address_asks_it_for_the_name(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """It is a faulty one that answers."""
    main([f"{MX1}:{here.port}", *here.words])
    ours = commands(capsys, "smtp-chaincheck")
    again = [command for command in ours if "--write-chain" not in command]
    assert [command.split()[1] for command in again] == [f"{TWO}:{here.port}"]
    assert all(f" --name {MX1} " in command and "--sni" not in command for command in ours)


def test_addresses_that_show_the_same_are_asked_by_the_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whichever answers, it is the same."""
    for here in differing(tmp_path, {ONE: OTHER, TWO: OTHER}, [ONE, TWO]):
        main([f"{MX1}:{here.port}", *here.words])
        ours = commands(capsys, "smtp-chaincheck")
        assert {command.split()[1] for command in ours} == {f"{MX1}:{here.port}"}
        assert not any("--name" in command for command in ours)


def test_two_lists_are_not_written_to_one_file(here: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """An address that is not there does not matter, and what to type instead is said."""
    main([f"{MX1}:{here.port}", *here.words, "--write-chain", "x.pem", "--quiet"])
    said = words(capsys.readouterr().err)
    assert (
        f"{ONE} and {TWO} need different lists. Name one of them alone, such as {ONE}:{here.port} --name {MX1}" in said
    )
    assert not Path("x.pem").exists()


def test_other_programs_ask_the_resolver_and_the_server_of_this_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dig of a printed command, and openssl, know nothing of --resolver."""
    late = server(MX1, days=-1)
    names = {**zone(mx1=ONE), "example.test MX": [f"10 {MX1}.", f"20 {MX2}."]}
    with place({ONE: late}, names, tmp_path) as here:
        main([f"example.test:{here.port}", "--mx", *here.words])
        shown = capsys.readouterr().out
    lines = [line.strip() for line in shown.splitlines()]
    resolver = here.words[1].rpartition(":")[2]
    assert f"dig @127.0.0.1 -p {resolver} {MX2} A {MX2} AAAA" in lines
    (openssl,) = [line for line in lines if line.startswith("openssl s_client ")]
    assert f" -connect {ONE}:{here.port} -servername {MX1} -starttls smtp " in openssl
