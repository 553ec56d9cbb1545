"""The words of the program: every frozen value and every enumeration.

This module imports nothing of ours. Everything in it can be written by hand in one line of a test. Times are aware
datetimes in UTC, durations are milliseconds where the name ends in ``_ms`` and seconds otherwise, digests are
lower-case hex of SHA-256 over the DER, positions count from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field


class Severity(StrEnum):
    """How bad a finding is: error = verifying peers refuse; warning = some refuse or soon will; info = untidy."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Its place among the three; the worst has the highest."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Confidence(StrEnum):
    """How sure a finding is; there are three words and no others."""

    IS = "is"
    VERY_LIKELY = "very likely"
    MAY_BE = "may be"


class Stage(StrEnum):
    """The step of a probe, in order; an observation says at which one it ended."""

    DNS = "dns"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    HANDSHAKE = "handshake"
    EHLO_TLS = "ehlo-tls"
    DONE = "done"


class Protocol(StrEnum):
    """The mail protocol that an endpoint speaks."""

    SMTP = "smtp"
    SUBMISSION = "submission"
    LMTP = "lmtp"
    IMAP = "imap"
    POP3 = "pop3"
    SIEVE = "sieve"


class Tls(StrEnum):
    """How TLS begins: after STARTTLS (RFC 3207), with the first byte (RFC 8314), or not at all (a file)."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"


class Side(StrEnum):
    """A role in the mail connection, and so the purpose that a certificate serves (RFC 5280 §4.2.1.12)."""

    SERVER = "server"
    """The receiving MTA, or a server for IMAP and the like: serverAuth."""
    CLIENT = "client"
    """The sending MTA, which presents a certificate when the server asks for one: clientAuth."""


PORTS: Mapping[int, tuple[Protocol, Tls]] = {
    25: (Protocol.SMTP, Tls.STARTTLS),
    24: (Protocol.LMTP, Tls.STARTTLS),
    587: (Protocol.SUBMISSION, Tls.STARTTLS),
    465: (Protocol.SUBMISSION, Tls.IMPLICIT),
    143: (Protocol.IMAP, Tls.STARTTLS),
    993: (Protocol.IMAP, Tls.IMPLICIT),
    110: (Protocol.POP3, Tls.STARTTLS),
    995: (Protocol.POP3, Tls.IMPLICIT),
    4190: (Protocol.SIEVE, Tls.STARTTLS),
}
"""What a port speaks, and how TLS begins there (RFC 8314 §7, RFC 6409 §3.1, RFC 5804 §1.8; 24 is usual for LMTP)."""


def bracketed(host: str) -> str:
    """A host as it stands before a port: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


class Kind(StrEnum):
    """What the user gave us."""

    HOST = "host"
    DOMAIN = "domain"
    FILE = "file"
    LISTEN = "listen"


class Trouble(StrEnum):
    """What ended an observation before it was done, in the words of the network, not of a rule."""

    UNRESOLVED = "unresolved"
    """The name has no address."""
    NULL_MX = "null-mx"
    """The name has no address and says by its MX that it takes no mail (RFC 7505)."""
    NO_MX = "no-mx"
    """A mail domain without MX and without address."""
    REFUSED = "refused"
    """TCP was refused (RST)."""
    UNREACHABLE = "unreachable"
    """No route, network down, or the like: the operating system's word is in the text."""
    TIMEOUT = "timeout"
    """Nothing, or not enough, arrived before the deadline of the stage or of the whole probe."""
    CLOSED = "closed"
    """The server ended the connection (FIN or RST) where it should have spoken."""
    REPLY = "reply"
    """The server's reply code said no; the reply is in the observation."""
    UNREADABLE = "unreadable"
    """What arrived is no reply of this protocol (another service, TLS bytes)."""
    OVERSIZE = "oversize"
    """A line or a reply above our limits."""
    NO_STARTTLS = "no-starttls"
    """The extension is not offered."""
    NOT_TLS = "not-tls"
    """Where TLS should have begun, plain bytes arrived."""
    ALERT = "alert"
    """The server ended TLS with an alert."""
    TLS = "tls"
    """Our TLS library ended the handshake: what the server sent is not acceptable TLS."""


