"""Thousands in flight with servers that take their time: the clock beside the C client's, and memory."""

from __future__ import annotations

import statistics

from leaves import folder
from rounds import Spent, interleaved, ratios, server, spent, spread, verdict
from spent import FIRST, Job, raise_limit

DELAY = 100
"""Milliseconds that a server takes for a reply; there are five in a probe."""
LEAVES = 256
ROUNDS = 5
MANY = (5_000, 50_000)


def main(words: list[str]) -> int:
    """``latency [ROUNDS]``: 0 when all goals hold."""
    print(f"up to {raise_limit()} open files; the limit was raised to what the system allows\n")
    rounds = int(words[0]) if words else ROUNDS
    held = [_waiting(flying, rounds) for flying in (1000, 5000)]
    return 0 if all([*held, _memory_of_many()]) else 1


def _waiting(flying: int, rounds: int) -> bool:
    """Take the clock with so many in flight; three times as many targets."""
    made, count = folder(LEAVES), 3 * flying
    with server(made, 0, LEAVES, DELAY) as port:

        def run(what: str) -> Spent:
            return spent(Job(what, str(made), port, FIRST, count, flying))

        kinds = {"C, bare": "bare", "C, verifying": "verify", "ours, no judgement": "look", "ours": "judge"}
        found = interleaved({name: lambda what=what: run(what) for name, what in kinds.items()}, rounds)
    print(f"{flying} in flight, {count} targets, {DELAY} ms a reply, {rounds} rounds")
    for name, runs in found.items():
        busy = [one["cpu"] / one["wall"] for one in runs]
        print(f"{name:<20} {spread([one['wall'] for one in runs])} s, of the processor {spread(busy)}")
    own = [(one["peak"] - one["before"]) / flying for one in found["ours"]]
    wall = ratios(found["ours"], found["C, bare"], "wall")
    verdict("no judgement / C, bare: wall", ratios(found["ours, no judgement"], found["C, bare"], "wall"), most=1.15)
    held = [verdict("all / C, bare: wall", wall, most=1.15), verdict("KiB for a probe in flight", own, most=60)]
    print()
    return all(held)


def _memory_of_many() -> bool:
    """Compare the memory of many targets, no leaf among them twice, with that of ten times as many."""
    made = folder(max(MANY))
    with server(made, 0, max(MANY)) as port:
        peaks = []
        for count in MANY:
            runs = [spent(Job("judge", str(made), port, FIRST, count, 1000)) for _ in range(1 if count > 9999 else 3)]
            peaks.append(statistics.median(one["peak"] for one in runs) / 1024)
            print(f"{count} targets, none seen before, 1000 in flight: at most {peaks[-1]:.0f} MiB")
    return verdict(f"memory of {MANY[1]} / of {MANY[0]}", [peaks[1] / peaks[0]], most=1.1)
