"""A plain client of the demo's servers: it speaks just enough SMTP to reach TLS, and judges nothing."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from OpenSSL import SSL, crypto

from probe.demo.server import Stand

PATIENCE = 20.0
"""Seconds for what must come; the computer may be busy."""
SILENCE = 0.1
"""Seconds after which a server that must be silent counts as silent."""


class Client:
    """One connection to a stand."""

    def __init__(self, stand: Stand) -> None:
        self.name = stand.name
        self.sock = socket.create_connection((stand.host, stand.port), timeout=PATIENCE)
        self.raw = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.sock.close()

    def read(self) -> str:
        """What the server says now, as one packet; "" at the end."""
        return self.sock.recv(100_000).decode("latin-1")

    def silent(self) -> bool:
        """Whether nothing comes, not even an end."""
        return not select.select([self.sock], [], [], SILENCE)[0]

    def say(self, line: str) -> str:
        """Send a line and read the answer."""
        self.sock.sendall(f"{line}\r\n".encode())
        return self.read()

    def start_tls(self, patience: float = PATIENCE) -> SSL.Connection:
        """Go as far as STARTTLS and shake hands; see ``shake``."""
        self.read()
        self.say("EHLO client.example.test")
        self.say("STARTTLS")
        self.sock.settimeout(patience)
        return self.shake()

    def shake(self) -> SSL.Connection:
        """Do a TLS handshake; raises SSL.Error, ConnectionError or TimeoutError. ``raw`` keeps the server's bytes."""
        context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        context.set_cipher_list(b"ALL:!aNULL:@SECLEVEL=0")
        tls = SSL.Connection(context, None)
        tls.set_tlsext_host_name(self.name.encode())
        tls.set_connect_state()
        self.tls = tls
        self.carry(tls.do_handshake)
        return tls

    def carry(self, step: Callable[[], object]) -> object:
        """Repeat a step of TLS until it is through."""
        while True:
            with suppress(SSL.WantReadError):
                try:
                    return step()
                finally:
                    with suppress(SSL.WantReadError):
                        self.sock.sendall(self.tls.bio_read(100_000))
            octets = self.sock.recv(100_000)
            if not octets:
                raise ConnectionResetError
            self.raw += octets
            self.tls.bio_write(octets)

    def ask(self, line: str) -> str:
        """Send a line inside TLS and read the answer."""
        self.carry(lambda: self.tls.send(f"{line}\r\n".encode()))
        answer = self.carry(lambda: self.tls.recv(100_000))
        assert isinstance(answer, bytes)
        return answer.decode()

    def presented(self) -> list[bytes]:
        """The DER of what the server presented, in its order."""
        chain = self.tls.get_peer_cert_chain() or []
        return [crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate) for certificate in chain]
