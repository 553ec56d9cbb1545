"""What the tests of real servers need: the servers, and certificates of today."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct
from real.running import Files, Unpacked

from probe.demo import keys
from probe.demo.cast import cast
from probe.demo.forge import Forged

FETCH = Path(__file__).parents[2] / "scripts" / "fetch-servers"
FETCH_SECONDS = 900
"""A cold fetch takes half a minute here; a slow mirror may need minutes for its 200 MB."""


def demanded() -> bool:
    """Tell whether a missing server is a failure: in CI, and where SMTP_CHAINCHECK_ALL is set."""
    return any(os.environ.get(name, "") not in {"", "0", "false"} for name in ("CI", "SMTP_CHAINCHECK_ALL"))


@pytest.fixture(scope="session")
def unpacked() -> Unpacked:
    """Give the unpacked servers: fetched when they are demanded, else the test is skipped where they are absent."""
    refuse = pytest.fail if demanded() else pytest.skip
    if os.geteuid() != 0:
        refuse("Postfix, Exim and Sendmail give up root's rights when they start, so root has to start them")
    command = [sys.executable, str(FETCH), *["--offline"] * (not demanded())]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=FETCH_SECONDS)
    if done.returncode:
        refuse(done.stderr.strip())
    return Unpacked(Path(done.stdout.strip()))


class Authority(Struct, frozen=True):
    """A chain that is valid today, its certificates named by one letter: L leaf, B its issuer, A B's issuer, R root.

    S is a root that has nothing to do with them.
    """

    named: dict[str, Forged]
    now: datetime

    def pem(self, letters: str) -> str:
        """Write certificates in that order."""
        return "".join(self.named[letter].pem for letter in letters)

    def files(self, letters: str, *, key: str = "leaf", ca: str = "", together: bool = False) -> Files:
        """Make what an administrator puts on disk."""
        return Files(self.pem(letters), keys.pem(key), self.pem(ca), together)

    def letters(self, digests: tuple[str, ...]) -> str:
        """Name what was sent; "?" is none of ours."""
        known = {forged.sha256: letter for letter, forged in self.named.items()}
        return "".join(known.get(digest, "?") for digest in digests)

    def digests(self, letters: str) -> tuple[str, ...]:
        """Give the SHA-256 of certificates in that order."""
        return tuple(self.named[letter].sha256 for letter in letters)

    def saved(self, letters: str, path: Path) -> Path:
        """Write certificates to a file and return it."""
        path.write_text(self.pem(letters), encoding="utf-8")
        return path


@pytest.fixture(scope="session")
def authority() -> Authority:
    """Make the certificates with dates around now: real clients look at the real clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    actors = cast(now)
    upper = actors.authority("Example A", "issuing-2", actors.root)
    lower = actors.authority("Example B", "issuing", upper)
    named = {"L": actors.leaf(lower), "B": lower, "A": upper, "R": actors.root, "S": actors.strange_root}
    return Authority(named, now)
