"""How the list of senders is worded."""

from __future__ import annotations

from msgspec.structs import replace
from render.samples import MISSING
from render.test_terminal import shown

from probe.model import Refusal, Report


def listing(report: Report, *told: Refusal, verbose: bool = False) -> str:
    """The list, each row on one line."""
    (endpoint,) = report.endpoints
    whole = shown(replace(report, endpoints=(replace(endpoint, refused_by=told),)), verbose=verbose)
    return " ".join(whole.partition("What senders do:")[2].split())


def test_libraries_are_told_from_senders() -> None:
    """They carry no mail: what is refused is whatever is built on them."""
    rows = [Refusal(name, "refuses", "it has expired; measured") for name in ("OpenSSL 3", "MTA-STS senders", "Go")]
    assert listing(MISSING, *rows).startswith("refuses MTA-STS senders, programs on OpenSSL 3, Go: it has expired")
    assert "refuses programs on Go: it has expired measured" in listing(MISSING, *rows, verbose=True)
