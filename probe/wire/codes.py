"""Packed error codes of OpenSSL and its forks, as arithmetic alone; what the numbers mean is in ``catalogue.numbers``.

    era          bits of library, function, reason       140943F2 / 0A000418 / 1404B42E / 10000410
    before 3.0   8, 12, 12                               20, 148, 1010
    3.0, later   bit 31 = errno of the system; else 8, 0, 23     20, none, 1048
    LibreSSL     as before 3.0; the function is a state  20, 75 (ST_CONNECT), 1070
    BoringSSL    8, unused, 12; its own library numbers  16, none, 1040

Sources: ``include/openssl/err.h`` of 1.1.1 and 3.0 (ERR_PACK, ERR_SYSTEM_FLAG, ERR_RFLAG_COMMON), of LibreSSL and of
BoringSSL. A reason of the SSL library from 1000 on is an alert that the other side sent (``ssl.h``,
SSL_AD_REASON_OFFSET). A code never goes to the running library: that would read it by its own era.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from msgspec import Struct

SYSTEM = 2
"""ERR_LIB_SYS: its reason is an errno, in every era."""
COMMON = 1 << 19
"""ERR_RFLAG_COMMON of 3.0 and later: a reason that all libraries share, such as "internal error"."""
FATAL = 1 << 18
"""ERR_RFLAG_FATAL of 3.0 and later."""

_ALERT = 1000
_ALERTS = range(_ALERT, _ALERT + 256)
_SYSTEM_BIT = 1 << 31
_NO_FUNCTION = 0xFFF
_ERRNO = 4096
"""Above the errno of any system."""


class Era(StrEnum):
    """Who laid a code out; the values are the keys of ``catalogue.numbers``."""

    PRE_3 = "pre-3.0"
    SINCE_3 = "3.x"
    LIBRESSL = "libressl"
    BORINGSSL = "boringssl"

    @property
    def label(self) -> str:
        """For people."""
        return _LABEL[self]

    @property
    def ssl(self) -> int:
        """The number of the SSL library."""
        return 16 if self is Era.BORINGSSL else 20


_LABEL: Mapping[Era, str] = {
    Era.PRE_3: "OpenSSL before 3.0",
    Era.SINCE_3: "OpenSSL 3.0 and later",
    Era.LIBRESSL: "LibreSSL",
    Era.BORINGSSL: "BoringSSL",
}


class Packed(Struct, frozen=True):
    """A code, taken apart by the rules of one era."""

    code: str
    """Eight upper-case hexadecimal digits, as OpenSSL prints them."""
    era: Era
    library: int
    function: int | None
    """The handshake state for LibreSSL's SSL library; None where the era has none."""
    reason: int
    """3.0 and later: with the flags COMMON and FATAL, where set."""
    errno: int | None
    """For the system library: the operating system's error number."""
    alert: int | None
    """For the SSL library: the alert that the other side sent."""

    @property
    def shared(self) -> int | None:
        """The number of a reason that all libraries share, without flags; None for a library's own reason."""
        if self.library == SYSTEM:
            return None
        if self.era is Era.SINCE_3:
            return self.reason & (FATAL - 1) if self.reason & COMMON else None
        return self.reason if self.reason < 100 else None


def unpack(code: int, era: Era) -> Packed:
    """Take a code apart by the rules of an era; of a larger number the low 32 bits count."""
    code &= 0xFFFFFFFF
    library, function, reason = _fields(code, era)
    errno = reason if library == SYSTEM else None
    alert = reason - _ALERT if library == era.ssl and reason in _ALERTS else None
    return Packed(f"{code:08X}", era, library, function, reason, errno, alert)


def pack(era: Era, library: int, function: int | None, reason: int) -> int:
    """Put a code together by the rules of an era: the reverse of ``unpack``."""
    if era is Era.SINCE_3:
        return _SYSTEM_BIT | reason if library == SYSTEM else library << 23 | reason
    return library << 24 | (function or 0) << 12 | reason


