"""A finding gets its words; hostile values stay values, in a sentence and in a command."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from shared import examples

from probe.catalogue.advice import LABELS, LONGEST, names, worded
from probe.catalogue.pages import page
from probe.model import Confidence, Finding, Severity, Stage
from probe.render.clean import clean
from probe.rules.ids import IDS

SLOTS = {
    "host": "mx.example.com",
    "port": "25",
    "endpoint": "mx.example.com:25",
    "name": "mx.example.com",
    "starttls": "-starttls smtp",
    "sni": "mx.example.com",
}
FACTS = {
    "certificate": '#1 of 1, "mx.example.com"',
    "subject": "CN=mx.example.com",
    "issuer": "CN=Example R3",
    "missing": '"Example R3"',
    "source": "aia",
    "where": "http://r3.example.test/r3.der",
    "authority_key_id": "none",
    "aia": "none",
}

HOSTILE = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from(list("'\"`$(){};|&<>!*?~#\\\n\r\t\0\x1b\x7f\x9b -\u202e\u2066\u2028\u200b\ufeff[]")),
    ),
    max_size=60,
)


def finding(id_: str = "missing-intermediate", confidence: Confidence = Confidence.IS, **facts: object) -> Finding:
    """Make a finding without words, as a rule yields it."""
    return Finding(id_, Severity.ERROR, confidence, (0,), facts={**FACTS, **facts})


def commands(said: Finding) -> list[str]:
    """The commands of a fix, without their mark."""
    return [line.removeprefix("$ ") for line in said.fix if line.startswith("$ ")]


def test_summary_and_fix_are_filled_from_the_page() -> None:
    """Facts and slots stand where the page names them; the rest of the finding is as it was."""
    said = worded(finding(), SLOTS)
    assert said.summary == (
        'The server sent #1 of 1, "mx.example.com", and left out what belongs above it: "Example R3". We found what is '
        "missing (http://r3.example.test/r3.der), and the signatures fit. "
        "Senders that verify certificates refuse this server: "
        "mail programs, MTA-STS senders, relays set to verify. Most mail still arrives, because most mail servers only "
        "encrypt."
    )
    sentence, command = said.fix
    assert sentence.startswith(
        'Let the server send "Example R3" behind #1 of 1, "mx.example.com"; the root need not be sent.'
    )
    assert command == "$ smtp-chaincheck mx.example.com:25 --write-chain chain.pem"
    assert (said.id, said.positions, said.facts) == ("missing-intermediate", (0,), FACTS)


def test_the_confidence_chooses_the_words() -> None:
    """Each of the three words has its own summary here."""
    said = {word: worded(finding(confidence=word), SLOTS).summary for word in Confidence}
    assert "Very likely an intermediate certificate is left out" in said[Confidence.VERY_LIKELY]
    assert "This may be an intermediate" in said[Confidence.MAY_BE]
    assert len(set(said.values())) == 3


def test_a_case_goes_before_the_confidence() -> None:
    """The rule's own word for what it saw is more precise."""
    said = worded(finding("expired", ago="3 days", when="2026-11-20 00:00 UTC", case="unused"), SLOTS)
    assert said.summary.startswith('#1 of 1, "mx.example.com", expired on 2026-11-20 00:00 UTC, 3 days ago, but')
    assert said.fix[1] == "$ smtp-chaincheck mx.example.com:25 --write-chain chain.pem"


def test_a_case_without_words_of_its_own_gets_those_of_is() -> None:
    """A page need not tell every case apart."""
    plain = worded(finding("fragile-path", verdict="20 at depth 0: x"), SLOTS)
    assert worded(finding("fragile-path", verdict="20 at depth 0: x", case="order"), SLOTS).summary == plain.summary


def test_a_finding_without_page_stays_as_it_is() -> None:
    """The house test says that a page is missing; a report does not fall over it."""
    assert worded(finding("no-such-finding"), SLOTS) == finding("no-such-finding")


@pytest.mark.parametrize("nothing", [None, "", (), []])
def test_a_fact_without_value_reads_as_unknown(nothing: object) -> None:
    """Never a gap in a sentence, never a KeyError."""
    assert "belongs above it: unknown. We found" in worded(finding(missing=nothing), SLOTS).summary


