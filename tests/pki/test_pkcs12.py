"""PKCS#12: what is in it, and how much work it may ask for."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress

import forge
import pytest
from cryptography.hazmat.primitives import padding, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509 import load_der_x509_certificate
from forge import CAST
from hypothesis import given, settings
from hypothesis import strategies as st

from probe.cli import apart
from probe.demo import keys
from probe.material import What
from probe.pki.pkcs12 import CLOSED, ITERATIONS, is_pkcs12, read

PASSWORD = b"correct horse"
LEAF = forge.certificate(issuer=CAST.root).der


def made(rounds: int = 1000) -> bytes:
    """Key, leaf and root in one file."""
    own, root = load_der_x509_certificate(LEAF), load_der_x509_certificate(CAST.root.der)
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
    return pkcs12.serialize_key_and_certificates(b"mx", keys.private("leaf"), own, [root], builder.build(PASSWORD))


GOOD = made()


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of DER."""
    body = b"".join(parts)
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8 or 1, "big")
    return bytes([tag]) + (bytes([len(body)]) if len(body) < 128 else bytes([0x80 | len(size)]) + size) + body


def oid(text: str) -> bytes:
    """An OBJECT IDENTIFIER out of its hexadecimal contents."""
    return tlv(6, bytes.fromhex(text))


def integer(number: int) -> bytes:
    """An INTEGER above zero."""
    return tlv(2, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def pbes2(rounds: int, salt: bytes, vector: bytes) -> bytes:
    """AlgorithmIdentifier: PBKDF2 with HMAC-SHA-256, and AES-256-CBC (RFC 8018 A.4)."""
    derivation = tlv(0x30, tlv(4, salt), integer(rounds), tlv(0x30, oid("2a864886f70d0209"), tlv(5)))
    scheme = tlv(0x30, oid("60864801650304012a"), tlv(4, vector))
    parameters = tlv(0x30, tlv(0x30, oid("2a864886f70d01050c"), derivation), scheme)
    return tlv(0x30, oid("2a864886f70d01050d"), parameters)


def nested(rounds: int, told: int = 1000) -> bytes:
    """A file whose outer layer is cheap, and inside of it, where only the password leads, a key that asks for more."""
    salt, vector = os.urandom(8), os.urandom(16)
    bag = tlv(0x30, pbes2(rounds, salt, vector), tlv(4, bytes(32)))
    contents = tlv(0x30, tlv(0x30, oid("2a864886f70d010c0a0102"), tlv(0xA0, bag)))
    padder = padding.PKCS7(128).padder()
    secret = hashlib.pbkdf2_hmac("sha256", PASSWORD, salt, 1000, 32)
    cipher = Cipher(algorithms.AES(secret), modes.CBC(vector)).encryptor()
    hidden = cipher.update(padder.update(contents) + padder.finalize()) + cipher.finalize()
    inner = tlv(0x30, oid("2a864886f70d010701"), pbes2(told, salt, vector), tlv(0x80, hidden))
    safe = tlv(0x30, oid("2a864886f70d010706"), tlv(0xA0, tlv(0x30, integer(0), inner)))
    outer = tlv(0x30, oid("2a864886f70d010701"), tlv(0xA0, tlv(4, tlv(0x30, safe))))
    return tlv(0x30, integer(3), outer)


def test_key_and_certificates_come_out() -> None:
    """The leaf first; of the key its public half."""
    for how in (read, apart.read):
        found, certificates = how(GOOD, PASSWORD)
        assert [block.what for block in found] == [What.KEY, What.CERTIFICATE, What.CERTIFICATE]
        assert certificates == (LEAF, CAST.root.der)
        assert found[0].spki == keys.spki("leaf")


def test_an_indefinite_length_is_read() -> None:
    """Old programs write BER (X.690 §8.1.3.6)."""
    start = 4 if GOOD[1] == 0x82 else 3
    indefinite = b"\x30\x80" + GOOD[start:] + b"\0\0"
    assert is_pkcs12(indefinite)
    assert read(indefinite, PASSWORD)[1] == (LEAF, CAST.root.der)


@pytest.mark.parametrize("how", [read, apart.read])
def test_another_password_is_a_sentence(how: Callable[[bytes, bytes], object]) -> None:
    """Damage is not told apart from it: nobody can."""
    for content, password in ((GOOD, b"other"), (GOOD[:-9], PASSWORD), (GOOD, b"\xff\0")):
        with pytest.raises(ValueError, match=CLOSED):
            how(content, password)


def test_rounds_in_the_open_are_counted_before_the_work() -> None:
    """The password need not be known for that."""
    with pytest.raises(ValueError, match=f"asks for {ITERATIONS + 1} rounds of key derivation"):
        read(nested(1000, told=ITERATIONS + 1), b"")


def test_rounds_that_only_the_password_shows_are_bounded_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library would work for an hour; the process that does is ended."""
    monkeypatch.setattr(apart, "SECONDS", 0.5)
    with pytest.raises(ValueError, match=r"more than 0\.5 seconds"):
        apart.read(nested(2**31 - 1), PASSWORD)
    monkeypatch.setattr(apart, "SECONDS", 20)
    with pytest.raises(ValueError, match=CLOSED):  # the same file, with a key that asks for little and is none
        apart.read(nested(1000), PASSWORD)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
@settings(deadline=None)
def test_a_damaged_file_never_raises_otherwise(at: int, byte: int) -> None:
    """Any byte may be another one, and any beginning may be all there is."""
    for content in (GOOD[:at] + bytes([byte]) + GOOD[at + 1 :], GOOD[:at]):
        is_pkcs12(content)
        with suppress(ValueError):
            read(content, PASSWORD)
