"""The judge of a sweep against ``report_of_survey``, which remembers nothing: no report may differ."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from typing import Any

import pytest
from forge import CAST, NAME, NOW, chain
from msgspec.structs import replace
from OpenSSL import crypto
from shared import share

from probe import judge as judge_module
from probe.demo import der
from probe.demo.extensions import Extension, name_constraints, subject_key_id
from probe.demo.scenes import SCENES, Scene
from probe.judge import LARGEST, LISTS, Judge
from probe.judgement import Options, chain_of, report_of_survey
from probe.model import (
    Certificate,
    Chain,
    Dnssec,
    Endpoint,
    Exchange,
    Failure,
    Kind,
    Observation,
    Reply,
    Stage,
    Survey,
    Target,
    Tlsa,
    TlsaAnswer,
    Trouble,
    alone,
)
from probe.pki import anchors, pool, signature
from probe.pki.certificate import parse
from probe.render.json import line, text
from probe.rules.time import SOON, span, turns

SECOND = timedelta(seconds=1)


def look(sent: tuple[bytes, ...] | None, number: int = 0, **changes: object) -> Observation:
    """Look at one of many servers that show this list; each has its name, its address, its second and its words."""
    host = NAME if number % 3 else f"mx{number}.example.net"
    greeting = Reply(220, (f"{host} ESMTP {('Postfix', 'Exim 4.98 ', 'hello')[number % 3]}",))
    ehlo = Reply(250, (f"{host} Hello client [192.0.2.1]", "PIPELINING", "STARTTLS"))
    said = Exchange(0.25 * number, "server", f"{greeting.text}\x7f\udcff")
    seen = Observation(
        Endpoint(host, f"192.0.2.{number % 256}", 25, sni=host),
        NOW + number * SECOND,
        Stage.DONE,
        greeting=greeting,
        ehlo=ehlo,
        starttls=Reply(220, ("2.0.0 Ready to start TLS",)),
        presented=sent,
        tls_version="TLSv1.3",
        cipher="TLS_AES_256_GCM_SHA384",
        client_cert_requested=False,
        timing_ms={Stage.HANDSHAKE: 1.04 * number},
        transcript=(said,),
    )
    return replace(seen, **changes)


def manners(sent: tuple[bytes, ...], number: int) -> Iterator[Observation]:
    """The same list in every manner that something looks at."""
    name = f"_25._tcp.{NAME}"
    secure = TlsaAnswer(name, (Tlsa(3, 1, 1, b"\0" * 32),), Dnssec.SECURE, Dnssec.SECURE)
    ended = Failure(Trouble.ALERT, "handshake failure", ("alert:40",))
    yield look(sent, number)
    yield look(sent, number + 1, client_cert_requested=True)
    yield look(sent, number + 2, tls_version="TLSv1", key_exchange_bits=1024)
    yield look(sent, number + 3, tls_version="TLSv1.2", key_exchange_bits=768)
    yield look(sent, number + 4, key_exchange_bits=4096, tlsa=TlsaAnswer(name, (), Dnssec.INSECURE, Dnssec.INSECURE))
    yield look(sent, number + 5, tlsa=secure)
    yield look(sent, number + 6, stage=Stage.HANDSHAKE, failure=ended, tls_version="TLSv1.2")
    yield look(sent, number + 7, retried="tls1.2", first_failure=ended)
    yield look(sent, number + 8, surplus=b"250 more\r\n")
    yield look(None, number + 9, stage=Stage.CONNECT, failure=Failure(Trouble.REFUSED, "refused"), transcript=())


def options_of(scene: Scene, **changes: object) -> Options:
    """Judge as the scene wants it."""
    act = scene.act(CAST)
    trusted = anchors.of([parse(one.der) for one in act.anchors], "ours")
    given = pool.Pool({one.der: "pool" for one in act.pool})
    return replace(Options(trusted, given, fetch=False), **changes)


def same(options: Options, surveys: list[Survey]) -> None:
    """Hold both against one another, in an order that mixes everything, twice."""
    judge = Judge(options)
    expected = [text([report_of_survey(survey, options)]) for survey in surveys]
    for number in Random(7).sample([*range(len(surveys))] * 2, 2 * len(surveys)):  # noqa: S311 -- an order, no secret
        assert line(judge.report(surveys[number])) == expected[number]


@pytest.mark.unmeasured
@pytest.mark.parametrize("scene", share(SCENES, 2), ids=lambda scene: scene.id)
def test_what_is_remembered_changes_no_report(scene: Scene) -> None:
    """Every scene, at different places and in different manners, alone and beside others."""
    sent, good = tuple(one.der for one in scene.act(CAST).sent), tuple(one.der for one in chain(1)[:-1])
    looks = [seen for number in (0, 20) for seen in manners(sent, number)]
    target = Target(NAME)
    pairs = [Survey(target, (one, other)) for one, other in zip(looks, looks[3:], strict=False)]
    mixed = [Survey(target, (one, look(good, 40))) for one in looks[:4]]
    domain = [replace(survey, target=Target("example.net", kind=Kind.DOMAIN)) for survey in map(alone, looks[:3])]
    same(options_of(scene), share([*map(alone, looks), *pairs, *mixed, *domain], 11))


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "changes",
    [
        {"name": NAME},
        {"name": "other.example"},
        {"ignore": frozenset({"name-mismatch", "client-cert-requested"})},
        {"mta": "postfix", "words": ("--name", NAME)},
        {"tlsa": True},
        {"warn_days": 70},
        {"at": NOW + 3 * SECOND},
    ],
    ids=" ".join,
)
def test_options_are_kept_to(changes: dict[str, object]) -> None:
    """Whatever a user wishes, the judge wishes."""
    for scene in share(SCENES[::9], 3):
        sent = tuple(one.der for one in scene.act(CAST).sent)
        same(options_of(scene, **changes), [alone(seen) for seen in manners(sent, 0)])


@pytest.mark.unmeasured
@pytest.mark.parametrize("warn_days", [None, 3])
def test_time_is_judged_to_the_second(warn_days: int | None) -> None:
    """Around every date of every certificate that takes part, in no order, each second is judged as it is."""
    for scene in share(SCENES[::5], 8):
        act = scene.act(CAST)
        sent = tuple(one.der for one in act.sent)
        read = [parse(one.der) for one in (*act.sent, *act.anchors, *act.pool)]
        dates = {when for certificate in read for when in turns(certificate, warn_days)}
        moments = [when + n * SECOND for when in sorted(dates) for n in (-61, -1, 0, 1, 59)]
        same(options_of(scene, warn_days=warn_days), [alone(look(sent, started=when)) for when in moments])


def revoked(*points: bytes) -> Extension:
    """CRLDistributionPoints (RFC 5280 §4.2.1.13)."""
    return "2.5.29.31", False, der.sequence(*points)


def point(uri: bytes) -> bytes:
    """DistributionPoint with its full name."""
    return der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.tlv(0x86, uri))))


TIMESTAMPS, ADDRESSES = "1.3.6.1.4.1.11129.2.4.2", "1.3.6.1.5.5.7.1.7"
OWN = (
    revoked(point(b"http://ca.example/1.crl")),
    revoked(point(b"http://ca.example/2.crl")),
    (TIMESTAMPS, False, der.octets(b"\0\1")),
    subject_key_id(b"mine"),
)
"""What is of no weight, or so CAs and OpenSSL think."""
ODD = (
    revoked(),
    revoked(der.sequence()),
    revoked(point(b"http://ca.example/1.crl"), point(b"http://ca.example/2.crl")),
    revoked(point(b"http://ca.example/")[:-1] + b"\x86\x7f"),
    revoked(point(b"")),
    revoked(der.sequence(der.tlv(0xA0, der.tlv(0xA0, der.tlv(0xA4, b"no name"))))),
    ("2.5.29.31", False, b"\x30\x03\x01"),
    (TIMESTAMPS, True, der.octets(b"\0\1")),
    ("2.5.29.14", False, b"no octets"),
    ("2.5.29.17", True, der.sequence(der.tlv(0x82, NAME.encode()))),
    ("2.5.29.17", False, der.sequence(der.tlv(0x82, NAME.encode()), der.tlv(0x86, b"smtp://mx.example"))),
    ("2.5.29.17", False, der.sequence(der.tlv(0xA0, b"no name"), der.tlv(0x82, NAME.encode()))),
    ("2.16.840.1.113730.1.1", False, b"no bits"),
    (ADDRESSES, True, der.sequence(der.sequence(der.octets(b"\0\1"), der.sequence(der.octets(b"\0\x0a"))))),
    (ADDRESSES, False, b"no addresses"),
)
"""What OpenSSL cannot read, or has something to say of."""


@pytest.mark.unmeasured
def test_what_a_ca_makes_by_the_thousand_is_judged_one_by_one() -> None:
    """Leaves that are alike in all but names, dates, keys or one thing more, in no order: each is judged as it is."""
    days = timedelta(days=1)
    changes: tuple[dict[str, Any], ...] = (
        *({"serial": number} for number in range(1, 5)),
        {"subject": f"CN={NAME},O=Other"},
        {"subject": "CN=Example R3,O=Example"},
        {"subject": "CN=Example Root X1,O=Example"},
        {"names": ()},
        {"names": ("mx.example.net", "*.example.net")},
        {"names": ("*", NAME)},
        {"not_after": NOW + 3 * days},
        {"not_after": NOW - 3 * days},
        {"not_before": NOW + 3 * days},
        {"key": "root"},
        {"eku": ("clientAuth",)},
        {"key_usage": ("keyAgreement",)},
        {"ca": True},
        {"digest": "sha1"},
        {"inner_digest": "sha384"},
        {"version": 1},
        {"aia": ("http://ca.example/r3.der",)},
        {"signed_with": "root"},
        {"corrupt": "signature"},
        {"corrupt": "trailing"},
        {"without": ("2.5.29.35",)},
    )
    leaves = [CAST.leaf(**change) for change in changes]
    roots = [CAST.root, CAST.authority("Example Root X1", "issuing-2")]
    narrow = CAST.authority("Example R3", CAST.r3.key, CAST.root, extensions=(name_constraints(("example.net",)),))
    lists = ((CAST.r3,), (CAST.r3, CAST.root), (narrow,), ())
    trust = ((roots[:1], ()), (roots, (CAST.r3,)), (leaves[:1], ()))
    for above, (trusted, given) in share(product(lists, trust), 5):
        options = Options(
            anchors.of([parse(one.der) for one in trusted], "ours"),
            pool.Pool({one.der: "pool" for one in given}),
            fetch=False,
        )
        sent = [tuple(one.der for one in (leaf, *above)) for leaf in leaves]
        same(options, [alone(look(each, n)) for n, each in enumerate(sent)])


def test_what_a_leaf_has_of_its_own_is_judged() -> None:
    """Extensions that no other leaf of its kind has, beside leaves that have none."""
    options = Options(anchors.of([parse(CAST.root.der)], "ours"), fetch=False)
    leaves = [CAST.leaf(extensions=(one,), serial=number) for one in OWN + ODD for number in (1, 2)]
    same(options, [alone(look((leaf.der, CAST.r3.der), n)) for n, leaf in enumerate(leaves)])


def test_alike_lists_are_made_of_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a second leaf of a kind one signature is checked: no path is looked for, and nobody asks OpenSSL."""
    built, checked, asked = list[Observation](), list[Certificate](), list[object]()
    arithmetic, verify = signature._arithmetic, crypto.X509StoreContext.get_verified_chain

    def building(seen: Observation, options: Options, at: datetime) -> Chain:
        built.append(seen)
        return chain_of(seen, options, at)

    def checking(key: object, child: Certificate, how: tuple[object, ...]) -> None:
        checked.append(child)
        arithmetic(key, child, how)

    def asking(context: crypto.X509StoreContext) -> list[crypto.X509]:
        asked.append(context)
        return verify(context)

    monkeypatch.setattr(judge_module, "chain_of", building)
    monkeypatch.setattr(signature, "_arithmetic", checking)
    monkeypatch.setattr(signature, "_answers", {})
    monkeypatch.setattr(crypto.X509StoreContext, "get_verified_chain", asking)
    judge = Judge(Options(anchors.of([parse(CAST.root.der)], "ours"), fetch=False, name=NAME))
    leaves = [CAST.leaf(serial=number, extensions=(own,)) for number in range(1, 5) for own in OWN]
    for number, leaf in enumerate(leaves):
        assert judge.report(alone(look((leaf.der, CAST.r3.der), number))).status == "ok"
    assert (len(built), len(asked)) == (1, 1)
    assert [one.der for one in checked] == [CAST.root.der, *(leaf.der for leaf in leaves[1:])]


