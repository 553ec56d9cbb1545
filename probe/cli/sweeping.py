"""``smtp-chaincheck sweep``: a list of targets, politely, and one report a line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli.arguments import UNCONNECTED, Parser, UsageError
from probe.cli.mishap import ended_by_signals
from probe.cli.options import add_connection, add_judgement, add_output, add_sweep

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.judgement import Options
    from probe.model import Target
    from probe.net.manners import Manners

USAGE = "smtp-chaincheck sweep TARGETS|- [-o RESULTS] [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck sweep hosts.txt -o monday.jsonl
  smtp-chaincheck sweep domains.csv --mx --column domain -o monday.db
  smtp-chaincheck sweep hosts.txt -o monday.jsonl --resume
  smtp-chaincheck sweep hosts.txt -o monday.db --ehlo probe.example.net
  smtp-chaincheck sweep hosts.txt -o monday.jsonl --summary monday.html
  smtp-chaincheck diff monday.db tuesday.db
  zcat hosts.gz | smtp-chaincheck sweep - | jq .status

TARGETS holds a host, host:port, address, or with --mx a domain, on each line;
# begins a comment. RESULTS ends in .db for SQLite, else it holds one report in
JSON on each line; without -o that goes to standard output.

Say who you are: --ehlo NAME is what servers see in their logs; a web page or a
TXT record under that name should say what you do, and how to be left out.

exit codes: as for several hosts; 2 when the list cannot be read, or the results
cannot be written, 130 when interrupted. What was done is kept, and --resume
goes on from there.
"""
FIRST = """\
Name a list of mail servers, one on each line, for example:
  smtp-chaincheck sweep hosts.txt -o results.jsonl
All options: smtp-chaincheck sweep --help"""


def sweep(words: Sequence[str]) -> int:
    """Probe every target of a list and write one report a line; returns the exit code."""
    arguments = _arguments(words)
    try:
        from probe.cli import settings

        options = settings.options(arguments)
        targets = _targets(arguments)
        manners = _manners(arguments)
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake
    with ended_by_signals():
        return asyncio.run(_swept(targets, options, manners, arguments))


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser(usage=USAGE, description="Probes every mail server of a list, politely.", epilog=EXAMPLES)
    parser.add_argument("list", nargs="?", metavar="TARGETS", help="- reads standard input")
    add_sweep(parser)
    add_connection(parser)
    add_judgement(parser)
    add_output(parser)
    parser.set_defaults(**{key: value for key, value in UNCONNECTED.items() if key not in _OWN})
    arguments = parser.parse_intermixed_args(list(words))
    if arguments.list is None:
        raise UsageError(FIRST)
    return arguments


_OWN = frozenset({"mx", "protocol", "tls", "sni", "no_sni", "ehlo", "source", "resolver", "trust_ad", "timeout"}) | {
    "greeting_timeout",
    "family",
}


def _targets(arguments: Namespace) -> Iterator[Target]:
    from probe.model import Protocol, Tls
    from probe.targets import target_of

    protocol = Protocol(arguments.protocol) if arguments.protocol else None
    tls = Tls(arguments.tls) if arguments.tls else None
    text = sys.stdin.read() if arguments.list == "-" else Path(arguments.list).read_text(encoding="utf-8")
    for line in text.splitlines():
        if word := line.partition("#")[0].strip():
            yield target_of(word, arguments.port, protocol, tls, mx=arguments.mx)


def _manners(arguments: Namespace) -> Manners:
    from probe.net.manners import Manners

    return Manners(
        arguments.concurrency,
        per_operator=arguments.per_operator,
        pause=arguments.pause,
        rate=arguments.rate,
        allow_private=arguments.allow_private,
        patient=True,
    )


async def _swept(targets: Iterator[Target], options: Options, manners: Manners, arguments: Namespace) -> int:
    from probe.pipeline import sweep as probed
    from probe.render.json import text

    options = replace(options, words=())
    codes = set[int]()
    most = arguments.concurrency * 4
    async with aclosing(probed(targets, options, manners, most)) as reports:
        async for report in reports:
            sys.stdout.write(text([report]))
            codes.add(report.exit_code)
    return max((code for code in codes if code != 3), default=3 if codes else 0)
