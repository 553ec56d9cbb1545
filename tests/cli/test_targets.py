from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.model import Kind, Protocol, Target, Tls
from probe.targets import target_of

SMTP, SUBMISSION = Protocol.SMTP, Protocol.SUBMISSION
LMTP, IMAP, POP3, SIEVE = Protocol.LMTP, Protocol.IMAP, Protocol.POP3, Protocol.SIEVE
STARTTLS, IMPLICIT = Tls.STARTTLS, Tls.IMPLICIT

UNDERSTOOD = [
    ("mx.example.com", Target("mx.example.com")),
    ("  MX.Example.COM. ", Target("mx.example.com")),
    ("localhost", Target("localhost")),
    ("demo", Target("demo")),
    ("_25._tcp.mx_1.example.com", Target("_25._tcp.mx_1.example.com")),
    ("mx.example.com:25", Target("mx.example.com", 25)),
    ("mx.example.com:587", Target("mx.example.com", 587, SUBMISSION)),
    ("mx.example.com:465", Target("mx.example.com", 465, SUBMISSION, IMPLICIT)),
    ("mx.example.com:2525", Target("mx.example.com", 2525)),
    ("192.0.2.25", Target("192.0.2.25")),
    ("192.0.2.25:587", Target("192.0.2.25", 587, SUBMISSION)),
    ("[192.0.2.25]", Target("192.0.2.25")),
    ("2001:DB8:0:0::25", Target("2001:db8::25")),
    ("[2001:db8::25]", Target("2001:db8::25")),
    ("[2001:db8::25]:465", Target("2001:db8::25", 465, SUBMISSION, IMPLICIT)),
    ("[IPv6:2001:db8::25]", Target("2001:db8::25")),
    ("fe80::1%eth0", Target("fe80::1%eth0")),
    ("mail.bücher.example", Target("mail.xn--bcher-kva.example")),
    ("MAIL。BÜCHER。example", Target("mail.xn--bcher-kva.example")),
    ("xn--bcher-kva.example", Target("xn--bcher-kva.example")),
    ("smtp://mx.example.com", Target("mx.example.com")),
    ("smtp://mx.example.com:2525/", Target("mx.example.com", 2525)),
    ("SMTPS://mx.example.com", Target("mx.example.com", 465, SUBMISSION, IMPLICIT)),
    ("smtps://mx.example.com:10465", Target("mx.example.com", 10465, SUBMISSION, IMPLICIT)),
    ("submission://mx.example.com", Target("mx.example.com", 587, SUBMISSION)),
    ("submissions://[2001:db8::25]", Target("2001:db8::25", 465, SUBMISSION, IMPLICIT)),
    ("https://mx.example.com/", Target("mx.example.com")),
    ("mail.example.com:24", Target("mail.example.com", 24, LMTP)),
    ("mail.example.com:110", Target("mail.example.com", 110, POP3)),
    ("mail.example.com:995", Target("mail.example.com", 995, POP3, IMPLICIT)),
    ("mail.example.com:143", Target("mail.example.com", 143, IMAP)),
    ("[2001:db8::25]:993", Target("2001:db8::25", 993, IMAP, IMPLICIT)),
    ("mail.example.com:4190", Target("mail.example.com", 4190, SIEVE)),
    ("imap://mail.example.com", Target("mail.example.com", 143, IMAP)),
    ("imap://mail.example.com:10143/INBOX", Target("mail.example.com", 10143, IMAP)),
    ("imap://mail.example.com:993", Target("mail.example.com", 993, IMAP, IMPLICIT)),
    ("IMAPS://mail.example.com", Target("mail.example.com", 993, IMAP, IMPLICIT)),
    ("imaps://mail.example.com:10993", Target("mail.example.com", 10993, IMAP, IMPLICIT)),
    ("pop://mail.example.com", Target("mail.example.com", 110, POP3)),
    ("pop3://mail.example.com", Target("mail.example.com", 110, POP3)),
    ("pops://mail.example.com", Target("mail.example.com", 995, POP3, IMPLICIT)),
    ("pop3s://mail.example.com", Target("mail.example.com", 995, POP3, IMPLICIT)),
    ("lmtp://mail.example.com", Target("mail.example.com", 24, LMTP)),
    ("sieve://mail.example.com", Target("mail.example.com", 4190, SIEVE)),
    ("http://mx.example.com/webmail?x#y", Target("mx.example.com")),
    ("smtp://user:secret@mx.example.com:2525", Target("mx.example.com", 2525)),
    ("postmaster@example.com", Target("example.com", kind=Kind.DOMAIN)),
    ("<Post.Master@EXAMPLE.com.>", Target("example.com", kind=Kind.DOMAIN)),
    ("Post Master <postmaster@example.com>", Target("example.com", kind=Kind.DOMAIN)),
    ("MAILTO:a,b@example.com?subject=x@y", Target("example.com", kind=Kind.DOMAIN)),
    ("mailto:postmaster@example.com", Target("example.com", kind=Kind.DOMAIN)),
    ('"a@b"@example.com', Target("example.com", kind=Kind.DOMAIN)),
    ("@example.com", Target("example.com", kind=Kind.DOMAIN)),
    ("ich@bücher.example", Target("xn--bcher-kva.example", kind=Kind.DOMAIN)),
    ("postmaster@example.com:2525", Target("example.com", 2525, kind=Kind.DOMAIN)),
    ("postmaster@[192.0.2.25]", Target("192.0.2.25")),
    ("<postmaster@[IPv6:2001:db8::25]>", Target("2001:db8::25")),
]


