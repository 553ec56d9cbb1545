"""The files that a probe was asked to write. Messages go to stderr."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe.catalogue.pages import page
from probe.cli import files
from probe.cli.mishap import say
from probe.model import Severity, Tls
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.model import EndpointReport, Repair, Report

OF_THE_NAME = frozenset({"name-mismatch", "no-san"})
OF_THE_LIST = frozenset(
    {"missing-intermediate", "misordered", "leaf-not-first", "wrong-key-intermediate", "bad-signature", "fragile-path"}
)
"""What the list that we write mends."""
OF_ITS_TIME = frozenset({"expired", "not-yet-valid"})


def chain(report: Report, arguments: Namespace) -> tuple[str | None, bool]:
    """Write the mended list; returns the file's name if it was written, and False when it should have been."""
    name = arguments.write_chain
    if name is None:
        return None, True
    text, words = _chain(report)
    succeeded = _written(name, text, words, arguments)
    return (clean(name) if succeeded and text is not None else None), succeeded


def observations(reports: Sequence[Report], arguments: Namespace) -> bool:
    """Write what the network did; False when it could not be written."""
    return arguments.save is None or _written(arguments.save, *_observations(reports), arguments)


def _written(name: str, text: str | None, words: str, arguments: Namespace) -> bool:
    """False when a file could not be written. "Nothing to write" is no failure."""
    if text is None:
        say(f"{clean(name)} was not written: {words}")
        return True
    try:
        files.write(Path(name), text, force=arguments.force)
    except ValueError as problem:
        say(str(problem))
        return False
    say(f"Wrote {clean(name)}: {words}")
    return True


def _observations(reports: Sequence[Report]) -> tuple[str | None, str]:
    from probe.wire.saved import dump

    every = (endpoint.observation for report in reports for endpoint in report.endpoints)
    seen = [observation for observation in every if observation.endpoint.tls is not Tls.NONE]
    count = f"{len(seen)} observation{'' if len(seen) == 1 else 's'}"
    return dump(seen), f"{count}; judge again with --from, and with the same --name and --trust."


def _chain(report: Report) -> tuple[str | None, str]:
    """The bundle of the one endpoint there is, or why there is none."""
    endpoint = next(iter(report.endpoints), None)
    if endpoint is None or endpoint.chain is None:
        return None, "the server presented no certificates to us, so there is no chain to mend."
    mending = endpoint.repair
    if mending is None:
        return None, "no certificate of the server itself could be read among those that it presented."
    if mending.pem is None or mending.bundle is None:
        return None, _lacking(mending)
    what = ", ".join(clean(certificate.label, 60) for certificate in mending.bundle)
    return mending.pem, "\n".join((f"{what}. There is no private key in it.", *_doubts(report, endpoint)))


def _lacking(mending: Repair) -> str:
    """Why there is no list to write."""
    lacking = ", ".join(clean(missing.subject) for missing in mending.missing if missing.sha256 is None)
    if lacking:
        return (
            f"{lacking} is missing, and we could not find it. Get it from your CA, or name it by --intermediates FILE."
        )
    return "no list that we could make would be accepted; the findings say what has to come anew."


def _doubts(report: Report, endpoint: EndpointReport) -> Iterator[str]:
    """Why the list that was written should not be installed as it is."""
    at = report.at or endpoint.observation.started
    bundle = endpoint.repair.bundle if endpoint.repair and endpoint.repair.bundle else ()
    again = "get a new certificate before you install it."
    for number, certificate in enumerate(bundle, 1):
        if certificate.not_after and certificate.not_after < at:
            yield f"But #{number} in it expired on {certificate.not_after:%Y-%m-%d}: {again}"
        if certificate.not_before and certificate.not_before > at:
            yield f"But #{number} in it is not valid before {certificate.not_before:%Y-%m-%d}: do not install it yet."
    if any(finding.id in OF_THE_NAME for finding in endpoint.findings):
        yield f"But #1 in it is not for the name that was asked for: {again}"
    told = OF_THE_NAME | OF_THE_LIST | OF_ITS_TIME
    for finding in endpoint.findings:
        presented = [endpoint.chain.presented[n].sha256 for n in finding.positions] if endpoint.chain else []
        place = next((n for n, certificate in enumerate(bundle, 1) if certificate.sha256 in presented), None)
        if finding.severity is Severity.ERROR and finding.id not in told and place:
            yield f"But #{place} in it has a fault that no list mends: {page(finding.page).title}."
    paths = (endpoint.chain.path, endpoint.chain.mended) if endpoint.chain else ()
    if report.stores and not any(path and path.anchored for path in paths):
        yield "But it leads to no root in the store used: those who use that store will refuse it."
