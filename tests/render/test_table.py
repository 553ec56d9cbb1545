from __future__ import annotations

import pytest
from msgspec.structs import replace
from render.samples import GOOD, MISSING, MISSING_FINDING, NOW, UNREACHABLE
from render.several import (
    DOMAIN,
    DOWN,
    EXPIRED,
    FOUR,
    LACKING,
    NO_SUCH_KEY,
    POOL,
    REFUSING,
    RIGHT,
    STRANGE,
    THOROUGH,
    WHOLE_DOMAIN,
    at,
    of_domain,
    several,
    thorough,
)
from render.test_terminal import shown
from rich.cells import cell_len

from probe.model import (
    Confidence,
    Endpoint,
    EndpointReport,
    Finding,
    Mx,
    Observation,
    Refusal,
    Report,
    Severity,
    Side,
    Stage,
)
from probe.render.table import outcome

NOTE = Finding("root-included", Severity.INFO)
ERROR, WARNING = Finding("expired", Severity.ERROR), Finding("misordered", Severity.WARNING)


def see(endpoint: Endpoint) -> EndpointReport:
    """The third host is down, the second is wrong over IPv6 and for those who send no name."""
    if endpoint.host == "mx3.example.com":
        return DOWN
    if endpoint.host == "mx2.example.com" and (":" in str(endpoint.address) or not endpoint.sni):
        return EXPIRED
    return RIGHT


def large(hosts: int = 5) -> Report:
    """Every mail host at four addresses in six manners: 120 looks with five hosts."""
    names = [f"mx{n}.example.com" for n in range(1, hosts + 1)]
    looks = [look for n, name in enumerate(names, 1) for look in thorough(see, name, *FOUR, mx_preference=10 * n)]
    mx = tuple(Mx(10 * n, name) for n, name in enumerate(names, 1))
    return replace(of_domain(*looks), domain=replace(DOMAIN, mx=mx))


def table(told: str) -> list[str]:
    """The rows: what stands between the block about the domain and the first chain."""
    return told.split("\n\nChain ", maxsplit=1)[0].rsplit("\n\n", maxsplit=1)[-1].splitlines()


def test_a_hundred_and_twenty_looks_fit_on_two_screens() -> None:
    """Rows of equal outcome are one, and each chain, finding and command stands there once."""
    told = shown(large())
    assert len(large().endpoints) == 120
    assert len(told.splitlines()) < 90
    assert told.count("What the server sent") == 2
    assert told.count("[expired]") == told.count("[timeout-connect]") == told.count("postfix reload") == 1
    assert told.count("\n  trust ") == 1
    assert table(told) == [
        "  ✓  10  mx1.example.com                    C  right",
        "     20  mx2.example.com",
        "  ✓        192.0.2.1, 192.0.2.2 (with SNI)  C  right",
        "  ✗        192.0.2.1, 192.0.2.2 (without SNI) and 2001:db8::1, 2001:db8::2",
        "                                            A  expired, misordered",
        "  ✗  30  mx3.example.com                    B  timeout-connect",
        "  ✓  40  mx4.example.com                    C  right",
        "  ✓  50  mx5.example.com                    C  right",
        "  Each address was asked with and without SNI, for RSA and ECDSA alone, with TLS",
        "  1.2 and TLS 1.3 alone.",
        "  The other mail ports were tried, too; nobody answered at 24, 110, 143, 465,",
        "  587, 993, 995, 4190.",
    ]


@pytest.mark.unmeasured
@pytest.mark.parametrize("width", [40, 80, 100])
def test_a_table_keeps_to_its_screen(width: int) -> None:
    """What does not fit beside has a line of its own; a name is broken only where it is longer than any line."""
    for told in (large(), WHOLE_DOMAIN, THOROUGH, *([STRANGE] if width > 40 else [])):
        rows = table(shown(told, width=width))
        assert all(cell_len(row) <= width for row in rows)
    assert "  ✗  30  mx3.example.com\n      B  timeout-connect\n" in shown(large(), width=40)


def test_an_old_terminal_shows_the_table() -> None:
    """Without colour, and in ASCII."""
    assert "  x  30  mx3.example.com                    B  timeout-connect\n" in shown(large(), "ascii")


