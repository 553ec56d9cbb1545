"""A small Internet of a test's own: run as a program inside new network and mount namespaces (namespaces(7)).

    unshare --net --mount python namespace.py FOLDER '[["example.test", "--mx"], …]'

It prints a list in JSON: of each command line the exit code, stdout, stderr, and the seconds that it took. Addresses
and names are those for documentation (RFC 5737, RFC 3849, RFC 6761). Nobody outside can see any of it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from msgspec.structs import replace
from net.fake_dns import resolver

from probe.demo import manners
from probe.demo.cases import Case, case_of
from probe.demo.cast import Act, Cast, cast
from probe.demo.server import serving
from probe.pki.certificate import parse

V4 = {n: f"192.0.2.{n}" for n in (11, 12, 13, 15, 66, 80)}
V6 = "2001:db8::11"
NO_ROUTE, NO_ROUTE_EITHER = "2001:db9::15", "2001:db9::16"
"""Outside of every network here."""
SILENT = V4[66]
"""Packets to this address are lost on the way."""
HOSTS = tuple(f"mx{n}.example.test" for n in (1, 2, 3, 4, 5, 6))

STEPS = f"""\
set -e
ip link set lo up
ip link add here type veth peer name there
ip link set there up
ip link set here up
ip address add 192.0.2.1/24 dev here
ip address add {V6}/64 dev here nodad
ip neighbour add {SILENT} lladdr 02:00:00:00:00:66 dev here
for number in 11 12 13 15 80; do ip address add 192.0.2.$number/32 dev lo; done
mount --bind "$1/resolv.conf" /etc/resolv.conf
"""
"""What root does before anybody listens; the frames for the silent address reach a machine that is not meant."""


def server(*names: str, whole: bool = True, at_once: bool = False) -> Case:
    """A mail server with a certificate for these names, with its intermediate or without."""

    def act(actors: Cast) -> Act:
        leaf = actors.leaf(subject=f"CN={names[0]}", names=names)
        return actors.act(leaf, *[actors.r3] * whole)

    good = case_of("good")
    moves = {"greeting": manners.at_once} if at_once else {}
    return replace(good, scene=replace(good.scene, act=act), moves=moves)


def records(actors: Cast) -> dict[str, str | list[str]]:
    """What DNS says: six mail hosts, and a web server at the domain's own address."""
    mx1, mx2, mx3, mx4, mx5, mx6 = HOSTS
    leaf = parse(server(mx1).scene.act(actors).sent[0].der)
    return {
        "example.test MX": [f"{n}0 {host}." for n, host in enumerate(HOSTS, start=1)],
        "example.test A": V4[80],
        f"{mx1} A": V4[11],
        f"{mx1} AAAA": V6,
        f"_25._tcp.{mx1} TLSA": f"3 1 1 {sha256(leaf.key.spki).hexdigest()}",
        f"{mx2} A": V4[12],
        f"{mx3} A": SILENT,
        f"{mx4} A": V4[13],
        f"{mx5} A": V4[15],
        f"{mx5} AAAA": NO_ROUTE,
        f"{mx6} AAAA": NO_ROUTE_EITHER,
    }


def main(folder: Path, runs: list[list[str]]) -> None:
    """Prepare the namespaces, serve, and run the program once for each command line."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n", encoding="ascii")
    subprocess.run(["sh", "-c", STEPS, "sh", folder], check=True)
    now = datetime.now(UTC)
    actors = cast(now.replace(microsecond=0))
    (folder / "root.pem").write_text(actors.root.pem, encoding="ascii")
    mx1, mx2, _, _, mx5, _ = HOSTS
    listening = [
        (V4[11], 25, server(mx1)),
        (V6, 25, server(mx1)),
        (V4[11], 465, server(mx1, at_once=True)),
        (V4[12], 25, server(mx2, whole=False)),
        (V4[15], 25, server(mx5)),
    ]
    with ExitStack() as stack:
        stack.enter_context(resolver(records(actors), signed=["."], port=53))
        for host, port, case in listening:
            stack.enter_context(serving(case, now, host=host, port=port))
        usual = ["--trust", str(folder / "root.pem"), "--no-fetch", "--no-cache"]
        json.dump([ran([*run, *usual]) for run in runs], sys.stdout)


def ran(words: list[str]) -> tuple[int, str, str, float]:
    """Run the program as anybody does."""
    began = time.monotonic()
    command = [sys.executable, "-m", "probe", *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr, time.monotonic() - began


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]))
