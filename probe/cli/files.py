"""Files that we write and read on behalf of the command line.

A file is written beside its place and moved there whole, so nobody ever reads half of one. Where the name is a symbolic
link, the file behind it is replaced and the link stays, for servers link their certificate files. Without ``force`` or
``backup`` nothing that exists is touched, be it a link that leads nowhere; with them only a file that holds what we
write ourselves, certificates in PEM or saved observations: a private key has many forms, and a probe has none to put
back. A file that is kept beside the new one may hold words as well, and the very key that the new one holds.

What holds a key is readable by its owner alone before its first byte is written, and by nobody else afterwards, unless
the file that it replaces held that key and was open to a group.
"""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from probe.pki.layout import Key, blocks, key_of
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
_PARAMETERS = re.compile(rb"-----BEGIN EC PARAMETERS-----[A-Za-z0-9+/=\s]*-----END EC PARAMETERS-----")
"""The name of the curve, which ``openssl ecparam -genkey`` writes before a key that says it again."""
MODE = 0o644
"""Certificates are public, and servers read them as users of their own."""
KEY_MODE = 0o600
DATED = ".%Y%m%d%H%M%S"
"""Behind the name of an old file that is kept, as the recipes have it."""


class Overwriting(Struct, frozen=True):
    """What may be done with a file that exists."""

    force: bool = False
    backup: bool = False
    """It is replaced, and stays beside the new one under a dated name."""
    key: Key | None = None
    """The private key in what is written."""


NOTHING = Overwriting()
"""What exists is not touched."""


def refuse_place(path: Path, how: Overwriting = NOTHING) -> None:
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
    if not (how.force or how.backup):
        raise ValueError(f"{shown} exists already. Say --force to overwrite it, or choose another name.")
    if real.exists() and not real.is_file():
        raise ValueError(f"{shown} is no regular file. Choose another name.")
    if _is_output(real):
        raise ValueError(f"{shown} is where our own output goes. Choose another name.")
    content = _content(real)
    if _is_ours(content):
        return
    anew = _is_made_anew(content, how.key)
    if anew and not how.backup:
        raise ValueError(
            f"{shown} holds more than certificates, and perhaps a private key. Say --backup: the old file is then kept."
        )
    if not anew:
        raise ValueError(
            f"{shown} holds something else than certificates in PEM or what --save wrote, and perhaps a private key: "
            "it is not overwritten, even with --force.\n"
            "Choose another name, then put the certificates behind the key yourself; or name that very key by --key, "
            "choose a --layout that holds it, and keep the old file by --backup."
        )


def write(path: Path, content: str | bytes, how: Overwriting = NOTHING) -> Path | None:
    """Write ``content`` whole and durable, and return where the old file is kept if it is.

    A new file has mode 0644, or 0600 with a key in it; an old one keeps owner and mode, save that nobody is let in who
    could not read the key before. Raises ValueError with a sentence when that cannot be.
    """
    refuse_place(path, how)
    octets = content if isinstance(content, bytes) else content.encode("ascii", "backslashreplace")
    try:
        return _write_beside(_real(path), octets, how)
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


def _content(path: Path) -> bytes | None:
    """What stands there, at most a byte too much; None where there is no way to know."""
    try:
        with path.open("rb") as stream:
            return stream.read(OURS_LIMIT + 1)
    except FileNotFoundError:
        return b""  # a link that leads nowhere
    except OSError:
        return None


def _is_ours(content: bytes | None) -> bool:
    """Nothing, saved observations, or PEM certificates and nothing else."""
    if content is None:
        return False
    if not content.strip() or (SAVED in content[:200] and b"PRIVATE" not in content):
        return True
    rest = _CERTIFICATE.sub(b"", content)
    return len(content) <= OURS_LIMIT and rest != content and _REMARKS.fullmatch(rest) is not None


def _is_made_anew(content: bytes | None, key: Key | None) -> bool:
    """Of what a server reads there, the new file has all: certificates, and no key but this, whatever its encoding.

    Words beside them are read by nobody, and stay in the old file.
    """
    if content is None or len(content) > OURS_LIMIT:
        return False
    rest, own = _CERTIFICATE.sub(b"", _PARAMETERS.sub(b"", content)), blocks(content)
    for block in own:
        rest = rest.replace(block, b"")
    return rest != content and b"-----BEGIN" not in rest and (not own or (key is not None and _holds(key, content)))


def _holds(key: Key, content: bytes) -> bool:
    try:
        return key_of(content).spki == key.spki
    except ValueError:
        return False


def _dress(handle: int, place: Path, key: Key | None) -> None:
    """Owner and mode of the file that is replaced, as far as we may; a new one can be read by everybody, a key not."""
    try:
        old = place.stat()
    except OSError:
        os.fchmod(handle, KEY_MODE if key else MODE)
        return
    try:
        os.fchown(handle, old.st_uid, old.st_gid)
    except PermissionError:
        shared = False
    else:
        shared = key is not None and _holds(key, _content(place) or b"")
    os.fchmod(handle, old.st_mode & (0o7777 if not key else 0o7770 if shared else KEY_MODE))


def _write_beside(place: Path, content: bytes, how: Overwriting) -> Path | None:
    """Temporary file in the same folder, fsync, then rename, or link where nothing may be overwritten.

    It is made with mode 0600. The old file that is kept is no copy but the file itself, under one more name.
    """
    handle, name = tempfile.mkstemp(prefix=f".{place.name[:40]}.", dir=place.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            _dress(stream.fileno(), place, how.key)
            os.fsync(stream.fileno())
        if how.backup and place.exists():
            return _exchange(name, place)
        if how.force or how.backup:
            os.replace(name, place)  # noqa: PTH105 -- stands beside os.link, which pathlib hides the order of
        else:
            os.link(name, place)  # the one way to create a name that fails where it exists
        return None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 -- as above


def _exchange(name: str, place: Path) -> Path:
    """Put the new file in place of the old one, which stays beside it; with a key in it for its owner alone."""
    kept = place.with_name(place.name + datetime.now(UTC).astimezone().strftime(DATED))
    try:
        os.link(place, kept)
    except FileExistsError:
        raise ValueError(f"{clean(str(kept))} exists already: wait a second.") from None
    try:
        os.replace(name, place)  # noqa: PTH105 -- as above
    except OSError:
        kept.unlink()
        raise
    if blocks(_content(kept) or b""):
        kept.chmod(kept.stat().st_mode & KEY_MODE)
    return kept
