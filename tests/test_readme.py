"""README is held to the program: its sample is what is printed, its commands are understood."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
from forge import CAST, NOW

from probe.cli.arguments import VERBS, probe_arguments
from probe.cli.explaining import title
from probe.judgement import Options, report_of
from probe.model import Endpoint, Fetch, Observation, Reply, Report, Stage
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.render.sheet import console
from probe.render.terminal import show

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def sample() -> Report:
    """A Postfix server of ours that leaves out its intermediate, which AIA has."""
    host = "mx.example.test"
    issuer = CAST.r3
    leaf = CAST.leaf(issuer, aia=("http://r3.example.test/r3.der",))
    seen = Observation(
        Endpoint(host, "192.0.2.25", 25, sni=host),
        NOW,
        Stage.DONE,
        greeting=Reply(220, (f"{host} ESMTP Postfix",)),
        ehlo=Reply(250, (host, "PIPELINING", "STARTTLS")),
        starttls=Reply(220, ("2.0.0 Ready to start TLS",)),
        presented=(leaf.der,),
        tls_version="TLSv1.3",
        fetched=(Fetch("http://r3.example.test/r3.der", (issuer.der,)),),
    )
    trusted = anchors.of([parse(CAST.root.der)], "certifi 2026.10.18", "2026-10-18")
    return report_of(seen, Options(anchors=trusted, at=None))


def printed(report: Report) -> str:
    """What a pipe of 80 columns gets."""
    out = io.StringIO()
    screen = console(out, no_color=True)
    screen.width = 80
    show(report, screen, title=title)
    return out.getvalue()


def test_the_sample_is_what_the_program_prints() -> None:
    """The block under "What a report looks like", without its indent."""
    block = README.split("$ smtp-chaincheck mx.example.test\n", 1)[1].split("\n## ", 1)[0]
    shown = "\n".join(line.removeprefix("    ") for line in block.strip("\n").split("\n"))
    judged = re.sub(r"; judged as of [^\n]*\n?[^\n]*UTC", "", printed(sample()))
    assert shown.strip() == judged.strip()


@pytest.mark.parametrize("line", re.findall(r"^smtp-chaincheck (.*?)(?:  +#.*)?$", README, re.MULTILINE))
def test_everyday_commands_are_understood(line: str) -> None:
    """Every command of the everyday list parses, or is a verb's."""
    words = shlex.split(line)
    if words[0] not in VERBS:
        assert probe_arguments(words).hosts


def test_set_up_is_two_commands() -> None:
    """One installs and shows the main job, the other is scripts/check --all; .ci/run runs exactly these."""
    section = README.split("## Set-up", 1)[1].split("\n## ", 1)[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    first, second = block.splitlines()
    assert first.endswith("smtp-chaincheck demo")
    assert second == "scripts/check --all"