class Target(Struct, frozen=True):
    """What the user asked for: one host and how to speak to it."""

    name: str
    """Host name in A-label form without trailing dot, or an address literal without brackets."""
    port: int = 25
    protocol: Protocol = Protocol.SMTP
    tls: Tls = Tls.STARTTLS
    kind: Kind = Kind.HOST


class Endpoint(Struct, frozen=True):
    """One place that was examined: address + port + protocol + SNI."""

    host: str | None
    address: str | None
    port: int
    protocol: Protocol = Protocol.SMTP
    tls: Tls = Tls.STARTTLS
    sni: str | None = None
    mx_preference: int | None = None
    offered_key: str | None = None
    """"rsa" or "ecdsa" where we offered to verify signatures of that kind of key alone, so that the server must show
    that certificate; None = all kinds."""
    offered_tls: str | None = None
    """"TLSv1.2" or "TLSv1.3" where that version alone was offered; None = all of them."""


class Reply(Struct, frozen=True):
    """One reply of the server (RFC 5321 §4.2): the code and the text of each line without code and separator.

    Where the protocol has no codes (IMAP, POP3, ManageSieve) the code is 0, and the lines are as sent.
    """

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The reply as sent, its lines joined by newline, code and separator restored."""
        if not self.code:
            return "\n".join(self.lines)
        code = f"{self.code:03d}"
        more = [f"{code}-{line}" for line in self.lines[:-1]]
        return "\n".join([*more, *(f"{code} {line}" for line in self.lines[-1:])])


class Exchange(Struct, frozen=True):
    """One line of the transcript."""

    ms: float
    """Milliseconds since the probe began."""
    sender: str
    """"server" or "client"."""
    line: str


class Alert(Struct, frozen=True):
    """A TLS alert, by number (RFC 8446 §6)."""

    received: bool
    """True when the server sent it, False when our library did."""
    number: int
    fatal: bool = True


class Failure(Struct, frozen=True):
    """Why an observation ended before it was done."""

    trouble: Trouble
    text: str
    """What the other side or the operating system said, verbatim."""
    symptoms: tuple[str, ...] = ()
    """The field's numbers: "alert:40" (received), "alert-sent:40", "reason:267", "reply:454", "status:4.7.0"; and the
    response codes of IMAP, POP3 and ManageSieve, "response:UNAVAILABLE". Of DNS: "rcode:SERVFAIL", and
    "mx:mx1.example.com", a host to which the mail of a bare name goes."""


class Fetch(Struct, frozen=True):
    """One AIA address that was asked, and what came of it."""

    url: str
    certificates: tuple[bytes, ...] = ()
    """DER of what arrived, in the order of the answer."""
    problem: str | None = None
    """Why nothing usable came: refused by our rules, the network, or unreadable."""


class Dnssec(StrEnum):
    """What we know of an answer's DNSSEC status (RFC 4033 §5, RFC 7672 §2.1)."""

    SECURE = "secure"
    """A resolver that may be trusted says that it validated it (AD)."""
    INSECURE = "insecure"
    """A resolver that may be trusted did not say so: the zone is not signed."""
    UNKNOWN = "unknown"
    """The resolver may not be trusted to say so, or was not asked."""
    BOGUS = "bogus"
    """Validation failed: the resolver gives the answer only when told not to validate (CD)."""


class Tlsa(Struct, frozen=True):
    """One TLSA record (RFC 6698 §2.1)."""

    usage: int
    """0 PKIX-TA, 1 PKIX-EE, 2 DANE-TA, 3 DANE-EE."""
    selector: int
    """0 the whole certificate, 1 the SubjectPublicKeyInfo."""
    matching: int
    """0 the bytes themselves, 1 SHA-256, 2 SHA-512."""
    association: bytes
    """The certificate association data."""

    @property
    def text(self) -> str:
        """As a zone file has it, type and owner left out: "3 1 1 0123…"."""
        return f"{self.usage} {self.selector} {self.matching} {self.association.hex()}"


