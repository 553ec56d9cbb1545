"""One host from the command line beside one ``openssl s_client`` with the system's trust store: the clock."""

from __future__ import annotations

import statistics
import sys

from leaves import NAME, folder
from rounds import child, interleaved, ratios, server, verdict

LEAVES = 256
ROUNDS = 31
OTHER = ("openssl", "s_client", "-starttls", "smtp", "-servername", NAME, "-showcerts", "-connect")


def main(words: list[str]) -> int:
    """``start [ROUNDS]``: 0 when the goal holds."""
    with server(folder(LEAVES), 0, LEAVES) as port:
        target = ["127.1.0.1", "--port", str(port), "--name", NAME, "--json", "--no-fetch"]
        ours = [sys.executable, "-m", "probe", *target]
        child(ours)  # what is compiled stays
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
