"""The yardstick of scripts/bench works: no speed is asked for here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_c_client_and_we_probe_the_same_servers() -> None:
    """Both are compiled and run; the benchmark ends with a sentence when one of its fifty probes fails."""
    command = [sys.executable, str(TOP / "scripts/bench"), "probe", "--smoke"]
    run = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False, timeout=120)
    assert run.returncode == 0, run.stderr
    assert run.stdout.count(" µs a probe") == 5
