"""Recognising mail software: every server that was ever recorded, banners that say nothing, and contradictions."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from shared import examples, shared

from probe.catalogue.recognise import LINE, LINES, QUOTE, Pattern, _patterns, recognise
from probe.model import Confidence, Endpoint, Mta, Observation, Protocol, Reply, Stage

START = datetime(2026, 1, 1, tzinfo=UTC)
NOTHING = Observation(Endpoint("mx.example", "192.0.2.1", 25), START, Stage.DONE)

NAMED = {
    "aiosmtpd": "aiosmtpd",
    "dovecot-lmtp": "dovecot",
    "dovecot-submission": "dovecot",
    "dovecot24-submission": "dovecot",
    "exim-gnutls": "exim",
    "exim-openssl": "exim",
    "exim498-gnutls": "exim",
    "haraka": "haraka",
    "opensmtpd": "opensmtpd",
    "opensmtpd76": "opensmtpd",
    "postfix": "postfix",
    "postfix310": "postfix",
    "qpsmtpd": "qpsmtpd",
    "sendmail": "sendmail",
    "sendmail818": "sendmail",
    "stunnel-smtp": "stunnel",
}
"""Recorded server → its name: these say it themselves in their greeting."""
WORDED = {
    "courier-esmtpd": "courier",
    "courier14-esmtpd": "courier",
    "nginx-mail": "nginx-mail",
    "node-smtp-server": "node-smtp-server",
    "qmail-tls": "qmail",
}
"""Recorded server → its name: these greet without it, and their other words give them away."""
OTHERS = {
    "courier-imapd": ("courier", Protocol.IMAP),
    "cyrus-imap": ("cyrus", Protocol.IMAP),
    "dovecot-imap": ("dovecot", Protocol.IMAP),
    "dovecot-pop3": ("dovecot", Protocol.POP3),
    "dovecot-managesieve": ("dovecot", Protocol.SIEVE),
}
"""Recorded server → its name, and what it speaks: these name themselves in their greeting."""


def reply(text: str) -> Reply | None:
    """Read a recorded reply; None for anything else that was recorded in its place."""
    lines = text.splitlines()
    return Reply(int(lines[-1][:3]), tuple(line[4:] for line in lines)) if text[:3].isdigit() else None


def observation(record: dict[str, Any]) -> Observation:
    """Build what a client sees of a recorded server: greeting, EHLO, STARTTLS where it was allowed."""
    said = dict(record.get("session1", []))
    allowed = dict(record.get("session3", []))
    hello = next((said[key] for key in ("EHLO client.test", "LHLO client.test") if key in said), "")
    starttls = reply(allowed.get("STARTTLS", ""))
    accepted = starttls if starttls and starttls.code == 220 else None
    return replace(NOTHING, greeting=reply(said.get("<banner>", "")), ehlo=reply(hello), starttls=accepted)


@pytest.fixture(scope="module")
def recorded() -> dict[str, Observation]:
    """Read every recorded server that speaks SMTP or LMTP."""
    records = json.loads(shared("mta/fingerprints.json").read_text(encoding="utf-8"))
    return {name: seen for name, record in records.items() if (seen := observation(record)).greeting}


def test_recorded_servers_of_mail_programs_are_known_for_certain() -> None:
    """IMAP, POP3 and ManageSieve: a greeting in the default form settles it."""
    records = json.loads(shared("mta/fingerprints.json").read_text(encoding="utf-8"))
    for name, (software, protocol) in OTHERS.items():
        mta = recognise(uncoded(protocol, dict(records[name]["session1"])["<banner>"].rstrip("\r\n")))
        assert mta
        assert (mta.name, mta.confidence) == (software, Confidence.IS), name


def uncoded(protocol: Protocol, greeting: str, offer: str = "", starttls: str = "") -> Observation:
    """Build what a client sees of a server whose replies have no codes."""
    said = [Reply(0, tuple(text.split("\n"))) if text else None for text in (greeting, offer, starttls)]
    endpoint = replace(NOTHING.endpoint, protocol=protocol)
    return replace(NOTHING, endpoint=endpoint, greeting=said[0], ehlo=said[1], starttls=said[2])


IMAP, POP3, SIEVE = Protocol.IMAP, Protocol.POP3, Protocol.SIEVE
SPOKEN = [
    (uncoded(IMAP, "* OK [CAPABILITY IMAP4rev1] Dovecot (Ubuntu) ready."), "dovecot", Confidence.IS),
    (uncoded(IMAP, "* PREAUTH Dovecot ready."), "dovecot", Confidence.IS),
    (uncoded(POP3, "+OK Dovecot ready. <1a.1.5f@mail.example>"), "dovecot", Confidence.IS),
    (
        uncoded(SIEVE, '"IMPLEMENTATION" "Dovecot Pigeonhole"\n"STARTTLS"\nOK "Dovecot ready."'),
        "dovecot",
        Confidence.IS,
    ),
    (uncoded(IMAP, "* OK hi", "", "a2 OK Begin TLS negotiation now."), "dovecot", Confidence.MAY_BE),
    (uncoded(IMAP, "* OK hi", "", "a2 OK Begin TLS negotiation now"), "cyrus", Confidence.MAY_BE),
    (uncoded(POP3, "+OK mail.example Cyrus POP3 3.6.1 server ready <1@mail.example>"), "cyrus", Confidence.IS),
    (uncoded(SIEVE, '"IMPLEMENTATION" "Cyrus timsieved v3.6.1"\nOK'), "cyrus", Confidence.IS),
    (uncoded(POP3, "+OK Hello there.", "+OK Here's what I can do:\nSTLS\n."), "courier", Confidence.MAY_BE),
    (
        uncoded(POP3, "+OK Hello there.", "+OK\nIMPLEMENTATION Courier Mail Server\n."),
        "courier",
        Confidence.VERY_LIKELY,
    ),
    (uncoded(IMAP, "* OK The Microsoft Exchange IMAP4 service is ready. [QQ==]"), "exchange", Confidence.IS),
    (uncoded(IMAP, "* OK Gimap ready for requests from 192.0.2.1 ab1"), "google", Confidence.IS),
    (uncoded(IMAP, "* OK ready", "* CAPABILITY IMAP4rev1 STARTTLS\na1 OK done", "a2 OK go"), None, None),
    (uncoded(IMAP, "* OK This is no Dovecot ready."), None, None),
]


@pytest.mark.parametrize(("seen", "software", "confidence"), SPOKEN, ids=range(len(SPOKEN)))
def test_software_that_speaks_imap_pop3_or_manage_sieve(
    seen: Observation, software: str | None, confidence: Confidence | None
) -> None:
    """Their default greetings, and the words in which they begin TLS."""
    mta = recognise(seen)
    assert (mta and mta.name, mta and mta.confidence) == (software, confidence)


def test_evidence_is_told_in_the_words_of_the_protocol() -> None:
    """Nobody said EHLO to a POP3 server."""
    mta = recognise(uncoded(POP3, "+OK Hello there.", "+OK\nIMPLEMENTATION Courier Mail Server\n."))
    assert mta
    assert mta.evidence == 'greeting "+OK Hello there."; CAPA offers "IMPLEMENTATION Courier Mail Server"'


def words(greeting: str = "", ehlo: str = "", starttls: str = "") -> Mta | None:
    """Recognise a server by these replies."""
    return recognise(replace(NOTHING, greeting=reply(greeting), ehlo=reply(ehlo), starttls=reply(starttls)))


def test_every_recorded_server_is_known(recorded: dict[str, Observation]) -> None:
    """The tables above and the recordings name the same servers; a new recording asks for a row."""
    assert sorted(recorded) == sorted({*NAMED, *WORDED})


def test_a_server_that_names_itself_is_known_for_certain(recorded: dict[str, Observation]) -> None:
    """A greeting in the default form settles it."""
    found = {name: recognise(recorded[name]) for name in NAMED}
    assert {name: (mta.name, mta.confidence) for name, mta in found.items() if mta} == {
        name: (software, Confidence.IS) for name, software in NAMED.items()
    }


def test_a_server_that_does_not_name_itself_is_never_certain(recorded: dict[str, Observation]) -> None:
    """Its wording makes it very likely, or may be where the recording has one piece of wording alone."""
    found = {name: recognise(recorded[name]) for name in WORDED}
    assert {name: mta.name for name, mta in found.items() if mta} == WORDED
    assert Confidence.IS not in {mta.confidence for mta in found.values() if mta}


def test_behind_a_banner_of_its_own_no_server_is_taken_for_another(recorded: dict[str, Observation]) -> None:
    """Each one greeted with words of the administrator's is recognised rightly or not at all, and never for certain."""
    banner = Reply(220, ("mail.example.com ESMTP",))
    for name, seen in recorded.items():
        mta = recognise(replace(seen, greeting=banner))
        assert mta is None or mta.name == {**NAMED, **WORDED}[name], name
        assert mta is None or mta.confidence is not Confidence.IS, name


