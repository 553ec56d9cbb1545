"""What DNS says of a domain, a host, a port: against a scripted resolver on loopback, with every fault of one."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import dns.flags
import pytest
from net.fake_dns import Resolver, Says, Zone, resolver

from probe.model import (
    Dnssec,
    Domain,
    Endpoint,
    Failure,
    Mx,
    Observation,
    Protocol,
    Stage,
    Tlsa,
    TlsaAnswer,
    Trouble,
)
from probe.net import answers, packet, resolvers, servers
from probe.net import dns as module
from probe.net.answers import Answers
from probe.net.dns import MOST_HOSTS, MOST_RECORDS, Dns, hosts_of, with_mail_hosts
from probe.net.resolve import Resolved
from probe.net.servers import DnsOptions

Told = TypeVar("Told")
Ask = Callable[[Dns], Awaitable[Told]]

SHA = "ab" * 32
A_ZONE: Zone = {
    "example.com MX": ["20 mx2.example.com.", "10 MX1.example.com.", "10 alias.example.com.", "20 mx2.example.com."],
    "mx1.example.com A": "192.0.2.25",
    "mx1.example.com AAAA": ["2001:db8::25", "2001:db8::26"],
    "mx2.example.com A": "192.0.2.26",
    "alias.example.com CNAME": "hop.example.com.",
    "hop.example.com CNAME": "real.example.net.",
    "real.example.net A": "192.0.2.27",
    "implicit.example AAAA": "2001:db8::27",
    "text.example TXT": ['"v=STSv1; " "id=1;"', '"caf\\233"'],
    "null.example MX": "0 .",
    "moved.example CNAME": "example.com.",
    "dangling.example CNAME": "nobody.example.",
    "loop.example CNAME": "loop2.example.",
    "loop2.example CNAME": "loop.example.",
}


@pytest.fixture(scope="module")
def here() -> Iterator[Resolver]:
    """A resolver that validates; only example.com is signed."""
    with resolver(A_ZONE, signed=["example.com"], bogus=["bogus.example"]) as running:
        yield running


def options(here: Resolver, **more: bool) -> DnsOptions:
    """Ask this one."""
    return DnsOptions(((here.address, here.port),), **more)


def told(here: Resolver, ask: Ask[Told], **more: bool) -> Told:
    """Ask it once, in a run of its own."""

    async def run() -> Told:
        return await ask(Dns(options(here, **more)))

    return asyncio.run(run())


def of_domain(here: Resolver, name: str, seconds: float = 5) -> Domain:
    """What becomes of its mail."""

    async def ask(dns: Dns) -> Domain:
        return await dns.aliases(await dns.mail_hosts(name, seconds), seconds)

    return told(here, ask)


def test_mail_hosts_by_preference(here: Resolver) -> None:
    """Each once, in lower case; those of one preference by name; an alias says where it leads in the end."""
    seen = of_domain(here, "example.com")
    assert seen.mx == (
        Mx(10, "alias.example.com", "real.example.net"),
        Mx(10, "mx1.example.com"),
        Mx(20, "mx2.example.com"),
    )
    assert (seen.name, seen.implicit, seen.left_out, seen.failure) == ("example.com", False, 0, None)
    assert (seen.dnssec, seen.resolver) == (Dnssec.SECURE, f"127.0.0.1:{here.port}")
    assert abs(datetime.now(UTC) - seen.started).total_seconds() < 60


def test_a_domain_that_is_an_alias(here: Resolver) -> None:
    """A resolver follows it to the MX records."""
    assert [mx.host for mx in of_domain(here, "moved.example").mx][1:] == ["mx1.example.com", "mx2.example.com"]


def test_without_mx_the_domain_is_its_mail_host(here: Resolver) -> None:
    """RFC 5321 §5.1; localhost is never asked for."""
    seen = of_domain(here, "implicit.example")
    assert (seen.mx, seen.implicit, seen.failure) == ((Mx(0, "implicit.example"),), True, None)
    asked = len(here.asked)
    for name in ("localhost", "mail.localhost"):
        seen = of_domain(here, name)
        assert (seen.mx, seen.implicit, seen.failure, seen.resolver) == ((Mx(0, name),), True, None, None)
    assert asked == len(here.asked)


def test_no_mail_is_said_or_is_so(here: Resolver) -> None:
    """The null MX stands alone; no MX and no address is something else, and so is a name that does not exist."""
    says = f"says 127.0.0.1:{here.port}"
    assert of_domain(here, "null.example").failure == Failure(Trouble.NULL_MX, f"the null MX, {says}")
    assert of_domain(here, "text.example").failure == Failure(Trouble.NO_MX, f"no MX and no address, {says}")
    missing = Failure(Trouble.UNRESOLVED, f"NXDOMAIN for nobody.example, {says}", ("rcode:NXDOMAIN",))
    assert of_domain(here, "nobody.example").failure == missing
    dangling = of_domain(here, "dangling.example").failure
    assert dangling
    assert dangling.symptoms == ("rcode:NXDOMAIN",)


NOBODY = ("dns:no-answer",)
FAULTS: dict[str, tuple[list[str] | Says, str, tuple[str, ...]]] = {
    "SERVFAIL": (Says(rcode="SERVFAIL"), "SERVFAIL for x.example MX, says 127.0.0.1:PORT", ("rcode:SERVFAIL",)),
    "REFUSED": (Says(rcode="REFUSED"), "REFUSED for x.example MX, says 127.0.0.1:PORT", ("rcode:REFUSED",)),
    "FORMERR": (Says(rcode="FORMERR"), "FORMERR for x.example MX, says 127.0.0.1:PORT", ("rcode:FORMERR",)),
    "silence": (Says(manner="silence"), "no answer to x.example MX from 127.0.0.1:PORT in 0.15 s", NOBODY),
    "hang up": (Says(manner="hang up"), "no answer to x.example MX from 127.0.0.1:PORT: it hung up", NOBODY),
    "silent over TCP": (
        Says(["1 a."], manner="tcp silence"),
        "no answer to x.example MX from 127.0.0.1:PORT in",
        NOBODY,
    ),
    "garbage": (Says(manner="garbage"), "no answer to x.example MX from 127.0.0.1:PORT in", NOBODY),
    "wrong id": (
        Says(["10 mx.example."], manner="wrong id"),
        "no answer to x.example MX from 127.0.0.1:PORT in",
        NOBODY,
    ),
    "wrong question": (
        Says(["10 mx.example."], manner="wrong question"),
        "no answer to x.example MX from 127.0.0.1:PORT in",
        NOBODY,
    ),
    "cut": (Says(["10 mx.example."], manner="cut"), "an answer that cannot be read", ()),
    "malformed": (["\\# 1 00"], "an answer that cannot be read", ()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rcode, or what else went wrong, and which resolver it was; within the time, and without an exception."""
    answer, text, symptoms = FAULTS[fault]
    monkeypatch.setattr(resolvers, "ATTEMPT", 0.15)
    with resolver({"x.example": answer}) as here:
        began = time.monotonic()
        seen = of_domain(here, "x.example", 0.3)
        assert time.monotonic() - began < 2
        assert seen.failure
        assert seen.failure.trouble is Trouble.UNRESOLVED
        assert text.replace("PORT", str(here.port)) in seen.failure.text
        assert (seen.failure.symptoms, seen.mx) == (symptoms, ())
        assert seen.resolver == f"127.0.0.1:{here.port}"


