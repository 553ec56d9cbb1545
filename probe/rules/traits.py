"""What senders mind about an endpoint, in words of its own: ``catalogue/senders.toml`` says who minds which.

A trait is no finding: "expired" here is a date on the path that peers use, whatever else the list holds. Most are
ids of faults; the others are where TLS libraries part, each told beside its function.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from probe.model import Certificate, Chain, Failure, Observation, Path, Source, Stage, Trouble
from probe.pki.anchors import UNSPECIFIED
from probe.pki.dane import Outcome
from probe.pki.names import cn_would_match, matches
from probe.pki.profile import TLS_KEY_USAGES, is_root
from probe.rules.case import Case
from probe.rules.dane import dane_outcome
from probe.rules.handshake import DH_BROKEN, DH_MINIMUM, OLD_VERSIONS
from probe.rules.structure import GNUTLS_DEPTH, JAVA_LIST

if TYPE_CHECKING:
    from probe.rules.sts import StsOutcome

POSTFIX_DEPTH = 9
"""Intermediates that Postfix follows (postconf(5), smtp_tls_scert_verifydepth)."""
RSA_MINIMUM = 1024
"""Bits below which nobody of today goes on."""
ANY_PURPOSE = "2.5.29.37.0"
"""anyExtendedKeyUsage (RFC 5280 §4.2.1.12), which OpenSSL does not take for TLS."""
NO_DANE = frozenset({Outcome.NONE, Outcome.INSECURE})
UNSURE = frozenset({Outcome.UNKNOWN, Outcome.FAILED, Outcome.UNANSWERED})

_OF_TLS = frozenset({Trouble.ALERT, Trouble.TLS, Trouble.NOT_TLS})
_LEAF_OR_CA = frozenset({"expired", "not-yet-valid", "eku", "weak-key"})
"""Faults of which it matters whether the server's own certificate has them."""


def traits(case: Case) -> frozenset[str] | None:
    """Tell what senders mind; None where the server was not seen far enough to say anything."""
    seen = case.observation
    if not (seen.presented is not None or _without_tls(seen)) or _nobody_goes_on(seen):
        return None
    found = {*_of_connection(seen), *_of_list(case), *_of_dane(case)}
    return frozenset(found | set(_of_path(case)) | set(_of_name(case)) if case.leaf else found)


def _of_dane(case: Case) -> Iterator[str]:
    """Give what a DANE sender finds; nothing where it finds no DANE, or where that is as unknown as the certificate."""
    outcome = dane_outcome(case)
    if outcome not in NO_DANE and (case.presented or outcome not in UNSURE):
        yield f"dane-{outcome}"


def of_sts(outcome: StsOutcome | None) -> frozenset[str]:
    """Give the trait of what an MTA-STS sender does; none where it finds no policy.

    ``outcome`` is None where a host was asked for, of which nobody knows whose mail it takes.
    """
    if outcome is None:
        return frozenset({"sts-unasked"})
    from probe.rules.sts import StsOutcome

    return frozenset() if outcome is StsOutcome.NONE else frozenset({f"sts-{outcome}"})


def _nobody_goes_on(seen: Observation) -> bool:
    """What stops every sender alike, verifying or not: TLS before any greeting, or no word inside TLS."""
    stopped = seen.failure is not None and seen.stage is Stage.EHLO_TLS and seen.failure.trouble not in _OF_TLS
    return stopped or seen.retried == "implicit"


def _without_tls(seen: Observation) -> bool:
    """The conversation came as far as TLS, and TLS came to nothing, though we offered all that we can."""
    failure, part = seen.failure, seen.endpoint.offered_key or seen.endpoint.offered_tls
    return failure is not None and (_refused_starttls(seen, failure) or (seen.stage is Stage.HANDSHAKE and not part))


def _refused_starttls(seen: Observation, failure: Failure) -> bool:
    return failure.trouble is Trouble.NO_STARTTLS or (seen.stage is Stage.STARTTLS and failure.trouble is Trouble.REPLY)


def _of_connection(seen: Observation) -> Iterator[str]:
    if seen.failure and _refused_starttls(seen, seen.failure):
        yield "no-starttls"
    elif seen.presented == () or (seen.failure and _ended_tls(seen, seen.failure.trouble)):
        yield "no-tls"
    if seen.tls_version in OLD_VERSIONS:
        yield "old-tls"
    if seen.key_exchange_bits is not None and seen.key_exchange_bits < DH_MINIMUM:
        yield "small-dh" if seen.key_exchange_bits >= DH_BROKEN else "weak-dh"
    if seen.retried in {"tls1.2", "no-sni"}:
        yield "second-try"


def _ended_tls(seen: Observation, trouble: Trouble) -> bool:
    return seen.stage is Stage.HANDSHAKE or trouble in _OF_TLS


