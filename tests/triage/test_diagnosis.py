"""What a text means: its page, who wrote it, who noticed, and above all who is accused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.catalogue.pages import all_pages, page
from probe.message import Accused, Category, Code, Direction, Message, Peer, Role
from probe.model import Confidence, Stage
from probe.triage.diagnosis import OWN_HOST, UNKNOWN_HOST, Found, diagnose, filled, found, server, worded
from probe.triage.origin import Origin

BOUNCE = (
    "TLS connect failed: error:140943F2:SSL routines:SSL3_READ_BYTES:sslv3 alert unexpected message;"
    " connected to 192.0.2.25."
)
"""What qmail-remote writes into its bounce: the story from which this program grew."""
QUEUED = "I'm not going to try again; this message has been in the queue too long."


def sides(text: str, known: Origin | None = None) -> tuple[str | None, Role, Direction, Accused]:
    """Page, writer's role, who noticed, who is accused."""
    message = diagnose(text, known)
    return message.page, message.role, message.direction, message.accused


@pytest.mark.parametrize(
    "text", [BOUNCE, BOUNCE.replace(" ", "_"), f"{BOUNCE}\n{QUEUED}", f"<b@example.net>:\n{BOUNCE}"]
)
def test_the_bounce_of_the_story(text: str) -> None:
    """The client wrote it, the server sent the alert, and nobody is accused."""
    message = diagnose(text)
    assert (message.page, message.category) == ("tls-alert-unexpected-message", Category.ALERT_UNEXPECTED_MESSAGE)
    assert (message.mta, message.role) == ("qmail", Role.CLIENT)
    assert (message.direction, message.accused) == (Direction.RECEIVED, Accused.UNKNOWN)
    assert (message.stage, message.symptoms) == (Stage.HANDSHAKE, ("alert:10",))
    assert message.peer == Peer(None, "192.0.2.25")
    assert message.tells_of_tls


def test_the_code_of_the_story_field_by_field() -> None:
    """Library 20, function 148, reason 1010 = 1000 + alert 10; the function's spelling dates the writer."""
    (code,) = diagnose(BOUNCE).codes
    assert code == Code(
        code="140943F2",
        era="OpenSSL before 3.0",
        library="SSL routines",
        function="SSL3_READ_BYTES",
        reason="sslv3 alert unexpected message",
        alert=10,
        library_number=20,
        function_number=148,
        reason_number=1010,
        notes=code.notes,
    )
    assert any("OpenSSL 1.0.1 or older" in note for note in code.notes)


def test_the_story_blames_no_chain() -> None:
    """A chain, ours or theirs, may be the cause and never is; what we present as a client comes first."""
    message = diagnose(BOUNCE)
    assert {cause.confidence for cause in message.causes} == {Confidence.MAY_BE}
    about_chains = [n for n, cause in enumerate(message.causes) if "intermediate" in cause.text]
    about_us = [n for n, cause in enumerate(message.causes) if "clientcert.pem" in cause.text]
    assert about_us[0] == 0
    assert about_chains
    assert message.next[0] == "smtp-chaincheck 192.0.2.25 --verbose"
    assert any("clientcert.pem" in command for command in message.next)
    assert any("clientcert.pem" in line for line in message.fix)


ALERT_48 = "error:0A000418:SSL routines::tlsv1 alert unknown ca:a.c:1:SSL alert number 48"


