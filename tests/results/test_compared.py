"""Two sweeps compared, from files of either kind, whatever the order of their reports."""

from __future__ import annotations

import io
import json
import random
import sqlite3
import tracemalloc
from contextlib import closing
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.samples import GOOD, MISSING
from results.sweeps import LOOKS, named, sweep

from probe.cli import main
from probe.render.compared import text as document
from probe.render.json import text
from probe.results.compared import KINDS, Compared, Group, Moved
from probe.results.reading import rows

TOP = Path(__file__).parents[2]
SCHEMA = json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))
BEFORE = {
    "same": "ok", "sick": "error", "breaks": "ok", "worsens": "warning", "ends": "ok", "leaves": "error",
    "heals": "error", "betters": "error", "returns": "unreachable", "dead": "unreachable",
}  # fmt: skip
AFTER = {
    "same": "ok", "sick": "error", "breaks": "error", "worsens": "error", "ends": "unreachable",
    "heals": "ok", "betters": "warning", "returns": "error", "dead": "unreachable", "comes": "ok",
}  # fmt: skip
BECAME = {
    "broke": ["breaks"], "worse": ["worsens"], "unreachable": ["ends"], "gone": ["leaves"], "mended": ["heals"],
    "better": ["betters"], "back": ["returns"], "new": ["comes"], "otherwise": [],
}  # fmt: skip
VERDICTS = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(sorted(LOOKS)), min_size=1)


@pytest.fixture(params=[("jsonl", "jsonl"), ("db", "db"), ("jsonl", "db"), ("db", "jsonl")], ids=" ".join)
def both(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path]:
    """The two sweeps as files of each kind."""
    old, new = request.param
    return sweep(tmp_path / f"before.{old}", BEFORE), sweep(tmp_path / f"after.{new}", AFTER)


def read(compared: Compared, before: Path, after: Path) -> None:
    """Compare two files."""
    for side, path in (("was", before), ("now", after)):
        database = path.suffix == ".db"
        with path.open("rb") as stream:
            compared.read("was" if side == "was" else "now", str(path) if database else stream)
    compared.settle()


def lines(verdicts: dict[str, str]) -> io.BytesIO:
    """A sweep as lines, in memory."""
    return io.BytesIO("".join(text([named(LOOKS[verdict], name)]) for name, verdict in verdicts.items()).encode())


def became(before: io.BytesIO, after: io.BytesIO) -> dict[str, list[str]]:
    """Kind → the hosts of which that became."""
    with Compared() as compared:
        compared.read("was", before)
        compared.read("now", after)
        compared.settle()
        return {kind: [move.key.split()[1] for move in compared.moves(kind)] for kind in KINDS}


def test_what_became_of_each_target(both: tuple[Path, Path]) -> None:
    """Each kind has one, with its verdicts and findings."""
    with Compared() as compared:
        read(compared, *both)
        assert compared.sizes() == (10, 10, 9)
        assert {kind: [move.key.split()[1] for move in compared.moves(kind)] for kind in KINDS} == BECAME
        assert compared.counts() == {kind: len(hosts) for kind, hosts in BECAME.items()}
        (broke,), (worse,), (back,) = (list(compared.moves(kind)) for kind in ("broke", "worse", "back"))
        assert (broke.before, broke.after, broke.came, broke.went) == ("ok", "error", ("missing-intermediate",), ())
        assert (worse.came, worse.went) == (("missing-intermediate",), ("expired", "misordered", "root-included"))
        assert (back.before, back.after, back.came) == ("unreachable", "error", ("missing-intermediate",))
        (unreachable,) = compared.moves("unreachable")
        assert unreachable.came == ("timeout-connect",)


