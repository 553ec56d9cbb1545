"""Certificates from the user's files and folders, and the words for what cannot be read."""

from __future__ import annotations

import stat
from contextlib import suppress
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from probe.pki.der import BIT_STRING, SEQUENCE, DerError, children, element
from probe.pki.pem import certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_BYTES = 32 << 20
"""Most bytes of one file: all 2,200 TLS intermediates of the public Internet are 4.5 MB of PEM."""
FOLDER_FILES = 20_000
"""Most files of a folder: Debian's /etc/ssl/certs has 300, a folder of all public intermediates 2,200."""
FOLDER_BYTES = 64 << 20
"""Most bytes of all files of a folder together."""
_RENDERED = "PEM, DER or PKCS#7"


class CertificateFile(Struct, frozen=True):
    """One file that was read."""

    path: Path
    ders: tuple[bytes, ...]
    modified: float
    """Seconds since the epoch."""


def read(path: Path) -> tuple[CertificateFile, ...]:
    """Read a file with certificates, or a folder of such files (its subfolders and other files are passed over).

    Raises ValueError with a sentence when nothing can be had from there.
    """
    try:
        return _folder(path) if path.is_dir() else (_file(path),)
    except (OSError, ValueError) as error:
        raise ValueError(_sentence(path, error)) from error


def newest(files: tuple[CertificateFile, ...]) -> str:
    """The day, YYYY-MM-DD in UTC, on which the youngest of the files was written."""
    return datetime.fromtimestamp(max(file.modified for file in files), UTC).strftime("%Y-%m-%d")


class _FileError(ValueError):
    """A file that is of no use; the text is the end of a sentence that begins with its path."""


def _file(path: Path) -> CertificateFile:
    """Read one path whatever it is, a pipe of the user's shell included."""
    with path.open("rb") as stream:
        content = stream.read(FILE_BYTES + 1)
        modified = path.stat().st_mtime
    if len(content) > FILE_BYTES:
        raise _FileError(f"is larger than {FILE_BYTES >> 20} MiB; a file of certificates is not")
    found = tuple(filter(_has_its_parts, certificates(content)))
    if not found:
        raise _FileError(f"holds no certificate; {_RENDERED} can be read")
    return CertificateFile(path, found, modified)


def _has_its_parts(der: bytes) -> bool:
    """Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signature } (RFC 5280 §4.1), no look inside."""
    try:
        _, _, start, stop, _ = element(der, 0, len(der))
        return [part[0] for part in children(der, start, stop)][:3] == [SEQUENCE, SEQUENCE, BIT_STRING]
    except DerError:
        return False


def _folder(path: Path) -> tuple[CertificateFile, ...]:
    sizes = {entry: size for entry in sorted(path.iterdir()) if (size := _size(entry)) <= FILE_BYTES}
    if len(sizes) > FOLDER_FILES or sum(sizes.values()) > FOLDER_BYTES:
        raise _FileError(f"holds more than {FOLDER_FILES} files or {FOLDER_BYTES >> 20} MiB, which is no trust store")
    found = tuple(file for entry in sizes for file in _certificates_of(entry))
    if not found:
        raise _FileError(f"has no readable file with a certificate in it; {_RENDERED} can be read")
    return found


def _size(entry: Path) -> float:
    """Bytes of a regular file; anything else is infinitely large, for opening a pipe would keep us waiting."""
    try:
        status = entry.stat()
    except OSError:
        return inf  # a dangling link
    return status.st_size if stat.S_ISREG(status.st_mode) else inf


def _certificates_of(entry: Path) -> Iterator[CertificateFile]:
    with suppress(OSError, ValueError):  # a key, a README, a file that is root's: folders hold those too
        yield _file(entry)


def _sentence(path: Path, error: OSError | ValueError) -> str:
    if isinstance(error, _FileError):
        return f"{path} {error}."
    reason = getattr(error, "strerror", None) or str(error)
    return f"{path} cannot be read: {reason}."
