"""What is told of senders, on BetterTLS's graphs, beside what the libraries were seen to do with them."""

from __future__ import annotations

import pytest
from shared import shared
from suites.test_path_validation import judge, vectors

from probe.catalogue.senders import verifiers
from probe.model import Endpoint, Observation, Stage, Store
from probe.rules.case import Case
from probe.rules.traits import traits

SEEN = {"openssl": 19, "gnutls": 16, "go": 45}
"""Library → how many of the 45 valid graphs it accepts.

OpenSSL 3.0.19 (verify -purpose sslserver -auth_level 1), GnuTLS 3.7.9 (gnutls_x509_trust_list_verify_crt2), Go
1.27.3 (x509.Certificate.Verify).
"""
OF_NAMES = {"name-unknown"}
STORE = Store("the case", None, 1)


@pytest.mark.parametrize("library", SEEN)
def test_a_library_finds_its_way_through_as_many_graphs_as_we_say(library: str) -> None:
    """Of the 36 that have no valid path it accepts none."""
    accepted = []
    for vector in vectors(shared("suites/bettertls-pathbuilding.limbo.json.gz")):
        chain = judge(vector)
        observation = Observation(Endpoint(None, None, 25), vector.at, Stage.DONE, presented=vector.presented)
        found = (traits(Case(observation, vector.at, chain, stores=(STORE,))) or frozenset()) - OF_NAMES
        if not found & (verifiers()[library].refuses | verifiers()[library].unknown):
            accepted.append(vector.expected)
    assert accepted == [True] * SEEN[library]
