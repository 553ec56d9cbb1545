"""DANE on loopback: a real signed zone, a resolver that validates, and Postfix's prober; we say what it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256, sha512

import pytest
from real.dnssec import SignedDns, signed_dns
from real.running import HOST, Unpacked

from probe.demo import keys
from probe.demo.cases import Case
from probe.demo.cast import Act, Cast, cast
from probe.demo.forge import Forged, certificate
from probe.demo.scenes import Scene
from probe.demo.server import serving
from probe.judgement import Options
from probe.model import Kind, Severity, Stage, Target, Tlsa
from probe.net.dns import Dns
from probe.net.servers import DnsOptions
from probe.pipeline import probe_host
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.dane import Outcome, outcome
from probe.pki.pool import Pool

pytestmark = pytest.mark.real
NOW = datetime.now(UTC).replace(microsecond=0)
SIGNED, PLAIN, BOGUS = "signed.test", "plain.test", "bogus.test"


def record(usage: int, selector: int, matching: int, certificate: Forged) -> Tlsa:
    """The record for a certificate."""
    part = keys.spki(certificate.key) if selector else certificate.der
    return Tlsa(usage, selector, matching, (part, sha256(part).digest(), sha512(part).digest())[matching])


@dataclass(frozen=True, slots=True)
class Actors:
    """Leaf, issuer, upper issuer, root; and a leaf with another key that nobody serves."""

    leaf: Forged
    lower: Forged
    upper: Forged
    root: Forged
    other: Forged
    own: Forged
    """The leaf, signed by itself."""


Records = Callable[[Actors], tuple[Tlsa, ...]]


@dataclass(frozen=True, slots=True)
class Setting:
    """What is published, what is sent, and what must come of it."""

    id: str
    records: Records
    sent: str
    outcome: Outcome
    zone: str = SIGNED
    late: bool = False
    """The leaf has expired."""
    strange: bool = False
    """The leaf is for another name."""
    domain: str = ""
    """The mail domain whose MX record leads here."""

    @property
    def host(self) -> str:
        """The mail host of this setting."""
        return f"{self.id}.{self.zone}"

    def actors(self, actors: Cast) -> Actors:
        """Make the certificates."""
        upper = actors.authority("Example A", "issuing-2", actors.root)
        lower = actors.authority("Example B", "issuing", upper)
        name = f"other.{self.zone}" if self.strange else self.host
        leaf = actors.leaf(lower, subject=f"CN={name}", names=(name,), **actors.days(-30, -1 if self.late else 60))
        own = certificate(subject=f"CN={name}", key="leaf", names=(name,), **actors.days(-30, 60))
        return Actors(leaf, lower, upper, actors.root, actors.leaf(lower, key="leaf-2"), own)

    def act(self, actors: Cast) -> Act:
        """Present the list."""
        made = self.actors(actors)
        named = {"L": made.leaf, "B": made.lower, "A": made.upper, "R": made.root, "S": made.own}
        return actors.act(*(named[letter] for letter in self.sent))

    @property
    def published(self) -> tuple[Tlsa, ...]:
        """The records."""
        return self.records(self.actors(cast(NOW)))


SETTINGS = (
    Setting("ee", lambda a: (record(3, 1, 1, a.leaf),), "LBA", Outcome.MATCH),
    Setting("ee-whole", lambda a: (record(3, 0, 1, a.leaf),), "L", Outcome.MATCH),
    Setting("ee-sha512", lambda a: (record(3, 1, 2, a.leaf),), "L", Outcome.MATCH),
    Setting("ee-full", lambda a: (record(3, 1, 0, a.leaf),), "L", Outcome.MATCH),
    Setting("ee-other", lambda a: (record(3, 1, 1, a.other),), "LBA", Outcome.MISMATCH),
    Setting("ee-of-ca", lambda a: (record(3, 1, 1, a.lower),), "LBA", Outcome.MISMATCH),
    Setting("ee-late", lambda a: (record(3, 1, 1, a.leaf),), "LBA", Outcome.MATCH, late=True),
    Setting("ee-strange", lambda a: (record(3, 1, 1, a.leaf),), "LBA", Outcome.MATCH, strange=True),
    Setting("rollover", lambda a: (record(3, 1, 1, a.other), record(3, 1, 1, a.leaf)), "LBA", Outcome.MATCH),
    Setting("agility", lambda a: (record(3, 1, 2, a.other), record(3, 1, 1, a.leaf)), "LBA", Outcome.MISMATCH),
    Setting("agility-apart", lambda a: (record(3, 0, 2, a.other), record(3, 1, 1, a.leaf)), "LBA", Outcome.MATCH),
    Setting("ta-root", lambda a: (record(2, 1, 1, a.root),), "LBAR", Outcome.MATCH),
    Setting("ta-root-unsent", lambda a: (record(2, 1, 1, a.root),), "LBA", Outcome.TA_MISSING),
    Setting("ta-whole", lambda a: (record(2, 0, 1, a.upper),), "LBA", Outcome.MATCH),
    Setting("ta-sha512", lambda a: (record(2, 1, 2, a.lower),), "LB", Outcome.MATCH),
    Setting("ta-gap", lambda a: (record(2, 1, 1, a.upper),), "LA", Outcome.MISMATCH),
    Setting("ta-unordered", lambda a: (record(2, 1, 1, a.root),), "LRAB", Outcome.MATCH),
    Setting("ta-of-leaf", lambda a: (record(2, 1, 1, a.leaf),), "LBA", Outcome.MISMATCH),
    Setting("ta-late", lambda a: (record(2, 1, 1, a.lower),), "LBA", Outcome.MISMATCH, late=True),
    Setting("ta-strange", lambda a: (record(2, 1, 1, a.lower),), "LBA", Outcome.MISMATCH, strange=True),
    Setting(
        "ta-mx", lambda a: (record(2, 1, 1, a.lower),), "LB", Outcome.MATCH, strange=True, domain="other.signed.test"
    ),
    Setting("ta-full", lambda a: (record(2, 0, 0, a.root),), "LBA", Outcome.MATCH),
    Setting("ta-full-key", lambda a: (record(2, 1, 0, a.root),), "LBA", Outcome.MATCH),
    Setting("ta-full-gap", lambda a: (record(2, 0, 0, a.root),), "L", Outcome.MISMATCH),
    Setting("ta-full-leaf", lambda a: (record(2, 0, 0, a.leaf),), "LBA", Outcome.MISMATCH),
    Setting("own", lambda a: (record(3, 1, 1, a.own),), "S", Outcome.MATCH),
    Setting("own-ta", lambda a: (record(2, 1, 1, a.own),), "S", Outcome.MISMATCH),
    Setting("own-ta-full", lambda a: (record(2, 0, 0, a.own),), "S", Outcome.MISMATCH),
    Setting("own-ta-key", lambda a: (record(2, 1, 0, a.own),), "S", Outcome.MATCH),
    Setting("both", lambda a: (record(2, 1, 1, a.root), record(3, 1, 1, a.leaf)), "LB", Outcome.MATCH),
    Setting("pkix", lambda a: (record(1, 1, 1, a.leaf),), "LBA", Outcome.UNUSABLE),
    Setting("short", lambda _: (Tlsa(3, 1, 1, b"\1" * 31),), "LBA", Outcome.UNUSABLE),
    Setting("selector", lambda _: (Tlsa(3, 2, 1, b"\1" * 32),), "LBA", Outcome.UNUSABLE),
    Setting("digest", lambda _: (Tlsa(3, 1, 3, b"\1" * 32),), "LBA", Outcome.UNUSABLE),
    Setting("full-junk", lambda _: (Tlsa(3, 1, 0, b"\1" * 32),), "LBA", Outcome.UNUSABLE),
    Setting("pkix-beside", lambda a: (record(1, 1, 1, a.leaf), record(3, 1, 1, a.other)), "LBA", Outcome.MISMATCH),
    Setting("none", lambda _: (), "LBA", Outcome.NONE),
    Setting("ee", lambda a: (record(3, 1, 1, a.other),), "LBA", Outcome.INSECURE, PLAIN),
    Setting("ee", lambda a: (record(3, 1, 1, a.leaf),), "LBA", Outcome.BOGUS, BOGUS),
)
WORDS = {
    Outcome.MATCH: r"(?s)DNSSEC-signed TLSA record.*Verified TLS connection established",
    Outcome.MISMATCH: r"(?s)DNSSEC-signed TLSA record.*erification failed.*Untrusted TLS connection established",
    Outcome.TA_MISSING: r"(?s)CA certificate verification failed.*num=65:.*Untrusted TLS connection established",
    Outcome.UNUSABLE: r"(?s)(?!.*DNSSEC-signed TLSA record)TLSA.*Untrusted TLS connection established",
    Outcome.NONE: r"(?s)^(?!.*TLSA).*Untrusted TLS connection established",
    Outcome.INSECURE: r"(?s)^(?!.*TLSA).*Untrusted TLS connection established",
    Outcome.BOGUS: r"lookup failed.*try again",
}
"""What posttls-finger prints. It does not even ask where the addresses are not signed."""


@pytest.fixture(scope="module")
def world(unpacked: Unpacked) -> Iterator[tuple[SignedDns, dict[str, int]]]:
    """Serve all settings, each on a port of its own, and their zones; host → port."""
    with ExitStack() as stack:
        ports, zones = {}, {SIGNED: "", PLAIN: "", BOGUS: ""}
        for setting in SETTINGS:
            scene = Scene(setting.id, "", setting.act, "")
            stand = stack.enter_context(serving(Case(setting.id, "", (), scene), NOW))
            ports[setting.host] = stand.port
            lines = [f"_{stand.port}._tcp.{setting.host}. TLSA {published.text}" for published in setting.published]
            mx = [f"{setting.domain}. MX 10 {setting.host}."] * bool(setting.domain)
            zones[setting.zone] += "\n".join([f"{setting.host}. A {HOST}", *lines, *mx, ""])
        dns = stack.enter_context(signed_dns(unpacked, zones, bogus={BOGUS}, unsigned={PLAIN}))
        yield dns, ports


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.host)
def test_postfix_says_what_we_say(setting: Setting, world: tuple[SignedDns, dict[str, int]]) -> None:
    """With records and status from the resolver, and the list as sent."""
    dns, ports = world
    asked = Dns(DnsOptions(((dns.resolver, 53),)))
    answer = asyncio.run(asked.tlsa(setting.host, ports[setting.host], None, 10))
    made = setting.act(cast(NOW))
    trusted = anchors.of([parse(anchor.der) for anchor in made.anchors], "ours")
    chain = build([parse(sent.der) for sent in made.sent], trusted, Pool(), NOW, proved=True)
    assert outcome(answer, chain, {setting.host, setting.domain} - {""}, NOW) is setting.outcome, answer
    said = dns.ask_postfix(f"{setting.domain or f'[{setting.host}]'}:{ports[setting.host]}")
    assert re.search(WORDS[setting.outcome], said), said


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.host)
def test_a_probe_finds_it(setting: Setting, world: tuple[SignedDns, dict[str, int]]) -> None:
    """From the name to the finding, over the network, with no answer from anywhere else."""
    dns, ports = world
    trusted = anchors.of([parse(cast(NOW).root.der)], "ours")
    options = Options(trusted, fetch=False, dns=DnsOptions(((dns.resolver, 53),)))
    target = Target(
        setting.domain or setting.host, ports[setting.host], kind=Kind.DOMAIN if setting.domain else Kind.HOST
    )
    (endpoint,) = asyncio.run(probe_host(target, options)).endpoints
    found = {finding.id: finding for finding in endpoint.findings if finding.id.startswith("dane-")}
    if setting.outcome is Outcome.BOGUS:
        assert endpoint.observation.stage is Stage.DNS
    else:
        assert {id_ for id_, one in found.items() if one.severity is not Severity.INFO} == FINDINGS[setting.outcome]


FINDINGS = {
    Outcome.MATCH: set[str](),
    Outcome.NONE: set[str](),
    Outcome.INSECURE: set[str](),
    Outcome.MISMATCH: {"dane-mismatch"},
    Outcome.TA_MISSING: {"dane-ta-missing"},
    Outcome.UNUSABLE: {"dane-unusable"},
}
"""What must be said, notes left aside."""
