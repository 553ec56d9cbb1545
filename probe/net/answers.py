"""Answers of DNS, each asked for once for all who want to know. Thousands may ask at once; not all of them are heard at
once, and not all that was said is kept.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from probe.net.packet import octets_of
from probe.net.resolve import NO_ANSWER, address_of
from probe.net.resolvers import Resolvers, unresolved
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
THIS_COMPUTER = "localhost"
NEVER_ASKED: Mapping[str, str] = {
    THIS_COMPUTER: "this computer (RFC 6761 §6.3)",
    "invalid": "no name in DNS (RFC 6761 §6.4)",
    "onion": "no name in DNS (RFC 7686 §2)",
}
"""Last label → what such a name is; DNS is not asked for it."""

Key = tuple[str, str]
"""Name and kind."""
Coming = Answer | asyncio.Task[Answer]
"""An answer, or who will have it."""


@dataclass(slots=True)
class Answers:
    """The answers of a run."""

    options: DnsOptions = field(default_factory=DnsOptions)
    resolvers: Resolvers = field(init=False)
    _known: OrderedDict[Key, tuple[float, Answer]] = field(default_factory=OrderedDict)
    """With the time of the loop when each came; what was last asked for stands last."""
    _coming: dict[Key, asyncio.Task[Answer]] = field(default_factory=dict)
    _turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self.resolvers = Resolvers(self.options)

    async def of(self, name: str, kind: str, seconds: float) -> Answer:
        """The records of this kind, within so many seconds once it has its turn. Raises nothing for the network."""
        return (await self.each(name, (kind,), seconds))[0]

    async def each(self, name: str, kinds: Sequence[str], seconds: float) -> list[Answer]:
        """The same for several kinds, side by side."""
        if why := unaskable(name):
            return [Answer(failure=unresolved(why))] * len(kinds)
        coming = [await self._begun((name, kind), seconds) for kind in kinds]
        until = asyncio.get_running_loop().time() + seconds + GRACE
        return [
            await _come(one, until) or _too_late(name, kind, seconds) for one, kind in zip(coming, kinds, strict=True)
        ]

    async def alive(self, seconds: float) -> bool:
        """Whether any server answers, whatever it says. It holds for two seconds, and all who wonder ask but once."""
        coming = self._at_hand(ROOT, FRESH_LIFE, FRESH_LIFE) or self._begin(ROOT, seconds)
        answer = await _come(coming, asyncio.get_running_loop().time() + seconds + GRACE)
        failure = answer.failure if answer else _too_late(*ROOT, seconds).failure
        return failure is None or NO_ANSWER not in failure.symptoms

    async def _begun(self, key: Key, seconds: float) -> Coming:
        """Wait for the turn, during which no time runs, unless somebody has asked that already."""
        if at_hand := self._at_hand(key):
            return at_hand
        await self._turn.acquire()
        if at_hand := self._at_hand(key):
            self._turn.release()
            return at_hand
        task = self._begin(key, seconds)
        task.add_done_callback(lambda _: self._turn.release())
        return task

    def _at_hand(self, key: Key, fresh: float = FRESH, fresh_failure: float = FRESH_FAILURE) -> Coming | None:
        """What is being asked, or what is known and not too old."""
        if task := self._coming.get(key):
            return task
        came, answer = self._known.get(key, (0.0, None))
        age = asyncio.get_running_loop().time() - came
        if answer is None or age > (fresh_failure if answer.failure else fresh):
            return None
        self._known.move_to_end(key)
        return answer

    def _begin(self, key: Key, seconds: float) -> asyncio.Task[Answer]:
        """Ask in a task of its own, which outlives whoever grows tired of waiting for it."""
        task = self._coming[key] = asyncio.create_task(self.resolvers.answer(*key, seconds))
        task.add_done_callback(lambda task: self._keep(key, task))
        return task

    def _keep(self, key: Key, task: asyncio.Task[Answer]) -> None:
        del self._coming[key]
        if task.cancelled() or task.exception():
            return
        self._known[key] = (task.get_loop().time(), task.result())
        self._known.move_to_end(key)
        while len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)


async def _come(coming: Coming, until: float) -> Answer | None:
    """Wait for it; whoever is cancelled meanwhile does not cancel it for others. None = it took too long."""
    if isinstance(coming, Answer):
        return coming
    if not coming.done():
        await asyncio.wait((coming,), timeout=max(until - asyncio.get_running_loop().time(), 0))
    return coming.result() if coming.done() else None


def _too_late(name: str, kind: str, seconds: float) -> Answer:
    return Answer(failure=unresolved(f"no answer to {name} {kind} in {seconds:.3g} s", NO_ANSWER))


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
