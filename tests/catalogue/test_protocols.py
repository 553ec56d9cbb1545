"""The pages speak of SMTP; of another protocol they say what is right there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from probe.catalogue import recipes
from probe.catalogue.advice import LABELS, worded
from probe.catalogue.pages import ids, page
from probe.catalogue.protocols import named, phrases, spoken_of, starttls_of
from probe.catalogue.recipes import recipe
from probe.model import PORTS, Confidence, Endpoint, Finding, Protocol, Severity, Stage, Tls
from probe.render.facts import STAGES
from probe.render.progress import WORDS
from probe.rules import RULES, dane
from probe.rules.ids import ACROSS, IDS
from probe.wording import slots_of

PROGRAMS = (Protocol.IMAP, Protocol.POP3, Protocol.SIEVE)
ABOUT_MX = {
    *("null-mx", "no-mx", "mx-dependent"),
    *(rule.id for rule in RULES if rule.look.__module__ == dane.__name__),
}
"""Findings that other protocols than SMTP do not have."""
MX_CASES = {"mx", "mail-host", "domain", "no-domain", "bogus"}
"""Cases that other protocols than SMTP do not have."""
ABOUT_SERVERS = sorted(({rule.id for rule in RULES} | ACROSS) - ABOUT_MX)
"""Findings about a file speak no protocol."""
OF_SMTP = re.compile(
    r"\b(SMTP|EHLO|LHLO|[Ss]enders?|MX|MTA|DANE|Postfix|Exim|qmail|bounces?|mail servers? only|220|25|465|587)\b"
    r"|[Mm]ost mail (still )?arrives|mail flows"
)


def cases(id_: str) -> Iterator[str]:
    """Everything that a finding about a server may be: the keys of its words."""
    yield from (key for key in dict.fromkeys((*page(id_).summary, *page(id_).fix)) if "/" not in key)


def other_cases(id_: str) -> Iterator[str]:
    """Those that other protocols than SMTP have."""
    yield from (case for case in cases(id_) if case not in MX_CASES)


def told(id_: str, case: str, protocol: Protocol) -> list[str]:
    """Title, summary and advice, commands left out."""
    endpoint = Endpoint("mail.example", "192.0.2.1", 4000, protocol)
    sure = {"case": case} if case not in set(Confidence) else {}
    confidence = Confidence(case) if not sure else Confidence.IS
    said = worded(Finding(id_, Severity.ERROR, confidence, facts=sure), slots_of(endpoint))
    return [
        spoken_of(protocol, page(id_).title),
        said.summary,
        *(line for line in said.fix if not line.startswith("$ ")),
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize("protocol", PROGRAMS)
def test_nothing_of_smtp_is_said_of_what_mail_programs_speak(protocol: Protocol) -> None:
    """Neither its words nor its ports, nor who delivers in spite of a fault."""
    for id_ in ABOUT_SERVERS:
        for case in other_cases(id_):
            found = {text: OF_SMTP.findall(text) for text in told(id_, case, protocol) if OF_SMTP.search(text)}
            assert found == {}, f"{id_}, {case}: mend probe/catalogue/protocols.toml"


def test_lmtp_is_no_smtp() -> None:
    """It is spoken by mail servers, and on no well-known port."""
    other = re.compile(r"\b(SMTP|EHLO|MX|port 25|465|587)\b")
    for id_ in ABOUT_SERVERS:
        for case in other_cases(id_):
            assert [] == [text for text in told(id_, case, Protocol.LMTP) if other.search(text)], f"{id_}, {case}"


@pytest.mark.unmeasured
@pytest.mark.parametrize("protocol", Protocol)
def test_every_sentence_is_one(protocol: Protocol) -> None:
    """It begins with a capital or a name, ends in a stop, has no hole, and a colon has its command."""
    for id_ in sorted(IDS):
        for case in cases(id_):
            for text in told(id_, case, protocol)[1:]:
                assert re.match(r'[A-Z"#]|unknown|mail\.example', text), f"{id_}, {case}: {text!r}"
                assert re.search(r'[.:?!]"?$', text), f"{id_}, {case}: {text!r}"
                assert not re.search(r"  | [.,;]|\.\.", text), f"{id_}, {case}: {text!r}"


@pytest.mark.unmeasured
@pytest.mark.parametrize("protocol", Protocol)
def test_a_colon_has_its_command(protocol: Protocol) -> None:
    """A line that does not introduce anything any more has no commands behind it."""
    for id_ in sorted(IDS):
        for case in cases(id_):
            sure = {"case": case} if case not in set(Confidence) else {}
            confidence = Confidence(case) if not sure else Confidence.IS
            slots = slots_of(Endpoint("mail.example", None, 4000, protocol))
            fix = worded(Finding(id_, Severity.ERROR, confidence, facts=sure), slots).fix
            for line, following in zip(("", *fix), (*fix, ""), strict=True):
                if not line.startswith("$ "):
                    assert line.endswith(":") == following.startswith("$ "), f"{id_}, {case}: {line!r}"


def test_no_piece_is_stale() -> None:
    """A piece that no page says any more is a sentence that changed without this table."""
    texts = [page(id_).title for id_ in IDS]
    texts += [text for id_ in IDS for text in page(id_).summary.values()]
    texts += [line for id_ in IDS for lines in page(id_).fix.values() for line in lines]
    texts += [recipe(name).brief(section) for name in recipes.ids() for section in ("install", "reload")]
    texts += [*LABELS["stage"].values(), *STAGES.values(), *WORDS.values()]
    assert [] == sorted(piece for piece in phrases() if not any(piece in text for text in texts))


def test_smtp_is_said_as_the_pages_have_it() -> None:
    """Nothing is changed for the protocol of which they speak."""
    for id_ in ids():
        for text in page(id_).summary.values():
            assert text == spoken_of(Protocol.SMTP, text) == spoken_of(Protocol.SUBMISSION, text)


@pytest.mark.parametrize(
    ("protocol", "stage", "label", "waiting"),
    [
        (Protocol.SMTP, Stage.EHLO_TLS, "the answer to EHLO inside TLS", "waiting for the answer to EHLO inside TLS"),
        (Protocol.LMTP, Stage.EHLO, "the answer to LHLO", "waiting for the answer to LHLO"),
        (Protocol.IMAP, Stage.EHLO, "the answer to CAPABILITY", "waiting for the answer to CAPABILITY"),
        (Protocol.POP3, Stage.STARTTLS, "the answer to STLS", "waiting for the answer to STLS"),
        (Protocol.SIEVE, Stage.EHLO_TLS, "the list of capabilities inside TLS", "waiting for the list of capabilities"),
    ],
)
def test_a_stage_is_called_as_the_protocol_calls_it(protocol: Protocol, stage: Stage, label: str, waiting: str) -> None:
    """In sentences, and while we wait."""
    assert label == spoken_of(protocol, LABELS["stage"][stage])
    assert spoken_of(protocol, WORDS[stage]).startswith(waiting)
    assert len(spoken_of(protocol, WORDS[stage])) <= len(max(WORDS.values(), key=len)) + 10


def test_whole_words_and_the_longest_piece() -> None:
    """Part of a word is none of ours; the words of the network are never given to it."""
    assert spoken_of("pop3", "XSTARTTLS, STARTTLS-only and senders' STARTTLS.") == (
        "XSTARTTLS, STLS-only and clients' STLS."
    )
    assert spoken_of("no protocol", "EHLO") == "EHLO"
    said = worded(
        Finding("starttls-refused", Severity.ERROR, facts={"reply": "NO EHLO, senders"}), {"protocol": "imap"}
    )
    assert '"NO EHLO, senders"' in said.summary


def test_openssl_knows_every_protocol() -> None:
    """Its words for -starttls (openssl-s_client(1))."""
    assert {"smtp", "lmtp", "imap", "pop3", "sieve"} == {starttls_of(protocol) for protocol in Protocol}
    assert slots_of(Endpoint("mx", None, 143, Protocol.IMAP))["starttls"] == "-starttls imap"
    assert slots_of(Endpoint("mx", None, 993, Protocol.IMAP, Tls.IMPLICIT))["starttls"] == ""


@pytest.mark.parametrize(
    ("port", "protocol", "tls", "words"),
    [
        *((port, protocol, tls, ()) for port, (protocol, tls) in PORTS.items()),
        (2525, Protocol.SMTP, Tls.STARTTLS, ()),
        (10143, Protocol.IMAP, Tls.STARTTLS, ("--protocol", "imap")),
        (10993, Protocol.IMAP, Tls.IMPLICIT, ("--protocol", "imap", "--tls", "implicit")),
        (993, Protocol.IMAP, Tls.STARTTLS, ("--tls", "starttls")),
        (25, Protocol.SMTP, Tls.NONE, ()),
    ],
)
def test_a_command_names_what_the_port_does_not_tell(
    port: int, protocol: Protocol, tls: Tls, words: tuple[str, ...]
) -> None:
    """So that it looks at what was looked at; what was typed is not said twice."""
    assert words == named((), port, protocol, tls)
    assert words == named(words, port, protocol, tls)
