"""Clients that verify: each calls all servers of a list and tells which it refuses, and why.

    java(folder, calls)       # Told("Java 17.0.15", {port: "" or why it refuses})

Those of Java, Go and Node lie beside this file as source; each is started once. The others are started once a server.
All call by STARTTLS, trust the file of that server alone, verify the name, and say EHLO once more inside TLS.
"""

from __future__ import annotations

import os
import platform
import re
import smtplib
import ssl
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from real.running import HOST, Unpacked

from probe.demo.cast import NAME

SOURCES = Path(__file__).with_name("sources")
RUN_SECONDS = 120
"""For all servers of a run; ten seconds suffice on an idle machine."""
CALL_SECONDS = 20
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Call:
    """A server, and whom to trust for it."""

    port: int
    anchors: Path
    """PEM."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a client made of all servers."""

    version: str
    refused: dict[int, str]
    """Port → why; "" where it delivers."""


Witness: TypeAlias = Callable[[Unpacked, Path, Sequence[Call]], Told]
"""Unpacked programs, a scratch folder, the servers."""


def java(_: Unpacked, __: Path, calls: Sequence[Call]) -> Told:
    """Run the source file: SSLSocket with the endpoint identification of HTTPS."""
    return _run(["java", str(SOURCES / "Witness.java")], calls)


def java_with_aia(_: Unpacked, __: Path, calls: Sequence[Call]) -> Told:
    """Run it with the switch by which Java fetches by AIA."""
    return _run(["java", "-Dcom.sun.security.enableAIAcaIssuers=true", str(SOURCES / "Witness.java")], calls)


def node(_: Unpacked, __: Path, calls: Sequence[Call]) -> Told:
    """Run it: tls.connect as it is."""
    return _run(["node", str(SOURCES / "witness.mjs")], calls)


def go(unpacked: Unpacked, folder: Path, calls: Sequence[Call]) -> Told:
    """Compile it, and run it: crypto/tls as it is. The compiler's cache lies beside the servers, and saves a minute."""
    tools = unpacked.folder / "go/go"
    environment = {
        "GOROOT": str(tools),
        "GOCACHE": str(unpacked.folder / "go-cache"),
        "GOPATH": str(folder / "go-path"),
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
        "PATH": os.environ["PATH"],
    }
    build = [str(tools / "bin/go"), "build", "-o", str(folder / "witness"), str(SOURCES / "witness.go")]
    done = subprocess.run(build, check=False, capture_output=True, text=True, timeout=RUN_SECONDS, env=environment)
    assert done.returncode == 0, done.stderr
    return _run([str(folder / "witness")], calls)


def _run(command: list[str], calls: Sequence[Call]) -> Told:
    words = [word for call in calls for word in (str(call.port), str(call.anchors))]
    done = subprocess.run([*command, NAME, *words], check=False, capture_output=True, text=True, timeout=RUN_SECONDS)
    assert done.returncode == 0, done.stderr
    version, *lines = done.stdout.splitlines()
    return Told(version, {int(port): why for port, _, why in (line.partition("\t") for line in lines)})


def openssl(_: Unpacked, __: Path, calls: Sequence[Call]) -> Told:
    """Run s_client, which leaves with 1 when verification fails."""
    version = " ".join(_output(["openssl", "version"]).split()[:2])
    return _each(version, calls, _s_client)


def _s_client(call: Call) -> str:
    trusting = ["-CAfile", str(call.anchors), "-no-CApath", "-no-CAstore", "-verify_return_error", "-ign_eof"]
    called = ["-starttls", "smtp", "-connect", f"{HOST}:{call.port}", "-servername", NAME, "-verify_hostname", NAME]
    said = _output(["openssl", "s_client", *called, *trusting, "-brief"], talk="EHLO witness.example.test\nQUIT\n")
    return _unless(said, "Verification: OK", "(rror|alert)", but="(verify error|alert)")


