"""The one place that waits for callers: a listening socket, a session each, and what every client presented."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from msgspec import Struct

from probe.model import Endpoint, Observation
from probe.net.driver import Driver
from probe.wire.identity import Identity
from probe.wire.sink import Sink
from probe.wire.welcome import Context, context

SESSIONS = 20
"""Clients at once; the others wait in the kernel's queue."""
EACH = 10
"""Clients at once from one address, or one network of IPv6: whoever says nothing keeps nobody else out."""
CROWDED = b"421 4.7.0 Too many connections from your address\r\n"
NAME = "listen.chaincheck.invalid"
"""Who we say we are. No host has this name: Sendmail hangs up, and bounces, where it is greeted with its own."""
BREATH = 0.1
"""Seconds until we try again to let somebody in."""

Seen = Callable[[Observation, str], Awaitable[None]]
"""Told what a client showed, and by which name it greeted."""


class NoAddressError(OSError):
    """The address cannot be had."""


class ListenOptions(Struct, frozen=True):
    """Where to listen, and as whom."""

    identity: Identity
    host: str = "127.0.0.1"
    port: int = 2525
    name: str = NAME
    count: int | None = None
    """Sessions after which we stop; None = until we are stopped."""
    discard: bool = False
    """Take messages and throw them away."""
    timeout: float = 180.0
    """Seconds for a whole session, however lively."""


async def listen(options: ListenOptions, ready: Callable[[int], None], seen: Seen) -> None:
    """Serve until ``count`` sessions are over, or for ever; cancelling it closes everything.

    ``ready`` is told the port once we listen. A client that says nothing counts for nothing: such look for open ports.
    Raises NoAddressError, and whatever ``seen`` raises.
    """
    made = context(options.identity)
    visits: asyncio.Queue[Sink] = asyncio.Queue(SESSIONS)
    with _bound(options.host, options.port) as listener:
        ready(listener.getsockname()[1])
        try:
            async with asyncio.TaskGroup() as both:
                porter = both.create_task(_attend(listener, options, made, visits))
                await _tell(visits, options.count, seen)
                porter.cancel()
        except ExceptionGroup as several:
            raise several.exceptions[0] from None


async def _tell(visits: asyncio.Queue[Sink], count: int | None, seen: Seen) -> None:
    served = 0
    while count is None or served < count:
        sink = await visits.get()
        if sink.observation.answered:
            served += 1
            await seen(sink.observation, sink.client)


async def _attend(listener: socket.socket, options: ListenOptions, made: Context, visits: asyncio.Queue[Sink]) -> None:
    """Let clients in, as many as may be there at once."""
    loop = asyncio.get_running_loop()
    free, inside = asyncio.Semaphore(SESSIONS), Counter[str]()
    async with asyncio.TaskGroup() as sessions:
        while True:
            await free.acquire()
            sock, peer = await _accepted(loop, listener)
            network = network_of(str(peer[0]))
            if inside[network] >= EACH:
                _turn_away(sock)
                free.release()
                continue
            inside[network] += 1
            endpoint = Endpoint(None, str(peer[0]), listener.getsockname()[1])
            sink = Sink(endpoint, made, name=options.name, started=datetime.now(UTC), discard=options.discard)
            task = sessions.create_task(_session(sock, sink, options.timeout, free, visits))
            task.add_done_callback(partial(_closed, sock, inside, network))


def network_of(address: str) -> str:
    """What one client can have many of: an address of IPv4, and the first 64 bits of IPv6 (RFC 6177 §2)."""
    place = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(place, ipaddress.IPv6Address) and not place.ipv4_mapped:
        return str(ipaddress.ip_network((place, 64), strict=False))
    return str(getattr(place, "ipv4_mapped", None) or place)


def _turn_away(sock: socket.socket) -> None:
    with sock, suppress(OSError):
        sock.setblocking(False)
        sock.send(CROWDED)


def _closed(sock: socket.socket, inside: Counter[str], network: str, _: asyncio.Task[None]) -> None:
    """Hang up, even where the session was cancelled before its first step: that client waits for a greeting."""
    inside[network] -= 1
    sock.close()


async def _accepted(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> tuple[socket.socket, Any]:
    """Wait for a client; one that has gone before it came in, and a lack of descriptors, are waited out.

    The loop's own sock_accept loses a client that comes in while it is cancelled: nobody ever hangs up on it.
    """
    while True:
        await _knock(loop, listener)
        try:
            return listener.accept()
        except BlockingIOError:
            continue
        except OSError:
            await asyncio.sleep(BREATH)


async def _knock(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    knocked = asyncio.Event()
    loop.add_reader(listener, knocked.set)
    try:
        await knocked.wait()
    finally:
        loop.remove_reader(listener)


def is_loopback(host: str) -> bool:
    """Nobody but this computer reaches it (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _bound(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(SESSIONS)
        listener.setblocking(False)
    except (OSError, OverflowError) as problem:
        listener.close()
        raise NoAddressError(getattr(problem, "strerror", None) or str(problem)) from problem
    return listener


async def _session(
    sock: socket.socket, sink: Sink, longest: float, free: asyncio.Semaphore, visits: asyncio.Queue[Sink]
) -> None:
    """Converse; whoever tells of it slowly lets in fewer."""
    began = asyncio.get_running_loop().time()
    try:
        with sock:
            sock.setblocking(False)
            await Driver(sock, began=began, until=began + longest).drive(sink)
        await visits.put(sink)
    finally:
        free.release()
