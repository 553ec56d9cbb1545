"""The words of the command line → what the pipeline wants. Files are read here; nothing is asked of the network.

Every function raises ValueError with a sentence that says what to type instead.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from probe.judgement import Options
from probe.model import OnDisk, Protocol, Severity, Target, Tls
from probe.net.cache import Cache, folder_of
from probe.net.observe import AUTO, ObserveOptions
from probe.net.servers import PORT as DNS_PORT
from probe.net.servers import DnsOptions
from probe.net.ways import Breadth
from probe.pki import anchors, files, pool
from probe.pki.certificate import parse
from probe.render.clean import clean
from probe.targets import target_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Collection, Mapping
    from ipaddress import IPv4Address, IPv6Address

    from probe.net.observe import Auto
    from probe.pki.anchors import Anchors
    from probe.wire.identity import Identity


REPEATED = (
    "client_cert",
    "client_key",
    "name",
    "sni",
    "protocol",
    "tls",
    "ehlo",
    "source",
    "mta",
    "at",
    "warn_days",
    "compare",
    "resolver",
)
FLAGS = ("no_sni", "no_fetch", "no_cache", "allow_private", "trust_ad")
"""Options that change what is seen or judged, with a value and without."""
STORES = frozenset({"mozilla", "system", "none"})
"""Words of --trust that are no file."""


def targets(arguments: Namespace) -> tuple[Target, ...]:
    """Read the hosts of the command line, in order."""
    protocol = Protocol(arguments.protocol) if arguments.protocol else None
    tls = Tls(arguments.tls) if arguments.tls else None
    found = tuple(target_of(host, arguments.port, protocol, tls, mx=arguments.mx) for host in arguments.hosts)
    if arguments.port and found and all(target.port != arguments.port for target in found):
        raise ValueError(f"--port {arguments.port} and {clean(arguments.hosts[0])} name two ports: give one of them.")
    for target in found:
        address = _address(target.name)
        if address and arguments.family not in {0, address.version}:
            raise ValueError(f"{address} is IPv{address.version}, and -{arguments.family} wants IPv{arguments.family}.")
        source = _address(arguments.source or "")
        if address and source and source.version != address.version:
            raise ValueError(f"{address} is IPv{address.version}, and --source {source} is IPv{source.version}.")
    return found


def dns(arguments: Namespace) -> DnsOptions:
    """Say whom to ask for names, and whom to believe."""
    if arguments.resolver is None:
        return DnsOptions(trust_ad=arguments.trust_ad)
    return DnsOptions((_server(arguments.resolver),), arguments.trust_ad)


def _server(text: str) -> tuple[str, int]:
    """An address, with a port or without; a name would have to be looked up first."""
    try:
        server = target_of(text, DNS_PORT)
    except ValueError as problem:
        raise ValueError(f"--resolver {clean(text)}: {clean(str(problem))}") from None
    if "://" in text or "@" in text or not _address(server.name):
        raise ValueError(
            f"--resolver wants the address of a DNS server, such as 127.0.0.1, 127.0.0.1:5353 or [::1]:53, "
            f"not {clean(text)}."
        )
    return server.name, server.port


def options(arguments: Namespace) -> Options:
    """Say how to judge, trust anchors and pool loaded."""
    trusted = _trusted(arguments.trust)
    for path in arguments.ca_file:
        trusted += anchors.from_path(_path("--ca-file", path))
    return Options(
        anchors=trusted,
        pool=pool.from_paths(_path("--intermediates", path) for path in arguments.intermediates),
        name=named("--name", arguments.name),
        at=moment(arguments.at),
        warn_days=arguments.warn_days,
        fetch=not arguments.no_fetch,
        cache=None if arguments.no_cache else cache(os.environ),
        allow_private=arguments.allow_private,
        ignore=ignored(arguments.ignore),
        fail_on=Severity(arguments.fail_on),
        mta=software(arguments.mta),
        words=repeated(arguments),
        dns=dns(arguments),
        tlsa=arguments.tlsa,
        breadth=Breadth(arguments.thorough, arguments.repeat),
        network=network(arguments),
        on_disk=on_disk(arguments.compare),
    )


def cache(environment: Mapping[str, str]) -> Cache | None:
    """Say where intermediates are kept for the next run; None where the user has no home."""
    folder = folder_of(environment)
    return Cache(folder) if folder else None


def on_disk(name: str | None) -> OnDisk | None:
    """Read the file that a server is given; None stays None."""
    if name is None:
        return None
    path = _path("--compare", name)
    if os.path.isdir(path):  # noqa: PTH112 -- pathlib's raises on odd names
        raise ValueError(f"--compare {clean(name)} is a folder. Name the certificate file that the server is given.")
    try:
        (file,) = files.read(path)
    except ValueError as problem:
        raise ValueError(f"--compare: {clean(str(problem))}") from None
    return OnDisk(name, tuple(map(parse, file.ders)))


def repeated(arguments: Namespace) -> tuple[str, ...]:
    """Give the options that a command which we print must repeat in order to see and judge what this run did."""
    words: list[str] = []
    for option in REPEATED:
        if (value := getattr(arguments, option)) is not None:
            words += [f"--{option.replace('_', '-')}", str(value)]
    if arguments.trust != "mozilla":
        words += ["--trust", arguments.trust]
    for option in ("ca_file", "intermediates", "ignore"):
        for value in getattr(arguments, option):
            words += [f"--{option.replace('_', '-')}", value]
    flags = [f"--{option.replace('_', '-')}" for option in FLAGS if getattr(arguments, option)]
    return (*words, *flags, *([f"-{arguments.family}"] if arguments.family else []))


def _path(option: str, name: str) -> Path:
    """A file or folder; an empty name is an unset variable of somebody's script, and not this folder."""
    if not name:
        raise ValueError(f"{option} wants the name of a file or folder, and it is empty.")
    return Path(os.path.expanduser(name))  # noqa: PTH111 -- pathlib's raises where there is no such user


