"""What is said of the MX records of a domain."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from probe.model import (
    Confidence,
    Dnssec,
    Domain,
    Endpoint,
    EndpointReport,
    Failure,
    Finding,
    Mx,
    Observation,
    Severity,
    Stage,
    Trouble,
)
from probe.rules.domain import IDS, of_domain
from probe.wording import Saying, slots_of, spoken

NOW = datetime(2026, 11, 1, tzinfo=UTC)
EMPTY = Domain("example.com", NOW)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def failed(trouble: Trouble, *symptoms: str, dnssec: Dnssec = Dnssec.UNKNOWN) -> Domain:
    """A domain of which nobody knows the hosts."""
    return replace(EMPTY, dnssec=dnssec, failure=Failure(trouble, "the words", symptoms))


def having(*hosts: str | Mx, left_out: int = 0) -> Domain:
    """A domain with these MX records."""
    return replace(EMPTY, mx=tuple(mx if isinstance(mx, Mx) else Mx(10, mx) for mx in hosts), left_out=left_out)


CASES: list[tuple[Domain, list[tuple[str, Severity, str | None]]]] = [
    (having("mx1.example.com", "mx_2.example.com"), []),
    (replace(having("example.com"), implicit=True), []),
    (failed(Trouble.NULL_MX), [("null-mx", ERROR, None)]),
    (failed(Trouble.NO_MX), [("no-mx", ERROR, None)]),
    (failed(Trouble.UNRESOLVED), [("dns-failed", ERROR, "domain")]),
    (failed(Trouble.UNRESOLVED, "rcode:SERVFAIL"), [("dns-failed", ERROR, "domain")]),
    (failed(Trouble.UNRESOLVED, "rcode:NXDOMAIN"), [("dns-failed", ERROR, "no-domain")]),
    (failed(Trouble.UNRESOLVED, "rcode:SERVFAIL", dnssec=Dnssec.BOGUS), [("dns-failed", ERROR, "bogus")]),
    (having("192.0.2.1", "mx.example.com"), [("mx-is-address", WARNING, None)]),
    (having("192.0.2.1", "2001:db8::1"), [("mx-is-address", ERROR, "only")]),
    (having("a\\010b", "mx.example.com"), [("mx-bad-name", WARNING, None)]),
    (having("a\\010b"), [("mx-bad-name", ERROR, "only")]),
    (having("256.0.0.1", "192.0.2.1"), [("mx-is-address", ERROR, "only"), ("mx-bad-name", ERROR, "only")]),
    (having("", "mx.example.com"), [("mx-bad-name", WARNING, "null")]),
    (having(Mx(10, "mx.example.com", "real.example.net")), [("mx-is-cname", INFO, None)]),
    (having("mx.example.com", left_out=980), [("mx-too-many", INFO, None)]),
]


@pytest.mark.parametrize(("domain", "expected"), CASES)
def test_what_is_found(domain: Domain, expected: list[tuple[str, Severity, str | None]]) -> None:
    """What no sender can use is an error where nothing else is left, and a warning beside others."""
    assert [(f.id, f.severity, f.facts.get("case")) for f in of_domain(domain)] == expected


def led(**addresses: str) -> list[EndpointReport]:
    """Looks at these addresses of the hosts called so."""
    places = [(host, address) for host, several in addresses.items() for address in several.split()]
    ends = [Endpoint(f"{host}.example.com", address, 25, mx_preference=10) for host, address in places]
    return [EndpointReport(Observation(end, NOW, Stage.CONNECT)) for end in ends]


PLACES = [
    ({"mx1": "1.1.1.1", "mx2": "127.0.0.1"}, (WARNING, None, ("mx2.example.com (127.0.0.1)",))),
    ({"mx1": "1.1.1.1", "mx2": "10.0.0.1 fd00::1"}, (WARNING, None, ("mx2.example.com (10.0.0.1, fd00::1)",))),
    ({"mx1": "1.1.1.1", "mx2": "127.0.0.1 2606:4700::1"}, None),
    ({"mx1": "127.0.0.1", "mx2": "10.0.0.1"}, None),
    ({"mx1": "1.1.1.1", "mx2": "9.9.9.9"}, None),
    ({"mx1": "127.0.1.1", "localhost": "127.0.0.1"}, (WARNING, None, ("localhost.example.com (127.0.0.1)",))),
    ({"localhost": "127.0.0.1 ::1"}, (ERROR, "only", ("localhost.example.com (127.0.0.1, ::1)",))),
    ({"localhost": "1.1.1.1"}, None),
    ({"mx1": "1.1.1.1", "localhost": ""}, (WARNING, None, ("localhost.example.com",))),
    ({"mx1": "1.1.1.1", "mx2": "fe80::1%eth0"}, (WARNING, None, ("mx2.example.com (fe80::1)",))),
    ({"mx1": "1.1.1.1", "mx2": "saved-by-hand"}, None),
]


@pytest.mark.parametrize(("addresses", "expected"), PLACES)
def test_a_host_that_is_every_senders_own(addresses: dict[str, str], expected: tuple[object, ...] | None) -> None:
    """Beside public hosts, or by the name localhost; a laboratory is left in peace."""
    domain = having(*(f"{host}.example.com" for host in addresses))
    found = of_domain(domain, led(**addresses))
    told = [(f.severity, f.facts.get("case"), f.facts["records"]) for f in found if f.id == "mx-is-private"]
    assert told == ([expected] if expected else [])


def test_localhost_without_an_address_is_told_as_well() -> None:
    """Its name says enough."""
    (found,) = of_domain(having("localhost"), [])
    assert (found.id, found.facts["records"]) == ("mx-is-private", ("localhost",))


def test_every_finding_has_its_case() -> None:
    """None is left without a test."""
    assert {name for _, expected in CASES for name, _, _ in expected} >= IDS - {"mx-is-private"}


def test_signatures_that_fail_are_very_likely_the_fault() -> None:
    """A resolver that lacks the time, or the right time, fails in the same way."""
    (found,) = of_domain(failed(Trouble.UNRESOLVED, dnssec=Dnssec.BOGUS))
    assert found.confidence is Confidence.VERY_LIKELY


def worded(domain: Domain) -> Finding:
    """The only finding, in words."""
    slots = slots_of(Endpoint(domain.name, None, 25))
    (found,) = spoken(of_domain(domain), None, Saying(slots, None, ()))
    return found


def test_the_records_are_named_once_and_not_all() -> None:
    """Five of a kind are read, and their number is told."""
    found = worded(having(*(f"192.0.2.{n}" for n in range(1, 9)), "192.0.2.1", "mx.example.com"))
    assert "name 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, and 3 more." in found.summary


def test_the_numbers_are_told() -> None:
    """How many there are, and at how many we looked."""
    said = worded(having("mx.example.com", left_out=980)).summary
    assert "example.com has 981 MX records. We looked at the 1 that" in said


@pytest.mark.parametrize("host", ["$(reboot)", "; rm -rf /", "\x1b[2Ja", "-x", "a\u202eb"])
def test_nothing_of_dns_stands_in_a_command(host: str) -> None:
    """Nor does anything reach a screen that a terminal would obey."""
    hostile = [
        having(host, "mx.example.com"),
        having(Mx(10, "mx.example.com", host)),
        replace(EMPTY, failure=Failure(Trouble.UNRESOLVED, host, ("rcode:NXDOMAIN",))),
    ]
    for found in map(worded, hostile):
        assert found.summary.isprintable()
        commands = [shlex.split(line[2:]) for line in found.fix if line.startswith("$ ")]
        assert commands
        assert all(host not in word for words in commands for word in words)
