"""A terminal and a clock, for what moves on a screen."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        """As a terminal does."""
        return True


class Clock:
    """Seconds that pass when they are told to."""

    now = 0.0

    def __call__(self) -> float:
        """What time.monotonic does."""
        return self.now