def test_facts_that_are_no_text_are_shown() -> None:
    """Numbers as they are, several values with commas."""
    said = worded(finding("too-many-certs", count=17, limit=16), {})
    assert said.summary.startswith("The server sent 17 certificates.")
    assert said.fix[1] == "$ smtp-chaincheck unknown --write-chain chain.pem"
    assert worded(finding("duplicate", certificates=("#2 of 3", "#3 of 3")), SLOTS).summary.startswith(
        "The list repeats what was sent before: #2 of 3, #3 of 3."
    )


def test_braces_in_a_value_are_text() -> None:
    """A value is filled in once and never read as a template."""
    said = worded(finding(missing="{certificate}{0}{missing!r}{"), SLOTS)
    assert "belongs above it: {certificate}{0}{missing!r}{. We" in said.summary


def test_what_does_not_print_becomes_an_escape_in_a_sentence() -> None:
    """A report line stays one line, and no control or bidi character reaches it."""
    said = worded(finding(missing="a\x1b[2J\u202eb\0\r\n$ rm -rf /"), SLOTS)
    assert r"belongs above it: a\x1b[2J\u202eb\x00 / $ rm -rf /. We" in said.summary
    assert all(line.isprintable() for line in (said.summary, *said.fix))
    assert commands(said) == ["smtp-chaincheck mx.example.com:25 --write-chain chain.pem"]


def test_a_long_value_is_cut_in_a_sentence() -> None:
    """A name as long as a book does not fill the screen."""
    said = worded(finding(missing="x" * 100_000), SLOTS)
    assert "x" * (LONGEST - 1) + "…. We found" in said.summary
    assert "x" * LONGEST not in said.summary


def test_starttls_is_two_words_or_none() -> None:
    """With implicit TLS s_client gets no -starttls, and no empty word either; nothing else is let through."""
    expired = finding("expired", when="x", ago="y")
    served = "</dev/null 2>/dev/null | openssl x509 -noout -subject -dates"
    with_it = commands(worded(expired, SLOTS))
    without = commands(worded(expired, {**SLOTS, "starttls": ""}))
    hostile = commands(worded(expired, {**SLOTS, "starttls": "-starttls smtp; reboot"}))
    assert with_it == [f"openssl s_client -connect mx.example.com:25 -starttls smtp {served}"]
    assert without == hostile == [f"openssl s_client -connect mx.example.com:25 {served}"]


def test_s_client_names_the_host_as_we_did() -> None:
    """By itself it names the host that it connects to, unless that is an address: only what differs is said."""

    def told(host: str, sni: str) -> str:
        said = commands(worded(finding("expired", when="x", ago="y"), {**SLOTS, "host": host, "sni": sni}))[0]
        return said.removeprefix("openssl s_client -connect mx.example.com:25").split(" -starttls")[0]

    assert told("mx.example.com", "mx.example.com") == ""
    assert told("192.0.2.25", "") == told("2001:db8::25", "") == ""
    assert told("192.0.2.25", "mx.example.com") == " -servername mx.example.com"
    assert told("mx.example.com", "") == " -noservername"
    assert told("mx.example.com", "-x;$(reboot)") == " -servername './-x;$(reboot)'"


def test_an_apposition_is_closed_by_a_comma() -> None:
    """What a comma opened a comma closes, unless other punctuation or the end does."""
    verb, colon = (
        worded(finding("expired", when="x", ago="y"), SLOTS),
        worded(finding("duplicate", certificates="x"), {}),
    )
    assert verb.summary.startswith('#1 of 1, "mx.example.com", expired on x, y ago. Senders')
    assert colon.summary.startswith("The list repeats what was sent before: x. Peers")
    anchor = worded(finding("expired", when="x", ago="y", certificate='the trust anchor "R"'), SLOTS)
    assert anchor.summary.startswith('the trust anchor "R" expired on x')


@pytest.mark.parametrize(("reply", "shown"), [("454 No.", '"454 No." Very'), ("454 No", '"454 No". Very')])
def test_a_full_stop_is_not_doubled(reply: str, shown: str) -> None:
    """Where the server's words end in one, ours is left out."""
    assert f"it answered: {shown} likely" in worded(finding("starttls-refused", reply=reply), SLOTS).summary


def test_a_rules_word_for_programs_becomes_one_for_people() -> None:
    """Every stage has its words, and no time at all is less than a second."""
    assert {*LABELS["stage"]} == {*map(str, Stage)}
    said = worded(finding("timeout-handshake", stage="ehlo-tls", seconds="0"), SLOTS).summary
    assert "Then we waited less than 1 s for the answer to EHLO inside TLS, in vain." in said
    assert (
        "waited 40 s for the TLS"
        in worded(finding("timeout-handshake", stage="handshake", seconds="40"), SLOTS).summary
    )


