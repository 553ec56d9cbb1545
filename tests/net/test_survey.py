"""All looks at one target, on loopback: who is asked, in which order, how many at once, and what stays known."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from fake_mta import Script, parse, scripts, serving
from net.fake_dns import Resolver, Says, Zone, resolver

from probe.model import Dnssec, Kind, Protocol, Stage, Survey, Target, Tls, Trouble
from probe.net import survey as module
from probe.net import ways as ways_module
from probe.net.dns import MOST_HOSTS, Dns
from probe.net.known import Known
from probe.net.manners import Manners
from probe.net.observe import ObserveOptions
from probe.net.servers import DnsOptions
from probe.net.survey import survey
from probe.net.ways import Breadth

SCRIPTS = {script.name: script for script in scripts()}
GOOD = SCRIPTS["good-starttls"]
SILENT = SCRIPTS["silent-at-greeting"]
BUSY = SCRIPTS["greeting-421"]
V6 = "::1"


def address(number: int) -> str:
    """Give a loopback address that no other process of these tests uses."""
    return f"127.{64 + (os.getpid() >> 8 & 63)}.{os.getpid() & 255}.{number}"


ONE, TWO, THREE, NOBODY = map(address, (1, 2, 3, 4))


@dataclass
class Town:
    """Scripted servers at one port of several addresses, and how many clients were there."""

    port: int = 0
    now: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    """Clients at one time."""
    visits: Counter[str] = field(default_factory=Counter)
    crowd: int = 0
    """The most clients at one time in the whole town."""

    @contextmanager
    def visit(self, address: str) -> Iterator[None]:
        """Count a client."""
        self.visits[address] += 1
        self.now[address] += 1
        self.most[address] = max(self.most[address], self.now[address])
        self.crowd = max(self.crowd, self.now.total())
        try:
            yield
        finally:
            self.now[address] -= 1


@asynccontextmanager
async def town(servers: Mapping[str, Script]) -> AsyncIterator[Town]:
    """Let them all listen at the port that was free for the first."""
    here = Town()
    async with AsyncExitStack() as stack:
        for place, script in servers.items():
            listening = serving(script, host=place, port=here.port, visit=partial(here.visit, place))
            here.port = await stack.enter_async_context(listening)
        yield here


Work = Callable[[Town, Resolver, Dns], Awaitable[Any]]


def played(servers: Mapping[str, Script], zone: Zone | Callable[[int], Zone], work: Work, **dns: Any) -> Any:
    """Do the work while servers and resolver are there; a zone may depend on the port."""

    async def play() -> Any:
        async with town(servers) as here:
            with resolver(zone(here.port) if callable(zone) else zone, **dns) as names:
                return await work(here, names, Dns(DnsOptions(((names.address, names.port),))))

    return asyncio.run(play())


def domain(port: int = 25) -> Target:
    """Give the domain whose mail hosts are asked at this port."""
    return Target("example.test", port, kind=Kind.DOMAIN)


def seen(
    servers: Mapping[str, Script],
    zone: Zone,
    breadth: Breadth | None = None,
    timeout: float = 20.0,
    target: Target | None = None,
) -> tuple[Survey, Town]:
    """Survey the domain, or the target at the port of the servers."""

    async def look(here: Town, _: Resolver, dns: Dns) -> tuple[Survey, Town]:
        asked = Target(target.name, here.port) if target else domain(here.port)
        options = ObserveOptions(timeout=timeout, greeting_timeout=min(timeout, 10.0))
        return await survey(asked, options, dns, breadth), here

    found: tuple[Survey, Town] = played(servers, zone, look)
    return found


def hosts(**addresses: str | list[str]) -> dict[str, str | list[str] | Says]:
    """A zone with mail hosts of the domain, preferred in this order, and their addresses."""
    zone: dict[str, str | list[str] | Says] = {
        "example.test MX": [f"{10 * n} {host}.example.test." for n, host in enumerate(addresses, start=1)]
    }
    for host, every in addresses.items():
        listed = [every] if isinstance(every, str) else every
        for kind, sort in (("AAAA", True), ("A", False)):
            if here := [one for one in listed if (":" in one) is sort]:
                zone[f"{host}.example.test {kind}"] = here
    return zone


def ends(found: Survey) -> list[tuple[str | None, str | None, Stage, Trouble | None]]:
    """Say of each look where it was, and how it ended."""
    return [
        (one.endpoint.host, one.endpoint.address, one.stage, one.failure.trouble if one.failure else None)
        for one in found.observations
    ]


def test_no_host_hides_another() -> None:
    """By preference, IPv6 first: one that is right twice, one that refuses, one that hangs, one that breaks off."""
    zone = hosts(slow=THREE, both=[ONE, V6], shut=NOBODY, odd=TWO)
    servers = {V6: GOOD, ONE: GOOD, TWO: SCRIPTS["says-220-then-hangs-up"], THREE: SILENT}
    began = time.monotonic()
    found, here = seen(servers, zone, timeout=2)
    assert time.monotonic() - began < 5
    assert ends(found) == [
        ("slow.example.test", THREE, Stage.GREETING, Trouble.TIMEOUT),
        ("both.example.test", V6, Stage.DONE, None),
        ("both.example.test", ONE, Stage.DONE, None),
        ("shut.example.test", NOBODY, Stage.CONNECT, Trouble.REFUSED),
        ("odd.example.test", TWO, Stage.EHLO, Trouble.CLOSED),
    ]
    assert [one.endpoint.mx_preference for one in found.observations] == [10, 20, 20, 30, 40]
    assert {one.endpoint.sni for one in found.observations if one.endpoint.address == ONE} == {"both.example.test"}
    assert (found.left_out, found.target) == ((), domain(here.port))
    assert found.domain
    assert [mx.host.partition(".")[0] for mx in found.domain.mx] == ["slow", "both", "shut", "odd"]


def test_dns_that_hangs_for_one_host_hides_no_other() -> None:
    """Neither for its addresses, nor while somebody asks whether it is an alias."""
    silence = Says(manner="silence")
    hanging: dict[str, str | list[str] | Says] = {"hang.example.test A": silence, "hang.example.test AAAA": silence}
    began = time.monotonic()
    found, _ = seen({ONE: GOOD}, hosts(a=ONE, hang=[]) | hanging, timeout=1.5)
    assert time.monotonic() - began < 4
    assert ends(found) == [
        ("a.example.test", ONE, Stage.DONE, None),
        ("hang.example.test", None, Stage.DNS, Trouble.UNRESOLVED),
    ]
    assert "dns" in found.observations[0].timing_ms


def test_a_family_that_cannot_be_looked_up_is_left_out_aloud() -> None:
    """What was seen of the other one is not the whole."""
    found, _ = seen({ONE: GOOD}, {**hosts(a=ONE), "a.example.test AAAA": Says(rcode="SERVFAIL")})
    assert ends(found) == [("a.example.test", ONE, Stage.DONE, None)]
    (left,) = found.left_out
    assert left.startswith("more addresses of a.example.test (SERVFAIL for a.example.test AAAA, says 127.0.0.1:")


def test_one_machine_is_asked_once_at_a_time_however_dns_writes_it() -> None:
    """::ffff:192.0.2.1 is 192.0.2.1 (RFC 4291 §2.5.5.2)."""
    found, here = seen({ONE: SLOW}, hosts(a=ONE, b=f"::ffff:{ONE}"))
    assert [stage for *_, stage, _ in ends(found)] == [Stage.DONE, Stage.DONE]
    assert here.crowd == 1


SLOW = parse("slow", "ends done\npause 10\n" + "\n".join(GOOD.connections[0]))
"""Good, and it takes some time to greet."""


def test_one_connection_to_an_address_at_a_time() -> None:
    """However many hosts have it, and however often each is asked."""
    found, here = seen({ONE: GOOD}, hosts(a=ONE, b=ONE, c=ONE), Breadth(repeat=3))
    assert len(found.observations) == here.visits[ONE] == 9
    assert here.most == {ONE: 1}


def test_addresses_are_asked_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, unless there are very many."""
    zone = hosts(a=[ONE, TWO], b=THREE)
    found, here = seen(dict.fromkeys((ONE, TWO, THREE), SLOW), zone)
    assert (here.crowd, len(found.observations)) == (3, 3)
    monkeypatch.setattr(module, "Manners", partial(Manners, 2))
    found, here = seen(dict.fromkeys((ONE, TWO, THREE), SLOW), zone)
    assert (here.crowd, len(found.observations)) == (2, 3)


