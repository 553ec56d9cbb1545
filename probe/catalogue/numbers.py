"""What the numbers in error messages mean, version by version.

Reason numbers were used again: 20/101 was "bad alert record" until 1.0.2 and is "no suitable key share" since 1.1.1.
So every answer says in which versions it holds. Eras are the keys "pre-3.0", "3.x", "libressl" and "boringssl".
"""

from __future__ import annotations

import re

from probe.catalogue import tables
from probe.catalogue.tables import (
    BORINGSSL,
    LIBRESSL,
    NEW,
    OLD,
    Alert,
    Function,
    Library,
    Named,
    Reason,
    Verify,
    plain,
    squeezed,
)

__all__ = [
    "BORINGSSL",
    "LIBRESSL",
    "NEW",
    "OLD",
    "Alert",
    "Function",
    "Library",
    "Named",
    "Reason",
    "Verify",
    "alert",
    "alert_by_name",
    "errno",
    "errno_by_text",
    "functions",
    "gnutls",
    "hresult",
    "libraries_by_text",
    "library",
    "nss",
    "plain",
    "reasons",
    "reasons_by_name",
    "reasons_by_text",
    "shared",
    "squeezed",
    "verify",
    "verify_by_name",
    "verify_by_text",
]


_KEPT = range(65, 69)
"""Of the shared reasons before 3.0, from "malloc failure" to "internal error", those that BoringSSL kept."""


def library(era: str, number: int) -> Library | None:
    """Return the library of that number; LibreSSL kept OpenSSL's."""
    return tables.libraries().get((OLD if era == LIBRESSL else era, number))


def libraries_by_text(text: str) -> tuple[Library, ...]:
    """Return the libraries, of all eras, that are printed so."""
    return tables.library_texts().get(plain(text), ())


def functions(library: int, number: int, era: str = OLD) -> tuple[Function, ...]:
    """Return the functions that had this number before 3.0, oldest first; for LibreSSL's SSL library the state."""
    if era == LIBRESSL and library == tables.SSL[era]:
        text = tables.states().get(number)
        return (Function(library, number, text, ("LibreSSL",)),) if text else ()
    return tables.functions().get((library, number), ()) if era in {OLD, LIBRESSL} else ()


def reasons(era: str, library: int, number: int) -> tuple[Reason, ...]:
    """Return the library's own reasons that had this number in this era, oldest first."""
    if era == LIBRESSL and library != tables.SSL[era]:
        return tuple(row for row in reasons(OLD, library, number) if tables.FORK in row.versions)
    return tables.reasons().get((era, library, number), ())


def shared(era: str, number: int) -> tuple[Reason, ...]:
    """Return the reasons that all libraries share, by their number without flags."""
    if era == BORINGSSL and number not in _KEPT:
        return ()
    return tables.reasons().get((NEW if era == NEW else OLD, 0, number), ())


def reasons_by_text(text: str) -> tuple[Reason, ...]:
    """Return all reasons that were ever printed so; case, blanks, hyphens and underscores do not matter."""
    return tables.reason_texts().get(plain(text), ())


def reasons_by_name(name: str) -> tuple[Reason, ...]:
    """Return all reasons of that constant: "SSL_R_WRONG_VERSION_NUMBER", or without SSL_R_."""
    return tables.reason_names().get(re.sub(r"^[A-Z0-9]+_R_", "", name.upper()), ())


def alert(number: int) -> Alert | None:
    """Return the alert of that number."""
    return tables.alerts().get(number)


def alert_by_name(text: str) -> Alert | None:
    """Return the alert of that name ("unknown_ca", "UnknownCA", "unknown CA") or OpenSSL wording."""
    return tables.alert_names().get(squeezed(text))


def verify(number: int) -> tuple[Verify, ...]:
    """Return the meanings of an X509_V number, newest first: 24 changed in 3.0."""
    return tables.verdict_numbers().get(number, ())


def verify_by_name(name: str) -> tuple[Verify, ...]:
    """Return what bears this name, newest first: "X509_V_ERR_CERT_HAS_EXPIRED", or without X509_V_ERR_."""
    return tables.verdict_names().get(name.upper().removeprefix("X509_V_").removeprefix("ERR_"), ())


def verify_by_text(text: str) -> tuple[Verify, ...]:
    """Return what was ever printed so, newest first; case, blanks and hyphens do not matter."""
    return tables.verdict_texts().get(plain(text), ())


def gnutls(key: int | str) -> Named | None:
    """Return GnuTLS's error by number (-12) or name ("GNUTLS_E_FATAL_ALERT_RECEIVED")."""
    return tables.gnutls().get(key)


def nss(key: int | str) -> Named | None:
    """Return NSS's error by number (-8172) or name ("SEC_ERROR_UNTRUSTED_ISSUER")."""
    return tables.nss().get(key)


def hresult(key: int | str) -> Named | None:
    """Return the error of Windows by number (0x80090325, or the same as a negative one) or name."""
    return tables.hresults().get(key & 0xFFFFFFFF if isinstance(key, int) else key)


def status(code: str) -> str:
    """Return what an enhanced status code says: its class, its subject and, where it is known, its detail."""
    kind, subject, detail = code.split(".")
    known = tables.statuses()
    parts = (f"x.{subject}.{detail}", f"x.{subject}", f"{kind}.x.x")
    said = [known[part] for part in parts if part in known]
    return "; ".join(said[:1] + said[-1:] if parts[0] in known else said)


def errno(key: int | str) -> Named | None:
    """Return the error of Linux by number or name; other systems count differently from 35 on."""
    return tables.errnos().get(key)


def errno_by_text(text: str) -> Named | None:
    """Return the error of Linux whose text it is, whatever the writer's system calls it by number."""
    return tables.errnos().get(plain(text))
