"""Issuers fetched from addresses that strangers wrote, against a scripted web server on loopback."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from forge import CAST
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Fetch
from probe.net import http, issuers
from probe.net.http import FetchError, place
from probe.net.issuers import Budget, fetch_issuers, known_addresses

R3, ROOT = CAST.r3.der, CAST.root.der

Page = Sequence[bytes | float]
"""Bytes to send and seconds to wait, in order; then the connection is closed."""

FOREVER = 60.0


def said(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> Page:
    """An answer with a length."""
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return ["\r\n".join(head).encode(), body]


def elsewhere(location: str, status: str = "302 Found") -> Page:
    """A redirection; HERE stands for the server itself."""
    return said(b"", status, f"Location: {location}")


@dataclass
class Web:
    """A web server that plays pages by their target."""

    pages: Mapping[str, Page]
    asked: list[str] = field(default_factory=list)
    port: int = 0
    playing: list[asyncio.Task[None]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one request, play its page."""
        task = asyncio.current_task()
        assert task is not None
        self.playing.append(task)
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            request = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.asked.append(request)
            for part in self.pages[request.split()[1]]:
                if isinstance(part, bytes):
                    writer.write(part.replace(b"HERE", b"127.0.0.1:%d" % self.port))
                    await writer.drain()
                else:
                    await asyncio.wait_for(reader.read(), part) if part == FOREVER else await asyncio.sleep(part)

    @property
    def targets(self) -> list[str]:
        """What was asked for, in order."""
        return [request.split()[1] for request in self.asked]


def fetch(
    web: Web, *urls: str, budget: Budget | None = None, allow_private: bool = True, **rules: Any
) -> tuple[Fetch, ...]:
    """Run the server, and fetch with HERE in the addresses replaced; at last the budget stands for what was used."""

    async def scene() -> tuple[Fetch, ...]:
        async with await asyncio.start_server(web.serve, "127.0.0.1", 0) as server:
            web.port = server.sockets[0].getsockname()[1]
            here = [url.replace("HERE", f"127.0.0.1:{web.port}").replace("PORT", str(web.port)) for url in urls]
            left = budget or Budget()
            found = await fetch_issuers(here, allow_private=allow_private, budget=left, port=web.port, **rules)
            await asyncio.gather(*web.playing)
            web.playing.clear()
            return found

    return asyncio.run(scene())


def fetched(page: Page, **options: Any) -> Fetch:
    """What comes of one address with this page."""
    (found,) = fetch(Web({"/": page}), "http://HERE/", **options)
    return found


# What is accepted


def p7(encoding: Encoding) -> bytes:
    """Two certificates as PKCS#7, certs-only."""
    return pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in (R3, ROOT)], encoding)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (R3, {R3}),
        (CAST.r3.pem.encode(), {R3}),
        ((CAST.r3.pem + CAST.root.pem).encode(), {R3, ROOT}),
        (p7(Encoding.DER), {R3, ROOT}),
        (p7(Encoding.PEM), {R3, ROOT}),
    ],
    ids=["DER", "PEM", "PEM bundle", "PKCS#7 DER", "PKCS#7 PEM"],
)
def test_every_usual_wrapping_is_read(body: bytes, expected: set[bytes]) -> None:
    """RFC 5280 §4.2.2.1 allows DER and BER/DER "certs-only" CMS; PEM occurs."""
    found = fetched(said(body))
    assert found.problem is None
    assert set(found.certificates) == expected


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(R3)


