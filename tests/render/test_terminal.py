from __future__ import annotations

import io
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace
from render.samples import (
    ALL,
    ENDPOINT,
    GOOD,
    GOOD_CHAIN,
    HOSTILE,
    INSTALL,
    LONE,
    MISORDERED,
    MISSING,
    MISSING_FINDING,
    MX,
    REFUSED,
    SEEN,
    UNREACHABLE,
    report,
    title,
)
from render.several import SEVERAL, STRANGE
from rich.console import Console
from shared import examples

from probe.model import (
    Chain,
    Confidence,
    EndpointReport,
    Failure,
    Finding,
    Kind,
    Mta,
    Report,
    Severity,
    Skipped,
    Stage,
    Target,
    Tls,
    Trouble,
)
from probe.render.terminal import show
from probe.render.verdict import place

GOLDEN = Path(__file__).parents[2] / "fixtures" / "golden"
SGR = "\x1b["


def shown(told: Report, encoding: str = "utf-8", width: int = 80, *, colour: bool = False, **options: Any) -> str:
    """The report as it reaches the screen."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="strict", newline="")
    console = Console(
        file=stream, width=width, color_system="standard" if colour else None, force_terminal=colour, highlight=False
    )
    show(told, console, title=title, **options)
    stream.flush()
    return raw.getvalue().decode(encoding)


EVERY = ALL | SEVERAL


@pytest.mark.parametrize("name", EVERY)
def test_the_report_reads_as_in_the_golden_file(name: str) -> None:
    """fixtures/golden is edited by hand and read in review."""
    assert (GOLDEN / f"{name}.txt").read_text(encoding="utf-8") == shown(EVERY[name])


@pytest.mark.parametrize("name", ["missing-intermediate", "starttls-refused", "domain"])
def test_the_whole_story_reads_as_in_the_golden_file(name: str) -> None:
    """With --verbose: every certificate, OpenSSL's word, the conversation."""
    assert (GOLDEN / f"{name}-verbose.txt").read_text(encoding="utf-8") == shown(EVERY[name], verbose=True)


def test_the_colours_are_as_in_the_golden_file() -> None:
    """Colour repeats what marks and words say: without its codes the text is the plain one."""
    coloured = shown(MISORDERED, colour=True)
    assert (GOLDEN / "misordered-expired-colour.txt").read_text(encoding="utf-8") == coloured
    assert shown(MISORDERED) == _without_sgr(coloured)


def _without_sgr(text: str) -> str:
    """Our own colour codes taken away, and nothing else."""
    first, *rest = text.split(SGR)
    return first + "".join(part.partition("m")[2] for part in rest if set(part.partition("m")[0]) <= set("0123456789;"))


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", [name for name in EVERY if name != "hostile"])
def test_nothing_but_commands_is_wider_than_the_screen(name: str) -> None:
    """80 columns; commands and addresses are never broken."""
    for line in shown(EVERY[name], verbose=True).splitlines():
        assert len(line) <= 80 or line.startswith("    ")


@pytest.mark.unmeasured
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "koi8-r", "shift_jis"])
@pytest.mark.parametrize("name", EVERY)
def test_every_encoding_can_show_every_report(name: str, encoding: str) -> None:
    """Signs that the encoding lacks are replaced; nothing is lost and nothing raises."""
    told = shown(EVERY[name], encoding, verbose=True)
    assert place(EVERY[name].target) in told
    assert "\ufffd" not in told


def test_ascii_has_signs_of_its_own() -> None:
    """Mark, dash and anchor have a plain form."""
    told = shown(MISORDERED, "ascii")
    assert told.startswith("x mx.example.com:25 - a certificate has expired")
    assert "  =    Example Root X1  trust anchor in" in told


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (GOOD, "✓ mx.example.com:25 — the chain is right\n"),
        (MISSING, "✗ mx.example.com:25 — an intermediate certificate is missing\n"),
        (MISORDERED, "✗ mx.example.com:25 — a certificate has expired (+ 1 more finding)\n"),
        (UNREACHABLE, "✗ mx.example.com:25 — nothing answers the attempt to connect\n"),
        (REFUSED, "✗ mx.example.com:25 — STARTTLS is offered and then refused\n"),
    ],
)
def test_quiet_says_the_verdict_alone(told: Report, verdict: str) -> None:
    """One line a host, however narrow the screen."""
    assert verdict == shown(told, width=40, quiet=True)


def verdict_of(*findings: Finding, chain: Chain | None = GOOD_CHAIN, **more: Any) -> str:
    """The verdict line of a report with these findings."""
    return shown(report(EndpointReport(SEEN, chain, findings), **more), quiet=True).rstrip("\n")


