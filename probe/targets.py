"""What a user types for a host → Target. One pure function and the forms that it knows."""

from __future__ import annotations

import ipaddress
import re

from msgspec.structs import replace

from probe.model import PORTS, Kind, Protocol, Target, Tls

QUOTED = 80
"""Characters of a mistyped host that a sentence repeats."""
SUBMISSIONS = 465
SUBMISSION = 587
_SCHEMES: dict[str, tuple[int | None, Protocol | None, Tls | None]] = {
    "smtp": (None, None, None),
    "smtps": (SUBMISSIONS, Protocol.SUBMISSION, Tls.IMPLICIT),
    "submission": (SUBMISSION, Protocol.SUBMISSION, Tls.STARTTLS),
    "submissions": (SUBMISSIONS, Protocol.SUBMISSION, Tls.IMPLICIT),
    "http": (None, None, None),
    "https": (None, None, None),
    "lmtp": (None, Protocol.LMTP, None),
    "imap": (None, Protocol.IMAP, None),
    "imaps": (993, Protocol.IMAP, Tls.IMPLICIT),
    "pop": (None, Protocol.POP3, None),
    "pop3": (None, Protocol.POP3, None),
    "pops": (995, Protocol.POP3, Tls.IMPLICIT),
    "pop3s": (995, Protocol.POP3, Tls.IMPLICIT),
    "sieve": (None, Protocol.SIEVE, None),
}
"""Scheme of a pasted URL → port, protocol and TLS that it means; a web address lends its host name alone."""

_URL = r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<place>[^/?#]*)(?:[/?#].*)?\Z"
_MAILTO = r"(?:mailto:|[^<>]*<)[^<>?]*@(?P<domain>[^<>?@]*)(?:\?[^<>]*)?>?\Z"
"""``mailto:user@example.com?subject=…`` (RFC 6068), ``<user@example.com>``, ``User <user@example.com>``."""
_OF_MX = frozenset({Protocol.SMTP, Protocol.SUBMISSION})
_BRACKETED = r"\[(?:ipv6:)?(?P<host>[^\[\]]*)\](?::(?P<port>[^:]*))?\Z"
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
"""RFC 1123 §2.1, and "_", which real names in the DNS have."""
_ZONE = re.compile(r"[A-Za-z0-9._-]{0,32}\Z")
"""The interface of a link-local address, fe80::1%eth0 (RFC 4007 §11)."""
_EXAMPLES = "Write a host as mx.example.com, mx.example.com:587, 192.0.2.25 or [2001:db8::25]:587."


def target_of(
    text: str, port: int | None = None, protocol: Protocol | None = None, tls: Tls | None = None, *, mx: bool = False
) -> Target:
    """Understand ``text``: a name, an address, either with a port, a pasted URL, or a mail address.

    A port in ``text`` wins over ``port``. A port of ``PORTS`` means its protocol and its TLS, unless ``protocol`` or
    ``tls`` say otherwise; without a port they choose it. A mail address means its domain, and so does a name with
    ``mx``. Raises ValueError with a sentence that says what to type.
    """
    place, (url_port, url_protocol, url_tls), of_mail = _taken_apart(text.strip())
    host, own_port = _host_and_port(place)
    name = _name(host)
    found = _target(name, own_port or url_port or port, protocol or url_protocol, tls or url_tls)
    if mx and _is_address(name):
        raise ValueError(f"{name} is an address, and only a domain has MX records. Leave --mx out, or name the domain.")
    return _domain(found) if mx or (of_mail and not _is_address(name)) else found


def _domain(target: Target) -> Target:
    """The domain of that name; its mail hosts are asked at that port, each."""
    if target.protocol not in _OF_MX:
        raise ValueError(
            f"MX records name servers for SMTP, not for {target.protocol.value.upper()}. "
            f"Name the server itself, and not the domain {target.name}."
        )
    return replace(target, kind=Kind.DOMAIN)


def _taken_apart(typed: str) -> tuple[str, tuple[int | None, Protocol | None, Tls | None], bool]:
    """The place, what a scheme means, and whether it is a mail address. Whose mail it is does not matter to us."""
    if "@" in typed and (mail := re.match(_MAILTO, typed, re.IGNORECASE | re.DOTALL)):
        return mail["domain"], (None, None, None), True
    place, meant = _without_scheme(typed)
    return place.rpartition("@")[2], meant, "@" in place and place == typed


def _target(name: str, port: int | None, protocol: Protocol | None, tls: Tls | None) -> Target:
    """Fill what was not said from what was."""
    port = port or _usual_port(protocol, tls)
    usual = PORTS.get(port, (Protocol.SMTP, Tls.STARTTLS))
    return Target(name, port, protocol or usual[0], tls or usual[1])


def _usual_port(protocol: Protocol | None, tls: Tls | None) -> int:
    """The port of this protocol with this TLS, else of the protocol, else 25; TLS at once alone means 465."""
    if tls is Tls.IMPLICIT and protocol in {None, Protocol.SMTP}:
        return SUBMISSIONS
    ports = [port for port, spoken in PORTS.items() if spoken[0] is protocol]
    return next((port for port in ports if PORTS[port][1] is tls), ports[0] if ports else 25)


def _without_scheme(typed: str) -> tuple[str, tuple[int | None, Protocol | None, Tls | None]]:
    url = re.match(_URL, typed, re.DOTALL) if "://" in typed else None
    if url is None:
        return typed, (None, None, None)
    if url["scheme"].lower() not in _SCHEMES:
        raise ValueError(f'We look at mail servers, and "{shown(url["scheme"])}://" is none. {_EXAMPLES}')
    if url["scheme"].lower().startswith("http") and re.search(r":\d*\Z", url["place"]):
        raise ValueError(f'"{shown(typed)}" names the port of a web server. {_EXAMPLES}')
    return url["place"], _SCHEMES[url["scheme"].lower()]


def _host_and_port(place: str) -> tuple[str, int | None]:
    if place.startswith("[") and (bracketed := re.match(_BRACKETED, place, re.IGNORECASE)):
        return bracketed["host"], None if bracketed["port"] is None else _port(bracketed["port"])
    if place.count(":") != 1:
        return place, None
    host, _, port = place.partition(":")
    return host, _port(port)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535):
        raise ValueError(f'A port is a number from 1 to 65535, not "{shown(text)}". {_EXAMPLES}')
    return int(text)


