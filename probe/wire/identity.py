"""What we present when a server asks for our certificate: a list of certificates, and the key of the first."""

from __future__ import annotations

from dataclasses import field

from probe.values import dataclass


@dataclass(frozen=True, slots=True)
class Identity:
    """The certificates go out in this order, nothing added and nothing left out; the key never leaves the process."""

    chain: tuple[bytes, ...]
    """DER, the client's own certificate first."""
    key: bytes = field(repr=False)
    """PEM, without a passphrase."""
    name: str = "FILE"
    """The file that they came from."""
