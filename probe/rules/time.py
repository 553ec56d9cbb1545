"""Time: whether each certificate is within its dates as of the moment of judgement."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from probe.model import Certificate, Severity
from probe.rules.case import Case, Hit, Need, about, about_ca, rule

SOON = timedelta(days=21)
"""Longest notice given: certificates of 90 days are renewed at 30 left, and a week may pass before anybody looks."""
SOON_SHARE = 4
"""… and never more than this part of the lifetime, so that certificates of a few days do not always warn."""


@rule("expired", Severity.ERROR, Need.LIST, "RFC 5280 §6.1.3 (a)(2)")
def expired(case: Case) -> Iterable[Hit]:
    """A presented certificate is past its notAfter."""
    for certificate in _distinct(case):
        if certificate.not_after and certificate.not_after < case.at:
            ago = _span(case.at - certificate.not_after)
            yield _timed(case, certificate, when=_text(certificate.not_after), ago=ago)


@rule("not-yet-valid", Severity.ERROR, Need.LIST, "RFC 5280 §6.1.3 (a)(2)")
def not_yet_valid(case: Case) -> Iterable[Hit]:
    """A presented certificate, or the trust anchor above it, is before its notBefore."""
    for certificate in _distinct(case):
        if certificate.not_before and case.at < certificate.not_before:
            until = _span(certificate.not_before - case.at)
            yield _timed(case, certificate, when=_text(certificate.not_before), until=until)


@rule("expires-soon", Severity.WARNING, Need.LEAF, "practice: a quarter of the lifetime, at most 21 days")
def expires_soon(case: Case) -> Iterable[Hit]:
    """A presented certificate of the path is near its end."""
    for certificate in case.path.certificates if case.path else ():
        ends = certificate.not_after
        if (
            ends
            and case.positions(certificate)
            and timedelta(0) <= ends - case.at < _notice(certificate, case.warn_days)
        ):
            left = ends - case.at
            yield about_ca(case, certificate, when=_text(ends), left=_span(left), days=str(left.days))


def turns(certificate: Certificate, warn_days: int | None = None) -> tuple[datetime, ...]:
    """Give the moments at which what is said of the certificate's dates changes: it begins, ends, is near its end."""
    known = tuple(when for when in (certificate.not_before, certificate.not_after) if when)
    if certificate.not_after is None:
        return known
    try:
        return (*known, certificate.not_after - _notice(certificate, warn_days))
    except OverflowError:  # near its end since the year 1
        return known


def span(moments: Iterable[datetime], at: datetime) -> tuple[datetime, datetime]:
    """The two of these moments between which ``at`` lies; both are ``at`` where it is one of them.

    Strictly between them everything is judged alike, what counts days left out.
    """
    before, behind = _FIRST, _LAST
    for when in moments:
        if before < when <= at:
            before = when
        if at <= when < behind:
            behind = when
    return before, behind


_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def _notice(certificate: Certificate, warn_days: int | None) -> timedelta:
    if warn_days is not None:
        return timedelta(days=warn_days)
    if certificate.not_before is None or certificate.not_after is None:
        return SOON
    return min(SOON, (certificate.not_after - certificate.not_before) / SOON_SHARE)


def _timed(case: Case, certificate: Certificate, **facts: str) -> Hit:
    """On the claimed path the fault is as bad as the rule says; elsewhere a warning at most."""
    if case.path and certificate in case.path.certificates and not case.positions(certificate):
        return about(case, certificate, case="anchor", **facts)
    if case.path and certificate in case.path.certificates:
        return about_ca(case, certificate, **facts)
    hit = about(case, certificate, case="unused", **facts)
    return Hit(hit.positions, hit.facts, severity=Severity.WARNING)


def _distinct(case: Case) -> tuple[Certificate, ...]:
    """Each once, and the anchor of the path; a root of which expired-root speaks is left to it."""
    path = case.path.certificates if case.path else ()
    told = {root.sha256 for _, root in case.chain.stale} if case.chain else set()
    told |= (
        {path[fault.index].sha256 for fault in case.path.faults if fault.id == "expired-root"} if case.path else set()
    )
    return tuple({c.sha256: c for c in (*case.presented, *path) if not c.problem and c.sha256 not in told}.values())


def _text(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _span(span: timedelta) -> str:
    minutes = int(span.total_seconds()) // 60
    number, unit = (minutes, "minute") if minutes < 120 else (minutes // 60, "hour")
    if minutes >= 48 * 60:
        number, unit = span.days, "day"
    return f"{number} {unit}{'' if number == 1 else 's'}"
