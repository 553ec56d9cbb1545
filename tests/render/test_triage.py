"""What a triage found, for a person: the table, each problem in full, what was not read, and what the probe says."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from render.samples import GOOD, MISSING, UNREACHABLE
from render.test_message import CODE, HOSTILE, MESSAGE, UNKNOWN, poisoned, without_colours, written
from rich.console import Console
from shared import examples

from probe.catalogue.pages import all_pages
from probe.message import Accused, Category, Message, Peer, Role
from probe.model import Report
from probe.render.triage import FULL, LINES, QUOTED, decision, overview
from probe.triage.diagnosis import diagnose
from probe.triage.groups import GROUPS, Summary

START = datetime(2026, 11, 23, 8, 16, tzinfo=UTC)
FOUND = replace(
    MESSAGE,
    text="TLS connect failed\nand more",
    file="mail.log",
    line=7,
    count=3,
    first=START,
    last=START + timedelta(hours=2),
    peers=(Peer("mx.example.net", "192.0.2.25"), Peer("b.example.net")),
    recipients=("bob@example.net", "eve@example.net"),
)
FINE = Message(
    "Untrusted TLS connection established",
    Category.HARMLESS,
    page="connection-is-encrypted",
    title="It is encrypted",
    meaning="All is well.",
    accused=Accused.NONE,
    causes=MESSAGE.causes,
)
WHOLE = """\
✗ The server calls a message unexpected  [expired]
  | TLS connect failed
  | and more

  The server ended TLS: a message of ours made no sense to it at that point, and
  that is all we know of it.

  mail.log, line 7, 3 times, 2026-11-23 08:16 UTC to 2026-11-23 10:16 UTC
  with mx.example.net [192.0.2.25], b.example.net
  for bob@example.net, eve@example.net
  140943F2, OpenSSL before 3.0
    library  20 (SSL routines)
    function 148 (SSL3_READ_BYTES)
    reason   1010 (sslv3 alert unexpected message)
    alert    10, which the other side sent
    The writer is old.
