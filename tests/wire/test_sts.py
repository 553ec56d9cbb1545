"""Records and policies of MTA-STS and TLS-RPT: what the RFCs allow, what people publish, and every cut of both."""

from __future__ import annotations

from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.wire.sts import (
    LONGEST_AGE,
    MODES,
    Announcement,
    Policy,
    Problem,
    Reporting,
    announced,
    covers,
    is_host,
    policy,
    reporting,
)

GOOD = b"version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n"
READ = Policy("enforce", 604800, ("mail.example.com", "*.example.net"))


def changed(old: bytes, new: bytes) -> Policy:
    """The usual policy with one thing changed."""
    assert old in GOOD
    return policy(GOOD.replace(old, new))


# Records


@pytest.mark.parametrize(
    "record",
    [
        "v=STSv1; id=20160831085700Z;",
        "v=STSv1;id=20160831085700Z",
        "v=STSv1 ; id = 20160831085700Z ; x_y=z",
        "v=STSv1; a=b; id=20160831085700Z; id=2",
    ],
)
def test_a_record(record: str) -> None:
    """Blanks around delimiters, extensions and a repeated field are allowed (RFC 8461 §3.1)."""
    assert announced(("v=spf1 -all", record)) == Announcement("20160831085700Z")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ("v=STSv1;", "id"),
        ("v=STSv1; id=", "id"),
        ("v=STSv1; id=2026-11-28", "id"),
        ("v=STSv1; id=" + "1" * 33, "id"),
        ("v=STSv1; ID=1", "id"),
        ("v=STSv1 id=1", "version"),
        ("v=STSv1", "version"),
        ("V=STSv1; id=1", "version"),
        ("v=stsv1; id=1", "version"),
        ("v=STSv2; id=1", "version"),
        (" v=STSv1; id=1", "version"),
        ('"v=STSv1; id=1"', "version"),
        ("STSv1; id=1", "version"),
    ],
)
def test_a_record_that_is_none(record: str, problem: str) -> None:
    """It is told as it was sent."""
    assert announced((record,)) == Announcement(None, (Problem(problem, record),))


def test_several_records_are_none() -> None:
    """Only those that begin rightly are counted (RFC 8461 §3.1)."""
    assert announced(("v=STSv1; id=1", "v=STSv1; id=2")) == Announcement(None, (Problem("several", "2"),))
    assert announced(("v=STSv1; id=1", "v=STSv1 id=2")) == Announcement("1")
    assert announced(()) == announced(("v=spf1",)) == Announcement()


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (("v=TLSRPTv1; rua=mailto:a@example.com",), Reporting(("mailto:a@example.com",))),
        (
            ("v=TLSRPTv1;rua=mailto:a@b.c , https://b.c/d?e=f;x=y",),
            Reporting(("mailto:a@b.c", "https://b.c/d?e=f")),
        ),
        (("v=TLSRPTv1; rua=a@b.c",), Reporting((), (Problem("rua", "v=TLSRPTv1; rua=a@b.c"),))),
        (("v=TLSRPTv1; rua=http://b.c/",), Reporting((), (Problem("rua", "v=TLSRPTv1; rua=http://b.c/"),))),
        (("v=TLSRPTv1",), Reporting((), (Problem("version", "v=TLSRPTv1"),))),
        (("v=TLSRPTv1;",), Reporting((), (Problem("rua", "v=TLSRPTv1;"),))),
        (
            ("v=TLSRPTv1; rua=mailto:a@b.c,x",),
            Reporting(("mailto:a@b.c",), (Problem("rua", "v=TLSRPTv1; rua=mailto:a@b.c,x", fatal=False),)),
        ),
        (("v=TLSRPTv1; rua=mailto:a@b.c",) * 2, Reporting((), (Problem("several", "2"),))),
        (("v=spf1",), Reporting()),
    ],
)
def test_reports(records: tuple[str, ...], expected: Reporting) -> None:
    """RFC 8460 §3."""
    assert reporting(records) == expected


# Policies


def test_a_policy() -> None:
    """Both line ends, blanks and unknown fields are allowed; of a repeated field the first counts (RFC 8461 §3.2)."""
    assert policy(GOOD) == policy(GOOD.replace(b"\r\n", b"\n")) == policy(GOOD.rstrip()) == READ
    assert policy(GOOD.replace(b": ", b":  \t")) == policy(GOOD.replace(b"\r\n", b" \t\r\n")) == READ
    assert policy(GOOD.replace(b": ", b":")) == policy(GOOD + b"\r\nnew_thing: x\r\nmode: none\r\n") == READ
    assert READ.valid


