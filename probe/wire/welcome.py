"""The other end of a handshake: TLS as a server that asks for a client's certificate and takes every answer.

The list of acceptable CAs is empty, which means "any" (RFC 8446 §4.2.4, RFC 5246 §7.4.4), so a client has no reason to
keep its certificate to itself. Nothing is verified here; a client that resumed a session would not present anything,
so there are neither sessions nor tickets.
"""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL, crypto

from probe.wire import certificates
from probe.wire.callbacks import alerted
from probe.wire.certificates import Flight
from probe.wire.handshake import Handshake, add_identity
from probe.wire.identity import Identity
from probe.wire.offer import CIPHERS, SUITES

Context = SSL.Context
NUMBERS = {"TLS_AES_128_GCM_SHA256": 0x1301, "TLS_AES_256_GCM_SHA384": 0x1302, "TLS_CHACHA20_POLY1305_SHA256": 0x1303}
"""The suites of TLS 1.3 by number (RFC 8446 §B.4)."""


def context(identity: Identity) -> SSL.Context:
    """Make what all connections of one run share: our certificate, and the question for theirs. Raises ValueError."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_min_proto_version(0)
    made.set_cipher_list(CIPHERS)
    made.set_tls13_ciphersuites(SUITES)
    made.set_options(SSL.OP_NO_TICKET)
    made.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    made.set_session_id(b"smtp-chaincheck")
    made.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    made.set_info_callback(alerted)
    made.set_keylog_callback(_keylog)
    add_identity(made, identity)
    return made


class Welcome(Handshake):
    """One TLS connection as its server; used as a Handshake is.

    ``complete``: the client's Finished is here, so it has answered our question and accepted our certificate.
    """

    def __init__(self, made: SSL.Context) -> None:
        self._begin(SSL.Connection(made, None))
        self._tls.set_accept_state()
        self._asked = False

    @property
    def sni(self) -> str | None:
        """The name that the client asked for."""
        name = self._tls.get_servername()
        return name.decode("ascii", "replace") if name else None

    def learned(self) -> dict[str, Any]:
        """What an Observation keeps of it, by field name."""
        version = self._tls.get_protocol_version_name() if self._asked else None
        return super().learned() | {"tls_version": version, "client_cert_requested": self._asked}

    def take(self) -> bytes:
        """Our first handshake record is the ServerHello; certificate and request stand in the same flight."""
        written = super().take()
        self._asked |= written[:1] == bytes([certificates.HANDSHAKE])
        return written

    def _read(self) -> Flight:
        suite = NUMBERS.get(self._tls.get_cipher_name() or "", 0)
        return certificates.read_client(bytes(self._raw), self._tls.get_protocol_version(), suite, self.secret)

    def _presented(self) -> tuple[bytes, ...] | None:
        """On this side OpenSSL keeps the client's own certificate apart (SSL_get_peer_cert_chain(3))."""
        own = self._tls.get_peer_certificate()
        listed = [own, *(self._tls.get_peer_cert_chain() or ())] if own else []
        return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in listed) or None


def _keylog(tls: SSL.Connection, line: bytes) -> None:
    """Keep the secret that opens the client's encrypted handshake messages (NSS key log format)."""
    if line.startswith(b"CLIENT_HANDSHAKE_TRAFFIC_SECRET "):
        tls.get_app_data().secret = bytes.fromhex(line.split()[2].decode())
