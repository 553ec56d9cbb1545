"""Name constraints: each kind of name, within and without, as OpenSSL decides it."""

from __future__ import annotations

import pytest
from forge import CAST, certificate
from msgspec.structs import replace

from probe.model import Certificate, Subtree
from probe.pki import name_constraints
from probe.pki.certificate import parse
from probe.pki.name_constraints import violation

LEAF = parse(certificate().der)
CA = parse(CAST.r3.der)


def issuer(kind: str, *permitted: str | bytes, excluded: tuple[str | bytes, ...] = ()) -> Certificate:
    """A CA with these subtrees."""
    return replace(
        CA,
        permitted=tuple(Subtree(kind, value) for value in permitted),
        excluded=tuple(Subtree(kind, value) for value in excluded),
    )


def number(certificate: Certificate, by: Certificate) -> int:
    """The X509_V_ERR number; 0 where nothing is violated."""
    name_constraints._answers.clear()  # the variants of one certificate share its digest here
    found = violation(certificate, by, is_leaf=True)
    return found[0] if found else 0


@pytest.mark.parametrize(
    ("name", "subtree", "within"),
    [
        ("mx.example.com", "example.com", True),
        ("example.com", "example.com", True),
        ("MX.Example.COM", "example.com", True),
        ("badexample.com", "example.com", False),
        ("mx.example.com", ".example.com", True),
        ("example.com", ".example.com", False),
        ("example.com", "mx.example.com", False),
        ("anything.test", "", True),
    ],
)
def test_host_names(name: str, subtree: str, within: bool) -> None:
    """A subtree holds itself and what is below it; a leading dot leaves itself out."""
    leaf = replace(LEAF, dns_names=(name,))
    assert number(leaf, issuer("dns", subtree)) == (0 if within else 47)
    assert number(leaf, issuer("dns", excluded=(subtree,))) == (48 if within else 0)


@pytest.mark.parametrize(
    ("address", "subtree", "within"),
    [
        ("192.0.2.7", b"\xc0\x00\x02\x00\xff\xff\xff\x00", True),
        ("192.0.3.7", b"\xc0\x00\x02\x00\xff\xff\xff\x00", False),
        ("2001:db8::1", b"\xc0\x00\x02\x00\xff\xff\xff\x00", False),
        ("2001:db8::1", b"\x20\x01\x0d\xb8" + bytes(12) + b"\xff" * 4 + bytes(12), True),
    ],
)
def test_addresses(address: str, subtree: bytes, within: bool) -> None:
    """Address and mask; another family is outside."""
    assert number(replace(LEAF, ip_addresses=(address,)), issuer("ip", subtree)) == (0 if within else 47)


@pytest.mark.parametrize(
    ("email", "subtree", "within"),
    [
        ("a@example.com", "example.com", True),
        ("a@mx.example.com", "example.com", False),
        ("a@mx.example.com", ".example.com", True),
        ("a@example.com", "a@example.com", True),
        ("b@example.com", "a@example.com", False),
    ],
)
def test_mail_addresses(email: str, subtree: str, within: bool) -> None:
    """A host, everything below a host, or one mailbox."""
    assert number(replace(LEAF, email_addresses=(email,)), issuer("email", subtree)) == (0 if within else 47)


def test_directory_names() -> None:
    """The subject itself is constrained, by its leading parts."""
    assert number(CA, issuer("directory", CA.subject.key)) == 0
    assert number(CA, issuer("directory", LEAF.subject.key)) == 47


def test_a_common_name_is_a_host_name_where_there_is_no_other() -> None:
    """OpenSSL falls back to it, so the constraint holds for it, in a leaf."""
    alone = replace(LEAF, dns_names=())
    assert number(alone, issuer("dns", "example.com")) == 47
    assert violation(alone, issuer("dns", "example.com"), is_leaf=False) is None


def test_too_many_names_are_an_attack() -> None:
    """OpenSSL gives up above NAME_CHECK_MAX, and so do we."""
    many = replace(LEAF, dns_names=("a.example",) * 2000)
    assert number(many, issuer("dns", *["example"] * 1000)) == 1


def test_an_address_that_is_none_cannot_be_judged() -> None:
    """OpenSSL calls it an unsupported name syntax."""
    odd = replace(LEAF, problems=("subjectAltName: iPAddress of 8 bytes",))
    assert number(odd, issuer("ip", bytes(8))) == 53
    assert number(odd, issuer("dns", "test")) == 0
    broken = replace(LEAF, ip_addresses=("no address",))
    assert number(broken, issuer("ip", bytes(8))) == 47
