"""Lines of one failure are found in a log of any size, and joined."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage import candidates
from probe.triage import incidents as module
from probe.triage.candidates import SHAPES, Candidate, Sieve, needed
from probe.triage.incidents import LINES, OPEN, QUIET_LINES, Incident, Interest, incidents
from probe.triage.reading import LINE_LIMIT, Source, opened
from probe.triage.shapes import shape

TOP = Path(__file__).parents[2]
LOGS = TOP / "fixtures" / "logs"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
ANCHORS = (b"tls", b"ssl", b"error:", b"handshake", b"certificate", b"lost connection", b"deferred")
EVIDENCE = re.compile(
    r"error:|SSL_\w+ error|certificate not|andshake failed|STARTTLS failed|ALTNAME|lost connection after STARTTLS|"
    r"unable to verify|not present in server certificate|attempt failed"
)
CONTEXT = re.compile(r"TLS connection established|STARTTLS=|status[=:]|defer|STARTTLS from")
ERROR = "error:0A000418:SSL routines::tlsv1 alert unknown ca:a.c:1:SSL alert number 48:"


def interest(body: str) -> Interest:
    """A stand-in for what the diagnosis says."""
    if EVIDENCE.search(body):
        return Interest.EVIDENCE
    return Interest.CONTEXT if CONTEXT.search(body) else Interest.NOTHING


def found(*lines: str) -> list[Incident]:
    """The incidents of some lines."""
    block = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    return list(incidents([block] if block else [], ANCHORS, interest, NOW))


def smtp(body: str, pid: int = 458, clock: str = "08:16:21") -> str:
    """A line of Postfix's client."""
    return f"Nov 23 {clock} mx postfix/smtp[{pid}]: {body}"


def failure(peer: str, queue: str) -> list[str]:
    """What Postfix writes when the handshake with a peer fails."""
    return [
        f"SSL_connect error to {peer}:25: -1",
        f"warning: TLS library problem: {ERROR}",
        f"{queue}: to=<ann@example.com>, relay={peer}:25, delay=1, dsn=4.7.5, status=deferred (handshake failed)",
    ]


def test_lines_of_one_delivery_are_one_incident() -> None:
    """Those of the process, and the delivery of the mail to the same peer; other processes between do not matter."""
    lines = failure("mx.example.net[192.0.2.1]", "F329A7C0194")
    between = [smtp("connect from nobody", 9), smtp("Trusted TLS connection established to a[192.0.2.9]:25", 77)]
    (one,) = found(smtp(lines[0]), *between, smtp(lines[1]), smtp(lines[2], clock="08:16:23"), between[1])
    assert one.lines == tuple(lines)
    assert (one.line, one.program, one.host, one.key) == (1, "postfix/smtp", "mx", "postfix/smtp[458]")
    assert one.first == datetime(2026, 11, 23, 8, 16, 21, tzinfo=UTC)
    assert one.last == datetime(2026, 11, 23, 8, 16, 23, tzinfo=UTC)


