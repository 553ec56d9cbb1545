"""Did the key of one certificate sign another? Answered with the key alone, whatever names and dates say.

Path validation by a library refuses what we must diagnose (MD5, SHA-1, 512-bit RSA), so the primitive is asked:
``cryptography``'s public keys, with padding and hash from the AlgorithmIdentifier. The two conditions beside the
arithmetic are OpenSSL's: the algorithm is one that this kind of key makes (crypto/x509/v3_purp.c,
check_sig_alg_match), and the signed AlgorithmIdentifier equals the one outside (crypto/x509/x_all.c, X509_verify).
"""

from __future__ import annotations

from functools import cache, lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias

from probe.pki import keys
from probe.pki.certificate import ALGORITHMS_DIFFER
from probe.pki.der import DerError
from probe.pki.keys import Algorithm, PssParameters

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography.hazmat.primitives import hashes

    from probe.model import Certificate

_REMEMBERED = 1 << 12  # answers, at about 200 bytes each
_KEYS = 1024  # loaded keys; the issuers that a sweep of the public Internet meets
_RSA_BITS = 8192  # 4 ms a check; larger ones are an attack on whoever verifies
_EXPONENT_BITS = 64  # OpenSSL's own limit for large moduli (OPENSSL_RSA_MAX_PUBEXP_BITS)
_KEY_SIZE = 1 << 14  # bytes; ML-DSA-87 has 2.6 KiB, and hostile keys must not fill the memory

Arithmetic: TypeAlias = "Callable[[Any, Certificate, tuple[Any, ...]], None]"
"""From a loaded key, a certificate and the arguments behind signature and message to an exception, or none."""

_answers: dict[tuple[str, bytes], bool | None] = {}


def signed_by(child: Certificate, issuer: Certificate) -> bool:
    """Say whether the issuer's key made the child's signature; False too where nobody here can tell. Never raises."""
    return _verdict(child, issuer) is True


def can_verify(child: Certificate, issuer: Certificate) -> bool:
    """Say whether :func:`signed_by` is an answer, and not just an algorithm or a key that we cannot use."""
    return _verdict(child, issuer) is not None


def signed_itself(certificate: Certificate) -> bool:
    """Say whether it is self-signed, as far as anybody can tell: no library verifies the MD2 of the oldest roots."""
    return certificate.self_issued and _verdict(certificate, certificate) is not False


def suits(child: Certificate, issuer: Certificate) -> bool:
    """Say whether the issuer's key is of the kind that makes signatures like the child's (check_sig_alg_match)."""
    try:
        return _suits(keys.signature_algorithm(child.signature_algorithm), issuer) is True
    except DerError:
        return False


def vouched(child: Certificate, issuer: Certificate) -> None:
    """Take OpenSSL's word that the issuer's key made the child's signature, wherever we could have asked ourselves."""
    _verdict(child, issuer, _done)


def _verdict(child: Certificate, issuer: Certificate, arithmetic: Arithmetic | None = None) -> bool | None:
    question = child.sha256, sha256(issuer.key.spki).digest()
    if question in _answers:
        return _answers[question]
    if len(_answers) >= _REMEMBERED:
        _answers.clear()  # simpler than forgetting the oldest, and what is needed is soon back
    answer = _answers[question] = _ask(child, issuer, arithmetic or _arithmetic)
    return answer


def _ask(child: Certificate, issuer: Certificate, arithmetic: Arithmetic) -> bool | None:
    """Ask once: None when algorithm or key is unknown to us, so that nothing can be said."""
    if child.problem or issuer.problem:
        return None
    try:
        algorithm = keys.signature_algorithm(child.signature_algorithm)
    except DerError:
        return None
    if ALGORITHMS_DIFFER in child.problems:
        return False
    fitting = _suits(algorithm, issuer)
    return _verify(child, algorithm, issuer.key.spki, arithmetic) if fitting else fitting


