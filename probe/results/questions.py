"""What SQLite is asked about two sweeps, whose tables are attached as ``was`` and ``now``."""

from __future__ import annotations

_WEIGHT = "CASE severity WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
_RANK = "CASE {} WHEN 'error' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END"
_WAS, _NOW = _RANK.format("was"), _RANK.format("now")

WRONG = """SELECT 1 FROM {in_}report
    WHERE status NOT IN ('ok', 'info', 'warning', 'error', 'unreachable') OR typeof(port) <> 'integer'
        OR key IS NOT kind || ' ' || name || ' ' || port || ' ' || protocol
        OR instr(kind, ' ') OR instr(protocol, ' ')
    LIMIT 1"""
"""Is there a report that no sweep wrote?"""

PAIRS = (
    "CREATE TABLE pair (id INTEGER PRIMARY KEY, key TEXT, old INTEGER, new INTEGER, was TEXT, now TEXT, kind TEXT)",
    """INSERT INTO pair (key, old, new, was, now)
        SELECT b.key, b.id, a.id, b.status, a.status FROM was.report b LEFT JOIN now.report a ON a.key = b.key""",
    """INSERT INTO pair (key, new, now)
        SELECT a.key, a.id, a.status FROM now.report a LEFT JOIN was.report b ON b.key = a.key WHERE b.id IS NULL""",
)
_CAME = f"""INSERT INTO moved
    SELECT p.id, f.id, {{sign}}, max({_WEIGHT}) FROM pair p JOIN {{here}}.finding f ON f.report = p.{{this}}
    WHERE p.was <> 'unreachable' AND p.now <> 'unreachable'
        AND NOT EXISTS (SELECT 1 FROM {{there}}.finding g WHERE g.report = p.{{other}} AND g.id = f.id)
    GROUP BY p.id, f.id"""  # noqa: S608 -- nothing in it comes from anywhere else
MOVED = (
    "CREATE TABLE moved (pair INTEGER, id TEXT, sign INTEGER, weight INTEGER)",
    _CAME.format(sign=1, here="now", this="new", there="was", other="old"),
    _CAME.format(sign=-1, here="was", this="old", there="now", other="new"),
    "CREATE INDEX moved_pair ON moved (pair)",
)
"""Findings that one of the two sweeps has alone, of targets that answered both times."""
NAMED = (
    f"""UPDATE pair SET kind = CASE
        WHEN old IS NULL THEN 'new'
        WHEN new IS NULL THEN 'gone'
        WHEN was = 'unreachable' AND now = 'unreachable' THEN NULL
        WHEN now = 'unreachable' THEN 'unreachable'
        WHEN was = 'unreachable' THEN 'back'
        WHEN {_WAS} = 0 AND {_NOW} > 0 THEN 'broke'
        WHEN {_WAS} > 0 AND {_NOW} = 0 THEN 'mended'
        WHEN {_WAS} < {_NOW} THEN 'worse'
        WHEN {_WAS} > {_NOW} THEN 'better'
        WHEN EXISTS (SELECT 1 FROM moved WHERE pair = pair.id AND weight) THEN 'otherwise'
    END""",  # noqa: S608 -- as above
    "CREATE INDEX pair_kind ON pair (kind, key) WHERE kind IS NOT NULL",
)

SIZES = "SELECT count(old), count(new), ifnull(sum(old IS NOT NULL AND new IS NOT NULL), 0) FROM pair"
COUNTS = "SELECT kind, count(*) FROM pair WHERE kind IS NOT NULL GROUP BY kind"
FINDINGS = f"""SELECT id, max(weight), sum(had), sum(has), sum(came), sum(went) FROM (
        SELECT id, max({_WEIGHT}) weight, count(DISTINCT report) had, 0 has, 0 came, 0 went FROM was.finding GROUP BY id
        UNION ALL SELECT id, max({_WEIGHT}), 0, count(DISTINCT report), 0, 0 FROM now.finding GROUP BY id
        UNION ALL SELECT id, max(weight), 0, 0, sum(sign > 0), sum(sign < 0) FROM moved GROUP BY id)
    GROUP BY id HAVING sum(had) <> sum(has) OR sum(came) OR sum(went)
    ORDER BY max(weight) DESC, sum(came) + sum(went) DESC, id"""  # noqa: S608 -- as above
MOVES = "SELECT id, key, old, new, was, now FROM pair WHERE kind = ? ORDER BY kind, key"
OF_PAIR = "SELECT id FROM moved WHERE pair = ? AND sign = ? AND weight ORDER BY weight DESC, id"
OF_REPORT = f"""SELECT id FROM now.finding WHERE report = ? AND severity IN ('error', 'warning')
    GROUP BY id ORDER BY max({_WEIGHT}) DESC, id"""  # noqa: S608 -- as above
GROUPS = """SELECT name, kind, count(*) FROM (
        SELECT kind, coalesce(
            (SELECT {column} FROM now.endpoint WHERE report = new AND {column} IS NOT NULL ORDER BY id LIMIT 1),
            (SELECT {column} FROM was.endpoint WHERE report = old AND {column} IS NOT NULL ORDER BY id LIMIT 1)) name
        FROM pair WHERE kind IS NOT NULL)
    WHERE name IS NOT NULL GROUP BY name, kind"""