def test_findings_are_counted_where_both_sweeps_saw_the_target(both: tuple[Path, Path]) -> None:
    """How many had it, how many have it, at how many it came and went; no answer is no cure."""
    with Compared() as compared:
        read(compared, *both)
        found = {moved.id: moved for moved in compared.findings()}
        assert found["missing-intermediate"] == Moved("missing-intermediate", "error", 4, 4, 2, 2)
        assert found["misordered"] == Moved("misordered", "warning", 1, 1, 1, 1)
        assert "timeout-connect" not in found


def test_by_whose_certificates_and_software(both: tuple[Path, Path]) -> None:
    """Those of now; where nothing answers any more, those of before."""
    with Compared() as compared:
        read(compared, *both)
        (authority,) = compared.groups("ca")
        moved = {kind: len(hosts) for kind, hosts in BECAME.items()}
        assert authority == Group("Example", moved)
        assert compared.groups("mta") == [Group("postfix", moved)]


def test_the_document_keeps_to_the_contract(both: tuple[Path, Path]) -> None:
    """And is one line of ASCII."""
    with Compared() as compared:
        read(compared, *both)
        written = "".join(document(compared))
    made = json.loads(written)
    jsonschema.Draft202012Validator(SCHEMA).validate(made)
    assert written.isascii()
    assert written.index("\n") == len(written) - 1
    assert made["exit_code"] == 1
    assert [one["target"]["name"] for one in made["sweeps"]["targets"]] == [
        host for hosts in BECAME.values() for host in hosts
    ]


@given(VERDICTS, VERDICTS, st.randoms(use_true_random=False))
def test_the_order_of_reports_does_not_matter(
    before: dict[str, str], after: dict[str, str], chance: random.Random
) -> None:
    """Nor that one is there twice: the last counts. Backwards, what broke is mended and what came is gone."""
    found = became(lines(before), lines(after))
    shuffled = dict(chance.sample(list(after.items()), len(after)))
    stale = dict.fromkeys(after, "error")
    assert became(lines(before), lines(shuffled)) == found
    assert became(lines(before), io.BytesIO(lines(stale).read() + lines(after).read())) == found
    back = became(lines(after), lines(before))
    assert [back[kind] for kind in ("mended", "better", "back", "new")] == [
        found[kind] for kind in ("broke", "worse", "unreachable", "gone")
    ]
    assert sum(map(len, became(lines(before), lines(before)).values())) == 0


def test_another_fault_with_the_same_verdict_is_told() -> None:
    """Nothing is better, and yet somebody did something."""
    edited = text([named(MISSING, "mx")]).replace('"missing-intermediate"', '"expired"')
    with Compared() as compared:
        compared.read("was", lines({"mx": "error"}))
        compared.read("now", io.BytesIO(edited.encode()))
        compared.settle()
        (move,) = compared.moves("otherwise")
        assert (move.came, move.went) == (("expired",), ("missing-intermediate",))


def test_a_sweep_that_is_still_running_is_compared_without_its_torn_line(tmp_path: Path) -> None:
    """Rubbish before its end is named."""
    whole = lines(BEFORE).read()
    assert len(list(rows(io.BytesIO(whole[:-9]), torn=True))) == len(BEFORE) - 1
    for cut in (whole[: whole.index(b"\n") - 9] + whole[whole.index(b"\n") :], b"\0" + whole):
        with Compared() as compared, pytest.raises(ValueError, match="line 1 is no report"):
            compared.read("was", io.BytesIO(cut))
    database = tmp_path / "other.db"
    with closing(sqlite3.connect(database)) as link:
        link.execute("CREATE TABLE report (key)")
    with Compared() as compared, pytest.raises(ValueError, match="a database of something else"):
        compared.read("was", str(database))


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE report SET status = 'fine'",
        "UPDATE report SET port = 'many', key = 'host mx many smtp'",
        "UPDATE report SET key = 'x'",
        "UPDATE report SET kind = 'a b', key = 'a b mx 25 smtp'",
        "DELETE FROM report",
        "DROP TABLE finding",
        "ALTER TABLE report RENAME TO other; CREATE VIEW report AS SELECT * FROM other",
    ],
)
def test_a_database_that_no_sweep_wrote_is_refused(edit: str, tmp_path: Path) -> None:
    """Whatever somebody has put into it."""
    path = sweep(tmp_path / "edited.db", {"mx": "ok"})
    with closing(sqlite3.connect(path)) as link:
        link.executescript(edit)
    with Compared() as compared, pytest.raises(ValueError, match=r"no sweep wrote|no report|something else"):
        compared.read("was", str(path))


