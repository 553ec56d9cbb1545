"""Scenes of structure: which certificates are sent, in which order, and whether they belong together."""

from __future__ import annotations

from probe.demo.cast import NAME, Act, Cast
from probe.demo.scenes import quotes
from probe.demo.scenes.scene import PATH, R3, ROOT, Scene

AIA = "http://ca.example.test/r3.cer"


VERIFY_DEPTH = (
    "Postfix postconf(5), smtp_tls_scert_verifydepth (default: 9): The verification depth for remote SMTP server "
    "certificates."
)
ENTRY = "RFC 8446 §4.4.2: each CertificateEntry contains a DER-encoded X.509 certificate."


def misordered(cast: Cast) -> Act:
    """Send three certificates with the upper two exchanged."""
    r4 = cast.authority("Example R4", "issuing-2", cast.r3)
    return cast.act(cast.leaf(r4), cast.r3, r4)


def two_missing(cast: Cast, sent: int = 1) -> Act:
    """Send the lower part of a chain with two intermediates; the pool knows both."""
    r4 = cast.authority("Example R4", "issuing-2", cast.r3)
    return cast.act(*(cast.leaf(r4), r4)[:sent], pool=(cast.r3, r4))


def long_chain(cast: Cast, intermediates: int) -> Act:
    """Build a chain of many intermediates, all sent in order."""
    signers = [cast.root]
    for number in range(intermediates):
        key = "issuing" if number % 2 else "issuing-2"
        signers.append(cast.authority(f"Example I{number + 1}", key, signers[-1]))
    return cast.act(cast.leaf(signers[-1]), *reversed(signers[1:]))


def long_path(intermediates: int) -> tuple[str, ...]:
    """Name the path of ``long_chain``."""
    return (NAME, *(f"Example I{number}" for number in range(intermediates, 0, -1)), ROOT)


def crowd(cast: Cast) -> Act:
    """Send fifteen foreign intermediates behind a good chain."""
    foreign = (cast.authority(f"Strange R{n}", "issuing-3", cast.strange_root) for n in range(15))
    return cast.act(cast.mx, cast.r3, *foreign)


