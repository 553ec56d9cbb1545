"""The last step of the story: a finding gets its sentences, and the commands for the server at hand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from probe.catalogue.advice import MENDED, worded
from probe.catalogue.instructions import instructions
from probe.catalogue.protocols import starttls_of
from probe.model import Endpoint, Finding, Observation, Repair, Severity, Side, Tls, bracketed

if TYPE_CHECKING:
    from probe.material import Material

LEAF_IS_LOST = frozenset({"expired", "not-yet-valid", "key-mismatch", "bad-signature"})
"""Findings after which the leaf is of no use, and neither is a list that begins with it."""

NO_RELOAD = frozenset({"another", "older", "other-key", "listed", "no-leaf"})
"""Cases of served-differs in which the server may have read its file, and the file that was named is another."""


class Saying(Struct, frozen=True):
    """What the words of every finding of one endpoint share."""

    slots: Mapping[str, str]
    software: str | None
    words: tuple[str, ...]
    voice: str = ""
    """Who presented the certificates where it was no server: "file" or "client"."""
    by_name: str | None = None
    """The host, where commands name one address of it, and so must say for which name."""
    dig: str = ""
    """How dig is told whom to ask; "" = the system's resolver."""


def spoken(findings: Sequence[Finding], mending: Repair | None, saying: Saying) -> tuple[Finding, ...]:
    """Put all findings of one endpoint into words."""
    return tuple(_spoken(finding, findings, mending, saying) for finding in findings)


def _spoken(finding: Finding, findings: Sequence[Finding], mending: Repair | None, saying: Saying) -> Finding:
    """Give a finding its sentences, and the commands of the recipe where the list that we can write is the cure."""
    saying = _looking_up(saying) if finding.id.startswith(DANE) else saying
    said = _measured(worded(finding, saying.slots, saying.voice), saying)
    if saying.voice == "client":
        return replace(said, fix=tuple(_asked(line, saying) for line in said.fix))
    steps = instructions(
        finding.id,
        saying.software,
        saying.slots,
        can_install=_mends(mending) and not any(_needs_new_leaf(f, mending) for f in findings),
        section=_section(finding, mending),
        voice=saying.voice,
    )
    return replace(said, fix=tuple(_asked(line, saying) for line in (*said.fix, *steps)))


DANE = ("dane-", "tlsa-")
"""How findings begin that hang on TLSA records: these are looked up for a host, and never for an address."""


def _looking_up(saying: Saying) -> Saying:
    """Name the host in commands, and never one address of it."""
    slots = saying.slots
    by_host = f"{bracketed(slots['host'])}:{slots['port']}" if slots["endpoint"] else ""
    return replace(saying, slots={**slots, "endpoint": by_host}, by_name=None)


def _asked(line: str, saying: Saying) -> str:
    """A command asks the server and the resolver that this run asked."""
    if line.startswith("$ dig ") and saying.dig and " @" not in line and " +trace" not in line:
        return line.replace("$ dig", f"$ dig {saying.dig}", 1)
    here = f"$ smtp-chaincheck {saying.slots.get('endpoint')}"
    by_name = ("--name", saying.by_name) if saying.by_name and f"{line} ".startswith(f"{here} ") else ()
    return as_asked(line, (*by_name, *saying.words))


FORMS = {"DER": "der", "PKCS#7": "pkcs7"}
"""Forms of a file that were tried for themselves."""


def _measured(finding: Finding, saying: Saying) -> Finding:
    """Add what the mail server at hand did when it was given a file with this fault."""
    if saying.voice != "file" or not saying.software:
        return finding
    from probe.catalogue.outcomes import sentence

    told = sentence(saying.software, FORMS.get(str(finding.facts.get("form")), finding.id))
    return replace(finding, summary=f"{finding.summary} {told}") if told else finding


def _section(finding: Finding, mending: Repair | None) -> str | None:
    """The section of the recipe that is given in the place of the page's own."""
    if _is_removed(finding, mending):
        return "install"
    return "" if finding.facts.get("case") in NO_RELOAD else None


def _mends(mending: Repair | None) -> bool:
    return mending is not None and mending.bundle is not None and any(step.do != "keep" for step in mending.steps)


def _needs_new_leaf(finding: Finding, mending: Repair | None) -> bool:
    """The first certificate of the list that we could write is of no use any more."""
    leaf = mending.bundle[0].sha256 if mending and mending.bundle else None
    position = next((step.position for step in mending.steps if step.sha256 == leaf), None) if mending else None
    return finding.id in LEAF_IS_LOST and finding.severity is Severity.ERROR and position in finding.positions


def _is_removed(finding: Finding, mending: Repair | None) -> bool:
    """Everything that the finding points at goes away with the repair."""
    removed = {step.position for step in mending.steps if step.do == "remove"} if _mends(mending) and mending else set()
    return bool(finding.positions) and removed.issuperset(finding.positions)


OF_A_FILE = dict.fromkeys(
    (
        *("--client-cert", "--compare", "--sni", "--no-sni", "--protocol", "--tls", "--ehlo", "--source", "-4", "-6"),
        *("--resolver", "--trust-ad"),
    ),
    "",
) | {"--client-key": "--key"}
"""Options of a probe → what ``file`` calls them; "" where it has no use for them."""


def as_asked(line: str, words: Sequence[str]) -> str:
    """A command of ours carries the options of this run along, so that it judges as this run did.

    An option that the command has already is not repeated. The commands of a recipe take a list without key, which a
    file that holds its key would not give by itself.
    """
    if not line.startswith("$ smtp-chaincheck ") or line.startswith("$ smtp-chaincheck explain "):
        return line
    own, kept, wanted = shlex.split(line), list[str](), True
    to_file = own[2] == "file"
    for word in words:
        option = OF_A_FILE.get(word, word) if to_file else word
        wanted = bool(option) and option not in own if word.startswith("-") else wanted
        kept += [option] if wanted else []
    if to_file and "--write-chain" in own and "--layout" not in own and "--mta" in kept:
        kept += ["--layout", "fullchain"]
    return f"{line} {shlex.join(kept)}" if kept else line


def voice_of(observation: Observation) -> str:
    """Who presented the certificates where it was no server."""
    if observation.side is Side.CLIENT:
        return "client"
    return "file" if observation.endpoint.tls is Tls.NONE else ""


def slots_of(
    endpoint: Endpoint,
    reference: str | None = None,
    material: Material | None = None,
    ask: str | None = None,
    *,
    by_address: bool = False,
) -> dict[str, str]:
    """What pages and recipes may say of the endpoint, or of the file.

    ``ask`` is the address that commands must name; ``by_address`` says that programs of others need the address.
    """
    host = endpoint.host or endpoint.address or "the server"
    connect = ask or (endpoint.address if by_address else None) or host
    return {
        "host": host,
        "name": reference or host,
        "port": str(endpoint.port),
        "endpoint": "" if endpoint.tls is Tls.NONE else f"{bracketed(ask or host)}:{endpoint.port}",
        "connect": f"{bracketed(connect)}:{endpoint.port}",
        "starttls": f"-starttls {starttls_of(endpoint.protocol)}" if endpoint.tls is Tls.STARTTLS else "",
        "protocol": endpoint.protocol.value,
        "sni": endpoint.sni or "",
        "path": material.name if material else "clientcert.pem",
        "bundle": MENDED if material else "",
    }
