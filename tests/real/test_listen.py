"""Real senders deliver to ``listen``, and we name what each presented: a good list, the leaf alone, nothing, rubbish."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from queue import Queue

import pytest
from real.conftest import Authority
from real.running import Files, Unpacked
from real.senders import SENDERS

from probe.demo import keys
from probe.model import Observation, Report, Stage, Trouble
from probe.net.listen import ListenOptions, listen
from probe.pipeline import Options, report_of
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.wire.identity import Identity

pytestmark = [pytest.mark.real, pytest.mark.filterwarnings("ignore:Passing pyOpenSSL")]
PATIENCE = 40


@dataclass
class Listener:
    """What listens in a thread of its own, and what was seen."""

    ports: Queue[int] = field(default_factory=Queue)
    seen: list[Observation] = field(default_factory=list)

    def serve(self, options: ListenOptions) -> None:
        """Listen until the thread's task is cancelled."""
        asyncio.run(listen(options, self.ports.put, self._note))

    async def _note(self, seen: Observation, _: str) -> None:
        self.seen.append(seen)


@contextmanager
def listening(authority: Authority, count: int) -> Iterator[tuple[int, Listener]]:
    """Listen with a good chain until so many sessions are over."""
    chain = tuple(authority.named[letter].der for letter in "LBA")
    options = ListenOptions(Identity(chain, keys.pem("leaf").encode()), port=0, name="listen.example", count=count)
    listener = Listener()
    thread = threading.Thread(target=listener.serve, args=(options,), daemon=True)
    thread.start()
    yield listener.ports.get(timeout=PATIENCE), listener
    thread.join(PATIENCE)
    assert not thread.is_alive(), listener.seen


def judged(seen: Observation, authority: Authority) -> Report:
    """Judge what a sender presented by our own root."""
    trusted = anchors.of([parse(authority.named["R"].der)], "the test's own")
    return report_of(seen, Options(anchors=trusted, fetch=False))


@pytest.mark.parametrize("software", SENDERS)
def test_explore(software: str, unpacked: Unpacked, authority: Authority) -> None:
    for what, files in (("good", authority.files("LBA")), ("leaf", authority.files("L")), ("absent", None), ("unreadable", Files("rubbish\n", keys.pem("leaf")))):
        chain = tuple(authority.named[letter].der for letter in "LBA")
        with listening(authority, 1) as (port, listener):
            log = SENDERS[software](unpacked, port, files)
        for seen in listener.seen:
            rep = judged(seen, authority)
            print("=====", software, what, seen.stage, seen.failure, seen.tls_version, seen.cipher, None if seen.presented is None else authority.letters(tuple(parse(d).sha256 for d in seen.presented)), [f.id for f in rep.endpoints[0].findings])
            print("\n".join(f"   {l.sender} {l.line}" for l in seen.transcript))
        print(log[-1500:])
