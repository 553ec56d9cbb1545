"""Where commands must name an address, and whose certificates are known to the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from probe.model import Endpoint, Failure, Observation, Side, Stage, Trouble
from probe.rules.several import apart, sent, spot

NOW = datetime(2026, 11, 28, tzinfo=UTC)
A, B, C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
CLOSED = Failure(Trouble.CLOSED, "closed")


def look(address: str, *presented: bytes, host: str | None = "mx.example", stage: Stage = Stage.DONE) -> Observation:
    """See these certificates at one address of a host, or a failure where there are none."""
    failure = None if presented else CLOSED
    return Observation(Endpoint(host, address, 25), NOW, stage, failure, presented=presented or None)


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([look(A, b"1"), look(B, b"1")], {}),
        ([look(A, b"1"), look(B, b"2")], {A: A, B: B}),
        ([look(A, b"1"), look(B, b"2"), look(C, b"2")], {A: A, B: B, C: B}),
        ([look(A, b"1"), look(B, stage=Stage.HANDSHAKE)], {A: A, B: B}),
        ([look(A, stage=Stage.CONNECT), look(B, b"1"), look(C, b"1")], {}),
        ([look(A, b"1"), look(A, b"2"), look(B, b"2"), look(B, b"1")], {}),
        ([look(A, b"1"), look(B, b"2", host="mx2.example")], {}),
        ([look(A, b"1", host=None)], {}),
    ],
    ids=["alike", "apart", "two alike", "one fails", "one is not there", "as often", "two hosts", "no name"],
)
def test_where_addresses_differ_commands_name_one(looks: list[Observation], expected: dict[str, str]) -> None:
    """The first of those that show the same; one that lets nobody in does not count."""
    assert apart(looks) == {spot(one): expected[str(one.endpoint.address)] for one in looks if expected}


def test_who_sent_what() -> None:
    """The first server that sent it; what clients present, and lists that came from nowhere, are left out."""
    client = Observation(Endpoint(None, C, 25), NOW, Stage.DONE, presented=(b"3",), side=Side.CLIENT)
    nowhere = Observation(Endpoint(None, None, 25), NOW, Stage.DONE, presented=(b"4",))
    first, second = look(A, b"1", b"2"), look(B, b"2", b"5")
    found = sent([first, second, client, nowhere])
    assert found == {b"1": first.endpoint, b"2": first.endpoint, b"5": second.endpoint}