@pytest.mark.parametrize(
    ("text", "role", "direction"),
    [
        ("error:1417A0C1:SSL routines:tls_post_process_client_hello:no shared cipher:a.c:1:", "server", "local"),
        ("error:1417A0C1", "server", "local"),
        ("error:1408A0C1:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher", "server", "local"),
        ("error:14090086:SSL routines:SSL3_GET_SERVER_CERTIFICATE:certificate verify failed", "client", "local"),
        ("error:140773F2:SSL routines:SSL23_GET_SERVER_HELLO:sslv3 alert unexpected message", "client", "received"),
        (f"postfix/smtp[9]: {ALERT_48}", "client", "received"),
        (f"postfix/smtpd[9]: {ALERT_48}", "server", "received"),
        (ALERT_48, "unknown", "received"),
        ("error:0A000086:SSL routines::certificate verify failed", "unknown", "local"),
        ("SSL_accept: error:0A0000C1:SSL routines::no shared cipher", "server", "local"),
    ],
)
def test_role_and_direction(text: str, role: str, direction: str) -> None:
    """The function of a code alone may tell which side wrote it; an alert was received, all else found."""
    message = diagnose(text)
    assert (message.role, message.direction) == (Role(role), Direction(direction))


@pytest.mark.parametrize(
    ("line", "unknown"),
    [
        ("error:0A000418:SSL routines::tlsv1 alert unknown ca", "tls-alert-unknown-ca"),
        ("error:0A000410:SSL routines::ssl/tls alert handshake failure", "tls-alert-handshake-failure"),
        ("error:0A0003F2:SSL routines::ssl/tls alert unexpected message", "tls-alert-unexpected-message"),
        ("error:0A00042E:SSL routines::tlsv1 alert protocol version", "tls-alert-protocol-version"),
    ],
)
@pytest.mark.parametrize("program", ["postfix/smtp[9]: ", "postfix/smtpd[9]: ", ""])
def test_who_received_an_alert_is_not_told_who_erred(program: str, line: str, unknown: str) -> None:
    """The reason is in the log of the side that sent it, so nobody is accused, whoever wrote the line."""
    page_id, _, direction, accused = sides(program + line)
    assert (page_id, direction, accused) == (unknown, Direction.RECEIVED, Accused.UNKNOWN)


UNKNOWN_CA = "0A000418:SSL routines::tlsv1 alert unknown ca"
NO_CIPHER = "0A0000C1:SSL routines::no shared cipher"
MISMATCH = "05800074:x509 certificate routines::key values mismatch"
WEAK_DH = "0A00018A:SSL routines::dh key too small"
NO_FILE = "80000002:system library::No such file or directory"
BIO_NO_FILE = "10000080:BIO routines::no such file"
PEM_LIB = "0A080009:SSL routines::PEM lib"
SYSTEM_LIB = "0A080002:SSL routines::system lib"


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        ((NO_CIPHER, UNKNOWN_CA), "no-shared-cipher"),
        ((UNKNOWN_CA, NO_CIPHER), "tls-alert-unknown-ca"),
        ((MISMATCH, PEM_LIB), "key-mismatch"),
        ((NO_FILE, BIO_NO_FILE, SYSTEM_LIB), "file-unreadable"),
        ((PEM_LIB, WEAK_DH), "weak-dh"),
    ],
)
def test_of_a_queue_of_errors_the_first_is_the_cause(lines: tuple[str, ...], cause: str) -> None:
    """What OpenSSL adds on its way out ("PEM lib") says nothing by itself, even where it stands first."""
    message = diagnose("\n".join(f"error:{line}:a.c:1:" for line in lines))
    assert message.page == cause
    assert len(message.codes) == len(lines)


def test_the_line_that_says_only_that_tls_failed_loses() -> None:
    """It stands around the real one; alone it leaves the matter open."""
    around = "postfix/smtp[9]: 4F1: to=<a@example.net>, status=deferred (Cannot start TLS: handshake failure)"
    reason = "postfix/smtp[9]: warning: TLS library problem: error:0A00018A:SSL routines::dh key too small:a.c:1:"
    for lines in ([around, reason], [reason, around]):
        message = diagnose("\n".join(lines))
        assert (message.page, message.also) == ("weak-dh", ("tls-handshake-failed",))
    alone = diagnose(around)
    assert (alone.page, alone.category) == ("tls-handshake-failed", Category.UNDETERMINED)
    assert alone.accused is Accused.UNKNOWN


