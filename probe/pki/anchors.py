"""Trust anchors, and what OpenSSL says of a list of certificates against them.

    anchors = mozilla() + from_path(Path("company-ca.pem"))
    verdict([leaf, intermediate], anchors, at)      # Verdict(number=0, depth=0, text="ok")

Nothing is parsed before somebody asks: by_subject reads subjects alone, and a store that OpenSSL verifies against holds
no more than the anchors that the list could lead to, as of the moment of judging.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TypeVar

from msgspec import Struct, field
from OpenSSL import crypto

from probe.model import Certificate, Store, Verdict
from probe.pki import files
from probe.pki.pool import Pool

Answer = TypeVar("Answer")

SYSTEM_PATHS = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch, Gentoo
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/var/lib/ca-certificates/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, OpenBSD, FreeBSD, Alpine
    "/usr/local/share/certs/ca-root-nss.crt",  # FreeBSD's ca_root_nss
    "/usr/local/etc/ssl/cert.pem",  # FreeBSD
    "/etc/openssl/certs",  # NetBSD
    "/etc/certs/ca-certificates.crt",  # illumos, Solaris
    "/opt/homebrew/etc/ca-certificates/cert.pem",  # Homebrew
    "/usr/local/etc/ca-certificates/cert.pem",  # Homebrew on Intel
    "/etc/ssl/certs",
)
"""Where systems keep the store that their programs trust; the first that holds certificates is taken."""

UNSPECIFIED = 1
"""X509_V_ERR_UNSPECIFIED (openssl/x509_vfy.h): here it says that OpenSSL could not be asked."""

_STORES_KEPT = 64
"""A store holds the few anchors that a list is about, as of one moment; a sweep needs one for each CA and second."""

_LOADED_KEPT = 1024
"""Certificates as OpenSSL objects, a few KiB each: the anchors and the intermediates that come again and again."""


class Anchors(Struct, frozen=True, eq=False, dict=True):
    """What we were told to trust, and by which collections."""

    stores: tuple[Store, ...] = ()
    pool: Pool = field(default_factory=Pool)

    def __add__(self, other: Anchors) -> Anchors:
        return Anchors(self.stores + other.stores, self.pool + other.pool)

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate in self.pool

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """All anchors, parsed."""
        return self.pool.certificates

    def by_subject(self, key: bytes, /) -> tuple[Certificate, ...]:
        """The anchors whose subject has this Name.key."""
        return self.pool.by_subject(key)

    def store_of(self, certificate: Certificate) -> str | None:
        """The name of the store that holds this anchor."""
        return self.pool.origin(certificate.sha256) or None


def named(word: str) -> Anchors:
    """What ``--trust`` says: "mozilla", "system", "none", or a file or folder; raises ValueError with a sentence."""
    match word:
        case "mozilla":
            return mozilla()
        case "system":
            return system()
        case "none":
            return none()
        case _:
            return from_path(Path(word))


@cache
def mozilla() -> Anchors:
    """Mozilla's roots as certifi packs them; raises ValueError where the package holds none.

    A distribution may have turned certifi to the store of the system (Debian has); then that file is named.
    """
    version, where = _certifi()
    if where is None:
        import certifi

        return from_path(Path(certifi.where()))
    return _anchors(f"certifi {version}", _release_day(version), files.read(where))


def _certifi() -> tuple[str, Path | None]:
    """Version and file of certifi as it is published; it would import much for the sake of packages in ZIP files."""
    found = PathFinder.find_spec("certifi")
    begin, core = (
        Path(found.origin if found and found.origin else "").with_name(n) for n in ("__init__.py", "core.py")
    )
    try:
        version = re.search(r'__version__ = "(.+)"', begin.read_text(encoding="utf-8"))
        own = "cacert.pem" in core.read_text(encoding="utf-8") and version
    except (OSError, ValueError):
        own = None
    return (own[1], begin.with_name("cacert.pem")) if own else ("", None)


def _release_day(version: str) -> str | None:
    """The date in a version such as "2026.10.18" or "2024.2.2"."""
    found = re.match(r"(\d{4})\.(\d{1,2})\.(\d{1,2})", version)
    return "-".join(part.zfill(2) for part in found.groups()) if found else None


@cache
def system() -> Anchors:
    """The store of this computer, named by its path; raises ValueError with advice where none is found."""
    for path in _system_paths():
        try:
            return from_path(path)
        except ValueError:
            continue
    raise ValueError(
        "No trust store of this system was found. Say --trust mozilla, or --trust with the path of a file or folder."
    )


def _system_paths() -> list[Path]:
    """What the environment and Python's own OpenSSL name (ssl.get_default_verify_paths), then the usual places."""
    import ssl  # it loads the system's OpenSSL beside ours

    own = ssl.get_default_verify_paths()
    return [Path(path) for path in (own.cafile, os.environ.get("SSL_CERT_DIR"), *SYSTEM_PATHS, own.capath) if path]


def from_path(path: Path) -> Anchors:
    """The certificates of a file or of all files in a folder; raises ValueError with a sentence."""
    found = files.read(path)
    return _anchors(str(path), files.newest(found), found)


def _anchors(name: str, date: str | None, found: Sequence[files.CertificateFile]) -> Anchors:
    pool = Pool({der: name for file in found for der in file.ders})
    return Anchors((Store(name, date, len(pool)),), pool)


