"""The story between its rooms: fetching level by level, words and commands, what a saved observation keeps."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path

import pytest
from forge import CAST, NAME, NOW, Forged, chain
from msgspec.structs import replace

from probe.judgement import Options, judged, report_of, report_of_survey
from probe.model import (
    Confidence,
    Domain,
    Endpoint,
    Failure,
    Fetch,
    Finding,
    Kind,
    Observation,
    PolicyFetch,
    Reply,
    Severity,
    Stage,
    StsLook,
    Survey,
    Target,
    Tls,
    Trouble,
    alone,
)
from probe.net import issuers
from probe.net.cache import Cache
from probe.pipeline import LEVELS, complete, completed
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.wire.saved import dump, load
from probe.wording import as_asked, slots_of

TRUSTED = anchors.of([parse(CAST.root.der)], "ours")
LEAF, UPPER, LOWER, ROOT = chain(2, aia=("http://a.example/upper.der",))
LEAF_AIA = ("http://a.example/upper.der",)
STRANGE = anchors.of([parse(CAST.strange_root.der)], "theirs")
UPPER_WITH_AIA = CAST.authority("Example I2", "issuing-2", LOWER, aia=("http://a.example/lower.der",))


def seen(*sent: Forged, endpoint: Endpoint | None = None) -> Observation:
    """A finished observation of these certificates."""
    place = endpoint or Endpoint(NAME, "127.0.0.1", 25, sni=NAME)
    return Observation(place, NOW, Stage.DONE, presented=tuple(one.der for one in sent))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A web of two addresses; every address that is asked is noted."""
    web = {"http://a.example/upper.der": UPPER_WITH_AIA.der, "http://a.example/lower.der": LOWER.der}
    noted: list[str] = []

    async def fetch(urls: Sequence[str], *, allow_private: bool, budget: issuers.Budget) -> tuple[Fetch, ...]:
        assert (allow_private, budget.certificates) == (False, 8)
        noted.extend(urls)
        return tuple(Fetch(url, (web[url],)) if url in web else Fetch(url, (), "gone") for url in urls)

    monkeypatch.setattr(issuers, "fetch_issuers", fetch)
    return noted


def test_issuers_are_fetched_level_by_level(asked: list[str]) -> None:
    """The leaf names its issuer's address, the fetched issuer names the next, and then an anchor is reached."""
    whole = asyncio.run(complete(seen(LEAF), Options(anchors=TRUSTED)))
    assert asked == ["http://a.example/upper.der", "http://a.example/lower.der"]
    report = judged(whole, Options(anchors=TRUSTED))
    assert [f.id for f in report.findings] == ["missing-intermediate"]
    assert report.repair is not None
    assert [(m.source, m.url) for m in report.repair.missing] == [
        ("aia", "http://a.example/upper.der"),
        ("aia", "http://a.example/lower.der"),
    ]


def test_nothing_is_fetched_for_a_chain_that_reaches_an_anchor(asked: list[str]) -> None:
    """A whole chain asks nobody."""
    asyncio.run(complete(seen(LEAF, UPPER, LOWER), Options(anchors=TRUSTED)))
    assert asked == []


def test_nothing_is_fetched_where_that_is_turned_off(asked: list[str]) -> None:
    """--no-fetch, and an observation without certificates."""
    asyncio.run(complete(seen(LEAF), Options(anchors=TRUSTED, fetch=False)))
    asyncio.run(complete(Observation(Endpoint(NAME, None, 25), NOW, Stage.CONNECT), Options(anchors=TRUSTED)))
    assert asked == []


def test_an_address_is_asked_once(asked: list[str]) -> None:
    """An address that gave nothing is not asked again on the next level."""
    lonely = CAST.leaf(CAST.strange_root, aia=("http://b.example/gone.der",))
    whole = asyncio.run(complete(seen(lonely), Options(anchors=TRUSTED)))
    assert asked == ["http://b.example/gone.der"]
    assert len(asked) < LEVELS
    assert "aia-problem" in [f.id for f in judged(whole, Options(anchors=TRUSTED)).findings]


def test_fetching_ends_with_the_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of the total deadline is all that any chain gets, the policy's web host among them."""
    left: list[float] = []

    async def fetch(urls: Sequence[str], *, allow_private: bool, budget: issuers.Budget) -> tuple[Fetch, ...]:
        assert not allow_private
        left.append(budget.seconds)
        return tuple(Fetch(url, (), "late") for url in urls)

    monkeypatch.setattr(issuers, "fetch_issuers", fetch)
    policy = PolicyFetch("https://mta-sts.example.com/", presented=(LEAF.der,))
    domain = Domain("example.com", NOW, sts=StsLook((), None, policy))
    asyncio.run(completed(replace(alone(seen(LEAF)), domain=domain), Options(anchors=TRUSTED), 0.5))
    asyncio.run(completed(alone(seen(LEAF)), Options(anchors=TRUSTED), 500))
    assert left == [0.5, 0.5, issuers.SECONDS]


