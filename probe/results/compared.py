"""Two sweeps compared: who broke, who was mended, who does not answer any more, and which findings came and went.

Both are tables of SQLite: a database of results as it is, lines read into one that SQLite keeps in a temporary file, so
that sweeps may be larger than memory. The order of reports does not matter. Of two of one target the last counts.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from msgspec import Struct

from probe.results import reading
from probe.results.questions import (
    COUNTS,
    FINDINGS,
    GROUPS,
    MOVED,
    MOVES,
    NAMED,
    OF_PAIR,
    OF_REPORT,
    PAIRS,
    SIZES,
    WRONG,
)
from probe.results.tables import BY_REPORT, TABLES, insert, is_ours

KINDS = ("broke", "worse", "unreachable", "gone", "mended", "better", "back", "new", "otherwise")
"""What may have become of a target, the bad ends first."""
SEVERITIES = ("info", "warning", "error")
CACHE = 32 << 10
"""KiB of memory for each of the two."""
_ALONE = {"unreachable", "back", "new"}
"""Nothing was seen before or now that findings could be compared with: those of now are told."""
Side = Literal["was", "now"]


class Move(Struct, frozen=True):
    """What became of one target."""

    kind: str
    """One of KINDS."""
    key: str
    before: str | None
    after: str | None
    """The verdicts; None = that sweep did not have it."""
    came: tuple[str, ...]
    """Ids of warnings and errors that are new; where the target did not answer before or now, all that it has now."""
    went: tuple[str, ...]


class Moved(Struct, frozen=True):
    """How many targets have a finding; ``came`` and ``went`` count those that answered both times."""

    id: str
    severity: str
    before: int
    after: int
    came: int
    went: int


class Group(Struct, frozen=True):
    """What became of the targets with certificates of one CA, or with one software."""

    name: str
    counts: dict[str, int]
    """Kind → how many."""


class Compared:
    """Two sweeps side by side: ``read`` both, then ``settle``. Closing drops what was kept for the comparison."""

    def __init__(self) -> None:
        self._link = sqlite3.connect("", isolation_level=None, uri=True)
        self._link.text_factory = lambda octets: octets.decode("utf-8", "backslashreplace")
        self._link.execute("PRAGMA trusted_schema = OFF")

    def read(self, side: Side, source: str | BinaryIO) -> None:
        """Take the path of a database, or a stream of lines. Raises ValueError with a clause where it is no sweep."""
        try:
            if isinstance(source, str):
                self._attach(side, source)
            else:
                self._fill(side, source)
            there = self._link.execute(f"SELECT 1 FROM {side}.report LIMIT 1").fetchone()  # noqa: S608 -- was, or now
        except sqlite3.Error as problem:
            raise ValueError(f"cannot be read as a sweep: {problem}") from None
        if not there:
            raise ValueError("holds no report")

    def settle(self) -> None:
        """Compare. Raises ValueError with a clause where there is no room for that, or a database is damaged."""
        try:
            for statement in (*PAIRS, *MOVED, *NAMED):
                self._link.execute(statement)
        except sqlite3.Error as problem:
            raise ValueError(f"cannot be compared: {problem}") from None

    def sizes(self) -> tuple[int, int, int]:
        """Targets of the first sweep, of the second, and of both."""
        before, after, both = self._link.execute(SIZES).fetchone()
        return before, after, both

    def counts(self) -> dict[str, int]:
        """Kind → how many targets, in the order of KINDS."""
        found = dict(self._link.execute(COUNTS).fetchall())
        return {kind: found.get(kind, 0) for kind in KINDS}

    def findings(self) -> Iterator[Moved]:
        """Give those that moved, the gravest first."""
        for id_, weight, *counts in self._link.execute(FINDINGS):
            yield Moved(str(id_), SEVERITIES[weight], *counts)

    def moves(self, kind: str) -> Iterator[Move]:
        """Give the targets that this became of, by key."""
        for pair, key, _, new, was, now in self._link.execute(MOVES, (kind,)):
            came = self._ids(OF_REPORT, new) if kind in _ALONE else self._ids(OF_PAIR, pair, 1)
            yield Move(kind, key, was, now, came, self._ids(OF_PAIR, pair, -1))

    def groups(self, column: Literal["ca", "mta"]) -> list[Group]:
        """Give the CAs, or the software, of targets that something became of; the most moved first."""
        groups: dict[str, Group] = {}
        for name, kind, count in self._link.execute(GROUPS.format(column=column)):
            groups.setdefault(str(name), Group(str(name), dict.fromkeys(KINDS, 0))).counts[kind] = count
        return sorted(groups.values(), key=lambda group: (-sum(group.counts.values()), group.name))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._link.close()

    def _ids(self, question: str, *values: int) -> tuple[str, ...]:
        return tuple(str(id_) for (id_,) in self._link.execute(question, values))

    def _attach(self, side: Side, path: str) -> None:
        self._link.execute(f"ATTACH ? AS {side}", (f"{Path(path).absolute().as_uri()}?mode=ro",))
        if not is_ours(self._link, f"{side}."):
            raise ValueError("is a database of something else")
        if self._link.execute(WRONG.format(in_=f"{side}.")).fetchone():
            raise ValueError("holds a report that no sweep wrote")

    def _fill(self, side: Side, stream: BinaryIO) -> None:
        self._link.execute(f"ATTACH '' AS {side}")
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{CACHE}"):
            self._link.execute(f"PRAGMA {side}.{pragma}")
        self._link.execute("BEGIN")
        for statement in (*TABLES, *BY_REPORT):
            self._link.execute(statement.format(in_=f"{side}."))
        for row in reading.rows(stream, torn=True):
            insert(self._link, row, None, f"{side}.")
        self._link.execute("COMMIT")