def test_a_loop_of_aliases_ends(here: Resolver) -> None:
    """However long the resolver follows it."""
    seen = of_domain(here, "loop.example")
    assert seen.failure
    assert "cannot be read (the CNAME chain is too long), to loop.example MX" in seen.failure.text
    looped = told(here, lambda dns: dns.addresses("loop.example", 0, 5))
    assert looped.failure
    assert looped.addresses == ()


def test_an_answer_lost_on_the_way_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """UDP may lose one; one that is too long comes over TCP."""
    monkeypatch.setattr(resolvers, "ATTEMPT", 0.3)
    lost = iter([True])
    with resolver({"x.example MX": "1 mx.example.", "long.example TXT": Says(['"x"'], manner="truncated")}) as here:
        answer = here.answer
        monkeypatch.setattr(here, "answer", lambda wire, way: None if next(lost, False) else answer(wire, way))
        assert [mx.host for mx in of_domain(here, "x.example").mx] == ["mx.example"]
        assert told(here, lambda dns: dns.txt("long.example", 5))[0] == ("x",)
        assert here.asked[-3:-1] == ["udp long.example TXT", "tcp long.example TXT"]


def test_another_server_is_asked_where_one_fails() -> None:
    """In turn; nobody is asked twice who has answered, and the answer says who gave it."""
    with (
        resolver({"x.example": Says(rcode="REFUSED")}) as first,
        resolver({"x.example MX": "1 mx.example."}, address="127.0.0.2") as second,
    ):
        servers = tuple((one.address, one.port) for one in (first, second))
        seen = asyncio.run(Dns(DnsOptions(servers)).mail_hosts("x.example", 5))
        assert (seen.resolver, len(seen.mx)) == (f"127.0.0.2:{second.port}", 1)
        assert first.asked.count("udp x.example MX") == 1