def _trusted(word: str) -> Anchors:
    if word not in STORES and not os.path.exists(_path("--trust", word)):  # noqa: PTH110 -- pathlib's raises on odd names
        raise ValueError(
            f"--trust {clean(word)}: there is no such file. Write mozilla, system or none, or name a file or folder."
        )
    return anchors.named(word) if word in STORES else anchors.from_path(_path("--trust", word))


def network(arguments: Namespace) -> ObserveOptions:
    """Say how to converse."""
    return ObserveOptions(
        timeout=arguments.timeout,
        greeting_timeout=arguments.greeting_timeout,
        sni=_sni(arguments),
        ehlo=_ehlo(arguments.ehlo),
        family=arguments.family,
        source=_source(arguments.source, arguments.family),
        identity=_identity(arguments.client_cert, arguments.client_key),
    )


def _identity(cert: str | None, key: str | None) -> Identity | None:
    if cert is None and key is None:
        return None
    from probe.cli.identity import identity_of

    return identity_of(cert, key)


def named(option: str, name: str | None) -> str | None:
    """Normalise the host name or address behind an option; None stays None."""
    if name is None:
        return None
    from probe.pki.names import reference_name

    try:
        return reference_name(name)
    except ValueError as problem:
        raise ValueError(f"{option} {clean(name)}: {clean(str(problem))}") from None


def moment(text: str | None) -> datetime | None:
    """Read ISO 8601; a time without zone, and a day, are UTC. None stays None: as of the observation."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"--at {clean(text)} is no time. Write 2026-11-23 or 2026-11-23T14:30Z.") from None


def ignored(wanted: Collection[str]) -> frozenset[str]:
    """Read the finding ids to leave out; a word that is none is a mistake, for it would hide nothing."""
    if not wanted:
        return frozenset()
    from probe.catalogue.pages import nearest
    from probe.rules.ids import IDS

    for word in wanted:
        if word not in IDS:
            near = ", ".join(nearest(word[:80], sorted(IDS)))
            raise ValueError(f"--ignore {clean(word)}: there is no such finding. Did you mean one of {near}?")
    return frozenset(wanted)


def software(name: str | None) -> str | None:
    """Read the id of a recipe."""
    if name is None:
        return None
    from probe.catalogue.recipes import ids

    if name.lower() not in ids():
        raise ValueError(
            f"--mta {clean(name)}: we have no recipe for it, but for {', '.join(ids())}. Use --mta generic."
        )
    return name.lower()


def _sni(arguments: Namespace) -> str | Auto | None:
    """``--sni`` wins, then ``--name``; an address literal is no server name (RFC 6066 §3)."""
    if arguments.no_sni and arguments.sni is not None:
        raise ValueError("--sni and --no-sni contradict each other: give one of them.")
    if arguments.no_sni:
        return None
    name = named("--sni", arguments.sni) or named("--name", arguments.name)
    return AUTO if name is None else None if _address(name) else name


def _ehlo(text: str | None) -> str | None:
    """A domain or an address literal (RFC 5321 §4.1.1.1)."""
    name = named("--ehlo", text)
    address = _address(name or "")
    return f"[{'IPv6:' if address.version == 6 else ''}{address}]" if address else name


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _source(text: str | None, family: int) -> str | None:
    if text is None:
        return None
    address = _address(text)
    if address is None:
        raise ValueError(f"--source wants an address of this computer, not {clean(text)}.")
    if family not in {0, address.version}:
        raise ValueError(f"--source {address} is IPv{address.version}, and -{family} wants IPv{family}.")
    return text
