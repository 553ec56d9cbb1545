"""What a file holds, block by block, and whether OpenSSL's own loader agrees."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import forge
import pytest
from forge import CAST
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from shared import examples

from probe.demo import keys
from probe.material import Form, What
from probe.pki.blocks import BLOCKS, LARGEST_BLOCK, blocks, form_of
from probe.pki.certificate import parse

LEAF = forge.certificate(issuer=CAST.root).der
KEY = keys.pem("leaf").encode()


def block(content: bytes, label: str = "CERTIFICATE") -> bytes:
    """One PEM block in lines of 64 characters, as openssl writes it."""
    text = base64.b64encode(content).decode()
    lines = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


ONE, TWO = block(LEAF), block(CAST.root.der)
GOOD = ONE + TWO
MIDDLE = GOOD.index(b"\n", 200)


def loads(content: bytes, folder: Path) -> bool:
    """OpenSSL takes the file as a server's chain."""
    file = folder / "chain.pem"
    file.write_bytes(content)
    try:
        SSL.Context(SSL.TLS_SERVER_METHOD).use_certificate_chain_file(str(file))
    except SSL.Error:
        return False
    return True


def faulty(content: bytes) -> bool:
    """We say that something is wrong with the file."""
    found, ders = blocks(content)
    bad = any(one.problem or one.glued for one in found)
    return bad or not ders or form_of(content) is not Form.PEM or any(parse(der).problem for der in ders)


def altered(content: bytes) -> bool:
    """A certificate in it is another one now, of which more than its PEM has to be judged."""
    return not {LEAF, CAST.root.der}.issuperset(blocks(content)[1])


