"""OpenSSL with bytes on both sides: what goes into a connection of pyOpenSSL, and what comes out.

Where OpenSSL waits for more bytes, which it does at every turn, pyOpenSSL raises an exception. :class:`Quick` asks
OpenSSL itself, by the names that pyOpenSSL keeps private; :class:`Public` does without them.
"""

from __future__ import annotations

import threading
from typing import Any

from OpenSSL import SSL

CHUNK = 16 * 1024
"""Bytes read at once from OpenSSL: as much as a record holds."""

_SMALL = 4 * 1024
"""Bytes that pyOpenSSL is asked for at once: it makes a buffer each time, and a mail server seldom says more."""

_LIB: Any = getattr(SSL, "_lib", None)
_FFI: Any = getattr(SSL, "_ffi", None)
_NAMES = (
    "BIO_get_mem_data",
    "BIO_read",
    "BIO_write",
    "SSL_ERROR_WANT_READ",
    "SSL_do_handshake",
    "SSL_get_error",
    "SSL_pending",
    "SSL_read",
    "SSL_write",
)


class _Room(threading.local):
    """A buffer for each thread: OpenSSL reads into it while other threads run."""

    def __init__(self) -> None:
        self.buffer: Any = _FFI.new("char[]", CHUNK)


class Public:
    """By pyOpenSSL alone. Every method may raise SSL.Error, WantReadError excepted."""

    def __init__(self, tls: SSL.Connection) -> None:
        self._tls = tls

    def feed(self, data: bytes) -> None:
        """Take bytes of the other side."""
        if data:  # a BIO takes an empty write for an error
            self._tls.bio_write(data)

    def shake(self) -> bool:
        """Go on with the handshake; tell whether it is done."""
        try:
            self._tls.do_handshake()
        except SSL.WantReadError:
            return False
        return True

    def read(self) -> bytes:
        """Give plain text; b"" where there is none yet. There may be more."""
        try:
            return self._tls.recv(_SMALL)
        except SSL.WantReadError:
            return b""

    def write(self, plain: bytes) -> None:
        """Encrypt."""
        self._tls.sendall(plain)

    def written(self) -> bytes:
        """Give what OpenSSL wrote; less than asked for is the last of it."""
        written = b""
        try:
            while len(written) % _SMALL == 0:
                written += self._tls.bio_read(_SMALL)
        except SSL.WantReadError:
            pass
        return written


class Quick:
    """The same in fewer steps."""

    def __init__(self, tls: Any) -> None:
        self._ssl = tls._ssl  # noqa: SLF001 -- where one of these is not there, that is understood
        self._explain = tls._raise_ssl_error  # noqa: SLF001
        self._into = tls._into_ssl  # noqa: SLF001
        self._from = tls._from_ssl  # noqa: SLF001
        self._buffer = _ROOM.buffer if _ROOM else None

    def feed(self, data: bytes) -> None:
        """Take bytes of the other side."""
        _LIB.BIO_write(self._into, data, len(data))

    def shake(self) -> bool:
        """Go on with the handshake; tell whether it is done."""
        done: int = _LIB.SSL_do_handshake(self._ssl)
        return done > 0 or self._awaits(done)

    def read(self) -> bytes:
        """Give plain text; b"" where there is none yet. There may be more."""
        if not (_LIB.BIO_get_mem_data(self._into, _FFI.NULL) or _LIB.SSL_pending(self._ssl)):
            return b""
        size: int = _LIB.SSL_read(self._ssl, self._buffer, CHUNK)
        return _FFI.unpack(self._buffer, size) if size > 0 or self._awaits(size) else b""

    def write(self, plain: bytes) -> None:
        """Encrypt."""
        while plain:  # a record at a time (SSL_MODE_ENABLE_PARTIAL_WRITE)
            if (size := _LIB.SSL_write(self._ssl, plain, len(plain))) <= 0:
                self._explain(self._ssl, size)
            plain = plain[size:]

    def written(self) -> bytes:
        """Give what OpenSSL wrote; less than asked for is the last of it."""
        written, size = b"", CHUNK
        while size == CHUNK and (size := _LIB.BIO_read(self._from, self._buffer, CHUNK)) > 0:
            written += _FFI.unpack(self._buffer, size)
        return written

    def _awaits(self, result: int) -> bool:
        """False where OpenSSL waits for bytes; raises what else is the matter."""
        if _LIB.SSL_get_error(self._ssl, result) != _WANT_READ:
            self._explain(self._ssl, result)
        return False


_KNOWN = _FFI is not None and all(hasattr(_LIB, name) for name in _NAMES)
_WANT_READ = getattr(_LIB, "SSL_ERROR_WANT_READ", None)
_ROOM = _Room() if _KNOWN else None


def engine(tls: SSL.Connection) -> Public | Quick:
    """Whichever can be had."""
    try:
        return Quick(tls) if _KNOWN else Public(tls)
    except AttributeError:
        return Public(tls)
