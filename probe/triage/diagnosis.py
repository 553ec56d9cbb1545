"""From a text to what it means: decode its codes, find the pages that it points to, and say whom it accuses."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from probe.catalogue import recipes
from probe.catalogue.pages import Page, Said, page
from probe.message import Accused, Category, Cause, Code, Direction, Message, Peer, Role
from probe.model import Confidence, bracketed
from probe.triage import codes as decoding
from probe.triage.origin import Origin, peer, peer_of, writer
from probe.triage.phrases import Evidence, evidence
from probe.wire.codes import Era, unpack

UNKNOWN_HOST = "HOST"
"""What a command says in the place of a host that the text does not tell."""
OWN_HOST = "YOUR-SERVER"
"""The same, where the writer is the server: nobody then takes the client that stands in the text for it."""
_OF_TLS = re.compile(
    r"(?<![a-z0-9@.])(?<![a-z]-)(?:(?:start)?tls|ssl|dane)(?:v?\d[\d.]*|_\w+)?(?![a-z0-9@]|\.[a-z]|-[a-z0-9-]*\.[a-z])"
    r"|certif|handshake|\bx\.?509\b",
    re.IGNORECASE,
)
"""A word of TLS; not "crosslink.example", "ssl.example.com", "dane@example.org"."""
SMTP = 25
SERVICE = "another service"
"""What ``writers.toml`` calls the connection of a mail server to a directory, a database, or a server behind it."""
OF_SERVICE = (
    "This is about a connection that the program made to something else (a directory, a database, a web server, or the "
    "server that an address was verified with); no mail was sent over it."
)
JUDGED = frozenset(
    {
        Category.EXPIRED,
        Category.HOSTNAME_MISMATCH,
        Category.MISSING_INTERMEDIATE,
        Category.SELF_SIGNED,
        Category.UNKNOWN_CA,
    }
)
"""What a program finds when it judges a certificate."""
ENCRYPTED, REFUSED = "connection-is-encrypted", "server-certificate-not-verified"
"""The pages of lines that say what became of a certificate that was judged and did not pass."""
VERIFY_FAILED = "reason:134"
"""OpenSSL ended the handshake because of the certificate (sslerr.h, SSL_R_CERTIFICATE_VERIFY_FAILED)."""
_STOPPED = re.compile(
    r"\bnot trusted\b|\bstatus=(?:deferred|bounced)|\bstat=(?:Deferred|Service)|\berror:[0-9a-f]{8}"
    r"|\bSSL_(?:accept|connect) error|\bCannot start TLS",
    re.IGNORECASE,
)
_SENT = re.compile(r"\bdsn=2\.\d\.\d, (?:status=sent|stat=Sent)\b")
"""The mail went through: Postfix, Sendmail."""
_ADDRESSES = re.compile(r"\[([0-9A-Fa-f.:]{3,45})\]")
_OWN_CODE = re.compile(
    r"\baddr=<[^>\n]{0,254}>: 400 "
    r"|\bPrimary target IP address responded with\b|\bTLS negotiation failed with error\b|\bTlsCertificateName\b"
)
"""Courier and Exchange put a reply code before what they found themselves."""
_NEXT_HOP = re.compile(r"in reply to (?!STARTTLS|EHLO|HELO|MAIL)")
"""The server had taken the conversation on: what it tells then may be of its own next hop, or of the mail itself."""
_REPLY = re.compile(r"(?:(?<![\d.])[45]\d\d[ -]|\([45]\d\d, b?['\"])[^\n]*")
"""Where a text quotes what the other side replied."""
_OTHER = {Role.CLIENT: Role.SERVER, Role.SERVER: Role.CLIENT, Role.UNKNOWN: Role.UNKNOWN}


class Found(Struct, frozen=True):
    """What a text says without its names and addresses: the same for all lines of one shape."""

    pages: tuple[str, ...]
    """The page that explains it, then others that it points to."""
    symptoms: tuple[str, ...]
    codes: tuple[Code, ...]
    mta: str | None
    role: Role
    received: bool = False
    """The page follows from the number of an alert, and alerts with numbers are received ones."""
    quoted: bool = False
    """The page follows from words that the other side replied."""


def diagnose(text: str, known: Origin | None = None) -> Message:
    """Say what the text means. ``known`` is what stands around the text: it goes before what the text tells."""
    return worded(text, found(text), known)


def found(text: str) -> Found:
    """Decode the text and find its pages and its writer."""
    places, codes = evidence(text)
    mta, role = writer("\n".join((text, *(code.function or "" for code in codes))))
    pages = _exonerated(tuple(dict.fromkeys(place.page for place in places)), places, text)
    first = next((place for place in places if place.page == pages[0]), None) if pages else None
    return Found(
        pages,
        _symptoms(places),
        tuple(map(_code, codes)),
        mta,
        role,
        received=bool(first and (first.symptom or "").startswith("alert:")),
        quoted=bool(first and _is_quoted(first, text)),
    )


def _is_quoted(place: Evidence, text: str) -> bool:
    """Whether words stand behind a reply code in the same line; an enhanced status code is the writer's own as well."""
    if (place.symptom or "").startswith("status:") or _OWN_CODE.search(text):
        return False
    return any(reply.start() <= place.start < reply.end() for reply in _REPLY.finditer(text))


