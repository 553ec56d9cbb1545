"""Missing issuers, fetched from the addresses that certificates name (caIssuers, RFC 5280 §4.2.2.1).

    budget = Budget()
    await fetch_issuers(leaf.aia, allow_private=False, budget=budget)           # (Fetch(url=…, certificates=(…,)),)
    await fetch_issuers(intermediate.aia, allow_private=False, budget=budget)   # the next level, with what is left

Who wrote the certificate wrote the address, and may mean our own network by it. So: http to port 80 alone, to public
addresses alone, and the connection goes to the address that was examined, not to the name, which may resolve to
another one a moment later. Whether what arrives signed anything is the path builder's question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from probe.model import Fetch
from probe.net.addresses import refusal
from probe.net.http import PORT, FetchError, Place, get, os_word, place
from probe.net.resolve import system_addresses
from probe.pki import pem
from probe.pki.certificate import parse

SECONDS = 5.0
"""For all fetching on behalf of one chain: a person waits for the report."""
HOPS = 5
"""Requests on behalf of one chain, redirections included; public chains need one or two."""
CERTIFICATES = 8
"""Certificates that are kept on behalf of one chain: some bundles hold a whole PKI, and paths are built over all."""
ADDRESSES = 16
"""Addresses of one level that are looked at; real certificates name one or two."""

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Host → IP addresses as text, at least one; raises FetchError."""


class Budget(Struct):
    """What is left for one chain, over all its levels."""

    seconds: float = SECONDS
    hops: int = HOPS
    """Below zero: one more was wanted than there was."""
    certificates: int = CERTIFICATES

    def share(self, sharers: int) -> float:
        """Seconds for one of so many addresses that are asked one after the other."""
        return self.seconds / min(sharers, max(self.hops, 1))

    @property
    def spent(self) -> str | None:
        """What is used up, in words; None while there is something left of everything."""
        if self.seconds <= 0:
            return "it was not asked: the time for fetching is over"
        if self.hops <= 0:
            return "it was not asked: there were enough requests for one chain"
        if self.certificates <= 0:
            return "it was not asked: enough certificates were fetched for one chain"
        return None


class _Rules(Struct, frozen=True):
    """Where a request may go."""

    allow_private: bool
    port: int
    resolve: Resolve


async def known_addresses(host: str) -> tuple[str, ...]:
    """Ask the system's resolver; raises FetchError."""
    try:
        return await system_addresses(host)
    except OSError as error:
        raise FetchError(f"the name {host} has no address, or the resolver gave none") from error


async def fetch_issuers(
    urls: Sequence[str],
    *,
    allow_private: bool,
    budget: Budget,
    port: int = PORT,
    resolve: Resolve = known_addresses,
) -> tuple[Fetch, ...]:
    """Ask each distinct address, one after the other; never raises, every problem is in a Fetch.

    A Fetch has certificates or a problem; of an answer with more certificates than the budget allows, the first ones.
    The budget shrinks by what was used. ``allow_private`` lifts the rule that only public addresses are asked; ``port``
    and ``resolve`` are for tests.
    """
    rules = _Rules(allow_private, port, resolve)
    distinct = list(dict.fromkeys(urls))
    asked = distinct[:ADDRESSES]
    fetched = [await _fetch(url, rules, budget, len(asked) - n) for n, url in enumerate(asked)]
    return tuple(fetched) + left_out(distinct[ADDRESSES:])


def left_out(urls: Sequence[str]) -> tuple[Fetch, ...]:
    """Say that these were too many; nothing where there are none."""
    why = f"it was not asked, nor were {len(urls) - 1} more: {ADDRESSES} addresses are the most at a time"
    return tuple(Fetch(url, problem=why) for url in urls[:1])


async def _fetch(url: str, rules: _Rules, budget: Budget, sharers: int) -> Fetch:
    """Ask one address, with its fair share of the time that is left."""
    if budget.spent:
        return Fetch(url, problem=budget.spent)
    loop = asyncio.get_running_loop()
    began, share = loop.time(), budget.share(sharers)
    try:
        async with asyncio.timeout(share):
            return _kept(url, await _follow(url, rules, budget), budget)
    except FetchError as error:
        return Fetch(url, problem=str(error))
    except TimeoutError:
        return too_slow(url, share)
    except OSError as error:
        return Fetch(url, problem=f"the connection broke: {os_word(error)}")
    finally:
        budget.seconds -= loop.time() - began


def too_slow(url: str, seconds: float) -> Fetch:
    """An address that was not waited for any longer."""
    return Fetch(url, problem=f"no complete answer came within {seconds:.1f} seconds")


async def _follow(url: str, rules: _Rules, budget: Budget, asked: frozenset[str] = frozenset()) -> bytes:
    """The body at the end of all redirections; each place is examined as the first one was."""
    where = place(url, rules.port)
    _take_hop(url, asked, budget)
    answer = await get(where, await _examined(where, rules))
    if answer.location is None:
        return answer.body
    try:
        return await _follow(answer.location, rules, budget, asked | {url})
    except FetchError as error:
        raise FetchError(f"it redirects to {answer.location[:_SHOWN]}, and {error}") from error


_SHOWN = 200
"""Characters of a redirection's address in a problem."""


def _take_hop(url: str, asked: frozenset[str], budget: Budget) -> None:
    if url in asked:
        raise FetchError("that address was asked before")
    budget.hops -= 1
    if budget.hops < 0:
        raise FetchError("there were enough requests for one chain")


async def _examined(where: Place, rules: _Rules) -> Sequence[str]:
    """The addresses of a place, resolved once; raises FetchError when one of them is not to be asked."""
    addresses = await rules.resolve(where.host)
    for address in addresses:
        if not rules.allow_private and (why := refusal(address)):
            raise FetchError(f"only public addresses are asked, and {why}")
    return addresses


def _kept(url: str, body: bytes, budget: Budget) -> Fetch:
    found = tuple(der for der in pem.certificates(body) if parse(der).problem is None)
    if not found:
        return Fetch(url, problem=_no_certificate(body))
    kept = found[: budget.certificates]
    budget.certificates -= len(kept)
    return Fetch(url, kept)


def _no_certificate(body: bytes) -> str:
    if not body:
        return "the answer is empty"
    if body.lstrip()[:1] == b"<":
        return "a web page came instead of a certificate"
    return "the answer holds no certificate that can be read (DER, PEM and PKCS#7 can)"
