"""The words that may follow ``smtp-chaincheck``. Imports argparse and nothing of weight: ``--help`` must be quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from probe.cli import mistakes
from probe.cli.options import (
    add_connection,
    add_domain,
    add_judgement,
    add_nagios,
    add_output,
    add_saving,
    add_time,
    add_writing,
)

TYPE_CHECKING = False
"""As in typing, whose import takes half as long as Python's own start."""
if TYPE_CHECKING:
    from typing import NoReturn

    from _typeshed import SupportsWrite

VERBS = ("explain", "triage", "file", "listen", "sweep", "diff", "demo")
WIDTH = 80
UNSAID = (
    "protocol",
    "tls",
    "sni",
    "ehlo",
    "source",
    "client_cert",
    "client_key",
    "save",
    "saved",
    "compare",
    "resolver",
)
UNCONNECTED = dict.fromkeys(UNSAID) | {
    **dict.fromkeys(("no_sni", "mx", "thorough", "trust_ad", "tlsa", "watch", "nagios"), False),
    "timeout": 60.0,
    "greeting_timeout": 40.0,
    "family": 0,
    "repeat": 1,
}
"""Options of a probe that a verb without one has no use for, as if nobody had given them."""
CLASHES = {
    "watch": ("saved", "write_chain", "nagios"),
    "nagios": ("json", "quiet", "verbose", "write_chain", "save"),
}
"""Option → options that cannot stand beside it."""

USAGE = """\
smtp-chaincheck HOST[:PORT] [HOST...] [options]
       smtp-chaincheck explain TEXT
       smtp-chaincheck triage FILE...
       smtp-chaincheck file PATH...
       smtp-chaincheck listen
       smtp-chaincheck sweep TARGETS
       smtp-chaincheck diff BEFORE AFTER
       smtp-chaincheck demo [CASE]"""

EXAMPLES = """\
examples:
  smtp-chaincheck mx.example.com                    what port 25 presents
  smtp-chaincheck example.com --mx                  mail hosts, DANE, MTA-STS
  smtp-chaincheck mx.example.com --thorough         as every sender asks
  smtp-chaincheck mx.example.com:587                submission; 465: TLS at once
  smtp-chaincheck mail.example.com:993              IMAP; 995: POP3; 4190: Sieve
  smtp-chaincheck 192.0.2.25 --name mx.example.com  one address, by that name
  smtp-chaincheck mx.example.com --write-chain chain.pem
                                                    the mended chain as a file
  smtp-chaincheck mx.example.com --json             one JSON document
  smtp-chaincheck mx.example.com --watch            until it is right
  smtp-chaincheck mx.example.com --nagios           one line for monitoring
  smtp-chaincheck mx.example.com --tlsa             the TLSA records to publish
  smtp-chaincheck explain missing-intermediate      what a finding means
  smtp-chaincheck explain 140943F2                  what an error code means
  smtp-chaincheck triage bounce.eml                 who refused what, and why
  smtp-chaincheck file fullchain.pem                a file, before its use
  smtp-chaincheck listen                            what your server presents
  smtp-chaincheck sweep hosts.txt -o monday.jsonl   a list of mail servers
  smtp-chaincheck diff monday.json tuesday.json     what changed since
  smtp-chaincheck demo                              see it work, no network

--trust none leaves trust unjudged: an untrusted root, and an intermediate that
is missing, are not found then; only what the certificates themselves show.

exit codes:
  0  nothing worse than a note
  1  at least one warning or error (--fail-on error: at least one error)
  2  the command line was wrong, or a file could not be read or written
  3  the host could not be examined: nothing answered
  Several hosts: 3 if none could be examined, else the worst of 0 and 1.
  --watch: 0 the chain is right, 1 it changed or is still wrong at the limit.
  --nagios: 0 OK, 1 WARNING, 2 CRITICAL (no answer, too), 3 UNKNOWN.
  70 a bug of ours, 130 interrupted, 141 whoever read the output went away.

To probe a host that is called like a verb: smtp-chaincheck -- demo
No file is overwritten without --force or --backup, and with them only
certificates in PEM, what --save wrote and what a sweep wrote; a file with a
private key only with --backup, and only where the new one holds that key, too.
"""


