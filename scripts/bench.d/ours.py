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
    from probe.judgement import Options, report_of_survey
    from probe.model import Stage, Target
    from probe.net.dns import Dns
    from probe.net.observe import ObserveOptions
    from probe.net.servers import DnsOptions
    from probe.net.survey import survey
    from probe.pki.anchors import from_path
    from probe.render import json as written

    network = ObserveOptions(sni=job.name)
    options = Options(from_path(Path(job.folder, "root.pem")), name=job.name, fetch=False, allow_private=True)
    dns, waiting, done = Dns(DnsOptions()), iter(targets), 0

    async def worker() -> None:
        nonlocal done
        for address in waiting:
            seen = await survey(Target(address, job.port), network, dns, allow_private=True)
            if job.what == "look":
                done += all(one.stage is Stage.DONE and one.presented for one in seen.observations)
                continue
            report = report_of_survey(seen, options)
            done += report.status == "ok" and bool(written.text([report]))

    await asyncio.gather(*(worker() for _ in range(job.in_flight)))
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
