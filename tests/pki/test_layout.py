"""What a server's file holds, and whose key it is."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization as form
from forge import certificate, chain

from probe import material
from probe.cli import options
from probe.demo import keys
from probe.pki import pem
from probe.pki.blocks import is_encrypted
from probe.pki.certificate import parse
from probe.pki.layout import WITH_KEY, Key, belongs, blocks, key_of, laid_out

LEAF, ISSUER, _ = map(parse, (one.der for one in chain(1)))
RIGHT = (LEAF, ISSUER)
PEM = keys.pem("leaf").partition("\n")[2].encode()
KEY = key_of(PEM)


def ders(content: bytes) -> list[bytes]:
    """The certificates in their order."""
    return list(pem.certificates(content))


@pytest.mark.parametrize(
    ("layout", "held"),
    [("fullchain", RIGHT), ("chain", (ISSUER,)), ("leaf", (LEAF,)), ("key-first", RIGHT), ("key-last", RIGHT)],
)
def test_each_layout_holds_its_certificates(layout: str, held: tuple[object, ...]) -> None:
    """In order, and the key's bytes only where the layout says so, at its end of the file."""
    content = laid_out(RIGHT, layout, KEY)
    assert ders(content) == [one.der for one in RIGHT if one in held]
    assert (PEM in content) == (layout in WITH_KEY)
    assert content.startswith(PEM) == (layout == "key-first")
    assert content.endswith(PEM) == (layout == "key-last")


def test_the_key_goes_in_as_it_is() -> None:
    """Line ends, headers and comments beside it are the user's; only an end of line is added where there is none."""
    odd = b"comment\r\n" + PEM.replace(b"\n", b"\r\n").removesuffix(b"\r\n") + b""
    assert key_of(odd).pem == odd.removeprefix(b"comment\r\n") + b"\n"
    assert laid_out(RIGHT, "key-first", key_of(odd)).startswith(key_of(odd).pem + b"#")


def test_a_key_that_belongs_to_another_certificate_is_never_written() -> None:
    """Nor is a layout with key written without one."""
    with pytest.raises(ValueError, match="does not belong"):
        laid_out(RIGHT, "key-last", key_of(keys.pem("leaf-2").encode()))
    with pytest.raises(ValueError, match="there is no key"):
        laid_out(RIGHT, "key-first")
    assert not belongs(Key(b"", b"no key at all"), LEAF)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_is_known_in_either_encoding(kind: str) -> None:
    """PKCS#8 and the older forms have the same public half."""
    own = certificate(key="leaf" if kind == "rsa" else "p256")
    private = form.load_pem_private_key(keys.pem("leaf" if kind == "rsa" else "p256").encode(), None)
    for shape in (form.PrivateFormat.PKCS8, form.PrivateFormat.TraditionalOpenSSL):
        written = private.private_bytes(form.Encoding.PEM, shape, form.NoEncryption())
        assert belongs(key_of(written), parse(own.der))


@pytest.mark.parametrize("shape", [form.PrivateFormat.PKCS8, form.PrivateFormat.TraditionalOpenSSL])
def test_a_key_with_a_passphrase_is_known_by_its_armour(shape: form.PrivateFormat) -> None:
    """Whose it is, nobody can see."""
    private = form.load_pem_private_key(PEM, None)
    locked = private.private_bytes(form.Encoding.PEM, shape, form.BestAvailableEncryption(b"secret"))
    assert is_encrypted(locked)
    assert not is_encrypted(PEM)
    with pytest.raises(ValueError, match="with a passphrase"):
        key_of(locked)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no private key"),
        (PEM * 2, "holds 2 private keys"),
        (b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n", "cannot be read"),
        (b"-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END RSA PRIVATE KEY-----\n", "no private key"),
    ],
)
def test_what_is_not_one_key_is_said(content: bytes, sentence: str) -> None:
    """The end of a sentence, without a byte of the key."""
    with pytest.raises(ValueError, match=sentence) as refused:
        key_of(content)
    assert "TUlJ" not in str(refused.value)


def test_a_key_does_not_show_itself() -> None:
    """Not in a message, a traceback, or a log."""
    assert "PRIVATE" not in repr(KEY)
    assert blocks(PEM * 3) == (PEM,) * 3


def test_all_know_the_same_layouts() -> None:
    """The command line, the recipes (by ``material``), and what lays out."""
    assert set(options.LAYOUTS) == set(material.LAYOUTS)
    assert [laid_out(RIGHT, layout, KEY) for layout in options.LAYOUTS]
