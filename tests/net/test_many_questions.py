"""Many questions at once: what goes over shared sockets, what is kept, and what others may send in between."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import dns.message
import dns.rcode
import dns.rrset
import pytest
from msgspec.structs import replace
from net.fake_dns import Says, resolver

from probe.model import Dnssec
from probe.net import answers, resolve, resolvers, servers, sockets
from probe.net.dns import Dns
from probe.net.resolve import NO_ANSWER, Resolved
from probe.net.servers import Answer, DnsOptions

Told = TypeVar("Told")


def run(port: int, ask: Callable[[Dns], Awaitable[Told]], *more: tuple[str, int]) -> Told:
    """Ask, in a run that keeps its sockets."""

    async def whole() -> Told:
        async with Dns(DnsOptions((("127.0.0.1", port), *more))) as dns:
            return await ask(dns)

    return asyncio.run(whole())


@contextlib.contextmanager
def scripted(reply: Callable[[bytes], list[bytes]], held: list[int] | None = None) -> Iterator[int]:
    """A server on UDP that says to each question whatever packets a test makes of it; its port.

    With ``held`` it waits until nobody asks any more, notes how many questions there are, and answers them all.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        ended = threading.Event()
        sock.settimeout(0.05)

        def serve() -> None:
            waiting = list[tuple[bytes, tuple[str, int]]]()
            while not ended.is_set():
                try:
                    waiting.append(sock.recvfrom(4096))
                    if held is not None:
                        continue
                except TimeoutError:
                    if held is not None and waiting:
                        held.append(len(waiting))
                for question, peer in waiting:
                    for packet in reply(question):
                        sock.sendto(packet, peer)
                waiting.clear()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            ended.set()
            thread.join(5)


def answered(question: bytes, *addresses: str, rcode: str = "NOERROR") -> bytes:
    """Answer with these addresses."""
    query = dns.message.from_wire(question)
    response = dns.message.make_response(query, recursion_available=True)
    response.set_rcode(dns.rcode.from_text(rcode))
    if addresses:
        response.answer = [dns.rrset.from_text(query.question[0].name, 60, "IN", "A", *addresses)]
    return response.to_wire()


def of_another(question: bytes) -> bytes:
    """The right id, and an answer to a question that nobody asked."""
    other = dns.message.make_query("other.example", "A", id=int.from_bytes(question[:2], "big"))
    return answered(other.to_wire(), "192.0.2.66")


def its_number(question: bytes) -> int:
    """Take the number from mx7.example."""
    return int(dns.message.from_wire(question).question[0].name.labels[0][2:] or 0)


@pytest.mark.unmeasured
def test_two_thousand_at_once() -> None:
    """Over eight sockets, no more than so many on their way, and each gets its own answer; none is left behind."""
    held = list[int]()

    async def ask(dns: Dns) -> list[Answer]:
        return await asyncio.gather(*(dns.answers.of(f"mx{n}.example", "A", 2) for n in range(2000)))

    def reply(question: bytes) -> list[bytes]:
        return [answered(question, f"192.0.{its_number(question) // 250}.{its_number(question) % 250}")]

    with scripted(reply, held) as port:
        told = run(port, ask)
    assert [answer.records for answer in told] == [(f"192.0.{n // 250}.{n % 250}",) for n in range(2000)]
    assert answers.AT_ONCE <= max(held) <= answers.AT_ONCE + 1  # that of the root has no turn


def test_time_runs_from_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stands in a queue for longer than an answer may take is not told that nobody answered."""
    monkeypatch.setattr(answers, "AT_ONCE", 1)

    async def ask(dns: Dns) -> list[Answer]:
        return await asyncio.gather(*(dns.answers.of(f"mx{n}.example", "A", 0.3) for n in range(6)))

    with scripted(lambda question: [answered(question, "192.0.2.1")], []) as port:
        began = time.monotonic()
        told = run(port, ask)
    assert time.monotonic() - began > 0.3
    assert {answer.failure for answer in told} == {None}


def test_what_others_send_is_passed_over() -> None:
    """Another id, another question, a question, no DNS at all, a head alone: the answer comes after them."""

    def reply(question: bytes) -> list[bytes]:
        right = answered(question, "192.0.2.1")
        forged = bytes((question[0] ^ 0x5A, question[1])) + answered(question, "192.0.2.66")[2:]
        head = question[:2] + b"\x81\x80" + bytes(8)
        status = right[:2] + bytes((right[2] | 0x10,)) + right[3:]
        return [forged, of_another(question), question, b"\x16\x03\x01", b"", question[:2], head, status, right]

    with scripted(reply) as port:
        assert run(port, lambda dns: dns.answers.of("mx.example", "A", 2)).records == ("192.0.2.1",)


def test_a_late_answer_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes while the question is asked again, with another id, or while somebody else waits."""
    monkeypatch.setattr(resolvers, "ATTEMPT", 0.15)
    asked = list[bytes]()

    def reply(question: bytes) -> list[bytes]:
        asked.append(question)
        late = [answered(asked[0], "192.0.2.66")] if len(asked) == 2 else []
        return [*late, answered(question, "192.0.2.1")] if len(asked) > 1 else []

    with scripted(reply) as port:
        assert run(port, lambda dns: dns.answers.of("mx.example", "A", 2)).records == ("192.0.2.1",)
    assert asked[0][:2] != asked[1][:2]


