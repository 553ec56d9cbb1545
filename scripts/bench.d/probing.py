"""Processor time of one probe: ours beside the C client's."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from leaves import folder
from rounds import Spent, interleaved, ratios, server, spent, spread, verdict
from spent import FIRST, Job

SIZES = {"": (7, 256, 2560), "--quick": (3, 256, 512), "--smoke": (1, 4, 50)}
"""Option → rounds, leaves that were seen before, targets. What counts comes after a run over as many other leaves."""
NAMES = {
    "C, bare": "bare",
    "C, verifying": "verify",
    "ours, no judgement": "look",
    "ours, leaves seen before": "judge",
    "ours, leaves never seen": "judge",
}
GOALS = (
    ("ours, leaves never seen", "C, verifying", 1.6),
    ("ours, leaves seen before", "C, bare", 1.7),
    ("ours, no judgement", "C, bare", 1.45),
)


def main(words: list[str]) -> int:
    """``probe [--quick | --smoke]``: 0 when all goals hold; the smoke asks only that all probes succeed."""
    size = words[0] if words else ""
    rounds, seen, count = SIZES[size]
    found = _rounds(rounds, seen, count)
    print(f"{count} targets, {rounds} rounds, turn by turn; median (least .. most)\n")
    for name, runs in found.items():
        own = [1e6 * one["cpu"] / count for one in runs]
        whole = [one["whole"] for one in runs]
        print(f"{name:<26} {statistics.median(own):6.0f} µs a probe; {spread(whole)} s the whole process")
    if size == "--smoke":
        return 0
    print()
    held = [verdict(f"{one} / {other}", ratios(found[one], found[other]), most=most) for one, other, most in GOALS]
    return 0 if all(held) else 1


def _rounds(rounds: int, seen: int, count: int) -> dict[str, list[Spent]]:
    made = folder(seen + count)
    with server(made, 0, seen) as few, server(made, 0, seen + count) as many:

        def run(name: str) -> Callable[[], Spent]:
            port, first = (many, FIRST + seen) if name in {"C, verifying", "ours, leaves never seen"} else (few, FIRST)
            return lambda: spent(Job(NAMES[name], str(made), port, first, count, warm_count=seen))

        return interleaved({name: run(name) for name in NAMES}, rounds)
