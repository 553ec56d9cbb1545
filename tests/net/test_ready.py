"""Sockets that are watched: what is told, when, and to whom."""

from __future__ import annotations

import asyncio
import itertools
import os
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_mta import scripts, serving

from probe.model import Endpoint, Failure, Stage, Trouble
from probe.net.observe import ObserveOptions, begun, look
from probe.net.ready import AT_ONCE, ready

GOOD = next(script for script in scripts() if script.name == "good-starttls")


@contextmanager
def pairs(count: int) -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """So many sockets, each with somebody at the other end."""
    made = [socket.socketpair() for _ in range(count)]
    try:
        yield made
    finally:
        for one in itertools.chain.from_iterable(made):
            one.close()


def files() -> int:
    """How many are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_late_ones_are_told_in_turn() -> None:
    """Whoever put the deadline off is not told at the first one; whoever was forgotten never is."""

    async def run() -> list[tuple[str, float]]:
        loop = asyncio.get_running_loop()
        sockets, began, told = ready(loop), loop.time(), list[tuple[str, float]]()
        with pairs(4) as made:
            numbers = dict(
                zip(("put off", "late", "earlier", "forgotten"), (one.fileno() for one, _ in made), strict=True)
            )
            for name, number in numbers.items():
                tell = lambda name=name: told.append((name, loop.time() - began))  # noqa: E731
                sockets.watch(number, lambda: None, tell, receiving=True, sending=False)
                sockets.until(number, began + 0.1)
            sockets.until(numbers["put off"], began + 0.2)
            sockets.until(numbers["earlier"], began + 0.05)
            sockets.forget(numbers["forgotten"])
            await asyncio.sleep(0.3)
            for number in numbers.values():
                sockets.forget(number)
        return told

    told = asyncio.run(run())
    assert ["earlier", "late", "put off"] == [name for name, _ in told]
    assert all(when <= at for when, (_, at) in zip((0.05, 0.1, 0.2), told, strict=True))


def test_many_events_at_once_are_all_dealt_with() -> None:
    """More sockets are ready than one turn deals with."""

    async def run() -> int:
        sockets, heard = ready(asyncio.get_running_loop()), set[int]()
        with pairs(2 * AT_ONCE) as made:
            for ours, theirs in made:
                take = lambda ours=ours: heard.add(ours.fileno() * len(ours.recv(9)))  # noqa: E731
                sockets.watch(ours.fileno(), take, lambda: None, receiving=True, sending=False)
                theirs.send(b".")
            await asyncio.sleep(0.05)
            for ours, _ in made:
                sockets.forget(ours.fileno())
        return len(heard)

    assert 2 * AT_ONCE == asyncio.run(run())


def test_nothing_is_left_behind() -> None:
    """With the last socket the epoll goes; another one is made for the next."""

    async def run() -> None:
        loop, before = asyncio.get_running_loop(), files()
        with pairs(1) as [(ours, _)]:
            first = ready(loop)
            first.watch(ours.fileno(), lambda: None, lambda: None, receiving=True, sending=False)
            assert first is ready(loop)
            first.forget(ours.fileno())
        assert before == files()

    asyncio.run(run())


@pytest.mark.parametrize("epoll", [True, False], ids=["epoll", "without epoll"])
def test_a_look(epoll: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without epoll sees the same; a refused connection is told either way."""
    if not epoll:
        monkeypatch.delattr(select, "epoll")

    async def run() -> Stage:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # nobody listens there
            nobody = Endpoint("127.0.0.1", "127.0.0.1", taken.getsockname()[1])
            failure = (await look(begun(ObserveOptions(timeout=4)), nobody)).failure
        assert failure == Failure(Trouble.REFUSED, os.strerror(111))
        async with serving(GOOD) as port:
            there = Endpoint("127.0.0.1", "127.0.0.1", port, sni="mx.example")
            return (await look(begun(ObserveOptions(timeout=4)), there)).stage

    assert Stage.DONE == asyncio.run(run())
