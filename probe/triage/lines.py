"""One line of a log: when, where and by whom it was written, what it says, and with which lines it belongs together.

The first character tells which dialects a line may be in; nothing is remembered from line to line, so a line reads the
same wherever it stands, and mixed logs do no harm.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from probe.triage import qmail
from probe.triage.stamps import Stamps, since_1970, tai64n
from probe.triage.wrapped import unwrapped


class Line(NamedTuple):
    """What a line tells; a NamedTuple because a million are made, three times as fast as a frozen dataclass."""

    time: datetime | None
    """With a time zone; that of ``now`` where the line names none."""
    host: str | None
    """The machine that wrote it."""
    program: str | None
    """As logged ("postfix/smtpd"), or the server's name where its own log names no program ("exim")."""
    pid: str | None
    body: str
    """The text behind stamp, host and program; of qmail unescaped, of Exim without the message id."""
    key: str | None
    """What related lines have in common; None: nothing is known."""


# "Nov 23 08:16:21 ", also with fractions, a year (RouterOS, some relays) and FreeBSD's "<mail.info> "
_SYSLOG = re.compile(r"([A-Z][a-z]{2} {1,2}\d{1,2} \d\d:\d\d:\d\d)(?:\.\d+)? (?:<\w+\.\w+> )?")
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)(?= |\t|,)")
_DATE = re.compile(
    r"(?:[A-Z][a-z]{2} )?(\d{4}[-/]\d\d[-/]\d\d \d\d:\d\d:\d\d(?:[.,]\d+)?(?: ?(?:[+-]\d{4}|UTC|GMT|Z)(?= ))?)\s"
)
_ASSP = re.compile(r"([A-Z][a-z]{2}-\d\d-\d\d \d\d:\d\d:\d\d) ")
_BRACKETED = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\] (?:[A-Z]+ +)?")
_PRIORITY = re.compile(r"<\d{1,3}>(?:1 )?")
_NUMBERED = re.compile(r"1 (?=\d{4}-)")  # RFC 5424 without its priority, as files of it have it
_TAG = re.compile(r"(?:(\S*[^\s:\]]) )?([A-Za-z][^\s:\[\]]*)(?:\[([^\]\s]{1,40})\])?: ?")
_LEVEL = re.compile(r"(?:INFO|WARN(?:ING)?|ERR(?:OR)?|NOTICE|DEBUG|CRIT(?:ICAL)?|FATAL) +")
_BARE = re.compile(r"(postfix/[\w/-]+|[a-z][\w./-]*(?=\[\d)|dovecot|sendmail|couriertls)(?:\[(\d{1,10})\])?: ")
_RFC5424 = re.compile(r" (\S+) (\S+) (\S+) \S+ (?:-|(?:\[(?:[^\]\\]|\\.){0,4000}\])+) ?\ufeff?")
_HARAKA = re.compile(r" \[[A-Z]+\] \[([0-9A-F-]{36}|-)[\d.]*\] \[[^\]]*\] ")
_EXIM = re.compile(
    r"(?:\[(\d{1,10})\] )?"
    r"(?:([0-9A-Za-z]{6}-(?:[0-9A-Za-z]{6}-[0-9A-Za-z]{2}|[0-9A-Za-z]{11}-[0-9A-Za-z]{4})) |"
    r"(?=TLS |SMTP |H=|no |un|rejected|DANE|daemon|Start|End|exim |refused|\[|==|\*\*|=>|<=))"
)
_NGINX = re.compile(r"\[\w+\] (\d+)#\d+: (?:(\*\d+) )?")
_STUNNEL = re.compile(r"(?:(\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d) )?LOG\d\[([^\]\s]+)\]: ")
_EXCHANGE = re.compile(r",([^,]*),([0-9A-Fa-f]{16}),")
_SESSION = re.compile(r"(?:\bsession[ =]<?)?(?<![\w.-])((?!0{16})[0-9a-f]{16})(?![\w.-])")
_COURIER = re.compile(r"\bid=([0-9A-F]{16}\.[0-9A-F]{16}\.[0-9A-F]{8})")
_DOVECOT = re.compile(r"\bsession=<([^>\s]{1,64})>|\)<\d+><([^>\s]{1,64})>")
_ADDRESS = re.compile(r"\[([0-9A-Fa-f.:]{3,45})\](?::(\d{1,5}))?|\bip=\[?([0-9A-Fa-f.:]{3,45})\]?")
_PLAIN_ADDRESS = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])")
_MARKS = frozenset("{@<[")
_WRAPPINGS = 3
"""A line may stand in a line that deep: of syslog in Docker's JSON behind a prefix."""
_NODE = re.compile(r"\[#(\w{8,40})\]|([a-z0-9]{16}) (?=\d)")


