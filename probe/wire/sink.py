"""A mail server that takes no mail: bytes and milliseconds in, an Observation of the *client* out. No socket, no clock.

    S: 220 mx.example ESMTP smtp-chaincheck listen: takes no mail
    C: EHLO sender.example
    S: 250-mx.example
    S: 250 STARTTLS
    C: STARTTLS
    S: 220 2.0.0 Ready to start TLS
    (TLS, in which the client is asked for its certificate)
    C: EHLO sender.example
    S: 250 mx.example
    C: MAIL FROM:<>
    S: 450 4.7.0 …

Nothing that a client says is relayed, stored or obeyed beyond these replies (RFC 5321 §4.1, RFC 3207).
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from probe.model import Endpoint, Failure, Observation, Side, Stage, Trouble
from probe.wire.record import Record
from probe.wire.replies import quoted
from probe.wire.welcome import Context, Welcome

LINE = 2048
"""Octets of one command; RFC 5321 §4.5.3.1.4 allows 512, some extensions more."""
COMMANDS = 50
"""Commands of one session; an honest sender needs seven."""
INPUT = 512 << 10
"""Bytes of one session, TLS included; a client's certificates have a few KiB."""
MESSAGE = 64 << 20
"""Bytes of a session where messages are taken and thrown away."""
IDLE = 60.0
"""Seconds for each stage: a sender that waits longer has gone."""

_END = re.compile(rb"\n\.\r?\n")
REFUSAL = "450 4.7.0 smtp-chaincheck listen: your certificate was looked at, and no mail is taken here. Route it back."