class TlsaAnswer(Struct, frozen=True):
    """What DNS says of DANE for one host and port (RFC 7672 §2.2)."""

    name: str
    """The owner that was asked: "_25._tcp.mx.example.com"."""
    records: tuple[Tlsa, ...] = ()
    dnssec: Dnssec = Dnssec.UNKNOWN
    """Of these records, or of their absence."""
    address_dnssec: Dnssec = Dnssec.UNKNOWN
    """Of the host's addresses: without it no sender looks for TLSA records (RFC 7672 §2.2.2)."""
    mx_dnssec: Dnssec | None = None
    """Of the MX records that led here; None where none did."""
    base: str | None = None
    """The host behind the CNAME whose records these are (RFC 7671 §7); None = the host itself."""
    failure: Failure | None = None
    """Why there is no answer: the sender then defers (RFC 7672 §2.1.2)."""
    resolver: str | None = None
    """Who answered."""


class Mx(Struct, frozen=True):
    """One mail host of a domain."""

    preference: int
    host: str
    """As DNS has it, lower case, without trailing dot; "" is the null MX (RFC 7505)."""
    alias_of: str | None = None
    """Where its CNAME leads, which RFC 2181 §10.3 forbids."""


class PolicyFetch(Struct, frozen=True):
    """What the policy host of MTA-STS answered (RFC 8461 §3.3). Nothing is judged here."""

    url: str
    address: str | None = None
    presented: tuple[bytes, ...] | None = None
    """Its certificates as sent, DER; None = none came."""
    tls_version: str | None = None
    status: int | None = None
    """HTTP status code; a redirect is kept as such, and not followed."""
    media_type: str | None = None
    """Content-Type as sent."""
    location: str | None = None
    """Where a redirect leads, as sent."""
    body: bytes = b""
    """At most 64 KiB."""
    failure: Failure | None = None
    """Why no whole answer came."""
    fetched: tuple[Fetch, ...] = ()
    """AIA addresses that were asked on behalf of its certificates."""


class StsLook(Struct, frozen=True):
    """What was found of MTA-STS: the TXT records, and the policy, be it announced or not."""

    records: tuple[str, ...] = ()
    """TXT records at _mta-sts.DOMAIN, as sent, those of other services left out."""
    failure: Failure | None = None
    """Why DNS gave no answer."""
    fetch: PolicyFetch | None = None


class TlsRptLook(Struct, frozen=True):
    """TXT records at _smtp._tls.DOMAIN (RFC 8460 §3)."""

    records: tuple[str, ...] = ()
    failure: Failure | None = None


class Domain(Struct, frozen=True):
    """What DNS and the policy host say of a mail domain, once."""

    name: str
    started: datetime
    mx: tuple[Mx, ...] = ()
    """By preference, then by name, since servers turn the order."""
    implicit: bool = False
    """There is no MX record, so the domain itself is its only mail host (RFC 5321 §5.1)."""
    left_out: int = 0
    """MX records beyond our limit."""
    dnssec: Dnssec = Dnssec.UNKNOWN
    """Of the MX records."""
    resolver: str | None = None
    """The DNS server that answered; None = none did, or nobody was asked."""
    failure: Failure | None = None
    """Why there is no host to ask: NULL_MX, NO_MX or UNRESOLVED."""
    sts: StsLook | None = None
    """None = not looked for."""
    tls_rpt: TlsRptLook | None = None