def test_nothing_that_dns_says_writes_to_the_screen_or_into_a_command() -> None:
    """Names are cleaned in rows and headings, and quoted where a shell reads them."""
    told = shown(STRANGE, verbose=True)
    assert all(line.isprintable() for line in told.split("\n"))
    assert r"smtp-chaincheck '\x1b]0;owned\x07" in told
    harmful = of_domain(*(at(look, "$(reboot);", f"192.0.2.{n}") for n, look in enumerate((RIGHT, EXPIRED))))
    assert "smtp-chaincheck '$(reboot);:25' --write-chain" in shown(harmful)


def test_one_host_down_does_not_hide_the_others() -> None:
    """Nor is it the headline where a chain that was seen is wrong."""
    looks = [at(look, f"mx{n}.example.com", f"192.0.2.{n}") for n, look in enumerate((DOWN, RIGHT, LACKING))]
    told = shown(of_domain(*looks))
    assert told.startswith("✗ example.com — mx2.example.com: an intermediate certificate is missing (+ 1\n")
    down = shown(of_domain(*looks[:2]))
    assert down.startswith("✗ example.com — mx0.example.com: nothing answers the attempt to connect\n")
    assert "Chain B\n  seen     mx1.example.com, 192.0.2.1\n" in down


def test_all_down_is_told_once() -> None:
    """One row a host, one finding."""
    looks = [at(DOWN, f"mx{n}.example.com", address) for n in range(3) for address in FOUR]
    told = of_domain(*looks)
    assert told.exit_code == 3
    assert shown(told).startswith("✗ example.com — nothing answers the attempt to connect\n")
    assert shown(told).count("[timeout-connect]") == 1
    assert shown(told).count("A  timeout-connect") == 3


def test_sentences_about_one_of_many_say_so() -> None:
    """What differs by the address only is said of the first."""
    findings = [replace(UNREACHABLE.endpoints[0].findings[0], summary=f"{address} is silent.") for address in FOUR]
    looks = [at(replace(DOWN, findings=(f,)), "mx.example.com", a) for f, a in zip(findings, FOUR, strict=True)]
    told = shown(several(*looks))
    assert "  Of 4 looks this is said of the first; --verbose says it of each.\n  192.0.2.1 is silent.\n" in told
    assert "2001:db8::2 is silent." not in told
    every = shown(several(*looks), verbose=True)
    assert all(f"  At 1 of 4 looks: {a}.\n  {a} is silent.\n" in every for a in FOUR)


def test_a_finding_of_some_looks_says_which() -> None:
    """The list is the same, and one more thing is wrong at one address."""
    worse = replace(LACKING, findings=(*LACKING.findings, replace(MISSING_FINDING, id="old-tls", summary="It is old.")))
    looks = [at(LACKING, "mx.example.com", "192.0.2.1"), at(worse, "mx.example.com", "192.0.2.2")]
    told = shown(several(*looks))
    assert "[old-tls]\n  At 1 of 2 looks: 192.0.2.2.\n  It is old.\n" in told
    assert "  ✗ 192.0.2.1  A  missing-intermediate\n  ✗ 192.0.2.2  A  missing-intermediate, old-tls\n" in told


def test_the_same_finding_of_another_chain_is_pointed_to() -> None:
    """Word for word the same is not said twice."""
    other = replace(EXPIRED, findings=LACKING.findings)
    told = shown(several(at(LACKING, "mx.example.com", "192.0.2.1"), at(other, "mx.example.com", "192.0.2.2")))
    assert told.count("was not sent") == 1
    assert "[missing-intermediate]\n  All that was said of it above holds here, too.\n" in told


