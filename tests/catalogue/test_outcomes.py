"""What mail servers do with faulty files: the table against the measurement, and its sentences."""

from __future__ import annotations

import csv

from shared import shared

from probe.catalogue.outcomes import WORDS, rows, sentence
from probe.catalogue.recipes import ids
from probe.rules.ids import IDS

COLUMNS = {
    "missing-intermediate": ("leaf_only", "L"),
    "misordered": ("swapped_ints", "LAB"),
    "leaf-not-first": ("int_first", "BAL"),
    "leaf-missing": ("int_first", "BAL"),
    "root-included": ("full_with_root", "LBAR"),
    "duplicate": ("dup_leaf", "LLBA"),
    "extra-cert": ("extra_unrelated", "LBAU"),
    "key-mismatch": ("wrong_key", "LBA"),
    "self-signed-leaf": ("selfsigned", "S"),
    "expired": ("expired", "LBA"),
    "weak-key": ("leaf1024", "LBA"),
    "file-glued": ("nonewline_join", "LBA"),
    "file-not-pem": ("truncated", "LBA"),
    "der": ("der_cert", "LBA"),
    "pkcs7": ("p7b", "LBA"),
    "file-wrong-kind": ("empty_cert", ""),
    "key-encrypted": ("enc_key", "LBA"),
    "key-missing": ("key_missing", "LBA"),
    "key-unreadable": ("key_unreadable", "LBA"),
    "key-readable": ("key_world_readable", "LBA"),
}
"""Fault → the column of the measurement, and what is sent where the file is served as it is."""
BEGINNINGS = {
    "454": "adv/454", "540": "adv/540", "hangs": "adv/<", "not-offered": "noadv", "no-start": "NOSTART",
    "handshake": "HSFAIL", "mended": "LBA", "leaf": "L",
}  # fmt: skip


def test_the_table_is_the_measurement() -> None:
    """Each outcome is the code that the measurement has."""
    with shared("mta/matrix.tsv").open(encoding="utf-8") as stream:
        measured = {row["server"]: row for row in csv.DictReader(stream, delimiter="\t")}
    for software, entries in rows().items():
        for entry in entries if software != WORDS else ():
            for fault, outcome in entry.items():
                if fault not in {"name", "row"}:
                    column, as_is = COLUMNS[fault]
                    value = measured[entry["row"]][column]
                    assert value == as_is if outcome == "as-is" else value.startswith(BEGINNINGS[outcome]), fault


def test_faults_and_outcomes_have_names_that_exist() -> None:
    """A fault is a finding, or a form of file."""
    faults = {fault for software, entries in rows().items() if software != WORDS for e in entries for fault in e}
    assert faults - {"name", "row"} - IDS == {"der", "pkcs7"}
    assert {"postfix", "exim", "sendmail", "qmail"} <= rows().keys() & set(ids())


def test_rows_that_agree_share_a_sentence() -> None:
    """What differs is told one by one."""
    assert sentence("postfix", "key-mismatch") == "Given such a file, Postfix answers 454 to STARTTLS."
    assert sentence("exim", "misordered") == (
        "Given such a file, Exim with GnuTLS sends the right list all the same; Exim with OpenSSL serves it as it is."
    )
    assert sentence("exim", "file-not-pem") == ("Given such a file, Exim answers 454 to STARTTLS.")
    assert not sentence("generic", "expired")
    assert not sentence("postfix", "eku")