def test_a_span_ends_at_the_next_date() -> None:
    """Between two dates all is the same; on a date nothing is said of any other second."""
    assert span([NOW - SECOND, NOW + SECOND, NOW + 2 * SECOND, NOW - 9 * SECOND], NOW) == (NOW - SECOND, NOW + SECOND)
    assert span([NOW, NOW + SECOND], NOW) == (NOW, NOW)
    assert span([], NOW) == (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def test_turns_of_a_certificate() -> None:
    """It begins, a warning is due, it ends; what is not known does not turn."""
    begins, ends = NOW, NOW + timedelta(days=90)
    assert set(turns(Certificate(b"", "", not_before=begins, not_after=ends))) == {begins, ends - SOON, ends}
    assert set(turns(Certificate(b"", "", not_after=ends), 5)) == {ends - timedelta(days=5), ends}
    assert not list(turns(Certificate(b"", "")))
    old = datetime(1, 1, 2, tzinfo=UTC)
    assert list(turns(Certificate(b"", "", not_after=old), 9)) == [old]


def test_a_list_is_built_once_and_its_signatures_are_checked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL is asked once for a distinct list, and no signature that it found good is checked again."""
    asked, checked = list[object](), list[Certificate]()
    verify, arithmetic = crypto.X509StoreContext.get_verified_chain, signature._arithmetic

    def asking(context: crypto.X509StoreContext) -> list[crypto.X509]:
        asked.append(context)
        return verify(context)

    def checking(key: object, child: Certificate, how: tuple[object, ...]) -> None:
        checked.append(child)
        arithmetic(key, child, how)

    monkeypatch.setattr(crypto.X509StoreContext, "get_verified_chain", asking)
    monkeypatch.setattr(crypto.X509StoreContext, "verify_certificate", asked.append)
    monkeypatch.setattr(signature, "_arithmetic", checking)
    monkeypatch.setattr(signature, "_answers", {})
    leaf, issuer, root = chain(1, serial=4711)
    judge = Judge(Options(anchors.of([parse(root.der)], "ours"), fetch=False, name=NAME))
    reports = [judge.report(alone(look((leaf.der, issuer.der), n))) for n in range(10)]
    assert [report.status for report in reports] == ["ok"] * 10
    assert len(asked) == 1
    assert [child.der for child in checked] == [root.der], "whether the root signed itself nobody asked OpenSSL"


def test_what_openssl_vouched_for_is_so() -> None:
    """Of every pair in the chain on which it settles, our own arithmetic says the same."""
    for scene in SCENES:
        act = scene.act(CAST)
        trusted = anchors.of([parse(one.der) for one in act.anchors], "ours")
        said, found = anchors.route([parse(one.der) for one in act.sent if not parse(one.der).problem], trusted, NOW)
        assert bool(found) == (said.number == 0)
        for child, issuer in zip(map(parse, found), map(parse, found[1:]), strict=False):
            assert signature._ask(child, issuer, signature._arithmetic), scene.id


def test_only_so_many_lists_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list not met for longest goes; one that is far too large never comes."""
    monkeypatch.setattr(judge_module, "LISTS", 3)
    judge = Judge(Options(anchors.none(), fetch=False))
    for number in (0, 1, 2, 0, 3):
        judge.report(alone(look((f"no certificate {number}".encode(),), number)))
    judge.report(alone(look((b"\0" * (LARGEST + 1),))))
    kept = [key[0][0][-1:] for key in judge._known]  # type: ignore[index]
    assert kept == [b"2", b"0", b"3"]
    assert LISTS > 256


def test_a_known_kind_of_list_is_not_known_for_ever() -> None:
    """Once the notice of the intermediate begins, a new leaf under it is told of it like any other."""
    r3 = parse(CAST.r3.der)
    soon = min(when for when in turns(r3) if r3.not_before and when > r3.not_before + timedelta(days=1))
    before, after = soon - timedelta(days=1), soon + timedelta(days=1)
    options = Options(anchors.of([parse(CAST.root.der)], "ours"), fetch=False, name=NAME)
    judge, said = Judge(options), []
    for serial, at in ((1, before), (2, after), (3, after + timedelta(days=2))):
        begun, end = before - timedelta(days=9), after + timedelta(days=80)
        leaf = CAST.leaf(serial=serial, not_before=begun, not_after=end).der
        survey = alone(look((leaf, CAST.r3.der), serial, started=at))
        said.append([finding.id for finding in judge.report(survey).endpoints[0].findings])
        assert said[-1] == [finding.id for finding in report_of_survey(survey, options).endpoints[0].findings]
    assert said == [[], ["expires-soon"], ["expires-soon"]]
