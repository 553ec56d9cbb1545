"""What a domain announces about TLS: MTA-STS with the policy of its web host (RFC 8461), and TLS-RPT (RFC 8460).

    await sts("example.com", dns, seconds=20)       # StsLook(("v=STSv1; id=1",), None, PolicyFetch(status=200, …))
    await tls_rpt("example.com", dns, seconds=5)    # TlsRptLook(("v=TLSRPTv1; rua=mailto:…",))

The web host's certificates are kept as they were sent and judged elsewhere; a sender refuses what fails there. Nothing
raises for what the network does.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import h11
from msgspec.structs import replace

from probe.model import Failure, PolicyFetch, StsLook, TlsRptLook, Trouble
from probe.net.addresses import refusal
from probe.net.http import (
    BODY_BYTES,
    HEAD_BYTES,
    TOO_LARGE,
    FetchError,
    Place,
    TooLargeError,
    connected,
    events,
    os_word,
    refuse_unwieldy,
)
from probe.wire.handshake import Handshake
from probe.wire.sts import NOT_ASKED, meant_for_reports, meant_for_sts

if TYPE_CHECKING:
    import socket
    from collections.abc import Sequence

    from probe.net.dns import Dns

PORT = 443
PATH = "/.well-known/mta-sts.txt"
SECONDS = 15.0
"""For the policy: RFC 8461 §3.3 suggests that a sender waits for a minute, but a person waits for this report."""
CONNECT_SECONDS = 4.0
"""Most time for one address, so that a dead IPv6 leaves some for IPv4."""
DNS_SECONDS = 8.0
"""For one look-up."""
OK = 200


class _EndedError(Exception):
    """The connection came to its end before the answer did."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.text)
        self.failure = failure


async def tls_rpt(domain: str, dns: Dns, *, seconds: float) -> TlsRptLook:
    """Look where a domain wants reports to be sent, within so many seconds."""
    records, failure, _ = await dns.txt(f"_smtp._tls.{domain}", min(seconds, DNS_SECONDS))
    return TlsRptLook(tuple(filter(meant_for_reports, records)), failure)


async def sts(domain: str, dns: Dns, *, seconds: float, allow_private: bool = False, port: int = PORT) -> StsLook:
    """Look for MTA-STS, and for the policy even where no record announces it: a record is easily forgotten.

    ``domain`` is in A-label form. Public addresses alone are asked, unless ``allow_private``; ``port`` is for tests.
    """
    until = asyncio.get_running_loop().time() + seconds
    texts, failure, _ = await dns.txt(f"_mta-sts.{domain}", min(seconds, DNS_SECONDS))
    records = tuple(filter(meant_for_sts, texts))
    left = until - asyncio.get_running_loop().time()
    visit = _Visit(domain, port)
    await visit.within(min(left, SECONDS), dns, allow_private=allow_private)
    nothing = not records and visit.seen.address is None
    return StsLook(records, failure, None if nothing else visit.seen)


