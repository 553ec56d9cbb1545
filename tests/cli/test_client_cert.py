"""``--client-cert``: a server looked at without a certificate of ours and with it, by real TLS on loopback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from OpenSSL import SSL

from probe.cli import main
from probe.demo import keys
from probe.demo import manners as m
from probe.demo.cases import case_of
from probe.demo.cast import cast
from probe.demo.manners import Tune
from probe.demo.server import Stand, serving


def refuse(context: SSL.Context) -> None:
    """Ask for a certificate, welcome a client that has none, and turn away whoever presents one."""
    context.set_verify(SSL.VERIFY_PEER, lambda *_: False)


def refuse_tls12(context: SSL.Context) -> None:
    """Do so within the handshake."""
    refuse(context)
    m.tls12(context)


def refuse_all(context: SSL.Context) -> None:
    """Demand a certificate, and turn away whoever presents one."""
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: False)


@contextmanager
def server(tune: Tune | None) -> Iterator[Stand]:
    """A server with a good chain, and its TLS set up so."""
    with serving(replace(case_of("good"), tune=tune), datetime.now(UTC)) as stand:
        stand.file.with_name("roots.pem").write_text("".join(root.pem for root in stand.act.anchors), encoding="ascii")
        yield stand


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    """Key, leaf and intermediate in one file, as qmail's clientcert.pem has them."""
    actors = cast(datetime.now(UTC).replace(microsecond=0))
    own = actors.leaf(eku=("serverAuth", "clientAuth"))
    file = tmp_path / "clientcert.pem"
    file.write_text(keys.pem("leaf") + own.pem + actors.r3.pem, encoding="ascii")
    return file


