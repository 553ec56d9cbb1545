"""``smtp-chaincheck listen``: what does my mail server present when it sends? One session, one report."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.cli.arguments import UNCONNECTED, Parser, UsageError
from probe.cli.mishap import ended_by_signals, say, tell
from probe.cli.options import add_judgement, add_output, seconds
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.judgement import Options
    from probe.model import Observation
    from probe.net.listen import ListenOptions

USAGE = "smtp-chaincheck listen [ADDRESS][:PORT] [options]"
EXAMPLES = """\
examples:
  smtp-chaincheck listen --mta postfix     on this computer; how to route a test
  smtp-chaincheck listen --once --json     one session, one JSON document
  smtp-chaincheck listen 192.0.2.7:2525 --cert fullchain.pem --key privkey.pem

A mail server that takes no mail: it asks every client for its certificate,
requires none, and reports what came. Mail is put off with 450 and stays in the
sender's queue. It listens on 127.0.0.1:2525 unless told otherwise.

exit codes: as for a probe, over all sessions; 3 when nobody called.
"""
PORT = 2525
UNREACHABLE = 3
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- how to reach whoever listens everywhere, from here


def listen(words: Sequence[str]) -> int:
    """Listen, and report each session; returns the exit code."""
    from probe.cli import settings
    from probe.model import Side
    from probe.net.listen import NoAddressError
    from probe.net.listen import listen as serve

    arguments = _arguments(words)
    try:
        where = _where(arguments)
        options = replace(settings.options(arguments), sides=frozenset({Side.CLIENT}), network=None)
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake
    codes: list[int] = []
    try:
        with ended_by_signals():
            asyncio.run(serve(where, partial(_ready, arguments, where), partial(_seen, codes, arguments, options)))
    except KeyboardInterrupt:
        if not codes:
            return tell("Stopped. Nobody called.", UNREACHABLE, words)
        say(f"Stopped. {len(codes)} session{'' if len(codes) == 1 else 's'} seen.")
    except NoAddressError as problem:
        raise UsageError(f"{clean(where.host)} port {where.port} cannot be had: {problem}. Name another.") from None
    return max(codes)


def _arguments(words: Sequence[str]) -> Namespace:
    parser = Parser(
        "listen", usage=USAGE, description="Reports the certificate of whoever sends mail here.", epilog=EXAMPLES
    )
    parser.set_defaults(**UNCONNECTED)
    parser.add_argument("place", nargs="?", default="", metavar="[ADDRESS][:PORT]", help="default: 127.0.0.1:2525")
    add = parser.add_argument_group("the listener").add_argument
    add("--cert", metavar="FILE", help="our certificate and its chain (default: one made for the occasion)")
    add("--key", metavar="FILE", help="its key (default: in the same file)")
    add("--once", dest="count", action="store_const", const=1, help="stop after one session")
    add("--count", type=int, metavar="N", help="stop after N sessions")
    add("--timeout", type=seconds, default=180.0, metavar="SECONDS", help="for one session (default: 180)")
    add("--discard", action="store_true", help="take messages and throw them away, for tests")
    add_judgement(parser)
    add_output(parser)
    return parser.parse_intermixed_args(list(words))


def _where(arguments: Namespace) -> ListenOptions:
    from probe.cli.identity import identity_of
    from probe.net.listen import NAME, ListenOptions
    from probe.pki.occasion import occasion
    from probe.targets import target_of
    from probe.wire.identity import Identity

    if "://" in arguments.place and not arguments.place.lower().startswith("smtp://"):
        raise ValueError(
            f"listen is an SMTP server with STARTTLS, and no other: {clean(arguments.place)} cannot be had."
        )
    place = arguments.place if arguments.place.strip(":") else "127.0.0.1" + arguments.place.rstrip(":")
    target = target_of(f"127.0.0.1{place}" if place.startswith(":") else place, PORT)
    if arguments.count is not None and arguments.count < 1:
        raise ValueError("--count wants a number from 1 on.")
    identity = identity_of(arguments.cert, arguments.key, ("--cert", "--key"))
    if identity is None:
        own, key = occasion(NAME, datetime.now(UTC))
        identity = Identity((own,), key)
    how = {"count": arguments.count, "discard": arguments.discard, "timeout": arguments.timeout}
    return ListenOptions(identity, target.name, target.port, **how)


def _ready(arguments: Namespace, where: ListenOptions, port: int) -> None:
    """Say where we listen, what to know, and how to send one message here."""
    from probe.catalogue import routes
    from probe.net.listen import is_loopback

    if arguments.quiet:
        return
    say(f"Listening on {where.host} port {port}. Ctrl-C ends it.")
    if not is_loopback(where.host):
        say("Whoever reaches that address can connect; no mail is taken or relayed.")
    if arguments.cert is None:
        say("Our certificate was made for the occasion: a sender that verifies may refuse it (--cert, --key).")
    known = routes.ids()
    if arguments.mta in known:
        for line in routes.steps(arguments.mta, ANY.get(where.host, where.host), port):
            say(f"    {line[2:]}" if line.startswith(("$ ", "  ")) else line)
    else:
        say(f"How to send one test message here: --mta {', '.join(known[:-1])} or {known[-1]}.")


async def _seen(codes: list[int], arguments: Namespace, options: Options, seen: Observation, client: str) -> None:
    from probe.cli import probing
    from probe.judgement import report_of
    from probe.model import Kind, Target
    from probe.pipeline import complete

    target = Target(client or seen.endpoint.address or "", seen.endpoint.port, kind=Kind.LISTEN)
    report = report_of(await complete(seen, options), options, target)
    codes.append(report.exit_code)
    if arguments.json:
        from probe.render.json import text

        sys.stdout.write(text([report]))
    else:
        probing.screen(arguments, options)(report)
    sys.stdout.flush()
