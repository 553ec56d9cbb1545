"""The chain, drawn: what was sent in its order, what lacks in its place, what is too much, and where trust begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace
from rich.cells import cell_len

from probe.model import ABSENT, Confidence, Severity, Tls
from probe.render.sheet import MARKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from probe.model import Certificate, Chain, EndpointReport, Finding, Observation, Repair, Step
    from probe.render.sheet import Sheet

ROWS = 12
"""Certificates drawn without ``--verbose``: no honest chain has more, and a hundred would push the findings away."""
LABEL_CELLS = 34
KEY_CELLS = 14

ORDER = frozenset({"misordered", "leaf-not-first"})
"""Findings about places: they concern the certificates that must move."""
BY_STEP = ORDER | {"missing-intermediate", "root-included", "duplicate", "extra-cert"}
"""Findings that the repair's step says better than a word of their own."""
WORDS = {
    "aia-problem": "its issuer's address does not work",
    "bad-name": "a name that is none",
    "bad-signature": "signature does not fit",
    "client-eku": "not for clients",
    "eku": "wrong purpose",
    "empty-chain": "nothing sent",
    "expired-root": "expired root above",
    "expired-twin": "an old one for the same names",
    "expires-soon": "expires soon",
    "fragile-path": "a detour that OpenSSL cannot leave",
    "key-mismatch": "not its key",
    "key-usage": "key not meant for this",
    "name-constraints": "name not allowed by a CA above",
    "name-mismatch": "another name",
    "no-san": "no names (SAN)",
    "not-a-ca": "no CA",
    "not-yet-valid": "not valid yet",
    "pathlen": "too many CAs below it",
    "self-signed-leaf": "self-signed",
    "served-differs": "not what lies on disk",
    "too-many-certs": "too many certificates",
    "unknown-critical-ext": "unknown critical extension",
    "unparsable-cert": "unreadable",
    "untrusted-root": "not in the store used",
    "v1-cert": "X.509 version 1",
    "weak-key": "weak key",
    "weak-signature": "weak signature",
    "wrong-key-intermediate": "right name, other key",
}
"""Finding → a few words for the drawing; "expired" is clear enough by itself."""


class Row(Struct, frozen=True):
    """One line of the drawing."""

    status: str
    """A key of MARKS."""
    number: str
    label: str
    key: str = ""
    validity: str = ""
    words: str = ""


def draw(sheet: Sheet, report: EndpointReport, *, at: datetime | None = None, verbose: bool = False) -> None:
    """Add the drawing of what one endpoint presented; nothing where no list came. ``at``: None = as of then."""
    chain = report.chain
    if chain is None:
        return
    if not chain.presented:
        if report.observation.endpoint.tls is not Tls.NONE:
            sheet.say(f"The {report.observation.side} sent an empty list of certificates.", first="  ")
        return
    sheet.say(f"{_source(report.observation)}, in its order:", first="  ")
    sent = list(_sent_rows(report, chain))
    hidden = 0 if verbose else max(len(sent) - ROWS, 0)
    more = [Row("plain", "", f"… and {hidden} more (--verbose shows them)")] if hidden else []
    tops = _top_rows(chain, at or report.observation.started, report.findings)
    _add(sheet, [*sent[: len(sent) - hidden], *more, *tops])


def _source(seen: Observation) -> str:
    """Where the list comes from, in words."""
    if seen.endpoint.tls is Tls.NONE:
        return "What the file holds"
    return f"What the {seen.side} sent"


def _sent_rows(report: EndpointReport, chain: Chain) -> Iterator[Row]:
    """Each certificate as sent, and behind it what should stand there."""
    steps = {step.position: step for step in report.repair.steps} if report.repair else {}
    replaced = _replaced(report.repair, chain) if report.repair else {}
    alike = _alike(chain)
    for position, certificate in enumerate(chain.presented):
        step = steps.get(position)
        said = _replacing(replaced[position], report.repair) if position in replaced else None
        row = _sent_row(position, certificate, step, report.findings, said)
        by = f"by {_issuer(certificate)}" if certificate.label in alike and not certificate.problem else ""
        yield replace(row, words=", ".join(filter(None, (row.words, by))))
        if report.repair and step and step.to is not None:
            yield from _missing_rows(report.repair, step.to + 1, report.findings, [*replaced.values()])


def _replaced(repair: Repair, chain: Chain) -> dict[int, Step]:
    """Position of a certificate that goes → the one of the same name that comes in its place."""
    coming = {step.label: step for step in repair.steps if step.do == "insert"}
    found: dict[int, Step] = {}
    for position in sorted(step.position for step in repair.steps if step.do == "remove" and step.position is not None):
        names = {chain.presented[position].label, chain.presented[position].subject.text}
        for label in names & coming.keys():
            found[position] = coming.pop(label)
    return found


def _replacing(step: Step, repair: Repair | None) -> str:
    address = (
        next((missing.url for missing in repair.missing if missing.sha256 == step.sha256), None) if repair else None
    )
    return f"the wrong one, replace it: {address}" if address else "the wrong one, replace it"


def _alike(chain: Chain) -> frozenset[str]:
    """Labels that several certificates have, and which only their issuers tell apart."""
    path = chain.path or chain.mended
    issuers: dict[str, set[str]] = {}
    for certificate in (*chain.presented, *(path.certificates[-1:] if path else ())):
        issuers.setdefault(certificate.label, set()).add(certificate.issuer.text)
    return frozenset(label for label, several in issuers.items() if len(several) > 1)


