"""A PKCS#12 file is opened in a process of its own, which is ended when it takes too long.

The rounds of key derivation that stand in the open are counted before (``pki/pkcs12.py``). Others may stand inside what
the password decrypts, and no library asks before it obeys them. The private key stays in that process.
"""

from __future__ import annotations

import json
import subprocess
import sys

from probe.material import Block, What
from probe.pki import pkcs12

SECONDS = 20
"""Two million rounds, the most that we take, are done in one."""
CHILD = "import sys; sys.path[:] = sys.argv[1:]; from probe.cli.apart import answer; answer()"


def read(content: bytes, password: bytes) -> tuple[tuple[Block, ...], tuple[bytes, ...]]:
    """Do as ``pkcs12.read``, in at most ``SECONDS``; raises ValueError as that does."""
    pkcs12.refuse_work(content)
    question = json.dumps([content.hex(), password.hex()]).encode()
    try:
        asked = [sys.executable, "-I", "-c", CHILD, *sys.path]
        done = subprocess.run(asked, input=question, capture_output=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise ValueError(f"asks for more than {SECONDS} seconds of key derivation: not read") from None
    told = json.loads(done.stdout) if done.returncode == 0 else {"problem": pkcs12.CLOSED}
    if "problem" in told:
        raise ValueError(told["problem"])
    keys, certificates = ([bytes.fromhex(one) for one in told[part]] for part in ("keys", "certificates"))
    found = [*(Block(What.KEY, spki=spki) for spki in keys), *(Block(What.CERTIFICATE) for _ in certificates)]
    return tuple(found), tuple(certificates)


def answer() -> None:
    """The other process: from standard input to standard output."""
    content, password = (bytes.fromhex(part) for part in json.load(sys.stdin))
    try:
        blocks, certificates = pkcs12.read(content, password)
    except ValueError as problem:
        json.dump({"problem": str(problem)}, sys.stdout)
        return
    keys = [block.spki.hex() for block in blocks if block.spki]
    json.dump({"keys": keys, "certificates": [one.hex() for one in certificates]}, sys.stdout)
