"""TLS reports: as the standard has them, as they come in real life, cut, packed and made to hurt."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage.tlsrpt import JSON_LIMIT, ReportedFailure, failures, is_report, read

REPORTS = Path(__file__).parents[2] / "fixtures/tlsrpt"
FILES = sorted(REPORTS.iterdir())
EXPIRED = ReportedFailure(
    result_type="certificate-expired",
    count=100,
    reason_code=None,
    additional=None,
    policy_type="sts",
    policy_domain="example.net",
    sending_mta_ip="192.0.2.1",
    receiving_mx_hostname="mx1.example.net",
    receiving_mx_helo=None,
    receiving_ip="198.51.100.1",
    organization="Example Sender Inc.",
    first=datetime(2026, 3, 11, tzinfo=UTC),
    last=datetime(2026, 3, 11, 23, 59, 59, tzinfo=UTC),
    text="certificate-expired",
)


@pytest.mark.parametrize("name", ["example.json", "example.json.gz", "report.eml"])
def test_a_report_in_each_wrapping(name: str) -> None:
    """Plain, compressed, and as a part of a mail."""
    raw = (REPORTS / name).read_bytes()
    told = read(raw)
    assert is_report(raw)
    assert (told.succeeded, told.failed, told.cut) == (5326, 303, ())
    assert told.failures[0] == EXPIRED
    assert [(one.count, one.text) for one in told.failures[1:]] == [
        (200, "starttls-not-supported"),
        (3, "validation-failure: X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"),
    ]
    assert told.failures[1].additional == "https://reports.example.com/2026-03-11"
    assert told.failures[1].receiving_mx_helo == "helo.example.net"


def test_what_real_reports_do_differently() -> None:
    """A list of reports, counts as strings, objects for lists, other spellings of keys, dates that are none."""
    told = read((REPORTS / "lenient.json").read_bytes())
    assert (told.succeeded, told.failed) == (11, 2)
    (failure,) = told.failures
    assert (failure.text, failure.count, failure.policy_type) == ("dane-required: no TLSA", 2, "tlsa")
    assert (failure.organization, failure.first, failure.last) == (
        "Example Two",
        datetime(2026, 3, 11, tzinfo=UTC),
        None,
    )


def test_rows_pasted_from_the_middle() -> None:
    """What is no JSON as a whole still has whole rows in it."""
    raw = (REPORTS / "fragment.txt").read_bytes()
    assert is_report(raw)
    assert [one.text for one in failures(raw)] == [
        "sts-webpki-invalid: tls: failed to verify certificate",
        "certificate-not-trusted",
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"result-type": "tlsa-invalid", "failed-session-count": 2}',
        b'  [{"result-type": "tlsa-invalid"}, {"failed-session-count": 1}]',
        b'{"failure-details": [{"result-type": "tlsa-invalid"}]}\n',
        b'{"result-type": "tlsa-invalid"}\n{"result-type": "tlsa-invalid"}\n',
        b'{"result-type": "tlsa-invalid"}, {"result-ty',
    ],
)
def test_a_row_alone(raw: bytes) -> None:
    """One row is a report too."""
    assert is_report(raw)
    assert failures(raw)[0].text == "tlsa-invalid"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"[]",
        b"17",
        b'{"MESSAGE": "SSL_accept error"}',
        b"\x1f\x8b",
        b"From: a\nTo: b\n\nhi",
        b"result-type",
    ],
)
def test_no_report(raw: bytes) -> None:
    """Other JSON, and what is none, is no report."""
    assert not is_report(raw)
    assert failures(raw) == ()


def test_a_torn_archive_gives_what_precedes_the_tear() -> None:
    """The first rows survive."""
    rows = [{"result-type": f"t{n}", "failure-reason-code": str(n * 7919)} for n in range(2000)]
    raw = gzip.compress(json.dumps({"policies": [{"failure-details": rows}]}).encode())
    assert 0 < len(failures(raw[: len(raw) // 2])) < 2000


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "bomb": (lambda: gzip.compress(b"\0" * 60_000_000, 1), "what follows the first 4 MiB of a report"),
    "tail": (lambda: gzip.compress(b'{"policies":[]}') + b"x" * 30_000_000, ""),
    "depth": (lambda: b'{"policies":' + b"[" * 3_000_000, ""),
    "open": (lambda: b"[" * 40_000_000, "bytes of the file"),
    "torn rows": (lambda: b'x{"result-type"' * 200_000, ""),
    "many": (lambda: b'{"result-type":"x"}' * 200_000, ""),
    "rows": (lambda: b'{"failure-details":[' + b'{"result-type":"x"},' * 20_000 + b"{}]}", "15 000 more failures"),
    "empty": (lambda: b"[]" * 2_000_000, ""),
    "string": (lambda: b'["' + b'\\"' * 2_000_000, ""),
    "number": (lambda: b'{"failed-session-count":' + b"1" * 1_000_000 + b"}", ""),
}


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_reports_are_bounded_and_said(name: str) -> None:
    """Whatever somebody sends costs a few seconds at most."""
    make, said = HOSTILE[name]
    raw = make()
    start = time.process_time()
    told = read(raw)
    is_report(raw)
    assert time.process_time() - start < 10
    assert said in ", ".join(told.cut)


def test_half_characters_can_be_printed() -> None:
    """JSON can name halves of surrogate pairs."""
    (one,) = failures(rb'{"result-type": "x\ud800"}')
    assert one.text.encode() == b"x?"


def test_infinite_and_negative_counts() -> None:
    """A count is a number of sessions."""
    for count in ("1e999", "NaN", "-3", '"many"', "null", "[]", "1.5"):
        (one,) = failures(b'{"result-type": "x", "failed-session-count": ' + count.encode() + b"}")
        assert 0 <= one.count <= JSON_LIMIT


LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(
    [
        "policies",
        "policy",
        "summary",
        "failure-details",
        "result-type",
        "failed-session-count",
        "date-range",
        "start-datetime",
    ]
)
TREE = st.recursive(LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4))


@given(TREE)
def test_any_json_raises_nothing(tree: object) -> None:
    """The right keys with the wrong things behind them."""
    raw = json.dumps(tree).encode()
    is_report(raw)
    assert isinstance(failures(raw), tuple)


@given(st.sampled_from(FILES), st.integers(0), st.integers(0, 40), st.binary(max_size=6))
def test_damaged_reports_raise_nothing(file: Path, where: int, length: int, put: bytes) -> None:
    """Pieces cut out, others put in."""
    raw = file.read_bytes()
    at = where % len(raw)
    raw = raw[:at] + put + raw[at + length :]
    is_report(raw)
    assert isinstance(failures(raw), tuple)
