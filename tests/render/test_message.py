"""A message for a person: every field has its place, and hostile text stays text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from rich.console import Console
from shared import examples

from probe.catalogue.pages import ids, page
from probe.message import Accused, Category, Cause, Code, Direction, Message, Peer, Reading, Role
from probe.model import Confidence
from probe.render.message import explanation, mark, peer_words
from probe.render.sheet import Sheet, write
from probe.triage.diagnosis import diagnose
from probe.triage.explanation import explain

CODE = Code(
    code="140943F2",
    era="OpenSSL before 3.0",
    library="SSL routines",
    function="SSL3_READ_BYTES",
    reason="sslv3 alert unexpected message",
    alert=10,
    library_number=20,
    function_number=148,
    reason_number=1010,
    notes=("The writer is old.",),
)
MESSAGE = Message(
    text="TLS connect failed",
    category=Category.ALERT_UNEXPECTED_MESSAGE,
    page="expired",
    also=("weak-dh", "no-starttls"),
    title="The server calls a message unexpected",
    meaning="The server ended TLS: a message of ours made no sense to it at that point, and that is all we know of it.",
    mta="qmail",
    role=Role.CLIENT,
    direction=Direction.RECEIVED,
    accused=Accused.SERVER,
    confidence=Confidence.VERY_LIKELY,
    codes=(CODE,),
    peer=Peer("mx.example.net", "192.0.2.25"),
    causes=(Cause("the chain lacks an intermediate", Confidence.MAY_BE), Cause("it is so", Confidence.IS)),
    fix=("Look at it:", "$ postconf -n", "$ ls", "Then `reload`."),
    next=("smtp-chaincheck mx.example.net",),
)
WHOLE = """\
140943F2, OpenSSL before 3.0
  library  20 (SSL routines)
  function 148 (SSL3_READ_BYTES)
  reason   1010 (sslv3 alert unexpected message)
  alert    10, which the other side sent
  The writer is old.

✗ The server calls a message unexpected  [expired]

  The server ended TLS: a message of ours made no sense to it at that point, and
  that is all we know of it.

  Written by: qmail as the client of the connection (the sending side)
  Other side: mx.example.net [192.0.2.25]
  Noticed by: The other side sent this alert; why stands in its log, not in this
      one.
  At fault: the server, that is the receiving side (very likely)

  Causes, the most likely first:
  1. may be: the chain lacks an intermediate
  2. it is so

  To make sure:

    smtp-chaincheck mx.example.net

  To mend it:
  Look at it:

    postconf -n
    ls

  Then reload.

"""


def written(sheet: Sheet, encoding: str = "utf-8", *, colour: bool = False) -> str:
    """The sheet as it reaches the screen."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="")
    system: Any = "standard" if colour else None
    write(sheet, Console(file=stream, width=80, color_system=system, force_terminal=colour, highlight=False))
    stream.flush()
    return raw.getvalue().decode(encoding)


def shown(message: Message, encoding: str = "utf-8", width: int = 80, *, colour: bool = False) -> str:
    """An explanation as it reaches the screen."""
    screen = Console(file=io.TextIOWrapper(io.BytesIO(), encoding=encoding), width=width)
    return written(explanation(message, screen), encoding, colour=colour)


def test_every_field_has_its_place() -> None:
    """The number first, then the meaning, both sides, causes and commands; the references of the page last."""
    told = shown(MESSAGE)
    assert told.partition("  References:\n")[0] == WHOLE
    assert told.endswith("\n  page: smtp-chaincheck explain expired\n  also: weak-dh, no-starttls\n")


@pytest.mark.parametrize(
    ("changes", "absent"),
    [
        ({"mta": None, "role": Role.UNKNOWN}, "Written by"),
        ({"peer": None}, "Other side"),
        ({"direction": Direction.NONE}, "Noticed by"),
        ({"direction": Direction.LOCAL}, "Noticed by"),
        ({"category": Category.UNDETERMINED}, "At fault"),
        ({"category": Category.HARMLESS}, "At fault"),
        ({"causes": ()}, "Causes"),
        ({"next": ()}, "To make sure"),
        ({"fix": ()}, "To mend it"),
        ({"codes": ()}, "library"),
        ({"also": ()}, "also:"),
    ],
)
def test_what_is_not_known_has_no_line(changes: dict[str, Any], absent: str) -> None:
    """No empty heading, no "unknown"."""
    assert absent in shown(MESSAGE)
    assert absent not in shown(replace(MESSAGE, **changes))


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"accused": Accused.UNKNOWN}, "At fault: unknown from this text alone\n"),
        ({"accused": Accused.NONE}, "At fault: nobody, as far as TLS goes\n"),
        ({"accused": Accused.CLIENT}, "At fault: the client, that is the sending side (very likely)\n"),
        ({"accused": Accused.POLICY, "confidence": Confidence.IS}, "At fault: the sender's own policy settings\n"),
        ({"mta": None}, "Written by: the client of the connection (the sending side)\n"),
        ({"role": Role.UNKNOWN}, "Written by: qmail\n"),
        ({"role": Role.SERVER}, "Written by: qmail as the server of the connection\n"),
    ],
)
def test_who_said_what_to_whom(changes: dict[str, Any], line: str) -> None:
    """No confidence where nobody is accused."""
    assert f"  {line}" in shown(replace(MESSAGE, **changes))


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (Peer("mx.example.net", "192.0.2.25", 25), "mx.example.net [192.0.2.25]"),
        (Peer("mx.example.net"), "mx.example.net"),
        (Peer(None, "2001:db8::25"), "2001:db8::25"),
        (Peer(), ""),
        (None, ""),
    ],
)
def test_the_other_side_in_one_word(peer: Peer | None, expected: str) -> None:
    """As log lines write it."""
    assert peer_words(peer) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (MESSAGE, "error"),
        (replace(MESSAGE, category=Category.HARMLESS), "ok"),
        (replace(MESSAGE, category=Category.UNDETERMINED), "warning"),
        (replace(MESSAGE, about_tls=False), "warning"),
    ],
)
def test_the_mark_in_front(message: Message, expected: str) -> None:
    """A failure, none, or one that the text cannot tell or that is not about TLS."""
    assert mark(message) == expected