def _suits(algorithm: Algorithm, issuer: Certificate) -> bool | None:
    """Say whether a key of this kind makes such signatures; None when algorithm or key is unknown."""
    if not algorithm.family or issuer.key.algorithm not in keys.KINDS:
        return None
    if algorithm.pss is None:
        return algorithm.family == issuer.key.algorithm
    if issuer.key.algorithm == "rsa":
        return True
    return issuer.key.algorithm == "rsa-pss" and _permitted(algorithm.pss, issuer.key.spki)


def _permitted(used: PssParameters, spki: bytes) -> bool | None:
    """An RSA-PSS key may fix the hashes and the least salt of its signatures (RFC 4055 1.2, 3.3)."""
    try:
        demanded = keys.pss_restriction(spki)
    except DerError:
        return None
    if demanded is None:
        return True
    same = (used.hash, used.mask_hash) == (demanded.hash, demanded.mask_hash)
    return same and used.salt >= demanded.salt


def _arithmetic(key: Any, child: Certificate, how: tuple[Any, ...]) -> None:
    key.verify(child.signature, child.tbs, *how)


def _done(_key: Any, _child: Certificate, _how: tuple[Any, ...]) -> None:
    """OpenSSL has done it."""


def _verify(child: Certificate, algorithm: Algorithm, spki: bytes, arithmetic: Arithmetic) -> bool | None:
    """Do the arithmetic, once it is clear that we can."""
    from cryptography.exceptions import InternalError, InvalidSignature, UnsupportedAlgorithm

    key = _load(spki) if len(spki) <= _KEY_SIZE else None
    if key is None:
        return None
    try:
        arithmetic(key, child, _how(algorithm))
    except (InvalidSignature, ValueError, OverflowError):  # ValueError: a signature that no such key can make
        return False
    except (UnsupportedAlgorithm, InternalError, KeyError):  # KeyError: a hash that cryptography does not have
        return None
    return True


@lru_cache(maxsize=64)
def _how(algorithm: Algorithm) -> tuple[Any, ...]:
    """Arguments of ``verify`` behind signature and message; a hash that cryptography lacks raises KeyError."""
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    if algorithm.pss:
        mask = padding.MGF1(_hash(algorithm.pss.mask_hash))
        return padding.PSS(mask, algorithm.pss.salt), _hash(algorithm.pss.hash)
    if algorithm.hash is None:
        return ()
    digest = _hash(algorithm.hash)
    return {"rsa": (padding.PKCS1v15(), digest), "ecdsa": (ec.ECDSA(digest),)}.get(algorithm.family, (digest,))


def _hash(word: str) -> hashes.HashAlgorithm:
    from cryptography.hazmat.primitives import hashes

    known: dict[str, hashes.HashAlgorithm] = {
        "md5": hashes.MD5(),  # noqa: S303 - what a server presents must be verified to be diagnosed
        "sha1": hashes.SHA1(),  # noqa: S303 - likewise
        "sha224": hashes.SHA224(),
        "sha256": hashes.SHA256(),
        "sha384": hashes.SHA384(),
        "sha512": hashes.SHA512(),
        "sha512-224": hashes.SHA512_224(),
        "sha512-256": hashes.SHA512_256(),
        "sha3-224": hashes.SHA3_224(),
        "sha3-256": hashes.SHA3_256(),
        "sha3-384": hashes.SHA3_384(),
        "sha3-512": hashes.SHA3_512(),
    }
    return known[word]


@cache
def _loader() -> Callable[[bytes], Any]:
    """``load_der_public_key`` from where it is made: its public module imports what reads the keys of SSH, too."""
    from cryptography.hazmat.bindings import _rust

    if load := getattr(getattr(getattr(_rust, "openssl", None), "keys", None), "load_der_public_key", None):
        return load  # type: ignore[no-any-return]
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    return load_der_public_key


@lru_cache(maxsize=_KEYS)
def _load(spki: bytes) -> Any | None:
    """Load a public key that can verify; None when cryptography cannot."""
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    try:
        key = _loader()(spki)
    except (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, InternalError):
        return None
    if isinstance(key, RSAPublicKey):
        numbers = key.public_numbers()
        if key.key_size > _RSA_BITS or numbers.e.bit_length() > _EXPONENT_BITS:
            return None
    return key