def test_a_server_that_is_not_there() -> None:
    """The operating system's word is told."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    seen = asyncio.run(Dns(DnsOptions((("127.0.0.1", port),))).mail_hosts("x.example", 1))
    assert seen.failure
    assert f"no answer to x.example MX from 127.0.0.1:{port}: Connection refused" == seen.failure.text


@pytest.mark.unmeasured
def test_a_thousand_hosts_are_bounded() -> None:
    """The preferred ones are kept, the others counted, and nobody is asked about them."""
    with resolver({"many.example MX": [f"{n} mx{n}.many.example." for n in range(1000)]}) as here:
        seen = of_domain(here, "many.example", 20)
        assert [mx.preference for mx in seen.mx] == list(range(MOST_HOSTS))
        assert seen.left_out == 1000 - MOST_HOSTS
        assert sum("mx" in line for line in here.asked) == 2 * MOST_HOSTS


ODD = [
    "5 192.0.2.25.",
    "6 a\\010b.example.",
    "7 \\$\\(reboot\\).example.",
    "8 x\\032y.",
    f"9 {'a' * 63}.{'b' * 63}.",
    "0 .",
]


def test_what_is_no_host_name_is_kept_and_never_looked_up() -> None:
    """Addresses, control characters, commands, the null MX among others: as DNS writes them, escaped."""
    with resolver({"odd.example MX": [*ODD, "30 mx.example.", "40 mx.example."], "mx.example A": "192.0.2.1"}) as here:
        seen = of_domain(here, "odd.example")
        hosts = [mx.host for mx in seen.mx]
        assert hosts[:4] == ["", "192.0.2.25", "a\\010b.example", "\\$\\(reboot\\).example"]
        assert all(host.isascii() and host.isprintable() for host in hosts)
        assert [mx.host for mx in hosts_of(seen)] == [f"{'a' * 63}.{'b' * 63}", "mx.example"]
        assert [mx.preference for mx in hosts_of(seen)] == [9, 30]
        assert not any(word in line for line in here.asked for word in ("192", "reboot", "010", "032"))


def test_special_names_are_never_asked(here: Resolver) -> None:
    """RFC 6761, RFC 7686; nor are addresses, nor what DNS cannot have."""
    asked = len(here.asked)
    for name in ("mx.invalid", "x.onion", "192.0.2.1", "[192.0.2.1]", "x" * 64, "a..b", "x." * 200):
        seen = of_domain(here, name)
        assert seen.failure
        assert seen.failure.trouble is Trouble.UNRESOLVED
        assert seen.failure.text
    assert told(here, lambda dns: dns.tlsa("localhost", 25, None, 5)) == TlsaAnswer("_25._tcp.localhost")
    assert told(here, lambda dns: dns.addresses("localhost", 4, 5)) == Resolved(("127.0.0.1",))
    assert asked == len(here.asked)


def test_no_resolver_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """/etc/resolv.conf is not there, names none, or is no text: a failure with a name, and nobody is alive."""
    binary, empty = tmp_path / "binary", tmp_path / "empty"
    binary.write_bytes(b"nameserver \xff\xfe\n")
    empty.write_text("search example.com\nnameserver\nnameserver example.com\n")
    for path in (tmp_path / "none", empty, binary):
        monkeypatch.setattr(servers, "RESOLV_CONF", path)
        seen = asyncio.run(Dns().mail_hosts("x.example", 1))
        assert seen.failure
        assert seen.failure.text.startswith("no DNS server is known: ")
        assert not asyncio.run(Dns().alive(1))


def test_the_systems_resolver_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its first three, no search list; comments are none, and an address of a link has its interface."""
    file = tmp_path / "resolv.conf"
    named = "".join(f"nameserver 127.0.0.{n} # n\n" for n in range(1, 6))
    file.write_text(f"search example.com\n# nameserver 192.0.2.1\n nameserver fe80::1%lo\n{named}")
    monkeypatch.setattr(servers, "RESOLV_CONF", file)
    assert [str(server) for server in servers.system_servers()] == ["fe80::1%lo", "127.0.0.1", "127.0.0.2"]


