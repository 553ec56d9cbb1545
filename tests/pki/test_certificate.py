from __future__ import annotations

import hashlib
import random
from datetime import UTC, datetime, timedelta, timezone

import forge
import pytest
from forge import CAST, NOW
from hypothesis import given, settings
from hypothesis import strategies as st
from pki.crafted import ALGORITHM, OTHER_ALGORITHM, crafted, extension
from shared import examples

from probe.demo import der as writer
from probe.demo import keys as demo_keys
from probe.model import Certificate
from probe.pki import certificate
from probe.pki.certificate import ALGORITHMS_DIFFER, MAX_SIZE, parse

KNOWN_URL = "http://ca.example/i.cer"


def test_a_certificate_is_read_in_all_its_parts() -> None:
    """A leaf as a CA would make it: every field, and nothing to complain of."""
    issuer = CAST.root
    forged = forge.certificate(
        subject="CN=mx.example,O=Example\\, Ltd,C=DE",
        issuer=issuer,
        names=("mx.example", "*.mx.example", "192.0.2.1", "2001:db8::1", "post@mx.example"),
        aia=(KNOWN_URL,),
        serial=0x1234,
    )
    read = parse(forged.der)
    assert (read.problem, read.problems) == (None, ())
    assert read.sha256 == hashlib.sha256(forged.der).hexdigest()
    assert (read.version, read.serial) == (3, 0x1234)
    assert read.subject.text == "CN=mx.example,O=Example\\, Ltd,C=DE"
    assert (read.subject.common_name, read.label) == ("mx.example", "mx.example")
    assert read.issuer == parse(issuer.der).subject
    assert (read.not_before, read.not_after) == (NOW - timedelta(days=30), NOW + timedelta(days=60))
    assert (read.signature_name, read.signature_hash) == ("sha256WithRSAEncryption", "sha256")
    assert read.dns_names == ("mx.example", "*.mx.example")
    assert read.ip_addresses == ("192.0.2.1", "2001:db8::1")
    assert read.email_addresses == ("post@mx.example",)
    assert (read.has_san, read.has_basic_constraints, read.is_ca, read.pathlen) == (True, True, False, None)
    assert read.key_usage == frozenset(("digitalSignature", "keyEncipherment"))
    assert read.eku == ("1.3.6.1.5.5.7.3.1",)
    assert read.subject_key_id == demo_keys.key_id("leaf")
    assert read.authority_key_id == demo_keys.key_id("root")
    assert (read.authority_issuer, read.aia, read.unknown_critical) == (None, (KNOWN_URL,), ())
    assert read.key.spki == demo_keys.spki("leaf")


def test_what_was_read_is_remembered_when_it_is_small() -> None:
    """The same bytes give the same value; a huge certificate is read anew, so that memory stays bounded."""
    assert parse(bytes(CAST.root.der)) is parse(bytes(CAST.root.der))
    huge = crafted(rest=writer.explicit(3, writer.sequence(extension("1.2.3", b"x" * 20_000))))
    assert parse(huge) == parse(huge)
    assert parse(huge) is not parse(huge)


FATAL = {
    "empty": (b"", "empty"),
    "text": (b"this is no certificate", "longer than what holds it"),
    "another kind": (writer.integer(5), "does not begin with a SEQUENCE"),
    "cut": (crafted()[:-40], "longer than what holds it"),
    "an empty sequence": (writer.sequence(), "not a certificate, its algorithm and a signature"),
    "a key": (demo_keys.spki("leaf"), "not a certificate, its algorithm and a signature"),
    "a signed nothing": (
        writer.sequence(writer.sequence(), ALGORITHM, writer.bits(b"")),
        "not the fields of a certificate",
    ),
    "a field is missing": (crafted(validity=b""), "not the fields of a certificate"),
    "too large": (b"\0" * (MAX_SIZE + 1), f"{MAX_SIZE + 1} bytes are too many"),
}


@pytest.mark.parametrize("case", FATAL)
def test_what_is_no_certificate_has_a_problem(case: str) -> None:
    """Only digest and bytes are there, and the reason."""
    data, words = FATAL[case]
    assert parse(data) == Certificate(data, hashlib.sha256(data).hexdigest(), problem=words)


