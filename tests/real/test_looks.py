"""Real servers with several certificates: what each look is shown, and what comparing the looks says."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace
from real.conftest import Authority
from real.running import HOST, NAME, Files, Unpacked
from real.servers import Start, exim, postfix

from probe.demo import keys
from probe.demo.cast import cast
from probe.demo.forge import Forged
from probe.judgement import Options, judged
from probe.model import Endpoint, EndpointReport, Severity
from probe.net.observe import ObserveOptions, begun, look
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.pool import Pool
from probe.rules.looks import compared

pytestmark = pytest.mark.real

BOTH: dict[Start, str] = {
    postfix: "smtpd_tls_chain_files = FOLDER/rsa.pem, FOLDER/ecdsa.pem",
    exim: "tls_certificate = FOLDER/rsa.pem : FOLDER/ecdsa.pem\ntls_privatekey = FOLDER/rsa.pem : FOLDER/ecdsa.pem",
}
"""Settings for two kinds of key."""
BY_NAME: dict[Start, str] = {
    postfix: "smtpd_tls_chain_files = FOLDER/other.pem\ntls_server_sni_maps = texthash:FOLDER/sni",
    exim: "tls_certificate = ${lookup{$tls_in_sni}lsearch{FOLDER/sni}{$value}{FOLDER/other.pem}}",
}
"""Settings for a certificate that is chosen by name, and another for who asks for none."""


def ecdsa(authority: Authority) -> Forged:
    """Make an ECDSA certificate of the server, by the issuer of the RSA one."""
    return cast(authority.now).leaf(authority.named["B"], key="p256")


def files(authority: Authority, settings: str, **lists: tuple[Forged, ...]) -> Files:
    """What lies on disk: for each list a file, its key first, and a table that names the one of RSA."""
    texts = {f"{name}.pem": keys.pem(sent[0].key) + "".join(one.pem for one in sent) for name, sent in lists.items()}
    table = {"sni": f"{NAME} FOLDER/rsa.pem\n"}
    return Files(authority.pem("L"), keys.pem("leaf"), others=texts | table, settings=settings)


def looked(port: int, authority: Authority, *ways: dict[str, str | None]) -> list[EndpointReport]:
    """Look in each of these ways, and judge."""
    roots = anchors.of([parse(authority.named["R"].der)], "the test's own root", None)
    pool = Pool({authority.named[letter].der: letter for letter in "AB"})
    options = Options(anchors=roots, name=NAME, fetch=False, pool=pool)
    usual = Endpoint(HOST, HOST, port, sni=NAME)

    async def seen(way: dict[str, str | None]) -> EndpointReport:
        return judged(await look(begun(ObserveOptions()), replace(usual, **way)), options)

    return [asyncio.run(seen(way)) for way in ways]


def kinds(reports: list[EndpointReport]) -> list[str | None]:
    """Say which kind of key each look was shown."""
    chains = [report.chain for report in reports]
    return [chain.presented[0].key.algorithm if chain else None for chain in chains]


def told(reports: list[EndpointReport]) -> list[tuple[str, Severity, object]]:
    """Say what comparing them finds, how bad it is, and who is affected."""
    return [(f.id, f.severity, f.facts["affected"]) for f in compared(reports)]


EVERY_KIND: tuple[dict[str, str | None], ...] = (
    {},
    {"offered_key": "rsa"},
    {"offered_key": "ecdsa"},
    {"offered_key": "rsa", "offered_tls": "TLSv1.2"},
    {"offered_key": "ecdsa", "offered_tls": "TLSv1.2"},
    {"offered_key": "rsa", "offered_tls": "TLSv1.3"},
    {"offered_key": "ecdsa", "offered_tls": "TLSv1.3"},
)


@pytest.mark.parametrize("start", [postfix, exim])
def test_each_kind_of_key_is_shown_when_asked_for(start: Start, unpacked: Unpacked, authority: Authority) -> None:
    """An ECDSA leaf under an RSA CA as well, and in both versions; the faulty one of the two is named."""
    rsa = tuple(authority.named[letter] for letter in "LBA")
    disk = files(authority, BOTH[start], rsa=rsa, ecdsa=(ecdsa(authority),))
    with start(unpacked, disk) as server:
        seen = looked(server.port, authority, *EVERY_KIND)
    assert kinds(seen)[1:] == ["rsa", "ecdsa"] * 3
    assert [report.observation.tls_version for report in seen] == ["TLSv1.3"] * 3 + ["TLSv1.2"] * 2 + ["TLSv1.3"] * 2
    assert told(seen) == [("ecdsa-rsa-differ", Severity.ERROR, ("ECDSA (missing-intermediate)",))]


@pytest.mark.parametrize("start", [postfix, exim])
def test_what_a_server_does_not_have_is_no_fault(start: Start, unpacked: Unpacked, authority: Authority) -> None:
    """A server with an RSA certificate alone refuses who verifies ECDSA alone, and nothing is found."""
    with start(unpacked, authority.files("LBA")) as server:
        seen = looked(server.port, authority, *EVERY_KIND)
    assert kinds(seen) == ["rsa", "rsa", None, "rsa", None, "rsa", None]
    assert [f.id for report in seen for f in report.findings] == []
    assert told(seen) == []


@pytest.mark.parametrize("start", [postfix, exim])
def test_the_certificate_for_no_name(start: Start, unpacked: Unpacked, authority: Authority) -> None:
    """Asked by name the server is right; the default is for another name, and has no chain."""
    rsa = tuple(authority.named[letter] for letter in "LBA")
    other = cast(authority.now).leaf(authority.named["B"], subject="CN=old.example.test", names=("old.example.test",))
    with start(unpacked, files(authority, BY_NAME[start], rsa=rsa, other=(other,))) as server:
        seen = looked(server.port, authority, {}, {"sni": None})
    wrong = ("without a name (missing-intermediate, name-mismatch)",)
    assert told(seen) == [("sni-dependent", Severity.ERROR, wrong)]
