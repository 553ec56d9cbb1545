"""What a real server sends for each file on disk, seen by a plain client, and what our report says of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from real.client import Sent, sent
from real.conftest import Authority
from real.courier import courier
from real.dovecot import dovecot
from real.running import HOST, NAME, NotStarted, Unpacked
from real.servers import Start, aiosmtpd, exim, haraka, postfix, sendmail

from probe import Options, Report, Target, check
from probe.model import Confidence, Protocol, Tls
from probe.net.observe import ObserveOptions
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.pool import Pool

pytestmark = pytest.mark.real

FINDINGS: dict[str, tuple[str, ...]] = {
    "LBA": (),
    "L": ("missing-intermediate",),
    "LAB": ("misordered",),
    "LBAR": ("root-included",),
}
"""What is on the wire → what is wrong with it."""
MOVES = {
    "LBA": "keep L, keep B, keep A",
    "L": "keep L, insert B, insert A",
    "LAB": "keep L, keep A, move B",
    "LBAR": "keep L, keep B, keep A, remove R",
}
"""What is on the wire → the shortest way to L, B, A."""


@dataclass(frozen=True, slots=True)
class Case:
    """A server, what lies on its disk (letters as in ``Authority``), and what it sends."""

    start: Start
    certificates: str
    sends: str
    options: dict[str, str | bool] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """For pytest: "postfix-L-ca=RAB-sends-LBAR"."""
        options = [f"{name}={value}" for name, value in self.options.items()]
        return "-".join([self.start.__name__, self.certificates, *options, "sends", self.sends])


SENDS = (
    Case(postfix, "LBA", "LBA"),
    Case(postfix, "LBA", "LBA", {"together": True}),
    Case(postfix, "L", "L"),
    Case(postfix, "LAB", "LAB"),
    Case(postfix, "L", "LBAR", {"ca": "RAB"}),
    Case(exim, "LBA", "LBA"),
    Case(exim, "L", "L"),
    Case(exim, "LAB", "LBA"),  # GnuTLS puts it right
    Case(exim, "L", "L", {"ca": "RAB"}),
    Case(sendmail, "LBA", "L", {"ca": "S"}),
    Case(sendmail, "L", "L", {"ca": "S"}),
    Case(sendmail, "LAB", "L", {"ca": "S"}),
    Case(sendmail, "L", "LBA", {"ca": "AB"}),
    Case(sendmail, "L", "LBAR", {"ca": "RAB"}),
    Case(sendmail, "LAB", "LBA", {"ca": "LAB"}),  # Debian's confCACERT names the certificate's own file
    Case(dovecot, "LBA", "LBA"),
    Case(dovecot, "LBA", "LBA", {"together": True}),
    Case(dovecot, "L", "L"),
    Case(dovecot, "LAB", "LAB"),
    Case(dovecot, "L", "L", {"ca": "RAB"}),
    Case(courier, "LBA", "LBA"),
    Case(courier, "LBA", "LBA", {"together": True}),
    Case(courier, "L", "L"),
    Case(courier, "LAB", "LAB"),
    Case(courier, "L", "L", {"ca": "RAB"}),
    Case(haraka, "LBA", "LBA"),
    Case(haraka, "LBA", "LBA", {"together": True}),
    Case(haraka, "L", "L"),
    Case(haraka, "LAB", "LAB"),
    Case(aiosmtpd, "LBA", "LBA"),
    Case(aiosmtpd, "L", "L"),
    Case(aiosmtpd, "LAB", "LAB"),
)


def probed(port: int, authority: Authority, protocol: Protocol = Protocol.SMTP, tls: Tls = Tls.STARTTLS) -> Report:
    """Probe as somebody who trusts R and has the intermediates at hand."""
    trusted = anchors.of([parse(authority.named["R"].der)], "the test's root")
    pool = Pool({authority.named[letter].der: "the test" for letter in "BA"})
    patience = ObserveOptions(timeout=30)
    return check(Target(HOST, port, protocol, tls), Options(trusted, pool, name=NAME, fetch=False, network=patience))


def found(report: Report) -> tuple[str, ...]:
    """Name the findings; that Sendmail and Haraka always ask for a client certificate is no defect."""
    (endpoint,) = report.endpoints
    return tuple(finding.id for finding in endpoint.findings if finding.id != "client-cert-requested")


def moves(report: Report, authority: Authority) -> str:
    """Write the steps of the repair in one line."""
    (endpoint,) = report.endpoints
    assert endpoint.repair is not None
    return ", ".join(f"{step.do} {authority.letters((step.sha256 or '',))}" for step in endpoint.repair.steps)


@pytest.mark.parametrize("case", SENDS, ids=lambda case: case.id)
def test_the_report_is_right_for_what_the_server_really_sends(
    case: Case, unpacked: Unpacked, authority: Authority
) -> None:
    """A plain client reads the wire first; then our report names that chain, its defects and the way to mend it."""
    with case.start(unpacked, authority.files(case.certificates, **case.options)) as server:  # type: ignore[arg-type]  # literal options
        seen = sent(server.port)
        report = probed(server.port, authority)
    (endpoint,) = report.endpoints
    assert authority.letters(seen.chain) == case.sends
    assert authority.letters(tuple(parse(der).sha256 for der in endpoint.observation.presented or ())) == case.sends
    assert found(report) == FINDINGS[case.sends]
    assert moves(report, authority) == MOVES[case.sends]
    assert endpoint.repair is not None
    assert endpoint.repair.bundle is not None
    assert authority.letters(tuple(certificate.sha256 for certificate in endpoint.repair.bundle)) == "LBA"
    assert endpoint.mta is not None
    sure = Confidence.VERY_LIKELY if case.start is courier else Confidence.IS  # its greeting does not name it
    assert (endpoint.mta.name, endpoint.mta.confidence) == (server.software, sure)
    assert endpoint.observation.client_cert_requested is (case.start in {sendmail, haraka})


@pytest.mark.parametrize(
    ("start", "seen", "finding"),
    [
        (postfix, Sent(offers=True, reply=454), "starttls-refused"),
        (exim, Sent(offers=True, reply=454), "starttls-refused"),
        (sendmail, Sent(offers=False, reply=454), "no-starttls"),
    ],
)
def test_with_a_wrong_key_the_report_tells_how_starttls_is_refused(
    start: Start, seen: Sent, finding: str, unpacked: Unpacked, authority: Authority
) -> None:
    """Postfix and Exim offer STARTTLS and answer 454; Sendmail does not offer it."""
    with start(unpacked, authority.files("LBA", key="leaf-2", ca="S")) as server:
        assert sent(server.port) == seen
        report = probed(server.port, authority)
    (endpoint,) = report.endpoints
    assert (found(report), report.status, report.exit_code) == ((finding,), "error", 1)
    assert endpoint.mta is not None
    assert endpoint.mta.name == server.software


@pytest.mark.parametrize("start", [aiosmtpd, haraka])
def test_some_do_not_start_with_a_wrong_key(start: Start, unpacked: Unpacked, authority: Authority) -> None:
    """Nobody listens then, and the report says so."""
    with pytest.raises(NotStarted, match="key values mismatch") as caught:  # noqa: SIM117  # one says what, one when
        with start(unpacked, authority.files("LBA", key="leaf-2")):
            pytest.fail("it started")
    report = probed(caught.value.port, authority)
    assert (found(report), report.status, report.exit_code) == (("connect-refused",), "unreachable", 3)
