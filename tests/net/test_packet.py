"""Packets of DNS: what dnspython writes is read as dnspython reads it, and what strangers write hurts nobody."""

from __future__ import annotations

import time

import dns.flags
import dns.message
import dns.name
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.model import Mx, Tlsa
from probe.net.packet import LONGEST_CHAIN, Question, Said, octets_of, question, rcode, read, written

LABEL = st.binary(min_size=1, max_size=12)
NAME = st.lists(LABEL, min_size=1, max_size=6).map(lambda labels: dns.name.Name((*labels, b"")))
SHA = "ab" * 32
RECORDS = {
    "A": ["192.0.2.1", "192.0.2.2"],
    "AAAA": ["2001:db8::1", "::ffff:192.0.2.1"],
    "MX": ["10 mx.example.", "20 mx2.x.example.", "0 ."],
    "TXT": ['"v=STSv1; " "id=1"', '"caf\\233"', '""'],
    "TLSA": [f"3 1 1 {SHA}", "2 0 0 00"],
    "NS": ["ns.example."],
    "CNAME": ["other.example."],
}
READ = {
    "A": ("192.0.2.1", "192.0.2.2"),
    "AAAA": ("2001:db8::1", "::ffff:192.0.2.1"),
    "MX": (Mx(10, "mx.example"), Mx(20, "mx2.x.example"), Mx(0, "")),
    "TXT": ("v=STSv1; id=1", "caf\xe9", ""),
    "TLSA": (Tlsa(3, 1, 1, bytes.fromhex(SHA)), Tlsa(2, 0, 0, b"\0")),
    "NS": ("ns.example",),
    "CNAME": ("other.example",),
}


def response(asked: Question) -> dns.message.Message:
    """An answer without records."""
    return dns.message.make_response(dns.message.from_wire(asked.packet(7)), recursion_available=True)


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("aliases", [0, 3])
def test_each_kind_is_read(kind: str, aliases: int) -> None:
    """Behind CNAME records, too, in whatever order; other sections and other owners are passed over."""
    asked = question("X.example", kind)
    answer = response(asked)
    names = [f"a{n}.example." for n in range(aliases if kind != "CNAME" else 0)]
    for owner, target in zip(["x.example.", *names], names, strict=False):
        answer.answer.insert(0, dns.rrset.from_text(owner, 60, "IN", "CNAME", target))
    answer.answer.append(dns.rrset.from_text(["x.example.", *names][-1], 60, "IN", kind, *RECORDS[kind]))
    answer.answer.append(dns.rrset.from_text("stranger.example.", 60, "IN", kind, *RECORDS[kind]))
    answer.authority.append(dns.rrset.from_text("x.example.", 60, "IN", kind, *RECORDS[kind]))
    answer.flags |= dns.flags.AD
    said = read(answer.to_wire(), asked)
    assert set(said.records) == set(READ[kind])
    assert len(said.records) == len(READ[kind])
    assert (said.rcode, said.ad, said.aliases) == ("NOERROR", True, tuple(name[:-1] for name in names))


def test_the_question_is_as_dnspython_reads_it() -> None:
    """With EDNS and all flags, or plain."""
    asked = question("_25._tcp.Mx.Example.", "TLSA")
    full, plain = (dns.message.from_wire(asked.packet(9, edns=edns, cd=edns)) for edns in (True, False))
    assert full.question[0].to_text() == plain.question[0].to_text() == "_25._tcp.mx.example. IN TLSA"
    assert (full.id, full.flags, full.edns, full.payload) == (9, 0x0130, 0, 1232)
    assert full.ednsflags & dns.flags.DO
    assert (plain.id, plain.flags, plain.edns) == (9, 0x0100, -1)


@given(NAME)
def test_names_there_and_back(name: dns.name.Name) -> None:
    """Any octets: written as dnspython writes them, and the same name when it is asked for."""
    lower = name.canonicalize()
    text = written(tuple(label for label in lower.labels if label))
    assert text == lower.to_text(omit_final_dot=True)
    assert octets_of(text) == lower.to_wire()


@pytest.mark.parametrize("name", ["x" * 64, "a..b", ".a", "x." * 200, "\\999.example", "\\e9\u00e9.example"])
def test_what_can_be_no_name(name: str) -> None:
    """A part is empty or too long, the whole is too long, an octet that is none."""
    with pytest.raises(ValueError, match=r"\w"):
        octets_of(name)


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 9, 16])
def test_response_codes(code: int) -> None:
    """Longer ones have their upper part in EDNS (RFC 6891 §6.1.3)."""
    asked = question("x.example", "A")
    answer = response(asked)
    answer.set_rcode(dns.rcode.Rcode.make(code))
    assert read(answer.to_wire(), asked).rcode == dns.rcode.to_text(dns.rcode.Rcode.make(code))