def _exonerated(pages: tuple[str, ...], places: Sequence[Evidence], text: str) -> tuple[str, ...]:
    """A certificate that did not pass is no failure where the session with that peer went on and nobody insisted."""
    verdict = next((place.start for place in places if pages and place.page == pages[0]), 0)
    went_on = _SENT.search(text, verdict) or any(place.page == ENCRYPTED and place.start > verdict for place in places)
    if not pages or not went_on or REFUSED in pages or _STOPPED.search(text) or page(pages[0]).category not in JUDGED:
        return pages
    same = len(set(_ADDRESSES.findall(text))) <= 1
    return (ENCRYPTED, *(name for name in pages if name != ENCRYPTED)) if same else pages


def worded(text: str, what: Found, known: Origin | None = None) -> Message:
    """Put what was found in the text into words, with the names that stand in it."""
    known = known or Origin()
    message = Message(
        text=text,
        category=Category.UNDETERMINED,
        mta=known.mta or what.mta,
        role=known.role if known.role is not Role.UNKNOWN else what.role,
        symptoms=what.symptoms,
        codes=what.codes,
        peer=None if what.mta == SERVICE else _merged(known.peer, peer(text)),
        about_tls=bool(what.codes or _OF_TLS.search(text)),
    )
    if not what.pages:
        return message
    told = explained(message, page(what.pages[0]), what.pages[1:])
    told = replace(told, direction=Direction.RECEIVED) if what.received else told
    return _as_reply(told) if what.quoted else told


def _as_reply(message: Message) -> Message:
    """What the other side found is no finding of the writer, and accuses nobody: its words may mean anything.

    What it says of STARTTLS itself, it says of itself, unless the mail was under way already.
    """
    of_itself = message.stage in {"starttls", "ehlo"} or (message.page or "").endswith("-demanded")
    if of_itself and not _NEXT_HOP.search(message.text):
        return replace(message, direction=Direction.NONE)
    return replace(
        message,
        meaning=f"The other side said so in its reply; it is what it found, in its own words: {message.title}.",
        direction=Direction.NONE,
        accused=Accused.UNKNOWN,
        confidence=Confidence.MAY_BE,
    )


def explained(message: Message, this: Page, also: Sequence[str] = ()) -> Message:
    """Return the message with the words of a page."""
    said = next(
        (this.said[key] for key in (f"{message.role}/{message.mta}", message.role, "") if key in this.said), None
    )
    known = replace(
        message,
        category=Category(this.category),
        page=this.id,
        also=tuple(also),
        title=this.title,
        about_tls=this.about_tls,
    )
    if message.mta == SERVICE:
        return replace(known, meaning=OF_SERVICE, accused=Accused.UNKNOWN, confidence=Confidence.MAY_BE)
    return _with_recipe(_worded(known, said), this) if said else known


