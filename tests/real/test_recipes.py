"""The recipes at work: a broken server, our report, the recipe's commands as they are printed, and the server is right.

The program under test runs as a user runs it, in a process of its own; OpenSSL's s_client has the last word.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from real.client import Sent, openssl_accepts, sent, settled
from real.conftest import Authority
from real.courier import courier
from real.dovecot import dovecot
from real.running import HOST, NAME, Server, Unpacked
from real.servers import Start, aiosmtpd, exim, haraka, postfix, sendmail

from probe.catalogue.recipes import Recipe, recipe
from probe.demo import keys

pytestmark = pytest.mark.real

PROGRAM = [sys.executable, "-m", "probe"]
PROGRAM_SECONDS = 60


def report(server: Server, authority: Authority, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    """Run the program on the server, as somebody who trusts R and has B and A in a file; return code and endpoint."""
    trust = ["--trust", str(authority.saved("R", folder / "root.pem")), "--name", NAME, "--no-fetch"]
    known = ["--intermediates", str(authority.saved("AB", folder / "known.pem"))]
    command = [*PROGRAM, f"{HOST}:{server.port}", *trust, *known, "--json", *more]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PROGRAM_SECONDS)
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    (endpoint,) = json.loads(done.stdout)["endpoints"]
    return done.returncode, endpoint


def right(authority: Authority) -> Sent:
    """Say what a mended server sends."""
    return Sent(offers=True, reply=220, chain=authority.digests("LBA"))


def follow(chosen: Recipe, section: str, server: Server, **more: str) -> str:
    """Run the lines of a section in one shell, as they are printed, with the slots filled by this server's paths."""
    commands = chosen.commands(section, **{**server.slots, **more})
    assert commands
    return server.run("\n".join(commands))


def certificate_findings(endpoint: dict[str, Any]) -> list[str]:
    """Name the findings; that Sendmail and Haraka ask for a client certificate is no defect."""
    return [finding["id"] for finding in endpoint["findings"] if finding["id"] != "client-cert-requested"]


def told(endpoint: dict[str, Any], finding: str, chosen: Recipe) -> list[str]:
    """Return the commands of "Install the chain" and "Reload" as the report prints them, with the usual paths."""
    (fix,) = [entry["fix"] for entry in endpoint["findings"] if entry["id"] == finding]
    known = {*chosen.commands("install"), *chosen.commands("reload")}
    return [line.removeprefix("$ ") for line in fix if line.startswith("$ ") and line.removeprefix("$ ") in known]


def looks_again(endpoint: dict[str, Any], finding: str) -> list[str]:
    """Return the end of the advice: the sentence and the command, without the options that the run adds."""
    (fix,) = [entry["fix"] for entry in endpoint["findings"] if entry["id"] == finding]
    return [fix[-2], " ".join(fix[-1].split()[:3])]


