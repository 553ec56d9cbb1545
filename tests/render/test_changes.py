"""Changes on the screen and as JSON."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from render.samples import ALL, GOOD, HOSTILE, MISORDERED, MISSING, NASTY, UNREACHABLE

from probe.changes import Change, changes
from probe.documents import report
from probe.model import Report
from probe.render.changes import add_news, sentence, show, text
from probe.render.json import document
from probe.render.sheet import Sheet

SCHEMA = json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))
SCREEN = """\
~ mx.example.com:25 — 5 changes, and the same verdict
  mx.example.com, 192.0.2.25, port 25, asked for mx.example.com
    ~ certificate: mx.example.com (b89b3e1785941263, until 2027-01-22) →
      mx.example.com (d0bf33403f83afad, until 2026-11-20)
    ~ list: added Example Root X1 (2046aef05d6db5af, until 2040-08-01), Example
      R3 (0aef9e663eaac669, until 2029-08-19)
    + new warning: The title of misordered [misordered]
    + new error: The title of expired [expired]
    - gone: The title of missing-intermediate [missing-intermediate]

3 more changes that do not matter (--verbose)."""
PLACE = report(document(GOOD))["target"]


def between(before: Report, after: Report) -> tuple[Change, ...]:
    """What changed from one to the other."""
    return changes([report(document(before))], [report(document(after))])


def shown(found: tuple[Change, ...], **how: bool) -> str:
    """The lines, with ids for titles."""
    sheet = Sheet()
    show(sheet, found, title=lambda id_: f"The title of {id_}", **how)
    return "\n".join(line.plain for line in sheet.lines)


def test_what_is_on_the_screen() -> None:
    """The verdict first, then the server, then a line for each change."""
    assert shown(between(MISSING, MISORDERED)) == SCREEN


def test_an_address_is_named_once() -> None:
    """Where it is the host as well."""
    told = [change for change in between(MISSING, MISORDERED) if isinstance(change.endpoint, dict)]
    bare = tuple(replace(change, endpoint=change.endpoint | {"host": "192.0.2.25"}) for change in told)
    assert "  192.0.2.25, port 25, asked for mx.example.com\n" in shown(bare)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ALL)
def test_every_change_keeps_the_contract(name: str) -> None:
    """Between any report and any other."""
    for other in ALL.values():
        jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(text(between(ALL[name], other), 1)))


def test_hostile_words_are_harmless() -> None:
    """Every letter of them that is shown can be seen."""
    target = PLACE | {"name": NASTY} if isinstance(PLACE, dict) else PLACE
    found = tuple(replace(change, target=target) for change in between(GOOD, HOSTILE))
    for line in shown(found, verbose=True).splitlines():
        assert line.isprintable(), line
    assert "\\x1b]0;owned" in shown(found)


def test_what_does_not_matter_is_counted_or_told() -> None:
    """--verbose tells it."""
    other = replace(
        GOOD, endpoints=(replace(GOOD.endpoints[0], observation=replace(GOOD.endpoints[0].observation, cipher="X")),)
    )
    assert shown(between(GOOD, other)) == "✓ nothing has changed that matters (else 1: --verbose)"
    assert "    ~ cipher: TLS_AES_256_GCM_SHA384 → X" in shown(between(GOOD, other), verbose=True)
    assert shown(between(GOOD, GOOD)) == "✓ nothing has changed"
    assert shown(between(GOOD, MISSING)).endswith("\n\n2 more changes that do not matter (--verbose).")
    assert "matter" not in shown(between(GOOD, MISSING), verbose=True)


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ([GOOD], [UNREACHABLE], "✗ mx.example.com:25 — was right, is unreachable"),
        ([GOOD], [], "- mx.example.com:25 — no report any more"),
        ([], [MISSING], "✗ mx.example.com:25 — had no report, is wrong"),
    ],
)
def test_the_verdict_line(before: list[Report], after: list[Report], line: str) -> None:
    """With --quiet there is nothing else."""
    sides = [[report(document(one)) for one in side] for side in (before, after)]
    assert shown(changes(*sides), quiet=True) == line


@pytest.mark.parametrize(
    ("kind", "before", "after", "words"),
    [
        ("mx", ["10 a", "20 b"], ["20 b", "30 c"], "MX: added 30 c; removed 10 a"),
        ("mx", ["10 a", "20 b"], ["20 b", "10 a"], "MX: in another order: 20 b, 10 a"),
        ("tlsa", None, ["3 1 1 00", "DNSSEC secure"], "TLSA: none → 3 1 1 00, DNSSEC secure"),
        ("tls-rpt", [], None, "TLS-RPT: none → none"),
        ("address", "192.0.2.1", None, "address: 192.0.2.1 → none"),
        ("status", "error", "info", "verdict: wrong → right"),
        ("endpoint", None, "unreachable", "new server: unreachable"),
        ("endpoint", "ok", None, "gone: server, was right"),
        ("finding", "warning", "error", "was warning, is error: Title [expired]"),
    ],
)
def test_one_change_in_words(kind: str, before: Any, after: Any, words: str) -> None:
    """Lists by what came and what went."""
    assert sentence(Change(kind, before, after, "expired"), lambda _: "Title") == words


def at(change: Change, address: str) -> Change:
    """The same change at another address."""
    return replace(change, endpoint={**change.endpoint, "address": address})


def news(found: list[Change], report: Report) -> str:
    """The lines of one look."""
    sheet = Sheet()
    add_news(sheet, found, report, lambda id_: f"Title of {id_}", "14:02:11")
    return "\n".join(line.plain for line in sheet.lines)


def test_the_news_of_a_watch_are_a_line_each_below_their_server() -> None:
    """Nothing stands twice without saying where; what is left is counted."""
    verdict, *others = between(MISSING, GOOD)
    gone = [at(c, f"192.0.2.{n}") for n in (25, 26) for c in others if c.id == "missing-intermediate"]
    two = replace(MISORDERED, endpoints=MISORDERED.endpoints * 2)
    assert (
        news([verdict, *gone], two)
        == """\
14:02:11  verdict: wrong → right
          mx.example.com, 192.0.2.25, port 25, asked for mx.example.com
            gone: Title of missing-intermediate [missing-intermediate]
          mx.example.com, 192.0.2.26, port 25, asked for mx.example.com
            gone: Title of missing-intermediate [missing-intermediate]
          left: 2 errors, 2 warnings"""
    )
    assert news(gone[:1], GOOD) == "14:02:11  gone: Title of missing-intermediate [missing-intermediate]"
    assert news([verdict], MISSING).endswith("\n          left: 1 error")


def test_what_a_new_server_has_wrong_is_named() -> None:
    """As for one that was there before."""
    none = replace(UNREACHABLE, endpoints=())
    assert "    + new error: The title of timeout-connect [timeout-connect]" in shown(between(none, UNREACHABLE))
