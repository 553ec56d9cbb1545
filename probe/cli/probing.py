"""The verb without a name: probe hosts, or judge a saved file, and say what was found."""

from __future__ import annotations

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from probe.cli import settings
from probe.cli.arguments import UsageError
from probe.cli.mishap import INTERRUPTED, WRONG_USAGE, ended_by_signals, say, uninterrupted
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator, Sequence

    from probe.cli.chain_file import ChainFile
    from probe.judgement import Options
    from probe.model import Report, Survey, Target

UNREACHABLE = 3
WRITING = ("write_chain", "layout", "backup", "key", "save")
"""Options that are about files to be written; without them, what writes files is not even imported."""


class Interrupted(KeyboardInterrupt):
    """Somebody lost patience, and this is what was known by then."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self.report = report


def probe(arguments: Namespace) -> int:
    """Run the probes that the command line asks for and return the exit code."""
    try:
        asked = _outputs(arguments)
        options = settings.options(arguments)
        if arguments.watch:
            with ended_by_signals():
                return _watched(arguments, options)
        reports = _reports(arguments, options)
    except ValueError as mistake:
        raise UsageError(str(mistake)) from mistake
    with ended_by_signals():
        return told(reports, arguments, options, asked)


def _watched(arguments: Namespace, options: Options) -> int:
    from probe.cli.watching import watch

    (target,) = settings.targets(arguments)
    return watch(partial(probed, options, target, quiet=arguments.quiet), screen(arguments, options), arguments)


def told(reports: Iterator[Report], arguments: Namespace, options: Options, asked: ChainFile | None) -> int:
    """Say the reports, write the files that were asked for, and return the exit code."""
    if arguments.nagios:
        from probe.cli.monitoring import answered

        return answered(reports, arguments)
    said: list[Report] = []
    try:
        written = _told(reports, arguments, options, asked, said)
    except KeyboardInterrupt as stop:
        last = [stop.report] if isinstance(stop, Interrupted) else []
        if not (last or said):
            raise
        with uninterrupted():
            _told(iter(last), arguments, options, asked, said)
            _saved(said, arguments)
            say("Interrupted before the end; the report holds what was known by then.")
        return INTERRUPTED
    written &= _saved(said, arguments)
    return _exit_code(said) if written else WRONG_USAGE


def _saved(reports: Sequence[Report], arguments: Namespace) -> bool:
    """Write what --save asks for; False when it could not be written."""
    if arguments.save is None:
        return True
    from probe.cli import outputs

    return outputs.observations(reports, arguments)


def _outputs(arguments: Namespace) -> ChainFile | None:
    """Examine what is to be written before anybody waits for a probe. Raises ValueError for what cannot be."""
    if all(getattr(arguments, option) in {None, False} for option in WRITING):
        return None
    from probe.cli import chain_file, files

    if arguments.key is not None and arguments.write_chain is None:
        raise ValueError("--key is the key that --write-chain FILE writes: give that, too.")
    asked = chain_file.wanted(arguments, chain_file.key_from(arguments.key))
    if arguments.save == "":
        raise ValueError("--save wants the name of a file, and it is empty.")
    if arguments.save is not None:
        files.refuse_place(Path(arguments.save), files.Overwriting(arguments.force))
    names = [os.path.realpath(name) for name in (arguments.write_chain, arguments.save) if name]
    if len({*names}) < len(names):
        raise ValueError("--write-chain and --save name the same file. Give each its own.")
    return asked


def _reports(arguments: Namespace, options: Options) -> Iterator[Report]:
    if arguments.saved is None:
        return map(partial(probed, options, quiet=arguments.quiet), settings.targets(arguments))
    return _judged(arguments, options)


def probed(options: Options, target: Target, *, quiet: bool = False) -> Report:
    """Probe one host; on a terminal a line on stderr says for what we wait.

    Raises Interrupted where somebody lost patience and there is something to say.
    """
    from probe.judgement import report_of_survey
    from probe.net.known import Known
    from probe.net.observe import ObserveOptions
    from probe.pipeline import probe_host
    from probe.render.progress import waiting

    known = Known(target)
    with waiting(target, sys.stderr, shown=not quiet, count=known.count) as on_stage:
        watched = replace(options, network=replace(options.network or ObserveOptions(), on_stage=on_stage))
        found: list[Report] = []

        async def looking() -> None:  # gives nothing back, since asyncio.run writes out what its task gave (signal.py)
            found.append(await probe_host(target, watched, known))

        try:
            asyncio.run(looking())
        except KeyboardInterrupt:
            if not (known.seen or known.domain):
                raise
            raise Interrupted(replace(report_of_survey(known.survey, options), interrupted=True)) from None
        return found[0]


def _judged(arguments: Namespace, options: Options) -> Iterator[Report]:
    from probe.judgement import report_of_survey

    surveys = _loaded(arguments.saved)
    if not any(survey.observations or survey.domain for survey in surveys):
        raise ValueError(f"{clean(arguments.saved)} holds no observation; --from reads what --save wrote.")
    if arguments.write_chain is not None and len(surveys) > 1:
        raise ValueError("--write-chain writes one chain, and that file holds several observations.")
    return (report_of_survey(survey, options) for survey in surveys)


def _loaded(name: str) -> tuple[Survey, ...]:
    from probe.cli import files
    from probe.wire.saved import load

    text = files.read(Path(name))
    try:
        return load(text)
    except ValueError as problem:
        why = f" {problem}" if text.lstrip().startswith("{") else ""
        raise ValueError(f"{clean(name)} is no file that --save wrote, and --from reads no other.{why}") from None


def _told(
    reports: Iterator[Report], arguments: Namespace, options: Options, asked: ChainFile | None, told: list[Report]
) -> bool:
    """Say each report as soon as it is there, and add it to ``told``; as JSON all of them at the end, in one document.

    The chain is written before its report is said. Returns False when that file could not be written.
    """
    show = None if arguments.json else screen(arguments, options)
    written = True
    for report in reports:
        said, name, done = _with_file(report, asked) if asked else (report, None, True)
        written &= done
        if show:
            sys.stdout.write("\n" if told and not arguments.quiet else "")
            show(said, written=name)
        told.append(said)
    if arguments.json:
        from probe.render.json import text

        sys.stdout.write(text(told))
    return written


def _with_file(report: Report, asked: ChainFile) -> tuple[Report, str | None, bool]:
    """Write the chain; what there is to say then, the file that commands can use, and whether all went well."""
    from probe.cli import chain_file

    outcome = chain_file.write(report, asked)
    return chain_file.without_advice(report) if outcome.mended else report, outcome.name, not outcome.failed


def screen(arguments: Namespace, options: Options) -> Callable[..., None]:
    """Make the function that shows a report as this command line wants it."""
    from probe.cli.explaining import title
    from probe.render.sheet import console
    from probe.render.terminal import show

    screen = console(sys.stdout, no_color=arguments.no_color)
    how = {"verbose": arguments.verbose, "quiet": arguments.quiet, "words": options.words}
    return partial(show, console=screen, title=title, **how)


def _exit_code(reports: list[Report]) -> int:
    """3 if none could be examined, else the worst of the others."""
    codes = [report.exit_code for report in reports]
    return max((code for code in codes if code != UNREACHABLE), default=UNREACHABLE if codes else 0)