class Reader:
    """Reads lines; one for a log."""

    def __init__(self, now: datetime) -> None:
        """``now``, with a time zone: stamps without year are not later, stamps without zone are in this one."""
        self._stamps = Stamps(now)

    def line(self, text: str) -> Line:
        """Read one line. Never raises: what no dialect knows is a body without anything."""
        return self._line(text.rstrip("\r\n"), _WRAPPINGS)

    def _line(self, text: str, wrappings: int) -> Line:
        first = text[:1]
        if first.isdigit():
            return self._numeric(text, wrappings)
        if first in _MARKS:
            return self._marked(text, wrappings)
        if found := _SYSLOG.match(text):
            return _tagged(self._stamps.read(found[1]), text, found.end())
        if found := _ASSP.match(text):
            return _assp(self._stamps.read(found[1]), text[found.end() :])
        if found := _DATE.match(text):  # journalctl -o short-full: with the weekday
            return self._dated(found, text)
        return self._inner(text, wrappings)

    def _marked(self, text: str, wrappings: int) -> Line:
        if text.startswith("@") and text[1:17].isalnum():
            label, _, body = text[1:].partition(" ")
            return _bare(tai64n(label), body)
        if wrappings and (found := _PRIORITY.match(text)):
            return self._line(text[found.end() :], wrappings - 1)
        if found := _BRACKETED.match(text):
            body = text[found.end() :]
            session = _NODE.match(body)
            return Line(self._stamps.read(found[1]), None, None, None, body, session and (session[1] or session[2]))
        return self._inner(text, wrappings)

    def _inner(self, text: str, wrappings: int) -> Line:
        """A line within a line: of journald, of a container."""
        wrapped = unwrapped(text) if wrappings else None
        if not wrapped:
            return _bare(None, text)
        body = wrapped.text.rstrip("\r\n")
        if wrapped.program:
            time = since_1970(wrapped.microseconds) if wrapped.microseconds else None
            return _made(time, wrapped.host, wrapped.program, wrapped.pid, body)
        inner = self._line(body, wrappings - 1)
        return inner if inner.time or not wrapped.stamp else inner._replace(time=self._stamps.read(wrapped.stamp))

    def _numeric(self, text: str, wrappings: int) -> Line:
        if found := _DATE.match(text):
            return self._dated(found, text)
        if found := _ISO.match(text):
            return self._iso(found, text)
        if found := _STUNNEL.match(text):
            time = self._stamps.read(found[1]) if found[1] else None
            return Line(time, None, "stunnel", None, text[found.end() :], f"stunnel {found[2]}")
        if wrappings and (found := _NUMBERED.match(text)):
            return self._line(text[found.end() :], wrappings - 1)
        return _bare(None, text)

    def _iso(self, found: re.Match[str], text: str) -> Line:
        time, end = self._stamps.read(found[1]), found.end()
        if exchange := _EXCHANGE.match(text, end):
            return Line(time, None, "exchange", None, text[end + 1 :], exchange[2])
        if haraka := _HARAKA.match(text, end):
            key = None if haraka[1] == "-" else haraka[1]
            return Line(time, None, "haraka", None, text[haraka.end() :], key)
        if structured := _RFC5424.match(text, end):
            host, program, pid = (None if field == "-" else field for field in structured.groups())
            return _made(time, host, program, pid, text[structured.end() :])
        end += 1
        if level := _LEVEL.match(text, end):
            end = level.end()
        return _tagged(time, text, end)

    def _dated(self, found: re.Match[str], text: str) -> Line:
        time, end = self._stamps.read(found[1]), found.end()
        if nginx := _NGINX.match(text, end):
            key = f"nginx {nginx[1]}{nginx[2]}" if nginx[2] else f"nginx {nginx[1]}"
            return Line(time, None, "nginx", nginx[1], text[nginx.end() :], key)
        if exim := _EXIM.match(text, end):
            return _exim(time, exim[1], exim[2], text[exim.end() :])
        tag = _TAG.match(text, end)
        if tag and tag[3]:
            return _made(time, tag[1], tag[2], tag[3], text[tag.end() :])
        return _bare(time, text[end:])


