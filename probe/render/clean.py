r"""Text from the network, from a certificate or from a file, made harmless for a screen.

Everything that is not a visible character becomes a visible escape, the way Python writes it: ``\x1b``, ``\u202e``.
What stays is printable by Unicode's own property (categories L, M, N, P, S and the plain space), minus three kinds that
are printable by the letter and yet deceive: characters that show nothing, right-to-left letters (they re-order the
digits and marks of ours beside them; Unicode TR 9, rules W and N), and towers of combining marks.
"""

from __future__ import annotations

import unicodedata

LIMIT = 200
"""Characters of one remote string: three lines of a terminal hold every honest name, address and reply line."""
MARKS_IN_A_ROW = 2
"""Combining marks on one letter: Vietnamese and Greek need two, more only climbs over the lines above."""

_BLANK = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, 0x16FE4, 0x1D159}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0100, 0xE01F0))
)
"""Joiners, fillers, the Braille blank and variation selectors: printable for Unicode, nothing for the eye."""
_REORDERING = frozenset({"R", "AL", "AN"})


def clean(text: str, limit: int = LIMIT) -> str:
    """``text`` with nothing in it but visible characters and plain spaces, at most ``limit`` characters long.

    What is cut off is marked by "…". Cleaning twice changes nothing more.
    """
    if text.isascii() and text.isprintable() and len(text) <= limit:
        return text
    visible = _visible(text[: limit + 1])
    return visible if len(visible) <= limit else visible[: max(limit - 1, 0)] + "…"


def _visible(text: str) -> str:
    shown: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        crowded = marks > MARKS_IN_A_ROW or (marks > 0 and not shown)
        shown.append(escape(char) if crowded or _deceives(char) else char)
    return "".join(shown)


def _deceives(char: str) -> bool:
    return not char.isprintable() or ord(char) in _BLANK or unicodedata.bidirectional(char) in _REORDERING


def escape(char: str) -> str:
    r"""One character as Python writes it, "\u202e"; a byte that was no text (PEP 383) as the byte, "\xff"."""
    if 0xDC80 <= ord(char) <= 0xDCFF:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
