"""The test keys of this folder, known to everybody, and signatures by them."""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from importlib import resources

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from probe.demo import der

Key = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(),  # noqa: S303 - to show that it is weak is the purpose
    "sha1": hashes.SHA1(),  # noqa: S303 - likewise
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA = {"md5": 4, "sha1": 5, "sha256": 11, "sha384": 12, "sha512": 13}
"""Last arc below 1.2.840.113549.1.1 (RFC 8017 Appendix C)."""
_ECDSA = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}
"""Last arcs below 1.2.840.10045.4 (RFC 5758 §3.2)."""


def pem(name: str) -> str:
    """Read the file as committed: "leaf", "rsa-512", "p384", … (the names of the files in ``keys/``)."""
    return (resources.files("probe.demo") / "keys" / f"{name}.pem").read_text()


@cache
def private(name: str) -> Key:
    """Load the private key; what is committed here needs no test of its primes."""
    key = load_pem_private_key(pem(name).encode(), None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, Key)  # noqa: S101 - for the type checker: the folder holds no other kind
    return key


@cache
def spki(name: str) -> bytes:
    """Encode the public half as SubjectPublicKeyInfo, DER."""
    return private(name).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def key_id(name: str) -> bytes:
    """Name the key by twenty octets; RFC 5280 §4.2.1.2 leaves the method to us."""
    return hashlib.sha256(spki(name)).digest()[:20]


def algorithm(name: str, digest: str) -> bytes:
    """Encode the AlgorithmIdentifier of a signature by that key (RFC 4055 §5, RFC 5758 §3.2, RFC 8410 §3)."""
    match private(name):
        case RSAPrivateKey():
            return der.sequence(der.oid(f"1.2.840.113549.1.1.{_RSA[digest]}"), der.tlv(der.NULL))
        case EllipticCurvePrivateKey():
            return der.sequence(der.oid(f"1.2.840.10045.4.{_ECDSA[digest]}"))
        case _:
            return der.sequence(der.oid("1.3.101.112"))


@lru_cache(maxsize=2048)
def sign(name: str, digest: str, message: bytes) -> bytes:
    """Sign; the same arguments give the same bytes (ECDSA by RFC 6979)."""
    match private(name):
        case RSAPrivateKey() as key:
            return key.sign(message, PKCS1v15(), _HASHES[digest])
        case EllipticCurvePrivateKey() as key:
            return key.sign(message, ECDSA(_HASHES[digest], deterministic_signing=True))
        case key:
            return key.sign(message)
