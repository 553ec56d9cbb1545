"""Scenes in which nothing is wrong."""

from __future__ import annotations

from probe.demo.cast import NAME, Act, Cast
from probe.demo.scenes import quotes
from probe.demo.scenes.scene import Scene


def ecdsa(cast: Cast) -> Act:
    """Build a chain of elliptic curves, as Let's Encrypt's E-series."""
    root = cast.authority("Example Root X2", "p384", digest="sha384")
    issuing = cast.authority("Example E1", "p256-2", root, digest="sha384")
    leaf = cast.leaf(issuing, key="p256", key_usage=("digitalSignature",))
    return Act((leaf, issuing), (root,))


SCENES = (
    Scene(
        "good",
        "root → R3 → mx, sent as mx, R3",
        lambda cast: cast.act(cast.mx, cast.r3),
        quotes.TLS13_ORDER,
        silent=("missing-intermediate", "misordered", "untrusted-root", "weak-key", "weak-signature", "expires-soon"),
    ),
    Scene(
        "good-ecdsa",
        "root → E1 → mx, sent as mx, E1; P-384 above, P-256 below",
        ecdsa,
        quotes.TLS13_ORDER,
        silent=("missing-intermediate", "untrusted-root", "weak-key", "weak-signature", "key-usage"),
        path=(NAME, "Example E1", "Example Root X2"),
    ),
    Scene(
        "good-without-intermediate",
        "root → mx, sent as mx",
        lambda cast: cast.act(cast.leaf(cast.root)),
        quotes.ROOT_OMITTED,
        silent=("missing-intermediate", "untrusted-root"),
        path=(NAME, "Example Root X1"),
    ),
)
