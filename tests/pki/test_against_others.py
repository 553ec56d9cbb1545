"""Our reading beside cryptography's and OpenSSL's, on certificates of the real world."""

from __future__ import annotations

import gzip
import hashlib
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import pytest
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from forge import CAST, NOW, certificate
from OpenSSL import crypto
from shared import shared

from probe.demo import der as writer
from probe.model import Certificate
from probe.pki import distinguished
from probe.pki.certificate import parse
from probe.pki.pem import certificates
from probe.pki.signature import can_verify, signed_by

OID = x509.oid.ExtensionOID
KINDS = {rsa.RSAPublicKey: "rsa", ec.EllipticCurvePublicKey: "ecdsa", dsa.DSAPublicKey: "dsa"}
USAGES = {
    "digital_signature": "digitalSignature",
    "content_commitment": "nonRepudiation",
    "key_encipherment": "keyEncipherment",
    "data_encipherment": "dataEncipherment",
    "key_agreement": "keyAgreement",
    "key_cert_sign": "keyCertSign",
    "crl_sign": "cRLSign",
}


def certifis() -> tuple[bytes, ...]:
    """Certificates that certifi ships."""
    return certificates(Path(certifi.where()).read_bytes())


def packed(path: str) -> Callable[[], tuple[bytes, ...]]:
    """Certificates of a file beside the checkout."""
    return lambda: certificates(gzip.decompress(shared(path).read_bytes()))


SETS = {
    "certifi": certifis,
    "real": packed("suites/real/certs.pem.gz"),
    "historical roots": packed("suites/real/roots-historical.pem.gz"),
}


@cache
def both(which: str) -> tuple[tuple[Certificate, x509.Certificate | None], ...]:
    """Each certificate as we read it and as cryptography does, None where it refuses."""
    return tuple((parse(der), _loaded(der)) for der in SETS[which]())


def _loaded(der: bytes) -> x509.Certificate | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # serial number 0
        try:
            return x509.load_der_x509_certificate(der)
        except ValueError:
            return None


@pytest.fixture(params=SETS)
def pairs(request: pytest.FixtureRequest) -> Iterator[list[tuple[Certificate, x509.Certificate]]]:
    """Pairs that both of us can read: more than a hundred a set."""
    found = [(ours, theirs) for ours, theirs in both(request.param) if theirs]
    assert len(found) > 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lengths of countries
        yield found


Pairs = list[tuple[Certificate, x509.Certificate]]


@pytest.mark.parametrize("which", SETS)
def test_every_certificate_of_the_real_world_is_read(which: str) -> None:
    """None has a problem that would hide the rest."""
    assert [ours.sha256 for ours, _ in both(which) if ours.problem] == []


def test_names_are_cryptographys(pairs: Pairs) -> None:
    """Subject and issuer as text; cryptography is told our short names."""
    words = {x509.ObjectIdentifier(oid): word for oid, word in distinguished._SHORT.items()}
    for ours, theirs in pairs:
        for name, other in ((ours.subject, theirs.subject), (ours.issuer, theirs.issuer)):
            # Of values that are no strings cryptography leaves out the tag, which RFC 4514 2.4 wants.
            assert name.text == other.rfc4514_string(words) or "=#" in name.text


def test_dates_serials_and_versions_are_cryptographys(pairs: Pairs) -> None:
    """Those fields that every certificate has."""
    for ours, theirs in pairs:
        assert (ours.not_before, ours.not_after) == (theirs.not_valid_before_utc, theirs.not_valid_after_utc)
        assert (ours.serial, ours.version) == (theirs.serial_number, theirs.version.value + 1)
        assert (ours.tbs, ours.signature) == (theirs.tbs_certificate_bytes, theirs.signature)
        assert ours.sha256 == hashlib.sha256(theirs.public_bytes(Encoding.DER)).hexdigest()


def test_keys_are_cryptographys(pairs: Pairs) -> None:
    """Kind, size and curve, and the bytes."""
    for ours, theirs in pairs:
        try:
            key = theirs.public_key()
        except ValueError:
            assert ours.key.text == "RSA 2048"  # one whose exponent is 1
            continue
        assert ours.key.spki == key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        kind = next(word for each, word in KINDS.items() if isinstance(key, each))
        assert (ours.key.algorithm, ours.key.bits) == (kind, getattr(key, "key_size"))  # noqa: B009 - all three have it


def test_hashes_are_cryptographys(pairs: Pairs) -> None:
    """MD2 and MD4 are beyond cryptography, not beyond us."""
    for ours, theirs in pairs:
        try:
            digest = theirs.signature_hash_algorithm
        except UnsupportedAlgorithm:
            assert ours.signature_hash in {"md2", "md4"}
        else:
            assert digest is not None
            assert ours.signature_hash == digest.name


def test_extensions_are_cryptographys(pairs: Pairs) -> None:
    """Every field, wherever cryptography reads the extensions; it gives up all of them for one bad one."""
    compared = 0
    for ours, theirs in pairs:
        try:
            known = {extension.oid: extension.value for extension in theirs.extensions}
        except (ValueError, x509.DuplicateExtension):
            assert ours.problems
            continue
        assert {field: getattr(ours, field) for field in _EXPECTED} == {f: read(known) for f, read in _EXPECTED.items()}
        compared += 1
    assert compared > 0.9 * len(pairs)


Known = dict[x509.ObjectIdentifier, Any]


def _names(kind: type[x509.GeneralName]) -> Callable[[Known], tuple[str, ...]]:
    def read(known: Known) -> tuple[str, ...]:
        names = known.get(OID.SUBJECT_ALTERNATIVE_NAME)
        return tuple(map(str, names.get_values_for_type(kind))) if names else ()

    return read