def test_signatures_are_asked_for(here: Resolver) -> None:
    """DO and AD are set, CD is not, recursion is desired, and an answer fits one packet (RFC 6840 §5.7)."""
    of_domain(here, "example.com")
    asked = here.queries[-1]
    assert asked.flags & dns.flags.AD
    assert asked.flags & dns.flags.RD
    assert not asked.flags & dns.flags.CD
    assert asked.ednsflags & dns.flags.DO
    assert asked.payload == packet.PAYLOAD


def test_each_question_once(here: Resolver) -> None:
    """Whoever asks, and at the same time."""

    async def run(dns: Dns) -> tuple[Domain, Domain]:
        first, second = await asyncio.gather(dns.mail_hosts("example.com", 5), dns.mail_hosts("example.com", 5))
        await dns.addresses("mx1.example.com", 0, 5)
        return first, second

    before = len(here.asked)
    first, second = told(here, run)
    assert first.mx == second.mx
    asked = here.asked[before:]
    assert sorted(asked) == sorted(set(asked))


def test_impatience_of_one_is_not_anothers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who gives up early leaves the question for others, who get the answer; so does who is cancelled."""
    with resolver({"x.example MX": "1 mx.example."}) as here:
        answer = here.answer

        def slowly(wire: bytes, way: str) -> bytes | None:
            time.sleep(0.4)
            return answer(wire, way)

        monkeypatch.setattr(here, "answer", slowly)
        monkeypatch.setattr(answers, "GRACE", 0)

        async def run(dns: Dns) -> tuple[Domain, Domain]:
            patient = asyncio.create_task(dns.mail_hosts("x.example", 5))
            await asyncio.sleep(0)
            cancelled = asyncio.create_task(dns.mail_hosts("x.example", 5))
            hasty = await dns.mail_hosts("x.example", 0.05)
            cancelled.cancel()
            return hasty, await patient

        hasty, patient = told(here, run)
        assert hasty.failure == Failure(Trouble.UNRESOLVED, "no answer to x.example MX in 0.05 s", NOBODY)
        assert [mx.host for mx in patient.mx] == ["mx.example"]


@pytest.mark.parametrize("trust", [False, True])
def test_whom_to_believe(monkeypatch: pytest.MonkeyPatch, trust: bool) -> None:
    """AD counts from loopback, or where the user says so; from afar it is never silently believed."""
    with resolver(A_ZONE, signed=["example.com"]) as here:
        assert of_domain(here, "example.com").dnssec is Dnssec.SECURE
        assert of_domain(here, "implicit.example").dnssec is Dnssec.INSECURE
        monkeypatch.setattr(resolvers, "is_loopback", lambda _: False)
        signed = told(here, lambda dns: dns.mail_hosts("example.com", 5), trust_ad=trust)
        unsigned = told(here, lambda dns: dns.mail_hosts("null.example", 5), trust_ad=trust)
        expected = (Dnssec.SECURE, Dnssec.INSECURE) if trust else (Dnssec.UNKNOWN, Dnssec.UNKNOWN)
        assert (signed.dnssec, unsigned.dnssec) == expected


def test_a_resolver_that_never_validates_tells_nothing_by_its_silence() -> None:
    """Not even of the root does it say AD; so a zone without AD may be signed."""
    with resolver(A_ZONE) as here:
        assert of_domain(here, "example.com").dnssec is Dnssec.UNKNOWN
        assert here.asked.count("udp . NS") == 1


def test_bogus_is_what_comes_without_validation_only() -> None:
    """SERVFAIL, and an answer with CD."""
    with resolver({"x.bogus.example MX": "1 mx.example."}, signed=["."], bogus=["bogus.example"]) as signed:
        seen = of_domain(signed, "x.bogus.example")
    assert seen.failure
    assert (seen.dnssec, seen.failure.symptoms) == (Dnssec.BOGUS, ("rcode:SERVFAIL",))
    assert seen.failure.text.endswith("; the records come when it is told not to validate them (CD)")
    with resolver({"x.example": Says(rcode="SERVFAIL")}, signed=["."]) as failing:
        assert of_domain(failing, "x.example").dnssec is Dnssec.UNKNOWN


@pytest.mark.parametrize(
    ("host", "family", "expected"),
    [
        ("mx1.example.com", 0, ("2001:db8::25", "2001:db8::26", "192.0.2.25")),
        ("mx1.example.com", 4, ("192.0.2.25",)),
        ("mx1.example.com", 6, ("2001:db8::25", "2001:db8::26")),
        ("alias.example.com", 0, ("192.0.2.27",)),
        ("192.0.2.1", 0, ("192.0.2.1",)),
        ("[2001:db8::1]", 6, ("2001:db8::1",)),
    ],
)
def test_addresses_of_a_named_resolver(here: Resolver, host: str, family: int, expected: tuple[str, ...]) -> None:
    """Of the family that is wanted; an address is one."""
    assert told(here, lambda dns: dns.addresses(host, family, 5)) == Resolved(expected)


def test_no_address(here: Resolver) -> None:
    """NXDOMAIN, none, or nobody knows; where the mail goes is noted, and a null MX is told from it."""
    says = f"says 127.0.0.1:{here.port}"
    named = ("mx:alias.example.com", "mx:mx1.example.com", "mx:mx2.example.com")
    expected = {
        "nobody.example": Failure(Trouble.UNRESOLVED, f"NXDOMAIN for nobody.example, {says}", ("rcode:NXDOMAIN",)),
        "text.example": Failure(Trouble.UNRESOLVED, f"no address for text.example, {says}"),
        "example.com": Failure(Trouble.UNRESOLVED, f"no address for example.com, {says}", named),
        "null.example": Failure(Trouble.NULL_MX, f"no address for null.example, {says}; its MX is the null MX"),
    }
    for host, failure in expected.items():
        assert told(here, lambda dns, host=host: dns.addresses(host, 0, 5)) == Resolved(failure=failure)  # type: ignore[misc]


def test_one_family_that_fails_hides_no_other() -> None:
    """A is there, AAAA fails: some DNS servers break at it. Where nothing else is there, the failure counts."""
    with resolver({"x.example A": "192.0.2.1", "x.example AAAA": Says(rcode="SERVFAIL")}) as here:
        found = told(here, lambda dns: dns.addresses("x.example", 0, 5))
        assert (found.addresses, found.failure) == (("192.0.2.1",), None)
        assert found.partly
        failure = told(here, lambda dns: dns.addresses("x.example", 6, 5)).failure
        assert failure
        assert failure.symptoms == ("rcode:SERVFAIL",)


def test_the_hosts_file_counts_without_a_named_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is asked, as a mail server asks it."""

    def found(*_: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", ("192.0.2.99", 0))]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    assert asyncio.run(Dns().addresses("mx1.example.com", 0, 5)) == Resolved(("192.0.2.99",))


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        ("0 .", Failure(Trouble.NULL_MX, "Name or service not known; its MX is the null MX")),
        (
            ["20 mx2.example.", "10 mx1.example."],
            Failure(Trouble.UNRESOLVED, "Name or service not known", ("mx:mx1.example", "mx:mx2.example")),
        ),
        (["0 .", "10 mx1.example."], Failure(Trouble.UNRESOLVED, "Name or service not known", ("mx:mx1.example",))),
        ("0 mx.example.", Failure(Trouble.UNRESOLVED, "Name or service not known")),
        (Says(rcode="NXDOMAIN"), Failure(Trouble.UNRESOLVED, "Name or service not known")),
        (Says(manner="silence"), Failure(Trouble.UNRESOLVED, "Name or service not known")),
    ],
    ids=["null MX", "MX", "both", "itself", "none", "silence"],
)
def test_name_without_address_for_the_system(
    monkeypatch: pytest.MonkeyPatch, answer: str | list[str] | Says, failure: Failure
) -> None:
    """A null MX is told from a name that nobody knows; the resolver's word comes first, and is never lost."""

    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(module, "MX_TIMEOUT", 0.2)
    with resolver({"mx.example MX": answer}) as here:
        dns = Dns()
        dns.answers = Answers(DnsOptions(((here.address, here.port),)))
        assert Resolved(failure=failure) == asyncio.run(dns.addresses("MX.example.", 0, 5))


