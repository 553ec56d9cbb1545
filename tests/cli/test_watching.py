"""``--watch``: with a clock of the test's own, and once with a server that is mended while it is watched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from render.samples import GOOD, MISORDERED, MISSING, REFUSED, UNREACHABLE

from probe.cli import main, probing, watching
from probe.cli.watching import Look, looks, until_enough
from probe.demo.cases import case_of
from probe.demo.server import serving
from probe.model import Finding, Report, Severity
from probe.render import json as contract

SCHEMA = json.loads(Path(contract.__file__).with_name("schema.json").read_text(encoding="utf-8"))
WARNED = replace(
    MISORDERED, endpoints=(replace(MISORDERED.endpoints[0], findings=MISORDERED.endpoints[0].findings[:1]),)
)
"""Out of order alone: a warning."""


class Hours:
    """A clock that only resting moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.rests: list[float] = []

    def read(self) -> float:
        """Seconds."""
        return self.now

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        self.rests.append(seconds)
        self.now += seconds


def seen(hours: Hours, *reports: Report, limit: float = 86400, every: float = 60) -> list[Look]:
    """Every look at a server that is so, and remains as it is in the end."""
    following = iter(reports)
    last = [reports[-1]]

    def look() -> Report:
        last[0] = next(following, last[0])
        return last[0]

    return list(until_enough(looks(look, every, limit, hours.read, hours.rest)))


def kinds(look: Look) -> list[tuple[str, Any, Any]]:
    """The news of one look."""
    return [(change.id or change.kind, change.before, change.after) for change in look.news or ()]


def test_a_right_chain_is_looked_at_once() -> None:
    """Nobody waits for what is there; a warning may pass as right."""
    assert len(seen(Hours(), GOOD)) == 1
    assert len(seen(Hours(), replace(WARNED, fail_on=Severity.ERROR))) == 1


@pytest.mark.parametrize(
    ("reports", "count"),
    [
        ((MISSING, MISSING, GOOD), 3),
        ((MISSING, REFUSED, GOOD), 3),
        ((MISSING, WARNED, GOOD), 2),
        ((WARNED, MISSING, GOOD), 2),
        ((MISSING, UNREACHABLE, MISSING, GOOD), 4),
        ((UNREACHABLE, MISSING, MISSING, WARNED, GOOD), 4),
        ((UNREACHABLE, GOOD), 2),
    ],
)
def test_when_the_watch_is_over(reports: tuple[Report, ...], count: int) -> None:
    """The chain is right, or the verdict is another; a server that is away for a moment has none."""
    assert len(seen(Hours(), *reports)) == count


def test_the_pause_grows_while_nothing_changes() -> None:
    """Up to five minutes; what is new brings the first one back."""
    hours = Hours()
    seen(hours, *[MISSING] * 12, REFUSED, REFUSED, GOOD)
    assert hours.rests[:3] == [60, 75, 93.75]
    assert hours.rests[8:12] == [300] * 4
    assert hours.rests[12:] == [60, 75]


def test_a_pause_of_the_users_own_never_shrinks() -> None:
    """Ten minutes stay ten minutes."""
    hours = Hours()
    seen(hours, MISSING, MISSING, GOOD, every=600)
    assert hours.rests == [600, 600]


@pytest.mark.unmeasured
@pytest.mark.parametrize("limit", [1.0, 59.0, 60.0, 3600.0, 86400.0])
def test_the_watch_never_outlasts_its_limit(limit: float) -> None:
    """Nor does it look twice within a pause."""
    hours = Hours()
    found = seen(hours, MISSING, limit=limit)
    assert hours.now <= limit
    assert min(hours.rests, default=60) >= 60
    assert len(found) == len(hours.rests) + 1


def test_what_is_new_is_told_once() -> None:
    """A note that comes does not matter."""
    looks_ = seen(Hours(), MISSING, MISSING, REFUSED, REFUSED, GOOD)
    assert looks_[0].news is None
    assert kinds(looks_[1]) == kinds(looks_[3]) == []
    assert ("starttls-refused", None, "error") in kinds(looks_[2])
    assert ("missing-intermediate", "error", None) in kinds(looks_[2])
    assert kinds(looks_[4])[0] == ("status", "error", "ok")


def test_a_server_that_was_away_is_compared_with_what_it_was() -> None:
    """That all its findings are gone while it is away is no news, and that they are back is none either."""
    away = seen(Hours(), MISSING, UNREACHABLE, UNREACHABLE, MISSING, GOOD)
    assert [kinds(look) for look in away[1:4]] == [
        [("status", "error", "unreachable"), ("timeout-connect", None, "error")],
        [],
        [("status", "unreachable", "error")],
    ]


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Report | BaseException]]:
    """What the probes find, one after the other; no time passes."""
    given: list[Report | BaseException] = []
    hours = Hours()

    def probed(*_: object, **__: object) -> Report:
        one = given.pop(0)
        if isinstance(one, BaseException):
            raise one
        return one

    monkeypatch.setattr(probing, "probed", probed)
    monkeypatch.setattr(watching, "sleep", hours.rest)
    monkeypatch.setattr(watching, "monotonic", hours.read)
    yield given
    assert given == []


Answers = list[Report | BaseException]
RUN = ("mx.example.com", "--trust", "none", "--watch")


