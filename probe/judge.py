"""The judge of a sweep: what a great many looks have in common is judged once.

Mail servers share certificates, and what depends on nothing else is kept for each list of certificates: chain, repair,
what senders do, and which rules speak. These rules speak again for each look, since their words name host and address.
A report is the same as ``report_of_survey`` makes of the same survey.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from datetime import datetime

from msgspec import Struct, field

from probe.across import obeying
from probe.judgement import (
    Options,
    case_of,
    chain_of,
    in_words,
    judged,
    mending_of,
    moment_of,
    report_of_survey,
    second_of,
    software_of,
)
from probe.model import (
    Certificate,
    Chain,
    Dnssec,
    EndpointReport,
    Finding,
    Observation,
    Refusal,
    Repair,
    Report,
    Side,
    Skipped,
    Stage,
    Survey,
    Tls,
    TlsaAnswer,
)
from probe.pki.certificate import parse
from probe.pki.dane import status
from probe.pki.likeness import Model, kind, model, repaired
from probe.pki.names import cn_would_match, matches
from probe.rules import RULES, told
from probe.rules.case import Rule
from probe.rules.handshake import DH_MINIMUM
from probe.rules.time import span, turns

LISTS = 512
"""Lists of certificates kept, some 20 KiB each with all that is known of them."""
LARGEST = 1 << 15
"""Bytes of a list that is kept: hostile ones must not fill the memory."""


class Settled(Struct, frozen=True):
    """What is so of every look that shows one list, or one like it, in one manner."""

    told: tuple[Refusal, ...]
    """What senders do, whatever the domain's policy."""
    refused_by: tuple[Refusal, ...]
    """The same where no domain was asked for, those that honour MTA-STS among them."""
    skipped: tuple[Skipped, ...]
    hidden: tuple[str, ...]
    rules: tuple[Rule, ...]
    """Those that speak."""


class Known(Struct):
    """A list of certificates, with what is known of it as long as no date of a certificate passes."""

    chain: Chain
    since: datetime
    until: datetime
    settled: dict[Hashable, Settled] = field(default_factory=dict)
    """By manner; alike lists share it."""
    repair: Repair | None = None
    """Of a smooth look, once there was one."""
    like: Known | None = None
    """The list of which this one is the like."""
    model: Model | None = None
    """What alike lists are made of."""