@pytest.mark.parametrize(("text", "expected"), UNDERSTOOD, ids=[ascii(text) for text, _ in UNDERSTOOD])
def test_every_usual_way_to_write_a_host_is_understood(text: str, expected: Target) -> None:
    """Names, addresses, ports, IDNA, and URLs that somebody pasted."""
    assert expected == target_of(text)


@pytest.mark.parametrize(
    ("text", "port", "expected"),
    [
        ("Example.com.", None, Target("example.com", kind=Kind.DOMAIN)),
        ("bücher.example", None, Target("xn--bcher-kva.example", kind=Kind.DOMAIN)),
        ("example.com:2525", None, Target("example.com", 2525, kind=Kind.DOMAIN)),
        ("example.com", 587, Target("example.com", 587, SUBMISSION, kind=Kind.DOMAIN)),
        ("smtp://example.com", None, Target("example.com", kind=Kind.DOMAIN)),
        ("postmaster@example.com", None, Target("example.com", kind=Kind.DOMAIN)),
    ],
)
def test_a_domain_is_named_with_mx(text: str, port: int | None, expected: Target) -> None:
    """Its mail hosts are asked, each at the port that was given."""
    assert expected == target_of(text, port, mx=True)


@pytest.mark.parametrize("text", ["192.0.2.25", "[2001:db8::25]:25", "postmaster@[192.0.2.25]", "smtp://192.0.2.25"])
def test_an_address_has_no_mx(text: str) -> None:
    """--mx wants a domain."""
    with pytest.raises(ValueError, match="only a domain has MX records"):
        target_of(text, mx=True)


@pytest.mark.parametrize(
    ("text", "protocol"),
    [("example.com", IMAP), ("imaps://example.com", None), ("example.com:995", None), ("example.com", LMTP)],
)
def test_no_mx_leads_to_a_mailbox(text: str, protocol: Protocol | None) -> None:
    """MX is for SMTP; the sentence says what to name instead."""
    with pytest.raises(ValueError, match=r"MX records name servers for SMTP, not for [A-Z0-9]+\."):
        target_of(text, None, protocol, mx=True)


