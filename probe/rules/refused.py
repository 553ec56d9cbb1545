"""Whether a client that verifies refuses what a server presents, and why."""

from __future__ import annotations

from probe.model import Chain
from probe.pki.names import matches

Facts = dict[str, object]

NAMES = 5
"""Names of a certificate that are told."""
PURPOSE = frozenset({"eku"})
"""Faults that OpenSSL does not mind unless it is told the purpose, as every TLS client tells it."""


def refused(chain: Chain, host: str) -> tuple[str, Facts] | None:
    """Why these certificates are refused for this name, as a case with its facts; None = they are not."""
    leaf = chain.own
    if leaf is None:
        return "certificate", {"fault": "empty-chain"}
    if not chain.path or not chain.path.anchored:
        lacking = chain.lacks_known and chain.mended is not None and chain.mended.anchored
        return "incomplete" if lacking else "untrusted", {"issuer": leaf.issuer.text or leaf.label}
    fault = next((fault for fault in chain.path.faults if fault.verify is not None or fault.id in PURPOSE), None)
    if fault and fault.id == "expired" and fault.index == 0 and leaf.not_after:
        return "expired", {"when": f"{leaf.not_after:%Y-%m-%d %H:%M} UTC"}
    if fault:
        return "certificate", {"fault": fault.id}
    return None if matches(leaf, host) else ("name", {"names": ", ".join(leaf.dns_names[:NAMES]) or "no name at all"})
