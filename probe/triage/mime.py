"""A mail as its parts, read in one pass and within bounds (RFC 2045, RFC 2046).

The standard library's parser goes down one call for each level and keeps everything. This one looks only at the lines
that begin with two hyphens, remembers which boundaries are open, and leaves unread, and counted, what is too deep, too
many or too long. It reads leniently: any line ends, headers that run into the body, lost closing boundaries.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from msgspec import Struct, field

from probe.triage.decoding import charset_text, encoded_words, lines_unified, parameter, unencoded

MAIL_LIMIT = 16 * 1024 * 1024
"""Bytes of one mail that are looked at. A bounce says why in its first kilobytes; the mail it returns follows."""
DEPTH = 16
"""Levels of multiparts and mails in mails. A bounce that was forwarded as an attachment three times has 8."""
PARTS = 200
"""Parts of one mail that are opened. A bounce has 3; a digest of bounces some dozens."""
PART_LIMIT = 1024 * 1024
"""Bytes kept of one part, after decoding. The largest reports of real life have a few hundred kilobytes."""
DECODED_LIMIT = 8 * 1024 * 1024
"""Bytes kept of all parts of a mail together."""
HEADER_LINES = 1000
"""Lines of one header that are read. Long chains of relays make 200."""
FIELD_LIMIT = 8 * 1024
"""Bytes of one header field that are kept. RFC 5322 §2.1.1 has 998 a line; long Diagnostic-Codes have 2000 in all."""

_DELIMITER = re.compile(rb"\n--([^\n]{1,256})")
_NAME = re.compile(rb"([A-Za-z][!-9;-~]{0,99})[ \t]*:")
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})
_STATUS = frozenset({"message/delivery-status", "message/global-delivery-status"})
_READABLE = re.compile(
    r"text/(?!rfc822-headers)|message/(?:global-)?delivery-status|preamble|application/(?:.*gzip|.*json)"
)

Fields = dict[str, list[str]]
"""Header fields: name in lower case → values, unfolded and decoded, in order."""


class Part(Struct, frozen=True):
    """One part that is no container."""

    kind: str
    """Media type in lower case, or "preamble" for what stands before the first boundary."""
    charset: str
    body: bytes
    """Without its transfer encoding; at most PART_LIMIT bytes."""

    @property
    def text(self) -> str:
        """The body as text, by the charset that fits."""
        return charset_text(self.body, self.charset)


class Mail(Struct, frozen=True):
    """One mail: the outermost, or one that lies in it and is not the original that a report returns."""

    fields: Fields
    nested: bool
    parts: tuple[Part, ...]


class _Open(Struct):
    """A multipart that is not closed yet."""

    boundary: bytes
    mail: int
    level: int
    returns: bool
    """A mail in here is the one that the report returns."""


class _Leaf(Struct):
    """A part whose end was not seen yet."""

    kind: str
    fields: Fields
    start: int
    mail: int
    level: int


def mails(raw: bytes) -> tuple[tuple[Mail, ...], tuple[str, ...]]:
    """Take a mail apart: the mails in it, outermost first, and in words what was left unread. Never raises."""
    walk = _Walk()
    walk.read(raw)
    found = tuple(
        Mail(fields, number > 0, tuple(part for mail, part in walk.parts if mail == number))
        for number, fields in enumerate(walk.mails)
    )
    return found, walk.cut(len(raw))


def header(raw: bytes, start: int = 0) -> tuple[Fields, int]:
    """Read header fields from ``start`` on, and tell where the body begins. Lines end with LF."""
    fields: Fields = {}
    for name, value in _fields(raw, start, at := [start]):
        fields.setdefault(name, []).append(encoded_words(value))
    return fields, at[0]


def _fields(raw: bytes, start: int, at: list[int]) -> Iterator[tuple[str, str]]:
    """Yield name and unfolded value of each field; ``at[0]`` becomes the start of the body."""
    name, value = "", bytearray()
    for _ in range(HEADER_LINES):
        end = raw.find(b"\n", at[0])
        end = len(raw) if end < 0 else end
        line = raw[at[0] : min(end, at[0] + FIELD_LIMIT)]
        begins = _NAME.match(line)
        if not (begins or (name and line[:1] in b" \t" and line.strip()) or _is_envelope(line, at[0] == start)):
            at[0] = min(end + 1, len(raw)) if not line.strip() else at[0]
            break
        if begins:
            if name:
                yield name, charset_text(bytes(value), "")
            name, value = begins[1].decode("ascii").lower(), bytearray(line[begins.end() :].strip())
        elif name:
            value += b" " + line.strip()[: max(0, FIELD_LIMIT - len(value))]
        at[0] = min(end + 1, len(raw))
    else:
        blank = raw.find(b"\n\n", at[0])
        at[0] = len(raw) if blank < 0 else blank + 2
    if name:
        yield name, charset_text(bytes(value), "")


def _is_envelope(line: bytes, first: bool) -> bool:
    """An mbox's "From " line before the header."""
    return first and line.lstrip(b">").startswith(b"From ")


def first(fields: Fields, name: str) -> str:
    """The first value of a field, "" when it is missing."""
    return (fields.get(name) or [""])[0]


def media(fields: Fields) -> str:
    """Media type in lower case; text/plain where none is given (RFC 2045 §5.2)."""
    kind = first(fields, "content-type").split(";")[0].strip().lower()
    return kind if "/" in kind else "text/plain"


