"""What qmail-send writes: a line a delivery, its text without blanks and line feeds.

delivery 43: deferral: TLS_connect_failed:_error:0A000418:SSL_routines::tlsv1_alert_unknown_ca;_connected_to_192.0.2.1./
"""

from __future__ import annotations

import re

_DELIVERY = re.compile(r"(?:starting )?delivery (\d{1,12}): ")
_OUTCOME = re.compile(r"delivery \d{1,12}: (?:success|failure|deferral): ")
_STAMP = re.compile(r"\d{9,10}\.\d{6} ")  # splogger's
_CONSTANT = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
"""SSL3_READ_BYTES, TLS_AES_256_GCM_SHA384: their underscores were there before."""
_FUNCTION = re.compile(r"(error:[0-9A-Fa-f]{8}:[^:/]{0,80}:)([^:/ ]{1,80})(?=:)")
_BREAK = re.compile(r"(?<![./]\.)(?<=[.)])/(?!\.)|/(?=Remote_host_said:|Giving_up_on_)|/$")
"""A "/" that was the end of a line, as against that of a path: after a sentence, before qmail's own, at the end."""
_KEPT = "\0"


def delivery(body: str) -> str | None:
    """Return "delivery 43" for the lines of that delivery."""
    found = _DELIVERY.match(body)
    return f"delivery {found[1]}" if found else None


def without_stamp(body: str) -> str:
    """Drop the second time stamp that splogger adds."""
    found = _STAMP.match(body)
    return body[found.end() :] if found else body


def unescaped(body: str) -> str:
    """Return the text of a delivery with its blanks and line feeds again; other lines as they are."""
    found = _OUTCOME.match(body)
    if not found:
        return body
    text = _BREAK.sub("\n", body[found.end() :]).rstrip("\n")
    text = _CONSTANT.sub(lambda constant: constant[0].replace("_", _KEPT), text.replace(_KEPT, "?"))
    text = _FUNCTION.sub(lambda code: code[1] + code[2].replace("_", _KEPT), text)
    return body[: found.end()] + text.replace("_", " ").replace(_KEPT, "_")
