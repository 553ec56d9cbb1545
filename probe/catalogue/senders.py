"""What each kind of sender does with an endpoint that has these traits: ``senders.toml``, read as data."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from probe.model import Protocol, Refusal

TABLE = Path(__file__).with_name("senders.toml")
OUTCOMES = ("refuses", "defers", "unknown", "warns", "delivers")
"""The worst first; what nobody knows may be worse than a warning."""
CLEAR = "clear"
"""Key of a sender: for these traits it delivers in plain text."""
BREAK = "; "
"""Between the clause of a ``Refusal.why`` and where it is known from."""


class Verifier(Struct, frozen=True):
    """What a TLS library refuses, and of what it is unknown whether it does; traits in either."""

    refuses: frozenset[str]
    unknown: frozenset[str]


class Sender(Struct, frozen=True):
    """A program, or a setting of one."""

    name: str
    source: str
    """Where its behaviour is known from."""
    speaks: frozenset[str]
    """Protocols with which it meets a server."""
    usual: str = "nothing"
    """Key of the clause for when it minds nothing."""
    asks: str = ""
    """"dane" or "sts": it is there only where a trait begins with that; "tls": only where TLS begins."""
    minds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Outcome, or CLEAR, → the traits for which it is that."""


def refusals(traits: Collection[str], protocol: str, only: str | None = None) -> tuple[Refusal, ...]:
    """Tell what everybody who speaks the protocol does, worst first; ``only`` those who ask for "dane" or "sts"."""
    return _refusals(frozenset(traits), protocol, only)


@lru_cache(maxsize=1024)
def _refusals(traits: frozenset[str], protocol: str, only: str | None) -> tuple[Refusal, ...]:
    meeting = [one for one in senders() if _meets(one, traits, protocol) and only in {None, one.asks}]
    return worst_first(_refusal(one, traits) for one in meeting)


def worst_first(told: Iterable[Refusal]) -> tuple[Refusal, ...]:
    """Sort rows as they are told."""
    return _sorted(tuple(told))


@lru_cache(maxsize=1024)
def _sorted(told: tuple[Refusal, ...]) -> tuple[Refusal, ...]:
    return tuple(sorted(told, key=lambda refusal: OUTCOMES.index(refusal.outcome)))


def _meets(sender: Sender, traits: Collection[str], protocol: str) -> bool:
    if sender.asks == "tls":
        return "no-starttls" not in traits
    asked = not sender.asks or any(trait.startswith(f"{sender.asks}-") for trait in traits)
    return asked and protocol in sender.speaks


def _refusal(sender: Sender, traits: Collection[str]) -> Refusal:
    for outcome, trait in _minded(sender, traits):
        if outcome == CLEAR:
            return _said(sender, "delivers", f"{clauses()['in-clear']}: {clauses()[trait]}")
        return _said(sender, outcome, clauses()[trait])
    return _said(sender, "delivers", clauses()[sender.usual])


def _minded(sender: Sender, traits: Collection[str]) -> Iterator[tuple[str, str]]:
    """Give what it minds of these traits, the worst outcome first, then in the order of the clauses.

    Where it is unknown whether DANE or a policy counts at all, whatever else such a sender minds is not sure.
    """
    doubts = [trait for trait in sender.minds.get("unknown", ()) if trait in traits and sender.asks in {"dane", "sts"}]
    yield from (("unknown", trait) for trait in sorted(doubts) if trait.startswith(f"{sender.asks}-"))
    for outcome in (*OUTCOMES[:-1], CLEAR, OUTCOMES[-1]):
        minded = sender.minds.get(outcome, frozenset()).intersection(traits)
        yield from ((outcome, trait) for trait in clauses() if trait in minded)


def _said(sender: Sender, outcome: str, clause: str) -> Refusal:
    return Refusal(sender.name, outcome, f"{clause}{BREAK}{sender.source}")


@cache
def senders() -> tuple[Sender, ...]:
    """Read the senders, each with what its verifier minds."""
    return tuple(_sender(row) for row in _table()["sender"])


def _sender(row: Mapping[str, Any]) -> Sender:
    minds = {outcome: frozenset(row.get(outcome, ())) for outcome in (*OUTCOMES, CLEAR)}
    if "by" in row:
        by, then = verifiers()[row["by"]], row.get("then", "refuses")
        minds[then] |= by.refuses
        minds["unknown"] |= by.unknown
    speaks = frozenset(row.get("speaks", Protocol))
    return Sender(row["name"], row["source"], speaks, row.get("usual", "nothing"), row.get("asks", ""), minds)


@cache
def libraries() -> frozenset[str]:
    """Names of rows that are TLS libraries: they carry no mail, and stand for whatever is built on them."""
    return frozenset(one.name for one in senders() if one.asks == "tls")


@cache
def verifiers() -> Mapping[str, Verifier]:
    """Read the verifiers; each stands behind the one that it is like."""
    found: dict[str, Verifier] = {}
    for name, row in _table()["verifier"].items():
        like = found[row["like"]] if "like" in row else Verifier(frozenset(), frozenset())
        own = {key: frozenset(row.get(key, ())) for key in ("refuses", "unknown", "accepts")}
        found[name] = Verifier(
            (like.refuses - own["accepts"] - own["unknown"]) | own["refuses"],
            (like.unknown - own["accepts"] - own["refuses"]) | own["unknown"],
        )
    return found


@cache
def clauses() -> Mapping[str, str]:
    """Trait → clause, in the order in which they are told."""
    found: dict[str, str] = _table()["why"]
    return found


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
