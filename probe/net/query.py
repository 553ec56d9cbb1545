"""One question to one DNS server, and what the answer says. Imported when there is something to ask."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.wire

from probe.model import Tlsa
from probe.net.servers import Answer, Server

if TYPE_CHECKING:
    from dns.message import QueryMessage

TRUNCATED = 0x02
"""TC, in the third octet (RFC 1035 §4.1.1)."""
LONGEST = 65535
"""Octets of a packet."""
SHORTEST_TLSA = 3
"""Octets before the data (RFC 6698 §2.1)."""
PAYLOAD = 1232
"""Octets of an answer over UDP that no path breaks up (DNS Flag Day 2020); a longer one comes over TCP."""


def configured() -> dns.resolver.Resolver:
    """What /etc/resolv.conf says, or what stands in its place."""
    return dns.resolver.Resolver()


def system_servers() -> tuple[Server, ...]:
    """The system's DNS servers. Raises OSError, with a text for people, where none can be learned."""
    try:
        named = configured().nameservers
    except (dns.exception.DNSException, OSError, ValueError) as problem:
        raise OSError(f"no DNS server is known: {problem}") from problem
    return tuple(Server(str(server)) for server in named)


def is_name(name: str) -> bool:
    """It can be asked for at all (RFC 1035 §2.3.4)."""
    try:
        dns.name.from_text(name)
    except (dns.exception.DNSException, ValueError):
        return False
    return True


async def ask(server: Server, name: str, kind: str, seconds: float, *, cd: bool = False) -> Answer:
    """Ask for the records of a name, over UDP, and over TCP where the answer is too long for it.

    Signatures are asked for (DO), and so is the resolver's word on them (AD, RFC 6840 §5.7); CD asks it not to judge.
    No search list is used. Raises OSError for the network, TimeoutError after ``seconds``, and ValueError for an answer
    that cannot be read or belongs to another question.
    """
    query = dns.message.make_query(dns.name.from_text(name), kind, use_edns=0, want_dnssec=True, payload=PAYLOAD)
    query.flags |= dns.flags.AD | (dns.flags.CD if cd else 0)
    async with asyncio.timeout(seconds):
        wire = await _by_udp(server, query.to_wire())
        if len(wire) > 2 and wire[2] & TRUNCATED:
            wire = await _by_tcp(server, query.to_wire())
    try:
        return _read(wire, query, server)
    except (dns.exception.DNSException, ValueError) as problem:
        raise ValueError(f"an answer that cannot be read ({problem or type(problem).__name__})") from problem


async def _by_udp(server: Server, question: bytes) -> bytes:
    """What comes first; the socket is connected, so it comes from the server."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server.address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, server)
        await loop.sock_sendall(sock, question)
        return await loop.sock_recv(sock, LONGEST)


async def _by_tcp(server: Server, question: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(len(question).to_bytes(2, "big") + question)
        return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError as problem:
        raise ConnectionResetError(f"it hung up after {len(problem.partial)} octets") from problem
    finally:
        writer.close()


def _read(wire: bytes, query: QueryMessage, server: Server) -> Answer:
    """Follow the CNAME records of an answer to its records (RFC 1034 §3.6.2)."""
    of_tlsa = query.question[0].rdtype == dns.rdatatype.TLSA
    response = dns.message.from_wire(wire, continue_on_error=of_tlsa)
    if not isinstance(response, dns.message.QueryMessage) or not query.is_response(response):
        raise ValueError("it belongs to another question")
    code = dns.rcode.to_text(response.rcode())
    if code not in {"NOERROR", "NXDOMAIN"}:
        return Answer(server, code)
    chain = response.resolve_chaining()
    records: tuple[object, ...] = tuple(chain.answer) if chain.answer else ()
    if of_tlsa:
        records = tuple(_raw(wire, chain.canonical_name))
    aliases = tuple(written(cname[0].target) for cname in chain.cnames)
    return Answer(server, code, records, aliases, bool(response.flags & dns.flags.AD))


def _raw(wire: bytes, owner: dns.name.Name) -> Iterator[Tlsa]:
    """The TLSA records of an answer as they came: a digest of a wrong length is to be told, and hides no other."""
    parser = dns.wire.Parser(wire, 4)
    questions, answers, *_ = parser.get_struct("!HHHH")
    for _ in range(questions):
        parser.get_name(decompress=True)
        parser.get_struct("!HH")
    for _ in range(answers):
        name = parser.get_name(decompress=True)
        kind, _, _, size = parser.get_struct("!HHIH")
        data = parser.get_bytes(size)
        if kind == dns.rdatatype.TLSA and name == owner:
            if size < SHORTEST_TLSA:
                raise ValueError(f"a TLSA record of {size} octets")
            yield Tlsa(data[0], data[1], data[2], data[3:])


def written(name: dns.name.Name) -> str:
    r"""A name of DNS as text: lower case, no trailing dot, odd octets as \DDD (RFC 1035 §5.1); "" is the root."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