class Observation(Struct, frozen=True):
    """What the network did, once, at one endpoint. Refusal and time-out are fields, not exceptions."""

    endpoint: Endpoint
    started: datetime
    stage: Stage
    """Where it ended; DONE when the second EHLO, or what stands in its place, was answered."""
    failure: Failure | None = None
    greeting: Reply | None = None
    ehlo: Reply | None = None
    """The reply to EHLO, LHLO, CAPABILITY or CAPA."""
    starttls: Reply | None = None
    """The reply to STARTTLS."""
    ehlo_tls: Reply | None = None
    """The reply to EHLO inside TLS."""
    surplus: bytes = b""
    """Bytes that the server sent behind its yes to STARTTLS before our ClientHello; never given to TLS."""
    presented: tuple[bytes, ...] | None = None
    """The certificates exactly as sent, DER, in wire order; () = an empty list came; None = no list came."""
    tls_version: str | None = None
    """"TLSv1", "TLSv1.1", "TLSv1.2" or "TLSv1.3"."""
    cipher: str | None = None
    key_exchange_bits: int | None = None
    """Size of the server's finite-field Diffie-Hellman prime, where it used one."""
    client_cert_requested: bool | None = None
    alerts: tuple[Alert, ...] = ()
    timing_ms: Mapping[str, float] = field(default_factory=dict)
    """Stage → how long it took."""
    transcript: tuple[Exchange, ...] = ()
    retried: str | None = None
    """Why an earlier connection of this probe was given up for this one: "tls1.2", "no-sni", "implicit" or None."""
    first_failure: Failure | None = None
    """What ended that earlier connection."""
    fetched: tuple[Fetch, ...] = ()
    """AIA addresses that were asked on behalf of the presented certificates."""
    cached: tuple[bytes, ...] = ()
    """Issuers of the presented certificates that an earlier run had fetched, DER."""
    client_chain: tuple[bytes, ...] = ()
    """What we would have presented had the server asked for it, DER in order; () = nothing."""
    tlsa: TlsaAnswer | None = None
    """What DNS says of DANE for this host and port; None = not asked (an address, a file)."""
    side: Side = Side.SERVER
    """Who presented them: the server that we called, or a client that called us (``listen``)."""

    @property
    def key_proved(self) -> bool:
        """The handshake was completed, so the server holds the key of the first certificate (RFC 8446 §4.4.3)."""
        inside = {Stage.EHLO_TLS, Stage.DONE}
        if self.endpoint.tls is Tls.IMPLICIT:
            inside.add(Stage.GREETING)
        return self.tls_version is not None and self.stage in inside

    @property
    def answered(self) -> bool:
        """The other side said something, be it a single byte."""
        return any(line.sender == self.side for line in self.transcript)


class Survey(Struct, frozen=True):
    """Everything that was seen of one target, once: one look or many."""

    target: Target
    observations: tuple[Observation, ...]
    """By MX preference, then in the order of the addresses, then of the looks."""
    domain: Domain | None = None
    left_out: tuple[str, ...] = ()
    """Places that were not looked at, for people: too many, no time left, or interrupted."""


def alone(seen: Observation) -> Survey:
    """Take one look for the whole survey of its target."""
    place = seen.endpoint
    return Survey(Target(place.host or place.address or "", place.port, place.protocol, place.tls), (seen,))


class Name(Struct, frozen=True):
    """A distinguished name (RFC 5280 §4.1.2.4)."""

    der: bytes
    """As encoded in the certificate."""
    key: bytes
    """A canonical form: two names match (RFC 5280 §7.1) when their keys are equal."""
    text: str
    """RFC 4514, most specific first: "CN=mx.example,O=Example"."""
    common_name: str | None = None
    """The last commonName, for drawing."""


class PublicKey(Struct, frozen=True):
    """What a SubjectPublicKeyInfo says."""

    spki: bytes
    """The whole SubjectPublicKeyInfo, DER."""
    algorithm: str
    """"rsa", "ecdsa", "ed25519", "ed448", "dsa", "ml-dsa-65", … or the dotted OID."""
    bits: int | None = None
    curve: str | None = None

    @property
    def text(self) -> str:
        """For people: "RSA 2048", "ECDSA P-256"."""
        size = self.curve or (str(self.bits) if self.bits else "")
        return f"{self.algorithm.upper()} {size}".strip()


class Subtree(Struct, frozen=True):
    """One permitted or excluded subtree of a name constraint (RFC 5280 §4.2.1.10)."""

    kind: str
    """"dns", "ip", "email", "uri", "directory" or "other"."""
    value: str | bytes
    """Text for dns, email and uri; address + mask bytes for ip; Name.key bytes for directory."""


