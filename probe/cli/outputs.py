"""The file of observations that a probe was asked to keep. Messages go to stderr."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from probe.cli import files
from probe.cli.mishap import say
from probe.model import Survey
from probe.render.clean import clean

if TYPE_CHECKING:
    from argparse import Namespace

    from probe.model import Report


def observations(reports: Sequence[Report], arguments: Namespace) -> bool:
    """Write what the network did; False when it could not be written."""
    from probe.wire.saved import dump

    if arguments.save is None:
        return True
    surveys = [seen_of(report) for report in reports]
    seen = [observation for survey in surveys for observation in survey.observations]
    try:
        files.write(Path(arguments.save), dump(surveys), files.Overwriting(arguments.force))
    except ValueError as problem:
        say(str(problem))
        return False
    count = f"{len(seen)} observation{'' if len(seen) == 1 else 's'}"
    say(f"Wrote {clean(arguments.save)}: {count}; judge again with --from, and with the same --name and --trust.")
    return True


def seen_of(report: Report) -> Survey:
    """Give what a report was made of."""
    looks = tuple(endpoint.observation for endpoint in report.endpoints)
    return Survey(report.target, looks, report.domain, report.left_out)
