"""Scenes of trust and time: where the path ends, and whether everything on it is within its dates."""

from __future__ import annotations

from probe.demo.cast import NAME, Act, Cast
from probe.demo.scenes import quotes
from probe.demo.scenes.scene import R3, ROOT, Scene

STRANGE = "Strange Root"
SELF_SIGNED = (
    "RFC 5280 §3.2: Self-signed certificates are self-issued certificates where the digital signature may be verified "
    "by the public key bound into the certificate."
)
NOT_PART = (
    "RFC 5280 §6.1: When the trust anchor is provided in the form of a self-signed certificate, this self-signed "
    "certificate is not included as part of the prospective certification path."
)
RENEWAL = (
    "Let's Encrypt, Integration Guide: We recommend renewing certificates automatically when they have a third of "
    "their total lifetime left. For Let's Encrypt's current 90-day certificates, that means renewing 30 days before "
    "expiration."
)
NEW_DATES = "A renewed certificate, and a reload, so that the server really serves it."


def private(cast: Cast, sent: int, known: int = 0) -> Act:
    """Send the lower part of a chain under a root that nobody trusts; the pool knows the upper ``known``."""
    issuing = cast.authority("Strange R1", "issuing-2", cast.strange_root)
    chain = (cast.leaf(issuing), issuing, cast.strange_root)
    return cast.act(*chain[:sent], pool=chain[len(chain) - known :])


def expired_anchor(cast: Cast) -> Act:
    """End the only path at a trust anchor past its date."""
    old = cast.authority("Example Old Root", "old-root", **cast.days(-5000, -40))
    issuing = cast.authority("Example R3", "issuing", old)
    return Act((cast.leaf(issuing), issuing), (old, cast.root))


def cross_to_expired(cast: Cast, *, root_sent: bool) -> Act:
    """Cross-sign the good root by one that has expired, as AddTrust did for USERTrust until May 2020."""
    old = cast.authority("Example Old Root", "old-root", **cast.days(-5000, -40))
    cross = cast.authority("Example Root X1", "root", old, **cast.days(-3000, 400))
    sent = (cast.mx, cast.r3, cross, *((old,) if root_sent else ()))
    return Act(sent, (cast.root,) if root_sent else (cast.root, old))


def expired_cross(cast: Cast) -> Act:
    """Send an expired cross-sign that the good path does not need."""
    cross = cast.authority("Example Root X1", "root", cast.old_root, **cast.days(-3000, -10))
    return Act((cast.mx, cast.r3, cross), (cast.root, cast.old_root))


def twin(cast: Cast) -> Act:
    """Send the expired and the valid certificate of one intermediate, same name and key."""
    old = cast.authority("Example R3", "issuing", cast.root, **cast.days(-2000, -10))
    return cast.act(cast.mx, old, cast.r3)


def expired_intermediate(cast: Cast) -> Act:
    """Send an intermediate that has expired; the pool knows its renewed twin."""
    old = cast.authority("Example R3", "issuing", cast.root, **cast.days(-2000, -10))
    return cast.act(cast.leaf(old), old, pool=(cast.r3,))


def not_yet_valid_intermediate(cast: Cast) -> Act:
    """Send an intermediate of tomorrow."""
    issuing = cast.authority("Example R3", "issuing", cast.root, **cast.days(1, 1500))
    return cast.act(cast.leaf(issuing), issuing)


def ending_intermediate(cast: Cast) -> Act:
    """Send an intermediate that ends in ten days; so does the leaf's usefulness, whatever its own date."""
    issuing = cast.authority("Example R3", "issuing", cast.root, **cast.days(-1800, 10.5))
    return cast.act(cast.leaf(issuing), issuing)


