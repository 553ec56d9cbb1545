"""Names to addresses, by the system's resolver and hosts file, as a mail server looks them up."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
from functools import lru_cache
from pathlib import Path

from msgspec import Struct

from probe.model import Failure, Trouble

FAMILIES = {0: socket.AF_UNSPEC, 4: socket.AF_INET, 6: socket.AF_INET6}

NO_ADDRESS = frozenset({socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_ADDRFAMILY})
"""The resolver answered that there is none; any other word means that it could not tell."""

NO_ANSWER = "dns:no-answer"
"""Symptom of a failure: nobody answered, as against a server that says no."""
THIS_COMPUTER = "localhost"
HOSTS = Path("/etc/hosts")
LONGEST_HOSTS = 1 << 20


class Resolved(Struct, frozen=True):
    """Addresses of a name in the resolver's order (RFC 6724), or why there are none."""

    addresses: tuple[str, ...] = ()
    failure: Failure | None = None
    absent: bool = False
    """It was answered that the name has none, which is more than that nobody could tell."""
    partly: Failure | None = None
    """Why there may be more addresses: those of one family could not be looked up."""


def unresolved(text: str, *symptoms: str) -> Failure:
    """Nobody could tell, or there is none."""
    return Failure(Trouble.UNRESOLVED, text, symptoms)


def host_name(text: str) -> str:
    """A host as ``Target.name`` wants it: A-labels (UTS #46) in lower case without trailing dot, or a bare address.

    Takes an address as such, in brackets, or as an SMTP address literal (``[IPv6:2001:db8::1]``, RFC 5321 §4.1.3).
    Raises ValueError, with a sentence, for what can be no host.
    """
    bare = text.strip().removesuffix(".")
    return address_of(bare) or _labels(bare)


@lru_cache(maxsize=4096)
def address_of(text: str) -> str | None:
    """The address that an address or an address literal names, in its usual spelling; None for anything else."""
    if text[-1:].isalpha() and ":" not in text:  # most names, and told so ten times as fast
        return None
    if _usual_spelling(text):
        return text
    inner = text[1:-1] if text[:1] + text[-1:] == "[]" else text
    inner = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    try:
        return str(ipaddress.ip_address(inner))
    except ValueError:
        return None


def _usual_spelling(text: str) -> bool:
    """An IPv4 address, and nothing else: told by the system in a tenth of the time."""
    try:
        return socket.inet_ntoa(socket.inet_pton(socket.AF_INET, text)) == text
    except (OSError, ValueError):
        return False


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
        return await _resolve(host_name(name), family, seconds)
    except ValueError as error:
        return Resolved(failure=Failure(Trouble.UNRESOLVED, str(error)))


async def _resolve(name: str, family: int, seconds: float) -> Resolved:
    if address_of(name) and family in {0, 6 if ":" in name else 4}:
        return Resolved((name,))
    try:
        async with asyncio.timeout(seconds):
            return Resolved(await system_addresses(name, FAMILIES[family]))
    except TimeoutError:
        return Resolved(
            failure=Failure(Trouble.UNRESOLVED, f"no answer from the resolver in {seconds:.3g} s", (NO_ANSWER,))
        )
    except OSError as error:
        failure = Failure(Trouble.UNRESOLVED, error.strerror or str(error))
        return Resolved(failure=failure, absent=error.errno in NO_ADDRESS and not address_of(name))


async def system_addresses(name: str, family: int = socket.AF_UNSPEC) -> tuple[str, ...]:
    """Addresses by the system's resolver, each once, in its order; raises OSError.

    getaddrinfo has a thread of its own: it cannot be cancelled, and nobody shall have to wait for it at exit.
    """
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


def in_hosts_file() -> dict[str, tuple[str, ...]]:
    """The names of the system's hosts file, in lower case, with their addresses (hosts(5)); {} where there is none.

    No more than ``LONGEST_HOSTS`` characters of it are read.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        with HOSTS.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(LONGEST_HOSTS).splitlines()
    except OSError:
        return {}
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        if known := address_of(address):
            for name in names:
                found[name.lower()] = (*found.get(name.lower(), ()), known)
    return found


def _settle(answer: asyncio.Future[tuple[str, ...]], outcome: tuple[str, ...] | OSError) -> None:
    if answer.done():
        return
    if isinstance(outcome, OSError):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
