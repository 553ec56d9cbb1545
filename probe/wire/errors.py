"""OpenSSL's error queue as text and numbers.

A packed code of OpenSSL 3 and later is 8 bits of library and 23 bits of reason, with bit 31 for errors of the operating
system (``include/openssl/err.h``, ERR_PACK). A reason of the SSL library (20) from 1000 on is an alert that the other
side sent (``include/openssl/ssl.h``, SSL_AD_REASON_OFFSET).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

SSL_LIBRARY = 20
ALERT_OFFSET = 1000

_SYSTEM = 1 << 31
_REASON_BITS = 23
_REASON = (1 << _REASON_BITS) - 1
_COMMON = 1 << 19
"""ERR_RFLAG_COMMON: a reason that all libraries share, such as "ASN1 lib": it only points to the error before it."""


def text(queue: Iterable[tuple[str, str, str]]) -> str:
    """The reasons of an error queue (library, function, reason), first error first, as OpenSSL words them."""
    return "; ".join(reason or library for library, _function, reason in queue if reason or library)


def symptoms(queue: Sequence[int]) -> tuple[str, ...]:
    """The numbers of an error queue (packed codes, first error first): "reason:N", or "alert:N" for a received alert.

    The SSL library's own reasons are what the field quotes. When it has none to add, the first error of another library
    stands for all; errors of the operating system have no number here.
    """
    codes = [(code >> _REASON_BITS, code & _REASON) for code in queue if not code & _SYSTEM]
    own = [reason for library, reason in codes if library == SSL_LIBRARY and not reason & _COMMON]
    return tuple(dict.fromkeys(_symptom(reason) for reason in own or [reason for _, reason in codes[:1]]))


def _symptom(reason: int) -> str:
    return f"alert:{reason - ALERT_OFFSET}" if reason >= ALERT_OFFSET else f"reason:{reason}"