def test_names_in_another_case_are_the_same() -> None:
    """Some servers write the question as they like it."""

    def reply(question: bytes) -> list[bytes]:
        return [answered(question.replace(b"example", b"EXAMPLE"), "192.0.2.1")]

    with scripted(reply) as port:
        assert run(port, lambda dns: dns.answers.of("mx.example", "A", 2)).records == ("192.0.2.1",)


@pytest.mark.parametrize("rcode", ["FORMERR", "NOTIMP"])
def test_a_server_without_edns(rcode: str) -> None:
    """It is asked the plain question; it says nothing of signatures then, and AD from it is not believed."""

    def reply(question: bytes) -> list[bytes]:
        query = dns.message.from_wire(question)
        if query.edns >= 0:
            number = bytes((0x81, 0x80 | dns.rcode.from_text(rcode)))
            return [question[:2] + number + bytes(8)]
        packet = answered(question, "192.0.2.1")
        return [packet[:3] + bytes((packet[3] | 0x20,)) + packet[4:]]

    with scripted(reply) as port:
        found = run(port, lambda dns: dns.answers.of("mx.example", "A", 2))
    assert (found.records, found.dnssec, found.failure) == (("192.0.2.1",), Dnssec.UNKNOWN, None)


def test_one_of_two_gives_up() -> None:
    """Who is cancelled, or grows tired, does not end the question that others wait for."""

    def reply(question: bytes) -> list[bytes]:
        time.sleep(0.2)
        return [answered(question, "192.0.2.1")]

    async def ask(dns: Dns) -> list[object]:
        tasks = [asyncio.create_task(dns.answers.of("mx.example", "A", s)) for s in (3, 3, 0.01)]
        await asyncio.sleep(0.02)
        tasks[0].cancel()
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    with scripted(reply) as port:
        first, second, third = run(port, ask)
    assert isinstance(first, asyncio.CancelledError)
    assert isinstance(second, Answer)
    assert (second.records, second.failure) == (("192.0.2.1",), None)
    assert isinstance(third, Answer)


def test_a_server_that_dies_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits there is told at once, each with the symptom, and whether anybody is alive is known for a moment."""
    monkeypatch.setattr(answers, "FRESH_LIFE", 0.05)
    monkeypatch.setattr(answers, "FRESH_FAILURE", 0.05)
    zone = {"a.example A": "192.0.2.1"}
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(resolver(zone)).port

        async def ask(dns: Dns) -> list[Answer]:
            assert (await dns.answers.of("a.example", "A", 5)).failure is None
            assert await dns.alive(1)
            stack.close()
            await asyncio.sleep(0.1)
            began = time.monotonic()
            told = await asyncio.gather(*(dns.answers.of(f"{n}.example", "A", 5) for n in range(300)))
            assert await asyncio.gather(*(dns.alive(1) for _ in range(20))) == [False] * 20
            assert time.monotonic() - began < 2
            with resolver(zone, port=port):
                await asyncio.sleep(0.1)
                assert await dns.alive(1)
            return told

        told = run(port, ask)
    assert {answer.failure.symptoms for answer in told if answer.failure} == {(NO_ANSWER,)}


def test_the_living_are_asked_once() -> None:
    """However many want to know, and whatever the server says."""
    with resolver({".": Says(rcode="REFUSED")}) as here:

        async def ask(dns: Dns) -> list[bool]:
            return [*await asyncio.gather(*(dns.alive(1) for _ in range(50))), await dns.alive(1)]

        assert run(here.port, ask) == [True] * 51
        assert len(here.asked) == 1


def test_refused_at_one_server_asks_the_next_at_once() -> None:
    """The operating system tells (ICMP); nobody waits for a time-out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with resolver({"mx.example A": "192.0.2.1"}) as here:
        began = time.monotonic()
        found = run(port, lambda dns: dns.answers.of("mx.example", "A", 5), (here.address, here.port))
        assert time.monotonic() - began < 1
        assert (found.records, found.resolver) == (("192.0.2.1",), f"127.0.0.1:{here.port}")


