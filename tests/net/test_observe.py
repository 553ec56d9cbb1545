"""Real sockets on loopback: the scripts of fixtures/smtp once more, deadlines, cancelling."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from fake_mta import Script, ending, parse, scripts, serving
from msgspec.structs import replace

from probe.model import Endpoint, Failure, Observation, Protocol, Stage, Target, Tls, Trouble
from probe.net import observe as module
from probe.net.driver import Driver
from probe.net.observe import AUTO, ObserveOptions, begun, endpoint_of, family_of, look, unresolved

SCRIPTS = {script.name: script for script in scripts()}
OPEN = Path("/proc/self/fd")
QUICK = ObserveOptions(timeout=2.5, greeting_timeout=1.2, sni="mx.example")


def target(port: int, tls: Tls = Tls.STARTTLS, name: str = "127.0.0.1", protocol: Protocol = Protocol.SMTP) -> Target:
    """Somebody on loopback."""
    return Target(name, port, protocol, tls)


async def observe(where: Target, options: ObserveOptions) -> Observation:
    """Look at an address."""
    return await look(begun(options), endpoint_of(where, where.name, options))


async def probed(script: Script, options: ObserveOptions = QUICK) -> Observation:
    """Serve a script and look at it."""
    async with serving(script) as port:
        return await observe(target(port, script.tls, protocol=script.protocol), options)


@pytest.fixture(scope="module")
def endings() -> dict[str, Observation]:
    """All scripts at once: most of them only wait."""

    async def all_of_them() -> list[Observation]:
        return await asyncio.gather(*(probed(script) for script in SCRIPTS.values()))

    return dict(zip(SCRIPTS, asyncio.run(all_of_them()), strict=True))


@pytest.mark.parametrize("name", SCRIPTS)
def test_script(name: str, endings: dict[str, Observation]) -> None:
    """Through real sockets every scripted server ends as its head says."""
    expected = SCRIPTS[name].expected()
    assert expected == {key: value for key, value in ending(endings[name]).items() if key in expected}
    assert "connect" in endings[name].timing_ms


def test_transcript_begins_with_the_address(endings: dict[str, Observation]) -> None:
    """Whom we called, then what was said; a second connection follows the first."""
    seen = endings["tls-on-starttls-port"]
    lines = [line.line for line in seen.transcript]
    assert lines[0] == f"<127.0.0.1 port {seen.endpoint.port}: connected>"
    assert lines[1:3] == ["<again: implicit>", lines[0]]
    assert seen.first_failure
    assert Trouble.TIMEOUT is seen.first_failure.trouble
    assert Tls.STARTTLS is seen.endpoint.tls
    assert [line.ms for line in seen.transcript] == sorted(line.ms for line in seen.transcript)


def test_first_connection_is_kept_when_the_second_knows_no_more(endings: dict[str, Observation]) -> None:
    """Alert 40 with TLS 1.3 and without: the first is told, the second stands in the transcript."""
    seen = endings["no-shared-cipher"]
    assert (None, None) == (seen.retried, seen.first_failure)
    assert "<again: tls1.2>" in [line.line for line in seen.transcript]


def test_ehlo_literal(endings: dict[str, Observation]) -> None:
    """Without a name of our own we say our address (RFC 5321 §4.1.3)."""
    assert "EHLO [127.0.0.1]" in [line.line for line in endings["good-starttls"].transcript]


def test_stages_are_told() -> None:
    """Each stage as it begins, once."""
    told: list[Stage] = []
    asyncio.run(probed(SCRIPTS["good-starttls"], ObserveOptions(on_stage=told.append, ehlo="me.example")))
    assert list(Stage) == told


def test_total_deadline() -> None:
    """The whole probe ends in time, whatever the stages would still allow, and nothing is tried again."""

    async def timed() -> tuple[Observation, float]:
        began = asyncio.get_running_loop().time()
        seen = await probed(SCRIPTS["silent-at-greeting"], ObserveOptions(timeout=0.2))
        return seen, asyncio.get_running_loop().time() - began

    seen, seconds = asyncio.run(timed())
    assert (Stage.GREETING, None) == (seen.stage, seen.retried)
    assert seen.failure
    assert Trouble.TIMEOUT is seen.failure.trouble
    assert 0.15 < seconds < 2
    assert not seen.answered


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that nobody listens on, and nobody can take meanwhile."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_refused() -> None:
    """RST to our SYN, in the operating system's words."""
    with closed_port() as port:
        seen = asyncio.run(observe(target(port), ObserveOptions()))
    assert (Stage.CONNECT, Failure(Trouble.REFUSED, "Connection refused")) == (seen.stage, seen.failure)
    assert [f"<127.0.0.1 port {port}: Connection refused>"] == [line.line for line in seen.transcript]
    assert not seen.answered


