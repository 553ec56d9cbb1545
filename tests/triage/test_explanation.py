"""``explain``: whatever a user has in hand leads to one message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.catalogue.numbers import alert, verify
from probe.catalogue.pages import ids, page
from probe.message import Accused, Category, Direction
from probe.model import Confidence
from probe.triage.explanation import LONGEST_WORD, explain

X509 = "X509 verification error"

GIVEN = [
    ("140943F2", "tls-alert-unexpected-message", "received"),
    ("0x140943F2", "tls-alert-unexpected-message", "received"),
    ("140943f2", "tls-alert-unexpected-message", "received"),
    ("0A0003F2", "tls-alert-unexpected-message", "received"),
    ("0A000418", "tls-alert-unknown-ca", "received"),
    ("error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca", "tls-alert-unknown-ca", "received"),
    ("error:14094418:SSL", "tls-alert-unknown-ca", "received"),
    ("SSL alert number 48", "tls-alert-unknown-ca", "received"),
    ("unknown_ca", "tls-alert-unknown-ca", "received"),
    ("1417A0C1", "no-shared-cipher", "local"),
    ("X509_V_ERR_CERT_HAS_EXPIRED", "expired", "local"),
    ("x509_v_err_cert_has_expired", "expired", "local"),
    ("X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY", "issuer-unknown", "local"),
    ("X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed-leaf", "local"),
    ("20", "issuer-unknown", "local"),
    ("0x80090325", "issuer-unknown", "local"),
    ("80090325", "issuer-unknown", "local"),
    ("-2146893019", "issuer-unknown", "local"),
    ("SEC_ERROR_UNKNOWN_ISSUER", "issuer-unknown", "local"),
    ("GNUTLS_E_FATAL_ALERT_RECEIVED", "tls-alert-unnamed", "received"),
    ("-12", "tls-alert-unnamed", "received"),
    ("4.7.323", "dane-mismatch", "local"),
    ("certificate-not-trusted", "issuer-unknown", "local"),
    ("certificate-host-mismatch", "name-mismatch", "local"),
    ("starttls-not-supported", "no-starttls", "local"),
    ("sts-policy-fetch-error", "mta-sts-broken", "local"),
    ("missing-intermediate", "missing-intermediate", "local"),
    ("[MISSING-INTERMEDIATE]", "missing-intermediate", "local"),
    ("  expired \n", "expired", "local"),
    ("TLS is required, but was not offered by host mx.example.net[192.0.2.25]", "no-starttls", "local"),
    ("Someone says: the certificate has expired, what now?", "expired", "local"),
]
"""What is typed, the page, who noticed."""


@pytest.mark.parametrize(("text", "expected", "direction"), GIVEN)
def test_what_is_typed_leads_to_its_page(text: str, expected: str, direction: str) -> None:
    """A code of any era, an alert, a constant, a number, a status, a report's word, an id, a sentence."""
    message = explain(text)
    assert (message.page, message.direction) == (expected, Direction(direction))
    assert (message.text.strip(), message.title) == (text.strip(), page(expected).title)
    assert message.accused in {Accused.UNKNOWN, Accused.SERVER}
    assert message.meaning


@pytest.mark.parametrize(
    ("code", "era", "numbers", "received"),
    [
        ("140943F2", "OpenSSL before 3.0", (20, 148, 1010), 10),
        ("14094418", "OpenSSL before 3.0", (20, 148, 1048), 48),
        ("1417A0C1", "OpenSSL before 3.0", (20, 378, 193), None),
        ("0A000418", "OpenSSL 3.0 and later", (20, None, 1048), 48),
        ("0A0000C1", "OpenSSL 3.0 and later", (20, None, 193), None),
        ("80000002", "OpenSSL 3.0 and later", (2, None, 2), None),
    ],
)
def test_a_code_is_decoded_by_its_era(
    code: str, era: str, numbers: tuple[int, int | None, int], received: int | None
) -> None:
    """8, 12 and 12 bits before 3.0, no function from then on; 1000 and more is an alert that was received."""
    (decoded,) = explain(code).codes
    assert (decoded.code, decoded.era, decoded.alert) == (code, era, received)
    assert (decoded.library_number, decoded.function_number, decoded.reason_number) == numbers


