from __future__ import annotations

import re
import shlex
import signal
import socket
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

from probe.cli import main
from probe.demo.cases import Case
from probe.demo.server import Stand, serving


def test_a_served_case_is_announced_with_the_command_that_probes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is printed works as it stands: the same finding comes out; Ctrl-C ends the server."""
    commands: list[list[str]] = []

    def serve_a_while(case: Case, now: datetime, ready: Callable[[Stand], None], *, port: int) -> None:
        with serving(case, now, port=port) as stand:
            ready(stand)
            found = re.search(r"^ {4}smtp-chaincheck (.*)", capsys.readouterr().out, re.MULTILINE)
            assert found
            commands.append(shlex.split(found[1]))
            assert main([*commands[0], "--quiet"]) == 1
            raise KeyboardInterrupt

    monkeypatch.setattr("probe.demo.server.serve_forever", serve_a_while)
    assert main(["demo", "--serve", "missing-intermediate"]) == 0
    out = capsys.readouterr().out
    assert "— an intermediate certificate is missing" in out
    assert "The server has stopped." in out
    assert not any(Path(word).exists() for word in commands[0])


def test_a_served_case_without_anchors_names_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody knows an intermediate there is no file of them."""

    def serve_briefly(case: Case, now: datetime, ready: Callable[[Stand], None], *, port: int) -> None:
        with serving(case, now, port=port) as stand:
            ready(stand)

    monkeypatch.setattr("probe.demo.server.serve_forever", serve_briefly)
    assert main(["demo", "--serve", "good"]) == 0
    assert "--intermediates" not in capsys.readouterr().out


@pytest.mark.parametrize("ctrl_c", [signal.default_int_handler, signal.SIG_IGN])
def test_a_signal_ends_the_server_as_ctrl_c_does(
    ctrl_c: signal.Handlers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So that the folder with its files goes, also where a script's "&" made Ctrl-C ignored; then it is as before."""

    def serve_until_told(case: Case, now: datetime, ready: Callable[[Stand], None], *, port: int) -> None:
        with serving(case, now, port=port) as stand:
            ready(stand)
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr("probe.demo.server.serve_forever", serve_until_told)
    before, usual = signal.getsignal(signal.SIGTERM), signal.signal(signal.SIGINT, ctrl_c)
    try:
        assert main(["demo", "good", "--serve"]) == 0
    finally:
        signal.signal(signal.SIGINT, usual)
    assert signal.getsignal(signal.SIGTERM) is before
    assert "The server has stopped." in capsys.readouterr().out


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """And what to do then."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", "--serve", "good", "--port", str(port)]) == 2
    assert f"Port {port} cannot be had: Address already in use. Give another" in capsys.readouterr().err


def test_a_demo_that_does_not_find_what_it_promised_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a broken installation shows."""
    monkeypatch.setattr(Stand, "mend", lambda *_: None)
    assert main(["demo"]) == 1
