r"""MTA-STS (RFC 8461) and TLS-RPT (RFC 8460): what a domain says in TXT records and in its policy file.

    announced(("v=STSv1; id=20261128",))            # Announcement(id="20261128")
    policy(b"version: STSv1\r\nmode: enforce\r\n…")    # Policy(mode="enforce", mx=("mx.example.com",), max_age=604800)
    covers("*.example.com", "mx.example.com")       # True

Nothing here raises: what keeps a careful sender from going by a text is a Problem of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from msgspec import Struct

NOT_ASKED = "address:private"
"""Symptom of a web host that was left alone, since its address is not public."""
MODES = ("enforce", "testing", "none")
LONGEST_AGE = 31557600
"""Seconds: the most that max_age may be (RFC 8461 §3.2), a year."""
LONGEST_NAME = 253
"""Characters (RFC 1035 §2.3.4)."""
SHORT_AGE = 86400
"""Seconds: a policy that is remembered for less protects nobody whose sender writes once a day."""


class Problem(Struct, frozen=True):
    """One thing wrong with a record or a policy."""

    id: str
    """"several", "version", "id", "rua"; of a policy "html", "bom", "version", "mode", "age", "mx", "pattern", "short",
    "long", "line"."""
    line: str = ""
    """As sent; "" where something is missing."""
    fatal: bool = True
    """A sender that keeps to the RFC does not go by the text."""


class Announcement(Struct, frozen=True):
    """What the TXT records at _mta-sts.DOMAIN amount to (RFC 8461 §3.1)."""

    id: str | None = None
    """None where no sender looks for a policy."""
    problems: tuple[Problem, ...] = ()


class Policy(Struct, frozen=True):
    """A policy file (RFC 8461 §3.2)."""

    mode: str | None = None
    """"enforce", "testing" or "none"; None where it is missing or another word."""
    max_age: int | None = None
    """Seconds."""
    mx: tuple[str, ...] = ()
    """Patterns as sent, those that are none left out."""
    problems: tuple[Problem, ...] = ()

    @property
    def valid(self) -> bool:
        """A sender that keeps to the RFC goes by it."""
        return not any(problem.fatal for problem in self.problems)


class Reporting(Struct, frozen=True):
    """What the TXT records at _smtp._tls.DOMAIN amount to (RFC 8460 §3)."""

    rua: tuple[str, ...] = ()
    """Where reports go: mailto and https addresses."""
    problems: tuple[Problem, ...] = ()


_NEAR_STS = re.compile(r'[\s"]*(?:v\s*=\s*)?"?(?:mta-?)?sts', re.IGNORECASE)
_NEAR_RPT = re.compile(r'[\s"]*(?:v\s*=\s*)?"?(?:smtp-?)?tls-?rpt', re.IGNORECASE)
_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_PATTERN = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)*(?![0-9]+\Z){_LABEL}")
_RUA = re.compile(r"(?:mailto:[^\s@,!;]+@[^\s@,!;]+|https://[^\s/,!;][^\s,!;]*)", re.IGNORECASE)


def meant_for_sts(text: str) -> bool:
    """A TXT record at _mta-sts that is, or was to be, one of MTA-STS: others come there by wildcards."""
    return bool(_NEAR_STS.match(text))


def meant_for_reports(text: str) -> bool:
    """The same for _smtp._tls and TLS-RPT."""
    return bool(_NEAR_RPT.match(text))


def announced(records: Sequence[str]) -> Announcement:
    """Read the TXT records. Any number but one that begins with "v=STSv1;" is none (RFC 8461 §3.1)."""
    own, problems = _only("STSv1", [record for record in records if meant_for_sts(record)])
    if own is None:
        return Announcement(None, problems)
    found = _fields(own).get("id")
    if found is None or not _ID.fullmatch(found):
        return Announcement(None, (Problem("id", own),))
    return Announcement(found)


def reporting(records: Sequence[str]) -> Reporting:
    """Read the TXT records of TLS-RPT, by the same rule (RFC 8460 §3)."""
    own, problems = _only("TLSRPTv1", [record for record in records if meant_for_reports(record)])
    if own is None:
        return Reporting((), problems)
    every = [uri.strip() for uri in _fields(own).get("rua", "").split(",")]
    good = tuple(uri for uri in every if _RUA.fullmatch(uri))
    wrong = [uri for uri in every if not _RUA.fullmatch(uri)]
    return Reporting(good, (Problem("rua", own, fatal=not good),) if wrong else ())


def _only(version: str, records: Sequence[str]) -> tuple[str | None, tuple[Problem, ...]]:
    """The one record of that version, or why there is none."""
    begins = re.compile(rf"v={version}[ \t]*;")
    own = [record for record in records if begins.match(record)]
    if len(own) == 1:
        return own[0], ()
    if own:
        return None, (Problem("several", str(len(own))),)
    return None, tuple(Problem("version", record) for record in records[:1])


def _fields(record: str) -> dict[str, str]:
    """The pairs after the version; of a name that comes twice the first counts."""
    fields: dict[str, str] = {}
    for part in record.split(";")[1:]:
        name, _, value = part.partition("=")
        fields.setdefault(name.strip(), value.strip())
    return fields


def policy(body: bytes) -> Policy:
    """Read a policy file."""
    text = body.decode("utf-8", "surrogateescape")
    if text.lstrip("\ufeff \t\r\n")[:1] == "<":
        return Policy(problems=(Problem("html", text.lstrip("\ufeff \t\r\n").splitlines()[0]),))
    lines = [line.rstrip(" \t\r") for line in text.removeprefix("\ufeff").split("\n")]
    pairs = [_pair(line) for line in lines]
    first = dict(reversed([pair for pair in pairs if pair]))
    patterns = [pair[1] for pair in pairs if pair and pair[0] == "mx"]
    mode, age = first.get("mode"), _age(first.get("max_age", ""))
    problems = (
        *_outside(text, lines),
        *_unless(first.get("version") == "STSv1", "version", lines),
        *_unless(mode in MODES, "mode", lines),
        *_unless(age is not None, "max_age", lines),
        *_of_patterns(patterns, mode),
        *_odd(age, mode),
    )
    good = tuple(pattern for pattern in patterns if _PATTERN.fullmatch(pattern))
    return Policy(mode if mode in MODES else None, age, good, problems)


def _pair(line: str) -> tuple[str, str] | None:
    name, colon, value = line.partition(":")
    return (name, value.strip(" \t")) if colon else None


def _age(text: str) -> int | None:
    """RFC 8461 §3.2: 1*10(DIGIT)."""
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def _outside(text: str, lines: Iterable[str]) -> Iterable[Problem]:
    """What stands around the pairs: a byte order mark becomes a part of the first name; a line without colon."""
    if text.startswith("\ufeff"):
        yield Problem("bom")
    yield from [Problem("line", line) for line in lines if line and ":" not in line][:1]


def _unless(good: bool, name: str, lines: Iterable[str]) -> Iterable[Problem]:
    """A required pair that is missing, or what stands in its place."""
    if not good:
        near = next((line for line in lines if re.match(rf"\s*{name}\b", line, re.IGNORECASE)), "")
        yield Problem({"max_age": "age"}.get(name, name), near)


def _of_patterns(patterns: Sequence[str], mode: str | None) -> Iterable[Problem]:
    """Every mode but "none" needs a pattern; one that is none covers no host."""
    if not patterns and mode != "none":
        yield Problem("mx")
    yield from (Problem("pattern", f"mx: {one}", fatal=False) for one in patterns if not _PATTERN.fullmatch(one))


def _odd(age: int | None, mode: str | None) -> Iterable[Problem]:
    """Senders take an age above the most for the most."""
    if age is not None and (age > LONGEST_AGE or (mode == "enforce" and age < SHORT_AGE)):
        yield Problem("short" if age < SHORT_AGE else "long", f"max_age: {age}", fatal=False)


def is_host(name: str) -> bool:
    """It is a host name that may stand in a policy."""
    return bool(_PATTERN.fullmatch(name)) and not name.startswith("*") and len(name) <= LONGEST_NAME


def covers(pattern: str, host: str) -> bool:
    """Whether a pattern names a mail host; a star stands for exactly one label, the first (RFC 8461 §4.1)."""
    wanted, name = pattern.lower(), host.lower().removesuffix(".")
    if wanted.startswith("*."):
        first, _, rest = name.partition(".")
        return bool(first) and rest == wanted[2:]
    return bool(name) and name == wanted
