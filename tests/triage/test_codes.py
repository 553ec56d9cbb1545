from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.triage.codes import Code, codes, numeric, readings

OLD, NEW = "OpenSSL before 3.0", "OpenSSL 3.0 and later"
SHOWPIECE = "error:140943F2:SSL routines:SSL3_READ_BYTES:sslv3 alert unexpected message"


def only(text: str) -> Code:
    """The one code of a text."""
    (code,) = codes(text)
    return code


def test_the_showpiece() -> None:
    """Received alert 10; capitals date the writer."""
    text = f"TLS connect failed: {SHOWPIECE}; connected to 192.0.2.1."
    assert only(text) == Code(
        code="140943F2",
        era=OLD,
        library="SSL routines",
        function="SSL3_READ_BYTES",
        reason="sslv3 alert unexpected message",
        alert=10,
        symptom="alert:10",
        written_by="OpenSSL 1.0.1 or older",
        ambiguous=(),
        start=20,
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("140943f2", ("140943F2", OLD, "ssl3_read_bytes", "sslv3 alert unexpected message", "alert:10")),
        ("0A000418", ("0A000418", NEW, None, "tlsv1 alert unknown ca", "alert:48")),
        (" [0x0a000418] ", ("0A000418", NEW, None, "tlsv1 alert unknown ca", "alert:48")),
        ("10000410", ("10000410", "BoringSSL", None, "SSLV3_ALERT_HANDSHAKE_FAILURE", "alert:40")),
        ("10000066", ("10000066", "BoringSSL", None, "BAD_ALERT", "boringssl:ssl:102")),
        ("1404B42E", ("1404B42E", "LibreSSL", "ST_CONNECT", "tlsv1 alert protocol version", "alert:70")),
        ("80000068", ("80000068", NEW, None, "Connection reset by peer", "sys:104")),
        ("02001002", ("02001002", OLD, "fopen", "No such file or directory", "sys:2")),
        ("0B080074", ("0B080074", OLD, "X509_check_private_key", "key values mismatch", "x509:116")),
        ("0906D06C", ("0906D06C", OLD, "PEM_read_bio", "no start line", "pem:108")),
        ("0A0C0103", ("0A0C0103", NEW, None, "internal error", "common:259")),
        ("14082174", ("14082174", OLD, "ssl3_check_cert_and_algorithm", "dh key too small", "reason:394")),
        ("error:14094418", ("14094418", OLD, "ssl3_read_bytes", "tlsv1 alert unknown ca", "alert:48")),
        ("error:0A000479:SSL routines::reason(1145)", ("0A000479", NEW, None, None, "alert:145")),
        ("error:00000000:lib(0):func(0):reason(0)", ("00000000", OLD, None, None, None)),
        ("error:DEADBEEF:SSL routines:foo:bar baz", ("DEADBEEF", "", "foo", "bar baz", None)),
        (
            "error:0A00010B:mystery: wrong version number",
            ("0A00010B", NEW, None, "wrong version number", "reason:267"),
        ),
        (
            "error:0A000102:SSL routines:unsupported protocol",
            ("0A000102", NEW, None, "unsupported protocol", "reason:258"),
        ),
        (
            "TLS_connect_failed:_error:140943F2:SSL_routines:SSL3_READ_BYTES:sslv3_alert_unexpected_message;_connected",
            ("140943F2", OLD, "SSL3_READ_BYTES", "sslv3 alert unexpected message", "alert:10"),
        ),
        (
            "error:14077417:SSL\nroutines:SSL23_GET_SERVER_HELLO:sslv3 alert\n illegal parameter\nx",
            ("14077417", OLD, "SSL23_GET_SERVER_HELLO", "sslv3 alert illegal parameter", "alert:47"),
        ),
        (
            "140147404642112:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:ssl3_record.c:332:",
            ("1408F10B", OLD, "ssl3_get_record", "wrong version number", "reason:267"),
        ),
        (
            (
                "write EPROTO D8F9D46A0E7B0000:error:0A000410:SSL routines:ssl3_read_bytes:"
                "sslv3 alert handshake failure:../deps/openssl/ssl/record/rec_layer_s3.c:1605:SSL alert number 40"
            ),
            ("0A000410", NEW, "ssl3_read_bytes", "sslv3 alert handshake failure", "alert:40"),
        ),
        (
            "error:1000007d:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED",
            ("1000007D", "BoringSSL", "OPENSSL_internal", "CERTIFICATE_VERIFY_FAILED", "reason:134"),
        ),
        (
            "error:1400442E:SSL routines:CONNECT_CR_SRVR_HELLO:tlsv1 alert protocol version",
            ("1400442E", "LibreSSL", "CONNECT_CR_SRVR_HELLO", "tlsv1 alert protocol version", "alert:70"),
        ),
        (
            "TLS error on connection (SSL_accept): error:0A0000C1:SSL routines::no shared cipher (no session)",
            ("0A0000C1", NEW, None, "no shared cipher", "reason:193"),
        ),
        (
            "error:xxxxxxxx:SSL routines:tls_process_server_certificate:certificate verify failed",
            ("", "", "tls_process_server_certificate", "certificate verify failed", "reason:134"),
        ),
        (
            "error:xxxxxxxx:system library:fopen:Permission denied",
            ("", "", "fopen", "Permission denied", "sys:13"),
        ),
        (
            "error:02001036:system library:connect:Connection reset by peer",  # 54: how BSD counts
            ("02001036", OLD, "connect", "Connection reset by peer", "sys:104"),
        ),
        (
            "[SSL: WRONG_VERSION_NUMBER] wrong (_ssl.c:1129)",
            ("", "", None, "wrong version number", "reason:267"),
        ),
        ("[X509: KEY_VALUES_MISMATCH] key", ("", "", None, "key values mismatch", "x509:116")),
        (
            "[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] x",
            ("", "", None, "sslv3 alert handshake failure", "alert:40"),
        ),
        ("code: 'ERR_SSL_WRONG_VERSION_NUMBER'", ("", "", None, "wrong version number", "reason:267")),
        ("SSL alert number 48", ("", "", None, "tlsv1 alert unknown ca", "alert:48")),
        ("SSL_alert_number_0", ("", "", None, "close notify", "alert:0")),
        ("SSL alert number 99", ("", "", None, None, "alert:99")),
    ],
)
def test_forms_of_codes(text: str, expected: tuple[str, str, str | None, str | None, str | None]) -> None:
    """Whole arguments, log lines, folded, escaped, masked, with fields missing, as mnemonics."""
    found = only(text)
    assert (found.code, found.era, found.function, found.reason, found.symptom) == expected
    assert (found.alert is not None) == (found.symptom or "").startswith("alert:")