class Certificate(Struct, frozen=True):
    """A certificate read leniently: what cannot be read is noted in problems, and the rest is kept.

    Where ``problem`` is set nothing but ``der`` and ``sha256`` can be relied on.
    """

    der: bytes
    sha256: str
    problem: str | None = None
    """Why this is no certificate at all, or None."""
    version: int = 3
    serial: int = 0
    subject: Name = Name(b"", b"", "")
    issuer: Name = Name(b"", b"", "")
    not_before: datetime | None = None
    not_after: datetime | None = None
    key: PublicKey = PublicKey(b"", "")
    tbs: bytes = b""
    signature_algorithm: bytes = b""
    """The outer AlgorithmIdentifier, DER."""
    signature_name: str = ""
    """For people: "sha256WithRSAEncryption", "ecdsa-with-SHA384", or the dotted OID."""
    signature_hash: str | None = None
    """"md5", "sha1", "sha256", …; None where the algorithm fixes its own."""
    signature: bytes = b""
    dns_names: tuple[str, ...] = ()
    """dNSName of subjectAltName, as encoded (a byte above 127 or below 32 is kept as a character)."""
    ip_addresses: tuple[str, ...] = ()
    email_addresses: tuple[str, ...] = ()
    has_san: bool = False
    has_basic_constraints: bool = False
    is_ca: bool = False
    pathlen: int | None = None
    key_usage: frozenset[str] | None = None
    """"digitalSignature", "keyCertSign", …; None when the extension is absent."""
    eku: tuple[str, ...] | None = None
    """Dotted OIDs; None when absent."""
    subject_key_id: bytes | None = None
    authority_key_id: bytes | None = None
    authority_issuer: tuple[bytes, int] | None = None
    """authorityCertIssuer (Name.key) and authorityCertSerialNumber, where the key identifier carries them."""
    aia: tuple[str, ...] = ()
    """caIssuers addresses (RFC 5280 §4.2.2.1), as encoded."""
    permitted: tuple[Subtree, ...] = ()
    excluded: tuple[Subtree, ...] = ()
    extensions: tuple[bytes, ...] = ()
    """As they stand: the contents of each Extension (RFC 5280 §4.1)."""
    unknown_critical: tuple[str, ...] = ()
    """Dotted OIDs of critical extensions that path validation does not know."""
    problems: tuple[str, ...] = ()
    """Fields that could not be read as DER or RFC 5280 want them: "subjectAltName: trailing bytes"."""

    def __hash__(self) -> int:
        return hash(self.sha256)

    @property
    def self_issued(self) -> bool:
        """Subject and issuer are the same name (RFC 5280 §3.2); the signature says whether it is self-signed too."""
        return bool(self.subject.key) and self.subject.key == self.issuer.key

    @property
    def label(self) -> str:
        """The shortest name for people: common name, else first DNS name, else the subject, else the digest."""
        return (
            self.subject.common_name
            or (self.dns_names[0] if self.dns_names else "")
            or self.subject.text
            or self.sha256[:16]
        )


class Source(StrEnum):
    """Where a certificate of a path came from."""

    PRESENTED = "presented"
    ANCHOR = "anchor"
    POOL = "pool"
    AIA = "aia"
    CACHE = "cache"
    """Fetched by an earlier run, and kept."""


ABSENT = frozenset({Source.POOL, Source.AIA, Source.CACHE})
"""Where certificates come from that nobody sent."""


class Fault(Struct, frozen=True):
    """One thing wrong with one certificate of a path, judged for that path."""

    id: str
    """A finding id: "expired", "not-yet-valid", "not-a-ca", "pathlen", "name-constraints", …"""
    index: int
    """Index in the path: 0 is the leaf."""
    verify: int | None = None
    """The X509_V_ERR number with which OpenSSL refuses such a path; None where OpenSSL does not look."""
    note: str = ""
    told: bool = False
    """OpenSSL said so when it was asked about the path; we did not see it ourselves."""


class Path(Struct, frozen=True):
    """Leaf, intermediates and, when it is reached, the trust anchor; every signature on it was verified."""

    certificates: tuple[Certificate, ...]
    sources: tuple[Source, ...]
    """Beside each certificate, where it came from."""
    anchored: bool
    """The last certificate is a trust anchor."""
    faults: tuple[Fault, ...] = ()

    @property
    def valid(self) -> bool:
        """It ends at an anchor and nothing on it would make OpenSSL refuse."""
        return self.anchored and not any(f.verify is not None for f in self.faults)


