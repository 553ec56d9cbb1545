"""Numbers and constants that stand in running text, beside packed error codes: as symptoms with their offsets.

A number alone means nothing. Each pattern here has the words that say whose number it is: "num=20", "error 20 at 0
depth", "SSL alert number 48", "GnuTLS error -12", "dsn=4.7.5". An alert counts only where it was *received*.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from probe.catalogue import numbers

Found = Iterator[tuple[str, int]]

BEFORE = 240
"""Characters before a number in which its context is looked for: an event's number, or words on certificates."""
_TEXT = 100
"""Characters of a verdict's text behind its number."""

_VERDICT = re.compile(
    r"\bnum=(?P<num>\d{1,3})(?![\w.])(?::(?P<text>[^:\n]{0,99}))?"
    r"|\berror[ _](?P<at>\d{1,3})[ _]at[ _]\d{1,2}[ _]depth"
    r"|\(error[ _](?P<aside>\d{1,3})\)"
    r"|\bverif(?:y|ication)[ _](?:return[ _]code|result|error|error[ _]code|status)[ :=]{1,3}"
    r"(?P<code>\d{1,3})(?![\w.])",
    re.IGNORECASE,
)
_ABOUT_CERTIFICATES = re.compile(r"certif|verif|issuer|signed|x\.?509", re.IGNORECASE)
_CONSTANT = re.compile(r"(?<![A-Za-z0-9_])[A-Z][A-Z0-9]{1,20}(?:_[A-Z0-9]{1,20}){2,9}(?![A-Za-z0-9_])")
_ALERT = re.compile(
    r"SSL[ _]alert[ _]number[ _:]{1,2}(?P<openssl>\d{1,3})(?!\d)"
    r"|fatal alert was received: (?P<old>\d{1,3})(?!\d)"
    r"|Received alert \[(?P<gnutls>\d{1,3})\]"
    r"|(?P<coded>\balert code(?: is|:)? (?P<schannel>\d{1,3}))(?!\d)"
    r"|received (?:a )?fatal alert: (?P<name>\w{5,40})",
    re.IGNORECASE,
)
_EVENT = re.compile(r"36887|36888|was received|was generated|sent to")
_WINDOWS = re.compile(
    r"(?<!\w)0x(?P<hex>80(?:09|0B)[0-9A-F]{4})(?!\w)|(?<![\w.-])-(?P<dec>214[678]\d{6})(?![\d.])", re.IGNORECASE
)
_NEGATIVE = re.compile(r"(?:\berror:? ?|\(|: )(-\d{1,5})(?![\w.])", re.IGNORECASE)
_NO_STARTTLS = re.compile(
    r"(?:^|(?<!250)[\s'\"])STARTTLS(?:\\r\\n)?['\"]?[ \t]*\r?\n"
    r"(?:[^\n]{0,80}?[]<*:>'\"-][ \t]{0,2})?(?P<code>[45]\d\d)[ -]",
    re.MULTILINE,
)
"""A dialogue: the command ends its line, and the reply begins the next, behind what marks the server's words."""
_STATUS = re.compile(r"(?<![\w.@/])[245]\.[0-7]\.\d{1,3}(?![\w/+]|\.\d|-\d)")
_ANNOUNCED = re.compile(r"(?:\bdsn=|\bstatus(?::|=|\scode:?)\s{0,8}|\b[245]\d\d[ -]#?|#)$", re.IGNORECASE)
_A_VERSION = re.compile(r"(?:[A-Za-z)] |[:+-])$")
"""What stands before a version ("Postfix 2.5.1") and not before a status, unless it is announced as one."""


def numeric(text: str) -> tuple[tuple[str, int], ...]:
    """Return (symptom, offset) for every number and constant whose meaning the words around it tell, in order."""
    found = {pair for hint, look in _LOOKS.items() if hint.search(text) for pair in look(text)}
    return tuple(sorted(found, key=lambda pair: (pair[1], pair[0])))


def _verdicts(text: str) -> Found:
    for match in _VERDICT.finditer(text):
        number = int(match["num"] or match["at"] or match["aside"] or match["code"])
        aside = match["aside"] and not _ABOUT_CERTIFICATES.search(text, max(0, match.start() - BEFORE), match.start())
        if number and not aside and (symptom := verdict(number, match["text"] or "")):
            yield symptom, match.start()


