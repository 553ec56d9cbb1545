"""Go's table of host names (crypto/x509, TestHostnameMatching; BSD-3): each difference has its reason."""

from __future__ import annotations

import json
from typing import Any

import forge
import pytest
from msgspec.structs import replace
from shared import FOLDER, shared

from probe.pki.certificate import parse
from probe.pki.names import matches

TABLE = FOLDER / "suites/go-hostnames.json"
ROWS: list[dict[str, Any]] = json.loads(TABLE.read_text()) if TABLE.exists() else []

DIFFERENCES = {
    ("*.com", "example.com"): "no wildcard for a whole top-level domain; Go leaves that to the CAs",
    ("*.com", "example.com."): "likewise",
    ("www.example..com", "www.example..com"): "an empty label is in no host name; Go compares the bytes",
    ("foo:bar", "foo:bar"): "a colon is in no host name; Go compares the bytes",
    ("example.com.", "example.com."): "presented names have no dot at the end (RFC 5280 4.2.1.6), and ours is stripped",
}
"""Pattern and host of the rows where we differ from Go; there Go accepts and we refuse."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['pattern']} for {row['host']}")
def test_hosts_match_as_in_go(row: dict[str, Any]) -> None:
    """As Go says, or as the table of differences does."""
    leaf = replace(parse(forge.certificate().der), dns_names=(row["pattern"],))
    differs = (row["pattern"], row["host"]) in DIFFERENCES
    assert matches(leaf, row["host"]) is (row["ok"] is not differs)
    assert row["ok"] or not differs


def test_the_table_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    """The count is printed; the folder without a row in it is a failure, and so is a difference that is none."""
    shared("suites")
    with capsys.disabled():
        print(f"\n{len(ROWS)} rows of Go's host names, {len(DIFFERENCES)} differences with a reason")  # noqa: T201 - asked for
    assert len(ROWS) >= 38
    assert DIFFERENCES.keys() <= {(row["pattern"], row["host"]) for row in ROWS}