def test_notes_do_not_spoil_a_right_chain() -> None:
    """They are counted, and the mark says that there are some."""
    note = Finding("root-included", Severity.INFO)
    assert verdict_of(note, note) == "i mx.example.com:25 — the chain is right (+ 2 notes)"


def test_a_chain_that_nobody_examined_is_not_called_right() -> None:
    """Where a finding was ignored, or nothing was seen, silence is no praise."""
    assert verdict_of(chain=None) == "✓ mx.example.com:25 — nothing to report"
    assert verdict_of(chain=replace(GOOD_CHAIN, path=None)) == "i mx.example.com:25 — nothing to report"
    ignored = replace(UNREACHABLE.endpoints[0], findings=())
    assert "— nothing could be examined" in shown(report(ignored), quiet=True)


def test_trust_that_was_not_judged_is_not_praised() -> None:
    """Without anchors, and where --ignore has hidden something."""
    assert verdict_of(stores=()) == "i mx.example.com:25 — no trust anchors were given: trust was not judged"
    hidden = replace(GOOD.endpoints[0], hidden=("missing-intermediate",))
    told = shown(replace(GOOD, endpoints=(hidden,)), quiet=True)
    assert told == "i mx.example.com:25 — nothing else to report (ignored: missing-intermediate)\n"


def test_a_file_that_was_just_written_is_not_offered_again() -> None:
    """Neither by the finding's command nor below the drawing; where its name is another, that is said."""
    fix = ("Put them in order: 1, 2. This writes the file:", "$ smtp-chaincheck mx --write-chain chain.pem", *INSTALL)
    endpoint = replace(MISORDERED.endpoints[0], findings=(replace(MISSING_FINDING, fix=fix),))
    told = shown(report(endpoint), written="chain.pem")
    assert "--write-chain" not in told
    assert "  Put them in order: 1, 2.\n  chain.pem is written.\n\n    cat chain.pem" in told
    lone = replace(endpoint, findings=(replace(MISSING_FINDING, fix=("This writes it:", fix[1])),))
    assert "  other.pem is written.\n" in shown(report(lone), written="other.pem")
    recipe = replace(endpoint, findings=(replace(MISSING_FINDING, fix=(*fix[:2], "$ C=chain.pem")),))
    assert "    C='an other.pem'\n" in shown(report(recipe), written="an other.pem")
    assert "--write-chain" not in shown(MISORDERED, written="chain.pem")


def test_the_command_that_is_offered_repeats_the_options_of_the_run() -> None:
    """So that it sees what this run saw; and it is not offered where the list leads to no trust anchor."""
    command = "    smtp-chaincheck mx.example.com:25 --write-chain chain.pem --name 'a b' -4\n"
    assert command in shown(MISORDERED, words=("--name", "a b", "-4"))
    endpoint = MISORDERED.endpoints[0]
    apart = report(replace(endpoint, apart="192.0.2.7"))
    assert "    smtp-chaincheck 192.0.2.7:25 --write-chain chain.pem --name mx.example.com -4\n" in shown(
        apart, words=("-4",)
    )
    assert "    smtp-chaincheck 192.0.2.7:25 --write-chain chain.pem --name b\n" in shown(apart, words=("--name", "b"))
    assert endpoint.chain
    nowhere = replace(endpoint.chain, path=LONE)
    assert "--write-chain" not in shown(report(replace(endpoint, chain=nowhere)))


def test_unknown_software_gets_general_commands_and_a_hint() -> None:
    """Once, and only beside commands of a recipe."""
    endpoint = replace(MISSING.endpoints[0], mta=None)
    other = replace(MISSING_FINDING, id="misordered", fix=("Other.", "$ systemctl restart YOUR-MAIL-SERVER"))
    hint = "  Say --mta NAME for the commands of your server; smtp-chaincheck explain --list\n  has the names.\n"
    assert shown(report(replace(endpoint, findings=(MISSING_FINDING, other)))).count(hint) == 1
    domino = replace(endpoint, mta=Mta("domino", "x", Confidence.IS), findings=(MISSING_FINDING,))
    assert "HCL Domino" in shown(report(domino))
    assert hint in shown(report(domino))
    generic = replace(endpoint, mta=Mta("generic", "--mta", Confidence.IS), findings=(MISSING_FINDING,))
    assert "--mta" not in shown(report(generic))
    postfix = replace(generic, mta=Mta("postfix", "--mta", Confidence.IS))
    assert "  server   192.0.2.25, Postfix (by --mta)\n" in shown(report(postfix))