def retold(message: Message, other: Peer) -> Message:
    """Return the message with another peer: its commands then name that one."""
    if message.page is None:
        return replace(message, peer=other)
    told = explained(replace(message, peer=other), page(message.page), message.also)
    same = message.direction == told.direction
    return replace(
        told,
        direction=message.direction,
        accused=message.accused,
        confidence=message.confidence,
        meaning=told.meaning if same else message.meaning,
    )


def _with_recipe(message: Message, this: Page) -> Message:
    """Point a server's own log to the recipe of that server, where its chain or its file is to be mended."""
    if message.role is not Role.SERVER or not this.recipe or message.mta not in recipes.ids():
        return message
    name = recipes.recipe(message.mta).name
    where = f"Where {name} names its file, and the commands that install and reload it:"
    return replace(message, fix=(*message.fix, where, f"$ smtp-chaincheck explain {message.mta}"))


def _merged(known: Peer | None, told: Peer | None) -> Peer | None:
    if not known or not told:
        return known or told
    if known.host and told.host and known.host.lower() != told.host.lower():
        return known
    return Peer(known.host or told.host, known.address or told.address, known.port or told.port)


def _symptoms(places: Sequence[Evidence]) -> tuple[str, ...]:
    by_place = sorted((place.start, place.symptom) for place in places if place.symptom)
    return tuple(dict.fromkeys(symptom for _, symptom in by_place))


def _code(code: decoding.Code) -> Code:
    notes = (f"The spelling of the function is that of {code.written_by}.",) if code.written_by else ()
    era = next((era for era in Era if era.label == code.era), None)
    packed = unpack(int(code.code, 16), era) if code.code and era else None
    return Code(
        code=code.code,
        era=code.era,
        library=code.library,
        function=code.function,
        reason=code.reason,
        alert=code.alert,
        library_number=packed.library if packed else None,
        function_number=packed.function if packed else None,
        reason_number=packed.reason if packed else None,
        notes=(*notes, *code.ambiguous),
    )


def _worded(message: Message, said: Said) -> Message:
    own = OWN_HOST if message.role is Role.SERVER else UNKNOWN_HOST
    place = server(message)
    name = _name(message.peer) if place else ""
    slots = {"server": place or own, "host": bracketed(name) or own}
    told = {"server": place}
    return replace(
        message,
        meaning=filled(said.meaning, told),
        direction=Direction(said.direction),
        accused=_accused(said.accuses, message),
        confidence=Confidence(said.confidence),
        stage=said.stage,
        causes=tuple(Cause(filled(text, told), Confidence(word)) for word, text in said.causes),
        next=tuple(filled(command, slots) for command in said.next),
        fix=tuple(filled(line, slots if line.startswith("$ ") else told) for line in said.fix),
    )


def filled(template: str, slots: Mapping[str, str]) -> str:
    """Put values into the named slots; an empty one leaves no gap, and other braces stay as they are."""
    for name, value in slots.items():
        template = template.replace(f"{{{name}}}" if value else f" {{{name}}}", value)
    return template


def _accused(accuses: str, message: Message) -> Accused:
    """A server that judges a client's certificate and goes on, as most do, accuses nobody."""
    if accuses == "writer":
        return Accused(message.role.value)
    if accuses == "peer":
        idle = message.role is Role.SERVER and message.category in JUDGED and VERIFY_FAILED not in message.symptoms
        return Accused.UNKNOWN if idle else Accused(_OTHER[message.role].value)
    return Accused(accuses)


def server(message: Message) -> str:
    """Return the server of the connection as an argument of ours; "" where the text does not tell it.

    A server's own log does not tell by which name it is asked.
    """
    other = message.peer
    if message.role is Role.SERVER or not other:
        return ""
    port = other.port if other.port not in {None, SMTP} else None
    name = _name(other)
    return f"{bracketed(name)}:{port}" if name and port else name


def _name(other: Peer | None) -> str:
    """Host or address, "" where it is neither: bounces and reports are hostile, and it is put into commands."""
    known = peer_of(other.host, other.address) if other else None
    if known and known.host and "." in known.host:  # a word without a dot may be one of our verbs
        return known.host
    return (known.address or "") if known else ""