class Judge:
    """Judges surveys of many targets with the same options; it lives as long as the sweep."""

    def __init__(self, options: Options) -> None:
        self._options = options
        standing = (*options.anchors.certificates, *options.pool.certificates)
        self._dates = sorted(when for certificate in standing for when in turns(certificate))
        self._known: dict[Hashable, Known] = {}
        self._models: dict[Hashable, Known] = {}

    def report(self, survey: Survey) -> Report:
        """Make the report of everything that was seen of one target, as ``report_of_survey`` does."""
        options = self._options
        if len(survey.observations) != 1 or survey.domain or not self._is_smooth(survey.observations[0]):
            return report_of_survey(survey, options, self._look)
        seen = survey.observations[0]
        known, settled = self._settled(seen)
        found = self._again(seen, options, known, settled, refused_by=settled.refused_by)
        at, stores = moment_of(seen, options), options.anchors.stores
        return Report(survey.target, (found,), (), stores, at, options.fail_on, left_out=survey.left_out)

    def chain(self, seen: Observation) -> Chain:
        """Give the chain of one look, built once for each list of certificates."""
        return self._list(seen).chain

    def _look(self, seen: Observation, options: Options, /, *, others_open: bool, ask: str | None) -> EndpointReport:
        """Judge one look of a survey."""
        if seen.presented is None or self._lent(seen, options):
            return judged(seen, options, others_open=others_open, ask=ask)
        if self._is_smooth(seen):
            known, settled = self._settled(seen)
            return self._again(seen, options, known, settled, refused_by=settled.told, ask=ask)
        return judged(seen, options, chain=self._list(seen).chain, others_open=others_open, ask=ask)

    def _settled(self, seen: Observation) -> tuple[Known, Settled]:
        """Find what was settled by an earlier look, or settle it by this one."""
        known = self._list(seen)
        manner = self._manner(seen, known.chain)
        if (settled := known.settled.get(manner)) is None:
            first = judged(seen, self._options, chain=known.chain)
            ids = {finding.id for finding in first.findings}
            speaking = tuple(rule for rule in RULES if rule.id in ids)
            settled = Settled(first.refused_by, obeying(first).refused_by, first.skipped, first.hidden, speaking)
            known.settled[manner], known.repair = settled, first.repair
        elif known.repair is None:
            alike = repaired(known.like.repair, known.chain.presented[0]) if known.like else None
            known.repair = alike or mending_of(seen, known.chain, self._options)
        return known, settled

    def _again(
        self,
        seen: Observation,
        options: Options,
        known: Known,
        settled: Settled,
        *,
        refused_by: tuple[Refusal, ...],
        ask: str | None = None,
    ) -> EndpointReport:
        """Judge a look of which all is settled but the words."""
        chain, repair, mta = known.chain, known.repair, software_of(seen, options)
        said: tuple[Finding, ...] = ()
        if settled.rules:
            case = case_of(seen, chain, repair, options)
            said = in_words(told(settled.rules, case), case, options, mta, ask)
        return EndpointReport(seen, chain, said, repair, mta, refused_by, settled.skipped, settled.hidden, None, ask)

    def _is_smooth(self, seen: Observation) -> bool:
        """Everything went well, so that certificates, manner and words are all that differs from place to place."""
        ended = seen.failure or seen.first_failure or seen.retried or seen.surplus or seen.stage is not Stage.DONE
        ours = seen.client_chain or seen.side is not Side.SERVER or seen.endpoint.tls is Tls.NONE
        asked = self._options.on_disk or self._options.tlsa
        return seen.presented is not None and not (ended or ours or asked or _has_dane(seen.tlsa))

    def _manner(self, seen: Observation, chain: Chain) -> Hashable:
        """What senders and rules look at beside the certificates, of a smooth look."""
        small = seen.key_exchange_bits if (seen.key_exchange_bits or DH_MINIMUM) < DH_MINIMUM else None
        name = _name(chain.own, self._options.name or seen.endpoint.host)
        return seen.endpoint.protocol, seen.tls_version, small, bool(seen.client_cert_requested), name

    def _lent(self, seen: Observation, options: Options) -> bool:
        """Another look of the survey may have shown an issuer of what this one shows."""
        strange = [der for der in options.sent if der not in (seen.presented or ())]
        if not strange or self._options.pool.found:
            return bool(strange)
        wanted = {certificate.issuer.key for certificate in _certificates(seen)}
        return any(parse(der).subject.key in wanted for der in strange)

    def _list(self, seen: Observation) -> Known:
        """Find what is known of a list, or begin with its chain; the list that was not met for longest goes."""
        at = second_of(seen, self._options)
        key = seen.presented, seen.fetched, seen.cached, seen.key_proved, seen.side
        known = self._known.pop(key, None)
        if known is None or not known.since < at < known.until:
            known = self._begun(seen, at)
        if _size(seen) <= LARGEST:
            self._known[key] = known
            if len(self._known) > LISTS:
                del self._known[next(iter(self._known))]
        return known

    def _begun(self, seen: Observation, at: datetime) -> Known:
        """Build the chain, as of the beginning of the minute where that is the same: OpenSSL's store has a moment."""
        place = bisect_left(self._dates, at)
        near = self._dates[max(place - 1, 0) : place + 1]
        warn_days = self._options.warn_days
        own = (when for certificate in _certificates(seen) for when in turns(certificate, warn_days))
        since, until = span((*near, *own), at)
        minute = at.replace(second=0)
        return self._built(seen, minute if since < minute else at, since, until)

    def _built(self, seen: Observation, at: datetime, since: datetime, until: datetime) -> Known:
        """Build the chain, or make it of an alike list's where no date of the leaf is to be told."""
        options, presented = self._options, tuple(map(parse, seen.presented or ()))
        small = _size(seen) <= LARGEST and not (seen.fetched or seen.cached)
        bare = presented and small and seen.key_proved and _is_fresh(presented[0], at, options.warn_days)
        if not bare or (likeness := kind(presented)) is None:
            return Known(chain_of(seen, options, at), since, until)
        key = likeness, seen.side
        like = self._models.get(key)
        if like and like.model and like.since < at < like.until:
            taken = like.model.taken_over(presented, options.anchors)
            if taken:
                return Known(taken, since, until, like.settled, like=like)
        chain = chain_of(seen, options, at)
        known = Known(chain, since, until, model=model(chain, options.anchors, options.pool))
        if known.model:
            self._models[key] = known
            if len(self._models) > LISTS:
                del self._models[next(iter(self._models))]
        return known


def _is_fresh(leaf: Certificate, at: datetime, warn_days: int | None) -> bool:
    """It has begun, and its end is not near."""
    begins, *ends = turns(leaf, warn_days) or (at,)
    return begins < at and len(ends) == 2 and at < min(ends)


def _size(seen: Observation) -> int:
    """Bytes of all certificates that a look brought."""
    fetched = sum(len(der) for fetch in seen.fetched for der in fetch.certificates)
    return fetched + sum(map(len, seen.presented or ())) + sum(map(len, seen.cached))


def _certificates(seen: Observation) -> Iterator[Certificate]:
    """All that a look brought."""
    fetched = (der for fetch in seen.fetched for der in fetch.certificates)
    return map(parse, (*(seen.presented or ()), *fetched, *seen.cached))


def _has_dane(answer: TlsaAnswer | None) -> bool:
    """The answer has something to tell, to rules or to senders."""
    return answer is not None and bool(answer.records or answer.failure or status(answer) is Dnssec.BOGUS)


def _name(leaf: Certificate | None, reference: str | None) -> str | None:
    """How the certificate stands to the name, as far as it matters which rules speak."""
    if leaf is None or reference is None:
        return None
    return "fits" if matches(leaf, reference) else "common" if cn_would_match(leaf, reference) else "other"
