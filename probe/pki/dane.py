"""Which TLSA record speaks for which presented certificate, as a DANE sender asks it (RFC 6698, RFC 7671, RFC 7672).

    outcome(answer, chain, {"mx.example.com", "example.com"}, at)     # Outcome.MATCH

Where the standards leave room we do as OpenSSL does, which Postfix and Exim ask: crypto/x509/x509_vfy.c
(dane_verify, dane_match_cert, check_dane_pkeys) and ssl/ssl_lib.c (dane_tlsa_add).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256, sha512

from msgspec import Struct

from probe.model import Certificate, Chain, Dnssec, PublicKey, Tlsa, TlsaAnswer
from probe.pki import keys
from probe.pki.anchors import UNSPECIFIED, of
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.names import matches
from probe.pki.pool import Pool
from probe.pki.signature import signed_by

DANE_TA, DANE_EE = 2, 3
"""The usages that count for SMTP (RFC 7672 §3.1)."""
WHOLE, KEY = 0, 1
"""Selectors (RFC 6698 §2.1.2)."""
FULL, SHA256, SHA512 = 0, 1, 2
"""Matching types (RFC 6698 §2.1.3)."""
_DIGESTS = {SHA256: sha256, SHA512: sha512}


class Outcome(StrEnum):
    """What a sender that uses DANE finds."""

    NONE = "none"
    """No TLSA records, or nobody asked: it sends as if there were no DANE."""
    INSECURE = "insecure"
    """Records, or the addresses they are for, that DNSSEC does not vouch for: as if there were none."""
    UNKNOWN = "unknown"
    """The records do not fit, and nobody here can tell whether DNSSEC vouches for them."""
    MATCH = "match"
    """A record fits what was presented: it delivers."""
    MISMATCH = "mismatch"
    """No record fits: it defers (RFC 7672 §2.2)."""
    TA_MISSING = "ta-missing"
    """No record fits, and one of usage 2 names a CA of this chain that was not presented: it defers."""
    UNUSABLE = "unusable"
    """No record counts for SMTP: it demands TLS and looks at no certificate (RFC 7672 §2.2)."""
    BOGUS = "bogus"
    """DNSSEC is broken: it defers (RFC 7672 §2.1.2)."""
    FAILED = "failed"
    """The look-up gave no answer, and the host's zone is signed: a sender that gets none either defers."""
    UNANSWERED = "unanswered"
    """It gave none, and nobody here can tell whether the zone is signed; in an unsigned one no sender asks."""


class Fit(Struct, frozen=True):
    """One record beside what was presented."""

    record: Tlsa
    usable: bool
    outranked: bool = False
    """A record of the same usage and selector has a stronger digest, and this one is not looked at (RFC 7671 §9)."""
    position: int | None = None
    """Of the first presented certificate that the record names: the leaf for usage 3, one above it for usage 2."""
    absent: Certificate | None = None
    """The certificate of this chain that a record of usage 2 names, and that was not presented."""
    anchored: bool = False
    """Usage 2: the record and the list together give an anchor, be it presented or in the record itself."""
    faults: tuple[str, ...] = ()
    """Usage 2: finding ids of what is wrong on the way from the leaf to that anchor, or keeps it from leading there."""

    @property
    def holds(self) -> bool:
        """By this record a sender knows the server."""
        named = self.anchored if self.record.usage == DANE_TA else self.position is not None
        return self.usable and not self.outranked and named and not self.faults


def outcome(answer: TlsaAnswer | None, chain: Chain | None, names: Collection[str], at: datetime) -> Outcome:
    """What a DANE sender finds that was given this answer and this list, as of ``at``.

    ``names`` are those that a certificate under usage 2 may have: the TLSA base domain and the mail domain whose MX
    led here (RFC 7672 §3.2.2).
    """
    if answer is None:
        return Outcome.NONE
    known = status(answer)
    if known is Dnssec.BOGUS:
        return Outcome.BOGUS
    if answer.failure:
        return Outcome.UNANSWERED if answer.address_dnssec is Dnssec.UNKNOWN else Outcome.FAILED
    if not answer.records or known is Dnssec.INSECURE:
        return Outcome.INSECURE if answer.records else Outcome.NONE
    if chain is None:
        return Outcome.UNKNOWN if known is Dnssec.UNKNOWN else Outcome.MISMATCH
    return _judged(fits(answer.records, chain, names, at), known)


def _judged(found: Sequence[Fit], known: Dnssec) -> Outcome:
    if any(fit.holds for fit in found):
        return Outcome.MATCH
    if not any(fit.usable for fit in found):
        return Outcome.UNUSABLE
    if known is not Dnssec.SECURE:
        return Outcome.UNKNOWN
    missing = any(fit.absent and not fit.outranked for fit in found)
    return Outcome.TA_MISSING if missing else Outcome.MISMATCH


def status(answer: TlsaAnswer) -> Dnssec:
    """How far DNSSEC vouches for records and addresses together; without the addresses no sender asks for records."""
    return min((answer.dnssec, answer.address_dnssec), key=_WEAKEST.index)


_WEAKEST = (Dnssec.BOGUS, Dnssec.INSECURE, Dnssec.UNKNOWN, Dnssec.SECURE)