FIRST = """\
Name a mail server to look at, for example:
  smtp-chaincheck mx.example.com
  smtp-chaincheck mx.example.com:587 --verbose
No server at hand? See it work on one of its own: smtp-chaincheck demo
All options: smtp-chaincheck --help"""


class UsageError(Exception):
    """The command line, or a file that it names, cannot be used; the text says what to do."""


class Parser(argparse.ArgumentParser):
    """argparse with our width, and with mistakes as exceptions, which name the help of the verb."""

    def __init__(self, verb: str = "", *, usage: str, description: str, epilog: str = "") -> None:
        super().__init__(
            f"smtp-chaincheck {verb}".rstrip(), usage, description, epilog, add_help=False, allow_abbrev=False
        )
        self.formatter_class = _Help
        self.color = False
        self.add_argument("-h", "--help", action="help", help="this text")

    def error(self, message: str) -> NoReturn:
        """Raise UsageError: ``main`` says it, in JSON where that was asked for."""
        meant = mistakes.about_options(message, self._option_string_actions)
        raise UsageError(f"{message[:1].upper()}{message[1:]}.{meant}\nSee {self.prog} --help.")

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        """Write the help; unlike argparse's own, it does not hide that nobody could read it."""
        (file or sys.stdout).write(self.format_help())


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=WIDTH)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from probe import __version__

        print(f"smtp-chaincheck {__version__}")  # noqa: T201 -- the answer
        parser.exit()


def probe_arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the words of a probe. Raises UsageError; leaves by SystemExit behind ``--help`` and ``--version``."""
    before, after = _parted(words)
    arguments = _probe_parser().parse_intermixed_args(mistakes.joined(before))
    for position, word in enumerate(arguments.hosts):
        _refuse_verb(word)
        if mistake := mistakes.about_host(arguments.hosts, position):
            raise UsageError(mistake)
    arguments.hosts += after
    _refuse_contradictions(arguments)
    return arguments


def _parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What stands before "--", and the hosts behind it."""
    end = words.index("--") if "--" in words else len(words)
    return list(words[:end]), list(words[end + 1 :])


def _refuse_verb(word: str) -> None:
    if word in VERBS:
        raise UsageError(
            f"{word} is a verb and stands first: smtp-chaincheck {word} ...\n"
            f"For a host of that name: smtp-chaincheck -- {word}"
        )


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.saved is not None and arguments.hosts:
        raise UsageError("--from judges a saved file and connects to nobody: give hosts or --from, not both.")
    if arguments.saved is None and not arguments.hosts:
        raise UsageError(FIRST)
    if arguments.write_chain is not None and len(arguments.hosts) > 1:
        raise UsageError("--write-chain writes the chain of one host: give one host.")
    if arguments.watch and len(arguments.hosts) > 1:
        raise UsageError("--watch watches one host, or with --mx one domain: give one.")
    refuse_clashes(arguments)


def refuse_clashes(arguments: argparse.Namespace) -> None:
    """Raise UsageError where two options want different things."""
    for option, others in CLASHES.items():
        for other in others if getattr(arguments, option) else ():
            if getattr(arguments, other) not in {None, False}:
                named = {"saved": "from"}.get(other, other).replace("_", "-")
                raise UsageError(f"--{option} and --{named} contradict each other: give one of them.")


def _probe_parser() -> Parser:
    parser = Parser(
        usage=USAGE,
        description="Says what is wrong with the certificate chain of a mail server, who refuses mail\n"
        "because of it, and what to type to mend it.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version")
    parser.add_argument("hosts", nargs="*", metavar="HOST[:PORT]", help="a mail server: name, address, [v6]:port")
    add_domain(parser)
    add_connection(parser)
    add_judgement(parser)
    add_writing(parser, key="the private key, which goes into that file and nowhere else")
    add_saving(parser)
    add_time(parser)
    add_nagios(parser)
    add_output(parser)
    return parser
