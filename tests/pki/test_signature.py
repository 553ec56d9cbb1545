from __future__ import annotations

import base64
from collections.abc import Callable

import forge
import pytest
from cryptography.hazmat.bindings import _rust
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, mldsa, rsa
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key
from forge import CAST
from pki.crafted import crafted

from probe.demo import der as writer
from probe.demo import keys as demo_keys
from probe.model import Certificate
from probe.pki import signature
from probe.pki.certificate import parse
from probe.pki.signature import can_verify, signed_by

DSA_KEY = """
MIIBWgIBADCCATMGByqGSM44BAEwggEmAoGBAJP9LHvQpxi8E3Y7Pneq58BKNmhWdtzxSOPmO4aCo0yn2V89T6f3+iFx6FHu6bhVtBnkeTTpHL
65XmrDMmS67f7khKBcRz+Cla6pE1c/NyVN1aTvjTojZKd1xfdq3oP0zp7vGyyF9KsHvzN8ni+WrZycsvUiIlMgxt/4oTaTMPu3Ah0Alk9cvvsn
cMlW77azDNobqKU1ZnytZFOvhDn6pwKBgDm5SYG48k2RIjwZx1qBCcBtug7Jsix8/phPk1+4903K2d5D+Visa5s2Ri1v2yGXuh9tV0sGApSsx7
Y6MjDLLN7Z/SVTaB7ZzmUeRbFELYYt5n2m6KyxUyBY1cSD/Eeiy62GPY8ZRBBDE/lUC1oT+vx9elQ+TnR8zW7rkXzqNUWpBB4CHAsbzMwNiaKC
HxVFvqwqwKeS41Z87JqiL5hB7xM=
"""
"""1024 bits, made for this test, known to everybody."""


def _rsa() -> rsa.RSAPrivateKey:
    key = demo_keys.private("leaf")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def _dsa() -> dsa.DSAPrivateKey:
    key = load_der_private_key(base64.b64decode(DSA_KEY), None)
    assert isinstance(key, dsa.DSAPrivateKey)
    return key


RSA, DSA, EC = _rsa(), _dsa(), ec.derive_private_key(7, ec.SECP256R1())
RSA_OID, PSS_OID, EC_OID = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10", "1.2.840.10045.2.1"
NIST = "2.16.840.1.101.3.4"

Sign = Callable[[bytes], bytes]


def algorithm(oid: str, *parameters: bytes) -> bytes:
    """Encode an AlgorithmIdentifier."""
    return writer.sequence(writer.oid(oid), *parameters)


def pss(hash_oid: str, mask_oid: str, salt: int) -> bytes:
    """Encode RSASSA-PSS-params."""
    mask = algorithm("1.2.840.113549.1.1.8", algorithm(mask_oid))
    parts = (algorithm(hash_oid), mask, writer.integer(salt))
    return writer.sequence(*(writer.explicit(number, part) for number, part in enumerate(parts)))


SHA1, SHA256, SHA384 = "1.3.14.3.2.26", f"{NIST}.2.1", f"{NIST}.2.2"


def issuer(spki: bytes) -> Certificate:
    """Make an issuer of this key."""
    return parse(crafted(subject="CN=Example CA", key=spki))


def public(key: object) -> bytes:
    """Encode the public half of a private key."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined, no-any-return]  # all kinds have it


def signed(identifier: bytes, sign: Sign, outer: bytes | None = None) -> Certificate:
    """Make a certificate with that signature."""
    unsigned = parse(crafted(inner=identifier, outer=outer or identifier))
    return parse(crafted(inner=identifier, outer=outer or identifier, signature=writer.bits(sign(unsigned.tbs))))


def rsa_sign(digest: hashes.HashAlgorithm) -> Sign:
    """Sign by RSA with PKCS#1 v1.5 padding."""
    return lambda message: RSA.sign(message, PKCS1v15(), digest)


def pss_sign(digest: hashes.HashAlgorithm, mask: hashes.HashAlgorithm, salt: int) -> Sign:
    """Sign by RSA with PSS padding."""
    return lambda message: RSA.sign(message, PSS(MGF1(mask), salt), digest)


