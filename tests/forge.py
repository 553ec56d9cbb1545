"""Forged certificates with fixed dates, for every test that needs one.

``certificate(subject="CN=x", names=("x",), digest="md5")`` makes one with the usual dates around ``NOW``;
``chain(2)`` gives a good chain, leaf first, root last; ``CAST`` holds the actors of the demo's scenes on that day.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from probe.demo import forge
from probe.demo.cast import NAME, Cast, cast
from probe.demo.forge import Forged
from probe.demo.scenes import FIXTURE_DAY

__all__ = ["CAST", "NAME", "NOW", "Forged", "certificate", "chain"]

NOW = FIXTURE_DAY
"""The day of all fixtures."""
CAST: Cast = cast(NOW)


def certificate(**changes: Any) -> Forged:
    """Make a self-signed leaf of ``NAME``, valid from 30 days before NOW for 90 days, with these changes."""
    dates = {"not_before": NOW - timedelta(days=30), "not_after": NOW + timedelta(days=60)}
    return forge.certificate(**{"subject": f"CN={NAME}", "key": "leaf", "names": (NAME,), **dates, **changes})


def chain(intermediates: int = 1, **leaf: Any) -> tuple[Forged, ...]:
    """Give a good chain, leaf first and root last; at most three intermediates, so that every key differs."""
    signer, signed = CAST.root, [CAST.root]
    for number, key in enumerate(("issuing", "issuing-2", "issuing-3")[:intermediates], start=1):
        signer = CAST.authority(f"Example I{number}", key, signer)
        signed.append(signer)
    return (CAST.leaf(signer, **leaf), *reversed(signed))