def _tagged(time: datetime | None, text: str, start: int) -> Line:
    """``host program[pid]: body``, where the host may be missing."""
    if found := _TAG.match(text, start):
        return _made(time, found[1], found[2], found[3], text[found.end() :])
    return _bare(time, text[start:])


def _made(time: datetime | None, host: str | None, program: str | None, pid: str | None, body: str) -> Line:
    """A line whose program is known: the program decides what its lines have in common."""
    name = (program or "").lower()
    if name.startswith("exim"):
        found = _DATE.match(body)  # with log_file_path=syslog Exim may repeat its own date
        exim = _EXIM.match(body, found.end() if found else 0)
        if exim:
            return _exim(time, exim[1] or pid, exim[2], body[exim.end() :])._replace(host=host, program=program)
    if name == "stunnel" and (found := _STUNNEL.match(body)):
        return Line(time, host, program, pid, body[found.end() :], f"stunnel {found[2]}")
    if name == "qmail" or name.startswith("qmail-"):
        body = qmail.without_stamp(body)
        return Line(time, host, program, pid, qmail.unescaped(body), qmail.delivery(body) or _by_pid(program, pid))
    return Line(time, host, program, pid, body, _own_key(name, body) or _by_pid(program, pid))


def _own_key(name: str, body: str) -> str | None:
    """The key that a line carries itself."""
    if name == "smtpd":
        found = _SESSION.search(body, 0, 120)
        return found and found[1]
    if name.startswith(("courier", "imapd", "pop3d", "esmtpd")):
        return _courier(name, body)
    if name == "dovecot" or name.endswith("-login"):
        found = _DOVECOT.search(body)
        return found and (found[1] or found[2])
    return None


def _courier(name: str, body: str) -> str | None:
    if found := _COURIER.search(body):
        return found[1]
    found = _ADDRESS.search(body)
    return f"{name} [{found[1] or found[3]}]" if found else None


def _exim(time: datetime | None, pid: str | None, mail: str | None, body: str) -> Line:
    key = mail
    if not key and (found := _ADDRESS.search(body)):
        key = f"[{found[1] or found[3]}]" + (f":{found[2]}" if found[2] else "")
    return Line(time, None, "exim", pid, body, key or _by_pid("exim", pid))


def _assp(time: datetime | None, body: str) -> Line:
    found = _PLAIN_ADDRESS.search(body, 0, 200)
    return Line(time, None, "assp", None, body, found and f"assp [{found[1]}]")


def _bare(time: datetime | None, body: str) -> Line:
    """A line without host; the program is taken from how the body begins."""
    if found := _BARE.match(body):
        return _made(time, None, found[1], found[2], body[found.end() :])
    if key := qmail.delivery(body):
        return Line(time, None, "qmail", None, qmail.unescaped(body), key)
    if found := _SESSION.search(body, 0, 120):  # smtpd -d
        return Line(time, None, "smtpd", None, body, found[1])
    return Line(time, None, None, None, body, None)


def _by_pid(program: str | None, pid: str | None) -> str | None:
    return f"{program}[{pid}]" if program and pid else None
