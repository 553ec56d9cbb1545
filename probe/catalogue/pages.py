"""The pages: one Markdown file for each finding id, read as data.

``pages/<id>.md`` is a TOML head between two lines ``+++`` (id, title, seen_as, recipe, fix, summary) and six headings,
``HEADINGS``, in that order. ``pages/missing-intermediate.md`` shows the form. The head's sentences hold slots such as
``{certificate}`` that ``advice`` fills from a finding; the body is for everybody and has none.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).with_name("pages")

HEADINGS = (
    "What it means",
    "Why it happens",
    "How to make sure",
    "How to fix it",
    "Who suffers",
    "References",
)

DEFAULT = "is"
"""The key under which every page has a summary and a fix; other keys are a ``case`` or a confidence."""

_NEAR = 5
"""Suggestions for a mistyped id: as many as are read at a glance."""


class UnknownPageError(ValueError):
    """There is no page of that id; the message names the nearest ones."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the catalogue knows about one finding id."""

    id: str
    title: str
    """Short, without a full stop; it reads after an error mark."""
    summary: Mapping[str, str]
    """Case or confidence → at most four sentences with slots."""
    fix: Mapping[str, tuple[str, ...]]
    """Case or confidence → sentences with slots, in order; a line beginning with "$ " is a command."""
    recipe: str = ""
    """The section of the mail server's recipe that mends it: "install", "reload", or "" for none."""
    seen_as: tuple[str, ...] = ()
    """Real log lines that mean this page."""
    sections: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Heading → Markdown, in the order of the file."""


def ids() -> tuple[str, ...]:
    """Return the ids of all pages, sorted."""
    return tuple(sorted(_texts()))


def page(id: str) -> Page:  # noqa: A002  # the word of the catalogue; nothing here needs the builtin
    """Return the page of that id; raises UnknownPageError, which says what is near, for any other text."""
    if id not in _texts():
        raise UnknownPageError(f"There is no page {id!r}. The nearest: {', '.join(nearest(id))}.")
    return _page(id)


def page_text(id: str) -> str:  # noqa: A002  # as above
    """Return the page as Markdown for a reader: title, id and the sections; raises UnknownPageError."""
    this = page(id)
    parts = (f"## {heading}\n\n{body}" for heading, body in this.sections.items())
    return "\n\n".join((f"# {this.title}", f"`{this.id}`", *parts)) + "\n"


def nearest(text: str) -> tuple[str, ...]:
    """Return the ids that come nearest to a text, best first: ids with a word of it, then similar spelling."""
    from difflib import get_close_matches  # only a mistake needs it

    words = set(text.lower().replace("-", " ").replace("_", " ").split())
    shared = {name: len(words.intersection(name.split("-"))) for name in ids()}
    with_word = sorted((name for name in ids() if shared[name]), key=lambda name: -shared[name])
    alike = get_close_matches(text.lower(), ids(), n=_NEAR, cutoff=0.4)
    return tuple(dict.fromkeys((*alike[:1], *with_word, *alike)))[:_NEAR] or ids()[:_NEAR]


def parse(text: str) -> Page:
    """Read one page; raises ValueError, KeyError or TypeError when the form is not kept (a test reads them all)."""
    _, head, body = text.split("+++\n", 2)
    fields = tomllib.loads(head)
    return Page(
        id=fields["id"],
        title=fields["title"],
        summary=MappingProxyType(fields["summary"]),
        fix=MappingProxyType(_fixes(fields["fix"])),
        recipe=fields["recipe"],
        seen_as=tuple(fields["seen_as"]),
        sections=MappingProxyType(_sections(body)),
    )


@cache
def _texts() -> Mapping[str, Path]:
    return {path.stem: path for path in FOLDER.glob("*.md")}


@cache
def _page(id: str) -> Page:  # noqa: A002  # as above
    return parse(_texts()[id].read_text(encoding="utf-8"))


def _fixes(fix: Any) -> dict[str, tuple[str, ...]]:
    """A list is the fix of every case; a table has one list a case."""
    return {case: tuple(lines) for case, lines in (fix if isinstance(fix, dict) else {DEFAULT: fix}).items()}


def _sections(body: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in ("\n" + body).split("\n## ")[1:])
    return {heading.strip(): text.strip("\n").rstrip() for heading, _, text in parts}
