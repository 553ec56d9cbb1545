r"""The scripts beside this file: a command, its files, what must appear.

A sentence that says what is shown.

seen NAME CASE…       a file as --save writes it, with what the servers of fixtures/chains/CASE present
heard NAME SCRIPT     the same, of the scripted server fixtures/smtp/SCRIPT.txt
file NAME TEXT        a file with that line; \n stands between several
link NAME TO          a symbolic link
run WORDS             the command line, without our name; "chains" links to fixtures/chains, "keys" to the test keys
exit N                its exit code
out TEXT · err TEXT   what stands in stdout, in stderr (its lines joined); "no out TEXT" what does not
json KEY=VALUE        the one document on stdout keeps the contract and has this (VALUE is JSON, KEY a.0.b)
kept NAME             stdout of the last run goes into a file; "more NAME": behind what stands there
made NAME TEXT        the file stands there now and holds that; "gone NAME": there is none
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fake_mta import rehearse, scripts

from probe.cli import main
from probe.demo import keys
from probe.model import Endpoint, Exchange, Observation, Stage, alone
from probe.pki import pem
from probe.wire.saved import dump

HERE = Path(__file__).parent
CHAINS = HERE.parents[1] / "fixtures" / "chains"
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""The moment for which fixtures/chains is made."""
SCHEMA = json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))


def observation(case: str) -> Observation:
    """What a server that presents the chain of a case would show."""
    sent = pem.certificates((CHAINS / case / "sent.pem").read_bytes())
    said = Exchange(1.0, "server", "220 mx.example.test ESMTP Postfix")
    endpoint = Endpoint("mx.example.test", "192.0.2.25", 25, sni="mx.example.test")
    return Observation(endpoint, NOW, Stage.DONE, presented=sent, tls_version="TLSv1.3", transcript=(said,))


@dataclass
class Play:
    """One script while it runs."""

    capture: pytest.CaptureFixture[str]
    code: int | None = None
    out: str = ""
    err: str = ""

    def seen(self, rest: str) -> None:
        """Save observations."""
        name, *cases = rest.split()
        Path(name).write_text(dump(alone(observation(case)) for case in cases), encoding="utf-8")

    def heard(self, rest: str) -> None:
        """Save what a session hears of a scripted server."""
        name, wanted = rest.split()
        (script,) = (one for one in scripts() if one.name == wanted)
        Path(name).write_text(dump([alone(rehearse(script))]), encoding="utf-8")

    def file(self, rest: str) -> None:
        """Write a file."""
        name, _, text = rest.partition(" ")
        Path(name).write_text("\n".join((*text.split("\\n"), "")), encoding="utf-8")

    def link(self, rest: str) -> None:
        """Link a name to another."""
        name, to = rest.split()
        Path(name).symlink_to(to)

    def run(self, rest: str) -> None:
        """Run the program."""
        self.code = main(shlex.split(rest))
        self.out, err = self.capture.readouterr()
        self.err = " ".join(err.split())

    def exit(self, rest: str) -> None:
        """Compare the exit code."""
        assert (self.code, self.err) == (int(rest), self.err)

    def says(self, where: str, text: str) -> None:
        """Look for a text."""
        assert text in getattr(self, where)

    def no(self, rest: str) -> None:
        """Look for a text that must not be there; without text nothing at all must be."""
        where, _, text = rest.partition(" ")
        assert (text not in getattr(self, where)) if text else not getattr(self, where)

    def json(self, rest: str) -> None:
        """Read stdout as one document."""
        document = json.loads(self.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        key, _, value = rest.partition("=")
        assert json.loads(value) == reduce(_step, key.split("."), document)

    def kept(self, rest: str) -> None:
        """Keep stdout."""
        Path(rest).write_text(self.out, encoding="utf-8")

    def more(self, rest: str) -> None:
        """Add stdout to a file."""
        with Path(rest).open("a", encoding="utf-8") as stream:
            stream.write(self.out)

    def made(self, rest: str) -> None:
        """Look into a file."""
        name, _, text = rest.partition(" ")
        assert text in Path(name).read_text(encoding="utf-8")

    def gone(self, rest: str) -> None:
        """Look for a file that is not there."""
        assert not Path(rest).exists()


def _step(value: Any, key: str) -> Any:
    return value[int(key)] if isinstance(value, list) else value[key]


@pytest.mark.parametrize("script", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_the_command_line_does_as_the_script_says(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each script begins with a sentence and an empty line."""
    monkeypatch.chdir(tmp_path)
    Path("chains").symlink_to(CHAINS)  # a short name, so that no line breaks where the checkout's path is long
    Path("keys").symlink_to(Path(keys.__file__).with_name("keys"))
    play = Play(capsys)
    _, _, body = script.read_text(encoding="utf-8").partition("\n\n")
    for line in body.splitlines():
        word, _, rest = line.partition(" ")
        if word in {"out", "err"}:
            play.says(word, rest)
        elif word:
            getattr(play, word)(rest)
