"""The TLS handshake in memory: pyOpenSSL with bytes on both sides, and what it learns of the server.

Certificates leave this module as DER in wire order, alerts by number. Nothing is verified here, and no anchors are
loaded: a weak, expired or misordered chain must be seen before it can be judged.
"""

from __future__ import annotations

import contextlib
import ipaddress
import weakref
from functools import lru_cache
from typing import Any

from OpenSSL import SSL, crypto

from probe.model import Alert, Failure, Reply, Trouble
from probe.wire import certificates, errors
from probe.wire.callbacks import CLOSE_NOTIFY, call_back
from probe.wire.certificates import Flight
from probe.wire.dialogue import symptoms
from probe.wire.engine import engine
from probe.wire.identity import Identity
from probe.wire.offer import EVERYTHING, Offer, narrow
from probe.wire.replies import QUOTED, BadReply, Replies, quoted

_HARMLESS = frozenset({CLOSE_NOTIFY, 90})

RELEASE_BUFFERS = 0x10
"""SSL_MODE_RELEASE_BUFFERS (SSL_CTX_set_mode(3)): who waits for a server needs no buffers, and most of us wait."""


class Handshake:
    """One TLS connection as its client. ``receive`` takes what the server sent, ``take`` gives what to send.

    ``complete``: both Finished were exchanged, which in TLS 1.3 does not yet mean that the server accepted us.
    ``failure``: why TLS ended. No call raises.
    """

    def __init__(self, sni: str | None, *, offer: Offer = EVERYTHING, identity: Identity | None = None) -> None:
        self._begin(SSL.Connection(_context(offer, identity), None))
        if name := server_name(sni):
            self._tls.set_tlsext_host_name(name)
        self._tls.set_connect_state()
        self._shake()

    def _begin(self, tls: SSL.Connection) -> None:
        self.complete = False
        self.heard = False
        """The other side sent something, be it no TLS."""
        self.failure: Failure | None = None
        self.alerts: tuple[Alert, ...] = ()
        self.secret: bytes | None = None
        self.queue: tuple[int, ...] = ()
        self._raw = bytearray()
        self._flight: Flight | None = None
        self._wanted = 0
        self._tls = tls
        self._engine = engine(tls)
        self._tls.set_app_data(weakref.proxy(self))  # no cycle: thousands of these come and go

    @property
    def reading(self) -> bool:
        """OpenSSL gave up on a Certificate message of which more is on its way, and we want to see it."""
        return self.failure is not None and self._wanted > 0

    def receive(self, data: bytes) -> bytes:
        """Take bytes of the server, give the plain text in them."""
        if self.complete:
            return b"" if self.failure else self._plain(data)
        self._raw += data
        self.heard = True
        if self.failure:
            self._settle()
        elif not tls_begins(self._raw):
            self._no_tls(final=False)
        else:
            self._engine.feed(data)
            self._shake()
        return self._plain(b"") if self.complete else b""

    def send(self, plain: bytes) -> None:
        """Encrypt a line for the server; only after ``complete``."""
        try:
            self._engine.write(plain)
        except SSL.Error as error:
            self._fail(error)

    def close(self) -> None:
        """Say that nothing more comes (close_notify, RFC 8446 §6.1)."""
        with contextlib.suppress(SSL.Error):
            self._tls.shutdown()

    def take(self) -> bytes:
        """Give the bytes to send now. Our alert waits while ``reading``: a server that gets it stops sending."""
        return b"" if self.reading else self._engine.written()

    def end(self, failure: Failure) -> Failure:
        """The connection ended (closed, timed out): that is the failure, unless we know a better one."""
        self._wanted = 0
        if not self.failure and self._raw and not tls_begins(self._raw):
            self._no_tls(final=True)
        self.failure = self.failure or failure
        return self.failure

    def learned(self) -> dict[str, Any]:
        """What an Observation keeps of it, by field name."""
        flight = self._flight or self._read()
        return {
            "presented": self._listed(flight),
            "tls_version": flight.version,
            "cipher": self._tls.get_cipher_name(),
            "key_exchange_bits": flight.key_exchange_bits,
            "client_cert_requested": flight.client_cert_requested,
            "alerts": self.alerts,
        }

    def _read(self) -> Flight:
        return certificates.read(bytes(self._raw), self.secret)

    @property
    def presented(self) -> tuple[bytes, ...] | None:
        """The list of the other side, where one came."""
        return self._listed(self._flight or self._read())

    def _listed(self, flight: Flight) -> tuple[bytes, ...] | None:
        return self._presented() if flight.certificates is None else flight.certificates

    def _presented(self) -> tuple[bytes, ...] | None:
        """OpenSSL's own list, which it keeps through most failures; the wire's is preferred where it can be read."""
        chain = self._tls.get_peer_cert_chain()
        return None if chain is None else tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in chain)

    def _shake(self) -> None:
        try:
            self.complete = self._engine.shake()
            if not self.complete:
                return
        except SSL.Error as error:
            self._fail(error)
        self._settle()
        if self.complete:
            self._raw.clear()  # all was read that we want to know, and thousands wait for their last reply

    def _settle(self) -> None:
        """Read the server's messages, now and whenever as much arrived as was missing."""
        if len(self._raw) >= self._wanted:
            self._flight = flight = self._read()
            wanted = 0 < flight.missing <= certificates.MESSAGE_LIMIT
            self._wanted = certificates.awaited(self._raw, flight.missing) if wanted else 0

    def _plain(self, data: bytes) -> bytes:
        plain = b""
        try:
            self._engine.feed(data)
            while more := self._engine.read():
                plain += more
        except SSL.Error as error:
            self._fail(error)
        return plain

    def _fail(self, error: SSL.Error) -> None:
        self.failure = self.failure or self._named(error)

    def _named(self, error: SSL.Error) -> Failure:
        closing = f"alert:{CLOSE_NOTIFY}"
        if isinstance(error, SSL.ZeroReturnError):
            return Failure(Trouble.CLOSED, "close_notify", (closing,))
        fatal = [alert for alert in self.alerts if alert.fatal or self._ends(alert)]
        numbers = tuple(f"alert:{alert.number}" for alert in fatal if alert.received)
        if closing in numbers:
            return Failure(Trouble.CLOSED, "close_notify", (closing,))
        text = errors.text(error.args[0] if error.args else ())
        reasons = errors.symptoms(self.queue)
        ended = tuple(reason for reason in reasons if reason.startswith("alert:"))
        if numbers or ended:  # during the handshake OpenSSL's queue knows what ended it
            return Failure(Trouble.ALERT, text, numbers or ended)
        sent = tuple(f"alert-sent:{alert.number}" for alert in fatal)
        return Failure(Trouble.TLS, text, (*reasons, *sent))

    def _ends(self, alert: Alert) -> bool:
        """TLS 1.3 ignores the level: every alert but close_notify and user_canceled ends it (RFC 8446 §6)."""
        version = self._tls.get_protocol_version_name()
        return self.complete and alert.received and alert.number not in _HARMLESS and version == "TLSv1.3"

    def _no_tls(self, *, final: bool) -> None:
        """Note the plain text that came instead; wait for the end of its line, within reason."""
        raw = bytes(self._raw)
        if final or b"\n" in raw or len(raw) > QUOTED:
            self.failure = Failure(Trouble.NOT_TLS, quoted(raw), _reply_symptoms(raw))


