"""Files that we write and read on behalf of the command line.

A file is written beside its place and moved there whole, so nobody ever reads half of one. Where the name is a symbolic
link, the file behind it is replaced and the link stays, for servers link their certificate files. Without ``force``
nothing that exists is touched, be it a link that leads nowhere; with it only a file that holds what we write
ourselves, certificates in PEM or saved observations: a private key has many forms, and a probe has none to put back.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path

from probe.render.clean import clean

LONGEST_NAME = 255
"""Bytes of a file's name (NAME_MAX of Linux)."""
SAVED_LIMIT = 64 << 20
"""Bytes of a file of observations: one is near 20 KiB, so this holds thousands."""
OURS_LIMIT = 4 << 20
"""Bytes of a file of certificates that we would overwrite; a chain has ten KiB."""
SAVED = b"smtp-chaincheck/observation/"
"""Stands at the beginning of what --save wrote."""
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]*-----END CERTIFICATE-----")
_REMARKS = re.compile(rb"(?:[ \t\r]*(?:#[^\n]*)?(?:\n|\Z))*")
"""What may stand between certificates: nothing, or lines that begin with "#". A key in any other dress is neither."""
MODE = 0o644
"""Certificates are public, and servers read them as users of their own."""


def refuse_place(path: Path, *, force: bool) -> None:
    """Raise ValueError with a sentence when nothing may be written there."""
    shown = clean(str(path))
    real = _real(path)
    if len(os.fsencode(path.name)) > LONGEST_NAME:
        raise ValueError(f"{shown} cannot be written: its name is too long.")
    if not os.path.isdir(real.parent):  # noqa: PTH112 -- pathlib's raises on a name that is too long
        raise ValueError(f"{shown} cannot be written: there is no folder {clean(str(real.parent))}.")
    if real.is_dir():
        raise ValueError(f"{shown} is a folder. Name a file in it.")
    if not os.path.lexists(path):
        return
    if not force:
        raise ValueError(f"{shown} exists already. Say --force to overwrite it, or choose another name.")
    if real.exists() and not real.is_file():
        raise ValueError(f"{shown} is no regular file. Choose another name.")
    if _is_output(real):
        raise ValueError(f"{shown} is where our own output goes. Choose another name.")
    if not _is_ours(real):
        raise ValueError(
            f"{shown} holds something else than certificates in PEM or what --save wrote, and perhaps a private key: "
            "it is not overwritten, even with --force.\n"
            "Choose another name, then put the certificates behind the key yourself."
        )


def write(path: Path, content: str, *, force: bool) -> None:
    """Write ``content`` whole and durable; a new file has mode 0644, an old one keeps owner and mode.

    Raises ValueError with a sentence when that cannot be.
    """
    refuse_place(path, force=force)
    try:
        _write_beside(_real(path), content.encode("ascii", "backslashreplace"), force=force)
    except FileExistsError:
        raise ValueError(f"{clean(str(path))} exists already. Say --force to overwrite it.") from None
    except OSError as problem:
        raise ValueError(f"{clean(str(path))} cannot be written: {problem.strerror}.") from None


def read(path: Path, limit: int = SAVED_LIMIT) -> str:
    """Read a text file. Raises ValueError with a sentence when it cannot be read, is too long, or is no UTF-8."""
    shown = clean(str(path))
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as problem:
        raise ValueError(f"{shown} cannot be read: {problem.strerror}.") from None
    if len(content) > limit:
        raise ValueError(f"{shown} is larger than {limit >> 20} MiB; a file that --save wrote is not.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{shown} is no text; --from reads what --save wrote.") from None


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _is_output(path: Path) -> bool:
    """Stdout or stderr leads to this very file."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(descriptor)):
                return True
    return False


def _is_ours(path: Path) -> bool:
    """Empty, saved observations, or PEM certificates and nothing else; where there is no way to know, no."""
    try:
        with path.open("rb") as stream:
            content = stream.read(OURS_LIMIT + 1)
    except FileNotFoundError:
        return True  # a link that leads nowhere
    except OSError:
        return False
    if not content.strip() or (SAVED in content[:200] and b"PRIVATE" not in content):
        return True
    rest = _CERTIFICATE.sub(b"", content)
    return len(content) <= OURS_LIMIT and rest != content and _REMARKS.fullmatch(rest) is not None


def _dress(handle: int, place: Path) -> None:
    """Owner and mode of the file that is replaced, as far as we may; a new one can be read by everybody."""
    try:
        old = place.stat()
    except OSError:
        os.fchmod(handle, MODE)
        return
    with suppress(PermissionError):
        os.fchown(handle, old.st_uid, old.st_gid)
    os.fchmod(handle, old.st_mode & 0o7777)


def _write_beside(place: Path, content: bytes, *, force: bool) -> None:
    """Temporary file in the same folder, fsync, then rename, or link where nothing may be overwritten."""
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            _dress(stream.fileno(), place)
            os.fsync(stream.fileno())
        if force:
            os.replace(name, place)  # noqa: PTH105 -- stands beside os.link, which pathlib hides the order of
        else:
            os.link(name, place)  # the one way to create a name that fails where it exists
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 -- as above
