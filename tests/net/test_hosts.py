"""Mail hosts that domains share: one look, whoever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from probe.model import Kind, Protocol, Survey, Target, Tls
from probe.net.hosts import Hosts


def host(number: int) -> Target:
    """Give one of many."""
    return Target(f"mx{number}.example.com", 25, Protocol.SMTP, Tls.STARTTLS, Kind.HOST)


class Looks:
    """Counts looks, and those that were broken off; each waits for leave."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self.broken = 0
        self.leave = asyncio.Event()

    async def look(self, target: Target) -> Survey:
        """Look at a host."""
        self.begun[target.name] += 1
        try:
            await self.leave.wait()
        except asyncio.CancelledError:
            self.broken += 1
            raise
        return Survey(target, ())


def test_a_host_is_looked_at_once() -> None:
    """By fifty at the same time, and by those who come later."""

    async def run() -> None:
        looks = Looks()
        async with Hosts() as hosts:
            many = [asyncio.create_task(hosts.of(host(1), looks.look)) for _ in range(50)]
            await asyncio.sleep(0)
            looks.leave.set()
            found = await asyncio.gather(*many)
            found.append(await hosts.of(host(1), looks.look))
            await hosts.of(host(2), looks.look)
        assert {id(one) for one in found} == {id(found[0])}
        assert looks.begun == {host(1).name: 1, host(2).name: 1}

    asyncio.run(run())


def test_the_first_may_go() -> None:
    """A look goes on for the others when the domain that began it is cancelled."""

    async def run() -> None:
        looks = Looks()
        async with Hosts() as hosts:
            first = asyncio.create_task(hosts.of(host(1), looks.look))
            second = asyncio.create_task(hosts.of(host(1), looks.look))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.sleep(0)
            looks.leave.set()
            assert (await second).target == host(1)
            with pytest.raises(asyncio.CancelledError):
                await first
        assert (looks.begun.total(), looks.broken) == (1, 0)

    asyncio.run(run())


def test_memory_has_an_end() -> None:
    """What was not asked for longest goes; what is under way, and what is asked for all the time, stays."""

    async def run() -> None:
        looks, quick = Looks(), Looks()
        quick.leave.set()
        async with Hosts(most=3) as hosts:
            slow = [asyncio.create_task(hosts.of(host(n), looks.look)) for n in range(5)]
            await asyncio.sleep(0)
            for n in range(10, 30):
                await hosts.of(host(10), quick.look)
                await hosts.of(host(n), quick.look)
            assert len(hosts._tasks) <= 6
            looks.leave.set()
            await asyncio.gather(*slow)
            await asyncio.gather(*(hosts.of(host(n), quick.look) for n in range(30, 33)))
            assert len(hosts._tasks) == 3
            await hosts.of(host(11), quick.look)
        assert set(looks.begun.values()) == {1}
        assert quick.begun[host(11).name] == 2

    asyncio.run(run())


def test_looks_end_with_the_sweep() -> None:
    """Nobody goes on when it is left."""

    async def run() -> None:
        looks = Looks()
        async with Hosts() as hosts:
            waiting = asyncio.create_task(hosts.of(host(1), looks.look))
            await asyncio.sleep(0.01)
            waiting.cancel()
        assert looks.broken == 1
        assert asyncio.all_tasks() - {asyncio.current_task()} <= {waiting}

    asyncio.run(run())