def test_the_first_position_is_a_number_for_commands() -> None:
    """A command takes the right certificate out of what was sent, counted as people count."""
    third = worded(replace(finding("bad-signature", signer="x"), positions=(2,)), SLOTS)
    assert "| awk -v n=3 '(i += /BEGIN CERT/) == n' |" in commands(third)[0]
    nowhere = worded(replace(finding("bad-signature", signer="x"), positions=()), SLOTS)
    assert "| awk -v n=unknown " in commands(nowhere)[0]


@pytest.mark.parametrize("letter", ["\0", "\x0b", "\x1b", "\x1c", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\udcff"])
def test_an_escape_looks_as_in_the_rest_of_the_report(letter: str) -> None:
    """The same byte is shown in the same form, wherever it stands."""
    assert f"above it: a{clean(letter)}b. We" in worded(finding(missing=f"a{letter}b"), SLOTS).summary


def test_a_value_is_one_word_of_a_command() -> None:
    """Shell syntax in a host name is quoted, and what does not print is gone."""
    said = worded(finding(), {**SLOTS, "endpoint": "x$(reboot);\x1b`id`\u202e:25"})
    assert commands(said) == ["smtp-chaincheck 'x$(reboot);_`id`_:25' --write-chain chain.pem"]


def test_a_value_is_no_option() -> None:
    """A name that begins with a hyphen is not taken for an option; inside a word it may stand."""
    said = worded(finding(), {**SLOTS, "endpoint": "--write-chain=/etc/passwd"})
    assert commands(said) == ["smtp-chaincheck ./--write-chain=/etc/passwd --write-chain chain.pem"]
    inside = worded(finding("root-included", certificates="x"), {**SLOTS, "host": "-x", "port": "-1"})
    assert commands(inside) == ["dig +short TLSA _-1._tcp.-x"]


@settings(max_examples=examples(40), deadline=None)
@given(HOSTILE)
@example("$")
def test_no_value_becomes_shell_syntax(value: str) -> None:
    """A command of a finding, filled with a hostile value, has the words that it has with a tame one."""
    for id_ in sorted(IDS):
        facts = dict.fromkeys(set().union(*map(names, lines_of(id_))) - {*SLOTS, "servername"}, value)
        slots = {**dict.fromkeys(SLOTS, value), "starttls": SLOTS["starttls"], "host": "x" + value, "sni": "y" + value}
        hostile = worded(Finding(id_, Severity.ERROR, facts=facts), slots)
        tame = worded(Finding(id_, Severity.ERROR, facts=dict.fromkeys(facts, "x")), {**SLOTS, "sni": "y"})
        assert [words(line) for line in commands(hostile)] == [words(line) for line in commands(tame)]
        assert all(line.isprintable() for line in (hostile.summary, *hostile.fix))


def lines_of(id_: str) -> list[str]:
    """All templates of a page."""
    this = page(id_)
    return [*this.summary.values(), *(line for lines in this.fix.values() for line in lines)]


def words(command: str) -> int:
    """Count words and operators as a shell does."""
    reader = shlex.shlex(command, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    return len(list(reader))


@pytest.mark.parametrize("value", ["$(touch hit)", "`touch hit`", "';touch hit;'", '"\ntouch hit\n"', "x\0y", "-n"])
def test_a_shell_agrees(value: str, tmp_path: Path) -> None:
    """Not only shlex but sh itself takes the value for one word and does nothing else with it."""
    command = commands(worded(finding(), {**SLOTS, "endpoint": value}))[0].replace("smtp-chaincheck", "printf '%s'", 1)
    done = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("--write-chainchain.pem")
    assert list(tmp_path.iterdir()) == []


def test_names_are_the_slots_of_a_template() -> None:
    """Only plain words in braces are slots."""
    assert names("{a} {b_c} {a} {0} {d!r} {e.f} {{g}}") == {"a", "b_c", "g"}


@pytest.mark.parametrize("case", ["is", "intermediate"])
def test_a_client_of_version_1_is_told_of_clients(case: str) -> None:
    """No name of a host counts for it, and no sender refuses it."""
    finding = Finding("v1-cert", Severity.WARNING, facts={"case": case, "certificate": "#1 of 1"})
    said = worded(finding, {"name": "the sending server"}, "client")
    everything = " ".join((said.summary, *said.fix))
    assert "most never ask for" in said.summary
    assert not any(word in everything for word in ("subjectAltName", "Senders", "MTA-STS", "this server"))
