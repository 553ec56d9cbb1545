"""What a mail server does with a file that has a fault: ``files.toml``, measured."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probe.catalogue.recipes import recipe

if TYPE_CHECKING:
    from collections.abc import Mapping

TABLE = Path(__file__).with_name("files.toml")
WORDS = "words"


def sentence(software: str, fault: str) -> str:
    """Say what the software of this recipe id does; "" where nobody has tried, or where it is nothing of note."""
    told = [(row["name"], rows()[WORDS][row[fault]]) for row in rows().get(software, ()) if fault in row]
    done = dict.fromkeys(words for _, words in told)
    parts = [f"{recipe(software).name} {words}" for words in done] if len(done) == 1 else map(" ".join, told)
    return f"Given such a file, {'; '.join(parts)}." if told else ""


@cache
def rows() -> Mapping[str, Any]:
    """Read the table: recipe id → its rows, and the words of the outcomes."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
