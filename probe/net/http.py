"""One careful HTTP GET, for addresses that strangers wrote into certificates, and the parts that a policy takes too.

    where = place("http://ca.example/r3.crt")           # Place(host="ca.example", port=80, target="/r3.crt", …)
    answer = await get(where, ("192.0.2.1",))           # connects to that very address, whatever the name says by now

HTTP/1.1 is spoken by h11: framing (chunks, lengths, limits of headers) is where own readers go wrong, and h11 does
nothing but that. No cookies, no proxy, no compression, no connection kept.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin

import h11
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

PORT = 80
"""The only port: a certificate must not make us knock at doors of other services."""
URL_CHARACTERS = 2048
"""What web servers and browsers get along with; real caIssuers addresses have less than 100."""
BODY_BYTES = 64 << 10
"""A certificate has 1 to 3 KiB, a generous PKCS#7 bundle 20."""
HEAD_BYTES = 16 << 10
"""Most bytes of a status line with its headers."""
RECEIVED_BYTES = BODY_BYTES + 2 * HEAD_BYTES
"""Most bytes of a whole answer, with headers and the frames of chunks."""
PIECES = 1000
"""Chunks, reads and interim responses of one answer: more, of a few bytes each, would only keep us busy."""
CONNECT_SECONDS = 1.5
"""Most time for one address, so that a dead IPv6 leaves some for IPv4."""
ADDRESSES = 4
"""Addresses of one name that are tried."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class FetchError(Exception):
    """Why a fetch comes to nothing: a clause for people, without capital and full stop."""


class TooLargeError(FetchError):
    """The answer is larger than we take."""


class Place(Struct, frozen=True):
    """A URL taken apart."""

    url: str
    host: str
    """A name or an address without brackets."""
    port: int
    authority: str
    """For the Host header: RFC 9110 §7.2."""
    target: str
    """Path and query: "origin-form" of RFC 9112 §3.2.1."""


class Answer(Struct, frozen=True):
    """What a server gave: a body, or another place to ask."""

    body: bytes = b""
    location: str | None = None
    """Absolute, not yet examined."""


# RFC 3986 §3 and appendix B:  URI = scheme ":" "//" authority path-abempty [ "?" query ] [ "#" fragment ]
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?")
# RFC 3986 §3.2:  authority = [ userinfo "@" ] host [ ":" port ]; of host we read IP literals and plain names
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{0,5}))?")
_VISIBLE = re.compile(r"[!-~]+")


def place(url: str, port: int = PORT) -> Place:
    """Take an http URL apart; raises FetchError for one that we do not ask. ``port`` is the only one allowed."""
    if len(url) > URL_CHARACTERS:
        raise FetchError(f"the address has more than {URL_CHARACTERS} characters")
    if not _VISIBLE.fullmatch(url):
        raise FetchError("the address holds characters that no URL may hold (RFC 3986)")
    parts = _URL.fullmatch(url)
    if not parts:
        raise FetchError("the address is no URL with a host")
    scheme, authority, path, query = parts.groups(default="")
    if scheme.lower() != "http":
        raise FetchError(f"certificates are fetched by http alone, not by {scheme.lower()[:20]}")
    host = _host(authority, port)
    return Place(url, host.strip("[]"), port, host if port == PORT else f"{host}:{port}", (path or "/") + query)


def _host(authority: str, port: int) -> str:
    if "@" in authority:
        raise FetchError("the address carries a user name")
    parts = _AUTHORITY.fullmatch(authority)
    if not parts:
        raise FetchError("the address has no host name that we understand")
    if int(parts[2] or port) != port:
        raise FetchError(f"the address names port {parts[2]}; only port {port} is asked")
    return parts[1]


class Line(Protocol):
    """What carries bytes to and from a server: a socket, or TLS over one."""

    async def send(self, data: bytes) -> None:
        """Send all of it."""

    async def receive(self) -> bytes:
        """Give what came next; b"" at the end."""


class _Plain(Struct, frozen=True):
    """A connected socket as it is."""

    connection: socket.socket

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.connection, data)

    async def receive(self) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self.connection, HEAD_BYTES)


async def get(where: Place, addresses: Sequence[str]) -> Answer:
    """Ask the first of the addresses that accepts; raises FetchError, or OSError when the connection breaks."""
    with await connected(addresses, where.port, CONNECT_SECONDS) as connection:
        return await _answer(_Plain(connection), where)


async def connected(addresses: Sequence[str], port: int, seconds: float) -> socket.socket:
    """Connect to the first that accepts, each within so many seconds; raises FetchError, caused by the last OSError."""
    problem, cause = "there is no address to connect to", None
    for address in addresses[:ADDRESSES]:
        try:
            return await _connect(address, port, seconds)
        except OSError as error:
            problem, cause = f"no connection to {address} port {port}: {os_word(error)}", error
    raise FetchError(problem) from cause


def os_word(error: OSError) -> str:
    """What the operating system calls it; asyncio puts other words into ``strerror``."""
    return os.strerror(error.errno) if error.errno else "no answer"


async def _connect(address: str, port: int, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    try:
        connection.setblocking(False)
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:  # being cancelled is one
        connection.close()
        raise
    return connection


async def _answer(line: Line, where: Place) -> Answer:
    body = bytearray()
    async for event in events(line, where, "application/pkix-cert, application/pkcs7-mime, */*"):
        if isinstance(event, h11.Response):
            location = _location(event, where)
            if location is not None:
                return Answer(location=location)
            _refuse_unusable(event)
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_BYTES:
                raise TooLargeError(TOO_LARGE)
    return Answer(bytes(body))


TOO_LARGE = f"the answer is larger than {BODY_BYTES >> 10} KiB"


async def events(line: Line, where: Place, accept: str) -> AsyncIterator[object]:
    """Ask, and give h11's events until the answer is complete; raises FetchError."""
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
    await line.send(_request(http, where, accept))
    try:
        async for event in _events(line, http):
            yield event
    except h11.RemoteProtocolError as error:
        raise FetchError("the server's answer is broken off or is no HTTP") from error


