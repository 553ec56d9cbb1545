"""A scene is a picture of a chain, the findings that it deserves, and the sentence that decides."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from probe.demo.cast import NAME, Act, Cast

ROOT, R3 = "Example Root X1", "Example R3"
PATH = (NAME, R3, ROOT)
"""Labels of the usual path, leaf first, anchor last."""


class Scene(Struct, frozen=True):
    """One presented list; the certificates are made when ``act`` is called with the cast of a day."""

    id: str
    story: str
    """Who signed whom, and what is sent: "root → R3 → mx, sent as mx"."""
    act: Callable[[Cast], Act]
    quote: str
    """The sentence of a standard or of a source that decides, and where it stands."""
    findings: tuple[str, ...] = ()
    """Ids that must be found: structure, trust, time, name, profile."""
    silent: tuple[str, ...] = ()
    """Ids of rules that apply here and must not speak."""
    path: tuple[str, ...] = PATH
    """Labels of the path that is to be claimed."""
    verdict: int = 0
    """X509_V_ERR number that OpenSSL gives for the readable certificates in the order sent; 0 = accepted."""
    confidence: str | None = None
    """Of the first finding, where it is not "is"."""
    cure: str | None = None
    """What mends it, where a better list of the certificates at hand does not."""
