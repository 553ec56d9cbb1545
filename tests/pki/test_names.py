from __future__ import annotations

import pytest
from forge import certificate
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace
from pki.crafted import crafted

from probe.model import Certificate, Name
from probe.pki.certificate import parse
from probe.pki.names import bad_names, cn_would_match, matches, reference_name

BARE = parse(crafted())


def presenting(*names: str, addresses: tuple[str, ...] = (), common_name: str | None = None) -> Certificate:
    """Give a certificate with these names."""
    subject = Name(b"", b"", "", common_name)
    return replace(BARE, dns_names=names, ip_addresses=addresses, subject=subject, has_san=bool(names or addresses))


WRITTEN = {
    "mail.example.com": "mail.example.com",
    " Mail.EXAMPLE.com. ": "mail.example.com",
    "localhost": "localhost",
    "_dmarc.example_host.example": "_dmarc.example_host.example",
    "Bücher.example": "xn--bcher-kva.example",
    "_x.BÜCHER.example": "_x.xn--bcher-kva.example",
    "bücher。example": "xn--bcher-kva.example",
    "xn--bcher-kva.example": "xn--bcher-kva.example",
    "faß.example": "xn--fa-hia.example",
    "192.0.2.1": "192.0.2.1",
    "[192.0.2.1]": "192.0.2.1",
    "2001:DB8:0:0::1": "2001:db8::1",
    "[2001:db8::1]": "2001:db8::1",
    "[IPv6:2001:db8::1]": "2001:db8::1",
    "fe80::1%eth0": "fe80::1%eth0",
    "1.example": "1.example",
    f"{'a' * 63}.example": f"{'a' * 63}.example",
}
NO_NAMES = {
    "": "The name is empty; give a host name such as mail.example.com.",
    "  ": "The name is empty; give a host name such as mail.example.com.",
    ".": '"." is no host name: there is nothing between two dots, or before the first.',
    "a..b": '"a..b" is no host name: there is nothing between two dots, or before the first.',
    "ü..b": '"\\u00fc..b" is no host name: there is nothing between two dots, or before the first.',
    "https://mx.example/": (
        '"https://mx.example/" is no host name: give the host alone, without protocol, user, port or path.'
    ),
    "post@mx.example": '"post@mx.example" is no host name: give the host alone, without protocol, user, port or path.',
    "mx.example:25": '"mx.example:25" is no host name: give the host alone, without protocol, user, port or path.',
    "1.2.3": '"1.2.3" is no host name: its last part is a number, and it is no complete address either.',
    "1.2.3.04": '"1.2.3.04" is no host name: its last part is a number, and it is no complete address either.',
    "a b": (
        '"a b" is no host name: "a b" is not made of letters, digits and inner hyphens, or longer than 63 characters.'
    ),
    "-a.b": (
        '"-a.b" is no host name: "-a" is not made of letters, digits and inner hyphens, or longer than 63 characters.'
    ),
    "*.b": '"*.b" is no host name: "*" is not made of letters, digits and inner hyphens, or longer than 63 characters.',
    "☃.b": "\"\\u2603.b\" is no host name: Codepoint U+2603 at position 1 of '\\u2603' not allowed.",
    "a." * 127 + "a": f'"{"a." * 50}\\u2026" is no host name: it is longer than 253 characters.',
}


@pytest.mark.parametrize("given_name", WRITTEN)
def test_reference_names_are_written_as_they_are_compared(given_name: str) -> None:
    """Small letters, A-labels, no dot at the end, no brackets; and once written so, they stay."""
    assert reference_name(given_name) == WRITTEN[given_name]
    assert reference_name(WRITTEN[given_name]) == WRITTEN[given_name]


@pytest.mark.parametrize("given_name", NO_NAMES)
def test_what_is_no_name_is_said_in_a_sentence(given_name: str) -> None:
    """A sentence that says what to give; nothing in it can act on a terminal."""
    with pytest.raises(ValueError, match=r"\.$") as caught:
        reference_name(given_name)
    assert str(caught.value) == NO_NAMES[given_name]
    assert not matches(presenting(given_name), given_name)


