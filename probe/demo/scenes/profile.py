"""Scenes of the profile: whether each certificate may be used as it is used, and is strong enough."""

from __future__ import annotations

from typing import Any

from probe.demo import extensions as ext
from probe.demo.cast import NAME, Act, Cast
from probe.demo.scenes import quotes
from probe.demo.scenes.scene import PATH, Scene

PRIVATE_OID = "1.3.6.1.4.1.32473.1"
"""An extension of nobody's (RFC 5612 keeps enterprise number 32473 for examples)."""
NEW = "A new certificate; no list of certificates makes this one good."
NEW_CA = "A certificate by another intermediate; only the CA can mend its own."


def by(cast: Cast, **changes: Any) -> Act:
    """Send a leaf and its intermediate, the intermediate changed."""
    issuing = cast.authority("Example R3", changes.pop("key", "issuing"), cast.root, **changes)
    return cast.act(cast.leaf(issuing), issuing)


def leaf(cast: Cast, **changes: Any) -> Act:
    """Send a leaf and its intermediate, the leaf changed."""
    return cast.act(cast.leaf(**changes), cast.r3)


def two_below(cast: Cast, pathlen: int) -> Act:
    """Let a CA that may have ``pathlen`` CAs below it have one."""
    upper = cast.authority("Example R3", "issuing", cast.root, pathlen=pathlen)
    lower = cast.authority("Example R4", "issuing-2", upper)
    return cast.act(cast.leaf(lower), lower, upper)


def under_root(cast: Cast, **changes: Any) -> Act:
    """Send a good leaf and intermediate under a root that is changed."""
    root = cast.authority("Example Root X1", "root", **changes)
    return Act((cast.mx, cast.r3), (root,))


def unknown(*, critical: bool) -> dict[str, Any]:
    """Carry an extension that nobody knows."""
    return {"extensions": ((PRIVATE_OID, critical, b"\x05\x00"),)}


def permitting(*names: str) -> dict[str, Any]:
    """Constrain the names that may stand below."""
    return {"extensions": (ext.name_constraints(permitted=names),)}


def for_both(cast: Cast) -> Act:
    """Allow servers and clients, in the leaf and above it."""
    purposes = ("serverAuth", "clientAuth")
    issuing = cast.authority("Example R3", "issuing", cast.root, eku=purposes)
    return cast.act(cast.leaf(issuing, eku=purposes), issuing)


CA = (
    Scene(
        "not-a-ca",
        "root → R3 → mx, sent as mx, R3; R3 says that it is no CA",
        lambda cast: by(cast, ca=False, eku=("serverAuth",), names=("r3.example.test",)),
        quotes.IS_A_CA,
        findings=("not-a-ca",),
        silent=("missing-intermediate", "untrusted-root", "v1-cert"),
        verdict=79,
        cure="A certificate by a CA; somebody signed with the key of a server certificate.",
    ),
    Scene(
        "not-a-ca-unsaid",
        "root → R3 → mx, sent as mx, R3; R3 does not say that it is a CA",
        lambda cast: by(cast, without=(ext.BASIC_CONSTRAINTS, ext.KEY_USAGE)),
        quotes.IS_A_CA,
        findings=("not-a-ca",),
        silent=("missing-intermediate", "v1-cert", "key-usage"),
        verdict=79,
        cure=NEW_CA,
    ),
    Scene(
        "pathlen",
        "root → R3 → R4 → mx, sent as mx, R4, R3; R3 may have no CA below it",
        lambda cast: two_below(cast, 0),
        quotes.PATH_LENGTH,
        findings=("pathlen",),
        silent=("not-a-ca", "missing-intermediate"),
        path=(NAME, "Example R4", *PATH[1:]),
        verdict=25,
        cure=NEW_CA,
    ),
    Scene(
        "pathlen-enough",
        "root → R3 → R4 → mx, sent as mx, R4, R3; R3 may have one CA below it",
        lambda cast: two_below(cast, 1),
        quotes.PATH_LENGTH,
        silent=("pathlen",),
        path=(NAME, "Example R4", *PATH[1:]),
    ),
    Scene(
        "name-constraints",
        "root → R3 → mx, sent as mx, R3; R3 may sign for other.test alone",
        lambda cast: by(cast, **permitting("other.test")),
        quotes.NAME_SPACE,
        findings=("name-constraints",),
        silent=("name-mismatch", "unknown-critical-ext"),
        verdict=47,
        cure=NEW_CA,
    ),
    Scene(
        "name-constraints-excluded",
        "root → R3 → mx, sent as mx, R3; R3 may sign for everything but example.test",
        lambda cast: by(cast, extensions=(ext.name_constraints(excluded=("example.test",)),)),
        quotes.NAME_SPACE,
        findings=("name-constraints",),
        silent=("name-mismatch", "unknown-critical-ext"),
        verdict=48,
        cure=NEW_CA,
    ),
    Scene(
        "name-constraints-kept",
        "root → R3 → mx, sent as mx, R3; R3 may sign for example.test alone",
        lambda cast: by(cast, **permitting("example.test")),
        quotes.NAME_SPACE,
        silent=("name-constraints", "unknown-critical-ext"),
    ),
    Scene(
        "unknown-critical-ext",
        "root → R3 → mx, sent as mx, R3; mx has a critical extension that nobody knows",
        lambda cast: leaf(cast, **unknown(critical=True)),
        quotes.CRITICAL,
        findings=("unknown-critical-ext",),
        silent=("unparsable-cert",),
        verdict=34,
        cure=NEW,
    ),
    Scene(
        "unknown-ext",
        "root → R3 → mx, sent as mx, R3; mx has an extension that nobody knows, and it is not critical",
        lambda cast: leaf(cast, **unknown(critical=False)),
        quotes.CRITICAL,
        silent=("unknown-critical-ext", "unparsable-cert"),
    ),
    Scene(
        "v1-cert",
        "root → R3 → mx, sent as mx, R3; R3 is of version 1",
        lambda cast: by(cast, version=1),
        quotes.IS_A_CA + " (If certificate i is a version 1 or version 2 certificate, then the application MUST either "
        "verify that certificate i is a CA certificate through out-of-band means or reject the certificate.)",
        findings=("v1-cert",),
        silent=("missing-intermediate", "not-a-ca"),
        verdict=79,
        cure=NEW_CA,
    ),
    Scene(
        "v1-leaf",
        "root → R3 → mx, sent as mx, R3; mx is of version 1, so it has no subjectAltName",
        lambda cast: leaf(cast, version=1),
        "RFC 5280 §4.1.2.1: When extensions are used, as expected in this profile, version MUST be 3 (value is 2).",
        findings=("no-san", "v1-cert"),
        silent=("name-mismatch", "eku", "key-usage"),
        cure=NEW,
    ),
    Scene(
        "v1-root",
        "root → R3 → mx, sent as mx, R3; the trusted root is of version 1",
        lambda cast: under_root(cast, version=1),
        quotes.ISSUED_BY_ANCHOR,
        silent=("v1-cert", "not-a-ca"),
    ),
)

