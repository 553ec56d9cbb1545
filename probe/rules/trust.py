"""Trust: whether the path ends where a peer's own trust begins."""

from __future__ import annotations

from collections.abc import Iterable

from probe.model import Severity, Source
from probe.pki.signature import signed_itself
from probe.rules.case import Case, Hit, Need, about, rule


@rule("untrusted-root", Severity.ERROR, Need.ANCHORS, "RFC 5280 §6.1.1 (d)")
def untrusted_root(case: Case) -> Iterable[Hit]:
    """The path ends at a self-issued certificate that is no trust anchor."""
    mended = case.chain.mended if case.chain else None
    path = mended or case.path
    if not path or path.anchored or not case.stores or len(path.certificates) == 1:
        return
    top = path.certificates[-1]
    if signed_itself(top):
        sent = path.sources[-1] is Source.PRESENTED
        stores = ", ".join(store.name for store in case.stores)
        yield about(case, top, root=f'"{top.label}"', stores=stores, case="presented" if sent else "fetched")


@rule("self-signed-leaf", Severity.ERROR, Need.LEAF, "RFC 5280 §3.2")
def self_signed_leaf(case: Case) -> Iterable[Hit]:
    """The server's own certificate is signed by its own key, and nobody was told to trust it."""
    if case.leaf and case.path and not case.path.anchored and signed_itself(case.leaf):
        yield about(case, case.leaf)


@rule("expired-root", Severity.ERROR, Need.LEAF, "RFC 5280 §6.1.3 (a)(2); OpenSSL before 1.1.0 tries no other path")
def expired_root(case: Case) -> Iterable[Hit]:
    """The path ends at an expired anchor, or a cross-signed certificate leads to one beside the good path."""
    for fault in case.path.faults if case.path else ():
        if fault.id == "expired-root" and case.path:
            root = case.path.certificates[fault.index]
            yield about(case, root, root=f'"{root.label}"', when=_day(root.not_after))
    claimed = {c.sha256 for c in case.path.certificates} if case.path else set()
    for position, root in case.chain.stale if case.chain else ():
        if root.sha256 not in claimed:
            facts = about(case, case.presented[position]).facts
            beside = {"root": f'"{root.label}"', "when": _day(root.not_after), "case": "beside"}
            yield Hit((position,), {**facts, **beside}, severity=Severity.WARNING)


def _day(when: object) -> str:
    return f"{when:%Y-%m-%d}"


@rule("aia-problem", Severity.INFO, Need.LIST, "RFC 5280 §4.2.2.1")
def aia_problem(case: Case) -> Iterable[Hit]:
    """An address from which a missing issuer could have been fetched did not give it."""
    for fetch in case.observation.fetched:
        if fetch.problem:
            yield Hit((), {"url": fetch.url, "problem": fetch.problem})
