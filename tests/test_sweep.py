"""``probe.sweep`` as a library: back-pressure, clean ends, targets that are none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from cli.crowd import TOP, crowd
from cli.test_domain import VALIDATOR
from msgspec.structs import replace
from net.fake_dns import Says, resolver

from probe import Options, Report, check, sweep
from probe.net.manners import Manners
from probe.net.outage import Halted
from probe.net.servers import DnsOptions
from probe.pki import anchors
from probe.render.json import document

OPTIONS = Options(anchors=anchors.of((), "none"), fetch=False, allow_private=True)


def hasty(concurrency: int = 4) -> Manners:
    """Manners without waiting."""
    return Manners(concurrency, allow_private=True, patient=True)


def test_every_target_is_reported_once() -> None:
    """As ``check`` reports it, and as the contract wants it."""

    async def run(targets: list[str]) -> list[Report]:
        return [report async for report in sweep(targets, OPTIONS, manners=hasty())]

    with crowd(8) as here:
        found = asyncio.run(run([f"{address}:{here.port}" for address in here.addresses]))
        assert sorted(report.target.name for report in found) == sorted(here.addresses)
        alone = check(f"{here.addresses[0]}:{here.port}", OPTIONS)
    (same,) = [report for report in found if report.target == alone.target]
    assert [one.findings for one in same.endpoints] == [one.findings for one in alone.endpoints]
    for report in found:
        VALIDATOR.validate(document(report))


@pytest.mark.parametrize("slow", [False, True])
def test_a_slow_taker_is_waited_for(slow: bool) -> None:
    """Four times the concurrency are taken at most that nobody has had; and no connection is made ahead of that."""
    concurrency, taken = 2, 0

    def read(here_port: int, addresses: tuple[str, ...]) -> Iterator[str]:
        nonlocal taken
        for address in addresses:
            taken += 1
            yield f"{address}:{here_port}"

    async def slowly(targets: Iterator[str]) -> AsyncIterator[str]:
        for target in targets:
            await asyncio.sleep(0)
            yield target

    async def run() -> None:
        had = 0
        targets = read(here.port, here.addresses)
        source = slowly(targets) if slow else targets
        async with aclosing(sweep(source, OPTIONS, concurrency=concurrency, manners=hasty(concurrency))) as reports:
            async for _ in reports:
                await asyncio.sleep(0.03)
                assert taken - had <= 4 * concurrency + slow
                assert here.connections.total() - had <= 4 * concurrency
                had += 1
        assert had == 24

    with crowd(24) as here:
        asyncio.run(run())
    assert here.most[""] <= concurrency


ENDS = """\
import asyncio, gc, os, sys
from contextlib import aclosing
from probe import Options, sweep
from probe.net.manners import Manners
from probe.net.servers import DnsOptions
from probe.pki import anchors

dns, port, *addresses = sys.argv[1:]
where = ("127.0.0.1", int(dns))
options = Options(anchors=anchors.of((), "none"), fetch=False, allow_private=True, dns=DnsOptions((where,)))
targets = [f"{address}:{port}" for address in addresses] + [f"silent{n}.test:{port}" for n in range(9)]

async def run(way):
    asyncio.get_running_loop().slow_callback_duration = 60
    before = len(os.listdir("/proc/self/fd"))
    reports = sweep(targets, options, concurrency=20, manners=Manners(20, allow_private=True, patient=True))
    if way == "cancel":
        task = asyncio.create_task(consumed(reports))
        await asyncio.sleep(0.3)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            pass
    elif way == "aclose":
        await anext(reports)
        await reports.aclose()
    else:
        async with aclosing(reports):
            async for report in reports:
                break
    assert asyncio.all_tasks() == {asyncio.current_task()}, asyncio.all_tasks()
    del reports
    gc.collect()
    await asyncio.sleep(0)
    assert len(os.listdir("/proc/self/fd")) == before, os.listdir("/proc/self/fd")

async def consumed(reports):
    async with aclosing(reports):
        async for report in reports:
            await asyncio.sleep(10)

for way in ("break", "aclose", "cancel"):
    print(way)
    asyncio.run(run(way))
    gc.collect()
"""


def test_an_end_leaves_nothing_behind() -> None:
    """No task, no descriptor, and no warning of Python's, though looks and questions are under way."""
    with (
        crowd(30, delay=0.05) as here,
        resolver({f"silent{n}.test": Says(manner="silence") for n in range(9)}) as names,
    ):
        words = (str(names.port), str(here.port), *here.addresses)
        program = [sys.executable, "-X", "dev", "-W", "error", "-c", ENDS, *words]
        done = subprocess.run(program, cwd=TOP, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert here.connections.total() < 3 * 40


def test_a_target_that_is_none_is_raised_after_those_before_it() -> None:
    """What was under way is done and handed out; what follows is not begun."""
    found: list[str] = []

    async def run() -> None:
        words = [f"{address}:{here.port}" for address in here.addresses]
        async for report in sweep([*words[:5], "no host", *words[5:]], OPTIONS, manners=hasty()):
            found.append(report.target.name)  # noqa: PERF401 -- what came before the failure counts

    with crowd(10, delay=0.02) as here, pytest.raises(ValueError, match="no host"):
        asyncio.run(run())
    assert sorted(found) == sorted(here.addresses[:5])
    assert here.connections.keys() == set(here.addresses[:5])


def test_a_dead_resolver_is_no_report() -> None:
    """Halted, and nobody is called unresolvable for it."""

    async def run() -> list[str]:
        options = replace(OPTIONS, dns=DnsOptions((("127.0.0.1", port),)))
        return [report.target.name async for report in sweep(["one.test", "two.test"], options, manners=hasty())]

    with resolver({}) as names:
        port = names.port
    with pytest.raises(Halted, match="The resolver does not answer: "):
        asyncio.run(run())


def test_a_string_is_no_list() -> None:
    """Its letters are no hosts."""
    with pytest.raises(TypeError, match="a list of hosts, not a string"):
        asyncio.run(anext(sweep("mx.example.com")))


def test_private_addresses_want_leave() -> None:
    """By ``allow_private`` of the options, where no manners are given."""

    async def run(*, leave: bool) -> list[str]:
        options = replace(OPTIONS, allow_private=leave)
        found = [report async for report in sweep([f"{here.addresses[0]}:{here.port}"], options)]
        return [one for report in found for one in report.left_out]

    with crowd(1) as here:
        (why,) = asyncio.run(run(leave=False))
        assert not here.connections
        assert asyncio.run(run(leave=True)) == []
    assert "--allow-private" in why
    assert here.connections.total() == 1
