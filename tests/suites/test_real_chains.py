"""Real chains with a known fault: the finding that names it, and a bundle that mends it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import lzma
import re
from datetime import datetime
from functools import cache
from typing import Any

import pytest
from shared import FOLDER, shared

from probe.model import Chain, Endpoint, Observation, Repair, Stage
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.pki.repair import repair
from probe.rules import judge
from probe.rules.case import Case

LABELLED = FOLDER / "suites/real/labelled.json"
ENTRIES: list[dict[str, Any]] = json.loads(LABELLED.read_text()) if LABELLED.exists() else []

SPOKEN = {
    "missing_intermediate": {"missing-intermediate"},
    "root_included": {"root-included"},
    "unknown_root": {"missing-intermediate", "untrusted-root"},
    "expired_leaf": {"expired"},
    "expired_cert_presented": {"expired"},
    "cross_sign_to_expired_root": {"expired-root", "expired"},
    "misordered_or_branching": {"misordered"},
    "precertificate_poison": {"unknown-critical-ext"},
    "none": set(),
}
"""Label → the findings of which one names that fault."""

STRUCTURE = {
    "missing-intermediate", "misordered", "leaf-not-first", "root-included", "extra-cert", "wrong-key-intermediate",
    "bad-signature", "fragile-path", "duplicate", "untrusted-root", "self-signed-leaf", "expired", "expired-root",
    "unparsable-cert",
}  # fmt: skip
"""Findings that would be wrong about a chain without fault."""


def blocks(text: bytes) -> list[bytes]:
    """The bytes of every certificate in a PEM text."""
    found = re.findall(rb"-----BEGIN CERTIFICATE-----(.*?)-----END", text, re.DOTALL)
    return [base64.b64decode(body) for body in found]


@cache
def surroundings() -> tuple[dict[str, bytes], anchors.Anchors, Pool]:
    """Certificates by digest, historical roots, and the pool of public intermediates."""
    presented = blocks(gzip.decompress(shared("suites/real/certs.pem.gz").read_bytes()))
    roots = blocks(gzip.decompress(shared("suites/real/roots-historical.pem.gz").read_bytes()))
    known = blocks(lzma.decompress(shared("pool/intermediates-tls-certifi-2026-08.pem.xz").read_bytes()))
    known += blocks(gzip.decompress(shared("pool/intermediates-historical.pem.gz").read_bytes()))
    by_digest = {hashlib.sha256(der).hexdigest(): der for der in presented}
    return by_digest, anchors.of([parse(der) for der in roots], "historical"), Pool(dict.fromkeys(known, "pool"))


def examine(entry: dict[str, Any]) -> tuple[set[str], Chain, Repair | None]:
    """Findings, chain and repair of one labelled chain, as of its own time."""
    by_digest, trusted, pool = surroundings()
    presented = tuple(by_digest[certificate["sha256"]] for certificate in entry["presented"])
    at = datetime.fromisoformat(entry["validation_time"])
    chain = build([parse(der) for der in presented], trusted, pool, at)
    seen = Observation(Endpoint(None, None, 25), at, Stage.DONE, presented=presented)
    mending = repair(chain, at, trusted)
    findings, _ = judge(Case(seen, at, chain, mending, None, trusted.stores))
    return {finding.id for finding in findings}, chain, mending


def test_the_labelled_chains_were_read() -> None:
    """With the folder there and nothing read, this fails."""
    shared("suites/real/labelled.json")
    assert len(ENTRIES) >= 30
    print(f"real chains: {len(ENTRIES)} cases run")  # noqa: T201 (the count is part of the answer)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_a_labelled_fault_is_named(entry: dict[str, Any]) -> None:
    """Each label has its finding, and a chain without fault has none about its structure."""
    spoken, _, _ = examine(entry)
    assert [fault for fault in entry["faults"] if SPOKEN[fault] and not SPOKEN[fault] & spoken] == []
    if entry["faults"] == ["none"]:
        assert spoken & STRUCTURE == set()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_the_bundle_is_right(entry: dict[str, Any]) -> None:
    """The bundle is the known fix, or another acceptable path, or what was sent where nothing was wrong with it."""
    _, chain, mending = examine(entry)
    bundle = [c.sha256 for c in mending.bundle or ()] if mending else []
    fixed = entry["fixed_bundle"]
    paths = [fixed[:1] + path for path in entry.get("acceptable_intermediate_paths") or ()]
    kept = [c.sha256 for c in chain.presented]
    assert bundle in [fixed, *paths, kept if entry["faults"] == ["none"] else fixed]
