"""The words for texts that programs print: what a log line, a bounce or an error code says, and who said it to whom.

Like ``model``, this module imports nothing else of ours. *Client* and *server* are the roles in the SMTP connection:
the client is the side that connected. The *writer* is the program that printed the text, the *peer* the other side.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from msgspec import Struct, field

from probe.model import Confidence


class Category(StrEnum):
    """What kind of trouble a text tells of."""

    MISSING_INTERMEDIATE = "missing-intermediate"
    SELF_SIGNED = "self-signed"
    EXPIRED = "expired"
    HOSTNAME_MISMATCH = "hostname-mismatch"
    UNKNOWN_CA = "unknown-ca"
    PROTOCOL_VERSION = "protocol-version"
    NO_SHARED_CIPHER = "no-shared-cipher"
    WEAK_KEY_OR_DH = "weak-key-or-dh"
    STARTTLS_UNSUPPORTED = "starttls-unsupported"
    PLAIN_TEXT_OR_WRONG_PORT = "plain-text-or-wrong-port"
    PEER_CLOSED = "peer-closed"
    ALERT_UNEXPECTED_MESSAGE = "alert-unexpected-message"
    CERTIFICATE_REQUIRED = "certificate-required"
    DANE = "dane"
    MTA_STS = "mta-sts"
    LOCAL_CONFIG = "local-config"
    OTHER = "other"
    HARMLESS = "harmless"
    """Not a failure."""
    UNDETERMINED = "undetermined"
    """The text alone cannot tell; the page says which other line would."""


class Role(StrEnum):
    """Which end of the SMTP connection wrote the text."""

    CLIENT = "client"
    SERVER = "server"
    UNKNOWN = "unknown"


class Direction(StrEnum):
    """Who noticed the fault."""

    LOCAL = "local"
    """The writer found it."""
    RECEIVED = "received"
    """The other side found it and said so by an alert: the reason stands in its log."""
    NONE = "none"


class Accused(StrEnum):
    """Whose fault it is, by role."""

    CLIENT = "client"
    SERVER = "server"
    POLICY = "policy"
    """The sender's own settings ask for what the server need not have."""
    NONE = "none"
    UNKNOWN = "unknown"


class Code(Struct, frozen=True):
    """One packed error code of OpenSSL or one of its forks."""

    code: str
    """As eight hexadecimal digits in capitals; "" where the text hides the number."""
    era: str
    """Which library packs its numbers so, for people: "OpenSSL before 3.0"."""
    library: str | None
    function: str | None
    reason: str | None
    alert: int | None
    """The alert that the other side sent, if that is what the code says."""
    library_number: int | None = None
    function_number: int | None = None
    """None from OpenSSL 3.0 on; a state of the handshake in LibreSSL."""
    reason_number: int | None = None
    notes: tuple[str, ...] = ()
    """What else the reader should know: other meanings of the same number, how old the writer's library is."""


class Reading(Struct, frozen=True):
    """One meaning of a word or number that a user typed."""

    kind: str
    """Whose number it is: "X509 verification error (OpenSSL)"."""
    number: str
    name: str
    text: str
    symptom: str | None


class Cause(Struct, frozen=True):
    """One cause that would explain the text."""

    text: str
    confidence: Confidence


class Peer(Struct, frozen=True):
    """The other side of the connection, from the writer's view."""

    host: str | None = None
    address: str | None = None
    port: int | None = None


class Message(Struct, frozen=True):
    """What one text, or a group of texts that say the same, means."""

    text: str
    """The lines that tell it, joined by line ends."""
    category: Category
    page: str | None = None
    """The page that explains it; None where no page fits."""
    also: tuple[str, ...] = ()
    """Other pages that the text points to, or, without a page, the nearest ones."""
    title: str = ""
    meaning: str = ""
    """One sentence."""
    mta: str | None = None
    """Which program wrote it, in lower case."""
    role: Role = Role.UNKNOWN
    direction: Direction = Direction.NONE
    accused: Accused = Accused.UNKNOWN
    confidence: Confidence = Confidence.MAY_BE
    stage: str | None = None
    """A value of ``model.Stage``, where the conversation ended."""
    symptoms: tuple[str, ...] = ()
    codes: tuple[Code, ...] = ()
    readings: tuple[Reading, ...] = ()
    peer: Peer | None = None
    causes: tuple[Cause, ...] = ()
    fix: tuple[str, ...] = ()
    """Sentences; a line that begins with "$ " is a command."""
    next: tuple[str, ...] = ()
    """Commands that make sure, the best one first."""
    file: str | None = None
    line: int | None = None
    """The first line in that file, from 1."""
    count: int = 1
    first: datetime | None = None
    last: datetime | None = None
    peers: tuple[Peer, ...] = field(default=())
    """Of a group: the other sides, most frequent first, up to a cap."""
    peer_count: int = 0
    """Of a group: how many other sides there are."""
    recipients: tuple[str, ...] = ()

    about_tls: bool = True
    """False for what failed before anybody spoke of TLS, and for what has nothing to do with it."""

    @property
    def tells_of_tls(self) -> bool:
        """Whether it says that TLS failed, be it in words that no page explains."""
        return self.about_tls and self.category is not Category.HARMLESS