def test_a_printed_text_outweighs_the_number() -> None:
    """Numbers were used again by later versions; what the number itself means is shown beside."""
    message = explain("error:1408A10B:SSL routines:SSL3_GET_CLIENT_HELLO:no shared cipher")
    assert message.page == "no-shared-cipher"
    assert any("the number" in note for note in message.codes[0].notes)


@pytest.mark.parametrize(
    ("number", "expected", "kinds"),
    [
        ("20", "issuer-unknown", [X509, "TLS alert", "part of OpenSSL"]),
        ("48", "name-constraints", [X509, "TLS alert", "GnuTLS error", "part of OpenSSL"]),
        ("10", "expired", [X509, "TLS alert", "GnuTLS error", "part of OpenSSL"]),
    ],
)
def test_a_bare_number_has_several_readings(number: str, expected: str, kinds: list[str]) -> None:
    """All are shown, X509 first, whose page is told; so it may be, and the other pages are named."""
    message = explain(number)
    assert [reading.kind.partition(" (")[0] for reading in message.readings] == kinds
    assert (message.page, message.confidence) == (expected, Confidence.MAY_BE)
    assert message.also
    assert expected not in message.also


def test_a_word_of_two_vocabularies_has_both_pages() -> None:
    """A TLS report says so of the server's certificate, an alert says so of that of whoever receives it."""
    message = explain("certificate-expired")
    assert {message.page, *message.also} == {"expired", "tls-alert-certificate-expired"}
    assert message.confidence is Confidence.MAY_BE


def test_every_x509_number_and_alert_is_known_by_its_name() -> None:
    """As OpenSSL's header and the standard write them."""
    for number in range(1, 120):
        for row in verify(number):
            assert explain(row.name).readings[0].name == row.name
    for number in range(256):
        if named := alert(number):
            assert "TLS alert" in {reading.kind for reading in explain(named.name).readings}, named


@pytest.mark.parametrize("name", ids())
def test_a_page_explains_itself(name: str) -> None:
    """Also where its id is a word that means something else."""
    message = explain(name)
    assert (message.page, message.category) == (name, Category(page(name).category))


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("missing-intermedate", "missing-intermediate"),
        ("expird", "expired"),
        ("handshake refused?", "handshake-refused"),
    ],
)
def test_what_is_unknown_gets_the_nearest_pages(text: str, near: str) -> None:
    """A slip of the finger, or words that a page has."""
    message = explain(text)
    assert (message.page, message.category) == (None, Category.UNDETERMINED)
    assert near in message.also


@pytest.mark.parametrize(("topic", "first"), [("dane", "dane-mismatch"), ("senders", "who-refuses")])
def test_a_topic_leads_to_its_main_page(topic: str, first: str) -> None:
    """Of several pages with the word, the one that knows most about it stands first."""
    assert explain(topic).also[0] == first


@pytest.mark.parametrize("text", ["", "   ", "\n", "530", "99999", "0xFFFFFFFF", "-1", "x" * 10_000, "%s%n", "🜁"])
def test_nonsense_is_not_explained(text: str) -> None:
    """Its parts are decoded where they have a meaning, and nobody is accused."""
    message = explain(text)
    assert (message.page, message.accused, message.causes) == (None, Accused.UNKNOWN, ())


def test_a_number_without_page_has_its_readings() -> None:
    """What it says by itself is told."""
    message = explain("530")
    assert [reading.kind for reading in message.readings] == ["SMTP reply code"]
    assert message.symptoms == ("reply:530",)


def test_a_long_word_has_no_readings() -> None:
    """No constant is that long."""
    assert explain("A" * (LONGEST_WORD + 1)).readings == ()


WORDS = st.sampled_from([text for text, _, _ in GIVEN])


@given(st.one_of(st.text(), st.integers().map(str), WORDS, st.lists(WORDS, max_size=5).map(" ".join)))
def test_any_text_is_explained_or_not(text: str) -> None:
    """Nothing raises; a page is one of ours, and so are the others."""
    message = explain(text)
    assert {message.page, *message.also} - {None} <= set(ids())
    assert message.page is None or message.page not in message.also
