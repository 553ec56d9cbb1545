"""The UDP sockets to one DNS server, shared by all questions that are on their way.

A packet is taken for an answer only where its id belongs to a question that waits at this socket and the question in it
is that one; whatever else comes is passed over, for anybody may send it (RFC 5452 §9). The ports change: questions are
spread over a few sockets, and each takes a limited number of them.
"""

from __future__ import annotations

import asyncio
import os
import socket

from msgspec import Struct, field

from probe.net.packet import Question
from probe.net.servers import Server

SOCKETS = 8
LIFE = 2000
"""Questions that one socket takes, until another with a port of its own takes its place."""
BATCH = 32
"""Packets that are read before others have their turn."""
LONGEST = 4096
"""Octets of a packet; we ask for 1232, or 512, and some servers send more."""


class Line(Struct):
    """One socket, and who waits there."""

    sock: socket.socket
    waiting: dict[int, tuple[Question, asyncio.Future[bytes]]] = field(default_factory=dict)
    """Id → the question, and where its answer goes."""
    left: int = LIFE

    @classmethod
    def to(cls, server: Server) -> Line:
        """Open one. Raises OSError."""
        sock = socket.socket(socket.AF_INET6 if ":" in server.address else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.connect(server)
            line = cls(sock)
            asyncio.get_running_loop().add_reader(sock, line.receive)
        except BaseException:
            sock.close()
            raise
        return line

    def enter(self, question: Question, answer: asyncio.Future[bytes]) -> int:
        """Wait for an answer with the id that is returned, which no other question here has."""
        number = _drawn(2)
        while number in self.waiting:
            number = _drawn(2)
        self.left -= 1
        self.waiting[number] = (question, answer)
        return number

    def send(self, packet: bytes) -> None:
        """Send, or lose it, as UDP may. The network's word may be about an earlier question, so all are told."""
        try:
            self.sock.send(packet)
        except BlockingIOError:
            return
        except OSError as problem:
            self.fail(problem)

    def receive(self) -> None:
        """Give answers to who waits for them; where the network says that nobody is there, tell all."""
        try:
            for _ in range(BATCH):
                packet = self.sock.recv(LONGEST)
                question, answer = self.waiting.get(int.from_bytes(packet[:2], "big"), (None, None))
                if question and answer and not answer.done() and question.is_answered(packet):
                    answer.set_result(packet)
        except BlockingIOError:
            return
        except OSError as problem:
            self.fail(problem)

    def fail(self, problem: OSError) -> None:
        """Tell all who wait here."""
        for _, answer in self.waiting.values():
            if not answer.done():
                answer.set_exception(OSError(problem.errno, problem.strerror))

    def close(self) -> None:
        """Nobody waits here any more."""
        asyncio.get_running_loop().remove_reader(self.sock)
        self.sock.close()


class Sockets(Struct):
    """The sockets to one server."""

    server: Server
    kept: bool = False
    """Sockets stay open while nobody waits, until ``close``."""
    _lines: list[Line] = field(default_factory=list)

    async def answer(self, question: Question, seconds: float, *, edns: bool = True, cd: bool = False) -> bytes:
        """The packet that answers this question. Raises OSError for the network, TimeoutError after ``seconds``."""
        loop, line = asyncio.get_running_loop(), self._line()
        answer: asyncio.Future[bytes] = loop.create_future()
        timer, number = loop.call_later(seconds, _give_up, answer), line.enter(question, answer)
        try:
            line.send(question.packet(number, edns=edns, cd=cd))
            return await answer
        finally:
            timer.cancel()
            del line.waiting[number]
            if not line.waiting and not (self.kept and line.left):
                self._end(line)

    def close(self) -> None:
        """No socket is kept any longer; one where somebody waits is closed by who waits last."""
        self.kept = False
        for line in [line for line in self._lines if not line.waiting]:
            self._end(line)

    def _line(self) -> Line:
        """One of those that still take questions; a new one while they are few."""
        if len(self._lines) < SOCKETS:
            self._lines.append(Line.to(self.server))
            return self._lines[-1]
        line = self._lines[_drawn(1) % SOCKETS]
        if line.left == 1:
            self._lines.remove(line)
        return line

    def _end(self, line: Line) -> None:
        if line in self._lines:
            self._lines.remove(line)
        line.close()


def _drawn(octets: int) -> int:
    """A number that nobody can foresee."""
    return int.from_bytes(os.urandom(octets), "big")


def _give_up(answer: asyncio.Future[bytes]) -> None:
    if not answer.done():
        answer.set_exception(TimeoutError())
