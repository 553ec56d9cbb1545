"""Which lines of a log are worth a look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage.incidents import Interest
from probe.triage.interest import ANCHORS, CONTEXT, Interests

EVIDENCE, ASIDE, NOTHING = Interest.EVIDENCE, Interest.CONTEXT, Interest.NOTHING


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("warning: TLS library problem: error:0A000418:SSL routines::tlsv1 alert unknown ca:a.c:1:", EVIDENCE),
        ("error:0A0000C1:SSL routines::no shared cipher", EVIDENCE),
        ("error:0ABCDEF1:lib(20)::reason(3)", EVIDENCE),
        ("certificate verification failed for mx.example.net[192.0.2.25]:25: certificate has expired", EVIDENCE),
        ("Cannot start TLS: handshake failure", EVIDENCE),
        ("STARTTLS=client, error: connect failed=-1, reason=ssl/tls alert handshake failure", EVIDENCE),
        ("delivery 61: deferral: TLS_connect_failed:_error:0A00042E:SSL_routines::x;_connected_to_x./", EVIDENCE),
        ("b931a5c8 mta connecting address=smtp+tls://192.0.2.25:25 host=mx.example.net", ASIDE),
        ("f1d2552f smtp connected address=192.0.2.9 host=a.example.net", ASIDE),
        ("Untrusted TLS connection established to a.example.net[192.0.2.1]:25: TLSv1.3", ASIDE),
        ("F3: to=<a@example.net>, relay=a[192.0.2.1]:25, dsn=5.1.1, status=bounced (550 5.1.1 unknown user)", NOTHING),
        ("F3: to=<a@example.net>, relay=a[192.0.2.1]:25, dsn=2.0.0, status=sent (250 ok)", NOTHING),
        ("connect to a.example.net[192.0.2.1]:25: Connection refused", NOTHING),
        ("disconnect from a.example.net[192.0.2.1] ehlo=1 starttls=0/1 commands=1/2", NOTHING),
        ("", NOTHING),
    ],
)
def test_a_line_is_judged_by_its_words(line: str, expected: Interest) -> None:
    """Evidence has a phrase or a code of a failure of TLS; what names the peer of a session later is kept beside it."""
    assert Interests()(line) is expected


def test_the_first_line_that_is_no_failure_is_kept() -> None:
    """If nothing else is there, it is the answer."""
    interests = Interests()
    fine = "Untrusted TLS connection established to {}.example.net[192.0.2.1]:25: TLSv1.3"
    for line in ("nothing", fine.format("a"), "Cannot start TLS: handshake failure", fine.format("b")):
        interests(line)
    assert interests.harmless == fine.format("a")


def test_anchors_and_context_fit_together() -> None:
    """Anchors are in lower case, as the sieve compares them, and a line of context holds one where it needs to."""
    assert [anchor for anchor in ANCHORS if anchor != anchor.lower()] == []
    assert len(set(ANCHORS)) == len(ANCHORS)
    assert all(words == words.lower() for words in CONTEXT)


@given(st.text())
def test_any_line_is_judged(line: str) -> None:
    """Nothing raises."""
    assert Interests()(line) in Interest
