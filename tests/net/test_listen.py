"""The listening socket: several senders at once, an end after so many, port scans that count for nothing, limits."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from forge import chain

from probe.demo import keys
from probe.model import Observation, Side, Stage, Trouble
from probe.net import listen as module
from probe.net.listen import ListenOptions, NoAddressError, is_loopback, listen
from probe.wire.handshake import Handshake
from probe.wire.identity import Identity

pytestmark = pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")
THEIRS = chain(1)
PRESENTING = Identity(tuple(one.der for one in THEIRS[:2]), keys.pem(THEIRS[0].key).encode())
PATIENCE = 20
OPEN = Path("/proc/self/fd")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def listened(
    visit: Callable[[int], Awaitable[None]], *, count: int | None = 1, **options: Any
) -> list[tuple[Observation, str]]:
    """Listen while somebody visits; gives what was told, in that order."""

    async def story() -> list[tuple[Observation, str]]:
        told: list[tuple[Observation, str]] = []
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def seen(observation: Observation, client: str) -> None:
            told.append((observation, client))

        wanted = ListenOptions(PRESENTING, port=0, count=count, **options)
        async with asyncio.timeout(PATIENCE):
            server = asyncio.create_task(listen(wanted, port.set_result, seen))
            await visit(await port)
            if count is None:
                server.cancel()
            await asyncio.gather(server, return_exceptions=count is None)
        return told

    return asyncio.run(story())


async def called(port: int) -> Streams:
    """Connect and hear the greeting."""
    streams = await asyncio.open_connection("127.0.0.1", port)
    assert (await streams[0].readline()).startswith(b"220 ")
    return streams


async def hung_up(streams: Streams) -> None:
    """Close."""
    streams[1].close()
    await streams[1].wait_closed()


async def said(streams: Streams, line: bytes) -> bytes:
    """Say a line and hear the last line of the reply."""
    streams[1].write(line + b"\r\n")
    while (reply := await streams[0].readline())[3:4] == b"-":
        pass
    return reply


async def delivered(port: int, name: bytes = b"sender.example") -> None:
    """Be a sender from the greeting to QUIT."""
    streams = await called(port)
    await said(streams, b"EHLO " + name)
    await said(streams, b"STARTTLS")
    client = Handshake(None, identity=PRESENTING)
    streams[1].write(client.take())
    while not client.complete:
        client.receive(await streams[0].read(1 << 16))
        streams[1].write(client.take())
    for line, code in ((b"EHLO " + name, b"250"), (b"MAIL FROM:<>", b"450"), (b"QUIT", b"221")):
        client.send(line + b"\r\n")
        streams[1].write(client.take())
        plain = b""
        while not plain:
            plain = client.receive(await streams[0].read(1 << 16))
        assert plain.startswith(code)
    await hung_up(streams)


def test_a_sender_is_seen() -> None:
    """Its list, its address, its name, and the port at which it called."""
    ((seen, client),) = listened(delivered)
    assert (PRESENTING.chain, Stage.DONE, Side.CLIENT) == (seen.presented, seen.stage, seen.side)
    assert (client, seen.endpoint.address, seen.endpoint.host) == ("sender.example", "127.0.0.1", None)
    assert seen.endpoint.port > 1024


def test_we_greet_with_a_name_that_no_sender_has() -> None:
    """A sender on this computer that is greeted with its own name sees a loop, and bounces the mail (Sendmail)."""

    async def greeted(port: int) -> None:
        streams = await called(port)
        assert (await said(streams, b"EHLO x")).endswith(b"STARTTLS\r\n")
        await hung_up(streams)

    ((seen, _),) = listened(greeted)
    named = [line.line.split()[0] for line in seen.transcript if line.line.startswith("250-")]
    assert named == ["250-listen.chaincheck.invalid"]


def test_several_at_once_are_told_apart() -> None:
    """Eight senders that come together; then it ends by itself."""

    async def all_of_them(port: int) -> None:
        await asyncio.gather(*(delivered(port, f"s{number}.example".encode()) for number in range(8)))

    told = listened(all_of_them, count=8)
    assert sorted(client for _, client in told) == [f"s{number}.example" for number in range(8)]
    assert {seen.presented for seen, _ in told} == {PRESENTING.chain}


def test_who_says_nothing_is_not_counted() -> None:
    """A port scan before the sender: the one session that was wanted is the sender's."""

    async def scan_first(port: int) -> None:
        for _ in range(3):
            await hung_up(await called(port))
        await delivered(port)

    told = listened(scan_first)
    assert [client for _, client in told] == ["sender.example"]


