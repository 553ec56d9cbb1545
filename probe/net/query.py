"""One question to one DNS server: over UDP, over TCP where that is too short, without EDNS where it is not known."""

from __future__ import annotations

import asyncio

from probe.net.packet import Question, Said, is_truncated, read
from probe.net.servers import Server
from probe.net.sockets import Sockets

NO_EDNS = frozenset({"FORMERR", "NOTIMP"})
"""What servers say that do not know EDNS (RFC 6891 §7)."""


async def ask(server: Sockets, question: Question, seconds: float, *, cd: bool = False) -> Said:
    """Ask over UDP, and over TCP where the answer is too long for it.

    Signatures are asked for (DO), and so is the resolver's word on them (AD, RFC 6840 §5.7); CD asks it not to judge.
    A server that refuses such a question is asked the plain one, and then its word on signatures is ``None``.
    Raises OSError for the network, TimeoutError after ``seconds``, and ValueError for an answer that cannot be read.
    """
    until = asyncio.get_running_loop().time() + seconds
    said = await _ask(server, question, seconds, cd=cd)
    if said.rcode in NO_EDNS:
        left = until - asyncio.get_running_loop().time()
        plain = await _ask(server, question, left, edns=False)
        return plain._replace(ad=None)
    return said


async def _ask(server: Sockets, question: Question, seconds: float, *, edns: bool = True, cd: bool = False) -> Said:
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    packet = await server.answer(question, seconds, edns=edns, cd=cd)
    if is_truncated(packet):
        async with asyncio.timeout_at(until):
            packet = await _by_tcp(server.server, question, question.packet(0, edns=edns, cd=cd))
    try:
        return read(packet, question)
    except ValueError as problem:
        raise ValueError(f"an answer that cannot be read ({problem})") from problem


async def _by_tcp(server: Server, question: Question, packet: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(server.address, server.port)
    try:
        writer.write(len(packet).to_bytes(2, "big") + packet)
        answer = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError as problem:
        raise ConnectionResetError(f"it hung up after {len(problem.partial)} octets") from problem
    finally:
        writer.close()
    if answer[:2] != packet[:2] or not question.is_answered(answer):
        raise ValueError("an answer that cannot be read (it belongs to another question)")
    return answer
