"""What only ``--verbose`` shows: each certificate in full, OpenSSL's own word, and the conversation with its times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.render.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from probe.model import Certificate, Chain, EndpointReport, Observation
    from probe.render.sheet import Sheet

MANY = 20
"""Names of one certificate; some hold hundreds."""


def add_details(sheet: Sheet, report: EndpointReport) -> None:
    """Add what is said of the list, each part where there is something to say."""
    if report.chain:
        _add_certificates(sheet, report.chain)
        _add_verdicts(sheet, report.chain)


def add_conversation(sheet: Sheet, observation: Observation, where: str = "") -> None:
    """Add how long each stage took, and every line that was spoken. ``where``: it is one of several."""
    if where:
        sheet.blank()
        sheet.say((where, "strong"), first="  ")
    _add_timing(sheet, observation)
    _add_transcript(sheet, observation)


def _add_certificates(sheet: Sheet, chain: Chain) -> None:
    for position, certificate in enumerate(chain.presented):
        sheet.blank()
        sheet.say((f"#{position + 1} {clean(certificate.label)}", "strong"), first="  ")
        for name, words in _fields(certificate):
            sheet.say(words, first=f"    {name:<9}  ")


def _fields(certificate: Certificate) -> Iterator[tuple[str, str]]:
    yield "sha256", certificate.sha256
    if certificate.problem:
        yield "problem", certificate.problem
        return
    names = certificate.dns_names + certificate.ip_addresses
    more = f", … and {len(names) - MANY} more" if len(names) > MANY else ""
    yield "subject", clean(certificate.subject.text)
    yield "issuer", clean(certificate.issuer.text)
    yield "names", ", ".join(clean(name) for name in names[:MANY]) + more
    yield "valid", f"{_moment(certificate.not_before)} to {_moment(certificate.not_after)}"
    yield "signature", certificate.signature_name
    yield from (("AIA", url) for url in certificate.aia)
    yield from (("problem", problem) for problem in certificate.problems)


def _moment(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S} UTC" if time else "?"


def _add_verdicts(sheet: Sheet, chain: Chain) -> None:
    judged = (("of the path that we found", chain.verdict), ("of the list as sent", chain.verdict_as_sent))
    sheet.blank()
    for what, verdict in judged:
        if verdict:
            sheet.say(f"{verdict.number} at depth {verdict.depth}: {verdict.text}", first=f"  OpenSSL {what}: ")


def _add_timing(sheet: Sheet, observation: Observation) -> None:
    if observation.timing_ms:
        sheet.blank()
        sheet.say(", ".join(f"{stage} {ms:.0f} ms" for stage, ms in observation.timing_ms.items()), first="  Took: ")


def _add_transcript(sheet: Sheet, observation: Observation) -> None:
    """Seconds since the start, who spoke, the line."""
    if observation.transcript:
        sheet.blank()
        sheet.say("The conversation, in seconds since its start:", first="  ")
    for line in observation.transcript:
        sheet.say(clean(line.line), first=f"  {line.ms / 1000:8.3f}  {line.sender:<6}  ")
