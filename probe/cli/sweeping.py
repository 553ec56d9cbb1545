"""``smtp-chaincheck sweep``: the words of a sweep; :mod:`probe.cli.sweep_run` does it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli import mistakes
from probe.cli.arguments import UNCONNECTED, Parser, UsageError
from probe.cli.mishap import say
from probe.cli.options import add_connection, add_judgement, add_sweep

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.net.excluded import Network
    from probe.net.manners import Manners

USAGE = "smtp-chaincheck sweep TARGETS|- [-o RESULTS] [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck sweep hosts.txt -o monday.jsonl
  smtp-chaincheck sweep domains.csv --mx --column domain -o monday.db
  smtp-chaincheck sweep hosts.txt -o monday.jsonl --resume   after a break
  smtp-chaincheck sweep hosts.txt -o monday.db --ehlo probe.example.net
  smtp-chaincheck sweep hosts.txt -o monday.jsonl --summary monday.html
  smtp-chaincheck diff monday.db tuesday.db
  cut -f2 inventory.tsv | smtp-chaincheck sweep - | jq .status

TARGETS holds a host, host:port, address, or with --mx a domain, on each line; a
mail address means its domain, # begins a comment, and what stands there twice
is looked at once. RESULTS that end in .db are a database (SQLite), else one
report in JSON on each line. Without -o they go to standard output.

Say who you are: --ehlo NAME is what servers see in their logs; a web page or a
TXT record under that name should say what you do, and how to be left out.

exit codes:
  0    nothing worse than a note
  1    at least one warning or error (--fail-on error: at least one error)
  2    the list cannot be read to its end or has no target, the results cannot
       be written, or this computer, its network or its resolver failed
  3    no target could be examined: nothing answered
  130  interrupted
With -o, what was done is kept, and --resume goes on from there.
"""
FIRST = """\
Name a list of mail servers, one on each line, for example:
  smtp-chaincheck sweep hosts.txt -o results.jsonl
All options: smtp-chaincheck sweep --help"""


NAMELESS = """\
Nobody will know who calls: servers see an address. With --ehlo NAME they see a
name, under which you can say what you do, and how to be left out."""

_OWN = frozenset(
    {"mx", "protocol", "tls", "sni", "no_sni", "ehlo", "source", "resolver", "trust_ad", "timeout"}
    | {"greeting_timeout", "family"}
)
"""Options of a probe that a sweep has as well."""


def sweep(words: Sequence[str]) -> int:
    """Probe every target of a list and write one report a line; returns the exit code."""
    arguments = _arguments(words)
    from probe.cli import settings, sweep_run

    try:
        options = settings.options(arguments)
        manners = _manners(arguments)
        run = sweep_run.prepared(arguments)
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake
    if not (arguments.ehlo or arguments.quiet):
        say(NAMELESS)
    with run:
        return run.code(options, manners)


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser("sweep", usage=USAGE, description="Probes every mail server of a list, politely.", epilog=EXAMPLES)
    parser.add_argument("list", nargs="?", metavar="TARGETS", help="- reads standard input")
    add_sweep(parser)
    add_connection(parser, many=True)
    add_judgement(parser, "call private addresses, and fetch from them, too")
    add = parser.add_argument_group("the answer").add_argument
    add("--quiet", action="store_true", help="neither progress nor summary")
    add("--verbose", action="store_true", help="the whole summary: every finding, CA and mail server")
    add("--no-color", action="store_true", help="no colours (so do NO_COLOR, TERM=dumb and a pipe)")
    unused = {key: value for key, value in UNCONNECTED.items() if key not in _OWN}
    parser.set_defaults(**unused, json=False, words=tuple(words))
    arguments = parser.parse_intermixed_args(mistakes.joined(words))
    if arguments.list is None:
        raise UsageError(FIRST)
    return arguments


def _manners(arguments: Namespace) -> Manners:
    from probe.net.manners import Manners
    from probe.net.outage import room

    most = room(arguments.concurrency)
    if most < arguments.concurrency:
        say(f"At most {most} connections at a time: this system lets us open no more files (ulimit -n).")
    return Manners(
        most,
        per_operator=arguments.per_operator,
        pause=arguments.pause,
        rate=arguments.rate,
        exclude=_excluded(arguments.exclude),
        allow_private=arguments.allow_private,
        patient=True,
    )


EXCLUDED = 64 << 20
"""Bytes of the file of --exclude: some millions of networks."""


def _excluded(name: str | None) -> tuple[Network, ...]:
    """Read the file of --exclude. Raises ValueError with a sentence that names it."""
    from probe.cli import files
    from probe.net.excluded import networks
    from probe.render.clean import clean

    if name is None:
        return ()
    if not name:
        raise ValueError("--exclude wants the name of a file, and it is empty.")
    try:
        text = files.read(Path(name), EXCLUDED)
    except ValueError as mistake:
        raise ValueError(f"--exclude wants a file with addresses and networks, one a line. {mistake}") from None
    try:
        return networks(text)
    except ValueError as mistake:
        raise ValueError(f"--exclude {clean(name)}: {mistake}") from None
