"""Structure: which certificates were sent, in which order, and whether they belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from probe.model import ABSENT, Certificate, Confidence, Failure, Path, Severity, Source, Trouble, bracketed
from probe.pki.anchors import UNSPECIFIED
from probe.pki.dane import needed
from probe.pki.profile import is_root, key_ids_differ, tampered
from probe.pki.signature import signed_by, signed_itself
from probe.rules.case import Case, Hit, Need, about, rule

GNUTLS_DEPTH = 16
"""GnuTLS refuses a longer list (DEFAULT_MAX_VERIFY_DEPTH in lib/gnutls_int.h)."""
JAVA_LIST = 10
"""Java refuses a longer list (sun.security.ssl.SSLConfiguration, maxCertificateChainLength)."""

WRONG_KEY_REASONS = frozenset({"reason:123", "reason:370", "reason:383", "reason:264", "reason:265"})
"""SSL_R_BAD_SIGNATURE, WRONG_SIGNATURE_TYPE, WRONG_CERTIFICATE_TYPE, WRONG_SIGNATURE_LENGTH, WRONG_SIGNATURE_SIZE
(include/openssl/sslerr.h): the server proved possession of another key than the first certificate's."""


@rule("empty-chain", Severity.ERROR, Need.LIST, "RFC 8446 §4.4.2, RFC 5246 §7.4.2")
def empty_chain(case: Case) -> Iterable[Hit]:
    """The server's Certificate message holds no certificate."""
    if case.observation.presented == ():
        yield Hit()


@rule("unparsable-cert", Severity.ERROR, Need.LIST, "RFC 5280 §4.1")
def unparsable_cert(case: Case) -> Iterable[Hit]:
    """A listed item is no certificate, or fields of one are not encoded as the standard wants."""
    for position, certificate in enumerate(case.presented):
        if certificate.problem is not None:
            naming = f"#{position + 1} of {len(case.presented)}"
            yield Hit((position,), {"certificate": naming, "problem": certificate.problem})
        elif certificate.problems and (position == case.chain_leaf or _refused_as_unreadable(case, certificate)):
            facts = about(case, certificate).facts
            unreadable = {"problem": "; ".join(certificate.problems), "case": "field"}
            severity = None if _refused_as_unreadable(case, certificate) else Severity.INFO
            yield Hit((position,), {**facts, **unreadable}, severity=severity)


def _refused_as_unreadable(case: Case, certificate: Certificate) -> bool:
    """Bytes behind a certificate end every handshake ("cert length mismatch"); of other fields OpenSSL was asked."""
    if "certificate: trailing bytes" in certificate.problems:
        return True
    as_sent = case.chain.verdict_as_sent if case.chain else None
    if as_sent and as_sent.number == UNSPECIFIED:
        return True
    return case.path is not None and any(fault.id == "unparsable-cert" for fault in case.path.faults)


@rule("key-mismatch", Severity.ERROR, Need.LEAF, "RFC 8446 §4.4.3, RFC 5246 §7.4.3")
def key_mismatch(case: Case) -> Iterable[Hit]:
    """The server signed the handshake with a key that is not the one in its first certificate."""
    failure = case.observation.failure
    if failure and case.leaf and case.chain and case.chain.leaf == 0 and wrong_key(failure):
        yield about(case, case.leaf, error=failure.text)


def wrong_key(failure: Failure) -> bool:
    """Our TLS library found the server's signature over the handshake wrong."""
    return failure.trouble is Trouble.TLS and not WRONG_KEY_REASONS.isdisjoint(failure.symptoms)


@rule("leaf-not-first", Severity.ERROR, Need.LEAF, "RFC 8446 §4.4.2, RFC 5246 §7.4.2")
def leaf_not_first(case: Case) -> Iterable[Hit]:
    """The server's own certificate is not the first of the list."""
    if case.leaf and case.chain and case.chain.leaf and case.presented[0].problem is None:
        yield about(case, case.leaf, first=case.naming(case.presented[0]), leaf=case.naming(case.leaf))


