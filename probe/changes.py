"""What changed between two looks: two lists of reports, as ``probe.documents`` keeps them, compared.

A report is known by its target, an endpoint by where it is and how it was asked. Of several that are known by the same
words (the members of a pool) those are compared that presented the same, and the others in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

Part = Any
"""Of a document that ``probe.documents`` has held to its shape."""
Pair = tuple[Part, Part]
GRAVE = ("warning", "error")
WEIGHT = ("info", *GRAVE)
PLACE = ("host", "address", "port", "protocol", "tls", "sni", "offered_key", "offered_tls")
"""The keys that say which endpoint it is."""
_MINOR = frozenset({"cipher", "stores", "anchor"})
"""A server may choose another cipher each time; other anchors are ours, and what follows from them is a finding."""


class Change(Struct, frozen=True):
    """One thing that is otherwise than before; None is "there was none", or "there is none"."""

    kind: str
    """"target", "endpoint", "status", "finding", "leaf", "list", … as the contract lists them."""
    before: Part
    after: Part
    id: str | None = None
    """Of a finding."""
    target: Part = None
    endpoint: Part = None
    """Where, by the keys of PLACE; None for what is of no single endpoint."""

    @property
    def matters(self) -> bool:
        """Somebody may have to act on it, or waited for it."""
        if self.kind == "finding":
            return self.before in GRAVE or self.after in GRAVE
        if self.kind == "status":
            return {self.before, self.after} != {"ok", "info"}
        return self.kind not in _MINOR


def changes(before: Sequence[Part], after: Sequence[Part]) -> tuple[Change, ...]:
    """Compare two lists of reports, target by target, in the order of the second."""
    found: list[Change] = []
    for old, new in _paired(before, after, _target):
        target = (new or old)["target"]
        found += (replace(change, target=target) for change in _of_target(old, new))
    return tuple(found)


def _target(report: Part) -> tuple[object, ...]:
    return tuple(report["target"].values())


def _of_target(old: Part, new: Part) -> Iterator[Change]:
    if old is None or new is None:
        yield Change("target", old and old["status"], new and new["status"])
        return
    yield from _differing("status", old["status"], new["status"])
    yield from _differing("stores", *([store["name"] for store in report["stores"]] for report in (old, new)))
    yield from _of_domain(old["domain"], new["domain"])
    yield from _of_findings(old["findings"], new["findings"])
    for earlier, later in _paired(old["endpoints"], new["endpoints"], *_ENDPOINT):
        place = {key: (later or earlier)[key] for key in PLACE}
        yield from (replace(change, endpoint=place) for change in _of_endpoint(earlier, later))


def _differing(kind: str, old: Part, new: Part) -> Iterator[Change]:
    if old != new:
        yield Change(kind, old, new)


def _of_domain(old: Part, new: Part) -> Iterator[Change]:
    for kind, read in _DOMAIN.items():
        yield from _differing(kind, old and read(old), new and read(new))


_DOMAIN: dict[str, Callable[[Part], Part]] = {
    "mx": lambda domain: [f"{mx['preference']} {mx['host']}" for mx in domain["mx"]],
    "dnssec": lambda domain: domain["dnssec"],
    "mta-sts": lambda domain: domain["mta_sts"] and domain["mta_sts"]["records"],
    "mta-sts-policy": lambda domain: _policy(domain["mta_sts"] and domain["mta_sts"]["policy"]),
    "tls-rpt": lambda domain: domain["tls_rpt"] and domain["tls_rpt"]["records"],
}
"""Kind of change → what of a mail domain is compared."""


def _policy(policy: Part) -> Part:
    return policy and policy["body"] and policy["body"].splitlines()


def _of_findings(old: Sequence[Part], new: Sequence[Part]) -> Iterator[Change]:
    """By id, the heavier first: what appeared, what is gone, what weighs more or less than before."""
    before, after = _weights(old), _weights(new)
    for id_ in dict.fromkeys((*after, *before)):
        if before.get(id_) != after.get(id_):
            yield Change("finding", before.get(id_), after.get(id_), id_)


def _weights(findings: Sequence[Part]) -> dict[str, str]:
    """Id → its weight, the heaviest where it was found several times."""
    weights: dict[str, str] = {}
    for finding in findings:
        id_, weight = finding["id"], finding["severity"]
        weights[id_] = max(weights.get(id_, weight), weight, key=WEIGHT.index)
    return weights


def _of_endpoint(old: Part, new: Part) -> Iterator[Change]:
    if old is None or new is None:
        yield Change("endpoint", old and old["status"], new and new["status"])
        yield from _of_findings([], new["findings"] if new else [])
        return
    for key in ("address", "stage", "tls_version", "cipher"):
        yield from _differing(key.replace("_", "-"), old[key], new[key])
    yield from _of_list(old["presented"], new["presented"])
    yield from _differing("anchor", old["anchor"], new["anchor"])
    yield from _differing("tlsa", _tlsa(old), _tlsa(new))
    yield from _of_findings(old["findings"], new["findings"])


def _of_list(old: Sequence[Part], new: Sequence[Part]) -> Iterator[Change]:
    """The leaf and the list are two stories: a renewal brings another leaf, and often nothing else."""
    leaves = [listed[0] if listed else None for listed in (old, new)]
    if all(leaves) and leaves[0] != leaves[1]:
        yield Change("leaf", *leaves)
        old, new = old[1:], new[1:]
    if old != new:
        yield Change("list", list(old), list(new))


def _tlsa(endpoint: Part) -> Part:
    tlsa = endpoint["tlsa"]
    return tlsa and [*sorted(tlsa["records"]), f"DNSSEC {tlsa['dnssec']}"]


def _but_for_the_address(endpoint: Part) -> tuple[object, ...]:
    asked = tuple(endpoint[key] for key in PLACE if key != "address")
    return (*asked, bool(endpoint["client_cert"]))


def _exactly(endpoint: Part) -> tuple[object, ...]:
    return (*_but_for_the_address(endpoint), endpoint["address"])


def _exactly_with_its_list(endpoint: Part) -> tuple[object, ...]:
    return (*_exactly(endpoint), *(certificate["sha256"] for certificate in endpoint["presented"]))


_ENDPOINT = (_exactly_with_its_list, _exactly, _but_for_the_address)
"""How an endpoint is known again, the surest first: one whose address is another now is still the same."""


def _paired(before: Iterable[Part], after: Iterable[Part], *keys: Callable[[Part], Hashable]) -> Iterator[Pair]:
    """Those of equal key, in their order, and then by the next key; who has no partner comes with None."""
    old, new = list(before), list(after)
    for key in keys:
        had, has = _grouped(old, key), _grouped(new, key)
        old, new = [], []
        for one in dict.fromkeys((*has, *had)):
            earlier, later = had.get(one, []), has.get(one, [])
            yield from zip(earlier, later, strict=False)
            old += earlier[len(later) :]
            new += later[len(earlier) :]
    yield from ((None, one) for one in new)
    yield from ((one, None) for one in old)


def _grouped(parts: Iterable[Part], key: Callable[[Part], Hashable]) -> dict[Hashable, list[Part]]:
    groups: dict[Hashable, list[Part]] = {}
    for part in parts:
        groups.setdefault(key(part), []).append(part)
    return groups
