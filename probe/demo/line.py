"""One connection to a client, as the demo's servers use it: lines and bytes, in plain text and then over TLS."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from OpenSSL import SSL

PATIENCE = 60.0
"""Seconds to wait for a client; every probe has given up before, and a person who plays types faster."""
FAREWELL = 2.0
"""Seconds for the client to read what we said last: a socket closed at once may take it back (RFC 1122 §4.2.2.13)."""
LINE_LIMIT = 4096
"""Octets of a command; RFC 5321 §4.5.3.1.4 allows 512."""
CHUNK = 65536
CHUNKS = 1000

T = TypeVar("T")


class Line:
    """A connected socket. Whatever ends the conversation raises OSError or SSL.Error."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._sock.settimeout(PATIENCE)
        self._tls: SSL.Connection | None = None
        self._unread = b""

    @property
    def secured(self) -> bool:
        """TLS has begun."""
        return self._tls is not None

    def say(self, *lines: str) -> None:
        """Send lines, each ended by CRLF."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def send(self, octets: bytes) -> None:
        """Send octets; over TLS once that has begun."""
        if self._tls is None:
            self._sock.sendall(octets)
        else:
            self._tls.send(octets)
            self._flush(self._tls)

    def hear(self) -> bytes:
        """Wait for some octets; raises when the client has gone."""
        if self._unread:
            heard, self._unread = self._unread, b""
            return heard
        tls = self._tls
        return self._arrived() if tls is None else self._pumped(tls, lambda: tls.recv(CHUNK))

    def command(self) -> str:
        """Wait for a line and give it without its end."""
        heard = b""
        while b"\n" not in heard and len(heard) < LINE_LIMIT:
            heard += self.hear()
        line, _, self._unread = heard.partition(b"\n")
        return line.decode("latin-1").strip()

    def secure(self, context: SSL.Context) -> None:
        """Do the server's side of a TLS handshake; an alert of ours is sent before the error is raised."""
        self._unread = b""
        self._tls = tls = SSL.Connection(context, None)
        tls.set_accept_state()
        self._pumped(tls, tls.do_handshake)

    def close(self) -> None:
        """Say no more, and give the client a moment to read what was said."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_WR)
            self._sock.settimeout(FAREWELL)
            for _ in range(CHUNKS):
                if not self._sock.recv(CHUNK):
                    break

    def _arrived(self) -> bytes:
        octets = self._sock.recv(CHUNK)
        if not octets:
            raise ConnectionResetError("the client has gone")
        return octets

    def _pumped(self, tls: SSL.Connection, step: Callable[[], T]) -> T:
        """Repeat a step of TLS, carrying bytes between socket and memory, until it is through."""
        while True:
            with suppress(SSL.WantReadError):
                try:
                    return step()
                finally:
                    self._flush(tls)
            tls.bio_write(self._arrived())

    def _flush(self, tls: SSL.Connection) -> None:
        with suppress(SSL.WantReadError):
            while True:
                self._sock.sendall(tls.bio_read(CHUNK))