@pytest.mark.parametrize(
    ("text", "role", "accused"),
    [
        ("postfix/smtp[9]: certificate verification failed: certificate has expired", "client", "server"),
        ("certificate has expired", "unknown", "unknown"),
        ("postfix/smtp[9]: error:0A00018A:SSL routines::dh key too small", "client", "server"),
        ("postfix/smtpd[9]: error:05800074:x509 certificate routines::key values mismatch", "server", "server"),
        ("postfix/smtp[9]: error:05800074:x509 certificate routines::key values mismatch", "client", "unknown"),
        ("postfix/smtpd[9]: fopen: error:0200100D:system library:fopen:Permission denied", "server", "server"),
        ("error:05800074:x509 certificate routines::key values mismatch", "unknown", "unknown"),
    ],
)
def test_the_accused_is_the_writer_or_the_other_side(text: str, role: str, accused: str) -> None:
    """A page says "writer" or "peer"; without a known writer nobody is accused."""
    message = diagnose(text)
    assert (message.role, message.accused) == (Role(role), Accused(accused))


@pytest.mark.parametrize(
    ("known", "mta", "role", "peer"),
    [
        (None, "postfix", Role.SERVER, Peer("a.example.net", "192.0.2.1")),
        (Origin(), "postfix", Role.SERVER, Peer("a.example.net", "192.0.2.1")),
        (Origin("gmail", Role.CLIENT), "gmail", Role.CLIENT, Peer("a.example.net", "192.0.2.1")),
        (Origin(None, Role.CLIENT, Peer("A.example.net")), "postfix", Role.CLIENT, Peer("A.example.net", "192.0.2.1")),
        (Origin("x", Role.CLIENT, Peer("b.example.net")), "x", Role.CLIENT, Peer("b.example.net")),
        (Origin("x", Role.CLIENT, Peer(None, "192.0.2.7")), "x", Role.CLIENT, Peer("a.example.net", "192.0.2.7")),
    ],
)
def test_what_stands_around_a_text_goes_before_it(known: Origin | None, mta: str, role: Role, peer: Peer) -> None:
    """The fields of a bounce are more exact than its words, and two hosts are not made one."""
    message = diagnose("postfix/smtpd[9]: from a.example.net[192.0.2.1]: certificate has expired", known)
    assert (message.mta, message.role, message.peer) == (mta, role, peer)


@pytest.mark.parametrize(
    ("role", "peer", "expected"),
    [
        (Role.CLIENT, Peer("mx.example.net", "192.0.2.25", 25), "mx.example.net"),
        (Role.CLIENT, Peer("mx.example.net", "192.0.2.25"), "mx.example.net"),
        (Role.CLIENT, Peer("mx.example.net", None, 587), "mx.example.net:587"),
        (Role.UNKNOWN, Peer("mx.example.net"), "mx.example.net"),
        (Role.CLIENT, Peer(None, "192.0.2.25", 2525), "192.0.2.25:2525"),
        (Role.CLIENT, Peer(None, "2001:db8::25", 25), "2001:db8::25"),
        (Role.CLIENT, Peer(None, "2001:db8::25", 465), "[2001:db8::25]:465"),
        (Role.SERVER, Peer("client.example.net", "192.0.2.9"), ""),
        (Role.CLIENT, Peer(), ""),
        (Role.CLIENT, Peer(None, None, 465), ""),
        (Role.CLIENT, None, ""),
        (Role.CLIENT, Peer("büro.example.net"), "büro.example.net"),
        (Role.CLIENT, Peer("mx.example.net;reboot"), ""),
        (Role.CLIENT, Peer("$(reboot)", "192.0.2.25"), "192.0.2.25"),
        (Role.CLIENT, Peer("--probe"), ""),
        (Role.CLIENT, Peer("a b"), ""),
        (Role.CLIENT, Peer("{peer}"), ""),
        (Role.CLIENT, Peer("a\x1b[2J\n"), ""),
        (Role.CLIENT, Peer(None, "fe80::1%$(reboot)"), ""),
    ],
)
def test_the_server_as_an_argument_of_ours(role: Role, peer: Peer | None, expected: str) -> None:
    """With its port where that is not 25; a server's own log does not tell by which name it is asked.

    What is neither a host name nor an address is an attack on whoever copies the command.
    """
    assert server(Message("", Category.OTHER, role=role, peer=peer)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("postfix/smtp[9]: to mx.example.net[192.0.2.25]:587: certificate has expired", "mx.example.net:587"),
        ("certificate has expired", UNKNOWN_HOST),
        ("postfix/smtpd[9]: from a.example.net[192.0.2.9]: certificate has expired", OWN_HOST),
        ("* Trying [2001:db8::9]:465...\ncurl: (60) certificate has expired", "[2001:db8::9]:465"),
    ],
)
def test_the_next_command_names_the_server(text: str, expected: str) -> None:
    """Filled in where the text tells it, a place to fill in where not."""
    assert diagnose(text).next[0].split()[:2] == ["smtp-chaincheck", expected]


