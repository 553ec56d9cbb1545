"""Children started turn by turn, and what their numbers say: the median, the least and the most of ratios."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import inf
from pathlib import Path

from spent import Job

HERE = Path(__file__).parent
TOP = HERE.parents[1]
SECONDS = 900
"""For one child."""
Spent = Mapping[str, float]


@contextmanager
def server(folder: Path, begin: int, count: int, delay: int = 0) -> Iterator[int]:
    """A server of its own that shows those leaves and takes so many milliseconds for a reply; give its port."""
    words = ["server", folder, begin, count, delay]
    command = [sys.executable, HERE / "native.py", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout  # noqa: S101 - for the type checker
            yield int(child.stdout.readline())
        finally:
            child.kill()


def spent(job: Job) -> Spent:
    """Run a job in a child; every target must have come to its end, else the numbers mean nothing."""
    program = ["native.py", "client"] if job.what in {"bare", "verify"} else ["ours.py"]
    command = [sys.executable, HERE / program[0], *program[1:], json.dumps(asdict(job))]
    found: dict[str, float] = json.loads(subprocess.check_output(command, timeout=SECONDS))
    if found["done"] != job.count:
        sys.exit(f"{job.what}: {found['done']} of {job.count} probes succeeded")
    return found


def interleaved(runs: Mapping[str, Callable[[], Spent]], rounds: int) -> dict[str, list[Spent]]:
    """Let each have its turn in every round, each round beginning with another."""
    names = list(runs)
    found: dict[str, list[Spent]] = {name: [] for name in names}
    for n in range(rounds):
        turn = n % len(names)
        for name in names[turn:] + names[:turn]:
            found[name].append(runs[name]())
    return found


def ratios(above: Sequence[Spent], below: Sequence[Spent], field: str = "cpu") -> list[float]:
    """The ratio of each round."""
    return [one[field] / other[field] for one, other in zip(above, below, strict=True)]


def spread(values: Sequence[float]) -> str:
    """The median, and from where to where the values go."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} .. {max(values):.2f})"


def verdict(what: str, values: Sequence[float], *, most: float = inf, least: float = 0.0) -> bool:
    """Print a line of a table in Markdown: what was measured, its goal, whether it holds."""
    holds = least <= statistics.median(values) <= most
    goal = f"at least {least:g}" if least else f"at most {most:g}"
    print(f"| {what} | {spread(values)} | {goal} | {'holds' if holds else '**missed**'} |", flush=True)
    return holds


def child(command: Sequence[str | Path], given: bytes = b"") -> Spent:
    """Run a command to its end, whatever that is: processor time, that of its own children included, and the clock."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, input=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=TOP, check=False)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "wall": wall}
