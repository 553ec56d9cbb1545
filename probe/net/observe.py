"""One look: a connection, a conversation; a second connection where it may tell more. Nothing is judged."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from math import inf
from types import MappingProxyType

from msgspec import Struct, field
from msgspec.structs import replace

from probe.model import Endpoint, Exchange, Failure, Observation, Protocol, Stage, Target, Tls, Trouble
from probe.net.connected import connecting, literal, unconnected
from probe.net.driver import Driver
from probe.net.resolve import address_of, host_name
from probe.wire.identity import Identity
from probe.wire.record import Record
from probe.wire.retry import IMPLICIT, NO_SNI, knows_more, reason_to_retry, told_by
from probe.wire.session import Session

RESOLVE_TIMEOUT = 20.0
"""Seconds for the name: the system's resolver asks two servers twice for five seconds each (resolv.conf(5))."""

CONNECT_TIMEOUT = 15.0
"""Seconds for one address: a lost SYN is repeated after 1, 3 and 7 s."""

IMPLICIT_TIMEOUT = 10.0
"""Seconds for the handshake that only asks whether a silent port speaks TLS."""


AWAITED = {
    Stage.CONNECT: "no connection",
    Stage.GREETING: "connected, no greeting",
    Stage.EHLO: "greeted, no reply to EHLO",
    Stage.STARTTLS: "greeted, no reply to STARTTLS",
    Stage.HANDSHAKE: "the TLS handshake was not done",
    Stage.EHLO_TLS: "no reply inside TLS",
}
"""What had not come when a look was interrupted, by its stage."""


class Broken(asyncio.CancelledError):
    """A look was interrupted, and this is how far it had come, in words."""

    first: Observation | None = None
    """What the first connection showed, where it was the second that was interrupted."""


class Auto(Enum):
    """The value of an option that was not given."""

    AUTO = "auto"


AUTO = Auto.AUTO


class ObserveOptions(Struct, frozen=True):
    """How to connect."""

    timeout: float = 60.0
    """Seconds for everything, retries included."""
    greeting_timeout: float = 40.0
    """Seconds for the greeting: it may honestly take 35."""
    sni: str | Auto | None = AUTO
    """Server name to send; AUTO = the host, unless it is an address; None = none."""
    ehlo: str | None = None
    """Who we say we are; None = the local address as a literal (RFC 5321 §4.1.3)."""
    family: int = 0
    """4, 6, or 0 for both."""
    source: str | None = None
    """Local address to connect from."""
    identity: Identity | None = None
    """What to present when the server asks for our certificate."""
    on_stage: Callable[[Stage], None] | None = None
    """Called as each stage begins."""


class Run(Struct, frozen=True):
    """What all connections of one probe share: the wish, the clock, the total deadline."""

    options: ObserveOptions
    loop: asyncio.AbstractEventLoop
    began: float
    started: datetime

    @property
    def ms(self) -> float:
        """Milliseconds since the probe began."""
        return (self.loop.time() - self.began) * 1000

    @property
    def until(self) -> float:
        """The total deadline, in the loop's time."""
        return self.began + self.options.timeout

    @property
    def left(self) -> float:
        """Seconds until the total deadline."""
        return self.until - self.loop.time()

    def at_most(self, seconds: float = inf) -> float:
        """So many seconds, or what is left until the total deadline; never quite none."""
        return max(min(seconds, self.left), 0.001)

    @property
    def late(self) -> bool:
        """Half of the time is gone."""
        return self.left < self.options.timeout / 2

    def cut(self, seen: Observation) -> bool:
        """The total deadline ended that look, and not what the server did."""
        return self.left <= 0 and seen.failure is not None and seen.failure.trouble is Trouble.TIMEOUT

    def enter(self, stage: Stage) -> None:
        """Tell whoever watches that a stage begins."""
        if self.options.on_stage:
            self.options.on_stage(stage)


class _Plan(Struct, frozen=True):
    """One connection: where to, and how it differs from what was asked."""

    endpoint: Endpoint
    cap: str | None = None
    limits: Mapping[Stage, float] = field(default_factory=dict)
    """Seconds where they differ from the session's own."""
    connect_seconds: float = CONNECT_TIMEOUT
    timing: Mapping[str, float] = field(default_factory=dict)
    """What took its time before."""


def begun(options: ObserveOptions) -> Run:
    """Start the clock of a probe."""
    loop = asyncio.get_running_loop()
    run = Run(options, loop, loop.time(), datetime.now(UTC))
    run.enter(Stage.DNS)
    return run


def unresolved(run: Run, target: Target, failure: Failure) -> Observation:
    """Say why a name led to no address."""
    if target.protocol is not Protocol.SMTP and failure.trouble is Trouble.NULL_MX:
        failure = replace(failure, trouble=Trouble.UNRESOLVED)  # no MX leads to a port of mail programs
    timing = {Stage.DNS.value: round(run.ms, 3)}
    return Observation(endpoint_of(target, None, run.options), run.started, Stage.DNS, failure, timing_ms=timing)