OTHERS = {
    "another peer": ("mx2.example.net[192.0.2.2]", "F329A7C0194"),
    "another mail": ("mx.example.net[192.0.2.1]", "A111A7C0194"),
    "both": ("mx2.example.net[192.0.2.2]", "A111A7C0194"),
    "the same mail again": ("mx.example.net[192.0.2.1]", "F329A7C0194"),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_process_serves_one_after_another(case: str) -> None:
    """The same pid with another peer, or after the end of a delivery, is another incident."""
    first, second = failure("mx.example.net[192.0.2.1]", "F329A7C0194"), failure(*OTHERS[case])
    assert [one.lines for one in found(*map(smtp, first + second))] == [tuple(first), tuple(second)]


def test_the_second_host_of_a_mail_is_another_incident() -> None:
    """Postfix tries the next MX with the same mail; the delivery line belongs to the last."""
    first, second = (
        failure("mx.example.net[192.0.2.1]", "F329A7C0194"),
        failure("b.example.net[192.0.2.2]", "F329A7C0194"),
    )
    assert [one.lines for one in found(*map(smtp, first[:2] + second))] == [tuple(first[:2]), tuple(second)]


def test_several_recipients_are_one_incident() -> None:
    """Lines that differ in the recipient alone stand once."""
    lines = failure("mx.example.net[192.0.2.1]", "F329A7C0194")
    more = [lines[2].replace("ann", name) for name in ("bob", "eve")]
    assert [one.lines for one in found(*map(smtp, lines + more))] == [tuple(lines)]


def test_the_same_process_of_two_machines() -> None:
    """A log of many hosts: pids are a machine's own."""
    lines = [smtp(f"SSL_connect error to a[192.0.2.1]:25: -1"), smtp(ERROR).replace(" mx ", " other ")]  # noqa: F541
    assert len(found(*lines)) == 2


def test_context_alone_is_no_incident() -> None:
    """Nothing failed."""
    assert found(smtp("Trusted TLS connection established to a[192.0.2.1]:25: TLSv1.3")) == []
    assert found() == []


def test_a_session_that_went_on_joins_a_failure_of_the_same_peer_before_it() -> None:
    """It begins nothing, and tells nothing of another peer's failure."""
    failed = smtp(f"a.example.net[192.0.2.1]:25 {ERROR}")
    went_on = "Untrusted TLS connection established to {}"
    mine, other = went_on.format("a.example.net[192.0.2.1]:25"), went_on.format("b.example.net[192.0.2.2]:25")
    assert [len(one.lines) for one in found(failed, smtp(mine))] == [2]
    assert [len(one.lines) for one in found(failed, smtp(other))] == [1]
    assert [len(one.lines) for one in found(smtp(mine), smtp(ERROR))] == [1]


def test_what_is_quiet_is_over() -> None:
    """After 300 seconds, or where nothing has a time, after many lines."""
    assert len(found(smtp(ERROR), smtp(ERROR, clock="08:21:21"))) == 1
    assert len(found(smtp(ERROR), smtp(ERROR, clock="08:21:22"))) == 2
    timeless = f"postfix/smtp[1]: {ERROR}"
    assert len(found(timeless, *["x"] * (QUIET_LINES - 1), timeless)) == 1
    assert len(found(timeless, *["x"] * QUIET_LINES, timeless)) == 2


def test_errors_without_key_are_joined_when_they_follow_one_another() -> None:
    """OpenSSL's queue is several lines; anything else stands alone."""
    queue = [
        "debug: SSL library error: error:020000B3:rsa routines::missing private key",
        "debug: error:0A080006:SSL::EVP",
    ]
    assert [one.lines for one in found(*queue)] == [tuple(queue)]
    assert len(found(queue[0], "something else", queue[1])) == 2
    assert len(found("TLS handshake failed: a", "TLS handshake failed: a", queue[0])) == 3
    assert [one.key for one in found(*queue)] == [None]


def test_failures_that_only_an_address_joins_are_counted_each() -> None:
    """A scanner that fails three times has failed three times."""
    line = "2026-11-23 08:16:21 TLS error on connection from a.example.net [192.0.2.1] (SSL_accept): error:0A0000C1:SSL"
    assert len(found(line, line, line)) == 3


EXPECTED = {
    "courier.log": [(3, 2), (12, 1)],
    "dovecot.log": [(1, 1), (2, 1), (3, 1)],
    "exim.log": [(2, 2), (9, 2), (16, 1)],
    "haraka.log": [(3, 1), (7, 1)],
    "journald.json": [(2, 3)],
    "opensmtpd.log": [(3, 1), (12, 1)],
    "postfix.log": [(4, 1), (7, 3), (12, 3)],
    "qmail.log": [(4, 1), (6, 1), (17, 1), (19, 1)],
    "sendmail.log": [(4, 6), (9, 2)],
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("size", [1, 100_000])
def test_real_logs(name: str, size: int) -> None:
    """First line of evidence and number of lines of every incident, however the log comes in blocks."""
    lines = (LOGS / name).read_bytes().splitlines(keepends=True)
    blocks = [b"".join(lines[here : here + size]) for here in range(0, len(lines), size)]
    seen = sorted((one.line, len(one.lines)) for one in incidents(blocks, ANCHORS, interest, NOW))
    assert seen == EXPECTED[name]


def test_an_incident_keeps_few_lines_and_evidence_before_context() -> None:
    """Twenty lines of context do not push the error out."""
    context = [
        smtp(f"Trusted TLS connection established to a.example.net[192.0.2.1]:25 {chr(97 + n)}") for n in range(20)
    ]
    (one,) = found(*context, smtp(ERROR), *[smtp(f"error:0A0000{n:02}:SSL") for n in range(20)])
    assert len(one.lines) == LINES
    assert ERROR in one.lines


@pytest.mark.slow
def test_open_incidents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """By number and by size; what is closed early is not lost."""
    most = 0

    class Watched(module._Table):
        def _quiet(self, candidate: Candidate) -> Iterator[Incident]:
            nonlocal most
            most = max(most, len(self))
            return super()._quiet(candidate)

    monkeypatch.setattr(module, "_Table", Watched)
    lines = [smtp(ERROR, pid) for pid in range(3 * OPEN)]
    assert len(found(*lines)) == 3 * OPEN
    assert most == OPEN
    most = 0
    monkeypatch.setattr(module, "TEXT", 1_000_000)
    assert len(found(*[smtp(ERROR + "x" * 50_000, pid) for pid in range(100)])) == 100
    assert 10 <= most <= 21


def test_the_interest_is_asked_once_a_shape() -> None:
    """A million lines that differ in names and numbers cost one question."""
    asked: list[str] = []

    def ask(body: str) -> Interest:
        asked.append(body)
        return Interest.NOTHING

    names = [f"mx{n}.example{n}.net" for n in range(500)]
    lines = [smtp(f"Trusted TLS connection established to {name}[192.0.2.1]:25", n) for n, name in enumerate(names)]
    assert list(incidents(["\n".join([*lines, ""]).encode()], ANCHORS, ask, NOW)) == []
    assert len(asked) == 1


DIFFER = [
    ("error:0A000418:SSL", "error:0A000412:SSL"),
    ("num=20:unable", "num=21:unable"),
    ("said: 454 TLS", "said: 550 TLS"),
    ("dsn=4.7.5, x", "dsn=5.7.5, x"),
    ("alert unknown ca", "alert bad certificate"),
    ("verify=OK,", "verify=FAIL,"),
    ("delivery 7: deferral: TLS_timed_out", "delivery 7: deferral: TLS_unknown_ca"),
    ("(0x80090325)", "(0x80090326)"),
]
ALIKE = [
    ("to mx.example.com[192.0.2.1]:25", "to a-b.example.net[198.51.100.7]:465"),
    ("f329a7c0194: to=<ann@example.com>,", "4bhq5z3n2wz9rk: to=<bob@example.net>,"),
    ("user=<ann>, session=<abcdef>", "user=<bob>, session=<xyz123>"),
    ("nov 23 08:16:21 mx smtp[482]: a tls", "nov  4 18:06:01 mx smtp[4]: a tls"),
    ("2026-11-23 08:16:21 1xvow9-00081r-0h a tls", "2026-11-24 18:16:21 1xvozz-00081z-zh a tls"),
]


@pytest.mark.parametrize(("one", "other"), DIFFER)
def test_shapes_keep_what_decides(one: str, other: str) -> None:
    """Codes, replies and words."""
    assert shape(f"x {one} y".lower().encode()) != shape(f"x {other} y".lower().encode())


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_shapes_drop_names_and_numbers(one: str, other: str) -> None:
    """Hosts, addresses, ids, people, times."""
    assert shape(one.encode()) == shape(other.encode())


def test_anchors_that_hold_another_are_not_searched() -> None:
    """What is found by the shorter one need not be searched again."""
    anchors = needed([b"ssl", b"ssl_accept error", b"lost connection", b"", b"ssl"])
    assert anchors == (b"ssl", b'"message":[', b": failure: ", b": deferral: ", b"lost connection")


@given(st.lists(st.sampled_from([b"a tls", b"ssl", b"tls ssl", b"x", b"", b"lost ssl"])), st.integers(0, 5))
def test_no_line_is_overlooked(lines: list[bytes], many: int) -> None:
    """Lines that were found are taken out, and the others keep their places."""
    block = b"".join(line + b"\n" for line in lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "MANY", many)
        places = candidates.found(block, (b"ssl", b"tls", b"lost"))
    assert [block[start:end] for start, end in places] == [line for line in lines if len(line) > 1]
    assert all(block[end : end + 1] == b"\n" for _, end in places)


def test_qmail_is_found_by_anchors_with_blanks() -> None:
    """Its log has none."""
    (one,) = incidents([b"delivery 7: deferral: TLS_unable_to_verify_server/\n"], [b"unable to verify"], interest, NOW)
    assert one.lines == ("delivery 7: deferral: TLS unable to verify server",)


def test_long_lines_and_junk() -> None:
    """A line of 64 KiB, NUL, bytes that are no text, and many different ones."""
    long = smtp(ERROR + "x" * LINE_LIMIT)
    (one,) = found(long, "\0\0\0", "\udcff\udcfe", "tls \udcff")
    assert one.lines == (long.partition("]: ")[2],)
    (one,) = found(smtp("error:0A000418:\udcff\0"))
    assert one.lines == ("error:0A000418:\\xff\0",)
    json = '{"MESSAGE":"%s","_PID":"1"}' % (ERROR + "x" * 9000)
    assert [one.program for one in found(json)] == ["journal"]


@pytest.mark.slow
def test_the_memory_of_shapes_is_bounded() -> None:
    """It starts anew when it is full."""
    sieve = Sieve(ANCHORS, interest, NOW)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = (a + b + c + d for a in letters for b in letters for c in letters for d in letters[:4])
    block = "".join(f"tls {word}\n" for word in words).encode()
    assert list(sieve.candidates([block])) == []
    assert 0 < len(sieve._weights) <= SHAPES


@given(
    st.lists(st.binary(max_size=80), max_size=8),
    st.sampled_from([b"", b"tls ", b"Nov 23 08:16:21 mx a[1]: error:", b"{"]),
)
def test_no_bytes_raise(lines: list[bytes], head: bytes) -> None:
    """Whatever a log holds."""
    block = b"".join(head + line.replace(b"\n", b"") + b"\n" for line in lines)
    assert all(one.lines for one in incidents([block] if block else [], ANCHORS, interest, NOW))


@pytest.mark.slow
def test_a_made_log_is_the_same_each_time(tmp_path: Path) -> None:
    """scripts/make-log: as many lines as asked, about 1 % evidence, a third about TLS, and every failure is found."""
    command = [sys.executable, str(TOP / "scripts/make-log"), "20000"]
    first, second = (subprocess.run(command, check=True, capture_output=True).stdout for _ in range(2))
    assert first == second
    assert first.count(b"\n") == 20_000
    assert len(re.findall(rb"(?i)^.*(?:tls|ssl).*$", first, re.MULTILINE)) in range(5000, 7500)
    (tmp_path / "mail.log").write_bytes(first)
    with opened(str(tmp_path / "mail.log")) as source:
        joined = list(incidents(source.blocks(), ANCHORS, interest, NOW))
    assert {one.program for one in joined} >= {"postfix/smtp", "postfix/smtpd", "exim", "sendmail", "qmail", "dovecot"}
    assert len({(one.key, one.line) for one in joined}) == len(joined)
    assert [one.lines for one in joined if one.program == "postfix/smtp" and len(one.lines) != 3] == []


@pytest.mark.slow
def test_a_million_lines_take_seconds(tmp_path: Path) -> None:
    """The pass over a log of 145 MB; the bound is wide, because machines differ."""
    path = tmp_path / "mail.log"
    with path.open("wb") as log:
        subprocess.run([sys.executable, str(TOP / "scripts/make-log"), "1000000"], check=True, stdout=log)
    began = time.process_time()
    with path.open("rb") as raw:
        count = sum(1 for _ in incidents(Source(raw, "mail.log").blocks(), ANCHORS, interest, NOW))
    assert count > 4000
    assert time.process_time() - began < 20
