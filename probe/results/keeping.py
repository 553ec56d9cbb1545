"""Where a sweep keeps its reports, by the name that the user gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.results.lines import Lines

if TYPE_CHECKING:
    from probe.results.database import Tables

DATABASES = (".db", ".sqlite", ".sqlite3")
"""How the name of a database ends; all others are files of lines."""


def kept(path: str, *, resume: bool = False, force: bool = False) -> Lines | Tables:
    """Open the file, or with "-" standard output, for the reports of a sweep. Raises ValueError with a clause."""
    if not path.lower().endswith(DATABASES):
        return Lines.open(path, resume=resume, force=force)
    from probe.results.database import Tables

    return Tables.open(path, resume=resume, force=force)
