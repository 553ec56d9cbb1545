"""A whole conversation with one mail server, without socket and clock: bytes and milliseconds in, an Observation out.

:mod:`probe.wire.dialogue` says what is said, :mod:`probe.wire.handshake` does TLS; this module carries bytes between
them and writes down what happened. Bytes that stand behind the yes to STARTTLS are kept as ``surplus`` and never given
to TLS (RFC 3207 §6); the session goes on with TLS all the same, because certificates tell more than an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from probe.model import Endpoint, Failure, Observation, Reply, Stage, Trouble
from probe.wire.dialogue import Listen, Say, Step, Upgrade, converse
from probe.wire.handshake import Handshake, tls_begins
from probe.wire.identity import Identity
from probe.wire.offer import Offer
from probe.wire.record import Record
from probe.wire.replies import BadReply, Replies, quoted
from probe.wire.verbs import verbs_of

LIMITS: Mapping[Stage, float] = {
    Stage.GREETING: 40.0,
    Stage.EHLO: 20.0,
    Stage.STARTTLS: 20.0,
    Stage.HANDSHAKE: 20.0,
    Stage.EHLO_TLS: 20.0,
}
"""Seconds for a whole stage. RFC 5321 §4.5.3.2 gives a command five minutes, but a person is waiting; only the greeting
is delayed on purpose (tarpits, look-ups of our address), often by half a minute."""

GOODBYE = 2.0
"""Seconds to wait for the reply to QUIT: a courtesy, it decides nothing."""

INPUT_LIMIT = 2 * 1024 * 1024
"""Bytes of a whole conversation: an honest one has some 10 KiB, the largest Certificate message that we read 1 MiB."""

_FIELDS = {Stage.GREETING: "greeting", Stage.EHLO: "ehlo", Stage.STARTTLS: "starttls", Stage.EHLO_TLS: "ehlo_tls"}


class Session:
    """One connection. ``ms`` are milliseconds since the probe began, ``cap`` is "tls1.2" or None, ``limits`` seconds.

    ``record`` is what was noted before. After every call send what ``take`` gives; then stop if ``done``, else call
    ``receive`` when bytes arrive, ``eof`` when the server closes, ``expire`` when ``deadline`` has passed. No call
    raises, whatever arrives. ``stage`` tells where the conversation is, or where it ended.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        ehlo: str,
        started: datetime,
        cap: str | None = None,
        identity: Identity | None = None,
        limits: Mapping[Stage, float] = LIMITS,
        record: Record | None = None,
    ) -> None:
        self.done = False
        self.deadline = 0.0
        """When this stage, as a whole, will have taken too long: milliseconds on the scale of ``ms``."""
        self.stage = Stage.CONNECT
        self._endpoint = endpoint
        self._started = started
        self._seen: dict[str, Any] = {"client_chain": identity.chain} if identity else {}
        self._record = record or Record(0.0)
        self._limits = {**LIMITS, **limits}
        self._cap = cap
        self._identity = identity
        self._verbs = verbs_of(endpoint.protocol)
        self._steps = converse(self._verbs, ehlo, endpoint.tls)
        self._replies = Replies()
        self._tls: Handshake | None = None
        self._out = b""
        self._input = 0
        self._leaving = False
        self._next(next(self._steps))

    @property
    def observation(self) -> Observation:
        """What is known so far."""
        learned = self._tls.learned() if self._tls else {}
        return Observation(self._endpoint, self._started, self.stage, **self._seen, **self._record.kept, **learned)

    def take(self) -> bytes:
        """Give the bytes to send now."""
        out, self._out = self._out, b""
        if self._tls:
            return out + self._tls.take() if out else self._tls.take()
        return out

    def receive(self, data: bytes, ms: float) -> None:
        """Take bytes that arrived."""
        if self.done:
            return
        self._record.at(ms)
        self._input += len(data)
        if self._input > INPUT_LIMIT:
            self._fail(Failure(Trouble.OVERSIZE, f"more than {INPUT_LIMIT} bytes"))
        elif self._tls:
            self._decrypt(self._tls, data)
        else:
            self._read(data)

    def eof(self, ms: float, text: str = "connection closed") -> None:
        """The server closed the connection; where it was reset, ``text`` is the operating system's word."""
        self._end(Failure(Trouble.CLOSED, text), ms)

    def expire(self, ms: float) -> None:
        """The deadline of the stage, or of the whole probe, has passed."""
        self._end(Failure(Trouble.TIMEOUT, f"no complete answer in {(ms - self._record.entered) / 1000:.3g} s"), ms)

    def _next(self, step: Step) -> None:
        if self.stage is not Stage.CONNECT:
            self._record.leave(self.stage)
        self.stage = step.stage
        self.deadline = self._record.entered + 1000 * self._limits[self.stage]
        match step:
            case Listen(form=form):
                self._replies.form = form
            case Say(line=line, form=form):
                self._replies.form = form
                self._say(line)
            case Upgrade():
                self._upgrade()

    def _advance(self, reply: Reply) -> None:
        self._seen[_FIELDS[self.stage]] = reply
        try:
            self._next(self._steps.send(reply))
        except StopIteration as stop:
            self._leave(stop.value)

    def _read(self, data: bytes) -> None:
        replies = self._replies
        try:
            for reply in replies.feed(data):
                self._record.note_lines("server", replies.heard())
                if self._leaving:
                    self._close()
                else:
                    self._advance(reply)
                if self.done or replies is not self._replies:
                    break
        except BadReply as bad:
            self._hear(replies)
            self._unreadable(bad)
        if replies.unheard:
            self._hear(replies)

    def _unreadable(self, bad: BadReply) -> None:
        self._record.note("server", bad.text)
        awaited = self.stage is Stage.GREETING and self._tls is None
        tls = awaited and bad.trouble is Trouble.UNREADABLE and tls_begins(self._replies.rest)
        self._fail(Failure(bad.trouble, bad.text, ("bytes:tls",) if tls else ()))

    def _say(self, line: str) -> None:
        self._record.note("client", line)
        raw = " ".join(line.split()).encode("ascii", "replace") + b"\r\n"  # one command, whatever the name holds
        if self._tls:
            self._tls.send(raw)
        else:
            self._out += raw

    def _hear(self, replies: Replies) -> None:
        self._record.note_lines("server", replies.heard())

    def _upgrade(self) -> None:
        if surplus := self._replies.rest:
            self._record.note("server", f"<{len(surplus)} bytes behind the reply: {quoted(surplus)}>")
        self._seen["surplus"] = surplus
        self._replies = Replies()
        self._record.note("client", "<TLS: ClientHello>")
        offer = Offer(self._endpoint.offered_key, self._endpoint.offered_tls, self._cap)
        self._tls = Handshake(self._endpoint.sni, offer=offer, identity=self._identity)

    def _decrypt(self, tls: Handshake, data: bytes) -> None:
        shaking = not tls.complete
        plain = tls.receive(data)
        if shaking and tls.complete:
            self._note_tls(tls)
            self._next(next(self._steps))
        if plain:
            self._read(plain)
        if tls.failure and not tls.reading:
            self._fail(tls.failure)

    def _note_tls(self, tls: Handshake) -> None:
        if tls.failure and tls.failure.trouble is Trouble.NOT_TLS:
            self._record.note("server", tls.failure.text)
        elif tls.heard:
            self._record.note_list("server", tls.presented)

    def _leave(self, failure: Failure | None) -> None:
        self._record.leave(self.stage)
        self._seen["failure"] = failure
        self.stage = self.stage if failure else Stage.DONE
        self.deadline = self._record.entered + 1000 * GOODBYE
        self._leaving = True
        self._replies.form = self._verbs.agreed.form
        self._say(self._verbs.quit)

    def _close(self) -> None:
        if self._tls:
            self._tls.close()
        self.done = True

    def _end(self, failure: Failure, ms: float) -> None:
        if self.done:
            return
        self._record.at(ms)
        if rest := self._replies.rest:
            self._record.note("server", quoted(rest))
            failure = replace(failure, text=quoted(rest))
        self._fail(self._tls.end(failure) if self._tls else failure)

    def _fail(self, failure: Failure) -> None:
        if not self._leaving:
            if self._tls and not self._tls.complete:
                self._note_tls(self._tls)
            if self._tls:
                self._record.note_alerts(self._tls.alerts, "server", "client")
            self._record.leave(self.stage)
            self._seen["failure"] = failure
        self.done = True
