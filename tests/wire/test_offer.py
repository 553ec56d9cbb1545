"""What a narrower ClientHello makes a server show: one certificate of two, one version of two, or nothing."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from cryptography.x509 import load_der_x509_certificate
from fake_tls import Server, context
from forge import CAST, Forged
from OpenSSL import SSL

from probe.demo import keys
from probe.model import Trouble
from probe.wire import handshake, offer
from probe.wire.handshake import Handshake
from probe.wire.offer import TLS12, Offer

EC_CA = CAST.authority("Example E1", "p384", CAST.root)
LEAVES = {"rsa": CAST.mx, "ecdsa": CAST.leaf(key="p256"), "ed25519": CAST.leaf(key="ed25519")}
UNDER_EC = {"rsa": CAST.leaf(EC_CA), "ecdsa": CAST.leaf(EC_CA, key="p256")}


def server(*leaves: Forged, newest: int = SSL.TLS1_3_VERSION) -> SSL.Context:
    """A server with a certificate for each kind of key."""
    made = SSL.Context(SSL.TLS_METHOD)
    made.set_cipher_list(b"ALL:!aNULL:@SECLEVEL=0")
    made.set_max_proto_version(newest)
    for leaf in leaves:
        made.use_certificate(load_der_x509_certificate(leaf.der))
        made.use_privatekey(keys.private(leaf.key))
    return made


def seen(made: SSL.Context, asked: Offer) -> dict[str, Any]:
    """What a handshake with that offer learns, and how it failed."""
    shake, peer = Handshake("mx.example", offer=asked), Server(made)
    for _ in range(4):
        with contextlib.suppress(SSL.Error):
            peer.receive(shake.take())
        shake.receive(peer.take())
    return shake.learned() | {"failure": shake.failure}


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
@pytest.mark.parametrize("leaves", [LEAVES, UNDER_EC], ids=["under-rsa", "under-ecdsa"])
def test_the_certificate_of_the_kind_is_shown(leaves: dict[str, Forged], kind: str, version: str) -> None:
    """Whichever the server prefers, and whatever key signed it."""
    learned = seen(server(leaves["rsa"], leaves["ecdsa"]), Offer(kind, version))
    assert learned["presented"] == (leaves[kind].der,)
    assert learned["tls_version"] == version
    assert learned["failure"] is None


def test_an_edwards_curve_counts_as_ecdsa() -> None:
    """It goes by the same cipher suites."""
    for version in ("TLSv1.2", "TLSv1.3"):
        assert seen(server(LEAVES["rsa"], LEAVES["ed25519"]), Offer("ecdsa", version))["presented"] == (
            LEAVES["ed25519"].der,
        )


@pytest.mark.parametrize("version", [None, "TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("has", "asked"), [("rsa", "ecdsa"), ("ecdsa", "rsa")])
def test_a_server_without_the_kind_refuses(has: str, asked: str, version: str | None) -> None:
    """With handshake_failure, and no certificate is shown."""
    learned = seen(server(LEAVES[has]), Offer(asked, version))
    assert learned["presented"] is None
    assert learned["failure"].symptoms == ("alert:40",)


def test_one_version_alone() -> None:
    """A server without it refuses, and nothing older or newer is taken."""
    assert seen(context("1.3"), Offer(tls="TLSv1.2"))["failure"].symptoms == ("alert:70",)
    learned = seen(context("1.2"), Offer(tls="TLSv1.3"))
    assert (learned["presented"], learned["failure"].trouble) == (None, Trouble.ALERT)
    assert seen(server(LEAVES["rsa"]), Offer(tls="TLSv1.2"))["tls_version"] == "TLSv1.2"
    assert seen(server(LEAVES["rsa"]), Offer(cap=TLS12))["tls_version"] == "TLSv1.2"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_without_a_way_to_say_it_in_tls_1_3_it_is_asked_in_1_2(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cipher suites alone decide then; pyOpenSSL has no public name for signature algorithms."""
    monkeypatch.setattr(offer, "LIBRARY", None)
    handshake._context.cache_clear()
    learned = seen(server(LEAVES["rsa"], LEAVES["ecdsa"]), Offer(kind))
    handshake._context.cache_clear()
    assert (learned["presented"], learned["tls_version"]) == ((LEAVES[kind].der,), "TLSv1.2")
