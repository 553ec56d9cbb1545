"""Conversation: what the network and the mail server did before TLS could begin."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterable

from msgspec.structs import replace

from probe.model import Failure, Observation, Protocol, Severity, Stage, Tls, Trouble
from probe.rules.case import Case, Hit, Need, Rule, rule

TLS_STAGES = frozenset({Stage.HANDSHAKE, Stage.EHLO_TLS, Stage.DONE})


def facts_of(observation: Observation, failure: Failure | None, **more: str) -> dict[str, object]:
    """What every page of a failed conversation may quote."""
    stage = observation.stage
    reply = {
        Stage.GREETING: observation.greeting,
        Stage.EHLO: observation.ehlo,
        Stage.STARTTLS: observation.starttls,
        Stage.EHLO_TLS: observation.ehlo_tls,
    }.get(stage)
    facts: dict[str, object] = {
        "stage": stage.value,
        "address": observation.endpoint.address or "unknown",
        "seconds": f"{observation.timing_ms.get(stage, 0) / 1000:.0f}",
        "text": failure.text if failure else "",
        "reply": reply.text if reply else "",
        "symptoms": ", ".join(failure.symptoms) if failure else "",
        "tls_version": observation.tls_version or "unknown",
        "cipher": observation.cipher or "unknown",
    }
    return facts | more


def inside(observation: Observation) -> dict[str, str]:
    """The case "tls" where the certificates have come: the version alone is known from the ServerHello, before them."""
    return {"case": "tls"} if observation.presented is not None else {}


def _tried(observation: Observation) -> dict[str, str]:
    """The case "tried" where a silent port was asked for TLS from the first byte as well, and that told no more."""
    silent = observation.stage is Stage.GREETING and observation.retried is None
    again = any(line.line == "<again: implicit>" for line in observation.transcript)
    return {"case": "tried"} if silent and again else {}


MAIL_HOSTS = 3
"""Hosts of MX records that a sentence names."""


def elsewhere(observation: Observation) -> dict[str, str]:
    """The case "mx" where the mail of the name that we asked for goes to other hosts, "mail-host" for one of these."""
    endpoint, failure = observation.endpoint, observation.failure
    if endpoint.mx_preference is not None and observation.stage is Stage.DNS:
        return {"case": "mail-host"}
    of_smtp = endpoint.protocol is Protocol.SMTP and endpoint.mx_preference is None
    symptoms = failure.symptoms if failure and of_smtp else ()
    hosts = [symptom.removeprefix("mx:") for symptom in symptoms if symptom.startswith("mx:")]
    more = f" and {len(hosts) - MAIL_HOSTS} more" if len(hosts) > MAIL_HOSTS else ""
    return {"case": "mx", "mail_hosts": ", ".join(hosts[:MAIL_HOSTS]) + more} if hosts else {}


def _ended(rule_id: str, cite: str, trouble: Trouble, *stages: Stage) -> Rule:
    """A rule that speaks when the observation ended in this way, at one of these stages (none named: at any)."""

    def look(case: Case) -> Iterable[Hit]:
        seen = case.observation
        if seen.failure and seen.failure.trouble is trouble and (not stages or seen.stage in stages):
            facts = facts_of(seen, seen.failure, **_tried(seen), **inside(seen), **elsewhere(seen))
            yield _eased(Hit((), facts), case) if seen.stage is Stage.CONNECT and case.others_open else Hit((), facts)

    return Rule(rule_id, Severity.ERROR, Need.OBSERVATION, cite, look)


NO_ROUTE = frozenset(f"errno:{number}" for number in (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT))
"""Our own computer has no way there, most often none for IPv6: that is no fault of the server."""


def no_way(seen: Observation) -> bool:
    """Our own computer has no way there."""
    return seen.failure is not None and not NO_ROUTE.isdisjoint(seen.failure.symptoms)


def _eased(hit: Hit, case: Case) -> Hit:
    """Senders go on to the address that lets them in; where we have no way ourselves, nothing is known of this one."""
    lost = no_way(case.observation)
    weight = Severity.INFO if lost else Severity.WARNING
    return replace(hit, severity=weight, facts={**hit.facts, "case": "no-route" if lost else "other"})


ENDINGS = (
    _ended("dns-failed", "RFC 5321 §5.1", Trouble.UNRESOLVED),
    _ended("no-mx", "RFC 5321 §5.1", Trouble.NO_MX),
    _ended("null-mx", "RFC 7505", Trouble.NULL_MX),
    _ended("connect-refused", "RFC 9293 §3.5.2", Trouble.REFUSED),
    _ended("unreachable", "RFC 1122 §3.2.2.1", Trouble.UNREACHABLE),
    _ended("timeout-connect", "RFC 5321 §4.5.3.2", Trouble.TIMEOUT, Stage.CONNECT),
    _ended("timeout-banner", "RFC 5321 §4.5.3.2.1", Trouble.TIMEOUT, Stage.GREETING),
    _ended("timeout-ehlo", "RFC 5321 §4.5.3.2", Trouble.TIMEOUT, Stage.EHLO),
    _ended("timeout-starttls", "RFC 3207 §4", Trouble.TIMEOUT, Stage.STARTTLS),
    _ended("timeout-handshake", "RFC 8446 §2", Trouble.TIMEOUT, Stage.HANDSHAKE, Stage.EHLO_TLS),
    _ended("banner-refused", "RFC 5321 §3.1", Trouble.REPLY, Stage.GREETING),
    _ended("ehlo-refused", "RFC 5321 §4.1.1.1", Trouble.REPLY, Stage.EHLO, Stage.EHLO_TLS),
    _ended("starttls-refused", "RFC 3207 §4", Trouble.REPLY, Stage.STARTTLS),
    _ended("oversize-reply", "RFC 5321 §4.5.3.1.5", Trouble.OVERSIZE),
)


@rule("no-starttls", Severity.ERROR, Need.OBSERVATION, "RFC 3207 §4, RFC 9051 §6.2.1, RFC 2595 §4, RFC 5804 §1.7")
def no_starttls(case: Case) -> Iterable[Hit]:
    """STARTTLS is not offered, or not possible any more: an IMAP server has logged us in by its greeting."""
    seen = case.observation
    if seen.failure and seen.failure.trouble is Trouble.NO_STARTTLS:
        preauth = {"case": "preauth"} if seen.failure.text.upper().startswith("* PREAUTH") else {}
        yield Hit((), facts_of(seen, seen.failure, **preauth))


@rule("implicit-tls", Severity.ERROR, Need.OBSERVATION, "RFC 8314 §3, RFC 3207")
def implicit_tls(case: Case) -> Iterable[Hit]:
    """Where a greeting in plain text was due, the server speaks TLS from the first byte."""
    seen = case.observation
    if seen.retried == "implicit" or _has(seen.failure, Trouble.UNREADABLE, "bytes:tls"):
        yield Hit((), facts_of(seen, seen.first_failure or seen.failure))


@rule("not-smtp", Severity.ERROR, Need.OBSERVATION, "RFC 5321 §4.2")
def not_smtp(case: Case) -> Iterable[Hit]:
    """What came is no reply of a mail server."""
    failure = case.observation.failure
    if failure and failure.trouble is Trouble.UNREADABLE and "bytes:tls" not in failure.symptoms:
        seen = case.observation
        yield Hit((), facts_of(seen, failure, **(inside(seen) or _another(seen, failure))))


_GREETINGS = {
    Protocol.SMTP: r"220[ -]",
    Protocol.IMAP: r"\* (?:OK|PREAUTH)\b",
    Protocol.POP3: r"\+OK\b",
    Protocol.SIEVE: r'"IMPLEMENTATION"',
}


def _another(seen: Observation, failure: Failure) -> dict[str, str]:
    """The case "protocol" where the greeting is one of another mail protocol than the one that we spoke."""
    if seen.stage is not Stage.GREETING:
        return {}
    greets = (protocol for protocol, greeting in _GREETINGS.items() if re.match(greeting, failure.text))
    return next(({"case": "protocol", "service": one.value, "spoken": one.value} for one in greets), {})


@rule("not-tls", Severity.ERROR, Need.OBSERVATION, "RFC 3207 §4, RFC 8314 §3")
def not_tls(case: Case) -> Iterable[Hit]:
    """Plain bytes arrived where the TLS handshake should have begun."""
    seen = case.observation
    if said := _complaint(seen):
        yield Hit((), facts_of(seen, seen.failure, text=said))
    elif seen.failure and seen.failure.trouble is Trouble.NOT_TLS:
        yield Hit((), facts_of(seen, seen.failure, **_what_came(seen, seen.failure)))


_GREETS = r'220(?:[ -]|$)|\* (?:OK|PREAUTH)\b|\+OK\b|"IMPLEMENTATION"'
_COMPLAINS = r"[45][0-9][0-9](?:[ -]|$)|(?:a[0-9]|\*) (?:NO|BAD|BYE)\b|-ERR\b|(?:NO|BYE)\b"


def _what_came(seen: Observation, failure: Failure) -> dict[str, str]:
    """A complaint is the server's own; a greeting shows a port for STARTTLS; anything else is just odd."""
    if seen.endpoint.tls is Tls.IMPLICIT:
        return {"case": "implicit" if re.match(_GREETS, failure.text) else "implicit-odd"}
    return {} if re.match(_COMPLAINS, failure.text) else {"case": "odd"}


