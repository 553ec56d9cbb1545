"""``--write-chain``: the list that should be presented, as the file that a mail server reads. Messages go to stderr.

Where it belongs there, the private key goes from the user's file into this one, and nowhere else.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from probe.catalogue.pages import page
from probe.catalogue.recipes import GENERIC, recipe
from probe.cli import files
from probe.cli.identity import content_of
from probe.cli.mishap import say
from probe.model import Kind, Severity, bracketed
from probe.pki.layout import WITH_KEY, Key, belongs, blocks, key_of, laid_out
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.model import Certificate, Endpoint, EndpointReport, Repair, Report

OF_THE_NAME = frozenset({"name-mismatch", "no-san"})
OF_THE_LIST = frozenset(
    {"missing-intermediate", "misordered", "leaf-not-first", "wrong-key-intermediate", "bad-signature", "fragile-path"}
)
"""What the list that we write mends."""
WRITING = " --write-chain "
MENDED = "That was so, and is mended: the file was written anew. Let the mail server read it again."
OF_ITS_TIME = frozenset({"expired", "not-yet-valid"})


WHOLE = "fullchain"
"""The layout that recipes' commands take, and that mends by itself."""


class ChainFile(Struct, frozen=True):
    """What was asked for: where, how, and what may happen to a file that is there."""

    name: str
    layout: str | None = None
    """None = as the mail server reads it."""
    key: Key | None = None
    force: bool = False
    backup: bool = False

    def overwriting(self, layout: str | None) -> files.Overwriting:
        """What may happen to a file that is there; None = the layout is not known yet."""
        key = self.key if layout is None or layout in WITH_KEY else None
        return files.Overwriting(self.force, self.backup, key)


class Outcome(Struct, frozen=True):
    """What came of it."""

    name: str | None = None
    """The file for which the commands of a recipe can be used: leaf and intermediates, no key."""
    failed: bool = False
    """Something should have been written and was not."""
    mended: bool = False
    """It was written in the place of the file that was judged."""


def wanted(arguments: Namespace, key: Key | None = None) -> ChainFile | None:
    """Read --write-chain and the options beside it, with the key that is at hand.

    Raises ValueError with a sentence for what cannot be used.
    """
    if arguments.write_chain is None:
        for option in ("layout", "backup"):
            if getattr(arguments, option):
                raise ValueError(f"--{option} says how --write-chain FILE writes: give that, too.")
        return None
    asked = ChainFile(arguments.write_chain, arguments.layout, key, arguments.force, arguments.backup)
    if not asked.name:
        raise ValueError("--write-chain wants the name of a file, and it is empty.")
    if asked.layout in WITH_KEY and key is None:
        raise ValueError(f"--layout {asked.layout} holds the private key: name its file by --key.")
    files.refuse_place(Path(asked.name), asked.overwriting(asked.layout))
    return asked


def key_from(name: str | None) -> Key | None:
    """Read the key that --key names; raises ValueError with a sentence when there is not just one to be read."""
    if name is None:
        return None
    content = content_of("--key", name)
    try:
        return key_of(content)
    except ValueError as problem:
        raise ValueError(f"--key {clean(name)} {problem}.") from None


def key_within(name: str) -> Key | None:
    """Read the key that stands beside certificates in their own file; None where there is none in PEM.

    Raises ValueError with a sentence when there is more than one, or when it cannot be read.
    """
    if not Path(name).is_file():
        return None
    content = content_of("The file", name)
    try:
        return key_of(content) if blocks(content) else None
    except ValueError as problem:
        raise ValueError(f"{clean(name)} {problem}.") from None


def write(report: Report, asked: ChainFile | None) -> Outcome:
    """Write the list that the server should present, where one can be had and all of its places need the same."""
    if asked is None:
        return Outcome()
    each = _each_list(report)
    endpoint = each[0] if each else next(iter(report.endpoints), None)
    why = _different(each) if len(each) > 1 else _nothing(endpoint)
    if endpoint is None or endpoint.repair is None or endpoint.repair.bundle is None or why:
        say(f"{clean(asked.name)} was not written: {why}")
        return Outcome()
    right = endpoint.repair.bundle
    layout, remark = _layout(endpoint, asked)
    try:
        content = _content(right, layout, asked)
        if not content:
            say(f"{clean(asked.name)} was not written: between the leaf and the root there is no intermediate.")
            return Outcome()
        kept = files.write(Path(asked.name), content, asked.overwriting(layout))
    except ValueError as problem:
        say(str(problem))
        return Outcome(failed=True)
    say("\n".join((_said(asked, layout, right), *remark, *_about_place(asked, kept), *_doubts(report, endpoint))))
    mended = report.target.kind is Kind.FILE and os.path.realpath(asked.name) == os.path.realpath(report.target.name)
    return Outcome(clean(asked.name) if layout == WHOLE else None, mended=mended)