def none() -> Anchors:
    """Trust nobody."""
    return Anchors()


def of(certificates: Iterable[Certificate], name: str, date: str | None = None) -> Anchors:
    """Anchors from certificates at hand."""
    pool = Pool({certificate.der: name for certificate in certificates})
    return Anchors((Store(name, date, len(pool)),), pool)


def verdict(presented: Sequence[Certificate], anchors: Anchors | Sequence[Certificate], at: datetime) -> Verdict:
    """Ask OpenSSL about ``presented[0]`` as of ``at``, with the others as untrusted helpers; never raises.

    That is X509_verify_cert with X509_V_FLAG_PARTIAL_CHAIN, so that an anchor need not be self-signed; it sets no
    purpose and no security level. Number 0 is acceptance, UNSPECIFIED means that OpenSSL cannot read a certificate.
    A naive ``at`` is taken for UTC. OpenSSL skips anchors of a whole collection that it cannot read.
    """
    return _asked(presented, anchors, at, lambda context: context.verify_certificate())[0]


def route(presented: Sequence[Certificate], anchors: Anchors, at: datetime) -> tuple[Verdict, tuple[bytes, ...]]:
    """Ask OpenSSL, as ``verdict`` does, and which chain it settles on: DER, leaf first; () where it accepts none.

    Each certificate of that chain was found to be signed by the next (crypto/x509/x509_vfy.c, internal_verify).
    """
    return _asked(presented, anchors, at, _chain)


def _chain(context: crypto.X509StoreContext) -> tuple[bytes, ...]:
    return tuple(crypto.dump_certificate(crypto.FILETYPE_ASN1, one) for one in context.get_verified_chain())


def _asked(
    presented: Sequence[Certificate],
    anchors: Anchors | Sequence[Certificate],
    at: datetime,
    ask: Callable[[crypto.X509StoreContext], Answer],
) -> tuple[Verdict, Answer | tuple[()]]:
    if not presented:
        return Verdict(UNSPECIFIED, 0, "OpenSSL could not be asked: there is no certificate"), ()
    try:
        leaf, *others = [_read(one.der, n, f"certificate #{n + 1}") for n, one in enumerate(presented)]
        if isinstance(anchors, Anchors):
            store = _store(_concerned(presented, anchors.pool), _utc(at))
        else:
            _ = [_read(one.der, len(presented), "the trust anchor") for one in anchors]
            store = _store(tuple(one.der for one in anchors), _utc(at))
        return Verdict(0, 0, "ok"), ask(crypto.X509StoreContext(store, leaf, others))
    except crypto.X509StoreContextError as error:
        return Verdict(*error.errors), ()
    except _UnreadableError as error:
        return Verdict(UNSPECIFIED, error.depth, f"OpenSSL could not be asked: it cannot read {error}"), ()
    finally:
        _forget_errors()


class _UnreadableError(ValueError):
    """OpenSSL cannot read a certificate, so that it cannot be asked."""

    def __init__(self, what: str, depth: int) -> None:
        super().__init__(what)
        self.depth = depth


def _read(der: bytes, depth: int, what: str) -> crypto.X509:
    try:
        return _loaded(der)
    except crypto.Error as error:
        reasons = ", ".join(dict.fromkeys(reason for *_, reason in error.args[0])) or "no reason given"
        raise _UnreadableError(f"{what} ({reasons})", depth) from error


@lru_cache(maxsize=_LOADED_KEPT)
def _loaded(der: bytes) -> crypto.X509:
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der)


def _concerned(presented: Sequence[Certificate], pool: Pool) -> tuple[bytes, ...]:
    """The anchors that OpenSSL would look at: it asks the store for the names that stand in the list, and no others.

    It ends a chain at the first anchor (X509_V_FLAG_PARTIAL_CHAIN; crypto/x509/x509_vfy.c, build_chain). Where we could
    not read a certificate, it may know a name in it, so that all of them are given.
    """
    if any(one.problem for one in presented):
        return tuple(pool.found)
    names = dict.fromkeys(name.key for one in presented for name in (one.subject, one.issuer))
    return tuple(der for name in names for der in pool.named(name))


@lru_cache(maxsize=_STORES_KEPT)
def _store(anchors: tuple[bytes, ...], at: datetime) -> crypto.X509Store:
    """A store of those that OpenSSL can read; shared by threads, for nothing changes it any more."""
    loaded = []
    for der in anchors:
        with suppress(crypto.Error):
            loaded.append(_loaded(der))
    return _store_of(loaded, at)


def _store_of(anchors: Iterable[crypto.X509], at: datetime) -> crypto.X509Store:
    """A store has one moment for ever: a second set_time has no effect (crypto/x509/x509_vpm.c keeps a time set)."""
    store = crypto.X509Store()
    for anchor in anchors:
        store.add_cert(anchor)
    store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    store.set_time(at)
    return store


def _utc(at: datetime) -> datetime:
    """The same moment as set_time wants it: it reads year to second and ignores the zone."""
    with suppress(OverflowError):  # within a day of the years 1 and 9999
        return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at
    return at.replace(tzinfo=None)


def _forget_errors() -> None:
    """Empty OpenSSL's error queue, which pyOpenSSL does where it raises an Error.

    A failed signature leaves entries there, and the next Error in this thread would list them as its own reasons.
    """
    with suppress(crypto.Error):
        crypto.load_certificate(crypto.FILETYPE_ASN1, b"")
