"""Names: how they are written, and how the system looks them up. Loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Failure, Trouble
from probe.net.resolve import Resolved, address_of, host_name, resolve


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("MX.Example.", "mx.example"),
        (" mx.example ", "mx.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bücher。example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("_mx.my-host.example", "_mx.my-host.example"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("ipv6:2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_host_name(text: str, name: str) -> None:
    """A-labels in lower case without trailing dot, or a bare address."""
    assert name == host_name(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "mx..example",
        "a b",
        "x" * 64,
        "x." * 127 + "xx",
        "[mx.example",
        "a\x00b",
        "☃☃\x7f",
        "a/b",
        "é..x",
        "-.é",
    ],
)
def test_no_host_name(text: str) -> None:
    """What can be no host is refused with a sentence."""
    with pytest.raises(ValueError, match=r"is no host name: .*\.$"):
        host_name(text)


@given(st.text(max_size=80))
def test_any_text_is_a_host_or_a_sentence(text: str) -> None:
    """ValueError and nothing else; what comes out goes in again unchanged."""
    with contextlib.suppress(ValueError):
        assert host_name(text) == host_name(host_name(text))
        assert host_name(text).isascii() or address_of(host_name(text))


@pytest.mark.parametrize(
    ("name", "family", "address"),
    [("127.0.0.1", 0, "127.0.0.1"), ("[::1]", 0, "::1"), ("127.0.0.1", 4, "127.0.0.1"), ("localhost", 4, "127.0.0.1")],
)
def test_addresses(name: str, family: int, address: str) -> None:
    """Addresses stand for themselves; names go through the system, hosts file included."""
    assert Resolved((address,)) == asyncio.run(resolve(name, family=family, seconds=5))


def test_every_address_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the resolver's order, each once."""

    def found(*asked: object) -> list[tuple[object, ...]]:
        assert asked == (b"mx.example", None, socket.AF_INET6, socket.SOCK_STREAM)
        return [(0, 0, 0, "", (one, 0)) for one in ("2001:db8::2", "2001:db8::1", "2001:db8::2")]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert Resolved(("2001:db8::2", "2001:db8::1")) == asyncio.run(resolve("MX.example.", family=6, seconds=5))


def test_wrong_family() -> None:
    """An address of the other family: the resolver's word, and nobody is asked for MX."""
    seen = asyncio.run(resolve("127.0.0.1", family=6, seconds=5))
    assert seen.failure
    assert (Trouble.UNRESOLVED, ()) == (seen.failure.trouble, seen.addresses)
    assert "family" in seen.failure.text


def test_name_that_is_none() -> None:
    """It is not even looked up."""
    seen = asyncio.run(resolve("mx..example", seconds=5))
    assert seen.failure
    assert "is no host name" in seen.failure.text


def test_resolver_that_cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A temporary failure is told in the resolver's words; nobody is asked for MX."""

    def busy(*_: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", busy)
    failure = Failure(Trouble.UNRESOLVED, "Temporary failure in name resolution")
    assert Resolved(failure=failure) == asyncio.run(resolve("mx.example", seconds=5))


def test_resolver_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline counts, and the thread that is still asking holds nobody up, then or later."""
    release, ended = threading.Event(), threading.Event()

    def never(*_: object) -> list[object]:
        release.wait(5)
        ended.set()
        return []

    async def both() -> tuple[Resolved, Resolved]:
        first = await resolve("mx.example", seconds=0.05)
        asyncio.get_running_loop().call_later(0.02, release.set)
        await asyncio.sleep(0.1)
        release.clear()
        return first, await resolve("mx.example", seconds=0.05)

    monkeypatch.setattr(socket, "getaddrinfo", never)
    late = Resolved(failure=Failure(Trouble.UNRESOLVED, "no answer from the resolver in 0.05 s", ("dns:no-answer",)))
    assert (late, late) == asyncio.run(both())
    ended.clear()
    release.set()
    assert ended.wait(2)


def test_no_address_is_told_from_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """That the name has none is an answer."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    failure = Failure(Trouble.UNRESOLVED, "Name or service not known")
    assert Resolved(failure=failure, absent=True) == asyncio.run(resolve("mx.example", seconds=5))
