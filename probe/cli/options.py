"""The options of the command line, in groups; several verbs share them. Imports argparse and nothing of weight."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError

PROTOCOLS = ("smtp", "submission", "lmtp", "imap", "pop3", "sieve")
LAYOUTS = ("fullchain", "chain", "leaf", "key-first", "key-last")
"""Those of ``probe.material``."""
LONGEST_WAIT = 3600.0
"""Seconds. A probe that needs longer has been forgotten by whoever started it."""
MOST_LOOKS = 100
"""Connections of --repeat: a pool of more members is not found out politely."""
SHORTEST_PAUSE = 5.0
"""Seconds between two looks of --watch: nobody mends faster, and servers can count connections a minute (of Postfix:
smtpd_client_connection_rate_limit)."""
LARGEST_CROWD = 20_000
"""Connections at a time: each needs a descriptor and some 60 KB."""
LONGEST_WATCH = 7 * 86400.0
"""Seconds. A watch of more than a week is a matter for --nagios."""


CERT = "look twice: without, and presenting this certificate list"
CERT_OF_SWEEP = "present this certificate list to every server that asks"


def add_connection(parser: ArgumentParser, *, many: bool = False) -> None:
    """Add what says how to connect, and what to present; ``many``: in a sweep, where some of it means less."""
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
    add("--client-cert", metavar="FILE", help=CERT_OF_SWEEP if many else CERT)
    add("--client-key", metavar="FILE", help="its key (default: in the same file)")
    add(
        "--timeout",
        type=seconds,
        default=60.0,
        metavar="SECONDS",
        help=f"for {'each address' if many else 'the whole probe'} (default: 60)",
    )
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


def add_domain(parser: ArgumentParser) -> None:
    """Add the options that widen the look: all hosts of a domain, all its policies, all ways to ask."""
    add = parser.add_argument_group("the whole picture").add_argument
    add("--mx", action="store_true", help="HOST is a mail domain: look at all its mail hosts (so does user@DOMAIN)")
    add(
        "--thorough",
        action="store_true",
        help="ask each address with and without SNI, for RSA and ECDSA, with TLS 1.2 and 1.3, and at the other mail "
        "ports that answer",
    )
    add("--repeat", type=_looks, default=1, metavar="N", help="ask each address N times: members of a pool may differ")
    add("--resolver", metavar="ADDRESS", help="ask this DNS server (default: those of the system)")
    add("--trust-ad", action="store_true", help="believe that resolver's word on DNSSEC, though it is not on loopback")
    add("--tlsa", action="store_true", help="print the TLSA records to publish, and how to change them")


def add_sweep(parser: ArgumentParser) -> None:
    """Add what a sweep reads and writes, and how polite it is."""
    add = parser.add_argument_group("the list").add_argument
    add("--mx", action="store_true", help="it holds mail domains: look at all mail hosts of each one")
    add("--column", metavar="NAME|N", help="of a CSV file: the column that holds them, by its heading or its number")
    add("--exclude", metavar="FILE", help="never call these addresses and networks, one on each line")
    add("--no-shuffle", action="store_true", help="keep the order of the list (default: a random one)")
    results = parser.add_argument_group("the results")
    add = results.add_argument
    add("-o", "--output", metavar="RESULTS", help="one report on each line; a database where the name ends in .db")
    there = results.add_mutually_exclusive_group()
    there.add_argument(
        "--resume",
        action="store_true",
        help="go on with these results: a target that is in them is not looked at again",
    )
    there.add_argument(
        "--force",
        action="store_true",
        help="begin anew, and overwrite RESULTS, the summary and the table of an earlier sweep; no other file",
    )
    add("--summary", metavar="FILE", help="write the summary as an HTML page, too")
    add("--csv", metavar="FILE", help="write a table for spreadsheets, too: a row for each address")
    _add_politeness(parser)
    add = parser.add_argument_group("DNS").add_argument
    add("--resolver", metavar="ADDRESS", help="ask this DNS server (default: those of the system)")
    add("--trust-ad", action="store_true", help="believe that resolver's word on DNSSEC, though it is not on loopback")


def _add_politeness(parser: ArgumentParser) -> None:
    add = parser.add_argument_group("politeness").add_argument
    add("--concurrency", type=_crowd, default=200, metavar="N", help="connections at a time (default: 200)")
    add(
        "--per-operator",
        type=_crowd,
        default=4,
        metavar="N",
        help="of these, to one network (/24, /48) or organisation (default: 4)",
    )
    add(
        "--pause",
        type=_seconds_or_none,
        default=0.1,
        metavar="SECONDS",
        help="after each one, before the next there (default: 0.1)",
    )
    add("--rate", type=_rate, metavar="N", help="new connections a second, in all (default: no limit)")


def add_judgement(parser: ArgumentParser, private: str = "fetch from private addresses, too") -> None:
    """Add the options that say how to judge; other verbs have them, too. ``private`` is the help of --allow-private."""
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
    add("--allow-private", action="store_true", help=private)
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


def add_writing(parser: ArgumentParser, key: str) -> None:
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


def add_saving(parser: ArgumentParser) -> None:
    """Add what keeps an observation, and what brings one back."""
    add = parser.add_argument_group("the observation").add_argument
    add("--save", metavar="FILE", help="keep what the network did, for --from and bug reports")
    add("--from", dest="saved", metavar="FILE", help="judge such a file, as of its own time")
    add("--compare", metavar="FILE", help="say where it differs from the certificate file that the server is given")


def add_time(parser: ArgumentParser) -> None:
    """Add what looks again and again, within one run."""
    add = parser.add_argument_group("over time").add_argument
    add("--watch", action="store_true", help="look again until the chain is right, or the verdict is another")
    add(
        "--every",
        type=_pause,
        default=60.0,
        metavar="SECONDS",
        help="between two looks (default: 60; up to 300 while nothing changes)",
    )
    add("--watch-limit", type=_limit, default=86400.0, metavar="SECONDS", help="end then (default: 86400, one day)")


def add_nagios(parser: ArgumentParser) -> None:
    """Add what makes a monitoring plugin of a run."""
    add = parser.add_argument_group("monitoring").add_argument
    add("--nagios", action="store_true", help="answer as a plugin: one line, numbers, exit codes 0 to 3")


def add_output(parser: ArgumentParser) -> None:
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
        raise ArgumentTypeError(what)
    return number


def _whole(text: str, lowest: int, highest: int, what: str) -> int:
    return int(_number(text if text.isascii() and text.isdecimal() else "", lowest, highest, what))


def port_number(text: str) -> int:
    """Read a port, for argparse."""
    what = f"a port is a number from 1 to 65535, not {text!r}"
    return _whole(text, 1, 65535, what)


def seconds(text: str) -> float:
    """Read a time to wait, for argparse."""
    return _number(text, 0.001, LONGEST_WAIT, f"give seconds, above 0 and up to {LONGEST_WAIT:.0f}, not {text!r}")


def _pause(text: str) -> float:
    what = f"give seconds, from {SHORTEST_PAUSE:.0f} to {LONGEST_WAIT:.0f}, not {text!r}"
    return _number(text, SHORTEST_PAUSE, LONGEST_WAIT, what)


def _limit(text: str) -> float:
    return _number(text, 1.0, LONGEST_WATCH, f"give seconds, from 1 to {LONGEST_WATCH:.0f}, not {text!r}")


def _looks(text: str) -> int:
    """Read how often to ask, for argparse."""
    what = f"give a number from 1 to {MOST_LOOKS}, not {text!r}"
    return _whole(text, 1, MOST_LOOKS, what)


def _crowd(text: str) -> int:
    what = f"give a number from 1 to {LARGEST_CROWD}, not {text!r}"
    return _whole(text, 1, LARGEST_CROWD, what)


def _seconds_or_none(text: str) -> float:
    return _number(text, 0, LONGEST_WAIT, f"give seconds, from 0 to {LONGEST_WAIT:.0f}, not {text!r}")


def _rate(text: str) -> float:
    return _number(text, 0.01, 100_000, f"give connections a second, from 0.01 on, not {text!r}")


def _days(text: str) -> int:
    what = f"give a whole number of days from 0 on, not {text!r}"
    return _whole(text, 0, 100_000, what)