def test_nobody_answering_is_told_from_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    """For mail hosts and addresses alike; an rcode, an answer that cannot be read, is somebody's."""
    monkeypatch.setattr(resolvers, "ATTEMPT", 0.1)
    zone = {
        "silent.example": Says(manner="silence"),
        "failing.example": Says(rcode="SERVFAIL"),
        "cut.example MX": Says([f"{n} mx.example." for n in range(9)], manner="cut"),
        "cut.example A": Says([f"192.0.2.{n}" for n in range(9)], manner="cut"),
    }
    with resolver(zone) as here:
        for name, expected in (("silent", True), ("failing", False), ("cut", False)):

            async def ask(dns: Dns, name: str = f"{name}.example") -> list[bool]:
                failures = ((await dns.mail_hosts(name, 0.3)).failure, (await dns.addresses(name, 0, 0.3)).failure)
                return [NO_ANSWER in failure.symptoms for failure in failures if failure]

            assert run(here.port, ask) == [expected] * 2


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for last stays, and is not asked for again; a name that does not exist is kept, too."""
    monkeypatch.setattr(answers, "MOST_KEPT", 3)
    with resolver({"a.example A": "192.0.2.1"}) as here:

        async def ask(dns: Dns) -> None:
            for name in ("a", "no", "c", "a", "d", "e", "a", "c"):
                await dns.answers.of(f"{name}.example", "A", 5)
            assert len(dns.answers._known) == 3
            assert not dns.answers._coming

        run(here.port, ask)
    assert [line.split(".")[0][4:] for line in here.asked if " A" in line] == ["a", "no", "c", "d", "e", "c"]


def test_a_failure_is_kept_less_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a run of hours a server may come back."""
    monkeypatch.setattr(answers, "FRESH_FAILURE", 0.1)
    with resolver({"a.example": Says(rcode="SERVFAIL"), "b.example A": "192.0.2.1"}) as here:

        async def ask(dns: Dns) -> None:
            for pause in (0, 0.2, 0):
                await asyncio.sleep(pause)
                await dns.answers.of("a.example", "A", 5)
                await dns.answers.of("b.example", "A", 5)

        run(here.port, ask)
    assert here.asked.count("udp a.example A") == 2
    assert here.asked.count("udp b.example A") == 1


def test_ports_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket takes so many questions, and then another has its place."""
    monkeypatch.setattr(sockets.Line, "to", classmethod(_short_lived(sockets.Line.to)))
    peers = set[int]()

    async def ask(dns: Dns) -> int:
        for n in range(60):
            assert (await dns.answers.of(f"mx{n}.example", "A", 2)).records
            peers.update(line.sock.getsockname()[1] for line in dns.answers.resolvers._sockets[server]._lines)
        return len(dns.answers.resolvers._sockets[server]._lines)

    with scripted(lambda question: [answered(question, "192.0.2.1")]) as port:
        server = servers.Server("127.0.0.1", port)
        assert run(port, ask) <= sockets.SOCKETS
    assert len(peers) > 2 * sockets.SOCKETS


def _short_lived(real: Callable[[servers.Server], sockets.Line]) -> Callable[[object, servers.Server], sockets.Line]:
    return lambda _, server: replace(real(server), left=2)


def test_no_socket_is_left_open(recwarn: pytest.WarningsRecorder) -> None:
    """Neither by a run that is no context, nor by one that is cancelled while it waits."""

    async def one() -> Dns:
        dns = Dns(DnsOptions((("127.0.0.1", port),)))
        await dns.addresses("mx.example", 0, 5)
        lines = [line for one in dns.answers.resolvers._sockets.values() for line in one._lines]
        assert lines == []
        return dns

    async def cancelled() -> None:
        async with Dns(DnsOptions((("127.0.0.1", port),))) as dns:
            asking = asyncio.create_task(dns.addresses("silent.example", 0, 5))
            await asyncio.sleep(0.1)
            asking.cancel()

    with resolver({"mx.example A": "192.0.2.1", "silent.example": Says(manner="silence")}) as here:
        port = here.port
        asyncio.run(one())
        asyncio.run(cancelled())
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_the_hosts_file_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With ``direct`` the system is not asked: its file first, in any case of letters, then its servers ourselves."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.9 MX.example other # a word\n::9\tmx.example\nnonsense x.example\n\n127.0.0.1\n")
    monkeypatch.setattr(resolve, "HOSTS", hosts)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: pytest.fail("the system is asked"))
    with resolver({"x.example A": "192.0.2.1", "mx.example A": "192.0.2.2"}) as here:
        monkeypatch.setattr("probe.net.resolvers.system_servers", lambda: (servers.Server("127.0.0.1", here.port),))

        async def ask() -> list[Resolved]:
            async with Dns(DnsOptions(direct=True)) as dns:
                wanted = [("mx.example", 0), ("mx.example", 6), ("other", 6), ("x.example", 0), ("192.0.2.7", 0)]
                first = await dns.addresses("other", 0, 2)
                hosts.write_text("")
                return [first, *[await dns.addresses(name, family, 2) for name, family in wanted]]

        seen = [found.addresses for found in asyncio.run(ask())]
    assert seen == [("127.0.0.9",), ("127.0.0.9", "::9"), ("::9",), (), ("192.0.2.1",), ("192.0.2.7",)]
    assert not any("mx.example A" in line for line in here.asked)
