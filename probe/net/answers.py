"""Answers of DNS: each question is asked once for all who want to know, in its turn, and what was said is kept a while.

Thousands may ask at once; neither the questions on their way nor the answers in memory are more than so many.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf

from msgspec import Struct, field

from probe.net.packet import octets_of
from probe.net.resolve import NO_ANSWER, THIS_COMPUTER, address_of, unresolved
from probe.net.resolvers import Resolvers
from probe.net.servers import Answer, DnsOptions

GRACE = 0.2
"""Seconds more until we give up by ourselves, so that the server which does not answer is named."""
AT_ONCE = 150
"""Questions on their way at a time; dnsmasq takes no more unless it is told so (--dns-forward-max)."""
MOST_KEPT = 20_000
"""Answers that are kept; those that nobody asked for of late go first."""
FRESH, FRESH_FAILURE, FRESH_LIFE = 600.0, 60.0, 2.0
"""Seconds for which an answer counts, for which a failure does, and for which servers are known to be there."""
ROOT = (".", "NS")
NEVER_ASKED: Mapping[str, str] = {
    THIS_COMPUTER: "this computer (RFC 6761 §6.3)",
    "invalid": "no name in DNS (RFC 6761 §6.4)",
    "onion": "no name in DNS (RFC 7686 §2)",
}
"""Last label → what such a name is; DNS is not asked for it."""

Key = tuple[str, str]
"""Name and kind."""


class Coming(Struct):
    """A question on its way, and who waits for it; who grows tired, or is cancelled, does not end it for others."""

    task: asyncio.Task[None] | None = None
    answer: Answer | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)

    async def within(self, until: float) -> Answer | None:
        """Wait for the answer, up to this time of the loop; None = it took too long."""
        if self.answer is None:
            loop = asyncio.get_running_loop()
            waiter = loop.create_future()
            self.waiting.append(waiter)
            timer = loop.call_at(until, _wake, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
        return self.answer

    def end(self) -> None:
        """Tell all who wait."""
        for waiter in self.waiting:
            _wake(waiter)
        self.waiting.clear()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Answers:
    """The answers of a run."""

    def __init__(self, options: DnsOptions | None = None) -> None:
        self.options = options or DnsOptions()
        self.resolvers = Resolvers(self.options)
        self._known: OrderedDict[Key, tuple[float, Answer]] = OrderedDict()
        """With the time of the loop when each came; what was last asked for stands last."""
        self._coming: dict[Key, Coming] = {}
        self._turn = asyncio.Semaphore(AT_ONCE)
        self.heard = False
        """A server has answered, whatever it said."""

    async def of(self, name: str, kind: str, seconds: float) -> Answer:
        """The records of this kind, within so many seconds once it has its turn. Raises nothing for the network."""
        return (await self.each(name, (kind,), seconds))[0]

    async def each(self, name: str, kinds: Sequence[str], seconds: float) -> list[Answer]:
        """The same for several kinds, side by side."""
        if why := unaskable(name):
            return [Answer(failure=unresolved(why))] * len(kinds)
        begun = [(kind, await self._begun((name, kind), seconds)) for kind in kinds]
        until = asyncio.get_running_loop().time() + seconds + GRACE
        return [(await one.within(until)) or _too_late(name, kind, seconds) for kind, one in begun]

    async def alive(self, seconds: float) -> bool:
        """Whether any server answers, whatever it says. It holds for two seconds, and all who wonder ask but once."""
        coming = self._at_hand(ROOT, FRESH_LIFE) or self._begin(ROOT, seconds)
        answer = await coming.within(asyncio.get_running_loop().time() + seconds + GRACE)
        return answer is not None and _is_said(answer)

    async def end(self) -> None:
        """Cancel the questions that are on their way, and wait until they have ended."""
        tasks = [*(coming.task for coming in self._coming.values() if coming.task), *self.resolvers.under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _begun(self, key: Key, seconds: float) -> Coming:
        """Wait for the turn, during which no time runs, unless somebody has asked that already."""
        if at_hand := self._at_hand(key):
            return at_hand
        await self._turn.acquire()
        if at_hand := self._at_hand(key):
            self._turn.release()
            return at_hand
        return self._begin(key, seconds, self._turn)

    def _at_hand(self, key: Key, fresh: float = inf) -> Coming | None:
        """What is being asked, or what is known and not too old."""
        if coming := self._coming.get(key):
            return coming
        came, answer = self._known.get(key, (0.0, None))
        age = asyncio.get_running_loop().time() - came
        if answer is None or age > min(fresh, FRESH_FAILURE if answer.failure else FRESH):
            return None
        self._known.move_to_end(key)
        return Coming(answer=answer)

    def _begin(self, key: Key, seconds: float, turn: asyncio.Semaphore | None = None) -> Coming:
        """Ask in a task of its own; it gives the turn to another when it is done."""
        coming = self._coming[key] = Coming()
        coming.task = asyncio.create_task(self._ask(key, seconds, coming, turn))
        return coming

    async def _ask(self, key: Key, seconds: float, coming: Coming, turn: asyncio.Semaphore | None) -> None:
        try:
            coming.answer = await self.resolvers.answer(*key, seconds)
            self.heard |= _is_said(coming.answer)
            self._keep(key, coming.answer)
        finally:
            del self._coming[key]
            if turn:
                turn.release()
            coming.end()

    def _keep(self, key: Key, answer: Answer) -> None:
        self._known[key] = (asyncio.get_running_loop().time(), answer)
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)


def _is_said(answer: Answer) -> bool:
    """It came from a server, be it a refusal."""
    return answer.failure is None or NO_ANSWER not in answer.failure.symptoms


def _too_late(name: str, kind: str, seconds: float) -> Answer:
    return Answer(failure=unresolved(f"no answer to {name} {kind} in {seconds:.3g} s", NO_ANSWER))


@lru_cache(1024)
def unaskable(name: str) -> str:
    """Say why DNS is not asked for this name; "" where it is."""
    if address_of(name):
        return f"{name} is an address, and DNS knows names"
    label = name.rpartition(".")[2]
    if label in NEVER_ASKED:
        return f"{name} is {NEVER_ASKED[label]}; DNS is not asked for it"
    try:
        octets_of(name)
    except ValueError:
        return "it is no name that DNS could have (RFC 1035 §2.3.4)"
    return ""