def test_a_sender_without_tls_is_told() -> None:
    """It says QUIT in plain text."""

    async def plain(port: int) -> None:
        streams = await called(port)
        assert (await said(streams, b"HELO x")).startswith(b"250")
        assert (await said(streams, b"MAIL FROM:<>")).startswith(b"450")
        await said(streams, b"QUIT")
        assert await streams[0].read() == b""
        await hung_up(streams)

    ((seen, client),) = listened(plain)
    assert (client, seen.stage, seen.presented) == ("x", Stage.EHLO, None)


def test_a_session_has_an_end() -> None:
    """However lively a client is, its time runs out."""

    async def lively(port: int) -> None:
        streams = await called(port)
        with suppress(ConnectionError):
            for _ in range(40):
                await said(streams, b"NOOP")
                await asyncio.sleep(0.02)
        with suppress(ConnectionError):
            await hung_up(streams)

    ((seen, _),) = listened(lively, timeout=0.3)
    assert seen.failure
    assert Trouble.TIMEOUT is seen.failure.trouble


def test_more_than_so_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """The third of two gets its greeting when one has left."""
    monkeypatch.setattr(module, "SESSIONS", 2)

    async def three(port: int) -> None:
        first, second = await called(port), await called(port)
        third = asyncio.create_task(called(port))
        done, _ = await asyncio.wait({third}, timeout=0.2)
        assert not done
        await hung_up(first)
        await hung_up(await third)
        await hung_up(second)
        await delivered(port)

    assert len(listened(three)) == 1


def test_one_address_cannot_keep_the_others_out() -> None:
    """Whoever fills its share is told so at once, and another address is still let in."""

    async def crowd(port: int) -> None:
        silent = [await called(port) for _ in range(module.EACH)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.read()).startswith(b"421 4.7.0 ")
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.2", 0))
        assert (await reader.readline()).startswith(b"220 ")
        await hung_up((reader, writer))
        for streams in silent:
            await hung_up(streams)
        await delivered(port)

    assert len(listened(crowd)) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_what_one_client_can_have_many_of(address: str, network: str) -> None:
    """A customer of IPv6 has a network; an address of IPv4 that came by a socket for both is one."""
    assert module.network_of(address) == network


def test_cancelling_leaves_nothing_open() -> None:
    """Ctrl-C in the midst of sessions closes every socket."""
    clients: list[socket.socket] = []

    async def in_the_midst(port: int) -> None:
        loop = asyncio.get_running_loop()
        for line in (b"", b"EHLO x\r\n", b"EHLO x\r\nSTARTTLS\r\n"):
            clients.append(socket.create_connection(("127.0.0.1", port)))
            clients[-1].setblocking(False)
            await loop.sock_sendall(clients[-1], line)
            assert (await loop.sock_recv(clients[-1], 4)) == b"220 "

    before = len(list(OPEN.iterdir()))
    assert listened(in_the_midst, count=None) == []
    assert len(clients) == len(list(OPEN.iterdir())) - before
    for client in clients:
        client.close()


def test_a_place_that_is_taken_is_said() -> None:
    """That is known before anybody is told that we listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        options = ListenOptions(PRESENTING, port=taken.getsockname()[1])

        async def nobody(_: Observation, __: str) -> None:
            raise AssertionError

        with pytest.raises(NoAddressError, match="in use"):
            asyncio.run(listen(options, lambda _: pytest.fail("it listens"), nobody))


def test_what_the_listener_does_with_its_news_ends_it() -> None:
    """A full disk under the report is no reason to go on listening."""

    async def story() -> None:
        port: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def full(_: Observation, __: str) -> None:
            raise OSError(28, "no space")

        server = asyncio.create_task(listen(ListenOptions(PRESENTING, port=0), port.set_result, full))
        await delivered(await port)
        await server

    with pytest.raises(OSError, match="no space"):
        asyncio.run(story())


@pytest.mark.parametrize(
    ("host", "ours"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("0.0.0.0", "::", "192.0.2.7", "fe80::1%eth0", "mx.example")],  # noqa: S104
)
def test_who_can_reach_us(host: str, ours: bool) -> None:
    """Loopback alone is for this computer; every address of a network is said at the start."""
    assert is_loopback(host) is ours


def test_a_client_that_comes_in_at_the_end_is_not_lost() -> None:
    """It is left to the system, which refuses it; it never waits for somebody who will not come."""

    async def story() -> bool:
        loop = asyncio.get_running_loop()
        with module._bound("127.0.0.1", 0) as listener, socket.socket() as client:
            waiting = asyncio.create_task(module._accepted(loop, listener))
            await asyncio.sleep(0)
            client.connect(listener.getsockname())
            loop.call_soon(waiting.cancel)
            with suppress(asyncio.CancelledError):
                await waiting
            sock, peer = listener.accept()
            with sock:
                return bool(peer == client.getsockname())

    assert asyncio.run(story())