def _issuer(certificate: Certificate) -> str:
    return "itself" if certificate.self_issued else certificate.issuer.common_name or certificate.issuer.text


def _sent_row(
    position: int, certificate: Certificate, step: Step | None, findings: Sequence[Finding], instead: str | None
) -> Row:
    here = [finding for finding in findings if _points_at(finding, position, step)]
    ids = [finding.id for finding in here]
    faults = [WORDS.get(name, name) for name in ids if name not in BY_STEP]
    words = [*faults, instead] if instead else [*_step_words(step, ids), *faults]
    status = max((f.severity for f in here), key=lambda severity: severity.rank, default="info" if words else "ok")
    label = "no certificate" if certificate.problem else certificate.label
    key = "" if certificate.problem else certificate.key.text
    return Row(status, f"#{position + 1}", label, key, _validity(certificate, ids), ", ".join(dict.fromkeys(words)))


def _points_at(finding: Finding, position: int, step: Step | None) -> bool:
    """A fault of the order is drawn at the certificates that must move, any other where it was found."""
    if finding.id in ORDER:
        return step is not None and step.do == "move"
    return position in finding.positions and finding.id != "missing-intermediate"


def _step_words(step: Step | None, ids: Sequence[str]) -> Iterator[str]:
    if step is not None and step.do == "move" and step.to is not None:
        yield f"should be #{step.to + 1}"
    if step is not None and step.do == "remove":
        yield "root: not needed" if "root-included" in ids else "repeated" if "duplicate" in ids else "not needed"


def _validity(certificate: Certificate, ids: Sequence[str]) -> str:
    begins, ends = certificate.not_before, certificate.not_after
    if begins and "not-yet-valid" in ids:
        return f"from {begins:%Y-%m-%d}"
    return f"until {ends:%Y-%m-%d}" if ends else ""


def _missing_rows(repair: Repair, to: int, findings: Sequence[Finding], drawn: Sequence[Step]) -> Iterator[Row]:
    """What must be inserted at ``to``, and on from there, unless it is drawn as another one's replacement."""
    inserted = {step.to: step for step in repair.steps if step.do == "insert"}
    addresses = {missing.sha256: missing.url for missing in repair.missing}
    sure = next((f.confidence for f in findings if f.id == "missing-intermediate"), Confidence.IS)
    lacks = "missing here" if sure is Confidence.IS else f"{sure} missing here"
    while to in inserted:
        step = inserted[to]
        address = addresses.get(step.sha256)
        if step not in drawn:
            where = f"; {'found' if sure is Confidence.IS else 'see'}: {address}" if address else ""
            words = f"{lacks}{where}"
            yield Row(_weight(findings), "?", step.label, words=words)
        to += 1


def _weight(findings: Sequence[Finding]) -> str:
    """How a row without a finding of its own is marked: never worse than the report's first line."""
    return "error" if any(finding.severity is Severity.ERROR for finding in findings) else "info"


def _top_rows(chain: Chain, at: datetime, findings: Sequence[Finding]) -> Iterator[Row]:
    """Where trust begins; or the root at which the path ends when we had to fetch it and nobody trusts it."""
    path = next((path for path in (chain.path, chain.mended) if path and path.anchored), None)
    if path:
        yield _anchor_row(path.certificates[-1], chain.store, at, findings)
    elif chain.mended and chain.mended.sources[-1] in ABSENT and chain.mended.certificates[-1].self_issued:
        yield Row(_weight(findings), "", chain.mended.certificates[-1].label, words="root, not in the store used")


def _anchor_row(anchor: Certificate, store: str | None, at: datetime, findings: Sequence[Finding]) -> Row:
    words = f"trust anchor in {store}" if store else "trust anchor"
    if anchor.not_after and anchor.not_after < at:
        return Row(_weight(findings), "", anchor.label, words=f"expired {anchor.not_after:%Y-%m-%d}, {words}")
    return Row("anchor", "", anchor.label, words=words)


def _add(sheet: Sheet, rows: Sequence[Row]) -> None:
    number = max(len(row.number) for row in rows)
    label = min(max(cell_len(sheet.shown(row.label)) for row in rows if row.status in MARKS), LABEL_CELLS)
    key = min(max(cell_len(sheet.shown(row.key)) for row in rows), KEY_CELLS)
    for row in rows:
        named = sheet.cell(row.label, label) if row.status in MARKS else row.label
        parts = [f"{row.number:>{number}} {named}"]
        parts += [sheet.cell(row.key, key), row.validity] if row.validity or row.key else []
        _add_row(sheet, row, "  ".join(parts), indent=number + 5)


def _add_row(sheet: Sheet, row: Row, what: str, indent: int) -> None:
    """The words stand behind, or where there is no room for them on a line of their own below the name."""
    fits = cell_len(what) + cell_len(row.words) + 6 <= sheet.width
    mark = (MARKS.get(row.status, " "), row.status)
    if row.words and fits:
        sheet.line("  ", mark, f" {what}  ", (row.words, row.status))
        return
    sheet.line("  ", mark, f" {what.rstrip()}")
    if row.words:
        sheet.say((row.words, row.status), first=" " * indent)
