"""What a rule sees, and the shape of a rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from msgspec import Struct, field

from probe.model import (
    Certificate,
    Chain,
    Confidence,
    Endpoint,
    Finding,
    Observation,
    OnDisk,
    Path,
    Repair,
    Severity,
    Side,
    Stage,
    Store,
)
from probe.pki.profile import is_root

if TYPE_CHECKING:
    from probe.material import Material


class Case(Struct, frozen=True):
    """Everything a rule may look at: no network, no clock, no configuration beyond these values."""

    observation: Observation
    at: datetime
    """The moment as of which time is judged."""
    chain: Chain | None = None
    repair: Repair | None = None
    reference: str | None = None
    """The reference name (RFC 9525), normalised; None when there is none to judge against."""
    stores: tuple[Store, ...] = ()
    """Where the trust anchors came from; empty when none were given."""
    warn_days: int | None = None
    material: Material | None = None
    """The file that the certificates came from."""
    on_disk: OnDisk | None = None
    """What the server is given, to be compared with what it serves."""
    domain: str | None = None
    """The mail domain whose MX records led here."""
    others_open: bool = False
    """Another address of this host lets us in at this port, and so senders, too.

    Where our own computer has no way to this one: anybody lets us in at all.
    """
    sent: Mapping[bytes, Endpoint] = field(default_factory=dict)
    """Certificates, DER, that servers of this survey sent, and the first that sent each."""
    proposes_tlsa: bool = False
    """The user asked for TLSA records to publish."""

    @property
    def leaf(self) -> Certificate | None:
        """The server's own certificate."""
        return self.chain.own if self.chain else None

    @property
    def chain_leaf(self) -> int | None:
        """Position of the server's own certificate."""
        return self.chain.leaf if self.chain else None

    @property
    def presented(self) -> tuple[Certificate, ...]:
        """The certificates as sent; empty when none were seen."""
        return self.chain.presented if self.chain else ()

    @property
    def lacks_known(self) -> bool:
        """As ``Chain.lacks_known``."""
        return self.chain is not None and self.chain.lacks_known

    @property
    def path(self) -> Path | None:
        """The path that we claim."""
        return self.chain.path if self.chain else None

    @property
    def users_known(self) -> bool:
        """Some user as whom the mail server at hand reads the key exists on this computer."""
        this = self.material
        place = this.where_key if this else None
        return bool(this and this.habits and place and set(this.habits.users) - set(place.unknown_users))

    @property
    def key_known(self) -> bool:
        """The public half of some private key is at hand."""
        return self.material is not None and any(key.spki for key in self.material.keys)

    def positions(self, certificate: Certificate) -> tuple[int, ...]:
        """The first position at which the certificate was sent; empty when it was not."""
        return next(((n,) for n, c in enumerate(self.presented) if c.sha256 == certificate.sha256), ())

    def naming_at(self, position: int) -> str:
        """Point at a certificate the way the report draws it: '#1 of 3, "Example R3"'."""
        return f'#{position + 1} of {len(self.presented)}, "{self.presented[position].label}"'

    def naming(self, certificate: Certificate) -> str:
        """Point at a certificate by its position, or by its name where it was not sent."""
        for position in self.positions(certificate):
            return self.naming_at(position)
        label = f'"{certificate.label}"'
        if self.path and self.path.anchored and certificate.sha256 == self.path.certificates[-1].sha256:
            return f"the trust anchor {label}"
        return label


class Hit(Struct, frozen=True):
    """One place where a rule speaks; the words come from the page of its id."""

    positions: tuple[int, ...] = ()
    facts: Mapping[str, object] = field(default_factory=dict)
    confidence: Confidence = Confidence.IS
    severity: Severity | None = None
    """Where facts lower or raise the rule's own."""


_TLS_STAGES = frozenset({Stage.HANDSHAKE, Stage.EHLO_TLS, Stage.DONE})


class Need(Enum):
    """How much must be known before a rule can run; the value says what was lacking."""

    OBSERVATION = ""
    LIST = "no list of certificates was received"
    LEAF = "no readable server certificate was received"
    ANCHORS = "there is no readable server certificate, or no trust anchors were given"
    TLS = "TLS did not begin"
    CALLER = "no client has called"
    FILE = "no file was read"
    HABITS = "no mail server was named (--mta)"
    KEY = "there is no readable server certificate, or no private key that can be read without a passphrase"
    USERS = "the users of that mail server are not known here"
    NAME = "there is no readable server certificate, or no name to judge it by"


class Rule(Struct, frozen=True):
    """A finding id, how bad it is by default, what it needs, who says so, and the function that looks."""

    id: str
    severity: Severity
    needs: Need
    cite: str
    look: Callable[[Case], Iterable[Hit]]

    def lacks(self, case: Case) -> str | None:
        """Why the rule cannot run on this case, or None."""
        return self.needs.value if _LACKING[self.needs](case) else None

    def findings(self, case: Case) -> tuple[Finding, ...]:
        """Run the rule."""
        return tuple(
            [
                Finding(self.id, hit.severity or self.severity, hit.confidence, hit.positions, facts=hit.facts)
                for hit in self.look(case)
            ]
        )


_LACKING: Mapping[Need, Callable[[Case], bool]] = {
    Need.OBSERVATION: lambda _: False,
    Need.LIST: lambda case: case.observation.presented is None,
    Need.LEAF: lambda case: case.leaf is None,
    Need.CALLER: lambda case: case.observation.side is not Side.CLIENT or case.material is not None,
    Need.FILE: lambda case: case.material is None,
    Need.HABITS: lambda case: case.material is None or case.material.habits is None,
    Need.KEY: lambda case: case.leaf is None or not case.key_known,
    Need.USERS: lambda case: not case.users_known,
    Need.NAME: lambda case: case.leaf is None or case.reference is None,
    Need.ANCHORS: lambda case: case.leaf is None or not (case.stores or case.lacks_known),
    Need.TLS: lambda case: case.observation.stage not in _TLS_STAGES and case.observation.tls_version is None,
}


def rule(rule_id: str, severity: Severity, needs: Need, cite: str) -> Callable[[Callable[[Case], Iterable[Hit]]], Rule]:
    """Make a rule of a generator over a case."""

    def make(look: Callable[[Case], Iterable[Hit]]) -> Rule:
        return Rule(rule_id, severity, needs, cite, look)

    return make


def place(case: Case, certificate: Certificate) -> str:
    """Whose certificate it is, and so who can mend it: "leaf", "ca" or "root"."""
    if case.leaf and certificate.sha256 == case.leaf.sha256:
        return "leaf"
    return "root" if is_root(certificate) else "ca"


def about_ca(case: Case, certificate: Certificate, /, **facts: object) -> Hit:
    """Speak about one certificate, with case "ca" where it is not the server's own."""
    return about(case, certificate, **facts, **({} if place(case, certificate) == "leaf" else {"case": "ca"}))


def about(case: Case, certificate: Certificate, /, **facts: object) -> Hit:
    """Speak about one certificate."""
    named = {
        "certificate": case.naming(certificate),
        "subject": certificate.subject.text or certificate.label,
        "issuer": certificate.issuer.text,
        "place": place(case, certificate),
    }
    return Hit(case.positions(certificate), named | facts)
