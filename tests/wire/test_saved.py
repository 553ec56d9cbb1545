"""Observations as a file, and back; and files that are none."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from fake_mta import rehearse, scripts
from hypothesis import given, settings
from hypothesis import strategies as st
from shared import examples

from probe.model import (
    Alert,
    Endpoint,
    Exchange,
    Failure,
    Fetch,
    Observation,
    Protocol,
    Reply,
    Stage,
    Survey,
    Target,
    Tls,
    Trouble,
    alone,
)
from probe.wire.saved import SCHEMA, dump, load

WORD = st.text(max_size=12)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
TIME = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is beside


def perhaps(kind: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """This or None."""
    return st.none() | kind


REPLY = perhaps(st.builds(Reply, st.integers(0, 999), st.lists(WORD, min_size=1, max_size=3).map(tuple)))
FAILURE = perhaps(st.builds(Failure, st.sampled_from(Trouble), WORD, st.lists(WORD, max_size=2).map(tuple)))
ENDPOINT = st.builds(
    Endpoint,
    perhaps(WORD),
    perhaps(WORD),
    st.integers(1, 65535),
    st.sampled_from(Protocol),
    st.sampled_from(Tls),
    perhaps(WORD),
    perhaps(st.integers(0, 65535)),
)
OBSERVATION = st.builds(
    Observation,
    endpoint=ENDPOINT,
    started=TIME,
    stage=st.sampled_from(Stage),
    failure=FAILURE,
    greeting=REPLY,
    ehlo=REPLY,
    starttls=REPLY,
    ehlo_tls=REPLY,
    surplus=st.binary(max_size=20),
    presented=perhaps(st.lists(st.binary(max_size=20), max_size=3).map(tuple)),
    tls_version=perhaps(WORD),
    cipher=perhaps(WORD),
    key_exchange_bits=perhaps(st.integers()),
    client_cert_requested=perhaps(st.booleans()),
    alerts=st.lists(st.builds(Alert, st.booleans(), st.integers(0, 255), st.booleans()), max_size=2).map(tuple),
    timing_ms=st.dictionaries(WORD, NUMBER, max_size=3),
    transcript=st.lists(st.builds(Exchange, NUMBER, st.sampled_from(("server", "client")), WORD), max_size=3).map(
        tuple
    ),
    retried=perhaps(WORD),
    first_failure=FAILURE,
    fetched=st.lists(st.builds(Fetch, WORD, st.tuples(st.binary(max_size=9)), perhaps(WORD)), max_size=2).map(tuple),
)


@settings(max_examples=examples(25), deadline=None)
@given(st.lists(OBSERVATION, max_size=3).map(tuple))
def test_round_trip(seen: tuple[Observation, ...]) -> None:
    """What is saved is what is loaded, in pure ASCII."""
    saved = dump(map(alone, seen))
    assert seen == tuple(one for survey in load(saved) for one in survey.observations)
    assert saved.isascii()


@pytest.mark.unmeasured
def test_round_trip_of_real_observations() -> None:
    """The scripted servers, all of them."""
    seen = tuple(rehearse(script) for script in scripts())
    assert tuple(map(alone, seen)) == load(dump(map(alone, seen)))


SEEN = Observation(
    Endpoint("mx.example", None, 25),
    datetime(2026, 7, 1, tzinfo=UTC),
    Stage.EHLO,
    Failure(Trouble.REPLY, "no"),
    greeting=Reply(220, ("hi",)),
    presented=(b"\0\1",),
    timing_ms={"dns": 1.5},
)


def test_times_are_utc() -> None:
    """A time of another zone is the same moment."""
    there = timezone(timedelta(hours=2))
    seen = Observation(SEEN.endpoint, datetime(2026, 7, 1, 2, tzinfo=there), Stage.DNS)
    assert "2026-07-01T00:00:00+00:00" == load(dump([alone(seen)]))[0].observations[0].started.isoformat()


def test_older_and_newer_files() -> None:
    """A field that is not there takes its default; one that we do not know is passed over."""
    document = json.loads(dump([alone(SEEN)]))
    one = document["surveys"][0]["observations"][0]
    del one["fetched"], one["presented"], one["endpoint"]["tls"]
    one["weather"] = one["endpoint"]["moon"] = "full"
    (loaded,) = load(json.dumps(document))[0].observations
    assert ((), None, Tls.STARTTLS) == (loaded.fetched, loaded.presented, loaded.endpoint.tls)


def test_files_of_looks_alone() -> None:
    """Each look is the survey of its own target."""
    document = json.loads(dump([alone(SEEN)]))
    document["observations"] = document.pop("surveys")[0]["observations"]
    assert (alone(SEEN),) == load(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[" * 9999,
        "x",
        '{"schema": NaN}',
        "1" * 5000,
        "[]",
        "{}",
        "null",
        '"x"',
        '{"schema": "smtp-chaincheck/1"}',
    ],
    ids=lambda text: text[:20],
)
def test_other_files(text: str) -> None:
    """Whatever else is given is refused with a sentence that says what it is not."""
    with pytest.raises(ValueError, match="This is no file of saved observations"):
        load(text)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ('"surveys": [', '"survey": [', "observations is None"),
        ('"port": 25', '"port": "25"', "surveys[0].observations[0].endpoint.port is '25'"),
        ('"port": 25', '"port": true', "surveys[0].observations[0].endpoint.port is True"),
        ('"port": 25', '"harbour": 25', "surveys[0].observations[0].endpoint lacks a field of Endpoint"),
        ('"stage": "ehlo"', '"stage": "elho"', "surveys[0].observations[0].stage is 'elho'"),
        ('"stage": "ehlo"', '"stage": ["ehlo"]', "surveys[0].observations[0].stage is ['ehlo']"),
        ('"AAE="', '"AA!E="', "surveys[0].observations[0].presented[0] is 'AA!E='"),
        ('"AAE="', "7", "surveys[0].observations[0].presented[0] is 7"),
        ("+00:00", "", "surveys[0].observations[0].started is '2026-07-01T00:00:00'"),
        ("2026-07-01T00:00:00+00:00", "0001-01-01T00:00:00+14:00", "surveys[0].observations[0].started is '0001-01"),
        ("2026-07-01T00:00:00+00:00", "yesterday", "surveys[0].observations[0].started is 'yesterday'"),
        ("1.5", "1e999", "surveys[0].observations[0].timing_ms.dns is inf"),
        ("1.5", "false", "surveys[0].observations[0].timing_ms.dns is False"),
        ("1.5", "1" + "0" * 400, "surveys[0].observations[0].timing_ms.dns is 1000"),
        ('"dns": 1.5', '"\\ud800": 1.5', "surveys[0].observations[0].timing_ms is '\\ud800'"),
        ('"mx.example"', '"\\udcff"', "surveys[0].observations[0].endpoint.host is '\\udcff'"),
        ('"mx.example"', "{}", "surveys[0].observations[0].endpoint.host is {}"),
        ('"hi"', "", "surveys[0].observations[0].greeting is {'code': 220, 'lines': []}"),
        ('"no"', '{"a": "' + "x" * 100 + '"}', "xxx…, which is no str"),
    ],
)
def test_spoilt_files(old: str, new: str, place: str) -> None:
    """A value of the wrong kind is refused, and its place in the file is named."""
    text = dump([Survey(Target("example.org", 587), (SEEN,))])
    assert old in text
    with pytest.raises(ValueError, match="The saved observation") as caught:
        load(text.replace(old, new))
    assert place in str(caught.value)


def test_infinity_is_not_saved() -> None:
    """What JSON cannot say is a mistake of ours, and is heard at once."""
    with pytest.raises(ValueError, match="Out of range"):
        dump([alone(Observation(SEEN.endpoint, SEEN.started, Stage.DNS, timing_ms={"dns": float("inf")}))])


LEAF = st.none() | st.booleans() | NUMBER | WORD
JSON = LEAF | st.lists(LEAF, max_size=3) | st.dictionaries(WORD, LEAF, max_size=3)


@settings(max_examples=examples(80), deadline=None)
@given(st.sampled_from(list(json.loads(dump([alone(SEEN)]))["surveys"][0]["observations"][0])), JSON)
def test_any_json_in_any_field(name: str, value: object) -> None:
    """It is loaded, or refused by ValueError."""
    document = json.loads(dump([alone(SEEN)]))
    document["surveys"][0]["observations"][0][name] = value
    assert SCHEMA == document["schema"]
    with contextlib.suppress(ValueError):
        load(json.dumps(document))