"""


def shown(
    *groups: Message, notes: tuple[str, ...] = (), overflow: int = 0, colour: bool = False, full: bool = True
) -> str:
    """The answer as it reaches the screen."""
    screen = Console(file=io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), width=80)
    return written(overview(Summary(groups, overflow), notes, screen, full=full), colour=colour)


def test_one_problem_is_told_in_full() -> None:
    """The text again, where, how often, when, with whom and for whom; then all that ``explain`` says."""
    told = shown(FOUND)
    assert told.startswith(WHOLE)
    assert "  Written by: qmail as the client" in told
    assert "  1. may be: the chain lacks an intermediate\n" in told
    assert "\n    smtp-chaincheck mx.example.net\n" in told
    assert told.endswith("\n  page: smtp-chaincheck explain expired\n")


def test_nothing_found_is_good_news() -> None:
    """One line; and what was not read is said all the same."""
    assert shown() == "✓ Nothing in it tells of TLS that failed.\n"
    assert shown(notes=("a.log: cut.",)).endswith("\n\na.log: cut.\n")


def test_several_problems_have_a_table() -> None:
    """Each with its number, count, mark and title; then all in full, by number."""
    table, _, full = shown(FOUND, FINE).partition("\n\n1. ")
    head, _, rows = table.partition("\n\n")
    assert head == "2 different problems, 4 times in all"
    assert rows.startswith("  1.       3 x ✗ The server calls a message unexpected")
    assert "\n  2.       1 x ✓ It is encrypted" in rows
    assert full.startswith("✗ The server calls a message unexpected  [expired]\n")
    assert "\n2. ✓ It is encrypted  [connection-is-encrypted]\n" in full


def test_quiet_is_the_table_alone() -> None:
    """Also where there is one problem."""
    told = shown(FOUND, full=False)
    assert told.startswith("1 problem, 3 times in all\n\n  1.       3 x ✗ The server calls")
    assert shown(replace(FOUND, count=1), full=False).startswith("1 problem, once\n")
    assert "Written by" not in told
    assert shown(full=False) == shown()


def test_what_is_no_failure_has_no_causes() -> None:
    """There is nothing that would have caused it."""
    assert "Causes" not in shown(FINE)
    assert "At fault" not in shown(FINE)


def test_more_problems_than_are_read_stay_in_the_table() -> None:
    """How many are not told in full is said, and so are those that no row tells apart."""
    many = [replace(FOUND, title=f"number {number}") for number in range(FULL + 5)]
    told = shown(*many, overflow=77)
    assert told.count("Written by") == FULL
    assert "The other 5 stand in the table; --json has them in full." in told
    assert f"number {FULL + 4}" in told
    assert "77 more messages belong to further problems that are not told apart here." in told


@pytest.mark.parametrize(
    ("about_tls", "subject"), [(True, "A text that we know no explanation for"), (False, "Nothing in it speaks of TLS")]
)
def test_what_no_page_explains(about_tls: bool, subject: str) -> None:
    """A text that has nothing to do with TLS is told so; nothing is guessed."""
    told = shown(replace(UNKNOWN, about_tls=about_tls))
    assert told.startswith(f"! {subject}\n  | what is this\n")
    assert "At fault" not in told


def test_a_long_text_is_quoted_in_part() -> None:
    """A few lines, and of these the beginning."""
    told = shown(replace(UNKNOWN, text="\n".join(f"line {number}" for number in range(50))))
    assert told.count("  | ") == LINES
    told = shown(replace(UNKNOWN, text="Q" * 5000))
    assert told.count("Q") == QUOTED


def test_times_are_in_utc() -> None:
    """Whatever zone the log was written in; one moment is said once."""
    here = timezone(timedelta(hours=5))
    told = shown(replace(FOUND, first=START.astimezone(here), last=START.astimezone(here)))
    assert "3 times, 2026-11-23 08:16 UTC\n" in told


def test_peers_that_are_not_named_are_counted() -> None:
    """In the table and below it."""
    told = shown(replace(FOUND, peer_count=7), FINE)
    assert "  with mx.example.net [192.0.2.25], b.example.net and 5 more\n" in told
    assert "with mx.example.net [192.0.2.25] and 6 more" in " ".join(told.split())


def test_few_codes_are_shown() -> None:
    """Of a long queue the first, for the others follow from them."""
    many = tuple(replace(CODE, code=f"{number:08X}") for number in range(20))
    assert shown(replace(FOUND, codes=many)).count("OpenSSL before 3.0") == LINES


EXPIRED = Message("x", Category.EXPIRED, page="expired", title="It has expired")
INCOMPLETE = Message("x", Category.UNKNOWN_CA, page="issuer-unknown", title="The issuer is unknown")
SAME, OTHER, NONE = (
    "The probe sees the same fault now.",
    "The probe sees other faults now, and not that one.",
    "The probe sees no fault there now",
)


@pytest.mark.parametrize(
    ("message", "report", "expected"),
    [
        (INCOMPLETE, MISSING, SAME),
        (replace(INCOMPLETE, category=Category.MISSING_INTERMEDIATE), MISSING, SAME),
        (replace(INCOMPLETE, page="missing-intermediate", category=Category.OTHER), MISSING, SAME),
        (replace(INCOMPLETE, category=Category.SELF_SIGNED), MISSING, OTHER),
        (EXPIRED, MISSING, OTHER),
        (EXPIRED, GOOD, NONE),
        (replace(EXPIRED, category=Category.UNDETERMINED), GOOD, NONE),
        (replace(EXPIRED, category=Category.UNDETERMINED), MISSING, OTHER),
        (EXPIRED, UNREACHABLE, "The server could not be examined now, so this is still open."),
    ],
)
def test_the_message_proposes_and_the_probe_decides(message: Message, report: Report, expected: str) -> None:
    """An unknown issuer and a missing one are the same fault, seen from two sides."""
    told = written(decision(message, report, Console(file=io.StringIO(), width=80)))
    begin = f"{report.target.name} was probed because a message says: {message.title}. {expected}"
    assert " ".join(told.split()).startswith(begin)


@pytest.mark.unmeasured
def test_nothing_but_commands_is_wider_than_the_screen() -> None:
    """For each line that a page knows, 80 columns; what has no blank is never broken."""
    groups = [replace(diagnose(this.seen_as[0]), file="mail.log", line=1) for this in all_pages() if this.seen_as]
    for start in range(0, len(groups), FULL):
        for line in shown(*groups[start : start + FULL]).splitlines():
            assert len(line) <= 80 or line.startswith("    ") or " " not in line.strip(" |-")


def test_the_largest_answer_is_quick_to_read() -> None:
    """All rows of the cap, none broken off."""
    rows = shown(*(replace(FOUND, title=f"t{number}") for number in range(GROUPS)), full=False)
    assert all(f" x ✗ t{number}; " in rows or f" x ✗ t{number}\n" in rows for number in range(GROUPS))


@given(st.lists(HOSTILE, min_size=3, max_size=3), st.sampled_from([FOUND, UNKNOWN]), st.booleans())
@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_text_and_our_colours_come_out(poison: list[str], message: Message, full: bool) -> None:
    """Escapes, bidi and markup of a message reach no terminal."""
    told = poisoned(message, poison)
    plain = shown(told, replace(told, role=Role.SERVER), notes=tuple(poison), full=full)
    assert [line for line in plain.split("\n") if not line.isprintable()] == []
    coloured = shown(told, replace(told, role=Role.SERVER), notes=tuple(poison), full=full, colour=True)
    assert plain == without_colours(coloured)


@given(st.text(st.characters(), max_size=40))
def test_any_text_is_told(text: str) -> None:
    """Nothing raises, and a screen is left as it was."""
    changes: dict[str, Any] = {"file": text, "recipients": (text,)}
    assert "\x1b" not in shown(replace(diagnose(text), **changes))