def ec_sign(key: ec.EllipticCurvePrivateKey, digest: hashes.HashAlgorithm) -> Sign:
    """Sign by ECDSA."""
    return lambda message: key.sign(message, ec.ECDSA(digest))


def spki(oid: str, parameters: bytes, key: bytes) -> bytes:
    """Encode a SubjectPublicKeyInfo."""
    return writer.sequence(algorithm(oid, parameters), writer.bits(key))


def pss_key(parameters: bytes = b"") -> bytes:
    """Encode our RSA key as one for PSS alone."""
    return spki(PSS_OID, parameters, RSA.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1))


def explicit_p256() -> bytes:
    """Encode the EC key with its curve written out (ECParameters, X9.62)."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    n = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    x962 = Encoding.X962, PublicFormat.UncompressedPoint
    generator = ec.derive_private_key(1, ec.SECP256R1()).public_key().public_bytes(*x962)
    field = writer.sequence(writer.oid("1.2.840.10045.1.1"), writer.integer(p))
    curve = writer.sequence(writer.octets((p - 3).to_bytes(32, "big")), writer.octets(b.to_bytes(32, "big")))
    numbers = (writer.integer(1), field, curve, writer.octets(generator), writer.integer(n), writer.integer(1))
    return spki(EC_OID, writer.sequence(*numbers), EC.public_key().public_bytes(*x962))


def _cases() -> dict[str, tuple[bytes, bytes, Sign]]:
    """Give algorithm, issuer's key, and how it signs."""
    null, sha1, sha256, sha384 = writer.tlv(5), hashes.SHA1(), hashes.SHA256(), hashes.SHA384()  # noqa: S303
    big, k1, brainpool = (ec.derive_private_key(9, c) for c in (ec.SECP521R1(), ec.SECP256K1(), ec.BrainpoolP384R1()))
    goldilocks, lattice = ed448.Ed448PrivateKey.generate(), mldsa.MLDSA44PrivateKey.generate()
    ecdsa = algorithm("1.2.840.10045.4.3.2")
    return {
        "RSA, SHA-224": (algorithm("1.2.840.113549.1.1.14", null), public(RSA), rsa_sign(hashes.SHA224())),
        "RSA, SHA-512/256": (algorithm("1.2.840.113549.1.1.16", null), public(RSA), rsa_sign(hashes.SHA512_256())),
        "RSA, SHA3-256": (algorithm(f"{NIST}.3.14", null), public(RSA), rsa_sign(hashes.SHA3_256())),
        "RSA, SHA-1 by OIW's OID": (algorithm("1.3.14.3.2.29", null), public(RSA), rsa_sign(sha1)),
        "PSS, defaults": (algorithm(PSS_OID, writer.sequence()), public(RSA), pss_sign(sha1, sha1, 20)),
        "PSS, SHA-256": (algorithm(PSS_OID, pss(SHA256, SHA256, 32)), public(RSA), pss_sign(sha256, sha256, 32)),
        "PSS, two hashes": (algorithm(PSS_OID, pss(SHA256, SHA1, 7)), public(RSA), pss_sign(sha256, sha1, 7)),
        "PSS by a PSS key": (algorithm(PSS_OID, pss(SHA256, SHA256, 32)), pss_key(), pss_sign(sha256, sha256, 32)),
        "PSS by a PSS key that demands less": (
            algorithm(PSS_OID, pss(SHA256, SHA256, 32)),
            pss_key(pss(SHA256, SHA256, 24)),
            pss_sign(sha256, sha256, 32),
        ),
        "ECDSA, P-521": (algorithm("1.2.840.10045.4.3.3"), public(big), ec_sign(big, sha384)),
        "ECDSA, secp256k1": (ecdsa, public(k1), ec_sign(k1, sha256)),
        "ECDSA, brainpool": (ecdsa, public(brainpool), ec_sign(brainpool, sha256)),
        "ECDSA, explicit": (ecdsa, explicit_p256(), ec_sign(EC, sha256)),
        "ECDSA, SHA-1": (algorithm("1.2.840.10045.4.1"), public(EC), ec_sign(EC, sha1)),
        "ECDSA, SHA3-384": (algorithm(f"{NIST}.3.11"), public(EC), ec_sign(EC, hashes.SHA3_384())),
        "DSA, SHA-1": (algorithm("1.2.840.10040.4.3"), public(DSA), lambda message: DSA.sign(message, sha1)),
        "DSA, SHA-256": (algorithm(f"{NIST}.3.2"), public(DSA), lambda message: DSA.sign(message, sha256)),
        "Ed448": (algorithm("1.3.101.113"), public(goldilocks), goldilocks.sign),
        "ML-DSA-44": (algorithm(f"{NIST}.3.17"), public(lattice), lattice.sign),
    }


