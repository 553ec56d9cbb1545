"""The forge: what it makes is what was asked for, right or wrong."""

from __future__ import annotations

from itertools import pairwise

import forge
import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from OpenSSL import crypto

from probe.demo import extensions as ext
from probe.demo import keys
from probe.demo.forge import Forged

SIGNERS = [
    *(("leaf", digest) for digest in ("md5", "sha1", "sha256", "sha384", "sha512")),
    *(("p256", digest) for digest in ("sha1", "sha256", "sha384", "sha512")),
    ("rsa-512", "sha256"),
    ("rsa-1024", "md5"),
    ("p384", "sha384"),
    ("ed25519", "sha256"),
]


def read(made: Forged) -> x509.Certificate:
    """Read by somebody else's parser."""
    return x509.load_der_x509_certificate(made.der)


def verify(made: Forged, key: str) -> None:
    """Verify the signature by somebody else's code; raises InvalidSignature."""
    certificate, public = read(made), keys.private(key).public_key()
    signed = certificate.signature, certificate.tbs_certificate_bytes
    digest = certificate.signature_hash_algorithm
    if isinstance(public, rsa.RSAPublicKey):
        assert digest
        public.verify(*signed, padding.PKCS1v15(), digest)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        assert digest
        public.verify(*signed, ec.ECDSA(digest))
    else:
        public.verify(*signed)


@pytest.mark.parametrize(("key", "digest"), SIGNERS)
def test_every_key_signs_with_every_hash(key: str, digest: str) -> None:
    """The signature verifies, and the same wish gives the same bytes."""
    made = forge.certificate(key=key, digest=digest)
    verify(made, key)
    assert made == forge.certificate(key=key, digest=digest)
    if key != "ed25519":
        assert getattr(read(made).signature_hash_algorithm, "name", None) == digest


def test_every_committed_key_says_that_it_is_no_secret() -> None:
    """Whoever finds a private key in the package reads at once that it is for tests."""
    for name in ("root", "old-root", "strange-root", "issuing", "issuing-2", "issuing-3", "leaf", "leaf-2", "p256-2"):
        assert "test key, known to everybody" in keys.pem(name).splitlines()[0]


def test_a_leaf_is_what_a_ca_would_write() -> None:
    """Without wishes: a server certificate with key identifiers, usages, purposes and names."""
    leaf = read(forge.chain()[0])
    found = {extension.oid.dotted_string for extension in leaf.extensions}
    expected = {
        ext.BASIC_CONSTRAINTS,
        ext.KEY_USAGE,
        ext.SUBJECT_KEY_ID,
        ext.AUTHORITY_KEY_ID,
        ext.EXTENDED_KEY_USAGE,
        ext.SAN,
    }
    assert found == expected
    assert leaf.version is x509.Version.v3
    assert 0 < leaf.serial_number < 2**63


def test_a_chain_is_leaf_first_and_root_last() -> None:
    """Each certificate is verified by the key of the next."""
    chain = forge.chain(2)
    assert len(chain) == 4
    for child, issuer in pairwise(chain):
        verify(child, issuer.key)
    assert [certificate.ca for certificate in chain] == [False, True, True, True]