@rule("missing-intermediate", Severity.ERROR, Need.ANCHORS, "RFC 8446 §4.4.2, RFC 5246 §7.4.2")
def missing_intermediate(case: Case) -> Iterable[Hit]:
    """Every path stops at a certificate whose issuer nobody sent."""
    chain, path = case.chain, case.path
    if not chain or not path or chain.gap is None:
        return
    absent = list(_absent(chain.mended)) if chain.mended else []
    last = path.certificates[-1]
    if any(child.sha256 == last.sha256 and tampered(child, other) for child, other in chain.near_misses):
        return
    if not absent and (chain.mended or signed_itself(last)):
        return
    last = _below_the_first_absent(chain.mended) if chain.mended else last
    confidence = _how_sure(case, bool(absent))
    source = absent[0][1] if absent else "unknown"
    hit = about(
        case,
        last,
        missing=" and ".join(_told_apart(case, found) for found, _ in absent) or f'"{chain.gap.issuer}"',
        source=source,
        where=_where(case, source),
        **_sender(case, absent),
        authority_key_id=chain.gap.authority_key_id or "none",
        aia=", ".join(chain.gap.aia) or "none",
    )
    yield Hit(hit.positions, hit.facts, confidence)


def _absent(path: Path) -> Iterator[tuple[Certificate, str]]:
    """Intermediates of a mended path that nobody sent."""
    for certificate, source in zip(path.certificates, path.sources, strict=True):
        if source in ABSENT and not is_root(certificate):
            yield certificate, source.value


def _below_the_first_absent(path: Path) -> Certificate:
    first = next(n for n, source in enumerate(path.sources) if source in ABSENT)
    return path.certificates[first - 1]


def _told_apart(case: Case, absent: Certificate) -> str:
    """Its name, and its issuer's where another certificate of that name was sent."""
    alike = any(c.label == absent.label for c in case.presented)
    return (
        f'"{absent.label}" signed by "{absent.issuer.common_name or absent.issuer.text}"'
        if alike
        else f'"{absent.label}"'
    )


def _where(case: Case, source: str) -> str:
    """The address or file in which the missing certificate was found."""
    found = next((m.url for m in case.repair.missing if m.url), None) if case.repair else None
    return found or source


def _sender(case: Case, absent: Sequence[tuple[Certificate, str]]) -> dict[str, object]:
    """Which other server of this survey sent what is missing, where nobody else has it."""
    senders = {case.sent.get(found.der) for found, source in absent if source == Source.POOL} - {None}
    there = next(iter(senders)) if len(senders) == 1 else None
    if there is None or there.address is None:
        return {}
    sender = f"{bracketed(there.address)}:{there.port}"
    return {"case": "sent", "sender": sender, "sender_name": there.host or there.address}


def _how_sure(case: Case, found: bool) -> Confidence:
    """The table "missing or untrusted?" of the design: found = is; an address = very likely; neither = may be."""
    if found:
        return Confidence.IS
    if case.chain is not None and case.chain.truncated:
        return Confidence.MAY_BE
    above = case.chain is not None and any(not case.positions(c) for c in case.chain.frontier)
    named = case.chain is not None and case.chain.gap is not None and case.chain.gap.aia
    return Confidence.VERY_LIKELY if above or named else Confidence.MAY_BE


@rule("wrong-key-intermediate", Severity.ERROR, Need.LEAF, "RFC 5280 §6.1.3")
def wrong_key_intermediate(case: Case) -> Iterable[Hit]:
    """A certificate with the issuer's name was sent, but another key made the signature."""
    for child, candidate in case.chain.near_misses if case.chain else ():
        if case.positions(candidate) and not tampered(child, candidate):
            hit = about(case, candidate, signer=case.naming(candidate), child=case.naming(child))
            yield Hit(
                hit.positions, hit.facts, Confidence.IS if key_ids_differ(child, candidate) else Confidence.VERY_LIKELY
            )


@rule("bad-signature", Severity.ERROR, Need.LEAF, "RFC 5280 §6.1.3")
def bad_signature(case: Case) -> Iterable[Hit]:
    """Name and key identifier of the issuer fit, and yet the signature is not made over these bytes."""
    for child, candidate in case.chain.near_misses if case.chain else ():
        if tampered(child, candidate):
            yield about(case, child, signer=case.naming(candidate))


@rule("misordered", Severity.WARNING, Need.LEAF, "RFC 5246 §7.4.2: each certificate MUST certify the preceding one")
def misordered(case: Case) -> Iterable[Hit]:
    """The leaf is first, and a certificate stands before one that it signed, with nothing it signed before it."""
    if not case.chain or case.chain.leaf != 0:
        return
    wrong = tuple(position for position in sorted(case.chain.related) if position and _too_early(case, position))
    if wrong and case.repair:
        order = sorted((s.to, s.position) for s in case.repair.steps if s.to is not None and s.position is not None)
        right = ", ".join(str(position + 1) for _, position in order)
        sent = ", ".join(str(n + 1) for n in range(len(case.presented)))
        yield Hit(wrong, {"sent": sent, "right": right, "certificate": case.naming(case.presented[wrong[0]])})