def _complaint(seen: Observation) -> str:
    """What a server says in clear right behind its yes, before it ends the connection: it cannot begin TLS after all.

    Dovecot without a usable key does so; whether it comes before our first TLS message is chance.
    """
    ended = seen.failure is not None and seen.failure.trouble in {Trouble.CLOSED, Trouble.NOT_TLS}
    said = seen.surplus.decode("latin-1").strip()
    return said if ended and re.match(_COMPLAINS, said) else ""


@rule("closed", Severity.ERROR, Need.OBSERVATION, "RFC 5321 §3.8")
def closed(case: Case) -> Iterable[Hit]:
    """The server ended the connection where it should have spoken."""
    seen = case.observation
    if seen.failure and seen.failure.trouble is Trouble.CLOSED and not _complaint(seen):
        encrypted = seen.stage in TLS_STAGES or seen.tls_version is not None
        yield Hit((), facts_of(seen, seen.failure, **({"case": "tls"} if encrypted else {})))


@rule("starttls-injection", Severity.ERROR, Need.OBSERVATION, "RFC 3207 §6, CVE-2011-0411")
def starttls_injection(case: Case) -> Iterable[Hit]:
    """Bytes came behind the reply to STARTTLS, before we sent anything: in plain text, from whoever."""
    seen = case.observation
    if seen.surplus and not _complaint(seen):
        surplus = seen.surplus[:200].decode("latin-1")
        yield Hit((), facts_of(seen, seen.failure, surplus=surplus, count=str(len(seen.surplus))))


def _has(failure: Failure | None, trouble: Trouble, symptom: str) -> bool:
    return failure is not None and failure.trouble is trouble and symptom in failure.symptoms