def test_other_braces_stay() -> None:
    """Only the named slots are filled, and what fills them is not looked at again."""
    assert filled("{a} {b} {} ${c}", {"a": "{b}", "z": "?"}) == "{b} {b} {} ${c}"


@pytest.mark.parametrize("text", ["", "\n", "the weather is fine", "550 5.1.1 user unknown", "error:", "\x00"])
def test_what_has_nothing_to_do_with_tls_is_not_guessed(text: str) -> None:
    """No accusation; where no page says so, no category either."""
    message = diagnose(text)
    assert not message.tells_of_tls
    if not message.page:
        assert message == Message(text, Category.UNDETERMINED, symptoms=message.symptoms, about_tls=False)


@pytest.mark.parametrize(
    ("text", "about_tls"),
    [
        ("we want TLS.", True),
        ("550-TLS is wanted\n550 here", True),
        ("no STARTTLS?", True),
        ("TLSv1.2 is meant", True),
        ("SSL_do_something()", True),
        ("ssl/tls", True),
        ("dane-sth", True),
        ("X.509", True),
        ("a strange certificate", True),
        ("blocked by crosslink.example", False),
        ("lossless", False),
        ("<dane@example.org>", False),
        ("tls.example.net is blocked", False),
        ("mx-tls.example.net is blocked", False),
        ("tls-mx.example.net is blocked", False),
        ("bob@ssl.example.net", False),
    ],
)
def test_a_text_that_no_page_explains_is_about_tls_by_its_words(text: str, about_tls: bool) -> None:
    """Not by letters in another word, or in a name or address."""
    message = diagnose(text)
    assert (message.page, message.about_tls) == (None, about_tls)


def test_a_shape_is_found_once_and_worded_for_each() -> None:
    """What was found in one line serves all of its kind; the names are those of each."""
    what = found("postfix/smtp[9]: to a.example.net[192.0.2.1]:25: certificate has expired")
    assert isinstance(what, Found)
    other = worded("postfix/smtp[7]: to b.example.net[192.0.2.2]:25: certificate has expired", what)
    assert (other.page, other.peer) == ("expired", Peer("b.example.net", "192.0.2.2", 25))


@pytest.mark.unmeasured
def test_every_page_can_be_worded() -> None:
    """For each writer that a page knows, without a slot left over and with a known accused."""
    for this in all_pages():
        for line in this.seen_as:
            message = diagnose(line)
            words = (message.meaning, *(c.text for c in message.causes), *message.next, *message.fix)
            assert not [text for text in words if re.search(r"\{[a-z]+\}", text)], this.id
            assert message.accused in {Accused.NONE, Accused.UNKNOWN} or message.confidence != Confidence.MAY_BE, line
            assert message.title == page(message.page or "").title


