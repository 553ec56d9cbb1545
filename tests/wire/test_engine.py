"""OpenSSL with bytes on both sides, by its private names and without them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from fake_tls import Server, context
from OpenSSL import SSL

from probe.wire import engine as module
from probe.wire.engine import CHUNK, Public, Quick, engine

KINDS = pytest.mark.parametrize("kind", [Public, Quick])
Kind = Callable[[SSL.Connection], Public | Quick]


def connected(kind: Kind, version: str = "1.3") -> tuple[Public | Quick, Server]:
    """Both ends of a handshake that is done."""
    tls, server = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None), Server(context(version))
    tls.set_connect_state()
    ours = kind(tls)
    done = [ours.shake()]
    for _ in range(3):
        server.receive(ours.written())
        ours.feed(server.take())
        done.append(ours.shake())
    server.receive(ours.written())
    assert done[0] is False
    assert done[-1] is True
    assert server.complete
    return ours, server


@KINDS
@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("size", [0, 1, 4096, CHUNK, 3 * CHUNK + 5])
def test_both_ways(kind: Kind, version: str, size: int) -> None:
    """Whatever its size, text arrives whole, and nothing is said twice."""
    ours, server = connected(kind, version)
    text = bytes(n % 251 for n in range(size))
    if text:
        ours.write(text)
        server.receive(ours.written())
        server.tls.sendall(text)
    ours.feed(server.take())
    read = b""
    while more := ours.read():
        read += more
    assert (text, text) == (server.plain, read)
    assert (b"", b"") == (ours.read(), ours.written())


@KINDS
def test_the_end_of_tls_is_an_error(kind: Kind) -> None:
    """close_notify, and bytes that are no TLS, raise what pyOpenSSL raises."""
    ours, server = connected(kind)
    server.tls.shutdown()
    ours.feed(server.take())
    with pytest.raises(SSL.ZeroReturnError):
        ours.read()
    ours, server = connected(kind)
    ours.feed(b"\x17\x03\x03\x00\x20" + bytes(32))
    with pytest.raises(SSL.Error, match="decryption failed or bad record mac"):
        ours.read()
    with pytest.raises(SSL.Error):
        ours.write(b"x")


@KINDS
def test_a_handshake_that_fails(kind: Kind) -> None:
    """What is said to be TLS, and is none."""
    tls = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    tls.set_connect_state()
    ours = kind(tls)
    assert ours.shake() is False
    ours.feed(b"\x15\x03\x03\x00\x02\x02\x28")
    with pytest.raises(SSL.Error, match="handshake failure"):
        ours.shake()


def test_which_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick one, unless a private name is gone."""
    tls: Any = SSL.Connection(SSL.Context(SSL.TLS_METHOD), None)
    assert isinstance(engine(tls), Quick)

    class Other:
        """A Connection that keeps its things elsewhere."""

    other: Any = Other()
    assert isinstance(engine(other), Public)
    monkeypatch.setattr(module, "_KNOWN", False)
    assert isinstance(engine(tls), Public)


def test_threads_do_not_read_into_one_another() -> None:
    """Each has a buffer of its own."""
    buffers = list[object]()

    def note() -> None:
        buffers.append(connected(Quick)[0]._buffer)  # type: ignore[union-attr]

    threads = [threading.Thread(target=note) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    note()
    assert 3 == len({id(one) for one in buffers})
