"""The table of senders against real clients: what it says that they do with each chain of the demo is what they do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from real import witnesses
from real.running import HOST, Unpacked
from real.witnesses import Call, Told

from probe.demo.cases import CASES, CONVERSATION, NOBODY, Case
from probe.demo.cast import NAME, Act, Cast
from probe.demo.forge import Forged
from probe.demo.scenes import Scene
from probe.demo.server import Stand, serving
from probe.judgement import Options
from probe.model import Refusal, Report, Target
from probe.net.observe import ObserveOptions
from probe.pipeline import probe_host
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.pool import Pool

pytestmark = pytest.mark.real

SILENT = (*CONVERSATION, NOBODY)
"""Cases in which no client comes as far as TLS."""
SERVED = tuple(case for case in CASES if case not in SILENT)


MORE = (
    Scene(
        "eku-any",
        "root → R3 → mx, sent as mx, R3; mx is for any purpose, and does not name TLS servers",
        lambda cast: cast.act(cast.leaf(eku=("any",)), cast.r3),
        "",
    ),
    Scene(
        "eku-any-intermediate",
        "root → R3 → mx, sent as mx, R3; R3 is for any purpose, and does not name TLS servers",
        lambda cast: below(cast, cast.authority("Example R3", "issuing", cast.root, eku=("any",))),
        "",
    ),
    Scene(
        "eku-root",
        "root → R3 → mx, sent as mx, R3; the root is for e-mail signatures alone",
        lambda cast: Act((cast.mx, cast.r3), (cast.authority("Example Root X1", "root", eku=("emailProtection",)),)),
        "",
    ),
    Scene(
        "expired-cross-first",
        "old root → R3 and root → R3 → mx, sent as mx, an expired R3 by the old root, R3 by the root",
        lambda cast: cast.act(
            cast.mx, cast.authority("Example R3", "issuing", cast.old_root, **cast.days(-2000, -10)), cast.r3
        ),
        "",
    ),
    Scene(
        "weak-twin",
        "root → R3 → mx, sent as mx, an R3 signed with SHA-1, and the R3 of today",
        lambda cast: cast.act(cast.mx, cast.authority("Example R3", "issuing", cast.root, digest="sha1"), cast.r3),
        "",
    ),
    Scene(
        "key-usage-none",
        "root → R3 → mx, sent as mx, R3; mx's key may only sign revocation lists",
        lambda cast: cast.act(cast.leaf(key_usage=("cRLSign",)), cast.r3),
        "",
    ),
)
"""Chains at which libraries part, and which the demo does not show."""


def below(cast: Cast, issuing: Forged) -> Act:
    """Send a leaf below this CA, and the CA."""
    return cast.act(cast.leaf(issuing), issuing)


@dataclass(frozen=True, slots=True)
class Stage:
    """All servers of the demo at once."""

    stands: Mapping[str, Stand]
    calls: Mapping[str, Call]

    def told(self, told: Told) -> dict[str, str]:
        """Give case → why it is refused, "" where it is not."""
        return {case: told.refused[call.port] for case, call in self.calls.items()}


@contextmanager
def staged(cases: tuple[Case, ...], folder: Path) -> Iterator[Stage]:
    """Serve all cases for today, and write down whom to trust."""
    with ExitStack() as stack:
        stands = {case.id: stack.enter_context(serving(case, datetime.now(UTC))) for case in cases}
        calls = {case: Call(stand.port, _trusted(stand.act, folder / case)) for case, stand in stands.items()}
        yield Stage(stands, calls)


def _trusted(act: Act, path: Path) -> Path:
    path.write_text("".join(anchor.pem for anchor in act.anchors), encoding="ascii")
    return path


@dataclass(slots=True)
class Library:
    """An AIA server that has one certificate, and remembers who asked."""

    url: str = ""
    der: bytes = b""
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    """Run it."""
    library = Library()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Give the certificate."""
            library.asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(library.der)))
            self.end_headers()
            self.wfile.write(library.der)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        library.url = f"http://{HOST}:{server.server_port}/r3.der"
        yield library
        server.shutdown()
        thread.join()


