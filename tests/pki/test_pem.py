from __future__ import annotations

import base64
import re

import forge
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from forge import CAST
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.demo import der as writer
from probe.demo import keys as demo_keys
from probe.model import Name
from probe.pki.certificate import parse
from probe.pki.pem import bundle, certificates

A, B = CAST.root.der, forge.certificate(issuer=CAST.root).der
KEY = demo_keys.pem("leaf").encode()


def block(der: bytes, label: str = "CERTIFICATE") -> bytes:
    """One PEM block with a newline at its end."""
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{text}-----END {label}-----\n".encode()


def message(*ders: bytes) -> bytes:
    """PKCS#7 SignedData without signers, by cryptography."""
    return pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in ders], Encoding.DER)


GOOD = block(A) + block(B)
FILES = {
    "two blocks": GOOD,
    "a key before": KEY + GOOD,
    "a key between": block(A) + KEY + block(B),
    "text around": b"subject=A\n" + block(A) + b"\n\nsubject=-B-\n" + block(B) + b"-- \nthat is all",
    "CRLF": GOOD.replace(b"\n", b"\r\n"),
    "CR": GOOD.replace(b"\n", b"\r"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "UTF-16, big end first": b"\xfe\xff" + GOOD.decode().encode("utf-16-be"),
    "no newline at the end": GOOD.rstrip(),
    "glued": block(A).rstrip() + block(B),
    "in one line": b" ".join(GOOD.split()).replace(b"BEGIN CERTIFICATE-----", b"BEGIN CERTIFICATE-----"),
    "blanks in the lines": GOOD.replace(b"\n", b" \t\n  "),
    "without padding": GOOD.replace(b"=", b""),
    "other labels": block(A, "X509 CERTIFICATE") + block(B, "TRUSTED CERTIFICATE"),
    "OpenSSL's trust settings": block(A) + block(B + writer.sequence(writer.oid("1.2.3")), "TRUSTED CERTIFICATE"),
    "headers in a block": block(A) + block(B).replace(b"-----\n", b"-----\nProc-Type: 4\n folded\n\n", 1),
    "an unfinished block before": block(B)[:200] + b"\n" + GOOD,
    "an empty block": block(b"") + GOOD,
    "a block that is no base64": b"-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n" + GOOD,
    "a trusted block of nothing": block(b"\x30", "TRUSTED CERTIFICATE") + GOOD,
    "a request between": block(A) + block(B, "CERTIFICATE REQUEST") + block(B),
    "DER": A + B,
    "DER and a newline": A + B + b"\n",
    "PKCS#7 in DER": message(A, B),
    "PKCS#7 in PEM": block(message(A, B), "PKCS7"),
    "PKCS#7 by its long label": block(message(A, B), "PKCS #7 SIGNED DATA"),
    "CMS": block(message(A, B), "CMS"),
}


PKCS7 = {case for case in FILES if case.startswith(("PKCS#7", "CMS"))}


@pytest.mark.parametrize("case", FILES)
def test_certificates_are_found_in_every_wrapping(case: str) -> None:
    """A and B whatever is around them, in the order of the file; a SET of PKCS#7 is in the order of DER."""
    found = certificates(FILES[case])
    assert found == (tuple(sorted((A, B))) if case in PKCS7 else (A, B))


def indefinite(*parts: bytes) -> bytes:
    """SEQUENCE of indefinite length, as Java writes PKCS#7."""
    return b"\x30\x80" + b"".join(parts) + b"\0\0"


SIGNED_DATA = writer.oid("1.2.840.113549.1.7.2")
EMPTY_DATA = indefinite(writer.oid("1.2.840.113549.1.7.1"))
CERTIFICATES_OF_A = b"\xa0\x80" + A + b"\0\0"
SIGNED = indefinite(writer.integer(1), writer.tlv(0x31), EMPTY_DATA, CERTIFICATES_OF_A)
BER_MESSAGE = indefinite(SIGNED_DATA, b"\xa0\x80" + SIGNED + b"\0\0")


def odd_message(*behind: bytes) -> bytes:
    """SignedData with these elements where the certificates should be."""
    return writer.sequence(
        SIGNED_DATA, writer.explicit(0, writer.sequence(writer.integer(1), *[b"\x31\0"] * 2, *behind))
    )


def test_pkcs7_in_ber_is_read() -> None:
    """Which cryptography's loader does not."""
    assert certificates(BER_MESSAGE) == (A,)
    assert certificates(block(BER_MESSAGE, "PKCS7")) == (A,)


NOTHING = {
    "empty": b"",
    "text": b"0 is a number, and there is no certificate here",
    "a key": KEY,
    "a key in DER": demo_keys.spki("leaf"),
    "cut": A[:-1],
    "an end without beginning": b"-----END CERTIFICATE-----",
    "a beginning without end": block(A)[:-30],
    "two labels": block(A).replace(b"END CERTIFICATE", b"END X509 CERTIFICATE"),
    "a message cut": message(A)[:-200],
    "a message of another kind": writer.sequence(writer.oid("1.2.840.113549.1.7.1")),
    "a message without certificates": odd_message(),
    "a message with signers alone": odd_message(b"\x31\0"),
    "a message of junk": block(odd_message(b"\xa0\x02\x30\x7f"), "PKCS7"),
    "a message of other certificates": odd_message(b"\xa0\x02\xa1\0"),
}


@pytest.mark.parametrize("case", NOTHING)
def test_where_there_is_none_nothing_is_found(case: str) -> None:
    """And nothing is raised."""
    assert certificates(NOTHING[case]) == ()


def test_a_block_that_is_no_certificate_is_given_all_the_same() -> None:
    """So that somebody says that it is broken, and the others are kept."""
    assert certificates(block(b"junk") + block(A)) == (b"junk", A)


def test_a_list_of_thousand_blocks_is_read() -> None:
    """In the order of the file."""
    ders = tuple(writer.sequence(writer.integer(number)) for number in range(1000))
    assert certificates(b"".join(map(block, ders))) == ders


@given(st.binary(max_size=300), st.sampled_from(sorted(FILES)), st.integers(0), st.integers(0, 40))
def test_no_bytes_raise(junk: bytes, case: str, at: int, size: int) -> None:
    """Junk anywhere in a file."""
    whole = FILES[case]
    at %= len(whole)
    assert isinstance(certificates(whole[:at] + junk + whole[at + size :]), tuple)


def test_a_bundle_is_pem_that_everybody_reads() -> None:
    """64 columns, one line of comment above each block, and cryptography and we read the same back."""
    text = bundle((parse(A), parse(B)))
    lines = text.splitlines()
    assert [line for line in lines if line.startswith("#")] == [
        f"# {parse(A).label} (issued by {parse(A).issuer.text})",
        f"# {parse(B).label} (issued by {parse(B).issuer.text})",
    ]
    assert max(len(line) for line in lines if not line.startswith("#")) == 64
    assert text.endswith("-----END CERTIFICATE-----\n")
    assert certificates(text.encode()) == (A, B)
    loaded = x509.load_pem_x509_certificates(text.encode())
    assert [each.public_bytes(Encoding.DER) for each in loaded] == [A, B]


def test_a_bundle_of_nothing_is_empty() -> None:
    """No line at all."""
    assert bundle(()) == ""


HOSTILE = {
    "newline": ("a\nb\r\u2028\x85", "a?b???"),
    "escape": ("\x1b[2J", "?[2J"),
    "bidi": ("\u202eevil\u2066", "?evil?"),
    "invisible": ("a\u200bb\ufeff\ue000", "a?b??"),
    "hard blank": ("a\xa0b", "a b"),
    "a block": ("-----BEGIN CERTIFICATE-----", "-BEGIN CERTIFICATE-"),
    "umlauts": ("Köln Ω", "Köln Ω"),
    "long": ("x" * 500, "x" * 119 + "…"),
    "lone surrogate": ("\ud800", "?"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_name_is_harmless_in_the_comment(case: str) -> None:
    """It stays in its line and opens no block."""
    given_name, shown = HOSTILE[case]
    name = Name(b"", b"", given_name, given_name)
    assert bundle([replace(parse(A), subject=name, issuer=name)]).splitlines()[0] == f"# {shown} (issued by {shown})"


@given(st.text())
def test_no_name_breaks_a_bundle(text: str) -> None:
    """One certificate goes in and one comes out, in a file that can be written."""
    name = Name(b"", b"", text, text)
    written = bundle([replace(parse(A), subject=name, issuer=name)])
    assert certificates(written.encode()) == (A,)
    assert len(re.findall("^#", written, re.MULTILINE)) == written.count("-----BEGIN") == 1
