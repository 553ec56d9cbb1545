"""Documents of the contract ``smtp-chaincheck/1``, read back: as far as two of them are compared, and no further.

Whoever hands us a document may have written anything into it, so each value is held to its kind before it is used. Keys
that we do not compare are dropped; one that an older version did not write counts as null.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import NoReturn, cast

from probe.model import Kind, Protocol, Severity, Stage, Tls

SCHEMA = "smtp-chaincheck/"
"""Begins what a document says of itself; behind it stands the version of the contract."""
VERSION = "1"
STATUS = frozenset({"ok", *Severity, "unreachable"})

Shape = type | re.Pattern[str] | range | frozenset[str] | tuple["Shape"] | list["Shape"] | dict[str, "Shape"]
"""A kind, a pattern, numbers or words that are allowed, (what may be null,), [what stands there many times], keys."""
Document = dict[str, object]

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PORT = range(65536)
_FINDINGS: Shape = [{"id": str, "severity": frozenset(Severity)}]
_ENDPOINT: Shape = {
    "host": (str,),
    "address": (str,),
    "port": _PORT,
    "protocol": frozenset(Protocol),
    "tls": frozenset(Tls),
    "sni": (str,),
    "offered_key": (str,),
    "offered_tls": (str,),
    "status": STATUS,
    "stage": frozenset(Stage),
    "tls_version": (str,),
    "cipher": (str,),
    "client_cert": ([str],),
    "presented": [{"sha256": _SHA256, "subject": (str,), "not_before": (str,), "not_after": (str,)}],
    "anchor": ({"subject": (str,), "sha256": _SHA256},),
    "tlsa": ({"records": [str], "dnssec": str},),
    "findings": _FINDINGS,
}
_DOMAIN: Shape = {
    "mx": [{"preference": int, "host": str}],
    "dnssec": (str,),
    "mta_sts": ({"records": ([str],), "policy": ({"body": (str,)},)},),
    "tls_rpt": ({"records": ([str],)},),
}
_REPORT: Shape = {
    "target": {"kind": frozenset(Kind), "name": str, "port": _PORT, "protocol": frozenset(Protocol)},
    "status": STATUS,
    "stores": [{"name": str}],
    "domain": (_DOMAIN,),
    "findings": _FINDINGS,
    "endpoints": [_ENDPOINT],
}


def reports(text: str) -> list[Document]:
    """Read the reports of one document, or of one on each line. Raises ValueError with a clause that says why not."""
    found: list[Document] = []
    for where, value in _documents(text):
        try:
            found += map(report, _reports_of(value))
        except ValueError as problem:
            raise ValueError(f"{where}{problem}") from None
    if not found:
        raise ValueError("it holds no report")
    return found


def report(value: object) -> Document:
    """Keep of one report what is compared. Raises ValueError, which names the place, where it is none."""
    return cast("Document", fit(value, _REPORT, ""))


def fit(value: object, shape: Shape, where: str) -> object:
    """Hold ``value`` to ``shape`` and return what the shape names of it. Raises ValueError, which says ``where``."""
    if isinstance(shape, tuple):
        return None if value is None else fit(value, shape[0], where)
    if isinstance(shape, dict):
        entries = value if isinstance(value, dict) else _refuse(where, "an object")
        return {key: fit(entries.get(key), inner, f"{where}.{key}".lstrip(".")) for key, inner in shape.items()}
    if isinstance(shape, list):
        members = value if isinstance(value, list) else _refuse(where, "a list")
        return [fit(member, shape[0], f"{where}[{n}]") for n, member in enumerate(members)]
    return value if _is(value, shape) else _refuse(where, "what the contract has there")


def _is(value: object, shape: type | re.Pattern[str] | range | frozenset[str]) -> bool:
    """The value is of that kind, or one of those; true and false are no numbers."""
    if isinstance(shape, re.Pattern):
        return isinstance(value, str) and shape.fullmatch(value) is not None
    if isinstance(shape, frozenset):
        return isinstance(value, str) and value in shape
    if isinstance(shape, range):
        return type(value) is int and value in shape
    return isinstance(value, shape) and not isinstance(value, bool)


def _refuse(where: str, wanted: str) -> NoReturn:
    raise ValueError(f"{where or 'a report'} is not {wanted}")


def _documents(text: str) -> Iterator[tuple[str, object]]:
    """The document, or those of the lines, each with the place that a mistake in it is told with."""
    try:
        yield "", _parsed(text)
    except ValueError:
        lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
        if len(lines) < 2 or not lines[0][1].lstrip().startswith("{"):
            raise
    else:
        return
    for number, line in lines:
        try:
            yield f"line {number}: ", _parsed(line)
        except ValueError as problem:
            raise ValueError(f"line {number}: {problem}") from None


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested deeper than any report") from None
    except ValueError:
        raise ValueError("it is no JSON" if text.strip() else "it is empty") from None


def _reports_of(value: object) -> list[object]:
    """The reports in one document; what else the contract knows is refused by its name."""
    if not isinstance(value, dict) or not str(value.get("schema")).startswith(SCHEMA):
        raise ValueError('it does not say "schema": "smtp-chaincheck/1"')
    if value["schema"] != SCHEMA + VERSION:
        raise ValueError("it is of another version of the contract")
    if "error" in value:
        raise ValueError("that run came to no report")
    for key in ("messages", "changes"):
        if key in value:
            raise ValueError(f"it holds {key}, and no report of a probe")
    many = value.get("reports", [value])
    return many if isinstance(many, list) else _refuse("reports", "a list")
