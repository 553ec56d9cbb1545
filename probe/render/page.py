"""A page of the catalogue (Markdown of ours) as text for a terminal: paragraphs wrapped, commands left as they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from rich.cells import cell_len

from probe.render.sheet import Sheet

if TYPE_CHECKING:
    from rich.console import Console

_ITEM = re.compile(r"(?P<lead> *(?:[-*]|\d+\.) +)(?P<words>.*)")
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
_STARS = re.compile(r"\*\*(.+?)\*\*|(?<![\w*])\*(?![\s*])(.+?)(?<!\s)\*(?![\w*])")
_RULE = re.compile(r"[|: -]+")
"""What stands between the head and the rows of a table."""
_CODE = re.compile(r"`+([^`]+)`+")
_VERBATIM = "```"


def text_of(markdown: str, console: Console) -> Sheet:
    """Lay the page out. What it uses of Markdown: headings, paragraphs, lists, links, and fenced or indented code."""
    sheet = Sheet(console.width, console.encoding)
    for kind, lines in _blocks(markdown):
        _add(sheet, kind, lines)
    return sheet


def text_of_section(sheet: Sheet, markdown: str, indent: str) -> None:
    """Add one section of a page to a sheet that holds other things as well; paragraphs and lists only."""
    for kind, lines in _blocks(markdown):
        for lead, words in _paragraphs(lines) if kind == "prose" else ():
            sheet.say(_inline(words), first=indent + lead)


def list_of(titles: Mapping[str, str], console: Console) -> Sheet:
    """Lay out one line an id: what ``explain`` can explain."""
    sheet = Sheet(console.width, console.encoding)
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        sheet.say((name, "strong"), " " * (width - len(name) + 2), title, first="", rest=" " * (width + 2))
    return sheet


def _blocks(markdown: str) -> Iterator[tuple[str, list[str]]]:
    for kind, lines in groupby(_marked(markdown), key=lambda pair: pair[0]):
        yield kind, [line for _, line in lines]


def _marked(markdown: str) -> Iterator[tuple[str, str]]:
    """Each line and its kind."""
    fenced = False
    for line in markdown.splitlines():
        if line.lstrip().startswith(_VERBATIM):
            fenced = not fenced
            yield "fence", ""
        else:
            yield ("code", line) if fenced else _kind(line)


def _kind(line: str) -> tuple[str, str]:
    if not line.strip():
        return "blank", ""
    if line.startswith("|"):
        return "table", line
    if line.startswith("    "):
        return "code", line.removeprefix("    ")
    return ("heading", line.lstrip("# ")) if line.startswith("#") else ("prose", line)


def _add(sheet: Sheet, kind: str, lines: list[str]) -> None:
    if kind == "heading":
        sheet.blank()
        for line in lines:
            sheet.say((line, "strong"))
    elif kind == "code":
        for line in lines:
            sheet.line("    ", (line, "command"))
    elif kind == "table":
        _add_table(sheet, [_cells(line) for line in lines if not _RULE.fullmatch(line)])
    elif kind == "prose":
        for lead, words in _paragraphs(lines):
            sheet.say(_inline(words), first=lead)
    else:
        sheet.blank()


def _paragraphs(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Items and paragraphs, their lines joined; the lead is an item's bullet."""
    lead, words = "", ""
    for line in lines:
        item = _ITEM.fullmatch(line)
        if item and words:
            yield lead, words
            words = ""
        lead = item["lead"] if item else lead
        words = f"{words} {item['words'] if item else line.strip()}".strip()
    yield lead, words


def _cells(line: str) -> list[str]:
    return [_inline(cell.strip()) for cell in line.strip().strip("|").split("|")]


def _add_table(sheet: Sheet, rows: list[list[str]]) -> None:
    """In columns where they fit, else each row as its first cell and, below it, the others under their headings."""
    widths = [max(map(cell_len, column)) for column in zip_longest(*rows, fillvalue="")]
    if sum(widths) + 2 * len(widths) + 2 <= sheet.width:
        for n, row in enumerate(rows):
            words = "  ".join(sheet.cell(cell, width) for cell, width in zip(row, widths, strict=False))
            sheet.line("    ", (words.rstrip(), "plain" if n else "strong"))
        return
    head = rows[0]
    for row in rows[1:]:
        sheet.say((row[0], "strong"), first="    ")
        for name, cell in zip(head[1:], row[1:], strict=False):
            sheet.say(cell, first=f"      {name}: ", rest="        ")


def _inline(words: str) -> str:
    """Links with their address behind them, emphasis without its stars, code without its backquotes."""
    verbatim = iter(_CODE.findall(words))
    return re.sub("\0", lambda _: next(verbatim), _plain(_CODE.sub("\0", words.replace("\0", ""))))


def _plain(words: str) -> str:
    linked = _LINK.sub(lambda found: found[1] if found[1] == found[2] else f"{found[1]} <{found[2]}>", words)
    return _STARS.sub(lambda found: found[1] or found[2], linked)
