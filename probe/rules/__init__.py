"""One function a finding: RULES in the order in which a reader of a report wants them, and how they are run.

What speaks of files, of callers, and of a server's own disk is imported where there is one; ``ids`` has all of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec.structs import replace

from probe.model import Confidence, Finding, Severity, Side, Skipped
from probe.rules import (
    conversation,
    dane,
    handshake,
    name,
    profile,
    structure,
    time,
    trust,
)
from probe.rules.case import Case, Need, Rule

RULES: tuple[Rule, ...] = (
    *conversation.ENDINGS,
    conversation.no_starttls,
    conversation.implicit_tls,
    conversation.not_smtp,
    conversation.not_tls,
    conversation.closed,
    conversation.starttls_injection,
    structure.empty_chain,
    structure.unparsable_cert,
    structure.leaf_not_first,
    structure.key_mismatch,
    structure.bad_signature,
    structure.wrong_key_intermediate,
    structure.missing_intermediate,
    trust.self_signed_leaf,
    trust.untrusted_root,
    time.expired,
    time.not_yet_valid,
    name.name_mismatch,
    name.no_san,
    name.bad_name,
    dane.dane_bogus,
    dane.dane_ta_missing,
    dane.dane_mismatch,
    structure.fragile_path,
    trust.expired_root,
    profile.not_a_ca,
    profile.pathlen,
    profile.eku,
    profile.client_eku,
    profile.key_usage,
    profile.name_constraints,
    profile.unknown_critical_ext,
    profile.v1_cert,
    profile.weak_signature,
    profile.weak_key,
    handshake.old_tls,
    handshake.weak_dh,
    handshake.client_cert_required,
    handshake.unexpected_message,
    handshake.handshake_refused,
    handshake.handshake_failed,
    dane.dane_unusable,
    structure.misordered,
    time.expires_soon,
    structure.too_many_certs,
    structure.duplicate,
    structure.extra_cert,
    structure.root_included,
    dane.dane_insecure,
    dane.dane_rollover,
    trust.aia_problem,
    handshake.client_cert_requested,
)

TLSA_RULES: tuple[Rule, ...] = (dane.tlsa_records,)
"""Where the user asks for the records to publish (``--tlsa``)."""

OF_ORDER = frozenset({"leaf-not-first", "misordered"})
"""Not asked of PKCS#7, which is a set (RFC 2315 §6.6)."""

DECLINED = "the server has no certificate of the kind, or does not speak the version, that alone was offered"

REVOCATION = Skipped("revocation", "revocation is not looked at")


def judge(case: Case, ignore: Collection[str] = ()) -> tuple[tuple[Finding, ...], tuple[Skipped, ...]]:
    """Run every rule; findings come worst first, then surest first, then in the order of the rules."""
    asked, skipped = list[Rule](), list[Skipped]()
    declined = DECLINED if handshake.declined(case.observation) else None
    for rule in _rules(case):
        if rule.id in ignore:
            skipped.append(Skipped(rule.id, "ignored by --ignore"))
        elif reason := declined or rule.lacks(case):
            skipped.append(Skipped(rule.id, reason))
        else:
            asked.append(rule)
    return told(asked, case), (*skipped, REVOCATION)


def told(rules: Iterable[Rule], case: Case) -> tuple[Finding, ...]:
    """What these rules find, in the order of a report."""
    found = [finding for rule in rules for finding in _few(rule.findings(case))]
    return tuple(sorted(found, key=lambda f: (-f.severity.rank, _CERTAINTY.index(f.confidence))))


def hidden(case: Case, ignore: Collection[str]) -> tuple[str, ...]:
    """Ids of the warnings and errors that ``ignore`` leaves out here."""
    if not ignore or handshake.declined(case.observation):
        return ()
    asked = (rule for rule in _rules(case) if rule.id in ignore and not rule.lacks(case))
    return tuple({f.id: None for rule in asked for f in rule.findings(case) if f.severity is not Severity.INFO})


def _rules(case: Case) -> tuple[Rule, ...]:
    """A file has had no conversation; where its leaf is missing, no certificate of it stands in a leaf's place."""
    if case.material is None:
        return _of_callers() if case.observation.side is Side.CLIENT else _of_servers(case)
    from probe.material import Form
    from probe.rules import file

    missing = file.leaf_missing
    if not case.material.certificates or (not missing.lacks(case) and any(missing.look(case))):
        return tuple(rule for rule in file.RULES if rule is not file.key_mismatch)
    ordered = case.material.form is not Form.PKCS7
    return file.RULES + tuple(rule for rule in _of_lists() if ordered or rule.id not in OF_ORDER)


def _of_servers(case: Case) -> tuple[Rule, ...]:
    more = TLSA_RULES if case.proposes_tlsa else ()
    if case.on_disk is None:
        return RULES + more
    from probe.rules import disk

    return (*RULES, disk.served_differs, *more)


def _of_callers() -> tuple[Rule, ...]:
    from probe.rules import listen

    return listen.RULES + _of_lists()


def _of_lists() -> tuple[Rule, ...]:
    """The rules that look at certificates alone. An empty list is a client's good right (RFC 8446 §4.4.2.4)."""
    spoken = {Need.OBSERVATION, Need.TLS}
    return tuple(rule for rule in RULES if rule.needs not in spoken and rule is not structure.empty_chain)


def _few(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """A hostile list has a thousand faults of one kind: the first are told one by one, the rest as one finding."""
    if len(found) <= TOLD_SINGLY + 1:
        return found
    rest = found[TOLD_SINGLY:]
    positions = tuple(sorted({position for finding in rest for position in finding.positions}))
    facts = {**rest[0].facts, "certificate": f"{len(rest)} more certificates", "more": str(len(rest))}
    return (*found[:TOLD_SINGLY], replace(rest[0], positions=positions, facts=facts))


TOLD_SINGLY = 5
"""Findings of one id that are told one by one; no honest server has more."""

_CERTAINTY = (Confidence.IS, Confidence.VERY_LIKELY, Confidence.MAY_BE)
