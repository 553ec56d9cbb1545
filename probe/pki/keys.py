"""What a SubjectPublicKeyInfo and an AlgorithmIdentifier say.

SubjectPublicKeyInfo ::= SEQUENCE { algorithm AlgorithmIdentifier, subjectPublicKey BIT STRING }   RFC 5280 4.1.2.7
AlgorithmIdentifier  ::= SEQUENCE { algorithm OBJECT IDENTIFIER, parameters ANY OPTIONAL }         RFC 5280 4.1.1.2
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import Struct

from probe.model import PublicKey
from probe.pki.der import INTEGER, OID, SEQUENCE, DerError, bit_string, children, contents, dotted, integer

PSS = "1.2.840.113549.1.1.10"
ED25519, ED448 = "1.3.101.112", "1.3.101.113"

_KEYS = {
    "1.2.840.113549.1.1.1": "rsa",
    PSS: "rsa-pss",
    "1.2.840.10045.2.1": "ecdsa",
    "1.2.840.10040.4.1": "dsa",
    ED25519: "ed25519",
    ED448: "ed448",
    "2.16.840.1.101.3.4.3.17": "ml-dsa-44",
    "2.16.840.1.101.3.4.3.18": "ml-dsa-65",
    "2.16.840.1.101.3.4.3.19": "ml-dsa-87",
}
_CACHED = 64  # bytes of an AlgorithmIdentifier; those of named curves and of RSA are a third of that
KINDS = frozenset(_KEYS.values())
# RFC 5480 2.1.1.1, RFC 5639 4.1; the words of FIPS 186 where it has one.
_CURVES = {
    "1.2.840.10045.3.1.1": ("P-192", 192),
    "1.3.132.0.33": ("P-224", 224),
    "1.2.840.10045.3.1.7": ("P-256", 256),
    "1.3.132.0.34": ("P-384", 384),
    "1.3.132.0.35": ("P-521", 521),
    "1.3.132.0.10": ("secp256k1", 256),
    "1.3.36.3.3.2.8.1.1.7": ("brainpoolP256r1", 256),
    "1.3.36.3.3.2.8.1.1.11": ("brainpoolP384r1", 384),
    "1.3.36.3.3.2.8.1.1.13": ("brainpoolP512r1", 512),
}
_HASHES = {
    "1.2.840.113549.2.2": "md2",
    "1.2.840.113549.2.4": "md4",
    "1.2.840.113549.2.5": "md5",
    "1.3.14.3.2.26": "sha1",
    "1.3.36.3.2.1": "ripemd160",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "2.16.840.1.101.3.4.2.5": "sha512-224",
    "2.16.840.1.101.3.4.2.6": "sha512-256",
    "2.16.840.1.101.3.4.2.7": "sha3-224",
    "2.16.840.1.101.3.4.2.8": "sha3-256",
    "2.16.840.1.101.3.4.2.9": "sha3-384",
    "2.16.840.1.101.3.4.2.10": "sha3-512",
}
# OID → name for people, kind of key that makes it, hash. RFC 3279, 4055, 5758, 8410, 8692; NIST's csor for SHA-3.
_SIGNATURES: dict[str, tuple[str, str, str | None]] = {
    "1.2.840.113549.1.1.2": ("md2WithRSAEncryption", "rsa", "md2"),
    "1.2.840.113549.1.1.3": ("md4WithRSAEncryption", "rsa", "md4"),
    "1.2.840.113549.1.1.4": ("md5WithRSAEncryption", "rsa", "md5"),
    "1.2.840.113549.1.1.5": ("sha1WithRSAEncryption", "rsa", "sha1"),
    "1.3.14.3.2.29": ("sha1WithRSA", "rsa", "sha1"),
    "1.3.14.3.2.3": ("md5WithRSA", "rsa", "md5"),
    "1.3.36.3.3.1.2": ("ripemd160WithRSA", "rsa", "ripemd160"),
    "1.2.840.113549.1.1.14": ("sha224WithRSAEncryption", "rsa", "sha224"),
    "1.2.840.113549.1.1.11": ("sha256WithRSAEncryption", "rsa", "sha256"),
    "1.2.840.113549.1.1.12": ("sha384WithRSAEncryption", "rsa", "sha384"),
    "1.2.840.113549.1.1.13": ("sha512WithRSAEncryption", "rsa", "sha512"),
    "1.2.840.113549.1.1.15": ("sha512-224WithRSAEncryption", "rsa", "sha512-224"),
    "1.2.840.113549.1.1.16": ("sha512-256WithRSAEncryption", "rsa", "sha512-256"),
    "2.16.840.1.101.3.4.3.13": ("RSA-SHA3-224", "rsa", "sha3-224"),
    "2.16.840.1.101.3.4.3.14": ("RSA-SHA3-256", "rsa", "sha3-256"),
    "2.16.840.1.101.3.4.3.15": ("RSA-SHA3-384", "rsa", "sha3-384"),
    "2.16.840.1.101.3.4.3.16": ("RSA-SHA3-512", "rsa", "sha3-512"),
    PSS: ("rsassaPss", "rsa-pss", None),
    "1.2.840.10045.4.1": ("ecdsa-with-SHA1", "ecdsa", "sha1"),
    "1.2.840.10045.4.3.1": ("ecdsa-with-SHA224", "ecdsa", "sha224"),
    "1.2.840.10045.4.3.2": ("ecdsa-with-SHA256", "ecdsa", "sha256"),
    "1.2.840.10045.4.3.3": ("ecdsa-with-SHA384", "ecdsa", "sha384"),
    "1.2.840.10045.4.3.4": ("ecdsa-with-SHA512", "ecdsa", "sha512"),
    "2.16.840.1.101.3.4.3.9": ("ecdsa-with-SHA3-224", "ecdsa", "sha3-224"),
    "2.16.840.1.101.3.4.3.10": ("ecdsa-with-SHA3-256", "ecdsa", "sha3-256"),
    "2.16.840.1.101.3.4.3.11": ("ecdsa-with-SHA3-384", "ecdsa", "sha3-384"),
    "2.16.840.1.101.3.4.3.12": ("ecdsa-with-SHA3-512", "ecdsa", "sha3-512"),
    "1.2.840.10040.4.3": ("dsa-with-SHA1", "dsa", "sha1"),
    "2.16.840.1.101.3.4.3.1": ("dsa-with-SHA224", "dsa", "sha224"),
    "2.16.840.1.101.3.4.3.2": ("dsa-with-SHA256", "dsa", "sha256"),
    "2.16.840.1.101.3.4.3.3": ("dsa-with-SHA384", "dsa", "sha384"),
    "2.16.840.1.101.3.4.3.4": ("dsa-with-SHA512", "dsa", "sha512"),
    ED25519: ("ed25519", "ed25519", None),
    ED448: ("ed448", "ed448", None),
    "2.16.840.1.101.3.4.3.17": ("ml-dsa-44", "ml-dsa-44", None),
    "2.16.840.1.101.3.4.3.18": ("ml-dsa-65", "ml-dsa-65", None),
    "2.16.840.1.101.3.4.3.19": ("ml-dsa-87", "ml-dsa-87", None),
}


class PssParameters(Struct, frozen=True):
    """RSASSA-PSS-params (RFC 4055 3.1); what is left out there has these values."""

    hash: str = "sha1"
    mask_hash: str = "sha1"
    """The hash in MGF1."""
    salt: int = 20
    """Bytes of salt."""


class Algorithm(Struct, frozen=True):
    """How a signature was made."""

    name: str
    """For people: "sha256WithRSAEncryption", "rsassaPss", or the dotted OID."""
    family: str
    """Kind of key that makes it: "rsa", "rsa-pss", "ecdsa", …; "" when the OID is unknown."""
    hash: str | None
    pss: PssParameters | None = None


def public_key(spki: bytes) -> tuple[PublicKey, str | None]:
    """Read a SubjectPublicKeyInfo and say what is wrong with it, or None; never raises."""
    algorithm = ""
    try:
        start, stop, _ = contents(spki, SEQUENCE, "SEQUENCE")
        identifier, bits, *_ = children(spki, start, stop)
        oid, parameters = _identifier(spki[identifier[1] : identifier[4]])
        algorithm = _KEYS.get(oid, oid)
        size, curve = _size(algorithm, parameters, spki[bits[2] : bits[3]])
    except (DerError, ValueError) as error:
        return PublicKey(spki, algorithm), str(error) if isinstance(error, DerError) else "no algorithm and key"
    return PublicKey(spki, algorithm, size, curve), None


def _size(algorithm: str, parameters: bytes, key: bytes) -> tuple[int | None, str | None]:
    """Bits of the number that makes a key hard to break, and the curve; a malformed key raises DerError."""
    if algorithm in ("rsa", "rsa-pss"):
        return _first_integer(bit_string(key)[1]).bit_length(), None
    if algorithm == "dsa" and parameters:
        return _first_integer(parameters).bit_length(), None
    if algorithm == "ecdsa":
        return _curve(parameters)
    return None, None


def _curve(parameters: bytes) -> tuple[int | None, str]:
    """``EcpkParameters ::= CHOICE { ecParameters SEQUENCE, namedCurve OBJECT IDENTIFIER, implicitlyCA NULL }``."""
    if parameters[:1] == bytes((OID,)):
        start, stop, _ = contents(parameters, OID, "OBJECT IDENTIFIER")
        oid = dotted(parameters[start:stop])
        curve, bits = _CURVES.get(oid, (oid, None))
        return bits, curve
    if parameters[:1] != bytes((SEQUENCE,)):
        raise DerError("no curve")
    return _explicit_size(parameters), "explicit"


def _explicit_size(parameters: bytes) -> int | None:
    """``ECParameters ::= SEQUENCE { version, FieldID SEQUENCE { type, prime INTEGER }, … }`` (X9.62)."""
    start, stop, _ = contents(parameters, SEQUENCE, "SEQUENCE")
    found = children(parameters, start, stop)
    field = children(parameters, found[1][2], found[1][3]) if len(found) > 1 and found[1][0] == SEQUENCE else []
    if len(field) < 2 or field[1][0] != INTEGER:
        return None
    return integer(parameters[field[1][2] : field[1][3]]).bit_length()


def _first_integer(der: bytes) -> int:
    start, stop, _ = contents(der, SEQUENCE, "SEQUENCE")
    found = children(der, start, stop)
    if not found or found[0][0] != INTEGER:
        raise DerError("no INTEGER where the key's size stands")
    return integer(der[found[0][2] : found[0][3]])


def _identifier(der: bytes) -> tuple[str, bytes]:
    """Dotted OID and parameters (DER, empty when absent) of an AlgorithmIdentifier; raises DerError."""
    return _cached_identifier(der) if len(der) <= _CACHED else _read_identifier(der)


def _read_identifier(der: bytes) -> tuple[str, bytes]:
    start, stop, _ = contents(der, SEQUENCE, "SEQUENCE")
    found = children(der, start, stop)
    if not found or found[0][0] != OID:
        raise DerError("no OBJECT IDENTIFIER of an algorithm")
    return dotted(der[found[0][2] : found[0][3]]), der[found[1][1] : found[1][4]] if len(found) > 1 else b""


_cached_identifier = lru_cache(maxsize=256)(_read_identifier)


@lru_cache(maxsize=64)  # some thirty exist
def signature_algorithm(der: bytes) -> Algorithm:
    """Read the AlgorithmIdentifier of a signature; raises DerError."""
    oid, parameters = _identifier(der)
    name, family, digest = _SIGNATURES.get(oid, (oid, "", None))
    if oid != PSS:
        return Algorithm(name, family, digest)
    pss = pss_parameters(parameters)
    return Algorithm(name, family, pss.hash, pss)


def pss_restriction(spki: bytes) -> PssParameters | None:
    """Say what an RSA-PSS key demands of its signatures (RFC 4055 1.2), None when anything goes; raises DerError."""
    start, stop, _ = contents(spki, SEQUENCE, "SEQUENCE")
    found = children(spki, start, stop)
    parameters = _identifier(spki[found[0][1] : found[0][4]])[1] if found else b""
    return pss_parameters(parameters) if parameters else None


def pss_parameters(der: bytes) -> PssParameters:
    """Read RSASSA-PSS-params; raises DerError.

    ``SEQUENCE { [0] HashAlgorithm, [1] MaskGenAlgorithm, [2] saltLength INTEGER, [3] trailerField INTEGER }``
    """
    start, stop, _ = contents(der, SEQUENCE, "SEQUENCE")
    found = {tag: der[begin:end] for tag, _, begin, end, _ in children(der, start, stop)}
    values = PssParameters()
    digest = _hash(found[0xA0]) if 0xA0 in found else values.hash
    mask = _hash(_identifier(found[0xA1])[1]) if 0xA1 in found else values.mask_hash
    salt = _salt(found[0xA2]) if 0xA2 in found else values.salt
    return PssParameters(digest, mask, salt)


def _hash(der: bytes) -> str:
    oid = _identifier(der)[0]
    return _HASHES.get(oid, oid)


def _salt(der: bytes) -> int:
    start, stop, _ = contents(der, INTEGER, "INTEGER")
    return integer(der[start:stop])