async def look(
    run: Run,
    endpoint: Endpoint,
    connect_seconds: float = CONNECT_TIMEOUT,
    timing: Mapping[str, float] = MappingProxyType({}),
) -> Observation:
    """Look at one address, with a second connection where that tells more; ``timing`` is what went before.

    Raises nothing for what the network or the server does; cancelling it closes the connection and raises Broken.
    """
    plan = _Plan(endpoint, None, {Stage.GREETING: run.options.greeting_timeout}, connect_seconds, timing)
    return await _retried(run, plan, await _visit(run, plan))


def family_of(options: ObserveOptions) -> int:
    """A source address decides the family where nobody else does."""
    return options.family or (0 if not options.source else 6 if ":" in options.source else 4)


def endpoint_of(
    target: Target, address: str | None, options: ObserveOptions, preference: int | None = None
) -> Endpoint:
    """The endpoint at one address of a target, asked for the name that the options want."""
    chosen = _own_name(target.name) if isinstance(options.sni, Auto) else options.sni
    return Endpoint(target.name, address, target.port, target.protocol, target.tls, chosen, preference)


def _own_name(name: str) -> str | None:
    """The host name as SNI has it; an address is no name (RFC 6066 §3)."""
    try:
        return None if address_of(name) else host_name(name)
    except ValueError:
        return None


async def _retried(run: Run, plan: _Plan, first: Observation) -> Observation:
    """Connect once more where another way of asking may show more; keep the observation that knows more."""
    why = reason_to_retry(first)
    if not why or run.left <= 0:
        return first
    mark = Exchange(round(run.ms, 3), "client", f"<again: {why}>")
    try:
        second = await _visit(run, _again(plan, why))
    except Broken as stop:
        stop.first = first
        raise
    transcript = (*first.transcript, mark, *second.transcript)
    if not knows_more(second, first, why):
        return replace(told_by(first, second, why), transcript=transcript)
    kept = replace(second, endpoint=first.endpoint, retried=why, first_failure=first.failure)
    return replace(kept, transcript=transcript)


def _again(plan: _Plan, why: str) -> _Plan:
    there = plan.endpoint
    plan = replace(plan, connect_seconds=CONNECT_TIMEOUT)
    if why == IMPLICIT:
        limits = {**plan.limits, Stage.HANDSHAKE: IMPLICIT_TIMEOUT}
        return replace(plan, endpoint=replace(there, tls=Tls.IMPLICIT), limits=limits)
    return replace(plan, endpoint=replace(there, sni=None)) if why == NO_SNI else replace(plan, cap=why)


async def _visit(run: Run, plan: _Plan) -> Observation:
    """One connection, from SYN to QUIT."""
    run.enter(Stage.CONNECT)
    now = run.loop.time()
    record = Record((now - run.began) * 1000, plan.timing)
    try:
        sock = connecting(plan.endpoint, run.options.source)
    except (OSError, OverflowError) as error:
        return _unreached(run, plan, record, error)
    driver = Driver(sock, began=run.began, until=run.until, enter=run.options.on_stage)
    try:
        due = min(now + plan.connect_seconds, run.until)
        problem = await driver.visit(partial(_session, run, plan, sock, record), due)
    except asyncio.CancelledError:
        if driver.session:
            raise _broken(driver.session.stage, run.ms - record.latest) from None
        raise _broken(Stage.CONNECT, run.ms - record.entered) from None
    finally:
        sock.close()
    if problem:
        return _unreached(run, plan, record, problem)
    assert driver.session  # noqa: S101 -- there was nothing else to end it
    return driver.session.observation


def _unreached(run: Run, plan: _Plan, record: Record, error: OSError | OverflowError) -> Observation:
    failure = unconnected(error)
    _tell(record, run, plan.endpoint, failure.text)
    return Observation(plan.endpoint, run.started, Stage.CONNECT, failure, **record.kept)


def _broken(stage: Stage, waited: float) -> Broken:
    """``waited`` is in milliseconds."""
    return Broken(f"{AWAITED.get(stage, 'not done')} after {waited / 1000:.0f} s")


def _session(run: Run, plan: _Plan, sock: socket.socket, record: Record) -> Session:
    _tell(record, run, plan.endpoint, "connected")
    ehlo = run.options.ehlo or literal(sock.getsockname()[0])
    return Session(
        plan.endpoint,
        ehlo=ehlo,
        started=run.started,
        cap=plan.cap,
        identity=run.options.identity,
        limits=plan.limits,
        record=record,
    )


def _tell(record: Record, run: Run, endpoint: Endpoint, word: str) -> None:
    """Note which address was tried, how long that took, and what came of it."""
    record.at(run.ms)
    record.leave(Stage.CONNECT)
    record.note("client", f"<{endpoint.address} port {endpoint.port}: {word}>")