def test_a_pool_behind_one_address() -> None:
    """The same question again is answered by another member."""
    lines = GOOD.connections[0]
    other = ["tls hundred" if line.startswith("tls") else line for line in lines]
    pool = parse("pool", "\n".join(["ends done", *lines, "again", *other, "again", *lines]))
    found, here = seen({ONE: pool}, hosts(mx=ONE), Breadth(repeat=3))
    assert [len(one.presented or ()) for one in found.observations] == [2, 100, 2]
    assert len({one.endpoint for one in found.observations}) == 1
    assert here.visits[ONE] == 3


def ways(found: Survey) -> list[tuple[str | None, ...]]:
    """Say how each look asked."""
    return [(one.endpoint.sni, one.endpoint.offered_key, one.endpoint.offered_tls) for one in found.observations]


def test_thorough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way at the port that was asked for, and one look at each other mail port that answers."""

    async def look(here: Town, _: Resolver, dns: Dns) -> tuple[Survey, int, int]:
        async with serving(SCRIPTS["good-implicit"], host=ONE) as second, serving(GOOD, host=TWO) as elsewhere:
            ports = {
                here.port: (Protocol.SMTP, Tls.STARTTLS),
                second: (Protocol.SUBMISSION, Tls.IMPLICIT),
                elsewhere: (Protocol.IMAP, Tls.STARTTLS),
            }
            monkeypatch.setattr(ways_module, "PORTS", ports)
            options = ObserveOptions(timeout=20)
            return await survey(domain(here.port), options, dns, Breadth(thorough=True)), here.port, second

    found, port, second = played({ONE: GOOD}, hosts(mx=ONE), look)
    name = "mx.example.test"
    assert ways(found) == [
        (name, None, None),
        (None, None, None),
        (name, "rsa", None),
        (name, "ecdsa", None),
        (name, None, "TLSv1.2"),
        (name, None, "TLSv1.3"),
        (name, None, None),
    ]
    assert [one.endpoint.port for one in found.observations] == [port] * 6 + [second]
    last = found.observations[-1]
    assert (Stage.DONE, Protocol.SUBMISSION, Tls.IMPLICIT) == (last.stage, last.endpoint.protocol, last.endpoint.tls)
    assert found.observations[-1].tlsa is None
    assert found.left_out == ()


def test_what_is_not_wanted_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """421 and 554 as a greeting: nothing more is asked of that address, and it is said what was not."""
    monkeypatch.setattr(ways_module, "PORTS", {})
    found, here = seen({ONE: BUSY, TWO: SCRIPTS["greeting-554"]}, hosts(a=ONE, b=TWO), Breadth(True, 4))
    assert here.visits == {ONE: 1, TWO: 1}
    assert [one.greeting and one.greeting.code for one in found.observations] == [421, 554]
    places = {f"a.example.test at {ONE}:{here.port}", f"b.example.test at {TWO}:{here.port}"}
    assert {*found.left_out} == {f"{place}, asked 1 of 4 times" for place in places}


def test_a_server_that_has_enough_of_us_is_left_alone() -> None:
    """Many count connections; whoever goes on is locked out for longer."""
    enough = parse("enough", "\n".join(["ends done", *GOOD.connections[0], "again", *BUSY.connections[0]]))
    found, here = seen({ONE: enough}, hosts(mx=ONE), Breadth(repeat=10))
    assert [one.stage for one in found.observations] == [Stage.DONE, Stage.GREETING]
    assert here.visits == {ONE: 2}
    assert found.left_out == (f"mx.example.test at {ONE}:{here.port}, asked 2 of 10 times",)


def test_after_the_deadline_nobody_is_asked() -> None:
    """Nor accused: the other host at a hanging address was not looked at, and neither was anything else there."""
    began = time.monotonic()
    found, here = seen({ONE: SILENT, TWO: GOOD}, hosts(a=ONE, b=ONE, c=TWO), Breadth(repeat=2), timeout=1)
    assert time.monotonic() - began < 3
    assert [one[1:] for one in ends(found)] == [
        (ONE, Stage.GREETING, Trouble.TIMEOUT),
        (TWO, Stage.DONE, None),
        (TWO, Stage.DONE, None),
    ]
    assert here.visits[ONE] == 1
    assert {one.partition(", ")[0] for one in found.left_out} == {
        f"{h}.example.test at {ONE}:{here.port}" for h in "ab"
    }
    assert [one.partition(", ")[2] for one in found.left_out].count("asked 1 of 2 times") == 1


def test_too_many_hanging_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever had no turn is named as such."""
    monkeypatch.setattr(module, "Manners", partial(Manners, 1))
    found, here = seen({ONE: SILENT, TWO: GOOD}, hosts(a=[ONE, TWO]), timeout=1)
    assert ends(found) == [("a.example.test", ONE, Stage.GREETING, Trouble.TIMEOUT)]
    assert (here.visits, found.left_out) == ({ONE: 1}, (f"a.example.test at {TWO}:{here.port}",))


