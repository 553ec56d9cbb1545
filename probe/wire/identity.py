"""What we present when a server asks for our certificate: a list of certificates, and the key of the first."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True):
    """The certificates go out in this order, nothing added and nothing left out; the key never leaves the process."""

    chain: tuple[bytes, ...]
    """DER, the client's own certificate first."""
    key: bytes
    """PEM, without a passphrase."""
    name: str = "FILE"
    """The file that they came from."""

    def __repr__(self) -> str:
        """Without the key."""
        return f"Identity(chain={self.chain!r}, name={self.name!r})"
