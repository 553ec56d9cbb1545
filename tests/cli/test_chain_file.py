"""``--write-chain`` with --layout, --key and --backup: what is written, and what never is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.cli import chain_file, main
from probe.demo import keys
from probe.model import Endpoint, Exchange, Observation, Reply, Stage, alone
from probe.pki import pem
from probe.pki.certificate import parse
from probe.pki.layout import key_of
from probe.wire.saved import dump

CHAINS = Path(__file__).parents[2] / "fixtures" / "chains" / "missing-intermediate"
KEY = keys.pem("leaf").partition("\n")[2]
"""The block alone, as it is written."""
LINES = KEY.splitlines()[1:-1]
"""What of it must be nowhere else."""
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SENT = pem.certificates((CHAINS / "sent.pem").read_bytes())
RIGHT = (*SENT, *pem.certificates((CHAINS / "pool.pem").read_bytes()))
OLD = pem.bundle(map(parse, SENT))

Run = Callable[..., int]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Judge a server of this greeting that lacks its intermediate, in a folder of its own with the key in key.pem."""
    monkeypatch.chdir(tmp_path)
    Path("key.pem").write_text(keys.pem("leaf"), encoding="ascii")

    def judged(*words: str, greeting: str = "mx ESMTP Postfix") -> int:
        said = (Exchange(1.0, "server", f"220 {greeting}"),)
        place = Endpoint("mx.example.test", "192.0.2.25", 25, sni="mx.example.test")
        seen = Observation(
            place,
            NOW,
            Stage.DONE,
            greeting=Reply(220, (greeting,)),
            presented=SENT,
            tls_version="TLSv1.3",
            transcript=said,
        )
        Path("seen.json").write_text(dump([alone(seen)]), encoding="utf-8")
        pool, trust = str(CHAINS / "pool.pem"), str(CHAINS / "anchors.pem")
        return main(["--from", "seen.json", "--intermediates", pool, "--trust", trust, *words])

    return judged


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr, its lines joined."""
    return " ".join(capsys.readouterr().err.split())


def mode(name: str) -> int:
    """The permission bits."""
    return Path(name).stat().st_mode & 0o777


def holds(name: str, *, key: bool, right: tuple[bytes, ...] = RIGHT) -> None:
    """The file has this list, and the key or nothing of it."""
    content = Path(name).read_text(encoding="utf-8")
    assert pem.certificates(content.encode()) == right
    assert (KEY in content) == any(line in content for line in LINES) == key


@pytest.mark.parametrize(
    ("words", "mta", "key", "right", "sentence"),
    [
        (
            ("--key", "key.pem"),
            "postfix",
            True,
            RIGHT,
            "the private key, mx.example.test, Example R3. Its mode is 0600.",
        ),
        ((), "postfix", False, RIGHT, "Postfix can read the key from the same file (key-first)"),
        ((), "exim", False, RIGHT, "There is no private key in it."),
        (("--key", "key.pem"), "exim", False, RIGHT, "The key is not in it"),
        (("--key", "key.pem", "--layout", "key-last"), "exim", True, RIGHT, "Example R3, the private key."),
        ((), "sendmail", False, RIGHT, "two files; --layout leaf and --layout chain write these."),
        (("--layout", "leaf"), "sendmail", False, RIGHT[:1], "mx.example.test. There is no private key in it."),
        (("--layout", "chain"), "sendmail", False, RIGHT[1:], "Wrote new.pem: Example R3. There is no private key"),
        (("--key", "key.pem", "--layout", "fullchain"), "qmail", False, RIGHT, "There is no private key in it."),
    ],
)
def test_the_mail_server_chooses_unless_the_user_does(  # noqa: PLR0917 -- a table of cases
    words: tuple[str, ...],
    mta: str,
    key: bool,
    right: tuple[bytes, ...],
    sentence: str,
    run: Run,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A default that needs a key which is not at hand, or that is half a list, becomes the whole one, and says so."""
    assert run("--write-chain", "new.pem", "--mta", mta, "--quiet", *words) == 1
    holds("new.pem", key=key, right=right)
    assert mode("new.pem") == (0o600 if key else 0o644)
    assert sentence in said(capsys)