async def until(so: Callable[[], bool]) -> None:
    """Wait for what the program and the servers do beside us."""
    while not so():  # noqa: ASYNC110 -- neither of them has an event for a test
        await asyncio.sleep(0.01)


def test_what_was_seen_stays_known() -> None:
    """Somebody loses patience: the good host is kept with what DNS says of it; of the others, how far they came."""

    async def interrupted(here: Town, _: Resolver, dns: Dns) -> tuple[Survey, Known, int]:
        known = Known(domain(here.port))
        task = asyncio.create_task(survey(known.target, ObserveOptions(), dns, Breadth(repeat=2), known))
        async with asyncio.timeout(10):
            await until(lambda: len(known.seen) == 2 and len(known.tlsa) == 2)
            count = known.count()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not here.now[TWO])
        assert count == (2, 3)
        return known.survey, known, here.port

    record = "3 1 1 " + "00" * 32

    def zone(port: int) -> Zone:
        return hosts(a=TWO, b=ONE) | {f"_{port}._tcp.b.example.test TLSA": record}

    found, known, port = played({ONE: GOOD, TWO: SILENT}, zone, interrupted)
    assert ends(found) == [("b.example.test", ONE, Stage.DONE, None)] * 2
    (left_out,) = found.left_out
    assert re.fullmatch(rf"a\.example\.test at {TWO}:{port} \(connected, no greeting after \d s\)", left_out)
    assert found.domain == known.domain
    assert [[r.text for r in one.tlsa.records] for one in found.observations if one.tlsa] == [[record]] * 2