@pytest.mark.parametrize(
    "page",
    [
        [b"HTTP/1.0 200 OK\r\n\r\n", R3],
        [b"HTTP/1.1 200 OK\nContent-Type: text/plain\n\n", R3],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"%x\r\n" % len(R3), R3, b"\r\n0\r\n\r\n"],
        [b"HTTP/1.1 100 Continue\r\n\r\n", *said(R3)],
        [*said(R3), b"something behind it"],
        [*said(R3), FOREVER],
        [HEAD[:20], 0.01, HEAD[20:], 0.01, R3[:100], 0.01, R3[100:]],
        said(R3, "200 OK", "Content-Encoding: identity"),
    ],
    ids=["until close", "bare LF", "chunked", "100 first", "surplus", "kept open", "in pieces", "identity"],
)
def test_every_honest_framing_is_read(page: Page) -> None:
    """RFC 9112 §6; a server that keeps the connection open does not keep us."""
    assert fetched(page).certificates == (R3,)


def test_the_request_is_plain_and_names_the_host() -> None:
    """One GET with Host, closed afterwards, and no compression asked for."""
    web = Web({"/a%20b?c=d": said(R3)})
    fetch(web, "http://HERE/a%20b?c=d#fragment")
    (request,) = web.asked
    assert request.startswith("GET /a%20b?c=d HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{web.port}\r\n" in request
    assert "Accept-Encoding: identity\r\n" in request
    assert "Connection: close\r\n" in request


def test_certificates_that_cannot_be_read_are_left_out() -> None:
    """A bundle with a broken block gives the others."""
    broken = CAST.leaf(corrupt="truncated").pem
    assert fetched(said((broken + CAST.r3.pem).encode())).certificates == (R3,)
    assert fetched(said(broken.encode())).problem == issuers._no_certificate(broken.encode())


# What is refused of an answer


BROKEN = "the server's answer is broken off or is no HTTP"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        (said(b"gone", "404 Not Found"), "the server answered 404 (Not Found)"),
        (said(b"", "500 \x1b[31mevil"), "the server answered 500 (Internal Server Error)"),
        (said(b"", "599 What"), "the server answered 599"),
        (said(b"", "206 Partial"), "the server answered 206 (Partial Content)"),
        (said(b""), "the answer is empty"),
        (said(b"\n <html>"), "a web page came instead of a certificate"),
        (said(b"MZ"), "the answer holds no certificate that can be read (DER, PEM and PKCS#7 can)"),
        (said(R3[:9], "200 OK", "Content-Encoding: gzip"), "the answer is compressed, which we did not ask for"),
        (said(R3, length=len(R3) + 1), BROKEN),
        (said(R3, length=len(R3) - 1), "the answer holds no certificate that can be read (DER, PEM and PKCS#7 can)"),
        (said(R3, length=1 << 20), "the answer is larger than 64 KiB"),
        ([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 8192] * 100], "the answer is larger than 64 KiB"),
        ([CHUNKED, *[b"1000\r\n%s\r\n" % (b"x" * 4096)] * 100], "the answer is larger than 64 KiB"),
        ([CHUNKED, *[b"1;%s\r\nx\r\n" % (b"x" * 4096)] * 100], "the answer is larger than 64 KiB"),
        ([b"HTTP/1.1 102 Wait\r\n\r\n"] * 2000, "the answer comes in too many small pieces"),
        ([CHUNKED, *[b"1\r\nx\r\n"] * 2000], "the answer comes in too many small pieces"),
        ([b"HTTP/1.1 200 OK\r\n", *[b"X: %s\r\n" % (b"x" * 999)] * 99], BROKEN),
        ([b"220 mx.example ESMTP\r\n"], BROKEN),
        ([b"HTTP/1.1 200 OK\r\nContent-Le"], BROKEN),
        ([], BROKEN),
    ],
)  # fmt: skip
def test_an_unusable_answer_is_a_problem_in_plain_words(page: Page, problem: str) -> None:
    """Nothing that the server wrote is repeated."""
    found = fetched(page)
    assert (found.certificates, found.problem) == ((), problem)


