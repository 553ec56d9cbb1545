"""Scripted mail servers: one script drives the Session in memory, and the real socket code on 127.0.0.1.

A script is a text file in ``fixtures/smtp/``, named for what the server does:

    # Says 220, then hangs up.
    ends     closed at ehlo
    S: 220 mx.example ESMTP
    C: EHLO
    hang up

The head says how our observation must end (``ends TROUBLE at STAGE`` or ``ends done``), and may add ``symptoms``,
``text``, ``presented N``, ``retried``, ``port implicit`` and ``protocol imap``. The steps:

    S: LINE           say a line                     S> TEXT            say it without CRLF
    C: PREFIX         wait for a line like this      hex BYTES          send these bytes
    times N S: LINE   say it so many times           fill N             send so many bytes of text
    drip SECONDS S: LINE   one byte every so often   pause SECONDS      wait
    tls KIND          shake hands (see KINDS)        upset              get a message that no server likes, inside TLS
    hello             wait until the client says something, a ClientHello most likely
    flight            send ServerHello and Certificate of TLS 1.2 by hand
    hang up           close                          reset              close with RST
    silence           say nothing until the client goes
    again             what follows is for the next connection
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import cast

from fake_tls import Server, context, old_flight, old_list
from forge import certificate, chain
from OpenSSL import SSL

from probe.demo import flight
from probe.model import Endpoint, Observation, Protocol, Tls
from probe.wire.session import Session

SCRIPTS = Path(__file__).parents[1] / "fixtures" / "smtp"
STARTED = datetime(2026, 7, 1, 12, tzinfo=UTC)

KINDS: dict[str, Callable[[], SSL.Context]] = {
    "1.0": partial(context, "1.0"),
    "1.1": partial(context, "1.1"),
    "1.2": partial(context, "1.2"),
    "1.3": partial(context, "1.3"),
    "asks": partial(context, "1.3", asks=True),
    "demands 1.2": partial(context, "1.2", demands=True),
    "demands 1.3": partial(context, "1.3", demands=True),
    "no shared cipher": partial(context, "1.2", ciphers=b"PSK:@SECLEVEL=0"),
    "hundred": partial(context, "1.3", sent=chain(1)[:2] * 50),
    "rsa-512": lambda: context("1.2", sent=(certificate(key="rsa-512"),), ciphers=b"kRSA:@SECLEVEL=0"),
}


@dataclass(frozen=True, slots=True)
class Script:
    """One scripted server, and how a probe of it must end."""

    name: str
    story: str
    head: dict[str, str]
    connections: tuple[tuple[str, ...], ...]

    @property
    def tls(self) -> Tls:
        """How the port is asked."""
        return Tls(self.head.get("port", "starttls"))

    @property
    def protocol(self) -> Protocol:
        """What is spoken."""
        return Protocol(self.head.get("protocol", "smtp"))

    def expected(self) -> dict[str, object]:
        """The end that the head tells, as ``ending`` gives it; what it does not mention is not compared."""
        trouble, _, stage = self.head["ends"].partition(" at ")
        wanted: dict[str, object] = {"trouble": None if trouble == "done" else trouble, "stage": stage or "done"}
        wanted |= {"retried": self.head.get("retried")}
        wanted |= {"symptoms": self.head["symptoms"].split()} if "symptoms" in self.head else {}
        wanted |= {"text": self.head["text"]} if "text" in self.head else {}
        return wanted | ({"presented": int(self.head["presented"])} if "presented" in self.head else {})


def ending(seen: Observation) -> dict[str, object]:
    """How an observation ended, in the words of a script's head."""
    failure = seen.failure
    return {
        "trouble": failure and failure.trouble.value,
        "stage": seen.stage.value,
        "symptoms": list(failure.symptoms) if failure else [],
        "text": failure and failure.text,
        "presented": len(seen.presented or ()),
        "retried": seen.retried,
    }


HEAD = ("ends", "symptoms", "text", "presented", "retried", "port", "protocol")


def parse(name: str, text: str) -> Script:
    """Read a script."""
    lines = [line for line in text.splitlines() if line.strip()]
    story = " ".join(line[1:].strip() for line in lines if line.startswith("#"))
    head = {key: rest.strip() for key, _, rest in (line.partition(" ") for line in lines) if key in HEAD}
    steps = [line for line in lines if not line.startswith("#") and line.split()[0] not in HEAD]
    connections: list[tuple[str, ...]] = [()]
    for step in steps:
        connections = [*connections, ()] if step == "again" else [*connections[:-1], (*connections[-1], step)]
    return Script(name, story, head, tuple(connections))


def scripts() -> tuple[Script, ...]:
    """All of them, by name."""
    return tuple(parse(path.stem, path.read_text(encoding="utf-8")) for path in sorted(SCRIPTS.glob("*.txt")))


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Close:
    """The connection ends, by RST where ``hard``."""

    hard: bool = False


Act = bytes | Pause | Close | None
"""Send these bytes, wait, close; None = wait for the client to say something."""


