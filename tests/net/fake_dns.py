r"""A scripted resolver on 127.0.0.1, UDP and TCP, in threads of its own: for tests in a loop and for whole programs.

    with resolver({"example.com MX": "10 mx.example.com.", "mx.example.com A": "192.0.2.25"}, signed=["."]) as here:
        DnsOptions(resolver=((here.address, here.port),))

A key is "NAME TYPE", or "NAME" for every type. A value is a record as a zone file has it (``\# 3 010203`` are raw
bytes), a list of them, or ``Says`` for anything odd. A CNAME is followed as a resolver does it. A name that has records
of another type is answered with none, any other name with NXDOMAIN. Below ``signed`` every answer has AD, and where
anything is signed the root is; below ``bogus`` there is SERVFAIL, unless CD is asked.
"""

from __future__ import annotations

import contextlib
import socketserver
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

IN = dns.rdataclass.IN
CNAME = dns.rdatatype.CNAME
LONGEST_CHAIN = 12
"""CNAME records that are followed; a loop is answered with so many."""


@dataclass(frozen=True)
class Says:
    """One answer that is not just records."""

    records: Sequence[str] = ()
    rcode: str = "NOERROR"
    manner: str = ""
    """"silence"; "truncated" (over UDP only: TC and nothing else); "cut" (half of the packet, TC not set); "garbage";
    "wrong id"; "wrong question"; "hang up" (truncated over UDP, closed without a word over TCP). "udp " before
    one of them means UDP alone, "tcp " TCP alone, behind a truncated answer."""
    ad: bool | None = None
    """None = by ``signed``."""


Zone = Mapping[str, str | Sequence[str] | Says]