@pytest.mark.parametrize(
    "page",
    [
        [FOREVER],
        [b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n", 0.02] * 1000],
        [said(R3)[0], *[b"x", 0.02] * 1000],
    ],
    ids=["silence", "dripping headers", "dripping body"],
)
def test_slowness_ends_at_the_deadline(page: Page) -> None:
    """The time is for the whole answer, not for a read."""
    budget = Budget(seconds=0.1)
    assert fetched(page, budget=budget).problem == "no complete answer came within 0.1 seconds"
    assert budget.seconds <= 0.0
    assert budget.spent == "it was not asked: the time for fetching is over"


def test_a_reset_is_the_networks_word() -> None:
    """The connection is broken by RST after the request."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            connection, _ = listener.accept()
            connection.recv(1)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

        port = listener.getsockname()[1]
        with ThreadPoolExecutor(1) as server:
            server.submit(reset)
            assert alone(f"http://127.0.0.1:{port}/", port).problem == "the connection broke: Connection reset by peer"


def alone(url: str, port: int, **budget: Any) -> Fetch:
    """Fetch from a server that somebody else runs."""
    (found,) = asyncio.run(fetch_issuers([url], allow_private=True, budget=Budget(**budget), port=port))
    return found


# Redirections


@pytest.mark.parametrize("status", ["301 A", "302 B", "303 C", "307 D", "308 E"])
def test_redirections_are_followed(status: str) -> None:
    """Absolute, relative, without scheme; RFC 9110 §10.2.2."""
    pages = {
        "/a": elsewhere("http://HERE/b", status),
        "/b": elsewhere("c?d", status),
        "/c?d": elsewhere("//HERE/e", status),
    }
    web, budget = Web({**pages, "/e": said(R3)}), Budget()
    (found,) = fetch(web, "http://HERE/a", budget=budget)
    assert found.certificates == (R3,)
    assert found.url.endswith("/a")
    assert web.targets == ["/a", "/b", "/c?d", "/e"]
    assert budget.hops == 1


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        ("https://ca.example/x", "certificates are fetched by http alone, not by https"),
        ("file:///etc/passwd", "certificates are fetched by http alone, not by file"),
        ("http://HERE/", "that address was asked before"),
        ("http://127.0.0.1:25/", "the address names port 25; only port "),
        ("http://me@HERE/", "the address carries a user name"),
    ],
)
def test_a_redirection_to_where_we_do_not_go_is_named(location: str, problem: str) -> None:
    """Every place is examined as the first one was."""
    web = Web({"/": elsewhere(location)})
    (found,) = fetch(web, "http://HERE/")
    there = location.replace("HERE", f"127.0.0.1:{web.port}")
    assert found.problem is not None
    assert found.problem.startswith(f"it redirects to {there}, and {problem}")
    assert web.targets == ["/"]


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ((), "the server answered 302 without a usable address to go to"),
        (("Location:",), "the server answered 302 without a usable address to go to"),
        (("Location: /a b",), "the server answered 302 without a usable address to go to"),
        (("Location: /a\tb",), "the server answered 302 without a usable address to go to"),
        (("Location: /\xe4",), "the server answered 302 without a usable address to go to"),
        (("Location: http://[::1/",), "the server answered 302 with a malformed address"),
    ],
)
def test_a_redirection_to_nowhere_is_said(headers: tuple[str, ...], problem: str) -> None:
    """Absent, empty, or with characters that no URL may hold."""
    assert fetched(said(b"", "302 Found", *headers)).problem == problem


def test_an_endless_chain_of_redirections_ends_with_the_hops() -> None:
    """Five requests in all, and nothing is asked afterwards."""
    web, budget = Web({f"/{n}": elsewhere(f"/{n + 1}") for n in range(9)}), Budget()
    first, second = fetch(web, "http://HERE/0", "http://HERE/8", budget=budget)
    assert web.targets == ["/0", "/1", "/2", "/3", "/4"]
    assert first.problem is not None
    assert first.problem.endswith("/5, and there were enough requests for one chain")
    assert second.problem == "it was not asked: there were enough requests for one chain"


# Addresses


def table(**names: Sequence[str]) -> tuple[list[str], Any]:
    """A resolver that gives these addresses, turn by turn, and the list of names that it was asked for."""
    asked: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        turns = names[host.replace(".", "_")]
        return [turns[min(asked.count(host), len(turns)) - 1]]

    return asked, resolve


def test_private_addresses_are_not_asked_without_permission() -> None:
    """By literal, by odd literal, by name; with permission they are."""
    web = Web({"/": said(R3)})
    rows = (
        "http://HERE/",
        "http://0x7f.1:PORT/",
        "http://2130706433:PORT/",
        "http://localhost:PORT/",
        "http://[::1]:PORT/",
    )
    for found in fetch(web, *rows, allow_private=False):
        assert found.problem is not None
        assert found.problem.startswith("only public addresses are asked, and ")
        assert "is a loopback address" in found.problem
    assert web.asked == []
    assert fetch(web, "http://2130706433:PORT/")[0].certificates == (R3,)


def test_one_private_address_among_public_ones_is_enough() -> None:
    """All addresses of a name are examined, not only the first."""

    async def resolve(_host: str) -> Sequence[str]:
        return ["192.0.46.8", "10.0.0.1"]

    (found,) = fetch(Web({}), "http://ca.example:PORT/", allow_private=False, resolve=resolve)
    assert found.problem == "only public addresses are asked, and 10.0.0.1 is a private address (RFC 1918)"


def test_the_connection_goes_to_the_address_that_was_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that turns private after the examination is not resolved a second time."""
    monkeypatch.setattr(issuers, "refusal", lambda address: None if address == "127.0.0.1" else f"{address} is evil")
    asked, resolve = table(ca_example=["127.0.0.1", "10.0.0.1"])
    web = Web({"/": said(R3), "/again": elsewhere("/")})
    (found,) = fetch(web, "http://ca.example:PORT/", allow_private=False, resolve=resolve)
    assert found.certificates == (R3,)
    assert asked == ["ca.example"]
    assert f"Host: ca.example:{web.port}\r\n" in web.asked[0]
    (found,) = fetch(web, "http://ca.example:PORT/again", allow_private=False, resolve=resolve)
    assert found.problem == "only public addresses are asked, and 10.0.0.1 is evil"


def test_a_redirection_into_the_private_network_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first place passes, the second is examined anew."""
    monkeypatch.setattr(issuers, "refusal", lambda address: None if address == "127.0.0.1" else f"{address} is evil")
    _, resolve = table(ca_example=["127.0.0.1"], intranet=["10.0.0.1"])
    web = Web({"/": elsewhere("http://intranet:PORT/")})

    async def here(host: str) -> Sequence[str]:
        web.pages = {"/": elsewhere(f"http://intranet:{web.port}/")}
        return list(await resolve(host))

    (found,) = fetch(web, "http://ca.example:PORT/", allow_private=False, resolve=here)
    assert found.problem is not None
    assert found.problem.endswith("/, and only public addresses are asked, and 10.0.0.1 is evil")


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused, silent or of a family that we lack; and the last word is said when none answers."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.1)
    addresses = ["127.0.0.2", "::1", "127.0.0.1"]

    async def resolve(_host: str) -> Sequence[str]:
        return addresses

    assert fetch(Web({"/": said(R3)}), "http://ca.example:PORT/", resolve=resolve)[0].certificates == (R3,)
    addresses[:] = ["127.0.0.2"]
    web = Web({})
    (found,) = fetch(web, "http://ca.example:PORT/", resolve=resolve)
    assert found.problem == f"no connection to 127.0.0.2 port {web.port}: Connection refused"
    addresses[:] = []
    (found,) = fetch(web, "http://ca.example:PORT/", resolve=resolve)
    assert found.problem == "there is no address to connect to"


def test_a_connection_that_nobody_accepts_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A listener whose queue is full swallows the SYN, as a firewall does."""
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.05)
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        for filler in (first, second):
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        assert alone(f"http://127.0.0.1:{port}/", port).problem == f"no connection to 127.0.0.1 port {port}: no answer"