@pytest.mark.parametrize(
    "text", ["no code here", "20240101", "DEADBEEF", "", "error:", "error:xxxxxxxx:", "x: error:14"]
)
def test_texts_without_a_code(text: str) -> None:
    """Dates, other hexadecimal numbers and the word error are none."""
    assert codes(text) == ()


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("error:14094418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca", "OpenSSL 1.0.2 to 1.1.1"),
        ("error:14090086:SSL routines:ssl3_get_server_certificate:certificate verify failed", "OpenSSL 1.0.2"),
        ("error:1416F086:SSL routines:tls_process_server_certificate:x", "OpenSSL 1.1.0 or 1.1.1"),
        ("error:140770FC:SSL routines:SSL23_GET_SERVER_HELLO:unknown protocol", "OpenSSL 1.0.2 or older"),
        ("1417A0C1", "OpenSSL 1.1.0 or 1.1.1"),
        ("14094418", ""),
        ("error:14094418:SSL routines:of_its_own:tlsv1 alert unknown ca", ""),
        ("error:0906D06C:PEM routines:PEM_read_bio:no start line", ""),
        ("error:0A000418:SSL routines::tlsv1 alert unknown ca", ""),
    ],
)
def test_the_function_dates_the_writer(text: str, version: str) -> None:
    """By spelling, or for a bare number by the versions in which that function existed."""
    assert only(text).written_by == version


def test_a_printed_text_outweighs_the_number() -> None:
    """Where they disagree, the symptom follows the text, and that is said."""
    code = only("error:0A000418:SSL routines::certificate verify failed")
    assert (code.symptom, code.alert) == ("reason:134", None)
    assert code.ambiguous == ('the number 1048 itself means "tlsv1 alert unknown ca"',)


def test_a_number_alone_shows_all_its_meanings() -> None:
    """What versions and forks would mean by it."""
    assert only("1000007D").ambiguous == ("invalid argument (BIO routines, OpenSSL 3.0 and later)",)
    assert only("error:1000007D:SSL routines:OPENSSL_internal:CERTIFICATE_VERIFY_FAILED").ambiguous == ()
    number = only("14067065")  # its function was there before and after reason 101 changed its meaning
    assert number.reason == "no suitable key share"
    assert number.ambiguous == ("bad alert record (OpenSSL 1.0.2 or older)",)
    assert only("1408A065").reason == "bad alert record"  # its function was not


