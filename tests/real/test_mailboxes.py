"""What mail programs and delivery agents meet: every port of Dovecot and of Courier."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from real.client import shown
from real.conftest import Authority
from real.courier import courier
from real.dovecot import dovecot
from real.running import NotStarted, Server, Unpacked
from real.servers import Start
from real.test_reports import FINDINGS, found, probed

from probe.catalogue.protocols import starttls_of
from probe.model import Confidence, Protocol, Tls
from probe.pki.certificate import parse

pytestmark = pytest.mark.real


def spoken(listener: str) -> tuple[Protocol, Tls]:
    """Say what is spoken there; "imaps" is IMAP with TLS from the first byte."""
    return Protocol(listener.removesuffix("s")), Tls.IMPLICIT if listener.endswith("s") else Tls.STARTTLS


def sent(server: Server, authority: Authority) -> dict[str, str]:
    """Say what openssl is sent at each port."""
    chains = {}
    for listener, port in server.ports.items():
        protocol, tls = spoken(listener)
        word = starttls_of(protocol) if tls is Tls.STARTTLS else ""
        chains[listener] = authority.letters(shown(port, word, server.environment))
    return chains


@pytest.mark.parametrize("start", [dovecot, courier])
@pytest.mark.parametrize("certificates", ["LBA", "L", "LAB"])
def test_every_port_sends_the_file_and_the_report_is_right(
    start: Start, certificates: str, unpacked: Unpacked, authority: Authority
) -> None:
    """OpenSSL reads the wire first; then our report names that chain, its defects, and the software."""
    with start(unpacked, authority.files(certificates)) as server:
        seen = sent(server, authority)
        told = {name: probed(port, authority, *spoken(name)) for name, port in server.ports.items()}
    assert set(seen.values()) == {certificates}, seen
    assert {name: found(report) for name, report in told.items()} == dict.fromkeys(seen, FINDINGS[certificates])
    for (endpoint,) in (report.endpoints for report in told.values()):
        digests = tuple(parse(der).sha256 for der in endpoint.observation.presented or ())
        assert authority.letters(digests) == certificates
        assert endpoint.mta is not None
        assert endpoint.mta.name == start.__name__
        assert endpoint.mta.confidence is not Confidence.MAY_BE


def test_with_a_wrong_key_every_port_of_dovecot_is_told_apart(unpacked: Unpacked, authority: Authority) -> None:
    """It says yes to STARTTLS and then, in clear, that it has no TLS; LMTP does not offer it; else it hangs up."""
    with dovecot(unpacked, authority.files("LBA", key="leaf-2")) as server:
        seen = sent(server, authority)
        told = {name: found(probed(port, authority, *spoken(name))) for name, port in server.ports.items()}
    assert set(seen.values()) == {""}, seen
    at_once = {name: ("closed",) for name in told if name.endswith("s")}
    assert told == dict.fromkeys(told, ("not-tls",)) | at_once | {"lmtp": ("no-starttls",)}


def test_with_a_wrong_key_courier_sends_the_chain_all_the_same(unpacked: Unpacked, authority: Authority) -> None:
    """GnuTLS does not compare: the handshake begins, and ends with a signature that does not verify."""
    with courier(unpacked, authority.files("LBA", key="leaf-2")) as server:
        told = {name: found(probed(port, authority, *spoken(name))) for name, port in server.ports.items()}
    assert told == dict.fromkeys(told, ("key-mismatch",))


def test_dovecot_does_not_start_without_its_key(unpacked: Unpacked, authority: Authority) -> None:
    """The file is read with the configuration."""
    with pytest.raises(NotStarted, match="ssl_key: Can't open file"):  # noqa: SIM117  # one says what, one when
        with dovecot(unpacked, replace(authority.files("LBA"), key=None)):
            pytest.fail("it started")
