"""What is said otherwise of another protocol than SMTP, of which the pages speak: ``protocols.toml``, read as data."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from probe.model import PORTS, Protocol, Tls

TABLE = Path(__file__).with_name("protocols.toml")
OF_THE_PAGES = frozenset({"", Protocol.SMTP, Protocol.SUBMISSION})
"""Of these the pages speak, so that there is nothing to look up."""


def spoken_of(protocol: str, words: str) -> str:
    """Return our own words (never the network's) as they are right for the protocol, "imap" for instance."""
    for pieces, says in _steps(protocol):
        words = pieces.sub(lambda found: says[found[0]], words)  # noqa: B023 -- called at once
    return words.replace("  ", " ").strip()


def starttls_of(protocol: str) -> str:
    """Return how openssl s_client calls the protocol behind ``-starttls``."""
    return Protocol.SMTP if protocol in OF_THE_PAGES else protocol


def named(words: Sequence[str], port: int, protocol: Protocol, tls: Tls) -> tuple[str, ...]:
    """Return the options of a command line, with protocol and TLS among them where the port does not tell these."""
    usual = PORTS.get(port, (Protocol.SMTP, Tls.STARTTLS))
    wanted: dict[str, Protocol | Tls] = {"--protocol": protocol} if protocol is not usual[0] else {}
    wanted |= {"--tls": tls} if tls not in {usual[1], Tls.NONE} else {}
    return (
        *words,
        *(word for option, value in wanted.items() if option not in words for word in (option, value.value)),
    )


def phrases() -> frozenset[str]:
    """Return every piece of a sentence that is replaced for some protocol."""
    return frozenset(piece for row in _table().values() for piece in row.get("says", {}))


@cache
def _steps(protocol: str) -> tuple[tuple[re.Pattern[str], Mapping[str, str]], ...]:
    return tuple(_read(protocol))


def _read(protocol: str) -> Iterator[tuple[re.Pattern[str], Mapping[str, str]]]:
    if protocol in OF_THE_PAGES:
        return
    row = _table().get(protocol, {})
    for says in (_table().get(row.get("like", ""), {}).get("says"), row.get("says")):
        if says:
            longest_first = sorted(says, key=len, reverse=True)
            yield re.compile("|".join(map(_piece, longest_first))), says


def _piece(phrase: str) -> str:
    """Whole words alone, where the phrase begins or ends with one."""
    begin, end = (r"\b" if letter.isalnum() else "" for letter in (phrase[0], phrase[-1]))
    return f"{begin}{re.escape(phrase)}{end}"


@cache
def _table() -> Mapping[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))
