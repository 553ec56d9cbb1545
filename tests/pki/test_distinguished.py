from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from forge import CAST
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from OpenSSL import crypto
from pki.crafted import attribute, crafted, name
from shared import examples

from probe.demo import der as writer
from probe.pki import distinguished
from probe.pki.certificate import parse

CN, C, O, OU, DC = "2.5.4.3", "2.5.4.6", "2.5.4.10", "2.5.4.11", "0.9.2342.19200300.100.1.25"  # noqa: E741 - it is O
UTF8, NUMERIC, PRINTABLE, T61, IA5, VISIBLE, UNIVERSAL, BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1A, 0x1C, 0x1E


def openssl_hash(der: bytes) -> int:
    """X509_NAME_hash of the subject: the first four octets of SHA-1 over OpenSSL's canonical form."""
    return crypto.load_certificate(crypto.FILETYPE_ASN1, der).subject_name_hash()


def our_hash(key: bytes) -> int:
    """Compute the same over our canonical form."""
    return int.from_bytes(hashlib.sha1(key).digest()[:4], "little")  # noqa: S324 - OpenSSL's choice


SAME = {
    "letters large and small": (attribute(CN, UTF8, b"Example CA"), attribute(CN, UTF8, b"EXAMPLE ca")),
    "two kinds of string": (attribute(CN, UTF8, b"Example CA"), attribute(CN, PRINTABLE, b"Example CA")),
    "blanks": (attribute(CN, UTF8, b"Example CA"), attribute(CN, UTF8, b" Example\t \n CA  ")),
    "Latin-1 and UTF-8": (attribute(CN, T61, b"B\xfccher"), attribute(CN, UTF8, "Bücher".encode())),
    "16 bits and UTF-8": (attribute(CN, BMP, "Bücher".encode("utf-16-be")), attribute(CN, UTF8, "bücher".encode())),
    "32 bits and UTF-8": (attribute(CN, UNIVERSAL, "😀".encode("utf-32-be")), attribute(CN, UTF8, "😀".encode())),
}
DIFFERENT = {
    "large umlaut": (attribute(CN, UTF8, "Ü".encode()), attribute(CN, UTF8, "ü".encode())),
    "another attribute": (attribute(O, UTF8, b"a"), attribute(OU, UTF8, b"a")),
    "digits by kind": (attribute(CN, NUMERIC, b"1"), attribute(CN, UTF8, b"1")),
    "blank in a word": (attribute(CN, UTF8, b"Ex ample"), attribute(CN, UTF8, b"Example")),
    "hard blank": (attribute(CN, UTF8, "a\xa0b".encode()), attribute(CN, UTF8, b"a b")),
}


@pytest.mark.parametrize("case", SAME | DIFFERENT)
def test_names_are_the_same_when_openssl_says_so(case: str) -> None:
    """The canonical form is OpenSSL's, bit for bit."""
    ours, theirs = [], []
    for each in (SAME | DIFFERENT)[case]:
        der = crafted(subject=name(attribute(C, PRINTABLE, b"DE"), each))
        ours.append(parse(der).subject.key)
        theirs.append(openssl_hash(der))
    assert (ours[0] == ours[1]) is (case in SAME)
    assert [our_hash(key) for key in ours] == theirs


STRINGS = st.one_of(
    st.tuples(st.just(UTF8), st.text(max_size=12).map(lambda text: text.encode("utf-8", "ignore"))),
    st.tuples(st.sampled_from((PRINTABLE, T61, NUMERIC)), st.binary(max_size=12)),
    st.tuples(st.just(IA5), st.text("aB \t\n\x00.", max_size=12).map(str.encode)),
    st.tuples(st.just(BMP), st.text("aÜ \u2028", max_size=6).map(lambda text: text.encode("utf-16-be"))),
    st.tuples(st.just(UNIVERSAL), st.text("aÜ 😀", max_size=6).map(lambda text: text.encode("utf-32-be"))),
)
RDNS = st.lists(st.tuples(st.sampled_from((CN, C, O, OU, DC, "1.2.3")), STRINGS), max_size=3)


@given(st.lists(RDNS, max_size=4))
@example([[(CN, (UTF8, b"b")), (CN, (UTF8, b"a"))], []])
@settings(max_examples=examples(200))
def test_any_name_has_openssls_canonical_form(rdns: list[list[tuple[str, tuple[int, bytes]]]]) -> None:
    """Whatever OpenSSL reads: several attributes a level, levels without attributes, no level at all."""
    levels = [writer.tlv(writer.SET, *(attribute(oid, tag, raw) for oid, (tag, raw) in rdn)) for rdn in rdns]
    der = crafted(subject=writer.sequence(*levels))
    try:
        expected = openssl_hash(der)
    except crypto.Error:
        assume(False)
    assert our_hash(parse(der).subject.key) == expected


def test_the_key_of_a_superior_is_a_prefix() -> None:
    """Directory names are tested against name constraints by their first bytes; a longer word is no subordinate."""
    names = ("C=DE", "O=Example,C=DE", "CN=a,O=Example,C=DE", "O=Example Ltd,C=DE")
    country, organisation, person, other = (parse(crafted(subject=each)).subject.key for each in names)
    assert all(lower.startswith(upper) for upper, lower in pairwise((b"", country, organisation, person)))
    assert not other.startswith(organisation)


