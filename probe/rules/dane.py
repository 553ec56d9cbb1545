"""DANE: whether the TLSA records of this server fit what it presents, and whether senders can use them (RFC 7672)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from probe.model import Confidence, Dnssec, Severity, Tlsa, TlsaAnswer, Trouble
from probe.pki.dane import DANE_TA, Fit, Outcome, fits, is_usable, named, outcome, proposed, status
from probe.pki.names import is_host_name
from probe.pki.profile import is_root
from probe.rules.case import Case, Hit, Need, rule

LISTED = 3
LONGEST = 160
"""Characters of one record: SHA-512 has 134 with its three numbers, and a whole certificate has thousands."""


@rule("dane-bogus", Severity.ERROR, Need.OBSERVATION, "RFC 7672 §2.1.2: the sender defers")
def dane_bogus(case: Case) -> Iterable[Hit]:
    """The records or the addresses do not pass DNSSEC, or the question for records is not answered."""
    answer, found = case.observation.tlsa, dane_outcome(case)
    if answer and found is Outcome.BOGUS:
        yield Hit((), _facts(answer))
    elif answer and answer.failure and found in {Outcome.FAILED, Outcome.UNANSWERED}:
        facts = {**_facts(answer), "case": found.value, "text": answer.failure.text}
        yield Hit((), facts, Confidence.MAY_BE, Severity.WARNING if found is Outcome.FAILED else Severity.INFO)


@rule("dane-ta-missing", Severity.ERROR, Need.OBSERVATION, "RFC 7672 §3.1.2: the server MUST send the trust anchor")
def dane_ta_missing(case: Case) -> Iterable[Hit]:
    """A record of usage 2 names a CA of this chain that was not sent."""
    answer = case.observation.tlsa
    absent = next((fit for fit in _fits(case) if fit.absent and not fit.outranked), None)
    if answer and absent and absent.absent and dane_outcome(case) in {Outcome.TA_MISSING, Outcome.UNKNOWN}:
        told = {"missing": f'"{absent.absent.label}"', "record": _short(absent.record)}
        root = {"case": "root"} if is_root(absent.absent) else {}
        yield _graded(answer, {**_facts(answer), **told, **root})


@rule("dane-mismatch", Severity.ERROR, Need.OBSERVATION, "RFC 7672 §2.2, RFC 7671 §5")
def dane_mismatch(case: Case) -> Iterable[Hit]:
    """No record fits what was presented, or nothing can be presented since there is no TLS."""
    answer, found = case.observation.tlsa, _fits(case)
    if not answer or dane_outcome(case) not in {Outcome.MISMATCH, Outcome.UNKNOWN}:
        return
    if not case.presented:
        if case.observation.failure and case.observation.failure.trouble is Trouble.NO_STARTTLS:
            yield _graded(answer, {**_facts(answer), "case": "no-tls"})
    elif not any(fit.absent and not fit.outranked for fit in found):
        yield _graded(answer, {**_facts(answer), **_why(case, found)}, positions=(0,))


def _why(case: Case, found: Sequence[Fit]) -> dict[str, object]:
    """What the record that comes nearest lacks."""
    for fit in found:
        if fit.anchored:
            return {"case": "path", "record": _short(fit.record), "faults": fit.faults}
    for fit in found:
        place = slice(1, None) if fit.record.usage == DANE_TA else slice(1)
        if fit.outranked and any(named(fit.record, case.presented[place])):
            return {"case": "outranked", "record": _short(fit.record)}
    return {}


@rule("dane-unusable", Severity.WARNING, Need.OBSERVATION, "RFC 7672 §2.2, §3.1.3")
def dane_unusable(case: Case) -> Iterable[Hit]:
    """Records that do not count for SMTP: usage 0 or 1, or fields that no sender can use."""
    answer = case.observation.tlsa
    useless = [record for record in answer.records if not is_usable(record)] if answer else []
    if not answer or not useless:
        return
    facts = {**_facts(answer), "useless": _list(useless)}
    if dane_outcome(case) is Outcome.UNUSABLE:
        yield Hit((), facts)
    elif len(useless) < len(answer.records):
        yield Hit((), {**facts, "case": "some"}, severity=Severity.INFO)


@rule("dane-insecure", Severity.INFO, Need.OBSERVATION, "RFC 7672 §2.1.1, §2.2")
def dane_insecure(case: Case) -> Iterable[Hit]:
    """There are records, and no sender uses them, since DNSSEC does not vouch for them or for what leads to them."""
    answer = case.observation.tlsa
    if not answer or not answer.records or answer.failure:
        return
    if dane_outcome(case) is Outcome.INSECURE:
        addresses = answer.dnssec is not Dnssec.INSECURE
        yield Hit((), {**_facts(answer), **({"case": "addresses"} if addresses else {})})
    elif answer.mx_dnssec is Dnssec.INSECURE:
        yield Hit((), {**_facts(answer), "case": "mx"})


@rule("dane-rollover", Severity.INFO, Need.OBSERVATION, "RFC 7671 §8.1")
def dane_rollover(case: Case) -> Iterable[Hit]:
    """A record fits, and beside it stand others that fit nothing: the next key, or one that was forgotten."""
    answer = case.observation.tlsa
    spare = [fit.record for fit in _fits(case) if fit.usable and not fit.outranked and not fit.holds]
    if answer and spare and dane_outcome(case) is Outcome.MATCH:
        yield Hit((), {**_facts(answer), "spare": _list(spare)})


@rule("tlsa-records", Severity.INFO, Need.LEAF, "RFC 7672 §3.1; RFC 7671 §8")
def tlsa_records(case: Case) -> Iterable[Hit]:
    """The records to publish for this chain, beside those that are published; for those who ask by ``--tlsa``."""
    answer, chain, host = case.observation.tlsa, case.chain, _mail_host(case)
    if not chain or not host:
        return
    owner = answer.name if answer else f"_{case.observation.endpoint.port}._tcp.{host}"
    wanted = proposed(chain)
    published = answer.records if answer and not answer.failure else ()
    holding = [fit.record for fit in _fits(case) if fit.holds]
    facts = {
        "owner": owner,
        "zone": [f"{owner}. IN TLSA {record.text}" for record in wanted],
        "published": [_short(record) for record in published[:_MOST]],
        "fitting": [_short(record) for record in holding[:_MOST]],
    }
    yield Hit((), {**facts, "case": _state(answer, published, holding)})


def _mail_host(case: Case) -> str | None:
    """The name that senders look up: an address has no records, but the server behind it has a name."""
    own = case.leaf.dns_names if case.leaf else ()
    names = (case.observation.endpoint.host, case.reference, *own)
    return next((name for name in names if name and is_host_name(name)), None)


_MOST = 20
"""Published records that are repeated."""


def _state(answer: TlsaAnswer | None, published: Sequence[Tlsa], holding: Sequence[Tlsa]) -> str:
    if not published:
        return "unasked" if answer is None else "unknown" if answer.failure else ""
    return "fitting" if holding else "unfitting"


def dane_outcome(case: Case) -> Outcome:
    """What a DANE sender finds here."""
    return outcome(case.observation.tlsa, case.chain, _names(case), case.at)


def _fits(case: Case) -> tuple[Fit, ...]:
    answer = case.observation.tlsa
    return fits(answer.records, case.chain, _names(case), case.at) if answer and case.chain else ()


def _names(case: Case) -> frozenset[str]:
    """The TLSA base domain, and the mail domain whose MX led here (RFC 7672 §3.2.2)."""
    answer, host = case.observation.tlsa, case.observation.endpoint.host
    base = (answer.base or answer.name.partition("._tcp.")[2]) if answer else host
    return frozenset(name for name in (base, case.domain) if name)


def _graded(answer: TlsaAnswer, facts: dict[str, object], positions: tuple[int, ...] = ()) -> Hit:
    """An error where DNSSEC vouches for all that leads to the records; else some senders refuse, or it may be."""
    if status(answer) is not Dnssec.SECURE:
        return Hit(positions, facts, Confidence.MAY_BE, Severity.WARNING)
    trusted = answer.mx_dnssec in {None, Dnssec.SECURE}
    return Hit(positions, facts, severity=None if trusted else Severity.WARNING)


def _facts(answer: TlsaAnswer) -> dict[str, object]:
    return {
        "owner": answer.name,
        "records": _list(answer.records),
        "dnssec": status(answer),
        "resolver": answer.resolver or "the system's resolver",
    }


def _list(records: Sequence[Tlsa]) -> str:
    more = len(records) - LISTED
    few = "; ".join(_short(record) for record in records[:LISTED])
    return f"{few} and {more} more" if more > 0 else few


def _short(record: Tlsa) -> str:
    return record.text if len(record.text) <= LONGEST else f"{record.text[: LONGEST - 1]}…"
