"""A Report for a person."""

# The rules of this surface
#
# 1. The first line is the verdict: a mark, the server, the worst finding, how many more. Who reads no further knows
#    whether to worry.
# 2. Then what was spoken and by whose trust it was judged, then the chain drawn, then each finding, errors first.
# 3. A finding is a mark, the word for its weight, its title and its id; then what was found and for whom it matters;
#    then what to do. Commands stand alone on their lines, are never wrapped, cut or decorated, and so can be copied.
# 4. Nothing is said twice: commands that stood above are pointed to.
# 5. Notes take one line, what could not be judged takes one line; ``--verbose`` has the rest.
# 6. Colour repeats what mark and word say already. In a pipe, with NO_COLOR, and on a dumb terminal there is none.
# 7. 80 columns unless the terminal says otherwise; letters that it does not have are replaced.
# 8. Every remote word passes ``clean``: ``Sheet`` lets nothing else in. Nothing is markup.
# 9. "Could not look" is said, and never sounds like "all is well".

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING

from probe.catalogue.protocols import named, spoken_of
from probe.catalogue.recipes import GENERIC, ids
from probe.model import Confidence, Kind, Severity, Side
from probe.render.chain_drawing import draw
from probe.render.details import add_details
from probe.render.facts import BY_OPTION, facts
from probe.render.finding import Told, tell
from probe.render.sheet import MARKS, Sheet, write
from probe.render.side_by_side import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from probe.model import EndpointReport, Finding, Mta, Report, Skipped, Target
    from probe.render.finding import Title
    from probe.render.sheet import Part

OUTCOMES = ("refuses", "defers", "warns", "delivers")
NAMED = 2
"""Rules that could not run and are named; with longer ids there is no room for a third on one line."""
NEVER_JUDGED = frozenset({"revocation"})
"""What no run looks at is said in the manual and by ``--verbose``, not under every good report."""


def show(
    report: Report,
    console: Console,
    *,
    title: Title,
    verbose: bool = False,
    quiet: bool = False,
    words: Sequence[str] = (),
    written: str | None = None,
) -> None:
    """Write the report to ``console``.

    ``title`` gives the title of a finding's page; ``words`` are the options of this run that a command which we print
    repeats; ``written`` the file that holds the mended list.
    """
    sheet = Sheet(console.width, console.encoding)
    told = Told(lambda id_: spoken_of(report.target.protocol, title(id_)), verbose, tuple(words), written)
    if quiet:
        sheet.line(*_verdict(report, told))
    else:
        _tell_all(sheet, report, told)
    write(sheet, console)


def _tell_all(sheet: Sheet, report: Report, told: Told) -> None:
    sheet.say(*_verdict(report, told), first="", rest="  ")
    for finding in report.findings:
        tell(sheet, finding, told)
    for endpoint in report.endpoints:
        sheet.blank()
        if endpoint.observation.client_chain:
            compare(sheet, report.endpoints[0].observation, endpoint.observation)
        else:
            _tell_endpoint(sheet, endpoint, report, told)


def _tell_endpoint(sheet: Sheet, endpoint: EndpointReport, report: Report, told: Told) -> None:
    for name, words in facts(endpoint, report, verbose=told.verbose):
        sheet.say(words, first=f"  {name:<7}  ")
    sheet.blank()
    draw(sheet, endpoint, at=report.at, verbose=told.verbose)
    _offer_chain(sheet, endpoint, report.target, told)
    sheet.blank()
    told.hint = _hint(endpoint.mta)
    for finding in sorted(endpoint.findings, key=_weight, reverse=True):
        tell(sheet, finding, told)
    _point_to_pages(sheet, endpoint, told)
    sheet.blank()
    _tell_senders(sheet, endpoint)
    _tell_skipped(sheet, endpoint, verbose=told.verbose)
    if told.verbose:
        add_details(sheet, endpoint)


def _hint(mta: Mta | None) -> str:
    """What to say once beside commands that are for no server in particular."""
    if mta and (mta.name in {*ids()} - {GENERIC} or mta.evidence == BY_OPTION):
        return ""
    return f"Say {BY_OPTION} NAME for the commands of your server; smtp-chaincheck explain --list has the names."


def _point_to_pages(sheet: Sheet, endpoint: EndpointReport, told: Told) -> None:
    """Once for all notes, which have taken one line each."""
    notes = {finding.page for finding in endpoint.findings if finding.severity is Severity.INFO}
    if notes and not told.verbose:
        sheet.say(f"page: smtp-chaincheck explain {notes.pop() if len(notes) == 1 else 'ID'}", first="  ")


def _weight(finding: Finding) -> int:
    return list(Severity).index(finding.severity)


