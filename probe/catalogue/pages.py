"""The pages: one Markdown file for each explanation, read as data.

``pages/<id>.md`` is a TOML head between two lines ``+++`` and six headings, ``HEADINGS``, in that order. A page answers
a finding of a probe (``summary`` and ``fix``, whose slots ``advice`` fills), a text that a program printed (``said``,
with the ``symptoms`` and ``spellings`` by which it is known and real lines in ``seen_as``), or both.
``pages/missing-intermediate.md`` shows the first form, ``pages/tls-alert-unknown-ca.md`` the second.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FOLDER = Path(__file__).with_name("pages")

HEADINGS = (
    "What it means",
    "Why it happens",
    "How to make sure",
    "How to fix it",
    "Who suffers",
    "References",
)

CONFIDENCE = frozenset({"is", "very likely", "may be"})
DEFAULT = "is"
"""The key under which every page has a summary and a fix; other keys are a ``case`` or a confidence."""

_NEAR = 5
"""Suggestions for a mistyped id: as many as are read at a glance."""
_ALIKE = 80
"""Characters of a text that are compared with ids letter by letter; an id is shorter."""


class UnknownPageError(ValueError):
    """There is no page of that id; the message names the nearest ones."""


SCOPES = ("aside", "umbrella", "general", "cause")
"""How much a text says that leads to a page, from little to much: a line that stands beside the real one, "TLS failed",
a class of reasons, the reason."""


class Said(Struct, frozen=True):
    """What a text means that a program printed, with slots."""

    meaning: str
    """One sentence."""
    direction: str
    """A value of ``message.Direction``."""
    accuses: str
    """Whose fault it is: a value of ``message.Accused``, or "writer" or "peer" of the text."""
    confidence: str
    """How sure the page is when its text is seen."""
    stage: str
    """A value of ``model.Stage``."""
    causes: tuple[tuple[str, str], ...]
    """(Confidence, sentence), the most likely first."""
    next: tuple[str, ...]
    """Commands that make sure, the best one first."""
    fix: tuple[str, ...]
    """Sentences, in order; a line beginning with "$ " is a command."""


class Page(Struct, frozen=True):
    """What the catalogue knows about one id."""

    id: str
    title: str
    """Short, without a full stop; it reads after an error mark."""
    category: str
    """A value of ``message.Category``."""
    summary: Mapping[str, str]
    """Case or confidence → at most four sentences with slots; empty where no finding has this page. "file/is" and
    "client/is" go before "is" where the certificates lie in a file, or were presented by a client."""
    fix: Mapping[str, tuple[str, ...]]
    """Case or confidence → sentences with slots, in order; a line beginning with "$ " is a command."""
    recipe: str = ""
    """The section of the mail server's recipe that mends it: "install", "reload", or "" for none."""
    scope: str = "cause"
    """One of ``SCOPES``."""
    about_tls: bool = True
    """False for what fails before anybody speaks of TLS, and for what has nothing to do with it."""
    symptoms: tuple[str, ...] = ()
    """Numbers that mean this page: "alert:48", "verify:20"."""
    spellings: tuple[str, ...] = ()
    """Phrases in normal form that mean this page; ``*`` stands for a few words of anything."""
    seen_as: tuple[str, ...] = ()
    """Real log lines that mean this page."""
    said: Mapping[str, Said] = field(default_factory=dict)
    """Writer → what the text means: "" for any, "client", "server", "client/qmail"; empty where no text leads here."""
    sections: Mapping[str, str] = field(default_factory=dict)
    """Heading → Markdown, in the order of the file."""


def ids() -> tuple[str, ...]:
    """Return the ids of all pages, sorted."""
    return tuple(sorted(_ids()))


def page(id: str) -> Page:  # noqa: A002  # the word of the catalogue; nothing here needs the builtin
    """Return the page of that id; raises UnknownPageError, which says what is near, for any other text."""
    if id not in _ids():
        raise UnknownPageError(f"There is no page {id!r}. The nearest: {', '.join(nearest(id))}.")
    return _page(id)


@cache
def all_pages() -> tuple[Page, ...]:
    """Return every page, sorted by id."""
    return tuple(map(_page, ids()))


@cache
def by_symptom() -> Mapping[str, str]:
    """Symptom → the id of the page that explains it."""
    return {symptom: this.id for this in all_pages() for symptom in this.symptoms}


