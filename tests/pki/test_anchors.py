"""Trust anchors from everywhere, and OpenSSL's verdict."""

from __future__ import annotations

import ssl
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from importlib.machinery import PathFinder
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import certifi
import pytest
from forge import CAST, NOW, Forged, certificate, chain
from OpenSSL import crypto
from OpenSSL._util import ffi, lib  # pyOpenSSL shows X509_V_ERR numbers nowhere else

from probe.model import Certificate, Store, Verdict
from probe.pki import anchors
from probe.pki.anchors import UNSPECIFIED, Anchors, from_path, mozilla, named, none, of, system, verdict
from probe.pki.certificate import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT, R3, MX = (parse(each.der) for each in (CAST.root, CAST.r3, CAST.mx))
TRUSTED = of([ROOT], "the test's own", "2026-01-01")


def read(*forged: Forged) -> list[Certificate]:
    """Forged ones as values."""
    return [parse(each.der) for each in forged]


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Stores that are read once a process are read anew in each test."""
    for once in (mozilla, system):
        once.cache_clear()
    yield
    for once in (mozilla, system):
        once.cache_clear()


# Stores


def test_mozillas_store_is_named_with_release_and_day() -> None:
    """The parts of certifi's version are the day of the release."""
    (store,) = mozilla().stores
    assert f"certifi {certifi.__version__}" == store.name
    assert store.date is not None
    assert tuple(map(int, certifi.__version__.split(".")[:3])) == tuple(map(int, store.date.split("-")))
    assert len(mozilla().certificates) == store.count
    assert store.count > 100
    assert mozilla() is mozilla()


def test_every_root_of_mozilla_loads_and_is_trusted_even_with_serial_zero() -> None:
    """Six of them had serial 0 in 2026, at which cryptography warns; warnings are errors here."""
    store = mozilla()
    assert any(root.serial == 0 for root in store.certificates)
    for root in store.certificates:
        assert root.not_before is not None
        assert Verdict(0, 0, "ok") == verdict([root], store, root.not_before + timedelta(days=1))
        assert root in store
        assert root in store.by_subject(root.subject.key)


def packed(folder: Path, monkeypatch: pytest.MonkeyPatch, *, core: str = "cacert.pem", version: str = "3000") -> None:
    """A certifi of our own goes before the one that is installed."""
    (folder / "certifi").mkdir()
    (folder / "certifi/__init__.py").write_text(f'__version__ = "{version}"\n')
    (folder / "certifi/core.py").write_text(f"# {core}\n")
    (folder / "certifi/cacert.pem").write_text(CAST.root.pem)
    monkeypatch.syspath_prepend(str(folder))


def test_an_odd_version_of_certifi_has_no_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The day is told or left out, never guessed."""
    packed(tmp_path, monkeypatch)
    assert mozilla().stores == (Store("certifi 3000", None, 1),)


def test_a_certifi_that_points_elsewhere_is_not_called_mozillas(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distributions turn certifi to the store of the system, be the roots still in the package or not."""
    packed(tmp_path, monkeypatch, core="/etc/ssl/certs")
    (tmp_path / "ca.pem").write_text(CAST.root.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    assert str(tmp_path / "ca.pem") == mozilla().stores[0].name


def test_a_certifi_in_an_archive_is_asked_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its files cannot be read from beside it."""
    monkeypatch.setattr(PathFinder, "find_spec", lambda _: SimpleNamespace(origin="all.zip/certifi/__init__.py"))
    (tmp_path / "ca.pem").write_text(CAST.root.pem)
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    assert str(tmp_path / "ca.pem") == mozilla().stores[0].name


def default_paths(monkeypatch: pytest.MonkeyPatch, cafile: Path | None, capath: Path | None) -> None:
    """Python's own OpenSSL has these defaults, and the system none of the usual places."""
    found = SimpleNamespace(cafile=cafile and str(cafile), capath=capath and str(capath))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: found)
    monkeypatch.setattr(anchors, "SYSTEM_PATHS", ())
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)


