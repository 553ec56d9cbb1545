from __future__ import annotations

import pytest
from pki.crafted import crafted

from probe.demo import der as writer
from probe.demo import keys as demo_keys
from probe.model import PublicKey
from probe.pki.certificate import parse


def spki(oid: str, parameters: bytes, key: bytes) -> bytes:
    """Encode a SubjectPublicKeyInfo."""
    return writer.sequence(writer.sequence(writer.oid(oid), parameters), writer.bits(key))


EC, DSA = "1.2.840.10045.2.1", "1.2.840.10040.4.1"
FIELD = writer.sequence(writer.oid("1.2.840.10045.1.1"), writer.integer((1 << 256) - 1))
KEYS = {
    "RSA": (demo_keys.spki("rsa-512"), ("rsa", 512, None), None, "RSA 512"),
    "RSA-PSS": (
        spki("1.2.840.113549.1.1.10", b"", writer.sequence(writer.integer(1 << 2047), writer.integer(3))),
        ("rsa-pss", 2048, None), None, "RSA-PSS 2048",
    ),
    "P-256": (demo_keys.spki("p256"), ("ecdsa", 256, "P-256"), None, "ECDSA P-256"),
    "P-384": (demo_keys.spki("p384"), ("ecdsa", 384, "P-384"), None, "ECDSA P-384"),
    "another curve": (spki(EC, writer.oid("1.2.3"), b"\4"), ("ecdsa", None, "1.2.3"), None, "ECDSA 1.2.3"),
    "explicit curve": (
        spki(EC, writer.sequence(writer.integer(1), FIELD), b"\4"), ("ecdsa", 256, "explicit"), None, "ECDSA explicit",
    ),
    "explicit curve over another field": (
        spki(EC, writer.sequence(writer.integer(1), writer.sequence(writer.oid("1.2.3"))), b"\4"),
        ("ecdsa", None, "explicit"), None, "ECDSA explicit",
    ),
    "no curve": (spki(EC, writer.tlv(5), b"\4"), ("ecdsa", None, None), "no curve", "ECDSA"),
    "DSA": (
        spki(DSA, writer.sequence(writer.integer(1 << 1023)), writer.integer(5)), ("dsa", 1024, None), None, "DSA 1024",
    ),
    "DSA that inherits": (spki(DSA, b"", writer.integer(5)), ("dsa", None, None), None, "DSA"),
    "Ed25519": (demo_keys.spki("ed25519"), ("ed25519", None, None), None, "ED25519"),
    "Ed448": (spki("1.3.101.113", b"", b"k" * 57), ("ed448", None, None), None, "ED448"),
    "ML-DSA-65": (spki("2.16.840.1.101.3.4.3.18", b"", b"k"), ("ml-dsa-65", None, None), None, "ML-DSA-65"),
    "unknown": (spki("1.2.3.4", b"", b"k"), ("1.2.3.4", None, None), None, "1.2.3.4"),
    "RSA of junk": (
        spki("1.2.840.113549.1.1.1", b"", b"junk"), ("rsa", None, None), "longer than what holds it", "RSA",
    ),
    "RSA of text": (
        spki("1.2.840.113549.1.1.1", b"", writer.sequence(writer.octets(b"n"))),
        ("rsa", None, None), "no INTEGER where the key's size stands", "RSA",
    ),
    "empty": (writer.sequence(), ("", None, None), "no algorithm and key", ""),
    "no algorithm": (
        writer.sequence(writer.sequence(), writer.bits(b"")),
        ("", None, None), "no OBJECT IDENTIFIER of an algorithm", "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_keys_are_told_by_kind_size_and_curve(case: str) -> None:
    """Every kind that certificates use, and those that nobody knows."""
    encoded, (algorithm, bits, curve), trouble, text = KEYS[case]
    read = parse(crafted(key=encoded))
    assert read.key == PublicKey(encoded, algorithm, bits, curve)
    assert read.key.text == text
    assert read.problems == ((f"subjectPublicKeyInfo: {trouble}",) if trouble else ())


def pss(*parts: bytes) -> bytes:
    """Encode the AlgorithmIdentifier of RSASSA-PSS with these parameters."""
    return writer.sequence(writer.oid("1.2.840.113549.1.1.10"), writer.sequence(*parts))


SHA384 = writer.sequence(writer.oid("2.16.840.1.101.3.4.2.2"), writer.tlv(5))
ALGORITHMS = {
    "MD2": (writer.sequence(writer.oid("1.2.840.113549.1.1.2")), ("md2WithRSAEncryption", "md2")),
    "PSS with its defaults": (pss(), ("rsassaPss", "sha1")),
    "PSS with SHA-384": (pss(writer.explicit(0, SHA384)), ("rsassaPss", "sha384")),
    "PSS with an unknown hash": (pss(writer.explicit(0, writer.sequence(writer.oid("1.2.3")))), ("rsassaPss", "1.2.3")),
    "ECDSA with SHA-3": (writer.sequence(writer.oid("2.16.840.1.101.3.4.3.10")), ("ecdsa-with-SHA3-256", "sha3-256")),
    "Ed25519": (writer.sequence(writer.oid("1.3.101.112")), ("ed25519", None)),
    "ML-DSA": (writer.sequence(writer.oid("2.16.840.1.101.3.4.3.19")), ("ml-dsa-87", None)),
    "unknown": (writer.sequence(writer.oid("1.2.3.4")), ("1.2.3.4", None)),
}


@pytest.mark.parametrize("case", ALGORITHMS)
def test_signatures_are_told_by_name_and_hash(case: str) -> None:
    """Of PSS the hash stands in the parameters."""
    encoded, expected = ALGORITHMS[case]
    read = parse(crafted(inner=encoded, outer=encoded))
    assert (read.signature_name, read.signature_hash) == expected
    assert read.problems == ()
