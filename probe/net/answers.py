"""Questions to DNS servers, each asked once a run: one server after the other, within bounds; and whom to believe."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from probe.model import Dnssec, Failure, Trouble
from probe.net.resolve import address_of
from probe.net.servers import Answer, DnsOptions, Server, is_loopback

ATTEMPT = 3.0
"""Seconds that one server has for one question; it is asked twice, since UDP may lose one."""
ROUNDS = 2
GRACE = 0.2
"""Seconds more until we give up by ourselves, so that the server which does not answer is named."""
SERVERS = 3
"""As many of the system's servers as its own resolver asks (resolv.conf(5), MAXNS)."""
THIS_COMPUTER = "localhost"
NEVER_ASKED: Mapping[str, str] = {
    THIS_COMPUTER: "this computer (RFC 6761 §6.3)",
    "invalid": "no name in DNS (RFC 6761 §6.4)",
    "onion": "no name in DNS (RFC 7686 §2)",
}
"""Last label → what such a name is; DNS is not asked for it."""


def unresolved(text: str, *symptoms: str) -> Failure:
    """Nobody could tell, or there is none."""
    return Failure(Trouble.UNRESOLVED, text, symptoms)


@dataclass(slots=True)
class Answers:
    """The answers of a run; a failure is kept like any other."""

    options: DnsOptions = field(default_factory=DnsOptions)
    _tasks: dict[tuple[object, ...], asyncio.Task[Any]] = field(default_factory=dict)

    async def of(self, name: str, kind: str, seconds: float) -> Answer:
        """The records of this kind, within so many seconds. Raises nothing for what the network does."""
        if why := unaskable(name):
            return Answer(failure=unresolved(why))
        task = self._once((name, kind), self._found(name, kind, seconds))
        try:
            return await asyncio.wait_for(asyncio.shield(task), seconds + GRACE)
        except TimeoutError:
            return Answer(failure=unresolved(f"no answer to {name} {kind} in {seconds:.3g} s"))

    def _once(self, key: tuple[object, ...], work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do it in a task of its own, which outlives whoever grows tired of waiting for it."""
        task = self._tasks.get(key)
        if task is None or task.cancelled():
            task = self._tasks[key] = asyncio.create_task(work)
        else:
            work.close()
        return task

    async def _found(self, name: str, kind: str, seconds: float) -> Answer:
        """Ask the servers in turn until one knows; else tell why the first that answered could not, or the first."""
        until = asyncio.get_running_loop().time() + seconds
        try:
            servers = self._servers()
        except OSError as problem:
            return Answer(failure=unresolved(str(problem)))
        failed: dict[Server, Answer] = {}
        for server in servers * ROUNDS:
            left = until - asyncio.get_running_loop().time()
            if (failed and left <= 0) or (server in failed and failed[server].rcode):
                continue
            answer = await self._from(server, name, kind, left)
            if answer.failure is None:
                return answer
            failed.setdefault(server, answer)
        return max(failed.values(), key=lambda answer: bool(answer.rcode))

    def _servers(self) -> tuple[Server, ...]:
        if self.options.resolver:
            return tuple(Server(*server) for server in self.options.resolver)
        from probe.net.query import system_servers

        return system_servers()[:SERVERS]

    async def _from(self, server: Server, name: str, kind: str, seconds: float) -> Answer:
        from probe.net.query import ask

        wait = max(min(ATTEMPT, seconds), 0)
        question = f"{name} {kind}"
        try:
            answer = await ask(server, name, kind, wait)
            if answer.rcode in {"NOERROR", "NXDOMAIN"}:
                return replace(answer, dnssec=await self._dnssec(server, wait, ad=answer.ad))
            bogus = answer.rcode == "SERVFAIL" and await self._answers_unvalidated(server, name, kind, wait)
        except TimeoutError:
            text = f"no answer to {question} from {server} in {wait:.3g} s"
        except OSError as problem:
            text = f"no answer to {question} from {server}: {problem.strerror or problem}"
        except ValueError as problem:
            text = f"{problem}, to {question}, from {server}"
        else:
            why = "; the records come when it is told not to validate them (CD)" if bogus else ""
            failure = unresolved(f"{answer.rcode} for {question}, says {server}{why}", f"rcode:{answer.rcode}")
            return replace(answer, dnssec=Dnssec.BOGUS if bogus else Dnssec.UNKNOWN, failure=failure)
        return Answer(server, failure=unresolved(text))

    async def _answers_unvalidated(self, server: Server, name: str, kind: str, seconds: float) -> bool:
        """The answer comes when the resolver is told not to validate (CD, RFC 4035 §3.2.2)."""
        from probe.net.query import ask

        try:
            return (await ask(server, name, kind, seconds, cd=True)).rcode in {"NOERROR", "NXDOMAIN"}
        except (OSError, ValueError):  # TimeoutError is an OSError
            return False

    async def _dnssec(self, server: Server, seconds: float, *, ad: bool) -> Dnssec:
        """What its word is worth: AD from afar may have been set on the way (RFC 7672 §2.1)."""
        if not (self.options.trust_ad or is_loopback(server)):
            return Dnssec.UNKNOWN
        if ad:
            return Dnssec.SECURE
        return Dnssec.INSECURE if await self._validates(server, seconds) else Dnssec.UNKNOWN

    async def _validates(self, server: Server, seconds: float) -> bool:
        """It says AD of the root, which is signed; one that never says it tells nothing by its silence."""
        word: bool = await asyncio.shield(self._once((server, "."), self._root_is_signed(server, seconds)))
        return word

    async def _root_is_signed(self, server: Server, seconds: float) -> bool:
        from probe.net.query import ask

        try:
            return (await ask(server, ".", "NS", seconds)).ad
        except (OSError, ValueError):
            return False


def unaskable(name: str) -> str:
    """Say why DNS is not asked for this name; "" where it is."""
    if address_of(name):
        return f"{name} is an address, and DNS knows names"
    label = name.rpartition(".")[2]
    if label in NEVER_ASKED:
        return f"{name} is {NEVER_ASKED[label]}; DNS is not asked for it"
    from probe.net.query import is_name

    return "" if is_name(name) else "it is no name that DNS could have (RFC 1035 §2.3.4)"
