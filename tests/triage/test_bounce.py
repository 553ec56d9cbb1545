"""Bounces: of each server, forwarded, quoted, encoded, damaged, and those that somebody made to hurt."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.triage import plain
from probe.triage.bounce import Delivery, deliveries, is_mail, read

BOUNCES = Path(__file__).parents[2] / "fixtures/bounces"
FILES = sorted(BOUNCES.iterdir())
HEADER = b"From: MAILER-DAEMON@mail.example.com\nTo: alice@example.com\nMIME-Version: 1.0\n"
HARAKA = "Failure Reason: Error: Too many failures (Upstream error: 454 4.7.0 TLS not available due to local problem)"
SENDMAIL = """\
... while talking to mx.d144.test.:
>>> STARTTLS dialogue
<<< 502 5.5.1 Error: command not implemented
user@d144.test... Deferred: 454 4.7.0 encryption too weak 0 less than 112
Message could not be delivered for 1 second
Message will be deleted from queue"""
QMAIL = Delivery(
    text="TLS connect failed: error:140943F2:SSL routines:SSL3_READ_BYTES:sslv3 alert unexpected message;"
    " connected to 192.0.2.25.\nI'm not going to try again; this message has been in the queue too long.",
    reporting_mta="mail.example.com",
    remote_address="192.0.2.25",
    recipient="bob@example.net",
    action="failed",
    date=datetime(2026, 3, 12, 8, 15, 2, tzinfo=UTC),
    software="qmail",
)
GMAIL = Delivery(
    text="TLS Negotiation failed, the certificate doesn't match the host.",
    reporting_mta="googlemail.com",
    remote_mta="mx.example.net",
    remote_address="192.0.2.25",
    recipient="bob@example.net",
    action="delayed",
    status="4.4.1",
    diagnostic_type="smtp",
    date=datetime(2026, 3, 12, 8, 15, 2, tzinfo=UTC),
    software="gmail",
)


def fixture(name: str) -> tuple[Delivery, ...]:
    """What a fixture tells."""
    return deliveries((BOUNCES / name).read_bytes())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_fixture_tells_a_failure_and_nothing_of_the_returned_mail(file: Path) -> None:
    """All are recognised as mail, all have a text, none shows the mail that came back, nothing is left unread."""
    raw = file.read_bytes()
    told = read(raw)
    assert is_mail(raw)
    assert told.cut == ()
    assert told.deliveries
    for delivery in told.deliveries:
        assert delivery.text
        assert "SECRET" not in delivery.text
        assert "hello" not in delivery.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("postfix.eml", "lost connection with mx.d234.test[127.0.5.234] while performing the EHLO handshake"),
        ("exim.eml", "host mx.d250.test [127.0.5.250] retry timeout exceeded"),
        ("sendmail.eml", SENDMAIL),
        (
            "courier.eml",
            "mx.d129.test [127.0.5.129]:\n>>> STARTTLS\n<<< 400 Peer's certificate not signed by a trusted authority",
        ),
        ("opensmtpd.eml", "Envelope expired"),
        ("haraka.eml", HARAKA),
    ],
)
def test_what_real_servers_wrote(name: str, text: str) -> None:
    """The status fields and the words for people are joined, each thing once."""
    (delivery,) = fixture(name)
    assert delivery.text == text
    assert delivery.software == name.split(".", maxsplit=1)[0]
    assert delivery.reporting_mta == "client.example.test"
    assert delivery.recipient
    assert delivery.date


def test_qmail() -> None:
    """Two recipients, told apart by their blocks."""
    first, second = fixture("qmail.eml")
    assert first == QMAIL
    assert (second.recipient, second.remote_address, second.status) == ("carol@example.org", "192.0.2.26", "5.1.1")


def test_gmail() -> None:
    """A delay, with host and address in one field."""
    assert fixture("gmail.eml") == (GMAIL,)


@pytest.mark.parametrize("name", ["exchange.eml", "html-only.eml"])
def test_exchange(name: str) -> None:
    """What the server says stands behind the explanations for people; also where HTML alone was sent."""
    (delivery,) = fixture(name)
    assert delivery.software == "exchange"
    assert delivery.recipient == "bob@example.net"
    assert delivery.text.startswith("Remote Server")
    assert "resending" not in delivery.text
    assert delivery.reporting_mta in {"EX01.corp.example.com", "AB1PR01.prod.example.com"}


def test_exchange_online() -> None:
    """The table of its page for people: the error, who wrote it, with whom it spoke."""
    (delivery,) = fixture("exchange-online.eml")
    assert delivery.text.startswith("Reported error: 550 5.4.317 Message expired")
    assert delivery.reporting_mta == "AM0PR01MB1234.eurprd01.prod.exchangelabs.com"
    assert (delivery.remote_mta, delivery.recipient, delivery.status) == (
        "mx.example.net",
        "bob@example.net",
        "5.4.317",
    )


def test_exim_without_status_fields() -> None:
    """Indented blocks, the error over several lines."""
    first, second = fixture("exim-words.eml")
    assert first.text.endswith("after STARTTLS: host mx.example.net [192.0.2.25]: 454 4.7.0 TLS not available")
    assert (first.remote_address, second.text, second.recipient) == (
        "192.0.2.25",
        "retry timeout exceeded",
        "carol@example.org",
    )


def test_forwarded_as_a_page() -> None:
    """Outlook makes HTML of a qmail bounce; it tells the same."""
    (delivery,) = fixture("forwarded-html.eml")
    assert (delivery.text, delivery.software, delivery.recipient) == (QMAIL.text, "qmail", QMAIL.recipient)


def test_forwarded_as_attachment() -> None:
    """The attached bounce counts; the words about a recipient stay with that recipient."""
    first, second = fixture("forwarded-attached.eml")
    assert (first.remote_mta, first.remote_address, first.software) == ("mx.example.net", "192.0.2.25", "postfix")
    assert "198.51.100.7" in first.text
    assert second.text == "Cannot start TLS: handshake failure"
    assert (second.recipient, second.diagnostic_type) == ("carol@example.org", "x-postfix")


def test_forwarded_as_quotation() -> None:
    """The marks of quoting go, those of a dialogue stay."""
    (delivery,) = fixture("forwarded-quoted.eml")
    assert ">>> STARTTLS\n<<< 454 4.7.0 TLS not available due to local problem" in delivery.text
    assert (delivery.software, delivery.remote_mta, delivery.recipient) == (
        "sendmail",
        "mx.example.net",
        "bob@example.net",
    )


def test_encoded_fields() -> None:
    """base64 parts, RFC 2047 words, RFC 6533 addresses, a boundary in two pieces, lines that are not folded."""
    (delivery,) = fixture("base64.eml")
    assert delivery.text.startswith("550 5.7.5 Zertifikat für mx.example.net abgelaufen 550-second line 550 third line")
    assert (delivery.recipient, delivery.action, delivery.remote_address) == (
        "büro@example.net",
        "failed",
        "192.0.2.25",
    )


def test_fields_pasted_with_quoting_marks() -> None:
    """A piece of a bounce is enough."""
    (delivery,) = fixture("pasted-fields.txt")
    assert delivery.text == "Server certificate not trusted"
    assert (delivery.software, delivery.diagnostic_type) == ("postfix", "x-postfix")


def test_mbox() -> None:
    """Each bounce of an mbox counts, its ordinary mails do not."""
    assert [one.software for one in fixture("three.mbox")] == ["qmail", "qmail", "gmail"]


def test_ordinary_mail_gives_its_text() -> None:
    """A wrong charset is forgiven."""
    (delivery,) = fixture("ordinary.eml")
    assert delivery.text.endswith("Who has seen that? Grüße")
    assert (delivery.recipient, delivery.software) == (None, None)


def test_attached_mail_that_is_no_bounce_is_no_diagnosis() -> None:
    """Old servers attach the returned mail to plain words, without any status fields."""
    raw = (
        HEADER
        + b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nWe could not send it.\n\n<bob@example.net>: no TLS\n'
        + b"--b\nContent-Type: message/rfc822\n\nFrom: a@example.com\n\nSECRET\n--b--\n"
    )
    (delivery,) = deliveries(raw)
    assert (delivery.recipient, delivery.text) == ("bob@example.net", "no TLS")


@pytest.mark.unmeasured
@pytest.mark.parametrize("end", [b"\r\n", b"\r", b"\r\r\n"])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_line_ends_do_not_matter(file: Path, end: bytes) -> None:
    """CRLF, CR and what broken gateways make of them tell the same."""
    raw = file.read_bytes()
    assert read(raw) == read(raw.replace(b"\n", end))


def test_utf_16_and_byte_order_marks() -> None:
    """A bounce that a Windows editor saved."""
    raw = (BOUNCES / "qmail.eml").read_bytes()
    assert deliveries(raw) == deliveries(raw.decode().encode("utf-16")) == deliveries(b"\xef\xbb\xbf" + raw)


def test_without_blank_line_behind_the_header() -> None:
    """The body begins where no header field can stand."""
    raw = (BOUNCES / "qmail.eml").read_bytes()
    assert deliveries(raw.replace(b"\n\nHi.", b"\nHi.")) == deliveries(raw)


@pytest.mark.parametrize(
    "log",
    [
        b"",
        b"\0" * 100,
        b"Nov 23 08:16:20 mail postfix/smtp[1]: SSL_connect error to mx.example.net[192.0.2.1]:25: -1\n",
        b"2026-11-23 07:33:15 1xVOY7-0003XU-0m H=mx.example.net [192.0.2.1] TLS session: (SSL_connect): error\n",
        b"@400000006720a5b80a1b2c3d delivery 1: deferral: TLS_connect_failed\n",
        b"warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown ca\n",
        b'{"MESSAGE": "SSL_accept error", "PRIORITY": "4"}\n',
        b"error: 140943F2\nfrom: there\n",
    ],
)
def test_a_log_is_no_mail(log: bytes) -> None:
    """Logs go another way."""
    assert not is_mail(log)


def test_quoting_marks_and_dialogues() -> None:
    """Three hyphens of quoting are peeled off, a client's command keeps its own."""
    text = "> > quoted\n>> twice\n>>> This is quoted\n >>> STARTTLS\n> >>> MAIL From:<a@example.com>\n<<< 250 ok"
    assert plain.unquoted(text) == [
        "quoted",
        "twice",
        "This is quoted",
        " >>> STARTTLS",
        ">>> MAIL From:<a@example.com>",
        "<<< 250 ok",
    ]
