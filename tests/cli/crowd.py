"""Hundreds of mail servers in one thread, each at a loopback address of its own, and a sweep of them."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from probe.cli import main

TOP = Path(__file__).parents[2]
GREETING = "220 here ESMTP"
LONGEST = 60.0
"""Seconds after which a sweep hangs."""


@dataclass(slots=True)
class Crowd:
    """What the servers have seen, and what they say: a greeting, after ``delay`` seconds; there is no TLS."""

    addresses: tuple[str, ...]
    greeting: Callable[[str, int], str]
    """Address and the number of its connection, from 1 → what it says."""
    delay: float = 0.0
    port: int = 0
    connections: Counter[str] = field(default_factory=Counter)
    """Address → how many."""
    moments: list[tuple[float, str]] = field(default_factory=list)
    """When each connection began, in the loop's time."""
    names: set[str] = field(default_factory=set)
    """What they were told in EHLO."""
    at_once: Counter[str] = field(default_factory=Counter)
    """Address, network (its first three octets), or "" for all → connections that are open."""
    most: Counter[str] = field(default_factory=Counter)
    """The same → the most there were at a time."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive one client."""
        address = writer.get_extra_info("sockname")[0]
        with self._counted(address), suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self._talk(address, reader, writer)
            finally:
                writer.close()

    async def _talk(self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = self.greeting(address, self.connections[address])
        await asyncio.sleep(self.delay)
        writer.write(f"{said}\r\n".encode())
        while (line := await reader.readline()) and said.startswith("220"):
            verb, _, rest = line.decode().strip().partition(" ")
            if verb == "EHLO":
                self.names.add(rest)
            writer.write(b"221 bye\r\n" if verb == "QUIT" else b"250 here\r\n")
            if verb == "QUIT":
                return

    @contextmanager
    def _counted(self, address: str) -> Iterator[None]:
        places = (address, network(address), "")
        self.connections[address] += 1
        self.moments.append((asyncio.get_running_loop().time(), address))
        for place in places:
            self.at_once[place] += 1
            self.most[place] = max(self.most[place], self.at_once[place])
        try:
            yield
        finally:
            self.at_once.subtract(places)


def network(address: str) -> str:
    """Its /24."""
    return address.rpartition(".")[0]


def addresses(count: int, networks: int = 1) -> tuple[str, ...]:
    """Loopback addresses that other processes of these tests hardly use, in so many networks of /24."""
    first = os.getpid() & 127
    return tuple(f"127.{64 + first // 4}.{(first % 4) * 64 + n % networks}.{1 + n // networks}" for n in range(count))


@contextmanager
def crowd(
    count: int,
    networks: int = 1,
    *,
    greeting: Callable[[str, int], str] = lambda *_: GREETING,
    delay: float = 0.0,
) -> Iterator[Crowd]:
    """Let so many servers listen at one port for as long as the block lasts."""
    here = Crowd(addresses(count, networks), greeting, delay)
    listening, ended = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        server = await _server(here)
        listening.set()
        await ended.wait()
        server.close()
        every = asyncio.all_tasks() - {asyncio.current_task()}
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert listening.wait(20)
    try:
        yield here
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)


async def _server(here: Crowd) -> asyncio.Server:
    """The port is a free one of the first address, and with luck of all; else another is tried."""
    for _ in range(20):
        probe = await asyncio.start_server(here.serve, here.addresses[0], 0)
        here.port = probe.sockets[0].getsockname()[1]
        probe.close()
        with suppress(OSError):
            return await asyncio.start_server(here.serve, list(here.addresses), here.port, backlog=8)
    raise OSError("no port is free")


HASTY = ("--allow-private", "--pause", "0", "--per-operator", "1000", "--no-fetch", "--no-cache", "--trust", "none")
"""Words of a sweep that waits for nobody."""


def command(*words: object) -> list[str]:
    """What runs a sweep."""
    return [sys.executable, "-m", "probe", "sweep", *map(str, words)]


def begun(*words: object, **how: object) -> subprocess.Popen[str]:
    """Begin a sweep; its standard streams are pipes."""
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    settings = {"cwd": TOP, **pipes, "env": {**os.environ, "PYTHONPATH": str(TOP)}, **how}
    return subprocess.Popen(command(*words), text=True, **settings)  # type: ignore[call-overload,no-any-return]


def swept(*words: object, stdin: IO[Any] | None = None) -> tuple[int, str, str]:
    """Run a sweep to its end, in this very process: exit code, standard output, standard error."""
    with Path(os.devnull).open() as none, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        with _standard(0, stdin or none), _standard(1, out), _standard(2, err):
            code = main(["sweep", *map(str, words)])
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


@contextmanager
def _standard(number: int, stream: IO[Any]) -> Iterator[None]:
    """Let a stream be a standard one for as long as the block lasts: to Python and to the system."""
    name = ("stdin", "stdout", "stderr")[number]
    before, kept = getattr(sys, name), os.dup(number)
    os.dup2(stream.fileno(), number)
    setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115 -- closed below
    try:
        yield
    finally:
        getattr(sys, name).close()
        setattr(sys, name, before)
        os.dup2(kept, number)
        os.close(kept)


def outcome(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Wait for its end."""
    with process:
        try:
            out, err = process.communicate(timeout=LONGEST)
        finally:
            process.kill()
    return process.returncode, out, err


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, standard output, and standard error in one line."""
    code, out, err = outcome(process)
    return code, out, " ".join(err.split())


def kept(path: Path) -> list[str]:
    """Names of the targets in the results; of lines, those that are whole."""
    if not path.exists():
        return []
    if path.suffix == ".db":
        try:
            with closing(sqlite3.connect(path)) as link:
                return [str(name) for (name,) in link.execute("SELECT name FROM report")]
        except sqlite3.OperationalError:  # it was killed before there was a table
            return []
    whole = [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]
    return [str(json.loads(line)["target"]["name"]) for line in whole]


def listed(here: Crowd, folder: Path, *more: str) -> tuple[str, ...]:
    """Write the list of all of them, and give the words of a sweep that reads it."""
    (folder / "list.txt").write_text("".join(f"{line}\n" for line in (*here.addresses, *more)), encoding="utf-8")
    return (str(folder / "list.txt"), "--port", str(here.port), *HASTY)
