"""From a file to messages: whatever it is, in whatever wrapping, and never more than it says."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shared import share

from probe.message import Accused, Category, Message, Peer, Role
from probe.triage import story
from probe.triage.reading import Source, opened
from probe.triage.story import Triage

TOP = Path(__file__).parents[2] / "fixtures"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
LOGS = sorted((TOP / "logs").iterdir())
BOUNCES = sorted((TOP / "bounces").iterdir())
REPORTS = sorted((TOP / "tlsrpt").iterdir())


def triaged(raw: bytes) -> tuple[list[Message], list[str]]:
    """The messages of a file, and what was not read of it."""
    run = Triage(NOW)
    return list(run.messages(Source(io.BytesIO(raw), "mail", len(raw)))), run.notes


def messages(raw: bytes) -> list[Message]:
    """The messages of a file that was read whole."""
    found, unread = triaged(raw)
    assert unread == []
    return found


def of(path: str) -> list[Message]:
    """The messages of a fixture."""
    return messages((TOP / path).read_bytes())


def test_the_bounce_of_the_story() -> None:
    """One recipient failed by TLS, the other has nothing to do with it; the returned mail is not read."""
    first, other = of("bounces/qmail.eml")
    assert (first.page, first.mta, first.role) == ("tls-alert-unexpected-message", "qmail", Role.CLIENT)
    assert (first.accused, first.peer) == (Accused.UNKNOWN, Peer(None, "192.0.2.25"))
    assert (first.recipients, other.recipients) == (("bob@example.net",), ("carol@example.org",))
    assert first.first == first.last == datetime(2026, 3, 12, 8, 15, 2, tzinfo=UTC)
    assert (first.tells_of_tls, other.tells_of_tls) == (True, False)
    assert "SECRET" not in first.text + other.text


def test_a_delivery_status_notification() -> None:
    """Its fields say who, to whom and when."""
    (message,) = of("bounces/exchange.eml")
    assert (message.page, message.mta, message.role) == ("windows-credentials", "exchange", Role.CLIENT)
    assert (message.peer, message.recipients) == (Peer("mx.example.net", "192.0.2.25"), ("bob@example.net",))
    assert (message.category, message.accused) == (Category.LOCAL_CONFIG, Accused.CLIENT)


TOLD = {
    "courier.eml": ["issuer-unknown"],
    "dma.eml": ["starttls-refused"],
    "forwarded-html.eml": ["tls-alert-unexpected-message"],
    "forwarded-quoted.eml": ["starttls-refused"],
    "gmail.eml": ["name-mismatch"],
    "postfix.eml": ["connection-failed"],
    "pasted-fields.txt": ["issuer-unknown"],
    "exim.eml": ["connection-failed"],
    "opensmtpd.eml": [None],
    "base64.eml": [None],
    "three.mbox": ["tls-alert-unexpected-message", "not-about-tls", "name-mismatch"],
}


@pytest.mark.parametrize("name", TOLD)
def test_bounces_of_many_programs(name: str) -> None:
    """Forwarded, quoted, as HTML, in an mbox; those that hide the cause are not guessed."""
    found = of(f"bounces/{name}")
    assert [message.page for message in found] == TOLD[name]
    assert {message.role for message in found} == {Role.CLIENT}


@pytest.mark.parametrize("path", BOUNCES, ids=lambda path: path.name)
def test_a_bounce_names_its_file_and_no_line(path: Path) -> None:
    """Each delivery is one message with its text."""
    with opened(str(path)) as source:
        found = list(Triage(NOW).messages(source))
    assert found
    assert {(message.file, message.line, message.count) for message in found} == {(str(path), None, 1)}
    assert all(message.text for message in found)


def test_a_mail_that_quotes_a_log_is_no_bounce() -> None:
    """Who wrote the quoted line is told by the line, not by the mail."""
    (message,) = of("bounces/ordinary.eml")
    assert (message.role, message.peer) == (Role.SERVER, Peer("mx.example.net", "192.0.2.25"))


@pytest.mark.parametrize("name", ["example.json", "example.json.gz", "report.eml"])
def test_a_tls_report(name: str) -> None:
    """Each reported failure with its count; the sender speaks, as the client."""
    found, unread = triaged((TOP / "tlsrpt" / name).read_bytes())
    assert unread == ["mail: it also counts 5,326 sessions that succeeded."]
    assert [(message.page, message.count) for message in found] == [
        ("expired", 100),
        ("no-starttls", 200),
        ("verify-rare", 3),
    ]
    assert {(message.role, message.mta) for message in found} == {(Role.CLIENT, "Example Sender Inc.")}
    assert [message.peer for message in found] == [
        Peer("mx1.example.net", "198.51.100.1"),
        Peer("mx2.example.net", "198.51.100.2"),
        Peer("example.net", "198.51.100.3"),
    ]
    assert found[0].next[0] == "smtp-chaincheck mx1.example.net"


DSN = (
    "From: MAILER-DAEMON\nSubject: x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\n"
    "Final-Recipient: rfc822; b@c\nAction: failed\nStatus: 4.7.5\nRemote-MTA: dns; {}\n"
    "Diagnostic-Code: smtp; certificate has expired\n"
)
HOSTILE = ("$(reboot)", "`reboot`", "a;reboot", "a|b", "--probe", "{server}", "'", "fe80::1%;reboot", "\x1b[2J", "a b")


@pytest.mark.parametrize("host", HOSTILE)
def test_no_name_in_a_bounce_or_report_becomes_a_command(host: str) -> None:
    """What stands where a host should be is given back as it is, and stands in no command."""
    failure = {"result-type": "certificate-expired", "receiving-mx-hostname": host, "receiving-ip": host}
    for raw in (DSN.format(host), json.dumps({"policies": [{"failure-details": [failure]}]})):
        (message,) = messages(raw.encode())
        assert message.page == "expired"
        commands = [*message.next, *(line for line in message.fix if line.startswith("$ "))]
        ours = {command.partition("smtp-chaincheck ")[2] for command in commands if "smtp-chaincheck" in command}
        assert ours <= {"HOST", "a"}


BAD, NO_HANDSHAKE, VERSION = "tls-alert-bad-certificate", "tls-alert-handshake-failure", "tls-alert-protocol-version"
LOGGED = {
    "courier.log": [(NO_HANDSHAKE, "client", 3), (BAD, "server", 12)],
    "dovecot.log": [(BAD, "server", 1), (BAD, "server", 2), (BAD, "server", 3)],
    "exim.log": [("dane-mismatch", "client", 2), ("dane-mismatch", "client", 9), (BAD, "server", 16)],
    "haraka.log": [("name-mismatch", "client", 3), (BAD, "unknown", 7)],
    "journald.json": [(BAD, "server", 2)],
    "opensmtpd.log": [("name-mismatch", "client", 3), (BAD, "server", 12)],
    "postfix.log": [("dane-mismatch", "client", 2), (BAD, "server", 7), (BAD, "server", 12)],
    "qmail.log": [(VERSION, "client", 4), (VERSION, "client", 6), ("eku", "client", 17), ("eku", "client", 19)],
    "sendmail.log": [(NO_HANDSHAKE, "client", 4), (BAD, "server", 9)],
}
"""Log → page, role and first line of each incident."""


@pytest.mark.parametrize("path", LOGS, ids=lambda path: path.name)
def test_a_log_of_every_server(path: Path) -> None:
    """Each incident once, in the role of whoever logged it, at the line of its evidence."""
    found = messages(path.read_bytes())
    assert [(message.page, str(message.role), message.line) for message in found] == LOGGED[path.name]
    assert {message.mta for message in found} == {path.stem.replace("journald", "postfix")}
    assert all(message.peer for message in found) or path.stem == "courier"
    assert all(message.first for message in found) or path.stem == "opensmtpd"


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "CRLF": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no end of line": lambda raw: raw.rstrip(b"\n"),
    "UTF-16": lambda raw: raw.decode().encode("utf-16"),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", PACKED)
def test_the_wrapping_does_not_matter(kind: str) -> None:
    """The same messages come out of it; a bounce and a report may be packed as well."""
    for name in ("logs/postfix.log", "logs/journald.json", "bounces/qmail.eml", "tlsrpt/example.json"):
        raw = (TOP / name).read_bytes()
        assert triaged(PACKED[kind](raw)) == triaged(raw), name


POSTFIX = b"Nov 23 08:16:21 mx postfix/smtp[458]: "
TO = b"to=<b@example.net>, relay=mx.example.net[192.0.2.1]:25, "
MAIL = b"From: ann@example.com\nTo: bob@example.com\nSubject: "
QMAIL = (
    b"From: MAILER-DAEMON@example.com\nSubject: failure notice\n\nHi. This is the qmail-send program at example.com.\n"
)
HARMLESS = {
    "empty": b"",
    "a blank line": b"\n",
    "blank lines": b"\n" * 9000,
    "junk": bytes(range(256)) * 40,
    "a mail": MAIL + b"lunch\n\nShall we meet?\n",
    "a mail on TLS": MAIL + b"our TLS certificate\n\nIt will be renewed on Monday.\n",
    "a bounce": QMAIL + b"\n<bob@example.net>:\nRemote host said: 552 5.2.2 mailbox full\n",
    "sent": POSTFIX + b"F3: " + TO + b"dsn=2.0.0, status=sent (250 ok)\n",
    "bounced": POSTFIX + b"F3: " + TO + b"dsn=5.1.1, status=bounced (host said: 550 5.1.1 unknown user)\n",
    "weather": b"the weather is fine",
    "a report without failure": b'{"policies": []}',
    "JSON": b'{"hello": "world"}',
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("raw", HARMLESS.values(), ids=HARMLESS)
def test_tls_is_never_guessed(raw: bytes) -> None:
    """What says nothing of TLS that failed gets no page about it, and nobody is accused."""
    found, _ = triaged(raw)
    assert [message for message in found if message.tells_of_tls] == []
    assert {message.accused for message in found} <= {Accused.UNKNOWN, Accused.NONE}


def test_a_log_of_success_is_harmless() -> None:
    """What only looks bad is the answer where nothing else is there, and is left out beside a failure."""
    fine = POSTFIX + b"Untrusted TLS connection established to a.example.net[192.0.2.1]:25: TLSv1.3\n"
    bad = POSTFIX + b"certificate verification failed for b[192.0.2.2]:25: certificate has expired\n"
    (message,) = messages(fine * 3)
    assert (message.category, message.tells_of_tls) == (Category.HARMLESS, False)
    assert [message.page for message in messages(fine * 3 + bad)] == ["expired"]


def test_lines_of_one_shape_are_worded_each() -> None:
    """Thousands of lines are diagnosed once, and still each has its peer."""
    failed = "certificate verification failed for mx{0}[192.0.2.{0}]:25: certificate has expired"
    line = f"Nov 23 08:16:{{0:02}} mx postfix/smtp[{{0}}]: {failed}\n"
    found = messages("".join(map(line.format, range(1, 60))).encode())
    assert [(one.page, one.peer) for one in found] == [
        ("expired", Peer(f"mx{number}", f"192.0.2.{number}", 25)) for number in range(1, 60)
    ]


def test_the_memory_of_shapes_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it is full it starts anew, and the answers stay the same."""
    raw = b"".join(path.read_bytes() for path in LOGS if path.suffix == ".log")
    whole = messages(raw)
    monkeypatch.setattr(story, "SHAPES", 1)
    assert messages(raw) == whole