def _of(oid: x509.ObjectIdentifier, read: Callable[[Any], Any], default: object = None) -> Callable[[Known], Any]:
    return lambda known: read(known[oid]) if oid in known else default


def _addresses(access: x509.AuthorityInformationAccess) -> tuple[str, ...]:
    issuers = [each for each in access if each.access_method == x509.oid.AuthorityInformationAccessOID.CA_ISSUERS]
    places = [each.access_location for each in issuers]
    return tuple(place.value for place in places if isinstance(place, x509.UniformResourceIdentifier))


def _usages(usage: x509.KeyUsage) -> frozenset[str]:
    found = {word for attribute, word in USAGES.items() if getattr(usage, attribute)}
    if usage.key_agreement:
        found |= {"encipherOnly"} if usage.encipher_only else set()
        found |= {"decipherOnly"} if usage.decipher_only else set()
    return frozenset(found)


def _count(which: str) -> Callable[[Known], int]:
    return _of(OID.NAME_CONSTRAINTS, lambda constraints: len(getattr(constraints, which) or ()), 0)


_EXPECTED: dict[str, Callable[[Known], Any]] = {
    "dns_names": _names(x509.DNSName),
    "ip_addresses": _names(x509.IPAddress),
    "email_addresses": _names(x509.RFC822Name),
    "has_san": lambda known: OID.SUBJECT_ALTERNATIVE_NAME in known,
    "has_basic_constraints": lambda known: OID.BASIC_CONSTRAINTS in known,
    "is_ca": _of(OID.BASIC_CONSTRAINTS, lambda value: value.ca, default=False),
    "pathlen": _of(OID.BASIC_CONSTRAINTS, lambda value: value.path_length),
    "key_usage": _of(OID.KEY_USAGE, _usages),
    "eku": _of(OID.EXTENDED_KEY_USAGE, lambda value: tuple(oid.dotted_string for oid in value)),
    "subject_key_id": _of(OID.SUBJECT_KEY_IDENTIFIER, lambda value: value.digest),
    "authority_key_id": _of(OID.AUTHORITY_KEY_IDENTIFIER, lambda value: value.key_identifier),
    "aia": _of(OID.AUTHORITY_INFORMATION_ACCESS, _addresses, ()),
}


@pytest.mark.parametrize("which", SETS)
def test_names_are_the_same_when_openssl_says_so(which: str) -> None:
    """X509_NAME_hash, over the canonical form of every subject that OpenSSL reads."""
    for ours, _ in both(which):
        try:
            expected = crypto.load_certificate(crypto.FILETYPE_ASN1, ours.der).subject_name_hash()
        except crypto.Error:
            continue
        digest = hashlib.sha1(ours.subject.key).digest()  # noqa: S324 - OpenSSL's choice
        assert int.from_bytes(digest[:4], "little") == expected


STAND_INS = {
    "CCA India 2015 SPL",
    "DigiNotar PKIoverheid CA Organisatie - G2",
    "DigiNotar Root CA",
    "vinCAsign Qualified Authority",
}
"""Self-issued ones among the historical roots that no key of theirs signed; cryptography says so too."""


@pytest.mark.parametrize("which", ["certifi", "historical roots"])
def test_roots_have_signed_themselves(which: str) -> None:
    """Every root verifies by its own key, except where nobody can verify any more (MD2)."""
    roots = [ours for ours, _ in both(which) if ours.self_issued]
    assert len(roots) > 100
    assert {root.label for root in roots if can_verify(root, root) and not signed_by(root, root)} <= STAND_INS
    assert {root.signature_hash for root in roots if not can_verify(root, root)} <= {"md2"}


VALID = {
    "2.5.29.14": writer.octets(b"key"),
    "2.5.29.15": writer.named_bits({0}),
    "2.5.29.30": writer.sequence(writer.explicit(0, writer.sequence(writer.tlv(0x82, b"test")))),
    "2.5.29.54": writer.integer(0),
    "1.3.6.1.5.5.7.1.14": writer.sequence(writer.sequence(writer.oid("1.3.6.1.5.5.7.21.1"))),
    "1.3.6.1.5.5.7.48.1.5": writer.tlv(writer.NULL),
    "2.16.840.1.113730.1.1": writer.named_bits({1}),
}
"""A value that OpenSSL can read; where none is given, an empty SEQUENCE will do."""
CRITICAL = [
    *(f"2.5.29.{last}" for last in (9, 14, 15, 16, 17, 18, 19, 20, 28, 29, 30, 31, 32, 33, 35, 36, 37, 46, 54)),
    *(f"1.3.6.1.5.5.7.1.{last}" for last in (1, 3, 7, 8, 11, 14, 24, 28)),
    "1.3.6.1.5.5.7.48.1.5",
    "1.3.6.1.4.1.11129.2.4.2",
    "1.3.6.1.4.1.11129.2.4.3",
    "2.16.840.1.113730.1.1",
    "2.16.840.1.113730.1.13",
    "1.2.3.4",
]


@pytest.mark.parametrize("oid", CRITICAL)
def test_openssl_knows_the_critical_extensions_that_we_call_known(oid: str) -> None:
    """X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION (34) comes for those that we call unknown, and for no other."""
    leaf = certificate(issuer=CAST.root, extensions=[(oid, True, VALID.get(oid, writer.sequence()))])
    store = crypto.X509Store()
    store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, CAST.root.der))
    store.set_time(NOW)
    context = crypto.X509StoreContext(store, crypto.load_certificate(crypto.FILETYPE_ASN1, leaf.der))
    number = 0
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        number = error.errors[0]
    assert (number == 34) is (parse(leaf.der).unknown_critical == (oid,))
