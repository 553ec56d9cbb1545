"""Where other people's suites lie: beside the checkout, never in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("SMTP_CHAINCHECK_SHARED") or Path(__file__).parents[2] / "shared")


def shared(path: str) -> Path:
    """Return the file or folder; skip the test, with the reason, where it is absent."""
    found = FOLDER / path
    if not found.exists():
        pytest.skip(f"{path} is not there: other people's data is not part of the project ({FOLDER})")
    return found


def examples(number: int) -> int:
    """How many examples hypothesis tries: all of them in ``scripts/check --all``, a fifth in the quick check."""
    return number if os.environ.get("SMTP_CHAINCHECK_ALL") else max(number // 5, 10)
