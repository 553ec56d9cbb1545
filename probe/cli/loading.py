"""Paths of the command line → what the files hold. Nothing is followed that could keep us waiting or fill the memory.

Of a private key nothing but the public half is kept.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from probe.cli import apart
from probe.material import Block, Form, Habits, Material, Place, What
from probe.pki import blocks, pkcs12
from probe.pki.place import place_of
from probe.render.clean import clean
from probe.wire.transcript import refuse_shortened

LARGEST = 32 << 20
"""Bytes of one file: all public TLS intermediates are 4.5 MB of PEM."""
MOST = 3_000
"""Certificates and keys of one file: all public intermediates are 2,200, and a mail server presents four."""
ENTRIES = 10_000
"""Entries of a folder that are looked at; certbot's live/NAME has five."""
STDIN = "-"
PIPES = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")
"""Where a shell's <(command) lies: a pipe with somebody at its other end."""

KEYS_BESIDE = {"fullchain.pem": "privkey.pem", "cert.pem": "privkey.pem"}
"""certbot and dehydrated: the file with certificates → its key."""
WHOLE = {"cert.pem": "fullchain.pem", "chain.pem": "fullchain.pem", "ca.cer": "fullchain.cer"}
"""Half a chain → the file beside it that holds all of it."""

Password = Callable[[str], bytes]
"""Name of a file → its password; raises ValueError where there is none to be had."""


class Wish(Struct, frozen=True):
    """How to read: for which mail server, with which key and password."""

    habits: Habits | None
    key: str | None
    password: Password


def materials(names: Sequence[str], wish: Wish) -> Iterator[Material]:
    """Read every path; a folder is one of certbot, acme.sh, lego or dehydrated, a file of keys belongs to the others.

    Raises ValueError with a sentence for what cannot be read.
    """
    pairs = [pair for name in names for pair in _pairs(name, wish.key)]
    read = [(_material(name, wish), key) for name, key in pairs]
    keys = [this for this, _ in read if not this.certificates and this.keys]
    rest = [(this, key) for this, key in read if this not in keys]
    for this, key in rest or read:
        yield _with_key(this, key or (keys[0].name if len(rest) == len(keys) == 1 else None), wish)


def _pairs(name: str, key: str | None) -> Iterator[tuple[str, str | None]]:
    """The file to judge and the file of its key, for a path of either kind."""
    path = Path(name)
    if name == STDIN or not os.path.isdir(name):  # noqa: PTH112 -- pathlib's raises on a name that is too long
        beside = KEYS_BESIDE.get(path.name)
        yield name, key or (_existing(path.with_name(beside)) if beside else None)
        return
    found = list(_in_folder(path))
    if not found:
        raise ValueError(
            f"{clean(name)} is a folder, and not one of certbot, acme.sh, lego or dehydrated. Name the file that the "
            "mail server is given."
        )
    for chain, own in found:
        yield str(chain), key or own


def _in_folder(folder: Path) -> Iterator[tuple[Path, str | None]]:
    try:
        with os.scandir(folder) as entries:
            names = {entry.name for entry in islice(entries, ENTRIES)}
    except OSError as problem:
        raise ValueError(f"{clean(str(folder))} cannot be read: {problem.strerror}.") from None
    if "fullchain.pem" in names:
        yield folder / "fullchain.pem", _existing(folder / "privkey.pem")
    elif "fullchain.cer" in names:
        yield folder / "fullchain.cer", _existing(folder / f"{folder.name.removesuffix('_ecc')}.key")
    else:
        whole = {name for name in names if name.endswith(".crt") and f"{name[:-4]}.issuer.crt" in names}
        yield from ((folder / name, _existing(folder / f"{name[:-4]}.key")) for name in sorted(whole))


def _existing(path: Path) -> str | None:
    return str(path) if os.path.isfile(path) else None  # noqa: PTH113 -- as above


