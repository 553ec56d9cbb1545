"""The script and the callers of the page ``renewal-hooks``, run as they are printed, with stand-ins for the servers."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import forge
import pytest

from probe.catalogue.pages import page
from probe.demo import keys

FIX = page("renewal-hooks").sections["How to fix it"]
SCRIPT, CERTBOT, _, _, LEGO, _, DEHYDRATED, _ = re.findall(r"^```sh\n(.*?)^```$", FIX, re.MULTILINE | re.DOTALL)
CHAIN = forge.chain(1)
FULLCHAIN = "".join(one.pem for one in CHAIN[:-1]).encode()
KEY = keys.pem(CHAIN[0].key).encode().rstrip()
"""Without a newline at its end, as some programs write it."""
NAME = "mail.example.com"


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Give a file system of its own: folders of the servers, stand-ins for their programs, a renewed certificate."""
    for folder in ("bin", "usr/local/sbin", "etc/postfix", "etc/exim4", "var/qmail/control", f"live/{NAME}", "live/x"):
        (tmp_path / folder).mkdir(parents=True)
    for program in ("postfix", "doveadm", "chown"):
        placed(tmp_path / "bin" / program, f'#!/bin/sh\necho "{program} $*" >> {tmp_path}/done\n', tmp_path)
    placed(tmp_path / "usr/local/sbin/mail-cert", SCRIPT, tmp_path)
    for folder in (NAME, "x"):
        (tmp_path / "live" / folder / "privkey.pem").write_bytes(KEY)
        (tmp_path / "live" / folder / "fullchain.pem").write_bytes(FULLCHAIN)
    return tmp_path


def placed(path: Path, script: str, top: Path) -> Path:
    """Write an executable script that sees the folders of the test for those of the system."""
    path.write_text(re.sub(r"(?<=[ \n])/(etc|usr|var)/", rf"{top}/\1/", script), encoding="utf-8")
    path.chmod(0o755)
    return path


def run(top: Path, *words: str | Path, **variables: str | Path) -> int:
    """Run a command with the stand-ins in front; return its exit code."""
    path = {"PATH": f"{top}/bin:{os.environ['PATH']}"}
    return subprocess.run(words, cwd=top, env={**path, **variables}, capture_output=True, check=False).returncode


def served(top: Path) -> bytes:
    """What qmail reads."""
    return (top / "var/qmail/control/servercert.pem").read_bytes()


def test_each_server_gets_what_it_wants(top: Path) -> None:
    """Key and chain joined with a newline between them, or apart; owner and mode; no file half made is left."""
    live = top / "live" / NAME
    assert run(top, top / "usr/local/sbin/mail-cert", live / "privkey.pem", live / "fullchain.pem") == 0
    joined = KEY + b"\n" + FULLCHAIN
    assert served(top) == (top / "etc/postfix/mail.example.com.pem").read_bytes() == joined
    assert (top / "etc/exim4/exim.crt").read_bytes() == FULLCHAIN
    modes = {path.name: path.stat().st_mode & 0o777 for path in top.glob("[ev]*/*/**/*") if path.is_file()}
    assert modes == {"mail.example.com.pem": 0o600, "exim.key": 0o640, "exim.crt": 0o644, "servercert.pem": 0o640}
    told = re.sub(r" /\S+", "", (top / "done").read_text(encoding="utf-8")).splitlines()
    exim = ["chown root:Debian-exim"] * 2
    assert told == [
        "postfix reload",
        "chown root:root",
        "postfix reload",
        *exim,
        "doveadm reload",
        "chown qmaild:qmail",
    ]


def test_a_key_that_does_not_belong_to_the_certificate_changes_nothing(top: Path) -> None:
    """And the caller hears of it."""
    live = top / "live" / NAME
    (live / "privkey.pem").write_bytes(keys.pem(CHAIN[1].key).encode())
    assert run(top, top / "usr/local/sbin/mail-cert", live / "privkey.pem", live / "fullchain.pem") != 0
    assert not (top / "done").exists()


def test_certbot_calls_it_for_the_mail_server_only(top: Path) -> None:
    """The hook runs for every certificate that is renewed, and fails when the script does."""
    hook = placed(top / "hook", CERTBOT, top)
    assert run(top, hook, RENEWED_LINEAGE=top / "live/x") == 0
    assert not (top / "done").exists()
    assert run(top, hook, RENEWED_LINEAGE=top / "live" / NAME) == 0
    assert served(top).endswith(FULLCHAIN)
    (top / "live" / NAME / "fullchain.pem").unlink()
    assert run(top, hook, RENEWED_LINEAGE=top / "live" / NAME) != 0


def test_dehydrated_calls_it_for_that_event_and_that_name(top: Path) -> None:
    """Other events pass; the words are those that dehydrated gives."""
    hook, live = placed(top / "hook", DEHYDRATED, top), top / "live" / NAME
    files = [live / name for name in ("privkey.pem", "cert.pem", "fullchain.pem", "chain.pem")]
    assert run(top, hook, "startup_hook") == run(top, hook, "deploy_cert", "www.example.com", *files, "1") == 0
    assert not (top / "done").exists()
    assert run(top, hook, "deploy_cert", NAME, *files, "1") == 0
    assert served(top).endswith(FULLCHAIN)


def test_lego_and_acme_call_it_with_their_variables(top: Path) -> None:
    """acme.sh evaluates its command in a shell; lego runs a script."""
    files = top / f"live/{NAME}/privkey.pem", top / f"live/{NAME}/fullchain.pem"
    hook = placed(top / "hook", LEGO, top)
    assert run(top, hook, LEGO_CERT_KEY_PATH=files[0], LEGO_CERT_PATH=files[1]) == 0
    (top / "done").unlink()
    (line,) = re.findall(r"^M='(.*FULLCHAIN_PATH.*)'$", FIX, re.MULTILINE)
    command = line.replace("/usr/", f"{top}/usr/")
    assert run(top, "sh", "-c", command, CERT_KEY_PATH=files[0], CERT_FULLCHAIN_PATH=files[1]) == 0
    assert (top / "done").exists()