def test_the_systems_store_is_named_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that OpenSSL names goes before a folder; what holds no certificate is passed over."""
    (tmp_path / "ca.pem").write_text(CAST.root.pem)
    (tmp_path / "empty.pem").touch()
    default_paths(monkeypatch, tmp_path / "ca.pem", tmp_path)
    assert str(tmp_path / "ca.pem") == system().stores[0].name
    assert named("system") is system()
    system.cache_clear()
    default_paths(monkeypatch, tmp_path / "empty.pem", tmp_path)
    assert str(tmp_path) == system().stores[0].name


def test_a_system_without_store_gets_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to type instead."""
    default_paths(monkeypatch, None, tmp_path)
    with pytest.raises(ValueError, match=r"No trust store of this system was found. Say --trust mozilla, or"):
        system()


def test_trust_is_named_by_a_word_or_a_path(tmp_path: Path) -> None:
    """``--trust mozilla|none|FILE|DIR``."""
    (tmp_path / "ca.pem").write_text(CAST.root.pem)
    assert named("mozilla") is mozilla()
    assert named("none").certificates == ()
    assert named("none").stores == ()
    for path in (tmp_path / "ca.pem", tmp_path):
        assert named(str(path)).certificates == (ROOT,)
        assert named(str(path)).stores[0].name == str(path)
        assert named(str(path)).stores[0].count == 1
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        named(str(tmp_path / "absent"))


def test_anchors_add_up() -> None:
    """Every store keeps its name and count; a certificate of both is there once."""
    both = TRUSTED + of([ROOT, R3], "another") + none()
    assert both.stores == (Store("the test's own", "2026-01-01", 1), Store("another", None, 2))
    assert both.certificates == (ROOT, R3)
    assert R3 in both
    assert R3 not in TRUSTED
    assert both.by_subject(MX.issuer.key) == (R3,)


# OpenSSL's verdict


def test_a_good_chain_is_accepted_in_any_order_of_the_helpers() -> None:
    """OpenSSL repairs what is behind the first certificate without a word."""
    leaf, *others = read(*chain(3))
    assert Verdict(0, 0, "ok") == verdict([leaf, *reversed(others)], TRUSTED, NOW)
    assert Verdict(0, 0, "ok") == verdict([leaf, *others[:-1]], [ROOT], NOW)


def test_an_anchor_need_not_be_self_signed() -> None:
    """X509_V_FLAG_PARTIAL_CHAIN: an intermediate, or the leaf itself, can be trusted."""
    assert Verdict(0, 0, "ok") == verdict([MX], [R3], NOW)
    assert Verdict(0, 0, "ok") == verdict([MX], of([MX], "pinned"), NOW)


def test_refusals_carry_openssls_number_and_depth() -> None:
    """Numbers of openssl/x509_vfy.h."""
    strange = parse(CAST.strange_root.der)
    forged_signature = parse(CAST.leaf(corrupt="signature").der)
    self_signed = parse(certificate().der)
    rows: list[tuple[list[Certificate], Anchors | Sequence[Certificate], int, int]] = [
        ([MX], TRUSTED, 20, 0),
        ([MX, R3], none(), 20, 1),
        ([MX, R3], [strange], 20, 1),
        ([MX, R3], (), 20, 1),
        ([MX, R3, ROOT], none(), 19, 2),
        ([self_signed], TRUSTED, 18, 0),
        ([forged_signature, R3], TRUSTED, 7, 0),
    ]
    said = [verdict(presented, trusted, NOW) for presented, trusted, _, _ in rows]
    assert [(number, depth) for *_, number, depth in rows] == [(one.number, one.depth) for one in said]
    assert said[0].text == "unable to get local issuer certificate"


def test_anchors_of_other_names_play_no_part() -> None:
    """OpenSSL is given the anchors alone whose names stand in the list, and says what it says with all of them."""
    more = mozilla() + TRUSTED + of([R3], "pinned") + of(read(CAST.strange_root), "another")
    self_signed = parse(certificate().der)
    unreadable = parse(b"no certificate")
    lists = ([MX, R3, ROOT], [MX, R3], [MX], [R3, MX], [ROOT], [MX, unreadable], [self_signed], read(CAST.strange_root))
    for presented in lists:
        for store in (more, TRUSTED, mozilla()):
            assert verdict(presented, store, NOW) == verdict(presented, store.certificates, NOW)


