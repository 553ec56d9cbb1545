from __future__ import annotations

import forge
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pki.crafted import FALSE, ODD_TRUE, TRUE, attribute, crafted, extended, extension, name

from probe.demo import der as writer
from probe.demo import extensions as ext
from probe.model import Subtree
from probe.pki.certificate import parse

KNOWN_URL = "http://ca.example/i.cer"
SAN, BASIC, USAGE, EKU = ext.SAN, ext.BASIC_CONSTRAINTS, ext.KEY_USAGE, ext.EXTENDED_KEY_USAGE
AKI, AIA, NC = ext.AUTHORITY_KEY_ID, ext.AIA, ext.NAME_CONSTRAINTS
DNS = writer.tlv(0x82, b"mx.example")
NETWORK = bytes((192, 0, 2, 0, 255, 255, 255, 0))
BAD_NAME = name(attribute("2.5.4.3", 0x13, b"@"))
CA_ISSUERS = writer.sequence(writer.oid("1.3.6.1.5.5.7.48.2"), writer.tlv(0x86, KNOWN_URL.encode()))

Parts = tuple[str, bytes] | tuple[str, bytes, bytes]

EXTENSIONS: dict[str, tuple[Parts, dict[str, object], tuple[str, ...]]] = {
    "SAN with trailing bytes": (
        (SAN, writer.sequence(DNS) + b"\0"), {"dns_names": ("mx.example",)}, ("subjectAltName: trailing bytes",),
    ),
    "SAN with an address of five bytes": (
        (SAN, writer.sequence(writer.tlv(0x87, b"12345"), writer.tlv(0x87, b"1234"), DNS)),
        {"dns_names": ("mx.example",), "ip_addresses": ("49.50.51.52",)}, ("subjectAltName: iPAddress of 5 bytes",),
    ),
    "SAN with junk in it": (
        (SAN, writer.sequence(DNS, b"\x82\x7f")),
        {"dns_names": ("mx.example",)}, ("subjectAltName: longer than what holds it",),
    ),
    "SAN with another element in it": (
        (SAN, writer.sequence(writer.integer(1), DNS)),
        {"dns_names": ("mx.example",)}, ("subjectAltName: something that is no name",),
    ),
    "SAN of every other kind": (
        (SAN, writer.sequence(writer.tlv(0xA0, b""), writer.tlv(0xA4, writer.sequence()), writer.tlv(0x86, b"u"))),
        {"has_san": True, "dns_names": ()}, (),
    ),
    "SAN with hostile bytes": (
        (SAN, writer.sequence(writer.tlv(0x82, b"a\0b\x1b\xff"))), {"dns_names": ("a\0b\x1b\xff",)}, (),
    ),
    "SAN empty": ((SAN, writer.sequence()), {"has_san": True}, ("subjectAltName: no names",)),
    "SAN of another kind": ((SAN, writer.octets(b"")), {"has_san": True}, ("subjectAltName: no SEQUENCE",)),
    "SAN of nothing": ((SAN, b""), {"has_san": True}, ("subjectAltName: ends too early",)),
    "critical in another TRUE": (
        (SAN, writer.sequence(DNS), ODD_TRUE),
        {"dns_names": ("mx.example",)}, ("subjectAltName: critical is a TRUE that is not FF",),
    ),
    "critical written out": (
        (SAN, writer.sequence(DNS), FALSE),
        {"dns_names": ("mx.example",)}, ("subjectAltName: critical is FALSE, which DER leaves out",),
    ),
    "CA": ((BASIC, writer.sequence(TRUE)), {"has_basic_constraints": True, "is_ca": True, "pathlen": None}, ()),
    "CA with path length": ((BASIC, writer.sequence(TRUE, writer.integer(3))), {"is_ca": True, "pathlen": 3}, ()),
    "CA in another TRUE": (
        (BASIC, writer.sequence(ODD_TRUE)), {"is_ca": True}, ("basicConstraints: cA is a TRUE that is not FF",),
    ),
    "no CA, written out": (
        (BASIC, writer.sequence(FALSE)),
        {"has_basic_constraints": True, "is_ca": False}, ("basicConstraints: cA is FALSE, which DER leaves out",),
    ),
    "CA by a BOOLEAN of two bytes": (
        (BASIC, writer.sequence(writer.tlv(1, b"\xff\xff"))),
        {"has_basic_constraints": True, "is_ca": False}, ("basicConstraints: cA is a BOOLEAN of 2 bytes",),
    ),
    "negative path length": (
        (BASIC, writer.sequence(TRUE, writer.integer(-1))),
        {"is_ca": True, "pathlen": None}, ("basicConstraints: negative pathLenConstraint",),
    ),
    "huge path length": (
        (BASIC, writer.sequence(TRUE, writer.integer(1 << 9000))),
        {"is_ca": True, "pathlen": None}, ("basicConstraints: pathLenConstraint out of all measure",),
    ),
    "path length of no CA": (
        (BASIC, writer.sequence(writer.integer(0))),
        {"is_ca": False, "pathlen": 0}, ("basicConstraints: pathLenConstraint without cA",),
    ),
    "more in basicConstraints": (
        (BASIC, writer.sequence(TRUE, writer.octets(b"x"))),
        {"is_ca": True}, ("basicConstraints: something after pathLenConstraint",),
    ),
    "key usage, all bits": (
        (USAGE, writer.named_bits(set(range(9)))),
        {"key_usage": frozenset((
            "digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign",
            "cRLSign", "encipherOnly", "decipherOnly",
        ))}, (),
    ),
    "key usage, no bit": ((USAGE, writer.bits(b"")), {"key_usage": frozenset()}, ("keyUsage: no bit is set",)),
    "key usage with trailing bytes": (
        (USAGE, writer.named_bits({5}) + b"\0"),
        {"key_usage": frozenset(("keyCertSign",))}, ("keyUsage: trailing bytes",),
    ),
    "key usage malformed": ((USAGE, writer.tlv(3)), {"key_usage": None}, ("keyUsage: a malformed BIT STRING",)),
    "purposes": ((EKU, writer.sequence(writer.oid("1.2.3"), writer.oid("1.2.4"))), {"eku": ("1.2.3", "1.2.4")}, ()),
    "purposes, none": ((EKU, writer.sequence()), {"eku": ()}, ("extKeyUsage: no purpose",)),
    "purposes, junk": (
        (EKU, writer.sequence(writer.integer(1), writer.oid("1.2.4"))),
        {"eku": ("1.2.4",)}, ("extKeyUsage: something that is no OBJECT IDENTIFIER",),
    ),
    "purposes, malformed": (
        (EKU, writer.sequence(writer.tlv(6))), {"eku": None}, ("extKeyUsage: a malformed OBJECT IDENTIFIER",),
    ),
    "key id": ((ext.SUBJECT_KEY_ID, writer.octets(b"key")), {"subject_key_id": b"key"}, ()),
    "key id with trailing bytes": (
        (ext.SUBJECT_KEY_ID, writer.octets(b"key") + b"\0"),
        {"subject_key_id": b"key"}, ("subjectKeyIdentifier: trailing bytes",),
    ),
    "authority by key": ((AKI, writer.sequence(writer.tlv(0x80, b"key"))), {"authority_key_id": b"key"}, ()),
    "authority by name and serial": (
        (AKI, writer.sequence(
            writer.tlv(0x80, b"key"), writer.explicit(1, DNS, writer.explicit(4, writer.name("CN=Example  ca"))),
            writer.tlv(0x82, b"\x05"),
        )),
        {"authority_key_id": b"key", "authority_issuer": (parse(crafted()).issuer.key, 5)}, (),
    ),
    "authority without a directory name": (
        (AKI, writer.sequence(writer.explicit(1, DNS), writer.tlv(0x82, b"\x05"))), {"authority_issuer": None}, (),
    ),
    "authority by half": (
        (AKI, writer.sequence(writer.tlv(0x82, b"\x05"))), {"authority_issuer": None},
        ("authorityKeyIdentifier: authorityCertIssuer and authorityCertSerialNumber are not both there",),
    ),
    "issuers' addresses": (
        (AIA, writer.sequence(
            writer.sequence(writer.oid("1.3.6.1.5.5.7.48.1"), writer.tlv(0x86, b"http://ocsp.example")),
            CA_ISSUERS,
            writer.sequence(writer.oid("1.3.6.1.5.5.7.48.2"), writer.explicit(4, writer.sequence())),
            writer.sequence(writer.oid("1.3.6.1.5.5.7.48.2"), writer.tlv(0x86, b"http://\x1b[2J\xff/")),
        )),
        {"aia": (KNOWN_URL, "http://\x1b[2J\xff/")}, (),
    ),
    "issuers' addresses, junk": (
        (AIA, writer.sequence(writer.integer(5), CA_ISSUERS, writer.sequence(DNS))),
        {"aia": (KNOWN_URL,)}, ("authorityInfoAccess: not a method and a location",),
    ),
    "constraints": (
        (NC, writer.sequence(
            writer.explicit(0,
                writer.sequence(writer.tlv(0x82, b".example")),
                writer.sequence(writer.tlv(0x87, NETWORK)),
                writer.sequence(writer.tlv(0x81, b"a@b")), writer.sequence(writer.tlv(0x86, b"host"))),
            writer.explicit(1,
                writer.sequence(writer.explicit(4, writer.name("O=Example"))), writer.sequence(writer.tlv(0x88, b"*"))),
        )),
        {
            "permitted": (
                Subtree("dns", ".example"), Subtree("ip", NETWORK), Subtree("email", "a@b"),
                Subtree("uri", "host"),
            ),
            "excluded": (
                Subtree("directory", parse(crafted(subject="O=EXAMPLE")).subject.key), Subtree("other", b"*"),
            ),
        }, (),
    ),
    "constraints with distances": (
        (NC, writer.sequence(writer.explicit(0, writer.sequence(DNS, writer.tlv(0x80, b"\1"))))),
        {"permitted": (Subtree("dns", "mx.example"),)}, ("nameConstraints: minimum or maximum distance",),
    ),
    "constraints with a mask of three bytes": (
        (NC, writer.sequence(writer.explicit(1, writer.sequence(writer.tlv(0x87, b"1234567"))))),
        {"excluded": (Subtree("ip", b"1234567"),)}, ("nameConstraints: address and mask of 7 bytes",),
    ),
    "constraints, junk": (
        (NC, writer.sequence(DNS, writer.explicit(0, DNS, writer.sequence(), writer.sequence(DNS)))),
        {"permitted": (Subtree("dns", "mx.example"),)},
        ("nameConstraints: something that is no subtree", "nameConstraints: an unreadable subtree"),
    ),
    "constraints on a bad name": (
        (NC, writer.sequence(writer.explicit(0, writer.sequence(writer.explicit(4, BAD_NAME))))),
        {"permitted": (Subtree("directory", parse(crafted(subject="CN=@")).subject.key),)},
        ("nameConstraints: PrintableString with a forbidden character",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", EXTENSIONS)
def test_each_extension_is_read_as_far_as_it_goes(case: str) -> None:
    """What can be read of it, and one sentence for what cannot; a neighbour is never lost."""
    parts, fields, words = EXTENSIONS[case]
    neighbour = extension("2.5.29.14" if parts[0] != "2.5.29.14" else USAGE, writer.octets(b"neighbour"))
    if parts[0] == ext.SUBJECT_KEY_ID:
        neighbour = extension(BASIC, writer.sequence(TRUE))
    read = extended(extension(*parts), neighbour)
    assert {field: getattr(read, field) for field in fields} == fields
    assert read.problems == words
    assert read.is_ca if parts[0] == ext.SUBJECT_KEY_ID else read.subject_key_id == b"neighbour"


LIST = {
    "no sequence": (writer.explicit(3, writer.octets(b"")), "extensions: no SEQUENCE"),
    "empty": (writer.explicit(3), "extensions: ends too early"),
    "trailing": (writer.explicit(3, writer.sequence(), b"\0\0"), "extensions: trailing bytes"),
    "cut": (writer.explicit(3, writer.sequence(b"\x30\x7f")), "extensions: longer than what holds it"),
    "no extension": (
        writer.explicit(3, writer.sequence(writer.integer(1))),
        "extensions: not an identifier and a value",
    ),
    "no value": (
        writer.explicit(3, writer.sequence(writer.sequence(writer.oid("1.2.3")))),
        "extensions: not an identifier and a value",
    ),
    "critical as a number": (
        writer.explicit(3, writer.sequence(extension("1.2.3", b"", writer.integer(1)))),
        "extensions: critical is no BOOLEAN",
    ),
    "four parts": (
        writer.explicit(3, writer.sequence(extension("1.2.3", b"", TRUE + TRUE))),
        "extensions: not an identifier and a value",
    ),
    "twice": (
        writer.explicit(3, writer.sequence(*[extension("2.5.29.14", writer.octets(b"1"))] * 2)),
        "subjectKeyIdentifier: occurs twice",
    ),
}


@pytest.mark.parametrize("case", LIST)
def test_a_bad_list_of_extensions_is_one_sentence(case: str) -> None:
    """The certificate around it is kept."""
    rest, words = LIST[case]
    read = parse(crafted(rest=rest))
    assert (read.problem, read.problems, read.label) == (None, (words,), "mx.example")


def test_of_an_extension_that_occurs_twice_the_first_counts() -> None:
    """And the second is not even looked at."""
    twice = [extension("2.5.29.14", writer.octets(number)) for number in (b"1", b"2")]
    read = extended(*twice)
    assert (read.subject_key_id, read.problems) == (b"1", ("subjectKeyIdentifier: occurs twice",))


def test_unreadable_extensions_do_not_count_as_repeated() -> None:
    """Two of them are two sentences alike, said once."""
    assert extended(writer.sequence(), writer.sequence()).problems == ("extensions: not an identifier and a value",)


def test_a_large_extension_is_read_without_being_remembered() -> None:
    """A SAN of a hundred names."""
    names = tuple(f"host-{number}.example" for number in range(100))
    assert parse(forge.certificate(names=names).der).dns_names == names


@given(st.binary(max_size=200))
def test_no_extension_raises(content: bytes) -> None:
    """Any bytes as the value of any extension that we read."""
    for oid in (SAN, BASIC, USAGE, EKU, AKI, AIA, NC, ext.SUBJECT_KEY_ID):
        read = extended(extension(oid, content))
        assert (read.problem, read.label) == (None, "mx.example")
