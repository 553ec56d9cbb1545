"""The servers: a plain client reaches every case and is given what the case says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path

import forge
import pytest
from demo.client import PATIENCE, SILENCE, Client
from forge import NOW
from OpenSSL import SSL

from probe.demo import line as line_module
from probe.demo import server
from probe.demo.cases import CASES, CONVERSATION, DEFAULT, HANDSHAKE, NOBODY, Case, case_of
from probe.demo.line import Line
from probe.demo.manners import COMMANDS, FLOOD, Shop, silence
from probe.demo.server import Stand, serve_forever, serving
from probe.rules import RULES, TLSA_RULES, dane, domain, file, listen, policy
from probe.rules.ids import ACROSS, IDS

Serve = Callable[[Case], Stand]
Connect = Callable[[Case], Client]

CHAINS = [case for case in CASES if case not in (*CONVERSATION, *HANDSHAKE, NOBODY)]
BY_HAND = [case for case in CHAINS if case.moves]
"""Chain cases that no TLS library would play."""


@pytest.mark.unmeasured
@pytest.mark.parametrize("case", [case for case in CHAINS if not case.moves], ids=lambda case: case.id)
def test_a_chain_is_presented_as_the_case_says(case: Case, connect: Connect) -> None:
    """The list arrives byte for byte, in its order, and SMTP goes on inside TLS."""
    client = connect(case)
    client.start_tls()
    assert client.presented() == [certificate.der for certificate in case.scene.act(forge.CAST).sent]
    assert "STARTTLS" not in client.ask("EHLO client.example.test")
    assert client.ask("QUIT").startswith("221 ")


@pytest.mark.parametrize("case", BY_HAND, ids=lambda case: case.id)
def test_a_list_that_no_library_sends_is_sent_by_hand(case: Case, serve: Serve) -> None:
    """Our own TLS refuses it, and yet these very bytes were on the wire."""
    stand = serve(case)
    with Client(stand) as client:
        with pytest.raises(SSL.Error):
            client.start_tls()
        assert listed(client.raw) == [certificate.der for certificate in stand.act.sent]


def test_every_case_is_named_once_and_names_findings_that_exist() -> None:
    """Ids are unique, the default is among them, and what no list mends says what does."""
    assert len({case.id for case in CASES}) == len(CASES)
    assert case_of(DEFAULT).mends
    for case in CASES:
        assert set(case.findings) <= IDS
        assert case.story.endswith(".")
    assert {case.id for case in CASES if not case.findings and case.cure} == set()
    with pytest.raises(KeyError):
        case_of("no-such-case")


def test_every_finding_that_a_server_can_show_is_shown() -> None:
    """What is left needs a name server, a network without route or answer, an address of a CA, or is a client's."""
    unseen = {
        "client-eku",
        "served-differs",
        *ACROSS,
        *domain.IDS,
        *policy.IDS,
        *(rule.id for rule in (*RULES, *TLSA_RULES) if rule.look.__module__ == dane.__name__),
        *(rule.id for rule in (*file.RULES, *listen.RULES) if rule.id != "key-mismatch"),
        "dns-failed",
        "no-mx",
        "null-mx",
        "unreachable",
        "timeout-connect",
        "aia-problem",
    }
    assert {finding for case in CASES for finding in case.findings} == IDS - unseen


ANSWERS = [
    ("no-starttls", "EHLO", "250-mx.example.test\r\n250 SIZE 10240000\r\n"),
    ("starttls-refused", "STARTTLS", "454 4.7.0 TLS not available due to local problem\r\n"),
    ("ehlo-refused", "EHLO", "550 5.7.1 I do not like your name\r\n"),
    ("ehlo-refused", "HELO", "550 5.7.1 Nor this one\r\n"),
    ("closed", "EHLO", ""),
    ("good", "ehlo", "250-mx.example.test\r\n250-SIZE 10240000\r\n250 STARTTLS\r\n"),
    ("good", "HELO", "250 mx.example.test\r\n"),
    ("good", "NOOP", "250 2.0.0 OK\r\n"),
    ("good", "VRFY", "502 5.5.1 Command not implemented\r\n"),
    ("good", "QUIT", "221 2.0.0 Bye\r\n"),
]


@pytest.mark.parametrize(("case_id", "command", "answer"), ANSWERS)
def test_a_command_is_answered_as_the_case_says(case_id: str, command: str, answer: str, connect: Connect) -> None:
    """Behind a good greeting."""
    client = connect(case_of(case_id))
    assert client.read() == "220 mx.example.test ESMTP demo\r\n"
    assert client.say(f"{command} client.example.test") == answer


GREETINGS = [
    ("banner-refused", "554 5.7.1 You are not welcome here\r\n"),
    ("not-smtp", "SSH-2.0-OpenSSH_9.2p1\r\n"),
    ("closed-at-once", ""),
]


