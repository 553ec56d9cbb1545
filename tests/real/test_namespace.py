"""The program by its plain command line, on port 25 of public addresses: a network namespace of our own has them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from real.conftest import demanded
from real.namespace import HOSTS, NO_ROUTE, NO_ROUTE_EITHER, SILENT, V4, V6

pytestmark = pytest.mark.real

ROOT = Path(__file__).parents[2]
MX1, MX2, MX3, MX4, MX5, MX6 = HOSTS
SECONDS = 4
RUNS = {
    "domain": ["example.test", "--mx", "--timeout", str(SECONDS)],
    "json": ["example.test", "--mx", "--timeout", str(SECONDS), "--json"],
    "bare": ["example.test", "--timeout", str(SECONDS)],
    "no route": [MX5, "--json"],
    "no route at all": [f"[{NO_ROUTE}]"],
    "thorough": [MX1, "-4", "--thorough", "--json"],
}


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one command line."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def words(self) -> str:
        """What it said, its lines joined."""
        return " ".join(self.out.split())

    @property
    def document(self) -> Any:
        """What it said in JSON."""
        return json.loads(self.out)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Run them all in one namespace."""
    refuse = pytest.fail if demanded() else pytest.skip
    inside = ["unshare", "--net", "--mount"]
    if os.geteuid() or subprocess.run([*inside, "ip", "link"], check=False, capture_output=True).returncode:
        refuse("a network namespace needs root, unshare(1) and ip(8)")
    program, folder = Path(__file__).with_name("namespace.py"), tmp_path_factory.mktemp("net")
    command = [*inside, sys.executable, str(program), str(folder)]
    done = subprocess.run(
        [*command, json.dumps(list(RUNS.values()))],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, ROOT / "tests")))},
    )
    assert done.returncode == 0, done.stderr
    return {name: Run(*run) for name, run in zip(RUNS, json.loads(done.stdout), strict=True)}


def ids(endpoint: Any) -> set[tuple[str, str]]:
    """Severity and id of what was found at an endpoint."""
    return {(f["severity"], f["id"]) for f in endpoint["findings"] if f["id"] != "revocation"}


def test_no_host_hides_another(runs: dict[str, Run]) -> None:
    """Right over IPv4 and IPv6; without its issuer; packets are lost; refused; no route for IPv6 (RFC 6724: last)."""
    found = {(e["host"], e["address"]): e for e in runs["json"].document["endpoints"]}
    assert list(found) == [
        (MX1, V6),
        (MX1, V4[11]),
        (MX2, V4[12]),
        (MX3, SILENT),
        (MX4, V4[13]),
        (MX5, V4[15]),
        (MX5, NO_ROUTE),
        (MX6, NO_ROUTE_EITHER),
    ]
    states = ["ok", "ok", "error", "unreachable", "unreachable", "ok", *["unreachable"] * 2]
    assert [e["status"] for e in found.values()] == states
    assert ids(found[MX2, V4[12]]) == {("error", "missing-intermediate")}
    assert ids(found[MX3, SILENT]) == {("error", "timeout-connect")}
    assert ids(found[MX4, V4[13]]) == {("error", "connect-refused")}
    assert ids(found[MX6, NO_ROUTE_EITHER]) == {("info", "unreachable")}
    assert {e["port"] for e in found.values()} == {25}


def test_the_total_time_is_bounded(runs: dict[str, Run]) -> None:
    """A little is for the start of Python and for judging."""
    for name in ("domain", "json", "bare"):
        assert runs[name].seconds < SECONDS + 4, name
    assert runs["json"].seconds > SECONDS - 1


def test_dane_is_believed_from_our_own_resolver(runs: dict[str, Run]) -> None:
    """Records at port 25, and a resolver on loopback that validates."""
    first = runs["json"].document["endpoints"][0]["tlsa"]
    assert (first["dnssec"], first["mx_dnssec"], len(first["records"])) == ("secure", "secure", 1)


def test_no_way_there_is_no_accusation(runs: dict[str, Run]) -> None:
    """IPv6 of a host without a route from here is a note, and the host is right."""
    document = runs["no route"].document
    found = {e["address"]: e for e in document["endpoints"]}
    assert set(found) == {V4[15], NO_ROUTE}
    assert ids(found[V4[15]]) == set()
    assert ids(found[NO_ROUTE]) == {("info", "unreachable")}
    assert (runs["no route"].code, document["status"]) == (0, "info")
    (note,) = [f for f in found[NO_ROUTE]["findings"] if f["id"] == "unreachable"]
    assert "own computer" in note["summary"]


def test_no_way_to_the_only_address_is_said(runs: dict[str, Run]) -> None:
    """Nothing could be examined, which is not "right"."""
    assert runs["no route at all"].code == 3
    assert "unreachable" in runs["no route at all"].out


def test_the_table_of_the_domain(runs: dict[str, Run]) -> None:
    """Each host, its preference, and what is wrong there."""
    said = runs["domain"]
    assert (said.code, said.err) == (1, "")
    assert said.out.startswith("✗ example.test — mx2.example.test: ")
    rows = ["10 mx1", "20 mx2", "30 mx3", "40 mx4", "50 mx5", "60 mx6", "missing-intermediate", "timeout-connect"]
    assert [row for row in rows if row not in said.words] == []


def test_a_bare_domain_may_have_been_meant_with_mx(runs: dict[str, Run]) -> None:
    """Its own address belongs to a web server, and the command to type is there."""
    said = runs["bare"]
    assert said.code == 3
    assert "smtp-chaincheck example.test --mx --trust" in said.words
    assert "mx1.example.test" in said.words


def test_thorough_asks_the_ports_that_answer(runs: dict[str, Run]) -> None:
    """465 is there, and the others are not, which is no news."""
    document = runs["thorough"].document
    assert [e["port"] for e in document["endpoints"]] == [25] * 6 + [465]
    assert [e["tls"] for e in document["endpoints"]] == ["starttls"] * 6 + ["implicit"]
    assert (runs["thorough"].code, document["left_out"]) == (0, [])