def fits(records: Collection[Tlsa], chain: Chain, names: Collection[str], at: datetime) -> tuple[Fit, ...]:
    """Hold each record against the presented list, in the order of the records."""
    usable = [record for record in records if is_usable(record)]
    strong = {(record.usage, record.selector) for record in usable if record.matching == SHA512}
    return tuple(
        Fit(record, usable=False)
        if not is_usable(record)
        else Fit(record, usable=True, outranked=True, absent=_absent(record, chain))
        if record.matching == SHA256 and (record.usage, record.selector) in strong
        else _fit(record, chain, names, at)
        for record in records
    )


def is_usable(record: Tlsa) -> bool:
    """It counts for SMTP (RFC 7672 §3.1.3 excludes usages 0 and 1), and OpenSSL takes it for well-formed."""
    if record.usage not in {DANE_TA, DANE_EE} or record.selector not in {WHOLE, KEY}:
        return False
    if record.matching in _DIGESTS:
        return len(record.association) == _DIGESTS[record.matching]().digest_size
    return record.matching == FULL and _readable(record)


def _readable(record: Tlsa) -> bool:
    if record.selector == KEY:
        return keys.public_key(record.association)[1] is None
    certificate = parse(record.association)
    return certificate.problem is None and "certificate: trailing bytes" not in certificate.problems


def _fit(record: Tlsa, chain: Chain, names: Collection[str], at: datetime) -> Fit:
    if record.usage == DANE_EE:
        return Fit(record, usable=True, position=0 if any(named(record, chain.presented[:1])) else None)
    tops = _tops(record, chain.presented) if chain.presented else []
    position = next((n for n, c in enumerate(chain.presented) if n and c in tops), None)
    if not tops:
        return Fit(record, usable=True, absent=_absent(record, chain))
    faults = tuple(dict.fromkeys(_faults(tops, chain, names, at)))
    return Fit(record, usable=True, position=position, anchored=True, faults=faults)


def named(record: Tlsa, among: Iterable[Certificate]) -> Iterator[Certificate]:
    """Those of the certificates, as they were sent, that the record names; usage and position are not looked at."""
    make = _DIGESTS.get(record.matching)
    for certificate in among:
        part = certificate.key.spki if record.selector == KEY else certificate.der
        if record.association == (make(part).digest() if make else part):
            yield certificate


def _tops(record: Tlsa, presented: Sequence[Certificate]) -> list[Certificate]:
    """Where a path under usage 2 may end: presented above the leaf, or by what a record has in full."""
    tops = list(named(record, presented[1:]))
    if tops or record.matching != FULL:
        return tops
    if record.selector == WHOLE:
        return [] if record.association == presented[0].der else [parse(record.association)]
    bare = Certificate(b"", "", key=_key(record.association))
    return [certificate for certificate in presented if signed_by(certificate, bare)]


def _key(spki: bytes) -> PublicKey:
    return keys.public_key(spki)[0]


def _faults(tops: Sequence[Certificate], chain: Chain, names: Collection[str], at: datetime) -> Iterator[str]:
    """What is wrong on the best way from the leaf to one of the tops: signatures, dates, purposes, name (§3.1.2)."""
    found = build(chain.presented, of(tops, "TLSA"), Pool(), at, proved=True)
    if found.leaf != 0 or found.path is None:
        yield "leaf-not-first"
        return
    if not found.path.anchored:
        yield "extra-cert" if chain.gap is None else "missing-intermediate"
        return
    yield from (fault.id for fault in found.path.faults if fault.verify is not None or fault.id == "eku")
    if found.path.valid and found.verdict_as_sent and found.verdict_as_sent.number not in {0, UNSPECIFIED}:
        yield "fragile-path"
    if not any(matches(chain.presented[0], name) for name in names):
        yield "name-mismatch"


def _absent(record: Tlsa, chain: Chain) -> Certificate | None:
    """The certificate above the leaf that a record of usage 2 names and that we know from elsewhere."""
    return next(named(record, _above(chain)), None) if record.usage == DANE_TA else None


def _above(chain: Chain) -> list[Certificate]:
    """What we know above the leaf and nobody sent."""
    known = dict.fromkeys(c for path in (chain.path, chain.mended, *chain.paths) if path for c in path.certificates)
    sent = {certificate.sha256 for certificate in chain.presented}
    return [certificate for certificate in known if certificate.sha256 not in sent]


def needed(answer: TlsaAnswer | None, chain: Chain) -> frozenset[str]:
    """Digests of the certificates above the leaf that the list must hold for records of usage 2, sent or not.

    DNSSEC is not asked: a root that a record names is not advised away because a resolver is not to be trusted.
    """
    records = [r for r in (answer.records if answer else ()) if r.usage == DANE_TA and is_usable(r)]
    above = _above(chain)
    found = (tuple(named(record, chain.presented[1:])) or named(record, above) for record in records)
    return frozenset(certificate.sha256 for certificates in found for certificate in certificates)


def proposed(chain: Chain) -> tuple[Tlsa, ...]:
    """The records to publish for this chain: 3 1 1 of the leaf's key, and 2 1 1 of the CA's above it where it is known.

    RFC 7672 §3.1: a key outlives certificates, SHA-256 is what every sender knows.
    """
    best = chain.mended or chain.path
    if best is None:
        return ()
    return tuple(_of_key(usage, c) for usage, c in zip((DANE_EE, DANE_TA), best.certificates, strict=False))


def _of_key(usage: int, certificate: Certificate) -> Tlsa:
    return Tlsa(usage, KEY, SHA256, sha256(certificate.key.spki).digest())
