"""OpenSSL's error queue as text and numbers."""

from __future__ import annotations

import pytest

from probe.wire.errors import symptoms, text


@pytest.mark.parametrize(
    ("queue", "numbers"),
    [
        ((), ()),
        ((0x0A00010B,), ("reason:267",)),
        ((0x0A000410,), ("alert:40",)),
        ((0x068000A8, 0x0688010D, 0x0A08000D), ("reason:168",)),
        ((0x0200008A, 0x02000072, 0x0A080004, 0x0A00007B), ("reason:123",)),
        ((0x0500007E,), ("reason:126",)),
        ((0x80000068,), ()),
        ((0x0A000152, 0x0A000152, 0x0A00018A), ("reason:338", "reason:394")),
    ],
)
def test_symptoms(queue: tuple[int, ...], numbers: tuple[str, ...]) -> None:
    """The SSL library's own reasons, else the first of another; alerts from 1000 on; nothing for the system."""
    assert numbers == symptoms(queue)


def test_text() -> None:
    """First error first, as OpenSSL words it."""
    queue = [("asn1 encoding routines", "", "wrong tag"), ("SSL routines", "", ""), ("", "", "")]
    assert text(queue) == "wrong tag; SSL routines"
