from __future__ import annotations

import pytest
from msgspec.structs import replace
from render.samples import NASTY
from render.several import DOMAIN

from probe.model import Dnssec, Domain, Failure, Mx, PolicyFetch, StsLook, TlsRptLook, Trouble
from probe.render.domain import add_domain
from probe.render.sheet import Sheet

SILENT = Failure(Trouble.TIMEOUT, "no answer")
STS = DOMAIN.sts or StsLook()
FETCH = STS.fetch or PolicyFetch("")


def told(domain: Domain, *, verbose: bool = False) -> list[str]:
    """The lines of the block."""
    sheet = Sheet()
    add_domain(sheet, domain, verbose=verbose)
    return [line.plain for line in sheet.lines]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({}, "3 mail hosts; DNSSEC not known"),
        ({"mx": DOMAIN.mx[:1], "dnssec": Dnssec.SECURE}, "10 mx1.example.com; signed (DNSSEC)"),
        (
            {"mx": (Mx(0, ""), *DOMAIN.mx[:1])},
            "10 mx1.example.com, and a null MX that counts for nothing; DNSSEC not",
        ),
        (
            {"left_out": 7, "dnssec": Dnssec.INSECURE},
            "3 mail hosts, and 7 more that were left out; not signed (no DNSSEC)",
        ),
        ({"implicit": True}, "no record, so the domain is its own mail host; DNSSEC not known"),
        (
            {"failure": SILENT, "dnssec": Dnssec.BOGUS},
            "none: no answer; signed, and the signatures do not fit (DNSSEC)",
        ),
    ],
)
def test_the_mail_hosts_are_counted(change: dict[str, object], line: str) -> None:
    """The table has each; here is what DNS says of all of them."""
    assert told(replace(DOMAIN, **change))[0] == f"  mx       {line}"  # by name


@pytest.mark.parametrize(
    ("sts", "line"),
    [
        (STS, "mode enforce"),
        (replace(STS, fetch=replace(FETCH, body=b"version: STSv1\nmode:testing\n")), "mode testing"),
        (replace(STS, fetch=replace(FETCH, body=b"<html>")), "announced; the policy says no mode"),
        (replace(STS, fetch=replace(FETCH, status=404)), "announced; the policy host answers 404"),
        (
            replace(STS, fetch=replace(FETCH, failure=SILENT)),
            "announced; the policy could not be fetched: no answer",
        ),
        (replace(STS, fetch=None), "announced; the policy was not fetched"),
        (StsLook(), "none"),
        (StsLook(failure=SILENT), "not known: no answer"),
    ],
)
def test_a_word_tells_the_policy(sts: StsLook, line: str) -> None:
    """Whether it is right is the matter of findings."""
    assert told(replace(DOMAIN, sts=sts))[1] == f"  mta-sts  {line}"


@pytest.mark.parametrize(
    ("look", "line"),
    [(TlsRptLook(), "none"), (TlsRptLook(failure=SILENT), "not known: no answer"), (TlsRptLook(("a", "b")), "a; b")],
)
def test_where_reports_go(look: TlsRptLook, line: str) -> None:
    """The record as it is."""
    assert told(replace(DOMAIN, tls_rpt=look))[-1] == f"  tls-rpt  {line}"


def test_what_was_not_looked_for_has_no_line() -> None:
    """Silence, not "none"."""
    assert len(told(replace(DOMAIN, sts=None, tls_rpt=None))) == 1


def test_verbose_has_the_policy_line_by_line() -> None:
    """Whatever it holds; and nothing of it writes to the screen."""
    body = f"{NASTY}\nmode: enforce".encode("utf-8", "surrogatepass") + b"\xff"
    lines = told(replace(DOMAIN, sts=replace(STS, fetch=replace(FETCH, body=body))), verbose=True)
    assert all(line.isprintable() for line in lines)
    assert any(line.endswith(r"| mode: enforce\xff") for line in lines)
    assert "           by 127.0.0.1" in lines
