"""Whom we call and when: how many at a time and at whose place, how often, and how quickly we understand a no."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from net.fake_clock import played

from probe.model import Endpoint, Exchange, Failure, Observation, Stage, Trouble
from probe.net import queue as module
from probe.net.excluded import networks
from probe.net.manners import Manners
from probe.net.operators import machine, operators

Keys = tuple[bytes | str, ...]

POLITE: dict[str, Any] = {"per_operator": 4, "pause": 0.1, "patient": True}


def at(address: str, host: str | None = None) -> Endpoint:
    """Give an endpoint; without a host it is a bare address."""
    return Endpoint(host or address, address, 25)


def farm(count: int, host: str = "mx{}.example.com", first: int = 0) -> list[Endpoint]:
    """Give hosts each in a network of its own, and in one organisation unless ``host`` says otherwise."""
    return [at(f"10.{n // 250}.{n % 250}.1", host.format(n)) for n in range(first, first + count)]


def seen(place: Endpoint, code: int | None = None, trouble: Trouble | None = None) -> Observation:
    """Give a look that went well, or was refused in the greeting, or ended in trouble before it."""
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    if code:
        refused = Failure(Trouble.REPLY, f"{code} no", (f"reply:{code}",))
        return Observation(place, begun, Stage.GREETING, refused, transcript=(Exchange(1, "server", f"{code} no"),))
    if trouble:
        stage = Stage.GREETING if trouble is Trouble.CLOSED else Stage.CONNECT
        return Observation(place, begun, stage, Failure(trouble, ""))
    return Observation(place, begun, Stage.DONE)


@dataclass
class Town:
    """Where the looks go; it knows who is where, and when everybody came and went."""

    manners: Manners
    seconds: float = 1.0
    here: Counter[bytes | str] = field(default_factory=Counter)
    most: Counter[bytes | str] = field(default_factory=Counter)
    visits: list[tuple[float, Endpoint]] = field(default_factory=list)
    spans: list[tuple[float, float, Keys]] = field(default_factory=list)

    async def look(self, place: Endpoint, *answers: Observation) -> None:
        """Take a turn, and be answered like that."""
        async with self.manners.turn(place):
            keys: Keys = ("all", b"=" + machine(place), *operators(place, machine(place)))
            began = now()
            self.visits.append((began, place))
            self.here.update(keys)
            self.most |= self.here
            try:
                await asyncio.sleep(self.seconds)
                for answer in answers:
                    self.manners.heard(answer)
            finally:
                self.here.subtract(keys)
                self.spans.append((began, now(), keys))

    async def looks(self, places: Iterable[Endpoint]) -> float:
        """Take them all at once; how long it took."""
        before = now()
        await asyncio.gather(*map(self.look, places))
        return round(now() - before, 6)

    @property
    def starts(self) -> list[float]:
        """When the looks began."""
        return [round(moment, 6) for moment, _ in self.visits]


def now() -> float:
    """Give the loop's time."""
    return asyncio.get_running_loop().time()


def empty(manners: Manners) -> bool:
    """Nothing is left of whoever came: this looks behind the curtain, for memory has no other face."""
    queue = manners._queue
    left = (queue._operators, queue._addresses, queue._strands, queue._ready)
    return not any(left) and (manners.waiting, manners.under_way) == (0, 0)


def test_who_waits_for_a_busy_operator_is_no_supply() -> None:
    """Enough are at hand when some could call at once; not when all wait for one network."""

    async def story() -> None:
        told, held_up = list[bool](), list[bool]()
        for places in ([f"192.0.2.{n}" for n in range(40)], [f"192.0.{n}.1" for n in range(40)]):
            town = Town(Manners(8, per_operator=4))
            looks = asyncio.ensure_future(town.looks([at(one) for one in places]))
            await asyncio.sleep(0.5)
            told.append(town.manners.supplied)
            held_up.append(town.manners.held_up)
            await looks
            told.append(town.manners.supplied)
        assert [False, False, True, False] == told
        assert held_up == [True, False]

    played(story())


