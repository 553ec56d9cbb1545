"""What OpenSSL tells while it works: alerts, the codes of errors, and the secret that opens what the server said."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL

from probe.model import Alert
from probe.wire.offer import LIBRARY

CLOSE_NOTIFY = 0
_FATAL = 2
_ALERT, _EXIT = 0x4000, 0x02
"""SSL_CB_ALERT and SSL_CB_EXIT of SSL_CTX_set_info_callback(3)."""

_INFO, _KEYLOG = "void (*)(const SSL *, int, int)", "void (*)(const SSL *, const char *)"


def call_back(context: SSL.Context) -> None:
    """Let a new context tell the application data of each of its connections: ``alerts``, ``queue``, ``secret``.

    OpenSSL calls for every step of a handshake, two dozen times, and pyOpenSSL looks the connection up each time. What
    nobody asked for is left out before that, where pyOpenSSL's private names let us.
    """
    context.set_info_callback(alerted)
    context.set_keylog_callback(_keylog)
    ffi: Any = getattr(SSL, "_ffi", None)
    told: Any = getattr(context, "_info_callback", None)
    logged: Any = getattr(context, "_keylog_callback", None)
    names = ("SSL_CTX_set_info_callback", "SSL_CTX_set_keylog_callback", "ERR_peek_error")
    if not (ffi and told and logged and all(hasattr(LIBRARY, name) for name in names)):
        return

    failed = LIBRARY.ERR_peek_error

    def tell(ssl: Any, where: int, value: int) -> None:
        if where & _ALERT or (value < 1 and where & _EXIT and failed()):
            told(ssl, where, value)

    def log(ssl: Any, line: Any) -> None:
        if ffi.buffer(line, 8)[:] == b"SERVER_H":
            logged(ssl, line)

    for name, kind, quick in (("info", _INFO, tell), ("keylog", _KEYLOG, log)):
        kept = ffi.callback(kind, quick)
        setattr(context, f"_{name}_callback", kept)  # where pyOpenSSL keeps its own alive
        getattr(LIBRARY, f"SSL_CTX_set_{name}_callback")(context._context, kept)  # noqa: SLF001


def alerted(tls: SSL.Connection, where: int, value: int) -> None:
    """Keep alerts by number, and the code of an error while it still is in OpenSSL's queue."""
    shake = tls.get_app_data()
    received = where == SSL.SSL_CB_READ_ALERT
    number, fatal = value & 0xFF, value >> 8 == _FATAL
    if (received or where == SSL.SSL_CB_WRITE_ALERT) and (fatal or number != CLOSE_NOTIFY):
        shake.alerts += (Alert(received, number, fatal),)
    shake.queue = _queue() or shake.queue


def _queue() -> tuple[int, ...]:
    """The packed codes in OpenSSL's error queue, which stays as it is: pyOpenSSL hands out only their texts."""
    if not hasattr(LIBRARY, "ERR_put_error") or not LIBRARY.ERR_peek_error():
        return ()
    queue = tuple(iter(LIBRARY.ERR_get_error, 0))
    for code in queue:
        LIBRARY.ERR_put_error(code >> 23 & 0xFF, 0, code & 0x7FFFFF, b"", 0)
    return queue


def _keylog(tls: SSL.Connection, line: bytes) -> None:
    """Keep the secret that opens the server's encrypted handshake messages (NSS key log format)."""
    if line.startswith(b"SERVER_HANDSHAKE_TRAFFIC_SECRET "):
        tls.get_app_data().secret = bytes.fromhex(line.split()[2].decode())
