"""Whose failure it is: the server's, or ours."""

from __future__ import annotations

import asyncio
import errno
import resource
import shutil
import subprocess
import sys
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from net.fake_dns import Says, resolver

from probe.model import Domain, Endpoint, Failure, Observation, Stage, Survey, Target, Trouble, alone
from probe.net import outage as module
from probe.net.dns import Dns
from probe.net.outage import SPARE, Halted, Outage, room
from probe.net.resolve import NO_ANSWER
from probe.net.servers import DnsOptions

NONE = resource.RLIM_INFINITY
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def failed(*symptoms: str, address: str | None = "192.0.2.1") -> Survey:
    """A look that came to nothing."""
    failure = Failure(Trouble.UNREACHABLE, "it failed", symptoms)
    return alone(Observation(Endpoint("mx.example", address, 25), NOW, Stage.CONNECT, failure))


def judged(survey: Survey, port: int) -> str:
    """What is said when the sweep has to end; "" where it goes on."""

    async def run() -> None:
        dns = Dns(DnsOptions((("127.0.0.1", port),)))
        async with dns:
            await Outage(dns).refuse(survey)

    try:
        asyncio.run(run())
    except Halted as stop:
        return str(stop)
    return ""


@pytest.mark.parametrize(
    ("survey", "ours"),
    [
        (failed(f"errno:{errno.EMFILE}"), True),
        (failed(f"errno:{errno.ENOBUFS}"), True),
        (failed(f"errno:{errno.EADDRNOTAVAIL}"), True),
        (failed(f"errno:{errno.EADDRNOTAVAIL}", address="2001:db8::1"), False),
        (failed(f"errno:{errno.EMFILE}", address="2001:db8::1"), True),
        (failed(f"errno:{errno.EHOSTUNREACH}"), False),
        (failed(f"errno:{errno.ENETUNREACH}", address="2001:db8::1"), False),
        (failed("reply:421"), False),
        (failed(), False),
    ],
)
def test_errors_of_the_system_are_told_apart(survey: Survey, ours: bool) -> None:
    """An IPv6 that is turned off (EADDRNOTAVAIL on Linux) is no end; nobody is asked for any of them."""
    assert judged(survey, 1).startswith("This computer can open no more connections: ") is ours


OF_DOMAIN = Survey(
    Target("example.com", 25), (), Domain("example.com", NOW, failure=Failure(Trouble.UNRESOLVED, "none", (NO_ANSWER,)))
)


def test_a_network_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a way led out at the beginning, and leads out no more; whoever never had one has a laboratory."""
    for was, now in ((True, True), (True, False), (False, False)):
        ways = [was, now]
        monkeypatch.setattr(module, "routed", lambda ways=ways: ways.pop(0))
        said = judged(failed(f"errno:{errno.EHOSTUNREACH}"), 1)
        assert said.startswith("This computer has lost its network") is (was and not now)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="unshare (util-linux) makes a computer without a network")
def test_a_computer_without_a_way_out_says_so() -> None:
    """In a network namespace of its own."""
    program = "from probe.net.outage import routed; print(routed())"
    words = ["unshare", "-rn", sys.executable, "-c", program]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        pytest.skip(f"no namespaces here: {done.stderr}")
    assert done.stdout == "False\n"


@pytest.mark.parametrize("survey", [failed(NO_ANSWER, address=None), OF_DOMAIN])
def test_a_resolver_is_asked_whether_it_is_there(survey: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that answers anything is; that it was silent for one name is that name's trouble."""
    with resolver({}) as there:
        assert judged(survey, there.port) == ""
        assert set(there.asked) == {"udp . NS"}
    with resolver({".": Says(rcode="REFUSED")}) as there:
        assert judged(survey, there.port) == ""
    assert judged(survey, there.port).startswith("The resolver does not answer: ")
    monkeypatch.setattr(module, "RESOLVER_SECONDS", 0.3)
    with resolver({".": Says(manner="silence")}) as there:
        assert judged(survey, there.port).startswith("The resolver does not answer: ")


def test_a_resolver_that_was_there_answers_no_more() -> None:
    """One that never was is called by another word: most likely its address is wrong."""

    async def run() -> None:
        with ExitStack() as stack:
            port = stack.enter_context(resolver({})).port
            async with Dns(DnsOptions((("127.0.0.1", port),))) as dns:
                await dns.mail_hosts("example.com", 5)
                stack.close()
                await Outage(dns).refuse(OF_DOMAIN)

    with pytest.raises(Halted, match=r"^The resolver answers no more: none\.$"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("before", "wanted", "room_for", "after"),
    [
        ((200, 1000), 100, 100, 1000),
        ((200, 1000), 900, 900, 1000),
        ((1000, 1000), 2000, 1000 - SPARE, 1000),
        ((20, 20), 5, 1, 20),
        ((NONE, NONE), 5000, 5000, NONE),
        ((200, NONE), 1000, 1000, 4000 + SPARE),
    ],
)
def test_room_is_made_where_it_may_be(
    before: tuple[int, int], wanted: int, room_for: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The soft limit is raised as far as it goes, and never lowered; the hard one is the end of it."""
    limits = [before]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, pair: limits.append(pair))
    assert room(wanted) == room_for
    assert limits[-1] == (after, before[1])


def test_a_system_that_refuses_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it lets us open already is what we have."""

    def refuse(*_: object) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, NONE))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert room(1000) == 256 - SPARE