WHOLE = {
    "trailing bytes": (crafted(tail=b"\0\0"), "certificate: trailing bytes"),
    "junk behind the signature": (
        writer.sequence(crafted()[4:], writer.integer(1)),
        "certificate: something behind the signature",
    ),
    "length longer than needed": (b"\x30\x83\0" + crafted()[2:], "certificate: lengths in BER, not DER"),
    "indefinite length": (b"\x30\x80" + crafted()[4:] + b"\0\0", "certificate: lengths in BER, not DER"),
    "junk behind the key": (crafted(rest=writer.integer(1)), "certificate: an unknown field after the key"),
    "two fields of extensions": (
        crafted(rest=writer.explicit(3, writer.sequence()) * 2),
        "certificate: an unknown field after the key",
    ),
    "unique identifiers": (crafted(rest=writer.tlv(0x81, b"\0a") + writer.tlv(0x82, b"\0b")), None),
    "another algorithm signed": (crafted(inner=OTHER_ALGORITHM), ALGORITHMS_DIFFER),
    "no algorithm": (
        crafted(inner=writer.sequence(), outer=writer.sequence()),
        "signature algorithm: no OBJECT IDENTIFIER of an algorithm",
    ),
    "half a byte of signature": (
        crafted(signature=writer.tlv(3, b"\x04signature")),
        "signature: not a whole number of bytes",
    ),
    "no signature": (crafted(signature=writer.tlv(3)), "signature: a malformed BIT STRING"),
    "version written out": (
        crafted(version=writer.explicit(0, writer.integer(0))),
        "version: 1 is written out, which DER leaves out",
    ),
    "version 4": (crafted(version=writer.explicit(0, writer.integer(3))), "version: 4 does not exist"),
    "version of text": (crafted(version=writer.explicit(0, writer.octets(b"3"))), "version: no INTEGER"),
    "version of nothing": (crafted(version=writer.explicit(0)), "version: ends too early"),
    "extensions in version 1": (
        crafted(version=b"", rest=writer.explicit(3, writer.sequence(extension("2.5.29.14", writer.octets(b"k"))))),
        "extensions: version 1 has none",
    ),
    "serial 0": (crafted(serial=writer.integer(0)), "serial number is not positive"),
    "serial negative": (crafted(serial=writer.integer(-5)), "serial number is not positive"),
    "serial empty": (crafted(serial=writer.tlv(2)), "serial number: an empty INTEGER"),
    "serial too long": (crafted(serial=writer.integer(1 << 200)), "serial number of 26 bytes"),
    "serial with a zero before it": (crafted(serial=writer.tlv(2, b"\0\x05")), "serial number is longer than needed"),
    "issuer empty": (crafted(issuer=""), "issuer: empty"),
    "subject empty": (crafted(subject=""), "subject: empty"),
    "issuer unreadable": (crafted(issuer=writer.sequence(b"\x31\x05")), "issuer: longer than what holds it"),
    "subject unreadable": (crafted(subject=writer.sequence(writer.sequence())), "subject: no SET in a name"),
    "key unreadable": (crafted(key=writer.sequence()), "subjectPublicKeyInfo: no algorithm and key"),
}


@pytest.mark.parametrize("case", WHOLE)
def test_one_bad_field_is_noted_and_the_others_are_kept(case: str) -> None:
    """Exactly one sentence, and names, dates and key are still there."""
    data, words = WHOLE[case]
    read = parse(data)
    assert (read.problem, read.problems) == (None, (words,) if words else ())
    assert read.not_after == datetime(2027, 1, 1, tzinfo=UTC)
    assert "subject" in case or read.subject.common_name == "mx.example"
    assert "issuer" in case or read.issuer.text == "CN=Example CA"
    assert "key" in case or read.key.algorithm == "rsa"


def test_the_signed_part_is_kept_byte_for_byte() -> None:
    """Also when its lengths are not DER, because the signature is over the bytes."""
    whole = crafted()
    tbs = whole[4 : 4 + 4 + int.from_bytes(whole[6:8], "big")]
    longer = b"\x30\x83\0" + tbs[2:]
    read = parse(writer.sequence(longer, ALGORITHM, writer.bits(b"signature")))
    assert (read.tbs, read.signature, read.signature_algorithm) == (longer, b"signature", ALGORITHM)
    assert read.problems == ("certificate: lengths in BER, not DER",)