class _Walk(Struct):
    """The walk through one mail."""

    mails: list[Fields] = field(default_factory=list)
    parts: list[tuple[int, Part]] = field(default_factory=list)
    raw: bytes = b""
    open: list[_Open] = field(default_factory=list)
    boundaries: tuple[bytes, ...] = ()
    leaf: _Leaf | None = None
    packed: deque[tuple[bytes, int]] = field(default_factory=deque)
    opened: int = 0
    kept: int = 0
    deep: int = 0
    more: int = 0
    shortened: int = 0

    def read(self, raw: bytes) -> None:
        """Walk through the mail, then through the mails that lay in it encoded."""
        self.packed.append((raw[:MAIL_LIMIT], 0))
        while self.packed:
            inside, level = self.packed.popleft()
            self._walk(lines_unified(inside).lstrip(b"\n \t"), level)

    def _walk(self, raw: bytes, level: int) -> None:
        self.raw, self.open, self.leaf = raw, [], None
        self.mails.append({})
        self._enter(0, len(self.mails) - 1, level, begins_mail=True)
        self.boundaries = tuple(opened.boundary for opened in self.open)
        for found in _DELIMITER.finditer(raw):
            if found[1].startswith(self.boundaries):
                self._at(found[1].rstrip(), found.start(), found.end() + 1)
        self._leave(len(raw))

    def _at(self, line: bytes, before: int, behind: int) -> None:
        """Open or close what this line delimits; most lines that begin with hyphens delimit nothing."""
        place = self._place(line)
        if place is not None:
            self._leave(before)
            del self.open[place + 1 :]
            self._next(behind, self.open[place])
        elif line.endswith(b"--") and (place := self._place(line[:-2])) is not None:
            self._leave(before)
            del self.open[place:]
        self.boundaries = tuple(opened.boundary for opened in self.open)

    def _place(self, boundary: bytes) -> int | None:
        """Where in the row of open multiparts this boundary stands, the innermost first."""
        for place in range(len(self.open) - 1, -1, -1):
            if self.open[place].boundary == boundary:
                return place
        return None

    def _next(self, start: int, parent: _Open) -> None:
        self.opened += 1
        if self.opened > PARTS:
            self.more += 1
        else:
            self._enter(start, parent.mail, parent.level)

    def _enter(self, start: int, mail: int, level: int, *, begins_mail: bool = False) -> None:
        """Read the header at ``start`` and wait for the end of what it describes."""
        while True:
            fields, start = header(self.raw, start)
            if begins_mail:
                self.mails[mail] = fields
            kind = media(fields)
            if kind.startswith("multipart/"):
                self._open_multipart(kind, fields, start, mail, level)
                return
            if kind not in _MESSAGES or _encoding(fields) in {"base64", "quoted-printable"}:
                self._leaf(_Leaf(kind, fields, start, mail, level))
                return
            if self._returns():
                return
            if level >= DEPTH:
                self.deep += 1
                return
            self.mails.append({})
            mail, level, begins_mail = len(self.mails) - 1, level + 1, True

    def _returns(self) -> bool:
        return bool(self.open) and self.open[-1].returns

    def _open_multipart(self, kind: str, fields: Fields, start: int, mail: int, level: int) -> None:
        boundary = parameter(fields["content-type"][0], "boundary").rstrip().encode("utf-8", "replace")
        if level >= DEPTH:
            self.deep += 1
            return
        if boundary:
            self.open.append(_Open(boundary, mail, level + 1, kind == "multipart/report"))
        self.leaf = _Leaf("preamble", {}, start, mail, level)

    def _leaf(self, leaf: _Leaf) -> None:
        self.leaf = leaf
        if leaf.kind in _STATUS and self.open:
            self.open[-1].returns = True

    def _leave(self, end: int) -> None:
        """Keep the part that ends here, if it is one that we read."""
        leaf, self.leaf = self.leaf, None
        if leaf is None:
            return
        name = _file_name(leaf.fields)
        if leaf.kind in _MESSAGES or name.endswith(".eml"):
            if not self._returns() and leaf.level < DEPTH:
                self.packed.append((self._body(leaf, end), leaf.level + 1))
        elif _READABLE.match(leaf.kind) or name.endswith((".json", ".json.gz")):
            charset = parameter(first(leaf.fields, "content-type"), "charset")
            self.parts.append((leaf.mail, Part(leaf.kind, charset, self._body(leaf, end))))

    def _body(self, leaf: _Leaf, end: int) -> bytes:
        room = min(PART_LIMIT, DECODED_LIMIT - self.kept)
        body, left = unencoded(self.raw, leaf.start, max(leaf.start, end), _encoding(leaf.fields), room)
        self.kept += len(body)
        self.shortened += left
        return body

    def cut(self, size: int) -> tuple[str, ...]:
        """Say what was left unread."""
        deep = (f"what lies deeper than {DEPTH} levels",) if self.deep else ()
        counts = {
            "bytes of the mail": size - MAIL_LIMIT,
            "more parts": self.more,
            "bytes of long parts": self.shortened,
        }
        return deep + tuple(counted(count, what) for what, count in counts.items() if count > 0)


def counted(count: int, what: str) -> str:
    """A number with its thousands apart, and what it counts."""
    return f"{count:,} {what}".replace(",", " ")


def _encoding(fields: Fields) -> str:
    return first(fields, "content-transfer-encoding").strip().lower()


def _file_name(fields: Fields) -> str:
    """The name of an attachment, in lower case."""
    named = parameter(first(fields, "content-disposition"), "filename") or parameter(
        first(fields, "content-type"), "name"
    )
    return named.lower()
