"""Certificates known from elsewhere, found by their subject.

    pool = from_paths([Path("intermediates/")])
    pool.by_subject(child.issuer.key)           # candidates; who really signed is the path builder's question

A pool may hold all 2,200 intermediates of the public Internet, of which one probe needs two. So a pool is a set of DER
encodings, in which the first few questions are searched for a word of the name. Only for more of them there is an
index; it reads no more than each subject. A certificate is parsed when somebody asks for it.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from hashlib import sha256
from pathlib import Path

from msgspec import Struct, field

from probe.model import Certificate
from probe.pki import distinguished, files
from probe.pki.certificate import parse
from probe.pki.der import UTF8_STRING, DerError, children, element, scan

FEW = 32
"""Names that are searched for before all subjects are read: a look asks for some six."""
_SMALL = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())


class Pool(Struct, frozen=True, eq=False, dict=True):
    """Distinct certificates in the order in which they were found."""

    found: Mapping[bytes, str] = field(default_factory=dict)
    """DER → where it came from (the path of the file), in order."""

    def __add__(self, other: Pool) -> Pool:
        """Both; what is in both keeps its first origin and place."""
        new = {der: origin for der, origin in other.found.items() if der not in self.found}
        return Pool({**self.found, **new})

    def __contains__(self, certificate: Certificate) -> bool:
        return certificate.der in self.found

    def __len__(self) -> int:
        return len(self.found)

    @cached_property
    def certificates(self) -> tuple[Certificate, ...]:
        """All of them, parsed; those that are no certificates at all are left out."""
        return _readable(self.found)

    def by_subject(self, key: bytes, /) -> tuple[Certificate, ...]:
        """The certificates whose subject has this Name.key; never those with an empty subject."""
        return _readable(self.named(key)) if key else ()

    def named(self, key: bytes, /) -> Sequence[bytes]:
        """The same as DER, readable or not; those whose subject is empty, or cannot be read, have the key b""."""
        if len(self._asked) >= FEW:
            return self._index.get(key, ())
        if key not in self._asked:
            word = _word(key)
            alike = (der for der, small in zip(self.found, self._small, strict=True) if word in small)
            self._asked[key] = tuple(der for der in alike if _subject_key(der) == key)
        return self._asked[key]

    def origin(self, digest: str) -> str:
        """Where the certificate with this SHA-256 (hex) came from; "" when it is not in the pool."""
        return self.origins.get(digest, "")

    @cached_property
    def origins(self) -> Mapping[str, str]:
        """SHA-256 (hex) → where the certificate came from; nothing is parsed for it."""
        return {sha256(der).hexdigest(): origin for der, origin in self.found.items()}

    @cached_property
    def _asked(self) -> dict[bytes, tuple[bytes, ...]]:
        return {}

    @cached_property
    def _small(self) -> tuple[bytes, ...]:
        """Each certificate so that ASCII words in it are in small letters, and without zeros between (BMPString)."""
        return tuple(der.translate(_SMALL, b"\0") for der in self.found)

    @cached_property
    def _index(self) -> dict[bytes, list[bytes]]:
        index: dict[bytes, list[bytes]] = {}
        for der in self.found:
            index.setdefault(_subject_key(der), []).append(der)
        return index


def from_paths(paths: Iterable[Path]) -> Pool:
    """Read files and folders with PEM, DER or PKCS#7; raises ValueError with a sentence for one that gives nothing."""
    found: dict[bytes, str] = {}
    for path in paths:
        for file in files.read(path):
            for der in file.ders:
                found.setdefault(der, str(file.path))
    return Pool(found)


def _readable(ders: Iterable[bytes]) -> tuple[Certificate, ...]:
    return tuple(certificate for certificate in map(parse, ders) if certificate.problem is None)


_SUBJECTS = 4096
"""Subjects remembered: those of a whole pool, which every sum with another pool indexes anew."""
_SUBJECT = 4
"""Behind the version: serialNumber, signature, issuer, validity, subject (RFC 5280 §4.1)."""


@lru_cache(maxsize=_SUBJECTS)
def _subject_key(der: bytes) -> bytes:
    """Name.key of the subject without reading the rest; empty where there is no subject."""
    try:
        _, _, start, stop, _ = element(der, 0, len(der))
        _, _, start, stop, _ = element(der, start, stop)
        fields = children(der, start, stop)
        subject = fields[_SUBJECT + (fields[0][0] == 0xA0)]
    except (DerError, IndexError):
        return b""
    return distinguished.name(der[subject[1] : subject[4]])[0].key


def _word(key: bytes) -> bytes:
    """Return the longest run of letters and digits in the strings of a Name.key; who has that name has it, too."""
    sets = scan(key, 0, len(key))[0]
    attributes = (one for rdn in sets for one in scan(key, rdn[2], rdn[3])[0])
    values = (one for pair in attributes for one in scan(key, pair[2], pair[3])[0] if one[0] == UTF8_STRING)
    words = (word for value in values for word in re.findall(rb"[a-z0-9]+", key[value[2] : value[3]]))
    return max(words, key=len, default=b"")
