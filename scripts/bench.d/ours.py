"""Our own side of the benchmark, in a process of its own: ``ours.py JOB`` prints what it spent as JSON.

A sweep is measured while it flies: it begins before the targets that count, with those of which the leaves are to be
known by then, and a few follow behind. The clock runs from the last outcome of the first to the last that counts.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path

from spent import Job, Meter, addresses, raise_limit

SECONDS = 20.0
"""For one question."""


def main(job: Job) -> None:
    """Run the job, after a small one that imports and makes whatever a process needs once."""
    raise_limit()
    small = addresses(job.warm_first, 8)
    if job.what.startswith("dns"):
        asyncio.run(asked(job, small))
        meter = Meter()
        meter.stop(asyncio.run(asked(job, job.targets())))
    else:
        asyncio.run(swept(job, small, 0, len(small), Meter()))
        meter = Meter()
        behind = addresses(job.warm_first, job.in_flight if job.warm_count else 0)
        targets = [*job.warm(), *job.targets(), *behind]
        asyncio.run(swept(job, targets, job.warm_count, job.count, meter))
    print(json.dumps(meter.read))


async def swept(job: Job, targets: list[str], before: int, count: int, meter: Meter) -> None:
    """Probe all targets; ``meter`` runs from the outcome number ``before`` for ``count`` outcomes."""
    good = 0
    async with aclosing((looks if job.what == "look" else reports)(job, iter(targets))) as outcomes:
        n = 0
        async for fine in outcomes:
            n += 1
            good += fine
            if n == before:
                meter.start()
                good = 0
            if n == before + count:
                meter.stop(good)


async def reports(job: Job, targets: Iterator[str]) -> AsyncGenerator[bool, None]:
    """Do all that a sweep does, and say of each whether it was found in order."""
    from probe import sweep
    from probe.judgement import Options
    from probe.model import Target
    from probe.net.observe import ObserveOptions
    from probe.pki.anchors import from_path
    from probe.render.json import line

    network, root = ObserveOptions(sni=job.name), from_path(Path(job.folder, "root.pem"))
    options = Options(root, name=job.name, fetch=False, allow_private=True, network=network)
    wanted = (Target(address, job.port) for address in targets)
    async with aclosing(sweep(wanted, options, concurrency=job.in_flight)) as found:
        async for report in found:
            yield report.status == "ok" and bool(line(report))


async def looks(job: Job, targets: Iterator[str]) -> AsyncGenerator[bool, None]:
    """Look, as a sweep does, and judge nothing."""
    from probe.garbage import searched_seldom
    from probe.model import Stage, Survey, Target
    from probe.net.dns import Dns
    from probe.net.hosts import Hosts
    from probe.net.manners import AHEAD, PAUSE, PER_OPERATOR, Manners
    from probe.net.observe import ObserveOptions
    from probe.net.overlap import overlapped
    from probe.net.survey import survey

    network, dns, hosts = ObserveOptions(sni=job.name), Dns(), Hosts()
    manners = Manners(job.in_flight, per_operator=PER_OPERATOR, pause=PAUSE, patient=True)

    async def seen(address: str) -> Survey:
        return await survey(Target(address, job.port), network, dns, allow_private=True, manners=manners, hosts=hosts)

    with searched_seldom():
        async with aclosing(overlapped(targets, seen, AHEAD * job.in_flight, lambda: manners.supplied)) as found:
            async for one in found:
                yield all(look.stage is Stage.DONE and look.presented for look in one.observations)


async def asked(job: Job, targets: list[str]) -> int:
    """Ask DNS for as many hosts, or domains, so many at once, and count those that have an address."""
    from probe.net.dns import Dns
    from probe.net.servers import DnsOptions

    options = DnsOptions(resolver=(("127.0.0.1", job.port),), direct=True)
    waiting, done = iter(targets), 0

    async def worker(dns: Dns) -> None:
        nonlocal done
        for address in waiting:
            host = f"h{address.replace('.', '-')}.example.com"
            if job.what == "dns-mx":
                host = (await dns.mail_hosts(host, SECONDS)).mx[0].host
            found, _ = await asyncio.gather(dns.addresses(host, 0, SECONDS), dns.tlsa(host, 25, None, SECONDS))
            done += bool(found.addresses)

    async with Dns(options) as dns:
        await asyncio.gather(*(worker(dns) for _ in range(job.in_flight)))
    return done


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(Job(**json.loads(sys.argv[1])))
