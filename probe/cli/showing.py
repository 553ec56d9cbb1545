"""``smtp-chaincheck demo``: see a broken chain found and mended, on this computer alone."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial

from msgspec.structs import replace

from probe.cli.arguments import Parser, UsageError
from probe.cli.mishap import ended_by_signals
from probe.cli.options import port_number
from probe.render.clean import clean

TYPE_CHECKING = False  # as in arguments.py
if TYPE_CHECKING:
    from argparse import Namespace

    from rich.console import Console

    from probe.demo.cases import Case
    from probe.demo.server import Stand
    from probe.model import Report

ARROW = "→"
LEGEND = (
    'R3, R4, … are intermediates, mx is the server\'s own certificate, and "→" means "signed". "Sent as" is the order '
    'on the wire; "the pool" are certificates that we know from elsewhere.'
)
USAGE = """\
smtp-chaincheck demo [CASE] [--mta NAME]
       smtp-chaincheck demo --list
       smtp-chaincheck demo --serve [CASE] [--port N]"""
EXAMPLES = """\
examples:
  smtp-chaincheck demo                 an intermediate is missing: found, mended
  smtp-chaincheck demo --list          the other cases
  smtp-chaincheck demo expired         one of them
  smtp-chaincheck demo --serve expired --port 2525
                                       keep that server running, to play with

