"""How a mail server is told to send one message to our listener: ``routes.toml``."""

from __future__ import annotations

import shlex
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("routes.toml")


def ids() -> tuple[str, ...]:
    """Return the recipe ids of the mail servers that have a route, in the order of the table."""
    return tuple(_table())


def name(software: str) -> str:
    """Return how people call that mail server."""
    return str(_table()[software]["name"])


def steps(software: str, host: str, port: int) -> tuple[str, ...]:
    """Return sentences, and commands behind "$ ", filled in; () for software without a route."""
    lines = _table().get(software, {}).get("steps", ())
    return tuple(line.replace("{host}", shlex.quote(host)).replace("{port}", str(port)) for line in lines)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
