"""Processor time of one probe: ours beside the C client's."""

from __future__ import annotations

import statistics
from collections.abc import Callable

from leaves import folder
from rounds import Spent, interleaved, ratios, server, spent, spread, verdict
from spent import FIRST, Job

SEEN = 256
"""Leaves that were seen before; so many others warm up a run over leaves that were not."""
UNSEEN = 2560


def main(words: list[str]) -> int:
    """``probe [--quick]``: 0 when all goals hold."""
    rounds, count = (3, 512) if "--quick" in words else (9, UNSEEN)
    made = folder(SEEN + UNSEEN)
    with server(made, 0, SEEN) as few, server(made, 0, SEEN + UNSEEN) as many:

        def run(what: str, port: int, first: int) -> Callable[[], Spent]:
            return lambda: spent(Job(what, str(made), port, first, count, warm_count=SEEN))

        found = interleaved(
            {
                "C, bare": run("bare", few, FIRST),
                "C, verifying": run("verify", many, FIRST + SEEN),
                "ours, no judgement": run("look", few, FIRST),
                "ours, leaves seen before": run("judge", few, FIRST),
                "ours, leaves never seen": run("judge", many, FIRST + SEEN),
            },
            rounds,
        )
    print(f"{count} targets, {rounds} rounds, turn by turn; median (least .. most)\n")
    for name, runs in found.items():
        own = [1e6 * one["cpu"] / count for one in runs]
        whole = [one["whole"] for one in runs]
        print(f"{name:<26} {statistics.median(own):6.0f} µs a probe; {spread(whole)} s the whole process")
    print()
    bare, verifying = found["C, bare"], found["C, verifying"]
    held = [
        verdict("leaves never seen / C, verifying", ratios(found["ours, leaves never seen"], verifying), most=1.6),
        verdict("leaves seen before / C, bare", ratios(found["ours, leaves seen before"], bare), most=1.7),
        verdict("no judgement / C, bare", ratios(found["ours, no judgement"], bare), most=1.45),
    ]
    return 0 if all(held) else 1