def test_texts(here: Resolver) -> None:
    """The strings of a record are one; octets are characters; none is no failure, and too many are bounded."""
    assert told(here, lambda dns: dns.txt("text.example", 5)) == (("caf\xe9", "v=STSv1; id=1;"), None, Dnssec.INSECURE)
    assert told(here, lambda dns: dns.txt("nobody.example", 5)) == ((), None, Dnssec.INSECURE)
    with resolver({"x.example TXT": [f'"{n}"' for n in range(200)], "y.example": Says(rcode="REFUSED")}) as other:
        assert len(told(other, lambda dns: dns.txt("x.example", 5))[0]) == MOST_RECORDS
        _, failure, dnssec = told(other, lambda dns: dns.txt("y.example", 5))
    assert failure
    assert (failure.symptoms, dnssec) == (("rcode:REFUSED",), Dnssec.UNKNOWN)


RECORD = Tlsa(3, 1, 1, bytes.fromhex(SHA))
OTHER = Tlsa(2, 0, 1, bytes.fromhex(SHA))
AT_BASE = {"_25._tcp.real.example TLSA": f"2 0 1 {SHA}"}
AT_HOST = {"_25._tcp.mx.example TLSA": f"3 1 1 {SHA}"}
PLAIN = {"mx.example A": "192.0.2.1"}
ALIAS = {"mx.example CNAME": "real.example.", "real.example A": "192.0.2.1"}
SECURE, INSECURE, BOGUS = Dnssec.SECURE, Dnssec.INSECURE, Dnssec.BOGUS