def test_an_interrupted_second_connection_keeps_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The silence was seen in full; that the port does not speak TLS at once either is not known."""
    monkeypatch.setattr("probe.net.observe.IMPLICIT_TIMEOUT", 30)

    async def interrupted(here: Town, _: Resolver, dns: Dns) -> Survey:
        known = Known(Target(ONE, here.port))
        task = asyncio.create_task(survey(known.target, ObserveOptions(greeting_timeout=0.2), dns, known=known))
        async with asyncio.timeout(10):
            await until(lambda: here.visits.get(ONE, 0) == 2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return known.survey

    found = played({ONE: SILENT}, {}, interrupted)
    assert ends(found) == [(ONE, ONE, Stage.GREETING, Trouble.TIMEOUT)]
    assert found.left_out == ()


def test_what_dns_says_of_dane_is_at_every_look() -> None:
    """Of each host by its name, with how far every step is signed; a host without records has an answer, too."""

    async def look(here: Town, _: Resolver, dns: Dns) -> Survey:
        return await survey(domain(here.port), ObserveOptions(), dns)

    def zone(port: int) -> Zone:
        records = {f"_{port}._tcp.a.example.test TLSA": ["3 1 1 " + "ab" * 32, "2 0 1 " + "cd" * 32]}
        return hosts(a=[ONE, TWO], b=ONE) | records

    found = played({ONE: GOOD, TWO: GOOD}, zone, look, signed=["."])
    told = [one.tlsa for one in found.observations]
    assert [len(one.records) for one in told] == [2, 2, 0]
    assert {(one.dnssec, one.address_dnssec, one.mx_dnssec) for one in told} == {(Dnssec.SECURE,) * 3}


def test_a_server_of_an_address_has_no_records_in_the_world() -> None:
    """An address without a name is asked for no TLSA records."""

    async def look(here: Town, names: Resolver, dns: Dns) -> tuple[Survey, list[str]]:
        return await survey(Target(ONE, here.port), ObserveOptions(), dns), names.asked

    found, asked = played({ONE: GOOD}, {}, look)
    assert ends(found) == [(ONE, ONE, Stage.DONE, None)]
    assert (found.observations[0].tlsa, asked) == (None, [])


@pytest.mark.unmeasured
def test_many_hosts_and_addresses_are_bounded() -> None:
    """Of a thousand MX the preferred ones are asked, of a host's addresses so many, and the others are named."""
    many = [f"{n} mx{n}.example.test." for n in range(1000)]
    zone = {"example.test MX": many, "mx3.example.test A": [address(n) for n in range(100, 120)]}
    found, here = seen({ONE: GOOD}, zone)
    assert found.domain
    assert found.domain.left_out == 1000 - MOST_HOSTS
    assert Counter(one.stage for one in found.observations) == {
        Stage.DNS: MOST_HOSTS - 1,
        Stage.CONNECT: module.ADDRESSES,
    }
    assert found.left_out == ("4 more addresses of mx3.example.test (16 are the most)",)
    assert here.visits == {}