def server_name(sni: str | None) -> bytes | None:
    """The name as SNI wants it: a host name without trailing dot, never an address (RFC 6066 §3), at most 255 bytes."""
    name = (sni or "").removesuffix(".")
    if name[-1:].isalpha() and ":" not in name and len(name) <= 255 and name.isascii():
        return name.encode()  # no address ends in a letter, but for what colons tell
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.encode() if 0 < len(name) <= 255 and name.isascii() else None
    return None


def tls_begins(raw: bytes | bytearray) -> bool:
    """These look like a TLS record: type 20 to 23, version 3.x (RFC 8446 §5.1)."""
    return len(raw) > 0 and 20 <= raw[0] <= 23 and (len(raw) == 1 or raw[1] == 3)


def _reply_symptoms(raw: bytes) -> tuple[str, ...]:
    try:
        return next((symptoms(reply) for reply in Replies().feed(raw + b"\n")), ())
    except BadReply:
        return symptoms(Reply(0, (quoted(raw),)))


def try_identity(identity: Identity) -> None:
    """Raise ValueError, with the end of a sentence, where the TLS library cannot present it."""
    _context(EVERYTHING, identity)


def add_identity(context: SSL.Context, identity: Identity) -> None:
    """Present it; raises ValueError, with the end of a sentence, where that cannot be done.

    OpenSSL sends the list as it stands here: it completes none to which certificates were added by hand.
    """
    try:
        own, *above = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in identity.chain)
        context.use_certificate(own)
        for issuer in above:
            context.add_extra_chain_cert(issuer)
    except (SSL.Error, crypto.Error, ValueError):
        raise ValueError("there is a certificate in it that OpenSSL cannot read") from None
    try:
        context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, identity.key, b""))
        context.check_privatekey()
    except (SSL.Error, crypto.Error, ValueError, TypeError):
        raise ValueError("the key does not belong to the first certificate, or has a passphrase") from None


@lru_cache(maxsize=16)
def _context(offer: Offer, identity: Identity | None = None) -> SSL.Context:
    """Made once and shared: pyOpenSSL freezes a Context at its first use."""
    context = SSL.Context(SSL.TLS_METHOD)
    narrow(context, offer)
    context.set_options(SSL.OP_LEGACY_SERVER_CONNECT)
    context.set_verify(SSL.VERIFY_NONE)
    context.set_mode(RELEASE_BUFFERS)
    call_back(context)
    if identity:
        add_identity(context, identity)
    return context
