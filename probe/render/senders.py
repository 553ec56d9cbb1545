"""What senders do with an endpoint, as a short table: outcome, senders, and why."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from probe.catalogue.senders import BREAK, OUTCOMES, libraries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from probe.model import EndpointReport, Refusal
    from probe.render.sheet import Sheet

GOOD = "delivers"
BAD = frozenset({"refuses", "defers", "warns"})
WIDTH = 8
"""Of the longest outcome."""


def tell_senders(sheet: Sheet, endpoint: EndpointReport, *, verbose: bool) -> None:
    """Say who refuses and why, the worst first; nothing where nobody does; with ``verbose`` where it is known from."""
    told = endpoint.refused_by
    if not told or not (verbose or BAD.intersection(refusal.outcome for refusal in told)):
        return
    sheet.say("What senders do:", first="  ")
    for refusal in told if verbose else ():
        sheet.say(f"{_who([refusal.sender])}: {_clause(refusal)}", first=f"    {refusal.outcome:<{WIDTH}}  ")
        sheet.say(refusal.why.partition(BREAK)[2], first=" " * (WIDTH + 6))
    for outcome, who, why in () if verbose else _folded(told):
        sheet.say(f"{who}: {why}" if outcome != GOOD else who, first=f"    {outcome:<{WIDTH}}  ")
    sheet.blank()


def tell_all_senders(sheet: Sheet, chains: Mapping[str, EndpointReport]) -> None:
    """Say once, by the letters of the chains, who refuses which and why; nothing of a chain that nobody minds."""
    letters: dict[tuple[str, str, str], list[str]] = {}
    for letter, endpoint in chains.items():
        minded = BAD.intersection(refusal.outcome for refusal in endpoint.refused_by)
        for told in endpoint.refused_by if minded else ():
            why = "" if told.outcome == GOOD else _clause(told)
            letters.setdefault((told.outcome, why, told.sender), []).append(letter)
    rows: dict[tuple[str, str, str], list[str]] = {}
    for (outcome, why, sender), seen in letters.items():
        rows.setdefault((outcome, why, ", ".join(seen)), []).append(sender)
    if not rows:
        return
    sheet.say("What senders do, by chain:", first="  ")
    width = max(len(chosen) for _, _, chosen in rows)
    for outcome, why, chosen in sorted(rows, key=lambda row: OUTCOMES.index(row[0])):
        words = ": ".join(filter(None, (_who(rows[outcome, why, chosen]), why)))
        sheet.say(words, first=f"    {outcome:<{WIDTH}}  {chosen:<{width}}  ")
    sheet.blank()


def _folded(told: Iterable[Refusal]) -> Iterator[tuple[str, str, str]]:
    """Put together whoever does the same for the same reason; those who deliver are one, whatever their reason."""
    for outcome, alike in groupby(told, key=lambda refusal: refusal.outcome):
        reasons: dict[str, list[str]] = {}
        for refusal in alike:
            reasons.setdefault("" if outcome == GOOD else _clause(refusal), []).append(refusal.sender)
        yield from ((outcome, _who(senders), why) for why, senders in reasons.items())


def _who(senders: Sequence[str]) -> str:
    """Libraries are no senders, which is said once for all of them."""
    built = [name for name in senders if name in libraries()]
    others = [name for name in senders if name not in built]
    return ", ".join([*others, f"programs on {', '.join(built)}"] if built else others)


def _clause(refusal: Refusal) -> str:
    return refusal.why.partition(BREAK)[0]
