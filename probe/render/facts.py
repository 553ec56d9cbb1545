"""The lines under the verdict: with whom we spoke, how, where it ended, and by whose trust it is judged."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from probe.catalogue.protocols import spoken_of
from probe.catalogue.recipes import GENERIC, ids, recipe
from probe.model import Confidence, Stage, Tls
from probe.render.clean import clean
from probe.render.dane import NONE, of_look

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from probe.model import Chain, Endpoint, EndpointReport, Failure, Mta, Observation, Report, Store

STAGES = {
    Stage.DNS: "the look-up of the name",
    Stage.CONNECT: "the connection",
    Stage.GREETING: "the greeting",
    Stage.EHLO: "EHLO",
    Stage.STARTTLS: "STARTTLS",
    Stage.HANDSHAKE: "the TLS handshake",
    Stage.EHLO_TLS: "EHLO inside TLS",
    Stage.DONE: "the end",
}
RETRIES = {"tls1.2": "with TLS 1.2 at most", "no-sni": "without SNI", "implicit": "with TLS from the first byte"}
BEGINS = {Tls.STARTTLS: " after STARTTLS", Tls.IMPLICIT: " from the first byte", Tls.NONE: ""}
SOFTWARE = {
    "aiosmtpd": "aiosmtpd",
    "communigate": "CommuniGate Pro",
    "domino": "HCL Domino",
    "mailenable": "MailEnable",
    "mdaemon": "MDaemon",
    "nginx-mail": "nginx",
    "node-smtp-server": "smtp-server (Node.js)",
    "qpsmtpd": "qpsmtpd",
    "stunnel": "stunnel",
}
"""Software that is recognised and has no recipe, as it writes itself; the others begin with a capital letter."""
BY_OPTION = "--mta"
"""The evidence of software that the user named."""
ALIKE = 3
"""Different words of looks that were alike otherwise."""
UNREAD = frozenset({"file-glued", "file-not-pem"})
"""Findings of a file that a mail server's library reads otherwise than we do, or not at all."""
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]+)? s\b")
FAILURE_LINES = 3
"""Of what the other side said at the end; ``--verbose`` has all of it."""


def facts_of(
    looks: Sequence[EndpointReport], report: Report, *, verbose: bool, placed: bool
) -> Iterator[tuple[str, str]]:
    """The facts of looks that saw the same, each once. ``placed``: where and how they were taken has been said."""
    found: dict[str, dict[str, str]] = {}
    for look in looks:
        for name, words in _facts(look, report, verbose=verbose, placed=placed):
            found.setdefault(name, {}).setdefault(words if verbose else untimed(words), words)
    for name, told in found.items():
        kept = [*told.values()] if verbose else [*told.values()][:ALIKE]
        yield name, "; ".join(kept) + (f"; {len(told) - len(kept)} more" if len(told) > len(kept) else "")


def untimed(words: str) -> str:
    """The same words of looks that took more or less time."""
    return _SECONDS.sub("", words)


def _facts(endpoint: EndpointReport, report: Report, *, verbose: bool, placed: bool) -> Iterator[tuple[str, str]]:
    """What was spoken, with whom, where it ended, and by whose trust it is judged."""
    observation = endpoint.observation
    known = observation.endpoint.address if placed else report.target.name
    yield from _server(endpoint, known, verbose=verbose)
    if observation.tls_version:
        yield "spoken", _speech(observation, verbose=verbose, asked=not placed)
    if observation.retried:
        yield "retried", _retry(observation)
    if observation.failure:
        yield "ended", _ending(observation, observation.failure, verbose=verbose)
    if endpoint.chain:
        yield "trust", _trust(report, observation)
        yield from () if _is_unread(endpoint) else _openssl(endpoint.chain, observation.endpoint)
    if report.domain is None and (dane := of_look(endpoint)) != NONE:
        yield from [("dane", dane)] if dane else []
    if endpoint.on_disk and endpoint.as_on_disk:
        yield "on disk", f"{clean(endpoint.on_disk.path, 200)} holds what is served"