LOOKS: dict[str, tuple[Zone, tuple[str, ...], tuple[object, ...]]] = {
    "signed": (PLAIN | AT_HOST, (".",), ((RECORD,), SECURE, SECURE, None)),
    "none": (PLAIN, (".",), ((), SECURE, SECURE, None)),
    "unsigned": (PLAIN | AT_HOST, ("other.example",), ((RECORD,), INSECURE, INSECURE, None)),
    "behind the alias": (ALIAS | AT_BASE | AT_HOST, (".",), ((OTHER,), SECURE, SECURE, "real.example")),
    "before the alias": (ALIAS | AT_HOST, (".",), ((RECORD,), SECURE, SECURE, None)),
    "alias out of a signed zone": (ALIAS | AT_BASE | AT_HOST, ("mx.example",), ((RECORD,), SECURE, SECURE, None)),
    "alias into a signed zone": (ALIAS | AT_BASE | AT_HOST, ("real.example",), ((RECORD,), INSECURE, INSECURE, None)),
    "TLSA is an alias": (
        PLAIN | {"_25._tcp.mx.example CNAME": "tlsa.example.", "tlsa.example TLSA": f"3 1 1 {SHA}"},
        (".",),
        ((RECORD,), SECURE, SECURE, None),
    ),
    "sorted": (
        PLAIN | {"_25._tcp.mx.example TLSA": [f"3 1 1 {SHA}", f"2 0 1 {SHA}", "\\# 4 030101aa"]},
        (".",),
        ((OTHER, Tlsa(3, 1, 1, b"\xaa"), RECORD), SECURE, SECURE, None),
    ),
    "no data in the record": (
        PLAIN | {"_25._tcp.mx.example TLSA": "\\# 3 030101"},
        (".",),
        ((Tlsa(3, 1, 1, b""),), SECURE, SECURE, None),
    ),
}


