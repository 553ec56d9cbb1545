"""The file that results go to, be it of lines or a database: opened by one sweep at a time, and nothing else is harmed.

What is wrong is a clause that follows the name of the file: "exists already and holds results: …".
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress

MODE = 0o644
STREAMS = (stat.S_IFREG, stat.S_IFIFO, stat.S_IFCHR)
"""What can be written from its beginning to its end; nothing else is opened."""
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""File systems without locks say one of these."""
FOREIGN = "holds something else than results of a sweep, and is left alone: choose another name"
EXISTS = "exists already and holds results: --resume goes on with them, --force begins anew"


class KeepingError(OSError):
    """Results cannot be written any more; ``errno`` says why, the text is a clause. What was written before is kept."""

    def __init__(self, problem: OSError, kept: str = "What was written before is kept, and --resume goes on") -> None:
        super().__init__(problem.errno or errno.EIO, f"cannot be written any more: {problem.strerror}. {kept}")

    def __str__(self) -> str:
        return str(self.strerror)


def opened(path: str) -> int:
    """Open a file, a pipe or a device for appending; a file is locked for us alone. Raises ValueError with a clause."""
    refuse(path)
    fresh = os.O_RDWR | os.O_CREAT if is_file(path) or not os.path.lexists(path) else os.O_WRONLY | os.O_NONBLOCK
    try:
        handle = os.open(path, fresh | os.O_APPEND | os.O_CLOEXEC | os.O_NOCTTY, MODE)
    except OSError as problem:
        raise ValueError(f"cannot be written: {problem.strerror}") from None
    try:
        _take(handle)
    except BaseException:
        os.close(handle)
        raise
    return handle


def refuse(path: str) -> None:
    """Raise ValueError with a clause where no file of results can be."""
    if not path or "\0" in path:
        raise ValueError("is no name of a file")
    if os.path.isdir(path):  # noqa: PTH112 -- pathlib's raises on a name that is too long
        raise ValueError("is a folder: name a file in it")
    if os.path.islink(path) and not os.path.exists(path):  # noqa: PTH110, PTH114 -- likewise
        raise ValueError("is a link that leads nowhere")


def is_file(path: str) -> bool:
    """It exists and is a regular file, or leads to one."""
    return os.path.isfile(path)  # noqa: PTH113 -- as above


def _take(handle: int) -> None:
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind not in STREAMS:
        raise ValueError("is neither a file nor a pipe")
    if kind != stat.S_IFREG:
        os.set_blocking(handle, True)
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError("is being written by another sweep") from None
    except OSError as problem:
        if problem.errno not in NO_LOCKS:
            raise ValueError(f"cannot be locked: {problem.strerror}") from None


def still_there(handle: int) -> os.stat_result:
    """Raise OSError where the open file has no name any more: what is written into it is lost."""
    found = os.fstat(handle)
    if not found.st_nlink:
        raise OSError(errno.ENOENT, "somebody has removed it")
    return found


def sync(handle: int) -> None:
    """Wait until what was written is on the disk; a pipe has none. Raises OSError."""
    try:
        os.fsync(handle)
    except OSError as problem:
        if problem.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EROFS}:
            raise


def cut(handle: int, size: int) -> None:
    """Take back what stands behind ``size`` bytes, where it is a file."""
    with suppress(OSError):
        os.ftruncate(handle, size)
