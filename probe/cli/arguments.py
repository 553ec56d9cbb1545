"""The words that may follow ``smtp-chaincheck``. Imports argparse and nothing of weight: ``--help`` must be quick."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from probe.cli import mistakes

TYPE_CHECKING = False
"""As in typing, whose import takes half as long as Python's own start."""
if TYPE_CHECKING:
    from typing import NoReturn

    from _typeshed import SupportsWrite

VERBS = ("explain", "triage", "file", "listen", "demo")
LATER = ("sweep", "diff")
"""Verbs that DESIGN names and this version does not have; a host of that name needs ``--`` before it."""
PROTOCOLS = ("smtp", "submission", "lmtp", "imap", "pop3", "sieve")
WIDTH = 80
UNSAID = ("protocol", "tls", "sni", "ehlo", "source", "client_cert", "client_key", "save", "saved", "compare")
UNCONNECTED = dict.fromkeys(UNSAID) | {"no_sni": False, "timeout": 60.0, "greeting_timeout": 40.0, "family": 0}
"""Options of a probe that a verb without one has no use for, as if nobody had given them."""
LAYOUTS = ("fullchain", "chain", "leaf", "key-first", "key-last")
"""Those of ``probe.material``."""
LONGEST_WAIT = 3600.0
"""Seconds. A probe that needs longer has been forgotten by whoever started it."""

USAGE = """\
smtp-chaincheck HOST[:PORT] [HOST...] [options]
       smtp-chaincheck explain TEXT
       smtp-chaincheck triage FILE...
       smtp-chaincheck file PATH...
       smtp-chaincheck listen
       smtp-chaincheck demo [CASE]"""

