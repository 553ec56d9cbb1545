"""One host from the command line beside one ``openssl s_client`` with the system's trust store: the clock."""

from __future__ import annotations

import statistics
import subprocess
import sys

from leaves import NAME, folder
from rounds import TOP, child, interleaved, ratios, server, verdict

SCRIPT = "import sys; from probe.cli import main; sys.exit(main())"
"""What pip writes into the file smtp-chaincheck."""
LEAVES = 256
ROUNDS = 31
OTHER = ("openssl", "s_client", "-starttls", "smtp", "-servername", NAME, "-showcerts", "-connect")


def main(words: list[str]) -> int:
    """``start [ROUNDS]``: 0 when the goal holds."""
    with server(folder(LEAVES), 0, LEAVES) as port:
        target = ["127.1.0.1", "--port", str(port), "--name", NAME, "--json", "--no-fetch"]
        ours = [sys.executable, "-c", SCRIPT, *target]
        _proved(ours)  # and what was compiled stays
        found = interleaved(
            {
                "ours": lambda: child(ours),
                "s_client": lambda: child([*OTHER, f"127.1.0.1:{port}"], b"QUIT\r\n"),
                "python, nothing done": lambda: child([sys.executable, "-c", "pass"]),
                "python, asyncio and pyOpenSSL": lambda: child([sys.executable, "-c", "import asyncio, OpenSSL.SSL"]),
            },
            int(words[0]) if words else ROUNDS,
        )
    for name, runs in found.items():
        wall, cpu = (1e3 * statistics.median(one[field] for one in runs) for field in ("wall", "cpu"))
        print(f"{name:<30} {wall:6.0f} ms, {cpu:6.0f} ms of the processor")
    return 0 if verdict("ours / s_client: wall", ratios(found["ours"], found["s_client"], "wall"), most=4) else 1


def _proved(command: list[str]) -> None:
    """Run it once; a program that breaks off would be a quick one."""
    said = subprocess.run(command, stdout=subprocess.PIPE, cwd=TOP, check=False).stdout
    if NAME.encode() not in said:
        sys.exit("The probe did not come to its end: its times would mean nothing.")
