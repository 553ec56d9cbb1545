"""What was seen as a file, and back: what ``--save`` writes, ``--from`` reads, and a bug report encloses.

One JSON document, ``{"schema": "smtp-chaincheck/observation/1", "surveys": [...]}``, or with ``"observations"`` in the
place of ``"surveys"``, each of which is a look of its own. The fields are those of :class:`~probe.model.Survey` and
:class:`~probe.model.Observation` by name; bytes are base64, times ISO 8601, enumerations their value. A field that an
older file lacks takes its default, one that we do not know is passed over.
"""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, NoReturn, get_args, get_origin, get_type_hints

from msgspec import Struct

from probe.model import Endpoint, Exchange, Observation, Reply, Survey, Target, alone

SCHEMA = "smtp-chaincheck/observation/1"


def dump(surveys: Iterable[Survey]) -> str:
    """JSON of what was seen, pure ASCII, ending in a newline."""
    document = {"schema": SCHEMA, "surveys": [_plain(one) for one in surveys]}
    return json.dumps(document, indent=1, allow_nan=False) + "\n"


def load(text: str) -> tuple[Survey, ...]:
    """What ``dump`` wrote. Raises ValueError, with a sentence, for anything else."""
    try:
        document = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"This is no file of saved observations: it is not JSON ({error}).") from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise ValueError(f"This is no file of saved observations: its schema is {schema!r}, and should be {SCHEMA!r}.")
    if "surveys" in document:
        return tuple(_read(list[Survey], document["surveys"], "surveys"))
    return tuple(map(alone, _read(list[Observation], document.get("observations"), "observations")))


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _plain(value: Any) -> Any:
    match value:
        case Enum():
            return value.value
        case bytes():
            return binascii.b2a_base64(value, newline=False).decode()
        case datetime():
            return value.isoformat()
        case tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return {str(key): _plain(one) for key, one in value.items()}
        case Struct():
            return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    return value


OFFERED = {"offered_key": ("rsa", "ecdsa"), "offered_tls": ("TLSv1.2", "TLSv1.3")}
"""Fields of an endpoint with words of their own."""


def _read(kind: Any, value: Any, where: str) -> Any:
    """A value of this type from its JSON; ``where`` names the place in the file, for the sentence of the error."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is UnionType:
        return None if value is None else _read(next(one for one in arguments if one is not NoneType), value, where)
    if origin in {tuple, list}:
        items = _of(list, value, where)
        return tuple(_read(arguments[0], one, f"{where}[{n}]") for n, one in enumerate(items))
    if origin is Mapping:
        pairs = _of(dict, value, where)
        return {
            _read(arguments[0], key, where): _read(arguments[1], one, f"{where}.{key}") for key, one in pairs.items()
        }
    if issubclass(kind, Struct):
        return _record(kind, _of(dict, value, where), where)
    return _scalar(kind, value, where)


def _record(kind: Any, value: dict[str, Any], where: str) -> Any:
    fields = {name: _read(one, value[name], f"{where}.{name}") for name, one in _hints(kind).items() if name in value}
    if kind is Reply and not fields.get("lines"):
        _refuse("reply", value, where)
    if kind is Exchange and fields.get("sender") not in {"server", "client"}:
        _refuse("line of a transcript", value, where)
    if kind is Survey and not (fields.get("observations") or fields.get("domain")):
        _refuse("survey", value, where)
    if kind in {Endpoint, Target} and not 0 < fields.get("port", 25) < 1 << 16:
        _refuse("endpoint", value, where)
    if any(fields.get(name) not in {None, *words} for name, words in OFFERED.items()):
        _refuse("endpoint", value, where)
    try:
        return kind(**fields)
    except TypeError:
        raise ValueError(f"The saved observation is not whole: {where} lacks a field of {kind.__name__}.") from None


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _scalar(kind: Any, value: Any, where: str) -> Any:
    read: Callable[[Any], Any] | None = _READERS.get(kind)
    if read is None and issubclass(kind, Enum):
        read = kind
    if read is None:
        return _of(kind, value, where)
    try:
        return read(value)
    except (ValueError, TypeError, AttributeError, OverflowError):
        _refuse(kind.__name__, value, where)


def _of(kind: Any, value: Any, where: str) -> Any:
    """Exactly this type: True is no number here."""
    return value if type(value) is kind else _refuse(kind.__name__, value, where)


def _refuse(kind: str, value: Any, where: str) -> NoReturn:
    shown = repr(value)
    short = shown if len(shown) <= 60 else shown[:60] + "…"
    raise ValueError(f"The saved observation cannot be read: {where} is {short}, which is no {kind}.")


def _time(value: str) -> datetime:
    time = datetime.fromisoformat(value)
    if time.tzinfo is None:
        raise ValueError("without time zone")
    return time.astimezone(UTC)


def _float(value: float) -> float:
    if type(value) not in {int, float} or not math.isfinite(value):
        raise ValueError("not finite")
    return float(value)


def _text(value: str) -> str:
    """Half a surrogate pair is no text: no terminal or file could take it."""
    return value.encode().decode()


_READERS: dict[Any, Callable[[Any], Any]] = {
    bytes: lambda value: binascii.a2b_base64(value, strict_mode=True),
    datetime: _time,
    float: _float,
    str: _text,
}