class _Visit:
    """One GET of one policy; ``seen`` holds what is known of it so far."""

    def __init__(self, domain: str, port: int) -> None:
        host = f"mta-sts.{domain}"
        url = f"https://{host}{PATH}"
        self.seen = PolicyFetch(url)
        self._where = Place(url, host, port, host, PATH)

    async def within(self, seconds: float, dns: Dns, *, allow_private: bool) -> None:
        """Fetch it in so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                await self._fetch(await self._addresses(dns, seconds, allow_private=allow_private))
        except TimeoutError:
            self._fail(Trouble.TIMEOUT, f"no whole answer came within {max(seconds, 0):.3g} s")
        except TooLargeError as error:
            self._fail(Trouble.OVERSIZE, str(error))
        except FetchError as error:
            self._fail(Trouble.UNREADABLE, str(error))
        except _EndedError as ended:
            self._note(failure=ended.failure)

    def _note(self, **learned: Any) -> None:
        self.seen = replace(self.seen, **learned)

    def _fail(self, trouble: Trouble, text: str) -> None:
        self._note(failure=Failure(trouble, text))

    async def _addresses(self, dns: Dns, seconds: float, *, allow_private: bool) -> Sequence[str]:
        """The addresses of the web host, each one examined."""
        resolved = await dns.addresses(self._where.host, 0, min(seconds, DNS_SECONDS))
        if resolved.failure:
            raise _EndedError(replace(resolved.failure, trouble=Trouble.UNRESOLVED))
        why = None if allow_private else next(filter(None, map(refusal, resolved.addresses)), None)
        if why:
            raise _EndedError(Failure(Trouble.UNREACHABLE, f"only public addresses are asked, and {why}", (NOT_ASKED,)))
        return resolved.addresses

    async def _fetch(self, addresses: Sequence[str]) -> None:
        with await self._connected(addresses) as connection:
            self._note(address=connection.getpeername()[0])
            line = _Secured(connection, self._where.host)
            try:
                await line.begin()
            finally:
                learned = line.tls.learned()
                self._note(presented=learned["presented"], tls_version=learned["tls_version"])
            await self._answer(line)

    async def _connected(self, addresses: Sequence[str]) -> socket.socket:
        try:
            return await connected(addresses, self._where.port, CONNECT_SECONDS)
        except FetchError as error:
            refused, late = (isinstance(error.__cause__, kind) for kind in (ConnectionRefusedError, TimeoutError))
            trouble = Trouble.REFUSED if refused else Trouble.TIMEOUT if late else Trouble.UNREACHABLE
            raise _EndedError(Failure(trouble, str(error))) from error

    async def _answer(self, line: _Secured) -> None:
        """Read a policy; of any other answer the head alone."""
        async for event in events(line, self._where, "text/plain"):
            if isinstance(event, h11.Response):
                headers = dict(event.headers)
                kind, location = (_text(headers.get(name)) for name in (b"content-type", b"location"))
                self._note(status=event.status_code, media_type=kind, location=location)
                if event.status_code != OK:
                    return
                refuse_unwieldy(headers)
            elif isinstance(event, h11.Data):
                self._note(body=self.seen.body + event.data)
                if len(self.seen.body) > BODY_BYTES:
                    self._note(body=self.seen.body[:BODY_BYTES])
                    raise TooLargeError(TOO_LARGE)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


class _Secured:
    """TLS over a socket, as a client that verifies nothing."""

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.tls = Handshake(name)
        self._connection = connection

    async def begin(self) -> None:
        """Shake hands; raises _EndedError."""
        await self._flush()
        while self.tls.reading or not (self.tls.complete or self.tls.failure):
            await self._read()
        if self.tls.failure:
            raise _EndedError(self.tls.failure)

    async def send(self, data: bytes) -> None:
        """Encrypt and send."""
        self.tls.send(data)
        await self._flush()

    async def receive(self) -> bytes:
        """Give plain text, b"" at the end; raises _EndedError where TLS ends in an alert or in an error."""
        plain = b""
        while not (plain or self.tls.failure):
            plain = await self._read()
        if not plain and self.tls.failure and self.tls.failure.trouble is not Trouble.CLOSED:
            raise _EndedError(self.tls.failure)
        return plain

    async def _read(self) -> bytes:
        word = "the server closed the connection"
        try:
            data = await asyncio.get_running_loop().sock_recv(self._connection, HEAD_BYTES)
        except OSError as error:
            data, word = b"", os_word(error)
        if not data:
            self.tls.end(Failure(Trouble.CLOSED, word))
            return b""
        plain = self.tls.receive(data)
        await self._flush()
        return plain

    async def _flush(self) -> None:
        """Send what TLS has to say. When nobody reads any more, the reason is still to be read."""
        if data := self.tls.take():
            with suppress(OSError):
                await asyncio.get_running_loop().sock_sendall(self._connection, data)