def test_software_that_is_recognised_chooses_as_well(run: Run) -> None:
    """The greeting names it."""
    run("--write-chain", "postfix.pem", "--key", "key.pem")
    run("--write-chain", "exim.pem", "--key", "key.pem", greeting="mx.example.test ESMTP Exim 4.98 Sun, 01 Nov 2026")
    holds("postfix.pem", key=True)
    holds("exim.pem", key=False)


def test_the_key_is_nowhere_but_in_that_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not on the screen, in JSON, in what --save keeps, in no other file; its own is closed before its first byte."""
    modes: list[int] = []
    made = tempfile.mkstemp

    def watched(*words: object, **named: object) -> tuple[int, str]:
        assert named["dir"] == tmp_path
        handle, name = made(*words, **named)  # type: ignore[call-overload]
        modes.append(os.fstat(handle).st_mode & 0o777)
        return handle, name

    monkeypatch.setattr(tempfile, "mkstemp", watched)
    for more in (("--verbose",), ("--json", "--force", "--save", "kept.json")):
        Path("new.pem").unlink(missing_ok=True)
        run("--write-chain", "new.pem", "--key", "key.pem", *more)
        shown = "".join(capsys.readouterr())
        assert not any(line in shown for line in LINES)
    assert modes[0] == 0o600
    Path("key.pem").unlink()
    holders = [file.name for file in tmp_path.iterdir() if any(line in file.read_text("utf-8") for line in LINES)]
    assert holders == ["new.pem"]


@pytest.mark.parametrize(
    ("key", "layout", "sentence"),
    [
        ("leaf-2", "key-first", "the private key does not belong to the certificate of mx.example.test."),
        ("leaf-2", "fullchain", "does not belong"),
        (None, "key-first", "--layout key-first holds the private key: name its file by --key."),
        ("none", "key-last", "--key key.pem holds no private key in PEM."),
        ("twice", "key-last", "--key key.pem holds 2 private keys, and one is wanted."),
        ("absent", "key-last", "--key key.pem cannot be read: No such file or directory."),
    ],
)
def test_a_key_that_cannot_go_in_is_refused(
    key: str | None, layout: str, sentence: str, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2, and nothing is written."""
    Path("key.pem").unlink()
    if key not in {None, "absent"}:
        content = {"none": "nothing", "twice": KEY * 2}.get(str(key)) or keys.pem(str(key))
        Path("key.pem").write_text(content, encoding="ascii")
    words = ["--key", "key.pem"] if key else []
    assert run("--write-chain", "new.pem", "--layout", layout, *words) == 2
    assert sentence in said(capsys)
    assert not Path("new.pem").exists()


