"""Messages as JSON: what ``explain --json`` and ``triage --json`` write, in the contract of ``json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from probe.render.json import SCHEMA, document, written
from probe.render.plain import plain

if TYPE_CHECKING:
    from probe.message import Message
    from probe.model import Report


def messages_text(
    messages: Sequence[Message], exit_code: int, *, notes: Sequence[str] = (), reports: Sequence[Report] = ()
) -> str:
    """Write one document: the messages, what could not be read, and the reports of the probes that were asked for."""
    return written(
        {
            "schema": SCHEMA,
            "exit_code": exit_code,
            "messages": [plain(message) for message in messages],
            "notes": [plain(words) for words in notes],
            "reports": [document(report) for report in reports],
        }
    )