def test_a_response_code_without_a_name() -> None:
    """Its number is one."""
    assert [rcode(number) for number in (6, 4095)] == ["RCODE6", "RCODE4095"]


def test_an_error_without_a_question() -> None:
    """A head is all that some servers say; it counts for an error, and for nothing else."""
    asked = question("x.example", "A")
    head = b"\0\7\x81\x81" + bytes(8)
    assert asked.is_answered(head)
    assert read(head, asked) == Said("FORMERR")
    assert not asked.is_answered(b"\0\7\x81\x80" + bytes(8))
    assert not asked.is_answered(b"\0\7\x81\x83" + bytes(8))


def a_packet(kind: str, *records: bytes) -> tuple[bytes, Question]:
    """An answer with these records of x.example, in octets."""
    asked = question("x.example", kind)
    head = b"\0\7\x81\x80\0\1" + len(records).to_bytes(2, "big") + bytes(4)
    return head + asked.octets + b"".join(records), asked


def record(kind: int, rdata: bytes, owner: bytes = b"\xc0\x0c") -> bytes:
    """One record."""
    return owner + kind.to_bytes(2, "big") + b"\0\1\0\0\0\x3c" + len(rdata).to_bytes(2, "big") + rdata


@pytest.mark.parametrize(
    ("kind", "raw", "why"),
    [
        ("A", record(1, b"\x7f\0\0"), "an address of 3 octets"),
        ("AAAA", record(28, bytes(4)), "an address of 4 octets"),
        ("MX", record(15, b"\0\1\xc0\x0cx"), "longer or shorter than the name"),
        ("MX", record(15, b"\0"), "."),
        ("TXT", record(16, b"\5ab"), "reaches out of its record"),
        ("TLSA", record(52, b"\3\1"), "a TLSA record of 2 octets"),
        ("A", record(1, bytes(4))[:-1], "than it says"),
        ("A", record(1, bytes(4)) + b"\0", "than it says"),
        ("A", record(1, bytes(4), b"\xc0\xff"), "points ahead"),
        ("A", record(1, bytes(4), b"\xc0\x1b"), "points ahead"),  # at itself
        ("A", record(1, bytes(4), b"\x40"), "no known kind"),
        ("A", record(1, bytes(4), b"\1a\xc0\x0c" * 1)[:3], "than it says"),
        ("A", record(1, bytes(4), (b"\x3f" + b"a" * 63) * 4 + b"\0"), "too long"),
    ],
)
def test_what_cannot_be_read(kind: str, raw: bytes, why: str) -> None:
    """Each fault has its word, and each is a ValueError."""
    packet, asked = a_packet(kind, raw)
    with pytest.raises(ValueError, match=why):
        read(packet, asked)


def test_a_chain_of_aliases_has_an_end() -> None:
    """A loop, and a chain that is too long."""
    loop = record(5, b"\xc0\x0c")
    packet, asked = a_packet("A", loop)
    with pytest.raises(ValueError, match="chain is too long"):
        read(packet, asked)
    assert LONGEST_CHAIN == 16


def test_sixty_four_thousand_octets_of_pointers() -> None:
    """However names point at names, a packet is read in a moment."""
    deep = b"".join(b"\1a" for _ in range(120)) + b"\0"
    packet, asked = a_packet("A", record(1, bytes(4), deep), *(record(1, bytes(4), b"\xc0\x1b") for _ in range(4000)))
    began = time.process_time()
    assert read(packet, asked).records == ()
    assert time.process_time() - began < 1


@settings(max_examples=300)
@given(st.sampled_from(sorted(RECORDS)), st.data())
def test_no_packet_hurts(kind: str, data: st.DataObject) -> None:
    """Octets of a good answer changed, cut out or put in: it is read, or it is a ValueError."""
    asked = question("x.example", kind)
    answer = response(asked)
    answer.answer.append(dns.rrset.from_text("x.example.", 60, "IN", kind, *RECORDS[kind]))
    packet = bytearray(answer.to_wire())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(2, len(packet) - 1))
        packet[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    if asked.is_answered(bytes(packet)):
        try:
            assert read(bytes(packet), asked).rcode
        except ValueError as problem:
            assert str(problem)  # noqa: PT017
