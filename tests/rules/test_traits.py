"""What senders mind, told from chains and conversations of the demo, and what follows for each kind of sender."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from forge import CAST, NAME, NOW, Forged, chain
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from probe.catalogue.senders import OUTCOMES
from probe.demo.scenes import SCENES, Scene
from probe.judgement import Options, judged, report_of_survey
from probe.model import (
    Dnssec,
    Domain,
    Endpoint,
    Failure,
    Fetch,
    Kind,
    Mx,
    Observation,
    PolicyFetch,
    Protocol,
    Refusal,
    Severity,
    Stage,
    StsLook,
    Survey,
    Target,
    Tls,
    Tlsa,
    TlsaAnswer,
    Trouble,
)
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool
from probe.rules.case import Case
from probe.rules.sts import StsOutcome
from probe.rules.traits import of_sts, traits

SEEN = Observation(Endpoint(NAME, "192.0.2.25", 25), NOW, Stage.DONE, tls_version="TLSv1.3")
LIBRARIES = ("OpenSSL 3", "GnuTLS", "Java", "Go", "Node")


def of_list(sent: tuple[Forged, ...], trusted: tuple[Forged, ...], **changes: Any) -> Case:
    """A case in which this was sent."""
    seen = replace(SEEN, presented=tuple(forged.der for forged in sent), **changes)
    store = anchors.of([parse(forged.der) for forged in trusted], "test") if trusted else anchors.none()
    built = build([parse(forged.der) for forged in sent], store, Pool(), NOW)
    return Case(seen, NOW, built, None, NAME, store.stores)


def of_scene(scene_id: str) -> frozenset[str]:
    """The traits of a scene."""
    scene: Scene = next(scene for scene in SCENES if scene.id == scene_id)
    act = scene.act(CAST)
    return traits(of_list(act.sent, act.anchors)) or frozenset()


TRAITS = {
    "good": set(),
    "misordered": set(),
    "root-included": set(),
    "extra-cert": set(),
    "expired-cross": set(),
    "cross-signed-old-peer": set(),
    "missing-intermediate-unknown": {"missing-intermediate", "aia-dead"},
    "missing-intermediate-aia": {"missing-intermediate", "aia-unknown"},
    "bad-signature": {"missing-intermediate", "aia-dead"},
    "untrusted-root": {"untrusted-root"},
    "self-signed-leaf": {"self-signed-leaf"},
    "self-signed-trusted": set(),
    "expired": {"expired", "fragile-path"},
    "expired-intermediate": {"expired-ca", "fragile-path"},
    "expired-twin": {"first-issuer"},
    "fragile-path": {"first-issuer", "fragile-path"},
    "fragile-key-id": {"first-issuer", "fragile-path"},
    "expired-root": {"expired-root", "fragile-path"},
    "name-mismatch": {"name-mismatch"},
    "name-mismatch-cn": {"name-mismatch"},
    "no-san": {"no-san"},
    "eku": {"eku"},
    "eku-intermediate": {"eku-ca"},
    "key-usage-leaf": {"key-usage-leaf"},
    "weak-signature": {"sha1"},
    "weak-signature-md5": {"md5"},
    "weak-key": {"weak-key"},
    "weak-key-512": {"tiny-key"},
    "weak-key-intermediate": {"weak-key-ca"},
    "too-many-certs": {"long-list", "deep-path"},
    "crowd": {"long-list", "longer-list"},
    "leaf-not-first": {"leaf-not-first"},
    "unparsable-cert": {"unparsable-cert"},
    "empty-chain": {"no-tls"},
}


@pytest.mark.parametrize("scene", TRAITS)
def test_a_scene_has_these_traits(scene: str) -> None:
    """What is minded is told, and nothing else."""
    assert of_scene(scene) == TRAITS[scene]


def _plain(found: frozenset[str] | None) -> set[str] | None:
    return None if found is None else set(found)


def ended(stage: Stage, trouble: Trouble) -> Observation:
    """A conversation that came to an end before any certificate."""
    return replace(SEEN, stage=stage, tls_version=None, failure=Failure(trouble, "said"))


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (ended(Stage.EHLO, Trouble.NO_STARTTLS), {"no-starttls"}),
        (ended(Stage.STARTTLS, Trouble.REPLY), {"no-starttls"}),
        (ended(Stage.HANDSHAKE, Trouble.ALERT), {"no-tls"}),
        (ended(Stage.HANDSHAKE, Trouble.NOT_TLS), {"no-tls"}),
        (replace(ended(Stage.HANDSHAKE, Trouble.ALERT), endpoint=Endpoint(NAME, None, 25, offered_key="ecdsa")), None),
        (ended(Stage.STARTTLS, Trouble.TIMEOUT), None),
        (ended(Stage.CONNECT, Trouble.REFUSED), None),
        (ended(Stage.GREETING, Trouble.REPLY), None),
    ],
)
def test_a_conversation_without_certificates(seen: Observation, expected: set[str] | None) -> None:
    """Where TLS was refused, or came to nothing, that is minded; before that nothing can be said."""
    assert _plain(traits(Case(seen, NOW))) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": Stage.EHLO_TLS, "failure": Failure(Trouble.CLOSED, "closed")},
        {"stage": Stage.EHLO_TLS, "failure": Failure(Trouble.TIMEOUT, "late")},
        {"retried": "implicit"},
    ],
)
def test_where_no_sender_goes_on_none_is_said_to_deliver(changes: dict[str, object]) -> None:
    """However good the chain is."""
    assert traits(of_list(chain(1)[:2], chain(1)[2:], **changes)) is None


@pytest.mark.unmeasured
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.id)
def test_the_table_does_not_contradict_the_findings(scene: Scene) -> None:
    """An error is minded by somebody, and where somebody refuses there is at least a warning."""
    act = scene.act(CAST)
    seen = replace(SEEN, presented=tuple(forged.der for forged in act.sent))
    trusted = anchors.of([parse(forged.der) for forged in act.anchors], "test") if act.anchors else anchors.none()
    report = judged(seen, Options(anchors=trusted, name=NAME))
    outcomes = {refusal.outcome for refusal in report.refused_by}
    severities = {finding.severity for finding in report.findings}
    if report.refused_by and Severity.ERROR in severities:
        assert outcomes != {"delivers"}
    if outcomes & {"refuses", "defers"}:
        assert severities & {Severity.ERROR, Severity.WARNING}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"tls_version": "TLSv1"}, {"old-tls"}),
        ({"key_exchange_bits": 768}, {"weak-dh"}),
        ({"key_exchange_bits": 1024}, {"small-dh"}),
        ({"key_exchange_bits": 2048}, set()),
        ({"retried": "tls1.2"}, {"second-try"}),
        ({"stage": Stage.EHLO_TLS, "failure": Failure(Trouble.ALERT, "alert 116")}, {"no-tls"}),
    ],
)
def test_how_tls_went_is_minded(changes: dict[str, object], expected: set[str]) -> None:
    """Beside a good chain."""
    assert _plain(traits(of_list(chain(1)[:2], chain(1)[2:], **changes))) == expected


def test_without_anchors_or_name_nothing_is_said_of_them() -> None:
    """Nobody is told to refuse because we were told nothing."""
    case = of_list(chain(1)[:2], ())
    assert _plain(traits(replace(case, reference=None))) == {"no-anchors", "name-unknown"}


def test_a_policy_is_a_trait_where_there_is_one() -> None:
    """No policy is no trait: those senders then do as the others."""
    assert of_sts(StsOutcome.NONE) == frozenset()
    assert of_sts(StsOutcome.TESTING) == {"sts-testing"}


@pytest.mark.parametrize(
    ("dnssec", "fits", "expected"),
    [
        (Dnssec.SECURE, True, {"dane-match"}),
        (Dnssec.SECURE, False, {"dane-mismatch"}),
        (Dnssec.INSECURE, False, set()),
        (Dnssec.BOGUS, True, {"dane-bogus"}),
    ],
)
def test_dane_is_a_trait_where_dnssec_vouches_for_it(dnssec: Dnssec, fits: bool, expected: set[str]) -> None:
    """A record of usage 3 for the leaf's key, or for another's."""
    key = parse((CAST.mx if fits else CAST.r3).der).key.spki
    record = Tlsa(3, 1, 1, sha256(key).digest())
    answer = TlsaAnswer(f"_25._tcp.{NAME}", (record,), dnssec, dnssec)
    assert _plain(traits(of_list((CAST.mx, CAST.r3), (CAST.root,), tlsa=answer))) == expected


@given(st.permutations(range(4)), st.integers(0, 4))
def test_any_order_of_any_part_of_a_chain_is_judged(order: list[int], count: int) -> None:
    """Nothing raises, and who follows first issuers never does worse than OpenSSL on a list without twins."""
    whole = (*chain(2)[:3], CAST.strange_root)
    case = of_list(tuple(whole[n] for n in order[:count]), chain(2)[3:])
    found = traits(case) or frozenset()
    assert "first-issuer" not in found


def told(observation: Observation, **changes: Any) -> dict[str, Refusal]:
    """What a report says of each sender."""
    trusted = anchors.of([parse(CAST.root.der)], "test")
    report = judged(replace(observation, **changes), Options(anchors=trusted))
    return {refusal.sender: refusal for refusal in report.refused_by}


def test_of_a_host_alone_nobody_knows_what_a_policy_asks() -> None:
    """Its findings speak of MTA-STS senders, so the list does; where mail programs come there are none."""
    trusted = Options(anchors=anchors.of([parse(CAST.root.der)], "test"), fetch=False)
    for port, protocol, expected in ((25, Protocol.SMTP, ["unknown"]), (993, Protocol.IMAP, [])):
        seen = replace(SEEN, endpoint=Endpoint(NAME, "192.0.2.25", port, protocol), presented=(CAST.mx.der,))
        rows = report_of_survey(Survey(Target(NAME, port, protocol), (seen,)), trusted).endpoints[0].refused_by
        assert [row.outcome for row in rows if row.sender == "MTA-STS senders"] == expected


def test_aia_saves_whoever_fetches() -> None:
    """Schannel delivers where AIA leads to an anchor and refuses where it does not; untried, it is unknown."""
    url = "http://r3.example.test/r3.der"
    seen = replace(SEEN, presented=(CAST.leaf(aia=(url,)).der,))
    got = {
        "fetched": told(seen, fetched=(Fetch(url, (CAST.r3.der,)),)),
        "dead": told(seen, fetched=(Fetch(url, problem="404"),)),
        "unasked": told(seen),
        "kept": told(seen, cached=(CAST.r3.der,)),
    }
    assert {kind: rows["Windows (Schannel)"].outcome for kind, rows in got.items()} == {
        "fetched": "delivers",
        "dead": "refuses",
        "unasked": "unknown",
        "kept": "delivers",
    }
    for rows in got.values():
        assert {rows[library].outcome for library in LIBRARIES} == {"refuses"}
        assert rows["Postfix (verify and secure)"].outcome == "defers"
        assert rows["Postfix (may) and Exim"].outcome == "delivers"


def test_a_mailbox_has_mail_programs_and_no_mail_servers() -> None:
    """On IMAP nobody delivers from server to server; a mail program lets its user decide."""
    seen = replace(SEEN, endpoint=Endpoint(NAME, None, 143, Protocol.IMAP), presented=(CAST.mx.der,))
    rows = told(seen)
    assert not any(name.startswith(("Postfix", "Exim", "Sendmail")) for name in rows)
    assert rows["Outlook for Windows"].outcome == "warns"


def test_of_clients_and_files_nothing_is_told() -> None:
    """Nobody sends mail to a file."""
    assert told(replace(SEEN, endpoint=Endpoint(None, None, 25, tls=Tls.NONE), presented=(CAST.mx.der,))) == {}


def surveyed(mode: str, *, listed: str = NAME) -> dict[str, Refusal]:
    """What is told of a good mail host whose domain has a policy in this mode, for this host."""
    web = CAST.leaf(subject="CN=mta-sts.example.test", names=("mta-sts.example.test",))
    text = f"version: STSv1\nmode: {mode}\nmx: {listed}\nmax_age: 604800\n"
    fetch = PolicyFetch(
        "https://mta-sts.example.test/", "192.0.2.1", (web.der, CAST.r3.der), "TLSv1.3", 200, "text/plain"
    )
    look = StsLook(("v=STSv1; id=1",), None, replace(fetch, body=text.encode()))
    domain = Domain("example.test", NOW, (Mx(10, NAME),), sts=look)
    seen = replace(SEEN, endpoint=Endpoint(NAME, "192.0.2.25", 25), presented=(CAST.mx.der, CAST.r3.der))
    trusted = anchors.of([parse(CAST.root.der)], "test")
    survey = Survey(Target("example.test", kind=Kind.DOMAIN), (seen,), domain)
    report = report_of_survey(survey, Options(anchors=trusted, fetch=False))
    rows = report.endpoints[0].refused_by
    assert [OUTCOMES.index(row.outcome) for row in rows] == sorted(OUTCOMES.index(row.outcome) for row in rows)
    return {row.sender: row for row in rows}


@pytest.mark.parametrize(
    ("mode", "listed", "outcome"),
    [
        ("enforce", NAME, "delivers"),
        ("enforce", "other.example.test", "defers"),
        ("testing", "other.example.test", "delivers"),
        ("none", NAME, None),
    ],
)
def test_a_policy_of_the_domain_has_its_row(mode: str, listed: str, outcome: str | None) -> None:
    """Those who honour MTA-STS stand among the others, and only where there is a policy."""
    row = surveyed(mode, listed=listed).get("MTA-STS senders")
    assert (row.outcome if row else None) == outcome
