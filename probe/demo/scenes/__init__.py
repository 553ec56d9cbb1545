"""The scenes of the demo and of ``fixtures/chains/``: one list of certificates each, and what must be found in it."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.demo.scenes import good, name, profile, signatures, structure, trust
from probe.demo.scenes.scene import Scene

SCENES: tuple[Scene, ...] = (
    *structure.SCENES,
    *signatures.SCENES,
    *trust.TRUST,
    *trust.TIME,
    *name.SCENES,
    *profile.SCENES,
    *good.SCENES,
)

FIXTURE_DAY = datetime(2026, 11, 1, 12, tzinfo=UTC)
"""The day on which ``scripts/forge-fixtures`` plays them; the demo plays them now."""

__all__ = ["FIXTURE_DAY", "SCENES", "Scene"]
