"""Scenes of signatures and keys: the right name with another key, a broken signature, paths that not all peers find."""

from __future__ import annotations

from probe.demo import extensions as ext
from probe.demo import keys
from probe.demo.cast import Act, Cast
from probe.demo.scenes import quotes
from probe.demo.scenes.scene import PATH, Scene


def wrong_key(cast: Cast) -> Act:
    """Send an intermediate of the right name and another key."""
    twin = cast.authority("Example R3", "issuing-2", cast.root)
    return cast.act(cast.mx, twin, pool=(cast.r3,))


def cross_first(cast: Cast) -> Act:
    """Send a cross-sign to a root that nobody trusts before the good intermediate of the same name and key."""
    cross = cast.authority("Example R3", "issuing", cast.strange_root)
    return cast.act(cast.mx, cross, cast.r3)


def key_id_mismatch(cast: Cast) -> Act:
    """Name another key in the leaf's authority key identifier than the one that really signed."""
    leaf = cast.leaf(extensions=(ext.authority_key_id(keys.key_id("issuing-2")),))
    return cast.act(leaf, cast.r3)


def rekeyed(cast: Cast, *, named: bool) -> Act:
    """Send both certificates of a CA that changed its key; the leaf names its issuer's key, or does not."""
    old = cast.authority("Example R3", "issuing-2", cast.root, **cast.days(-300, 1500))
    leaf = cast.mx if named else cast.leaf(without=(ext.AUTHORITY_KEY_ID,))
    return cast.act(leaf, old, cast.r3)


SCENES = (
    Scene(
        "wrong-key-intermediate",
        "root → R3 → mx and root → R3 with another key, sent as mx and the other R3",
        wrong_key,
        quotes.SIGNATURE,
        findings=("missing-intermediate", "wrong-key-intermediate"),
        silent=("bad-signature", "extra-cert"),
        path=PATH[:1],
        verdict=20,
    ),
    Scene(
        "bad-signature",
        "root → R3 → mx, sent as mx and an R3 whose signature has one bit wrong",
        lambda cast: cast.act(
            cast.mx, cast.authority("Example R3", "issuing", cast.root, corrupt="signature"), pool=(cast.r3,)
        ),
        quotes.SIGNATURE,
        findings=("bad-signature",),
        silent=("wrong-key-intermediate", "untrusted-root"),
        path=PATH[:2],
        verdict=7,
    ),
    Scene(
        "bad-signature-leaf",
        "root → R3 → mx, sent as an mx whose signature has one bit wrong, R3",
        lambda cast: cast.act(cast.leaf(corrupt="signature"), cast.r3),
        quotes.SIGNATURE,
        findings=("bad-signature",),
        silent=("wrong-key-intermediate", "missing-intermediate", "extra-cert"),
        path=PATH[:1],
        verdict=7,
        cure="The certificate file is damaged; a fresh copy from the CA mends it.",
    ),
    Scene(
        "fragile-path",
        "strange root → R3 and root → R3 → mx, sent as mx, R3 by the strange root, R3 by the root",
        cross_first,
        quotes.NO_BACKTRACKING,
        findings=("fragile-path",),
        silent=("untrusted-root", "missing-intermediate", "duplicate"),
        verdict=20,
    ),
    Scene(
        "fragile-key-id",
        "root → R3 → mx, where mx names another key identifier, sent as mx, R3",
        key_id_mismatch,
        quotes.NO_BACKTRACKING,
        findings=("fragile-path",),
        silent=("missing-intermediate", "bad-signature", "wrong-key-intermediate"),
        verdict=20,
        cure="A certificate whose authority key identifier is that of its issuer; the CA has to issue it anew.",
    ),
    Scene(
        "rekeyed",
        "root → R3 → mx and root → R3 with its former key, sent as mx, the former R3, R3",
        lambda cast: rekeyed(cast, named=True),
        quotes.NO_BACKTRACKING,
        findings=("extra-cert",),
        silent=("fragile-path", "wrong-key-intermediate", "missing-intermediate"),
    ),
    Scene(
        "rekeyed-without-key-id",
        "root → R3 → mx and root → R3 with its former key, mx names no key, sent as mx, the former R3, R3",
        lambda cast: rekeyed(cast, named=False),
        quotes.NO_BACKTRACKING,
        findings=("extra-cert", "fragile-path"),
        silent=("wrong-key-intermediate", "missing-intermediate"),
        verdict=7,
    ),
)