class Sink:
    """One session. After every call send what ``take`` gives; stop when ``done``. No call raises, whatever arrives."""

    def __init__(
        self,
        endpoint: Endpoint,
        context: Context,
        *,
        name: str,
        started: datetime,
        discard: bool = False,
        ms: float = 0.0,
    ) -> None:
        self.done = False
        self.stage = Stage.GREETING
        self.client = ""
        """Who the client says it is."""
        self._endpoint, self._context, self._name, self._discard = endpoint, context, name, discard
        self._started = started
        self._failure: Failure | None = None
        self._record = Record(ms)
        self._tls: Welcome | None = None
        self._out = bytearray()
        self._rest = b""
        self._input = self._commands = 0
        self._in_data = False
        self._reply(f"220 {name} ESMTP smtp-chaincheck listen: takes no mail")

    @property
    def deadline(self) -> float:
        """When this stage will have taken too long: milliseconds on the scale of ``ms``."""
        return self._record.entered + 1000 * IDLE

    @property
    def observation(self) -> Observation:
        """What is known so far of the client."""
        learned: dict[str, Any] = self._tls.learned() if self._tls else {}
        endpoint = replace(self._endpoint, sni=self._tls.sni) if self._tls else self._endpoint
        known = {**self._record.kept, **learned, "side": Side.CLIENT}
        return Observation(endpoint, self._started, self.stage, self._failure, **known)

    def take(self) -> bytes:
        """Give the bytes to send now."""
        out, self._out = bytes(self._out), bytearray()
        return out + self._tls.take() if self._tls else out

    def receive(self, data: bytes, ms: float) -> None:
        """Take bytes that arrived."""
        if self.done:
            return
        self._record.at(ms)
        self._input += len(data)
        if self._input > (MESSAGE if self._discard else INPUT):
            self._fail(Failure(Trouble.OVERSIZE, f"more than {self._input - 1} bytes"))
        elif self._tls:
            self._decrypt(self._tls, data)
        else:
            self._read(data)

    def eof(self, ms: float, text: str = "connection closed") -> None:
        """The client closed the connection; where it was reset, ``text`` is the operating system's word."""
        self._end(Failure(Trouble.CLOSED, text), ms)

    def expire(self, ms: float) -> None:
        """The deadline of the stage, or of the whole session, has passed."""
        self._end(Failure(Trouble.TIMEOUT, f"nothing for {(ms - self._record.entered) / 1000:.3g} s"), ms)

    def _end(self, failure: Failure, ms: float) -> None:
        if not self.done:
            self._record.at(ms)
            self._fail(self._tls.end(failure) if self._tls else failure)

    def _fail(self, failure: Failure) -> None:
        if self.stage is not Stage.DONE:
            self._failure = failure
            self._record.note_alerts(self._tls.alerts if self._tls else (), "client", "server")
            self._record.leave(self.stage)
        self.done = True

    def _decrypt(self, tls: Welcome, data: bytes) -> None:
        shaking = not tls.complete
        plain = tls.receive(data)
        if shaking and tls.complete:
            self._record.note_list("client", tls.learned()["presented"])
            self._enter(Stage.EHLO_TLS)
        if plain:
            self._read(plain)
        if tls.failure and not tls.reading and not self.done:
            self._fail(tls.failure)

    def _read(self, data: bytes) -> None:
        self._rest += data
        while not self.done:
            if self._in_data and not self._throw():
                return
            line, end, rest = self._rest.partition(b"\n")
            if not end:
                break
            self._rest = rest
            self._obey(line.rstrip(b"\r"))
        if len(self._rest) > LINE and not self.done:
            self._fail(Failure(Trouble.OVERSIZE, quoted(self._rest[:LINE])))

    def _throw(self) -> bool:
        """Throw a message away as far as it is here; True when its end was (RFC 5321 §4.5.2)."""
        end = _END.search(self._rest)
        self._rest = self._rest[end.end() if end else -len(b"\r\n.\r") :]
        self._in_data = end is None
        if end:
            self._reply("250 2.0.0 Taken and thrown away")
        return end is not None

    def _obey(self, line: bytes) -> None:
        """Answer one command."""
        self._commands += 1
        self._record.note("client", quoted(line))
        if len(line) > LINE or self._commands > COMMANDS:
            self._reply("421 4.7.0 Too much")
            self._fail(Failure(Trouble.OVERSIZE, "too many commands, or too long"))
            return
        word, _, rest = line.decode("ascii", "replace").partition(" ")
        match word.upper():
            case "EHLO" | "HELO" as hello:
                self._greet(rest.strip(), offer=self._tls is None and hello == "EHLO")
            case "STARTTLS":
                self._upgrade()
            case "MAIL" | "RCPT":
                self._reply("250 2.0.0 OK" if self._discard else REFUSAL)
            case "DATA":
                self._take()
            case "RSET" | "NOOP":
                self._reply("250 2.0.0 OK")
            case "QUIT":
                self._leave()
            case _:
                self._reply("502 5.5.1 Not here")

    def _greet(self, name: str, *, offer: bool) -> None:
        """Answer EHLO or HELO."""
        self.client = name[:255]
        self._reply(*([f"250-{self._name}", "250 STARTTLS"] if offer else [f"250 {self._name}"]))
        self._enter(Stage.DONE if self._tls else Stage.EHLO)

    def _upgrade(self) -> None:
        """Answer STARTTLS; bytes that stand behind it are dropped (RFC 3207 §6)."""
        if self._tls:
            self._reply("503 5.5.1 TLS has begun already")
            return
        self._reply("220 2.0.0 Ready to start TLS")
        if self._rest:
            self._record.note("client", f"<{len(self._rest)} bytes behind STARTTLS, dropped: {quoted(self._rest)}>")
        self._rest = b""
        self._tls = Welcome(self._context)
        self._enter(Stage.HANDSHAKE)

    def _take(self) -> None:
        """Answer DATA."""
        self._in_data = self._discard
        if self._in_data:
            self._rest = b"\n" + self._rest  # the end may be the first line
        self._reply("354 Go on" if self._in_data else REFUSAL)

    def _leave(self) -> None:
        """Answer QUIT."""
        self._reply("221 2.0.0 Bye")
        if self.stage is not Stage.DONE:
            self._failure = Failure(Trouble.CLOSED, "QUIT")
        self._record.leave(self.stage)
        if self._tls:
            self._tls.close()
        self.done = True

    def _reply(self, *lines: str) -> None:
        self._record.note_lines("server", lines)
        raw = "".join(f"{line}\r\n" for line in lines).encode("ascii", "replace")
        if self._tls:
            self._tls.send(raw)
        else:
            self._out += raw

    def _enter(self, stage: Stage) -> None:
        if self.stage is not stage:
            self._record.leave(self.stage)
            self.stage = stage