def test_a_stamp_without_zone_is_in_that_of_the_machine() -> None:
    """The caller's moment has it; the year is the last that fits."""
    here = timezone(timedelta(hours=2))
    line = b"Nov 23 08:16:21 mx postfix/smtp[8]: Server certificate not verified\n"
    run = Triage(NOW.astimezone(here))
    (message,) = run.messages(Source(io.BytesIO(line), "mail", len(line)))
    assert message.first == datetime(2026, 11, 23, 8, 16, 21, tzinfo=here)
    assert message.first.tzinfo is UTC


@pytest.mark.parametrize(("year", "hours"), [("0001", 9), ("9999", -9), ("0000", 0), ("9999", 0)])
def test_a_moment_at_the_end_of_time(year: str, hours: int) -> None:
    """Junk has stamps too; one that has no UTC is none, so that nothing stumbles over it later."""
    line = f"{year}-{'12-31 23' if year == '9999' else '01-01 00'}:59:59 mx postfix/smtp[8]: certificate has expired\n"
    run = Triage(NOW.astimezone(timezone(timedelta(hours=hours))))
    (message,) = run.messages(Source(io.BytesIO(line.encode()), "mail", len(line)))
    expected = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC) if (year, hours) == ("9999", 0) else None
    assert (message.page, message.first) == ("expired", expected)