def _too_early(case: Case, position: int) -> bool:
    certificate = case.presented[position]
    signed = [n for n in sorted(case.chain.related if case.chain else ()) if _signs(certificate, case.presented[n])]
    first = case.positions(certificate)[0]
    return first == position and bool(signed) and not any(n < position for n in signed)


def _signs(issuer: Certificate, child: Certificate) -> bool:
    named = child.issuer.key == issuer.subject.key and child.sha256 != issuer.sha256
    return named and signed_by(child, issuer)


@rule("duplicate", Severity.INFO, Need.LIST, "RFC 5246 §7.4.2")
def duplicate(case: Case) -> Iterable[Hit]:
    """The same certificate was sent more than once."""
    again = tuple(n for n, c in enumerate(case.presented) if c.sha256 in {d.sha256 for d in case.presented[:n]})
    if again:
        yield Hit(again, {"certificates": _list(case, again)})


@rule("extra-cert", Severity.INFO, Need.LEAF, "RFC 8446 §4.4.2")
def extra_cert(case: Case) -> Iterable[Hit]:
    """A certificate lies on no path upward from the leaf."""
    if not case.chain:
        return
    near = {candidate.sha256 for _, candidate in case.chain.near_misses}
    extra = tuple(n for n, c in enumerate(case.presented) if n not in case.chain.related and _foreign(case, c, near))
    if extra:
        unsure = case.chain.gap is not None and any(case.presented[n].is_ca for n in extra)
        yield Hit(extra, {"certificates": _list(case, extra)}, Confidence.MAY_BE if unsure else Confidence.IS)


def _foreign(case: Case, certificate: Certificate, near: set[str]) -> bool:
    if certificate.problem is not None or certificate.sha256 in near:
        return False
    return not (is_root(certificate) and case.chain is not None and case.chain.gap is not None)


@rule("root-included", Severity.INFO, Need.LEAF, "RFC 8446 §4.4.2, RFC 5246 §7.4.2: the root MAY be omitted")
def root_included(case: Case) -> Iterable[Hit]:
    """A self-signed certificate above the leaf was sent; a peer trusts it already or not at all, unless by DANE."""
    if not case.chain or not case.path:
        return
    top, kept = case.path.certificates[-1].sha256, needed(case.observation.tlsa, case.chain)
    roots = tuple(
        n
        for n, c in enumerate(case.presented)
        if n != case.chain.leaf and is_root(c) and (n in case.chain.related or case.chain.gap is not None)
        if (case.path.anchored or c.sha256 != top) and c.sha256 not in kept
    )
    if roots:
        yield Hit(roots, {"certificates": _list(case, roots)})


@rule("too-many-certs", Severity.WARNING, Need.LIST, "GnuTLS lib/gnutls_int.h, Java SSLConfiguration")
def too_many_certs(case: Case) -> Iterable[Hit]:
    """The list is longer than some peers accept."""
    count = len(case.presented)
    if count > GNUTLS_DEPTH:
        yield Hit((), {"count": str(count), "limit": str(GNUTLS_DEPTH)})
    elif count > JAVA_LIST:
        yield Hit((), {"count": str(count), "limit": str(JAVA_LIST), "case": "untidy"})


@rule("fragile-path", Severity.ERROR, Need.LEAF, "OpenSSL crypto/x509/x509_vfy.c build_chain: no backtracking")
def fragile_path(case: Case) -> Iterable[Hit]:
    """A valid path exists, and OpenSSL, asked as a peer asks it, does not find it."""
    chain, path = case.chain, case.path
    if not chain or not path or not path.anchored or chain.leaf != 0:
        return
    refusing = [fault for fault in path.faults if fault.verify is not None]
    said = next((v for v in (chain.verdict, chain.verdict_as_sent) if v and v.number not in {0, UNSPECIFIED}), None)
    if said and all(fault.id == "fragile-path" for fault in refusing):
        reason = (refusing[0].note or "key-id") if refusing else _astray(case)
        child = path.certificates[refusing[0].index] if refusing else path.certificates[0]
        words = f"{said.number} at depth {said.depth}: {said.text}"
        yield about(case, child, verdict=words, case=reason)


def _astray(case: Case) -> str:
    """What leads OpenSSL astray: what was sent, or the store itself, and then no list helps."""
    return "order" if case.repair and case.repair.bundle else "store"


LISTED = 4


def _list(case: Case, positions: Sequence[int]) -> str:
    more = len(positions) - LISTED
    few = "; ".join(case.naming_at(position) for position in positions[:LISTED])
    return f"{few} and {more} more" if more > 0 else few
