"""Scenes of the name: whether the certificate speaks for mx.example.test."""

from __future__ import annotations

from probe.demo.scenes import quotes
from probe.demo.scenes.scene import PATH, Scene

MATCH = (
    "RFC 9525 §6.3: Each label MUST match in order for the domain names to be considered to match, except as "
    "supplemented by the rule about checking of wildcard labels given below."
)
WILDCARD = (
    "RFC 9525 §6.3: A wildcard in a presented identifier can only match exactly one label in a reference identifier."
)
PREFERRED_SYNTAX = (
    'RFC 5280 §4.2.1.6: The name MUST be in the "preferred name syntax", as specified by Section 3.5 of [RFC1034] and '
    "as modified by Section 2.1 of [RFC1123]."
)
NEW_NAMES = "A certificate with the server's name among its subject alternative names."
OTHER = (PATH[0].replace("mx", "www"), *PATH[1:])

SCENES = (
    Scene(
        "name-mismatch",
        "root → R3 → www.example.test, sent as www.example.test, R3 by mx.example.test",
        lambda cast: cast.act(cast.leaf(subject="CN=www.example.test", names=("www.example.test",)), cast.r3),
        MATCH,
        findings=("name-mismatch",),
        silent=("no-san", "bad-name", "missing-intermediate"),
        path=OTHER,
        cure=NEW_NAMES,
    ),
    Scene(
        "name-mismatch-cn",
        "root → R3 → mx, sent as mx, R3; only the common name is mx.example.test, the SAN is www.example.test",
        lambda cast: cast.act(cast.leaf(names=("www.example.test",)), cast.r3),
        quotes.COMMON_NAME,
        findings=("name-mismatch",),
        silent=("no-san",),
        cure=NEW_NAMES,
    ),
    Scene(
        "name-mismatch-wildcard",
        "root → R3 → *.mail.example.test, sent with R3 by mx.example.test",
        lambda cast: cast.act(cast.leaf(subject="", names=("*.mail.example.test", "192.0.2.25")), cast.r3),
        WILDCARD,
        findings=("name-mismatch",),
        silent=("no-san", "bad-name"),
        path=("*.mail.example.test", *PATH[1:]),
        cure=NEW_NAMES,
    ),
    Scene(
        "wildcard",
        "root → R3 → *.example.test, sent with R3 by mx.example.test",
        lambda cast: cast.act(cast.leaf(subject="CN=*.example.test", names=("*.example.test",)), cast.r3),
        WILDCARD,
        silent=("name-mismatch", "no-san", "bad-name"),
        path=("*.example.test", *PATH[1:]),
    ),
    Scene(
        "no-san",
        "root → R3 → mx, sent as mx, R3; mx has a common name and no subjectAltName",
        lambda cast: cast.act(cast.leaf(names=()), cast.r3),
        quotes.COMMON_NAME,
        findings=("no-san",),
        silent=("name-mismatch",),
        cure=NEW_NAMES,
    ),
    Scene(
        "bad-name",
        "root → R3 → mx, sent as mx, R3; a second name has a NUL in it, to deceive programs written in C",
        lambda cast: cast.act(cast.leaf(names=("mx.example.test", b"mx.example.test\0.evil.example")), cast.r3),
        PREFERRED_SYNTAX,
        findings=("bad-name",),
        silent=("name-mismatch", "no-san"),
        cure="A certificate without that name, and a word with the CA that signed it.",
    ),
    Scene(
        "bad-name-terminal",
        "root → R3 → mx, sent as mx, R3; a second name would paint the reader's terminal",
        lambda cast: cast.act(cast.leaf(names=("mx.example.test", b"\x1b[2J\x1b[31m[bold]ok[/bold].example")), cast.r3),
        PREFERRED_SYNTAX,
        findings=("bad-name",),
        silent=("name-mismatch", "no-san"),
        cure="A certificate without that name, and a word with the CA that signed it.",
    ),
)
