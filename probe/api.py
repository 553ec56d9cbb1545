"""The library: ``check`` a mail server, ``analyze`` certificates, ``explain`` a text, find the ``problems`` in a log.

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
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from probe.model import Report, Target
from probe.pki import pem
from probe.pki.names import reference_name
from probe.targets import target_of

if TYPE_CHECKING:
    from probe.judgement import Options
    from probe.message import Message


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

    target = host if isinstance(host, Target) else target_of(host)
    return await probe_host(target, options or Options())


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
