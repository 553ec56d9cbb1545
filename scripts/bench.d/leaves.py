"""Certificates for the benchmark, in the cache folder: leaves as public CAs issue them, all for one name, none twice.

Half of them are ECDSA P-256 under a P-384 intermediate, half RSA-2048 under an RSA-2048 one; the root is RSA-4096. The
keys of the leaves are shared, serial numbers and so the bytes are not. Other libraries write them than ours reads with.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID
from spent import CACHE

NAME = "mx.example.com"
KINDS = ("ecdsa", "rsa")
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def folder(leaves: int) -> Path:
    """Give the folder with so many leaves; they are made where they are absent, some milliseconds each."""
    month = f"{datetime.now(UTC):%Y-%m}"
    made = CACHE / f"leaves-{leaves}-{month}"
    if not made.exists():
        fresh = CACHE / f"{made.name}.{os.getpid()}"
        fresh.mkdir(parents=True)
        _write(fresh, leaves)
        try:
            fresh.rename(made)
        except OSError:
            if not made.exists():
                raise
    return made


def _write(place: Path, leaves: int) -> None:
    root_key: Key = rsa.generate_private_key(65537, 4096)
    root = _authority("Bench Root", root_key, None, root_key)
    (place / "root.pem").write_bytes(root.public_bytes(Encoding.PEM))
    above: dict[str, Key] = {
        "ecdsa": ec.generate_private_key(ec.SECP384R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    own: dict[str, Key] = {
        "ecdsa": ec.generate_private_key(ec.SECP256R1()),
        "rsa": rsa.generate_private_key(65537, 2048),
    }
    issuers = {kind: _authority(f"Bench {kind}", above[kind], root, root_key) for kind in KINDS}
    for kind in KINDS:
        (place / f"{kind}-issuer.pem").write_bytes(issuers[kind].public_bytes(Encoding.PEM))
        pem = own[kind].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / f"{kind}-key.pem").write_bytes(pem)
    kinds = itertools.islice(itertools.cycle(KINDS), leaves)
    with (place / "leaves.der").open("wb") as stream:
        stream.writelines(_leaf(own[kind], issuers[kind], above[kind]).public_bytes(Encoding.DER) for kind in kinds)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(subject: x509.Name, issuer: x509.Name, key: Key, days: int) -> x509.CertificateBuilder:
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(days=5)
    whole = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    return whole.not_valid_before(begin).not_valid_after(begin + timedelta(days=days))


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


def _authority(common: str, key: Key, issuer: x509.Certificate | None, signer: Key) -> x509.Certificate:
    subject = _name(common)
    whole = _builder(subject, issuer.subject if issuer else subject, key, 3650)
    for extension, critical in _of_authority(key, issuer):
        whole = whole.add_extension(extension, critical)
    return whole.sign(signer, hashes.SHA256())


def _of_authority(key: Key, issuer: x509.Certificate | None) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield x509.BasicConstraints(ca=True, path_length=0 if issuer else None), True
    yield _usage(ca=True), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    if issuer:
        yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False
        yield _key_of(issuer), False
        yield _aia("root"), False


def _leaf(key: Key, issuer: x509.Certificate, signer: Key) -> x509.Certificate:
    whole = _builder(_name(NAME), issuer.subject, key, 90)
    for extension, critical in _of_leaf(key, issuer):
        whole = whole.add_extension(extension, critical)
    return whole.sign(signer, hashes.SHA384() if isinstance(signer, ec.EllipticCurvePrivateKey) else hashes.SHA256())


def _of_leaf(key: Key, issuer: x509.Certificate) -> Iterator[tuple[x509.ExtensionType, bool]]:
    yield _usage(ca=False), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False
    yield _key_of(issuer), False
    yield _aia("issuer"), False
    yield x509.SubjectAlternativeName([x509.DNSName(NAME), x509.DNSName("mail.example.com")]), False
    domain_validated = x509.ObjectIdentifier("2.23.140.1.2.1")
    yield x509.CertificatePolicies([x509.PolicyInformation(domain_validated, None)]), False
    where = [x509.UniformResourceIdentifier("http://ca.example.com/81.crl")]
    yield x509.CRLDistributionPoints([x509.DistributionPoint(where, None, None, None)]), False


def _key_of(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    known = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)


def _aia(what: str) -> x509.AuthorityInformationAccess:
    where = x509.UniformResourceIdentifier(f"http://ca.example.com/{what}.der")
    return x509.AuthorityInformationAccess([x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, where)])
