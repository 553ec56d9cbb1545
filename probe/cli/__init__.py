"""The command line: verbs → calls → exit code, no logic.

Every run ends in ``main``, and none with a traceback. ``--help`` and ``--version`` import argparse and nothing heavier.
"""

from __future__ import annotations

import atexit
import gc
import sys
from collections.abc import Sequence

from probe.cli import mishap
from probe.cli.arguments import UsageError

LASTING = 100_000
"""Objects that a start makes, and more: whoever looks for garbage among them spends a fifth of it, and finds none."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program with ``argv`` (default: the process's own arguments) and return its exit code."""
    if argv is None:
        gc.set_threshold(LASTING)
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if argv is None else argv)
    mishap.prepare_streams()
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        return mishap.reader_gone()
    except KeyboardInterrupt:
        with mishap.uninterrupted():
            return mishap.tell("Interrupted before the end.", mishap.INTERRUPTED, words)
    except UsageError as wrong:
        return mishap.tell(str(wrong), mishap.WRONG_USAGE, words)
    except Exception as bug:  # noqa: BLE001 -- the promise: no input makes a traceback
        return mishap.tell_of(bug, words)
    return code


def _run(words: list[str]) -> int:
    try:
        return _verb(words)
    except SystemExit as leaving:  # argparse behind --help and --version
        return int(leaving.code or 0)


def _verb(words: list[str]) -> int:
    verb, rest = (words[0], words[1:]) if words else ("", [])
    if verb == "explain":
        from probe.cli.explaining import explain

        return explain(rest)
    if verb == "triage":
        from probe.cli.triaging import triage

        return triage(rest)
    if verb == "file":
        from probe.cli.filing import file

        return file(rest)
    if verb == "listen":
        from probe.cli.listening import listen

        return listen(rest)
    if verb == "diff":
        from probe.cli.differing import diff

        return diff(rest)
    if verb == "sweep":
        from probe.cli.sweeping import sweep

        return sweep(rest)
    if verb == "demo":
        from probe.cli.showing import demo

        return demo(rest)
    from probe.cli.arguments import probe_arguments

    arguments = probe_arguments(words)
    from probe.cli.probing import probe

    return probe(arguments)
