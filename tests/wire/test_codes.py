from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.wire.codes import COMMON, FATAL, Era, eras, pack, unpack

OLD, NEW, LIBRESSL, BORINGSSL = Era.PRE_3, Era.SINCE_3, Era.LIBRESSL, Era.BORINGSSL

EXAMPLES = [
    ("140943F2", OLD, 20, 148, 1010),
    ("14094410", OLD, 20, 148, 1040),
    ("14094412", OLD, 20, 148, 1042),
    ("14094413", OLD, 20, 148, 1043),
    ("14094415", OLD, 20, 148, 1045),
    ("14094416", OLD, 20, 148, 1046),
    ("14094418", OLD, 20, 148, 1048),
    ("1409442E", OLD, 20, 148, 1070),
    ("14090086", OLD, 20, 144, 134),
    ("1408F10B", OLD, 20, 143, 267),
    ("140770FC", OLD, 20, 119, 252),
    ("1407742E", OLD, 20, 119, 1070),
    ("14077410", OLD, 20, 119, 1040),
    ("0A000418", NEW, 20, None, 1048),
    ("0A000086", NEW, 20, None, 134),
    ("0A00010B", NEW, 20, None, 267),
    ("0A000126", NEW, 20, None, 294),
    ("0A000152", NEW, 20, None, 338),
    ("0B080074", OLD, 11, 128, 116),
    ("0906D06C", OLD, 9, 109, 108),
    ("1416F086", OLD, 20, 367, 134),
    ("1417A0C1", OLD, 20, 378, 193),
    ("140760FC", OLD, 20, 118, 252),
    ("1408A0C1", OLD, 20, 138, 193),
    ("141A318A", OLD, 20, 419, 394),
    ("1404B42E", LIBRESSL, 20, 75, 1070),
    ("140773F2", OLD, 20, 119, 1010),
    ("1409E0E5", OLD, 20, 158, 229),
    ("140E6118", OLD, 20, 230, 280),
    ("02001002", OLD, 2, 1, 2),
    ("80000002", NEW, 2, None, 2),
    ("10000410", BORINGSSL, 16, None, 1040),
    ("1000007D", BORINGSSL, 16, None, 125),
    ("10000066", BORINGSSL, 16, None, 102),
    ("0A0000C1", NEW, 20, None, 193),
    ("0A000102", NEW, 20, None, 258),
    ("0A00045C", NEW, 20, None, 1116),
    ("0A00018A", NEW, 20, None, 394),
    ("14082174", OLD, 20, 130, 372),
    ("0A0003F2", NEW, 20, None, 1010),
    ("0A000410", NEW, 20, None, 1040),
]


@pytest.mark.parametrize(("code", "era", "library", "function", "reason"), EXAMPLES)
def test_codes_of_the_field(code: str, era: Era, library: int, function: int | None, reason: int) -> None:
    """A bare number is read by the era that makes such numbers, and taken apart by its rules."""
    assert eras(int(code, 16))[0] is era
    packed = unpack(int(code, 16), era)
    assert (packed.code, packed.library, packed.function, packed.reason) == (code, library, function, reason)


@pytest.mark.parametrize(
    ("code", "library", "function", "era"),
    [
        (0x1000007D, "SSL routines", "OPENSSL_internal", BORINGSSL),
        (0x1400442E, "SSL routines", "CONNECT_CR_SRVR_HELLO", LIBRESSL),
        (0x1404B42E, "SSL routines", "ST_CONNECT", LIBRESSL),
        (0x14FFF086, "SSL routines", "(UNKNOWN)SSL_internal", LIBRESSL),
        (0x09FFF06C, "PEM routines", "CRYPTO_internal", LIBRESSL),
        (0x02FFF002, "system library", "", LIBRESSL),
        (0x0A000410, "SSL routines", "ssl3_read_bytes", NEW),
        (0x0A0C0103, "SSL routines", "", NEW),
        (0x0A080006, "SSL_routines", "", NEW),
        (0x1C880004, "Provider routines", "", NEW),
        (0x0480006C, "PEM routines", "", NEW),
        (0x05800074, "x509 certificate routines", "", NEW),
        (0x14000086, "SSL routines", "", OLD),
        (0x10000086, "SSL routines", "", BORINGSSL),
        (0x1000007D, "BIO routines", "", BORINGSSL),
        (0, "lib(0)", "func(0)", OLD),
    ],
)
def test_texts_beside_a_code_say_whose_it_is(code: int, library: str, function: str, era: Era) -> None:
    """BoringSSL and LibreSSL name themselves in the function; Node prints functions beside codes of 3.0."""
    assert eras(code, library, function)[0] is era


@pytest.mark.parametrize("code", [0xDEADBEEF, 0x20240101, 0x12345678, 0x00001234, 0xFFFFFFFF])
def test_a_number_that_no_era_makes(code: int) -> None:
    """Dates and other eight digits are no codes."""
    assert eras(code) == ()


def test_alerts_are_reasons_of_the_ssl_library() -> None:
    """Reason 1000 + n is alert n, in the SSL library alone."""
    assert unpack(0x140943F2, OLD).alert == 10
    assert unpack(0x10000410, BORINGSSL).alert == 40
    assert unpack(0x0B0803F2, OLD).alert is None
    assert unpack(0x140947FF, OLD).alert is None


def test_errors_of_the_operating_system() -> None:
    """Library 2 carries an errno, since 3.0 by bit 31."""
    assert unpack(0x02001002, OLD).errno == 2
    assert unpack(0x80000068, NEW).errno == 104
    assert unpack(0x0A000418, NEW).errno is None


def test_reasons_that_all_libraries_share() -> None:
    """Below 100 before 3.0, with a flag since."""
    assert unpack(0x0A0C0103, NEW).shared == 259
    assert unpack(0x0A000103, NEW).shared is None
    assert unpack(0x140DC009, OLD).shared == 9
    assert unpack(0x1408F10B, OLD).shared is None
    assert unpack(0x02001002, OLD).shared is None
    assert unpack(0x0A0C0103, NEW).reason == 259 | COMMON | FATAL


@given(st.integers(0, 0xFFFFFFFF), st.sampled_from(Era))
def test_packing_undoes_unpacking(code: int, era: Era) -> None:
    """No bit is lost, but those between library and reason that BoringSSL does not use."""
    packed = unpack(code, era)
    kept = code & 0xFF000FFF if era is BORINGSSL else code
    plain_system = era is NEW and packed.library == 2 and not code >> 31
    if not plain_system:
        assert pack(era, packed.library, packed.function, packed.reason) == kept


@given(st.integers(0, 1 << 40), st.text(), st.text())
def test_any_input_has_an_answer(code: int, library: str, function: str) -> None:
    """Nothing raises, and no era is named twice."""
    found = eras(code & 0xFFFFFFFF, library, function)
    assert len(found) == len(set(found))
    assert all(era.label for era in found)
    assert all(len(unpack(code, era).code) == 8 for era in Era)