def test_mode_none_needs_no_mx() -> None:
    """A policy that is given up names nobody."""
    assert policy(b"version: STSv1\nmode: none\nmax_age: 86400\n") == Policy("none", 86400)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b"version: STSv1\r\n", b"", Problem("version")),
        (b"STSv1", b"STSv2", Problem("version", "version: STSv2")),
        (b"version", b"\xef\xbb\xbfversion", Problem("bom")),
        (b"enforce", b"Enforce", Problem("mode", "mode: Enforce")),
        (b"mode: ", b"Mode: ", Problem("mode", "Mode: enforce")),
        (b"mode: enforce\r\n", b"", Problem("mode")),
        (b"max_age: 604800", b"max_age: 1w", Problem("age", "max_age: 1w")),
        (b"max_age: 604800", b"max_age: -1", Problem("age", "max_age: -1")),
        (b"max_age: 604800", b"", Problem("age")),
        (b"max_age", b"max-age", Problem("age")),
        (b"604800", b"31557601", Problem("long", "max_age: 31557601", fatal=False)),
        (b"604800", b"3600", Problem("short", "max_age: 3600", fatal=False)),
        (b"mx: mail.example.com\r\nmx: *.example.net\r\n", b"", Problem("mx")),
        (b"mail.example.com", b"mail.example.com.", Problem("pattern", "mx: mail.example.com.", fatal=False)),
        (b"mail.example.com", b"a.example, b.example", Problem("pattern", "mx: a.example, b.example", fatal=False)),
        (b"mail.example.com", b".example.com", Problem("pattern", "mx: .example.com", fatal=False)),
        (b"mail.example.com", b"mail*.example.com", Problem("pattern", "mx: mail*.example.com", fatal=False)),
        (b"mail.example.com", b"192.0.2.1", Problem("pattern", "mx: 192.0.2.1", fatal=False)),
        (b"mail.example.com", b"", Problem("pattern", "mx: ", fatal=False)),
        (b"mail.example.com", b"\xff", Problem("pattern", "mx: \udcff", fatal=False)),
        (b"mode:", b"# a comment\r\nmode:", Problem("line", "# a comment")),
    ],
)
def test_a_policy_with_a_fault(old: bytes, new: bytes, problem: Problem) -> None:
    """Each is named with its line, as sent; what no sender minds is not fatal."""
    read = changed(old, new)
    assert read.problems == (problem,)
    assert read.valid is not problem.fatal


def test_a_web_page() -> None:
    """Its lines are no problems of their own."""
    assert policy(b"\r\n<!doctype html>\r\n<p>: x") == Policy(problems=(Problem("html", "<!doctype html>"),))


def test_every_cut_of_a_policy() -> None:
    """A policy that is cut is a policy again only where nothing is lost but the last line's end, or a digit."""
    last = GOOD.index(b"max_age: ") + len(b"max_age: ")
    for cut in range(len(GOOD)):
        read = policy(GOOD[:cut])
        assert read.valid == (cut > last), cut


@given(
    st.binary(max_size=300)
    | st.text(alphabet="version: STSv1\nmode:enforce\rmx*.a_-9<\ufeff\0", max_size=80).map(str.encode)
)
def test_any_bytes(body: bytes) -> None:
    """Nothing raises, and what counts as valid says all that a sender needs."""
    read = policy(body)
    assert read.mode in {*MODES, None}
    assert not read.valid or (read.mode is not None and read.max_age is not None)
    assert all(is_host(pattern.removeprefix("*.")) for pattern in read.mx)


@given(st.lists(st.text(alphabet="v=STSv1;TLRP id=rua,mailto:@.9 \t\0é", max_size=40), max_size=3))
def test_any_records(records: list[str]) -> None:
    """Nothing raises; an id or an address comes from one record alone."""
    found, reports = announced(records), reporting(records)
    assert (found.id is None) or sum(record.startswith("v=STSv1") for record in records) >= 1
    assert not (found.id and found.problems)
    assert all("@" in uri or uri.lower().startswith("https://") for uri in reports.rua)


@pytest.mark.unmeasured
def test_long_texts_cost_little() -> None:
    """64 KiB of one thing are read in a moment: no pattern backtracks over it."""
    began = process_time()
    for part in (b"a", b"a.", b"a-", b"mx:", b"mx: a.", b"*.", b"\n", b"9", b" "):
        policy(b"mx: " + part * (65536 // len(part)))
    for piece in ("a", "@", "https://a", "mailto:a@", ",", ";", "=", " "):
        reporting(("v=TLSRPTv1; rua=" + piece * (65536 // len(piece)) + "\0",))
    assert process_time() - began < 5


# Patterns


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        ("mx.example.com", "MX.Example.com.", True),
        ("mx.example.com", "mx2.example.com", False),
        ("*.example.com", "mx.example.com", True),
        ("*.example.com", "a.b.example.com", False),
        ("*.example.com", "example.com", False),
        ("*.example.com", ".example.com", False),
        ("*.com", "example.com", True),
        ("mx.example.com", "", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, host: str, expected: bool) -> None:
    """A star is one whole label (RFC 8461 §4.1)."""
    assert covers(pattern, host) is expected


@pytest.mark.parametrize("name", ["mx.example.com", "xn--bcher-kva.example", "a_b.example", "mx", "1.example"])
def test_hosts(name: str) -> None:
    """Names that may stand in a policy."""
    assert is_host(name)


@pytest.mark.parametrize(
    "name", ["", "*.a.b", "mx.example.com.", "a..b", "a b", "a;b", "a$(b)", "127.0.0.1", "a." * 127 + "b"]
)
def test_no_hosts(name: str) -> None:
    """Names that may not, for what was got from DNS ends in a command."""
    assert not is_host(name)


def test_the_longest_age() -> None:
    """A year of 365.25 days."""
    assert LONGEST_AGE == 365.25 * 86400
    assert changed(b"604800", b"31557600").problems == ()
