"""File: what only a file can have wrong, seen before anybody connects."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from probe.material import Block, Form, Material, What
from probe.model import Certificate, Severity
from probe.pki.profile import is_root, may_sign
from probe.rules.case import Case, Hit, Need, Rule, about, rule

OTHERS, GROUP = 0o007, 0o070
BUNDLE = 5
"""Roots in one file from which on it is a collection of trust anchors, and nobody's chain."""
INSTEAD = {
    What.REQUEST: "request",
    What.PARAMETERS: "parameters",
    What.CRL: "crl",
    What.PUBLIC_KEY: "public-key",
    What.KEY: "key",
}
"""What may lie in the place of certificates → the case that says so, the most telling first."""
MANUAL = "OpenSSL PEM_read_bio(3), SSL_CTX_use_certificate_chain_file(3)"


def _material(case: Case) -> Material:
    """The file; a rule that needs one runs only where there is one."""
    return case.material or Material("")


@rule("file-wrong-kind", Severity.ERROR, Need.FILE, "RFC 7468 §4 to §13")
def file_wrong_kind(case: Case) -> Iterable[Hit]:
    """Something else lies where certificates belong."""
    this = _material(case)
    if this.certificates:
        return
    for what, word in INSTEAD.items():
        for block in this.blocks:
            if block.what is what:
                yield Hit((), {"path": this.name, "case": word, "label": block.label or what.value})
                return
    if this.blocks:
        yield Hit((), {"path": this.name, "label": this.blocks[0].label})


@rule("file-not-pem", Severity.ERROR, Need.FILE, MANUAL)
def file_not_pem(case: Case) -> Iterable[Hit]:
    """The file, or a block of it, is not what a mail server's library reads as PEM."""
    this = _material(case)
    if this.form is not Form.PEM and this.certificates:
        facts = {"path": this.name, "form": this.form.value, "case": "form"}
        yield Hit((), facts, severity=None if this.habits else Severity.WARNING)
    for block in this.blocks:
        if block.problem:
            yield Hit((), {"path": this.name, "line": str(block.line), "label": block.label, "problem": block.problem})


@rule("file-glued", Severity.ERROR, Need.FILE, MANUAL)
def file_glued(case: Case) -> Iterable[Hit]:
    """A block begins behind the end of another, on the same line."""
    this = _material(case)
    for block in this.blocks:
        if block.glued:
            yield Hit((), {"path": this.name, "line": str(block.line), "label": block.label})


@rule("leaf-missing", Severity.ERROR, Need.LEAF, "RFC 8446 §4.4.2, RFC 5246 §7.4.2")
def leaf_missing(case: Case) -> Iterable[Hit]:
    """Every certificate of the file is a CA's: the chain without its beginning, or a collection of roots."""
    this = _material(case)
    readable = [certificate for certificate in case.presented if certificate.problem is None]
    if case.material is None or not all(may_sign(one) and not one.dns_names for one in readable):
        return
    roots = sum(map(is_root, readable[: 4 * BUNDLE]))
    facts = {"path": this.name, "count": str(len(readable))}
    if roots >= BUNDLE:
        yield Hit((), facts | {"case": "bundle"})
    elif len(readable) > 1 or roots == 0:
        yield Hit((), facts | ({"case": "sibling", "sibling": this.sibling} if this.sibling else {}))


@rule("key-mismatch", Severity.ERROR, Need.KEY, "RFC 8446 §4.4.3, X509_check_private_key(3)")
def key_mismatch(case: Case) -> Iterable[Hit]:
    """Key and leaf of the file are not a pair."""
    this = _material(case)
    known = [key.spki for key in this.keys if key.spki]
    if case.leaf and known and case.leaf.key.spki not in known:
        owner = next((c for c in case.presented if c.key.spki in known), None)
        other = {"owner": case.naming(owner), "case": "other"} if owner else {"case": "file"}
        yield about(case, case.leaf, path=this.name, key_path=this.key_name or this.name, **other)


@rule("key-missing", Severity.ERROR, Need.HABITS, "the recipe of the mail server")
def key_missing(case: Case) -> Iterable[Hit]:
    """The mail server reads the key from the file of the certificates, and there is none."""
    this = _material(case)
    if this.habits and this.habits.key == "same-file" and this.certificates and not _own_keys(this):
        yield Hit((), {"path": this.name})


@rule("key-encrypted", Severity.ERROR, Need.FILE, "OpenSSL SSL_CTX_set_default_passwd_cb(3)")
def key_encrypted(case: Case) -> Iterable[Hit]:
    """The key needs a passphrase, which nobody types when a daemon starts."""
    this = _material(case)
    if this.key and this.key.encrypted:
        refused = this.habits and not this.habits.encrypted_key
        path = this.name if this.key in this.blocks else this.key_name or this.name
        yield Hit((), {"path": path}, severity=None if refused else Severity.WARNING)


