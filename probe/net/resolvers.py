"""The DNS servers of a run, asked one after the other, within bounds; and whom of them to believe."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from probe.model import Dnssec
from probe.net.packet import Question, Said, question
from probe.net.query import ask
from probe.net.resolve import NO_ANSWER, unresolved
from probe.net.servers import Answer, DnsOptions, Server, is_loopback, system_servers
from probe.net.sockets import Sockets

ATTEMPT = 3.0
"""Seconds that one server has for one question; it is asked twice, since UDP may lose one."""
ROUNDS = 2
ANSWERED = frozenset({"NOERROR", "NXDOMAIN"})
"""That a name does not exist is an answer."""


class Resolvers(Struct):
    """The servers, and the sockets to them."""

    options: DnsOptions
    kept: bool = False
    """Sockets stay open while nobody asks, until ``close``."""
    _sockets: dict[Server, Sockets] = field(default_factory=dict)
    _signs: dict[Server, asyncio.Task[bool]] = field(default_factory=dict)
    """Server → whether it says AD of the root, which is signed."""

    @property
    def under_way(self) -> list[asyncio.Task[bool]]:
        """Questions that nobody but us has asked, and that are not answered yet."""
        return [task for task in self._signs.values() if not task.done()]

    def close(self) -> None:
        """Keep no socket open any longer."""
        self.kept = False
        for sockets in self._sockets.values():
            sockets.close()

    async def answer(self, name: str, kind: str, seconds: float) -> Answer:
        """Ask until one knows; else tell why the first that answered could not, or the first.

        Raises nothing for what the network does, and ValueError for what can be no name.
        """
        try:
            servers = self._servers()
        except OSError as problem:
            return Answer(failure=unresolved(str(problem), NO_ANSWER))
        asked, left = question(name, kind), _left(seconds)
        failed: dict[Server, Answer] = {}
        for server in list(servers) * ROUNDS:
            if (failed and left() <= 0) or (server in failed and failed[server].rcode):
                continue
            answer = await self._from(servers[server], asked, max(min(ATTEMPT, left()), 0))
            if answer.failure is None:
                return answer
            failed.setdefault(server, answer)
        return max(failed.values(), key=lambda answer: bool(answer.rcode))

    def _servers(self) -> dict[Server, Sockets]:
        """Learned once."""
        if not self._sockets:
            named = [Server(*server) for server in self.options.resolver] or system_servers()
            self._sockets = {server: Sockets(server, self.kept) for server in named}
        return self._sockets

    async def _from(self, sockets: Sockets, asked: Question, seconds: float) -> Answer:
        server, named = sockets.server, f"{asked.name} {asked.kind}"
        symptoms: tuple[str, ...] = (NO_ANSWER,)
        try:
            said = await ask(sockets, asked, seconds)
            if said.rcode in ANSWERED:
                dnssec = await self._dnssec(sockets, seconds, said)
                return Answer(server, said.rcode, said.records, said.aliases, dnssec)
            return await self._refused(sockets, asked, seconds, said)
        except TimeoutError:
            text = f"no answer to {named} from {server} in {seconds:.3g} s"
        except OSError as problem:
            text = f"no answer to {named} from {server}: {problem.strerror or problem}"
        except ValueError as problem:
            text, symptoms = f"{problem}, to {named}, from {server}", ()
        return Answer(server, failure=unresolved(text, *symptoms))

    async def _refused(self, sockets: Sockets, asked: Question, seconds: float, said: Said) -> Answer:
        """Say why, and whether the answer comes when the server is told not to validate (CD, RFC 4035 §3.2.2)."""
        bogus, server = False, sockets.server
        if said.rcode == "SERVFAIL":
            try:
                bogus = (await ask(sockets, asked, seconds, cd=True)).rcode in ANSWERED
            except (OSError, ValueError):  # TimeoutError is an OSError
                bogus = False
        why = "; the records come when it is told not to validate them (CD)" if bogus else ""
        text = f"{said.rcode} for {asked.name} {asked.kind}, says {server}{why}"
        failure = unresolved(text, f"rcode:{said.rcode}")
        return Answer(server, said.rcode, dnssec=Dnssec.BOGUS if bogus else Dnssec.UNKNOWN, failure=failure)

    async def _dnssec(self, sockets: Sockets, seconds: float, said: Said) -> Dnssec:
        """What its word is worth: AD from afar may have been set on the way (RFC 7672 §2.1)."""
        if said.ad is None or not (self.options.trust_ad or is_loopback(sockets.server)):
            return Dnssec.UNKNOWN
        if said.ad:
            return Dnssec.SECURE
        return Dnssec.INSECURE if await self._validates(sockets, seconds) else Dnssec.UNKNOWN

    async def _validates(self, sockets: Sockets, seconds: float) -> bool:
        """It says AD of the root, which is signed; one that never says it tells nothing by its silence."""
        known = self._signs.get(sockets.server)
        if known is None or known.cancelled():
            known = self._signs[sockets.server] = asyncio.create_task(_signs_root(sockets, seconds))
        return known.result() if known.done() else await asyncio.shield(known)


async def _signs_root(sockets: Sockets, seconds: float) -> bool:
    try:
        return bool((await ask(sockets, question(".", "NS"), seconds)).ad)
    except (OSError, ValueError):
        return False


def _left(seconds: float) -> Callable[[], float]:
    """Tell how many of these seconds are left."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    return lambda: until - loop.time()
