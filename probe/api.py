"""The library: ``check`` a server, ``sweep`` over many, ``analyze`` certificates, ``explain`` a text.

from probe import Options, analyze, check

report = check("mx.example.com:587")
for endpoint in report.endpoints:
    for finding in endpoint.findings:
        print(finding.severity, finding.id, finding.summary)

report = analyze(Path("servercert.pem").read_bytes(), name="mx.example.com")
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.model import Report, Target
from probe.pki import pem
from probe.pki.names import reference_name
from probe.targets import target_of

if TYPE_CHECKING:
    from probe.judgement import Options
    from probe.message import Message
    from probe.net.manners import Manners


def check(host: str | Target, options: Options | None = None) -> Report:
    """Probe one mail server and report; blocks for at most ``options.network.timeout`` seconds and 5 s for AIA.

    ``host`` is what the command line takes: a name, an address, either with a port, a pasted URL, or a mail address,
    which means all mail hosts of its domain. What the network or the server does is in the report. Raises ValueError
    when ``host`` names no host, and RuntimeError inside a running event loop, where ``acheck`` belongs.
    """
    return asyncio.run(acheck(host, options))


async def acheck(host: str | Target, options: Options | None = None) -> Report:
    """Probe one mail server and report, from asynchronous code; cancelling it closes the connection."""
    from probe.judgement import Options
    from probe.pipeline import probe_host

    return await probe_host(_target(host), options or Options())


async def sweep(
    targets: Iterable[str | Target] | AsyncIterable[str | Target],
    options: Options | None = None,
    *,
    concurrency: int = 200,
    manners: Manners | None = None,
) -> AsyncGenerator[Report, None]:
    """Probe many mail servers politely, and yield each report as it is done, in no order.

    ``targets`` are what ``check`` takes; they are read as they are needed, and nothing is begun while four times
    ``concurrency`` reports are under way or wait to be taken. One connection at a time goes to an address, four to an
    operator, a tenth of a second apart, and none to loopback and private addresses, unless ``manners`` or
    ``options.allow_private`` say otherwise. Closing the generator ends everything that is
    under way. Raises ValueError for a target that is none, once those before it are done, and
    ``probe.net.outage.Halted`` where this computer, its network or its resolver fails; TypeError where ``targets`` is a
    string.
    """
    from probe.judgement import Options
    from probe.net.manners import AHEAD, PAUSE, PER_OPERATOR, Manners
    from probe.pipeline import sweep as swept

    if isinstance(targets, str):
        raise TypeError(f"Give a list of hosts, not a string: [{targets!r}]")
    chosen = options or Options()
    polite = manners or Manners(
        concurrency,
        per_operator=PER_OPERATOR,
        pause=PAUSE,
        allow_private=chosen.allow_private,
        patient=True,
    )
    async with aclosing(swept(_understood(targets), chosen, polite, concurrency * AHEAD)) as reports:
        async for report in reports:
            yield report


def _understood(
    targets: Iterable[str | Target] | AsyncIterable[str | Target],
) -> Iterable[Target] | AsyncIterable[Target]:
    """Read what names a target."""
    if isinstance(targets, AsyncIterable):
        return (_target(word) async for word in targets)
    return map(_target, targets)


def _target(word: str | Target) -> Target:
    return word if isinstance(word, Target) else target_of(word)


def analyze(
    certificates: bytes | str | Iterable[bytes],
    name: str | None = None,
    at: datetime | None = None,
    options: Options | None = None,
) -> Report:
    """Judge certificates without any network, in the order in which a server sends them, and report.

    ``certificates`` is the text of a PEM file, PKCS#7, one DER certificate, or the DER of each. ``name`` is the
    reference name (RFC 9525); without it names are not judged. ``at`` defaults to now; a naive one is UTC.
    AIA is not asked, whatever ``options`` say. Raises ValueError when ``name`` is no name, or when
    bytes hold no certificate at all.
    """
    from probe.judgement import Options, report_of_certificates

    chosen = options or Options()
    chosen = replace(chosen, name=reference_name(name) if name else chosen.name, at=at or chosen.at)
    return report_of_certificates(_ders(certificates), chosen, datetime.now(UTC))


def explain(text: str) -> Message:
    """Say what an error code, a number, a name or a sentence means; ``page`` is None where we do not know it."""
    from probe.triage.explanation import explain as explained

    return explained(text)


def problems(content: bytes | str, name: str | None = None, now: datetime | None = None) -> tuple[Message, ...]:
    """Say what a bounce, a log or a TLS report tells of TLS: one message for each distinct problem, the worst first.

    ``name`` becomes the ``file`` of the messages. Stamps without a year are taken to lie before ``now``, by default the
    present; a naive one is UTC.
    """
    from probe.triage.groups import grouped
    from probe.triage.reading import Source
    from probe.triage.story import Triage

    moment = now or datetime.now(UTC)
    run = Triage(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    found = grouped(run.messages(Source(io.BytesIO(raw), name or "", len(raw)))).groups
    return found if name else tuple(replace(message, file=None) for message in found)


def _ders(certificates: bytes | str | Iterable[bytes]) -> Sequence[bytes]:
    if not isinstance(certificates, bytes | str):
        return tuple(certificates)
    text = certificates.encode() if isinstance(certificates, str) else certificates
    found = pem.certificates(text)
    if not found:
        raise ValueError("there is no certificate in it: PEM, PKCS#7 and DER are understood")
    return found