@given(
    st.text() | st.lists(st.sampled_from([BOUNCE, ALERT_48, "postfix/smtpd[1]: ", "{server}", "\n", "x"])).map("".join)
)
def test_any_text_is_diagnosed(text: str) -> None:
    """Nothing raises; whoever wrote it, an accusation needs a writer."""
    message = diagnose(text)
    assert message.text == text
    assert message.role is not Role.UNKNOWN or message.accused is Accused.UNKNOWN or message.page


@pytest.mark.parametrize(
    "reply",
    [
        "host mx.example.net[192.0.2.1] said: 550 5.7.1 self-signed certificate (in reply to MAIL FROM command)",
        "host mx.example.net[192.0.2.1] said: 554 5.7.1 certificate has expired (in reply to end of DATA command)",
        "Remote host said: 550 5.7.1 certificate has expired",
        "SMTP error from remote mail server after MAIL FROM:<a@example.com>: 550 self-signed certificate",
        "stat=Service unavailable: 550 5.7.1 your client: certificate has expired",
    ],
)
def test_what_the_other_side_replied_accuses_nobody(reply: str) -> None:
    """It is what that server found, perhaps about a signature in the mail: no finding of the writer."""
    message = diagnose(f"postfix/smtp[7]: {reply}")
    assert (message.accused, message.direction, message.confidence) == ("unknown", "none", "may be")


def test_a_session_that_went_on_is_no_failure() -> None:
    """Nobody insisted on the certificate; where somebody did, the line that says so stands beside it."""
    failed = "postfix/smtp[7]: certificate verification failed for mx.example.net[192.0.2.1]:25:"
    untrusted = f"{failed} self-signed certificate"
    went_on = "Untrusted TLS connection established to mx.example.net[192.0.2.1]:25: TLSv1.3"
    assert diagnose(untrusted).category == "self-signed"
    assert diagnose(f"{untrusted}\n{went_on}").category == "harmless"
    assert diagnose(f"{untrusted}\n{went_on}\nServer certificate not verified").category == "self-signed"


def test_a_server_that_goes_on_accuses_no_client() -> None:
    """Sendmail logs what it thinks of a client's certificate and takes the mail."""
    line = "STARTTLS=server, cert-subject=/CN=a, cert-issuer=/CN=a, verifymsg=self signed certificate"
    assert (diagnose(line).role, diagnose(line).accused) == ("server", "unknown")


def test_a_demanded_certificate_is_found_by_the_server_and_told_to_the_client() -> None:
    """Reason 199 is the server's own; alert 116 is what the client hears."""
    assert diagnose("error:0A0000C7:SSL routines::peer did not return a certificate").direction == "local"
    assert diagnose("SSL alert number 116").direction == "received"


FAILED = "certificate verification failed for a.example.net[192.0.2.1]:25: self-signed certificate"
WENT_ON = "Untrusted TLS connection established to a.example.net[192.0.2.1]:25: TLSv1.3"


@pytest.mark.parametrize(
    "lines",
    [
        (WENT_ON, FAILED),
        (FAILED, WENT_ON.replace("a.example.net[192.0.2.1]", "b.example.net[192.0.2.2]")),
        (FAILED, WENT_ON, "Cannot start TLS: handshake failure"),
        ("error:0A000086:SSL routines::certificate verify failed", WENT_ON),
    ],
)
def test_only_the_same_session_that_went_on_clears_a_certificate(lines: tuple[str, ...]) -> None:
    """Not one before, not one with another peer, and none where TLS itself failed."""
    assert diagnose("\n".join(lines)).category != "harmless"


@pytest.mark.parametrize(
    "line",
    [
        "postfix/cleanup[1]: A1: header Subject: SSL certificate has expired! from m.example.org[192.0.2.5]; x",
        '2026-11-23 07:31:13 1xV <= a@b H=m.example.org [192.0.2.5] T="certificate has expired"',
    ],
)
def test_the_subject_of_a_mail_is_no_evidence(line: str) -> None:
    """Somebody else wrote it."""
    assert diagnose(line).page is None