def test_a_number_has_all_its_readings() -> None:
    """Each on its line, with the text that the program prints where it prints one."""
    readings = (
        Reading("X509 verification error", "20", "X509_V_ERR_X", "unable to get", "verify:20"),
        Reading("part of OpenSSL", "20", "SSL", "", None),
    )
    told = shown(replace(MESSAGE, codes=(), readings=readings))
    assert told.startswith("20  X509 verification error: X509_V_ERR_X - unable to get\n20  part of OpenSSL: SSL\n\n✗ ")


def test_what_stands_beside_the_failure_is_told() -> None:
    """That the mail went out in clear is news; another failure is only a page to read."""
    told = " ".join(shown(replace(MESSAGE, also=("sent-in-clear", "weak-dh"))).split())
    assert f"Beside it: {page('sent-in-clear').title}. " in told
    assert told.count("Beside it: ") == 1


def test_a_code_whose_number_is_hidden() -> None:
    """What it says stands in its place."""
    hidden = replace(CODE, code="", era="", library_number=None, function_number=None, reason_number=None)
    first = shown(replace(MESSAGE, codes=(hidden,))).partition("\n")[0]
    assert first == "alert 10, which the other side sent: sslv3 alert unexpected message"


UNKNOWN = Message("what is this", Category.UNDETERMINED)


def test_what_is_unknown_is_said() -> None:
    """With the nearest pages, where there are any, and no accusation."""
    every = "All of them: smtp-chaincheck explain --list\n"
    assert shown(UNKNOWN) == f"We know no explanation for this text, and do not guess one.\n{every}"
    near = shown(replace(UNKNOWN, also=("expired", "no-san"), codes=(CODE,)))
    assert near.startswith("140943F2, ")
    assert near.endswith(
        "No page explains this number; what it says by itself stands above.\nThe nearest pages: expired, no-san\n"
        f"{every}"
    )


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "koi8-r", "shift_jis"])
def test_every_encoding_can_show_it(encoding: str) -> None:
    """Signs that it lacks are replaced."""
    assert "alert unexpected message" in shown(MESSAGE, encoding)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ids())
def test_no_page_is_wider_than_the_screen(name: str) -> None:
    """80 columns; only commands are never broken, and what has no blank to break it at."""
    for line in shown(explain(name)).splitlines():
        assert len(line) <= 80 or line.startswith("    ") or " " not in line.strip(" -")


HOSTILE = st.text(st.characters(), max_size=20) | st.sampled_from(
    ["\x1b[2J", "\x1b]0;x\x07", "[red]", "[/]", "\u202e", "\x9b31m", "\r", "\n", "\ud800", ":smile:", "a" * 300]
)


def without_colours(text: str) -> str:
    """Our own colour codes taken away, and nothing else."""
    first, *rest = text.split("\x1b[")
    return first + "".join(part.partition("m")[2] for part in rest if set(part.partition("m")[0]) <= set("0123456789;"))


def poisoned(message: Message, poison: list[str]) -> Message:
    """The message with hostile words wherever a text may bring them in."""
    one, two, three = poison
    return replace(
        message,
        text=f"{one}\n{two}",
        title=one,
        meaning=two,
        mta=three,
        peer=Peer(one, two),
        peers=(Peer(two, three), Peer(three)),
        codes=(replace(CODE, code=one, era=two, library=three, function=one, reason=two, notes=(three,)),),
        readings=(Reading(one, two, three, one, two),),
        causes=(Cause(one, Confidence.MAY_BE),),
        fix=(two, f"$ {three}"),
        next=(one,),
        file=two,
        recipients=(three, one),
    )


@given(st.lists(HOSTILE, min_size=3, max_size=3), st.sampled_from([MESSAGE, UNKNOWN]))
@settings(max_examples=examples(100), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_only_text_and_our_colours_come_out(poison: list[str], message: Message) -> None:
    """Escapes, bidi and markup of a message reach no terminal."""
    told = poisoned(message, poison)
    plain = shown(told)
    assert [line for line in plain.split("\n") if not line.isprintable()] == []
    assert plain == without_colours(shown(told, colour=True))


def test_a_hostile_line_can_be_read() -> None:
    """Through all of it: its letters are there as escapes, and markup is text."""
    told = shown(diagnose("\x1b]0;owned\x07 [bold red]certificate has expired[/]; connected to 192.0.2.25.\u202e"))
    assert "\x1b" not in told
    assert "smtp-chaincheck 192.0.2.25\n" in told