def test_names_are_told_apart_by_their_look() -> None:
    """DNS names, addresses of both kinds and e-mail addresses; bytes are a DNS name whatever is in them."""
    made = forge.certificate(names=("a.example", "192.0.2.1", "2001:db8::1", "a@b.example", b"x\0y"))
    names = read(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example", "x\0y"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert names.get_values_for_type(x509.RFC822Name) == ["a@b.example"]


def test_constraints_and_access_are_written() -> None:
    """Name constraints of names and networks, addresses of the issuer, a path length."""
    constraints = ext.name_constraints(("example.test", "192.0.2.0/24"), ("2001:db8::/32",))
    made = forge.certificate(ca=True, pathlen=3, aia=("http://ca.example/r3.cer",), extensions=(constraints,))
    found = read(made).extensions
    subtrees = found.get_extension_for_class(x509.NameConstraints).value
    assert [str(tree.value) for tree in subtrees.permitted_subtrees or ()] == ["example.test", "192.0.2.0/24"]
    assert [str(tree.value) for tree in subtrees.excluded_subtrees or ()] == ["2001:db8::/32"]
    assert found.get_extension_for_class(x509.BasicConstraints).value.path_length == 3
    access = found.get_extension_for_class(x509.AuthorityInformationAccess).value
    assert [description.access_location.value for description in access] == ["http://ca.example/r3.cer"]


def test_extensions_are_replaced_repeated_and_left_out() -> None:
    """A given OID hides the usual one; two given ones both stand; ``without`` leaves one out."""
    usual = forge.certificate()
    odd = ("1.2.3.4", True, b"\x05\x00")
    made = forge.certificate(extensions=(odd, odd, ext.alternative_names(("other.example",))), without=(ext.KEY_USAGE,))
    assert made.der.count(bytes.fromhex("06032a0304")) == 2
    assert b"other.example" in made.der
    assert made.der.count(b"mx.example.test") == usual.der.count(b"mx.example.test") - 1
    assert bytes.fromhex("0603551d0f") in usual.der
    assert bytes.fromhex("0603551d0f") not in made.der


def test_what_no_builder_would_make() -> None:
    """A negative path length and serial number, version 1 and 2, two different algorithms in one certificate."""
    assert ext.basic_constraints(ca=True, pathlen=-1)[2].hex() == "30060101ff0201ff"
    assert crypto.load_certificate(crypto.FILETYPE_ASN1, forge.certificate(serial=-5).der).get_serial_number() == -5
    assert read(forge.certificate(version=1)).version is x509.Version.v1
    assert len(list(read(forge.certificate(version=1)).extensions)) == 0
    assert bytes.fromhex("a003020101") in forge.certificate(version=2).der
    two = forge.certificate(inner_digest="sha1").der
    assert bytes.fromhex("2a864886f70d010105") in two
    assert bytes.fromhex("2a864886f70d01010b") in two


def test_somebody_else_may_sign() -> None:
    """``signed_with`` leaves the issuer's name and key identifier, and takes another key."""
    made = forge.certificate(issuer=forge.CAST.r3, signed_with="issuing-2")
    verify(made, "issuing-2")
    with pytest.raises(InvalidSignature):
        verify(made, "issuing")


def test_one_bit_spoils_a_signature() -> None:
    """Everything but the signature is as it should be."""
    made = forge.certificate(corrupt="signature")
    assert len(made.der) == len(forge.certificate().der)
    with pytest.raises(InvalidSignature):
        verify(made, "leaf")


@pytest.mark.parametrize(("corruption", "readable"), [("truncated", False), ("garbage", False), ("trailing", True)])
def test_corrupt_bytes_are_corrupt(corruption: str, *, readable: bool) -> None:
    """OpenSSL refuses what ends too early or is none; what follows a certificate it does not see."""
    der = forge.certificate(corrupt=corruption).der
    if readable:
        found = crypto.load_certificate(crypto.FILETYPE_ASN1, der)
        assert crypto.dump_certificate(crypto.FILETYPE_ASN1, found) == der[:-4]
    else:
        with pytest.raises(crypto.Error):
            crypto.load_certificate(crypto.FILETYPE_ASN1, der)


def test_an_indefinite_length_is_read_and_written_anew() -> None:
    """OpenSSL takes BER for the outermost sequence and gives back DER: its bytes are not those that were sent."""
    sent = forge.certificate(corrupt="indefinite").der
    found = crypto.load_certificate(crypto.FILETYPE_ASN1, sent)
    assert crypto.dump_certificate(crypto.FILETYPE_ASN1, found) == forge.certificate().der
    assert sent != forge.certificate().der


def test_the_line_above_a_pem_block_is_harmless() -> None:
    """A subject that would paint the terminal is written in ASCII, on one line."""
    made = forge.certificate(subject="CN=\x1b[2J\n-----BEGIN CERTIFICATE-----\u202e")
    comment, begin, *_ = made.pem.splitlines()
    assert comment == r"CN=\x1b[2J\n-----BEGIN CERTIFICATE-----\u202e"
    assert begin == "-----BEGIN CERTIFICATE-----"
    assert x509.load_pem_x509_certificate(forge.certificate().pem.encode()) == read(forge.certificate())
    assert len(made.sha256) == 64
