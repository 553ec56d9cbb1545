"""The questions that a mail host costs in DNS beside its TLS, in processor time; a resolver on loopback answers.

``naming.py`` itself is that resolver: it says its port, and answers whatever is asked until it is ended.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from leaves import folder
from rounds import HERE, Spent, interleaved, ratios, server, spent, verdict
from spent import FIRST, Job

SEEN, COUNT, ROUNDS = 256, 2560, 7
A, MX = 1, 15


def main(words: list[str]) -> int:
    """``dns [ROUNDS]``: 0 when DNS costs less than TLS."""
    made = folder(SEEN)
    with server(made, 0, SEEN) as port, resolver() as dns:

        def run(what: str, where: int) -> Callable[[], Spent]:
            return lambda: spent(Job(what, str(made), where, FIRST, COUNT, warm_count=SEEN))

        found = interleaved(
            {
                "host: A, AAAA, TLSA": run("dns", dns),
                "domain: MX, A, AAAA, TLSA": run("dns-mx", dns),
                "TLS, ours": run("look", port),
                "TLS, C": run("bare", port),
            },
            int(words[0]) if words else ROUNDS,
        )
    for name, runs in found.items():
        print(f"{name:<28} {1e6 * median(one['cpu'] for one in runs) / COUNT:6.0f} µs of the processor")
    hosts, domains = found["host: A, AAAA, TLSA"], found["domain: MX, A, AAAA, TLSA"]
    verdict("DNS of a host / TLS of the C client", ratios(hosts, found["TLS, C"]), most=1)
    held = [
        verdict("DNS of a host / TLS of ours", ratios(hosts, found["TLS, ours"]), most=1),
        verdict("DNS of a domain / TLS of ours", ratios(domains, found["TLS, ours"]), most=1),
    ]
    return 0 if all(held) else 1


@contextmanager
def resolver() -> Iterator[int]:
    """A resolver in a process of its own; give its port."""
    with subprocess.Popen([sys.executable, HERE / "naming.py"], stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout  # noqa: S101 - for the type checker
            yield int(child.stdout.readline())
        finally:
            child.kill()


def answer(question: bytes) -> bytes:
    """One A or MX record where that is asked, nothing for the other types (RFC 1035 §4.1)."""
    end = question.index(0, 12)
    (kind,) = struct.unpack_from(">H", question, end + 1)
    head = question[:2] + b"\x81\x80\0\x01" + (b"\0\x01" if kind in {A, MX} else b"\0\0") + bytes(4)
    record = {A: bytes((127, 1, 0, 1)), MX: b"\0\x0a\x02mx\xc0\x0c"}.get(kind)
    whole = head + question[12 : end + 5]
    return whole + (struct.pack(">HHHIH", 0xC00C, kind, 1, 300, len(record)) + record if record else b"")


def main_of_resolver() -> None:
    """Answer on loopback until ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        sock.bind(("127.0.0.1", 0))
        print(sock.getsockname()[1], flush=True)
        while True:
            question, where = sock.recvfrom(4096)
            sock.sendto(answer(question), where)


if __name__ == "__main__":
    main_of_resolver()
