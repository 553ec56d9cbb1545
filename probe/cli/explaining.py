"""``smtp-chaincheck explain``: what a code, a name, a number or a sentence means; a page; a mail server's recipe."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe.cli.arguments import Parser, UsageError

if TYPE_CHECKING:
    from probe.message import Message

USAGE = "smtp-chaincheck explain [TEXT...]"
EXAMPLES = """\
examples:
  smtp-chaincheck explain 140943F2              an error code of OpenSSL
  smtp-chaincheck explain 'SSL alert number 48' an alert
  smtp-chaincheck explain 20                    a number: all it may be
  smtp-chaincheck explain X509_V_ERR_CERT_HAS_EXPIRED
  smtp-chaincheck explain 4.7.323               an enhanced status code
  smtp-chaincheck explain 'TLS is required, but was not offered by host'
  smtp-chaincheck explain missing-intermediate  a page: meaning and cure
  smtp-chaincheck explain postfix               where it names its file
  smtp-chaincheck explain --list                all pages, mail servers
  journalctl -u postfix -n 20 | smtp-chaincheck explain -
Quote what has blanks, or anything that the shell would read for itself.

exit codes: 0 a page was found, 1 none fits (the nearest are named), 2 wrong
command line
"""
STDIN_LIMIT = 1 << 20
"""Bytes of standard input that ``explain -`` reads: a paste. ``triage`` reads files of any size."""
LONGEST_ID = 64
LONGEST_NAME = 255
"""Bytes of a file's name (NAME_MAX of Linux)."""


def explain(words: Sequence[str]) -> int:
    """Explain what stands on the command line, or list all pages; returns the exit code."""
    parser = Parser(
        "explain",
        usage=USAGE,
        description="Explains an error code, a log line, a finding or a recipe.",
        epilog=EXAMPLES,
    )
    parser.add_argument("text", nargs="*", metavar="TEXT", help="what you have in hand; - reads standard input")
    parser.add_argument("--list", action="store_true", help="all pages and mail servers")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument("--no-color", action="store_true", help="no colours")
    arguments = parser.parse_intermixed_args(list(words))
    if arguments.list or not arguments.text:
        return _list(as_json=arguments.json, no_color=arguments.no_color)
    text = _text(arguments.text)
    _refuse_file(text)
    if arguments.json:
        return _as_json(text)
    return _on_screen(text, no_color=arguments.no_color)


def title(name: str) -> str:
    """The title of a page; the id itself where a page is lacking."""
    from probe.catalogue.pages import ids, page

    return page(name).title if name in ids() else name


def titles() -> dict[str, str]:
    """Page id → title, all of them."""
    from probe.catalogue.pages import ids

    return {name: title(name) for name in ids()}


def _text(words: Sequence[str]) -> str:
    if list(words) == ["-"]:
        return sys.stdin.buffer.read(STDIN_LIMIT).decode("utf-8", "backslashreplace")
    return " ".join(words)


def _servers() -> dict[str, str]:
    """Recipe id → the name of the mail server."""
    from probe.catalogue.recipes import GENERIC, ids, recipe

    return {name: "any other mail server" if name == GENERIC else recipe(name).name for name in ids()}


def _list(*, as_json: bool, no_color: bool) -> int:
    from probe.render.page import list_of
    from probe.render.sheet import console, write

    if as_json:
        from probe.render.messages_json import messages_text
        from probe.triage.explanation import explain as explained

        sys.stdout.write(messages_text([explained(name) for name in titles()], 0))
        return 0
    screen = console(sys.stdout, no_color=no_color)
    write(list_of(titles(), screen), screen)
    screen.file.write("\nHow a mail server is mended:\n\n")
    write(list_of(_servers(), screen), screen)
    return 0


def _on_screen(text: str, *, no_color: bool) -> int:
    from probe.render.page import text_of
    from probe.render.sheet import console, write

    screen = console(sys.stdout, no_color=no_color)
    if document := _document(text):
        write(text_of(document, screen), screen)
        return 0
    from probe.render.message import explanation

    message = _message(text)
    write(explanation(message, screen), screen)
    return _exit_code(message)


def _as_json(text: str) -> int:
    if _word(text) in _servers():
        raise UsageError(f"{_word(text)} is the recipe of a mail server, a text for people: leave out --json.")
    from probe.render.messages_json import messages_text

    message = _message(text)
    sys.stdout.write(messages_text([message], _exit_code(message)))
    return _exit_code(message)


def _message(text: str) -> Message:
    """One message; a paste of several lines that tell of several problems belongs to ``triage``."""
    from probe.triage.explanation import explain as explained

    if "\n" in text.strip():
        from probe.api import problems

        found = problems(text)
        if len(found) > 1:
            raise UsageError(
                f"These lines tell of {len(found)} different problems. One line is explained here; for several:\n"
                "smtp-chaincheck triage FILE, or triage - for standard input"
            )
        if found and found[0].page != explained(text).page:
            return found[0]
    return explained(text)


def _refuse_file(text: str) -> None:
    from pathlib import Path

    if len(text) <= LONGEST_NAME and "\n" not in text and "\0" not in text and Path(text).is_file():
        raise UsageError(f"{text} is a file. To read it: smtp-chaincheck triage {shlex.quote(text)}")


def _exit_code(message: Message) -> int:
    return 0 if message.page else 1


def _word(text: str) -> str:
    """An id as the report prints it, in brackets."""
    return text.strip().strip("[]").lower()[:LONGEST_ID]


def _document(text: str) -> str:
    """The page or recipe of that id as Markdown; "" where the text is no id."""
    from probe.catalogue import recipes
    from probe.catalogue.pages import ids, page_text
    from probe.catalogue.recognise import names

    word = _word(text)
    if word in recipes.ids():
        return recipes.recipe(word).text
    if word in ids():
        return page_text(word)
    if word in names():
        raise UsageError(f"We know {word}, but have no recipe for it. See: smtp-chaincheck explain {recipes.GENERIC}")
    return ""