class Verdict(Struct, frozen=True):
    """What OpenSSL says of a list: X509_V_ERR number (0 = accepted) and the depth at which it says it."""

    number: int
    depth: int
    text: str


class Store(Struct, frozen=True):
    """A collection of trust anchors, as the report names it."""

    name: str
    """"certifi 2026.10.18", "/etc/ssl/certs", …"""
    date: str | None
    """Date of the collection: release or file date, YYYY-MM-DD."""
    count: int


class Gap(Struct, frozen=True):
    """The certificate whose issuer nobody sent, and what is known of that issuer."""

    position: int
    """Position (in the presented list) of the certificate after which something is missing."""
    issuer: str
    """Issuer's distinguished name."""
    authority_key_id: str | None
    """Hex, where the certificate names it."""
    aia: tuple[str, ...]


class Chain(Struct, frozen=True):
    """What the presented certificates amount to, given anchors and pool."""

    presented: tuple[Certificate, ...]
    leaf: int | None
    """Position of the leaf; None when nothing readable was presented."""
    path: Path | None
    """The path that we claim, over presented certificates and anchors alone: the best one that reaches an anchor,
    else the longest sent one."""
    paths: tuple[Path, ...] = ()
    """Every sent path found that reaches an anchor, best first (bounded)."""
    mended: Path | None = None
    """The best path with pool and fetched certificates allowed: to an anchor, else to a self-issued top; else None."""
    gap: Gap | None = None
    """Where the sent path stops, when it reaches no anchor."""
    frontier: tuple[Certificate, ...] = ()
    """Where no anchor is reached: certificates whose issuer nobody knows yet; their AIA may name it."""
    related: frozenset[int] = frozenset()
    """Positions that lie on any path upward from the leaf by verified signature."""
    near_misses: tuple[tuple[Certificate, Certificate], ...] = ()
    """Where no anchor is reached: a related certificate without a sent issuer, and one that has the issuer's name
    (sent, or an anchor) but did not make the signature."""
    stale: tuple[tuple[int, Certificate], ...] = ()
    """Related positions above which every known issuer is an expired root, with that root."""
    truncated: bool = False
    """The search stopped at its bound; more paths may exist."""
    store: str | None = None
    """Name of the store that holds the anchor of the claimed path, else of the mended one."""
    verdict: Verdict | None = None
    """OpenSSL on the claimed path."""
    verdict_as_sent: Verdict | None = None
    """OpenSSL on everything presented, as a peer runs it."""

    @property
    def own(self) -> Certificate | None:
        """The leaf itself."""
        return None if self.leaf is None else self.presented[self.leaf]

    @property
    def lacks_known(self) -> bool:
        """An intermediate that nobody sent was found elsewhere: that can be said without any trust anchor."""
        return self.mended is not None and not ABSENT.isdisjoint(self.mended.sources)


class Finding(Struct, frozen=True):
    """One defect, for whom it matters, and what to do."""

    id: str
    severity: Severity
    confidence: Confidence = Confidence.IS
    positions: tuple[int, ...] = ()
    summary: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)
    fix: tuple[str, ...] = ()
    """Sentences and commands, in order; commands begin with "$ "."""

    @property
    def page(self) -> str:
        """The page of the catalogue that explains it."""
        return self.id


class Skipped(Struct, frozen=True):
    """A rule that could not run, and why; it never counts as passed."""

    id: str
    reason: str


class Step(Struct, frozen=True):
    """One move of the repair, on the presented list."""

    do: str
    """"keep", "move", "remove" or "insert"."""
    sha256: str | None
    """None for an insertion of a certificate that nobody could find."""
    label: str
    position: int | None
    """Where it was presented; None for an insertion."""
    to: int | None
    """Where it belongs in the right list; None for a removal."""


class Missing(Struct, frozen=True):
    """A certificate that the right list needs and the server did not send."""

    subject: str
    sha256: str | None
    source: str
    """"aia", "pool", "cache", "anchor" (a trust anchor that DANE needs in the list) or "unknown"."""
    url: str | None = None


class Repair(Struct, frozen=True):
    """How the presented list becomes the right one."""

    steps: tuple[Step, ...]
    bundle: tuple[Certificate, ...] | None
    """The list to install, leaf first, root left out; None when it cannot be known."""
    missing: tuple[Missing, ...] = ()
    pem: str | None = None


