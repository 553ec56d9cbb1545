"""README is held to the program: its sample is what is printed, its commands are understood."""

from __future__ import annotations

import io
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from forge import CAST, NOW

from probe.catalogue.pages import ids
from probe.cli.arguments import VERBS, probe_arguments
from probe.cli.explaining import title
from probe.judgement import Options, report_of, report_of_survey
from probe.model import (
    Dnssec,
    Domain,
    Endpoint,
    Fetch,
    Kind,
    Mx,
    Observation,
    PolicyFetch,
    Protocol,
    Reply,
    Report,
    Stage,
    StsLook,
    Survey,
    Target,
    TlsRptLook,
)
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.dane import proposed
from probe.render.json import text
from probe.render.sheet import console
from probe.render.terminal import show
from probe.rules.ids import IDS
from probe.targets import target_of

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
AIA = "http://r3.example.test/r3.der"
POLICY = b"version: STSv1\r\nmode: testing\r\nmx: *.example.test\r\nmax_age: 604800\r\n"


def sample() -> Report:
    """A Postfix server of ours that leaves out its intermediate, which AIA has."""
    host = "mx.example.test"
    issuer = CAST.r3
    leaf = CAST.leaf(issuer, aia=(AIA,))
    seen = Observation(
        Endpoint(host, "192.0.2.25", 25, sni=host),
        NOW,
        Stage.DONE,
        greeting=Reply(220, (f"{host} ESMTP Postfix",)),
        ehlo=Reply(250, (host, "PIPELINING", "STARTTLS")),
        starttls=Reply(220, ("2.0.0 Ready to start TLS",)),
        presented=(leaf.der,),
        tls_version="TLSv1.3",
        fetched=(Fetch(AIA, (issuer.der,)),),
    )
    trusted = anchors.of([parse(CAST.root.der)], "certifi 2026.10.18", "2026-10-18")
    return report_of(seen, Options(anchors=trusted, at=None))


def domain_sample() -> Report:
    """A domain of two mail hosts; the second leaves out its intermediate."""
    lists = {name: (leaf_of(name), CAST.r3.der) for name in ("mx1.example.test", "mx2.example.test")}
    first = (seen_at("mx1.example.test", address, lists["mx1.example.test"], 10) for address in ("192.0.2.25", "::25"))
    second = seen_at("mx2.example.test", "192.0.2.26", lists["mx2.example.test"][:1], 20)
    domain = Domain(
        "example.test",
        NOW,
        tuple(Mx(10 * n, name) for n, name in enumerate(lists, start=1)),
        dnssec=Dnssec.SECURE,
        sts=StsLook(
            ("v=STSv1; id=1",),
            fetch=PolicyFetch("https://mta-sts.example.test", status=200, media_type="text/plain", body=POLICY),
        ),
        tls_rpt=TlsRptLook(("v=TLSRPTv1; rua=mailto:tls@example.test",)),
    )
    survey = Survey(Target("example.test", kind=Kind.DOMAIN), (*first, second), domain)
    return report_of_survey(survey, Options(anchors=anchors.of([parse(CAST.root.der)], "ours", None), at=None))


def leaf_of(name: str) -> bytes:
    """A certificate for this name."""
    return CAST.leaf(CAST.r3, subject=f"CN={name}", names=(name,), aia=(AIA,)).der


def seen_at(host: str, address: str, presented: tuple[bytes, ...], preference: int) -> Observation:
    """A look at a mail host that went well."""
    endpoint = Endpoint(host, address, 25, sni=host, mx_preference=preference)
    fetched = (Fetch(AIA, (CAST.r3.der,)),)
    return Observation(endpoint, NOW, Stage.DONE, presented=presented, tls_version="TLSv1.3", fetched=fetched)


def block_behind(command: str) -> str:
    """The lines of README behind this command, without their indent, up to the next that has none."""
    behind = README.split(f"    $ {command}\n", 1)[1]
    block = re.match(r"(?:    [^\n]*\n|\n)*", behind)
    return "\n".join(line.removeprefix("    ") for line in block[0].strip("\n").split("\n")) if block else ""


def printed(report: Report) -> str:
    """What a pipe of 80 columns gets."""
    out = io.StringIO()
    screen = console(out, no_color=True)
    screen.width = 80
    show(report, screen, title=title)
    return out.getvalue()


def test_the_sample_is_what_the_program_prints() -> None:
    """The block under "What a report looks like", without its indent."""
    judged = re.sub(r"; judged as of [^\n]*\n?[^\n]*UTC", "", printed(sample()))
    assert block_behind("smtp-chaincheck mx.example.test").strip() == judged.strip()


def test_the_sample_of_a_domain_is_how_its_report_begins() -> None:
    """The verdict, what DNS and the policy host say, and the table."""
    shown = block_behind("smtp-chaincheck example.test --mx")
    assert printed(domain_sample()).startswith(f"{shown}\n\n! ")


def test_the_records_to_publish_are_those_of_the_sample() -> None:
    """Of its server's key, and of its CA's."""
    chain = domain_sample().endpoints[0].chain
    assert chain
    assert re.findall(r"IN TLSA (.*)", README) == [record.text for record in proposed(chain)]


@pytest.mark.parametrize("line", re.findall(r"^smtp-chaincheck (.*?)(?:  +#.*)?$", README, re.MULTILINE))
def test_everyday_commands_are_understood(line: str) -> None:
    """Every command of the everyday list parses, or is a verb's."""
    words = shlex.split(line)
    if words[0] not in VERBS:
        assert probe_arguments(words).hosts


def test_the_sample_of_a_sweep_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """As it is pasted; of loopback it leaves out all, so that no test calls anybody."""
    (sample,) = [block for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL) if "sweep(" in block]
    exec(sample.replace("mx.example.com", "127.0.0.1").replace("mx.example.net", "127.0.0.2"), {})  # noqa: S102 -- ours
    assert sorted(capsys.readouterr().out.splitlines()) == ["127.0.0.1 unreachable", "127.0.0.2 unreachable"]


@pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not here")
def test_what_did_not_answer_becomes_a_list() -> None:
    """The command of docs/sweep.md names each target as it was: IPv6, and a domain."""
    (program,) = re.findall(r"jq -r '([^']*)'", (Path(__file__).parents[1] / "docs/sweep.md").read_text("utf-8"))
    every = [
        Target("mx.example.com", 587, Protocol.SUBMISSION),
        Target("::1", 2699),
        Target("example.org", 2604, kind=Kind.DOMAIN),
    ]
    lines = "".join(text([Report(target, left_out=("all",))]) for target in every)
    listed = subprocess.run(["jq", "-r", program], input=lines, capture_output=True, text=True, check=True).stdout
    assert [*map(target_of, listed.split())] == every


def test_set_up_is_two_commands() -> None:
    """One installs and shows the main job, the other is scripts/check --all; .ci/run runs exactly these."""
    section = README.split("## Set-up", 1)[1].split("\n## ", 1)[0]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    first, second = block.splitlines()
    assert first.endswith("smtp-chaincheck demo")
    assert second == "scripts/check --all"


def test_what_is_counted_is_there() -> None:
    """CHANGELOG names how many findings and pages there are."""
    changes = (Path(__file__).parents[1] / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"(\d+) kinds of findings", changes) == [str(len(IDS))]
    assert re.findall(r"(\d+) pages", changes) == [str(len(set(ids())))]
