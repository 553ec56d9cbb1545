"""A browser without a window, steered by the DevTools protocol over two pipes; no port is opened for it.

https://chromedevtools.github.io/devtools-protocol/ with ``--remote-debugging-pipe``: one JSON object, then NUL. What is
evaluated this way runs although the page's policy forbids every script.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from real.running import Unpacked, running

SECONDS = 60
"""For one answer, the start included: an idle machine needs less than two."""
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-breakpad", "--disable-dev-shm-usage"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--remote-debugging-pipe",
)
"""The sandbox asks for rights that a container lacks; what is opened is our own page."""
_BRIDGE = 'exec 3<"$1" 4>"$2"; shift 2; exec "$@"'
"""The browser reads commands from descriptor 3 and answers on 4."""


@dataclass(slots=True)
class Tab:
    """The page that is open."""

    process: subprocess.Popen[bytes]
    orders: int
    answers: int
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _rest: bytes = b""
    _number: int = 0

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and return its result; what happens meanwhile goes to ``events``."""
        self._number += 1
        order = {"id": self._number, "method": method, "params": parameters}
        os.write(
            self.orders, json.dumps(order | ({"sessionId": self.session} if self.session else {})).encode() + b"\0"
        )
        while (answer := self._read()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, f"{method}: {answer['error']}"
        found = answer["result"]
        assert isinstance(found, dict)
        return found

    def open(self, page: Path) -> None:
        """Load a file and wait until all of it is there."""
        self.events.clear()
        self.ask("Page.navigate", url=page.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._read())

    def value(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)["result"].get(
            "value"
        )

    def show(self, width: int, height: int = 900, *, scheme: str = "light", media: str = "") -> None:
        """Give the window a size in CSS pixels, and say what the reader prefers."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=True)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.ask("Emulation.setEmulatedMedia", media=media, features=features)

    def picture(self) -> bytes:
        """Take a picture of the whole page, PNG."""
        return base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def requests(self) -> list[str]:
        """Addresses that the page asked for since it was opened."""
        sent = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in sent]

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            assert self.process.poll() is None, f"the browser ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "the browser does not answer"
            if select.select([self.answers], [], [], 0.5)[0]:
                self._rest += os.read(self.answers, 1 << 16)
        answer, _, self._rest = self._rest.partition(b"\0")
        found = json.loads(answer)
        assert isinstance(found, dict)
        return found


@contextmanager
def browser(unpacked: Unpacked, scratch: Path) -> Iterator[Tab]:
    """Run the unpacked browser until the block ends, with one empty page open."""
    (program,) = unpacked.folder.glob("chromium/usr/lib/chromium/chromium-headless-shell")
    orders, answers = scratch / "orders", scratch / "answers"
    os.mkfifo(orders)
    os.mkfifo(answers)
    began = [program, *FLAGS, f"--user-data-dir={scratch / 'profile'}"]
    command = ["sh", "-c", _BRIDGE, "sh", *map(str, (orders, answers, *began))]
    with running(command, scratch, _environment(unpacked, scratch)) as process:
        # a fifo opens for reading and writing at once, so nobody waits for a browser that does not start
        tab = Tab(process, os.open(orders, os.O_RDWR), os.open(answers, os.O_RDWR))
        try:
            _begin(tab)
            yield tab
        finally:
            os.close(tab.orders)
            os.close(tab.answers)


def _begin(tab: Tab) -> None:
    """Open an empty page, and ask to be told what it does."""
    target = tab.ask("Target.createTarget", url="about:blank")["targetId"]
    tab.session = tab.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Network", "Runtime", "Log"):
        tab.ask(f"{domain}.enable")


def _environment(unpacked: Unpacked, scratch: Path) -> dict[str, str]:
    """Its libraries, and one font out of the unpacked folder (fonts.conf(5))."""
    libraries = [path for path in unpacked.folder.glob("lib/**/*-linux-gnu*") if path.is_dir()]
    libraries += [path for path in unpacked.folder.glob("lib/**/*-linux-gnu*/pulseaudio") if path.is_dir()]
    fonts = scratch / "fonts.conf"
    folders = f"<dir>{unpacked.folder}/chromium/usr/share/fonts</dir><cachedir>{scratch}/fonts</cachedir>"
    fonts.write_text(f'<?xml version="1.0"?><fontconfig>{folders}</fontconfig>', encoding="utf-8")
    return {
        "PATH": os.defpath,
        "HOME": str(scratch),
        "LC_ALL": "C.UTF-8",
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "FONTCONFIG_FILE": str(fonts),
    }
