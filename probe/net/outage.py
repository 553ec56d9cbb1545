"""Failures of our own side. A sweep that went on through one would call every server broken that comes after it."""

from __future__ import annotations

import errno
import os
import resource
import socket
from contextlib import suppress

from probe.model import Observation, Survey, Trouble
from probe.net.dns import Dns
from probe.net.resolve import NO_ANSWER

OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.ENETDOWN})
"""Errors of connect(2) and socket(2) that say nothing of the server."""

CUT_OFF = frozenset({Trouble.UNRESOLVED, Trouble.UNREACHABLE, Trouble.TIMEOUT})
"""What every server looks like once our own network is gone."""

ELSEWHERE = ("192.0.2.1", 9)
"""An address that nobody has (RFC 5737)."""

SPARE = 64
"""Descriptors for all that is no connection to a mail server: files, DNS, AIA, the loop itself."""

AHEAD = 4
"""Targets in hand for each connection; each may ask a web host, too."""

RESOLVER_SECONDS = 5.0
"""For the question whether the resolver is there at all."""


def room(wanted: int) -> int:
    """Let this process open as many files as the system allows, and say how many connections that makes at a time."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    most = AHEAD * wanted + SPARE if hard == resource.RLIM_INFINITY else hard
    if soft < most:
        with suppress(ValueError, OSError):  # macOS has a limit of its own beside the one that it tells
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return max(1, min(wanted, soft - SPARE))


class Halted(Exception):  # noqa: N818 -- it is an end, and no mistake
    """Our own side failed; the text says what, and what to do."""


class Outage:
    """Tells whether a failure is the server's, or ours."""

    def __init__(self, dns: Dns) -> None:
        self._dns = dns
        self._connected = routed()

    async def refuse(self, survey: Survey) -> None:
        """Raise Halted for a survey that shows nothing but our own failure."""
        for seen in survey.observations:
            if number := _ours(seen):
                raise Halted(f"This computer can open no more connections: {os.strerror(number)}.")
        failures = [seen.failure for seen in survey.observations if seen.failure]
        if survey.domain and survey.domain.failure:
            failures.append(survey.domain.failure)
        for failure in failures:
            if self._connected and failure.trouble in CUT_OFF and not routed():
                raise Halted("This computer has lost its network: no way leads out of it any more.")
            if NO_ANSWER in failure.symptoms and not await self._dns.alive(RESOLVER_SECONDS):
                silent = "answers no more" if self._dns.heard else "does not answer"
                raise Halted(f"The resolver {silent}: {failure.text}.")


def routed() -> bool:
    """Whether a way leads out of this network; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as anywhere:
        return anywhere.connect_ex(ELSEWHERE) not in {errno.ENETUNREACH, errno.ENETDOWN}


def _ours(seen: Observation) -> int:
    """Give the error that is ours; 0 = none. Where IPv6 is turned off, each of its addresses is "not available"."""
    symptoms = seen.failure.symptoms if seen.failure else ()
    numbers = [int(word.partition(":")[2]) for word in symptoms if word.startswith("errno:")]
    without = {errno.EADDRNOTAVAIL} if ":" in (seen.endpoint.address or "") else set()
    return next((number for number in numbers if number in OURS - without), 0)