def page_text(id: str) -> str:  # noqa: A002  # as above
    """Return the page as Markdown for a reader: title, id and the sections; raises UnknownPageError."""
    this = page(id)
    parts = (f"## {heading}\n\n{body}" for heading, body in this.sections.items())
    return "\n\n".join((f"# {this.title}", f"`{this.id}`", *parts)) + "\n"


def nearest(text: str, among: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the ids that are alike, and where none is the first ones; ``among`` as for ``alike``."""
    known = ids() if among is None else among
    return alike(text, known) or tuple(known[:_NEAR])


def alike(text: str, among: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the ids that come near a text, best first: ids with a word of it, then similar spelling.

    ``among`` are the ids to choose from, all pages by default.
    """
    from difflib import get_close_matches  # only a mistake needs it

    words = set(text.lower().replace("-", " ").replace("_", " ").split())
    known = ids() if among is None else among
    shared = {name: len(words.intersection(name.split("-"))) for name in known}
    with_word = sorted((name for name in known if shared[name]), key=lambda name: -shared[name])
    spelt = get_close_matches(text.lower()[:_ALIKE], known, n=_NEAR, cutoff=0.4)
    return tuple(dict.fromkeys((*spelt[:1], *with_word, *spelt)))[:_NEAR]


def parse(text: str) -> Page:
    """Read one page; raises ValueError, KeyError or TypeError when the form is not kept (a test reads them all)."""
    _, head, body = text.split("+++\n", 2)
    fields = tomllib.loads(head)
    return Page(
        id=fields["id"],
        title=fields["title"],
        category=fields["category"],
        summary=MappingProxyType(_voiced(fields.get("summary", {}))),
        fix=MappingProxyType(_fixes(fields.get("fix", {}))),
        recipe=fields["recipe"],
        scope=fields["scope"],
        about_tls=fields.get("about_tls", True),
        symptoms=tuple(fields["symptoms"]),
        spellings=tuple(fields["spellings"]),
        seen_as=tuple(fields["seen_as"]),
        said=MappingProxyType(_said(fields.get("said", {}))),
        sections=MappingProxyType(_sections(body)),
    )


@cache
def _ids() -> frozenset[str]:
    """Names of the files, in a tenth of the time of glob."""
    return frozenset(name.removesuffix(".md") for name in os.listdir(FOLDER) if name.endswith(".md"))  # noqa: PTH208


@cache
def _page(id: str) -> Page:  # noqa: A002  # as above
    return parse((FOLDER / f"{id}.md").read_text(encoding="utf-8"))


def _fixes(fix: Any) -> dict[str, tuple[str, ...]]:
    """A list is the fix of every case; a table has one list a case."""
    table = _voiced(fix if isinstance(fix, dict) else {DEFAULT: fix})
    return {case: tuple(lines) for case, lines in table.items()}


def _voiced(table: dict[str, Any]) -> dict[str, Any]:
    """The words of a table within the table, such as ``[summary.file]``, by "file/" and their key."""
    own = {f"{voice}/{case}": words for voice, inner in _tables(table) for case, words in inner.items()}
    return _plain(table) | own


def _said(table: dict[str, Any]) -> dict[str, Said]:
    """The plain keys hold for every writer; a table in them goes before for one role, and one in that for a program."""
    if not table:
        return {}
    found = {"": _plain(table)}
    for role, own in _tables(table):
        found[role] = {**found[""], **_plain(own)}
        found |= {f"{role}/{program}": {**found[role], **words} for program, words in _tables(own)}
    return {writer: _words(fields) for writer, fields in found.items()}


def _plain(table: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if not isinstance(value, dict)}


def _tables(table: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, value) for name, value in table.items() if isinstance(value, dict)]


def _words(fields: dict[str, Any]) -> Said:
    causes = tuple((word, rest) for word, _, rest in (cause.partition(": ") for cause in fields["causes"]))
    if strange := {word for word, _ in causes} - CONFIDENCE:
        raise ValueError(f"a cause begins with one of {sorted(CONFIDENCE)}, not with {min(strange)!r}")
    return Said(**{**fields, "causes": causes, "next": tuple(fields["next"]), "fix": tuple(fields["fix"])})


def _sections(body: str) -> dict[str, str]:
    parts = (part.partition("\n") for part in ("\n" + body).split("\n## ")[1:])
    return {heading.strip(): text.strip("\n").rstrip() for heading, _, text in parts}
