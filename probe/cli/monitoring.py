"""``--nagios``: the run answers as a monitoring plugin."""

from __future__ import annotations

import sys
from time import monotonic
from typing import TYPE_CHECKING

from probe.cli.explaining import title
from probe.render import nagios

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from probe.model import Report


def answered(reports: Iterable[Report], arguments: Namespace) -> int:
    """Write the answer for all hosts and return the plugin's exit code."""
    began = monotonic()
    found = list(reports)
    words, code = nagios.text(found, monotonic() - began, title=title, warn_days=arguments.warn_days)
    sys.stdout.write(words)
    return code
