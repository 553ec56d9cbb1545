"""How one mail server is mended: where the file is named, its order, the commands that install, reload and check.

A recipe is a Markdown file, ``recipes/<id>.md``: a TOML head between two lines ``+++`` (id, name, slots with their
defaults, and what it wants of the file), then the headings of ``HEADINGS`` in that order. Commands stand in fenced
``sh`` blocks with named slots such as ``{cert}``. A block is pasted as a whole into one shell: its first lines name the
files (``F={cert}``), the others use ``"$F"``, and each line is a complete command of at most ``COLUMNS`` characters. A
user reads them filled with the defaults, a test runs the same lines filled with paths of its own. The first paragraph
of a section is what a report says of it; the others are for the reader of the recipe.
"""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from probe.material import Habits

FOLDER = Path(__file__).with_name("recipes")
GENERIC = "generic"
"""The recipe for software that we do not know, or know and have no recipe for."""

HEADINGS: Mapping[str, str] = MappingProxyType(
    {
        "where": "Where the file is named",
        "format": "Format and order",
        "owner": "Ownership and mode",
        "install": "Install the chain",
        "reload": "Reload",
        "check": "Check",
        "trap": "The trap",
        "sources": "Sources",
    }
)
"""Section → its heading, in the order of the file."""

COLUMNS = 76
"""Characters of a command with the defaults in its slots: 80 columns, less the indent of a report."""

Slot = str | Sequence[str]
"""One word of a command, or the words of a whole command ("reload")."""

_SLOT = re.compile(r"\{([a-z_]+)\}")
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Recipe(Struct, frozen=True):
    """One mail server's recipe."""

    id: str
    name: str
    """For people: "Postfix"."""
    slots: Mapping[str, str | tuple[str, ...]]
    """Slot → its default; a tuple holds the words of a command."""
    sections: Mapping[str, str]
    """Section (a key of ``HEADINGS``) → Markdown, its slots not yet filled."""
    file: Habits

    def commands(self, section: str, **slots: Slot) -> tuple[str, ...]:
        """Return the lines of a section's commands, filled, for one POSIX shell that runs them in this order.

        Values are quoted, so that no path or host name can become shell syntax; what cannot be printed becomes "_",
        and a word that would read as an option gets "./" in front. A slot not given keeps its default; where the
        default is a command, text is split into its words. Raises ValueError for a slot that this recipe does not
        have, or for a command with an open quote, and KeyError for a section that it does not have.
        """
        if unknown := slots.keys() - self.slots.keys():
            raise ValueError(f"{self.id} has no slot {min(unknown)!r}; it has {', '.join(sorted(self.slots))}")
        values = {name: _like(default, slots.get(name, default)) for name, default in self.slots.items()}
        return tuple(_filled(line, values) for block in _blocks(self.sections[section]) for line in block.splitlines())

    def prose(self, section: str) -> str:
        """Return a section's Markdown without its commands."""
        return re.sub(r"\n{3,}", "\n\n", _FENCE.sub("", self.sections[section])).strip()

    def brief(self, section: str) -> str:
        """Return a section's first paragraph as one line; "" when the section begins with its commands."""
        return " ".join(re.split(r"\n\n|^```", self.sections[section], maxsplit=1, flags=re.MULTILINE)[0].split())

    @property
    def text(self) -> str:
        """The whole recipe as Markdown, its commands filled with the defaults."""
        parts = (f"## {heading}\n\n{self._shown(section)}" for section, heading in HEADINGS.items())
        return "\n\n".join((f"# {self.name}", *parts)) + "\n"

    def _shown(self, section: str) -> str:
        """A section, its commands filled with the defaults."""
        return _FENCE.sub(lambda block: _filled(block[0], self.slots), self.sections[section])


@cache
def ids() -> tuple[str, ...]:
    """Return the ids of all recipes, sorted."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.md")))


def recipe(id: str) -> Recipe:  # noqa: A002  # the word of the catalogue; nothing here needs the builtin
    """Return the recipe of that id, and the generic one where there is none."""
    return _recipe(id if id in ids() else GENERIC)


@cache
def _recipe(id: str) -> Recipe:  # noqa: A002  # likewise
    return parse((FOLDER / f"{id}.md").read_text(encoding="utf-8"))


def parse(text: str) -> Recipe:
    """Read one recipe; raises ValueError, KeyError or TypeError when the form is not kept (a test reads them all)."""
    _, head, body = text.split("+++\n", 2)
    fields = tomllib.loads(head)
    slots = {name: value if isinstance(value, str) else tuple(value) for name, value in fields["slots"].items()}
    return Recipe(fields["id"], fields["name"], slots, _sections(body), _habits(fields["file"]))


def _habits(table: Mapping[str, Any]) -> Habits:
    words: Any = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
    return Habits(**words)


def _sections(body: str) -> dict[str, str]:
    names = {heading: name for name, heading in HEADINGS.items()}
    parts = (part.partition("\n") for part in re.split(r"^## ", body, flags=re.MULTILINE)[1:])
    return {names.get(heading, heading): text.strip() for heading, _, text in parts}


def _like(default: Slot, value: Slot) -> Slot:
    """Return the value, as words where the default is a command."""
    return value if isinstance(default, str) or not isinstance(value, str) else shlex.split(value)


def _blocks(markdown: str) -> list[str]:
    return _FENCE.findall(markdown)


def _filled(line: str, values: Mapping[str, Slot]) -> str:
    """Fill the slots of one line; a command of no words takes the space behind it along."""
    return _SLOT.sub(lambda found: _quoted(values[found[1]]), re.sub(*_without_empty(values), line))


def _without_empty(values: Mapping[str, Slot]) -> tuple[str, str]:
    empty = [name for name, value in values.items() if not value and not isinstance(value, str)]
    return rf"\{{(?:{'|'.join(empty)})\}} ?" if empty else r"(?!)", ""


def _quoted(value: Slot) -> str:
    if isinstance(value, str):
        return shlex.quote(_tame(value))
    return shlex.join(_printable(word) for word in value)


def _tame(word: str) -> str:
    return _printable("./" + word if word.startswith("-") else word)


def _printable(word: str) -> str:
    return "".join(letter if letter.isprintable() else "_" for letter in word)
