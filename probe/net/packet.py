"""Packets of DNS as octets: a question, and what an answer says to it (RFC 1035 §4, RFC 6891). No sockets here.

Only the kinds of records that we ask for are read: a reader of them all needs ten times as long for a packet.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from probe.model import Mx, Tlsa

KINDS: Mapping[str, int] = {"A": 1, "NS": 2, "CNAME": 5, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}
IN = 1
CNAME, OPT = 5, 41
RECURSE, AD, CD = 0x0100, 0x0020, 0x0010
"""Flags: RD, AD and CD (RFC 1035 §4.1.1, RFC 4035 §3.2)."""
RESPONSE, OPCODE, TRUNCATED, CODE = 0x80, 0x78, 0x02, 0x0F
"""Parts of the third octet, and of the fourth."""
PAYLOAD = 1232
"""Octets of an answer over UDP that no path breaks up (DNS Flag Day 2020); a longer one comes over TCP."""
DO = b"\x00" + struct.pack("!HHIH", OPT, PAYLOAD, 0x8000, 0)
"""EDNS: so many octets are welcome, and signatures are wanted (RFC 6891 §6.1.2, RFC 3225)."""
RCODES = dict(enumerate(("NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"))) | {
    9: "NOTAUTH",
    16: "BADVERS",
}
"""Those that a resolver says."""
WITHOUT_QUESTION = frozenset({"FORMERR", "SERVFAIL", "NOTIMP", "REFUSED"})
"""Who cannot or will not read a question may leave it out of the answer."""
LONGEST_CHAIN = 16
"""CNAME records that are followed."""
MOST_LABELS = 127
"""Labels of a name of 255 octets, and so more pointers than an honest one has."""
LONGEST_NAME = 255
"""Octets (RFC 1035 §2.3.4)."""
SHORTEST_TLSA = 3
"""Octets before the data (RFC 6698 §2.1)."""
HEAD = 12
_COUNTS = struct.Struct("!6H")
_RECORD = struct.Struct("!HHIH")
_SPELLED = re.compile(r"\\(\d{3})|\\(.)|(.)", re.DOTALL)
_PLAIN = re.compile(rb"[a-z0-9_-]*")

Labels = tuple[bytes, ...]
"""A name in lower case, without the root."""


class Question(NamedTuple):
    """What is asked."""

    name: str
    kind: str
    octets: bytes
    """The question section; names in lower case."""

    def packet(self, number: int, *, edns: bool = True, cd: bool = False) -> bytes:
        """Ask with this id; with EDNS for signatures and for the server's word on them, too (RFC 6840 §5.7)."""
        flags = RECURSE | (AD if edns else 0) | (CD if cd else 0)
        return _COUNTS.pack(number, flags, 1, 0, 0, int(edns)) + self.octets + (DO if edns else b"")

    def is_answered(self, packet: bytes) -> bool:
        """The packet speaks of this question; whether its id is right is for others to say."""
        if len(packet) < HEAD or packet[2] & (RESPONSE | OPCODE) != RESPONSE:
            return False
        if packet[4:6] == b"\x00\x00":
            return rcode(packet[3] & CODE) in WITHOUT_QUESTION
        end = HEAD + len(self.octets)
        return packet[4:6] == b"\x00\x01" and packet[HEAD:end].lower() == self.octets


class Said(NamedTuple):
    """What an answer says."""

    rcode: str
    records: tuple[object, ...] = ()
    """Text for A, AAAA and TXT, else ``Mx``, ``Tlsa``, or the name in a record; as often as they stand there."""
    aliases: tuple[str, ...] = ()
    """Where the CNAME records lead, one after the other."""
    ad: bool | None = False
    """The server says that it validated the answer; None = it cannot be asked."""


def question(name: str, kind: str) -> Question:
    """Ask for records of this kind. Raises ValueError for what can be no name (RFC 1035 §2.3.4)."""
    return Question(name, kind, octets_of(name) + struct.pack("!HH", KINDS[kind], IN))


@lru_cache(1024)
def octets_of(name: str) -> bytes:
    """A name as in packets, in lower case. Raises ValueError for what can be none."""
    if "\\" in name or not name.isascii():
        labels = _odd(name)
    else:
        bare = name.removesuffix(".").lower().encode()
        labels = tuple(bare.split(b".")) if bare else ()
    if not all(0 < len(label) < 64 for label in labels):
        raise ValueError("a part between dots has 1 to 63 octets")
    octets = b"".join([bytes((len(label),)) + label for label in labels]) + b"\x00"
    if len(octets) > LONGEST_NAME:
        raise ValueError(f"a name has at most {LONGEST_NAME} octets")
    return octets


def _odd(name: str) -> Labels:
    r"""A name in which \DDD is an octet and \X the character X, even if it is a dot (RFC 1035 §5.1)."""
    labels, label = list[bytes](), b""
    for number, character, plain in _SPELLED.findall(name):
        if plain == ".":
            labels, label = [*labels, label], b""
        else:
            label += bytes((int(number),)) if number else (character or plain).encode("ascii")
    return tuple(one.lower() for one in ([*labels, label] if label else labels))


def written(labels: Labels) -> str:
    r"""A name of DNS as text: lower case, no trailing dot, odd octets as \DDD (RFC 1035 §5.1); "" is the root."""
    if _PLAIN.fullmatch(b"".join(labels)):
        return b".".join(labels).decode()
    return ".".join("".join(map(_spelled, label)) for label in labels)


