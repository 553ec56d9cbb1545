"""What is to be run, and what it costs, said by the child that runs it."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smtp-chaincheck-bench"
"""What is made once: certificates, compiled code, other programs."""
FIRST = 256
"""Number of 127.1.0.1. With a number of leaves that does not divide it, the first leaf is another, and that is all."""


@dataclass(frozen=True, slots=True)
class Job:
    """A run over many targets: 127.A.B.1 with number 256 A + B; see server.c."""

    what: str
    """"bare" or "verify" in C; "look" (no judgement), "judge" or "dns" (questions alone) in ours."""
    folder: str
    port: int
    first: int
    """Number of the first target, FIRST or more."""
    count: int
    in_flight: int = 100
    warm_first: int = FIRST
    """Number of the first target that goes before, and does not count."""
    warm_count: int = 0
    name: str = "mx.example.com"

    def targets(self) -> list[str]:
        """The targets that count."""
        return addresses(self.first, self.count)

    def warm(self) -> list[str]:
        """Those that go before."""
        return addresses(self.warm_first, self.warm_count)


def addresses(first: int, count: int) -> list[str]:
    """The addresses of so many targets."""
    return [f"127.{n >> 8}.{n & 255}.1" for n in range(first, first + count)]


def raise_limit() -> int:
    """Allow as many open files as the system lets us, and say how many: two for each probe in flight is plenty."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


class Meter:
    """Counts what this process spends from its start to its stop: seconds of processor and clock, KiB of memory."""

    def __init__(self) -> None:
        self.read: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """Begin, or begin anew."""
        Path("/proc/self/clear_refs").write_text("5")  # the most begins anew (proc(5))
        self._cpu, self._wall, self._kib = cpu(), time.monotonic(), memory("VmRSS")

    def stop(self, done: int) -> None:
        """Note what was spent on so many targets that came to their end."""
        self.read = {
            "done": done,
            "cpu": cpu() - self._cpu,
            "wall": time.monotonic() - self._wall,
            "whole": cpu(),
            "before": self._kib,
            "peak": memory("VmHWM"),
        }


def cpu() -> float:
    """Seconds of processor of this process, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory(field: str) -> int:
    """KiB that the kernel counts for us under that name (proc(5), status)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))
