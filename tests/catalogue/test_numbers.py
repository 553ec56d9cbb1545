from __future__ import annotations

import pytest
from OpenSSL import SSL, _util

from probe.catalogue import numbers, tables
from probe.catalogue.numbers import BORINGSSL, LIBRESSL, NEW, OLD


def running_reason(library: int, number: int) -> str | None:
    """What the running OpenSSL prints for a code of its own era."""
    text = _util.lib.ERR_reason_error_string(library << 23 | number)
    return None if text == _util.ffi.NULL else _util.ffi.string(text).decode()


def running_version() -> str:
    """What "openssl version" would say."""
    return SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode().split()[1]


@pytest.mark.skipif(not running_version().startswith("4.0"), reason="the tables end with OpenSSL 4.0")
def test_the_running_library_agrees() -> None:
    """What the tables say of 4.0 is what OpenSSL 4.0 prints."""
    SSL.Context(SSL.TLS_METHOD)  # loads the texts
    newest = [rows[-1] for (era, library, _), rows in tables.reasons().items() if era == NEW and library]
    told = [row for row in newest if row.versions[-1] == "4.0"]
    assert len(told) > 1000
    assert [row for row in told if running_reason(row.library, row.number) != row.text] == []


def test_the_running_library_agrees_on_shared_reasons() -> None:
    """Reasons that all libraries share, with the flags that they carry."""
    fatal = {256, 257, 258, 259, 260, 261, 263, 264, 271, 272}
    for number in (*range(256, 265), 266, 267, 268, 269, 271):
        code = number | 2 << 18 | (1 << 18 if number in fatal else 0)
        assert [row.text for row in numbers.shared(NEW, number)] == [running_reason(20, code)]


def test_libraries() -> None:
    """A number means another library in BoringSSL."""
    assert numbers.library(OLD, 20) == numbers.Library(OLD, 20, "SSL", "SSL routines")
    assert (row := numbers.library(BORINGSSL, 16)) is not None
    assert row.text == "SSL routines"
    assert numbers.library(LIBRESSL, 9) == numbers.library(OLD, 9)
    assert numbers.library(NEW, 200) is None
    assert {row.era for row in numbers.libraries_by_text("SSL_routines")} == {OLD, NEW, BORINGSSL}


def test_functions_change_their_spelling() -> None:
    """Capitals until 1.0.1, lower case since: that dates the writer."""
    capitals, small = numbers.functions(20, 148)
    assert (capitals.text, capitals.versions[-1]) == ("SSL3_READ_BYTES", "1.0.1")
    assert (small.text, small.versions[0]) == ("ssl3_read_bytes", "1.0.2")
    assert [row.text for row in numbers.functions(2, 1)] == ["fopen"]
    assert [row.text for row in numbers.functions(20, 75, LIBRESSL)] == ["ST_CONNECT"]
    assert numbers.functions(20, 99, LIBRESSL) == numbers.functions(20, 148, NEW) == ()


def test_reason_numbers_were_used_again() -> None:
    """20/101 was one thing until 1.0.2 and another since 1.1.1."""
    meanings = [(row.text, row.versions[0], row.versions[-1]) for row in numbers.reasons(OLD, 20, 101)]
    assert meanings == [("bad alert record", "0.9.8", "1.0.2"), ("no suitable key share", "1.1.1", "1.1.1")]
    assert [row.name for row in numbers.reasons(BORINGSSL, 16, 247)] == ["WRONG_VERSION_NUMBER"]
    assert [row.text for row in numbers.reasons(LIBRESSL, 9, 108)] == ["no start line"]
    assert [row.text for row in numbers.reasons(LIBRESSL, 20, 1070)] == ["tlsv1 alert protocol version"]


def test_reasons_by_text_and_name() -> None:
    """Spelling, folding and escaping do not matter."""
    assert {row.number for row in numbers.reasons_by_text("SSL/TLS alert\n unexpected_message")} == {1010}
    assert {row.number for row in numbers.reasons_by_name("SSL_R_DH_KEY_TOO_SMALL") if row.era != BORINGSSL} == {
        372,
        394,
    }
    assert numbers.reasons_by_text("no such thing") == ()


def test_shared_reasons() -> None:
    """BoringSSL kept few of them, with their old numbers."""
    assert [row.text for row in numbers.shared(OLD, 9)] == ["PEM lib"]
    assert [row.text for row in numbers.shared(BORINGSSL, 68)] == ["internal error"]
    assert numbers.shared(BORINGSSL, 9) == ()


@pytest.mark.parametrize("name", ["unknown_ca", "UnknownCA", "unknown CA", "tlsv1 alert unknown ca"])
def test_alerts(name: str) -> None:
    """Every program's spelling of an alert is one."""
    assert (row := numbers.alert_by_name(name)) is not None
    assert (row.number, row.level) == (48, "fatal")
    assert numbers.alert(48) == row
    assert numbers.alert(5) is None


def test_all_wordings_of_an_alert() -> None:
    """The newest first."""
    assert (row := numbers.alert(10)) is not None
    expected = ("tls alert unexpected message", "ssl/tls alert unexpected message", "sslv3 alert unexpected message")
    assert row.texts == expected


def test_verdicts_whose_number_changed() -> None:
    """24 was "invalid CA certificate" before 3.0; that is 79 now."""
    assert [row.name for row in numbers.verify(24)] == ["X509_V_ERR_NO_ISSUER_PUBLIC_KEY", "X509_V_ERR_INVALID_CA"]
    assert [row.number for row in numbers.verify_by_name("invalid_ca")] == [79, 24]
    assert [row.number for row in numbers.verify_by_text("invalid CA certificate")] == [79, 24]
    assert [row.number for row in numbers.verify_by_name("X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY")] == [20]
    assert {row.number for row in numbers.verify_by_text("self signed certificate")} == {18}
    assert numbers.verify(4711) == numbers.verify_by_text("") == ()


def test_other_libraries() -> None:
    """GnuTLS, NSS, Windows and Linux answer by number and by name."""
    assert numbers.gnutls(-12) == numbers.gnutls("GNUTLS_E_FATAL_ALERT_RECEIVED") is not None
    assert numbers.nss(-8179) == numbers.nss("SEC_ERROR_UNKNOWN_ISSUER") is not None
    assert numbers.hresult(-2146893019) == numbers.hresult(0x80090325) == numbers.hresult("SEC_E_UNTRUSTED_ROOT")
    assert numbers.hresult(0x80090325) is not None
    assert numbers.errno(104) == numbers.errno_by_text("Connection_reset by peer") is not None
    assert numbers.gnutls("x") is numbers.nss(1) is numbers.hresult(0) is numbers.errno_by_text("") is None


def test_every_row_is_whole() -> None:
    """No reason without words, and every version is a known one."""
    for rows in tables.reasons().values():
        for row in rows:
            assert row.text
            assert row.name
            assert set(row.versions) <= {*tables.VERSIONS, "LibreSSL", "BoringSSL"}
