"""Intermediates that verified once, kept for the next host of the same CA: one file each, in a folder of ours.

    Cache(folder_of(os.environ)).signers(parse(leaf))     # certificates whose key made the leaf's signature

A file is named by the digest of what is in it. It is written whole and moved to its place, so that several processes
may do it at once. Whatever else lies in the folder, and whatever the disk refuses, is no error: the network is asked
instead. What is read back is believed no more than what a server sends: it counts where its key made a signature.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from itertools import islice
from pathlib import Path

from msgspec import Struct

from probe.model import Certificate
from probe.pki.certificate import parse
from probe.pki.pool import Pool
from probe.pki.signature import signed_by

COUNT = 200
"""Certificates that are kept, the latest used ones; all public CAs together issue from some hundreds."""
LARGEST = 16 << 10
"""Bytes of one; an intermediate has one or two KiB."""
LOOKED_AT = 4 * COUNT
"""Entries of the folder that are looked at, whatever somebody may have put there."""
SIGNERS = 8
"""Certificates taken for one chain, as many as are fetched for one at most."""
_OURS = r"[0-9a-f]{64}\.der"
_UNFINISHED = ".new-"


def folder_of(environment: Mapping[str, str]) -> Path | None:
    """Where the cache lies (XDG Base Directory Specification); None where the user has no home."""
    named = environment.get("XDG_CACHE_HOME", "")
    base = named if os.path.isabs(named) else os.path.join(environment.get("HOME", ""), ".cache")  # noqa: PTH117, PTH118
    return Path(base, "smtp-chaincheck", "intermediates") if os.path.isabs(base) else None  # noqa: PTH117


class Cache(Struct, frozen=True):
    """A folder with certificates; nothing of it raises."""

    folder: Path

    def signers(self, certificates: Iterable[Certificate]) -> tuple[Certificate, ...]:
        """Return what is kept of their issuers, of the issuers of these, and so on; each has signed one of them."""
        kept, found = Pool(dict.fromkeys(self._ders(), "")), dict[str, Certificate]()
        queue = list(certificates)
        for child in queue:  # grows while it is read
            for issuer in kept.by_subject(child.issuer.key):
                if len(found) < SIGNERS and issuer.sha256 not in found and signed_by(child, issuer):
                    found[issuer.sha256] = issuer
                    queue.append(issuer)
        return tuple(found.values())

    def keep(self, certificates: Iterable[Certificate]) -> None:
        """Keep these as the latest used ones; what was used longest ago makes room."""
        with suppress(OSError):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for certificate in certificates:
                if len(certificate.der) <= LARGEST:
                    self._put(certificate)
            for path, _ in sorted(self._entries(), key=_age)[:-COUNT]:
                path.unlink(missing_ok=True)

    def _put(self, certificate: Certificate) -> None:
        import tempfile  # it imports as much as all of ours together

        handle, name = tempfile.mkstemp(prefix=_UNFINISHED, dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(certificate.der)
            os.replace(name, self.folder / f"{certificate.sha256}.der")  # noqa: PTH105 -- both names stand here
        finally:
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108 -- as above

    def _ders(self) -> Iterator[bytes]:
        for path, _ in self._entries():
            with suppress(OSError):
                content = _content(path)
                if sha256(content).hexdigest() == path.stem and parse(content).problem is None:
                    yield content

    def _entries(self) -> Iterator[tuple[Path, os.stat_result]]:
        """Files of ours in the folder, unfinished ones included."""
        with suppress(OSError), os.scandir(self.folder) as entries:
            for entry in islice(entries, LOOKED_AT):
                if re.fullmatch(_OURS, entry.name) or entry.name.startswith(_UNFINISHED):
                    with suppress(OSError):
                        yield Path(entry.path), entry.stat(follow_symlinks=False)


def _age(entry: tuple[Path, os.stat_result]) -> tuple[int, str]:
    return entry[1].st_mtime_ns, entry[0].name


def _content(path: Path) -> bytes:
    """The bytes of a regular file; b"" for what is none, or too large. A pipe would keep us waiting."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b""
        return stream.read(LARGEST + 1)