@given(st.text(max_size=30))
@example("fe80::1%\x1b[2J")
def test_any_text_is_a_name_or_a_sentence(text: str) -> None:
    """Nothing but ValueError, and what comes out is plain."""
    name = None
    try:
        said = name = reference_name(text)
    except ValueError as error:
        said = str(error)
    assert said.isascii()
    assert said.isprintable()
    assert name is None or reference_name(name) == name


MATCHING = {
    "the same": ("mx.example", "mx.example"),
    "large letters": ("MX.Example", "mx.eXample"),
    "dot at the end of the reference": ("mx.example", "mx.example."),
    "wildcard": ("*.example.com", "mx.example.com"),
    "wildcard and underscore": ("*.example.com", "_x.example.com"),
    "wildcard deeper": ("*.mx.example.com", "a.mx.example.com"),
    "wildcard for an A-label": ("*.example.com", "xn--bcher-kva.example.com"),
    "wildcard before an A-label": ("*.xn--bcher-kva.example", "mx.bücher.example"),
    "underscore": ("a_b.example.com", "a_b.example.com"),
    "U-label asked for": ("xn--bcher-kva.example", "bücher.example"),
    "one label": ("localhost", "localhost"),
}
NOT_MATCHING = {
    "another": ("mx.example", "mx2.example"),
    "wildcard for no label": ("*.example.com", "example.com"),
    "wildcard for two labels": ("*.example.com", "a.b.example.com"),
    "part of a label": ("m*.example.com", "mx.example.com"),
    "wildcard inside": ("mx.*.com", "mx.example.com"),
    "two wildcards": ("*.*.example.com", "a.b.example.com"),
    "wildcard for a top-level domain": ("*.com", "example.com"),
    "wildcard for all": ("*", "localhost"),
    "blank before": (" mx.example", "mx.example"),
    "newline behind": ("mx.example\n", "mx.example"),
    "NUL behind": ("mx.example\0", "mx.example"),
    "dot at the end of the presented": ("mx.example.", "mx.example"),
    "empty": ("", "mx.example"),
    "not ASCII": ("b\xfccher.example", "bücher.example"),
    "address as a DNS name": ("192.0.2.1", "192.0.2.1"),
    "number": ("12345", "localhost"),
}


@pytest.mark.parametrize("case", MATCHING | NOT_MATCHING)
def test_a_host_is_matched_by_rfc_9525(case: str) -> None:
    """Whatever else the certificate says, before and behind."""
    pattern, reference = (MATCHING | NOT_MATCHING)[case]
    expected = case in MATCHING
    assert matches(presenting(pattern), reference) is expected
    assert matches(presenting("a.invalid", pattern, "\0", addresses=("192.0.2.9",)), reference) is expected


def test_an_address_is_matched_by_an_address_alone() -> None:
    """In any spelling; neither by a DNS name nor by the common name, and no host name by an address."""
    leaf = presenting("192.0.2.2", addresses=("192.0.2.1", "2001:db8::1"), common_name="192.0.2.3")
    for reference in ("192.0.2.1", "[192.0.2.1]", "2001:db8:0::1", "[IPv6:2001:DB8::1]", "2001:db8::1%eth0"):
        assert matches(leaf, reference)
    for reference in ("192.0.2.2", "192.0.2.3", "2001:db8::2", "::ffff:192.0.2.1", "mx.example"):
        assert not matches(leaf, reference)


def test_an_empty_reference_is_never_matched() -> None:
    """OpenSSL's set1_host("") would accept any certificate."""
    assert not matches(presenting("mx.example", "", "."), "")
    assert not cn_would_match(presenting(common_name=""), "")


def test_the_common_name_never_counts_but_is_known() -> None:
    """It would match for a client that looks there, when there is no DNS name, and for host names alone."""
    leaf = presenting(common_name="*.example.com")
    assert not matches(leaf, "mx.example.com")
    assert cn_would_match(leaf, "mx.example.com")
    assert not cn_would_match(leaf, "example.com")
    assert not cn_would_match(presenting("other.example", common_name="mx.example.com"), "mx.example.com")
    assert cn_would_match(presenting(addresses=("192.0.2.1",), common_name="mx.example.com"), "mx.example.com")
    assert not cn_would_match(presenting(common_name="192.0.2.1"), "192.0.2.1")
    assert not cn_would_match(presenting(common_name="mx.example.com\0"), "mx.example.com")
    assert not cn_would_match(presenting(), "mx.example.com")
    assert not cn_would_match(leaf, "no host")