def test_the_server_name_that_was_asked_for_is_said() -> None:
    """And what a second connection did otherwise."""
    silent = replace(SEEN, retried="no-sni")
    assert "TLSv1.3 after STARTTLS, asked for no name\n" in shown(report(EndpointReport(silent, GOOD_CHAIN)))
    at_once = replace(SEEN, retried="implicit")
    assert "TLSv1.3 from the first byte, asked for mx" in shown(report(EndpointReport(at_once, GOOD_CHAIN)))


def test_several_notes_point_to_their_pages_once() -> None:
    """A line for all."""
    notes = tuple(Finding(name, Severity.INFO) for name in ("root-included", "client-cert-requested"))
    told = shown(report(EndpointReport(SEEN, GOOD_CHAIN, notes)))
    assert told.endswith("[client-cert-requested]\n  page: smtp-chaincheck explain ID\n")


def test_rules_that_could_not_run_for_one_reason_share_a_line() -> None:
    """With --verbose; without certificates it goes without saying that none was judged."""
    skipped = tuple(Skipped(name, "no list") for name in ("expired", "no-san"))
    assert "  not judged  expired, no-san: no list\n" in shown(
        report(EndpointReport(SEEN, skipped=skipped)), verbose=True
    )
    assert "Not judged" not in shown(report(EndpointReport(replace(SEEN, presented=None), skipped=skipped)))


def test_a_flood_is_cut_and_does_not_reach_the_left_edge() -> None:
    """A word of a thousand letters is no word; an address is one."""
    flood = replace(MISSING_FINDING, summary=f"It said {'A' * 1000} and http://x/{'b' * 300}.")
    lines = shown(report(EndpointReport(SEEN, GOOD_CHAIN, (flood,)))).splitlines()
    assert sum(line.count("A" * 20) > 0 for line in lines) == 3
    assert all(len(line) <= 80 for line in lines if "AAA" in line)
    assert f"  http://x/{'b' * 300}." in lines


def test_the_worst_finding_speaks_first() -> None:
    """Errors before warnings, wherever they stand, and the others are counted."""
    findings = (
        Finding("misordered", Severity.WARNING),
        Finding("root-included", Severity.INFO),
        Finding("bad-name", Severity.ERROR, Confidence.MAY_BE),
        Finding("expired", Severity.ERROR, Confidence.VERY_LIKELY),
        Finding("not-yet-valid", Severity.ERROR),
    )
    assert verdict_of(*findings) == "✗ mx.example.com:25 — very likely: a certificate has expired (+ 3 more findings)"
    perhaps = verdict_of(*findings[:3])
    assert perhaps == "✗ mx.example.com:25 — may be: a name in the certificate is not a name (+ 1 more finding)"


def test_findings_of_no_single_endpoint_stand_above() -> None:
    """They are told once, before the endpoints."""
    across = Finding("expired", Severity.WARNING, summary="They differ.")
    told = shown(replace(GOOD, findings=(across,)))
    assert told.startswith("! mx.example.com:25 — a certificate has expired\n\n! warning: A certificate has expired")
    assert told.index("They differ.") < told.index("What the server sent")


def test_the_same_commands_are_printed_once() -> None:
    """The second finding points to the first; a sentence of its own is still said."""
    other = replace(MISSING_FINDING, id="misordered", fix=("Put them in order.", *INSTALL))
    told = shown(report(EndpointReport(SEEN, GOOD_CHAIN, (MISSING_FINDING, other))))
    assert told.count("postfix reload") == 1
    assert "Put them in order.\n  Then the same commands as for missing-intermediate, above." in told


def test_records_that_the_report_has_are_not_asked_for() -> None:
    """The sentence that announces the command goes with it."""
    fix = ("Publish a record. This prints it:", "$ smtp-chaincheck mx.example.com:25 --tlsa")
    wrong = Finding("dane-mismatch", Severity.ERROR, fix=fix)
    records = Finding("tlsa-records", Severity.INFO, facts={"zone": ["x. IN TLSA 3 1 1 00"]})
    assert "This prints it:\n\n    smtp" in shown(report(EndpointReport(SEEN, GOOD_CHAIN, (wrong,))))
    told = shown(report(EndpointReport(SEEN, GOOD_CHAIN, (wrong, records))))
    assert "  Publish a record.\n  The records stand at tlsa-records.\n" in told
    assert "--tlsa" not in told


def test_one_command_of_ours_is_printed_again() -> None:
    """Pointing to it is no shorter."""
    fix = ("Look at it:", "$ smtp-chaincheck mx.example.com:25")
    twice = [Finding(name, Severity.ERROR, fix=(f"Mend {name}.", *fix)) for name in ("expired", "bad-name")]
    told = shown(report(EndpointReport(SEEN, GOOD_CHAIN, tuple(twice))))
    assert told.count("\n    smtp-chaincheck mx.example.com:25\n") == 2