def _verdict(report: Report, told: Told) -> tuple[Part, Part]:
    """The first line: mark and place, the worst of it, how many more."""
    findings = [*report.findings, *(f for endpoint in report.endpoints for f in endpoint.findings)]
    grave = sorted((f for f in findings if f.severity is not Severity.INFO), key=_weight, reverse=True)
    status, words = (report.status, _accusation(grave[0], told.title)) if grave else _praise(report, told)
    more = _counted(len(grave) - 1, "more finding") if grave else _counted(len(findings), "note")
    return (f"{MARKS[status]} ", status), (f"{place(report.target)} — {words}{more}", "strong")


def verdict(report: Report, title: Title) -> str:
    """Say in one line where it was looked and the worst of it, without a mark."""
    told = Told(lambda id_: spoken_of(report.target.protocol, title(id_)))
    return _verdict(report, told)[1][0]


def _accusation(finding: Finding, title: Title) -> str:
    sure = "" if finding.confidence is Confidence.IS else f"{finding.confidence}: "
    return sure + _without_capital(title(finding.id))


def _counted(number: int, what: str) -> str:
    return f" (+ {number} {what}{'s' if number > 1 else ''})" if number > 0 else ""


def _praise(report: Report, told: Told) -> tuple[str, str]:
    """Status and words where no rule objected: "right" only of a chain that OpenSSL accepts, too."""
    if report.status == "unreachable":
        return report.status, "nothing could be examined"
    chains = [endpoint.chain for endpoint in report.endpoints]
    silent = [f for e in report.endpoints if not e.observation.presented for f in e.findings]
    if report.target.kind is Kind.LISTEN and silent:
        return "info", _accusation(silent[0], told.title)
    if any(chains) and not report.stores:
        return "info", "no trust anchors were given: trust was not judged"
    if report.hidden:
        return "info", f"nothing else to report (ignored: {', '.join(report.hidden)})"
    if chains and all(chain and chain.path and chain.path.valid for chain in chains):
        return report.status, "the chain is right"
    return "info" if any(chains) else report.status, "nothing to report"


def _without_capital(title: str) -> str:
    """Inside a line; a name such as STARTTLS or OpenSSL keeps its letters."""
    first = title.split(" ", 1)[0]
    return title[:1].lower() + title[1:] if first[1:].islower() or len(first) == 1 else title


def place(target: Target) -> str:
    """Write the target as a user types it, port and brackets included."""
    if target.kind is Kind.FILE:
        return target.name
    if target.kind is Kind.LISTEN:
        return f"the client {target.name}"
    return f"[{target.name}]:{target.port}" if ":" in target.name else f"{target.name}:{target.port}"


def _offer_chain(sheet: Sheet, endpoint: EndpointReport, target: Target, told: Told) -> None:
    """Name the command that writes the mended list, where no finding below does so."""
    if (
        told.written
        or target.kind is not Kind.HOST
        or not endpoint.observation.endpoint.host
        or not _worth_writing(endpoint)
    ):
        return
    sheet.blank()
    sheet.say("The right chain, as a file:", first="  ")
    sheet.blank()
    words = named(told.words, target.port, target.protocol, target.tls)
    command = f"smtp-chaincheck {place(target)} --write-chain chain.pem {shlex.join(words)}"
    sheet.line("    ", (command.rstrip(), "command"))


def _worth_writing(endpoint: EndpointReport) -> bool:
    """There is a list that leads to a trust anchor, it is another one than was sent, and somebody needs it."""
    mending, chain = endpoint.repair, endpoint.chain
    grave = [finding for finding in endpoint.findings if finding.severity is not Severity.INFO]
    if mending is None or mending.pem is None or chain is None or not grave:
        return False
    trusted = any(path and path.anchored for path in (chain.path, chain.mended))
    said = any("--write-chain" in entry for finding in grave for entry in finding.fix)
    return trusted and not said and any(step.do != "keep" for step in mending.steps)


def _tell_senders(sheet: Sheet, endpoint: EndpointReport) -> None:
    """Who delivers and who does not, one line an outcome, the worst first."""
    if not endpoint.refused_by:
        return
    sheet.say("What senders do:", first="  ")
    for outcome in OUTCOMES:
        if senders := [refusal.sender for refusal in endpoint.refused_by if refusal.outcome == outcome]:
            sheet.say(", ".join(senders), first=f"    {outcome:<8}  ")
    sheet.blank()


def _tell_skipped(sheet: Sheet, endpoint: EndpointReport, *, verbose: bool) -> None:
    """Where no certificate was seen it goes without saying that none was judged."""
    if verbose:
        for reason, entries in groupby(sorted(endpoint.skipped, key=_reason), key=_reason):
            sheet.say(f"{', '.join(entry.id for entry in entries)}: {reason}", first="  not judged  ")
        return
    names = [entry.id for entry in endpoint.skipped if entry.id not in NEVER_JUDGED]
    seen = endpoint.observation
    if names and seen.presented is not None and (seen.presented or seen.side is Side.SERVER):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        sheet.say(f"Not judged: {', '.join(names[:NAMED])}{more} (--verbose says why).", first="  ")


def _reason(skipped: Skipped) -> str:
    return skipped.reason