# The system's resolver


def test_the_systems_resolver_gives_text() -> None:
    """Addresses without duplicates, from the hosts file and from numbers in odd dress."""
    assert "127.0.0.1" in asyncio.run(known_addresses("localhost"))
    assert asyncio.run(known_addresses("0x7f.1")) == ("127.0.0.1",)
    assert asyncio.run(known_addresses("::1")) == ("::1",)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example"])
def test_a_name_that_cannot_be_asked_for_has_no_address(host: str) -> None:
    """Empty and overlong labels."""
    with pytest.raises(FetchError, match="has no address, or the resolver gave none"):
        asyncio.run(known_addresses(host))


def test_a_name_that_nobody_knows_has_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver's refusal is a problem of that address, with the name in it."""

    def unknown(*_args: object, **_options: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (found,) = asyncio.run(fetch_issuers(["http://ca.example/"], allow_private=False, budget=Budget()))
    assert found.problem == "the name ca.example has no address, or the resolver gave none"


@pytest.mark.parametrize("goes_on", [False, True])
def test_nobody_waits_for_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, *, goes_on: bool) -> None:
    """The deadline holds, and the late answer disturbs neither a loop that goes on nor one that is closed."""
    release = threading.Event()

    def slow(*_args: object, **_options: object) -> list[Any]:
        release.wait(5)
        return [(2, 1, 6, "", ("127.0.0.1", 80))]

    async def scene() -> Fetch:
        (found,) = await fetch_issuers(["http://ca.example/"], allow_private=True, budget=Budget(seconds=0.1))
        if goes_on:
            release.set()
            await asyncio.sleep(0.05)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    assert asyncio.run(scene()).problem == "no complete answer came within 0.1 seconds"
    release.set()
    for thread in threading.enumerate():
        if thread.name == "getaddrinfo":
            thread.join()