def test_the_four_with_a_recipe_are_recognised_behind_any_banner(recorded: dict[str, Observation]) -> None:
    """Postfix, Exim, Sendmail and qmail are very likely by EHLO and STARTTLS alone."""
    starttls = {"exim-gnutls": Reply(220, ("TLS go ahead",))}  # was recorded out of order, and refused
    found = {
        name: recognise(
            replace(
                recorded[name],
                greeting=Reply(220, ("mail.example.com",)),
                starttls=starttls.get(name, recorded[name].starttls),
            )
        )
        for name in ("postfix", "exim-gnutls", "sendmail", "qmail-tls")
    }
    assert {(mta.name, mta.confidence) for mta in found.values() if mta} == {
        (name, Confidence.VERY_LIKELY) for name in ("postfix", "exim", "sendmail", "qmail")
    }


@pytest.mark.parametrize(
    "greeting",
    ["", "220 mail.example.com ESMTP", "220 mail.example.com", "220 ESMTP", "554 mail.example.com no", "220 "],
)
def test_a_banner_that_says_nothing_names_nobody(greeting: str) -> None:
    """Many servers greet like this."""
    assert words(greeting, "250-mail.example.com\n250 STARTTLS") is None


def test_debians_postfix_is_postfix() -> None:
    """The distribution stands behind the name, in the default of Debian and Ubuntu."""
    assert words("220 mx.example ESMTP Postfix (Debian/GNU)") == Mta(
        "postfix", 'greeting "220 mx.example ESMTP Postfix (Debian/GNU)"', Confidence.IS
    )


