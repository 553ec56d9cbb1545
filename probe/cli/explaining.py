"""``smtp-chaincheck explain ID``: the page of a finding, or the recipe of a mail server, as text."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from probe.cli.arguments import Parser, UsageError
from probe.render.clean import clean

USAGE = "smtp-chaincheck explain [ID]"
EXAMPLES = """\
examples:
  smtp-chaincheck explain                        all findings and mail servers
  smtp-chaincheck explain missing-intermediate   what it means and how to mend it
  smtp-chaincheck explain postfix                where that server names its file

exit codes: 0 the page was found, 2 there is none of that name
"""


NEAR = 5
"""Suggestions for a mistyped id: as many as are read at a glance."""


def explain(words: Sequence[str]) -> int:
    """Print a page, or without an id the list of all pages; returns the exit code."""
    parser = Parser(usage=USAGE, description="Explains a finding, or how a mail server is mended.", epilog=EXAMPLES)
    parser.add_argument(
        "id", nargs="?", metavar="ID", help="the word in brackets behind a finding's title, or a mail server"
    )
    parser.add_argument("--no-color", action="store_true", help="no colours")
    arguments = parser.parse_args(list(words))
    from probe.render.page import list_of, text_of
    from probe.render.sheet import console, write

    screen = console(sys.stdout, no_color=arguments.no_color)
    if arguments.id:
        write(text_of(_page(arguments.id), screen), screen)
        return 0
    write(list_of(titles(), screen), screen)
    screen.file.write("\nHow a mail server is mended:\n\n")
    write(list_of(_servers(), screen), screen)
    return 0


def title(name: str) -> str:
    """The title of a finding's page; the id itself where a page is lacking."""
    from probe.catalogue.pages import ids, page

    return page(name).title if name in ids() else name


def titles() -> dict[str, str]:
    """Finding id → title, all of them."""
    from probe.catalogue.pages import ids

    return {name: title(name) for name in ids()}


def _servers() -> dict[str, str]:
    """Recipe id → the name of the mail server."""
    from probe.catalogue.recipes import GENERIC, ids, recipe

    return {name: "any other mail server" if name == GENERIC else recipe(name).name for name in ids()}


def _page(name: str) -> str:
    from probe.catalogue import recipes
    from probe.catalogue.pages import ids, page_text

    word = name.strip().strip("[]").lower()  # as the report prints it
    if word in recipes.ids():
        return recipes.recipe(word).text
    if word in ids():
        return page_text(word)
    if word in _recognised():
        raise UsageError(f"We know {word}, but have no recipe for it. See: smtp-chaincheck explain {recipes.GENERIC}")
    near = _near(word[:80], (*ids(), *recipes.ids()))
    meant = f" Did you mean {', '.join(near)}?" if near else ""
    raise UsageError(f"There is no page {clean(name, 80)}.{meant}\nAll of them: smtp-chaincheck explain")


def _recognised() -> frozenset[str]:
    """Software that a probe recognises and that has no recipe."""
    import tomllib

    from probe.catalogue.recognise import FINGERPRINTS

    return frozenset(tomllib.loads(FINGERPRINTS.read_text(encoding="utf-8")))


def _near(word: str, known: Sequence[str]) -> list[str]:
    """Names that have the word as a part, else those of similar spelling; none where nothing is near."""
    from difflib import get_close_matches

    parts = [name for name in known if word in name.split("-")]
    return list(dict.fromkeys((*get_close_matches(word, known, n=3), *parts)))[:NEAR]