def gnutls(unpacked: Unpacked, folder: Path, calls: Sequence[Call]) -> Told:
    """Run gnutls-cli of Debian."""
    environment = unpacked.environment(folder)
    del environment["LD_PRELOAD"]
    program = str(unpacked.folder / "gnutls/usr/bin/gnutls-cli")

    def call_by(call: Call) -> str:
        named = ["--sni-hostname", NAME, "--verify-hostname", NAME, "--x509cafile", str(call.anchors)]
        command = [program, "--starttls-proto=smtp", *named, "--port", str(call.port), HOST]
        said = _output(command, environment, talk="EHLO witness.example.test\nQUIT\n")
        return _unless(said, "Handshake was completed", "(Status|Fatal)", but="fatal alert")

    return _each(" ".join(_output([program, "--version"], environment).split()[:2]), calls, call_by)


def postfix(unpacked: Unpacked, folder: Path, calls: Sequence[Call]) -> Told:
    """Run posttls-finger, which is Postfix's client without its queue, at the level "verify"."""
    (folder / "main.cf").write_text(_MAIN_CF.format(folder=folder), encoding="utf-8")
    environment = unpacked.environment(folder) | {"MAIL_CONFIG": str(folder)}
    del environment["LD_PRELOAD"]
    programs = unpacked.folder / "postfix/usr/sbin"

    def call_by(call: Call) -> str:
        trusting = ["-l", "verify", "-F", str(call.anchors), "-L", "summary,certmatch"]
        command = [str(programs / "posttls-finger"), "-c", *trusting, f"[{HOST}]:{call.port}", NAME]
        return _unless(
            _output(command, environment), "Verified TLS connection", "(failed|rror|Untrusted)", but="error:"
        )

    version = _output([str(programs / "postconf"), "-d", "-h", "mail_version"], environment).splitlines()[0]
    return _each(f"Postfix {version}", calls, call_by)


_MAIN_CF = """\
compatibility_level = 3.6
queue_directory = {folder}
mail_owner = nobody
setgid_group = mail
default_privs = daemon
smtputf8_enable = no
"""


def python(_: Unpacked, __: Path, calls: Sequence[Call]) -> Told:
    """Let smtplib call with the context that ssl makes by default."""
    version = f"Python {platform.python_version()} with {ssl.OPENSSL_VERSION}"
    return _each(version, calls, _smtplib)


def _smtplib(call: Call) -> str:
    context = ssl.create_default_context(cafile=str(call.anchors))
    try:
        with smtplib.SMTP(timeout=CALL_SECONDS) as client:
            client.connect(HOST, call.port)
            client._host = NAME  # type: ignore[attr-defined]  # what starttls verifies; the socket knows an address
            client.starttls(context=context)
            client.ehlo("witness.example.test")
    except (OSError, smtplib.SMTPException) as problem:
        return repr(problem)
    return ""


def _each(version: str, calls: Sequence[Call], call_by: Callable[[Call], str]) -> Told:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return Told(version, dict(zip((call.port for call in calls), pool.map(call_by, calls), strict=True)))


def _output(command: list[str], environment: dict[str, str] | None = None, *, talk: str = "") -> str:
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, input=talk, timeout=CALL_SECONDS, env=environment
    )
    return done.stdout + done.stderr


def _unless(said: str, good: str, telling: str, *, but: str = "error:") -> str:
    """Give "" where it says the good word and nothing bad, else the lines that tell why, or all."""
    if good in said and not re.search(but, said):
        return ""
    return (
        " | ".join(line.strip() for line in said.splitlines() if re.search(telling, line)) or said.strip() or "silent"
    )


@cache
def clients() -> dict[str, Witness]:
    """Name of a sender → who shows what it does."""
    return {
        "OpenSSL 3": openssl,
        "GnuTLS": gnutls,
        "Java": java,
        "Go": go,
        "Node": node,
        "Postfix (verify and secure)": postfix,
        "Python": python,
    }