@pytest.mark.parametrize(("case_id", "greeting"), GREETINGS)
def test_a_greeting_is_as_the_case_says(case_id: str, greeting: str, connect: Connect) -> None:
    """Or does not come."""
    assert connect(case_of(case_id)).read() == greeting


@pytest.mark.parametrize("case_id", ["timeout-banner", "implicit-tls", "timeout-ehlo", "timeout-starttls"])
def test_a_silent_server_is_silent(case_id: str, connect: Connect) -> None:
    """From the beginning, or from the command on that its case names."""
    client = connect(case_of(case_id))
    if case_id in {"timeout-ehlo", "timeout-starttls"}:
        client.read()
        client.sock.sendall(f"{case_id.removeprefix('timeout-').upper()}\r\n".encode())
    assert client.silent()


BROKEN = [
    ("not-tls", SSL.Error),
    ("closed-behind-220", ConnectionError),
    ("timeout-handshake", TimeoutError),
    ("timeout-behind-certificate", TimeoutError),
    ("key-mismatch", SSL.Error),
    ("handshake-refused", SSL.Error),
    ("handshake-failed", SSL.Error),
    ("tls-alert-unexpected-message", SSL.Error),
    ("weak-dh", SSL.Error),
    ("client-cert-required-tls12", SSL.Error),
]


@pytest.mark.parametrize(("case_id", "trouble"), BROKEN)
def test_a_handshake_breaks_as_the_case_says(case_id: str, trouble: type[Exception], connect: Connect) -> None:
    """With an error of TLS, a closed connection, or silence."""
    client = connect(case_of(case_id))
    with pytest.raises(trouble):
        client.start_tls(SILENCE if trouble is TimeoutError else PATIENCE)


def test_alert_10_is_the_answer_to_our_finished(connect: Connect) -> None:
    """The client hears it as the story's qmail-remote did: reason 1010 = 1000 + alert 10."""
    client = connect(case_of("tls-alert-unexpected-message"))
    with pytest.raises(SSL.Error) as told:
        client.start_tls()
    assert "alert unexpected message" in str(told.value)
    assert client.raw.endswith(bytes.fromhex("1503030002020a"))
    assert len(client.presented()) == 2


def test_certificates_come_before_the_silence(connect: Connect) -> None:
    """A handshake that stops behind Certificate has shown the list."""
    client = connect(case_of("timeout-behind-certificate"))
    with pytest.raises(TimeoutError):
        client.start_tls(SILENCE)
    assert len(listed(client.raw)) == 2


def test_a_line_does_not_end(connect: Connect) -> None:
    """Ten megabytes come without a line feed, and then the end."""
    client = connect(case_of("oversize-reply"))
    client.read()
    client.sock.sendall(b"EHLO client.example.test\r\n")
    flood = b"".join(iter(lambda: client.sock.recv(1 << 20), b""))
    assert flood == b"250-" + b"A" * FLOOD


def test_commands_may_come_in_one_packet_and_hellos_in_two(connect: Connect) -> None:
    """TCP keeps no boundaries."""
    client = connect(case_of("handshake-refused"))
    client.read()
    client.sock.sendall(b"NOOP\r\nSTARTTLS\r\n")
    answers = client.read()
    while answers.count("\n") < 2:
        answers += client.read()
    assert [line[:3] for line in answers.splitlines()] == ["250", "220"]
    for part in (b"\x16\x03", b"\x01\x00\x02ab"):
        client.sock.sendall(part)
    assert client.read().encode("latin-1") == bytes.fromhex("15030300020228")


def test_a_reply_too_many_stands_behind_the_220(connect: Connect) -> None:
    """In the same packet, before TLS; TLS itself is good."""
    client = connect(case_of("starttls-injection"))
    client.read()
    client.say("EHLO client.example.test")
    answer = client.say("STARTTLS")
    assert answer.splitlines()[1] == "250 2.0.0 This line came before TLS began"
    assert client.shake().get_protocol_version_name() == "TLSv1.3"
    assert client.ask("NOOP") == "250 2.0.0 OK\r\n"


def test_implicit_tls_greets_inside(connect: Connect) -> None:
    """TLS comes first, then the greeting."""
    client = connect(case_of("implicit-tls"))
    tls = client.shake()
    assert client.carry(lambda: tls.recv(1000)) == b"220 mx.example.test ESMTP demo\r\n"


def test_a_server_closes_behind_tls(connect: Connect) -> None:
    """The handshake is good and nothing follows."""
    client = connect(case_of("closed-behind-tls"))
    client.start_tls()
    with pytest.raises((ConnectionError, SSL.Error)):
        client.ask("EHLO client.example.test")


def test_old_tls_is_spoken(connect: Connect) -> None:
    """Who insists on nothing newer may have TLS 1.0."""
    assert connect(case_of("old-tls")).start_tls().get_protocol_version_name() == "TLSv1"


def test_a_certificate_is_asked_for_and_not_needed(connect: Connect) -> None:
    """The conversation goes on without one."""
    client = connect(case_of("client-cert-requested"))
    client.start_tls()
    assert client.ask("NOOP") == "250 2.0.0 OK\r\n"


