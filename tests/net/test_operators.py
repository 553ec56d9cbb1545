"""Whose place an address is, and what a reception tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model import Endpoint, Exchange, Failure, Observation, Stage, Tls, Trouble
from probe.net.operators import Reception, deserves_another, machine, operators, organisation, reception


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("mx1.mail.example.com", "example.com"),
        ("MX.Example.COM.", "example.com"),
        ("example.com", "example.com"),
        ("mx.example.co.uk", "example.co.uk"),
        ("a.b.example.com.au", "example.com.au"),
        ("mx.example.ne.jp", "example.ne.jp"),
        ("mx00.gmx.de", "gmx.de"),
        ("co.uk", "co.uk"),
        ("localhost", "localhost"),
        ("192.0.2.1", None),
        ("2001:db8::1", None),
        ("", None),
    ],
)
def test_organisation(host: str, domain: str | None) -> None:
    """Two labels, or three below the country codes that give out names at the third."""
    assert organisation(host) == domain


def test_operators_of_a_place() -> None:
    """A network of either family, and the organisation where the host has a name."""
    for address, octets in (("192.0.2.7", [192, 0, 2]), ("2001:db8:1:2::7", [0x20, 1, 0x0D, 0xB8, 0, 1])):
        bare, named = (Endpoint(host, address, 25) for host in (address, "mx.example.com"))
        assert operators(bare, machine(bare)) == (bytes(octets),)
        assert operators(named, machine(named)) == (bytes(octets), "example.com")


def look(stage: Stage, failure: Failure | None = None, *said: str, tls: Tls = Tls.STARTTLS) -> Observation:
    """Give a look that ended there."""
    place = Endpoint("mx.example.com", "192.0.2.1", 25, tls=tls)
    lines = tuple(Exchange(1.0, "server", line) for line in said)
    return Observation(place, datetime(2026, 1, 1, tzinfo=UTC), stage, failure, transcript=lines)


def no(code: int) -> Failure:
    """Give the failure of a reply."""
    return Failure(Trouble.REPLY, f"{code} no", (f"reply:{code}", "status:4.7.0"))


def ended(trouble: Trouble) -> Failure:
    """Give a failure without a reply."""
    return Failure(trouble, "")


@pytest.mark.parametrize(
    ("seen", "how"),
    [
        (look(Stage.DONE), Reception.LET_IN),
        (look(Stage.HANDSHAKE, ended(Trouble.ALERT), "220 hello"), Reception.LET_IN),
        (look(Stage.HANDSHAKE, ended(Trouble.CLOSED), "220 hello"), Reception.LET_IN),
        (look(Stage.EHLO, no(502), "220 hello"), Reception.LET_IN),
        (look(Stage.EHLO_TLS, no(421), "220 hello"), Reception.LET_IN),
        *((look(Stage.GREETING, no(code), "4xx"), Reception.REFUSED) for code in (421, 450, 451, 452, 454, 554)),
        (look(Stage.EHLO, no(421), "220 hello"), Reception.REFUSED),
        (look(Stage.STARTTLS, no(454), "220 hello"), Reception.REFUSED),
        (look(Stage.GREETING, no(550), "550 no"), Reception.OTHER),
        (look(Stage.GREETING, ended(Trouble.CLOSED)), Reception.SHUT),
        (look(Stage.HANDSHAKE, ended(Trouble.CLOSED), tls=Tls.IMPLICIT), Reception.SHUT),
        (look(Stage.GREETING, ended(Trouble.CLOSED), "220-hel"), Reception.OTHER),
        (look(Stage.GREETING, ended(Trouble.TIMEOUT)), Reception.OTHER),
        (look(Stage.CONNECT, ended(Trouble.TIMEOUT)), Reception.NOBODY),
        (look(Stage.CONNECT, ended(Trouble.REFUSED)), Reception.NOBODY),
        (look(Stage.CONNECT, ended(Trouble.UNREACHABLE)), Reception.OTHER),
        (look(Stage.DNS, ended(Trouble.UNRESOLVED)), Reception.OTHER),
    ],
)
def test_reception(seen: Observation, how: Reception) -> None:
    """A no before TLS may mean us; what fails later, or never begins, does not."""
    assert reception(seen) is how


def test_who_deserves_another_look() -> None:
    """A temporary no before TLS, and nothing else."""
    assert all(deserves_another(look(Stage.GREETING, no(code), "no")) for code in (421, 450, 451, 452, 454))
    assert deserves_another(look(Stage.STARTTLS, no(454), "220 hello"))
    others = (look(Stage.GREETING, no(554), "554"), look(Stage.DONE), look(Stage.EHLO_TLS, no(421), "220"))
    assert not any(map(deserves_another, others))
    assert not deserves_another(look(Stage.GREETING, ended(Trouble.CLOSED)))
