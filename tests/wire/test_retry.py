"""What a second connection teaches about a port that was silent at first."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from probe.model import Endpoint, Failure, Observation, Stage, Trouble
from probe.wire.retry import IMPLICIT, TLS12, reason_to_retry, told_by

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SILENT = Observation(Endpoint("mx", None, 25), NOW, Stage.GREETING, Failure(Trouble.TIMEOUT, "nothing"))


def second(text: str) -> Observation:
    """The try with TLS from the first byte, answered in plain text."""
    return Observation(Endpoint("mx", None, 25), NOW, Stage.HANDSHAKE, Failure(Trouble.NOT_TLS, text))


def test_another_service_betrays_itself() -> None:
    """A web server says nothing until it is spoken to, and then it says HTTP."""
    told = told_by(SILENT, second("HTTP/1.1 400 Bad Request"), IMPLICIT)
    assert told.failure == Failure(Trouble.UNREADABLE, "HTTP/1.1 400 Bad Request")
    assert told.stage is Stage.GREETING


@pytest.mark.parametrize("text", ["220 mx ESMTP", "421-later", "554", "* OK ready", "+OK", '"IMPLEMENTATION" "X"'])
def test_a_slow_mail_server_stays_a_silent_one(text: str) -> None:
    """Its greeting came at last, to the second connection."""
    assert told_by(SILENT, second(text), IMPLICIT) == SILENT


def test_only_the_implicit_try_teaches_this() -> None:
    """Any other second connection that knows less changes nothing."""
    assert told_by(SILENT, second("HTTP/1.1 400"), TLS12) == SILENT
    assert told_by(SILENT, SILENT, IMPLICIT) == SILENT


@pytest.mark.parametrize(("symptoms", "why"), [((), TLS12), (("alert:0",), None)])
def test_a_server_that_goes_away_at_our_hello_is_asked_for_less(symptoms: tuple[str, ...], why: str | None) -> None:
    """Old servers close where a newer version is offered; one that says close_notify speaks TLS and means it."""
    failure = Failure(Trouble.CLOSED, "connection closed", symptoms)
    assert reason_to_retry(Observation(Endpoint("mx", None, 25), NOW, Stage.HANDSHAKE, failure)) == why


@pytest.mark.parametrize("asked", [{"offered_key": "ecdsa"}, {"offered_tls": "TLSv1.3"}])
def test_a_narrow_offer_is_not_narrowed_further(asked: dict[str, str]) -> None:
    """Its refusal is the answer: the server has no such certificate, or does not speak that version."""
    failure = Failure(Trouble.ALERT, "handshake failure", ("alert:40",))
    whole = Observation(Endpoint("mx", None, 25), NOW, Stage.HANDSHAKE, failure)
    assert reason_to_retry(whole) == TLS12
    assert reason_to_retry(replace(whole, endpoint=replace(whole.endpoint, **asked))) is None
