"""Mails that are damaged, that are none, and that somebody made to hurt."""

from __future__ import annotations

import email
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage import bounce, mime
from probe.triage.bounce import deliveries, is_mail, read

FILES = sorted((Path(__file__).parents[2] / "fixtures/bounces").iterdir())
HEADER = b"From: MAILER-DAEMON@mail.example.com\nTo: alice@example.com\nMIME-Version: 1.0\n"


def nested(levels: int) -> bytes:
    """Multiparts in one another."""
    inner = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(levels))
    return HEADER + inner + b"Content-Type: text/plain\n\nhello\n"


PARTS = HEADER + b"Content-Type: multipart/mixed; boundary=b\n\n"
STATUS = HEADER + b"Content-Type: message/delivery-status\n\n"
HTML = HEADER + b"Content-Type: text/html\n\nDelivery has failed to these recipients\n"


def html(token: bytes) -> bytes:
    """A page of nothing else."""
    return HTML + token * (1_000_000 // len(token))


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nested": (lambda: nested(100_000), "what lies deeper than 16 levels"),
    "mail in mail": (lambda: HEADER + b"Content-Type: message/rfc822\n\n" * 100_000, "what lies deeper than 16 levels"),
    "parts": (lambda: PARTS + b"--b\n\nx\n" * 100_000, "99 800 more parts"),
    "mails": (lambda: PARTS + b"--b\nContent-Type: message/rfc822\n\nFrom: x\n\nx\n" * 100_000, "99 800 more parts"),
    "no boundaries": (lambda: PARTS + b"--a\n" * 1_000_000, "bytes of long parts"),
    "base64": (lambda: HEADER + b"Content-Transfer-Encoding: base64\n\n" + b"QUJD" * 9_000_000, "bytes of the mail"),
    "long header": (lambda: b"From: " + b"a" * 50_000_000 + b"\nTo: x\n\nhi", "bytes of the mail"),
    "recipients": (
        lambda: (
            STATUS + b"".join(b"Final-Recipient: rfc822; a%d@b.example\nStatus: 5.0.0\n\n" % n for n in range(9000))
        ),
        "1 500 more recipients",
    ),
    "diagnostic": (
        lambda: STATUS + b"Final-Recipient: rfc822; a@b.example\nDiagnostic-Code: smtp; " + b"x [1.2.3.4]\n " * 50_000,
        "characters of long texts",
    ),
    "lines": (
        lambda: HEADER + b"\nThis is the mail system at host x.\n" + b"a@b.example\n" * 80_000,
        "lines of long texts",
    ),
    "marks": (lambda: HEADER + b"\n" + (b">|> " * 490 + b"\n") * 500, ""),
    "addresses": (lambda: HEADER + b"\nThis is the mail system at host x.\n" + (b"a@" * 900 + b"\n") * 200, ""),
    "mbox": (
        lambda: b"From a Mon Nov 23 07:00:00 2026\nFrom: postmaster@x\n\n<a@b.c>: no\n\n" * 100_000,
        "99 000 more mails",
    ),
    **{
        f"html {token.decode()}": (partial(html, token), "")
        for token in (b"<!--", b"<!", b"<a", b"<style>", b"<", b"&#", b"<head></head>", b"<p>a ")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_mail_is_bounded_and_said(name: str) -> None:
    """Whatever somebody sends costs a few seconds at most, and what was left unread is said."""
    make, said = HOSTILE[name]
    raw = make()
    start = time.process_time()
    told = read(raw)
    is_mail(raw)
    assert time.process_time() - start < 10
    assert said in ", ".join(told.cut)
    assert len(told.deliveries) <= bounce.DELIVERIES
    assert all(len(one.text) <= bounce.TEXT_LIMIT for one in told.deliveries)


MARKS = [b"\n", b"\n\n", b"--", b"> ", b">>> ", b"<", b"=?utf-8?q?", b";", b":", b"@", b"\0", b"\xff", b"\r", b"From "]


@given(
    st.sampled_from(FILES), st.lists(st.tuples(st.integers(0), st.integers(0, 40), st.sampled_from(MARKS)), max_size=8)
)
def test_damaged_bounces_raise_nothing(file: Path, wounds: list[tuple[int, int, bytes]]) -> None:
    """Pieces cut out, others put in: nothing raises, and the bounds hold."""
    raw = file.read_bytes()
    for where, length, put in wounds:
        at = where % len(raw)
        raw = raw[:at] + put + raw[at + length :]
    told = read(raw)
    is_mail(raw)
    assert all(isinstance(one.text, str) for one in told.deliveries)


@given(st.binary(max_size=2000))
def test_junk_raises_nothing(raw: bytes) -> None:
    """Bytes that are no mail, alone and as a body, a page, a status."""
    for before in (b"", HEADER + b"\n", HTML, STATUS, HEADER + b"Content-Type: "):
        assert isinstance(deliveries(before + raw), tuple)


@pytest.mark.parametrize("file", [file for file in FILES if file.suffix == ".eml"], ids=lambda file: file.name)
def test_parts_are_those_of_the_standard_library(file: Path) -> None:
    """Every text that the walk finds, the email package finds, with the same bytes."""
    ours, _ = mime.mails(file.read_bytes())
    theirs = [part.get_payload(decode=True) for part in email.message_from_bytes(file.read_bytes()).walk()]
    texts = [payload.strip() for payload in theirs if isinstance(payload, bytes)]
    assert all(part.body.strip() in texts for mail in ours for part in mail.parts if part.kind.startswith("text/"))


@pytest.mark.parametrize(
    "raw",
    [
        STATUS + rb"Final-Recipient: utf-8; a\x{D800}@example.com" + b"\nStatus: 5.0.0\n",
        HEADER + b"Content-Type: text/plain; charset=utf-7\n\nno +2AA- end\n",
        HTML + b"&#xD800; no\n",
    ],
)
def test_half_characters_can_be_printed(raw: bytes) -> None:
    """Whatever an escape names, the report can be written as UTF-8."""
    (delivery,) = deliveries(raw)
    assert f"{delivery.text} {delivery.recipient}".encode()