def lending(library: Library) -> Case:
    """Give a case in which the missing intermediate is there to be fetched."""

    def act(cast: Cast) -> Act:
        library.der = cast.r3.der
        return cast.act(cast.leaf(aia=(library.url,)))

    scene = Scene(LENT, "root → R3 → mx, sent as mx; mx says where to get R3, and there it is", act, "")
    return Case(LENT, f"{scene.story}.", ("missing-intermediate",), scene)


LENT = "missing-and-lent"


@pytest.fixture(scope="module")
def stage(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Serve every case in which a client comes as far as TLS, and one more."""
    more = (Case(scene.id, f"{scene.story}.", (), scene) for scene in MORE)
    with staged((*SERVED, *more, lending(library)), tmp_path_factory.mktemp("anchors")) as whole:
        yield whole


Ask = Callable[[str], Told]
"""Name of a sender → what its witness made of the whole stage."""


@pytest.fixture(scope="module")
def ask(stage: Stage, unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """Run a witness when somebody asks, and only once."""
    calls = tuple(stage.calls.values())

    @cache
    def told(sender: str) -> Told:
        return witnesses.clients()[sender](unpacked, tmp_path_factory.mktemp("witness"), calls)

    return told


@pytest.fixture(scope="module")
def expected(stage: Stage) -> Mapping[str, Mapping[str, Refusal]]:
    """Probe every server, as a user would, and give case → sender → what we say of it."""
    reports = asyncio.run(_probed(stage.stands))
    return {case: {told.sender: told for told in report.endpoints[0].refused_by} for case, report in reports.items()}


async def _probed(stands: Mapping[str, Stand]) -> dict[str, Report]:
    found = [probe_host(Target(HOST, stand.port), _options(stand.act)) for stand in stands.values()]
    return dict(zip(stands, await asyncio.gather(*found), strict=True))


def _options(act: Act) -> Options:
    trusted = anchors.of([parse(forged.der) for forged in act.anchors], "the demo's own")
    network = ObserveOptions(timeout=20.0, sni=NAME)
    return Options(trusted, Pool(), NAME, fetch=False, network=network)


@pytest.mark.parametrize("sender", witnesses.clients())
def test_a_real_client_does_what_the_table_says(
    sender: str, stage: Stage, expected: Mapping[str, Mapping[str, Refusal]], ask: Ask
) -> None:
    """Over every case it delivers, or refuses, as its row says; where the row says "unknown", either is right."""
    told = ask(sender)
    wrong = []
    for case, why in stage.told(told).items():
        row = expected[case][ROWS.get(sender, sender)]
        if row.outcome != "unknown" and (row.outcome == "delivers") != (why == ""):
            wrong.append(f"{case}: the table says {row.outcome} ({row.why}), {told.version} says {why or 'yes'}")
    assert wrong == []


ROWS = {"Python": "OpenSSL 3"}
"""Witness → the row that holds for it, where it has none of its own: Python's ssl brings no rules of its own."""


def test_little_is_unknown_of_those_that_were_tried(expected: Mapping[str, Mapping[str, Refusal]]) -> None:
    """A row of a client that runs here does not hide behind "unknown"."""
    tried = {ROWS.get(sender, sender) for sender in witnesses.clients()}
    dark = {(name, case) for case, rows in expected.items() for name in tried if rows[name].outcome == "unknown"}
    assert dark == {("Java", "weak-signature"), ("Java", "weak-signature-intermediate")}


def test_nobody_fetches_by_aia_unless_told_to(
    library: Library, stage: Stage, ask: Ask, unpacked: Unpacked, tmp_path: Path
) -> None:
    """All refuse without having asked for the missing one; Java alone fetches it, when it is told to."""
    for sender in witnesses.clients():
        told = ask(sender)
        assert stage.told(told)[LENT] != "", told.version
    assert library.asked == []
    call = stage.calls[LENT]
    assert witnesses.java_with_aia(unpacked, tmp_path, (call,)).refused == {call.port: ""}
    assert library.asked == ["/r3.der"]
