"""Each real server is given a file that it refuses; triage of what it logs leads to the page that says what to mend."""

from __future__ import annotations

import smtplib
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from msgspec.structs import replace
from OpenSSL import SSL
from real.client import sent, shown
from real.conftest import Authority
from real.courier import courier
from real.dovecot import dovecot
from real.running import Files, NotStarted, Unpacked
from real.servers import Start, aiosmtpd, exim, haraka, postfix, sendmail

from probe import problems
from probe.demo import keys
from probe.message import Message

pytestmark = pytest.mark.real

Fault = Callable[[Authority], Files]
WAIT = 10.0
"""Seconds until the fault has been logged; it takes milliseconds."""


def good(authority: Authority) -> Files:
    """What each of them takes; Sendmail wants a CA file."""
    return authority.files("LBA", ca="AB")


def of_another_key(authority: Authority) -> Files:
    """The key was renewed, the certificate was not."""
    return replace(good(authority), key=keys.pem("leaf-2"))


def issuer_first(authority: Authority) -> Files:
    """The key is compared with the first certificate, which is not the leaf."""
    return replace(good(authority), certificates=authority.pem("BLA"))


def glued(authority: Authority) -> Files:
    """Two blocks, put together without a line end."""
    return replace(good(authority), certificates=authority.pem("L").rstrip() + authority.pem("BA"))


def encrypted(authority: Authority) -> Files:
    """A key behind a passphrase."""
    key = load_pem_private_key(keys.pem("leaf").encode(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    return replace(good(authority), key=pem.decode())


def empty(authority: Authority) -> Files:
    """No certificate in the file: a renewal failed half-way."""
    return replace(good(authority), certificates="")


def keyless(authority: Authority) -> Files:
    """The file of the key is not there."""
    return replace(good(authority), key=None)


EXPECTED: dict[Fault, str] = {
    of_another_key: "key-mismatch",
    issuer_first: "key-mismatch",
    glued: "pem-unreadable",
    encrypted: "pem-unreadable",
    empty: "pem-unreadable",
    keyless: "file-unreadable",
}
UNSAID = {(sendmail, glued), (sendmail, encrypted), (sendmail, empty)}
"""Sendmail's log, as it comes, says that it could not use the file, and not why."""
SERVES = {(exim, glued), (courier, glued)}
"""GnuTLS takes such a file."""


def page_of(start: Start, fault: Fault) -> str:
    """Name the page to which the log leads."""
    if start is courier:  # it knows no more than that the handshake failed; the page tells how to see why
        return "refused-after-hello" if fault is of_another_key else "no-shared-cipher"
    return "certificate-not-loaded" if (start, fault) in UNSAID else EXPECTED[fault]


CASES = [
    (start, fault)
    for start in (postfix, exim, sendmail, dovecot, courier, haraka, aiosmtpd)
    for fault in EXPECTED
    if (start, fault) not in SERVES
]


def told(start: Start, unpacked: Unpacked, files: Files) -> list[Message]:
    """Start the server, ask it for TLS, and triage its log as soon as it tells something; or its last words."""
    try:
        with start(unpacked, files) as server:
            if start is courier:  # its esmtpd writes this to syslog alone, its imapd-ssl to stderr
                shown(server.ports["imaps"], "", server.environment)
            with suppress(OSError, smtplib.SMTPException, SSL.Error):
                assert not sent(server.port).chain
            end = time.monotonic() + WAIT
            while not (found := [message for message in problems(server.log()) if message.page]):
                assert time.monotonic() < end, server.log()
                time.sleep(0.05)
            return found
    except NotStarted as stopped:
        return [message for message in problems(str(stopped)) if message.page]


@pytest.mark.parametrize(
    ("start", "fault"), CASES, ids=[f"{start.__name__}-{fault.__name__}" for start, fault in CASES]
)
def test_the_log_of_a_server_that_refuses_a_file_leads_to_the_file(
    start: Start, fault: Fault, unpacked: Unpacked, authority: Authority
) -> None:
    """It is a matter of this machine's own configuration, and nobody else is accused."""
    found = told(start, unpacked, fault(authority))
    assert found[0].page == page_of(start, fault)
    assert {message.direction for message in found} == {"local"}
    assert start is courier or {message.category for message in found} == {"local-config"}
    assert {message.accused for message in found} <= {"server", "unknown"}
    assert {message.mta for message in found} <= {start.__name__, "python"}  # aiosmtpd ends with a traceback
