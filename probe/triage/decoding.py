"""Bytes of a mail as text: transfer encodings, charsets, encoded words, HTML. All in linear time, nothing raises."""

from __future__ import annotations

import binascii
import html
import re

LONG = 4096
"""Bytes from which on a body may have been cut inside a character."""

_WORD = re.compile(r"=\?([^?\s]{1,60})\?([BbQq])\?([^?\s]*)\?=")
_BETWEEN = re.compile(r"(=\?[^?\s]{1,60}\?[BbQq]\?[^?\s]*\?=)\s(?==\?)")
_NO_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_CHARSET = re.compile(
    r"utf-?(?:7|8|16|32)(?:-?[lb]e)?|(?:us-?)?ascii|(?:iso-?8859|windows|cp|koi8|gb|big5|euc|shift|iso-?2022|latin|tis|ks|mac)[a-z0-9-]*"
)
"""Charsets that mails are written in. Python's codecs that transform (punycode in quadratic time, zip) stay out."""
_STATEFUL = re.compile(r"utf-?(?:7|16|32)|iso-?2022")
"""Charsets whose bytes may look like UTF-8 and are not."""


def lines_unified(raw: bytes) -> bytes:
    """One kind of line end, whatever the file has; UTF-16 becomes UTF-8, a byte order mark goes."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raw = raw.decode("utf-16", "replace").encode("utf-8", "replace")
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    return raw.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def unencoded(raw: bytes, start: int, end: int, encoding: str, room: int) -> tuple[bytes, int]:
    """Take the transfer encoding off ``raw[start:end]``: at most ``room`` bytes, and how many were left."""
    if encoding == "base64":
        taken = min(end, start + room * 4 // 3)
        return _base64(raw[start:taken]), end - taken
    taken = min(end, start + room)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw[start:taken]), end - taken
    return raw[start:taken], end - taken


def _base64(encoded: bytes) -> bytes:
    """Decode what is base64 in it; a torn last group gives what its bits give."""
    letters = _NO_BASE64.sub(b"", encoded)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))


def charset_text(body: bytes, charset: str) -> str:
    """Decode by what fits: UTF-8 where it is UTF-8, else the charset that is named, else Latin-1."""
    named = charset.strip().lower().replace("_", "-")
    tries = ["utf-8"]
    if _CHARSET.fullmatch(named):
        tries.insert(0 if _STATEFUL.match(named) else 1, named)
    for name in tries:
        text = _strictly(body, name)
        if text is not None:
            return printable(text)
    return body.decode("latin-1")


def printable(text: str) -> str:
    """Replace halves of surrogate pairs, which UTF-7, JSON and escapes can name and nobody can print."""
    return text.encode("utf-8", "replace").decode()


def _strictly(body: bytes, charset: str) -> str | None:
    """Decode without tolerance, but for a last character that was cut off a long body."""
    try:
        return body.decode(charset)
    except UnicodeDecodeError as error:
        whole = len(body) < LONG or error.start < len(body) - 3
        return None if whole else body[: error.start].decode(charset, "ignore")
    except (LookupError, ValueError):
        return None


def encoded_words(value: str) -> str:
    """Decode RFC 2047's ``=?charset?B?…?=`` and ``=?charset?Q?…?=``."""
    if "=?" not in value:
        return value
    return _WORD.sub(_word, _BETWEEN.sub(r"\1", value))


def _word(found: re.Match[str]) -> str:
    charset, letter, text = found.groups()
    encoded = text.encode("utf-8", "replace")
    body = _base64(encoded) if letter in "Bb" else binascii.a2b_qp(encoded, header=True)
    return charset_text(body, charset.split("*")[0]).replace("\n", " ")


def parameter(value: str, name: str) -> str:
    """Find a parameter of Content-Type, quoted or not, whole or in RFC 2231's pieces; "" when it is missing."""
    value = " ".join(value.split())
    pieces = re.findall(rf'; ?{name}(?:\*\d{{0,2}}\*?)? ?= ?(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))', value, re.IGNORECASE)
    return re.sub(r"\\(.)", r"\1", "".join(quoted or plain for quoted, plain in pieces[:50]))


_BREAKS = frozenset(
    {
        "address",
        "article",
        "blockquote",
        "br",
        "dd",
        "div",
        "dl",
        "dt",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "title",
        "tr",
        "ul",
    }
)
_SILENT = re.compile(r"<(style|script|head)\b", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:]{0,30})([^<>]*)>|<[!?][^<>]*>")


def html_text(page: str) -> str:
    """The words of an HTML page, a line for each block.

    ``html.parser`` needs quadratic time for some broken pages (CVE-2025-6069), so tags are found by one expression.
    """
    pieces, at = [], 0
    page = " ".join(_without(_without_comments(page)).split())
    for tag in _TAG.finditer(page):
        pieces.append(page[at : tag.start()])
        at = tag.end()
        if tag[2] and "@" in tag[3] and not re.search(r'[\s="]', tag[3]):
            pieces.append(tag[0])  # <user@example.com> that somebody forgot to escape
        elif tag[2] and tag[2].lower() in _BREAKS:
            pieces.append("\n")
        elif tag[2] and tag[2].lower() in {"td", "th"}:
            pieces.append(" ")
    text = html.unescape("".join([*pieces, page[at:]]))
    return "\n".join(" ".join(line.split()) for line in text.split("\n"))


def _without_comments(page: str) -> str:
    pieces, at = [], 0
    while (start := page.find("<!--", at)) >= 0:
        pieces.append(page[at:start])
        end = page.find("-->", start)
        at = len(page) if end < 0 else end + 3
    return "".join([*pieces, page[at:]])


def _without(page: str) -> str:
    """Leave out what a browser does not show."""
    pieces, at = [], 0
    while found := _SILENT.search(page, at):
        closed = re.compile(f"</{found[1]}", re.IGNORECASE).search(page, found.end())
        if not closed:
            break  # nothing closes it: whatever stands there may be the diagnosis
        pieces.append(page[at : found.start()])
        at = closed.start()
    return "".join([*pieces, page[at:]])
