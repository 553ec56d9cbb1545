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
# 10. Many looks (addresses, mail hosts, with and without SNI, …) are a table after the verdict: hosts by preference,
#    what is wrong at each, and a letter for what it showed; looks with one outcome share a row. Then the findings of
#    no single look, then each distinct chain once, the worst first. Looks that are all alike need no table.

from __future__ import annotations

import shlex
from itertools import groupby
from typing import TYPE_CHECKING

from probe.catalogue.protocols import named, spoken_of
from probe.catalogue.recipes import GENERIC, ids
from probe.model import Kind, Severity, Side, Target
from probe.render.chain_drawing import draw
from probe.render.clean import clean
from probe.render.dane import of_hosts
from probe.render.details import add_conversation, add_details
from probe.render.domain import add_domain
from probe.render.facts import BY_OPTION, facts_of, untimed
from probe.render.finding import Told, tell, tell_briefly, zone_of
from probe.render.looks import Group, declined, distinct, folded, gravity, looks_of, merged, severity
from probe.render.places import LISTED, places
from probe.render.senders import tell_all_senders, tell_senders
from probe.render.sheet import Sheet, write
from probe.render.side_by_side import compare
from probe.render.table import add_table, rows_of, without_rows
from probe.render.verdict import place, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from probe.model import EndpointReport, Finding, Mta, Report, Skipped
    from probe.render.finding import Title
    from probe.render.looks import Looks

NAMED = 2
"""Rules that could not run and are named; with longer ids there is no room for a third on one line."""
NEVER_JUDGED = frozenset({"revocation"})
"""What no run looks at is said in the manual and by ``--verbose``, not under every good report."""
TABLED = frozenset({"address-dependent", "mx-dependent"})
"""Findings that say in sentences what the table has: which addresses and hosts are not like the others."""
FOR_ONE_SERVER = frozenset({"key-missing", "key-misplaced", "key-type", "key-unreadable"})
"""What a file can have wrong for one mail server alone: nobody misses it who named none."""


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
    told.records = any(zone_of(finding) for endpoint in report.endpoints for finding in endpoint.findings)
    if quiet:
        sheet.line(*verdict(report, told))
    else:
        _tell_all(sheet, report, told)
    write(sheet, console)


def _tell_all(sheet: Sheet, report: Report, told: Told) -> None:
    sheet.say(*verdict(report, told), first="", rest="  ")
    looks = looks_of(report)
    groups = distinct(looks)
    rows = rows_of(looks, groups, report)
    sheet.blank()
    if report.domain:
        add_domain(sheet, report.domain, verbose=told.verbose)
        sheet.say(of_hosts(looks), first="  dane     ")
    sheet.blank()
    add_table(sheet, rows, looks, report)
    left_out = without_rows(report, looks) if len(rows) > 1 else report.left_out
    _tell_left_out(sheet, left_out, LISTED if not told.verbose else len(left_out))
    sheet.blank()
    for finding in sorted(report.findings, key=severity, reverse=True):
        tabled = len(rows) > 1 and finding.id in TABLED and not told.verbose
        (tell_briefly if tabled else tell)(sheet, finding, told)
    for group in groups:
        if not told.verbose and all(map(declined, group.looks)):
            continue
        sheet.blank()
        if len(rows) > 1:
            sheet.say((_heading(group), "strong"), first="")
        _tell_group(sheet, group, report, told, lettered=len(groups) > 1)
    sheet.blank()
    if len(groups) > 1 and not told.verbose:
        tell_all_senders(sheet, {group.letter: group.worst for group in groups if not all(map(declined, group.looks))})
    _tell_client(sheet, report, told)


def _tell_left_out(sheet: Sheet, places: Sequence[str], named: int) -> None:
    """Add what nobody looked at, and nothing where that is nothing."""
    more = f"; {len(places) - named} more" if len(places) > named else ""
    sheet.say("; ".join(clean(place) for place in places[:named]) + more, first="  Left out: ", rest="    ")


def _tell_client(sheet: Sheet, report: Report, told: Told) -> None:
    """What changed when we presented a certificate of ours, and what is wrong with our own list."""
    looks = looks_of(report)
    seen = {id(look) for look in looks}
    for other in report.endpoints:
        if id(other) in seen:
            continue
        sheet.blank()
        if other.observation.client_chain:
            same = [look for look in looks if look.observation.endpoint == other.observation.endpoint]
            compare(sheet, (same or looks)[0].observation, other.observation)
            for finding in other.findings:
                tell(sheet, finding, told)
        else:
            _tell_group(sheet, Group("", (other,)), report, told)


def _heading(group: Group) -> str:
    return f"Chain {group.letter}" if group.showed else f"{group.letter}: no certificates"


