"""What real servers log and real clients print leads to the fault: triage of the log, explain of the words."""

from __future__ import annotations

import smtplib
import ssl
import subprocess
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from real.client import SECONDS, openssl_accepts
from real.conftest import Authority
from real.running import HOST, Server, Unpacked
from real.servers import Start, exim, postfix

from probe import explain, problems
from probe.demo.cases import case_of
from probe.demo.server import Stand, serving
from probe.message import Message, Role

pytestmark = pytest.mark.real

FAULTS = {
    "missing-intermediate": {"issuer-unknown", "missing-intermediate"},
    "expired": {"expired"},
    "self-signed-leaf": {"self-signed-leaf"},
    "name-mismatch": {"name-mismatch"},
    "not-tls": {"wrong-version-number"},
    "no-starttls": {"no-starttls"},
    "starttls-refused": {"starttls-refused"},
}
"""Scene of the demo → the pages to which the words of its clients may lead."""
WAIT = 5.0
"""Seconds until a log has been written; it takes milliseconds."""


def s_client(stand: Stand, roots: Path) -> str:
    """What ``openssl s_client`` says when it verifies."""
    command = ["openssl", "s_client", "-connect", f"{HOST}:{stand.port}", "-starttls", "smtp", "-verify_return_error"]
    trust = ["-CAfile", str(roots), "-no-CAstore", "-no-CApath", "-verify_hostname", stand.name]
    done = subprocess.run([*command, *trust], check=False, input=b"", capture_output=True, timeout=SECONDS)
    return done.stderr.decode("utf-8", "replace")


def python(stand: Stand, roots: Path) -> str:
    """The traceback of a Python program that sends mail with verification."""
    trusting = ssl.create_default_context(cafile=str(roots))
    trusting.set_ciphers("DEFAULT:@SECLEVEL=0")
    try:
        with smtplib.SMTP(HOST, stand.port, timeout=SECONDS) as connection:
            connection._host = stand.name  # type: ignore[attr-defined]  # the name to verify, as if it had been resolved
            connection.starttls(context=trusting)
    except (OSError, smtplib.SMTPException):
        return traceback.format_exc()
    return ""


@pytest.mark.parametrize(
    ("fault", "say"),
    [
        *((fault, python) for fault in FAULTS),
        *((fault, s_client) for fault in FAULTS if "starttls" not in fault),  # it goes on without STARTTLS
    ],
)
def test_the_words_of_a_client_lead_to_the_fault(fault: str, say: Callable[[Stand, Path], str], tmp_path: Path) -> None:
    """A client that verifies meets a broken server; what it prints has the right page, and it is the client's."""
    with serving(case_of(fault), datetime.now(UTC)) as stand:
        roots = tmp_path / "roots.pem"
        roots.write_text("".join(forged.pem for forged in stand.act.anchors), encoding="utf-8")
        words = say(stand, roots)
    message = explain(words)
    assert message.page in FAULTS[fault], words
    assert message.role in {Role.CLIENT, Role.UNKNOWN}


def logged(server: Server, page: str) -> Message | None:
    """The problem of that page, as soon as the server has logged it."""
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        for message in problems(server.log()):
            if message.page == page:
                return message
        time.sleep(0.05)
    return None


@pytest.mark.parametrize(
    ("start", "page", "direction"),
    [(postfix, "tls-alert-unknown-ca", "received"), (exim, "refused-after-hello", "local")],
)
def test_the_log_of_a_server_whose_chain_is_refused_accuses_nobody_else(
    start: Start, page: str, direction: str, *, unpacked: Unpacked, authority: Authority, tmp_path: Path
) -> None:
    """The client finds no issuer and sends alert 48; Postfix logs it, Exim with GnuTLS cannot read it any more."""
    with start(unpacked, authority.files("L")) as server:
        assert not openssl_accepts(server.port, authority.saved("R", tmp_path / "root.pem"), server.environment)
        message = logged(server, page)
        assert message is not None, server.log()
    assert (message.mta, message.role, message.direction) == (server.software, "server", direction)
    assert message.accused != "client"
    assert (message.peer and message.peer.address) in {HOST, None}