def test_a_name_inside_other_words_is_no_default_greeting() -> None:
    """Somebody else may speak about Postfix."""
    assert words("220 mx.example ESMTP is this Postfix?") is None


def test_the_second_line_of_a_greeting_counts_too() -> None:
    """Postfix's postscreen says a line first, waits, and then greets."""
    mta = words("220-mx.example ESMTP Postfix\n220 mx.example ESMTP Postfix")
    assert mta == Mta("postfix", 'greeting "220-mx.example ESMTP Postfix"', Confidence.IS)


def test_evidence_for_another_lowers_the_confidence_and_is_said() -> None:
    """A proxy may greet as one program and pass on the words of another."""
    mta = words("220 mx.example ESMTP Postfix", starttls="220 TLS go ahead")
    said = 'greeting "220 mx.example ESMTP Postfix"; but STARTTLS "220 TLS go ahead" speaks for exim'
    assert mta == Mta("postfix", said, Confidence.VERY_LIKELY)


def test_two_names_in_one_conversation_are_no_answer() -> None:
    """A greeting that names two programs names none."""
    assert words("220-mx.example ESMTP Postfix\n220 mx.example ESMTP OpenSMTPD") is None


def test_likely_words_against_other_words_may_be() -> None:
    """Two places for one program, one word for another: very likely becomes may be."""
    hello = "250-mx.example Hello client.example [192.0.2.7]\n250-SIZE 1\n250-8BITMIME\n250-PIPELINING\n250 HELP"
    alone = words("", hello, "220 TLS go ahead")
    disputed = words("", hello + "\n250 XVERP=Courier", "220 TLS go ahead")
    assert alone
    assert (alone.name, alone.confidence) == ("exim", Confidence.VERY_LIKELY)
    assert disputed
    assert (disputed.name, disputed.confidence) == ("exim", Confidence.MAY_BE)