TEXTS = {
    "most specific first": (name(attribute(C, PRINTABLE, b"DE"), attribute(CN, UTF8, b"x")), "CN=x,C=DE"),
    "special characters": (
        name(attribute(CN, UTF8, b'a,b+c"d\\e<f>g;h=i')),
        'CN=a\\,b\\+c\\"d\\\\e\\<f\\>g\\;h=i',
    ),
    "blanks at the ends": (name(attribute(CN, UTF8, b"  a  ")), "CN=\\  a \\ "),
    "one blank": (name(attribute(CN, UTF8, b" ")), "CN=\\ "),
    "number sign": (name(attribute(CN, UTF8, b"#a#")), "CN=\\#a#"),
    "controls": (name(attribute(CN, UTF8, b"a\0\x1b[2J\n")), "CN=a\\00\\1B[2J\\0A"),
    "controls of Latin-1": (name(attribute(CN, UTF8, "a\x9bb".encode())), "CN=a\\C2\\9Bb"),
    "several attributes": (
        writer.sequence(writer.tlv(writer.SET, attribute(CN, UTF8, b"a"), attribute(OU, UTF8, b"b"))),
        "CN=a+OU=b",
    ),
    "unknown attribute": (name(attribute("1.2.3", UTF8, b"a")), "1.2.3=a"),
    "no string": (name(attribute(CN, 0x03, b"\0a")), "CN=#03020061"),
    "e-mail": (name(attribute("1.2.840.113549.1.9.1", IA5, b"a@b")), "emailAddress=a@b"),
    "umlaut": (name(attribute(CN, UTF8, "ü".encode())), "CN=ü"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_names_are_written_by_rfc_4514(case: str) -> None:
    """With the short names that people know, and nothing in it that moves a cursor."""
    der, text = TEXTS[case]
    assert parse(crafted(subject=der)).subject.text == text


PROBLEMS = {
    "an at sign": (name(attribute(CN, PRINTABLE, b"a@b")), "a@b", "PrintableString with a forbidden character"),
    "eight bits": (name(attribute(CN, PRINTABLE, b"\xfc")), "ü", "PrintableString with a forbidden character"),
    "letters for digits": (name(attribute(CN, NUMERIC, b"a")), "a", "NumericString with a forbidden character"),
    "eight bits of IA5": (name(attribute(CN, IA5, b"\xfc")), "ü", "IA5String with a forbidden character"),
    "control": (name(attribute(CN, VISIBLE, b"\x07")), "\x07", "VisibleString with a forbidden character"),
    "bad UTF-8": (name(attribute(CN, UTF8, b"a\xff")), "a\ufffd", "a malformed UTF8String"),
    "half a character": (name(attribute(CN, BMP, b"\0a\0")), "a\ufffd", "a malformed BMPString"),
    "empty": (name(attribute(CN, UTF8, b"")), "", "an empty attribute value"),
    "no attribute": (
        writer.sequence(writer.tlv(writer.SET), writer.tlv(writer.SET, attribute(CN, UTF8, b"a"))),
        "a",
        "an empty RelativeDistinguishedName",
    ),
    "three parts": (
        name(writer.sequence(writer.oid(CN), writer.tlv(UTF8, b"a"), writer.integer(1))),
        "a",
        "an attribute with more than type and value",
    ),
    "no value": (name(writer.sequence(writer.oid(CN))), None, "an attribute of a name without type and value"),
    "no sequence": (name(writer.integer(1)), None, "no SEQUENCE in a name"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_is_wrong_with_a_name_is_said(case: str) -> None:
    """And the common name is read as far as it can be."""
    der, common_name, words = PROBLEMS[case]
    read = parse(crafted(subject=der))
    assert (read.subject.common_name, read.problems) == (common_name, (f"subject: {words}",))


def test_an_unreadable_name_is_like_no_other() -> None:
    """Its bytes are its canonical form, and it has a text."""
    read, problems = distinguished.name(b"\x30\x02\x31\x05")
    assert (read.key, read.text, problems) == (read.der, "(unreadable)", ("longer than what holds it",))


def test_the_most_specific_common_name_counts() -> None:
    """Of several, the last one; of several in one level, too."""
    several = name(attribute(CN, UTF8, b"far"), attribute(O, UTF8, b"o"), attribute(CN, UTF8, b"near"))
    assert parse(crafted(subject=several)).subject.common_name == "near"
    level = writer.tlv(writer.SET, attribute(CN, UTF8, b"a"), attribute(CN, UTF8, b"b"), attribute(O, UTF8, b"o"))
    assert parse(crafted(subject=writer.sequence(level))).subject.common_name == "b"


def test_names_of_any_length_are_read() -> None:
    """Those that are not remembered, too."""
    parts = [attribute(OU, UTF8, b"x" * 300)] * 9
    assert parse(crafted(subject=name(*parts))).subject.text == ",".join(["OU=" + "x" * 300] * 9)


def test_self_issued_means_one_name() -> None:
    """In whatever spelling."""
    assert parse(CAST.root.der).self_issued
    assert parse(crafted(issuer="CN=Example  CA", subject="CN=EXAMPLE CA")).self_issued
    assert not parse(crafted(issuer="", subject="")).self_issued