def _tell_group(sheet: Sheet, group: Group, report: Report, told: Told, *, lettered: bool = False) -> None:
    """What looks that saw the same have in common, once."""
    findings = folded(group.looks, apart=told.verbose)
    endpoint = merged(group, findings)
    _tell_facts(sheet, group, report, told)
    sheet.blank()
    draw(sheet, endpoint, at=report.at, verbose=told.verbose)
    _offer_chain(sheet, endpoint, report.target, told)
    sheet.blank()
    told.hint = None if told.hint is None else _hint(endpoint.mta)
    for finding, looks in sorted(findings, key=_told_as, reverse=True):
        tell(sheet, finding, told, _where(finding, looks, group, report), () if told.verbose else _names(looks[0]))
    _point_to_pages(sheet, endpoint, told)
    sheet.blank()
    if told.verbose or not lettered:
        tell_senders(sheet, endpoint, verbose=told.verbose)
    _tell_skipped(sheet, endpoint, verbose=told.verbose)
    if told.verbose:
        add_details(sheet, endpoint)
        for look in group.looks:
            at = places([look], looks_of(report)) if len(group.looks) > 1 else ""
            add_conversation(sheet, look.observation, at)


def _told_as(entry: tuple[Finding, Looks]) -> tuple[object, ...]:
    """The worst first; of notes those with lines of their own, so that one page link can follow the others."""
    finding = entry[0]
    return severity(finding), bool(zone_of(finding)), *gravity(finding)[1:]


def _tell_facts(sheet: Sheet, group: Group, report: Report, told: Told) -> None:
    """With whom we spoke; of several looks first where they were taken; by whose trust, once."""
    every = looks_of(report)
    several = len(every) > 1 and bool(group.letter)
    if several:
        words = places(group.looks, every, len(every) if told.verbose else LISTED)
        sheet.say(words, first="  seen     " if group.showed else "  tried    ")
    for name, words in facts_of(group.looks, report, verbose=told.verbose, placed=several):
        if name != "trust" or words != told.trust:
            sheet.say(words, first=f"  {name:<7}  ")
        told.trust = words if name == "trust" else told.trust


def _where(finding: Finding, looks: Looks, group: Group, report: Report) -> str:
    """At which looks of its group a finding was made, and whether its words are of one of them alone."""
    if len(looks) < len(group.looks):
        return f"At {len(looks)} of {len(group.looks)} looks: {places(looks, looks_of(report))}."
    words = {untimed(f.summary) for look in looks for f in look.findings if f.id == finding.id}
    return f"Of {len(looks)} looks this is said of the first; --verbose says it of each." if len(words) > 1 else ""


def _names(look: EndpointReport) -> tuple[str, ...]:
    """The host and the address of which findings speak."""
    at = look.observation.endpoint
    return tuple(dict.fromkeys(filter(None, (at.host, at.address))))


def _hint(mta: Mta | None) -> str:
    """What to say once beside commands that are for no server in particular."""
    if mta and (mta.name in {*ids()} - {GENERIC} or mta.evidence == BY_OPTION):
        return ""
    return f"Say {BY_OPTION} NAME for the commands of your server; smtp-chaincheck explain --list has the names."


def _point_to_pages(sheet: Sheet, endpoint: EndpointReport, told: Told) -> None:
    """Once for all notes, which have taken one line each."""
    short = (finding for finding in endpoint.findings if not zone_of(finding))
    notes = {finding.page for finding in short if finding.severity is Severity.INFO}
    if notes and not told.verbose:
        sheet.say(f"page: smtp-chaincheck explain {notes.pop() if len(notes) == 1 else 'ID'}", first="  ")


def _offer_chain(sheet: Sheet, endpoint: EndpointReport, target: Target, told: Told) -> None:
    """Name the command that writes the mended list, where no finding below does so."""
    at = endpoint.observation.endpoint
    if told.written or target.kind not in {Kind.HOST, Kind.DOMAIN} or not at.host or not _worth_writing(endpoint):
        return
    host = endpoint.apart or (target.name if target.kind is Kind.HOST else at.host)
    target = Target(host, at.port, at.protocol, at.tls)
    sheet.blank()
    sheet.say("The right chain, as a file:", first="  ")
    sheet.blank()
    by_name = ("--name", at.host) if endpoint.apart and "--name" not in told.words else ()
    words = named((*by_name, *told.words), target.port, target.protocol, target.tls)
    command = f"smtp-chaincheck {shlex.quote(place(target))} --write-chain chain.pem {shlex.join(words)}"
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


def _tell_skipped(sheet: Sheet, endpoint: EndpointReport, *, verbose: bool) -> None:
    """Where no certificate was seen it goes without saying that none was judged."""
    if verbose:
        for reason, entries in groupby(sorted(endpoint.skipped, key=_reason), key=_reason):
            sheet.say(f"{', '.join(entry.id for entry in entries)}: {reason}", first="  not judged  ")
        return
    chosen = endpoint.mta is not None and endpoint.mta.evidence == BY_OPTION
    silent = NEVER_JUDGED if chosen else NEVER_JUDGED | FOR_ONE_SERVER
    names = [entry.id for entry in endpoint.skipped if entry.id not in silent]
    seen = endpoint.observation
    if names and seen.presented is not None and (seen.presented or seen.side is Side.SERVER):
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        sheet.say(f"Not judged: {', '.join(names[:NAMED])}{more} (--verbose says why).", first="  ")


def _reason(skipped: Skipped) -> str:
    return skipped.reason
