"""What is said and returned when a run ends before its report. Imports nothing of weight until it must."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

TYPE_CHECKING = False  # as in arguments.py
if TYPE_CHECKING:
    from typing import TextIO

WRONG_USAGE = 2
OUR_BUG = 70
"""EX_SOFTWARE of sysexits.h; 3 would read as a host that does not answer."""
INTERRUPTED = 130
"""128 + SIGINT, as a shell has it."""
UNKNOWN = 3
"""Of a monitoring plugin: it could not do its work."""
READER_GONE = 141
"""128 + SIGPIPE: whoever read our output went away."""
WIDTH, NARROWEST, WIDEST = 80, 40, 100
"""Columns of a message: in a pipe, and on the narrowest and the widest screen."""
LONGEST = 1000
"""Characters of one line of a message; it may quote a path or a file."""


def prepare_streams() -> None:
    """Let neither a closed stream, nor a letter that it lacks, nor a library's warning disturb the run."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 -- for as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 -- likewise
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 -- likewise
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if not sys.warnoptions:
        import warnings

        warnings.simplefilter("ignore")


def tell(message: str, code: int, words: Sequence[str]) -> int:
    """Write the message to stderr, and with ``--json`` a document to stdout; return ``code``.

    With ``--nagios`` it is the plugin's one line on stdout, and the code of UNKNOWN.
    """
    options = words[: words.index("--") if "--" in words else None]
    plugin = "--nagios" in options and "--json" not in options
    code = UNKNOWN if plugin else code
    try:
        if plugin:
            from probe.render.nagios import unknown

            sys.stdout.write(unknown(message))
            sys.stdout.flush()
            return code
        if "--json" in options:
            from probe.render.json import error_text

            sys.stdout.write(error_text(message, code))
            sys.stdout.flush()
        say(message)
    except BrokenPipeError:
        return reader_gone()
    except OSError:  # a full disk behind stdout or stderr: nobody is left to be told
        _drop(sys.stdout)
        _drop(sys.stderr)
    return code


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Whoever presses Ctrl-C twice still gets the last words of the first."""
    import signal

    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, where no Ctrl-C arrives
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the run as Ctrl-C does: temporary folders go, and last words are said."""
    import signal

    def end(*_: object) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's script does that to what it starts with "&"
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # asyncio has an answer of its own to that one

    wanted = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) is signal.SIG_DFL]
    for number in wanted:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in wanted:
            signal.signal(number, signal.SIG_DFL)


def say(message: str) -> None:
    """Write a message to stderr, cleaned, its lines wrapped to the width of the screen; indented ones are kept."""
    from textwrap import fill

    from probe.render.clean import clean

    width = _width()
    for line in message.split("\n"):
        shown = clean(line, LONGEST)
        wrapped = shown if shown.startswith(" ") else fill(shown, width, break_long_words=False, break_on_hyphens=False)
        print(wrapped, file=sys.stderr)  # noqa: T201 -- the words of a run that are no report


def _width() -> int:
    try:
        return min(max(os.get_terminal_size(sys.stderr.fileno()).columns, NARROWEST), WIDEST)
    except (OSError, ValueError):  # no terminal, or a stream without a descriptor
        return WIDTH


def tell_of(bug: Exception, words: Sequence[str]) -> int:
    """Say what nobody foresaw in one line: what, and where in our code; a full disk is no bug."""
    if isinstance(bug, OSError) and bug.errno == errno.ENOSPC:
        _drop(sys.stdout)
        return tell("The output could not be written: no space is left.", WRONG_USAGE, ())
    if isinstance(bug, OSError) and bug.errno == errno.EIO:  # the terminal was closed
        return reader_gone()
    message = f"This is a bug of ours, sorry: {type(bug).__name__} at {_place(bug)}: {bug}"
    return tell(f"{message}\nPlease report this line and the command that you typed.", OUR_BUG, words)


def _place(bug: Exception) -> str:
    """The innermost line of this package."""
    ours = f"{os.sep}probe{os.sep}"
    step, place = bug.__traceback__, "?"
    while step:
        _, found, file = step.tb_frame.f_code.co_filename.rpartition(ours)
        if found:
            place = f"probe/{file}:{step.tb_lineno}"
        step = step.tb_next
    return place


def reader_gone() -> int:
    """End quietly, as every program in a pipe does."""
    _drop(sys.stdout)
    return READER_GONE


def _drop(stream: TextIO) -> None:
    """What is still in the buffer goes nowhere; otherwise the interpreter complains about it at its exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    except (OSError, ValueError):  # a stream of somebody's test, without a descriptor
        return
