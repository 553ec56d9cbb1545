from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from probe.cli import settings
from probe.cli.arguments import UsageError, probe_arguments
from probe.model import Kind, Protocol, Severity, Target, Tls
from probe.net.observe import AUTO
from probe.net.servers import DnsOptions

CHAINS = Path(__file__).parents[2] / "fixtures" / "chains"
GOOD = CHAINS / "good" / "anchors.pem"
POOL = CHAINS / "missing-intermediate" / "pool.pem"


def options(*words: str) -> Any:
    """What the pipeline gets for these words."""
    return settings.options(probe_arguments(["mx.example.com", "--trust", "none", *words]))


def network(*words: str) -> Any:
    """What the connection gets for these words."""
    return options(*words).network


def test_the_defaults() -> None:
    """What somebody gets who says nothing."""
    plain = settings.options(probe_arguments(["mx.example.com"]))
    assert plain.anchors.stores[0].name.startswith("certifi")
    assert (plain.name, plain.at, plain.warn_days, plain.mta) == (None, None, None, None)
    assert (plain.fetch, plain.allow_private, plain.ignore) == (True, False, frozenset())
    assert plain.fail_on is Severity.WARNING
    assert plain.network
    assert (plain.network.timeout, plain.network.greeting_timeout) == (60.0, 40.0)
    assert (plain.network.sni, plain.network.ehlo, plain.network.family, plain.network.source) == (AUTO, None, 0, None)


def test_targets_in_order() -> None:
    """Port, protocol and TLS of the run hold where a host says nothing."""
    words = ["a", "b:25", "--port", "587", "c", "--", "demo"]
    assert [(target.name, target.port) for target in settings.targets(probe_arguments(words))] == [
        ("a", 587),
        ("b", 25),
        ("c", 587),
        ("demo", 587),
    ]
    chosen = settings.targets(probe_arguments(["a", "--protocol", "submission", "--tls", "implicit"]))
    assert chosen == (Target("a", 465, Protocol.SUBMISSION, Tls.IMPLICIT),)


def test_a_domain_is_asked_for() -> None:
    """By --mx, or by a mail address."""
    words = (["example.com", "--mx"], ["postmaster@example.com"])
    assert [settings.targets(probe_arguments(list(one))) for one in words] == [
        (Target("example.com", kind=Kind.DOMAIN),)
    ] * 2


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("127.0.0.1", ("127.0.0.1", 53)),
        ("127.0.0.1:5353", ("127.0.0.1", 5353)),
        ("::1", ("::1", 53)),
        ("[::1]", ("::1", 53)),
        ("[::1]:5353", ("::1", 5353)),
    ],
)
def test_the_resolver_is_an_address(text: str, server: tuple[str, int]) -> None:
    """With a port or without."""
    assert settings.dns(probe_arguments(["a", "--resolver", text])) == DnsOptions((server,))
    assert settings.dns(probe_arguments(["a", "--resolver", text, "--trust-ad"])) == DnsOptions(
        (server,), trust_ad=True
    )
    assert settings.dns(probe_arguments(["a", "--trust-ad"])) == DnsOptions(trust_ad=True)


@pytest.mark.parametrize(
    "text", ["", "dns.example", "127.0.0.1:0", "smtp://127.0.0.1", "a@127.0.0.1", "\x1b[31m", "1.2.3"]
)
def test_no_resolver(text: str) -> None:
    """A name would have to be looked up first; the sentence says what to type, harmlessly."""
    with pytest.raises(ValueError, match=r"^--resolver [^\x1b]+\.") as refused:
        settings.dns(probe_arguments(["a", "--resolver", text]))
    assert "\x1b" not in str(refused.value)


def test_trust_and_pool_are_read_and_added() -> None:
    """--ca-file adds to --trust; both may be repeated, and so may --intermediates."""
    made = options("--ca-file", str(GOOD), "--ca-file", str(GOOD), "--intermediates", str(POOL))
    assert [store.count for store in made.anchors.stores] == [1, 1]
    assert len(made.pool.certificates) == 1
    assert options().anchors.stores == ()


@pytest.mark.parametrize("option", ["--ca-file", "--trust", "--intermediates"])
def test_files_that_hold_no_certificate_are_refused(option: str, tmp_path: Path) -> None:
    """Before anybody waits for a probe."""
    with pytest.raises(ValueError, match="nothing"):
        options(option, str(tmp_path / "nothing"))


@pytest.mark.parametrize(
    ("words", "sni"),
    [
        ((), AUTO),
        (("--name", "mx.example.org"), "mx.example.org"),
        (("--name", "192.0.2.25"), None),
        (("--sni", "Other.example"), "other.example"),
        (("--name", "mx.example.org", "--sni", "other.example"), "other.example"),
        (("--name", "mx.example.org", "--no-sni"), None),
    ],
)
def test_the_server_name_to_ask_for(words: tuple[str, ...], sni: object) -> None:
    """--sni, else --name, else the host; an address is never sent (RFC 6066 §3)."""
    assert sni == network(*words).sni