def without_advice(report: Report) -> Report:
    """What the file that was just written anew had wrong, without the advice to write it, or to install it."""
    return replace(report, endpoints=tuple(map(_mended, report.endpoints)))


def _mended(endpoint: EndpointReport) -> EndpointReport:
    said = (replace(f, fix=(MENDED,)) if any(WRITING in line for line in f.fix) else f for f in endpoint.findings)
    return replace(endpoint, findings=tuple(said))


def _each_list(report: Report) -> tuple[EndpointReport, ...]:
    """One endpoint for each list that is to be presented.

    Looks at other ports, and those that ask otherwise than the first one at an address, are about other certificates.
    """
    first: dict[object, Endpoint] = {}
    found: dict[object, EndpointReport] = {}
    for one in report.endpoints:
        seen = one.observation
        usual = first.setdefault((seen.endpoint.host, seen.endpoint.address), seen.endpoint)
        if one.chain and seen.endpoint == usual and seen.side is report.endpoints[0].observation.side:
            found.setdefault((one.repair and one.repair.bundle) or one.chain.presented, one)
    return tuple(found.values())


def _different(each: tuple[EndpointReport, ...]) -> str:
    """Why one file cannot serve all of them, and what to type instead."""
    places = [one.observation.endpoint for one in each]
    for named in ([place.host for place in places], [place.address for place in places]):
        if len({*named}) == len(named):
            every = " and ".join((", ".join(map(clean, map(str, named[:-1]))), clean(str(named[-1]))))
            one, host = f"{bracketed(str(named[0]))}:{places[0].port}", places[0].host
            words = [one] if host in {None, named[0]} else [one, "--name", str(host)]
            return f"{every} need different lists. Name one of them alone, such as {clean(shlex.join(words))}"
    return "its servers need different lists, and they share an address."


def _nothing(endpoint: EndpointReport | None) -> str:
    """Why there is nothing to write; "" when there is."""
    if endpoint is None or endpoint.chain is None:
        return "the server presented no certificates to us, so there is no chain to mend."
    mending = endpoint.repair
    if mending is None:
        return "no certificate of the server itself could be read among those that it presented."
    return _lacking(mending) if mending.bundle is None else ""


def _layout(endpoint: EndpointReport, asked: ChainFile) -> tuple[str, tuple[str, ...]]:
    """The layout that was asked for, else the mail server's own; and what there is to say when it is neither.

    Half a list mends nothing, so where a server reads leaf and intermediates from two files both stand in one.
    """
    if asked.layout:
        return asked.layout, ()
    server = recipe(endpoint.mta.name if endpoint.mta else GENERIC)
    own = server.file.layouts[0]
    if own in WITH_KEY and asked.key is None:
        return WHOLE, (
            f"{server.name} can read the key from the same file ({own}); to have it there, name it by --key.",
        )
    if own not in WITH_KEY and asked.key is not None:
        return WHOLE, ("The key is not in it; --layout key-first or key-last puts it there.",)
    if own not in {*WITH_KEY, WHOLE}:
        each = " and ".join(f"--layout {layout}" for layout in server.file.layouts[:2])
        return WHOLE, (f"{server.name} reads them from two files; {each} write these.",)
    return own, ()


def _content(right: tuple[Certificate, ...], layout: str, asked: ChainFile) -> bytes:
    if asked.key and not belongs(asked.key, right[0]):
        raise ValueError(
            f"{clean(asked.name)} was not written: the private key does not belong to the certificate "
            f"of {clean(right[0].label, 60)}."
        )
    return laid_out(right, layout, asked.key)


def _said(asked: ChainFile, layout: str, right: tuple[Certificate, ...]) -> str:
    """What was written, and in which order."""
    part = right[1:] if layout == "chain" else right[:1] if layout == "leaf" else right
    what = ", ".join(clean(certificate.label, 60) for certificate in part)
    if layout not in WITH_KEY:
        return f"Wrote {clean(asked.name)}: {what}. There is no private key in it."
    mode = Path(asked.name).stat().st_mode & 0o777
    order = f"the private key, {what}" if layout == "key-first" else f"{what}, the private key"
    return f"Wrote {clean(asked.name)}: {order}. Its mode is {mode:04o}."


def _about_place(asked: ChainFile, kept: Path | None) -> Iterator[str]:
    path = Path(asked.name)
    if kept:
        yield f"The old file is kept as {clean(str(kept))}."
    if path.is_symlink():
        yield (
            f"{clean(asked.name)} is a link, and the file behind it was written, {clean(str(path.resolve()))}. "
            "Where a renewal sets the link anew (certbot, dehydrated), the next one undoes this."
        )


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