TRUST = (
    Scene(
        "untrusted-root",
        "strange root → S1 → mx, sent as mx, S1, strange root; nobody trusts the strange root",
        lambda cast: private(cast, sent=3),
        quotes.ISSUED_BY_ANCHOR,
        findings=("untrusted-root",),
        silent=("missing-intermediate", "self-signed-leaf", "extra-cert", "root-included"),
        path=(NAME, "Strange R1", STRANGE),
        verdict=19,
        cure="A certificate of a CA that the senders trust; or the senders are told to trust this one.",
    ),
    Scene(
        "untrusted-root-not-sent",
        "strange root → S1 → mx, sent as mx, S1; the pool knows the strange root, and nobody trusts it",
        lambda cast: private(cast, sent=2, known=1),
        quotes.ISSUED_BY_ANCHOR,
        findings=("untrusted-root",),
        silent=("missing-intermediate", "self-signed-leaf"),
        path=(NAME, "Strange R1"),
        verdict=20,
        cure="A certificate of a CA that the senders trust; or the senders are told to trust this one.",
    ),
    Scene(
        "untrusted-and-missing",
        "strange root → S1 → mx, sent as mx; the pool knows S1 and the strange root, and nobody trusts it",
        lambda cast: private(cast, sent=1, known=2),
        quotes.ISSUED_BY_ANCHOR,
        findings=("missing-intermediate", "untrusted-root"),
        silent=("self-signed-leaf",),
        path=(NAME,),
        verdict=20,
        cure="A certificate of a CA that the senders trust, and its intermediate behind it.",
    ),
    Scene(
        "self-signed-leaf",
        "mx → mx, sent as mx; nobody trusts it",
        lambda cast: cast.act(cast.self_signed()),
        SELF_SIGNED,
        findings=("self-signed-leaf",),
        silent=("untrusted-root", "missing-intermediate", "root-included"),
        path=(NAME,),
        verdict=18,
        cure="A certificate of a CA that the senders trust, or DANE for senders that look at it.",
    ),
    Scene(
        "self-signed-trusted",
        "mx → mx, sent as mx, and it is the trust anchor",
        lambda cast: Act((cast.self_signed(),), (cast.self_signed(),)),
        SELF_SIGNED,
        silent=("self-signed-leaf", "untrusted-root", "root-included"),
        path=(NAME,),
    ),
    Scene(
        "expired-root",
        "old root → R3 → mx, sent as mx, R3; the old root is trusted and has expired",
        expired_anchor,
        quotes.VALID_NOW,
        findings=("expired-root",),
        silent=("expired", "untrusted-root", "missing-intermediate"),
        path=(NAME, R3, "Example Old Root"),
        verdict=10,
        cure="A certificate of a CA whose root is still valid.",
    ),
    Scene(
        "expired-root-beside",
        "old root → root → R3 → mx, sent as mx, R3, root by old root; both roots are trusted, the old one has expired",
        lambda cast: cross_to_expired(cast, root_sent=False),
        NOT_PART,
        findings=("expired-root",),
        silent=("expired", "extra-cert", "missing-intermediate", "fragile-path"),
    ),
    Scene(
        "addtrust",
        "old root → root → R3 → mx, sent as mx, R3, root by old root, old root; only the new root is trusted",
        lambda cast: cross_to_expired(cast, root_sent=True),
        NOT_PART,
        findings=("root-included", "expired-root"),
        silent=("untrusted-root", "extra-cert", "fragile-path"),
    ),
    Scene(
        "cross-signed",
        "old root → root → R3 → mx, sent as mx, R3, root by old root; both roots are trusted",
        lambda cast: Act(
            (cast.mx, cast.r3, cast.authority("Example Root X1", "root", cast.old_root)), (cast.root, cast.old_root)
        ),
        quotes.EXTRANEOUS,
        silent=("root-included", "extra-cert", "expired-root", "misordered", "untrusted-root"),
    ),
    Scene(
        "cross-signed-old-peer",
        "old root → root → R3 → mx, sent as mx, R3, root by old root; only the old root is trusted",
        lambda cast: Act(
            (cast.mx, cast.r3, cast.authority("Example Root X1", "root", cast.old_root)), (cast.old_root,)
        ),
        quotes.ISSUED_BY_ANCHOR,
        silent=("root-included", "extra-cert", "untrusted-root", "missing-intermediate"),
        path=(NAME, R3, ROOT, "Example Old Root"),
    ),
)

TIME = (
    Scene(
        "expired",
        "root → R3 → mx, sent as mx, R3; mx ended three days ago",
        lambda cast: cast.act(cast.leaf(**cast.days(-93, -3)), cast.r3),
        quotes.VALID_NOW,
        findings=("expired",),
        silent=("expires-soon", "not-yet-valid"),
        verdict=10,
        cure=NEW_DATES,
    ),
    Scene(
        "expired-intermediate",
        "root → R3 → mx, sent as mx and an R3 that ended ten days ago; the pool knows its renewed twin",
        expired_intermediate,
        quotes.VALID_NOW,
        findings=("expired",),
        silent=("missing-intermediate", "expired-root"),
        verdict=10,
    ),
    Scene(
        "expired-twin",
        "root → R3 → mx, sent as mx, an R3 that ended ten days ago, and the R3 of today",
        twin,
        quotes.NO_BACKTRACKING,
        findings=("expired",),
        silent=("fragile-path", "extra-cert", "duplicate"),
    ),
    Scene(
        "expired-cross",
        "old root → root → R3 → mx, sent as mx, R3 and an expired root by old root; the root is trusted",
        expired_cross,
        quotes.EXTRANEOUS,
        findings=("expired",),
        silent=("expired-root", "extra-cert", "fragile-path"),
    ),
    Scene(
        "not-yet-valid",
        "root → R3 → mx, sent as mx, R3; mx begins tomorrow",
        lambda cast: cast.act(cast.leaf(**cast.days(1, 91)), cast.r3),
        quotes.VALID_NOW,
        findings=("not-yet-valid",),
        silent=("expired", "expires-soon"),
        verdict=9,
        cure="The right time on the computer that issued it, or a day's patience with the old certificate.",
    ),
    Scene(
        "not-yet-valid-intermediate",
        "root → R3 → mx, sent as mx and an R3 that begins tomorrow",
        not_yet_valid_intermediate,
        quotes.VALID_NOW,
        findings=("not-yet-valid",),
        silent=("missing-intermediate",),
        verdict=9,
        cure="The intermediate of today, from the CA.",
    ),
    Scene(
        "expires-soon",
        "root → R3 → mx, sent as mx, R3; five of mx's 90 days are left",
        lambda cast: cast.act(cast.leaf(**cast.days(-84.5, 5.5)), cast.r3),
        RENEWAL,
        findings=("expires-soon",),
        silent=("expired",),
        cure=NEW_DATES,
    ),
    Scene(
        "expires-soon-intermediate",
        "root → R3 → mx, sent as mx and an R3 that ends in ten days",
        ending_intermediate,
        RENEWAL,
        findings=("expires-soon",),
        silent=("expired",),
        cure="A certificate by the CA's next intermediate.",
    ),
    Scene(
        "renewal-in-time",
        "root → R3 → mx, sent as mx, R3; thirty of mx's 90 days are left",
        lambda cast: cast.act(cast.leaf(**cast.days(-60, 30)), cast.r3),
        RENEWAL,
        silent=("expires-soon", "expired"),
    ),
    Scene(
        "short-lived",
        "root → R3 → mx, sent as mx, R3; three of mx's six days are left",
        lambda cast: cast.act(cast.leaf(**cast.days(-3, 3)), cast.r3),
        RENEWAL,
        silent=("expires-soon", "expired"),
    ),
)