@dataclass
class Resolver:
    """What a test knows of the running server."""

    zone: dict[str, Says]
    signed: tuple[dns.name.Name, ...]
    bogus: tuple[dns.name.Name, ...]
    address: str = "127.0.0.1"
    port: int = 0
    asked: list[str] = field(default_factory=list)
    """Every question: "udp example.com MX", and " CD" behind it where that was set."""
    queries: list[dns.message.Message] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def words(self) -> tuple[str, str]:
        """As options of the command line."""
        return ("--resolver", f"{self.address}:{self.port}")

    def answer(self, wire: bytes, way: str) -> bytes | None:
        """Answer one packet; None = say nothing."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        cd = bool(query.flags & dns.flags.CD)
        self.queries.append(query)
        self.asked.append(f"{way} {_key(question.name)} {kind}{' CD' if cd else ''}")
        response, says = self._response(query, cd=cd)
        return _mannered(response, says.manner, way)

    def _response(self, query: dns.message.Message, *, cd: bool) -> tuple[dns.message.Message, Says]:
        question = query.question[0]
        response = dns.message.make_response(query, recursion_available=True)
        names = [question.name]
        while (alias := self._alias(names[-1], question.rdtype)) and len(names) <= LONGEST_CHAIN:
            response.answer.append(_rrset(names[-1], CNAME, alias.records))
            names.append(dns.name.from_text(alias.records[0]))
        says = self._says(names[-1], question.rdtype)
        if says.records:
            response.answer.append(_rrset(names[-1], question.rdtype, says.records))
        response.set_rcode(dns.rcode.from_text(says.rcode))
        if not cd and any(_below(one, self.bogus) for one in names):
            response.answer.clear()
            response.set_rcode(dns.rcode.SERVFAIL)
        elif says.ad if says.ad is not None else self._signed(names):
            response.flags |= dns.flags.AD
        return response, says

    def _signed(self, names: Sequence[dns.name.Name]) -> bool:
        return bool(self.signed) and all(name == dns.name.root or _below(name, self.signed) for name in names)

    def _own(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Says | None:
        return self.zone.get(f"{_key(name)} {dns.rdatatype.to_text(kind)}") or self.zone.get(_key(name))

    def _alias(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Says | None:
        return None if self._own(name, kind) else self._own(name, CNAME)

    def _says(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Says:
        known = any(entry.split(" ")[0] == _key(name) for entry in self.zone)
        return self._own(name, kind) or Says(rcode="NOERROR" if known else "NXDOMAIN")


@contextlib.contextmanager
def resolver(
    zone: Zone, *, signed: Sequence[str] = (), bogus: Sequence[str] = (), address: str = "127.0.0.1", port: int = 0
) -> Iterator[Resolver]:
    """Answer from this zone for as long as the block lasts; ``port`` 0 takes a free one."""
    zone = {". NS": "a.root.example.", **zone} if signed else zone
    entries = {_entry(key): _said(value) for key, value in zone.items()}
    secure, broken = (tuple(map(dns.name.from_text, names)) for names in (signed, bogus))
    here = Resolver(entries, secure, broken, address)
    servers = _servers(here, port)
    threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield here
    finally:
        here.ended.set()
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join(5)


class _Udp(socketserver.ThreadingUDPServer):
    daemon_threads = True
    block_on_close = False
    max_packet_size = 65535


class _Tcp(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


def _servers(here: Resolver, port: int) -> tuple[_Tcp, _Udp]:
    """Both at one port; a free one for TCP may be taken for UDP, so it is tried again."""

    class Datagram(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            wire, socket = self.request
            if (said := here.answer(wire, "udp")) is not None:
                with contextlib.suppress(OSError):
                    socket.sendto(said, self.client_address)

    class Stream(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError, struct.error):
                while head := self.rfile.read(2):
                    said = here.answer(self.rfile.read(*struct.unpack("!H", head)), "tcp")
                    if said is None:
                        here.ended.wait(30)
                    if not said:
                        return
                    self.wfile.write(struct.pack("!H", len(said)) + said)

    for _ in range(20):
        tcp = _Tcp((here.address, port), Stream)
        here.port = tcp.server_address[1]
        try:
            return tcp, _Udp((here.address, here.port), Datagram)
        except OSError:
            tcp.server_close()
    raise OSError("no port is free for both UDP and TCP")


def _mannered(response: dns.message.Message, manner: str, way: str) -> bytes | None:
    if manner.startswith("udp "):
        manner = manner[4:] if way == "udp" else ""
    elif manner.startswith("tcp "):
        manner = manner[4:] if way == "tcp" else "truncated"
    if manner == "silence":
        return None
    if manner == "hang up" and way == "tcp":
        return b""
    if manner == "garbage":
        return b"\x16\x03\x01 this is no DNS"
    if manner == "wrong id":
        response.id ^= 0x5A5A
    if manner == "wrong question":
        response.question = [dns.rrset.RRset(dns.name.from_text("other.example."), IN, dns.rdatatype.MX)]
    if manner in {"truncated", "hang up"} and way == "udp":
        response.answer.clear()
        response.flags |= dns.flags.TC
    wire = response.to_wire(max_size=65535)
    if way == "udp" and len(wire) > response_size(response):
        return response.to_wire(max_size=512, prefer_truncation=True)
    return wire[: len(wire) // 2] if manner == "cut" else wire


def response_size(response: dns.message.Message) -> int:
    """Octets that the asker takes over UDP (RFC 6891 §6.2.3)."""
    return max(512, response.request_payload)


def _rrset(name: dns.name.Name, kind: dns.rdatatype.RdataType, records: Sequence[str]) -> dns.rrset.RRset:
    made = dns.rrset.RRset(name, IN, kind)
    for record in records:
        if record.startswith("\\# "):
            raw = bytes.fromhex("".join(record.split()[2:]))
            made.add(dns.rdata.GenericRdata(IN, kind, raw), 60)
        else:
            made.add(dns.rdata.from_text(IN, kind, record), 60)
    return made


def _below(name: dns.name.Name, tops: Sequence[dns.name.Name]) -> bool:
    return any(name.is_subdomain(top) for top in tops)


def _key(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _entry(key: str) -> str:
    name, _, kind = key.partition(" ")
    return f"{_key(dns.name.from_text(name))}{' ' if kind else ''}{kind.upper()}"


def _said(value: str | Sequence[str] | Says) -> Says:
    if isinstance(value, Says):
        return value
    return Says((value,) if isinstance(value, str) else tuple(value))