def test_progress_is_told() -> None:
    """For a log, with the file; somebody draws it."""
    seen: list[Source] = []
    source = Source(io.BytesIO(b"x\n" * 9), "mail", 18)
    list(Triage(NOW, on_progress=seen.append).messages(source))
    assert set(seen) == {source}


def test_what_is_not_read_is_said() -> None:
    """With the file's name, as sentences."""
    _, unread = triaged(b"x" * 100_000)
    assert unread == ["mail: 1 line was longer than 64 KiB and cut there."]
    _, unread = triaged(b"PK\x03\x04" + bytes(100))
    assert unread == ["mail: it is packed by zip, which is not read here: unpack it first."]


def test_a_mail_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail servers do not take larger ones; that it was cut is said."""
    monkeypatch.setattr(story, "WHOLE", 1 << 20)
    raw = (TOP / "bounces/qmail.eml").read_bytes()
    found, unread = triaged(raw + b"line\n" * (1 << 19))
    assert found[0].page == "tls-alert-unexpected-message"
    assert "only the first 1 MiB" in unread[-1]


@pytest.mark.slow
def test_a_nest_of_mime_parts_ends() -> None:
    """100 000 parts one in the other are not followed to the end."""
    nest = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(100_000))
    found, unread = triaged(b"From: MAILER-DAEMON\nSubject: x\nMIME-Version: 1.0\n" + nest.encode())
    assert [message for message in found if message.tells_of_tls] == []
    assert "16 levels" in unread[0]


def test_a_dialogue_tells_as_a_whole() -> None:
    """Where a line of it says more, that line counts."""
    dialogue = b" -> STARTTLS\n<** 502 5.5.1 Error: command not implemented\n*** STARTTLS attempted but failed\n"
    assert [message.page for message in messages(dialogue)] == ["starttls-refused"]
    lines = b"x509: certificate has expired\nCannot start TLS: handshake failure\n"
    assert [message.page for message in messages(lines)] == ["expired", "tls-handshake-failed"]


def test_several_files_are_one_run() -> None:
    """What was not read of any is kept."""
    run = Triage(NOW)
    for name in ("one", "two"):
        list(run.messages(Source(io.BytesIO(b"x" * 100_000), name, 100_000)))
    assert [words.partition(":")[0] for words in run.notes] == ["one", "two"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bounces/qmail.eml", "bounces/pasted-fields.txt", "tlsrpt/fragment.txt"])
def test_a_file_cut_anywhere_raises_nothing(name: str) -> None:
    """Every beginning and every end of it is read."""
    raw = (TOP / name).read_bytes()
    for at in share(range(len(raw)), 3):
        triaged(raw[:at])
        triaged(raw[at:])


JUNK = st.sampled_from(
    [
        *(path.read_bytes()[:800] for path in (*BOUNCES, *LOGS, *REPORTS)),
        b"\x1f\x8b\x08", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"BZh9", b"\xff\xfe", b"\0", b"\n\n", b"From ", b"--b\n",
        b"error:0A000418:SSL routines::x", b"\x1b]0;x\x07", b'{"MESSAGE":[1,300]}', b'{"result-type":', b"[" * 500,
    ]
)  # fmt: skip


@given(st.one_of(st.binary(), st.lists(st.one_of(JUNK, st.binary(max_size=20)), max_size=6).map(b"".join)))
def test_any_bytes_are_read(raw: bytes) -> None:
    """Nothing raises, and every message can be told of again."""
    for message in triaged(raw)[0]:
        assert message.file == "mail"
        assert message.count >= 0
        assert replace(message) == message
