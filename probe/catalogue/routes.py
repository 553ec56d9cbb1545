"""How a mail server is told to send one message to our listener: ``routes.toml``."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from probe.model import bracketed

TABLE = Path(__file__).with_name("routes.toml")
_SLOT = re.compile(r"\{(host|port|place|literal)\}")


def ids() -> tuple[str, ...]:
    """Return the recipe ids of the mail servers that have a route, in the order of the table."""
    return tuple(_table())


def name(software: str) -> str:
    """Return how people call that mail server."""
    return str(_table()[software]["name"])


def steps(software: str, host: str, port: int) -> tuple[str, ...]:
    """Return sentences, commands behind "$ " and lines of a file behind two blanks; () for software without a route."""
    row = _table().get(software, {})
    six = ":" in host
    values = {"host": host, "port": str(port), "place": bracketed(host)}
    values["literal"] = f"IPv6:{host}" if six else host
    lines = (six and row.get("ipv6")) or row.get("steps", ())
    return tuple(_SLOT.sub(lambda found: values[found[1]], line) for line in lines)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