exit codes: 0 the demo found what it promised, 1 it did not, 2 wrong usage
"""


def demo(words: Sequence[str]) -> int:
    """Show a case, or list or serve them; returns the exit code."""
    arguments = _parsed(words)
    from probe.render.sheet import console

    screen = console(sys.stdout, no_color=arguments.no_color)
    if arguments.list:
        return _list(screen)
    case = _plain(_case(arguments.serve or arguments.case))
    with ended_by_signals():
        return _tour(case, arguments, screen) if arguments.serve is None else _serve(case, arguments.port or 0, screen)


def _parsed(words: Sequence[str]) -> Namespace:
    parser = Parser(
        "demo", usage=USAGE, description="Shows what the program does, on this computer alone.", epilog=EXAMPLES
    )
    add = parser.add_argument
    add("case", nargs="?", metavar="CASE", help="what is broken (default: missing-intermediate)")
    add("--list", action="store_true", help="name the cases")
    add("--serve", nargs="?", const="", metavar="CASE", help="keep a server with that case running until Ctrl-C")
    add("--mta", metavar="NAME", help="whose commands to print: postfix, exim, … (see: smtp-chaincheck explain --list)")
    add("--port", type=port_number, metavar="N", help="the port of --serve (default: a free one)")
    add("--verbose", action="store_true", help="the conversation with times, and all details")
    add("--no-color", action="store_true", help="no colours")
    arguments = parser.parse_args(list(words))
    if arguments.port and arguments.serve is None:
        parser.error("--port belongs to --serve CASE")
    if arguments.list and (arguments.case or arguments.serve is not None):
        parser.error("--list names all cases and takes none")
    if arguments.serve and arguments.case:
        parser.error(f"name one case, not both {clean(arguments.serve, 80)} and {clean(arguments.case, 80)}")
    return arguments


def _list(screen: Console) -> int:
    """Each case by its id and what is found; below that, how it is made."""
    from probe.demo.cases import CASES
    from probe.render.sheet import Sheet, write

    sheet = Sheet(screen.width, screen.encoding)
    sheet.say(LEGEND)
    sheet.blank()
    for case in CASES:
        sheet.say((case.id, "strong"), f"  {_title(case)}", rest="    ")
        sheet.say(case.story, first="    ")
    write(sheet, screen)
    return 0


def _title(case: Case) -> str:
    """What is found, in plain words; the finding that gave the case its name goes before others."""
    from probe.cli.explaining import title

    named = [name for name in case.findings if case.id.startswith(name)]
    return title((*named, *case.findings)[0]) if case.findings else "Nothing is wrong"


def _plain(case: Case) -> Case:
    """The case with a story that begins in plain words and explains its signs."""
    signs = f" ({LEGEND})" if ARROW in case.story else ""
    return replace(case, story=f"{_title(case)}. {case.story}{signs}")


def _case(name: str | None) -> Case:
    from difflib import get_close_matches

    from probe.demo.cases import CASES, DEFAULT, case_of

    try:
        return case_of(name or DEFAULT)
    except KeyError:
        near = get_close_matches(str(name)[:80], [case.id for case in CASES], n=3)
        meant = f" Did you mean {', '.join(near)}?" if near else ""
        raise UsageError(
            f"The demo has no case {clean(str(name), 80)}.{meant}\nAll of them: smtp-chaincheck demo --list"
        ) from None


def _tour(case: Case, arguments: Namespace, screen: Console) -> int:
    """Exit code 0 when every promised finding was there, and the mended server, if it was mended, is right."""
    from probe.cli.explaining import title
    from probe.cli.settings import software
    from probe.demo.tour import tour
    from probe.render.terminal import show

    shown = partial(show, console=screen, title=title, verbose=arguments.verbose)
    try:
        check = partial(_checked, mta=software(arguments.mta))
    except ValueError as problem:
        raise UsageError(str(problem)) from None
    say = _speaker(screen)
    reports = tour(case, datetime.now(UTC), check=check, show=shown, say=say)
    say(f"That server is gone. To play with it: smtp-chaincheck demo --serve {case.id}")
    found = {finding.id for endpoint in reports[0].endpoints for finding in endpoint.findings}
    mended = all(report.exit_code == 0 for report in reports[1:])
    return int(not (set(case.findings) <= found and mended))


def _speaker(screen: Console) -> Callable[[str], None]:
    """What stands between two reports: air around it, and a sign that it is no part of them."""
    from probe.render.sheet import Sheet, write

    def say(words: str) -> None:
        sheet = Sheet(screen.width, screen.encoding)
        sheet.say((words, "strong"), first="→ ")
        screen.file.write("\n")
        write(sheet, screen)
        screen.file.write("\n")

    return say


def _checked(stand: Stand, mta: str | None) -> Report:
    """Probe the stand as its case wants it, by its own trust anchors and without fetching anything."""
    from probe.cli.probing import probed
    from probe.judgement import Options
    from probe.model import Target
    from probe.net.observe import ObserveOptions
    from probe.pki import anchors
    from probe.pki.certificate import parse
    from probe.pki.pool import Pool

    case = stand.case
    options = Options(
        anchors=anchors.of((parse(root.der) for root in stand.act.anchors), "the demo's own"),
        pool=Pool({issuer.der: "the demo's pool" for issuer in stand.act.pool}),
        name=stand.name,
        fetch=False,
        mta=mta,
        network=ObserveOptions(timeout=case.timeout, greeting_timeout=case.greeting_timeout, sni=stand.name),
    )
    return probed(options, Target(stand.host, stand.port))


def _serve(case: Case, port: int, screen: Console) -> int:
    from probe.demo.server import serve_forever

    try:
        serve_forever(case, datetime.now(UTC), partial(_announce, _speaker(screen), screen), port=port)
    except OSError as problem:
        raise UsageError(f"Port {port} cannot be had: {problem.strerror}. Give another by --port.") from None
    except KeyboardInterrupt:
        screen.file.write("\nThe server has stopped.\n")
    return 0


def _announce(say: Callable[[str], None], screen: Console, stand: Stand) -> None:
    """Say what listens where, and the command that probes it with the right trust and intermediates."""
    from probe.render.sheet import Sheet, write

    words = [f"smtp-chaincheck {stand.host}:{stand.port} --name {stand.name} --no-fetch"]
    for option, certificates in (("trust", stand.act.anchors), ("intermediates", stand.act.pool)):
        if certificates:
            file = stand.file.with_name(f"{option}.pem")
            file.write_text("".join(certificate.pem for certificate in certificates), encoding="ascii")
            words.append(f"--{option} {shlex.quote(str(file))}")
    say(f"A mail server on {stand.host}, port {stand.port}: {stand.case.story} Ctrl-C ends it. From another terminal:")
    sheet = Sheet(screen.width, screen.encoding)
    sheet.line("    ", (" ".join(words), "command"))
    write(sheet, screen)
    screen.file.flush()
