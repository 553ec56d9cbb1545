"""Other programs beside ours, in processor time for one host: sslyze, and openssl s_client."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from leaves import NAME, folder
from rounds import Spent, child, interleaved, ratios, server, spent, verdict
from spent import CACHE, FIRST, Job, addresses

SEEN, COUNT = 256, 2560
SSLYZE = "6.3.1"
FEW, MORE = 8, 56
"""Hosts of two runs of sslyze: the difference is what hosts cost, without its start."""
CLIENTS = 48
"""Processes of openssl, one a host."""
ROUNDS = 5
OURS = {"ours, leaves never seen": (1, FIRST + SEEN), "ours, leaves seen before": (0, FIRST)}
GOALS = {"sslyze --certinfo": (12, 18), "openssl s_client, a process a host": (25, 35)}
"""Program → how many times the processor time of ours, with leaves never seen and with leaves seen before."""


def main(words: list[str]) -> int:
    """``others [ROUNDS]``: 0 when all goals hold."""
    program, made = sslyze(), folder(SEEN + COUNT)
    with server(made, 0, SEEN) as few, server(made, 0, SEEN + COUNT) as many:

        def ours(port: int, first: int) -> Callable[[], Spent]:
            return lambda: _each(spent(Job("judge", str(made), port, first, COUNT, warm_count=SEEN)), COUNT)

        found = interleaved(
            {
                **{name: ours((few, many)[which], first) for name, (which, first) in OURS.items()},
                "sslyze --certinfo": lambda: _with_sslyze(program, many, made / "root.pem"),
                "openssl s_client, a process a host": lambda: _with_openssl(many),
            },
            int(words[0]) if words else ROUNDS,
        )
    print(f"sslyze {SSLYZE}; {subprocess.check_output(['openssl', 'version'], text=True).strip()}")
    for name, runs in found.items():
        print(f"{name:<36} {1e3 * statistics.median(one['cpu'] for one in runs):8.2f} ms a host")
    held = [
        verdict(f"{name} / {own}", ratios(found[name], found[own]), least=least)
        for name, goals in GOALS.items()
        for own, least in zip(OURS, goals, strict=True)
    ]
    return 0 if all(held) else 1


def sslyze() -> Path:
    """The program, in an environment of its own: it wants another cryptography than we do."""
    place = CACHE / f"sslyze-{SSLYZE}"
    if not (place / "bin/sslyze").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([place / "bin/python", "-m", "pip", "install", "--quiet", f"sslyze=={SSLYZE}"], check=True)
    return place / "bin/sslyze"


def _each(whole: Spent, hosts: int) -> Spent:
    return {field: value / hosts for field, value in whole.items()}


def _with_sslyze(program: Path, port: int, root: Path) -> Spent:
    few, more = (_sslyze_of(program, port, root, hosts) for hosts in (FEW, MORE))
    return _each({field: more[field] - few[field] for field in more}, MORE - FEW)


def _sslyze_of(program: Path, port: int, root: Path, hosts: int) -> Spent:
    """One process for all hosts; the root stands in one of its stores, else it would check no signature."""
    with tempfile.TemporaryDirectory() as place:
        targets, answer = Path(place, "targets"), Path(place, "answer.json")
        targets.write_text("".join(f"{address}:{port}\n" for address in addresses(FIRST + SEEN, hosts)))
        files = (f"--certinfo_ca_file={root}", f"--targets_in={targets}", f"--json_out={answer}")
        run = child([program, "--certinfo", "--starttls=smtp", *files])
        scanned = answer.read_text().count('"received_chain_has_valid_order": true')
        if scanned < hosts:
            sys.exit(f"sslyze: {scanned} of {hosts} hosts")
    return run


def _with_openssl(port: int) -> Spent:
    """One process a host with the system's trust store, as a script would do it."""
    words = ["openssl", "s_client", "-starttls", "smtp", "-servername", NAME, "-showcerts", "-connect"]
    runs = [child([*words, f"{address}:{port}"], b"QUIT\r\n") for address in addresses(FIRST + SEEN, CLIENTS)]
    return _each({field: sum(run[field] for run in runs) for field in runs[0]}, CLIENTS)
