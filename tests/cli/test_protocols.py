"""Every protocol through the command line and real sockets, with STARTTLS and with TLS from the first byte."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fake_mta import Script, parse, scripts, serving

from probe.cli import main

SCRIPTS = {script.name: script for script in scripts()}


@contextmanager
def served(script: Script) -> Iterator[int]:
    """Serve a script from another thread, for as long as the block runs; gives the port."""
    known: list[int] = []
    ready, leave = threading.Event(), threading.Event()

    async def run() -> None:
        async with serving(script) as port:
            known.append(port)
            ready.set()
            await asyncio.to_thread(leave.wait, 30)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield known[0]
    finally:
        leave.set()
        thread.join(10)


def probed(script: Script, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Probe a scripted server: exit code, and the endpoint of the JSON document."""
    with served(script) as port:
        code = main([f"127.0.0.1:{port}", "--trust", "none", "--json", "--timeout", "8", *words])
    document = json.loads(capsys.readouterr().out)
    return code, document["endpoints"][0]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("name", "ours", "last"),
    [
        ("good-starttls", ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]", "QUIT"], "221 2.0.0 Bye"),
        ("lmtp-good-starttls", ["LHLO [127.0.0.1]", "STARTTLS", "LHLO [127.0.0.1]", "QUIT"], "221 Bye"),
        (
            "imap-good-starttls",
            ["a1 CAPABILITY", "a2 STARTTLS", "a3 CAPABILITY", "a4 LOGOUT"],
            "* BYE Logging out",
        ),
        ("imap-good-implicit", ["a3 CAPABILITY", "a4 LOGOUT"], "* BYE bye"),
        ("pop3-good-starttls", ["CAPA", "STLS", "CAPA", "QUIT"], "+OK Logging out"),
        ("pop3-good-implicit", ["CAPA", "QUIT"], "+OK"),
        ("sieve-good-starttls", ["STARTTLS", "LOGOUT"], 'OK "Logout completed."'),
        ("sieve-good-implicit", ["LOGOUT"], "OK"),
    ],
)
def test_a_good_server(name: str, ours: list[str], last: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What we say is what a mail program says, and all that we learn of SMTP we learn here as well."""
    script = SCRIPTS[name]
    _, endpoint = probed(script, capsys, "--protocol", script.protocol, "--tls", script.tls)
    assert (endpoint["protocol"], endpoint["tls"], endpoint["stage"]) == (script.protocol, script.tls, "done")
    assert len(endpoint["presented"]) == 2
    assert endpoint["client_cert_requested"] is False
    stages = {"greeting", "handshake"} | ({"starttls"} if script.tls == "starttls" else set())
    assert stages <= endpoint["timing_ms"].keys()
    said = [line["line"] for line in endpoint["transcript"] if line["from"] == "client" and line["line"][0] != "<"]
    heard = [line["line"] for line in endpoint["transcript"] if line["from"] == "server"]
    assert said == ours
    assert heard[-1] == last


@pytest.mark.parametrize("protocol", ["imap", "pop3", "sieve", "lmtp"])
def test_a_request_for_a_client_certificate_is_noted(protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Inside STARTTLS of any protocol."""
    script = SCRIPTS[f"{protocol}-good-starttls"]
    (steps,) = script.connections
    asking = parse("asks", "\n".join(["ends done", *(step.replace("tls 1.3", "tls asks") for step in steps)]))
    _, endpoint = probed(asking, capsys, "--protocol", protocol)
    assert (endpoint["stage"], endpoint["client_cert_requested"]) == ("done", True)
    assert "client-cert-requested" in {finding["id"] for finding in endpoint["findings"]}


@pytest.mark.parametrize("protocol", ["imap", "pop3", "sieve"])
def test_bytes_in_clear_behind_the_yes(protocol: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Injection is found in every protocol, and TLS goes on."""
    code, endpoint = probed(SCRIPTS[f"{protocol}-injected-after-ok"], capsys, "--protocol", protocol)
    assert (code, endpoint["stage"]) == (1, "done")
    assert "starttls-injection" in {finding["id"] for finding in endpoint["findings"]}


def test_tls_where_a_greeting_was_due(capsys: pytest.CaptureFixture[str]) -> None:
    """The probe asks once more, and tells that mail programs with STARTTLS wait in vain."""
    code, endpoint = probed(
        SCRIPTS["imap-tls-on-starttls-port"], capsys, "--protocol", "imap", "--greeting-timeout", "0.3"
    )
    assert (code, endpoint["stage"]) == (1, "done")
    (found,) = (finding for finding in endpoint["findings"] if finding["id"] == "implicit-tls")
    assert "right on port 993 and wrong on port 143, where clients wait" in found["summary"]


def test_a_pasted_url_is_repeated_by_our_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """The port alone would not tell that it is IMAP."""
    with served(SCRIPTS["imap-starttls-refused"]) as port:
        code = main([f"imap://127.0.0.1:{port}", "--trust", "none", "--json"])
    endpoint = json.loads(capsys.readouterr().out)["endpoints"][0]
    assert (code, endpoint["protocol"], endpoint["failure"]["symptoms"]) == (1, "imap", ["response:UNAVAILABLE"])
    assert [finding["id"] for finding in endpoint["findings"]] == ["starttls-refused"]


@pytest.mark.parametrize(
    ("script", "words", "protocol"),
    [
        ("imap-good-starttls", (), "imap"),
        ("pop3-good-starttls", (), "pop3"),
        ("sieve-good-starttls", (), "sieve"),
        ("good-starttls", ("--protocol", "imap"), "smtp"),
    ],
)
def test_another_protocol_on_an_odd_port_is_named(
    script: str, words: tuple[str, ...], protocol: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What answers is recognised by its greeting, and the command that is printed looks at it rightly."""
    _, wrong = probed(SCRIPTS[script], capsys, *words)
    (finding,) = wrong["findings"]
    assert (finding["id"], finding["facts"]["case"]) == ("not-smtp", "protocol")
    assert finding["fix"][1].split()[3:5] == ["--protocol", protocol]
    _, right = probed(SCRIPTS[script], capsys, "--protocol", protocol)
    assert right["stage"] == "done"
