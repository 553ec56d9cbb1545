"""The targets of a sweep, each once, and how many there are, as far as that is known while the list is read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator

from msgspec import Struct

from probe.lists import Listing, unique
from probe.model import Target
from probe.net.outage import Halted
from probe.results.row import key_of
from probe.results.seen import Seen

DONE = "done "
"""Before the key of a target that an earlier run has done."""


class Wanted(Struct):
    """What a list wants to be looked at."""

    listing: Listing
    seen: Seen
    earlier: int = 0
    """Targets that earlier runs have done."""
    missing: int = 0
    """Of these, those that were not met in the list."""
    repeated: int = 0
    """Lines that name a target again."""
    _lines: int | None = None
    """Lines that may hold a target, exact once the list is read to its end; None = nobody knows."""
    _mistakes: int = 0

    def done(self, key: str) -> None:
        """Take note of a target that an earlier run has done. Raises Halted."""
        self.earlier += 1
        self.missing += 1
        self._add(DONE + key)

    def targets(
        self, name: str, mistake: Callable[[int, str, str], None], understood: Callable[[str], Target], *, shuffle: bool
    ) -> Iterable[Target] | AsyncIterable[Target]:
        """Give those that are to be looked at; what is none is told to ``mistake``. May raise Halted while it is read.

        Where ``name`` is no file, it is read beside everything else: nobody knows when its next line comes.
        """
        from probe.net.feed import fed

        def mistaken(number: int, text: str, why: str) -> None:
            self._mistakes += bool(text)
            mistake(number, text, why)

        self._lines = self.listing.how_many()
        every = self._counted(self.listing.targets(mistaken, understood, shuffle=shuffle))
        if os.path.isfile(name):  # noqa: PTH113 -- pathlib's raises on odd names
            return unique(every, self._is_new, key_of)
        return self._new(fed(every))

    def expected(self) -> int | None:
        """How many targets are in the list, as far as it is read; None = nobody knows."""
        return None if self._lines is None else self._lines - self._mistakes - self.repeated

    def _counted(self, targets: Iterable[Target]) -> Iterator[Target]:
        number = 0
        for target in targets:
            number += 1
            yield target
        self._lines = number + self._mistakes

    async def _new(self, targets: AsyncIterator[Target]) -> AsyncIterator[Target]:
        async for target in targets:
            if self._is_new(key_of(target)):
                yield target

    def _is_new(self, key: str) -> bool:
        """It did not stand in the list before, and no earlier run has done it."""
        if not self._add(key):
            self.repeated += 1
            return False
        known = self.missing > 0 and DONE + key in self.seen
        self.missing -= known
        return not known

    def _add(self, key: str) -> bool:
        try:
            return self.seen.add(key)
        except OSError as problem:
            raise Halted(str(problem)) from problem