def _material(name: str, wish: Wish) -> Material:
    content, place = _read(name, wish)
    if pkcs12.is_pkcs12(content):
        found, certificates = _opened(name, content, wish.password)
        return Material(name, Form.PKCS12, found, certificates, place, habits=wish.habits)
    refuse_shortened(content)
    found, certificates = blocks.blocks(content)
    if not found:
        raise ValueError(f"{clean(name)} holds no certificate and no key; PEM, DER, PKCS#7 and PKCS#12 can be read.")
    if max(len(found), len(certificates)) > MOST:
        raise ValueError(
            f"{clean(name)} holds more than {MOST} certificates and keys; a mail server needs two to four."
        )
    form = blocks.form_of(content)
    return Material(name, form, found, certificates, place, habits=wish.habits, sibling=_sibling(name))


def _opened(name: str, content: bytes, password: Password) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    """What a PKCS#12 file holds; many have the empty password, and nobody is asked for that one."""
    try:
        try:
            return apart.read(content, b"")
        except ValueError as problem:
            if str(problem) != pkcs12.CLOSED:
                raise
        return apart.read(content, password(name))
    except ValueError as problem:
        raise ValueError(f"{clean(name)} {problem}.") from None


def _sibling(name: str) -> str | None:
    path = Path(name)
    whole = WHOLE.get(path.name) or (f"{path.name[:-11]}.crt" if path.name.endswith(".issuer.crt") else None)
    return _existing(path.with_name(whole)) if whole else None


def _with_key(this: Material, key: str | None, wish: Wish) -> Material:
    """The material with what the file of its key holds; one beside it counts where the file holds none itself."""
    if key is None or (wish.key is None and this.keys):
        return this
    try:
        content, place = _read(key, wish)
    except ValueError:
        if wish.key:
            raise
        return this  # a key beside the file that is not ours to read
    found = tuple(block for block in blocks.blocks(content)[0] if block.what is What.KEY)
    if wish.key and not found:
        raise ValueError(f"--key {clean(key)}: there is no private key in it.")
    return replace(this, key_name=key, key_blocks=found, key_place=place) if found else this


def _read(name: str, wish: Wish) -> tuple[bytes, Place | None]:
    """The bytes of a regular file, of standard input or of a shell's pipe, and where a file lies."""
    if not name or "\0" in name:
        raise ValueError("A file has an empty name: is a variable of your script not set?")
    try:
        if name == STDIN:
            return _bounded(name, sys.stdin.buffer.read(LARGEST + 1) if sys.stdin else b""), None
        handle = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with os.fdopen(handle, "rb") as stream:
            regular = stat.S_ISREG(os.fstat(handle).st_mode)
            if not regular and not name.startswith(PIPES):
                raise ValueError(f"{clean(name)} is no regular file; nothing is read from there.")
            os.set_blocking(handle, not regular)
            content = _bounded(name, stream.read(LARGEST + 1) or b"")
            return content, place_of(Path(name), wish.habits.users if wish.habits else ()) if regular else None
    except OSError as problem:
        raise ValueError(f"{clean(name)} cannot be read: {problem.strerror}.") from None


def _bounded(name: str, content: bytes) -> bytes:
    if len(content) > LARGEST:
        raise ValueError(f"{clean(name)} is larger than {LARGEST >> 20} MiB; a file of certificates is not.")
    return content


def password(file: str | None, descriptor: int | None) -> Password:
    """Where the password of a PKCS#12 file comes from: a file, a descriptor, or whoever sits at the terminal."""

    def ask(name: str) -> bytes:
        if file is not None or descriptor is not None:
            return _first_line(file if file is not None else descriptor or 0)
        if not sys.stdin.isatty():
            raise ValueError("needs a password: give --password-file FILE or --password-fd N")
        try:
            return getpass.getpass(f"Password of {clean(name)}: ").encode()
        except EOFError:
            raise ValueError("needs a password, and none was typed") from None

    return ask


def _first_line(source: str | int) -> bytes:
    try:
        with open(source, "rb", closefd=isinstance(source, str)) as stream:
            return stream.readline(4096).rstrip(b"\r\n")
    except (OSError, ValueError) as problem:
        why = getattr(problem, "strerror", None) or problem
        raise ValueError(f"has a password that cannot be read: {why}") from None