def test_a_meaning_whose_number_was_given_away_has_no_symptom() -> None:
    """20/101 is "no suitable key share" now: the old text must not lead to its page."""
    assert only("error:1408A065:SSL routines:SSL3_GET_CLIENT_HELLO:bad alert record").symptom is None
    assert only("error:0A000065:SSL routines::no suitable key share").symptom == "reason:101"


@pytest.mark.parametrize("text", ["error:0A080006:SSL routines::EVP lib", "140DC009"])
def test_a_pointer_to_another_error_has_no_symptom(text: str) -> None:
    """A text such as "PEM lib" says that the reason stands before it."""
    assert only(text).symptom is None


def test_order_and_repetition() -> None:
    """In order of appearance; what one line repeats counts once, what another line says again counts again."""
    first, second = SHOWPIECE, "error:0A00010B:SSL routines::wrong version number"
    assert [code.code for code in codes(f"{first} {second}; {first}\n{first}")] == ["140943F2", "0A00010B", "140943F2"]
    assert [code.alert for code in codes(f"{first}:s3_pkt.c:1262:SSL alert number 10")] == [10]
    assert [code.alert for code in codes(f"{first}; SSL alert number 48")] == [10, 48]


@pytest.mark.parametrize(
    ("text", "symptoms"),
    [
        ("verify error:num=20:unable to get local issuer certificate", ["verify:20"]),
        ("num=20", ["verify:20"]),
        ("verification failed for mx.example.net: num=65:no matching DANE TLSA records", ["verify:65"]),
        ("num=24:invalid CA certificate", ["verify:79"]),
        ("num=24", ["verify:24"]),
        ("num=250", []),
        ("error 20 at 0 depth lookup: unable to get local issuer certificate", ["verify:20"]),
        ("certificate verify failed (error 18)", ["verify:18"]),
        ("read failed (error 11)", []),
        ("Verify return code: 21 (unable to verify the first certificate)", ["verify:21"]),
        ("Verify return code: 0 (ok)", []),
        ("reason: X509_V_ERR_CERT_HAS_EXPIRED", ["verify:10"]),
        ("code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'", ["verify:21"]),
        ("X509_V_OK and SOME_OTHER_CONSTANT", []),
        ("failed with 0x80090325", ["hresult:0x80090325"]),
        ("status -2146893019", ["hresult:0x80090325"]),
        ("0x80091234 -2147000000", []),
        ("SEC_E_UNTRUSTED_ROOT CERT_E_CN_NO_MATCH", ["hresult:0x80090325", "hresult:0x800B010F"]),
        ("GNUTLS_E_FATAL_ALERT_RECEIVED", ["gnutls:-12"]),
        ("GnuTLS error -110: The TLS connection was non-properly terminated.", ["gnutls:-110"]),
        ("gnutls_handshake() failed: An unexpected packet (-15)", ["gnutls:-15"]),
        ("gnutls error -2", []),
        ("NSS error -8179 at host", ["nss:-8179"]),
        ("SEC_ERROR_UNKNOWN_ISSUER, SSL_ERROR_SYSCALL", ["nss:-8179"]),
        ("NSS error -8999\nand on a line without its name: -8179", []),
        ("s3_pkt.c:1262:SSL alert number 48", ["alert:48"]),
        ("Schannel 36887: fatal alert was received. The TLS protocol defined fatal alert code is 48.", ["alert:48"]),
        ("The TLS protocol defined fatal alert code is 48.", ["alert:48"]),
        ("The following fatal alert was received: 42.", ["alert:42"]),
        ("36887 … alert code 48", ["alert:48"]),
        ("36888 … alert code 48", []),
        ("alert code 48", []),
        ("The following fatal alert was generated: 10. The internal error state is 1203.", []),
        ("*** Fatal error: … Received alert [42]: Certificate is bad", ["alert:42"]),
        ("Received fatal alert: unexpected_message", ["alert:10"]),
        ("received fatal alert: HandshakeFailure", ["alert:40"]),
        ("received fatal alert: something_else", []),
        ("dsn=4.7.5, status=deferred", ["status:4.7.5"]),
        ("Status: 5.7.10", ["status:5.7.10"]),
        ("454-4.7.0 TLS\r\n454 4.7.0 not available", ["status:4.7.0", "status:4.7.0"]),
        ("4.7.323 tlsa-invalid", ["status:4.7.323"]),
        ("said: '550 5.4.317 Message expired'", ["status:5.4.317"]),
        ("(#4.3.0)", ["status:4.3.0"]),
        ("Postfix 2.5.1, postfix/2.5.1, Exim 4.4.2 (exim 4.5.1), v4.7.3, [5.1.2.3], mx 4.7.3.example", []),
        ("no number here", []),
    ],
)
def test_numbers_in_running_text(text: str, symptoms: list[str]) -> None:
    """A number counts where the words around it say whose it is, an alert where it was received."""
    assert [symptom for symptom, _ in numeric(text)] == symptoms


