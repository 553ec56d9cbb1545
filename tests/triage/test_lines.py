"""One line of each dialect: when, where, by whom, what, and what joins it to others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage import qmail
from probe.triage.lines import Line, Reader
from probe.triage.stamps import Stamps, since_1970, tai64n

NOW = datetime(2026, 11, 28, 1, 0, tzinfo=UTC)
LOGS = Path(__file__).parents[2] / "fixtures" / "logs"
COURIER = "000000000029208F.000000006B03F655.000067AD"
UUID = "B8630625-EAE1-432B-85FA-D626B7439F70"
STAMP = "2026-11-23T08:16:21"
TABLE: dict[str, tuple[str | None, str | None, str | None, str | None, str | None, str | None]] = {
    # line: moment, host, program, pid, key, beginning of the body
    "Nov 23 08:16:21 mx postfix/smtp[123]: SSL_connect error": (
        STAMP, "mx", "postfix/smtp", "123", "postfix/smtp[123]", "SSL_connect error",
    ),
    "<22>Nov 23 08:16:21 mx postfix/smtp[123]: a": (STAMP, "mx", "postfix/smtp", "123", "postfix/smtp[123]", "a"),
    "Nov 23 08:16:21.123456 mx postfix/smtp[123]: a": (STAMP, "mx", "postfix/smtp", "123", "postfix/smtp[123]", "a"),
    "Nov 23 08:16:21 <mail.info> mx sm-mta[9]: a": (STAMP, "mx", "sm-mta", "9", "sm-mta[9]", "a"),
    "Apr 4 15:09:46 mx dovecot: imap-login: a": ("2026-04-04T15:09:46", "mx", "dovecot", None, None, "imap-login: a"),
    "Nov 23 08:16:21 mx last message repeated 3 times": (
        STAMP, None, None, None, None, "mx last message repeated 3 times",
    ),
    f"Nov 23 08:16:21 courieresmtp: id={COURIER},from=<a>: 400 Handshake failed": (
        STAMP, None, "courieresmtp", None, COURIER, "id=",
    ),
    "Nov 23 08:16:21 courieresmtpd: STARTTLS failed: ip=[::ffff:192.0.2.1], a": (
        STAMP, None, "courieresmtpd", None, "courieresmtpd [::ffff:192.0.2.1]", "STARTTLS failed",
    ),
    "Nov 23 08:16:21 imap-login: Info: a, TLS, session=<jUNHae1gQp1/AAAB>": (
        STAMP, None, "imap-login", None, "jUNHae1gQp1/AAAB", "Info: a",
    ),
    "2026-11-23T08:16:21.5+02:00 mx postfix/smtp[138]: a": (
        "2026-11-23T06:16:21.5", "mx", "postfix/smtp", "138", "postfix/smtp[138]", "a",
    ),
    "2026-11-23T08:16:21+0000 mx postfix/smtp[138]: a": (STAMP, "mx", "postfix/smtp", "138", "postfix/smtp[138]", "a"),
    "postfix         | 2026-11-23T08:16:21.5+00:00 INFO    postfix/smtp[138]: a": (
        f"{STAMP}.5", None, "postfix/smtp", "138", "postfix/smtp[138]", "a",
    ),
    "mail_1 | Nov 23 08:16:21 mx postfix/smtpd[140171]: a": (
        STAMP, "mx", "postfix/smtpd", "140171", "postfix/smtpd[140171]", "a",
    ),
    "<22>1 2026-11-23T08:16:21Z mx postfix/smtpd 123 - - a": (
        STAMP, "mx", "postfix/smtpd", "123", "postfix/smtpd[123]", "a",
    ),
    '1 2026-11-23T08:16:21Z mx postfix/smtpd 123 ID4 [o@1 b="x\\]y"][c@1] a': (
        STAMP, "mx", "postfix/smtpd", "123", "postfix/smtpd[123]", "a",
    ),
    "Mon 2026-11-23 08:16:21 UTC mx postfix/smtpd[7]: a": (STAMP, "mx", "postfix/smtpd", "7", "postfix/smtpd[7]", "a"),
    "2026-11-23 08:16:21 1xVOW9-00081R-0h == a": (STAMP, None, "exim", None, "1xVOW9-00081R-0h", "== a"),
    "2026-11-23 08:16:21.25 +0100 [77] 1xVOft-000000000EO-1dNU DANE attempt failed": (
        "2026-11-23T07:16:21.25", None, "exim", "77", "1xVOft-000000000EO-1dNU", "DANE attempt failed",
    ),
    "2026-11-23 08:16:21 TLS error on connection from mx.example.net [192.0.2.1]:99 (SSL_accept): a": (
        STAMP, None, "exim", None, "[192.0.2.1]:99", "TLS error",
    ),
    "2026-11-23 08:16:21 [77] SMTP connection lost": (STAMP, None, "exim", "77", "exim[77]", "SMTP connection lost"),
    "Nov 23 08:16:21 mx exim[5]: 2026-11-23 08:16:21 1xVOW9-00081R-0h == a": (
        STAMP, "mx", "exim", "5", "1xVOW9-00081R-0h", "== a",
    ),
    "@400000006b03fb1200000000 delivery 43: deferral: TLS_connect_failed:_timed_out/": (
        "2026-11-23T08:36:24", None, "qmail", None, "delivery 43", "delivery 43: deferral: TLS connect failed: timed",
    ),
    "2026-11-23 08:16:21.5 starting delivery 43: msg 2 to remote a": (
        f"{STAMP}.5", None, "qmail", None, "delivery 43", "starting delivery 43",
    ),
    "delivery 43: success: 192.0.2.1_accepted_message./": (
        None, None, "qmail", None, "delivery 43", "delivery 43: success: 192.0.2.1 accepted message.",
    ),
    "Nov 23 08:16:21 mx qmail: 1795421781.123456 delivery 43: failure: a_b/": (
        STAMP, "mx", "qmail", None, "delivery 43", "delivery 43: failure: a b",
    ),
    "Nov 23 08:16:21 mx sendmail[11534]: 6AN8Gl5K006187: to=<a>, stat=Deferred": (
        STAMP, "mx", "sendmail", "11534", "sendmail[11534]", "6AN8Gl5K006187: to",
    ),
    "59b60dd3507c7a7a mta connected": (None, None, "smtpd", None, "59b60dd3507c7a7a", "59b60dd3507c7a7a mta"),
    "smtp-out: Error on session 617dd6cb06c93a14: a": (None, None, "smtpd", None, "617dd6cb06c93a14", "smtp-out"),
    "0000000000000000 mta delivery evpid=a474f77ca63f814c": (None, None, "smtpd", None, "a474f77ca63f814c", "0000"),
    "Nov 23 08:16:21 mx smtpd[99]: 59b60dd3507c7a7a mta error": (
        STAMP, "mx", "smtpd", "99", "59b60dd3507c7a7a", "59b60dd3507c7a7a mta error",
    ),
    f"2026-11-23T08:16:21.5Z [ERROR] [{UUID}.1.1] [outbound] a": (f"{STAMP}.5", None, "haraka", None, UUID, "a"),
    "2026-11-23T08:16:21.5Z [INFO] [-] [outbound] a": (f"{STAMP}.5", None, "haraka", None, None, "a"),
    "2026/11/23 08:16:21 [info] 16369#16369: *2 a": (STAMP, None, "nginx", "16369", "nginx 16369*2", "a"),
    "2026/11/23 08:16:21 smtp error: x509: a": (STAMP, None, None, None, None, "smtp error"),
    "2026.11.23 08:16:21 LOG3[28228:140093368055552]: SSL_accept": (
        STAMP, None, "stunnel", None, "stunnel 28228:140093368055552", "SSL_accept",
    ),
    "Nov 23 08:16:21 mx stunnel: LOG3[1]: SSL_accept": (STAMP, "mx", "stunnel", None, "stunnel 1", "SSL_accept"),
    "2026-11-23T08:16:21.804Z,Outbound to All,08D50D3D9730A8D2,21,,,*,,TLS negotiation failed": (
        f"{STAMP}.804", None, "exchange", None, "08D50D3D9730A8D2", "Outbound to All,",
    ),
    "Nov-23-26 08:16:21 [SSL-out] 192.0.2.7 SSL negotiation failed": (
        STAMP, None, "assp", None, "assp [192.0.2.7]", "[SSL-out]",
    ),
    "[2026-11-23 08:16:21] INFO  [#k77igllfhnui45o5] a": (STAMP, None, None, None, "k77igllfhnui45o5", "[#k77"),
    "postfix/smtpd[25460]: warning: a": (None, None, "postfix/smtpd", "25460", "postfix/smtpd[25460]", "warning: a"),
    "dovecot: pop3-login: a": (None, None, "dovecot", None, None, "pop3-login: a"),
    '{"MESSAGE":[84,76,83,255],"SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"12","__REALTIME_TIMESTAMP":'
    '"1795421781000000","_HOSTNAME":"mx"}': (STAMP, "mx", "postfix/smtp", "12", "postfix/smtp[12]", "TLS\\xff"),
    '{"MESSAGE":null,"_COMM":"master"}': (None, None, "master", None, None, ""),
    '{"log":"postfix/smtp[1]: a\\n","stream":"stdout","time":"2026-11-23T08:16:21.5Z"}': (
        f"{STAMP}.5", None, "postfix/smtp", "1", "postfix/smtp[1]", "a",
    ),
    '{"log":': (None, None, None, None, None, '{"log":'),
    "[1, 2]": (None, None, None, None, None, "[1, 2]"),
    "some words": (None, None, None, None, None, "some words"),
    "": (None, None, None, None, None, ""),
}  # fmt: skip


@pytest.mark.parametrize("text", TABLE)
def test_dialects(text: str) -> None:
    """Each dialect, with a line feed behind it as well."""
    stamp, *rest, body = TABLE[text]
    for end in ("", "\r\n"):
        line = Reader(NOW).line(text + end)
        assert line.time == (datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else None)
        assert [line.host, line.program, line.pid, line.key] == rest
        assert line.body.startswith(str(body))
        assert not line.body.endswith(("\r", "\n"))


@pytest.mark.parametrize("path", sorted(LOGS.iterdir()), ids=lambda path: path.name)
def test_every_line_of_the_fixtures_has_a_program(path: Path) -> None:
    """And all but the daemon's own words have a key."""
    reader = Reader(NOW)
    lines = [reader.line(text) for text in path.read_text(encoding="utf-8").splitlines()]
    known = [line for line in lines if line.program and line.key]
    assert len(known) >= len(lines) / 2.5
    assert all(line.time for line in lines) or path.name == "opensmtpd.log"


