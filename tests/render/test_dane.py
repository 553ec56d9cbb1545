from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from render.several import DOWN, RIGHT, at, of_domain, several
from render.test_terminal import shown

from probe.model import Dnssec, EndpointReport, Failure, Finding, Severity, Tlsa, TlsaAnswer, Trouble
from probe.render.dane import of_hosts, of_look

SURE = TlsaAnswer("_25._tcp.mx.example.com", (Tlsa(3, 1, 1, bytes(32)),), Dnssec.SECURE, Dnssec.SECURE)


def having(answer: TlsaAnswer | None, look: EndpointReport = RIGHT, *ids: str, **facts: object) -> EndpointReport:
    """A look at a server of which DNS says this."""
    findings = tuple(Finding(id_, Severity.WARNING, facts=facts) for id_ in ids)
    return replace(look, observation=replace(look.observation, tlsa=answer), findings=findings)


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (having(None), ""),
        (having(replace(SURE, records=())), "none"),
        (having(SURE), "fits"),
        (having(replace(SURE, address_dnssec=Dnssec.UNKNOWN)), "fits, where DNSSEC vouches for it"),
        (having(SURE, DOWN), "not compared"),
        (having(SURE, RIGHT, "dane-mismatch"), "does not fit"),
        (having(SURE, RIGHT, "dane-unusable"), "counts for nothing"),
        (having(SURE, RIGHT, "dane-unusable", case="some"), "fits"),
        (replace(having(SURE), hidden=("dane-ta-missing",)), "does not fit"),
        (having(SURE, RIGHT, "dane-insecure"), "there, and without DNSSEC no sender uses it"),
        (having(replace(SURE, dnssec=Dnssec.BOGUS), RIGHT, "dane-bogus"), "DNSSEC is broken"),
        (having(replace(SURE, failure=Failure(Trouble.TIMEOUT, ""))), "not known, the look-up failed"),
    ],
)
def test_what_a_sender_with_dane_finds_at_one_server(look: EndpointReport, words: str) -> None:
    """Ignored findings do not make it fit."""
    assert of_look(look) == words


def test_hosts_are_counted() -> None:
    """The worst look at each, the worst first; where nobody has records one word will do."""
    bad, none = having(SURE, RIGHT, "dane-mismatch"), having(replace(SURE, records=()))
    looks = [at(having(SURE), "a", "192.0.2.1"), at(bad, "a", "192.0.2.2"), at(having(SURE), "b", "192.0.2.3")]
    assert of_hosts(looks) == "1 of 2 hosts: does not fit; 1 of 2 hosts: fits"
    assert of_hosts(looks[::2]) == "2 of 2 hosts: fits"
    assert of_hosts(looks[:1]) == "fits"
    assert of_hosts([at(none, "a", "192.0.2.1"), at(none, "b", "192.0.2.2")]) == "none"
    assert of_hosts([RIGHT]) == ""


def test_the_head_has_it() -> None:
    """Of a domain always where DNS was asked, of one host where it has records."""
    none: Any = having(replace(SURE, records=()))
    assert "\n  dane     none\n" in shown(of_domain(at(none, "mx1.example.com", "192.0.2.1", mx_preference=10)))
    assert "\n  dane     fits\n" in shown(several(at(having(SURE), "mx", "192.0.2.1")))
    assert "dane " not in shown(several(at(none, "mx", "192.0.2.1")))