@pytest.mark.parametrize(
    ("protocol", "trouble"),
    [(Protocol.SMTP, Trouble.NULL_MX), (Protocol.SUBMISSION, Trouble.UNRESOLVED), (Protocol.IMAP, Trouble.UNRESOLVED)],
)
def test_a_null_mx_concerns_smtp_alone(protocol: Protocol, trouble: Trouble) -> None:
    """Nobody asks for an MX to read mail."""

    async def run() -> Observation:
        null = Failure(Trouble.NULL_MX, "none")
        return unresolved(begun(QUICK), target(1, name="mx.example", protocol=protocol), null)

    assert asyncio.run(run()).failure == Failure(trouble, "none")


def test_name_without_address() -> None:
    """The probe ends where the name did."""
    failure = Failure(Trouble.UNRESOLVED, "Name or service not known")

    async def run() -> Observation:
        return unresolved(begun(QUICK), target(25, name="mx..example"), failure)

    seen = asyncio.run(run())
    assert (Stage.DNS, failure, None) == (seen.stage, seen.failure, seen.endpoint.address)
    assert ["dns"] == list(seen.timing_ms)


@contextmanager
def _silence() -> Iterator[int]:
    """A port that answers no SYN: its queue is full (listen(2))."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        yield full.getsockname()[1]


def test_silent_network() -> None:
    """A connect that nobody answers ends with its own deadline."""

    async def run(port: int) -> Observation:
        return await look(begun(ObserveOptions()), Endpoint("127.0.0.1", "127.0.0.1", port), 0.05)

    with _silence() as port:
        seen = asyncio.run(run(port))
    assert (Stage.CONNECT, Failure(Trouble.TIMEOUT, "no answer")) == (seen.stage, seen.failure)


@pytest.mark.parametrize(
    ("port", "options", "text"),
    [
        (25, ObserveOptions(source="192.0.2.1"), os.strerror(99)),
        (25, ObserveOptions(source="not an address"), "Name or service not known"),
        (70000, ObserveOptions(), "port must be 0-65535."),
    ],
    ids=["no such source", "source is no address", "no such port"],
)
def test_unreachable(port: int, options: ObserveOptions, text: str) -> None:
    """What the operating system does not like is told in its words."""
    seen = asyncio.run(observe(target(port), options))
    assert seen.failure
    assert Trouble.UNREACHABLE is seen.failure.trouble
    assert text in seen.failure.text


def test_source_address() -> None:
    """We come from where we were told to, and say so in EHLO."""
    seen = asyncio.run(probed(SCRIPTS["good-starttls"], ObserveOptions(source="127.0.0.5")))
    assert Stage.DONE is seen.stage
    assert "EHLO [127.0.0.5]" in [line.line for line in seen.transcript]


def test_ipv6() -> None:
    """The same over IPv6; the family of a source is the family that is looked for."""

    async def run(options: ObserveOptions) -> Observation:
        async with serving(SCRIPTS["good-starttls"], host="::1") as port:
            return await observe(target(port, name="::1"), options)

    assert [6, 4, 0] == [family_of(ObserveOptions(source=source)) for source in ("::1", "127.0.0.1", None)]
    seen = asyncio.run(run(ObserveOptions(source="::1")))
    assert Stage.DONE is seen.stage
    assert "EHLO [IPv6:::1]" in [line.line for line in seen.transcript]


@pytest.mark.parametrize(
    ("name", "sni", "sent"),
    [
        ("127.0.0.1", AUTO, None),
        ("LOCALHOST.", AUTO, "localhost"),
        ("127.0.0.1", "other.example", "other.example"),
        ("localhost", None, None),
    ],
)
def test_sni(name: str, sni: module.Auto | str | None, sent: str | None) -> None:
    """The host unless told otherwise, never an address."""
    assert sent == endpoint_of(target(25, name=name), "127.0.0.1", ObserveOptions(sni=sni)).sni


def test_cancelling_leaves_nothing_behind() -> None:
    """A cancelled probe closes its socket and takes its reader off the loop."""

    def files() -> int:
        return len(list(OPEN.iterdir()))

    async def run() -> int:
        async with serving(SCRIPTS["silent-at-ehlo"]) as port:
            before = files()
            task = asyncio.create_task(observe(target(port), ObserveOptions()))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.sleep(0.05)
            return files() - before

    assert 0 == asyncio.run(run())


def test_cancelling_while_connecting() -> None:
    """The same before there is a connection."""

    async def run(port: int) -> None:
        task = asyncio.create_task(observe(target(port), ObserveOptions()))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with _silence() as port:
        asyncio.run(run(port))


def test_mistake_of_ours_is_heard() -> None:
    """What a callback raises reaches the caller at once."""

    def broken(stage: Stage) -> None:
        if stage is Stage.EHLO:
            raise LookupError(stage)

    with pytest.raises(LookupError):
        asyncio.run(probed(SCRIPTS["good-starttls"], ObserveOptions(on_stage=broken)))


def test_second_mistake_adds_nothing() -> None:
    """The first exception is the one that is told."""

    class Wrong:
        """A session that is one mistake."""

        def expire(self, _: float) -> None:
            raise LookupError

    async def run() -> None:
        ours, theirs = socket.socketpair()
        wrong: Any = Wrong()
        driver = Driver(ours, began=0, until=0)
        driver.session = wrong
        with closing(ours), closing(theirs):
            driver._expire()
            driver._expire()
            with pytest.raises(LookupError):
                await driver._done

    asyncio.run(run())


def test_server_that_does_not_read() -> None:
    """What the kernel does not take waits until it does; a peer that is gone is noticed on the reading side."""

    class Talkative:
        """A session that sends much more than a socket takes."""

        done = False
        stage = Stage.GREETING
        deadline = 4000.0
        said = b"x" * 8_000_000
        heard = b""
        ended = ""

        def take(self) -> bytes:
            said, self.said = self.said, b""
            return said

        def receive(self, data: bytes, _: float) -> None:
            self.heard += data
            self.done = self.heard.endswith(b"thanks")

        def eof(self, _: float, text: str = "closed") -> None:
            self.ended, self.done = text, True

    async def run(count: int) -> Talkative:
        loop, session = asyncio.get_running_loop(), Talkative()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        now = loop.time()
        talk: Any = session
        driver = Driver(ours, began=now, until=now + 4)
        driver.session = talk
        driver._receive()  # a reader that was called for nothing
        assert b"" == session.heard
        task = asyncio.create_task(driver.drive(talk))
        got = 0
        if count:
            theirs.send(b"wait, ")
            await asyncio.sleep(0.02)
        while got < count:
            got += len(await loop.sock_recv(theirs, 1 << 20))
        if count:
            await loop.sock_sendall(theirs, b"thanks")
        theirs.close()
        await task
        ours.close()
        return session

    assert b"wait, thanks" == asyncio.run(run(8_000_000)).heard
    assert asyncio.run(run(0)).ended


def test_retry_is_not_begun_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second connection needs some of the total deadline."""
    script = parse("x", "hex 15 03 01 00 02 02 28\nhang up\nagain\ntls 1.3\nhang up")
    seen = asyncio.run(probed(script, ObserveOptions(timeout=3)))
    assert "implicit" == seen.retried
    monkeypatch.setattr(module.Run, "left", 0.0)
    monkeypatch.setattr(module, "CONNECT_TIMEOUT", 1)
    again = asyncio.run(_only_retry(seen))
    assert again is seen


async def _only_retry(seen: Observation) -> Observation:
    loop = asyncio.get_running_loop()
    run = module.Run(QUICK, loop, loop.time(), seen.started)
    return await module._retried(run, module._Plan(seen.endpoint), seen)


def test_one_version_alone_is_asked_for() -> None:
    """A server of TLS 1.3 takes that, and refuses 1.2 once and for all: a narrow look is not asked again."""

    async def looks() -> list[Observation]:
        async with serving(SCRIPTS["good-starttls"]) as port:
            whole = Endpoint("127.0.0.1", "127.0.0.1", port, sni="mx.example", offered_key="rsa")
            return [await look(begun(QUICK), replace(whole, offered_tls=version)) for version in ("TLSv1.3", "TLSv1.2")]

    newer, older = asyncio.run(looks())
    assert (newer.tls_version, newer.stage) == ("TLSv1.3", Stage.DONE)
    assert (older.presented, older.stage, older.retried) == (None, Stage.HANDSHAKE, None)
    assert [line.line for line in older.transcript if line.line.startswith("<again")] == []