def test_one_host_alone_is_asked_as_quickly_as_ever() -> None:
    """Without options: one at a time at an address, all of them side by side, no pause, whatever they answer."""

    async def story() -> None:
        town = Town(Manners())
        places = [at(f"192.0.2.{n}", "mx.example.com") for n in range(20)]
        await asyncio.gather(*(town.look(place, seen(place, 421)) for place in places * 2))
        assert (now(), max(town.most.values())) == (2.0, 20)
        assert empty(town.manners)

    played(story())


def test_never_two_at_an_address_however_it_is_written() -> None:
    """IPv4 in IPv6's clothes, NAT64, and a zone are no other machine."""

    async def story() -> list[float]:
        town = Town(Manners())
        forms = ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201", "64:ff9b::192.0.2.1")
        await town.looks(map(at, forms))
        await town.looks([at("fe80::1%lo"), at("fe80::1")])
        return town.starts

    assert played(story()) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    "places",
    [
        pytest.param([at(f"192.0.2.{n}") for n in range(12)], id="IPv4 network"),
        pytest.param([at(f"2001:db8:1:{n}::1") for n in range(12)], id="IPv6 network"),
        pytest.param(farm(12), id="organisation"),
        pytest.param([at(f"192.0.2.{n}", f"mx{n}.example.com") for n in range(12)], id="both"),
    ],
)
def test_no_more_than_four_at_an_operator_and_a_pause_between(places: list[Endpoint]) -> None:
    """The place of one that ended stays empty for a tenth of a second."""

    async def story() -> None:
        town = Town(Manners(**POLITE))
        await town.looks(places)
        assert town.starts == [0] * 4 + [1.1] * 4 + [2.2] * 4
        await asyncio.sleep(0.2)
        assert empty(town.manners)

    played(story())


def test_an_address_rests_as_well() -> None:
    """Also where its operator would have places."""

    async def story() -> list[float]:
        town = Town(Manners(per_operator=4, pause=0.5))
        await town.looks([at("192.0.2.1", f"mx.example{n}.com") for n in range(3)])
        return town.starts

    assert played(story()) == [0, 1.5, 3]


def test_strangers_at_a_shared_network_and_one_organisation_everywhere() -> None:
    """Both caps hold at once: two organisations side by side at one network, and one of them elsewhere."""

    async def story() -> None:
        town = Town(Manners(**POLITE))
        shared = [at(f"192.0.2.{n}", f"mx{n}.{who}.com") for n in range(6) for who in ("one", "two")]
        await town.looks([*shared, *farm(6, "mx{}.one.com")])
        assert town.most[bytes((192, 0, 2))] == town.most["one.com"] == 4
        await asyncio.sleep(0.2)
        assert empty(town.manners)

    played(story())


@pytest.mark.unmeasured
def test_ten_thousand_of_one_operator_keep_nobody_waiting() -> None:
    """Neither a place of the run nor the rate is theirs alone, and they cost no more for being many."""

    async def story() -> None:
        town = Town(Manners(10, rate=100, **POLITE))
        crowd = [asyncio.create_task(town.look(place)) for place in farm(10_000)]
        await asyncio.sleep(0.005)
        assert (town.manners.under_way, town.manners.waiting) == (1, 9_999)
        await asyncio.sleep(0.5)
        others = farm(5, "mx.example{}.org", first=20_000)
        assert await town.looks(others) < 1.1
        for task in crowd:
            task.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        await asyncio.sleep(0.2)
        assert empty(town.manners)

    played(story())


@pytest.mark.unmeasured
def test_work_at_a_release_does_not_grow_with_those_who_wait() -> None:
    """Ten times as many wait at the same places; the end of a turn moves as few lines of them."""

    async def moves(many: int, who: str) -> int:
        manners = Manners(1000, per_operator=4)
        town = Town(manners)
        places = [at(f"192.0.2.{n % 8}", who.format(n)) for n in range(many)]
        tasks = [asyncio.create_task(town.look(place)) for place in places]
        await asyncio.sleep(10)
        moved = 0
        place = manners._queue._place

        def counted(strand: Any) -> None:
            nonlocal moved
            moved += 1
            place(strand)

        manners._queue._place = counted  # type: ignore[method-assign]
        await asyncio.sleep(10)
        over = moved
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return over

    for who in ("mx{}.example.com", "mx.example{}.com"):
        few, many = played(moves(200, who)), played(moves(2_000, who))
        assert 0 < many <= few + 10