def _name(host: str) -> str:
    """The name as the DNS has it, or the address in its shortest form."""
    if not host.strip("."):
        raise ValueError(f"There is no host name in it. {_EXAMPLES}")
    address = _address(host)
    if address is None:
        return _host_name(host)
    if not _ZONE.match(getattr(address, "scope_id", None) or ""):
        raise ValueError(f'"{shown(host)}" names no network interface behind its "%". {_EXAMPLES}')
    return str(address)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if ":" not in name and not name[-1:].isdecimal():
        return None  # told without an exception, which costs a long list more than all the rest
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    return _address(name) is not None


def _host_name(host: str) -> str:
    labels = _ascii(host.removesuffix(".")).lower().split(".")
    if not all(_LABEL.match(label) for label in labels) or len(".".join(labels)) > 253:
        raise ValueError(f'"{shown(host)}" is no host name. {_EXAMPLES}')
    if labels[-1].isdecimal():
        raise ValueError(f'"{shown(host)}" looks like an IPv4 address and is none: that has four numbers up to 255.')
    return ".".join(labels)


def _ascii(host: str) -> str:
    """A-labels (RFC 5891) where the name was typed in letters of its own."""
    if host.isascii():
        return host
    import idna

    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as problem:
        raise ValueError(f'"{shown(host)}" is no host name (IDNA: {shown(str(problem))}). {_EXAMPLES}') from None


def shown(text: str) -> str:
    """What was typed, or pasted from who knows where, without anything that a terminal would obey."""
    cut = text if len(text) <= QUOTED else text[: QUOTED - 1] + "…"
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in cut)
