"""Values of the model in JSON's own kinds."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct

from probe.render.clean import escape

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain(value: object) -> object:
    """``value`` in JSON's own kinds: what facts may hold, and text that every strict reader accepts."""
    kind = type(value)
    if kind is str:  # nearly all is
        return text_of(value)  # type: ignore[arg-type]
    if kind is tuple:
        return [plain(entry) for entry in value]  # type: ignore[attr-defined]
    if value is None or isinstance(value, (StrEnum, int)):
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="seconds")[:-6] + "Z"
    return _plain_rarely(value)


def _plain_rarely(value: object) -> object:
    if isinstance(value, str):
        return text_of(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Struct):
        return row(value)
    if isinstance(value, Mapping):
        return {text_of(str(key)): plain(entry) for key, entry in value.items()}
    if isinstance(value, AbstractSet):
        return sorted((plain(entry) for entry in value), key=str)
    if isinstance(value, Sequence):
        return [plain(entry) for entry in value]
    return text_of(str(value))


def rows(values: Sequence[Any]) -> list[object]:
    """Values of the model, each field by field."""
    return [row(value) for value in values]


def row(value: Any) -> dict[str, object]:
    """A value of the model, field by field."""
    return {name: plain(getattr(value, name)) for name in value.__struct_fields__}


def text_of(value: str) -> str:
    """Lone surrogates as visible escapes: strict readers of JSON refuse a document that holds one."""
    return value if value.isascii() else _SURROGATE.sub(lambda found: escape(found[0]), value)