def test_one_word_of_its_own_may_be() -> None:
    """A single place never makes it likely."""
    mta = words(starttls="220 ready for tls")
    assert mta == Mta("qmail", 'STARTTLS "220 ready for tls"', Confidence.MAY_BE)


def test_one_word_that_several_use_says_nothing() -> None:
    """Postfix and Sendmail answer STARTTLS alike."""
    assert words(starttls="220 2.0.0 Ready to start TLS") is None


def test_words_that_several_use_name_nobody_when_another_word_speaks_against_them() -> None:
    """May be, lowered, is nothing."""
    assert (
        words("", "250-mx Hello c [192.0.2.7]\n250-SIZE\n250-8BITMIME\n250-XVERP=Courier\n250-PIPELINING\n250 HELP")
        is None
    )


@pytest.mark.parametrize(
    ("refusal", "software"),
    [
        ("454 4.7.0 TLS not available due to local problem", "postfix"),
        ("454 TLS currently unavailable", "exim"),
        ("454 4.3.3 TLS not available after start", "sendmail"),
        ("454 TLS missing certificate: error:0480006C:PEM routines::no start line (#4.3.0)", "qmail"),
    ],
)
def test_a_refusal_of_starttls_tells_the_software(refusal: str, software: str) -> None:
    """The server that needs a recipe most is the one whose TLS is off."""
    mta = words(starttls=refusal)
    assert mta
    assert mta.name == software


def test_with_implicit_tls_the_only_ehlo_is_the_one_inside() -> None:
    """Port 465 has no EHLO in plain text."""
    inside = reply("250-mx.example Hello a [192.0.2.7], Haraka is at your service.\n250 PIPELINING")
    mta = recognise(replace(NOTHING, ehlo_tls=inside))
    assert mta
    assert (mta.name, mta.confidence) == ("haraka", Confidence.MAY_BE)


def test_a_quotation_is_bounded() -> None:
    """A long line is cut, and says so."""
    mta = words("220 " + "m" * 200 + " ESMTP Postfix")
    assert mta == Mta("postfix", 'greeting "220 ' + "m" * (QUOTE - 5) + '…"', Confidence.IS)


def test_what_stands_behind_the_bounds_is_not_read() -> None:
    """Neither the tail of a huge line nor the end of an endless reply."""
    assert words("220 " + "m" * LINE + " ESMTP Postfix") is None
    endless = Reply(220, ("x",) * LINES + ("mx.example ESMTP Postfix",))
    assert recognise(replace(NOTHING, greeting=endless)) is None


@given(st.lists(st.text(), min_size=1), st.lists(st.text(), min_size=1), st.integers(0, 999))
def test_no_words_make_a_traceback(greeting: list[str], hello: list[str], code: int) -> None:
    """Whatever a server says, the answer is a guess or None."""
    seen = replace(NOTHING, greeting=Reply(code, tuple(greeting)), ehlo=Reply(code, tuple(hello)))
    assert recognise(seen) is None


@pytest.mark.parametrize("pattern", [one for one in _patterns() if one.core], ids=lambda one: one.says)
@settings(max_examples=examples(20))
@given(data=st.data())
def test_the_core_stands_in_every_line_that_an_expression_fits(pattern: Pattern, data: st.DataObject) -> None:
    """Without it nobody would look whether the expression fits."""
    assert pattern.core in data.draw(st.from_regex(pattern.says))