@pytest.mark.parametrize(("rate", "at_once"), [(10, 100), (3, 100), (2, 1)])
def test_rate(rate: float, at_once: int) -> None:
    """Connections begin evenly spaced, after a quiet time no less."""

    async def story() -> None:
        town = Town(Manners(at_once, rate=rate), seconds=0.1)
        await town.looks(farm(20, "mx.example{}.com"))
        await asyncio.sleep(60)
        await town.looks(farm(20, "mx.example{}.com"))
        apart = [b - a for a, b in itertools.pairwise(town.starts)]
        assert min(apart) == pytest.approx(1 / rate, abs=0.001)
        assert now() == pytest.approx(60 + 2 * (19 / rate + 0.1), abs=0.1)

    played(story())


def test_rate_counts_every_connection() -> None:
    """A look that had to connect twice, and further looks in one turn, are paid for by those who come later."""

    async def story() -> list[float]:
        town = Town(Manners(rate=1), seconds=0.0)
        first, second, third = farm(3, "mx.example{}.com")
        again = replace(seen(first), retried="tls1.2")
        await town.look(first, again, seen(first), seen(first))
        await town.look(second, seen(second))
        await town.look(third)
        return town.starts

    assert played(story()) == [0, 4, 5]


def test_whoever_refuses_is_left_in_peace() -> None:
    """One at a time, 1 s apart, then 2, 4 and so on up to a minute."""

    async def story() -> list[float]:
        town = Town(Manners(**POLITE), seconds=0.0)
        for place in farm(9):
            await town.look(place, seen(place, 421))
        return [b - a for a, b in itertools.pairwise(town.starts)]

    assert played(story()) == [1, 2, 4, 8, 16, 32, 60, 60]


def test_recovery() -> None:
    """Each friendly reception halves the pause, until there are four places again."""

    async def story() -> None:
        town = Town(Manners(**POLITE), seconds=0.0)
        places = farm(10)
        for place in places[:3]:
            await town.look(place, seen(place, 451))
        for place in places[3:7]:
            await town.look(place, seen(place))
        assert [round(b - a, 6) for a, b in itertools.pairwise(town.starts)] == [1, 2, 4, 2, 1, 0]
        town.seconds = 1
        await town.looks(places)
        assert town.most["example.com"] == 4

    played(story())


def test_a_refusal_stops_those_who_were_about_to_begin() -> None:
    """Three more had their places and waited only for their moment; an operator that is not displeased goes on."""

    async def story() -> None:
        town = Town(Manners(100, rate=2, **POLITE), seconds=0.1)
        first, *rest = farm(4)
        other = at("192.0.2.1", "mx.example.org")
        await asyncio.gather(town.look(first, seen(first, 421)), *map(town.look, rest), town.look(other))
        assert town.starts == [0, 0.5, 1.1, 2.2, 3.3]
        assert [place.host for _, place in town.visits][:2] == ["mx0.example.com", "mx.example.org"]
        await asyncio.sleep(2)
        assert empty(town.manners)

    played(story())


def test_a_displeased_network_keeps_no_place_of_an_organisation() -> None:
    """The organisation has been friendly elsewhere since; its place is free after the usual pause."""

    async def story() -> None:
        town = Town(Manners(per_operator=1, pause=0.1), seconds=0.0)
        angry = at("192.0.2.1", "mx.example.com")
        friend, another, last = farm(3)
        for _ in range(3):
            await town.look(angry, seen(angry, 421))
        for _ in range(3):
            await town.look(friend, seen(friend))
        before = now()
        await town.look(angry)
        assert now() - before < 5
        before = now()
        await town.look(another)
        await town.look(last)
        assert now() - before == pytest.approx(0.2)

    played(story())


def paces(*answers: Observation) -> list[float]:
    """Look at hosts one after the other that answer like that; the seconds between."""

    async def story() -> list[float]:
        town = Town(Manners(per_operator=4, pause=0.1), seconds=0.0)
        for answer in (*answers, seen(answers[0].endpoint)):
            await town.look(answer.endpoint, answer)
        return [round(b - a, 6) for a, b in itertools.pairwise(town.starts)]

    return played(story())