def _is_unread(endpoint: EndpointReport) -> bool:
    """A server's OpenSSL would not see the list as we read it: what it says of that list is not said of the file."""
    return not UNREAD.isdisjoint((*endpoint.hidden, *(finding.id for finding in endpoint.findings)))


def _openssl(chain: Chain, presented_by: Endpoint) -> Iterator[tuple[str, str]]:
    """What a peer's OpenSSL says of the list as sent; where it was not asked, of the path that we found."""
    said = chain.verdict_as_sent or chain.verdict
    if said and said.number:
        yield "openssl", f"{said.number} at depth {said.depth}: {said.text}"
    elif said:
        what = "the list as it is" if presented_by.tls is Tls.NONE else "the list as sent"
        yield "openssl", f"accepts {what if chain.verdict_as_sent else 'the path'}"


def _server(endpoint: EndpointReport, known: str | None, *, verbose: bool) -> Iterator[tuple[str, str]]:
    """The address, unless it was said, and the software; what tells it only where all is wanted."""
    address, mta = endpoint.observation.endpoint.address, endpoint.mta
    new = address if address != known else None
    software = _software(mta) if mta and mta.name != GENERIC else None
    if words := ", ".join(filter(None, (new, software))):
        yield endpoint.observation.side.value, words
    if mta and verbose and mta.evidence != BY_OPTION:
        yield "told by", clean(mta.evidence)


def _software(mta: Mta) -> str:
    if mta.evidence == BY_OPTION:
        return f"{software_name(mta.name)} (by {BY_OPTION})"
    sure = "" if mta.confidence is Confidence.IS else f"{mta.confidence} "
    return f"{sure}{software_name(mta.name)}"


def software_name(name: str) -> str:
    """How a mail server is called among people."""
    if name in ids():
        return recipe(name).name
    return SOFTWARE.get(name) or clean(name, 40).capitalize()


def _speech(observation: Observation, *, verbose: bool, asked: bool) -> str:
    """Version, how TLS began, and the server name that was asked for."""
    begins = Tls.IMPLICIT if observation.retried == "implicit" else observation.endpoint.tls
    sni = None if observation.retried == "no-sni" else observation.endpoint.sni
    name = f", asked for {sni or 'no name'}" if asked else ""
    cipher = f", {observation.cipher}" if verbose and observation.cipher else ""
    return f"{clean(observation.tls_version or '')}{BEGINS[begins]}{name}{cipher}"


def _retry(observation: Observation) -> str:
    how = RETRIES.get(observation.retried or "", observation.retried)
    first = observation.first_failure
    return f"{how}, since the first connection ended so: {clean(first.text)}" if first else f"{how}"


def _ending(observation: Observation, failure: Failure, *, verbose: bool) -> str:
    took = observation.timing_ms.get(observation.stage)
    after = f" after {took / 1000:.1f} s" if took is not None else ""
    said = failure.text.splitlines()
    shown = said if verbose else said[:FAILURE_LINES]
    words = " / ".join(clean(line) for line in shown) + (" …" if len(shown) < len(said) else "")
    stage = spoken_of(observation.endpoint.protocol, STAGES[observation.stage])
    return f"at {stage}{after}" + (f": {words}" if words else "")


def _trust(report: Report, observation: Observation) -> str:
    stores = "; ".join(_store(store) for store in report.stores) or "nobody (no trust anchors were given)"
    if report.at is None or abs(report.at - observation.started) < timedelta(days=1):
        return stores
    return f"{stores}; judged as of {report.at:%Y-%m-%d %H:%M} UTC"


def _store(store: Store) -> str:
    dated = f" of {store.date}" if store.date else ""
    return f"{clean(store.name, 80)}{dated} ({store.count} anchor{'' if store.count == 1 else 's'})"