@rule("key-readable", Severity.WARNING, Need.FILE, "the key's owner alone proves the name")
def key_readable(case: Case) -> Iterable[Hit]:
    """Others than those who need it can read the private key."""
    this = _material(case)
    place = this.where_key
    if place is None:
        return
    facts = {"path": place.path, "target": place.target, "mode": f"{place.mode:04o}", "owner": place.owner}
    facts |= {"group": place.group, "widest": f"{this.habits.mode:04o}" if this.habits else ""}
    if this.habits and place.mode & ~this.habits.mode & (OTHERS | GROUP):
        yield Hit((), facts | {"case": "refused"}, severity=Severity.ERROR)
    elif place.mode & OTHERS:
        yield Hit((), facts)


@rule("key-unreadable", Severity.ERROR, Need.USERS, "the recipe of the mail server")
def key_unreadable(case: Case) -> Iterable[Hit]:
    """A user as whom the mail server runs cannot read the key."""
    place = _material(case).where_key
    for user, bar in place.barred if place else ():
        facts = {"path": place.path, "target": place.target, "user": user, "bar": bar} if place else {}
        yield Hit((), facts | ({"case": "folder"} if place and bar != place.target else {}))


@rule("key-misplaced", Severity.WARNING, Need.HABITS, "the recipe of the mail server")
def key_misplaced(case: Case) -> Iterable[Hit]:
    """The key stands on the side of the certificates on which this mail server does not look for it."""
    this = _material(case)
    kinds = [block.what for block in this.blocks if block.what in {What.KEY, What.CERTIFICATE}]
    if this.habits is None or len(set(kinds)) < len((What.KEY, What.CERTIFICATE)):
        return
    found = "key-first" if kinds[0] is What.KEY else "key-last"
    wanted = [layout for layout in this.habits.layouts if layout.startswith("key-")]
    if wanted and found not in wanted:
        yield Hit((), {"path": this.name, "case": found})


@rule("key-type", Severity.ERROR, Need.HABITS, "the recipe of the mail server")
def key_type(case: Case) -> Iterable[Hit]:
    """The mail server cannot use a key of this kind."""
    this = _material(case)
    wanted = this.habits.key_types if this.habits else ()
    if case.leaf and wanted and case.leaf.key.algorithm not in wanted:
        yield about(case, case.leaf, key=case.leaf.key.text, wanted=", ".join(wanted).upper())


@rule("several-keys", Severity.WARNING, Need.FILE, MANUAL)
def several_keys(case: Case) -> Iterable[Hit]:
    """More than one private key stands in the file."""
    this = _material(case)
    keys = _own_keys(this)
    if len(keys) > 1:
        yield Hit((), {"path": this.name, "count": str(len(keys)), "lines": ", ".join(str(key.line) for key in keys)})


@rule("expired-twin", Severity.WARNING, Need.LEAF, "RFC 5280 §4.1.2.5")
def expired_twin(case: Case) -> Iterable[Hit]:
    """An older certificate for the same names was left in the file."""
    leaf = case.leaf
    if leaf is None or case.material is None:
        return
    twins = [one for one in case.presented if one.sha256 != leaf.sha256 and _same_names(one, leaf)]
    late = next((one for one in twins if one.not_after and one.not_after < case.at), None)
    if leaf.not_after and leaf.not_after < case.at and (fresh := _fresh(twins, case)):
        hit = about(case, leaf, path=case.material.name, fresh=case.naming(fresh), case="first")
        yield replace(hit, severity=Severity.ERROR)
    elif late:
        yield about(case, late, path=case.material.name, end=f"{late.not_after:%Y-%m-%d}")


def _fresh(twins: list[Certificate], case: Case) -> Certificate | None:
    return next((one for one in twins if one.not_after and one.not_after >= case.at), None)


def _same_names(one: Certificate, other: Certificate) -> bool:
    return one.problem is None and bool(one.dns_names) and set(one.dns_names) == set(other.dns_names)


def _own_keys(this: Material) -> tuple[Block, ...]:
    return tuple(block for block in this.blocks if block.what is What.KEY)


RULES: tuple[Rule, ...] = (
    file_wrong_kind,
    file_not_pem,
    file_glued,
    leaf_missing,
    key_mismatch,
    key_missing,
    key_unreadable,
    key_encrypted,
    key_readable,
    key_misplaced,
    key_type,
    several_keys,
    expired_twin,
)
"""What only a file can have wrong; they go before the others where one was read."""
