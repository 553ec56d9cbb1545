"""What a mail server's file holds and in which order: leaf, intermediates and, where it belongs there, the key.

A private key is bytes that go from the user's file into one other file as they are. Of what is in it only the public
half is derived, in order to see whether it belongs to a certificate.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization as form
from msgspec import Struct

from probe.model import Certificate
from probe.pki.blocks import is_encrypted, public_half
from probe.pki.pem import bundle

WITH_KEY = frozenset({"key-first", "key-last"})
"""Layouts that hold the private key."""
_BLOCK = re.compile(
    rb"-----BEGIN (?P<label>(?:[A-Z0-9]+ )*PRIVATE KEY)-----[^-]*(?:-(?!----)[^-]*)*-----END (?P=label)-----(?:\r?\n)?"
)


class Key(Struct, frozen=True):
    """A private key as it stands in a file."""

    pem: bytes
    """The block, its lines as they are, its end of line included."""
    spki: bytes
    """Its public half, a SubjectPublicKeyInfo in DER."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Key(spki={self.spki!r})"


def blocks(content: bytes) -> tuple[bytes, ...]:
    """Return the private keys of a file in PEM, each as it stands there; nothing is read of them."""
    return tuple(found[0] for found in _BLOCK.finditer(content))


def key_of(content: bytes) -> Key:
    """Return the one private key of a file; raises ValueError with the end of a sentence when there is not just one."""
    found = blocks(content)
    if not found:
        raise ValueError("holds no private key in PEM")
    if len(found) > 1:
        raise ValueError(f"holds {len(found)} private keys, and one is wanted")
    if is_encrypted(found[0]):
        raise ValueError("holds a key with a passphrase, so nobody can see whether it belongs to the certificate")
    public, _ = public_half(found[0])
    if public is None:
        raise ValueError("holds a private key that cannot be read")
    return Key(found[0] if found[0].endswith(b"\n") else found[0] + b"\n", public)


def belongs(key: Key, leaf: Certificate) -> bool:
    """Say whether they are a pair; two encodings of one public key are the same key."""
    return key.spki == leaf.key.spki or key.spki == _canonical(leaf.key.spki)


def _canonical(spki: bytes) -> bytes | None:
    try:
        public: Any = form.load_der_public_key(spki)
        written: bytes = public.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return written


def laid_out(right: Sequence[Certificate], layout: str, key: Key | None = None) -> bytes:
    """Return the file of a list (leaf first), in PEM with a line above each certificate that names it.

    b"" where the layout leaves nothing of it. Raises ValueError where the layout holds the key and there is none, or
    one that does not belong to the leaf, and KeyError for a layout that is none.
    """
    if layout in WITH_KEY and (key is None or not belongs(key, right[0])):
        raise ValueError("the key does not belong to the certificate" if key else "there is no key")
    armour = key.pem if key else b""
    leaf, above = (bundle(part).encode("ascii", "backslashreplace") for part in (right[:1], right[1:]))
    return {
        "fullchain": leaf + above,
        "chain": above,
        "key-first": armour + leaf + above,
        "key-last": leaf + above + armour,
        "leaf": leaf,
    }[layout]