USAGE = (
    Scene(
        "eku",
        "root → R3 → mx, sent as mx, R3; mx is for TLS clients alone",
        lambda cast: leaf(cast, eku=("clientAuth",)),
        quotes.PURPOSE,
        findings=("eku",),
        silent=("key-usage",),
        cure="A certificate for servers (serverAuth).",
    ),
    Scene(
        "eku-intermediate",
        "root → R3 → mx, sent as mx, R3; R3 is for e-mail signatures alone",
        lambda cast: by(cast, eku=("emailProtection",)),
        quotes.PURPOSE,
        findings=("eku",),
        silent=("key-usage", "not-a-ca"),
        cure=NEW_CA,
    ),
    Scene(
        "eku-both",
        "root → R3 → mx, sent as mx, R3; both are for servers and clients",
        for_both,
        quotes.PURPOSE,
        silent=("eku",),
    ),
    Scene(
        "key-usage",
        "root → R3 → mx, sent as mx, R3; R3 may sign revocation lists and no certificates",
        lambda cast: by(cast, key_usage=("cRLSign",)),
        quotes.CERT_SIGN,
        findings=("key-usage",),
        silent=("not-a-ca", "eku"),
        verdict=79,
        cure=NEW_CA,
    ),
    Scene(
        "key-usage-leaf",
        "root → R3 → mx, sent as mx, R3; mx's key may encipher keys and sign nothing",
        lambda cast: leaf(cast, key_usage=("keyEncipherment",)),
        "RFC 8446 §4.4.2.2: The certificate MUST allow the key to be used for signing (i.e., the digitalSignature bit "
        "MUST be set if the Key Usage extension is present) with a signature scheme indicated in the client's "
        '"signature_algorithms"/"signature_algorithms_cert" extensions.',
        findings=("key-usage",),
        silent=("eku",),
        cure=NEW,
    ),
)

STRENGTH = (
    Scene(
        "weak-signature",
        "root → R3 → mx, sent as mx, R3; R3 signed mx with SHA-1",
        lambda cast: leaf(cast, digest="sha1"),
        quotes.WEAK_HASHES,
        findings=("weak-signature",),
        silent=("bad-signature", "weak-key"),
        cure=NEW,
    ),
    Scene(
        "weak-signature-md5",
        "root → R3 → mx, sent as mx, R3; R3 signed mx with MD5",
        lambda cast: leaf(cast, digest="md5"),
        quotes.WEAK_HASHES,
        findings=("weak-signature",),
        silent=("bad-signature", "weak-key"),
        cure=NEW,
    ),
    Scene(
        "weak-signature-intermediate",
        "root → R3 → mx, sent as mx, R3; the root signed R3 with SHA-1",
        lambda cast: by(cast, digest="sha1"),
        quotes.WEAK_HASHES,
        findings=("weak-signature",),
        silent=("bad-signature",),
        cure=NEW_CA,
    ),
    Scene(
        "weak-signature-root",
        "root → R3 → mx, sent as mx, R3; the trusted root signed itself with SHA-1",
        lambda cast: under_root(cast, digest="sha1"),
        quotes.ANY_ALGORITHM,
        silent=("weak-signature",),
    ),
    Scene(
        "weak-key",
        "root → R3 → mx, sent as mx, R3; mx's key is RSA 1024",
        lambda cast: leaf(cast, key="rsa-1024"),
        quotes.LEVEL_2,
        findings=("weak-key",),
        silent=("weak-signature",),
        cure="A new key of at least RSA 2048 or ECDSA P-256, and a certificate for it.",
    ),
    Scene(
        "weak-key-512",
        "root → R3 → mx, sent as mx, R3; mx's key is RSA 512",
        lambda cast: leaf(cast, key="rsa-512"),
        quotes.LEVEL_1,
        findings=("weak-key",),
        silent=("weak-signature",),
        cure="A new key of at least RSA 2048 or ECDSA P-256, and a certificate for it.",
    ),
    Scene(
        "weak-key-intermediate",
        "root → R3 → mx, sent as mx, R3; R3's key is RSA 1024",
        lambda cast: by(cast, key="rsa-1024"),
        quotes.LEVEL_2,
        findings=("weak-key",),
        silent=("weak-signature",),
        cure=NEW_CA,
    ),
)


SCENES = (*CA, *USAGE, *STRENGTH)