BAD = {
    "": 'the dNSName "" is empty',
    "mx.example\0.evil": 'the dNSName "mx.example\\u0000.evil" holds a NUL character',
    "mx\x1b[2J.example": 'the dNSName "mx\\u001b[2J.example" holds a control character',
    "mx\x9b.example": 'the dNSName "mx\\u009b.example" holds a control character',
    "b\xfccher.example": (
        'the dNSName "b\\u00fccher.example" is not ASCII; names in other scripts are written as A-labels (xn--…)'
    ),
    "mx example": 'the dNSName "mx example" holds a blank',
    "192.0.2.1": 'the dNSName "192.0.2.1" is an address, which belongs into an iPAddress entry',
    "[2001:db8::1]": 'the dNSName "[2001:db8::1]" is an address, which belongs into an iPAddress entry',
    "*": 'the dNSName "*" is a wildcard for a whole top-level domain',
    "*.com": 'the dNSName "*.com" is a wildcard for a whole top-level domain',
    "*.com.": 'the dNSName "*.com." is a wildcard for a whole top-level domain',
    "m*.example.com": 'the dNSName "m*.example.com" has a wildcard that is not the whole left-most label',
    "*.*.example.com": 'the dNSName "*.*.example.com" has a wildcard that is not the whole left-most label',
    "*..example.com": 'the dNSName "*..example.com" is no host name',
    "mx.example.": 'the dNSName "mx.example." ends in a dot',
    "*.example.com.": 'the dNSName "*.example.com." ends in a dot',
    ".example": 'the dNSName ".example" is no host name',
    "http://mx.example": 'the dNSName "http://mx.example" is no host name',
    "a" * 300: f'the dNSName "{"a" * 100}\\u2026" is no host name',
}


@pytest.mark.parametrize("name", BAD)
def test_names_that_match_nothing_are_told(name: str) -> None:
    """Escaped, so that the sentence can be printed, and once however often the name occurs."""
    assert bad_names(presenting("mx.example", name, name)) == (BAD[name],)


def test_of_many_bad_names_a_few_are_told() -> None:
    """So that a hostile certificate does not fill the report."""
    many = presenting(*(f"{number} .example" for number in range(1000)))
    assert bad_names(many)[4:] == ('the dNSName "4 .example" holds a blank', "995 more names are of no use")
    assert len(bad_names(replace(many, dns_names=many.dns_names[:6]))) == 6


def test_good_names_are_no_matter() -> None:
    """Among them large letters, underscores, wildcards, and a common name that is no host name."""
    names = ("mx.example", "*.Example.com", "_a.b_c.example", "xn--bcher-kva.example", "localhost")
    assert bad_names(presenting(*names, common_name="Example GmbH, Köln")) == ()


def test_a_common_name_that_deceives_is_told() -> None:
    """NUL and control characters there are as bad as in a DNS name."""
    assert bad_names(presenting(common_name="mx.example\0.evil")) == (
        'the commonName "mx.example\\u0000.evil" holds a NUL character',
    )


def test_real_bytes_are_matched() -> None:
    """From the encoded certificate to the answer."""
    leaf = parse(certificate(names=("mx.example", "*.example.com", "192.0.2.1", b"mx.example\0.evil")).der)
    assert all(matches(leaf, name) for name in ("mx.example", "a.example.com", "192.0.2.1"))
    assert not matches(leaf, "evil")
    assert len(bad_names(leaf)) == 1


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=12), max_size=4))
def test_no_presented_name_raises(names: list[str]) -> None:
    """Any bytes of a certificate; what is complained of matches nothing."""
    leaf = presenting(*names, common_name=names[0] if names else None)
    assert all(sentence.isprintable() for sentence in bad_names(leaf))
    for reference in ("mx.example", "192.0.2.1", *names):
        matches(leaf, reference)
        cn_would_match(leaf, reference)