@dataclass(slots=True)
class Player:
    """A script as a generator of acts: it is sent what the client said in answer to None, b"" when the client went."""

    steps: tuple[str, ...]
    heard: bytes = b""
    tls: Server | None = None
    verbs: dict[str, Callable[[str], Generator[Act, bytes, None]]] = field(default_factory=dict)

    def play(self) -> Generator[Act, bytes, None]:
        """Do the steps in order; a client that goes, or ends TLS, ends it."""
        with contextlib.suppress(SSL.Error, EOFError):
            for step in self.steps:
                yield from self.step(step)

    def step(self, step: str) -> Generator[Act, bytes, None]:
        """One line of the script."""
        verb, _, rest = step.partition(" ")
        match verb:
            case "S:":
                yield from self.say(rest.encode() + b"\r\n")
            case "S>":
                yield from self.say(rest.encode())
            case "C:":
                yield from self.hear(rest.encode())
            case "hex":
                yield from self.say(bytes.fromhex(rest))
            case "times":
                count, _, line = rest.partition(" S: ")
                yield from self.say((line.encode() + b"\r\n") * int(count))
            case "fill":
                yield from self.fill(int(rest))
            case "drip":
                seconds, _, line = rest.partition(" S: ")
                yield from self.drip(float(seconds), line.encode() + b"\r\n")
            case "pause":
                yield Pause(float(rest))
            case "tls":
                yield from self.shake(Server(KINDS[rest]()))
            case "upset":
                yield from self.upset()
            case "hello":
                yield None
            case "flight":
                yield old_flight(old_list(one.der for one in chain(1)[:2]))
            case "hang":
                yield Close()
            case "reset":
                yield Close(hard=True)
            case "silence":
                while (yield None):
                    pass
            case _:
                raise ValueError(step)

    def say(self, raw: bytes) -> Generator[Act, bytes, None]:
        """Send, inside TLS where it has begun."""
        if not self.tls:
            yield raw
            return
        self.tls.tls.sendall(raw)
        yield self.tls.take()

    def hear(self, prefix: bytes) -> Generator[Act, bytes, None]:
        """Wait for a whole line, which must begin like this."""
        while b"\n" not in self.heard:
            more = yield None
            if not more:
                raise EOFError
            if self.tls:
                yield from self.decrypt(self.tls, more)
            else:
                self.heard += more
        line, _, self.heard = self.heard.partition(b"\n")
        assert line.startswith(prefix), f"the client said {line!r}, and should have said {prefix!r}"

    def decrypt(self, tls: Server, more: bytes) -> Generator[Act, bytes, None]:
        """Take what the client sent inside TLS; what TLS itself answers goes out."""
        try:
            tls.receive(more)
        finally:
            yield tls.take()
        self.heard, tls.plain = self.heard + tls.plain, b""

    def shake(self, tls: Server) -> Generator[Act, bytes, None]:
        """Shake hands; when it fails our alert goes out all the same."""
        while not tls.complete:
            more, self.heard = self.heard or (yield None), b""
            if not more:
                raise EOFError
            yield from self.decrypt(tls, more)
        self.tls = tls

    def upset(self) -> Generator[Act, bytes, None]:
        """ChangeCipherSpec after Finished: the server answers with unexpected_message (RFC 8446 §5)."""
        assert self.tls
        yield from self.decrypt(self.tls, flight.record(20, b"\x01"))

    def fill(self, count: int) -> Iterator[Act]:
        """Ten megabytes in packets."""
        for _ in range(count // 65536):
            yield b"x" * 65536

    def drip(self, seconds: float, raw: bytes) -> Iterator[Act]:
        """One byte at a time."""
        for at in range(len(raw)):
            yield raw[at : at + 1]
            yield Pause(seconds)


def drive(session: Session, player: Player, ms: float = 0.0) -> Observation:
    """Let a session talk to a script without any socket; its clock goes on only while somebody waits."""
    acts = player.play()
    act = next(acts, Close())
    while not session.done:
        said: bytes | None = None
        match act:
            case bytes():
                session.receive(act, ms) if act else None
            case Pause(seconds=seconds):
                ms += 1000 * seconds
                if ms >= session.deadline:
                    session.expire(session.deadline)
            case Close(hard=hard):
                session.eof(ms, *(["Connection reset by peer"] if hard else []))
            case None if not (said := session.take()):
                ms = session.deadline
                session.expire(ms)
        try:
            act = acts.send(said) if said else next(acts)
        except StopIteration:
            act = Close()
    return session.observation


def rehearse(script: Script, connection: int = 0, tls: Tls | None = None) -> Observation:
    """Play one connection of a script to a fresh session."""
    endpoint = Endpoint("mx.example", "192.0.2.1", 25, script.protocol, tls or script.tls, "mx.example")
    session = Session(endpoint, ehlo="[192.0.2.99]", started=STARTED)
    return drive(session, Player(script.connections[connection]))


@contextlib.asynccontextmanager
async def serving(
    script: Script,
    *,
    haste: float = 0.03,
    host: str = "127.0.0.1",
    port: int = 0,
    visit: Callable[[], contextlib.AbstractContextManager[None]] = contextlib.nullcontext,
) -> AsyncIterator[int]:
    """Serve a script on loopback, its pauses shortened by ``haste``; gives the port. The last connection repeats.

    ``visit`` is entered for each client.
    """
    served: list[asyncio.Task[None]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        steps = script.connections[min(len(served), len(script.connections) - 1)]
        served.append(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            with contextlib.suppress(OSError), visit():
                await _perform(Player(steps), reader, writer, haste)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if served:
            await asyncio.wait(served, timeout=5)


async def _perform(player: Player, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, haste: float) -> None:
    acts = player.play()
    said: bytes | None = None
    while True:
        try:
            act = next(acts) if said is None else acts.send(said)
        except StopIteration:
            return
        said = None
        match act:
            case bytes():
                writer.write(act)
                await writer.drain()
            case Pause(seconds=seconds):
                await asyncio.sleep(seconds * haste)
            case Close(hard=hard):
                if hard:
                    at_once = struct.pack("ii", 1, 0)
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
                return
            case None:
                said = await reader.read(65536)