def test_offsets_of_numbers() -> None:
    """In order of appearance."""
    assert numeric("dsn=4.7.5 (num=18)") == (("status:4.7.5", 4), ("verify:18", 11))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("20", [("verify:20", "20"), ("alert:20", "20"), (None, "20")]),
        ("48", [("verify:48", "48"), ("alert:48", "48"), ("gnutls:-48", "-48"), (None, "48")]),
        ("24", [("verify:24", "24"), ("verify:79", "24")]),
        ("65", [("verify:65", "65"), ("verify:69", "65")]),
        ("101", [("gnutls:-101", "-101"), ("reason:101", "101"), (None, "101")]),
        ("267", [("reason:267", "267")]),
        ("454", [("reply:454", "454")]),
        ("1010", [("alert:10", "1010")]),
        ("-12", [("gnutls:-12", "-12")]),
        ("-8179", [("nss:-8179", "-8179")]),
        ("X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY", [("verify:20", "20")]),
        ("X509_V_OK", [(None, "0")]),
        ("cert_has_expired", [("verify:10", "10")]),
        ("unknown_ca", [("alert:48", "48")]),
        ("0x80090325", [("hresult:0x80090325", "0x80090325")]),
        ("80090325", [("hresult:0x80090325", "0x80090325")]),
        ("-2146893019", [("hresult:0x80090325", "0x80090325")]),
        ("SEC_E_UNTRUSTED_ROOT", [("hresult:0x80090325", "0x80090325")]),
        ("GNUTLS_E_FATAL_ALERT_RECEIVED", [("gnutls:-12", "-12")]),
        ("SSL_ERROR_BAD_CERT_DOMAIN", [("nss:-12276", "-12276")]),
        ("SSL_R_WRONG_VERSION_NUMBER", [("reason:267", "267")]),
        ("ERR_SSL_WRONG_VERSION_NUMBER", [("reason:267", "267")]),
        ("(4.7.323)", [("status:4.7.323", "4.7.323")]),
        ("nothing-known", []),
        ("", []),
        ("9" * 200, []),
    ],
)
def test_readings_of_a_word(word: str, expected: list[tuple[str | None, str]]) -> None:
    """Every meaning, X509 first."""
    assert [(row.symptom, row.number) for row in readings(word)] == expected


def test_readings_say_whose_they_are() -> None:
    """For people, with the versions where a number changed."""
    kinds = [row.kind for row in readings("24")]
    assert kinds[0] == "X509 verification error (OpenSSL 3.0 and later)"
    assert kinds[1] == "X509 verification error (OpenSSL before 3.0)"
    assert [row.kind for row in readings("20")] == [
        "X509 verification error (OpenSSL)",
        "TLS alert",
        "part of OpenSSL (library number)",
    ]


PIECES = st.sampled_from(
    [
        "error:", "140943F2", "0A000418", "xxxxxxxx", ":", "SSL routines", "\n", "_", "[SSL: ", "] ",
        "SSL alert number 48", "num=", "20", "gnutls", "(-12)", "4.7.5", "36887", " alert code 48", "reason(1)",
        "certificate verify failed",
    ]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_has_an_answer(text: str) -> None:
    """Nothing raises, and offsets lie within the text, in order."""
    starts = [code.start for code in codes(text)]
    assert starts == sorted(starts)
    offsets = [offset for _, offset in numeric(text)]
    assert offsets == sorted(offsets)
    assert all(0 <= offset < len(text) for offset in starts + offsets)
    assert len(readings(text)) < 20


@pytest.mark.unmeasured
@pytest.mark.parametrize("piece", ["error:", "gnutls ", "[SSL: A", "NSS ", "A_", "num=", "4.7.", "error:140943F2:a "])
def test_long_lines_take_time_in_proportion(piece: str) -> None:
    """A line of a quarter of a million characters is over in a moment."""
    text = piece * (250_000 // len(piece))
    assert len(codes(text)) < 50_000
    assert len(numeric(text)) < 50_000


def test_importing_reads_no_table() -> None:
    """A text without a code costs nothing."""
    script = (
        "from probe.triage.codes import codes; from probe.catalogue import tables; codes('no code here');"
        "assert not tables.reasons.cache_info().currsize; assert not tables.libraries.cache_info().currsize"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
