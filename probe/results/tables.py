"""The tables of a database of results, which docs/results.md describes, and how a report goes into them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from probe.results.row import Place, Row, parts_of

APPLICATION = 0x73636363
"""What SQLite keeps of whose file it is (PRAGMA application_id): "sccc"."""
VERSION = 1
"""Of these tables (PRAGMA user_version)."""
TABLES = (
    """CREATE TABLE {in_}report (
        id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL, name TEXT NOT NULL, port INTEGER NOT NULL, protocol TEXT NOT NULL,
        status TEXT NOT NULL, exit_code INTEGER NOT NULL, json TEXT)""",
    """CREATE TABLE {in_}endpoint (
        id INTEGER PRIMARY KEY, report INTEGER NOT NULL REFERENCES report (id),
        host TEXT, address TEXT, port INTEGER NOT NULL, status TEXT NOT NULL, stage TEXT NOT NULL,
        ca TEXT, mta TEXT, tls_version TEXT)""",
    """CREATE TABLE {in_}finding (
        report INTEGER NOT NULL REFERENCES report (id), endpoint INTEGER REFERENCES endpoint (id),
        id TEXT NOT NULL, severity TEXT NOT NULL)""",
)
BY_REPORT = (
    "CREATE INDEX {in_}endpoint_report ON endpoint (report)",
    "CREATE INDEX {in_}finding_report ON finding (report)",
)
BY_CONTENT = (
    "CREATE INDEX {in_}endpoint_host ON endpoint (host)",
    "CREATE INDEX {in_}endpoint_ca ON endpoint (ca)",
    "CREATE INDEX {in_}finding_id ON finding (id)",
)
_OURS = """SELECT count(*) FROM {in_}sqlite_master
    WHERE type = 'table' AND name IN ('report', 'endpoint', 'finding') AND sql NOT LIKE 'CREATE VIRTUAL%'"""
_KNOWN = "SELECT id FROM {in_}report WHERE key = ?"
_REPORT = "INSERT INTO {in_}report (key, kind, name, port, protocol, status, exit_code, json) VALUES (?,?,?,?,?,?,?,?)"
_ENDPOINT = (
    "INSERT INTO {in_}endpoint (report, host, address, port, status, stage, ca, mta, tls_version)"
    " VALUES (?,?,?,?,?,?,?,?,?)"
)
_FINDING = "INSERT INTO {in_}finding (report, endpoint, id, severity) VALUES (?,?,?,?)"
_FORGET = (
    "DELETE FROM {in_}finding WHERE report = ?",
    "DELETE FROM {in_}endpoint WHERE report = ?",
    "DELETE FROM {in_}report WHERE id = ?",
)


def insert(link: sqlite3.Connection, row: Row, line: str | None, in_: str = "") -> None:
    """Put a report in place of the one of the same key. ``in_``: the attached database, with a full stop behind it."""
    found = link.execute(_KNOWN.format(in_=in_), (_text(row.key),)).fetchone()
    if found:
        for statement in _FORGET:
            link.execute(statement.format(in_=in_), found)
    values = (row.key, *parts_of(row.key), row.status, row.exit_code, line)
    report = link.execute(_REPORT.format(in_=in_), tuple(map(_text, values))).lastrowid
    findings: list[tuple[object, ...]] = [(report, None, _text(id_), severity) for id_, severity in row.findings]
    for place in row.places:
        endpoint = link.execute(_ENDPOINT.format(in_=in_), (report, *_values(place))).lastrowid
        findings += ((report, endpoint, _text(id_), severity) for id_, severity in place.findings)
    link.executemany(_FINDING.format(in_=in_), findings)


def _values(place: Place) -> Iterator[object]:
    words = (place.host, place.address, place.port, place.status, place.stage, place.ca, place.mta, place.tls_version)
    yield from map(_text, words)


def _text(value: object) -> object:
    """Half a pair of UTF-16, which SQLite refuses, as a visible escape."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "backslashreplace").decode()
    return value


def is_ours(link: sqlite3.Connection, in_: str = "") -> bool:
    """It holds these tables, by its own word and in this version. Raises sqlite3.Error where it is no database."""
    said = [link.execute(f"PRAGMA {in_}{name}").fetchone()[0] for name in ("application_id", "user_version")]
    return said == [APPLICATION, VERSION] and link.execute(_OURS.format(in_=in_)).fetchone()[0] == len(TABLES)


def is_empty(link: sqlite3.Connection) -> bool:
    """Nothing was ever put into it. Raises sqlite3.Error where it is no database."""
    tables = link.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    return not tables and link.execute("PRAGMA application_id").fetchone()[0] == 0
