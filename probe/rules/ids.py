"""Every id that a finding may have."""

from __future__ import annotations

from probe.rules import RULES, TLSA_RULES, disk, domain, file, listen, looks, policy, presenting

ACROSS = presenting.IDS | looks.IDS
"""Ids of findings that compare connections."""

IDS: frozenset[str] = (
    frozenset(rule.id for rule in (*RULES, *file.RULES, *listen.RULES, disk.served_differs, *TLSA_RULES))
    | ACROSS
    | domain.IDS
    | policy.IDS
)