SCENES = (
    Scene(
        "missing-intermediate",
        "root → R3 → mx, sent as mx; the pool knows R3",
        lambda cast: cast.act(cast.mx, pool=(cast.r3,)),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate",),
        silent=("untrusted-root", "misordered", "name-mismatch"),
        path=PATH[:1],
        verdict=20,
    ),
    Scene(
        "missing-intermediate-aia",
        "root → R3 → mx, sent as mx; nobody knows R3, but mx says where to get it",
        lambda cast: cast.act(cast.leaf(aia=(AIA,))),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate",),
        silent=("untrusted-root",),
        path=PATH[:1],
        verdict=20,
        confidence="very likely",
        cure="The CA's own download page has the intermediate; behind the leaf it mends the server.",
    ),
    Scene(
        "missing-intermediate-unknown",
        "root → R3 → mx, sent as mx; nobody knows R3, and mx does not say where to get it",
        lambda cast: cast.act(cast.mx),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate",),
        silent=("untrusted-root",),
        path=PATH[:1],
        verdict=20,
        confidence="may be",
        cure="Whoever issued the certificate has the intermediate; behind the leaf it mends the server.",
    ),
    Scene(
        "missing-two-levels",
        "root → R3 → R4 → mx, sent as mx; the pool knows R3 and R4",
        two_missing,
        quotes.TLS12_ORDER,
        findings=("missing-intermediate",),
        silent=("untrusted-root",),
        path=PATH[:1],
        verdict=20,
    ),
    Scene(
        "missing-upper",
        "root → R3 → R4 → mx, sent as mx, R4; the pool knows R3",
        lambda cast: two_missing(cast, sent=2),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate",),
        silent=("untrusted-root", "misordered"),
        path=(NAME, "Example R4"),
        verdict=20,
    ),
    Scene(
        "missing-but-root-sent",
        "root → R3 → mx, sent as mx, root; the pool knows R3",
        lambda cast: cast.act(cast.mx, cast.root, pool=(cast.r3,)),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate", "root-included"),
        silent=("untrusted-root", "extra-cert"),
        path=PATH[:1],
        verdict=20,
    ),
    Scene(
        "missing-and-mismatch",
        "root → R3 → www.example.test, sent as www.example.test; the pool knows R3",
        lambda cast: cast.act(cast.leaf(subject="CN=www.example.test", names=("www.example.test",)), pool=(cast.r3,)),
        quotes.TLS12_ORDER,
        findings=("missing-intermediate", "name-mismatch"),
        silent=("no-san",),
        path=("www.example.test",),
        verdict=20,
        cure="A certificate for the right name, and its intermediate behind it.",
    ),
    Scene(
        "misordered",
        "root → R3 → R4 → mx, sent as mx, R3, R4",
        misordered,
        quotes.TLS12_ORDER,
        findings=("misordered",),
        silent=("missing-intermediate", "extra-cert", "leaf-not-first", "fragile-path"),
        path=(NAME, "Example R4", R3, ROOT),
    ),
    Scene(
        "leaf-not-first",
        "root → R3 → mx, sent as R3, mx",
        lambda cast: cast.act(cast.r3, cast.mx),
        quotes.TLS13_ORDER,
        findings=("leaf-not-first",),
        silent=("misordered", "name-mismatch", "no-san", "missing-intermediate"),
    ),
    Scene(
        "duplicate",
        "root → R3 → mx, sent as mx, R3, R3",
        lambda cast: cast.act(cast.mx, cast.r3, cast.r3),
        quotes.TLS12_ORDER,
        findings=("duplicate",),
        silent=("misordered", "extra-cert"),
    ),
    Scene(
        "duplicate-leaf",
        "root → R3 → mx, sent as mx, mx, R3",
        lambda cast: cast.act(cast.mx, cast.mx, cast.r3),
        quotes.TLS12_ORDER,
        findings=("duplicate",),
        silent=("misordered", "extra-cert"),
    ),
    Scene(
        "root-included",
        "root → R3 → mx, sent as mx, R3, root",
        lambda cast: cast.act(cast.mx, cast.r3, cast.root),
        quotes.ROOT_OMITTED,
        findings=("root-included",),
        silent=("extra-cert", "untrusted-root"),
    ),
    Scene(
        "extra-cert",
        "root → R3 → mx and strange root → S1, sent as mx, R3, S1",
        lambda cast: cast.act(cast.mx, cast.r3, cast.authority("Strange S1", "issuing-3", cast.strange_root)),
        quotes.EXTRANEOUS,
        findings=("extra-cert",),
        silent=("misordered", "missing-intermediate", "fragile-path", "untrusted-root"),
    ),
    Scene(
        "too-many-certs",
        "root → I1 → I2 → … → I11 → mx, sent as mx, I11, …, I1",
        lambda cast: long_chain(cast, 11),
        VERIFY_DEPTH,
        findings=("too-many-certs",),
        silent=("missing-intermediate", "misordered", "extra-cert"),
        path=long_path(11),
        cure="A CA with fewer levels; no list can be shorter than the path.",
    ),
    Scene(
        "ten-certs",
        "root → I1 → I2 → … → I9 → mx, sent as mx, I9, …, I1",
        lambda cast: long_chain(cast, 9),
        VERIFY_DEPTH,
        silent=("too-many-certs", "missing-intermediate"),
        path=long_path(9),
    ),
    Scene(
        "crowd",
        "root → R3 → mx and fifteen intermediates of a strange root, all sent",
        crowd,
        quotes.EXTRANEOUS,
        findings=("extra-cert", "too-many-certs"),
        silent=("misordered", "untrusted-root"),
    ),
    Scene(
        "unparsable-cert",
        "root → R3 → mx, sent as mx, R3 and some bytes that are no certificate",
        lambda cast: cast.act(cast.mx, cast.r3, cast.leaf(subject="CN=garbage", corrupt="garbage")),
        ENTRY,
        findings=("unparsable-cert",),
        silent=("missing-intermediate", "extra-cert"),
    ),
    Scene(
        "unparsable-intermediate",
        "root → R3 → mx, sent as mx and the first three quarters of R3; the pool knows R3",
        lambda cast: cast.act(
            cast.mx, cast.authority("Example R3", "issuing", cast.root, corrupt="truncated"), pool=(cast.r3,)
        ),
        ENTRY,
        findings=("missing-intermediate", "unparsable-cert"),
        silent=("extra-cert",),
        path=PATH[:1],
        verdict=20,
    ),
    Scene(
        "empty-chain",
        "sent as an empty list",
        lambda cast: cast.act(),
        "RFC 8446 §4.4.2: The server's certificate_list MUST always be non-empty.",
        findings=("empty-chain",),
        path=(),
        cure="A certificate file that has a certificate in it.",
    ),
)