def test_a_closed_door_means_us_only_where_it_was_open_before() -> None:
    """A server that closes the connection without a word may do so with everybody."""
    place = at("192.0.2.1", "mx.example.com")
    shut, good = seen(place, trouble=Trouble.CLOSED), seen(place)
    assert paces(shut, shut, shut) == [0.1, 0.1, 0.1]
    assert paces(good, shut, shut) == [0.1, 1, 2]


@pytest.mark.parametrize("trouble", [Trouble.REFUSED, Trouble.TIMEOUT])
def test_silence_means_us_only_three_times_in_a_row(trouble: Trouble) -> None:
    """And only in a network that let us in before; it never costs more than four seconds, for hosts do vanish."""
    place = at("192.0.2.1", "mx.example.com")
    gone, good = seen(place, trouble=trouble), seen(place)
    assert paces(*[gone] * 6) == [0.1] * 6
    assert paces(good, gone, gone, good, gone, gone) == [0.1] * 6
    assert paces(good, *[gone] * 3) == [0.1, 0.1, 0.1, 1]
    assert max(paces(good, *[gone] * 30)) == 4


def test_closed_ports_of_one_address_are_no_sign() -> None:
    """Whoever looks at every port of a server finds some where nobody is."""

    async def story() -> list[float]:
        town = Town(Manners(per_operator=4, pause=0.1), seconds=0.0)
        place = at("192.0.2.1", "mx.example.com")
        await town.look(place, seen(place), *[seen(place, trouble=Trouble.REFUSED)] * 9)
        await town.look(place)
        return town.starts

    assert played(story()) == [0, 0.1]


def test_hosts_that_are_gone_all_over_an_organisation_are_no_sign() -> None:
    """Of a large one some always are."""
    first, *rest = farm(10)
    assert max(paces(seen(first), *(seen(place, trouble=Trouble.TIMEOUT) for place in rest))) == 0.1


