"""The library: what is imported, what is judged, and that it is cheap to import."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from forge import CAST, NAME, NOW, chain

import probe
from probe import Options, Report, Target, acheck, analyze, check, explain, problems
from probe.demo.cases import case_of
from probe.demo.server import serving
from probe.message import Role
from probe.model import Kind
from probe.net.observe import ObserveOptions
from probe.pki import anchors
from probe.pki.certificate import parse

TRUSTED = anchors.of([parse(CAST.root.der)], "ours")
OURS = Options(anchors=TRUSTED, at=NOW)


def spoken(report: Report) -> list[str]:
    """The ids of the findings of the one endpoint."""
    return [finding.id for finding in report.endpoints[0].findings]


def test_analyze_takes_pem_der_and_a_list() -> None:
    """The same certificates in each form get the same judgement, in words, without any network."""
    sent = chain(1)[:2]
    pem = "".join(one.pem for one in sent)
    for form in (pem, pem.encode(), [one.der for one in sent]):
        report = analyze(form, name=NAME, options=OURS)
        assert (report.status, report.target.kind, report.exit_code) == ("ok", Kind.FILE, 0)
    alone = analyze(sent[0].der, name=NAME, at=NOW, options=Options(anchors=TRUSTED))
    assert spoken(alone) == ["missing-intermediate"]
    assert alone.endpoints[0].findings[0].summary


def test_analyze_without_a_name_judges_none() -> None:
    """A name that nobody gave is no mismatch."""
    sent = chain(1, names=("other.example",))[:2]
    assert spoken(analyze([one.der for one in sent], options=OURS)) == []
    assert spoken(analyze([one.der for one in sent], name=NAME, options=OURS)) == ["name-mismatch"]


def test_analyze_refuses_what_holds_no_certificate() -> None:
    """Text without a certificate is a mistake of the caller; an empty list is what a server may send."""
    with pytest.raises(ValueError, match="no certificate"):
        analyze(b"hello")
    assert spoken(analyze([], options=OURS)) == ["empty-chain"]


def test_check_probes_a_real_server() -> None:
    """Synchronous and asynchronous give the same findings."""
    case = case_of("missing-intermediate")
    with serving(case, NOW) as stand:
        options = Options(anchors=TRUSTED, at=NOW, name=stand.name, network=ObserveOptions(timeout=20))
        report = check(f"{stand.host}:{stand.port}", options)
        again = asyncio.run(acheck(Target(stand.host, stand.port), options))
    assert spoken(report) == spoken(again) == ["missing-intermediate"]


def test_check_refuses_what_is_no_host() -> None:
    """The sentence says what to write instead."""
    with pytest.raises(ValueError, match="Write a host as"):
        check("not a host")


def test_everything_promised_is_there() -> None:
    """Each name of __all__ can be had, and no other."""
    assert [name for name in probe.__all__ if not hasattr(probe, name)] == []
    with pytest.raises(AttributeError, match="no attribute 'utils'"):
        _ = probe.utils


def test_importing_the_library_imports_neither_rich_nor_dns() -> None:
    """``from probe import check, analyze`` is free of the terminal and of the resolver."""
    code = "import sys; from probe import analyze, check; print({'rich', 'dns'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "set()"


def test_explain_and_problems_are_those_of_the_command_line() -> None:
    """A code has its page; a bounce and a log give their problems, text or bytes."""
    assert explain("140943F2").page == "tls-alert-unexpected-message"
    problem = "warning: TLS library problem: error:0A0000C1:SSL routines::no shared cipher:x"
    log = f"Nov 23 07:36:14 mx postfix/smtpd[7]: {problem}\n"
    (message,) = problems(log, now=datetime(2026, 11, 24))  # noqa: DTZ001 -- a naive moment is UTC
    assert (message.page, message.role, message.file) == ("no-shared-cipher", Role.SERVER, None)
    assert message.first == datetime(2026, 11, 23, 7, 36, 14, tzinfo=UTC)
    assert problems(log.encode(), "mail.log")[0].file == "mail.log"
    assert problems(b"") == ()