NOWHERE: dict[str, tuple[Zone, Trouble]] = {
    "null MX": ({"example.test MX": "0 ."}, Trouble.NULL_MX),
    "no MX": ({"example.test TXT": '"x"'}, Trouble.NO_MX),
    "no such domain": ({}, Trouble.UNRESOLVED),
    "SERVFAIL": ({"example.test": Says(rcode="SERVFAIL")}, Trouble.UNRESOLVED),
    "garbage": ({"example.test": Says(manner="garbage")}, Trouble.UNRESOLVED),
    "loop": ({"example.test CNAME": "b.test.", "b.test CNAME": "example.test."}, Trouble.UNRESOLVED),
}


@pytest.mark.parametrize("case", NOWHERE)
def test_a_domain_without_mail_host(case: str) -> None:
    """There is nobody to ask, and the domain says why."""
    zone, trouble = NOWHERE[case]
    found, here = seen({ONE: GOOD}, zone, timeout=1 if case == "garbage" else 20)
    assert (found.observations, here.visits) == ((), {})
    assert found.domain
    assert found.domain.failure
    assert trouble is found.domain.failure.trouble


def test_a_silent_resolver() -> None:
    """It costs no more than the total deadline."""
    began = time.monotonic()
    found, _ = seen({ONE: GOOD}, {"example.test": Says(manner="silence")}, timeout=1)
    assert time.monotonic() - began < 3
    assert found.domain
    assert found.domain.failure
    assert Trouble.UNRESOLVED is found.domain.failure.trouble


def test_a_domain_that_is_its_own_mail_host() -> None:
    """RFC 5321 §5.1: without MX its addresses count."""
    found, _ = seen({ONE: GOOD}, {"example.test A": ONE})
    assert found.domain
    assert found.domain.implicit
    assert ends(found) == [("example.test", ONE, Stage.DONE, None)]


def test_odd_records_stand_beside_good_ones() -> None:
    """An alias is followed, an address is none, and what is no name is never asked for."""
    odd = [f"5 {ONE}.", "6 alias.example.test.", "7 \\$\\(reboot\\).example.", "8 x\\032y.", "9 a\\010\\027x.test."]
    zone = {"example.test MX": odd, "alias.example.test CNAME": "real.example.test.", "real.example.test A": TWO}

    async def look(here: Town, names: Resolver, dns: Dns) -> tuple[Survey, list[str]]:
        return await survey(domain(here.port), ObserveOptions(), dns), names.asked

    found, asked = played({ONE: GOOD, TWO: GOOD}, zone, look)
    assert ends(found) == [("alias.example.test", TWO, Stage.DONE, None)]
    assert found.domain
    assert (len(found.domain.mx), found.domain.mx[1].alias_of) == (5, "real.example.test")
    assert not [line for line in asked if "reboot" in line or "032" in line or "027" in line or ONE in line]


def told(found: Survey) -> list[str]:
    """Give the mail hosts that a failure names."""
    (one,) = found.observations
    assert one.failure
    return [symptom for symptom in one.failure.symptoms if symptom.startswith("mx:")]


@pytest.mark.parametrize(
    "zone",
    [hosts(a=ONE, b=TWO), hosts(a=ONE, b=TWO) | {"example.test A": NOBODY}],
    ids=["no address", "a web server's address"],
)
def test_a_bare_domain_was_meant_as_one(zone: Zone) -> None:
    """It has MX records, and answers no mail itself."""
    found, here = seen({ONE: GOOD}, zone, target=Target("example.test"))
    assert told(found) == ["mx:a.example.test", "mx:b.example.test"]
    assert here.visits == {}


def test_one_answer_is_enough_not_to_have_meant_the_domain() -> None:
    """The other address of the host is refused, and nothing is suggested."""
    zone = hosts(a=ONE) | {"example.test A": [TWO, NOBODY]}
    found, _ = seen({TWO: GOOD}, zone, target=Target("example.test"))
    assert [one.stage for one in found.observations] == [Stage.DONE, Stage.CONNECT]
    assert not [s for one in found.observations if one.failure for s in one.failure.symptoms if s.startswith("mx:")]


def test_only_one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """-4 and -6 hold for every host."""
    monkeypatch.setattr(ways_module, "PORTS", {})

    async def look(here: Town, _: Resolver, dns: Dns) -> list[list[str | None]]:
        options = [ObserveOptions(family=family, timeout=5) for family in (4, 6)]
        found = [await survey(domain(here.port), one, dns) for one in options]
        return [[one.endpoint.address for one in every.observations] for every in found]

    assert played({V6: GOOD, ONE: GOOD}, hosts(a=[V6, ONE]), look) == [[ONE], [V6]]