def words(stand: Stand, file: Path, *more: str) -> list[str]:
    """The command line of a probe that trusts the stand's own root."""
    roots = str(stand.file.with_name("roots.pem"))
    place = [f"{stand.host}:{stand.port}", "--name", stand.name, "--no-fetch", "--trust", roots]
    return [*place, "--client-cert", str(file), *more]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("tune", "case", "code"),
    [
        (None, "unasked", 0),
        (m.ask, "taken", 0),
        (m.demand, "needed", 0),
        (m.demand_tls12, "needed", 0),
        (refuse, None, 1),
        (refuse_tls12, None, 1),
    ],
)
def test_what_the_certificate_changes_is_said(
    tune: Tune | None, case: str | None, code: int, identity: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The outcome with it is set beside the outcome without, and the list that we presented is judged as a client's."""
    with server(tune) as stand:
        assert main(words(stand, identity, "--json")) == code
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    expected = "client-cert-tried" if case else "client-cert-refused"
    assert (finding["id"], finding["facts"].get("case")) == (expected, case)
    without, presenting, own = report["endpoints"]
    assert without["client_cert"] == []
    assert presenting["client_cert"] == [one["sha256"] for one in own["presented"]] != []
    assert (own["host"], own["tls"], [f["id"] for f in own["findings"]]) == (None, "none", [])
    if case is None:
        assert (without["stage"], presenting["failure"]["symptoms"][0][:6]) == ("done", "alert:")


def test_a_server_that_demands_a_certificate_and_refuses_ours(
    identity: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both looks end, by alerts that differ: so the certificate does decide."""
    with server(refuse_all) as stand:
        assert main(words(stand, identity, "--json")) == 1
    report = json.loads(capsys.readouterr().out)
    (finding,) = report["findings"]
    assert (finding["id"], finding["facts"]["case"], finding["confidence"]) == (
        "client-cert-refused", "demanded", "very likely",
    )  # fmt: skip
    assert report["endpoints"][0]["failure"]["symptoms"][0] == "alert:116"


def test_printed_commands_of_file_have_its_own_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What looks at our own list knows neither --client-cert nor --client-key."""
    actors = cast(datetime.now(UTC).replace(microsecond=0))
    file, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    file.write_text(actors.mx.pem, encoding="ascii")
    key.write_text(keys.pem("leaf"), encoding="ascii")
    with server(m.ask) as stand:
        assert main(words(stand, file, "--client-key", str(key), "--json")) == 1
    own = json.loads(capsys.readouterr().out)["endpoints"][2]
    commands = [
        line for finding in own["findings"] for line in finding["fix"] if line.startswith("$ smtp-chaincheck f")
    ]
    assert commands
    assert not any("--client" in line for line in commands)
    assert all(f"--key {key}" in line for line in commands)
    assert all(line.count("--layout") <= 1 for line in commands)


def test_the_two_looks_stand_side_by_side(identity: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees both columns, the finding, and what the file holds."""
    with server(refuse) as stand:
        assert main(words(stand, identity)) == 1
    shown = capsys.readouterr().out
    assert "without " in shown
    assert "asked for it  yes " in shown
    assert "[client-cert-refused]" in shown
    assert "Example R3" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_what_we_present_is_judged_for_a_client(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list without its intermediate, and for servers alone, is found out before any server complains."""
    actors = cast(datetime.now(UTC).replace(microsecond=0))
    file = tmp_path / "cert.pem"
    file.write_text(actors.leaf(eku=("serverAuth",)).pem, encoding="ascii")
    key = tmp_path / "key.pem"
    key.write_text(keys.pem("leaf"), encoding="ascii")
    with server(m.ask) as stand:
        assert main(words(stand, file, "--client-key", str(key), "--json")) == 1
    own = json.loads(capsys.readouterr().out)["endpoints"][2]
    assert [f["id"] for f in own["findings"]] == ["missing-intermediate", "client-eku"]


def test_the_key_is_nowhere_in_what_is_written(identity: Path, tmp_path: Path) -> None:
    """Neither the report nor the saved observation holds a line of it, and both looks can be judged again."""
    saved = tmp_path / "saved.json"
    with server(m.ask) as stand:
        assert main(words(stand, identity, "--save", str(saved), "--quiet")) == 0
    text = saved.read_text(encoding="utf-8")
    (survey,) = json.loads(text)["surveys"]
    assert len(survey["observations"]) == 3
    assert not any(line in text for line in keys.pem("leaf").splitlines()[1:-1])


@pytest.mark.parametrize(
    ("content", "key", "sentence"),
    [
        (None, None, "cannot be read"),
        ("nothing", None, "there is no certificate in it"),
        ("cert", None, "Name the key's file by --client-key"),
        ("cert", "leaf-2", "the key does not belong to the first certificate"),
        ("cert", "none", "there is no private key in PEM"),
    ],
)
def test_a_file_that_cannot_be_presented_is_said_before_anybody_connects(
    content: str | None, key: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2."""
    file, keyfile = tmp_path / "client.pem", tmp_path / "key.pem"
    if content:
        own = cast(datetime.now(UTC).replace(microsecond=0)).mx.pem
        file.write_text(own if content == "cert" else content, encoding="ascii")
    if key:
        keyfile.write_text("" if key == "none" else keys.pem(key), encoding="ascii")
    more = ["--client-key", str(keyfile)] if key else []
    assert main(["127.0.0.1:9", "--client-cert", str(file), *more]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("tune", "verdict"),
    [
        (m.demand, "— the chain is right"),
        (refuse, "— the server refuses the certificate that we present as a client"),
        (
            refuse_all,
            "— very likely: the server refuses the certificate that we present as a client (+ 1 more finding)",
        ),
    ],
)
def test_the_first_line_is_about_our_certificate(
    tune: Tune, verdict: str, identity: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A demand that ours meets is a note; a refusal is told once; each finding that is counted is shown."""
    with server(tune) as stand:
        main(words(stand, identity))
    first, _, rest = capsys.readouterr().out.partition("\n\n")
    assert verdict in " ".join(first.split())
    told = rest.count("error: ") + rest.count("error (very likely): ")
    assert told == ("refuses" in verdict) + ("+ 1" in verdict)