REFUSED = [
    ("", "There is no host name in it."),
    (".", "There is no host name in it."),
    (":25", "There is no host name in it."),
    ("smtp://", "There is no host name in it."),
    ("mx.example.com:", 'A port is a number from 1 to 65535, not ""'),
    ("mx.example.com:0", 'not "0"'),
    ("mx.example.com:65536", 'not "65536"'),
    ("mx.example.com:smtp", 'not "smtp"'),
    ("mx.example.com:٢٥", "A port is a number"),
    ("[2001:db8::25]:", "A port is a number"),
    ("a..example.com", '"a..example.com" is no host name'),
    ("-a.example.com", "is no host name"),
    ("a-.example.com", "is no host name"),
    ("a" * 64 + ".example", "is no host name"),
    (".".join(["a" * 60] * 5), "is no host name"),
    ("a,b", "is no host name"),
    ("mx; rm -rf /", '"mx; rm -rf /" is no host name'),
    ("$(reboot)", "is no host name"),
    ("./servercert.pem", "is no host name"),
    ("[mx", "is no host name"),
    ("1:2:3", "is no host name"),
    ("xn--a-b-\u00fc", "IDNA"),
    ("a\u202eb.example", r'"a\u202eb.example" is no host name (IDNA'),
    ("\x1b]0;x\x07.example", r'"\x1b]0;x\x07.example" is no host name'),
    ("x" * 500, "…"),
    ("256.1.1.1", "looks like an IPv4 address and is none"),
    ("192.0.2", "looks like an IPv4 address and is none"),
    ("fe80::1%;x", 'names no network interface behind its "%"'),
    ("postmaster@$(reboot)", '"$(reboot)" is no host name'),
    ("postmaster@", "There is no host name in it."),
    ("<mx.example.com>", "is no host name"),
    ("postmaster@example.com:993", "MX records name servers for SMTP, not for IMAP."),
    ("gopher://mx.example.com", 'and "gopher://" is none'),
    ("https://mx.example.com:8443/", "names the port of a web server"),
]


@pytest.mark.parametrize(("text", "sentence"), REFUSED, ids=[ascii(text[:40]) for text, _ in REFUSED])
def test_what_is_no_host_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    """It names what was typed, harmlessly, and says what to type instead."""
    with pytest.raises(ValueError, match=r".") as refused:
        target_of(text)
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("port", "protocol", "tls", "expected"),
    [
        (587, None, None, Target("mx", 587, SUBMISSION)),
        (465, None, None, Target("mx", 465, SUBMISSION, IMPLICIT)),
        (465, None, STARTTLS, Target("mx", 465, SUBMISSION)),
        (465, SMTP, None, Target("mx", 465, SMTP, IMPLICIT)),
        (None, SUBMISSION, None, Target("mx", 587, SUBMISSION)),
        (None, None, IMPLICIT, Target("mx", 465, SUBMISSION, IMPLICIT)),
        (None, SUBMISSION, IMPLICIT, Target("mx", 465, SUBMISSION, IMPLICIT)),
        (25, SUBMISSION, None, Target("mx", 25, SUBMISSION)),
        (2525, None, IMPLICIT, Target("mx", 2525, SMTP, IMPLICIT)),
        (None, IMAP, None, Target("mx", 143, IMAP)),
        (None, IMAP, IMPLICIT, Target("mx", 993, IMAP, IMPLICIT)),
        (None, IMAP, STARTTLS, Target("mx", 143, IMAP)),
        (None, POP3, None, Target("mx", 110, POP3)),
        (None, POP3, IMPLICIT, Target("mx", 995, POP3, IMPLICIT)),
        (None, SIEVE, None, Target("mx", 4190, SIEVE)),
        (None, SIEVE, IMPLICIT, Target("mx", 4190, SIEVE, IMPLICIT)),
        (None, LMTP, None, Target("mx", 24, LMTP)),
        (None, LMTP, IMPLICIT, Target("mx", 24, LMTP, IMPLICIT)),
        (None, SMTP, IMPLICIT, Target("mx", 465, SMTP, IMPLICIT)),
        (993, SMTP, None, Target("mx", 993, SMTP, IMPLICIT)),
        (993, None, STARTTLS, Target("mx", 993, IMAP)),
        (10143, IMAP, None, Target("mx", 10143, IMAP)),
    ],
)
def test_what_was_not_said_follows_from_what_was(
    port: int | None, protocol: Protocol | None, tls: Tls | None, expected: Target
) -> None:
    """465 is implicit TLS and 587 submission, 993 IMAP, unless the user says otherwise."""
    assert expected == target_of("mx", port, protocol, tls)


def test_the_port_of_a_host_wins_over_the_port_of_the_run() -> None:
    """``--port 587 a b:25`` asks b on port 25."""
    assert target_of("b:25", 587) == Target("b", 25)


@given(st.text(max_size=80))
def test_no_text_makes_a_traceback(text: str) -> None:
    """Whatever is typed, there is a Target that a shell and a terminal can bear, or a sentence."""
    try:
        name = target_of(text).name
    except ValueError as refused:
        assert str(refused).replace("\n", "").isprintable()  # noqa: PT017 -- either way is right
    else:
        assert name.isascii()
        assert not set(name) & set(" \t\n\"'`$;&|<>()[]{}*?!\\#~")
