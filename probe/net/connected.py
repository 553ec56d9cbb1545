"""A TCP connection to a numeric address, and why there is none. Nothing is looked up."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from probe.model import Endpoint, Failure, Trouble

_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.EINTR})


def connecting(endpoint: Endpoint, source: str | None) -> socket.socket:
    """A socket that does not block, on its way to an address; from the local address ``source`` where one is given.

    Raises OSError for what is refused at once, OverflowError for a port that is none.
    """
    family, where = _place(endpoint.address or "", endpoint.port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if source:
            sock.bind(_place(source, 0)[1])
        _raise_for(sock.connect_ex(where))
    except BaseException:
        sock.close()
        raise
    return sock


def _raise_for(number: int) -> None:
    if number not in _UNDER_WAY:
        raise OSError(number, os.strerror(number))


def unconnected(error: OSError | OverflowError) -> Failure:
    """Say why there is no connection, in the words of the operating system."""
    number = error.errno if isinstance(error, OSError) else None
    text = (
        os.strerror(number) if number and number > 0 else getattr(error, "strerror", None) or str(error) or "no answer"
    )
    refused = isinstance(error, ConnectionRefusedError)
    late = isinstance(error, TimeoutError)
    trouble = Trouble.REFUSED if refused else Trouble.TIMEOUT if late else Trouble.UNREACHABLE
    symptoms = (f"errno:{number}",) if number and trouble is Trouble.UNREACHABLE else ()
    return Failure(trouble, text, symptoms)


def literal(address: str) -> str:
    """RFC 5321 §4.1.3: a client without a name of its own says its address; a zone (RFC 4007) is nobody else's."""
    bare = address.partition("%")[0]
    return f"[IPv6:{bare}]" if ":" in bare else f"[{bare}]"


def _place(address: str, port: int) -> tuple[socket.AddressFamily, Any]:
    """Family and socket address of a numeric address, its zone understood; looks nothing up."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    if _numeric(family, address):
        return family, (address, port)
    family, *_, where = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    return family, (where[0], port, *where[2:])


def _numeric(family: socket.AddressFamily, address: str) -> bool:
    try:
        return bool(socket.inet_pton(family, address))
    except OSError:
        return False