YEARS = {
    "Nov 28 01:00:00": 2026,
    "Nov 29 00:30:00": 2026,  # a clock that is ahead
    "Nov 30 00:00:00": 2025,
    "Dec 31 23:59:59": 2025,
    "Jan  1 00:00:00": 2026,
    "Feb 29 12:00:00": 2024,
    "Feb 30 12:00:00": None,
    "Nov 23 24:00:61": None,
}


@pytest.mark.parametrize("stamp", YEARS)
def test_the_year_of_syslog(stamp: str) -> None:
    """The latest year in which the stamp is not in the future; none where there is no such day."""
    moment = Stamps(NOW).read(stamp)
    assert (moment and moment.year) == YEARS[stamp]


def test_stamps_without_zone_are_in_that_of_now() -> None:
    """Those with a zone keep their moment."""
    zone = timezone(timedelta(hours=2))
    stamps = Stamps(NOW.astimezone(zone))
    assert stamps.read("Nov 23 08:16:21") == datetime(2026, 11, 23, 6, 16, 21, tzinfo=UTC)
    assert stamps.read("2026-11-23T08:16:21Z") == datetime(2026, 11, 23, 8, 16, 21, tzinfo=UTC)
    assert stamps.read("2026-11-23T08:16:21-0100") == datetime(2026, 11, 23, 9, 16, 21, tzinfo=UTC)


