"""What reviews forget: who may import whom, where sockets are opened, how long a function is, what is missing."""

from __future__ import annotations

import ast
import re
import statistics
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.unmeasured
TOP = Path(__file__).parents[1]
SOURCES = sorted((TOP / "probe").rglob("*.py"))
ROOMS = ("wire", "pki", "rules", "catalogue", "triage", "net", "render", "demo", "cli")

MAY_IMPORT = {
    "model": set(),
    "message": {"model"},
    "material": {"model"},
    "documents": {"model"},
    "changes": set(),
    "garbage": set(),
    "triage": {"model", "message", "wire", "catalogue"},
    "wire": {"model"},
    "pki": {"model", "material"},
    "catalogue": {"model", "material"},
    "rules": {"model", "material", "pki", "wire"},
    "net": {"model", "wire", "pki"},
    "render": {"model", "message", "catalogue", "changes", "results"},
    "wording": {"model", "material", "catalogue"},
    "across": {"model", "catalogue", "rules", "wording"},
    "judgement": {"model", "material", "catalogue", "pki", "rules", "wording", "across"},
    "judge": {"model", "pki", "rules", "across", "judgement"},
    "pipeline": {"model", "material", "pki", "rules", "net", "judgement", "judge", "garbage"},
    "targets": {"model"},
    "lists": {"model", "targets"},
    "results": {"model"},
    "api": {"model", "message", "pki", "pipeline", "judgement", "targets", "net", "triage"},
    "demo": {"model", "pki"},
    "cli": {"model", "catalogue", "pki", "pipeline", "judgement", "net", "render", "rules", "demo", "wire", "targets"}
    | {"message", "material", "triage", "api", "documents", "changes", "lists", "results"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""Room → the rooms that it may import; a room may always import itself."""

SOCKETS = {"socket", "socketserver", "select", "selectors", "http", "urllib", "asyncio", "h11", "dns"}
FOREIGN = {
    **{library: {"net", "demo"} for library in SOCKETS},
    "rich": {"render", "cli"},
    "OpenSSL": {"wire/handshake", "wire/callbacks", "wire/engine", "wire/offer", "wire/welcome", "pki/anchors", "demo"},
    "ssl": {"pki/anchors"},
}
"""Library → where it may be imported."""
REASONS = {
    ("cli", "asyncio"): "asyncio.run stands at the top of the program",
    ("pipeline", "asyncio"): "what distinct lists lack is asked for side by side",
    ("api", "asyncio"): "asyncio.run is what makes the synchronous call",
    ("pki", "ssl"): "the platform's own default paths",
}
"""Exceptions, each with its reason."""


def room(path: Path) -> str:
    """The room in which a source file stands."""
    inside = path.relative_to(TOP / "probe")
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a source file's syntax."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a source file imports, wherever in the file, those for annotations alone left out."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    for_annotations = {
        id(node)
        for branch in nodes(path)
        if isinstance(branch, ast.If) and isinstance(branch.test, ast.Name) and branch.test.id == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }
    for node in nodes(path):
        if id(node) in for_annotations:
            continue
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{name.name}" for name in node.names)


def every_source(test: Callable[[Path], None]) -> Callable[[], None]:
    """Run a test for all source files in one go: as four hundred tests of their own they would take far longer."""

    def run() -> None:
        for path in SOURCES:
            test(path)

    run.__doc__ = test.__doc__
    return run


@every_source
def test_rooms_know_only_whom_they_may(path: Path) -> None:
    """Our own imports flow one way."""
    here = room(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("probe.")}
    ours -= {here, "__version__"}
    assert ours <= MAY_IMPORT[here], f"{path}: {here} may import {sorted(MAY_IMPORT[here])}"


@every_source
def test_sockets_rich_and_openssl_stay_in_their_rooms(path: Path) -> None:
    """Sockets only in net and demo, rich only in render and cli, OpenSSL only in the handshake and the verdict."""
    here = room(path)
    inside = str(path.relative_to(TOP / "probe").with_suffix(""))
    for library in {name.split(".")[0] for name in imports(path)} & set(FOREIGN):
        allowed = FOREIGN[library]
        assert here in allowed or inside in allowed or (here, library) in REASONS, f"{inside} imports {library}"


@every_source
def test_only_net_demo_and_the_command_line_know_the_time(path: Path) -> None:
    """The moment of judgement is always passed in."""
    if room(path) not in {"net", "demo", "cli", "api", "render"}:
        source = path.read_text(encoding="utf-8")
        assert re.findall(r"\b(?:datetime\.now|time\.time|time\.monotonic|date\.today)\(", source) == [], path


def functions() -> Iterator[tuple[str, int]]:
    """Every function of ours with its length in lines."""
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                where = f"{path.relative_to(TOP)}:{node.lineno} {node.name}"
                yield where, (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_are_short() -> None:
    """No function has more than 40 lines, and half of them at most 8."""
    lengths = dict(functions())
    assert [where for where, length in lengths.items() if length > 40] == []
    assert statistics.median(lengths.values()) <= 8


LONG = {"probe/model.py": "the dictionary of the program: all values stand in one place, and most lines describe them"}


@every_source
def test_files_are_short(path: Path) -> None:
    """A file of more than 300 lines lacks a room; the one exception has its reason."""
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert (length > 300) == (str(path.relative_to(TOP)) in LONG), path


def test_every_rule_has_a_page_and_every_page_a_use() -> None:
    """A rule without page says which file to create; a page that answers neither a finding nor a text is left over."""
    from probe.catalogue.pages import all_pages, ids
    from probe.rules.ids import IDS

    for missing in sorted(IDS - set(ids())):
        pytest.fail(
            f"{missing} is raised by probe/rules but has no page.\n"
            f"Create probe/catalogue/pages/{missing}.md; missing-intermediate.md shows the headings."
        )
    assert [page.id for page in all_pages() if page.id not in IDS and not page.said] == []


def test_every_rule_of_a_chain_has_a_case_where_it_speaks() -> None:
    """fixtures/chains holds a chain for every finding that a chain alone can show."""
    from probe.rules import RULES, conversation, dane, handshake

    spoken = {name for case in (TOP / "fixtures/chains").glob("*/case.toml") for name in findings_of(case)}
    by_more = {conversation.__name__, dane.__name__, handshake.__name__}
    elsewhere = {rule.id for rule in RULES if rule.look.__module__ in by_more}
    handshake_alone = {"key-mismatch", "aia-problem", "client-eku"}
    for missing in sorted({rule.id for rule in RULES} - elsewhere - handshake_alone - spoken):
        pytest.fail(f"no case shows {missing}: add one to scripts/forge-fixtures and run it")


def findings_of(case: Path) -> list[str]:
    """The finding ids that a case expects."""
    found = tomllib.loads(case.read_text(encoding="utf-8"))["findings"]
    assert isinstance(found, list)
    return found


def test_dependencies_are_justified() -> None:
    """docs/architecture.md says in one line why each dependency is there, and names none that is gone."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[<>=]", name)[0] for name in project["dependencies"]}
    text = (TOP / "docs/architecture.md").read_text(encoding="utf-8")
    assert declared == set(re.findall(r"^\| `([a-z0-9-]+)` \|", text, re.MULTILINE))


def test_no_avoided_words() -> None:
    """Functions and classes carry the field's words, not utils, manager, handle or process."""
    avoided = re.compile(r"^_?(?:cert_chain|ssl_|check_|data|info|result|handle|process|manager|utils)", re.IGNORECASE)
    for path in SOURCES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                assert not avoided.match(node.name), f"{path.name}: {node.name}"
