"""Error codes of OpenSSL and its forks in running text: where they stand and what they mean.

    error:140943F2:SSL routines:SSL3_READ_BYTES:sslv3 alert unexpected message:s3_pkt.c:1262:SSL alert number 10
    error:0A000086:SSL routines::certificate verify failed
    error:xxxxxxxx:SSL routines:…          Exim's tests mask the number: the texts alone tell
    [SSL: WRONG_VERSION_NUMBER] …          Python's mnemonics, Node's ERR_SSL_WRONG_VERSION_NUMBER
    SSL alert number 48                    where no code said it before
    0x0A000418                             as the whole text

Lines may be folded anywhere between words, and blanks may be underscores (qmail's log). Other numbers in texts are
found by ``numeric``, and a word that a user types has ``readings``; both stand beside this module.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from probe.catalogue import numbers
from probe.message import Reading
from probe.triage.meaning import REMEMBERED, Code, Printed, beginning, decoded, known, library_of, named, newest, told
from probe.triage.numeric import numeric
from probe.triage.readings import readings

__all__ = ["Code", "Reading", "codes", "numeric", "readings"]

LAST_ALERT = 255
"""An alert is one byte (RFC 8446 §6)."""
FIELDS = 320
"""Characters behind a code in which its fields are looked for; library, function and reason together have up to 130."""
NEAR = 600
"""Characters between a code and the "SSL alert number" that repeats it: a file name, a line number, some folding."""

_HINT = re.compile(r"[Ee][Rr][Rr][Oo][Rr]:|ERR_SSL_|[Aa]lert[ _][Nn]umber|\[[A-Z0-9]{2,12}: [A-Z]")
_ERROR = re.compile(r"error:[ \t\r\n]{0,8}(?:([0-9A-F]{8})|x{8})(?![0-9A-Z])", re.IGNORECASE)
_MNEMONIC = re.compile(r"\[([A-Z0-9]{2,12}): ([A-Z][A-Z0-9_]{2,80})\]|\bERR_(SSL)_([A-Z][A-Z0-9_]{2,80})")
_ALERT = re.compile(r"SSL[ _]alert[ _]number[ _:]{1,2}(\d{1,3})(?!\d)", re.IGNORECASE)
_BARE = re.compile(r"\s*\[?(?:0x)?([0-9A-F]{8})\]?\s*", re.IGNORECASE)
_TOKEN = re.compile(r"\s*([^\s:]{1,80})\s*")
_NO_TEXT = re.compile(r"(?:lib|func|reason)\(\d*\)")
"""What OpenSSL prints where its texts are not loaded."""
_ENDS = re.compile(r"[:;,|()\[\]<>\r\n]")


def codes(text: str) -> tuple[Code, ...]:
    """Return the codes of a text in order, those that one line repeats once."""
    if len(text) < 32 and (bare := _BARE.fullmatch(text)):
        return _bare(int(bare[1], 16), bare.start(1))
    if not _HINT.search(text):
        return ()
    found = [*_errors(text), *_mnemonics(text)]
    found += _alerts(text, found)
    return tuple(_once(text, sorted(found, key=lambda code: code.start)))


def _bare(number: int, start: int) -> tuple[Code, ...]:
    """Decode a number that is the whole text, if it means anything: eight digits may be a date."""
    code = decoded(number, Printed(), start)
    return (code,) if code.reason or code.symptom else ()


def _once(text: str, found: Iterable[Code]) -> Iterator[Code]:
    seen = set()
    for code in found:
        key = (text.rfind("\n", 0, code.start), code.code, code.symptom, code.reason)
        if key not in seen:
            seen.add(key)
            yield code


def _errors(text: str) -> Iterator[Code]:
    for match in _ERROR.finditer(text):
        printed = _printed(text[match.end() : match.end() + FIELDS])
        if match[1]:
            yield decoded(int(match[1], 16), printed, match.start())
        elif printed:
            yield told(printed, match.start())


@lru_cache(REMEMBERED)
def _printed(tail: str) -> Printed:
    """Read the fields behind a code: library, function, reason. Any of them may be empty, folded or left out."""
    if not tail.startswith(":"):
        return Printed()
    parts = [*tail[1:].split(":", 3)[:3], "", ""]
    library = _library(parts[0])
    if not library and parts[0].strip() and not _NO_TEXT.match(parts[0].strip()):
        return Printed(reason=beginning(parts[0]))
    names = tuple(row.name for row in numbers.libraries_by_text(library)) or ("",)
    if shifted := beginning(parts[1], names):
        return Printed(library, "", shifted)
    return Printed(library, _function(parts[1]), _reason(parts[2], names))


def _library(field: str) -> str:
    """Return the library with which a field begins: behind its last word a line may have ended."""
    words = field.replace("_", " ").split()[:6]
    lengths = (count for count in range(len(words), 0, -1) if numbers.libraries_by_text(" ".join(words[:count])))
    return " ".join(words[: next(lengths, 0)])


def _function(field: str) -> str:
    token = _TOKEN.fullmatch(field)
    return token[1] if token and not _NO_TEXT.match(token[1]) else ""


def _reason(field: str, libraries: tuple[str, ...]) -> str:
    """Return the known reason with which a field begins, spelt as OpenSSL spells it, else its first words."""
    if words := beginning(field, libraries):
        rows = [row for library in libraries for row in known(words, library)]
        texts = [row.text for row in rows if row.era != numbers.BORINGSSL or field.strip().startswith(row.text)]
        return texts[-1] if texts else words
    if _NO_TEXT.match(field.strip()):
        return ""
    return " ".join(_ENDS.split(field.strip().replace("_", " "), maxsplit=1)[0].split())[:80]


def _mnemonics(text: str) -> Iterator[Code]:
    for match in _MNEMONIC.finditer(text):
        library, name = match[1] or match[3], match[2] or match[4]
        rows = [row for row in numbers.reasons_by_name(name) if library_of(row) == library]
        if meant := newest(rows):
            owner = numbers.library(meant.era, meant.library)
            words = name.replace("_", " ").lower()
            spelt = next((row.text for row in rows if row.text.lower() == words), meant.text)
            yield named(meant, Printed(owner.text if owner else "", "", spelt), match.start())


def _alerts(text: str, found: Iterable[Code]) -> Iterator[Code]:
    for match in _ALERT.finditer(text):
        number = int(match[1])
        if number > LAST_ALERT:
            continue
        if any(code.alert == number and 0 < match.start() - code.start < NEAR for code in found):
            continue
        row = numbers.alert(number)
        words = row.texts[0] if row and row.texts else row.name.replace("_", " ") if row else None
        symptom = f"alert:{number}"
        yield Code("", "", "SSL routines", None, words, number, symptom, "", (), match.start())
