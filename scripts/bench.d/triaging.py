"""``triage`` of a log beside ``grep``, in processor time."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from probe.catalogue.pages import all_pages

TOP = Path(__file__).parents[2]
RUNS = 3
"""Each is run so often, turn by turn; the median counts."""


def main(words: list[str]) -> int:
    """``triage [LINES]``: 0 when the goal holds."""
    return triage(int(words[0]) if words else 1_000_000)


def triage(lines: int) -> int:
    """Measure ``triage`` against ``grep``, and the memory that it takes."""
    with tempfile.TemporaryDirectory() as folder:
        log, strings = Path(folder, "mail.log"), Path(folder, "strings")
        with log.open("wb") as stream:
            subprocess.run([sys.executable, TOP / "scripts/make-log", str(lines)], stdout=stream, check=True)
        fixed = {part.strip() for page in all_pages() for phrase in page.spellings for part in phrase.split("*")}
        strings.write_text("\n".join(sorted(filter(None, fixed))) + "\n", encoding="utf-8")
        ours, theirs = [], []
        for _ in range(RUNS):
            theirs.append(spent(["grep", "-F", "-f", str(strings), str(log)]))
            ours.append(spent([sys.executable, "-m", "probe", "triage", "--quiet", str(log)]))
        size = log.stat().st_size / 1e6
    mine, grep = statistics.median(ours), statistics.median(theirs)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"{lines} lines, {size:.0f} MB, {len(fixed)} strings, median of {RUNS} runs")
    print(f"grep -F -f {grep:.2f} s, triage {mine:.2f} s of processor time: ratio {mine / grep:.1f}, at most 20")
    print(f"largest process: {peak} MiB")
    return 0 if mine <= 20 * grep else 1


def spent(command: list[str]) -> float:
    """Processor time of a child in seconds, user and system. It writes to a file: grep stops early for /dev/null."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as answer:
        subprocess.run(command, stdout=answer, cwd=TOP, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
