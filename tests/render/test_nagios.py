"""The plugin's answer, read by a parser that knows the guidelines alone."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from render.samples import ALL, GOOD, MISORDERED, MISSING, NASTY, NOW, UNREACHABLE

from probe.model import Finding, Kind, Report, Severity, Stage
from probe.render.nagios import LARGEST, text, unknown

GOLDEN = Path(__file__).parents[2] / "fixtures/golden/nagios.txt"
NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = rf"@?(?:(?:{NUMBER}|~):)?(?:{NUMBER})?"
UNIT = r"(?:s|us|ms|%|B|KB|MB|TB|c)?"
PERFDATA = re.compile(
    rf"(?P<label>'(?:[^'=]|'')+'|[^ '=]+)=(?:(?P<value>{NUMBER}){UNIT}|U)"
    rf"(?:;(?P<warn>{RANGE})(?:;(?P<crit>{RANGE})(?:;(?:{NUMBER})?(?:;(?:{NUMBER})?)?)?)?)?"
)
"""Monitoring Plugins Development Guidelines, "Performance data": 'label'=value[UOM];[warn];[crit];[min];[max]."""
STATUS = re.compile(r"SMTP-CHAINCHECK (OK|WARNING|CRITICAL|UNKNOWN) - [^|]+")


def parsed(answer: str) -> tuple[str, dict[str, re.Match[str]]]:
    """The state, and label → number, as monitoring reads them."""
    first, *rest = answer.splitlines()
    words, _, numbers = first.partition("|")
    state = STATUS.fullmatch(words)
    assert state
    found = [PERFDATA.fullmatch(one) for one in numbers.split(" ") if one]
    assert all(found)
    assert all("|" not in line for line in (numbers, *rest))
    return state[1], {one["label"]: one for one in found if one}


def alerts(value: float, limit: str) -> bool:
    """The guidelines' ranges: "10" is outside 0 to 10, "10:" below 10; nothing never alerts."""
    if not limit:
        return False
    low, colon, high = limit.rpartition(":")
    start = float(low or "0") if colon else 0.0
    return not start <= value <= (float(high) if high else float("inf"))


def answer(*reports: Report, warn_days: int | None = None) -> tuple[str, int]:
    """With ids for titles."""
    return text(reports, 0.2306, title=str, warn_days=warn_days)


def test_the_answer_is_as_ever() -> None:
    """Some answers, letter by letter."""
    told = [answer(one)[0] for one in (GOOD, MISORDERED, UNREACHABLE)]
    told.append(answer(GOOD, MISSING, UNREACHABLE, warn_days=14)[0])
    assert "\n".join(told) == GOLDEN.read_text(encoding="ascii")


@pytest.mark.parametrize(("name", "report"), ALL.items())
def test_every_answer_keeps_the_guidelines(name: str, report: Report) -> None:
    """And always has the same labels, which graphs are made of."""
    words, code = answer(report)
    state, numbers = parsed(words)
    assert ("OK", "WARNING", "CRITICAL")[code] == state, name
    assert [*numbers] == ["days", "errors", "warnings", "time", *(stage for stage in Stage if stage != "done")]
    assert words.isascii()
    assert len(words) <= LARGEST


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (GOOD, 0),
        (MISSING, 2),
        (UNREACHABLE, 2),
        (replace(UNREACHABLE, fail_on=Severity.ERROR), 2),
        (replace(GOOD, findings=(Finding("mx-dependent", Severity.WARNING),)), 1),
        (replace(GOOD, findings=(Finding("mx-dependent", Severity.WARNING),), fail_on=Severity.ERROR), 0),
        (replace(GOOD, findings=(Finding("mx-dependent", Severity.INFO),)), 0),
    ],
)
def test_the_state(report: Report, code: int) -> None:
    """Errors and silence are critical; what --fail-on lets pass is no alarm; the worst host counts."""
    assert answer(report)[1] == code
    assert answer(GOOD, report, GOOD)[1] == code


def ending(days: float) -> Report:
    """A good server whose leaf ends so many days after the look."""
    endpoint = GOOD.endpoints[0]
    assert endpoint.chain
    assert endpoint.chain.path
    leaf, *others = endpoint.chain.path.certificates
    path = replace(endpoint.chain.path, certificates=(replace(leaf, not_after=NOW + timedelta(days=days)), *others))
    return replace(GOOD, endpoints=(replace(endpoint, chain=replace(endpoint.chain, path=path)),))


@pytest.mark.parametrize(
    ("days", "shown", "warns", "critical"),
    [(57.9, "57", False, False), (14.0, "14", False, False), (13.9, "13", True, False), (0.5, "0", True, False),
     (-0.5, "-1", True, True)],
)  # fmt: skip
def test_the_days_left_and_their_limits(days: float, shown: str, warns: bool, critical: bool) -> None:
    """A graph's limits say what --warn-days and an expired certificate say."""
    number = parsed(answer(ending(days), warn_days=14)[0])[1]["days"]
    assert number["value"] == shown
    assert (alerts(float(shown), number["warn"]), alerts(float(shown), number["crit"])) == (warns, critical)


def test_days_that_are_over_are_said() -> None:
    """Whoever is called reads words, and not the numbers."""
    assert ", -3 days left |" in answer(ending(-2.5))[0]


def test_a_row_names_the_mail_host() -> None:
    """Of a domain an address alone says little."""
    host = MISSING.endpoints[0].observation.endpoint.host
    whole = replace(MISSING, target=replace(MISSING.target, name="example.com", kind=Kind.DOMAIN))
    assert f"error: example.com {host} 192.0.2.25: missing-intermediate" in answer(whole)[0]
    assert f"error: {host}:25 192.0.2.25: missing-intermediate" in answer(MISSING)[0]


def test_the_counts_alert_above_none() -> None:
    """Errors are critical, warnings are not."""
    number = parsed(answer(MISORDERED)[0])[1]
    assert [
        (number[label]["value"], number[label]["warn"], number[label]["crit"]) for label in ("errors", "warnings")
    ] == [
        ("1", "", "0"),
        ("1", "0", ""),
    ]
    assert alerts(1, "0")
    assert not alerts(0, "0")


def test_the_first_certificate_that_ends_counts() -> None:
    """Of all hosts."""
    assert parsed(answer(ending(57), ending(3), UNREACHABLE)[0])[1]["days"]["value"] == "3"
    assert parsed(answer(UNREACHABLE)[0])[1]["days"]["value"] is None


@given(st.text(alphabet=st.characters(), max_size=400) | st.just(NASTY + "|'=;<script>$(id)`id`\n|"))
def test_hostile_words_stay_words(words: str) -> None:
    """Whatever a name is, the numbers are ours and the line is one."""
    evil = replace(MISSING, target=replace(MISSING.target, name=words))
    told, _ = answer(evil)
    assert [*parsed(told)[1]][:2] == ["days", "errors"]
    assert len(told.splitlines()) == 2
    for line in (*told.splitlines(), *unknown(words).splitlines()):
        assert line.isascii()
        assert line.isprintable()
        assert not set('<>`$&"') & set(line)
    assert unknown(words).count("\n") == 1
    assert "|" not in unknown(words)


def test_a_thousand_hosts_are_cut_at_a_line() -> None:
    """Monitoring reads four kilobytes."""
    told, code = answer(*[MISSING] * 1000)
    assert LARGEST - 200 < len(told) <= LARGEST
    assert told.endswith("[missing-intermediate]\n")
    assert code == 2