class OnDisk(Struct, frozen=True):
    """What lies in the file that the server is given, to be compared with what it serves."""

    path: str
    """As the user typed it."""
    certificates: tuple[Certificate, ...]
    """In the file's order; at least one."""


class Mta(Struct, frozen=True):
    """The mail software of an endpoint, as far as it can be told."""

    name: str
    """Recipe id: "postfix", "exim", …"""
    evidence: str
    confidence: Confidence


class Refusal(Struct, frozen=True):
    """What one kind of sender does with this endpoint."""

    sender: str
    """Who, for people: "Postfix, verify or secure"."""
    outcome: str
    """"delivers", "warns", "defers", "refuses" or "unknown"."""
    why: str
    """One clause, and where it is known from."""


class EndpointReport(Struct, frozen=True):
    """What is said of one endpoint."""

    observation: Observation
    chain: Chain | None = None
    findings: tuple[Finding, ...] = ()
    repair: Repair | None = None
    mta: Mta | None = None
    refused_by: tuple[Refusal, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    hidden: tuple[str, ...] = ()
    """Ids of warnings and errors that were found, and left out as the user wished."""
    on_disk: OnDisk | None = None
    """What was served is compared with it; None where no file was named."""
    apart: str | None = None
    """The address that a command must name, since another address of the host shows something else; else None."""

    @property
    def as_on_disk(self) -> bool | None:
        """Exactly what lies on disk is served, in the same order; None where that cannot be said."""
        if self.on_disk is None or self.chain is None:
            return None
        return self.on_disk.certificates == self.chain.presented

    @property
    def examined(self) -> bool:
        """There is something to judge: certificates, or an answer from the network."""
        return self.observation.presented is not None or self.observation.answered

    @property
    def status(self) -> str:
        """Give the worst severity found, "ok", or "unreachable"."""
        return _worst(self.findings) if self.examined else "unreachable"


NOT_CALLED = {"excluded": "which is excluded", "private": "--allow-private lifts this"}
"""Why an address must not be called → how the sentence about it ends (``Report.left_out``)."""


class Report(Struct, frozen=True):
    """The answer to one target."""

    target: Target
    endpoints: tuple[EndpointReport, ...] = ()
    findings: tuple[Finding, ...] = ()
    stores: tuple[Store, ...] = ()
    at: datetime | None = None
    """The moment as of which it was judged."""
    fail_on: Severity = Severity.WARNING
    domain: Domain | None = None
    """Where a mail domain was asked for: its MX records and policies."""
    left_out: tuple[str, ...] = ()
    """Places that were not looked at: too many, no time left, or interrupted."""
    hidden_across: tuple[str, ...] = ()
    """As ``EndpointReport.hidden``, of the findings of no single endpoint."""
    interrupted: bool = False
    """Somebody lost patience, and this is what was known by then."""

    @property
    def status(self) -> str:
        """Give "unreachable" when no endpoint could be examined, else the worst severity found, or "ok"."""
        asked = self.endpoints or self.domain or self.left_out
        if asked and not any(endpoint.examined for endpoint in self.endpoints):
            return "unreachable"
        return _worst(self._all)

    @property
    def exit_code(self) -> int:
        """0 nothing at or above ``fail_on``, 1 something, 3 not examined, 130 interrupted (docs/json.md)."""
        if self.interrupted:
            return 130
        if self.status == "unreachable":
            return 3
        return int(any(finding.severity.rank >= self.fail_on.rank for finding in self._all))

    @property
    def hidden(self) -> tuple[str, ...]:
        """Ids of warnings and errors that were found, and left out as the user wished."""
        return tuple(sorted({*self.hidden_across, *(id_ for endpoint in self.endpoints for id_ in endpoint.hidden)}))

    @property
    def _all(self) -> tuple[Finding, ...]:
        return self.findings + tuple([f for endpoint in self.endpoints for f in endpoint.findings])


def _worst(findings: tuple[Finding, ...]) -> str:
    return max([f.severity for f in findings], key=lambda severity: severity.rank) if findings else "ok"
