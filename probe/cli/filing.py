"""``smtp-chaincheck file``: a certificate file, judged before a mail server is given it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.cli.arguments import UNCONNECTED, Parser, UsageError, refuse_clashes
from probe.cli.options import add_judgement, add_nagios, add_output, add_writing

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.cli.chain_file import ChainFile
    from probe.judgement import Options
    from probe.model import Report

USAGE = "smtp-chaincheck file PATH... [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck file fullchain.pem --name mx.example.com
  smtp-chaincheck file fullchain.pem --key privkey.pem --mta postfix
  smtp-chaincheck file /etc/letsencrypt/live/mx.example.com --mta exim
  smtp-chaincheck file servercert.pem --mta qmail --write-chain new.pem
  smtp-chaincheck file --as client /var/qmail/control/clientcert.pem
  openssl s_client -showcerts -connect HOST:993 </dev/null |
    smtp-chaincheck file -

PATH is a file (PEM, DER, PKCS#7, PKCS#12, what s_client -showcerts printed), -
for standard input, or a folder of certbot, acme.sh, lego or dehydrated. Several
files give a report each; a file that holds only a key is the key of the other.
Without --mta nothing is said that is wrong for one mail server alone.

Of a private key only its public half is used; it is never shown or sent. The
one place to which it goes, as it is, is the file of --write-chain, where the
layout holds it: that of --layout, else the mail server's own (--mta).

exit codes: as for a probe; 2 when a file cannot be read.
"""
FIRST = """\
Name a certificate file, or a folder of certbot, for example:
  smtp-chaincheck file fullchain.pem --name mx.example.com
All options: smtp-chaincheck file --help"""


def file(words: Sequence[str]) -> int:
    """Judge the files and say what is wrong; returns the exit code."""
    from probe.cli import probing

    arguments = _arguments(words)
    try:
        options = _options(arguments)
        reports = list(_reports(arguments, options))
        asked = _asked(arguments, reports)
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake
    return probing.told(iter(reports), arguments, options, asked)


def _asked(arguments: Namespace, reports: Sequence[Report]) -> ChainFile | None:
    """What is to be written, with the key that --key names or that stands in the file itself."""
    from probe.cli.chain_file import key_from, key_within, wanted
    from probe.pki.layout import WITH_KEY

    if arguments.write_chain is None:
        return wanted(arguments)
    if len(reports) > 1:
        raise ValueError("--write-chain writes one chain: give one file.")
    try:
        key = key_from(arguments.key) if arguments.key is not None else key_within(reports[0].target.name)
    except ValueError:
        if arguments.layout in WITH_KEY:
            raise
        key = None  # with a passphrase, say: it has been judged, and is not written
    return wanted(arguments, key)


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser("file", usage=USAGE, description="Says what is wrong with a certificate file.", epilog=EXAMPLES)
    parser.add_argument("paths", nargs="*", metavar="PATH", help="- reads standard input")
    add = parser.add_argument_group("the file").add_argument
    add("--as", dest="purpose", choices=("server", "client", "both"), default="server", help="(default: server)")
    add("--password-file", metavar="FILE", help="first line: the password of a PKCS#12 file")
    add("--password-fd", type=int, metavar="N", help="the same, from a descriptor")
    add_judgement(parser)
    add_writing(parser, key="the file's private key, where it stands in a file of its own")
    add_nagios(parser)
    add_output(parser)
    parser.set_defaults(**UNCONNECTED)
    arguments = parser.parse_intermixed_args(list(words))
    if not arguments.paths:
        raise UsageError(FIRST)
    refuse_clashes(arguments)
    return arguments


def _options(arguments: Namespace) -> Options:
    from probe.cli import settings
    from probe.model import Side

    options = settings.options(arguments)
    sides = frozenset(Side) if arguments.purpose == "both" else frozenset({Side(arguments.purpose)})
    words = ["--as", arguments.purpose] if arguments.purpose != "server" else []
    for option in ("key", "password_file"):
        words += [f"--{option.replace('_', '-')}", value] if (value := getattr(arguments, option)) is not None else []
    return replace(options, sides=sides, words=(*words, *options.words), network=None)


def _reports(arguments: Namespace, options: Options) -> Iterator[Report]:
    from probe.catalogue.recipes import recipe
    from probe.cli.loading import Wish, materials, password
    from probe.pipeline import report_of_file

    habits = recipe(options.mta).file if options.mta else None
    if habits and habits.senders and arguments.purpose == "client":
        habits = replace(habits, users=habits.senders)
    wish = Wish(habits, arguments.key, password(arguments.password_file, arguments.password_fd))
    for material in materials(arguments.paths, wish):
        yield asyncio.run(report_of_file(material, options, datetime.now(UTC)))