def test_a_saved_observation_is_judged_alike(asked: list[str]) -> None:
    """What was fetched is saved with it, so that no network is needed again."""
    whole = asyncio.run(complete(seen(LEAF), Options(anchors=TRUSTED)))
    (again,) = load(dump([alone(whole)]))[0].observations
    assert asked
    assert judged(again, Options(anchors=TRUSTED)) == judged(whole, Options(anchors=TRUSTED))


def test_the_second_host_of_a_ca_asks_nobody(asked: list[str], tmp_path: Path) -> None:
    """What verified is kept, and found again with or without a network; a report says where it comes from."""
    kept = Options(anchors=TRUSTED, cache=Cache(tmp_path))
    asyncio.run(complete(seen(LEAF), kept))
    assert len(asked) == 2
    second = CAST.leaf(UPPER_WITH_AIA, key="leaf-2", aia=LEAF_AIA)
    for options in (kept, replace(kept, fetch=False)):
        report = judged(asyncio.run(complete(seen(second), options)), options)
        assert len(asked) == 2
        assert report.repair is not None
        assert [(m.source, m.url) for m in report.repair.missing] == [("cache", None), ("cache", None)]
        (finding,) = report.findings
        assert "We found what is missing (kept from an earlier run)" in finding.summary
    without = asyncio.run(complete(seen(second), replace(kept, cache=None)))
    assert (len(asked), without.cached) == (4, ())


def test_what_was_kept_is_saved_with_the_observation(asked: list[str], tmp_path: Path) -> None:
    """Judged again elsewhere it is the same report."""
    kept = Options(anchors=TRUSTED, cache=Cache(tmp_path))
    asyncio.run(complete(seen(LEAF), kept))
    whole = asyncio.run(complete(seen(LEAF), kept))
    (again,) = load(dump([alone(whole)]))[0].observations
    assert (len(asked), len(again.cached)) == (2, 2)
    assert judged(again, Options(anchors=TRUSTED)) == judged(whole, kept)


def test_only_what_leads_to_a_trust_anchor_is_kept(asked: list[str], tmp_path: Path) -> None:
    """What a stranger's certificate names fills no disk, and nothing is written for a good chain."""
    asyncio.run(complete(seen(LEAF), Options(anchors=anchors.none(), cache=Cache(tmp_path / "none"))))
    asyncio.run(complete(seen(LEAF), Options(anchors=STRANGE, cache=Cache(tmp_path / "strange"))))
    asyncio.run(complete(seen(LEAF, UPPER, LOWER), Options(anchors=TRUSTED, cache=Cache(tmp_path / "good"))))
    assert asked != []
    assert [*tmp_path.glob("*/*")] == []


def test_a_kept_certificate_that_has_expired_is_fetched_anew(asked: list[str], tmp_path: Path) -> None:
    """The cache is asked first, and the network where that does not do."""
    old = CAST.authority("Example I2", "issuing-2", LOWER, aia=("http://a.example/lower.der",), **CAST.days(-400, -10))
    kept = Cache(tmp_path)
    kept.keep([parse(old.der), parse(LOWER.der)])
    options = Options(anchors=TRUSTED, cache=kept)
    report = judged(asyncio.run(complete(seen(LEAF), options)), options)
    assert asked == ["http://a.example/upper.der"]
    assert report.repair is not None
    assert [m.source for m in report.repair.missing] == ["aia", "cache"]


def fix_of(findings: Sequence[Finding]) -> str:
    """All advice in one text."""
    return "\n".join(line for finding in findings for line in finding.fix)


def test_commands_are_those_of_the_server_at_hand() -> None:
    """The greeting names the software, and its recipe gives the commands; --mta overrides."""
    broken = replace(seen(LEAF, LOWER, UPPER), greeting=Reply(220, (f"{NAME} ESMTP Postfix",)))
    report = judged(broken, Options(anchors=TRUSTED))
    assert report.mta is not None
    assert (report.mta.name, report.mta.confidence) == ("postfix", Confidence.IS)
    assert "$ postfix reload" in fix_of(report.findings)
    chosen = judged(broken, Options(anchors=TRUSTED, mta="exim"))
    assert chosen.mta is not None
    assert chosen.mta.evidence == "--mta"
    assert "$ postfix reload" not in fix_of(chosen.findings)


def test_no_list_is_installed_that_nobody_has() -> None:
    """Where the missing one could not be found there is nothing to install, and no command to install it."""
    report = judged(seen(LEAF), Options(anchors=TRUSTED))
    assert report.repair is not None
    assert report.repair.bundle is None
    assert "cp -p" not in fix_of(report.findings)


