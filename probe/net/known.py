"""What a survey knows so far: complete when it returns, and useful when it is interrupted."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from probe.model import Domain, Endpoint, Observation, Survey, Target, TlsaAnswer
from probe.net.ways import named_look

Rank = tuple[int, int, int]
"""Host, address, look: the order in which a reader wants them."""


class Known(Struct):
    """What is known so far; complete when ``survey`` returns, and useful when it is interrupted."""

    target: Target
    domain: Domain | None = None
    seen: dict[Rank, Observation] = field(default_factory=dict)
    waiting: dict[Rank, Endpoint | str] = field(default_factory=dict)
    """Looks that were begun or are to come, and are not done; where there is more to say than where to, in words."""
    left_out: list[str] = field(default_factory=list)
    tlsa: dict[tuple[int, int], TlsaAnswer] = field(default_factory=dict)
    """Number of the host, port → what DNS says of DANE there."""

    @property
    def survey(self) -> Survey:
        """As a value."""
        looks = tuple([self._with_tlsa(rank, self.seen[rank]) for rank in sorted(self.seen)])
        waiting = [named_look(one) if isinstance(one, Endpoint) else one for one in self.waiting.values()]
        return Survey(self.target, looks, self.domain, tuple(dict.fromkeys((*self.left_out, *waiting))))

    def _with_tlsa(self, rank: Rank, seen: Observation) -> Observation:
        answer = self.tlsa.get((rank[0], seen.endpoint.port))
        return seen if answer is seen.tlsa else replace(seen, tlsa=answer)

    def count(self) -> tuple[int, int]:
        """Looks that are done, and all that are known of."""
        return len(self.seen), len(self.seen) + len(self.waiting)

    def add(self, rank: Rank, seen: Observation) -> None:
        """Keep a look that is done."""
        self.waiting.pop(rank, None)
        self.seen[rank] = seen

    def leave_out(self, rank: Rank, named: str) -> None:
        """Note a look that will not be taken."""
        self.waiting.pop(rank, None)
        self.left_out.append(named)
