"""Whether a certificate speaks for a host: RFC 9525, with service-identity's comparison.

The reference name is what we looked for; the presented names are the certificate's dNSName and iPAddress entries. A
wildcard is the whole left-most label, stands for one label, and never for all names of a top-level domain. An address
matches an iPAddress alone. The common name never counts (RFC 9525 2), but :func:`cn_would_match` says what a client
would see that still looks there. Departures from service-identity: a presented name that :func:`bad_names` complains
of matches nothing (it would strip blanks), so does a reference name that is none, and a wildcard covers an A-label.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection, Iterable
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from probe.model import Certificate

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAME_SIZE = 253  # characters (RFC 1035 2.3.4, without the octets of the first length and the root)
_SAID = 5  # bad names that are told one by one; a hostile certificate has thousands
_QUOTED = 100  # characters of a hostile name that a sentence repeats
# RFC 1123 2.1, and the underscore, which names in use have: let-dig [ *(let-dig / "-" / "_") let-dig ]
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


_USUAL = re.compile(rf"(?:\*\.(?:{_LABEL.pattern}\.)+|(?:{_LABEL.pattern}\.)*)(?![0-9]+\Z){_LABEL.pattern}")

_ZONE = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # an interface's name or number


@lru_cache(maxsize=4096)
def reference_name(text: str) -> str:
    """Write the name of a host as it is compared: "Mail.Bücher.example." gives "mail.xn--bcher-kva.example".

    An address stands without brackets and in its shortest form. Raises ValueError with a sentence for people.
    """
    given = text.strip()
    if not given:
        raise ValueError("The name is empty; give a host name such as mail.example.com.")
    address = _address(_unbracketed(given))
    if address:
        return str(address)
    name = _a_labels(given).lower().removesuffix(".")
    wrong = _misshapen(name)
    if wrong:
        raise ValueError(f"{_quoted(given)} is no host name: {wrong}.")
    return name


def is_host_name(text: str) -> bool:
    """It is a name that a host can have, and no address."""
    try:
        return _address(reference_name(text)) is None
    except ValueError:
        return False


def is_address(text: str) -> bool:
    """It is an IP address, without brackets."""
    return _address(text) is not None


def matches(certificate: Certificate, reference: str) -> bool:
    """Say whether one of the presented names matches the reference name (RFC 9525 6); never for an empty one."""
    name = _reference(reference)
    if name is None:
        return False
    address = _address(name)
    if address:
        return _matches_address(certificate.ip_addresses, address)
    return _matches_host(certificate.dns_names, name)


def cn_would_match(certificate: Certificate, reference: str) -> bool:
    """Say whether a client that still looks at the common name would be content.

    Such clients do so only when there is no dNSName, and not for an address (OpenSSL, crypto/x509/v3_utl.c,
    do_x509_check).
    """
    name, common_name = _reference(reference), certificate.subject.common_name
    if name is None or common_name is None or certificate.dns_names or _address(name):
        return False
    return _matches_host((common_name,), name)


def bad_names(certificate: Certificate) -> tuple[str, ...]:
    """Sentences without full stop about names that no careful client will match; escaped, fit for a screen."""
    names = dict.fromkeys(certificate.dns_names)
    found = [f"the dNSName {_quoted(name)} {wrong}" for name in names if (wrong := _bad(name))]
    if len(found) > _SAID + 1:
        found[_SAID:] = [f"{len(found) - _SAID} more names are of no use"]
    common_name = certificate.subject.common_name
    if common_name and (wrong := _unprintable(common_name)):
        found.append(f"the commonName {_quoted(common_name)} {wrong}")
    return tuple(found)


def _reference(text: str) -> str | None:
    try:
        return reference_name(text)
    except ValueError:
        return None


def _matches_host(presented: Collection[str], name: str) -> bool:
    rest = name.partition(".")[2]
    if name in presented or ("." in rest and f"*.{rest}" in presented):
        return True  # what follows folds letters, too, and costs fifty times as much
    from service_identity import CertificateError
    from service_identity.hazmat import DNS_ID, DNSPattern

    try:
        wanted = DNS_ID(name)
    except ValueError:  # a name that is no host name matches none
        return False
    for text in presented:
        if _bad(text):
            continue
        if _covers_a_label(text, name):
            return True
        with suppress(CertificateError):
            if wanted.verify(DNSPattern.from_bytes(text.encode("ascii"))):
                return True
    return False


def _covers_a_label(presented: str, name: str) -> bool:
    """A wildcard that is the whole label stands for an A-label, too (RFC 9525 6.3, OpenSSL's valid_star).

    service-identity refuses that, which would call healthy hosts mismatched.
    """
    first, _, rest = name.partition(".")
    return first.startswith("xn--") and presented.lower() == f"*.{rest}"


def _matches_address(presented: Iterable[str], address: Address) -> bool:
    from service_identity.hazmat import IPAddress_ID, IPAddressPattern

    wanted = IPAddress_ID(address.packed)
    return any(
        wanted.verify(IPAddressPattern.from_bytes(known.packed)) for text in presented if (known := _address(text))
    )


def _unbracketed(text: str) -> str:
    """Address literals of URLs, "[2001:db8::1]", and of mail, "[IPv6:2001:db8::1]" (RFC 5321 4.1.3)."""
    if text[:1] == "[" and text[-1:] == "]":
        return re.sub(r"^ipv6:", "", text[1:-1], flags=re.IGNORECASE)
    return text


@lru_cache(maxsize=4096)
def _address(text: str) -> Address | None:
    """Read an address, an IPv6 one with its zone ("fe80::1%eth0", RFC 4007 11), which is never compared."""
    _, mark, zone = text.partition("%")
    if mark and not _ZONE.fullmatch(zone):
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _a_labels(text: str) -> str:
    """Labels in other scripts become A-labels (RFC 5891), folded beforehand as browsers do (UTS #46)."""
    if text.isascii():
        return text
    import idna

    try:
        folded = idna.uts46_remap(text, std3_rules=False)
        return ".".join(label if label.isascii() else idna.alabel(label).decode("ascii") for label in folded.split("."))
    except idna.IDNAError as error:
        raise ValueError(f"{_quoted(text)} is no host name: {_plain(str(error))}.") from None


def _misshapen(name: str) -> str:
    """What keeps a name from being a host name; "" for nothing."""
    if "/" in name or "@" in name or ":" in name:
        return "give the host alone, without protocol, user, port or path"
    if len(name) > _NAME_SIZE:
        return f"it is longer than {_NAME_SIZE} characters"
    labels = name.split(".")
    if "" in labels:
        return "there is nothing between two dots, or before the first"
    for label in labels:
        if not _LABEL.fullmatch(label):
            return f"{_quoted(label)} is not made of letters, digits and inner hyphens, or longer than 63 characters"
    if labels[-1].isdigit():
        return "its last part is a number, and it is no complete address either"
    return ""


def _bad(name: str) -> str:
    """What is wrong with a dNSName, "" for nothing."""
    if _USUAL.fullmatch(name) and len(name) <= _NAME_SIZE:
        return ""  # as what follows would say, in a tenth of the time
    if not name:
        return "is empty"
    wrong = _unprintable(name)
    if wrong:
        return wrong
    if not name.isascii():
        return "is not ASCII; names in other scripts are written as A-labels (xn--…)"
    if " " in name:
        return "holds a blank"
    if _address(_unbracketed(name)):
        return "is an address, which belongs into an iPAddress entry"
    if "*" in name:
        return _bad_wildcard(name)
    return _bad_host(name)


def _unprintable(name: str) -> str:
    if name.isascii() and name.isprintable():
        return ""
    if "\0" in name:
        return "holds a NUL character"
    if any(character < " " or "\x7f" <= character < "\xa0" for character in name):
        return "holds a control character"
    return ""


def _bad_wildcard(name: str) -> str:
    head, _, tail = name.partition(".")
    if head != "*" or "*" in tail:
        return "has a wildcard that is not the whole left-most label"
    if "." not in tail.removesuffix("."):
        return "is a wildcard for a whole top-level domain"
    return _bad_host(tail)


def _bad_host(name: str) -> str:
    if name.endswith("."):
        return "ends in a dot"
    return "is no host name" if _misshapen(name.lower()) else ""


def _quoted(text: str) -> str:
    return json.dumps(text if len(text) <= _QUOTED else text[:_QUOTED] + "…")


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii").rstrip(".")