def test_moments_that_do_not_exist() -> None:
    """They are None, and raise nothing."""
    assert tai64n("ffffffffffffffff00000000") is None
    assert tai64n("no such label") is None
    assert since_1970(10**19) is None
    assert Stamps(NOW).read("9999-99-99T99:99:99Z") is None


UNESCAPED = {
    "deferral: TLS_connect_failed:_error:14090086:SSL_routines:SSL3_GET_SERVER_CERTIFICATE:certificate_verify_failed;"
    "_connected_to_192.0.2.1./": "deferral: TLS connect failed: error:14090086:SSL routines:"
    "SSL3_GET_SERVER_CERTIFICATE:certificate verify failed; connected to 192.0.2.1.",
    "deferral: error:1408E0F4:SSL_routines:ssl3_get_message:unexpected_message/": "deferral: error:1408E0F4:"
    "SSL routines:ssl3_get_message:unexpected message",
    "failure: TLS_unable_to_verify_server_with_control/tlshosts/mx.example.net.pem:_x./I'm_not_going_to_try_again./": (
        "failure: TLS unable to verify server with control/tlshosts/mx.example.net.pem: x.\nI'm not going to try again."
    ),
    "success: 192.0.2.1_accepted_message./Remote_host_said:_250_2.0.0_Ok/": "success: 192.0.2.1 accepted message.\n"
    "Remote host said: 250 2.0.0 Ok",
}


@pytest.mark.parametrize("text", UNESCAPED)
def test_texts_of_qmail(text: str) -> None:
    """Blanks and line feeds come back; paths, constants and names of functions stay."""
    assert qmail.unescaped(f"delivery 7: {text}") == f"delivery 7: {UNESCAPED[text]}"
    assert qmail.unescaped(f"end msg {text}") == f"end msg {text}"


DEEP = ["a|" * 30_000, "<1>" * 20_000, "{" * 60_000, '{"log":' * 9_000, "[" * 60_000, "1 2020-" * 9_000, "_" * 60_000]


@pytest.mark.parametrize("text", DEEP, ids=range(len(DEEP)))
def test_nested_lines_end(text: str) -> None:
    """A line in a line in a line is read three deep."""
    assert isinstance(Reader(NOW).line(text), Line)


@given(st.one_of(st.text(), st.builds(lambda head, tail: head + tail, st.sampled_from(sorted(TABLE)), st.text())))
def test_no_text_raises(text: str) -> None:
    """Whatever follows a line that is known, too."""
    assert isinstance(Reader(NOW).line(text), Line)


@given(st.sampled_from(sorted(TABLE)), st.integers(0, 150), st.integers(0, 30))
def test_no_mutilated_line_raises(text: str, start: int, length: int) -> None:
    """A piece is missing somewhere."""
    assert isinstance(Reader(NOW).line(text[:start] + text[start + length :]), Line)
