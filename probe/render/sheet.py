"""Lines of text for a screen of known width and encoding. Every word that goes into a line is cleaned on its way."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.text import Text

from probe.render.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

WIDTH = 80
WIDEST = 100
"""Longer lines tire the eye; a terminal that is wider leaves the rest free."""
NARROWEST = 20
"""Fewer cells than this are not worth a line of their own; the terminal breaks it itself."""
PARAGRAPH = 4000
"""Characters of one paragraph: four long sentences."""
UNBOUNDED = 1 << 20
"""A command that was cut would be another command."""

Part = str | tuple[str, str]
"""Words, or words and their style."""

STYLES = {
    "error": "bold red",
    "warning": "bold yellow",
    "info": "cyan",
    "ok": "bold green",
    "unreachable": "bold red",
    "anchor": "green",
    "strong": "bold",
    "command": "bold cyan",
    "plain": "",
    "no-mail": "",
    "excluded": "",
    "private": "",
}
MARKS = {"error": "✗", "warning": "!", "info": "i", "ok": "✓", "unreachable": "✗", "anchor": "◆"}
MARKS |= dict.fromkeys(("no-mail", "excluded", "private"), "-")
"""Status, or outcome in a sweep → the sign in front; colour only repeats it."""
_PLAINER = str.maketrans(
    {
        "✗": "x", "✓": "+", "◆": "=", "—": "-", "–": "-", "…": "...", "→": "->", "≤": "<=", "≥": ">=",
        "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "×": "x", "·": "*", "§": "section ",
    }
)  # fmt: skip
"""For encodings that lack them."""
_WORD = re.compile(r"\s*\S+\s*")


class Sheet:
    """Collects finished lines. ``width`` counts terminal cells; ``encoding`` is what the stream can write."""

    def __init__(self, width: int = WIDTH, encoding: str = "utf-8") -> None:
        self.width = width
        self.lines: list[Text] = []
        self._encoding = encoding

    def shown(self, text: str, limit: int = PARAGRAPH) -> str:
        """Clean ``text`` and put it into letters that the stream has."""
        visible = clean(text, limit)
        try:
            visible.encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return visible.translate(_PLAINER).encode("ascii", "backslashreplace").decode("ascii")
        return visible

    def cell(self, text: str, width: int) -> str:
        """Fill or cut ``text`` to exactly ``width`` cells."""
        return set_cell_size(self.shown(text, width), width)

    def say(self, *parts: Part, first: str = "", rest: str | None = None) -> None:
        """Add a paragraph: ``first`` in front of its first line, ``rest`` (default: as many spaces) of the others.

        Nothing is added where there are no words.
        """
        start = self.shown(first)
        indent = " " * cell_len(start) if rest is None else rest
        words = self._text(parts)
        if not words.plain.strip():
            return
        rooms = tuple(max(self.width - cell_len(lead), NARROWEST) for lead in (start, indent))
        for n, line in enumerate(words.divide(_breaks(words.plain, *rooms))):
            line.rstrip()
            self.lines.append(Text(indent if n else start) + line)

    def line(self, *parts: Part) -> None:
        """Add one line that is never wrapped."""
        self.lines.append(self._text(parts, UNBOUNDED))

    def blank(self) -> None:
        """Add an empty line, unless there is one already or nothing stands above it."""
        if self.lines and self.lines[-1].plain:
            self.lines.append(Text())

    def _text(self, parts: tuple[Part, ...], limit: int = PARAGRAPH) -> Text:
        text = Text()
        for part in parts:
            words, style = (part, "plain") if isinstance(part, str) else part
            text.append(self.shown(words, limit), STYLES[style])
        return text


def _breaks(words: str, room: int, later: int) -> list[int]:
    """Where a first line of ``room`` cells and ``later`` ones end."""
    breaks: list[int] = []
    used = at = 0
    for piece in _pieces(words, min(room, later)):
        if used and used + cell_len(piece.rstrip()) > room:
            breaks.append(at)
            used, room = 0, later
        used += cell_len(piece)
        at += len(piece)
    return breaks


def _pieces(words: str, room: int) -> Iterator[str]:
    """Words with the space around them. One that is longer than any line is cut up.

    An address or a path stays whole: a broken one cannot be copied.
    """
    for word in _WORD.finditer(words):
        whole = cell_len(word[0]) <= WIDEST or "/" in word[0]
        yield from [word[0]] if whole else chop_cells(word[0], room)


def console(stream: TextIO, *, no_color: bool = False) -> Console:
    """Make the console of a report: colours on a terminal alone, 80 columns elsewhere, and no markup of any kind.

    ``NO_COLOR`` (https://no-color.org: set and not empty) and ``TERM=dumb`` mean no styles at all.
    """
    plain = no_color or bool(os.environ.get("NO_COLOR")) or not stream.isatty()
    made = Console(file=stream, color_system=None if plain else "auto", highlight=False, markup=False, emoji=False)
    made.width = min(made.width or WIDTH, WIDEST) if stream.isatty() else WIDTH
    return made


def write(sheet: Sheet, console: Console) -> None:
    """Write the lines as they are: nothing is wrapped, cropped or decorated any more.

    The stream is written by us, for rich ends the program when the reader of a pipe goes away.
    """
    last = len(sheet.lines) - 1
    with console.capture() as finished:
        for n, line in enumerate(sheet.lines):
            if n < last or line.plain:
                console.print(line, soft_wrap=True)
    console.file.write(finished.get())
