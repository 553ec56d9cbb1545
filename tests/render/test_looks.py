from __future__ import annotations

from msgspec.structs import replace
from render.samples import GOOD, POSTFIX
from render.several import (
    DOWN,
    EXPIRED,
    LACKING,
    NO_SUCH_KEY,
    REFUSING,
    RIGHT,
    at,
    of_domain,
    several,
    thorough,
    without_sni,
)

from probe.model import Confidence, EndpointReport, Finding, Kind, Mta, Observation, Severity, Side, Skipped, Target
from probe.render.looks import declined, distinct, folded, looks_of, merged, servers


def test_servers_stand_by_preference_and_then_as_they_came() -> None:
    """Whatever the order in which they were looked at; the port is said where there are several."""
    looks = [at(RIGHT, f"mx{n}", "192.0.2.1", mx_preference=preference) for n, preference in ((1, 20), (2, 5), (3, 20))]
    assert [(server.preference, server.name) for server in servers(looks)] == [(5, "mx2"), (20, "mx1"), (20, "mx3")]
    ports = [at(RIGHT, "mx", "192.0.2.1"), at(RIGHT, "2001:db8::1", "2001:db8::1", port=465)]
    assert [server.name for server in servers(ports)] == ["mx:25", "[2001:db8::1]:465"]
    assert [server.name for server in servers([at(RIGHT, None, "192.0.2.1"), at(DOWN, None, None)])] == [
        "192.0.2.1",
        "?",
    ]


def test_equal_lists_are_one_and_the_worst_stands_first() -> None:
    """What was seen weighs more than what could not be seen, and what is right comes last."""
    looks = [at(look, "mx", f"192.0.2.{n}") for n, look in enumerate((RIGHT, DOWN, EXPIRED, RIGHT, EXPIRED))]
    groups = distinct(looks)
    assert [(group.letter, [looks.index(look) for look in group.looks]) for group in groups] == [
        ("A", [2, 4]),
        ("B", [1]),
        ("C", [0, 3]),
    ]
    assert [group.showed for group in groups] == [True, False, True]
    assert distinct([]) == ()


def test_ends_without_certificates_are_told_apart_by_what_was_found() -> None:
    """A refusal of STARTTLS is not a time-out, though neither showed a list."""
    groups = distinct([DOWN, REFUSING, at(DOWN, "other", "192.0.2.9")])
    assert [len(group.looks) for group in groups] == [1, 2]


def test_there_are_letters_for_any_number() -> None:
    """After Z it goes on."""
    looks = [replace(RIGHT, observation=replace(RIGHT.observation, presented=(bytes([n]),))) for n in range(60)]
    letters = [group.letter for group in distinct(looks)]
    assert letters[24:28] == ["Y", "Z", "A1", "B1"]
    assert len({*letters}) == 60


def test_a_finding_of_many_looks_is_one() -> None:
    """Its sentences name an address; with ``apart`` each wording stands for itself."""
    found = Finding("timeout-connect", Severity.ERROR, summary="192.0.2.1 is silent.")
    other = replace(found, summary="192.0.2.2 is silent.")
    looks = [EndpointReport(DOWN.observation, findings=(f,)) for f in (found, other, found)]
    assert [(f, len(seen)) for f, seen in folded(looks, apart=False)] == [(found, 3)]
    assert [(f, len(seen)) for f, seen in folded(looks, apart=True)] == [(found, 2), (other, 1)]


def test_findings_that_say_another_thing_stay_apart() -> None:
    """Another weight, certainty, place or case; another server's commands; and twice the same in one look."""
    one = Finding("expired", Severity.ERROR)
    others = (
        replace(one, severity=Severity.WARNING),
        replace(one, confidence=Confidence.MAY_BE),
        replace(one, positions=(1,)),
        replace(one, facts={"case": "other"}),
    )
    assert len(folded([replace(RIGHT, findings=(one, *others))], apart=False)) == 5
    exim = replace(RIGHT, findings=(one,), mta=Mta("exim", "", Confidence.IS))
    assert len(folded([exim, replace(exim, mta=POSTFIX)], apart=False)) == 2
    assert len(folded([replace(RIGHT, findings=(one, one))], apart=False)) == 2


def test_a_group_is_its_worst_look_with_all_that_was_found() -> None:
    """And with all that could not be judged."""
    note = replace(RIGHT, findings=(Finding("root-included", Severity.INFO),), skipped=(Skipped("expired", "why"),))
    error = replace(RIGHT, findings=(Finding("name-mismatch", Severity.ERROR),), skipped=(Skipped("no-san", "why"),))
    (group,) = distinct([RIGHT, note, error])
    whole = merged(group, folded(group.looks, apart=False))
    assert group.worst is error
    assert [finding.id for finding in whole.findings] == ["root-included", "name-mismatch"]
    assert [entry.id for entry in whole.skipped] == ["expired", "no-san"]


def test_what_our_certificate_changed_is_no_look_at_the_server() -> None:
    """Nor is our own list; but a client that called us, and a file, are what was looked at."""
    presenting = replace(RIGHT, observation=replace(RIGHT.observation, client_chain=(b"x",)))
    ours = EndpointReport(Observation(replace(RIGHT.observation.endpoint, host=None, address=None), GOOD.at, "done"))  # type: ignore[arg-type]
    ours = replace(ours, observation=replace(ours.observation, side=Side.CLIENT))
    assert looks_of(several(RIGHT, presenting, ours)) == (RIGHT,)
    assert looks_of(several(ours, target=Target("client.pem", kind=Kind.FILE))) == (ours,)
    caller = replace(RIGHT, observation=replace(RIGHT.observation, side=Side.CLIENT))
    assert looks_of(several(caller, target=Target("192.0.2.9", kind=Kind.LISTEN))) == (caller,)
    assert looks_of(of_domain()) == ()


def test_no_certificate_of_the_kind_that_was_asked_for_is_no_fault() -> None:
    """Where that alone was offered; where it has findings, they speak."""
    looks = [*thorough(without_sni, "mx", "192.0.2.1")]
    assert [look.observation.endpoint.offered_key for look in looks if declined(look)] == ["ecdsa"]
    assert not declined(NO_SUCH_KEY)
    assert not declined(at(DOWN, "mx", "192.0.2.1", offered_key="ecdsa"))
    assert not declined(at(LACKING, "mx", "192.0.2.1", offered_key="ecdsa"))