def test_our_commands_repeat_the_options_of_this_run() -> None:
    """Judged by another name, or other anchors, the printed command would see something else."""
    options = Options(anchors=TRUSTED, words=("--name", "a b", "--ca-file", "x.pem"))
    ours = [
        line for line in fix_of(judged(seen(LEAF, LOWER, UPPER), options).findings).split("\n") if "chaincheck" in line
    ]
    assert [line for line in ours if line.startswith("$") and not line.endswith(" --name 'a b' --ca-file x.pem")] == []
    assert any(line.startswith("$ smtp-chaincheck mx.example.test:25 --write-chain") for line in ours)


@pytest.mark.parametrize(
    ("endpoint", "shown", "starttls"),
    [
        (Endpoint("mx.example", "192.0.2.1", 587), "mx.example:587", "-starttls smtp"),
        (Endpoint("2001:db8::1", "2001:db8::1", 465, tls=Tls.IMPLICIT), "[2001:db8::1]:465", ""),
        (Endpoint(None, "192.0.2.1", 25), "192.0.2.1:25", "-starttls smtp"),
    ],
)
def test_slots_name_the_endpoint(endpoint: Endpoint, shown: str, starttls: str) -> None:
    """What pages and recipes may say of it."""
    slots = slots_of(endpoint)
    assert (slots["endpoint"], slots["starttls"]) == (shown, starttls)


def test_the_moment_of_judgement_is_the_observations_own() -> None:
    """Unless --at says otherwise."""
    assert report_of(seen(LEAF), Options(anchors=TRUSTED)).at == NOW
    late = NOW.replace(year=2036)
    report = report_of(seen(LEAF), Options(anchors=TRUSTED, at=late))
    assert report.at == late
    assert "expired" in [f.id for f in report.endpoints[0].findings]


def test_an_option_is_not_said_twice() -> None:
    """A command that names its own TLS mode keeps it; sentences and explain stay as they are."""
    words = ("--tls", "implicit", "--no-fetch", "--name", "mx.example")
    line = "$ smtp-chaincheck mx.example:25 --tls starttls"
    assert as_asked(line, words) == f"{line} --no-fetch --name mx.example"
    assert as_asked("$ smtp-chaincheck explain expired", words) == "$ smtp-chaincheck explain expired"
    assert as_asked("$ smtp-chaincheck mx.example", ()) == "$ smtp-chaincheck mx.example"


def test_an_expired_leaf_is_not_installed_again() -> None:
    """The list would begin with a certificate that nobody takes."""
    expired = CAST.leaf(UPPER, **CAST.days(-100, -1))
    report = judged(seen(expired, LOWER, UPPER), Options(anchors=TRUSTED))
    assert {"expired", "misordered"} <= {f.id for f in report.findings}
    assert report.repair is not None
    assert report.repair.bundle is not None
    assert "chain.pem" not in "\n".join(line for line in fix_of(report.findings).split("\n") if "awk" in line)


def test_what_goes_away_with_the_repair_is_mended_by_installing_it() -> None:
    """An expired certificate beside the path needs no renewal, it needs to be left out."""
    stale = CAST.authority("Example I2", "issuing-2", LOWER, **CAST.days(-900, -2))
    report = judged(seen(LEAF, UPPER, LOWER, stale), Options(anchors=TRUSTED))
    (expired,) = (f for f in report.findings if f.id == "expired")
    assert "chain.pem" in fix_of([expired])


@pytest.mark.parametrize(("open_elsewhere", "severity"), [(True, Severity.INFO), (False, Severity.ERROR)])
def test_a_host_to_which_we_have_no_way(open_elsewhere: bool, severity: Severity) -> None:
    """An IPv6-only host seen from a computer without IPv6 is not accused, unless nobody at all lets us in."""
    failure = Failure(Trouble.UNREACHABLE, "Network is unreachable", (f"errno:{errno.ENETUNREACH}",))
    lost = Observation(Endpoint("mx6.example", "2001:db8::6", 25, mx_preference=20), NOW, Stage.CONNECT, failure)
    good = replace(seen(LEAF, UPPER, LOWER), endpoint=Endpoint(NAME, "192.0.2.1", 25, sni=NAME, mx_preference=10))
    other = good if open_elsewhere else replace(lost, endpoint=good.endpoint)
    survey = Survey(Target("example.test", kind=Kind.DOMAIN), (other, lost), Domain("example.test", NOW))
    report = report_of_survey(survey, Options(anchors=TRUSTED))
    assert [(f.id, f.severity) for f in report.endpoints[1].findings] == [("unreachable", severity)]
    assert report.exit_code == (0 if open_elsewhere else 3)