@pytest.mark.parametrize(
    ("text", "page"),
    [
        (">>> STARTTLS\n500 5.5.1 Command unrecognized", "starttls-refused"),
        (" -> STARTTLS\n<** 502 5.5.1 Error: command not implemented", "starttls-refused"),
        ("CLIENT -> SERVER: STARTTLS\n10:00\tSERVER -> CLIENT: 421 4.3.2 not now", "starttls-refused"),
        ("send: 'STARTTLS\\r\\n'\nreply: b'503 5.5.1 first EHLO\\r\\n'", "starttls-refused"),
        ("S: 250 STARTTLS\nS: 550 5.7.1 go away", None),
        ("C: STARTTLS\nS: 220 ready\nC: EHLO a\nS: 550 5.7.1 go away", None),
        ("STARTTLS\nMAIL FROM:<a@example.com> SIZE=512 ", None),
    ],
)
def test_the_reply_to_starttls_is_its_own(text: str, page: str | None) -> None:
    """In a dialogue, a refusal right behind the command is about it; elsewhere the code says nothing of TLS."""
    assert diagnose(text).page == page


@pytest.mark.parametrize(
    ("line", "page"),
    [
        ("TLS session: (certificate verification failed)", "name-mismatch"),
        ("TLS session: (certificate verification failed): certificate revoked", "certificate-revoked"),
        ("TLS session: (certificate verification failed): certificate invalid", "certificate-refused"),
        ("id=1,addr=<a@b.example>: 400 Invalid peer certificate", "expired"),
        ("client: invalid peer certificate: UnknownIssuer", "issuer-unknown"),
        ("received fatal alert: HandshakeFailure", "tls-alert-few-ciphers"),
        ("Received fatal alert: handshake_failure", "tls-alert-handshake-failure"),
        ("StartTLS: remote error: tls: handshake failure", "tls-alert-handshake-failure"),
        ("H=a.example [192.0.2.1]: Remote host closed connection in response to EHLO x", "connection-failed"),
    ],
)
def test_words_that_others_have_too_are_told_apart(line: str, page: str) -> None:
    """By what stands behind them, or around them."""
    assert diagnose(line).page == page


def test_courier_puts_a_code_before_its_own_words() -> None:
    """It is no reply of the other side."""
    message = diagnose("courieresmtp: id=1,from=<a@b.example>,addr=<c@d.example>: 400 Invalid peer certificate")
    assert (message.page, message.accused) == ("expired", Accused.SERVER)


def test_mail_that_went_through_clears_a_certificate() -> None:
    """Only on the same machine: another one may have taken it."""
    verdict = "postfix/smtp[7]: certificate verification failed for a.example[192.0.2.1]:25: untrusted issuer /CN=x"
    sent = "postfix/smtp[7]: 4F1B22A01: to=<u@a.example>, relay=a.example[{}]:25, delay=1, dsn={}, status={} (x)"
    assert diagnose(f"{verdict}\n{sent.format('192.0.2.1', '2.0.0', 'sent')}").category is Category.HARMLESS
    assert diagnose(f"{verdict}\n{sent.format('192.0.2.9', '2.0.0', 'sent')}").page == "issuer-unknown"
    assert diagnose(f"{verdict}\n{sent.format('192.0.2.1', '4.7.5', 'deferred')}").page == "issuer-unknown"


def test_a_directory_is_no_mail_server() -> None:
    """A daemon's connection to something else accuses nobody, names no peer and gives no command for mail."""
    message = diagnose("postfix/smtpd[4]: warning: dict_ldap_connect: Unable to set STARTTLS: certificate has expired")
    assert (message.page, message.accused, message.peer, message.next) == ("expired", "unknown", None, ())
