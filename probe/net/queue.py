"""The queue before the door: who calls which address next.

A turn needs a place at its network, one at its organisation, and its address for itself; then it is *ready*, and needs
one of the places of the whole run and its moment. Turns of one host's domain at one address make a *strand*. A strand
waits in one line at a time: that of the organisation, of the address, or of the network, in this order; and holds
nothing meanwhile but the address, before a network that is full for everybody there. So nobody keeps a place from
others that he cannot use, and work at a release grows with the operators that are full, not with those who wait.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from math import inf

from probe.net.operators import Key, Reception, Standing
from probe.net.turn import Address, Operator, Phase, Strand, Turn

REMEMBERED = 4096
"""Operators with whom we have nothing to do at present, and whose standing is kept."""

SOON = 0.001
"""Seconds by which a pause may be shorter, so that pauses that end together are ended together."""

LATE = 0.01
"""Seconds for which a connection that began too late is made up for: the loop's timers are no better."""


class Queue:
    """Who is under way, and who waits. ``rate`` is in connections a second, ``pause`` in seconds; None = no limit."""

    def __init__(self, at_once: int, per_operator: int | None, pause: float, rate: float | None) -> None:
        self.waiting = 0
        self.under_way = 0
        self._at_once = at_once
        self._cap = per_operator or inf
        self._pause = pause
        self._interval = 1 / rate if rate else 0.0
        self._moment = 0.0
        """When the next connection may begin, in the loop's time."""
        self._alarm: asyncio.TimerHandle | None = None
        self._operators: dict[Key, Operator] = {}
        self._addresses: dict[bytes, Address] = {}
        self._strands: dict[tuple[bytes, Key], Strand] = {}
        self._ready: deque[Turn] = deque()
        self._resting: deque[tuple[float, list[Operator], bytes | None]] = deque()
        """When they are free, in the loop's time: who left, and the pause after it is not over."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._remembered: OrderedDict[Key, Standing] = OrderedDict()

    @property
    def ready(self) -> int:
        """How many wait for nothing but one of the places of the whole run, and their moment."""
        return len(self._ready)

    async def enter(self, address: bytes, keys: tuple[Key, ...]) -> Turn:
        """Wait for a turn at an address; ``leave`` ends it. Cancelled, it leaves nothing behind."""
        turn = Turn(address, tuple([self._operator(key) for key in keys]))
        self.waiting += 1
        self._join(turn)
        self._start()
        if turn.phase is not Phase.UNDER_WAY:
            turn.woken = asyncio.get_running_loop().create_future()
            try:
                await turn.woken
            except asyncio.CancelledError:
                self._give_up(turn)
                raise
        return turn

    def leave(self, turn: Turn) -> None:
        """End a turn. Its places are free after the pause, those of whoever is displeased later."""
        self.under_way -= 1
        turn.phase = Phase.GONE
        resting: dict[float, list[Operator]] = {}
        for operator in turn.operators:
            resting.setdefault(max(self._pause, operator.standing.penalty), []).append(operator)
        for seconds, operators in resting.items():
            self._rest(seconds, operators, turn.address if turn.operators[0] in operators else None)
        self._start()

    def _rest(self, seconds: float, operators: list[Operator], address: bytes | None) -> None:
        """Free these after so many seconds; those of the usual pause in one row, with one timer for all."""
        if not seconds:
            self._free(operators, address)
        elif seconds != self._pause:
            asyncio.get_running_loop().call_later(seconds, self._rested, operators, address)
        else:
            loop = asyncio.get_running_loop()
            self._resting.append((loop.time() + seconds, operators, address))
            if len(self._resting) == 1 or loop is not self._loop:
                self._loop = loop
                loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        """The pause of the first in the row is over, very likely that of others too."""
        loop = asyncio.get_running_loop()
        now = loop.time() + SOON
        while self._resting and self._resting[0][0] <= now:
            _, operators, address = self._resting.popleft()
            self._free(operators, address)
        if self._resting:
            loop.call_at(self._resting[0][0], self._wake)
        self._start()

    def heard(self, address: bytes, keys: tuple[Key, ...], how: Reception, connections: int) -> None:
        """Take note of how we were received, and of the connections that it took.

        Silence is a sign of a network alone, for firewalls stand around addresses; and not at the further ports of an
        address.
        """
        place = self._addresses.get(address)
        first = place is not None and place.paid
        if how is Reception.NOBODY:
            keys = keys[:1] if first else ()
        for operator in [self._operators[key] for key in keys if key in self._operators]:
            self._note(operator, how)
        if place:
            self._moment += (connections - first) * self._interval
            place.paid = False

    def _note(self, operator: Operator, how: Reception) -> None:
        if self._cap < inf:
            operator.standing.note(how)
            operator.cap = 1 if operator.standing.penalty else self._cap

    def _operator(self, key: Key) -> Operator:
        operator = self._operators.get(key)
        if not operator:
            standing = self._remembered.pop(key, None) or Standing()
            operator = self._operators[key] = Operator(key, standing, 1 if standing.penalty else self._cap)
        operator.turns += 1
        return operator

    def _part(self, operator: Operator) -> None:
        """One turn less; with the last, an operator is forgotten but for its standing."""
        operator.turns -= 1
        if operator.turns:
            return
        del self._operators[operator.key]
        if operator.standing.penalty or operator.standing.let_in:
            self._remembered[operator.key] = operator.standing
            if len(self._remembered) > REMEMBERED:
                self._remembered.popitem(last=False)

    def _join(self, turn: Turn, *, first: bool = False) -> None:
        strand = self._strands.get(turn.strand)
        if strand is None and self._clear(turn):
            self._addresses[turn.address] = address = Address(taken=True)
            self._take(turn, address)
        elif strand is None:
            strand = self._strands[turn.strand] = Strand(turn.address, turn.operators, deque((turn,)))
            self._place(strand)
        elif first:
            strand.turns.appendleft(turn)
        else:
            strand.turns.append(turn)

    def _clear(self, turn: Turn) -> bool:
        """Nothing stands in its way, as mostly nothing does."""
        if turn.address in self._addresses:
            return False
        return not turn.operators[0].full and not turn.operators[-1].full

    def _place(self, strand: Strand) -> None:
        """Make the first of a strand ready, or let it wait in the line of what it lacks."""
        while strand.turns and strand.turns[0].phase is Phase.GONE:
            for operator in strand.turns.popleft().operators:
                self._part(operator)
        holder = self._holder(strand)
        if holder is not None:
            _line(holder).append(strand)
        else:
            del self._strands[strand.address, strand.operators[-1].key]

    def _holder(self, strand: Strand) -> Operator | Address | None:
        """Whose line a strand has to wait in, its first turn made ready where that can be; None = it is used up."""
        if not strand.turns:
            return None
        network, *organisation = strand.operators
        for operator in organisation:
            if operator.full:
                return operator
        address = self._addresses.setdefault(strand.address, Address())
        if address.taken:
            return address
        address.taken = True
        if network.full:
            return network
        self._take(strand.turns.popleft(), address)
        return address if strand.turns else None

    def _take(self, turn: Turn, address: Address) -> None:
        address.paid = True
        turn.phase = Phase.READY
        for operator in turn.operators:
            operator.used += 1
        if self._interval and not self._ready:
            self._moment = max(self._moment, asyncio.get_running_loop().time())
        self._ready.append(turn)

    def _rested(self, operators: list[Operator], address: bytes | None) -> None:
        self._free(operators, address)
        self._start()

    def _free(self, operators: list[Operator], address: bytes | None) -> None:
        """Give places back, and let others have them: all of them first, for a turn needs them together."""
        self._hand_on(operators, address)
        for operator in operators:
            self._part(operator)

    def _hand_on(self, operators: list[Operator], address: bytes | None) -> None:
        for operator in operators:
            operator.used -= 1
        for operator in operators:
            while operator.line and not operator.full:
                strand = operator.line.popleft()
                if operator is strand.operators[0]:
                    self._vacate(strand.address, strand)
                else:
                    self._place(strand)
        if address is not None:
            self._vacate(address)

    def _vacate(self, address: bytes, first: Strand | None = None) -> None:
        """Let the next of an address have it; ``first`` held it while it waited for the network."""
        place = self._addresses[address]
        place.taken = False
        if first:
            _line(place).appendleft(first)
        while place.line and not place.taken:
            self._place(place.line.popleft())
        if not place.taken:
            del self._addresses[address]

    def _start(self) -> None:
        """Let those begin who are ready, in the order in which they became so."""
        while self._ready and self.under_way < self._at_once and self._in_time():
            turn = self._ready.popleft()
            if turn.phase is Phase.GONE or (turn.woken and turn.woken.done()):
                continue  # cancelled; its places are given back by whoever waited
            if turn.operators[0].crowded or turn.operators[-1].crowded:
                self._put_back(turn)
            else:
                self._begin(turn)

    def _put_back(self, turn: Turn) -> None:
        """Somebody was displeased after it had become ready."""
        turn.phase = Phase.WAITING
        self._join(turn, first=True)
        self._hand_on(list(turn.operators), turn.address)

    def _begin(self, turn: Turn) -> None:
        turn.phase = Phase.UNDER_WAY
        self.waiting -= 1
        self.under_way += 1
        if self._interval:
            self._moment = max(self._moment, asyncio.get_running_loop().time() - LATE) + self._interval
        if turn.woken:
            turn.woken.set_result(None)

    def _in_time(self) -> bool:
        """Say whether the next connection may begin; if not, it is seen to that it will."""
        loop = asyncio.get_running_loop()
        if not self._interval or self._moment <= loop.time():
            return True
        if self._alarm is None:
            self._alarm = loop.call_at(self._moment, self._ring)
        return False

    def _ring(self) -> None:
        self._alarm = None
        self._start()

    def _give_up(self, turn: Turn) -> None:
        phase, turn.phase = turn.phase, Phase.GONE
        if phase is Phase.UNDER_WAY:
            self.under_way -= 1
        else:
            self.waiting -= 1
        if phase is not Phase.WAITING:
            self._free(list(turn.operators), turn.address)
            self._start()


def _line(holder: Operator | Address) -> deque[Strand]:
    """The line of those who wait for it, made when the first of them comes."""
    if holder.line is None:
        holder.line = deque()
    return holder.line
