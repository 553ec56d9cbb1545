"""What a sweep has seen already, on disk: a hundred million keys in the memory of a thousand."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b

KEPT_KIB = 16 << 10
"""KiB of memory that SQLite keeps of the set; the rest lies in a temporary file that has no name."""


class Seen:
    """A set of keys, of each 16 bytes of BLAKE2b: two of 10⁸ keys fall together with a probability of 10⁻²³.

    A key costs 7 µs, the five millionth twice that. Threads may use it one at a time. Raises OSError with a sentence
    where the temporary folder is full.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._ask = self._database.execute
        self._ask("PRAGMA journal_mode = OFF")
        self._ask("PRAGMA synchronous = OFF")
        self._ask(f"PRAGMA cache_size = -{KEPT_KIB}")
        self._ask("CREATE TABLE seen (key BLOB PRIMARY KEY) WITHOUT ROWID")
        self._ask("BEGIN")

    def add(self, key: str) -> bool:
        """Keep the key; True if it is new."""
        try:
            return self._ask("INSERT OR IGNORE INTO seen VALUES (?)", (_short(key),)).rowcount == 1
        except sqlite3.OperationalError as problem:
            raise OSError(
                f"The temporary folder cannot be written ({problem}). SQLITE_TMPDIR names another one."
            ) from problem

    def __contains__(self, key: str) -> bool:
        return self._ask("SELECT 1 FROM seen WHERE key = ?", (_short(key),)).fetchone() is not None

    def close(self) -> None:
        """Give the file back; it vanishes."""
        self._database.close()


def _short(key: str) -> bytes:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).digest()
