"""``smtp-chaincheck triage``: bounces, logs and TLS reports, one row for each distinct problem."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.cli.arguments import Parser, UsageError
from probe.message import Peer
from probe.model import Stage
from probe.render.clean import clean
from probe.triage.diagnosis import server

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.message import Message
    from probe.model import Report
    from probe.triage.groups import Summary
    from probe.triage.story import Triage

USAGE = "smtp-chaincheck triage FILE... [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck triage bounce.eml          a bounce, with or without header
  smtp-chaincheck triage /var/log/mail.log*  logs of any size, packed or not
  journalctl -u postfix -o json | smtp-chaincheck triage -
  smtp-chaincheck triage report.json.gz      a TLS report (RFC 8460)
  smtp-chaincheck triage bounce.eml --probe  and look at the server it names

One row is one distinct problem, the most harmful first; up to 200 are told
apart, and what is beyond is counted.

It reads bounces (RFC 3464 and the sentences of qmail, Exim, Exchange and
others, forwarded ones as well), logs (syslog, journald, Exim, qmail, Sendmail
and others; gzip, xz, zstd, bzip2), TLS reports, and whatever text is pasted.

exit codes:
  0  no TLS problem was found
  1  a TLS problem was found
  2  the command line was wrong, or a file could not be read
"""
MAIL_PORTS = frozenset({None, 24, 25, 465, 587, 2525})
PROBES = 10
"""Servers that --probe looks at: the most frequent of the worst problems."""


def triage(words: Sequence[str]) -> int:
    """Read the files and say what is wrong; returns the exit code."""
    arguments = _arguments(words)
    _refuse_options(arguments)
    from probe.triage.groups import grouped
    from probe.triage.story import Triage

    run = Triage(datetime.now(UTC).astimezone())
    failed: list[str] = []
    summary = grouped(_messages(run, arguments, failed))
    looks = _looks(summary.groups, arguments, run.notes) if arguments.probe else {}
    code = _exit_code(summary, failed)
    _tell(summary, (*failed, *run.notes), looks, code, arguments)
    return code


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser(
        "triage", usage=USAGE, description="Finds TLS problems in bounces, logs and reports.", epilog=EXAMPLES
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="- reads standard input")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--quiet", action="store_true", help="the table only, and no progress")
    parser.add_argument("--no-color", action="store_true", help="no colours")
    add = parser.add_argument_group("the probe").add_argument
    add("--probe", action="store_true", help="probe the servers named, to see how they are now")
    add("--mta", metavar="NAME", help="whose commands to print (default: as recognised)")
    add("--port", metavar="N", help="the port, where the text names none (default: 25)")
    add("--trust", metavar="WHOM", help="mozilla, system, none, or a FILE or DIR (default: mozilla)")
    add("--ca-file", metavar="FILE", help="trust these as well")
    add("--intermediates", metavar="FILE|DIR", help="intermediates known to you")
    add("--timeout", metavar="SECONDS", help="for each probe (default: 60)")
    add("--allow-private", action="store_true", help="probe private addresses and odd ports of a text, too")
    add("--no-fetch", action="store_true", help="do not fetch missing certificates (AIA)")
    return parser.parse_intermixed_args(list(words))


def _messages(run: Triage, arguments: Namespace, failed: list[str]) -> Iterator[Message]:
    from probe.render.progress import reading
    from probe.triage.reading import opened

    for name in arguments.files:
        try:
            with opened(name) as source, reading(sys.stderr, shown=not arguments.quiet) as run.on_progress:
                yield from run.messages(source)
        except OSError as problem:
            failed.append(f"{name} cannot be read: {problem.strerror or problem}.")
            if len(failed) == len(arguments.files):
                raise UsageError("\n".join((*map(clean, failed), *_meant(arguments.files)))) from problem


def _meant(words: Sequence[str]) -> tuple[str, ...]:
    """What somebody wanted who gave words in the place of files."""
    if any("." in word or "/" in word for word in words):
        return ()
    return (f"For a code or a sentence: smtp-chaincheck explain {shlex.quote(' '.join(words))}",)


def _exit_code(summary: Summary, failed: Sequence[str]) -> int:
    if failed:
        return 2
    return 1 if any(message.tells_of_tls for message in summary.groups) else 0