def test_commands_for_another_host_are_not_repeated() -> None:
    """The last look names the host; what stands before it is the same."""
    steps = ("$ cp chain.pem /etc/x", "$ postfix check", "$ postfix reload", "Look again:")
    looks = []
    for n, base in enumerate((LACKING, EXPIRED), 1):
        fix = (f"Host {n}:", f"$ write {n}", *steps, f"$ smtp-chaincheck mx{n}.example.com:25")
        finding = replace(MISSING_FINDING, summary=f"Host {n}.", fix=fix)
        looks.append(at(replace(base, findings=(finding,)), f"mx{n}.example.com", "192.0.2.1"))
    told = shown(of_domain(*looks))
    assert told.count("postfix reload") == 1
    assert (
        "  Host 2:\n\n    write 2\n\n  Then the same commands as for missing-intermediate, above.\n  Look again:\n\n"
        "    smtp-chaincheck mx2.example.com:25\n"
    ) in told


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (RIGHT, ("ok", "right")),
        (replace(RIGHT, findings=(NOTE,)), ("ok", "right")),
        (replace(RIGHT, findings=(NOTE, WARNING, ERROR)), ("error", "expired, misordered")),
        (replace(RIGHT, findings=(WARNING,)), ("warning", "misordered")),
        (replace(RIGHT, findings=tuple(replace(ERROR, id=i) for i in "aabcde")), ("error", "a, b, c + 2 more")),
        (DOWN, ("error", "timeout-connect")),
        (replace(DOWN, findings=(replace(ERROR, severity=Severity.INFO),)), ("info", "expired")),
        (replace(DOWN, findings=()), ("unreachable", "could not be examined")),
        (REFUSING, ("error", "starttls-refused")),
        (replace(RIGHT, hidden=("expired",)), ("info", "nothing else (ignored: expired)")),
        (replace(RIGHT, chain=None), ("info", "nothing to report")),
        (at(NO_SUCH_KEY, "mx", "192.0.2.1", offered_key="ecdsa"), ("info", "no ECDSA certificate")),
    ],
)
def test_what_a_row_says(look: EndpointReport, expected: tuple[str, str]) -> None:
    """The worst first; silence is praise only where something was judged."""
    assert outcome(look, GOOD) == expected


def test_without_anchors_no_row_says_right() -> None:
    """Trust was not judged."""
    assert outcome(RIGHT, replace(GOOD, stores=())) == ("info", "trust was not judged")


def test_an_interrupted_survey_says_how_far_it_came_and_of_whom() -> None:
    """One host was seen: its row keeps preference and name; how far the other came is told once, and by its row."""
    right = at(RIGHT, "mx1.example.com", "192.0.2.1", mx_preference=10)
    left_out = ("mx2.example.com at 192.0.2.2:25 (connected, no greeting after 5 s)",)
    mx = tuple(Mx(10 * n, f"mx{n}.example.com") for n in (1, 2))
    report = replace(of_domain(right), domain=replace(DOMAIN, mx=mx), left_out=left_out, interrupted=True)
    told = shown(report)
    assert "— interrupted, 1 of 2 mail hosts seen: the chain is right" in told.splitlines()[0]
    assert "    10  mx1.example.com  A  right" in told.replace("✓", " ")
    assert told.count("(connected,") == 1
    assert report.exit_code == 130


def test_mail_hosts_that_nobody_looked_at_have_a_row() -> None:
    """Silence about one would sound like praise."""
    told = shown(of_domain(at(RIGHT, "mx1.example.com", "192.0.2.1", mx_preference=10)))
    assert "  i  30  mx3.example.com     was not looked at\n" in told
    nobody = replace(of_domain(), domain=replace(DOMAIN, mx=(Mx(0, ""), *DOMAIN.mx)))
    assert shown(nobody).count("was not looked at") == 3


def test_the_verdict_counts_what_is_wrong_and_not_where() -> None:
    """Two places with one fault have one; notes are counted so, too."""
    both = several(at(EXPIRED, "mx", "192.0.2.1"), at(EXPIRED, "mx", "192.0.2.2"))
    assert shown(both, quiet=True) == "✗ mx.example.com:25 — a certificate has expired (+ 1 more finding)\n"
    noted = [at(replace(RIGHT, findings=(NOTE,)), "mx", address) for address in FOUR]
    assert shown(several(*noted), quiet=True) == "i mx.example.com:25 — the chain is right (+ 1 note)\n"
    sure = replace(ERROR, confidence=Confidence.VERY_LIKELY)
    likely = several(at(RIGHT, "mx", "192.0.2.1"), at(replace(RIGHT, findings=(sure,)), "mx", "192.0.2.2"))
    assert shown(likely, quiet=True) == "✗ mx.example.com:25 — 192.0.2.2: very likely: a certificate has expired\n"


