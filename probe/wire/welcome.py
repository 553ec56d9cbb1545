"""The other end of a handshake: TLS as a server that asks for a client's certificate and takes every answer.

The list of acceptable CAs is empty, which means "any" (RFC 8446 §4.2.4, RFC 5246 §7.4.4), so a client has no reason to
keep its certificate to itself. Nothing is verified here; a client that resumed a session would not present anything,
so there are neither sessions nor tickets.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import Any

from OpenSSL import SSL, crypto

from probe.model import Alert, Failure, Trouble
from probe.wire import errors
from probe.wire.handshake import CHUNK, CIPHERS, alerted, tls_begins
from probe.wire.identity import Identity
from probe.wire.replies import quoted

NO_TICKET = getattr(SSL, "OP_NO_TICKET", 0x4000)
"""SSL_OP_NO_TICKET (include/openssl/ssl.h)."""


def context(identity: Identity) -> SSL.Context:
    """Make what all connections of one run share: our certificate, and the question for theirs."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(0)
    made.set_cipher_list(CIPHERS)
    made.set_options(NO_TICKET)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_session_id(b"smtp-chaincheck")
    made.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    made.set_info_callback(alerted)
    own, *above = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in identity.chain)
    made.use_certificate(own)
    for issuer in above:
        made.add_extra_chain_cert(issuer)
    made.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, identity.key, b""))
    return made


class Welcome:
    """One TLS connection as its server. ``receive`` takes what the client sent, ``take`` gives what to send.

    ``complete``: the client's Finished is here, so it has answered our question and accepted our certificate.
    No call raises.
    """

    def __init__(self, made: SSL.Context) -> None:
        self.complete = False
        self.failure: Failure | None = None
        self.alerts: tuple[Alert, ...] = ()
        self.queue: tuple[int, ...] = ()
        self.heard = False
        self._tls = SSL.Connection(made, None)
        self._tls.set_app_data(weakref.proxy(self))
        self._tls.set_accept_state()

    @property
    def sni(self) -> str | None:
        """The name that the client asked for."""
        name = self._tls.get_servername()
        return name.decode("ascii", "replace") if name else None

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the client, give the plain text in them."""
        if not self.heard and not tls_begins(data):
            self.failure = Failure(Trouble.NOT_TLS, quoted(data))
        self.heard = True
        if self.failure:
            return b""
        self._tls.bio_write(data)
        if not self.complete:
            self._shake()
        return self._plain() if self.complete else b""

    def send(self, plain: bytes) -> None:
        """Encrypt for the client; only after ``complete``."""
        with contextlib.suppress(SSL.Error):
            self._tls.sendall(plain)

    def close(self) -> None:
        """Say that nothing more comes (close_notify, RFC 8446 §6.1)."""
        with contextlib.suppress(SSL.Error):
            self._tls.shutdown()

    def take(self) -> bytes:
        """Give the bytes to send now."""
        out = bytearray()
        try:
            while True:
                out += self._tls.bio_read(CHUNK)
        except SSL.WantReadError:
            return bytes(out)

    def end(self, failure: Failure) -> Failure:
        """The connection ended: that is the failure, unless we know a better one."""
        self.failure = self.failure or failure
        return self.failure

    def learned(self) -> dict[str, Any]:
        """What an Observation keeps of it, by field name; an empty list is one that the client sent."""
        known = self.complete or self._tls.get_peer_certificate() is not None
        return {
            "presented": self._presented() if known else None,
            "tls_version": self._tls.get_protocol_version_name() if self.complete else None,
            "cipher": self._tls.get_cipher_name() if self.complete else None,
            "client_cert_requested": self.heard,
            "alerts": self.alerts,
        }

    def _presented(self) -> tuple[bytes, ...]:
        """On this side OpenSSL keeps the client's own certificate apart (SSL_get_peer_cert_chain(3))."""
        own, above = self._tls.get_peer_certificate(), self._tls.get_peer_cert_chain() or []
        listed = [*([own] if own else []), *above]
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in listed)

    def _shake(self) -> None:
        try:
            self._tls.do_handshake()
            self.complete = True
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            self._fail(error)

    def _plain(self) -> bytes:
        plain = bytearray()
        try:
            while True:
                plain += self._tls.recv(CHUNK)
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self._fail(error)
        return bytes(plain)

    def _fail(self, error: SSL.Error) -> None:
        if isinstance(error, SSL.ZeroReturnError):
            self.end(Failure(Trouble.CLOSED, "close_notify", ("alert:0",)))
            return
        text = errors.text(error.args[0] if error.args else ())
        received = tuple(f"alert:{alert.number}" for alert in self.alerts if alert.received and alert.number)
        sent = tuple(f"alert-sent:{alert.number}" for alert in self.alerts if not alert.received and alert.number)
        symptoms = received or (*errors.symptoms(self.queue), *sent)
        self.end(Failure(Trouble.ALERT if received else Trouble.TLS, text, symptoms))
