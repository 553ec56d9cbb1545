"""The C server and the C client, on the OpenSSL of cryptography's wheel, each in a process of its own.

    native.py server FOLDER BEGIN COUNT DELAY      says its port, serves until it is ended
    native.py client JOB                           prints what it spent as JSON; JOB, too, see spent.py

gcc compiles both into the cache folder. They link to no OpenSSL; its addresses come through cffi.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from spent import CACHE, Job, Meter, raise_limit

HERE = Path(__file__).parent


def compiled(name: str) -> Path:
    """Give the shared object of ``name``.c, compiled where it is not there yet."""
    text = (HERE / "libssl.h").read_bytes() + (HERE / f"{name}.c").read_bytes()
    made = CACHE / f"{name}-{hashlib.sha256(text).hexdigest()[:16]}.so"
    if not made.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        fresh = made.with_suffix(f".{os.getpid()}")
        warnings = ("-Wall", "-Wextra", "-Werror")
        subprocess.run(["gcc", "-O2", "-shared", "-fPIC", *warnings, "-o", fresh, HERE / f"{name}.c"], check=True)
        fresh.rename(made)
    return made


def functions() -> Any:
    """The addresses of OpenSSL's functions, in the order of libssl.h."""
    from cryptography.hazmat.bindings._rust import _openssl

    names = re.findall(r"^ +F\([^,]+, (\w+),", (HERE / "libssl.h").read_text(), re.MULTILINE)
    lib, ffi = _openssl.lib, _openssl.ffi
    found = [int(ffi.cast("uintptr_t", ffi.addressof(lib, name))) for name in names]
    return (ctypes.c_void_p * len(found))(*found)


def words(texts: list[bytes]) -> Any:
    """An array of C strings."""
    return (ctypes.c_char_p * len(texts))(*texts)


def serve(folder: str, begin: str, count: str, delay: str) -> int:
    """Serve until ended."""
    raise_limit()
    run = ctypes.CDLL(str(compiled("server"))).server_run
    return int(run(functions(), folder.encode(), int(begin), int(count), int(delay)))


def probe(job: Job) -> int:
    """Probe the targets that go before, then those that count."""
    from probe.wire import offer

    raise_limit()
    library = ctypes.CDLL(str(compiled("client")))
    offered = words([offer.CIPHERS, offer.SUITES, offer.GROUPS])
    roots = f"{job.folder}/root.pem".encode() if job.what == "verify" else None
    if not library.client_prepare(functions(), offered, job.name.encode(), roots):
        return 1

    def run(targets: list[str]) -> int:
        addresses = words([target.encode() for target in targets])
        return int(library.client_run(addresses, len(targets), job.port, job.in_flight))

    run(job.warm())
    meter = Meter()
    meter.stop(run(job.targets()))
    print(json.dumps(meter.read))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))
    what, *rest = sys.argv[1:]
    sys.exit(serve(*rest) if what == "server" else probe(Job(**json.loads(rest[0]))))
