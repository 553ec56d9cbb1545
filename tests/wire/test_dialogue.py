"""What we say, and when: the generator alone."""

from __future__ import annotations

import pytest

from probe.model import Failure, Reply, Stage, Tls, Trouble
from probe.wire.dialogue import Listen, Say, Upgrade, converse, symptoms
from probe.wire.verbs import SMTP

OFFER = Reply(250, ("mx.example", "SIZE 1000", "starttls"))
YES = Reply(250, ("mx.example",))


def told(tls: Tls, *replies: Reply | None) -> tuple[list[object], Failure | None]:
    """The steps of a dialogue that hears these replies (None: TLS is there), and what it returns."""
    dialogue = converse(SMTP, "[192.0.2.1]", tls)
    steps: list[object] = [next(dialogue)]
    try:
        for reply in replies:
            step = dialogue.send(reply) if reply else next(dialogue)
            steps = [*steps, step]
    except StopIteration as stop:
        return steps, stop.value
    return steps, None


def test_starttls() -> None:
    """RFC 3207: greeting, EHLO, STARTTLS, TLS, EHLO."""
    steps, failure = told(Tls.STARTTLS, Reply(220, ("hi",)), OFFER, Reply(220, ("go",)), None, YES)
    hello = "EHLO [192.0.2.1]"
    said = [Listen(Stage.GREETING), Say(Stage.EHLO, hello), Say(Stage.STARTTLS, "STARTTLS")]
    assert [*said, Upgrade(), Say(Stage.EHLO_TLS, hello)] == steps
    assert failure is None


def test_implicit_tls() -> None:
    """RFC 8314: TLS, greeting, EHLO."""
    steps, failure = told(Tls.IMPLICIT, None, Reply(220, ("hi",)), YES)
    assert [Upgrade(), Listen(Stage.GREETING), Say(Stage.EHLO_TLS, "EHLO [192.0.2.1]")] == steps
    assert failure is None


@pytest.mark.parametrize("code", [421, 454, 554, 250, 354])
def test_any_other_code_ends_it(code: int) -> None:
    """Where 220 is due nothing else will do; the reply is kept verbatim."""
    refusal = Reply(code, ("4.7.0 no", "more"))
    failure = Failure(Trouble.REPLY, f"{code}-4.7.0 no\n{code} more", (f"reply:{code}", "status:4.7.0"))
    assert failure == told(Tls.STARTTLS, refusal)[1]
    assert failure == told(Tls.STARTTLS, Reply(220, ("",)), OFFER, refusal)[1]


def test_extension_not_offered() -> None:
    """The first line is a name, whatever it says."""
    offer = Reply(250, ("STARTTLS", "X-STARTTLS", "SIZE STARTTLS", ""))
    assert Failure(Trouble.NO_STARTTLS, offer.text) == told(Tls.STARTTLS, Reply(220, ("",)), offer)[1]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("4.7.0 TLS not available", ("reply:454", "status:4.7.0")),
        ("5.7.1", ("reply:454", "status:5.7.1")),
        ("TLS not available", ("reply:454",)),
        ("4.7 x", ("reply:454",)),
        ("3.7.0 x", ("reply:454",)),
        ("4.7.0.1 x", ("reply:454",)),
        ("", ("reply:454",)),
    ],
)
def test_symptoms(text: str, numbers: tuple[str, ...]) -> None:
    """Reply code, and enhanced status code where there is one."""
    assert numbers == symptoms(Reply(454, (text,)))


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        (("* X", "a2 NO [UNAVAILABLE] no"), ("response:UNAVAILABLE",)),
        (("* BYE [alert] no",), ("response:ALERT",)),
        (("a1 BAD what?",), ()),
        (("a1 OK [CAPABILITY X] fine",), ()),
        (("-ERR [SYS/TEMP] no",), ("response:SYS/TEMP",)),
        (('NO (TRYLATER) "no"',), ("response:TRYLATER",)),
        (('BYE (REFERRAL "sieve://x") "no"',), ("response:REFERRAL",)),
        (('NO "no [X] "',), ()),
    ],
)
def test_response_codes(lines: tuple[str, ...], numbers: tuple[str, ...]) -> None:
    """Where replies have no codes, a refusal may have a word in brackets."""
    assert numbers == symptoms(Reply(0, lines))
