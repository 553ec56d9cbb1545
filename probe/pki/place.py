"""Where a file lies and who may read it: owner, mode, link and target, and the users of a mail server.

An access list (acl(5)) may let in more users than the mode does; where there is one nobody is called barred.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from probe.material import Place

LINKS = 40
"""Most links on one way (path_resolution(7))."""
READ, SEARCH = 4, 1
"""Bits of one class of a mode."""


def place_of(path: Path, users: Sequence[str] = ()) -> Place:
    """Look at a file; raises OSError where that cannot be done."""
    target = Path(os.path.realpath(path))
    status = target.stat()
    known = [user for user in users if _ids(user)]
    barred = tuple((user, bar) for user in known if (bar := _bar(path, user)))
    return Place(
        path=str(path.absolute()),
        target=str(target),
        owner=_name(pwd.getpwuid, status.st_uid),
        group=_name(grp.getgrgid, status.st_gid),
        mode=status.st_mode & 0o7777,
        barred=barred,
        unknown_users=tuple(user for user in users if user not in known),
    )


def _name(look: Callable[[int], Sequence[object]], number: int) -> str:
    try:
        return str(look(number)[0])
    except KeyError:
        return str(number)


def _ids(user: str) -> tuple[int, frozenset[int]] | None:
    """Number and groups of a user; None where this computer has no such user."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    return entry.pw_uid, frozenset(os.getgrouplist(user, entry.pw_gid))


def _bar(path: Path, user: str) -> str | None:
    """The first file or folder that keeps a user out, or None."""
    for step, wanted in dict.fromkeys(_way(path)):
        if not _lets(step, user, wanted):
            return str(step)
    return None


def _way(path: Path) -> Iterator[tuple[Path, int]]:
    """What has to be passed, link by link: every folder in which a name is looked up, and at last the file."""
    here, names, links = Path("/"), list(reversed(path.absolute().parts[1:])), LINKS
    while names:
        yield here, SEARCH
        step = here / names.pop()
        if links and step.is_symlink():
            links -= 1
            behind = step.readlink()
            names += reversed(behind.parts[1:] if behind.is_absolute() else behind.parts)
            here = Path("/") if behind.is_absolute() else here
        else:
            here = here.parent if step.name == ".." else step
    yield here, READ


def _lets(step: Path, user: str, wanted: int) -> bool:
    uid, groups = _ids(user) or (0, frozenset[int]())
    status = step.stat()
    if uid == 0 or _has_list(step):
        return True
    shift = 6 if status.st_uid == uid else 3 if status.st_gid in groups else 0
    return bool(status.st_mode >> shift & wanted)


def _has_list(step: Path) -> bool:
    try:
        return "system.posix_acl_access" in os.listxattr(step)
    except OSError:
        return False
