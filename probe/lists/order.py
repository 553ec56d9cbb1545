"""The order of a list, mixed in constant memory: lists are sorted by operator, and no operator wants us all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from random import Random
from typing import TypeVar

T = TypeVar("T")


def in_turn(parts: list[Iterator[T]], chance: Random) -> Iterator[T]:
    """Take the next item of a random part, until all are at their ends."""
    parts = list(parts)
    while parts:
        at = int(chance.random() * len(parts))
        try:
            yield next(parts[at])
        except StopIteration:
            parts[at] = parts[-1]
            parts.pop()


def mixed(items: Iterable[T], window: int, chance: Random) -> Iterator[T]:
    """Take a random one of the next ``window`` items; as many are held, and none comes before they were read."""
    rest = iter(items)
    held = list(islice(rest, window))
    for item in rest:
        at = int(chance.random() * window)
        yield held[at]
        held[at] = item
    chance.shuffle(held)
    yield from held