def test_standing_outlasts_a_visit_within_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who refused us is treated with care an hour later; the number of those remembered does not grow."""
    monkeypatch.setattr(module, "REMEMBERED", 10)

    async def story() -> None:
        town = Town(Manners(100, **POLITE), seconds=0.0)
        place = at("192.0.2.1", "mx.example.com")
        for _ in range(3):
            await town.look(place, seen(place, 554))
        await asyncio.sleep(3600)
        assert empty(town.manners)
        await town.looks([place, place])
        assert town.starts[-1] - town.starts[-2] == 4
        await asyncio.sleep(60)
        others = farm(200, "mx.example{}.org")
        await asyncio.gather(*(town.look(other, seen(other)) for other in others))
        await asyncio.sleep(1)
        assert empty(town.manners)
        assert len(town.manners._queue._remembered) == 10

    played(story())


def test_who_is_excluded() -> None:
    """By --exclude first, then by what is not public unless that is lifted; in whatever form the address comes."""
    strict = Manners(exclude=networks("192.0.46.0/24\n2a00::/16\n10.0.0.0/8"), allow_private=False)
    assert strict.refusal(at("192.0.47.8")) is None
    assert strict.refusal(at("192.0.46.8")) == "192.0.46.8 is in 192.0.46.0/24, which is excluded"
    assert strict.refusal(at("64:ff9b::192.0.46.8")) == "64:ff9b::192.0.46.8 is in 192.0.46.0/24, which is excluded"
    assert strict.refusal(at("2a00::1")) == "2a00::1 is in 2a00::/16, which is excluded"
    assert strict.refusal(at("10.1.2.3")) == "10.1.2.3 is in 10.0.0.0/8, which is excluded"
    assert strict.refusal(at("127.0.0.1")) == ("127.0.0.1 is a loopback address (RFC 1122); --allow-private lifts this")
    assert Manners().refusal(at("127.0.0.1")) is None


@pytest.mark.unmeasured
def test_a_storm_of_cancellations() -> None:
    """Whoever waits, whoever has a turn, and whoever has just been called: all of it comes back."""

    async def story(seed: int) -> None:
        chance = Random(seed)  # noqa: S311 -- no secret
        town = Town(Manners(6, per_operator=2, pause=0.1, rate=chance.choice([None, 20])))
        places = [
            at(f"10.0.{chance.randrange(3)}.{chance.randrange(4)}", f"mx.e{chance.randrange(4)}.com") for _ in "x" * 80
        ]
        tasks = [asyncio.create_task(town.look(place)) for place in places]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(chance.choice([0, 0, 0.05, 0.1, 1]))
            for task in chance.sample(tasks, 5):
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(1)
        assert empty(town.manners)
        assert await town.looks(places[:20]) > 0
        assert all(count == 0 for count in town.here.values())

    for seed in range(40):
        played(story(seed))


@pytest.mark.parametrize("before", [True, False])
def test_cancelled_in_the_moment_of_the_call(before: bool) -> None:
    """Just before the turn is given, or just after: the next one has it at once, for nobody was called."""

    async def story() -> list[float]:
        town = Town(Manners(1, per_operator=1, pause=5))
        first, second, third = farm(3, "mx.example{}.com")
        called, last = asyncio.create_task(town.look(second)), asyncio.create_task(town.look(third))
        async with town.manners.turn(first):
            await asyncio.sleep(1)
            if before:
                called.cancel()
        called.cancel()
        await last
        assert called.cancelled()
        await asyncio.sleep(6)
        assert empty(town.manners)
        return town.starts

    assert played(story()) == [1]


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 2),  # network
        st.integers(1, 3),  # host in it
        st.integers(0, 3),  # organisation; 0 = a bare address
        st.sampled_from([0.0, 0.0, 0.3, 1.0]),  # seconds until the next one
        st.sampled_from([None, None, None, 421]),
        st.sampled_from([None, None, None, 0.0, 0.05, 1.0]),  # patience
    ),
    max_size=60,
)


@given(ARRIVALS, st.integers(1, 8), st.integers(1, 3), st.sampled_from([0.0, 0.1]), st.sampled_from([None, 4.0]))
def test_any_crowd(
    arrivals: list[tuple[int, int, int, float, int | None, float | None]],
    at_once: int,
    cap: int,
    pause: float,
    rate: float | None,
) -> None:
    """Whoever comes, and gives up, and refuses: no bound is ever broken, nobody is forgotten, nothing is left."""

    async def story() -> None:
        town = Town(Manners(at_once, per_operator=cap, pause=pause, rate=rate), seconds=0.4)
        tasks = []
        patient = 0
        for network, host, who, seconds, code, patience in arrivals:
            place = at(f"10.0.{network}.{host}", f"mx.e{who}.com" if who else None)
            tasks.append(asyncio.create_task(town.look(place, seen(place, code))))
            if patience is not None:
                asyncio.get_running_loop().call_later(patience, tasks[-1].cancel)
            patient += patience is None
            await asyncio.sleep(seconds)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert ends.count(None) >= patient
        await asyncio.sleep(61)
        assert empty(town.manners)
        held(town, at_once, cap, pause, rate)

    played(story())


def held(town: Town, at_once: int, cap: int, pause: float, rate: float | None) -> None:
    """Every bound was kept."""
    for key, most in town.most.items():
        assert most <= (at_once if key == "all" else 1 if key[:1] == b"=" else cap)
    for began, _, keys in town.spans:
        for key in keys[1:]:
            others = [end for start, end, where in town.spans if key in where and start <= began < end + pause - 1e-6]
            assert len(others) <= (1 if key[:1] == b"=" else cap)
    if rate:
        assert all(b - a >= 1 / rate - 0.011 for a, b in itertools.pairwise(town.starts))


def test_a_turn_is_cheap() -> None:
    """In the way of nobody, it costs some microseconds: 200 is what a slow machine under load may take."""

    async def story() -> float:
        manners = Manners(1000, per_operator=4)
        places = farm(2_000, "mx.example{}.com")
        before = time.process_time()
        for place in places:
            async with manners.turn(place):
                pass
        return (time.process_time() - before) / len(places)

    assert asyncio.run(story()) < 200e-6