CASES = _cases()


@pytest.mark.parametrize("case", CASES)
def test_signatures_of_every_kind_verify(case: str) -> None:
    """And do not when a bit of what was signed, or of the signature, is another."""
    identifier, key, sign = CASES[case]
    child = signed(identifier, sign)
    assert signed_by(child, issuer(key))
    assert can_verify(child, issuer(key))
    other = signed(identifier, lambda message: sign(message + b"x"))
    assert not signed_by(other, issuer(key))
    assert can_verify(other, issuer(key))


RSA_DIGESTS = ["md5", "sha1", "sha256", "sha384", "sha512"]
MADE = [(key, digest) for key in ("root", "rsa-1024") for digest in RSA_DIGESTS]
MADE += [(key, digest) for key in ("p256", "p384") for digest in RSA_DIGESTS[1:]]


@pytest.mark.parametrize(("key", "digest"), [*MADE, ("ed25519", "")])
def test_weak_signatures_are_verified_to_be_diagnosed(key: str, digest: str) -> None:
    """MD5 and SHA-1 too."""
    root = forge.certificate(subject="CN=Root", key=key, ca=True, digest=digest)
    child = forge.certificate(issuer=root, digest=digest)
    assert signed_by(parse(child.der), parse(root.der))
    assert signed_by(parse(root.der), parse(root.der))
    assert not signed_by(parse(child.der), parse(child.der))


def test_keys_of_512_bits_are_used() -> None:
    """OpenSSL at security level 0 uses them, so they are met."""
    root = parse(forge.certificate(key="rsa-512", digest="md5").der)
    assert (signed_by(root, root), root.key.text) == (True, "RSA 512")


def test_an_exponent_of_three_is_used() -> None:
    """Old roots have it."""
    key = rsa.generate_private_key(public_exponent=3, key_size=1024)  # noqa: S505 - made quickly, used once
    child = signed(SHA256_WITH_RSA, lambda message: key.sign(message, PKCS1v15(), hashes.SHA256()))
    assert signed_by(child, issuer(public(key)))


