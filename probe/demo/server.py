"""Broken mail servers on loopback: one listening socket, one short thread a session, nothing left behind."""

from __future__ import annotations

import select
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from msgspec import Struct, field
from OpenSSL import SSL

from probe.demo.cases import NOBODY, Case
from probe.demo.cast import NAME, Act, cast
from probe.demo.line import Line
from probe.demo.manners import Moves, Shop, converse

LOOPBACK = "127.0.0.1"
SESSIONS = 16
"""At most so many clients at once; a probe is one, and a person who plays is a few."""


class Stand(Struct):
    """A running server and what a probe of it needs to know."""

    case: Case
    host: str
    port: int
    shop: Shop
    moves: Moves
    name: str = NAME
    """The name to judge the certificate by, and to send as SNI."""

    @property
    def act(self) -> Act:
        """Certificates as presented at first, the trust anchors to judge them by, and the pool."""
        return self.shop.act

    @property
    def file(self) -> Path:
        """The certificate file that the server serves; it vanishes with the server."""
        return self.shop.file

    def mend(self, pem: str) -> None:
        """Put another list into the certificate file; from now on the server is an ordinary one and serves it."""
        self.file.write_text(pem, encoding="utf-8")
        self.moves = {}


@contextmanager
def serving(case: Case, now: datetime, *, host: str = LOOPBACK, port: int = 0) -> Iterator[Stand]:
    """Serve a case until the block ends; ``port`` 0 takes a free one. Raises OSError when the port cannot be had.

    ``now`` is the moment (aware, UTC) for which the certificates are made.
    """
    act = case.scene.act(cast(now.replace(microsecond=0)))
    with tempfile.TemporaryDirectory(prefix="smtp-chaincheck-demo-") as folder, _bound(host, port) as listener:
        file = Path(folder) / "servercert.pem"
        file.write_text("\n".join(certificate.pem for certificate in act.sent), encoding="utf-8")
        stand = Stand(case, host, listener.getsockname()[1], Shop(act, file, case.tune), case.moves)
        if case.id == NOBODY.id:  # the port is ours, so that nobody else answers on it
            yield stand
            return
        listener.listen(SESSIONS)
        with _open(_Door(stand, listener)):
            yield stand


def serve_forever(
    case: Case, now: datetime, ready: Callable[[Stand], None], *, host: str = LOOPBACK, port: int = 0
) -> None:
    """Serve a case for play, until KeyboardInterrupt; ``ready`` is told where. Raises OSError as ``serving`` does."""
    with serving(case, now, host=host, port=port) as stand:
        ready(stand)
        threading.Event().wait()


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class _Door(Struct):
    """The threads of one server: one that lets clients in, and one for each of them."""

    stand: Stand
    listener: socket.socket
    bell: tuple[socket.socket, socket.socket] = field(default_factory=socket.socketpair)
    clients: dict[socket.socket, threading.Thread] = field(default_factory=dict)

    def attend(self) -> None:
        """Let clients in until the bell rings."""
        while self.bell[1] not in select.select([self.listener, self.bell[1]], [], [])[0]:
            sock, _ = self.listener.accept()
            self._forget_the_gone()
            if len(self.clients) >= SESSIONS:
                sock.close()
                continue
            thread = threading.Thread(target=_session, args=(sock, self.stand), name="session", daemon=True)
            self.clients[sock] = thread
            thread.start()

    def shut(self) -> None:
        """Send everybody home and wait until they have gone."""
        for sock, thread in self.clients.items():
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _forget_the_gone(self) -> None:
        self.clients = {sock: thread for sock, thread in self.clients.items() if thread.is_alive()}


@contextmanager
def _open(door: _Door) -> Iterator[None]:
    porter = threading.Thread(target=door.attend, daemon=True)
    porter.start()
    try:
        yield
    finally:
        door.bell[0].send(b"!")
        porter.join()
        door.shut()
        for end in door.bell:
            end.close()


def _session(sock: socket.socket, stand: Stand) -> None:
    with sock:
        line = Line(sock)
        with suppress(OSError, SSL.Error):
            converse(line, stand.shop, stand.moves)
        line.close()
