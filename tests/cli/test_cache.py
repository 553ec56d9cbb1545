"""The cache behind the command line: the second host of one CA needs no AIA."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from probe.cli import main
from probe.demo.cases import case_of
from probe.demo.cast import cast
from probe.demo.server import serving
from probe.model import Fetch
from probe.net import issuers

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that were asked; each gives the intermediate."""
    noted: list[str] = []
    issuer = cast(NOW).r3.der

    async def fetch(urls: Sequence[str], **_: object) -> tuple[Fetch, ...]:
        noted.extend(urls)
        return tuple(Fetch(url, (issuer,)) for url in urls)

    monkeypatch.setattr(issuers, "fetch_issuers", fetch)
    return noted


def test_one_request_serves_all_hosts_of_a_ca(
    asked: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With --no-fetch, too; --no-cache neither looks nor keeps, and asks again."""
    monkeypatch.chdir(tmp_path)
    with serving(case_of("missing-intermediate-aia"), NOW) as stand:
        roots = "".join(root.pem for root in stand.act.anchors)
        Path("roots.pem").write_text(roots, encoding="ascii")
        words = [f"{stand.host}:{stand.port}", "--name", stand.name, "--trust", "roots.pem", "--json"]

        def source(*more: str) -> str:
            main([*words, *more])
            (missing,) = json.loads(capsys.readouterr().out)["endpoints"][0]["repair"]["missing"]
            return str(missing["source"])

        assert [source("--no-cache"), source(), len(asked)] == ["aia", "aia", 2]
        assert [source(), source("--no-fetch"), len(asked)] == ["cache", "cache", 2]
        assert [source("--no-cache"), source("--no-cache", "--no-fetch"), len(asked)] == ["aia", "unknown", 3]
