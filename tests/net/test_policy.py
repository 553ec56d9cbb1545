"""The policy of MTA-STS, fetched from a real web server on loopback with every fault that one has."""

from __future__ import annotations

import asyncio
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from forge import CAST, Forged
from net.fake_dns import Zone, resolver

from probe.demo import keys
from probe.model import Dnssec, Failure, PolicyFetch, StsLook, TlsRptLook, Trouble
from probe.net import http, policy
from probe.net.dns import Dns
from probe.net.resolve import Resolved
from probe.net.servers import DnsOptions

DOMAIN = "example.test"
HOST = f"mta-sts.{DOMAIN}"
RECORD = "v=STSv1; id=20261128"
POLICY = b"version: STSv1\r\nmode: enforce\r\nmx: mx.example.test\r\nmax_age: 604800\r\n"
LEAF = CAST.leaf(subject=f"CN={HOST}", names=(HOST,))
CHAIN = (LEAF, CAST.r3)

Page = Sequence[bytes | float]
"""Bytes to send and seconds to wait, in order; then the connection is closed."""


def said(body: bytes = POLICY, status: str = "200 OK", kind: str = "text/plain", **more: str | int) -> Page:
    """An answer with a length."""
    fields = {"Content-Type": kind, "Content-Length": len(body), **{k.replace("_", "-"): v for k, v in more.items()}}
    head = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    return ["\r\n".join(head).encode(), body]


class Named(Dns):
    """DNS that knows what it was told."""

    def __init__(
        self, addresses: Resolved, records: tuple[str, ...] = (RECORD,), failure: Failure | None = None
    ) -> None:
        super().__init__()
        self.known = addresses
        self.answer = (records, failure, Dnssec.UNKNOWN)
        self.asked: list[str] = []

    async def txt(self, name: str, seconds: float) -> tuple[tuple[str, ...], Failure | None, Dnssec]:
        """Give the same records whatever is asked."""
        assert seconds > 0
        self.asked.append(name)
        return self.answer

    async def addresses(self, host: str, family: int, seconds: float) -> Resolved:
        """Give the same addresses."""
        assert (family, seconds > 0) == (0, True)
        self.asked.append(host)
        return self.known


HERE = Resolved(("127.0.0.1",))