def _request(http: h11.Connection, where: Place, accept: str) -> bytes:
    headers = [
        ("Host", where.authority),
        ("User-Agent", "smtp-chaincheck"),
        ("Accept", accept),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    request = http.send(h11.Request(method="GET", target=where.target, headers=headers))
    return (request or b"") + (http.send(h11.EndOfMessage()) or b"")


async def _events(line: Line, http: h11.Connection) -> AsyncIterator[object]:
    """Give events until the message is complete; raises FetchError and h11.RemoteProtocolError."""
    received = 0
    for _ in range(PIECES):
        event = http.next_event()
        if event is h11.NEED_DATA:
            read = await line.receive()
            received += len(read)
            if received > RECEIVED_BYTES:
                raise TooLargeError(TOO_LARGE)
            http.receive_data(read)
        elif isinstance(event, h11.EndOfMessage):
            return
        else:
            yield event
    raise FetchError("the answer comes in too many small pieces")


def _location(response: h11.Response, where: Place) -> str | None:
    """The absolute URL of a redirection (RFC 9110 §15.4), or None."""
    if response.status_code not in _REDIRECTS:
        return None
    location = next((value for name, value in response.headers if name == b"location"), b"").decode("latin-1")
    if not _VISIBLE.fullmatch(location):  # before urljoin, which quietly drops tabs and line ends
        raise FetchError(f"the server answered {response.status_code} without a usable address to go to")
    try:
        return urljoin(where.url, location)
    except ValueError as error:
        raise FetchError(f"the server answered {response.status_code} with a malformed address") from error


def _refuse_unusable(response: h11.Response) -> None:
    headers = dict(response.headers)
    if response.status_code != HTTPStatus.OK:
        raise FetchError(f"the server answered {_status(response.status_code)}")
    refuse_unwieldy(headers)


def refuse_unwieldy(headers: Mapping[bytes, bytes]) -> None:
    """Raise FetchError for a body that would be compressed, or larger than we take."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise FetchError("the answer is compressed, which we did not ask for")
    if int(headers.get(b"content-length", b"0")) > BODY_BYTES:
        raise TooLargeError(TOO_LARGE)


def _status(code: int) -> str:
    """The number with the words of RFC 9110, not with those of the server."""
    try:
        return f"{code} ({HTTPStatus(code).phrase})"
    except ValueError:
        return str(code)