# URLs


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ldap://ldap.example/cn=CA?cACertificate", "certificates are fetched by http alone, not by ldap"),
        ("https://ca.example/", "certificates are fetched by http alone, not by https"),
        ("file:///etc/passwd", "certificates are fetched by http alone, not by file"),
        ("x" * 50 + "://a/", "certificates are fetched by http alone, not by xxxxxxxxxxxxxxxxxxxx"),
        ("http:ca.example", "the address is no URL with a host"),
        ("ca.example/r3.crt", "the address is no URL with a host"),
        ("http://", "the address has no host name that we understand"),
        ("http:///r3.crt", "the address has no host name that we understand"),
        ("http://ca.example:25/", "the address names port 25; only port 80 is asked"),
        ("http://ca.example:443/", "the address names port 443; only port 80 is asked"),
        ("http://ca.example:808080/", "the address has no host name that we understand"),
        ("http://ca.example:0/", "the address names port 0; only port 80 is asked"),
        ("http://ca.example:+80/", "the address has no host name that we understand"),
        ("http://user@ca.example/", "the address carries a user name"),
        ("http://user:pass@ca.example/", "the address carries a user name"),
        ("http://ca.example\\@10.0.0.1/", "the address carries a user name"),
        ("http://ca.example\\.evil/", "the address has no host name that we understand"),
        ("http://ca%2eexample/", "the address has no host name that we understand"),
        ("http://[fe80::1%25eth0]/", "the address has no host name that we understand"),
        ("http://[v1.x]/", "the address has no host name that we understand"),
        ("http://ca.example/\r\nHost: evil", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://ca.example/\n", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://ca.example/a b", "the address holds characters that no URL may hold (RFC 3986)"),
        (" http://ca.example/", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://ca.example/\x00", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://ca.example/\x1b[31m", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://cä.example/", "the address holds characters that no URL may hold (RFC 3986)"),
        ("", "the address holds characters that no URL may hold (RFC 3986)"),
        ("http://ca.example/" + "x" * 2048, "the address has more than 2048 characters"),
    ],
)
def test_an_address_that_we_do_not_ask_is_refused_in_plain_words(url: str, problem: str) -> None:
    """No name is resolved and no connection made for it."""
    asked, resolve = table()
    budget = Budget()
    (found,) = asyncio.run(fetch_issuers([url], allow_private=True, budget=budget, resolve=resolve))
    assert found == Fetch(url, (), problem)
    assert asked == []
    assert budget.hops == Budget().hops


