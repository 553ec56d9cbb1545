"""AIA addresses that chains share: each is asked once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

import pytest

from probe.model import Fetch
from probe.net import fetches as module
from probe.net.fetches import Fetches
from probe.net.issuers import HOPS, SECONDS, Budget

ONE, TWO = "http://one.example/a.der", "http://two.example/b.der"


class Web:
    """What was asked; answers come when they may."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.now = self.most = 0

    async def fetch(self, urls: Sequence[str], *, allow_private: bool, budget: Budget) -> tuple[Fetch, ...]:
        """Answer one address, with a budget of its own."""
        assert (len(urls), allow_private, budget.seconds) == (1, False, SECONDS)
        self.asked.update(urls)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(0.005)
        finally:
            self.now -= 1
        return (Fetch(urls[0], (), "gone"),)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Stand in for the network."""
    here = Web()
    monkeypatch.setattr(module, "fetch_issuers", here.fetch)
    yield here
    assert here.now == 0


def test_an_address_is_asked_once_for_all_chains(web: Web) -> None:
    """At the same time and later, alone and among others; an answer without use counts, too."""

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            found = await asyncio.gather(*(fetches.of((ONE, TWO)) for _ in range(30)), fetches.of((TWO,)))
            assert [one.url for one in found[0]] == [ONE, TWO]
            assert [one.url for one in found[-1]] == [TWO]
            assert [one.url for one in await fetches.of((TWO, ONE))] == [TWO, ONE]

    asyncio.run(run())
    assert web.asked == {ONE: 1, TWO: 1}
    assert web.most == 2


def test_no_chain_has_more_addresses_asked_than_one_may(web: Web) -> None:
    """A certificate may name a thousand."""

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            assert len(await fetches.of([f"http://{n}.example/" for n in range(1000)])) == HOPS

    asyncio.run(run())
    assert web.asked.total() == HOPS


def test_memory_has_an_end(web: Web) -> None:
    """What was not asked for longest is asked again."""

    async def run() -> None:
        async with Fetches(allow_private=False, most=2) as fetches:
            for url in (ONE, TWO, ONE, "http://three.example/", ONE, TWO):
                await fetches.of((url,))

    asyncio.run(run())
    assert web.asked == {ONE: 1, TWO: 2, "http://three.example/": 1}


def test_who_goes_ends_nothing_for_others(web: Web) -> None:
    """One of two is cancelled; at the end of the sweep all is."""

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            first, second = (asyncio.create_task(fetches.of((ONE,))) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert len(await second) == 1
            asyncio.create_task(fetches.of((TWO,))).cancel()
            third = asyncio.create_task(fetches.of((TWO,)))
            await asyncio.sleep(0.001)
        await asyncio.wait([third], timeout=1)
        assert third.cancelled()

    asyncio.run(run())
    assert web.asked == {ONE: 1, TWO: 1}
