"""Clients that share no line with the program under test: they say what is really sent, and whether OpenSSL accepts."""

from __future__ import annotations

import hashlib
import re
import smtplib
import subprocess
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate
from OpenSSL import SSL
from real.running import HOST, NAME

SECONDS = 20
SETTLE_SECONDS = 15
"""Exim notices a new file up to five seconds later; a reload of the others takes less than one."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a server sent."""

    offers: bool
    """STARTTLS stands in the reply to EHLO."""
    reply: int
    """Code of the reply to STARTTLS."""
    chain: tuple[str, ...] = ()
    """SHA-256 of each certificate, in wire order."""


def sent(port: int) -> Sent:
    """Ask for STARTTLS, whether it is offered or not, and shake hands; OSError when nobody answers."""
    with closing(smtplib.SMTP(HOST, port, "client.example.test", timeout=SECONDS)) as client:
        client.ehlo()
        offers = client.has_extn("starttls")
        code, _ = client.docmd("STARTTLS")
        if code != 220:
            return Sent(offers, code)
        assert client.sock is not None
        client.sock.settimeout(None)
        return Sent(offers, code, _handshake(SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), client.sock)))


def _handshake(connection: SSL.Connection) -> tuple[str, ...]:
    connection.set_tlsext_host_name(NAME.encode())
    connection.set_connect_state()
    connection.do_handshake()
    presented = connection.get_peer_cert_chain(as_cryptography=True) or []
    return tuple(hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest() for certificate in presented)


def shown(port: int, starttls: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Let ``openssl s_client`` fetch what is sent; "" = TLS from the first byte. () where no handshake comes about."""
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-servername", NAME, "-showcerts"]
    if starttls:
        command += ["-starttls", starttls, "-name", NAME]
    done = subprocess.run(command, check=False, input=b"", capture_output=True, timeout=SECONDS, env=environment)
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----\n.+?-----END CERTIFICATE-----\n", done.stdout, re.DOTALL)
    return tuple(load_pem_x509_certificate(block).fingerprint(SHA256()).hex() for block in blocks)


def settled(port: int, wanted: Sent) -> Sent:
    """Wait until the server answers so, and return what it answers in the end."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (seen := _sent_if_up(port)) != wanted and time.monotonic() < deadline:
        time.sleep(0.2)
    return seen


def _sent_if_up(port: int) -> Sent:
    try:
        return sent(port)
    except (OSError, smtplib.SMTPException, SSL.Error):  # it is starting anew
        return Sent(offers=False, reply=0)


def openssl_accepts(port: int, roots: Path, environment: Mapping[str, str]) -> bool:
    """Let ``openssl s_client`` deliver its verdict, with name and chain verified; it trusts these roots alone."""
    command = ["openssl", "s_client", "-connect", f"{HOST}:{port}", "-starttls", "smtp", "-verify_return_error"]
    trust = ["-CAfile", str(roots), "-no-CAstore", "-no-CApath", "-verify_hostname", NAME, "-servername", NAME]
    done = subprocess.run(
        [*command, *trust], check=False, input=b"QUIT\r\n", capture_output=True, timeout=SECONDS, env=environment
    )
    return done.returncode == 0 and b"Verify return code: 0 (ok)" in done.stdout