def checks(commands: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the commands that look at the file and those that ask the server, by openssl."""
    (ours,) = [n for n, line in enumerate(commands) if line.startswith("smtp-chaincheck ")]
    return commands[:ours], commands[ours + 1 :]


@pytest.mark.parametrize("together", [False, True], ids=["key-apart", "key-in-the-file"])
@pytest.mark.parametrize(
    ("start", "broken", "finding"),
    [
        (postfix, "L", "missing-intermediate"),
        (postfix, "LAB", "misordered"),
        (exim, "L", "missing-intermediate"),
        (sendmail, "LBA", "missing-intermediate"),
        (dovecot, "L", "missing-intermediate"),
        (dovecot, "LAB", "misordered"),
        (courier, "L", "missing-intermediate"),
        (courier, "LAB", "misordered"),
        (haraka, "L", "missing-intermediate"),
        (haraka, "LAB", "misordered"),
        (aiosmtpd, "L", "missing-intermediate"),
        (aiosmtpd, "LAB", "misordered"),
    ],
)
def test_the_recipe_mends_the_chain(
    start: Start,
    broken: str,
    finding: str,
    *,
    together: bool,
    unpacked: Unpacked,
    authority: Authority,
    tmp_path: Path,
) -> None:
    """Report, --write-chain, "Install the chain", "Reload": then the same server sends L, B, A, and all accept it."""
    bundle = tmp_path / "chain.pem"
    with start(unpacked, authority.files(broken, ca="S", together=together)) as server:
        code, before = report(server, authority, tmp_path, "--write-chain", str(bundle))
        assert (code, certificate_findings(before)) == (1, [finding])
        chosen = recipe(before["mta"]["name"])
        assert told(before, finding, chosen) == [*chosen.commands("install"), *chosen.commands("reload")]
        assert looks_again(before, finding) == ["Look again:", f"$ smtp-chaincheck {HOST}:{server.port}"]
        follow(chosen, "install", server, bundle=str(bundle))
        follow(chosen, "reload", server)
        assert settled(server.port, right(authority)) == right(authority)
        code, after = report(server, authority, tmp_path)
        assert (code, certificate_findings(after)) == (0, [])
        assert openssl_accepts(server.port, tmp_path / "root.pem", unpacked.environment(tmp_path))


@pytest.mark.parametrize("start", [dovecot, haraka])
def test_a_daemon_that_has_not_read_its_file_is_told_by_compare(
    start: Start, unpacked: Unpacked, authority: Authority, tmp_path: Path
) -> None:
    """The mended file lies on disk, and the old one is served until the reload that the report prints."""
    with start(unpacked, authority.files("L")) as server:
        file = Path(str(server.slots["cert"]))
        compared = ("--compare", str(file), "--mta", server.software)
        assert certificate_findings(report(server, authority, tmp_path, *compared)[1]) == ["missing-intermediate"]
        file.write_bytes(authority.saved("LBA", tmp_path / "whole.pem").read_bytes())
        _, stale = report(server, authority, tmp_path, *compared)
        assert "served-differs" in certificate_findings(stale)
        (fix,) = [entry["fix"] for entry in stale["findings"] if entry["id"] == "served-differs"]
        assert {*recipe(server.software).commands("reload")} <= {line.removeprefix("$ ") for line in fix}
        follow(recipe(server.software), "reload", server)
        assert settled(server.port, right(authority)) == right(authority)
        assert report(server, authority, tmp_path, *compared)[0] == 0


@pytest.mark.parametrize("start", [postfix, exim, sendmail])
def test_after_a_wrong_key_the_right_one_and_the_reload_bring_tls_back(
    start: Start, unpacked: Unpacked, authority: Authority, tmp_path: Path
) -> None:
    """Putting the key right is the administrator's own move; the recipe's reload makes the server see it."""
    with start(unpacked, authority.files("LBA", key="leaf-2", ca="AB" if start is sendmail else "")) as server:
        assert sent(server.port).reply == 454
        server.key.write_text(keys.pem("leaf"), encoding="utf-8")
        follow(recipe(server.software), "reload", server)
        assert settled(server.port, right(authority)) == right(authority)
        assert report(server, authority, tmp_path)[0] == 0


@pytest.mark.parametrize("start", [dovecot, courier])
def test_after_a_wrong_key_the_handshake_comes_about_again(
    start: Start, unpacked: Unpacked, authority: Authority, tmp_path: Path
) -> None:
    """These two say 220 with a wrong key, and the handshake fails; the right key and the reload mend it."""
    roots = authority.saved("R", tmp_path / "root.pem")
    with start(unpacked, authority.files("LBA", key="leaf-2")) as server:
        assert not openssl_accepts(server.port, roots, server.environment)
        server.key.write_text(keys.pem("leaf"), encoding="utf-8")
        follow(recipe(server.software), "reload", server)
        assert settled(server.port, right(authority)) == right(authority)
        assert openssl_accepts(server.port, roots, server.environment)
        assert report(server, authority, tmp_path)[0] == 0


@pytest.mark.parametrize("start", [postfix, exim, sendmail, dovecot, courier, haraka])
def test_the_other_commands_of_the_recipe_run(start: Start, unpacked: Unpacked, authority: Authority) -> None:
    """Where the file is named, and the checks by openssl: each runs, and tells what this server has."""
    with start(unpacked, authority.files("LBA", ca="AB" if start is sendmail else "")) as server:
        chosen = recipe(server.software)
        assert str(server.slots["cert"]) in follow(chosen, "where", server)
        place = {**server.slots, "endpoint": f"{HOST}:{server.port}"}
        before, after = checks(chosen.commands("check", **place))
        assert "Example A" in server.run("\n".join(after))
        if before:
            assert "Example A" in server.run("\n".join(before))


def test_a_file_that_courier_cannot_read_is_made_readable(
    unpacked: Unpacked, authority: Authority, tmp_path: Path
) -> None:
    """A file for root alone: no STARTTLS, until the commands of the recipe's section on ownership have run."""
    with courier(unpacked, authority.files("LBA", together=True)) as server:
        server.key.chmod(0o600)
        assert sent(server.port) == Sent(offers=False, reply=540)
        assert certificate_findings(report(server, authority, tmp_path)[1]) == ["no-starttls"]
        follow(recipe("courier"), "owner", server)
        assert settled(server.port, right(authority)) == right(authority)


def test_a_key_that_exim_cannot_read_is_made_readable(unpacked: Unpacked, authority: Authority, tmp_path: Path) -> None:
    """A key for root alone: 454, until the commands of the recipe's section on ownership have run."""
    with exim(unpacked, authority.files("LBA")) as server:
        server.key.chmod(0o600)
        follow(recipe("exim"), "reload", server)
        assert settled(server.port, Sent(offers=True, reply=454)).reply == 454
        assert certificate_findings(report(server, authority, tmp_path)[1]) == ["starttls-refused"]
        follow(recipe("exim"), "owner", server)
        assert settled(server.port, right(authority)) == right(authority)