@pytest.mark.parametrize(
    ("url", "host", "authority", "target"),
    [
        ("http://ca.example", "ca.example", "ca.example", "/"),
        ("HTTP://CA.example:80/R3.crt", "CA.example", "CA.example", "/R3.crt"),
        ("http://ca.example:/x?y=//z#f", "ca.example", "ca.example", "/x?y=//z"),
        ("http://ca.example?x", "ca.example", "ca.example", "/?x"),
        ("http://a_b.example//x", "a_b.example", "a_b.example", "//x"),
        ("http://[2001:DB8::1]/x", "2001:DB8::1", "[2001:DB8::1]", "/x"),
        ("http://127.1/", "127.1", "127.1", "/"),
    ],
)
def test_a_url_is_taken_apart(url: str, host: str, authority: str, target: str) -> None:
    """RFC 3986 §3."""
    found = place(url)
    assert (found.host, found.authority, found.target) == (host, authority, target)


@given(st.text(alphabet="htp:/@[]%.\\#?\r\n\t\x00 aä1:", max_size=24))
def test_whatever_a_url_is_it_is_taken_apart_or_refused(text: str) -> None:
    """What passes can stand in a request line, and its host has no character that any resolver could misread."""
    for url in (text, f"http://{text}"):
        with suppress(FetchError):
            found = place(url)
            assert found.target.startswith("/")
            assert found.target.isascii()
            assert found.target.isprintable()
            assert " " not in found.target
            assert set(found.host) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-")


# The budget


def test_the_certificates_of_all_levels_are_counted() -> None:
    """Of what is above the limit the first ones are kept; then nothing is asked any more."""
    bundle = "".join(CAST.leaf(serial=n).pem for n in range(1, 7)).encode()
    web, budget = Web({"/": said(bundle), "/2": said(bundle)}), Budget()
    (first,) = fetch(web, "http://HERE/", budget=budget)
    assert (len(first.certificates), first.problem) == (6, None)
    (second, third) = fetch(web, "http://HERE/2", "http://HERE/3", budget=budget)
    assert (len(second.certificates), second.problem) == (2, None)
    assert third.problem == "it was not asked: enough certificates were fetched for one chain"
    assert budget.certificates == 0


def test_a_dead_address_leaves_time_for_the_next_one() -> None:
    """Each address has its share of what is left."""
    web = Web({"/dead": [FOREVER], "/alive": said(R3)})
    dead, alive = fetch(web, "http://HERE/dead", "http://HERE/alive", budget=Budget(seconds=0.6))
    assert dead.problem == "no complete answer came within 0.3 seconds"
    assert alive.certificates == (R3,)


def test_an_address_is_asked_once_and_a_flood_of_them_is_cut() -> None:
    """The first of those that were left out says how many there are."""
    web = Web({"/": said(R3)})
    assert len(fetch(web, "http://HERE/", "http://HERE/")) == 1
    assert web.targets == ["/"]
    flood = fetch(Web({}), *(f"ldap://host-{n}/" for n in range(100)))
    assert len(flood) == issuers.ADDRESSES + 1
    assert flood[-1] == Fetch(
        "ldap://host-16/", (), "it was not asked, nor were 83 more: 16 addresses are the most at a time"
    )
    assert fetch(web) == ()
