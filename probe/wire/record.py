"""What happened when, in one conversation: its lines, and how long each stage took."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from probe.model import Alert, Exchange, Stage

_NAMES = {stage: stage.value for stage in Stage}
"""An enumeration's own ``value`` takes ten times as long to tell."""


class Record:
    """Notes of one connection. ``ms`` is now, in milliseconds since the beginning; ``entered`` when the stage began."""

    def __init__(self, ms: float, timing: Mapping[str, float] | None = None) -> None:
        self.at(ms)
        self.entered = ms
        self._said: list[tuple[float, str, str]] = []
        self._timing = dict(timing or {})

    def at(self, ms: float) -> None:
        """It is so late now."""
        self.ms = ms
        self._stamp = int(ms * 1000 + 0.5) / 1000  # as round(), in a fifth of its time

    @property
    def latest(self) -> float:
        """When something was said last, else when the stage began."""
        return self._said[-1][0] if self._said else self.entered

    @property
    def kept(self) -> dict[str, Any]:
        """What an Observation keeps of it, by field name."""
        transcript = tuple([Exchange(*said) for said in self._said])
        return {"timing_ms": dict(self._timing), "transcript": transcript}

    def note(self, sender: str, line: str) -> None:
        """Note what "server" or "client" said."""
        self._said.append((self._stamp, sender, line))

    def note_lines(self, sender: str, lines: Iterable[str]) -> None:
        """Note what came at once."""
        stamp = self._stamp
        self._said += [(stamp, sender, line) for line in lines]

    def note_list(self, sender: str, presented: Collection[bytes] | None) -> None:
        """Note that certificates came, or none."""
        count = len(presented or ())
        self.note(sender, f"<TLS: {count or 'no'} certificate{'' if count == 1 else 's'}>")

    def note_alerts(self, alerts: Iterable[Alert], other: str, own: str) -> None:
        """Note the alerts that the other side sent, and ours."""
        for alert in alerts:
            self.note(other if alert.received else own, f"<TLS: alert {alert.number}>")

    def leave(self, stage: Stage) -> None:
        """The stage is over, and the next one begins."""
        self._timing[_NAMES[stage]] = int((self.ms - self.entered) * 1000 + 0.5) / 1000
        self.entered = self.ms