def _tell(summary: Summary, notes: Sequence[str], looks: Mapping[str, Report], code: int, arguments: Namespace) -> None:
    if arguments.json:
        from probe.render.messages_json import messages_text

        further = (f"{summary.overflow} messages of further problems.",) if summary.overflow else ()
        reports = tuple(looks.values())
        sys.stdout.write(messages_text(summary.groups, code, notes=(*notes, *further), reports=reports))
        return
    from probe.render.sheet import console, write
    from probe.render.triage import overview

    screen = console(sys.stdout, no_color=arguments.no_color)
    write(overview(summary, notes, screen, full=not arguments.quiet), screen)
    for name, report in looks.items():
        _tell_look([message for message in summary.groups if server(message) == name], report, arguments)
    if arguments.probe and not looks:
        sys.stdout.write("\nThere is nothing to probe: the texts name no server, or tell of your own.\n")


def _tell_look(messages: Sequence[Message], report: Report, arguments: Namespace) -> None:
    """The message proposes, the probe decides: say what the server shows now, and whether that is the same fault."""
    from probe.cli.explaining import title
    from probe.render.sheet import console, write
    from probe.render.terminal import show
    from probe.render.triage import decision

    screen = console(sys.stdout, no_color=arguments.no_color)
    sys.stdout.write("\n")
    for message in messages:
        write(decision(message, report, screen), screen)
    sys.stdout.write("\n")
    show(report, screen, title=title, quiet=arguments.quiet)


def _refuse_options(arguments: Namespace) -> None:
    """Say what is wrong with the options of the probe before anything is read. Raises UsageError."""
    words = list(_probe_words(arguments))
    if not (arguments.probe or words):
        return  # what reads alone needs no TLS library
    from probe.cli import settings
    from probe.cli.arguments import probe_arguments

    try:
        settings.options(probe_arguments([*words, "--", "localhost"]))
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake


def _looks(groups: Sequence[Message], arguments: Namespace, notes: list[str]) -> dict[str, Report]:
    """Probe the servers of the worst problems, each once: name → report; what cannot be probed is said."""
    reports: dict[str, Report] = {}
    for message in groups:
        name = server(message) if message.tells_of_tls else ""
        if name and name not in reports and len(reports) < PROBES:
            try:
                reports[name] = _look(name, message, arguments)
            except ValueError as mistake:
                notes.append(f"{name} was not probed: {mistake}")
    return reports


def _look(name: str, message: Message, arguments: Namespace) -> Report:
    """Probe one server by its name, or where that leads nowhere, at the address that the text tells.

    Raises ValueError for a place to which a text should lead nobody: whoever wrote it may want us to knock there.
    """
    peer = message.peer or Peer()
    if why := _refusal(peer, arguments):
        raise ValueError(f"{why}; say --allow-private if it is meant.")
    report = _probed([name], arguments)
    there = replace(peer, host=None)
    nameless = report.endpoints and report.endpoints[0].observation.stage is Stage.DNS
    if nameless and peer.host and peer.address and not _refusal(there, arguments):
        return _probed([server(replace(message, peer=there))], arguments, "--name", peer.host)
    return report


def _refusal(peer: Peer, arguments: Namespace) -> str | None:
    """Why nobody should knock there because a text says so; None where that is usual."""
    from probe.net.addresses import refusal

    if arguments.allow_private:
        return None
    if peer.port not in MAIL_PORTS:
        return f"{peer.port} is no port of mail"
    return refusal(peer.address) if peer.address and not peer.host else None


def _probed(hosts: Sequence[str], arguments: Namespace, *words: str) -> Report:
    from probe.cli import settings
    from probe.cli.arguments import probe_arguments
    from probe.cli.probing import probed

    asked = probe_arguments([*_probe_words(arguments), *words, "--", *hosts])
    (target,) = settings.targets(asked)
    return probed(settings.options(asked), target, quiet=arguments.quiet)


def _probe_words(arguments: Namespace) -> Iterator[str]:
    for option in ("port", "mta", "trust", "ca_file", "intermediates", "timeout"):
        if (value := getattr(arguments, option)) is not None:
            yield from (f"--{option.replace('_', '-')}", value)
    if arguments.no_fetch:
        yield "--no-fetch"
    if arguments.allow_private:
        yield "--allow-private"
