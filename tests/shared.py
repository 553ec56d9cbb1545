"""Where other people's suites lie: beside the checkout, never in it; and what the quick check leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
ALL = bool(os.environ.get("SMTP_CHAINCHECK_ALL"))
"""This is ``scripts/check --all``."""
FOLDER = Path(os.environ.get("SMTP_CHAINCHECK_SHARED") or Path(__file__).parents[2] / "shared")


def shared(path: str) -> Path:
    """Return the file or folder; skip the test, with the reason, where it is absent."""
    found = FOLDER / path
    if not found.exists():
        pytest.skip(f"{path} is not there: other people's data is not part of the project ({FOLDER})")
    return found


def examples(number: int) -> int:
    """How many examples hypothesis tries: all of them in ``scripts/check --all``, a fifth in the quick check."""
    return number if ALL else max(number // 5, 10)


def share(every: Iterable[T], step: int) -> list[T]:
    """All of them in ``scripts/check --all``; in the quick check each ``step``-th, from the first on."""
    return list(every)[:: 1 if ALL else step]