def test_in_tls13_the_refusal_comes_behind_the_handshake(connect: Connect) -> None:
    """Alert 116 (certificate_required) is what the first read brings."""
    client = connect(case_of("client-cert-required"))
    client.start_tls()
    with pytest.raises(SSL.Error, match="certificate required"):
        client.ask("EHLO client.example.test")


def test_nobody_listens(serve: Serve) -> None:
    """The port is taken and closed, so that nobody else can answer on it."""
    stand = serve(NOBODY)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((stand.host, stand.port), timeout=1)


def test_a_mended_server_is_an_ordinary_one(serve: Serve) -> None:
    """A hand-made handshake gives way to a real one that serves the new list."""
    stand = serve(case_of("leaf-not-first"))
    right = stand.act.sent[::-1]
    stand.mend("\n".join(certificate.pem for certificate in right))
    with Client(stand) as client:
        client.start_tls()
        assert client.presented() == [certificate.der for certificate in right]


def test_a_client_may_ramble() -> None:
    """Too many commands, or a line without end, and the server leaves; others are served meanwhile."""
    with serving(case_of("good"), NOW) as stand:
        with Client(stand) as client:
            client.read()
            for _ in range(50):
                client.say("NOOP")
            assert client.read() == ""
        with Client(stand) as client:
            client.read()
            assert client.say("A" * 5000).startswith("502 ")


def test_who_says_nothing_still_listens_only_so_long() -> None:
    """A client that never stops talking is left in the end, by the silent and by the leaving."""
    here, there = socket.socketpair()
    with here, there:
        line, heard = Line(here), iter(range(1000))
        line.hear = lambda: b"x" * next(heard)  # type: ignore[method-assign]  # a client without end
        assert silence(line, Shop(case_of("good").scene.act(forge.CAST), Path())) is False
        assert next(heard) == COMMANDS


def test_the_last_words_are_waited_for_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing reads what is still coming, up to a bound."""
    monkeypatch.setattr(line_module, "CHUNKS", 1)
    here, there = socket.socketpair()
    with here, there:
        there.sendall(b"x")
        Line(here).close()
        assert there.recv(1) == b""


def test_the_house_is_full_at_some_point(monkeypatch: pytest.MonkeyPatch) -> None:
    """One client more than there is room for is sent away; when another has gone there is room again."""
    monkeypatch.setattr(server, "SESSIONS", 1)
    with serving(case_of("good"), NOW) as stand:
        with Client(stand) as first:
            assert first.read().startswith("220 ")
            with Client(stand) as second:
                assert second.read() == ""
        threads = [thread for thread in threading.enumerate() if thread.name == "session"]
        for thread in threads:
            thread.join(5)
        with Client(stand) as third:
            assert third.read().startswith("220 ")


def test_nothing_is_left_behind() -> None:
    """Threads, port and file are gone with the server, though a client still hangs on it."""
    before = threading.active_count()
    with serving(case_of("timeout-banner"), NOW) as stand:
        client = Client(stand)
        assert client.silent()
        assert stand.file.exists()
    assert threading.active_count() == before
    assert not stand.file.exists()
    assert client.read() == ""
    client.sock.close()
    with pytest.raises(ConnectionRefusedError):
        Client(stand)


def test_a_taken_port_is_an_oserror() -> None:
    """The command line says so; nothing else is left open."""
    with serving(case_of("good"), NOW) as stand, pytest.raises(OSError, match="in use"):
        serving(case_of("good"), NOW, port=stand.port).__enter__()


def test_ipv6_is_served_too() -> None:
    """Where the computer has it."""
    with serving(case_of("good"), NOW, host="::1") as stand, Client(stand) as client:
        assert client.read().startswith("220 ")


def test_a_server_runs_until_it_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--serve`` says where it is, and Ctrl-C ends it."""

    def interrupted(_: threading.Event, timeout: float | None = None) -> bool:
        if timeout is None and threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return True

    said: list[Stand] = []

    def ready(stand: Stand) -> None:
        said.append(stand)
        with Client(stand) as client:
            assert client.read().startswith("220 ")
        monkeypatch.setattr(threading.Event, "wait", interrupted)

    with pytest.raises(KeyboardInterrupt):
        serve_forever(case_of("good"), NOW, ready)
    assert [stand.case.id for stand in said] == ["good"]


def listed(raw: bytes) -> list[bytes]:
    """Read the list out of the Certificate message of a plain TLS 1.2 flight, one message a record."""
    while raw[5] != 11:
        raw = raw[5 + int.from_bytes(raw[3:5], "big") :]
    body, found = raw[12 : 12 + int.from_bytes(raw[9:12], "big")], []
    while body:
        size = int.from_bytes(body[:3], "big")
        found.append(body[3 : 3 + size])
        body = body[3 + size :]
    return found
