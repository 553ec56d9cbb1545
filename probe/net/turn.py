"""What the queue knows of a wish to call an address, and of those whose address it is."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import Enum, auto

from msgspec import Struct, field

from probe.net.operators import Key, Standing


class Phase(Enum):
    """How far a turn has come."""

    WAITING = auto()
    READY = auto()
    UNDER_WAY = auto()
    GONE = auto()


class Operator(Struct, eq=False):
    """A network or an organisation with which we have to do now."""

    key: Key
    standing: Standing
    cap: float
    used: int = 0
    """Places of turns that are ready, under way, or ended less than the pause ago."""
    turns: int = 0
    """Those, and whoever waits."""
    line: deque[Strand] | None = None
    """Who waits for it; mostly nobody."""

    @property
    def full(self) -> bool:
        """Nobody else may come."""
        return self.used >= self.cap

    @property
    def crowded(self) -> bool:
        """More are let in than may be, since somebody was displeased."""
        return self.used > self.cap


class Address(Struct, eq=False):
    """An address that somebody has, or has just had."""

    taken: bool = False
    paid: bool = False
    """The first connection of a turn; only further ones are charged for."""
    line: deque[Strand] | None = None


class Turn(Struct, eq=False):
    """One wish to call an address."""

    address: bytes
    operators: tuple[Operator, ...]
    """The network, and the organisation where it is known."""
    phase: Phase = Phase.WAITING
    woken: asyncio.Future[None] | None = None

    @property
    def strand(self) -> tuple[bytes, Key]:
        """Who has this in common waits together."""
        return self.address, self.operators[-1].key


class Strand(Struct, eq=False):
    """Those who wait for the same address and the same operators."""

    address: bytes
    operators: tuple[Operator, ...]
    turns: deque[Turn] = field(default_factory=deque)
