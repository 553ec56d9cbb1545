"""Who wrote a line, in which role, and who the other side was."""

from __future__ import annotations

import re
import time
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.catalogue import WRITERS
from probe.message import Peer, Role
from probe.triage.origin import ENOUGH, address_of, peer, writer

CLIENT, SERVER, UNKNOWN = Role.CLIENT, Role.SERVER, Role.UNKNOWN
MX = Peer("mx.example.net", "192.0.2.25")
V4, V6 = Peer(None, "192.0.2.9"), Peer(None, "2001:db8::9")

WRITTEN = [
    ("postfix", CLIENT, "postfix/smtp[458]: warning: TLS library problem: error:0A000418:SSL routines::x:a.c:1:"),
    ("postfix", CLIENT, "postfix-out/smtp[9]: SSL_connect error to mx.example.net[192.0.2.25]:25: -1"),
    ("postfix", CLIENT, "postfix/lmtp[9]: Untrusted TLS connection established to x[192.0.2.25]:24"),
    (
        "postfix",
        CLIENT,
        "4F1: to=<a@example.net>, delay=1, dsn=4.7.5, status=deferred (Server certificate not trusted)",
    ),
    ("postfix", CLIENT, "Diagnostic-Code: X-Postfix; Cannot start TLS: handshake failure"),
    ("postfix", CLIENT, "This is the mail system at host mail.example.com."),
    ("postfix", SERVER, "postfix/smtpd[77]: SSL_accept error from unknown[192.0.2.9]: lost connection"),
    ("postfix", SERVER, "postfix/submission/smtpd[77]: SSL_accept error from unknown[192.0.2.9]: -1"),
    ("postfix", SERVER, "postfix/smtps/smtpd[77]: SSL_accept error from unknown[192.0.2.9]: -1"),
    ("postfix", SERVER, "postfix/postscreen[7]: PREGREET 11 after 0.1 from [192.0.2.9]:5123: \\22\\3\\1"),
    ("exim", CLIENT, "1x == b@example.net R=mx T=out defer (-37) H=mx [192.0.2.25]: TLS session: (SSL_connect)"),
    ("exim", CLIENT, "DANE attempt failed; TLS connection to mx.example.net [192.0.2.25]: (SSL_connect)"),
    ("exim", CLIENT, "TLS error on connection to mx.example.net [192.0.2.25] (gnutls_handshake): timed out"),
    ("exim", UNKNOWN, "2026-11-20 07:31:13 [192.0.2.25] SSL verify error: depth=0 error=self-signed certificate"),
    ("exim", SERVER, "TLS error on connection from (helo) [192.0.2.9] (SSL_accept): error:0A000412:SSL routines::x"),
    ("exim", SERVER, "SMTP connection from mx.example.net [192.0.2.9] closed by EOF"),
    ("exim", UNKNOWN, "H=(helo.example) [192.0.2.9] TLS error on connection (recv): The TLS connection ended."),
    ("exim", SERVER, "TLS error on connection (tls lib accept fn): SSL_accept: error"),
    ("sendmail", CLIENT, "sendmail[2705]: STARTTLS=client, error: connect failed=-1, reason=x, SSL_error=1"),
    ("sendmail", CLIENT, "6AN: to=b@example.net, mailer=esmtp, pri=30166, relay=mx.example.net., stat=Deferred"),
    ("sendmail", CLIENT, "<b@example.net>... Deferred: 403 4.7.0 TLS handshake failed."),
    ("sendmail", CLIENT, "(reason: TLS handshake failed.)"),
    ("sendmail", SERVER, "sendmail[2705]: STARTTLS=server, error: accept failed=-1, reason=no shared cipher"),
    ("qmail", CLIENT, "TLS connect failed: error:140943F2:SSL routines:SSL3_READ_BYTES:x; connected to 192.0.2.25."),
    (
        "qmail",
        CLIENT,
        "delivery 61: deferral: TLS_connect_failed:_error:0A00042E:SSL_routines::x;_connected_to_192.0.2.25./",
    ),
    ("qmail", CLIENT, "Hi. This is the qmail-send program at mail.example.com."),
    ("qmail", SERVER, "454 TLS missing certificate: error:0200100D:system library:fopen:Permission denied (#4.3.0)"),
    ("opensmtpd", CLIENT, "b931a5c825a39d21 mta connecting address=smtp+tls://192.0.2.25:25 host=mx.example.net"),
    ("opensmtpd", CLIENT, "smtp-out: Disabling route [] <-> 192.0.2.25 (mx.example.net) for 15s"),
    ("opensmtpd", SERVER, 'f1d2552fc3a88759 smtp disconnected reason="io-error: handshake failed: error:0A000412:x"'),
    ("courier", CLIENT, "courieresmtp: id=1,from=<a@example.com>,addr=<b@example.net>: 400 Handshake failed"),
    ("courier", SERVER, "courieresmtpd: STARTTLS failed: ip=[::ffff:192.0.2.9], Certificate is bad"),
    ("courier", SERVER, "imapd-ssl: couriertls: accept: error:0A000412:SSL routines::x"),
    ("courier", UNKNOWN, "couriertls: read: Connection reset by peer"),
    ("dovecot", SERVER, "dovecot: imap-login: Disconnected (no auth attempts in 0 secs): rip=192.0.2.9"),
    ("dovecot", SERVER, "submission-login: Login aborted: Connection closed: rip=2001:db8::9"),
    ("cyrus", SERVER, "cyrus/imaps[77]: TLS server engine: cannot load cert/key data"),
    ("haraka", CLIENT, "[ERROR] [B5DD3709-4A86-4146-AFED-893360A087B1.1.1] [outbound] Ongoing connection failed"),
    ("haraka", UNKNOWN, "[INFO] [B5DD3709-4A86-4146-AFED-893360A087B1] [core] client connection error: ip=192.0.2.9"),
    ("nginx", SERVER, "SSL_do_handshake() failed (SSL: error:0A000412) while in starttls state, client: 192.0.2.9"),
    ("stunnel", CLIENT, "LOG3[7]: SSL_connect: error:0A000086:SSL routines::certificate verify failed"),
    ("stunnel", SERVER, "LOG3[0:140]: SSL_accept: error:0A0000C1:SSL routines::no shared cipher"),
    ("exchange", CLIENT, "450 4.4.317 Cannot connect to remote server [Message=TLS negotiation failed with error X]"),
    ("exchange", CLIENT, "Generating server: EX01.corp.example.com"),
    ("exchange", SERVER, "An TLS 1.2 connection request was received from a remote client application, but none of"),
    ("exchange", UNKNOWN, "Schannel, event 36887: a fatal alert was received from the remote endpoint."),
    ("javamail", CLIENT, "jakarta.mail.MessagingException: Could not convert socket to TLS"),
    ("java", UNKNOWN, "javax.net.ssl.SSLHandshakeException: PKIX path building failed"),
    ("java", SERVER, "javax.net.ssl.SSLHandshakeException: Empty client certificate chain"),
    ("another service", UNKNOWN, "postfix/smtpd[4]: warning: dict_ldap_connect: Unable to set STARTTLS: -11"),
    ("another service", UNKNOWN, "dovecot: auth: Error: LDAP: ldap_start_tls_s() failed: Connect error"),
    ("dovecot", UNKNOWN, "dovecot: master: Error: service(auth): x"),
    ("sendmail", SERVER, "sm-mta[1]: xAN12345678901: ruleset=tls_client, arg1=FAIL, relay=a.example.net"),
    ("nodemailer", CLIENT, "{ code: 'ESOCKET', command: 'CONN' }"),
    ("node smtp-server", SERVER, "DEBUG [#abc] S: 220 mx.example.net ESMTP"),
    ("python", CLIENT, "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
    ("python", UNKNOWN, "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)"),
    ("php", CLIENT, "PHP Warning: stream_socket_enable_crypto(): SSL operation failed with code 1"),
    ("perl", CLIENT, "SSL connect attempt failed error:0A000086:SSL routines::certificate verify failed"),
    ("ruby", CLIENT, "SSL_connect returned=1 errno=0 peeraddr=192.0.2.25:25 state=error: x (OpenSSL::SSL::SSLError)"),
    ("msmtp", CLIENT, "msmtp: TLS certificate verification failed: the certificate hasn't got a known issuer"),
    ("curl", CLIENT, "curl: (60) SSL certificate problem: unable to get local issuer certificate"),
    ("swaks", CLIENT, "=== Trying mx.example.net:25...\n*** TLS startup failed (connect(): error)"),
    ("s-nail", CLIENT, "s-nail: could not initiate SSL/TLS connection: error"),
    ("ssmtp", CLIENT, "sSMTP[77]: SSL not working: certificate verify failed (1)"),
    ("nullmailer", CLIENT, "smtp: Failed: Error completing TLS handshake: A TLS fatal alert has been received."),
    ("dma", CLIENT, "dma[4a]: remote delivery deferred: TLS handshake failed"),
    ("esmtp", CLIENT, "Invalid peer certificate (error 20)"),
    ("gnutls-cli", CLIENT, "*** Fatal error: The TLS connection was non-properly terminated."),
    ("openssl s_client", CLIENT, "verify error:num=20:unable to get local issuer certificate"),
    ("go", CLIENT, "x509: certificate signed by unknown authority"),
    ("go", UNKNOWN, "remote error: tls: bad certificate"),
    ("stalwart", CLIENT, "TLS error from 'mx.example.net': invalid peer certificate: UnknownIssuer"),
    ("zonemta", CLIENT, "Network error: Error connecting to mx.example.net"),
    ("assp", SERVER, "[TLS-in] SSL negotiation with client failed"),
    (None, SERVER, "error:1417A0C1:SSL routines:tls_post_process_client_hello:no shared cipher:a.c:1:"),
    (None, CLIENT, "error:1416F086:SSL routines:tls_process_server_certificate:certificate verify failed"),
    (None, SERVER, "lost connection after STARTTLS from mx.example.net[192.0.2.9]"),
    (None, UNKNOWN, "SSL_connect: SSL_accept: both"),
    (None, UNKNOWN, "error:0A000412:SSL routines::sslv3 alert bad certificate:a.c:1:SSL alert number 42"),
    (None, UNKNOWN, "the weather is fine"),
    (None, UNKNOWN, ""),
]
"""Program, role, a line of it."""


@pytest.mark.parametrize(("mta", "role", "line"), WRITTEN)
def test_a_program_is_known_by_its_lines(mta: str | None, role: Role, line: str) -> None:
    """Its own name or its own words; the role too where only one side says them."""
    assert writer(line) == (mta, role)


def test_every_writer_has_a_line_here() -> None:
    """A program without an example may be found by nothing."""
    tables = tomllib.loads(WRITERS.read_text(encoding="utf-8"))
    untested = {"node", "aiosmtpd", "aiosmtplib", "emailjs", "gmail"}
    assert {row["mta"] for row in tables["writer"]} - {mta for mta, _, _ in WRITTEN} <= untested


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("relay=a.example.net. [IPv6:2001:db8::9], dsn", Peer("a.example.net", "2001:db8::9")),
        ("relay=mx.example.net[192.0.2.25]:25, delay=1", Peer("mx.example.net", "192.0.2.25", 25)),
        ("SSL_connect error to mx.example.net[192.0.2.25]:2525: -1", Peer("mx.example.net", "192.0.2.25", 2525)),
        ("TLS connection established to mx.example.net[2001:db8::25]:25:", Peer("mx.example.net", "2001:db8::25", 25)),
        ("TLS is required, but was not offered by host mx.example.net[192.0.2.25]", MX),
        ("SSL_accept error from unknown[192.0.2.9]: -1", V4),
        ("SSL_accept error from localhost[127.0.0.1]: -1", Peer(None, "127.0.0.1")),
        ("R=mx T=out H=mx.example.net [192.0.2.25]:25 DT=0s", Peer("mx.example.net", "192.0.2.25", 25)),
        ("R=mx T=out H=mx.example.net [192.0.2.25] DT=0s", MX),
        ("H=(helo.example) [192.0.2.9] TLS error on connection", V4),
        ("H=mx.example.net (helo) [192.0.2.25] TLS error on connection", MX),
        ("TLS error on connection from (helo) [192.0.2.9] (SSL_accept)", V4),
        ("TLS error on connection from mx.example.net (helo) [192.0.2.25]", MX),
        ("TLS error on connection from [192.0.2.9] (gnutls_handshake)", V4),
        ("DANE attempt failed; TLS connection to mx.example.net [192.0.2.25]: x", MX),
        ("[192.0.2.9] SSL verify error: depth=0", V4),
        ("2026-11-20 07:31:13 [2001:db8::9] SSL verify error: depth=0", V6),
        ("mailer=esmtp, relay=mx.example.net. [192.0.2.25], dsn=4.7.0", MX),
        ("STARTTLS=client, relay=mx.example.net., version=TLSv1.3", Peer("mx.example.net")),
        ("STARTTLS=server, error: x, relay=mx.example.net [192.0.2.25]", MX),
        ("x; connected to 192.0.2.9.", V4),
        ("x; connected to 2001:db8::9.", V6),
        ("x;_connected_to_192.0.2.9./", V4),
        (
            "mta connecting address=smtp+tls://192.0.2.25:25 host=mx.example.net",
            Peer("mx.example.net", "192.0.2.25", 25),
        ),
        ("mta connecting address=smtps://[2001:db8::25]:465 host=mx", Peer("mx", "2001:db8::25", 465)),
        ("smtp connected address=192.0.2.25 host=mx.example.net", MX),
        ("Disabling route [] <-> 192.0.2.25 (mx.example.net) for 15s", MX),
        ("user=<>, rip=192.0.2.9, lip=192.0.2.1, TLS", V4),
        ("user=<>, rip=2001:db8::9, lip=2001:db8::1, TLS", V6),
        ("STARTTLS failed: ip=[::ffff:192.0.2.9], Certificate is bad", V4),
        ("STARTTLS failed: ip=[2001:db8::9], Certificate is bad", V6),
        ("Ongoing connection failed to 192.0.2.9:25 : Error: x", Peer(None, "192.0.2.9", 25)),
        ("while in starttls state, client: 192.0.2.9, server: 0.0.0.0:25", V4),
        ("SSL_connect returned=1 errno=0 peeraddr=192.0.2.9:465 state=error", Peer(None, "192.0.2.9", 465)),
        ("SSL_connect returned=1 errno=0 peeraddr=[2001:db8::9]:465 state=error", Peer(None, "2001:db8::9", 465)),
        ("SSL_connect returned=1 errno=0 peeraddr=(null) state=error", None),
        ("*   Trying 192.0.2.9:465...", Peer(None, "192.0.2.9", 465)),
        ("*   Trying [2001:db8::9]:465...", Peer(None, "2001:db8::9", 465)),
        ("* Connected to mx.example.net (192.0.2.25) port 465 (#0)", Peer("mx.example.net", "192.0.2.25", 465)),
        ("SSL_accept from 192.0.2.9:41234 failed", V4),
        ("=== Trying mx.example.net:25...", Peer("mx.example.net", None, 25)),
        ("ssmtp: Cannot open mx.example.net:465", Peer("mx.example.net", None, 465)),
        ("TLS error from 'mx.example.net': x", Peer("mx.example.net")),
        ("Remote-MTA: dns; mx.example.net", Peer("mx.example.net")),
        ("Remote-MTA: dns; [192.0.2.9]", V4),
        ('"receiving-mx-hostname": "mx.example.net"', Peer("mx.example.net")),
        ("to mx.example.net[192.0.2.25]:0", MX),
        ("to mx.example.net[192.0.2.25]:65536", MX),
        ("to mx.example.net[999.0.2.25]:25", Peer("mx.example.net", None, 25)),
        ("relay=none, delay=1", None),
        ("to unknown[unknown]", None),
        ("nobody", None),
    ],
)
def test_the_other_side(line: str, expected: Peer | None) -> None:
    """Host, address and port, as each program prints them; a word for "no name" is no name."""
    assert peer(line) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["connected to 192.0.2.9", "relay=mx.example.net[192.0.2.25]:25"], Peer("mx.example.net", "192.0.2.25", 25)),
        (["to a.example.net[192.0.2.1]:25", "to b.example.net[192.0.2.2]:25"], Peer("a.example.net", "192.0.2.1", 25)),
        (["rip=192.0.2.9", "rip=192.0.2.10"], V4),
    ],
)
def test_of_several_the_one_that_tells_most(lines: list[str], expected: Peer) -> None:
    """The first that has both a name and an address, else the first."""
    assert peer("\n".join(lines)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("[192.0.2.9]", "192.0.2.9"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("mx.example.net", ""),
        ("1", ""),
        ("192.0.2.256", ""),
        ("", ""),
    ],
)
def test_an_address_in_its_usual_form(text: str, expected: str) -> None:
    """IPv6 short and in lower case, IPv4 in IPv6 as IPv4."""
    assert address_of(text) == expected