def test_a_line_whose_values_are_of_another_kind_is_refused() -> None:
    """Before anything is done with them."""
    base = json.loads(text([GOOD]))
    edits: tuple[dict[str, object], ...] = (
        {"status": "fine"}, {"status": ["ok"]}, {"exit_code": "0"}, {"findings": {"id": 1}}, {"findings": [{"id": 1}]},
        {"endpoints": [{}]}, {"endpoints": [{**base["endpoints"][0], "host": {}}]}, {"target": {"kind": "host"}},
        {"endpoints": [{**base["endpoints"][0], "port": "25"}]}, {"schema": "smtp-chaincheck/2"}, {"endpoints": None},
        {"endpoints": [{**base["endpoints"][0], "mta": "postfix"}]}, {"target": {**base["target"], "port": "x"}},
        {"findings": [{"id": "x", "severity": "grave"}]}, {"endpoints": [{**base["endpoints"][0], "tls_version": 1}]},
    )  # fmt: skip
    for edit in edits:
        made = json.dumps(base | edit).encode() + b"\n"
        with Compared() as compared, pytest.raises(ValueError, match="line 1 is no report"):
            compared.read("now", io.BytesIO(made))


def test_text_that_is_no_text_is_no_trouble(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Half characters, and what steers a terminal, in names and ids."""
    odd = json.loads(text([MISSING]))
    odd["target"]["name"] = "\ud800\x1b[31m\u202e é"
    odd["endpoints"][0]["findings"][0]["id"] = "\x1b]0;\udfff"
    odd["endpoints"][0]["presented"][0]["issuer"] = "O=\x07\ud800"
    before = sweep(tmp_path / "before.db", {"mx": "ok"})
    after = tmp_path / "after.jsonl"
    after.write_text(json.dumps(odd) + "\n", encoding="ascii")
    assert main(["diff", str(before), str(after)]) == 1
    out = capsys.readouterr().out
    assert "\\x1b[31m" in out
    assert not {"\x1b", "\u202e", "\x07"} & set(out)
    assert main(["diff", str(before), str(after), "--json"]) == 1
    jsonschema.Draft202012Validator(SCHEMA).validate(json.loads(capsys.readouterr().out))


@pytest.mark.unmeasured
def test_lines_are_compared_in_little_memory(tmp_path: Path) -> None:
    """A fraction of the file; SQLite has a bound of its own."""
    path = sweep(tmp_path / "sweep.jsonl", {f"mx{n}": "error" for n in range(200)})
    tracemalloc.start()
    with Compared() as compared:
        read(compared, path, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size / 4


def queries() -> list[str]:
    """The examples of docs/results.md."""
    page = (TOP / "docs/results.md").read_text(encoding="utf-8")
    blocks = [block.partition("```")[0] for block in page.split("```sql\n")[1:]]
    return [statement for block in blocks for statement in block.split(";") if statement.strip()]


def test_the_examples_of_the_page_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each finds something in two small sweeps."""
    monkeypatch.chdir(tmp_path)
    october, _ = sweep(Path("october.db"), BEFORE | {"mx.example.com": "ok"}), sweep(Path("november.db"), AFTER)
    with closing(sqlite3.connect(october)) as link:
        assert len(queries()) == 7
        for query in queries():
            found = link.execute(query).fetchall()
            assert found or "ATTACH" in query, query
    assert ("breaks", "ok", "error") in found