def _spelled(octet: int) -> str:
    if octet in b'"().;\\@$':
        return f"\\{octet:c}"
    return f"{octet:c}" if 0x20 < octet < 0x7F else f"\\{octet:03d}"


def rcode(number: int) -> str:
    """The name of a response code."""
    return RCODES.get(number) or f"RCODE{number}"


def is_truncated(packet: bytes) -> bool:
    """The answer was too long for UDP (RFC 1035 §4.1.1, TC)."""
    return bool(packet[2] & TRUNCATED)


def read(packet: bytes, asked: Question) -> Said:
    """What an answer says, CNAME records followed (RFC 1034 §3.6.2). Raises ValueError for what cannot be read."""
    try:
        return _read(packet, asked)
    except (IndexError, struct.error) as problem:
        raise ValueError("it is shorter than it says") from problem


def _read(packet: bytes, asked: Question) -> Said:
    flags = packet[2] << 8 | packet[3]
    number, wanted = flags & CODE, KINDS[asked.kind]
    names: dict[int, Labels] = {}
    found: dict[Labels, list[tuple[int, int]]] = {}
    cnames: dict[Labels, int] = {}
    for owner, kind, ttl, at, end in _records(packet, asked, names):
        if kind == OPT:
            number |= ttl >> 24 << 4
        elif kind == wanted:
            found.setdefault(owner, []).append((at, end))
        elif kind == CNAME:
            cnames.setdefault(owner, at)
    said = rcode(number)
    if said not in {"NOERROR", "NXDOMAIN"}:
        return Said(said)
    own, aliases = _name(packet, HEAD, names)[0], []
    while own not in found and own in cnames:
        own, _ = _name(packet, cnames[own], names)
        aliases.append(own)
        if len(aliases) >= LONGEST_CHAIN:
            raise ValueError("the CNAME chain is too long")
    reader = _READERS.get(asked.kind, _target)
    records = tuple(reader(packet, at, end) for at, end in found.get(own, ()))
    return Said(said, records, tuple(written(alias) for alias in aliases), bool(flags & AD))


def _records(packet: bytes, asked: Question, names: dict[int, Labels]) -> Iterator[tuple[Labels, int, int, int, int]]:
    """Owner, kind, seconds to live, where the data begin and end: the records of the answer, and OPT wherever it is."""
    _, _, questions, answers, authority, additional = _COUNTS.unpack_from(packet)
    at = HEAD + len(asked.octets) * questions
    for n in range(answers + authority + additional):
        owner, at = _name(packet, at, names)
        kind, domain, ttl, size = _RECORD.unpack_from(packet, at)
        at += _RECORD.size
        end = at + size
        if kind == OPT or (n < answers and domain == IN):
            yield owner, kind, ttl, at, end
        at = end
    if at != len(packet):
        raise ValueError("it is longer or shorter than it says")


def _name(packet: bytes, at: int, names: dict[int, Labels]) -> tuple[Labels, int]:
    """A name, and where the next thing begins; pointers lead back only (RFC 1035 §4.1.4), so that none goes round."""
    first, end, before, octets, hops = at, 0, at, 1, 0
    labels: list[bytes] = []
    while size := packet[at]:
        if size >= 0xC0:
            end = end or at + 2
            at = (size & 0x3F) << 8 | packet[at + 1]
            hops += 1
            if at >= before or hops > MOST_LABELS:
                raise ValueError("a name points ahead, or without end")
            before = at
            if at in names and not labels:
                return names[at], end
        elif size < 64:
            labels.append(packet[at + 1 : at + 1 + size].lower())
            at += 1 + size
            octets += 1 + size
        else:
            raise ValueError("a name has a label of no known kind")
        if octets > LONGEST_NAME:
            raise ValueError("a name is too long")
    names[first] = name = tuple(labels)
    return name, end or at + 1


def _mx(packet: bytes, at: int, end: int) -> Mx:
    return Mx(packet[at] << 8 | packet[at + 1], _target(packet, at + 2, end))


def _target(packet: bytes, at: int, end: int) -> str:
    labels, behind = _name(packet, at, {})
    if behind != end:
        raise ValueError("a record is longer or shorter than the name in it")
    return written(labels)


def _text(packet: bytes, at: int, end: int) -> str:
    """The strings of a TXT record as one text, whose characters are its octets."""
    strings = []
    while at < end:
        behind = at + 1 + packet[at]
        strings.append(packet[at + 1 : behind])
        at = behind
    if at != end:
        raise ValueError("a string reaches out of its record")
    return b"".join(strings).decode("latin-1")


def _address(family: int, size: int) -> Callable[[bytes, int, int], str]:
    def read_address(packet: bytes, at: int, end: int) -> str:
        if end - at != size:
            raise ValueError(f"an address of {end - at} octets")
        return socket.inet_ntop(family, packet[at:end])

    return read_address


def _tlsa(packet: bytes, at: int, end: int) -> Tlsa:
    """As it came: a digest of a wrong length is to be told."""
    if end - at < SHORTEST_TLSA:
        raise ValueError(f"a TLSA record of {end - at} octets")
    return Tlsa(packet[at], packet[at + 1], packet[at + 2], packet[at + 3 : end])


_READERS: Mapping[str, Callable[[bytes, int, int], object]] = {
    "A": _address(socket.AF_INET, 4),
    "AAAA": _address(socket.AF_INET6, 16),
    "MX": _mx,
    "TXT": _text,
    "TLSA": _tlsa,
}
