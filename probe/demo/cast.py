"""The usual actors of a chain: a root, what it signed, two roots that nobody trusts, and a mail server.

All dates are relative to one moment that is passed in, so the demo plays now and the fixtures play on a fixed day.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

from probe.demo.forge import Forged, certificate

NAME = "mx.example.test"
"""The mail server's name; RFC 6761 §6.2 keeps ``.test`` out of the real DNS."""


class Act(Struct, frozen=True):
    """What a peer has in hand: the list as presented, its trust anchors, and the issuers known from elsewhere."""

    sent: tuple[Forged, ...]
    anchors: tuple[Forged, ...]
    pool: tuple[Forged, ...] = ()

    @property
    def key(self) -> str:
        """Name of the server's own key: that of the first certificate that is no CA's."""
        return next((certificate.key for certificate in self.sent if not certificate.ca), "leaf")


class Cast(Struct, frozen=True):
    """The actors on one day: Example Root X1 → Example R3 → mx.example.test, and others."""

    now: datetime
    root: Forged
    old_root: Forged
    """Another root, trusted or not as the scene wants it; it signs nothing by itself."""
    strange_root: Forged
    """A root that nobody trusts."""
    r3: Forged
    """The intermediate that signed ``mx``."""
    mx: Forged

    def leaf(self, issuer: Forged | None = None, **changes: Any) -> Forged:
        """Make a certificate of the mail server, by R3 unless told, valid from 30 days ago for 90 days."""
        usual = {"subject": f"CN={NAME}", "key": "leaf", "names": (NAME,), "issuer": issuer or self.r3}
        return certificate(**{**usual, **self.days(-30, 60), **changes})

    def self_signed(self, **changes: Any) -> Forged:
        """Make a certificate of the mail server that it signed itself."""
        return certificate(subject=f"CN={NAME}", key="leaf", names=(NAME,), **{**self.days(-30, 60), **changes})

    def authority(self, name: str, key: str, issuer: Forged | None = None, **changes: Any) -> Forged:
        """Make the certificate of a CA, self-signed unless told, valid from a year ago for five years."""
        usual = {"subject": f"CN={name},O=Example", "key": key, "issuer": issuer, "ca": True}
        return certificate(**{**usual, **self.days(-365, 1460), **changes})

    def days(self, start: float, end: float) -> dict[str, Any]:
        """Give the validity from ``start`` to ``end``, in days from now."""
        return {"not_before": self.now + timedelta(days=start), "not_after": self.now + timedelta(days=end)}

    def act(self, *sent: Forged, pool: tuple[Forged, ...] = ()) -> Act:
        """Present this list to somebody who trusts Example Root X1."""
        return Act(sent, (self.root,), pool)


@lru_cache(maxsize=4)
def cast(now: datetime) -> Cast:
    """Engage the actors for one moment (UTC, whole seconds)."""
    dates: dict[str, Any] = {"not_before": now - timedelta(days=3650), "not_after": now + timedelta(days=5475)}
    root = certificate(subject="CN=Example Root X1,O=Example", key="root", ca=True, **dates)
    old = certificate(subject="CN=Example Old Root,O=Example", key="old-root", ca=True, **dates)
    strange = certificate(subject="CN=Strange Root,O=Strange", key="strange-root", ca=True, **dates)
    extra = Cast(now, root, old, strange, root, root)
    r3 = extra.authority("Example R3", "issuing", root)
    return Cast(now, root, old, strange, r3, extra.leaf(r3))
