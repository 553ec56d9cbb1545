"""Names to addresses, by the system's resolver and hosts file, as a mail server looks them up."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass

from probe.model import Failure, Trouble

MX_TIMEOUT = 5.0
"""Seconds to ask for the MX of a name without address; the answer only refines the word for the trouble."""

FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}

NO_ADDRESS = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})
"""The resolver answered that there is none; any other word means that it could not tell."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Addresses of a name in the resolver's order (RFC 6724), or why there are none."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None


def host_name(text: str) -> str:
    """A host as ``Target.name`` wants it: A-labels (UTS #46) in lower case without trailing dot, or a bare address.

    Takes an address as such, in brackets, or as an SMTP address literal (``[IPv6:2001:db8::1]``, RFC 5321 §4.1.3).
    Raises ValueError, with a sentence, for what can be no host.
    """
    bare = text.strip().removesuffix(".")
    return address_of(bare) or _labels(bare)


def address_of(text: str) -> str | None:
    """The address that an address or an address literal names, in its usual spelling; None for anything else."""
    inner = text[1:-1] if text[:1] + text[-1:] == "[]" else text
    inner = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    try:
        return str(ipaddress.ip_address(inner))
    except ValueError:
        return None


def _labels(name: str) -> str:
    """RFC 1035 §2.3.4: a label has at most 63 octets, a name 253 characters. Underscores do occur in names of hosts."""
    ascii_name = (name if name.isascii() else _a_labels(name)).lower()
    if len(ascii_name) > 253 or not all(0 < len(label) <= 63 for label in ascii_name.split(".")):
        raise ValueError(
            f"{name!r} is no host name: a part between dots has 1 to 63 characters, the whole at most 253."
        )
    if not ascii_name.replace(".", "").replace("-", "").replace("_", "").isalnum():
        raise ValueError(f"{name!r} is no host name: only letters, digits, hyphens and dots can stand in one.")
    return ascii_name


def _a_labels(name: str) -> str:
    import idna

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(f"{name!r} is no host name: {error}.") from error


async def resolve(name: str, *, family: int = 0, seconds: float) -> Resolved:
    """Addresses of a host, within so many seconds; ``family`` is 0 (any), 4 or 6. Never raises."""
    try:
        async with asyncio.timeout(seconds):
            return await _resolve(host_name(name), family)
    except TimeoutError:
        return Resolved(failure=Failure(Trouble.UNRESOLVED, f"no answer from the resolver in {seconds:.3g} s"))
    except ValueError as error:
        return Resolved(failure=Failure(Trouble.UNRESOLVED, str(error)))


async def _resolve(name: str, family: int) -> Resolved:
    if address_of(name) and family in {0, 6 if ":" in name else 4}:
        return Resolved((name,))
    try:
        return Resolved(await _addresses(name, FAMILIES[family]))
    except OSError as error:
        word = error.strerror or str(error)
        if error.errno in NO_ADDRESS and not address_of(name):
            return Resolved(failure=await _without_address(name, word))
        return Resolved(failure=Failure(Trouble.UNRESOLVED, word))


async def _addresses(name: str, family: int) -> tuple[str, ...]:
    """Ask getaddrinfo in a thread of its own: it cannot be cancelled, and nobody shall have to wait for it at exit."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def ask() -> None:
        outcome: tuple[str, ...] | OSError
        try:
            found = socket.getaddrinfo(name.encode(), None, family, socket.SOCK_STREAM)
            outcome = tuple(dict.fromkeys(str(address[0]) for *_, address in found))
        except OSError as error:
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(_settle, answer, outcome)

    threading.Thread(target=ask, daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[tuple[str, ...]], outcome: tuple[str, ...] | OSError) -> None:
    if answer.done():
        return
    if isinstance(outcome, OSError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)


async def _without_address(name: str, word: str) -> Failure:
    """Ask whether the name wants no mail at all: one MX, which is the root (RFC 7505 §3)."""
    hosts = await mail_hosts(name)
    if hosts == (".",):
        return Failure(Trouble.NULL_MX, f"{word}; its MX is the null MX")
    return Failure(Trouble.UNRESOLVED, f"{word}; its MX: {', '.join(hosts)}" if hosts else word)


async def mail_hosts(name: str) -> tuple[str, ...]:
    """MX hosts of a domain by preference, without trailing dot ("." is the null MX); () when none could be learned."""
    import dns.asyncresolver
    import dns.exception

    try:
        async with asyncio.timeout(MX_TIMEOUT):
            answer = await dns.asyncresolver.Resolver().resolve(name, "MX")
    except (dns.exception.DNSException, OSError):
        return ()
    ranked = sorted((mx.preference, mx.exchange.to_text(omit_final_dot=True)) for mx in answer)
    return tuple(host for _, host in ranked)
