"""One question to one DNS server, and what the answer says. Imported when there is something to ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.resolver

from probe.net.answers import Answer, Server

if TYPE_CHECKING:
    from dns.message import QueryMessage

PAYLOAD = 1232
"""Octets of an answer over UDP that no path breaks up (DNS Flag Day 2020); a longer one comes over TCP."""


def system_servers() -> tuple[Server, ...]:
    """The system's DNS servers. Raises OSError, with a text for people, where none can be learned."""
    try:
        named = dns.resolver.Resolver().nameservers
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
    return _read(await _exchange(server, query, seconds), server)


async def _exchange(server: Server, query: QueryMessage, seconds: float) -> QueryMessage:
    try:
        async with asyncio.timeout(seconds):
            response, _ = await dns.asyncquery.udp_with_fallback(
                query, server.address, port=server.port, ignore_unexpected=True
            )
    except EOFError as problem:
        raise ConnectionResetError("it hung up without an answer") from problem
    except (dns.exception.DNSException, ValueError) as problem:
        raise ValueError(f"an answer that cannot be read ({type(problem).__name__})") from problem
    return response  # type: ignore[return-value] # a query is answered by a message of the same kind


def _read(response: QueryMessage, server: Server) -> Answer:
    """Follow the CNAME records of an answer to its records (RFC 1034 §3.6.2)."""
    code = dns.rcode.to_text(response.rcode())
    if code not in {"NOERROR", "NXDOMAIN"}:
        return Answer(server, code)
    try:
        chain = response.resolve_chaining()
    except dns.exception.DNSException as problem:
        raise ValueError(f"an answer that cannot be read ({type(problem).__name__})") from problem
    return Answer(
        server,
        code,
        tuple(chain.answer) if chain.answer else (),
        tuple(written(cname[0].target) for cname in chain.cnames),
        bool(response.flags & dns.flags.AD),
    )


def written(name: dns.name.Name) -> str:
    r"""A name of DNS as text: lower case, no trailing dot, odd octets as \DDD (RFC 1035 §5.1); "" is the root."""
    return "" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()
