"""Reports of many looks, written by hand: several addresses, mail hosts, manners to ask, times."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace
from render.samples import GOOD, MISORDERED, MISSING, NASTY, NOW, REFUSED, STORES, UNREACHABLE

from probe.model import (
    Domain,
    Endpoint,
    EndpointReport,
    Failure,
    Finding,
    Kind,
    Mx,
    PolicyFetch,
    Report,
    Severity,
    Stage,
    StsLook,
    Target,
    TlsRptLook,
    Trouble,
)

RIGHT, LACKING, EXPIRED, DOWN, REFUSING = (r.endpoints[0] for r in (GOOD, MISSING, MISORDERED, UNREACHABLE, REFUSED))
NO_SUCH_KEY = replace(
    REFUSING,
    findings=(),
    observation=replace(REFUSING.observation, stage=Stage.HANDSHAKE, failure=Failure(Trouble.ALERT, "alert 40")),
)
"""A server without a certificate of the kind that alone was offered."""
STAR: tuple[dict[str, object], ...] = (
    {},
    {"sni": None},
    {"offered_key": "rsa"},
    {"offered_key": "ecdsa"},
    {"offered_tls": "TLSv1.2"},
    {"offered_tls": "TLSv1.3"},
)
"""How --thorough asks: as usual, and with one thing changed."""
FOUR = ("192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2")


def at(look: EndpointReport, host: str | None, address: str | None, **more: object) -> EndpointReport:
    """The same look, taken elsewhere or asked otherwise."""
    endpoint = replace(Endpoint(host, address, 25, sni=host), **more)  # by name
    return replace(look, observation=replace(look.observation, endpoint=endpoint))


def thorough(
    see: Callable[[Endpoint], EndpointReport], host: str, *addresses: str, **more: object
) -> Iterator[EndpointReport]:
    """Every address of a host, asked in all six manners; ``see`` says what each shows."""
    for address in addresses:
        for manner in STAR:
            asked = at(RIGHT, host, address, **{**more, **manner}).observation.endpoint
            look = see(asked)
            yield replace(look, observation=replace(look.observation, endpoint=asked))


def several(*looks: EndpointReport, **more: object) -> Report:
    """A report on one host."""
    made = Report(Target("mx.example.com"), looks, (), STORES, NOW)
    return replace(made, **more)  # any field of Report, by name


def without_sni(asked: Endpoint) -> EndpointReport:
    """Only who sends a name is shown the whole chain; there is no ECDSA certificate."""
    if asked.offered_key == "ecdsa":
        return NO_SUCH_KEY
    return RIGHT if asked.sni else LACKING


def of_domain(*looks: EndpointReport, **more: object) -> Report:
    """A report on a mail domain."""
    return several(*looks, target=Target("example.com", kind=Kind.DOMAIN), domain=DOMAIN, **more)


DOMAIN = Domain(
    "example.com",
    NOW,
    (Mx(10, "mx1.example.com"), Mx(20, "mx2.example.com"), Mx(30, "mx3.example.com", alias_of="other.example.net")),
    resolver="127.0.0.1",
    sts=StsLook(
        ("v=STSv1; id=20261123",),
        fetch=PolicyFetch(
            "https://mta-sts.example.com/.well-known/mta-sts.txt",
            "192.0.2.80",
            status=200,
            body=b"version: STSv1\r\nmode: enforce\r\nmx: *.example.com\r\nmax_age: 604800\r\n",
        ),
    ),
    tls_rpt=TlsRptLook(("v=TLSRPTv1; rua=mailto:tls@example.com",)),
)
DUAL = several(at(RIGHT, "mx.example.com", "192.0.2.25"), at(RIGHT, "mx.example.com", "2001:db8::25"))
ONE_ADDRESS = several(at(RIGHT, "mx.example.com", "192.0.2.25"), at(EXPIRED, "mx.example.com", "2001:db8::25"))
THOROUGH = several(*thorough(without_sni, "mx.example.com", "192.0.2.25", "2001:db8::25"))
POOL = several(*(at(EXPIRED if n in {1, 3} else RIGHT, "mx.example.com", "192.0.2.25") for n in range(5)))
WHOLE_DOMAIN = of_domain(
    at(RIGHT, "mx1.example.com", "192.0.2.1", mx_preference=10),
    at(RIGHT, "mx1.example.com", "2001:db8::1", mx_preference=10),
    at(RIGHT, "mx2.example.com", "192.0.2.2", mx_preference=20),
    at(EXPIRED, "mx2.example.com", "2001:db8::2", mx_preference=20),
    at(DOWN, "mx3.example.com", "192.0.2.3", mx_preference=30),
    findings=(Finding("mx-dependent", Severity.WARNING, summary="The mail hosts differ."),),
)
STRANGE = of_domain(
    at(RIGHT, NASTY, "192.0.2.1", mx_preference=10),
    at(EXPIRED, NASTY, NASTY, mx_preference=10),
    at(DOWN, "x" * 300, "192.0.2.3", mx_preference=65535, offered_key=NASTY, offered_tls=NASTY),
)
"""Names from DNS, which may be anything, and three mail hosts that nobody looked at."""
SEVERAL = {
    "dual-stack": DUAL,
    "one-address": ONE_ADDRESS,
    "thorough": THOROUGH,
    "pool": POOL,
    "domain": WHOLE_DOMAIN,
}