def test_a_report_then_a_line_then_a_report(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is that of the end."""
    answers += [MISSING, MISSING, GOOD]
    assert main([*RUN]) == 0
    out, err = capsys.readouterr()
    first, line, last = out.partition("  verdict: wrong → right\n")
    assert "\n\n" in first[-12:]
    assert first.startswith("✗ mx.example.com:25 — an intermediate certificate is missing\n\n  server ")
    assert datetime.strptime(first.splitlines()[-1], "%H:%M:%S")  # noqa: DTZ007 -- the time of day alone
    assert "gone: An intermediate certificate is missing" in " ".join(last.split())
    assert "\n\n✓ mx.example.com:25 — the chain is right\n\n  server " in last
    assert (line != "", err) == (True, "")


def test_a_right_chain_is_reported_once(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """As without --watch."""
    answers += [GOOD, GOOD]
    main([*RUN])
    watched = capsys.readouterr()
    main([*RUN[:-1]])
    assert watched == capsys.readouterr()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ([MISSING, WARNED], 1),
        ([MISSING, MISSING, MISSING], 1),
        ([MISSING, UNREACHABLE, UNREACHABLE], 1),
        ([UNREACHABLE, UNREACHABLE, UNREACHABLE], 3),
        ([UNREACHABLE, UNREACHABLE, GOOD], 0),
    ],
)
def test_the_exit_code(answers: Answers, given: list[Report], code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """1: it changed or is still wrong when the limit is reached; 3: nothing ever answered."""
    answers += given
    assert main([*RUN, "--watch-limit", "140", "--quiet"]) == code
    out, err = capsys.readouterr()
    assert out.splitlines()[-1].startswith("✓" if code == 0 else ("!" if given[-1] is WARNED else "✗"))
    assert err == ("" if code == 0 else "The watch is over, and the chain is not right.\n")


def test_what_did_not_change_is_not_told_twice(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """At the limit the verdict is enough."""
    answers += [MISSING, MISSING]
    assert main([*RUN, "--watch-limit", "60"]) == 1
    assert capsys.readouterr().out.count("We received #1") == 1


def test_json_is_one_document_at_the_end(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """What changed goes to stderr."""
    answers += [MISSING, GOOD]
    assert main([*RUN, "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["status"] == "ok"
    assert "verdict: wrong → right" in err


@pytest.mark.parametrize("json_", [(), ("--json",)])
def test_ctrl_c_leaves_the_last_state(
    answers: Answers, json_: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """130, as ever."""
    answers += [MISSING, REFUSED, KeyboardInterrupt()]
    assert main([*RUN, *json_]) == 130
    out, err = capsys.readouterr()
    assert (json.loads(out)["endpoints"][0]["stage"] == "starttls") if json_ else "STARTTLS" in out.split("\n\n✗ ")[1]
    assert err.endswith("The watch is over, and the chain is not right.\n")


def test_ctrl_c_before_the_first_look_is_as_ever(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """There is no state."""
    answers += [KeyboardInterrupt()]
    assert main([*RUN]) == 130
    assert capsys.readouterr() == ("", "Interrupted before the end.\n")


def test_the_last_look_is_saved(answers: Answers, tmp_path: Path) -> None:
    """And a file that cannot be written is a mistake."""
    answers += [MISSING, GOOD]
    place = tmp_path / "seen.json"
    assert main([*RUN, "--save", str(place)]) == 0
    assert len(json.loads(place.read_text(encoding="utf-8"))) > 0
    assert main([*RUN, "--save", str(place)]) == 2  # before anybody connects


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("a.example", "b.example", "--watch"), "--watch watches one host"),
        (("--from", "x", "--watch"), "--watch and --from contradict each other"),
        (("a.example", "--watch", "--write-chain", "x"), "--watch and --write-chain contradict"),
        (("a.example", "--watch", "--every", "4"), "give seconds, from 5 to 3600, not '4'"),
        (("a.example", "--watch", "--every", "-4"), "give seconds, from 5 to 3600, not '-4'"),
        (("a.example", "--watch", "--watch-limit", "604801"), "from 1 to 604800"),
        (("a..example", "--watch"), "a..example"),
    ],
)
def test_mistakes_are_said_before_anybody_connects(
    answers: Answers, words: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what to type instead."""
    assert answers == []
    assert main([*words]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_server_that_is_mended_while_it_is_watched(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On loopback: the first pause is when the admin puts the right file there."""
    with serving(case_of("missing-intermediate"), datetime.now(UTC)) as stand:
        Path(tmp_path, "roots.pem").write_text("".join(root.pem for root in stand.act.anchors), encoding="ascii")
        whole = "".join(one.pem for one in (*stand.act.sent, *stand.act.pool))

        def mend(_: float) -> None:
            stand.mend(whole)

        monkeypatch.setattr(watching, "sleep", mend)
        place = [
            f"{stand.host}:{stand.port}",
            "--name",
            stand.name,
            "--no-fetch",
            "--trust",
            str(tmp_path / "roots.pem"),
        ]
        assert main([*place, "--watch"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "verdict: wrong → right list: added Example R3 (" in out
    assert ") gone: An intermediate certificate is missing [missing-intermediate]" in out
    assert "— the chain is right" in out


def test_findings_that_come_and_go_are_all_told(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    """A line each, hostile words harmless."""
    evil = Finding("expired", Severity.ERROR)
    endpoint = replace(MISSING.endpoints[0], findings=(evil,))
    answers += [MISSING, replace(MISSING, endpoints=(endpoint,)), GOOD]
    assert main([*RUN, "--quiet"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✗ mx.example.com:25 — an intermediate certificate is missing"
    assert "new error: " in " ".join(lines[1:4])
