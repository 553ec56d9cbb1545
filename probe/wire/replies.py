"""Replies of mail servers: bytes in, :class:`~probe.model.Reply` out.

SMTP and LMTP (RFC 5321 §4.2):

    Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    Reply-code = %x32-35 %x30-35 %x30-39

    250-mx.example greets you
    250 STARTTLS

What a reply of another protocol looks like is told by its :class:`Form`. All are more lenient than the grammars where
real servers need it: a bare LF ends a line, an SMTP code is any three digits, text is any byte (UTF-8 where it is
UTF-8, else Latin-1), and of differing codes in one SMTP reply the last counts, as for Postfix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from probe.model import Reply, Trouble

LINE_LIMIT = 8 * 1024
"""Bytes of one line, literals included. RFC 5321 §4.5.3.1.5 allows 512; the longest EHLO and CAPABILITY lines that
real servers send are near 2 KiB."""

REPLY_LIMIT = 64 * 1024
"""Bytes of one reply. The longest honest greetings (terms of use, a picture in letters) stay below 10 KiB."""

LINES_LIMIT = 500
"""Lines of one reply. An EHLO reply has at most some thirty."""

QUOTED = 200
"""Bytes of unwanted input that we quote: enough to recognise the speaker."""

_CONTROL = re.compile(rb"[^\t\r -\xff]")
_LITERAL = re.compile(rb"\{([0-9]{1,9})\+?\}\r?\Z")
_LITERAL_LENGTH = len(b"{123456789+}\r")
_USUAL = re.compile(rb"(?:[0-9]{3}-[\t -~]*\r?\n)*(?!000)[0-9]{3}(?: [\t -~]*)?\r?\n")
"""A whole SMTP reply, as nearly all are: printable ASCII, and all of it here; 000 is no code (RFC 5321 §4.2)."""


class Form(Struct, frozen=True):
    """What a reply looks like, line by line: IMAP's differ by what was asked, and so do POP3's."""

    first: re.Pattern[str]
    """Its first line."""
    more: re.Pattern[str]
    """The lines behind it."""
    last: re.Pattern[str]
    """The line that ends it, be it the first."""
    literals: re.Pattern[bytes] | None = None
    """Beginnings of lines that go on behind a literal, ``{5}`` CRLF and five bytes (RFC 9051 §4.3, RFC 5804 §1.2)."""


_CODED = re.compile(r"[0-9]{3}(?:[ -].*)?", re.DOTALL)
CODED = Form(_CODED, _CODED, re.compile(r"[0-9]{3}(?: .*)?", re.DOTALL))
"""SMTP and LMTP."""


class BadReply(Exception):  # noqa: N818 - it is named for what arrived, and never leaves this package
    """What arrived is no reply, or too much of one. ``text`` quotes its beginning."""

    def __init__(self, trouble: Trouble, text: str) -> None:
        super().__init__(text)
        self.trouble = trouble
        self.text = text


class Replies:
    """Cuts a byte stream into replies, wherever the network cut it into packets. ``form`` is that of the next one."""

    def __init__(self, form: Form = CODED) -> None:
        self.form = form
        self._buffer = bytearray()
        self._begun: list[str] = []
        self._size = 0
        self.unheard: list[str] = []
        """Lines for ``heard``."""

    @property
    def rest(self) -> bytes:
        """What no line was made of yet: behind the last reply handed out, or the beginning of a line."""
        return bytes(self._buffer)

    def heard(self) -> list[str]:
        """Give the whole lines read since the last call, finished reply or not, for a transcript."""
        heard, self.unheard = self.unheard, []
        return heard

    def feed(self, data: bytes) -> Iterator[Reply]:
        """Store the bytes, then give the finished replies one by one; between two of them ``rest`` is what follows.

        The iterator raises :class:`BadReply` where the stream is no reply (UNREADABLE) or above a limit (OVERSIZE).
        """
        self._buffer += data
        return iter(self._next, None)

    def _next(self) -> Reply | None:
        if not self._buffer:
            return None
        if self.form is CODED and not self._begun and (found := _USUAL.match(self._buffer, 0, LINE_LIMIT)):
            lines = found[0].decode().splitlines()
            if len(lines) <= LINES_LIMIT:
                del self._buffer[: found.end()]
                self.unheard += lines
                return Reply(int(lines[-1][:3]), tuple([line[4:] for line in lines]))
        return self._by_lines()

    def _by_lines(self) -> Reply | None:
        """A reply line by line, as far as it has come: ten times slower, and it would give the same."""
        while (end := self._end()) >= 0:
            line = bytes(self._buffer[:end])
            self._limit(len(line))
            del self._buffer[: end + 1]
            if reply := self._line(line):
                return reply
        self._limit(len(self._buffer))
        if not self._begun and _CONTROL.search(self._buffer[:4]):
            raise BadReply(Trouble.UNREADABLE, quoted(self.rest))
        return None

    def _end(self) -> int:
        """Where the line ends that the buffer begins with, behind all its literals; -1 when that has not come yet."""
        begin, end = 0, self._buffer.find(b"\n")
        while end >= 0 and (literal := self._literal(begin, end)):
            begin = end + 1 + int(literal[1])
            self._limit(begin)
            end = self._buffer.find(b"\n", begin)
        return end

    def _literal(self, begin: int, end: int) -> re.Match[bytes] | None:
        """The announcement of a literal with which this part of a line ends."""
        if self.form.literals is None or not self.form.literals.match(self._buffer):
            return None
        return _LITERAL.search(self._buffer, max(begin, end - _LITERAL_LENGTH), end)

    def _line(self, raw: bytes) -> Reply | None:
        line = decoded(raw.rstrip(b"\r"))
        match = (self.form.more if self._begun else self.form.first).fullmatch(line)
        if not match:
            self._buffer[:0] = raw + b"\n"
            raise BadReply(Trouble.UNREADABLE, quoted(raw))
        self.unheard += re.split(r"\r?\n", line)
        self._begun.append(line)
        self._size += len(raw)
        return self._finish() if self.form.last.fullmatch(line) else None

    def _finish(self) -> Reply:
        lines, self._begun, self._size = tuple(self._begun), [], 0
        code = int(lines[-1][:3]) if self.form is CODED else 0
        return Reply(code, tuple([line[4:] for line in lines]) if code else lines)

    def _limit(self, line: int) -> None:
        if line > LINE_LIMIT or self._size + line > REPLY_LIMIT or len(self._begun) >= LINES_LIMIT:
            raise BadReply(Trouble.OVERSIZE, quoted(self.rest))


def decoded(raw: bytes) -> str:
    """Text of any bytes: UTF-8 (RFC 6531) where it is UTF-8, else Latin-1; never fails, never gives a surrogate."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def quoted(raw: bytes) -> str:
    """Bytes that were not understood, for people: text as it is, else hexadecimal."""
    head = raw[:QUOTED]
    if _CONTROL.search(head.replace(b"\n", b"")):
        return f"<{len(raw)} bytes that are no text: {head[:16].hex(' ')}>"
    return decoded(head).rstrip("\r\n")