def test_the_page_of_a_note_stands_below_it() -> None:
    """And not below a note that has lines of its own, and a link of its own."""
    notes = (Finding("root-included", Severity.INFO), Finding("tlsa-records", Severity.INFO, facts={"zone": ["x"]}))
    told = shown(report(EndpointReport(SEEN, GOOD_CHAIN, notes)))
    assert "[root-included]\n  page: smtp-chaincheck explain root-included\n" in told


def test_the_same_sentence_alone_is_said_again() -> None:
    """Pointing to a sentence is longer than the sentence."""
    twice = [Finding(name, Severity.ERROR, fix=("Renew it.",)) for name in ("expired", "bad-name")]
    assert shown(report(EndpointReport(SEEN, GOOD_CHAIN, tuple(twice)))).count("Renew it.") == 2


def test_commands_can_be_copied() -> None:
    """A command is one line, whole, without its dollar sign, on the narrowest screen, too."""
    long = "$ openssl s_client -connect mx.example.com:25 -starttls smtp " + "-servername mx.example.com " * 20
    finding = replace(MISSING_FINDING, fix=(long, long + "--again"))
    lines = shown(report(EndpointReport(SEEN, GOOD_CHAIN, (finding,))), width=40, colour=True).splitlines()
    commands = [line for line in lines if "s_client" in line]
    assert [_without_sgr(line).strip() for line in commands] == [long[2:].strip(), long[2:] + "--again"]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target("mx.example.com", 587), "mx.example.com:587"),
        (Target("2001:db8::25"), "[2001:db8::25]:25"),
        (Target("servercert.pem", kind=Kind.FILE), "servercert.pem"),
        (Target("example.com", kind=Kind.DOMAIN), "example.com"),
        (Target("example.com", 2525, kind=Kind.DOMAIN), "example.com:2525"),
    ],
)
def test_a_place_is_written_as_it_is_typed(target: Target, expected: str) -> None:
    """So that it can be copied back into a command."""
    assert expected == place(target)


def test_no_file_is_offered_where_nothing_is_to_be_mended() -> None:
    """Nor for a chain that came from a file, for a mere note, or where a finding's own commands do so."""
    endpoint = MISORDERED.endpoints[0]
    said = replace(endpoint.findings[0], fix=("$ smtp-chaincheck mx.example.com --write-chain chain.pem",))
    assert shown(report(replace(endpoint, findings=(said,)))).count("--write-chain") == 1
    assert "--write-chain" not in shown(report(replace(endpoint, findings=endpoint.findings[2:])))
    in_order = replace(MISSING.endpoints[0], repair=GOOD.endpoints[0].repair)
    assert "--write-chain" not in shown(report(in_order))
    assert "--write-chain" not in shown(GOOD)
    assert "--write-chain" in shown(MISSING)
    assert "--write-chain" not in shown(replace(MISSING, target=Target("chain.pem", kind=Kind.FILE)))


def test_a_retry_says_why() -> None:
    """The first connection's end is part of the story; a word for a retry that is new is shown as it is."""
    seen = replace(SEEN, retried="no-sni", first_failure=Failure(Trouble.ALERT, "alert 112 (unrecognized_name)"))
    told = shown(report(EndpointReport(seen, GOOD_CHAIN)))
    assert "  retried  without SNI, since the first connection ended so: alert 112" in told
    assert "  retried  again\n" in shown(report(EndpointReport(replace(SEEN, retried="again"), GOOD_CHAIN)))


def test_an_end_without_words_is_told_by_its_place() -> None:
    """A server that closes says nothing."""
    seen = replace(SEEN, stage=Stage.HANDSHAKE, failure=Failure(Trouble.CLOSED, ""), presented=None)
    assert "  ended    at the TLS handshake\n" in shown(report(EndpointReport(seen)))


def test_a_long_farewell_is_cut_unless_all_is_wanted() -> None:
    """Three lines tell who speaks."""
    seen = replace(SEEN, failure=Failure(Trouble.REPLY, "\n".join(f"554-line {n}" for n in range(9))))
    told = report(EndpointReport(seen))
    assert "554-line 2 …" in shown(told)
    assert "554-line 8" not in shown(told)
    assert "554-line 8" in shown(told, verbose=True)


def test_another_moment_of_judgement_is_said() -> None:
    """Who judges as of last year reads so."""
    told = shown(replace(GOOD, at=SEEN.started - timedelta(days=365)), width=100)
    assert "(137 anchors); judged as of 2025-11-23 19:30 UTC\n" in told
    assert "judged as of" not in shown(replace(GOOD, at=None))