def test_the_writer_is_looked_for_in_the_beginning() -> None:
    """It names itself in the first lines; what is far behind is not read."""
    line = "postfix/smtp[9]: to mx.example.net[192.0.2.25]:25"
    assert (writer("x" * ENOUGH + line), peer("x" * ENOUGH + line)) == ((None, UNKNOWN), None)


PATTERNS = [row["pattern"] for rows in tomllib.loads(WRITERS.read_text(encoding="utf-8")).values() for row in rows]
REPEATED = (
    "a", "1", ".", "[", "(", ":", "=", " ", "a ", "H=", "H=(", "H=a ", "relay=", "relay=a", "relay=a.", "R=a T=", "to ",
    "to a[", "connection from (", "connection to a ", "postfix/", "postfix/a/", "address=", "address=a", "::", "rip=",
    "failed to 1:", "<-> 1 (", "server-side", "SMTP connection from ", "[ERROR] [A] ", "LOG1[1:", "=== Trying a",
    "peeraddr=1:", "TLS handshake failed", "* Trying 1:", "* Connected to a (", " [1.1.1.1]", "mta ", "\n",
)  # fmt: skip
"""What the patterns begin with or hold, over and over."""


def spent(pattern: re.Pattern[str], text: str) -> float:
    """Seconds of processor time to look for all places."""
    before = time.process_time()
    for _ in pattern.finditer(text):
        pass
    return time.process_time() - before


QUICK = 0.02
"""Seconds: what is as quick as that needs no second look."""


@pytest.mark.slow
def test_no_pattern_takes_catastrophic_time() -> None:
    """Twice the text takes about twice the time; 16 KiB of the worst a fraction of a second."""
    for source in PATTERNS:
        pattern = re.compile(source, re.MULTILINE)
        for piece in REPEATED:
            text = piece * (ENOUGH // len(piece))
            if (whole := spent(pattern, text)) > QUICK:
                assert whole < 0.5, (source, piece)
                half = min(spent(pattern, text[: len(text) // 2]) for _ in "123")
                assert min(spent(pattern, text) for _ in "123") < 3.5 * half, (source, piece)


@given(st.one_of(st.text(), st.lists(st.one_of(st.sampled_from(REPEATED), st.text(max_size=4))).map("".join)))
def test_any_text_has_a_writer_or_none(text: str) -> None:
    """Nothing raises; a port is one, and an address is an address."""
    writer(text)
    found = peer(text)
    assert not found or found.host or found.address
    assert not found or found.port is None or 0 < found.port < 1 << 16
    assert not found or not found.address or address_of(found.address) == found.address