@pytest.mark.parametrize("option", [("--key", "key.pem"), ("--layout", "leaf"), ("--backup",)])
def test_an_option_of_a_file_that_is_not_asked_for_is_a_mistake(
    option: tuple[str, ...], run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would do nothing."""
    assert run(*option) == 2
    assert "--write-chain FILE" in said(capsys)


def test_a_file_with_that_very_key_is_replaced_and_kept(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """With --backup alone; it keeps its group's rights, nobody else's, and the copy is for its owner."""
    old = f"Bag Attributes\n{KEY}subject=CN = mx\n{OLD}"
    Path("servercert.pem").write_text(old, encoding="ascii")
    Path("servercert.pem").chmod(0o644)
    words = ("--write-chain", "servercert.pem", "--key", "key.pem", "--quiet")
    assert run(*words, "--force") == 2
    assert "Say --backup: the old file is then kept." in said(capsys)
    Path("servercert.pem").chmod(0o640)
    assert run(*words, "--backup") == 1
    holds("servercert.pem", key=True)
    (kept,) = Path().glob("servercert.pem.2*")
    assert "The old file is kept as" in said(capsys)
    assert kept.read_text(encoding="ascii") == old
    assert (mode("servercert.pem"), mode(str(kept))) == (0o640, 0o600)


@pytest.mark.parametrize(
    "content",
    [
        keys.pem("leaf-2").partition("\n")[2],
        KEY + keys.pem("leaf-2").partition("\n")[2],
        KEY + "-----BEGIN DH PARAMETERS-----\nMAYCAQ==\n-----END DH PARAMETERS-----\n",
        "TUlJRXZRSUJBREFO\n",
    ],
    ids=["another key", "two keys", "parameters", "something"],
)
def test_what_would_be_lost_is_not_replaced(content: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Although the old file would be kept: what the server needs would be gone from it."""
    Path("servercert.pem").write_text(content, encoding="ascii")
    assert run("--write-chain", "servercert.pem", "--key", "key.pem", "--backup", "--force") == 2
    assert "perhaps a private key" in said(capsys)
    assert Path("servercert.pem").read_text(encoding="ascii") == content


def test_a_file_without_key_is_kept_by_backup_and_closed_when_a_key_comes(run: Run) -> None:
    """Whoever could read certificates need not be able to read the key."""
    Path("chain.pem").write_text(OLD, encoding="ascii")
    Path("chain.pem").chmod(0o664)
    assert run("--write-chain", "chain.pem", "--backup", "--quiet") == 1
    assert mode("chain.pem") == 0o664
    (kept,) = Path().glob("chain.pem.2*")
    assert (kept.read_bytes(), mode(str(kept))) == (OLD.encode(), 0o664)
    assert run("--write-chain", "chain.pem", "--key", "key.pem", "--force", "--quiet") == 1
    holds("chain.pem", key=True)
    assert mode("chain.pem") == 0o600


def test_a_link_of_certbot_is_written_through_and_its_fate_is_told(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The link stays; the next renewal sets it to another file."""
    archive = Path("archive")
    archive.mkdir()
    (archive / "fullchain1.pem").write_text(OLD, encoding="ascii")
    Path("fullchain.pem").symlink_to("archive/fullchain1.pem")
    run("--write-chain", "fullchain.pem", "--backup", "--quiet")
    assert Path("fullchain.pem").is_symlink()
    holds("archive/fullchain1.pem", key=False)
    assert len([*archive.glob("fullchain1.pem.2*")]) == 1
    assert "is a link" in (told := said(capsys))
    assert "the next one undoes this" in told


def test_a_chain_without_intermediates_is_said_and_not_written(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty file would stop a server."""
    monkeypatch.setattr(chain_file, "laid_out", lambda *_: b"")
    assert run("--write-chain", "new.pem", "--layout", "chain") == 1
    assert "there is no intermediate" in said(capsys)
    assert not Path("new.pem").exists()


def test_the_report_speaks_of_the_file_where_the_commands_can_use_it(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of a recipe take leaf and intermediates, and the key from the server's own file."""
    run("--write-chain", "mine.pem", "--layout", "fullchain")
    assert "C=mine.pem" in capsys.readouterr().out
    run("--write-chain", "whole.pem", "--key", "key.pem")
    assert "C=chain.pem" in capsys.readouterr().out


def test_the_old_file_stays_where_the_new_one_cannot_come(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left beside it, and no key in it."""
    Path("servercert.pem").write_text(KEY, encoding="ascii")

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    assert run("--write-chain", "servercert.pem", "--key", "key.pem", "--backup") == 2
    assert "No space left on device" in said(capsys)
    assert sorted(file.name for file in Path().iterdir()) == ["key.pem", "seen.json", "servercert.pem"]
    assert key_of(Path("servercert.pem").read_bytes()).pem == KEY.encode()
