"""AIA addresses that chains share: each is asked once, and for no chain more than one may."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from net.fake_clock import played

from probe.model import Fetch
from probe.net import fetches as module
from probe.net.fetches import AGAIN, Fetches
from probe.net.issuers import ADDRESSES, CERTIFICATES, HOPS, SECONDS, Budget

ONE, TWO, THREE = (f"http://{name}.example/a.der" for name in ("one", "two", "three"))


class Web:
    """What was asked, and what it gives. ``hops``: requests that an address takes, where it is more than one."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.now = 0
        self.gives: dict[str, tuple[bytes, ...]] = {}
        self.hops: dict[str, int] = {}
        self.silent: set[str] = set()

    async def fetch(self, urls: Sequence[str], *, allow_private: bool, budget: Budget) -> tuple[Fetch, ...]:
        """Answer one address, which has whole five seconds, and what is left of its chain's requests."""
        (url,) = urls
        assert (allow_private, budget.seconds, budget.certificates) == (False, SECONDS, CERTIFICATES)
        self.asked.update(urls)
        self.now += 1
        budget.hops -= 1
        try:
            await asyncio.sleep(SECONDS if url in self.silent else 0.001)
        finally:
            self.now -= 1
        budget.hops -= self.hops.get(url, 1) - 1
        given = self.gives.get(url, ()) if budget.hops >= 0 else ()
        return (Fetch(url, given, None if given else "gone"),)


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Stand in for the network."""
    here = Web()
    monkeypatch.setattr(module, "fetch_issuers", here.fetch)
    yield here
    assert here.now == 0


def asked(*chains: Sequence[str], most: int = 4096, **budget: Any) -> list[tuple[Fetch, ...]]:
    """What so many chains get, one after the other, each with a budget of its own."""

    async def run() -> list[tuple[Fetch, ...]]:
        async with Fetches(allow_private=False, most=most) as fetches:
            return [await fetches.of(urls, Budget(**budget)) for urls in chains]

    return played(run())


def test_an_address_is_asked_once_for_all_chains(web: Web) -> None:
    """At the same time and later, alone and among others; an answer without use counts, too."""

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            found = await asyncio.gather(
                *(fetches.of((ONE, TWO, ONE), Budget()) for _ in range(30)), fetches.of((TWO,), Budget())
            )
            assert [one.url for one in found[0]] == [ONE, TWO]
            assert [one.url for one in found[-1]] == [TWO]
            assert [one.url for one in await fetches.of((TWO, ONE), Budget())] == [TWO, ONE]

    played(run())
    assert web.asked == {ONE: 1, TWO: 1}


def test_no_chain_causes_more_requests_than_one_may(web: Web) -> None:
    """On all its levels together, redirections included; what others have asked costs it nothing. All is said."""
    web.hops = {TWO: 3}

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            await fetches.of((ONE,), Budget())
            budget = Budget()
            await fetches.of((ONE, TWO), budget)
            assert budget.hops == HOPS - 3
            found = await fetches.of([f"http://{n}.example/" for n in range(1000)], budget)
            assert [one.problem for one in found[:2]] == ["gone"] * 2
            assert {one.problem for one in found[2:ADDRESSES]} == {
                "it was not asked: there were enough requests for one chain"
            }
            (last,) = found[ADDRESSES:]
            assert last.problem == "it was not asked, nor were 983 more: 16 addresses are the most at a time"

    played(run())
    assert web.asked.total() == 2 + 2


def test_a_failure_is_forgotten_after_some_minutes(web: Web) -> None:
    """What was given is not."""
    web.gives = {TWO: (b"two",)}

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            for seconds in (AGAIN - 1, 2, 0):
                await fetches.of((ONE, TWO), Budget())
                await asyncio.sleep(seconds)

    played(run())
    assert web.asked == {ONE: 2, TWO: 1}


def test_what_failed_for_one_chain_alone_is_asked_again_for_the_next(web: Web) -> None:
    """It had too few requests left for where the address redirects to."""
    web.hops, web.gives = {ONE: 4, TWO: 2}, {TWO: (b"two",)}
    first, second = asked((ONE, TWO), (TWO,))
    assert (first[1].problem, second[0].certificates) == ("gone", (b"two",))
    assert web.asked == {ONE: 1, TWO: 2}


def test_who_waits_for_the_question_of_a_poorer_chain_asks_again(web: Web) -> None:
    """Once for all who wait; what that chain had left settles nothing for them."""
    web.hops, web.gives = {ONE: 2}, {ONE: (b"one",)}

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            chains = (Budget(hops=1), Budget(), Budget())
            (poor,), *others = await asyncio.gather(*(fetches.of((ONE,), budget) for budget in chains))
            assert (poor.problem, others) == ("gone", [(Fetch(ONE, (b"one",)),)] * 2)
            assert [budget.hops for budget in chains] == [0, HOPS - 2, HOPS]

    played(run())
    assert web.asked == {ONE: 2}


def test_a_chain_waits_as_long_as_one_may(web: Web) -> None:
    """Each address has its share; a question goes on for others: who is silent for five seconds is known for it."""
    web.silent, web.gives = {ONE}, {TWO: (b"two",)}

    async def run() -> None:
        loop = asyncio.get_running_loop()
        async with Fetches(allow_private=False) as fetches:
            began, budget = loop.time(), Budget()
            slow, quick = await fetches.of((ONE, TWO), budget)
            assert slow.problem == "no complete answer came within 2.5 seconds"
            assert quick.certificates == (b"two",)
            assert loop.time() - began == pytest.approx(SECONDS - budget.seconds) == pytest.approx(2.5, abs=0.1)
            await asyncio.sleep(SECONDS)
            began = loop.time()
            assert (await fetches.of((ONE,), Budget()))[0].problem == "gone"
            assert loop.time() == began

    played(run())
    assert web.asked == {ONE: 1, TWO: 1}


def test_no_chain_gets_more_certificates_than_one_may(web: Web) -> None:
    """The next one has all of them."""
    web.gives = {ONE: tuple(map(bytes, range(6))), TWO: tuple(map(bytes, range(6)))}
    first, second = asked((ONE, TWO, THREE), (TWO,))
    assert [len(one.certificates) for one in (*first, *second)] == [6, CERTIFICATES - 6, 0, 6]
    assert first[2].problem == "it was not asked: enough certificates were fetched for one chain"


def test_memory_has_an_end(web: Web) -> None:
    """What was not asked for longest is asked again."""
    asked(*((url,) for url in (ONE, TWO, ONE, THREE, ONE, TWO)), most=2)
    assert web.asked == {ONE: 1, TWO: 2, THREE: 1}


def test_who_goes_ends_nothing_for_others(web: Web) -> None:
    """One of two is cancelled; at the end of the sweep all is."""

    async def run() -> None:
        async with Fetches(allow_private=False) as fetches:
            first, second = (asyncio.create_task(fetches.of((ONE,), Budget())) for _ in range(2))
            await asyncio.sleep(0)
            first.cancel()
            assert len(await second) == 1
            asyncio.create_task(fetches.of((TWO,), Budget())).cancel()
            third = asyncio.create_task(fetches.of((TWO,), Budget()))
            await asyncio.sleep(0.0005)
        await asyncio.wait([third], timeout=1)
        assert third.cancelled()

    played(run())
    assert web.asked == {ONE: 1, TWO: 1}