def tls(sent: Sequence[Forged] = CHAIN, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A web server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_text(keys.pem("leaf") + "".join(one.pem for one in sent), encoding="ascii")
        context.load_cert_chain(file)
    return context


@dataclass
class Scene:
    """What came of one look, and what the web server was asked."""

    look: StsLook
    requests: list[str]
    names: list[str | None]

    @property
    def fetch(self) -> PolicyFetch:
        """The fetch, which there has to be."""
        assert self.look.fetch is not None
        return self.look.fetch


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
BROKEN = (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError, TimeoutError)


@asynccontextmanager
async def serving(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Run a server on loopback, give its port, and at last wait until every connection is closed."""
    tasks = set[asyncio.Task[None] | None]()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with suppress(*BROKEN):
            await serve(reader, writer)
        writer.close()
        with suppress(*BROKEN):
            await writer.wait_closed()

    limit: dict[str, Any] = {"ssl": context, "ssl_shutdown_timeout": 1.0} if context else {}
    async with await asyncio.start_server(one, "127.0.0.1", 0, **limit) as server:
        yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, tasks))


def looked(page: Page, context: ssl.SSLContext | None = None, dns: Named | None = None, **options: Any) -> Scene:
    """Let a web server play a page, and look for MTA-STS."""
    requests, names = list[str](), list[str | None]()
    context = context or tls()
    context.sni_callback = lambda _, name, __: names.append(name)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        for part in page:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.wait_for(reader.read(), part)

    async def scene() -> StsLook:
        async with serving(serve, context) as port:
            given = {"seconds": 10.0, "allow_private": True, **options}
            return await policy.sts(DOMAIN, dns or Named(HERE), port=port, **given)

    return Scene(asyncio.run(scene()), requests, names)


def raw(answer: bytes, *, hold: bool = False) -> PolicyFetch:
    """What comes of a port that speaks no TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        if hold:
            await reader.read()

    async def scene() -> StsLook:
        async with serving(serve) as port:
            return await policy.sts(DOMAIN, Named(HERE), seconds=0.5 if hold else 10, allow_private=True, port=port)

    found = asyncio.run(scene()).fetch
    assert found is not None
    return found


# What is asked, and what is kept


def test_a_policy() -> None:
    """Record, address, chain as sent, version, status, type and body are kept, and nothing failed."""
    scene = looked(said())
    expected = PolicyFetch(
        f"https://{HOST}/.well-known/mta-sts.txt",
        "127.0.0.1",
        tuple(one.der for one in CHAIN),
        "TLSv1.3",
        200,
        "text/plain",
        None,
        POLICY,
    )
    assert scene.look == StsLook((RECORD,), None, expected)


def test_what_is_asked() -> None:
    """One GET of the well-known path, with the name in SNI and in Host, and no compression wanted."""
    dns = Named(HERE)
    scene = looked(said(), dns=dns)
    assert scene.names == [HOST]
    (request,) = scene.requests
    assert request.startswith("GET /.well-known/mta-sts.txt HTTP/1.1\r\n")
    assert f"\r\nHost: {HOST}\r\n" in request
    assert "\r\nAccept-Encoding: identity\r\n" in request
    assert dns.asked == [f"_mta-sts.{DOMAIN}", HOST]


def test_tls_1_2() -> None:
    """An older version is seen as such."""
    assert looked(said(), tls(version=ssl.TLSVersion.TLSv1_2)).fetch.tls_version == "TLSv1.2"


@pytest.mark.parametrize(
    "sent",
    [
        (CAST.leaf(subject=f"CN={HOST}", names=(HOST,), **CAST.days(-100, -10)), CAST.r3),
        (CAST.mx, CAST.r3),
        (LEAF,),
        (CAST.self_signed(),),
    ],
    ids=["expired", "another name", "missing intermediate", "self-signed"],
)
def test_a_chain_is_seen_not_judged(sent: tuple[Forged, ...]) -> None:
    """Whatever is wrong with the certificates, they and the policy behind them are kept."""
    fetch = looked(said(), tls(sent)).fetch
    assert fetch.presented == tuple(one.der for one in sent)
    assert (fetch.status, fetch.body, fetch.failure) == (200, POLICY, None)


@pytest.mark.parametrize(
    ("page", "status", "kind", "location"),
    [
        (said(b"", "301 Moved Permanently", Location="https://www.example.test/"), 301, "text/plain", True),
        (said(b"<p>no", "404 Not Found", "text/html"), 404, "text/html", False),
        (said(b"", "503 Service Unavailable"), 503, "text/plain", False),
    ],
)
def test_another_status(page: Page, status: int, kind: str, location: bool) -> None:
    """Nothing is followed, and no body is read."""
    scene = looked(page)
    fetch = scene.fetch
    assert (fetch.status, fetch.media_type, fetch.body, fetch.failure) == (status, kind, b"", None)
    assert fetch.location == ("https://www.example.test/" if location else None)
    assert len(scene.requests) == 1


def test_another_type() -> None:
    """It is kept as sent, and the body is read."""
    fetch = looked(said(kind="text/html; charset=utf-8")).fetch
    assert (fetch.media_type, fetch.body) == ("text/html; charset=utf-8", POLICY)


def test_chunks() -> None:
    """Chunked framing is understood."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in (POLICY[:7], POLICY[7:])]
    assert looked([head, *parts, b"0\r\n\r\n"]).fetch.body == POLICY


def test_until_the_end() -> None:
    """A body without a length ends with the connection."""
    fetch = looked([b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n", POLICY]).fetch
    assert (fetch.body, fetch.failure) == (POLICY, None)


# What fails


@pytest.mark.parametrize(
    ("page", "trouble", "text"),
    [
        (said(bytes(10_000_000)), Trouble.OVERSIZE, http.TOO_LARGE),
        ([b"HTTP/1.1 200 OK\r\n\r\n", *[bytes(9000)] * 20], Trouble.OVERSIZE, http.TOO_LARGE),
        (said(Content_Encoding="gzip"), Trouble.UNREADABLE, "compressed"),
        ([said()[0], POLICY[:20]], Trouble.UNREADABLE, "broken off"),
        ([b"HTTP/1.1 200 OK\r\nContent-"], Trouble.UNREADABLE, "broken off"),
        ([b"220 mx.example.test ESMTP\r\n"], Trouble.UNREADABLE, "no HTTP"),
        ([], Trouble.UNREADABLE, "broken off"),
    ],
    ids=["10 MB", "large without length", "gzip", "truncated", "half a head", "no HTTP", "nothing"],
)
def test_answers_that_are_none(page: Page, trouble: Trouble, text: str) -> None:
    """What keeps an answer from being a policy is named, and the chain is kept."""
    fetch = looked(page).fetch
    assert fetch.failure is not None
    assert (fetch.failure.trouble, text in fetch.failure.text) == (trouble, True)
    assert fetch.presented == tuple(one.der for one in CHAIN)
    assert len(fetch.body) <= http.BODY_BYTES


def test_a_slow_server() -> None:
    """What did not come in time is missing; what came is kept."""
    fetch = looked([*said()[:1], POLICY[:10], 5.0], seconds=0.5).fetch
    assert fetch.failure is not None
    assert fetch.failure.trouble is Trouble.TIMEOUT
    assert (fetch.status, fetch.body) == (200, POLICY[:10])


@pytest.mark.parametrize(
    ("answer", "trouble"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Trouble.NOT_TLS),
        (b"", Trouble.CLOSED),
        (b"\x15\x03\x03\x00\x02\x02\x28", Trouble.ALERT),
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", Trouble.TLS),
    ],
    ids=["plain HTTP", "closed", "alert", "garbage"],
)
def test_no_tls(answer: bytes, trouble: Trouble) -> None:
    """What ends the handshake is named as it is of a mail server."""
    fetch = raw(answer)
    assert fetch.failure is not None
    assert (fetch.address, fetch.status, fetch.failure.trouble) == ("127.0.0.1", None, trouble)


def test_silence() -> None:
    """A port that takes the connection and says nothing costs the time that was given."""
    fetch = raw(b"", hold=True)
    assert fetch.failure is not None
    assert fetch.failure.trouble is Trouble.TIMEOUT


def test_nobody_listens() -> None:
    """A refusal is one."""

    async def scene() -> StsLook:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        return await policy.sts(DOMAIN, Named(HERE), seconds=5, allow_private=True, port=port)

    fetch = asyncio.run(scene()).fetch
    assert fetch is not None
    assert fetch.failure is not None
    assert (fetch.address, fetch.failure.trouble) == (None, Trouble.REFUSED)


# Where a request may go


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254"])
def test_public_addresses_alone(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of strangers does not lead into our own network."""
    monkeypatch.setattr(policy, "connected", None)
    dns = Named(Resolved(("192.0.46.8", address)))
    fetch = asyncio.run(policy.sts(DOMAIN, dns, seconds=5)).fetch
    assert fetch is not None
    assert fetch.failure is not None
    assert fetch.failure.trouble is Trouble.UNREACHABLE
    assert address in fetch.failure.text


# Records


NOWHERE = Resolved(failure=Failure(Trouble.UNRESOLVED, "Name or service not known"))


def test_a_record_without_a_host() -> None:
    """An announced policy whose host has no address is a fetch that failed."""
    look = asyncio.run(policy.sts(DOMAIN, Named(NOWHERE), seconds=5))
    assert look.fetch == PolicyFetch(f"https://{HOST}/.well-known/mta-sts.txt", failure=NOWHERE.failure)


def test_neither_record_nor_host() -> None:
    """Then there is nothing to tell."""
    dns = Named(NOWHERE, ("v=spf1 -all", "google-site-verification=x"))
    assert asyncio.run(policy.sts(DOMAIN, dns, seconds=5)) == StsLook()


def test_a_host_without_a_record() -> None:
    """A policy that no record announces is seen."""
    scene = looked(said(), dns=Named(HERE, ()))
    assert (scene.look.records, scene.fetch.body) == ((), POLICY)


def test_dns_fails() -> None:
    """Why DNS gave nothing is kept."""
    failure = Failure(Trouble.UNRESOLVED, "SERVFAIL")
    look = asyncio.run(policy.sts(DOMAIN, Named(NOWHERE, (), failure), seconds=5))
    assert look == StsLook((), failure, None)


def test_records_as_sent() -> None:
    """What is near enough to be meant is kept, in its order."""
    records = ("V=STSv1; id=1", "v=spf1 -all", RECORD, "v=sts1", '"v=STSv1; id=2"')
    dns = Named(NOWHERE, records)
    assert asyncio.run(policy.sts(DOMAIN, dns, seconds=5)).records == (records[0], *records[2:])


@pytest.mark.parametrize(
    ("records", "kept"),
    [(("v=TLSRPTv1; rua=mailto:a@b.c", "v=spf1"), 1), (("v=spf1",), 0), (("v=TLSRPT1", "V=tlsrptv1;"), 2)],
)
def test_reports(records: tuple[str, ...], kept: int) -> None:
    """The record of TLS-RPT is looked for under its name."""
    dns = Named(NOWHERE, records)
    assert asyncio.run(policy.tls_rpt(DOMAIN, dns, seconds=5)) == TlsRptLook(records[:kept])
    assert dns.asked == [f"_smtp._tls.{DOMAIN}"]


@pytest.mark.unmeasured
def test_every_cut_is_a_failure() -> None:
    """However few bytes of an answer come, that is said, and nothing is raised."""
    whole = b"".join(part for part in said() if isinstance(part, bytes))
    cuts = range(len(whole))
    rest = iter(cuts)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(whole[: next(rest)])

    async def scene() -> list[StsLook]:
        async with serving(serve, tls()) as port:
            dns = Named(HERE)
            return [await policy.sts(DOMAIN, dns, seconds=5, allow_private=True, port=port) for _ in cuts]

    for look in asyncio.run(scene()):
        assert look.fetch is not None
        assert look.fetch.failure is not None
        assert POLICY.startswith(look.fetch.body)


def test_a_real_resolver() -> None:
    """TXT behind a CNAME, of two strings, and the web host's address are asked of the resolver that was named."""
    zone: Zone = {
        f"_mta-sts.{DOMAIN} CNAME": "_mta-sts.provider.test.",
        "_mta-sts.provider.test TXT": ['"v=STSv1; " "id=20261128"', '"v=spf1 -all"'],
        f"_smtp._tls.{DOMAIN} TXT": '"v=TLSRPTv1; rua=mailto:a@example.test"',
        f"{HOST} A": "127.0.0.1",
    }

    async def scene(dns: Dns) -> tuple[StsLook, TlsRptLook]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(part for part in said() if isinstance(part, bytes))

        async with serving(serve, tls()) as port:
            look = await policy.sts(DOMAIN, dns, seconds=5, allow_private=True, port=port)
            return look, await policy.tls_rpt(DOMAIN, dns, seconds=5)

    with resolver(zone) as here:
        look, reports = asyncio.run(scene(Dns(DnsOptions(resolver=((here.address, here.port),)))))
    assert look.records == (RECORD,)
    assert look.fetch is not None
    assert look.fetch.body == POLICY
    assert reports == TlsRptLook(("v=TLSRPTv1; rua=mailto:a@example.test",))