def verdict(number: int, text: str = "") -> str | None:
    """Return "verify:N" in the current numbering; a printed text outweighs the number. None for no such number."""
    rows = _worded(text) or numbers.verify(number)
    current = numbers.verify_by_name(rows[0].name) if rows else ()
    return f"verify:{current[0].number}" if current else None


def _worded(text: str) -> tuple[numbers.Verify, ...]:
    words = numbers.plain(text[:_TEXT]).split()
    found = (numbers.verify_by_text(" ".join(words[:count])) for count in range(len(words), 1, -1))
    return next((rows for rows in found if rows), ())


def _constants(text: str) -> Found:
    """Names in capitals, three words or more: X509_V_ERR_…, Node's names without that, GNUTLS_E_…, SEC_E_…."""
    for match in _CONSTANT.finditer(text):
        if symptom := named(match[0]):
            yield symptom, match.start()


def named(name: str) -> str | None:
    """Return the symptom of a constant; None for a name that no table has."""
    if rows := numbers.verify_by_name(name):
        return f"verify:{rows[0].number}" if rows[0].number else None
    if row := numbers.gnutls(name):
        return f"gnutls:{row.number}" if row.number else None
    if row := numbers.nss(name):
        return f"nss:{row.number}"
    row = numbers.hresult(name)
    return f"hresult:0x{row.number:08X}" if row else None


def _alerts(text: str) -> Found:
    for match in _ALERT.finditer(text):
        number = match["openssl"] or match["old"] or match["gnutls"] or match["schannel"]
        if match["name"]:
            row = numbers.alert_by_name(match["name"])
            number = str(row.number) if row else ""
        if number and int(number) < 256 and (not match["coded"] or _received(text, match.start())):
            yield f"alert:{int(number)}", match.start()


def _received(text: str, start: int) -> bool:
    """Whether Windows speaks of an alert received (event 36887), not of one that it sent (36888)."""
    near = _EVENT.findall(text, max(0, start - BEFORE), start)
    if not near:
        return text[:start].rstrip().lower().endswith(("defined fatal", "received fatal", "received"))
    return near[-1] in {"36887", "was received"}


def _windows(text: str) -> Found:
    for match in _WINDOWS.finditer(text):
        number = int(match["hex"], 16) if match["hex"] else (1 << 32) - int(match["dec"])
        if numbers.hresult(number):
            yield f"hresult:0x{number:08X}", match.start()


def _gnutls(text: str) -> Found:
    for match in _NEGATIVE.finditer(text):
        if "gnutls" in _same_line(text, match.start()).lower() and numbers.gnutls(int(match[1])):
            yield f"gnutls:{int(match[1])}", match.start(1)


def _nss(text: str) -> Found:
    for match in _NEGATIVE.finditer(text):
        if "NSS" in _same_line(text, match.start()) and numbers.nss(int(match[1])):
            yield f"nss:{int(match[1])}", match.start(1)


def _same_line(text: str, end: int) -> str:
    return text[max(0, end - BEFORE) : end].rpartition("\n")[2]


def _dialogue(text: str) -> Found:
    """The reply by which a server refuses STARTTLS; elsewhere a reply code says nothing of TLS."""
    for match in _NO_STARTTLS.finditer(text):
        yield f"reply:{match['code']}", match.start("code")


def _statuses(text: str) -> Found:
    for match in _STATUS.finditer(text):
        before = text[max(0, match.start() - 20) : match.start()]
        if _ANNOUNCED.search(before) or not _A_VERSION.search(before):
            yield f"status:{match[0]}", match.start()


_LOOKS: Mapping[re.Pattern[str], Callable[[str], Found]] = {
    re.compile(r"[Vv]erif|num=|error[ _]\d"): _verdicts,
    re.compile("[A-Z]_[A-Z]"): _constants,
    re.compile("alert", re.IGNORECASE): _alerts,
    re.compile("0x80|-214"): _windows,
    re.compile("gnutls", re.IGNORECASE): _gnutls,
    re.compile("NSS"): _nss,
    re.compile(r"[245]\.[0-7]\.\d"): _statuses,
    re.compile("STARTTLS"): _dialogue,
}
"""What must stand in a text → who looks for it."""