def test_a_comparison_is_the_headline_only_where_nothing_else_is_wrong() -> None:
    """What is wrong with a server tells more."""
    across = replace(ERROR, id="address-dependent")
    looks = [at(RIGHT, "mx", "192.0.2.1"), at(EXPIRED, "mx", "192.0.2.2")]
    assert "— 192.0.2.2: a certificate has expired" in shown(several(*looks, findings=(across,)), quiet=True)
    alone = several(at(RIGHT, "mx", "192.0.2.1"), at(RIGHT, "mx", "192.0.2.2"), findings=(across,))
    assert shown(alone, quiet=True) == "✗ mx.example.com:25 — address-dependent\n"


def test_what_stops_mail_now_is_the_headline_and_what_is_sure() -> None:
    """DANE senders wait, few others mind the name; what may be comes behind what is."""
    name, dane = Finding("name-mismatch", Severity.ERROR), Finding("dane-mismatch", Severity.ERROR)
    looks = [at(replace(RIGHT, findings=(name, dane)), f"mx{n}", f"192.0.2.{n}", mx_preference=n) for n in (1, 2)]
    looks.append(at(RIGHT, "mx3", "192.0.2.3", mx_preference=3))
    told = shown(of_domain(*looks))
    assert told.startswith("✗ example.com — mx1 and mx2: dane-mismatch (+ 1 more finding)\n")
    assert "  A  dane-mismatch, name-mismatch\n" in told
    assert told.index("[dane-mismatch]") < told.index("[name-mismatch]")
    perhaps = at(replace(RIGHT, findings=(replace(ERROR, confidence=Confidence.MAY_BE),)), "mx1", "192.0.2.1")
    assert "— mx2: nothing answers" in shown(several(perhaps, at(DOWN, "mx2", "192.0.2.2")), quiet=True)


def test_other_ports_are_not_called_silent_where_some_were_left_out() -> None:
    """They may not have been tried."""
    assert "other mail ports" in shown(THOROUGH)
    assert "other mail ports" not in shown(replace(THOROUGH, left_out=("mx at 192.0.2.25:993",)))


def test_records_of_two_chains_are_not_taken_for_the_same() -> None:
    """Nor are those of two hosts that show one chain."""
    records = [Finding("tlsa-records", Severity.INFO, facts={"zone": [f"{n}. IN TLSA 3 1 1 00"]}) for n in "abc"]
    looks = [at(replace(LACKING, findings=(records[0],)), "mx1", "192.0.2.1")]
    looks += [at(replace(RIGHT, findings=(one,)), f"mx{n}", f"192.0.2.{n}") for n, one in enumerate(records[1:], 2)]
    told = shown(of_domain(*looks))
    assert sorted(line[4] for line in told.splitlines() if "IN TLSA" in line) == ["a", "b", "c"]


def named(look: EndpointReport, host: str, *fix: str) -> EndpointReport:
    """A look at a host with a finding that speaks of it."""
    finding = Finding("name-mismatch", Severity.ERROR, summary=f"The certificate is not for {host}.", fix=fix)
    return at(replace(look, findings=(finding,)), host, "192.0.2.1")


def test_what_differs_in_the_name_alone_is_said_once() -> None:
    """But a list is written for one server, and with --verbose each is told."""
    both = of_domain(named(RIGHT, "mx1.example.com"), named(LACKING, "mx2.example.com"))
    words = " ".join(shown(both).split())
    assert words.count("The certificate is not for") == 1
    assert (
        "All that was said of it above holds here, too, with mx2.example.com in the place of mx1.example.com." in words
    )
    assert shown(both, verbose=True).count("The certificate is not for") == 2
    writing = [
        named(look, host, f"$ smtp-chaincheck {host} --write-chain x") for look, host in ((RIGHT, "a"), (LACKING, "b"))
    ]
    assert shown(of_domain(*writing)).count("--write-chain x") == 2


def test_a_comparison_that_the_table_has_is_one_line() -> None:
    """With its page; the sentences and the advice are there, and in --verbose."""
    across = Finding("address-dependent", Severity.ERROR, summary="They differ.", fix=("Mend it.",))
    told = several(at(RIGHT, "mx", "192.0.2.1"), at(EXPIRED, "mx", "192.0.2.2"), findings=(across,))
    assert "[address-dependent]\n  page: smtp-chaincheck explain address-dependent\n" in shown(told)
    assert "Mend it." not in shown(told)
    assert "Mend it." in shown(told, verbose=True)


