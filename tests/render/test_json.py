from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from importlib import resources
from math import isfinite
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace
from render.samples import ALL, EVIL, GOOD, HOSTILE, MISORDERED, MISSING, MX, R3, ROOT, UNREACHABLE, report

from probe.model import EndpointReport, Exchange, Finding, Report, Severity, Stage, Target
from probe.render import json as report_json

SCHEMA = json.loads(resources.files("probe.render").joinpath("schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def read(*reports: Report) -> Any:
    """What a program reads from our output."""
    return json.loads(report_json.text(reports))


def facts(**given: object) -> Any:
    """What becomes of the facts of a finding."""
    finding = Finding("expired", Severity.ERROR, facts=given)
    return read(replace(GOOD, findings=(finding,)))["findings"][0]["facts"]


@pytest.mark.unmeasured
def test_the_schema_is_a_schema() -> None:
    """It is valid JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_allows_no_unknown_and_no_lacking_key() -> None:
    """Every object with named properties is closed and requires them all."""
    objects = [entry for entry in _walk(SCHEMA) if "properties" in entry]
    assert objects
    for entry in objects:
        assert entry["additionalProperties"] is False
        assert entry["required"] == list(entry["properties"])


def _walk(entry: Any) -> Any:
    if isinstance(entry, dict):
        yield entry
        for below in entry.values():
            yield from _walk(below)
    elif isinstance(entry, list):
        for below in entry:
            yield from _walk(below)


@pytest.mark.parametrize("name", ALL)
def test_every_report_keeps_the_contract(name: str) -> None:
    """The document validates, is one line of ASCII, and is the same each time."""
    text = report_json.text([ALL[name]])
    VALIDATOR.validate(json.loads(text))
    assert text.isascii()
    assert text.count("\n") == 1
    assert text[:-1].isprintable()
    assert text == report_json.text([ALL[name]])


def test_a_target_that_may_not_be_called_has_a_report() -> None:
    """There is no endpoint and no moment, and ``left_out`` says why."""
    why = "10.0.0.1:25: 10.0.0.1 is in 10.0.0.0/8, which is excluded"
    document = read(Report(Target("10.0.0.1"), (), left_out=(why,)))
    VALIDATOR.validate(document)
    assert (document["endpoints"], document["at"], document["left_out"]) == ([], None, [why])
    assert (document["status"], document["exit_code"]) == ("unreachable", 3)


def test_several_reports_are_one_document() -> None:
    """They stand in a list, in the order given, each with all its keys."""
    document = read(GOOD, UNREACHABLE)
    VALIDATOR.validate(document)
    assert [report["status"] for report in document["reports"]] == ["ok", "unreachable"]
    VALIDATOR.validate(read())


def test_an_error_is_a_document_too() -> None:
    """A run that came to no report says why."""
    document = json.loads(report_json.error_text("no such file\x1b", 2))
    VALIDATOR.validate(document)
    assert document == {"schema": "smtp-chaincheck/1", "error": "no such file\x1b", "exit_code": 2}


def test_the_head_of_a_report() -> None:
    """Target, status, exit code, stores and the moment of judgement."""
    document = read(MISSING)
    assert document["target"] == {"kind": "host", "name": "mx.example.com", "port": 25, "protocol": "smtp"}
    assert (document["status"], document["exit_code"]) == ("error", 1)
    assert document["at"] == "2026-11-23T19:30:00Z"
    assert document["stores"] == [{"name": "certifi 2026.10.18", "date": "2026-10-18", "count": 137}]


def test_an_endpoint_that_presented_a_chain() -> None:
    """The chain, the path that we claim with its anchor, and OpenSSL's verdict."""
    endpoint = read(GOOD)["endpoints"][0]
    assert endpoint["path"] == [MX.sha256, R3.sha256, ROOT.sha256]
    assert endpoint["anchor"] == {
        "subject": "CN=Example Root X1,O=Example",
        "sha256": ROOT.sha256,
        "store": "certifi 2026.10.18",
    }
    assert endpoint["verdict"] == {"number": 0, "depth": 0, "text": "ok"}
    assert (endpoint["key_type"], endpoint["tls"], endpoint["stage"]) == ("rsa", "starttls", "done")
    assert endpoint["timing_ms"] == {"connect": 15.0, "greeting": 16.1, "ehlo": 14.8}
    assert endpoint["transcript"][0] == {"ms": 31.2, "from": "server", "line": "220 mx.example.com ESMTP Postfix"}


def test_a_presented_certificate() -> None:
    """All that the contract names, and nothing else."""
    assert read(GOOD)["endpoints"][0]["presented"][0] == {
        "position": 0,
        "sha256": MX.sha256,
        "subject": "CN=mx.example.com,O=Example",
        "issuer": "CN=Example R3,O=Example",
        "names": ["mx.example.com", "mail.example.com"],
        "not_before": "2026-08-25T19:30:00Z",
        "not_after": "2027-01-22T19:30:00Z",
        "key": "RSA 2048",
        "signature": "sha256WithRSAEncryption",
        "aia": ["http://r3.example.com/r3.der"],
        "problem": None,
    }


def test_a_certificate_that_is_none_has_a_digest_and_a_problem() -> None:
    """What cannot be relied on is null."""
    broken = replace(EVIL, problem="no DER at all")
    endpoint = HOSTILE.endpoints[0]
    assert endpoint.chain
    seen = read(report(replace(endpoint, chain=replace(endpoint.chain, presented=(broken,), leaf=None))))
    certificate = seen["endpoints"][0]["presented"][0]
    assert (certificate["problem"], certificate["subject"]) == ("no DER at all", None)
    assert seen["endpoints"][0]["key_type"] is None
    VALIDATOR.validate(seen)


def test_the_repair() -> None:
    """Steps, the bundle by digest, and what is missing."""
    repair = read(MISSING)["endpoints"][0]["repair"]
    assert repair["bundle"] == [MX.sha256, R3.sha256]
    assert repair["steps"][1] == {
        "do": "insert",
        "sha256": R3.sha256,
        "label": "Example R3",
        "position": None,
        "to": 1,
    }
    assert repair["missing"][0]["source"] == "aia"
    assert [step["do"] for step in read(MISORDERED)["endpoints"][0]["repair"]["steps"]] == ["keep", "remove", "move"]


def test_what_is_unknown_is_null_or_empty() -> None:
    """An endpoint that never answered still has every key."""
    endpoint = read(UNREACHABLE)["endpoints"][0]
    unknown = ("repair", "anchor", "verdict", "mta", "tls_version", "cipher", "client_cert_requested", "key_type")
    assert [endpoint[key] for key in unknown] == [None] * len(unknown)
    assert [endpoint[key] for key in ("presented", "path", "refused_by", "transcript")] == [[], [], [], []]
    assert endpoint["failure"] == {"text": "no answer within 20 s", "symptoms": []}


def test_facts_of_every_kind_become_json() -> None:
    """Times, bytes, sets, numbers that JSON lacks, and what has only a text."""
    berlin = datetime(2026, 11, 23, 20, tzinfo=timezone(timedelta(hours=1)))
    given = facts(
        when=berlin,
        raw=b"\x00\xff",
        oids=frozenset({"2.5", "1.3"}),
        nothing=None,
        yes=True,
        days=3,
        share=0.25,
        endless=float("inf"),
        inner={"a": (1, 2)},
        other=timedelta(days=1),
    )
    assert given == {
        "when": "2026-11-23T19:00:00Z",
        "raw": "00ff",
        "oids": ["1.3", "2.5"],
        "nothing": None,
        "yes": True,
        "days": 3,
        "share": 0.25,
        "endless": None,
        "inner": {"a": [1, 2]},
        "other": "1 day, 0:00:00",
    }


def test_text_that_is_none_stays_readable_for_strict_readers() -> None:
    """Lone surrogates become visible escapes, every other character survives the trip."""
    assert facts(said="ü\udcff\ud800\x7f\u202e") == {"said": "ü\\xff\\ud800\x7f\u202e"}


def test_a_target_is_what_the_user_typed() -> None:
    """Be it no text: by its name a sweep that goes on knows what it has done."""
    for name in ("bücher.example", "mx\udcff.example", "\ud800"):
        written = report_json.text([replace(GOOD, target=replace(GOOD.target, name=name))])
        assert written.isascii()
        assert json.loads(written)["target"]["name"] == name


@pytest.mark.parametrize("ms", [0, 7, 0.04, -0.04, 2.25, 1e8, 1e17, 1e300, float("inf"), float("nan")])
@pytest.mark.parametrize("said", ["250 100 % sure", 'say "{\\"\\":null}" %.1f', "x" * 200])
def test_a_line_is_what_text_is(ms: float, said: str) -> None:
    """Whatever the times are and the server says, in a line of a sweep stands what stands in a document."""
    seen = replace(
        GOOD.endpoints[0].observation,
        timing_ms={Stage.CONNECT: ms, Stage.EHLO: 1.25},
        transcript=(Exchange(ms, "server", said), Exchange(12.35, "client", "EHLO a")),
    )
    one = Report(GOOD.target, (replace(GOOD.endpoints[0], observation=seen),))
    assert report_json.line(one) == report_json.text([one])
    endpoint = read(one)["endpoints"][0]
    assert [said, "EHLO a"] == [exchange["line"] for exchange in endpoint["transcript"]]
    assert (
        endpoint["transcript"][0]["ms"] == (round(ms, 1) if isfinite(ms) else None) == endpoint["timing_ms"]["connect"]
    )


@pytest.mark.parametrize("name", ["müller.example", "a\x7fb", "\ud800", "😀"])
def test_text_beside_the_shared_parts(name: str) -> None:
    """A target of which the name is no ASCII, or no text, leaves the parts as they are."""
    one = Report(replace(GOOD.target, name=name), GOOD.endpoints)
    told = report_json.line(one)
    assert told == report_json.text([one])
    assert told.isascii()
    assert "\x7f" not in told
    assert (name, len(GOOD.endpoints[0].observation.transcript)) == (
        json.loads(told)["target"]["name"],
        len(json.loads(told)["endpoints"][0]["transcript"]),
    )


def test_a_report_without_a_moment() -> None:
    """The library may leave it open."""
    document = read(Report(GOOD.target, (EndpointReport(GOOD.endpoints[0].observation),), at=None))
    VALIDATOR.validate(document)
    assert document["at"] is None
