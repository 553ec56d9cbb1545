"""The looks of one survey: one host down hides no other, the total deadline holds, and no address is asked twice."""

from __future__ import annotations

import asyncio
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, repeat

from net.fake_dns import Says, Zone, resolver

from probe.model import Kind, Stage, Survey, Target
from probe.net.dns import Dns
from probe.net.known import Known
from probe.net.observe import ObserveOptions
from probe.net.servers import DnsOptions
from probe.net.survey import survey
from probe.net.ways import Breadth

SILENCE = Says(manner="silence")
HANGING: Zone = {"hang.example A": SILENCE, "hang.example AAAA": SILENCE}
ADDRESS = "127.0.0.31"
GOODBYE = b"421 4.3.2 too many connections\r\n"


def looked(zone: Zone, port: int, seconds: float = 5, breadth: Breadth | None = None) -> Survey:
    """Look at example.com, as this zone has it."""

    async def run(server: tuple[str, int]) -> Survey:
        target = Target("example.com", port, kind=Kind.DOMAIN)
        dns, known = Dns(DnsOptions((server,))), Known(target)
        return await survey(target, ObserveOptions(timeout=seconds), dns, breadth, known)

    with resolver(zone) as here:
        return asyncio.run(run((here.address, here.port)))


@contextmanager
def greeting(*says: bytes) -> Iterator[int]:
    """A port where each client is told the next of these words, and the last ones again and again."""
    with socket.create_server((ADDRESS, 0)) as listener:
        thread = threading.Thread(target=_greet, args=(listener, says))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _greet(listener: socket.socket, says: Sequence[bytes]) -> None:
    for words in chain(says, repeat(says[-1])):
        try:
            client, _ = listener.accept()
        except OSError:
            return
        with client:
            client.sendall(words)


def stages(seen: Survey) -> list[tuple[str | None, Stage]]:
    """Where each look ended."""
    return [(one.endpoint.host, one.stage) for one in seen.observations]


def test_a_host_whose_dns_hangs_hides_no_other() -> None:
    """Neither for itself, nor while somebody asks whether it is an alias."""
    zone = {"example.com MX": ["10 mx.example.", "20 hang.example."], "mx.example A": ADDRESS, **HANGING}
    began = time.monotonic()
    with greeting(GOODBYE) as port:
        seen = looked(zone, port, 1.5)
    assert stages(seen) == [("mx.example", Stage.GREETING), ("hang.example", Stage.DNS)]
    assert seen.observations[0].greeting is not None
    assert time.monotonic() - began < 3


def test_a_family_that_could_not_be_looked_up_is_left_out_aloud() -> None:
    """What was seen of the other one is not the whole."""
    failing = Says(rcode="SERVFAIL")
    zone: Zone = {"example.com MX": "10 mx.example.", "mx.example A": ADDRESS, "mx.example AAAA": failing}
    with greeting(GOODBYE) as port:
        seen = looked(zone, port)
    assert stages(seen) == [("mx.example", Stage.GREETING)]
    (left,) = seen.left_out
    assert left.startswith("more addresses of mx.example (SERVFAIL for mx.example AAAA, says 127.0.0.1:")


def test_aliases_and_policies_are_both_kept() -> None:
    """They are looked up side by side, and neither is written over by the other."""
    zone = {
        "example.com MX": "10 alias.example.",
        "alias.example CNAME": "mx.example.",
        "mx.example A": ADDRESS,
        "_smtp._tls.example.com TXT": '"v=TLSRPTv1; rua=mailto:a@example.com"',
    }
    with greeting(GOODBYE) as port:
        seen = looked(zone, port)
    domain = seen.domain
    assert domain
    assert [mx.alias_of for mx in domain.mx] == ["mx.example"]
    assert "dns" in seen.observations[0].timing_ms
    assert domain.tls_rpt
    assert domain.tls_rpt.records == ("v=TLSRPTv1; rua=mailto:a@example.com",)


def test_whoever_sends_us_away_is_left_alone() -> None:
    """A server that had enough of us, at once or later, is asked no more."""
    zone = {"example.com MX": "10 mx.example.", "mx.example A": ADDRESS}
    for says in ((GOODBYE,), (b"+OK hello\r\n", GOODBYE)):
        with greeting(*says) as port:
            seen = looked(zone, port, breadth=Breadth(repeat=4))
        assert len(seen.observations) == len(says)
        assert seen.left_out == (f"mx.example at {ADDRESS}:{port}, asked {len(says)} of 4 times",)


def test_one_machine_is_asked_by_one_look_at_a_time() -> None:
    """However many mail hosts share it, and however DNS writes its address."""
    zone: Zone = {
        "example.com MX": [f"{n} mx{n}.example." for n in range(5)],
        **{f"mx{n}.example A": ADDRESS for n in range(4)},
        "mx4.example AAAA": f"::ffff:{ADDRESS}",
    }
    at_once: list[int] = []
    with socket.create_server((ADDRESS, 0)) as listener:
        counting = threading.Thread(target=_count, args=(listener, at_once))
        counting.start()
        seen = looked(zone, listener.getsockname()[1])
        listener.shutdown(socket.SHUT_RDWR)
        counting.join(5)
    assert len(seen.observations) == 5
    assert at_once == [0] * 5


def _count(listener: socket.socket, at_once: list[int]) -> None:
    """Let clients wait a little, and note whether others stand at the door meanwhile."""
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            with client:
                at_once.append(len(select.select([listener], [], [], 0.05)[0]))
                client.sendall(b"+OK hello\r\n")
