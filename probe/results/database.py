"""Results in an SQLite database, with an index on findings, hosts and CAs.

Each report is a transaction of its own in a write-ahead log, which is written before ``add`` returns: whoever ends the
program by force loses nothing that was added. It is not waited for the disk each time (that would cost more than the
look), so a computer that loses its power may lose the reports of the last seconds, and nothing else.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from probe.results import reading
from probe.results.file import EXISTS, FOREIGN, KeepingError, is_file, opened, refuse, still_there, sync
from probe.results.row import Row
from probe.results.tables import APPLICATION, BY_CONTENT, BY_REPORT, TABLES, VERSION, insert, is_empty, is_ours

MAGIC = b"SQLite format 3\0"
BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database while it is open."""
PATIENCE = 30.0
"""Seconds that we wait for somebody who changes the database by hand."""
LOG = 4000
"""Pages of 4 KiB in the log before they move to their place in the database."""
_ERRNO = {"SQLITE_FULL": errno.ENOSPC, "SQLITE_READONLY": errno.EROFS, "SQLITE_BUSY": errno.EBUSY}


class Tables:
    """A database that is open for adding reports."""

    told: tuple[str, ...] = ()
    """As of ``Lines``: nothing has to be mended here."""

    def __init__(self, handle: int, link: sqlite3.Connection) -> None:
        self._handle = handle
        self._link: sqlite3.Connection | None = link

    @classmethod
    def open(cls, path: str, *, resume: bool = False, force: bool = False) -> Self:
        """Open ``path``. What is in it stays with ``resume``, and goes with ``force``.

        Raises ValueError with a clause where it holds something and neither is said, where that is not ours, where
        another sweep writes it, and where nothing can be written there.
        """
        refuse(path)
        if os.path.lexists(path) and not is_file(path):
            raise ValueError("is no file, which a database must be")
        path = os.path.realpath(path)
        handle = opened(path)
        try:
            if not force:
                return cls(handle, _linked(path, handle, new=not resume))
            _linked(path, handle, new=False).close()
            handle = _anew(path, handle)
            return cls(handle, _linked(path, handle, new=True))
        except BaseException:
            os.close(handle)
            raise

    def add(self, row: Row, line: str) -> None:
        """Add a report, or put it in place of the one of its target. Raises KeepingError; what was added stays."""
        link = self._open
        try:
            still_there(self._handle)
            link.execute("BEGIN IMMEDIATE")
            insert(link, row, line.rstrip("\n"))
            link.execute("COMMIT")
        except BaseException as problem:
            with suppress(sqlite3.Error):
                link.execute("ROLLBACK")
            if isinstance(problem, OSError | sqlite3.Error):
                raise KeepingError(_as_os(problem)) from problem
            raise

    def keys(self) -> Iterator[str]:
        """Give the key of each target in it. Raises ValueError with a clause where it is damaged."""
        for (key,) in self._each("SELECT key FROM report"):
            yield str(key)

    def rows(self) -> Iterator[Row]:
        """Give what counts of each report in it; raises as ``keys``. Nothing may be added meanwhile."""
        for number, line in self._each("SELECT id, json FROM report ORDER BY id"):
            yield reading.row_of_line(str(line).encode(), int(str(number)))

    def close(self) -> None:
        """Wait until all is on the disk, and leave a single file. Raises KeepingError."""
        link, self._link = self._link, None
        if link is None:
            return
        try:
            with suppress(sqlite3.OperationalError):  # somebody reads it: the log stays beside it
                link.execute("PRAGMA journal_mode = DELETE")
            link.close()
            sync(self._handle)
        except (OSError, sqlite3.Error) as problem:
            raise KeepingError(_as_os(problem)) from problem
        finally:
            os.close(self._handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def _open(self) -> sqlite3.Connection:
        if self._link is None:
            raise ValueError("is closed")
        return self._link

    def _each(self, question: str) -> Iterator[tuple[object, ...]]:
        try:
            yield from self._open.execute(question)
        except sqlite3.Error as problem:
            raise ValueError(f"cannot be read: {problem}") from None


def _linked(path: str, handle: int, *, new: bool) -> sqlite3.Connection:
    """Connect to a database of ours; ``new``: to one that holds no report yet. Raises ValueError with a clause."""
    if os.fstat(handle).st_size and os.pread(handle, len(MAGIC), 0) != MAGIC:
        raise ValueError(FOREIGN)
    link = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _ready(link, new=new)
    except sqlite3.Error as problem:
        link.close()
        if (number := _as_os(problem).errno) == errno.ENOSPC:
            raise ValueError(f"cannot be written: {os.strerror(number)}") from None
        raise ValueError(f"cannot be used as a database: {problem}") from None
    except BaseException:
        link.close()
        raise
    return link


def _ready(link: sqlite3.Connection, *, new: bool) -> None:
    """Make the tables where there is nothing yet."""
    link.execute("PRAGMA trusted_schema = OFF")
    empty = is_empty(link)
    if not (empty or is_ours(link)):
        raise ValueError(FOREIGN)
    if new and not empty and link.execute("SELECT 1 FROM report LIMIT 1").fetchone():
        raise ValueError(EXISTS)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", f"wal_autocheckpoint = {LOG}"):
        link.execute(f"PRAGMA {pragma}")
    if not empty:
        return
    link.execute("BEGIN IMMEDIATE")
    for statement in (*TABLES, *BY_REPORT, *BY_CONTENT):
        link.execute(statement.format(in_=""))
    link.execute(f"PRAGMA application_id = {APPLICATION}")
    link.execute(f"PRAGMA user_version = {VERSION}")
    link.execute("COMMIT")


def _anew(path: str, handle: int) -> int:
    """Put an empty file in place of the one that ``handle`` holds; whoever reads the old one is not disturbed."""
    for suffix in (*BESIDE, ""):
        with suppress(FileNotFoundError):
            os.unlink(path + suffix)  # noqa: PTH108 -- its name is a string
    fresh = opened(path)
    os.close(handle)
    return fresh


def _as_os(problem: OSError | sqlite3.Error) -> OSError:
    if isinstance(problem, OSError):
        return problem
    name = getattr(problem, "sqlite_errorname", "")
    number = next((number for word, number in _ERRNO.items() if name.startswith(word)), errno.EIO)
    return OSError(number, str(problem))