def _of_list(case: Case) -> Iterator[str]:
    if any(certificate.problem for certificate in case.presented):
        yield "unparsable-cert"
    if case.chain_leaf:
        yield "leaf-not-first"
    if len(case.presented) > JAVA_LIST:
        yield "long-list"
    if len(case.presented) > GNUTLS_DEPTH:
        yield "longer-list"


def _of_path(case: Case) -> Iterator[str]:
    chain, path = case.chain, case.path
    if not chain or not path:
        return
    if not path.anchored:
        yield from _unanchored(case, path)
    elif _astray(chain):
        yield "first-issuer"
    if path.anchored and chain.verdict_as_sent and chain.verdict_as_sent.number not in {0, UNSPECIFIED}:
        yield "fragile-path"
    if len(path.certificates) - 2 > POSTFIX_DEPTH:
        yield "deep-path"
    yield from _faults(path)
    usage = path.certificates[0].key_usage
    if usage is not None and "digitalSignature" not in usage:
        yield "key-usage-leaf" if usage & TLS_KEY_USAGES else "key-usage-none"


def _faults(path: Path) -> Iterator[str]:
    for fault in path.faults:
        certificate = path.certificates[fault.index]
        match fault.id:
            case "weak-signature":
                yield "sha1" if certificate.signature_hash == "sha1" else "md5"
            case "weak-key" if certificate.key.curve == "explicit":
                yield "explicit-curve"
            case "weak-key" if certificate.key.algorithm == "rsa" and (certificate.key.bits or 0) < RSA_MINIMUM:
                yield "tiny-key"
            case "eku" if fault.index and path.anchored and certificate is path.certificates[-1]:
                yield "eku-root"
            case "eku" if ANY_PURPOSE in (certificate.eku or ()):
                yield "eku-any-ca" if fault.index else "eku-any"
            case "fragile-path":  # what OpenSSL makes of the list as sent tells more
                yield from ("self-issued",) * (fault.note == "self-issued")
            case _:
                yield f"{fault.id}-ca" if fault.index and fault.id in _LEAF_OR_CA else fault.id


def _unanchored(case: Case, path: Path) -> Iterator[str]:
    """Tell why no trust anchor is reached, and whether a peer that fetches by AIA (RFC 5280 §4.2.2.1) reaches one."""
    mended = case.chain.mended if case.chain else None
    if not case.stores:
        yield "no-anchors"
        if case.lacks_known:
            yield "missing-intermediate"
    elif is_root(path.certificates[0]):
        yield "self-signed-leaf"
    elif is_root((mended or path).certificates[-1]) and not (mended or path).anchored:
        yield "untrusted-root"
    else:
        yield "missing-intermediate"
        if not (mended and mended.anchored and Source.POOL not in mended.sources):
            yield "aia-unknown" if _unasked(case) else "aia-dead"


def _unasked(case: Case) -> bool:
    """There is an address that nobody asked."""
    asked = {fetch.url for fetch in case.observation.fetched}
    above = (*(case.chain.frontier if case.chain else ()), *(case.path.certificates[-1:] if case.path else ()))
    return any(url not in asked for certificate in above for url in certificate.aia)


def _open(path: Path) -> bool:
    """Nothing on it would make a peer refuse that finds it."""
    return path.anchored and all(fault.id == "fragile-path" for fault in path.faults if fault.verify is not None)


def _astray(chain: Chain) -> bool:
    """Whoever takes the first issuer in the list, by name and key identifier, leaves every good path.

    GnuTLS sorts lists so and tries nothing else (_gnutls_sort_clist in lib/x509/common.c). It stops below a
    certificate that has name and key of an anchor (check_if_same_cert in lib/x509/verify.c).
    """
    good = [path.certificates[:-1] for path in chain.paths if _open(path)] if chain.leaf == 0 else []
    walk = _walk(chain.presented)
    return bool(good) and not any(walk[: len(certificates)] == certificates for certificates in good)


def _walk(presented: tuple[Certificate, ...]) -> tuple[Certificate, ...]:
    walk = [presented[0]]
    for child in walk:  # grows while it is read
        issuer = next((c for c in presented[1:] if c is not child and _named_by(child, c)), None)
        if issuer and issuer not in walk:
            walk.append(issuer)
    return tuple(walk)


def _named_by(child: Certificate, issuer: Certificate) -> bool:
    differ = child.authority_key_id and issuer.subject_key_id and child.authority_key_id != issuer.subject_key_id
    return child.issuer.key == issuer.subject.key and not differ


def _of_name(case: Case) -> Iterator[str]:
    if not case.leaf:
        return
    if case.reference is None:
        yield "name-unknown"
    elif not matches(case.leaf, case.reference):
        alone = not case.leaf.dns_names and cn_would_match(case.leaf, case.reference)
        yield "no-san" if alone else "name-mismatch"