RIGHT = {
    "as it should be": GOOD,
    "text around": b"text\n" + ONE + b"text\n\n" + TWO + b"text",
    "carriage returns": GOOD.replace(b"\n", b"\r\n"),
    "byte order marks": b"\xef\xbb\xbf" + ONE + b"\xef\xbb\xbf" + TWO,
    "no newline at the end": GOOD.rstrip(),
    "blanks at the ends of lines": GOOD.replace(b"\n", b" \t\n"),
    "indented base64": GOOD[:MIDDLE] + b"\n  " + GOOD[MIDDLE + 1 :],
    "an empty line behind BEGIN": GOOD.replace(b"-----\nMII", b"-----\n\nMII"),
    "base64 in one line": re.sub(rb"(?<=[A-Za-z0-9+/=])\n(?=[A-Za-z0-9+/=])", b"", GOOD),
    "a key between": ONE + KEY + TWO,
    "other labels": block(LEAF, "X509 CERTIFICATE") + TWO,
}
WRONG = {
    "glued": ONE.rstrip() + TWO,
    "text behind END": ONE.rstrip() + b" #\n" + TWO,
    "text behind BEGIN": GOOD.replace(b"CERTIFICATE-----\n", b"CERTIFICATE----- #\n", 1),
    "blank before BEGIN": b" " + GOOD,
    "blank before END": GOOD.replace(b"-----END", b" -----END"),
    "an empty line in the middle": GOOD[:MIDDLE] + b"\n" + GOOD[MIDDLE:],
    "a header": GOOD.replace(b"-----\nMII", b"-----\nName: x\n\nMII", 1),
    "a comment in the middle": GOOD[:MIDDLE] + b"\n# x" + GOOD[MIDDLE:],
    "a character less": GOOD[: MIDDLE - 3] + GOOD[MIDDLE - 2 :],
    "one = too many": GOOD.replace(b"\n-----END", b"=\n-----END"),
    "an empty block": ONE + b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "no END": GOOD.replace(b"-----END CERTIFICATE-----\n", b"", 1),
    "four hyphens": GOOD.replace(b"END CERTIFICATE-----", b"END CERTIFICATE----", 1),
    "two labels": GOOD.replace(b"END CERTIFICATE", b"END X509 CERTIFICATE", 1),
    "quoted": b"> " + GOOD.replace(b"\n", b"\n> "),
    "the Macintosh of old": GOOD.replace(b"\n", b"\r"),
    "damage in another block": ONE + b"-----BEGIN X-----\n!\n-----END X-----\n" + TWO,
    "half a certificate": ONE + block(LEAF[: len(LEAF) // 2]),
    "UTF-16": b"\xff\xfe" + GOOD.decode().encode("utf-16-le"),
    "nothing": b"",
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_openssl_reads_we_call_right(name: str, tmp_path: Path) -> None:
    """Nobody is told to mend a file that works."""
    assert loads(RIGHT[name], tmp_path)
    assert not faulty(RIGHT[name])
    assert len(blocks(RIGHT[name])[1]) == 2


@pytest.mark.parametrize("name", WRONG)
def test_what_openssl_does_not_read_we_call_wrong(name: str) -> None:
    """The library refuses these files, or reads less than stands in them."""
    assert faulty(WRONG[name])


PUT = st.binary(max_size=2).filter(lambda put: b"\0" not in put) | st.sampled_from([b"\n", b"\r", b"-", b":", b"="])


@example(at=28, cut=0, put=b"\x0b")  # white space to Python, and none to OpenSSL
@given(st.integers(0, len(GOOD)), st.integers(0, 3), PUT)
@settings(max_examples=examples(1000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_file_that_openssl_refuses_is_never_called_right(tmp_path: Path, at: int, cut: int, put: bytes) -> None:
    """Whatever is cut out or put in anywhere."""
    content = GOOD[:at] + put + GOOD[at + cut :]
    assert loads(content, tmp_path) or faulty(content) or altered(content)


@pytest.mark.unmeasured
def test_every_beginning_of_a_file_is_judged_as_openssl_does(tmp_path: Path) -> None:
    """A download that was cut off, at any byte."""
    taken = [end for end in range(len(GOOD) + 1) if not faulty(GOOD[:end])]
    assert [end for end in taken if not loads(GOOD[:end], tmp_path)] == []
    begun = range(len(ONE), len(ONE) + len("-----BEGIN CERTIFICATE-----"))
    assert taken == [len(ONE) - 1, *begun, len(GOOD) - 1, len(GOOD)]


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_nothing_that_is_read_raises(before: bytes, inside: bytes) -> None:
    """Bytes of any kind, alone and inside a block."""
    for label in (b"CERTIFICATE", b"PRIVATE KEY", b"PKCS7", b"X"):
        for content in (
            before,
            before + b"-----BEGIN " + label + b"-----\n" + inside + b"-----END " + label + b"-----",
        ):
            found, _ = blocks(content)
            assert all(one.line >= 0 for one in found)


def test_places_and_kinds() -> None:
    """Each block has its line and its kind."""
    others = "CERTIFICATE REQUEST", "DH PARAMETERS", "EC PARAMETERS", "X509 CRL", "PUBLIC KEY", "CONFIG"
    content = b"head\n" + KEY + ONE + b"".join(block(b"123", label) for label in others)
    found, ders = blocks(content)
    assert [one.what for one in found] == [
        What.KEY, What.CERTIFICATE, What.REQUEST, What.PARAMETERS, What.PARAMETERS, What.CRL, What.PUBLIC_KEY,
        What.OTHER,
    ]  # fmt: skip
    lines = content.split(b"\n")
    assert all(lines[one.line - 1] == f"-----BEGIN {one.label}-----".encode() for one in found)
    assert ders == (LEAF,)


@pytest.mark.parametrize("label", ["PKCS7", "PKCS #7 SIGNED DATA", "CMS"])
def test_a_set_in_pem_is_no_chain(label: str) -> None:
    """OpenSSL passes over PKCS#7: alone it is another form, beside a certificate it is not served."""
    assert form_of(block(b"123", label)) is Form.PKCS7
    assert form_of(block(b"123", label) + ONE) is Form.PEM
    assert blocks(block(b"123", label) + ONE)[1] == (LEAF,)


def test_keys_behind_a_passphrase_are_known_without_it() -> None:
    """Both ways in which openssl writes them."""
    head = b"-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
    old = block(b"123", "RSA PRIVATE KEY").replace(b"-----\n", head, 1)
    for content in (old, block(b"123", "ENCRYPTED PRIVATE KEY")):
        ((key,), _) = blocks(content)
        assert (key.what, key.encrypted, key.spki, key.problem) == (What.KEY, True, None, None)


def test_a_key_that_nobody_can_read_has_a_problem() -> None:
    """It is told, since no pair can be judged; the block of a good key has its public half."""
    assert blocks(block(b"123", "PRIVATE KEY"))[0][0].problem == "it is no private key"
    assert blocks(KEY)[0][0].spki == keys.spki("leaf")


@pytest.mark.unmeasured
def test_a_hostile_file_is_bounded() -> None:
    """Many blocks, and one that is too large; what stands behind the last is not taken for a part of it."""
    found, ders = blocks(ONE * (BLOCKS + 50))
    assert (len(found), len(ders)) == (BLOCKS, BLOCKS)
    found, ders = blocks(block(b"\0" * LARGEST_BLOCK))
    assert (found[0].problem, ders) == ("it is larger than 1 MiB", ())