SHA256_WITH_RSA = algorithm("1.2.840.113549.1.1.11", writer.tlv(writer.NULL))
USUAL = signed(SHA256_WITH_RSA, rsa_sign(hashes.SHA256()))
REFUSED: dict[str, tuple[Certificate, bytes]] = {
    "another key": (USUAL, demo_keys.spki("root")),
    "another kind of key": (USUAL, public(EC)),
    "another algorithm outside": (
        signed(algorithm("1.2.840.113549.1.1.11"), rsa_sign(hashes.SHA256()), SHA256_WITH_RSA), public(RSA),
    ),
    "PKCS#1 by a PSS key": (USUAL, pss_key()),
    "PSS by an EC key": (
        signed(algorithm(PSS_OID, pss(SHA256, SHA256, 32)), pss_sign(hashes.SHA256(), hashes.SHA256(), 32)), public(EC),
    ),
    "PSS with another hash than the key demands": (
        signed(algorithm(PSS_OID, pss(SHA256, SHA256, 32)), pss_sign(hashes.SHA256(), hashes.SHA256(), 32)),
        pss_key(pss(SHA384, SHA384, 32)),
    ),
    "PSS with less salt than the key demands": (
        signed(algorithm(PSS_OID, pss(SHA256, SHA256, 20)), pss_sign(hashes.SHA256(), hashes.SHA256(), 20)),
        pss_key(pss(SHA256, SHA256, 32)),
    ),
    "PSS that no such small key can make": (
        signed(algorithm(PSS_OID, pss(f"{NIST}.2.3", f"{NIST}.2.3", 64)), lambda _: b"s" * 64),
        demo_keys.spki("rsa-512"),
    ),
    "PSS with negative salt": (
        signed(algorithm(PSS_OID, pss(SHA256, SHA256, -1)), lambda _: b"s" * 256), public(RSA),
    ),
    "nothing for a signature": (signed(algorithm("1.3.101.112"), lambda _: b""), demo_keys.spki("ed25519")),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_the_key_did_not_sign_is_refused_for_sure(case: str) -> None:
    """False is an answer here, not ignorance."""
    child, key = REFUSED[case]
    assert (signed_by(child, issuer(key)), can_verify(child, issuer(key))) == (False, True)


UNKNOWN: dict[str, tuple[Certificate, Certificate]] = {
    "MD2": (signed(algorithm("1.2.840.113549.1.1.2", writer.tlv(5)), lambda _: b"s" * 256), issuer(public(RSA))),
    "PSS with an unknown hash": (
        signed(algorithm(PSS_OID, pss("1.2.3", SHA256, 32)), lambda _: b"s" * 256), issuer(public(RSA)),
    ),
    "unknown algorithm": (signed(algorithm("1.2.3"), lambda _: b"s"), issuer(public(RSA))),
    "no algorithm": (signed(writer.sequence(), lambda _: b"s"), issuer(public(RSA))),
    "unknown key": (USUAL, issuer(spki("1.2.3", b"", b"key"))),
    "malformed key": (USUAL, issuer(spki(RSA_OID, writer.tlv(5), b"key"))),
    "malformed PSS key": (
        signed(algorithm(PSS_OID, pss(SHA256, SHA256, 32)), lambda _: b"s" * 256), issuer(pss_key(writer.integer(1))),
    ),
    "huge key": (USUAL, issuer(spki(RSA_OID, writer.tlv(5), writer.sequence(writer.integer(1 << 160_000))))),
    "no certificate above": (USUAL, parse(b"")),
    "no certificate below": (parse(b""), issuer(public(RSA))),
}  # fmt: skip


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_nobody_here_can_verify_is_told_apart(case: str) -> None:
    """Not signed, as far as we know; and we know that we do not know."""
    child, above = UNKNOWN[case]
    assert (signed_by(child, above), can_verify(child, above)) == (False, False)


def test_a_cut_or_spoilt_signature_is_refused() -> None:
    """As of the demo's damaged certificates."""
    leaf = parse(forge.certificate(issuer=CAST.root, corrupt="signature").der)
    assert not signed_by(leaf, parse(CAST.root.der))


def test_ber_around_the_certificate_does_not_matter() -> None:
    """The signature is over the inner bytes."""
    assert signed_by(parse(forge.certificate(issuer=CAST.root, corrupt="indefinite").der), parse(CAST.root.der))


def test_a_cryptography_that_keeps_its_loader_elsewhere_is_slower_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is private; without it the public one is taken."""
    for once in (signature._loader, signature._load):
        once.cache_clear()
    monkeypatch.setattr(_rust, "openssl", None)
    spki = parse(CAST.root.der).key.spki
    key = signature._load(spki)
    assert key is not None
    assert key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo) == spki
    for once in (signature._loader, signature._load):
        once.cache_clear()


def test_answers_are_remembered_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The arithmetic is done once for a child and a key; when the memory is full it begins anew."""
    asked: list[Certificate] = []

    def ask(child: Certificate, *_: object) -> bool:
        asked.append(child)
        return True

    monkeypatch.setattr(signature, "_answers", {})
    monkeypatch.setattr(signature, "_REMEMBERED", 2)
    monkeypatch.setattr(signature, "_ask", ask)
    above, children = parse(CAST.root.der), [parse(crafted(serial=writer.integer(n))) for n in (1, 2, 3)]
    for child in (children[0], children[0], children[1], children[0], children[2], children[0]):
        assert signed_by(child, above)
    assert asked == [*children, children[0]]