def test_what_senders_do_is_one_table_for_all_chains() -> None:
    """By their letters; who does the same for the same reason with several is named once."""
    one, two = (Refusal(name, "refuses", "no chain; a manual") for name in ("Postfix", "Exim"))
    looks = [at(replace(EXPIRED, refused_by=(one, two)), "mx", "192.0.2.1")]
    looks.append(at(replace(LACKING, refused_by=(one, replace(two, outcome="delivers"))), "mx", "192.0.2.2"))
    looks.append(at(replace(RIGHT, refused_by=(replace(one, outcome="delivers"),)), "mx", "192.0.2.3"))
    told = shown(several(*looks))
    assert told.endswith(
        "  What senders do, by chain:\n    refuses   A, B  Postfix: no chain\n"
        "    refuses   A     Exim: no chain\n    delivers  B     Exim\n"
    )
    assert shown(several(*looks), verbose=True).count("What senders do:") == 3


def test_chains_are_right_in_the_plural() -> None:
    """Where there are several, and with a look that had nothing to show."""
    other = replace(RIGHT, observation=replace(RIGHT.observation, presented=(b"other",)))
    none = at(NO_SUCH_KEY, "mx", "192.0.2.1", offered_key="ecdsa")
    looks = [at(RIGHT, "mx", "192.0.2.1"), at(other, "mx", "192.0.2.2")]
    assert shown(several(*looks, none), quiet=True) == "✓ mx.example.com:25 — every chain is right\n"
    assert shown(several(looks[0], none), quiet=True) == "✓ mx.example.com:25 — the chain is right\n"


def test_how_often_a_single_address_was_asked_is_said() -> None:
    """Though there is no table where all answers were alike."""
    told = shown(several(*[at(RIGHT, "mx", "192.0.2.1")] * 3))
    assert told.startswith("✓ mx.example.com:25 — the chain is right\n\n  Each address was asked 3 times.\n\n  seen ")
    assert "  Each address was asked 5 times.\n" in shown(POOL)


def test_verbose_has_the_conversation_of_each_look() -> None:
    """Headed by where it was."""
    told = shown(THOROUGH, verbose=True)
    assert told.count("220 mx.example.com ESMTP Postfix") >= len(THOROUGH.endpoints)
    assert "\n  2001:db8::25 (ECDSA)\n" in told


def test_our_certificate_is_compared_below() -> None:
    """With the look at the same endpoint, however many others there are; then our own list."""
    looks = (at(RIGHT, "mx", "192.0.2.1"), at(LACKING, "mx", "192.0.2.2"))
    again = replace(looks[1], observation=replace(looks[1].observation, client_chain=(b"x",), tls_version="TLSv1.2"))
    nobody = Observation(Endpoint(None, None, 25), NOW, Stage.DONE, presented=(b"x",), side=Side.CLIENT)
    ours = EndpointReport(nobody, MISSING.endpoints[0].chain)
    told = shown(several(*looks, again, ours))
    assert told.index("Chain B") < told.index("with it:\n") < told.index("What the client sent")
    assert "    TLS           TLSv1.3                         TLSv1.2\n" in told


def test_what_could_not_be_seen_is_no_part_of_the_praise() -> None:
    """An address to which we have no way accuses nobody, and the report says that it is not the whole."""
    no_way = replace(DOWN, findings=(Finding("unreachable", Severity.INFO),))
    looks = (at(RIGHT, "mx", "192.0.2.1"), at(no_way, "mx", "2001:db8::1"))
    told = shown(several(*looks))
    assert told.startswith("i mx.example.com:25 — the chain is right where it could be seen (+ 1 note)\n")
    assert "  i 2001:db8::1  A  unreachable\n" in told
    late = several(*looks[:1], left_out=tuple(f"mx at 192.0.2.{n}:25" for n in range(9)))
    assert shown(late, quiet=True) == "i mx.example.com:25 — the chain is right where it could be seen\n"
    assert "  Left out: mx at 192.0.2.0:25; " in shown(late)
    assert "; 5 more\n" in shown(late)
    assert "192.0.2.8:25\n" in shown(late, verbose=True)
