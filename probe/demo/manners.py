"""How a mail server of the demo behaves: well, unless its case puts another move in the place of one.

A move is what the server does at the greeting or when it hears a verb; it returns whether the conversation goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct
from OpenSSL import SSL

from probe.demo import flight, keys
from probe.demo.cast import NAME, Act
from probe.demo.line import Line

COMMANDS = 50
"""Commands of one session; a probe sends four."""
FLOOD = 10 * 1024 * 1024
"""Octets of the line that does not end."""
READY = "220 2.0.0 Ready to start TLS"

Tune = Callable[[SSL.Context], None]


class Shop(Struct):
    """What the server has: certificates to present, the file they are in, and how its TLS is set up."""

    act: Act
    file: Path
    tune: Tune | None = None

    def context(self) -> SSL.Context:
        """Load the file as it is now; security level 0, so that weak things can be shown."""
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_cipher_list(b"ALL:!aNULL:@SECLEVEL=0")
        context.use_certificate_chain_file(str(self.file))
        context.use_privatekey(keys.private(self.act.key))
        if self.tune:
            self.tune(context)
        return context


Move = Callable[[Line, Shop], bool]
Moves = Mapping[str, Move]
"""At "greeting" or a verb in capitals → what is done."""


def converse(line: Line, shop: Shop, moves: Moves) -> None:
    """Play one session; raises OSError or SSL.Error when it ends otherwise than by a move."""
    manners = {**GOOD, **moves}
    going = manners["greeting"](line, shop)
    for _ in range(COMMANDS):
        if not going:
            break
        verb = line.command().partition(" ")[0].upper()
        going = manners.get(verb, unknown)(line, shop)


def replies(*lines: str, going: bool = True) -> Move:
    """Say these lines."""

    def move(line: Line, _: Shop) -> bool:
        line.say(*lines)
        return going

    return move


def greet(line: Line, _: Shop) -> bool:
    """Answer EHLO; STARTTLS is offered until TLS has begun (RFC 3207 §4.2)."""
    line.say(f"250-{NAME}", "250-SIZE 10240000", "250 8BITMIME" if line.secured else "250 STARTTLS")
    return True


def start_tls(line: Line, shop: Shop) -> bool:
    """Say 220 and begin TLS."""
    line.say(READY)
    line.secure(shop.context())
    return True


def at_once(line: Line, shop: Shop) -> bool:
    """Begin TLS without a word (RFC 8314 §3), and greet inside."""
    line.secure(shop.context())
    return welcome(line, shop)


def inject(line: Line, shop: Shop) -> bool:
    """Send one reply too many in the packet of the 220."""
    line.say(READY, "250 2.0.0 This line came before TLS began")
    line.secure(shop.context())
    return True


def talk_plainly(line: Line, _: Shop) -> bool:
    """Promise TLS and answer the ClientHello in plain text."""
    line.say(READY)
    line.hear()
    line.say("500 5.5.1 Command unrecognized")
    return False


def hang_up(_: Line, __: Shop) -> bool:
    """Close without a word."""
    return False


def hang_up_behind_tls(line: Line, shop: Shop) -> bool:
    """Finish the handshake and close."""
    start_tls(line, shop)
    return False


def silence(line: Line, _shop: Shop) -> bool:
    """Listen and say nothing until the client goes."""
    for _ in range(COMMANDS):
        line.hear()
    return False


def flood(line: Line, _: Shop) -> bool:
    """Send a line that does not end."""
    line.send(b"250-" + b"A" * FLOOD)
    return False


def by_hand(answer: Callable[[bytes, Shop], bytes], then: Move = silence) -> Move:
    """Say 220 and answer the ClientHello with hand-made bytes."""

    def move(line: Line, shop: Shop) -> bool:
        line.say(READY)
        client_hello = line.hear()
        while not flight.complete(client_hello):
            client_hello += line.hear()
        line.send(answer(client_hello, shop))
        return then(line, shop)

    return move


def full_flight(signer: str | None = None) -> Callable[[bytes, Shop], bytes]:
    """Everything up to ServerHelloDone, signed by the server's key or by another."""

    def answer(client_hello: bytes, shop: Shop) -> bytes:
        exchange = flight.ecdhe(client_hello, signer or shop.act.key)
        return flight.hello(flight.ECDHE_RSA_AES128_GCM) + _listed(shop) + exchange + flight.done()

    return answer


def tiny_group(client_hello: bytes, shop: Shop) -> bytes:
    """A Diffie-Hellman group of 768 bits, which every library of today refuses."""
    exchange = flight.dhe(client_hello, shop.act.key)
    return flight.hello(flight.DHE_RSA_AES128_GCM) + _listed(shop) + exchange + flight.done()


def no_further_than_certificate(_: bytes, shop: Shop) -> bytes:
    """ServerHello and Certificate, and then nothing."""
    return flight.hello(flight.ECDHE_RSA_AES128_GCM) + _listed(shop)


def unasked_suite(_: bytes, __: Shop) -> bytes:
    """A ServerHello with a cipher suite that the client never offered."""
    return flight.hello(flight.RC4_MD5)


def alert(number: int) -> Callable[[bytes, Shop], bytes]:
    """A fatal alert in the place of a ServerHello."""
    return lambda _, __: flight.alert(number)


def unexpected_message(line: Line, _: Shop) -> bool:
    """Wait for the client's Finished and answer it with alert 10."""
    line.hear()
    line.send(flight.alert(10))
    return False


def _listed(shop: Shop) -> bytes:
    return flight.certificates(certificate.der for certificate in shop.act.sent)


def tls12(context: SSL.Context) -> None:
    """Speak nothing newer than TLS 1.2."""
    context.set_max_proto_version(SSL.TLS1_2_VERSION)


def tls10(context: SSL.Context) -> None:
    """Speak TLS 1.0 alone."""
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_max_proto_version(SSL.TLS1_VERSION)


def ask(context: SSL.Context) -> None:
    """Ask for a client certificate and take none for an answer."""
    context.set_verify(SSL.VERIFY_PEER, lambda *_: True)


def demand(context: SSL.Context) -> None:
    """Insist on a client certificate."""
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_: True)


def demand_tls12(context: SSL.Context) -> None:
    """Insist on a client certificate, in TLS 1.2."""
    demand(context)
    tls12(context)


welcome = replies(f"220 {NAME} ESMTP demo")
unknown = replies("502 5.5.1 Command not implemented")
GOOD: Moves = {
    "greeting": welcome,
    "EHLO": greet,
    "HELO": replies(f"250 {NAME}"),
    "NOOP": replies("250 2.0.0 OK"),
    "STARTTLS": start_tls,
    "QUIT": replies("221 2.0.0 Bye", going=False),
}
