"""Subtrees of a name constraint (RFC 5280 4.2.1.10).

GeneralSubtree ::= SEQUENCE { base GeneralName, minimum [0] BaseDistance DEFAULT 0, maximum [1] OPTIONAL }
"""

from __future__ import annotations

from probe.model import Subtree
from probe.pki.der import SEQUENCE, children, scan
from probe.pki.distinguished import name

_TEXTS = {0x81: "email", 0x82: "dns", 0x86: "uri"}
_DIRECTORY_NAME, _IP_ADDRESS = 0xA4, 0x87


def subtrees(data: bytes, start: int, stop: int, problems: list[str]) -> tuple[Subtree, ...]:
    """Read the contents of GeneralSubtrees; raises DerError when they are no elements at all."""
    found = []
    for tag, _, begin, end, _ in children(data, start, stop):
        parts, trouble = scan(data, begin, end)
        if tag != SEQUENCE or trouble or not parts:
            problems.append("an unreadable subtree")
            continue
        if len(parts) > 1:
            problems.append("minimum or maximum distance")
        found.append(_subtree(parts[0][0], data[parts[0][2] : parts[0][3]], problems))
    return tuple(found)


def _subtree(tag: int, base: bytes, problems: list[str]) -> Subtree:
    if tag in _TEXTS:
        return Subtree(_TEXTS[tag], base.decode("latin-1"))
    if tag == _DIRECTORY_NAME:
        directory, troubles = name(base)
        problems.extend(troubles)
        return Subtree("directory", directory.key)
    if tag != _IP_ADDRESS:
        return Subtree("other", base)
    if len(base) not in (8, 32):
        problems.append(f"address and mask of {len(base)} bytes")
    return Subtree("ip", base)
