"""Our own side of the benchmark, in a process of its own: ``ours.py JOB`` prints a Spent as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from spent import Job, measured, raise_limit

SECONDS = 20.0
"""For one question."""


def main(job: Job) -> None:
    """Run the job."""
    raise_limit()

    def run(targets: list[str]) -> int:
        return asyncio.run((asked if job.what.startswith("dns") else swept)(job, targets))

    run(job.warm())
    print(json.dumps(measured(run, job.targets())))


async def swept(job: Job, targets: list[str]) -> int:
    """Probe all targets, so many at once, and count those that were reached and found in order."""
    from probe.api import sweep
    from probe.judgement import Options
    from probe.model import Target
    from probe.net.manners import Manners
    from probe.net.observe import ObserveOptions
    from probe.pki.anchors import from_path
    from probe.render.json import line

    if job.what == "look":
        return await looked(job, targets)
    network = ObserveOptions(sni=job.name)
    root = from_path(Path(job.folder, "root.pem"))
    options = Options(root, name=job.name, fetch=False, allow_private=True, network=network)
    manners, done = Manners(job.in_flight, per_operator=4, pause=0.1, patient=True), 0
    every = (Target(address, job.port) for address in targets)
    async for report in sweep(every, options, concurrency=job.in_flight, manners=manners):
        done += report.status == "ok" and bool(line(report))
    return done


async def looked(job: Job, targets: list[str]) -> int:
    """Look at all targets and judge nothing: what the sweep does before it judges."""
    from probe.model import Stage, Survey, Target
    from probe.net.dns import Dns
    from probe.net.manners import Manners
    from probe.net.observe import ObserveOptions
    from probe.net.overlap import overlapped
    from probe.net.servers import DnsOptions
    from probe.net.survey import survey

    network, dns, done = ObserveOptions(sni=job.name), Dns(DnsOptions()), 0
    manners = Manners(job.in_flight, per_operator=4, pause=0.1, patient=True)

    async def look(address: str) -> Survey:
        return await survey(Target(address, job.port), network, dns, allow_private=True, manners=manners)

    async for seen in overlapped(targets, look, job.in_flight * 4):
        done += all(one.stage is Stage.DONE and one.presented for one in seen.observations)
    return done


async def asked(job: Job, targets: list[str]) -> int:
    """Ask DNS for as many hosts, or domains, so many at once, and count those that have an address."""
    from probe.net.dns import Dns
    from probe.net.servers import DnsOptions

    dns, waiting, done = Dns(DnsOptions(resolver=(("127.0.0.1", job.port),))), iter(targets), 0

    async def worker() -> None:
        nonlocal done
        for address in waiting:
            host = f"h{address.replace('.', '-')}.example.com"
            if job.what == "dns-mx":
                host = (await dns.mail_hosts(host, SECONDS)).mx[0].host
            found, _ = await asyncio.gather(dns.addresses(host, 0, SECONDS), dns.tlsa(host, 25, None, SECONDS))
            done += bool(found.addresses)

    await asyncio.gather(*(worker() for _ in range(job.in_flight)))
    return done


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main(Job(**json.loads(sys.argv[1])))