@pytest.mark.parametrize("look", LOOKS)
def test_tlsa_is_found_where_a_sender_finds_it(look: str) -> None:
    """At the end of the alias first, if all of it is signed, then at the host itself (RFC 7672 §2.2.2)."""
    zone, signed, expected = LOOKS[look]
    with resolver(zone, signed=signed) as here:
        seen = told(here, lambda dns: dns.tlsa("mx.example", 25, SECURE, 5))
        assert (seen.records, seen.dnssec, seen.address_dnssec, seen.base) == expected
        assert (seen.failure, seen.mx_dnssec, seen.resolver) == (None, SECURE, f"127.0.0.1:{here.port}")
        assert seen.name == f"_25._tcp.{seen.base or 'mx.example'}"


FAILS = Says(rcode="SERVFAIL")


@pytest.mark.parametrize(
    ("zone", "signed", "bogus", "fails"),
    [
        (PLAIN | {"_25._tcp.mx.example": FAILS}, ".", (), True),
        (PLAIN | {"_25._tcp.mx.example": FAILS}, "other.example", (), False),
        (ALIAS | {"_25._tcp.real.example": FAILS} | AT_HOST, ".", (), True),
        ({"mx.example": FAILS} | AT_HOST, ".", (), True),
        (PLAIN | {"mx.example AAAA": FAILS} | AT_HOST, ".", (), True),
        (PLAIN | {"_25._tcp.mx.example TLSA": "\\# 2 0301"}, ".", (), True),
        (PLAIN | AT_HOST, ".", ("mx.example",), True),
        (PLAIN | AT_HOST, ".", ("_tcp.mx.example",), True),
    ],
    ids=["TLSA", "TLSA, unsigned", "TLSA behind the alias", "addresses", "AAAA", "malformed", "bogus", "bogus TLSA"],
)
def test_a_look_for_tlsa_that_fails(zone: Zone, signed: str, bogus: tuple[str, ...], fails: bool) -> None:
    """A sender defers then, and does not go on to another name; where nothing is signed it never asks."""
    with resolver(zone, signed=[signed], bogus=bogus) as here:
        seen = told(here, lambda dns: dns.tlsa("mx.example", 25, None, 5))
    assert (seen.failure is not None, seen.records) == (fails, ())
    assert (Dnssec.BOGUS in {seen.dnssec, seen.address_dnssec}) == bool(bogus)


def test_tlsa_of_what_is_no_host(here: Resolver) -> None:
    """An address has none, nor has an odd name: nobody is asked."""
    asked = len(here.asked)
    for host in ("192.0.2.1", "a\\010b.example", ""):
        assert told(here, lambda dns, host=host: dns.tlsa(host, 25, None, 5)).records == ()  # type: ignore[misc]
    assert asked == len(here.asked)


@pytest.mark.parametrize(
    ("endpoint", "stage", "noted"),
    [
        (Endpoint("example.com", "192.0.2.1", 25), Stage.CONNECT, True),
        (Endpoint("example.com", "192.0.2.1", 25), Stage.GREETING, False),
        (Endpoint("example.com", "192.0.2.1", 993, Protocol.IMAP), Stage.CONNECT, False),
        (Endpoint("example.com", "192.0.2.1", 25, mx_preference=10), Stage.CONNECT, False),
        (Endpoint("mx1.example.com", "192.0.2.1", 25), Stage.CONNECT, False),
        (Endpoint("192.0.2.1", "192.0.2.1", 25), Stage.CONNECT, False),
    ],
)
def test_a_bare_name_whose_mail_goes_elsewhere(here: Resolver, endpoint: Endpoint, stage: Stage, noted: bool) -> None:
    """Noted where no connection came about on the way of mail, and only there."""
    seen = Observation(endpoint, datetime(2026, 11, 1, tzinfo=UTC), stage, Failure(Trouble.REFUSED, "no", ("x:1",)))
    looked = told(here, lambda dns: with_mail_hosts(seen, dns, 5))
    assert looked.failure
    hosts = ("mx:alias.example.com", "mx:mx1.example.com", "mx:mx2.example.com") if noted else ()
    assert looked.failure.symptoms == ("x:1", *hosts)
