"""The cases of the demo: what a server does wrong, what must be found, and what mends it."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from probe.demo import manners as m
from probe.demo.manners import Moves, Tune
from probe.demo.scenes import SCENES, Scene

DEFAULT = "missing-intermediate"
"""The story from which the program grew."""


class Case(Struct, frozen=True):
    """One broken mail server."""

    id: str
    story: str
    """One sentence."""
    findings: tuple[str, ...]
    """Ids that a probe must find."""
    scene: Scene
    """The certificates that it presents."""
    moves: Moves = field(default_factory=dict)
    """What it does otherwise than a good server."""
    tune: Tune | None = None
    """How its TLS is set up otherwise."""
    cure: str | None = None
    """What mends it; None: the repaired list of certificates does, or nothing is wrong."""
    timeout: float = 10.0
    """Seconds that a probe of it should give itself, so that nobody watches a silent server for a minute."""
    greeting_timeout: float = 1.0
    """Of these, seconds for the greeting."""

    @property
    def mends(self) -> bool:
        """Another list of certificates makes this server right."""
        return bool(self.findings) and self.cure is None


_BY_ID = {scene.id: scene for scene in SCENES}
_GOOD = _BY_ID["good"]
_BY_HAND = {"leaf-not-first", "unparsable-cert", "unparsable-intermediate", "empty-chain"}
"""Lists that no correct TLS library sends."""
_TLS12 = {"weak-key-512"}
"""An RSA key of 512 bits is too small for the signature of TLS 1.3 (RFC 8446 §4.2.3, RSASSA-PSS)."""


def _of(scene: Scene) -> Case:
    moves = {"STARTTLS": m.by_hand(m.full_flight())} if scene.id in _BY_HAND else {}
    tune = m.tls12 if scene.id in _TLS12 else None
    return Case(scene.id, f"{scene.story}.", scene.findings, scene, moves, tune, scene.cure)


def _talk(case_id: str, story: str, moves: Moves, cure: str, finding: str = "") -> Case:
    """Give a case in which the certificates are good and the conversation is not."""
    return Case(case_id, story, (finding or case_id,), _GOOD, moves, None, cure)


def _silent(case_id: str, story: str, moves: Moves, finding: str = "") -> Case:
    """Give a case in which the server falls silent; two seconds are enough to see that."""
    return replace(_talk(case_id, story, moves, _LOGS, finding), timeout=2.0)


def _tuned(case_id: str, story: str, tune: Tune, cure: str, finding: str = "") -> Case:
    """Give a case in which the certificates are good and the set-up of TLS is not."""
    return Case(case_id, story, (finding or case_id,), _GOOD, {}, tune, cure)


_SWITCH_ON = "STARTTLS switched on in the server's configuration, with certificate and key that it can read."
_LOGS = "The server's own log says why; the network between is the other suspect."
_NO_ASKING = "A server that demands no certificate from strangers (Postfix: smtpd_tls_req_ccert = no)."
_LIBRARY = "A current TLS library on the server, with its default settings."

CONVERSATION = (
    _talk(
        "no-starttls",
        "EHLO does not offer STARTTLS.",
        {"EHLO": m.replies("250-mx.example.test", "250 SIZE 10240000")},
        _SWITCH_ON,
    ),
    _talk(
        "starttls-refused",
        "STARTTLS is offered, and then refused with 454.",
        {"STARTTLS": m.replies("454 4.7.0 TLS not available due to local problem")},
        _SWITCH_ON,
    ),
    _talk(
        "banner-refused",
        "The greeting is 554.",
        {"greeting": m.replies("554 5.7.1 You are not welcome here")},
        "Another address to come from, or a word with the postmaster on the other side.",
    ),
    _talk(
        "ehlo-refused",
        "EHLO is answered with 550.",
        {"EHLO": m.replies("550 5.7.1 I do not like your name"), "HELO": m.replies("550 5.7.1 Nor this one")},
        "Another name in EHLO, or a word with the postmaster on the other side.",
    ),
    _talk(
        "starttls-injection",
        "A second reply follows the 220 to STARTTLS in the same packet.",
        {"STARTTLS": m.inject},
        "A server, or a middlebox before it, that forgets what it buffered before TLS (CVE-2011-0411).",
    ),
    _talk(
        "not-tls",
        "The ClientHello is answered in plain text.",
        {"STARTTLS": m.talk_plainly},
        "The server itself, without whatever stands before it and changes SMTP on the way.",
    ),
    _talk("implicit-tls", "TLS begins without a word, as on port 465.", {"greeting": m.at_once}, "--tls implicit."),
    _talk(
        "not-smtp",
        "Something that is no mail server answers.",
        {"greeting": m.replies("SSH-2.0-OpenSSH_9.2p1", going=False)},
        "The right port.",
    ),
    _talk("closed", "The connection is closed where EHLO should be answered.", {"EHLO": m.hang_up}, _LOGS),
    _talk("closed-at-once", "The connection is closed without a greeting.", {"greeting": m.hang_up}, _LOGS, "closed"),
    _talk(
        "closed-behind-220",
        "The connection is closed behind the ClientHello.",
        {"STARTTLS": m.by_hand(lambda _, __: b"", m.hang_up)},
        _LOGS,
        "closed",
    ),
    _talk(
        "closed-behind-tls",
        "The connection is closed as soon as TLS is there.",
        {"STARTTLS": m.hang_up_behind_tls},
        _LOGS,
        "closed",
    ),
    _talk("oversize-reply", "The reply to EHLO is a line of ten megabytes.", {"EHLO": m.flood}, _LOGS),
    _silent("timeout-banner", "No greeting comes.", {"greeting": m.silence}),
    _silent("timeout-ehlo", "EHLO is not answered.", {"EHLO": m.silence}),
    _silent("timeout-starttls", "STARTTLS is not answered.", {"STARTTLS": m.silence}),
    _silent(
        "timeout-handshake",
        "The ClientHello is not answered.",
        {"STARTTLS": m.by_hand(lambda _, __: b"")},
    ),
    _silent(
        "timeout-behind-certificate",
        "The handshake stops behind the certificates.",
        {"STARTTLS": m.by_hand(m.no_further_than_certificate)},
        "timeout-handshake",
    ),
)

HANDSHAKE = (
    _talk(
        "key-mismatch",
        "The handshake is signed by another key than that of the certificate.",
        {"STARTTLS": m.by_hand(m.full_flight("leaf-2"))},
        "The key that belongs to the certificate, or the certificate that belongs to the key.",
    ),
    _talk(
        "handshake-refused",
        "The ClientHello is answered with alert 40.",
        {"STARTTLS": m.by_hand(m.alert(40), m.hang_up)},
        _LIBRARY,
    ),
    _talk(
        "handshake-failed",
        "The server chooses a cipher suite that nobody offered.",
        {"STARTTLS": m.by_hand(m.unasked_suite)},
        _LIBRARY,
    ),
    _talk(
        "tls-alert-unexpected-message",
        "Our Finished is answered with alert 10.",
        {"STARTTLS": m.by_hand(m.full_flight(), m.unexpected_message)},
        "Depends on who is out of step: see the page of this finding.",
    ),
    _talk(
        "weak-dh",
        "Keys are exchanged in a Diffie-Hellman group of 768 bits.",
        {"STARTTLS": m.by_hand(m.tiny_group)},
        "A group of 2048 bits, or elliptic curves.",
    ),
    _tuned("old-tls", "The server speaks TLS 1.0 and nothing newer.", m.tls10, _LIBRARY),
    _tuned("client-cert-requested", "The server asks for a client certificate.", m.ask, _NO_ASKING),
    _tuned("client-cert-required", "The server insists on a client certificate.", m.demand, _NO_ASKING),
    _tuned(
        "client-cert-required-tls12",
        "The server insists on a client certificate, in TLS 1.2.",
        m.demand_tls12,
        _NO_ASKING,
        "client-cert-required",
    ),
)

NOBODY = Case(
    "connect-refused",
    "Nobody listens on the port.",
    ("connect-refused",),
    _GOOD,
    cure="A server that runs, on this port.",
)

CASES: tuple[Case, ...] = (*(_of(scene) for scene in SCENES), *CONVERSATION, NOBODY, *HANDSHAKE)


def case_of(case_id: str) -> Case:
    """Find a case; raises KeyError for an id that there is not."""
    return {case.id: case for case in CASES}[case_id]