def test_trusting_nobody_is_said() -> None:
    """Without anchors nothing can be trusted, and that is not the server's fault."""
    assert "  trust    nobody (no trust anchors were given)" in shown(replace(GOOD, stores=()))


def test_implicit_tls_is_named() -> None:
    """TLS began with the first byte."""
    seen = replace(SEEN, endpoint=replace(ENDPOINT, port=465, tls=Tls.IMPLICIT))
    assert "  spoken   TLSv1.3 from the first byte, asked for mx.example.com\n" in shown(
        report(EndpointReport(seen, GOOD_CHAIN))
    )


def test_an_address_is_said_once() -> None:
    """Where the user gave it, the first line has it."""
    seen = replace(SEEN, endpoint=replace(ENDPOINT, host="192.0.2.25"))
    told = shown(report(EndpointReport(seen), target=Target("192.0.2.25")))
    assert told.count("192.0.2.25") == 1


def test_an_endpoint_without_address_and_software_says_neither() -> None:
    """A name that has no address."""
    seen = replace(SEEN, endpoint=replace(ENDPOINT, address=None), stage=Stage.DNS, tls_version=None, presented=None)
    assert "server" not in shown(report(EndpointReport(seen)))


def test_what_was_not_judged_is_named_and_explained_on_demand() -> None:
    """A rule that could not run never counts as passed."""
    told = report(EndpointReport(SEEN, GOOD_CHAIN, skipped=(Skipped("expired", "no time"),)))
    assert "  Not judged: expired (--verbose says why).\n" in shown(told)
    assert "  not judged  expired: no time\n" in shown(told, verbose=True)
    many = report(EndpointReport(SEEN, skipped=tuple(Skipped(f"rule-{n}", "why") for n in range(5))))
    assert "  Not judged: rule-0, rule-1 and 3 more (--verbose says why).\n" in shown(many)


POISONED = EVERY | {"strange": STRANGE}
HOSTILE_TEXT = st.text(st.characters(), max_size=30) | st.sampled_from(
    ["\x1b[2J", "\x1b]0;x\x07", "[red]", "[/]", "\u202e", "\x9b31m", "\r", "\ud800", ":smile:", "\x1b[31"]
)


def poisoned(value: Any, poison: list[str]) -> Any:
    """``value`` with every string in it replaced by the next poison, enumerations excepted."""
    if isinstance(value, str) and not isinstance(value, Enum):
        poison.append(poison.pop(0))
        return poison[-1]
    if isinstance(value, tuple):
        return tuple(poisoned(entry, poison) for entry in value)
    if isinstance(value, dict):
        return {key: poisoned(entry, poison) for key, entry in value.items()}
    if isinstance(value, Struct):
        changes = {
            name: poisoned(getattr(value, name), poison)
            for name in value.__struct_fields__
            if (type(value).__name__, name) not in FIXED
        }
        return replace(value, **changes)
    return value


FIXED = {
    ("Step", "do"),
    ("Exchange", "sender"),
    ("Refusal", "outcome"),
    ("Certificate", "sha256"),
    ("Step", "sha256"),
    ("Missing", "sha256"),
    ("Missing", "source"),
    ("Finding", "id"),
    ("Failure", "symptoms"),
}
"""Words of ours, by which things are told apart."""


@given(st.lists(HOSTILE_TEXT, min_size=3, max_size=3), st.sampled_from(sorted(POISONED)), st.booleans())
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_report_holds_only_text_and_our_colours_come_out(
    poison: list[str], name: str, verbose: bool
) -> None:
    """No string of a Report can write to the terminal: escapes, markup, bidi, line ends."""
    told = poisoned(POISONED[name], list(poison))
    plain = shown(told, verbose=verbose)
    for line in plain.split("\n"):
        assert line.isprintable(), ascii(line)
    assert plain == _without_sgr(shown(told, verbose=verbose, colour=True))


def test_markup_is_text() -> None:
    """What rich takes for markup and emoji is shown as it came."""
    told = shown(replace(MISSING, target=Target("[bold]smile[/]:smile:", kind=Kind.FILE)), colour=True)
    assert "[bold]smile[/]:smile: — an intermediate" in told


def test_the_hostile_report_can_be_read() -> None:
    """Its letters are all there, as escapes."""
    told = shown(HOSTILE)
    assert r"\x1b]0;owned\x07\x1b[31m[bold red]mx[/]\u202ekcart" in told
    assert MX.label not in told.split("What the server sent")[1]
