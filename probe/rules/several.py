"""What the looks of one survey are good for to one another: where to ask again, and certificates that others sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from probe.model import Endpoint, Observation, Side, Stage

Spot = tuple[str | None, int, str | None]
"""Host, port, address."""


def spot(seen: Observation) -> Spot:
    """Where a look was taken."""
    return seen.endpoint.host, seen.endpoint.port, seen.endpoint.address


def apart(observations: Sequence[Observation]) -> Mapping[Spot, str]:
    """Tell which address a command must name, wherever the addresses of a host do not show the same.

    Of addresses that show the same it is the first. One that does not let us in leads nobody astray.
    """
    shown: dict[Spot, set[object]] = defaultdict(set)
    for seen in observations:
        if seen.endpoint.host and seen.endpoint.address and seen.stage not in {Stage.DNS, Stage.CONNECT}:
            shown[spot(seen)].add((seen.presented, seen.failure and seen.failure.trouble))
    alike: dict[tuple[str | None, int], dict[frozenset[object], str]] = defaultdict(dict)
    for (host, port, address), what in shown.items():
        alike[host, port].setdefault(frozenset(what), address or "")
    return {place: alike[place[:2]][frozenset(what)] for place, what in shown.items() if len(alike[place[:2]]) > 1}


def sent(observations: Sequence[Observation]) -> Mapping[bytes, Endpoint]:
    """Give the certificates that servers sent, DER, and who sent each first; none where all sent one list."""
    if len({seen.presented for seen in observations if seen.presented is not None}) < 2:
        return {}
    found: dict[bytes, Endpoint] = {}
    for seen in observations:
        if seen.side is Side.SERVER and seen.endpoint.address:
            for der in seen.presented or ():
                found.setdefault(der, seen.endpoint)
    return found
