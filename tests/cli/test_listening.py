"""``smtp-chaincheck listen``: real TLS clients send to it on loopback, and each gets its report."""

from __future__ import annotations

import json
import platform
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from OpenSSL import SSL

from probe.catalogue import routes
from probe.catalogue.recipes import ids
from probe.cli import main
from probe.demo import keys
from probe.demo.cast import cast
from probe.wire.sink import REFUSAL

PATIENCE = 20


@contextmanager
def listener(*words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program itself, listening on a free port, and that port."""
    command = [sys.executable, "-m", "probe", "listen", "127.0.0.1:0".replace(":0", f":{_free()}"), *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            assert process.stderr
            first = process.stderr.readline()
            found = re.search(r"port (\d+)", first)
            assert found, first
            yield process, int(found[1])
        finally:
            process.kill()


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def heard(calling: Callable[[int], str], *words: str) -> tuple[int, str]:
    """Let somebody call the program, which listens in this very process: its exit code, and what the caller has got."""
    port = _free()
    with ThreadPoolExecutor(1) as other:
        caller = other.submit(calling, port)
        return main(["listen", f"127.0.0.1:{port}", *words]), caller.result()


def reached(port: int) -> socket.socket:
    """Connect as soon as somebody listens."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            assert time.monotonic() < ends
            time.sleep(0.005)


def send(context: SSL.Context, port: int) -> str:
    """Be a sending mail server up to MAIL; gives the reply to it, "" where TLS fails."""
    with reached(port) as plain:
        plain.settimeout(PATIENCE)
        stream = plain.makefile("rb")
        stream.readline()
        for command in (b"EHLO sender.example\r\n", b"STARTTLS\r\n"):
            plain.sendall(command)
            while stream.readline()[3:4] == b"-":
                pass
        plain.settimeout(None)
        tls = SSL.Connection(context, plain)
        tls.set_connect_state()
        try:
            tls.do_handshake()
            replies = []
            for command in (b"EHLO sender.example\r\n", b"MAIL FROM:<>\r\n", b"QUIT\r\n"):
                tls.sendall(command)
                replies.append(tls.recv(4096).decode())
            tls.shutdown()
        except SSL.Error:
            return ""
        return replies[1]


def client(tmp_path: Path, chain: str, version: int) -> SSL.Context:
    """A client that presents these of the actors: "L" leaf, "B" intermediate, "" nothing."""
    actors = cast(datetime.now(UTC).replace(microsecond=0))
    (tmp_path / "roots.pem").write_text(actors.root.pem, encoding="ascii")
    context = SSL.Context(SSL.TLS_METHOD)
    context.set_max_proto_version(version)
    if chain:
        own = actors.leaf(eku=("serverAuth", "clientAuth"))
        certificates = {"L": own, "B": actors.r3, "R": actors.root}
        file, key = tmp_path / "chain.pem", tmp_path / "key.pem"
        file.write_text("".join(certificates[letter].pem for letter in chain), encoding="ascii")
        key.write_text(keys.pem("leaf"), encoding="ascii")
        context.use_certificate_chain_file(str(file))
        context.use_privatekey_file(str(key))
    return context


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
@pytest.mark.parametrize(
    ("chain", "expected"),
    [
        ("LB", []),
        ("LBR", ["root-included"]),
        ("L", ["missing-intermediate"]),
        ("LRB", ["misordered", "root-included"]),
        ("", ["no-client-cert"]),
    ],
)
def test_what_a_client_presents_is_judged(
    tmp_path: Path, chain: str, expected: list[str], version: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list is seen as sent, mail is put off, and one document is written."""
    sending = partial(send, client(tmp_path, chain, version))
    code, reply = heard(sending, "--once", "--json", "--no-fetch", "--trust", str(tmp_path / "roots.pem"))
    document = json.loads(capsys.readouterr().out)
    endpoint = document["endpoints"][0]
    assert reply.startswith("450 4.7.0 ")
    assert [finding["id"] for finding in endpoint["findings"]] == expected
    assert (len(endpoint["presented"]), endpoint["stage"], endpoint["client_cert_requested"]) == (
        len(chain), "done", True,
    )  # fmt: skip
    assert (document["target"]["kind"], document["target"]["name"]) == ("listen", "sender.example")
    assert code == int(expected not in ([], ["root-included"], ["no-client-cert"]))


@pytest.mark.parametrize("version", [SSL.TLS1_2_VERSION, SSL.TLS1_3_VERSION])
def test_a_client_that_refuses_us_is_told_apart(
    tmp_path: Path, version: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says that our certificate is the reason, and accuses the client's of nothing."""
    context = client(tmp_path, "LB", version)
    context.set_verify(SSL.VERIFY_PEER, lambda *_: False)
    assert heard(partial(send, context), "--once", "--json", "--no-fetch", "--trust", "none")[1] == ""
    findings = json.loads(capsys.readouterr().out)["endpoints"][0]["findings"]
    assert next(finding["id"] for finding in findings if finding["severity"] != "info") == "refused-us"


def test_a_caller_without_tls_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A person with telnet, or a scan: no certificate, no accusation, exit code 0."""
    calling = partial(call, said=b"EHLO \x1b[31mx\r\nMAIL FROM:<a@b>\r\nQUIT\r\n")
    assert heard(calling, "--once", "--no-fetch", "--trust", "none", "--no-color")[0] == 0
    out = capsys.readouterr().out
    assert "[client-without-tls]" in out
    assert "\x1b" not in out


def test_every_route_is_for_a_mail_server_that_has_a_recipe() -> None:
    """The steps are filled, and commands keep host and port."""
    assert set(routes.ids()) <= {*ids(), "opensmtpd"}
    for software in routes.ids():
        steps = routes.steps(software, "127.0.0.1", 2525)
        assert any("2525" in step for step in steps), software
        assert not any(re.search(r"\{[a-z]+\}", step) for step in steps), software
    assert routes.steps("nobody", "h", 1) == ()


@pytest.mark.parametrize(
    ("software", "written"),
    [
        ("postfix", "smtp:[::1]:2525"),
        ("exim", '"</ [::1]:2525"'),
        ("sendmail", "relay:[IPv6:::1]"),
        ("qmail", "IPv4 alone"),
        ("opensmtpd", "smtp+tls://[::1]:2525 "),
    ],
)
def test_an_address_of_ipv6_is_written_as_each_reads_it(software: str, written: str) -> None:
    """In brackets, with its tag, or not at all."""
    assert written in "\n".join(routes.steps(software, "::1", 2525))


def test_a_router_is_a_block_to_paste(capsys: pytest.CaptureFixture[str]) -> None:
    """Its lines keep their indentation, and stand apart from the sentences."""
    heard(call, "--once", "--no-fetch", "--trust", "none", "--mta", "exim")
    err = capsys.readouterr().err
    assert "\n    chaincheck:\n      driver = manualroute\n      domains = chaincheck.invalid\n" in err


@pytest.mark.parametrize(
    "words",
    [
        ("--count", "0"),
        ("256.1.1.1:25",),
        ("imap://127.0.0.1:2525",),
        ("smtps://127.0.0.1",),
        ("--key", "x"),
        ("--write-chain", "x"),
    ],
)
def test_what_cannot_be_is_said_before_we_listen(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is 2."""
    assert main(["listen", *words]) == 2
    assert capsys.readouterr().err


def call(port: int, said: bytes = b"EHLO x\r\nQUIT\r\n") -> str:
    """Say who we are and go; gives what we are told."""
    with reached(port) as plain:
        plain.settimeout(PATIENCE)
        plain.sendall(said)
        with plain.makefile("rb") as stream:
            return stream.read().decode()


@pytest.mark.parametrize(("words", "number"), [((), signal.SIGINT), (("--json",), signal.SIGTERM)])
def test_nobody_called(words: tuple[str, ...], number: signal.Signals) -> None:
    """Ctrl-C, or systemd's end, before any session: exit code 3, and with --json a document all the same."""
    with listener(*words) as (process, _):
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    assert "Nobody called." in (json.loads(out)["error"] if words else err)


def test_the_end_from_outside_is_summed_up() -> None:
    """SIGTERM after a session: how many there were, the worst of their exit codes, and no traceback."""
    with listener("--no-fetch", "--trust", "none") as (process, port):
        call(port)
        assert process.stdout
        first = process.stdout.readline()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as silent:
            silent.recv(3)
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=PATIENCE)
    assert first
    assert (process.returncode, "Stopped. 1 session seen." in err, "Traceback" in err) == (0, True, False), err


@pytest.mark.parametrize("words", [(), ("--json",)])
def test_a_reader_that_has_gone_ends_it(words: tuple[str, ...]) -> None:
    """As every program in a pipe ends, and not as a bug."""
    with listener("--no-fetch", *words) as (process, port):
        assert process.stdout
        process.stdout.close()
        call(port)
        assert process.wait(PATIENCE) == 141


def test_nobody_meets_its_own_name() -> None:
    """Postfix and Sendmail on this very host would see a loop in it, and go before TLS."""
    _, said = heard(call, "--once", "--no-fetch", "--name", "mx.example.org")
    assert platform.node() not in said
    assert "mx.example.org" not in said
    assert said.startswith("220 listen.chaincheck.invalid ")


@pytest.mark.parametrize(
    ("words", "named"), [(["--cert", "/"], "--cert / "), (["--key", "k.pem"], "--key is the key of --cert")]
)
def test_our_own_certificate_is_named_as_it_was_given(
    words: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sentence about an option that nobody typed helps nobody."""
    assert main(["listen", *words]) == 2
    assert named in capsys.readouterr().err


def test_the_first_line_says_that_nothing_was_presented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person reads the answer to the question that was asked, and not that there is nothing to report."""
    sending = partial(send, client(tmp_path, "", SSL.TLS1_3_VERSION))
    heard(sending, "--once", "--no-fetch", "--trust", "none", "--no-color")
    assert "presents no certificate" in capsys.readouterr().out.partition("\n\n")[0]


def test_our_own_refusal_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever finds it in a log learns what it is, and how to end it; ``explain listen`` is that page."""
    for words in ([REFUSAL], ["listen"]):
        assert main(["explain", *words]) == 0
        assert "on purpose" in capsys.readouterr().out