def _fields(code: int, era: Era) -> tuple[int, int | None, int]:
    if era is Era.SINCE_3:
        return (SYSTEM, None, code ^ _SYSTEM_BIT) if code & _SYSTEM_BIT else (code >> 23, None, code & 0x7FFFFF)
    return code >> 24, None if era is Era.BORINGSSL else code >> 12 & 0xFFF, code & 0xFFF


def eras(code: int, library_text: str = "", function_text: str = "") -> tuple[Era, ...]:
    """Who may have laid this code out, most likely first; empty where no era makes such a number.

    The texts are those printed behind the code, where it was printed with texts; what they prove leaves one era.
    """
    if era := _spoken(function_text):
        return (era,)
    worth = {era: likely(unpack(code, era)) for era, likely in _LIKELY.items()}
    found = sorted((era for era in worth if worth[era]), key=lambda era: -worth[era])
    told = [era for era in found if _of_library(unpack(code, era), library_text)]
    return tuple(told or found)


_STATE = re.compile(
    r"(?:CONNECT_C|ACCEPT_S)[RW]_|ST_(?:BEFORE|ACCEPT|CONNECT|OK|RENEGOTIATE)\b|DTLS1_ST_|.*(?:SSL|CRYPTO)_internal$"
)


def _spoken(function_text: str) -> Era | None:
    """Name the era that prints such a function, where one alone does."""
    if function_text == "OPENSSL_internal":
        return Era.BORINGSSL
    return Era.LIBRESSL if _STATE.match(function_text) else None


def _of_library(packed: Packed, text: str) -> bool:
    """Whether a printed library fits, for the two that matter; any other text says nothing here."""
    words = text.replace("_", " ").split()
    if words[:2] == ["SSL", "routines"]:
        return packed.library == packed.era.ssl
    return packed.library == SYSTEM or words[:2] != ["system", "library"]


def _likely_old(packed: Packed) -> int:
    """Functions count from 100; only the system library has smaller ones, and an empty queue prints 00000000."""
    function = packed.function or 0
    if packed.library == packed.era.ssl and (100 <= function < 0x300 or not function):
        return 5 if function else 1
    if packed.library == SYSTEM:
        return 3 if function < 100 else 0
    return 2 if 100 <= function < 0x200 and 2 < packed.library < 64 else int(packed.library == function == 0)


def _likely_new(packed: Packed) -> int:
    low = packed.reason & (FATAL - 1)
    flags = packed.reason ^ low
    if packed.errno is not None:
        return 4 if packed.code[0] == "8" and packed.errno < _ERRNO else 0
    if not 2 < packed.library < 64 and packed.library != 128:
        return 0
    if flags:
        plausible = flags in {COMMON, COMMON | FATAL} and (low < 64 or 256 <= low < 300)
        return 3 * plausible + (packed.library == packed.era.ssl and plausible)
    usual = 100 <= low < (_ALERTS.stop if packed.library == packed.era.ssl else 500)
    return (4 if packed.library == packed.era.ssl else 2) if usual else 0


def _likely_libressl(packed: Packed) -> int:
    function = packed.function or 0
    if function == _NO_FUNCTION and SYSTEM <= packed.library < 64:
        return 4
    return 4 if packed.library == packed.era.ssl and 1 <= function <= 86 else 0


def _likely_boringssl(packed: Packed) -> int:
    if packed.code[2:5] != "000" or not packed.reason:
        return 0
    return 4 if packed.library == packed.era.ssl else int(SYSTEM < packed.library < 35 and packed.reason < 300)


_LIKELY: Mapping[Era, Callable[[Packed], int]] = {
    Era.SINCE_3: _likely_new,
    Era.PRE_3: _likely_old,
    Era.LIBRESSL: _likely_libressl,
    Era.BORINGSSL: _likely_boringssl,
}
"""Era → how well a code fits it, 0 for not at all; equals stand in this order."""