TIMES = {
    "UTCTime": (0x17, b"260102030405Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), ()),
    "UTCTime of the last century": (0x17, b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC), ()),
    "UTCTime's last year": (0x17, b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), ()),
    "UTCTime without seconds": (
        0x17, b"2601020304Z", datetime(2026, 1, 2, 3, 4, tzinfo=UTC), ("notBefore: without seconds",),
    ),
    "UTCTime with offset": (
        0x17, b"260102030405+0130",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1, minutes=30))), ("notBefore: with an offset",),
    ),
    "UTCTime with negative offset": (
        0x17, b"2601020304-0800",
        datetime(2026, 1, 2, 11, 4, tzinfo=UTC), ("notBefore: without seconds", "notBefore: with an offset"),
    ),
    "UTCTime without zone": (
        0x17, b"260102030405", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), ("notBefore: without time zone",),
    ),
    "GeneralizedTime": (0x18, b"20500102030405Z", datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC), ()),
    "GeneralizedTime's last": (0x18, b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), ()),
    "GeneralizedTime too early": (
        0x18, b"20260102030405Z",
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), ("notBefore: GeneralizedTime before 2050",),
    ),
    "GeneralizedTime with a fraction": (
        0x18, b"20500102030405.678Z", datetime(2050, 1, 2, 3, 4, 5, tzinfo=UTC), ("notBefore: with a fraction",),
    ),
    "GeneralizedTime of hours": (
        0x18, b"2050010203Z", datetime(2050, 1, 2, 3, tzinfo=UTC), ("notBefore: without seconds",),
    ),
    "a month too many": (0x17, b"261302030405Z", None, ("notBefore: no such time",)),
    "hour 24": (0x17, b"260102240000Z", None, ("notBefore: no such time",)),
    "leap second": (0x17, b"261231235960Z", None, ("notBefore: no such time",)),
    "year 0": (0x18, b"00000102030405Z", None, ("notBefore: no such time",)),
    "an offset beyond the end of time": (0x18, b"99991231235959-0001", None, ("notBefore: no such time",)),
    "words": (0x17, b"tomorrow", None, ("notBefore: unreadable time",)),
    "other digits": (0x18, "²0260102030405Z".encode("latin-1"), None, ("notBefore: unreadable time",)),
    "nothing": (0x17, b"", None, ("notBefore: unreadable time",)),
    "a string": (0x0C, b"260102030405Z", None, ("notBefore: neither UTCTime nor GeneralizedTime",)),
}  # fmt: skip


@pytest.mark.parametrize("case", TIMES)
def test_times_are_read_in_every_notation(case: str) -> None:
    """What RFC 5280 forbids is read and noted; what is no time is noted, and the other time is kept."""
    tag, content, moment, words = TIMES[case]
    validity = writer.sequence(writer.tlv(tag, content), writer.tlv(0x17, b"270101000000Z"))
    read = parse(crafted(validity=validity))
    assert (read.not_before, read.problems) == (moment, words)
    assert read.not_after == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_validity_that_is_not_two_times_is_noted() -> None:
    """None, one, three, or junk."""
    time = writer.tlv(0x17, b"270101000000Z")
    assert parse(crafted(validity=writer.sequence())).problems == ("validity: 0 times",)
    assert parse(crafted(validity=writer.sequence(time))).problems == ("validity: 1 times",)
    assert parse(crafted(validity=writer.sequence(time, time, time))).problems == ("validity: 3 times",)
    assert parse(crafted(validity=writer.sequence(b"\x17\x0d"))).problems == ("validity: longer than what holds it",)


def test_an_empty_subject_beside_names_is_right() -> None:
    """RFC 5280 4.1.2.6 wants it so; the first DNS name is the label."""
    read = parse(forge.certificate(subject="", issuer=CAST.root).der)
    assert (read.subject.key, read.subject.text, read.problems, read.label) == (b"", "", (), forge.NAME)


def test_a_long_serial_is_cut() -> None:
    """Nobody turns a number of a hundred thousand digits into text."""
    read = parse(crafted(serial=writer.integer(1 << 100_000)))
    assert (read.problems, read.serial.bit_length() < 2048) == (("serial number of 12501 bytes",), True)


SMALL = forge.certificate(key="p256", names=("mx.example", "192.0.2.1"), aia=(KNOWN_URL,)).der


def test_every_truncation_is_a_value() -> None:
    """Cut anywhere, the certificate is none, and says so."""
    assert all(parse(SMALL[:size]).problem for size in range(len(SMALL)))


@pytest.mark.slow
def test_every_flipped_bit_is_a_value() -> None:
    """Whatever is damaged, there is a Certificate, and it is printable."""
    for position in range(len(SMALL)):
        for bit in range(8):
            damaged = bytearray(SMALL)
            damaged[position] ^= 1 << bit
            read = certificate._parse(bytes(damaged))  # not parse: nothing of this is worth remembering
            assert (read.der, isinstance(repr(read), str)) == (bytes(damaged), True)


@given(st.randoms(use_true_random=False), st.integers(1, 12))
@settings(max_examples=examples(300))
def test_no_damage_raises(chance: random.Random, wounds: int) -> None:
    """Bytes replaced, removed, doubled, anywhere in real certificates."""
    damaged = bytearray(chance.choice((SMALL, CAST.root.der, crafted(subject="CN=a,O=b"))))
    for _ in range(wounds):
        at = chance.randrange(len(damaged))
        damaged[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3)) or b"\x80"
    read = certificate._parse(bytes(damaged))  # likewise
    assert read.problem != ""
    assert isinstance(read.label, str)
    assert all(problem.isprintable() for problem in read.problems)
