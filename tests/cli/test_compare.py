"""``--compare``: a server on loopback that serves an older file than the one that lies there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from probe.cli import main
from probe.demo import keys
from probe.demo.cases import case_of
from probe.demo.cast import Cast, cast
from probe.demo.server import Stand, serving
from probe.render import json as contract

SCHEMA = json.loads(Path(contract.__file__).with_name("schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def actors() -> Cast:
    """Root, intermediate and leaf of today."""
    return cast(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture
def stand(actors: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    """A server with a good chain, whose root lies in roots.pem."""
    monkeypatch.chdir(tmp_path)
    Path("roots.pem").write_text(actors.root.pem, encoding="ascii")
    with serving(case_of("good"), datetime.now(UTC)) as stand:
        yield stand


@pytest.fixture
def look(stand: Stand, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Probe it; the exit code and what stands on stdout."""

    def run(*words: str) -> tuple[int, str]:
        place = [f"{stand.host}:{stand.port}", "--name", stand.name, "--no-fetch", "--trust", "roots.pem"]
        code = main([*place, *words])
        return code, capsys.readouterr().out

    return run


def test_a_renewed_file_that_the_server_has_not_read(look: Callable[..., tuple[int, str]], actors: Cast) -> None:
    """It is said, with the command that makes this server read it; the command to look again compares, too."""
    renewed = actors.leaf(**actors.days(0, 90))
    Path("new.pem").write_text(renewed.pem + actors.r3.pem, encoding="ascii")
    code, out = look("--compare", "new.pem", "--mta", "postfix")
    assert code == 1
    assert "What is served is not what lies on disk" in out
    assert "    postfix reload\n" in out
    assert "--compare new.pem" in out.partition("Look again:")[2]
    code, out = look("--compare", "new.pem", "--json")
    (endpoint,) = json.loads(out)["endpoints"]
    (finding,) = endpoint["findings"]
    assert (finding["id"], finding["facts"]["case"], finding["facts"]["file"]) == (
        "served-differs",
        "not-reloaded",
        "new.pem",
    )
    assert endpoint["on_disk"]["certificates"][0] == finding["facts"]["own_sha256"]


def test_a_file_as_it_is_served_is_one_line(look: Callable[..., tuple[int, str]], stand: Stand) -> None:
    """And no finding."""
    Path("mx.pem").write_text(stand.file.read_text(encoding="utf-8"), encoding="utf-8")
    code, out = look("--compare", "mx.pem")
    assert code == 0
    assert "  on disk  mx.pem holds what is served\n" in out
    code, out = look("--compare", "mx.pem", "--json")
    document: Any = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["endpoints"][0]["on_disk"]["same"] is True
    assert "on disk" not in look()[1]


def test_the_list_that_we_present_is_not_compared(look: Callable[..., tuple[int, str]], stand: Stand) -> None:
    """It is another server's business."""
    Path("mx.pem").write_text(stand.file.read_text(encoding="utf-8"), encoding="utf-8")
    Path("own.pem").write_text(keys.pem("leaf") + stand.act.sent[0].pem, encoding="utf-8")
    _, out = look("--compare", "mx.pem", "--client-cert", "own.pem", "--json")
    assert [endpoint["on_disk"] is None for endpoint in json.loads(out)["endpoints"]] == [False, False, True]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("absent.pem", "cannot be read: No such file"),
        (".", "is a folder"),
        ("roots.txt", "holds no certificate"),
        ("", "--compare wants the name of a file"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_before_anybody_connects(
    name: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2."""
    monkeypatch.chdir(tmp_path)
    Path("roots.txt").write_text("nothing", encoding="ascii")
    assert main(["127.0.0.1:9", "--compare", name]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())