def test_the_moment_of_judging_is_the_one_passed_in() -> None:
    """One collection judged at many moments, forth and back, before 1970 and after 2038; naive means UTC."""
    before, after = CAST.now - timedelta(days=31), CAST.now + timedelta(days=61)
    moments = {
        NOW: 0,
        before: 9,
        after: 10,
        datetime(1, 1, 1, tzinfo=UTC): 9,
        datetime(1951, 2, 3, tzinfo=UTC): 9,
        datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC): 9,
        datetime(1970, 1, 1, tzinfo=UTC): 9,
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC): 10,
        datetime(9999, 12, 31, tzinfo=UTC): 10,
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))): 9,
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))): 10,
        NOW.replace(tzinfo=None): 0,
    }
    for at, number in [*moments.items(), *reversed(moments.items())]:
        assert number == verdict([MX, R3], TRUSTED, at).number, at
        assert number == verdict([MX, R3], [ROOT], at).number, at


def test_the_zone_of_the_moment_counts() -> None:
    """The last second of a certificate is told in UTC, whatever the zone of the question."""
    assert MX.not_after is not None
    east = timezone(timedelta(hours=14))
    last, next_second = MX.not_after, MX.not_after + timedelta(seconds=1)
    asked = [verdict([MX, R3], TRUSTED, at) for at in (last.astimezone(east), next_second.astimezone(east))]
    assert [one.number for one in asked] == [0, 10]


def test_threads_that_judge_as_of_different_moments_do_not_disturb_one_another() -> None:
    """A store is made for one moment and never changed."""
    moments = [CAST.now + timedelta(days=days) for days in (0, 61, -31, 0, 61)] * 20
    with ThreadPoolExecutor(4) as pool:
        said = list(pool.map(lambda at: verdict([MX, R3], TRUSTED, at).number, moments))
    assert said == [0, 10, 9, 0, 10] * 20


def test_what_openssl_cannot_read_is_said_and_no_refusal_invented() -> None:
    """The number is X509_V_ERR_UNSPECIFIED, the depth the position of the unreadable one."""
    garbage = parse(b"this is no certificate")
    text = ffi.string(lib.X509_verify_cert_error_string(UNSPECIFIED))
    assert text == b"unspecified certificate verification error"
    asked = [verdict(presented, TRUSTED, NOW) for presented in ([garbage, R3], [MX, R3, garbage], [])]
    assert [(one.number, one.depth) for one in asked] == [(1, 0), (1, 2), (1, 0)]
    assert asked[1].text.startswith("OpenSSL could not be asked: it cannot read certificate #3 (")
    assert asked[2].text == "OpenSSL could not be asked: there is no certificate"
    assert verdict([parse(b"")], TRUSTED, NOW).text.endswith("it cannot read certificate #1 (no reason given)")
    trusting = verdict([MX, R3], [garbage], NOW)
    assert trusting == Verdict(1, 2, "OpenSSL could not be asked: it cannot read the trust anchor (not enough data)")


def test_an_unreadable_anchor_does_not_spoil_a_collection() -> None:
    """As with a system's store, of which OpenSSL takes what it can read."""
    assert verdict([MX, R3], of([parse(b"garbage"), ROOT], "mixed"), NOW).number == 0


def test_a_refusal_leaves_nothing_behind_that_the_next_error_would_take_for_its_own() -> None:
    """A failed signature fills OpenSSL's error queue, which pyOpenSSL reads when something else fails."""
    assert verdict([parse(CAST.leaf(corrupt="signature").der), R3], TRUSTED, NOW).number == 7
    with pytest.raises(crypto.Error) as caught:
        crypto.load_certificate(crypto.FILETYPE_ASN1, b"garbage")
    assert caught.value.args[0] == [("asn1 encoding routines", "", "not enough data")]


def test_from_path_dates_the_store_by_its_newest_file(tmp_path: Path) -> None:
    """And counts each certificate once."""
    (tmp_path / "a.pem").write_text(CAST.root.pem * 2)
    store: Anchors = from_path(tmp_path)
    day = datetime.fromtimestamp((tmp_path / "a.pem").stat().st_mtime, UTC).strftime("%Y-%m-%d")
    assert store.stores == (Store(str(tmp_path), day, 1),)
