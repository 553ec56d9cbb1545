"""Other people's path-validation suites: where we claim a valid path OpenSSL accepts it, and where not it has none."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from shared import shared

from probe.model import Chain
from probe.pki import anchors
from probe.pki.certificate import parse
from probe.pki.chain import build
from probe.pki.pool import Pool

SUITES = ("bettertls-pathbuilding", "boringssl-vcc", "gnutls-chains", "go-verify", "limbo")

DIFFERENCES = {
    "boringssl::vcc::many-names--toomany-dirnames-excluded": "directory names in a subjectAltName are not read",
    "boringssl::vcc::many-names--toomany-dirnames-permitted": "directory names in a subjectAltName are not read",
    "pathological::nc-dos-3": "directory names in a subjectAltName are not read",
    "rfc5280::nc::nc-forbids-othername": "otherName in a subjectAltName is not read",
    "rfc5280::san::malformed": "a field that cannot be read: whether that matters, OpenSSL is asked",
    "rfc5280::duplicate-extensions": "a field that cannot be read: whether that matters, OpenSSL is asked",
    "rfc5280::ca-empty-subject": "an issuer without a name is no CA (RFC 5280 §4.1.2.6), and cannot be found by it",
    "gnutls::chains::81-gost-34-10-12-256-ok": "OpenSSL cannot be asked: this build has no GOST",
    "gnutls::chains::82-gost-34-10-12-512-ok": "OpenSSL cannot be asked: this build has no GOST",
}
"""Cases in which our verdict and OpenSSL's differ, each with the reason."""


@dataclass(frozen=True)
class Vector:
    """One case of a suite in x509-limbo's format."""

    id: str
    presented: tuple[bytes, ...]
    roots: tuple[bytes, ...]
    at: datetime
    expected: bool


def ders(pems: list[str]) -> tuple[bytes, ...]:
    """The bytes of PEM blocks."""
    bodies = (re.search(r"-----BEGIN [A-Z0-9 ]*-----(.*?)-----END", pem, re.DOTALL) for pem in pems)
    return tuple(base64.b64decode(body[1]) for body in bodies if body)


def vectors(path: Path) -> Iterator[Vector]:
    """Read every case, those included that ask for what we do not judge: the path is the same."""
    for case in json.loads(gzip.decompress(path.read_bytes()))["testcases"]:
        when = case.get("validation_time")
        yield Vector(
            case["id"],
            ders([case["peer_certificate"], *case["untrusted_intermediates"]]),
            ders(case["trusted_certs"]),
            datetime.fromisoformat(when) if when else datetime(2026, 11, 1, tzinfo=UTC),
            case["expected_result"] == "SUCCESS",
        )


def judge(vector: Vector) -> Chain:
    """Build the chain of one case."""
    presented = [parse(der) for der in vector.presented]
    trusted = anchors.of([parse(der) for der in vector.roots], vector.id)
    return build(presented, trusted, Pool(), vector.at)


def differs(chain: Chain) -> bool:
    """Our own verdict on the claimed path is not OpenSSL's, or OpenSSL finds a path where we claim none.

    Faults that OpenSSL had to tell us are not ours.
    """
    path = chain.path
    valid = path is not None and path.anchored and not any(f.verify is not None and not f.told for f in path.faults)
    said = chain.verdict.number if chain.verdict else None
    found = chain.verdict_as_sent is not None and chain.verdict_as_sent.number == 0
    return valid != (said == 0) or (found and not valid)


@pytest.mark.parametrize("suite", SUITES)
def test_our_verdict_is_openssls(suite: str) -> None:
    """On the path that we claim OpenSSL says the same; where we claim none it finds none."""
    cases = list(vectors(shared(f"suites/{suite}.limbo.json.gz" if suite != "limbo" else "suites/limbo.json.gz")))
    differing = {case.id for case in cases if differs(judge(case))}
    assert len(cases) >= 10
    assert differing == {name for name in DIFFERENCES if name in {case.id for case in cases}}
    print(f"{suite}: {len(cases)} cases run")  # noqa: T201 (the count is part of the answer)


def test_bettertls_path_building() -> None:
    """Our own builder finds the good path of every cross-signed graph, and none where there is none: 81 of 81."""
    cases = list(vectors(shared("suites/bettertls-pathbuilding.limbo.json.gz")))
    chains = {case.id: judge(case) for case in cases}
    good = {name: bool(c.path and c.path.anchored and not c.path.faults) for name, c in chains.items()}
    assert len(cases) == 81
    assert [case.id for case in cases if good[case.id] != case.expected] == []
    print(f"BetterTLS path building: {len(cases)} cases run")  # noqa: T201 (the count is part of the answer)
