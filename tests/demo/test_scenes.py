"""The scenes: OpenSSL says of each what the scene says that it says, and the fixtures are what the scenes are."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import forge
import pytest
from OpenSSL import crypto

from probe.demo.cast import Act, cast
from probe.demo.scenes import FIXTURE_DAY, SCENES, Scene
from probe.rules import RULES
from probe.rules.case import Need
from probe.rules.ids import IDS

ROOT = Path(__file__).parents[2]


def verdict(act: Act, at: datetime) -> int:
    """Give the X509_V_ERR number for the readable certificates in the order sent; 0 = accepted."""
    store = crypto.X509Store()
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(at)
    for anchor in act.anchors:
        store.add_cert(crypto.load_certificate(crypto.FILETYPE_ASN1, anchor.der))
    sent = [crypto.load_certificate(crypto.FILETYPE_ASN1, c.der) for c in act.sent if readable(c.der)]
    if not sent:
        return 0
    try:
        crypto.X509StoreContext(store, sent[0], sent[1:]).verify_certificate()
    except crypto.X509StoreContextError as error:
        number = error.errors[0]
        assert isinstance(number, int)
        return number
    return 0


def readable(der: bytes) -> bool:
    """Whether OpenSSL can parse it."""
    try:
        crypto.load_certificate(crypto.FILETYPE_ASN1, der)
    except crypto.Error:
        return False
    return True


@pytest.mark.unmeasured
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.id)
def test_openssl_says_what_the_scene_says(scene: Scene) -> None:
    """Accepted, or refused with this very number, on the day of the fixtures."""
    assert verdict(scene.act(forge.CAST), FIXTURE_DAY) == scene.verdict


def test_a_scene_may_be_played_any_day() -> None:
    """Dates follow the moment: what is accepted on the day of the fixtures is so ten years later."""
    later = datetime(2036, 2, 29, tzinfo=UTC)
    act = next(scene for scene in SCENES if scene.id == "good").act
    assert verdict(act(cast(later)), later) == 0
    assert verdict(act(cast(later)), FIXTURE_DAY) == 9


def test_scenes_are_named_once_and_name_findings_that_exist() -> None:
    """Ids are unique, every finding has a rule, and nothing must both speak and keep silent."""
    assert len({scene.id for scene in SCENES}) == len(SCENES)
    for scene in SCENES:
        assert {*scene.findings, *scene.silent} <= IDS
        assert set(scene.findings).isdisjoint(scene.silent)


def test_every_rule_about_a_list_speaks_somewhere_and_keeps_silent_somewhere() -> None:
    """The scenes show every rule that looks at certificates alone; an empty list leaves nothing to be silent about."""
    about_lists = {rule.id for rule in RULES if rule.needs not in {Need.OBSERVATION, Need.TLS}}
    speaking = {finding for scene in SCENES for finding in scene.findings}
    silent = {finding for scene in SCENES for finding in scene.silent}
    assert speaking == about_lists - {"key-mismatch", "aia-problem", "client-eku"}
    assert speaking - silent == {"empty-chain"}


@pytest.mark.unmeasured
def test_writing_the_fixtures_again_changes_nothing(tmp_path: Path) -> None:
    """``scripts/forge-fixtures`` gives the committed files, byte for byte."""
    script().write(tmp_path)
    assert contents(tmp_path) == contents(ROOT / "fixtures/chains")


def test_a_case_can_be_read() -> None:
    """case.toml is TOML and says what the scene says."""
    scene = next(scene for scene in SCENES if scene.id == "missing-intermediate-aia")
    case = tomllib.loads((ROOT / "fixtures/chains" / scene.id / "case.toml").read_text(encoding="utf-8"))
    assert case["now"] == FIXTURE_DAY
    assert (case["story"], case["quote"], case["confidence"]) == (scene.story, scene.quote, "very likely")
    assert (tuple(case["findings"]), tuple(case["path"]), case["openssl"]) == (scene.findings, scene.path, 20)


def contents(folder: Path) -> dict[str, str]:
    """Give every file below a folder."""
    return {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()}


def script() -> ModuleType:
    """Import scripts/forge-fixtures."""
    loader = SourceFileLoader("forge_fixtures", str(ROOT / "scripts/forge-fixtures"))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module