@pytest.mark.parametrize(
    ("name", "ehlo"),
    [("mail.example.org", "mail.example.org"), ("192.0.2.1", "[192.0.2.1]"), ("[2001:db8::1]", "[IPv6:2001:db8::1]")],
)
def test_the_name_to_greet_with(name: str, ehlo: str) -> None:
    """A domain or an address literal (RFC 5321 §4.1.3)."""
    assert ehlo == network("--ehlo", name).ehlo


def test_the_rest_of_the_connection() -> None:
    """Family, source and time-outs."""
    made = network("-6", "--source", "::1", "--timeout", "5", "--greeting-timeout", "2.5")
    assert (made.family, made.source, made.timeout, made.greeting_timeout) == (6, "::1", 5.0, 2.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-23", datetime(2026, 11, 23, tzinfo=UTC)),
        ("2026-11-23T14:30", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-11-23T14:30:00Z", datetime(2026, 11, 23, 14, 30, tzinfo=UTC)),
        ("2026-11-23T14:30+02:00", datetime(2026, 11, 23, 12, 30, tzinfo=UTC)),
    ],
)
def test_the_moment_of_judgement(text: str, expected: datetime) -> None:
    """ISO 8601; without a zone it is UTC."""
    assert expected == options("--at", text).at


def test_the_rest_of_the_judgement() -> None:
    """Each word reaches its place."""
    made = options(
        "--name", "Mx.Example.org.", "--mta", "Postfix", "--ignore", "misordered", "--ignore", "root-included",
        "--no-fetch", "--allow-private", "--warn-days", "30", "--fail-on", "error",
    )  # fmt: skip
    assert (made.name, made.mta, made.warn_days) == ("mx.example.org", "postfix", 30)
    assert made.ignore == frozenset({"misordered", "root-included"})
    assert (made.fetch, made.allow_private) == (False, True)
    assert made.fail_on is Severity.ERROR


def test_what_changes_what_is_seen_or_judged_is_repeated() -> None:
    """And nothing else; nothing at all where nothing was said."""
    words = (
        "--name mx.example --sni a.example --tls implicit --mta exim --at 2026-11-23 --warn-days 5 "
        f"--ca-file {GOOD} --ignore eku --no-fetch --allow-private -6"
    ).split()
    run = probe_arguments(["mx", *words, "--verbose", "--timeout", "3", "--force"])
    assert settings.repeated(run) == tuple(words)
    assert settings.repeated(probe_arguments(["mx", "--trust", "none", "--no-sni"])) == ("--trust", "none", "--no-sni")
    resolver = ("--resolver", "192.0.2.53", "--trust-ad")
    assert settings.repeated(probe_arguments(["mx", *resolver])) == resolver
    assert settings.repeated(probe_arguments(["mx"])) == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--mta", "domino"), "Use --mta generic."),
        (("--trust", "mozila"), "Write mozilla, system or none"),
        (("--at", "tomorrow"), "--at tomorrow is no time. Write 2026-11-23"),
        (("--at", "0001-01-01T00:00+23:00"), "is no time"),
        (("--ignore", "misorder"), "--ignore misorder: there is no such finding. Did you mean one of misordered, "),
        (("--mta", "lotus"), "we have no recipe for it, but for "),
        (("--name", ""), "--name : The name is empty"),
        (("--name", "\x1b[2J"), r"\x1b[2J"),
        (("--sni", "a b"), "--sni a b: "),
        (("--sni", "a", "--no-sni"), "contradict each other"),
        (("--ehlo", "a\r\nMAIL FROM:<>"), r"--ehlo a\r\nMAIL FROM:<>: "),
        (("--source", "eth0"), "--source wants an address of this computer, not eth0"),
        (("--source", "::1", "-4"), "--source ::1 is IPv6, and -4 wants IPv4"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    """It names the word and what to write instead."""
    with pytest.raises(ValueError, match=r".") as refused:
        options(*words)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Name a mail server to look at"),
        (("mx", "--port", "0"), "a port is a number from 1 to 65535, not '0'"),
        (("mx", "--port", "٢٥"), "a port is a number"),
        (("mx", "--timeout", "0"), "give seconds, above 0 and up to 3600, not '0'"),
        (("mx", "--timeout", "nan"), "give seconds"),
        (("mx", "--timeout", "soon"), "give seconds"),
        (("mx", "--warn-days", "-1"), "--warn-days"),
        (("mx", "--warn-days", "1.5"), "give a whole number of days"),
        (("mx", "--tls", "maybe"), "invalid choice"),
        (("mx", "-4", "-6"), "not allowed with"),
        (("mx", "--js"), "Unrecognized arguments: --js"),
        (("mx", "--from", "seen.json"), "give hosts or --from, not both"),
        (("mx", "mx2", "--write-chain", "x"), "writes the chain of one host"),
        (("--verbose", "explain", "expired"), "explain is a verb and stands first"),
        (("--json", "file"), "file is a verb and stands first"),
    ],
)
def test_a_wrong_command_line_is_refused_with_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    """The words of argparse, or ours where they say more."""
    with pytest.raises(UsageError) as refused:
        probe_arguments(words)
    assert sentence in str(refused.value)


def test_behind_two_dashes_everything_is_a_host() -> None:
    """The names of verbs, and what looks like an option."""
    assert probe_arguments(["--json", "a", "--", "explain", "--json"]).hosts == ["a", "explain", "--json"]