EXAMPLES = """\
examples:
  smtp-chaincheck mx.example.com                    what port 25 presents
  smtp-chaincheck mx.example.com:587                submission; 465: TLS at once
  smtp-chaincheck mail.example.com:993              IMAP; 995: POP3; 4190: Sieve
  smtp-chaincheck 192.0.2.25 --name mx.example.com  one address, by that name
  smtp-chaincheck mx.example.com --write-chain chain.pem
                                                    the mended chain as a file
  smtp-chaincheck mx.example.com --json             one JSON document
  smtp-chaincheck explain missing-intermediate      what a finding means
  smtp-chaincheck explain 140943F2                  what an error code means
  smtp-chaincheck triage bounce.eml                 who refused what, and why
  smtp-chaincheck file fullchain.pem                a file, before it is installed
  smtp-chaincheck listen                            what your server presents
  smtp-chaincheck demo                              see it work, no network

--trust none leaves trust unjudged: an untrusted root, and an intermediate that
is missing, are not found then; only what the certificates themselves show.

exit codes:
  0  nothing worse than a note
  1  at least one warning or error (--fail-on error: at least one error)
  2  the command line was wrong, or a file could not be read or written
  3  the host could not be examined: nothing answered
  Several hosts: 3 if none could be examined, else the worst of 0 and 1.
  70 a bug of ours, 130 interrupted, 141 whoever read the output went away.

To probe a host that is called like a verb: smtp-chaincheck -- demo
No file is overwritten without --force or --backup, and with them only
certificates in PEM and what --save wrote; a file that holds a private key only
with --backup, and only where the new one holds that key, too.
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
    """argparse with our width, and with mistakes as exceptions."""

    def __init__(self, *, usage: str, description: str, epilog: str = "") -> None:
        super().__init__("smtp-chaincheck", usage, description, epilog, add_help=False, allow_abbrev=False)
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
    if word in LATER:
        raise UsageError(
            f"{word} comes in a later version; this one knows {', '.join(VERBS)}, and probes hosts.\n"
            f"For a host of that name: smtp-chaincheck -- {word}"
        )


def _refuse_contradictions(arguments: argparse.Namespace) -> None:
    if arguments.saved is not None and arguments.hosts:
        raise UsageError("--from judges a saved file and connects to nobody: give hosts or --from, not both.")
    if arguments.saved is None and not arguments.hosts:
        raise UsageError(FIRST)
    if arguments.write_chain is not None and len(arguments.hosts) > 1:
        raise UsageError("--write-chain writes the chain of one host: give one host.")


def _probe_parser() -> Parser:
    parser = Parser(
        usage=USAGE,
        description="Says what is wrong with the certificate chain of a mail server, who refuses mail\n"
        "because of it, and what to type to mend it.",
        epilog=EXAMPLES,
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="the version")
    parser.add_argument("hosts", nargs="*", metavar="HOST[:PORT]", help="a mail server: name, address, [v6]:port")
    _add_connection(parser)
    add_judgement(parser)
    add_writing(parser, key="the private key, which goes into that file and nowhere else")
    _add_saving(parser)
    add_output(parser)
    return parser


def _add_connection(parser: Parser) -> None:
    group = parser.add_argument_group("the connection")
    add = group.add_argument
    add("--port", type=port_number, metavar="N", help="the port, where HOST names none (default: the protocol's own)")
    add(
        "--protocol",
        choices=PROTOCOLS,
        metavar="WHICH",
        help=f"{', '.join(PROTOCOLS)} (default: by the port, else smtp)",
    )
    add("--tls", choices=("starttls", "implicit"), help="default: starttls; implicit on 465, 993 and 995")
    add("--sni", metavar="NAME", help="server name to ask for (default: --name, else the host name)")
    add("--no-sni", action="store_true", help="ask for no name")
    add("--ehlo", metavar="NAME", help="name to greet with (default: our address)")
    add("--client-cert", metavar="FILE", help="look twice: without, and presenting this certificate list")
    add("--client-key", metavar="FILE", help="its key (default: in the same file)")
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help="for the whole probe (default: 60)")
    add(
        "--greeting-timeout",
        type=seconds,
        default=40.0,
        metavar="SECONDS",
        help="for the server's first line (default: 40)",
    )
    family = group.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=4, default=0, help="IPv4 only")
    family.add_argument("-6", dest="family", action="store_const", const=6, help="IPv6 only")
    add("--source", metavar="ADDRESS", help="local address to connect from")


def add_judgement(parser: Parser) -> None:
    """Add the options that say how to judge; the verb ``file`` has them, too."""
    add = parser.add_argument_group("the judgement").add_argument
    add("--name", metavar="NAME", help="name that the certificate must have (default: the host)")
    add("--trust", default="mozilla", metavar="WHOM", help="mozilla, system, none, or a FILE or DIR (default: mozilla)")
    add("--ca-file", action="append", default=[], metavar="FILE", help="trust these as well; may be repeated")
    add(
        "--intermediates",
        action="append",
        default=[],
        metavar="FILE|DIR",
        help="intermediates known to you; may be repeated",
    )
    add("--no-fetch", action="store_true", help="do not fetch missing certificates (AIA)")
    add("--no-cache", action="store_true", help="neither use nor keep intermediates that were fetched")
    add("--allow-private", action="store_true", help="fetch from private addresses, too")
    add(
        "--mta",
        metavar="NAME",
        help="whose commands to print; 'smtp-chaincheck explain --list' has the names (default: as recognised)",
    )
    add("--at", metavar="TIME", help="judge as of that moment (ISO 8601; default: now)")
    add(
        "--warn-days",
        type=_days,
        metavar="N",
        help="warn N days before the end (default: in the last quarter of a certificate's life)",
    )
    add("--ignore", action="append", default=[], metavar="ID", help="leave a finding out; may be repeated")
    add(
        "--fail-on",
        choices=("error", "warning"),
        default="warning",
        help="from which weight on the exit code is 1 (default: warning)",
    )


def add_writing(parser: Parser, key: str) -> None:
    """Add what says how the mended list is written, for ``probe.cli.chain_file``; ``key`` is the help of --key."""
    add = parser.add_argument_group("the mended chain").add_argument
    add("--write-chain", metavar="FILE", help="write it as PEM, leaf first")
    add(
        "--layout",
        choices=LAYOUTS,
        metavar="LAYOUT",
        help="what the file holds: fullchain, chain (intermediates alone), leaf, or with the private key key-first or "
        "key-last (default: as the mail server reads it)",
    )
    add("--key", metavar="FILE", help=key)
    add("--backup", action="store_true", help="replace a file that is there, and keep it under a dated name")
    add("--force", action="store_true", help="overwrite it (and the file of --save)")


def _add_saving(parser: Parser) -> None:
    add = parser.add_argument_group("the observation").add_argument
    add("--save", metavar="FILE", help="keep what the network did, for --from and bug reports")
    add("--from", dest="saved", metavar="FILE", help="judge such a file, as of its own time")
    add("--compare", metavar="FILE", help="say where it differs from the certificate file that the server is given")


def add_output(parser: Parser) -> None:
    """Add the options that say how to answer; the verb ``file`` has them, too."""
    add = parser.add_argument_group("the answer").add_argument
    add("--json", action="store_true", help="one JSON document on stdout")
    add("--quiet", action="store_true", help="the verdict line only")
    add("--verbose", action="store_true", help="the conversation with times, and all details")
    add("--no-color", action="store_true", help="no colours (so do NO_COLOR, TERM=dumb and a pipe)")


def _number(text: str, lowest: float, highest: float, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(what)
    return number


def port_number(text: str) -> int:
    """Read a port, for argparse."""
    what = f"a port is a number from 1 to 65535, not {text!r}"
    return int(_number(text if text.isascii() and text.isdecimal() else "", 1, 65535, what))


def seconds(text: str) -> float:
    """Read a time to wait, for argparse."""
    return _number(text, 0.001, LONGEST_WAIT, f"give seconds, above 0 and up to {LONGEST_WAIT:.0f}, not {text!r}")


def _days(text: str) -> int:
    what = f"give a whole number of days from 0 on, not {text!r}"
    return int(_number(text if text.isascii() and text.isdecimal() else "", 0, 100_000, what))
