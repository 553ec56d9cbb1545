"""Reports written by hand: what a test, and a golden file, is made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from msgspec.structs import replace

from probe.model import (
    Certificate,
    Chain,
    Confidence,
    Endpoint,
    EndpointReport,
    Exchange,
    Failure,
    Finding,
    Gap,
    Missing,
    Mta,
    Name,
    Observation,
    Path,
    PublicKey,
    Refusal,
    Repair,
    Reply,
    Report,
    Severity,
    Skipped,
    Source,
    Stage,
    Step,
    Store,
    Target,
    Trouble,
    Verdict,
)

NOW = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
ENDPOINT = Endpoint("mx.example.com", "192.0.2.25", 25, sni="mx.example.com")
STORES = (Store("certifi 2026.10.18", "2026-10-18", 137),)
TITLES = {
    "missing-intermediate": "An intermediate certificate is missing",
    "misordered": "The certificates are in the wrong order",
    "expired": "A certificate has expired",
    "root-included": "The root certificate is sent, too",
    "client-cert-requested": "The server asks for a client certificate",
    "timeout-connect": "Nothing answers the attempt to connect",
    "starttls-refused": "STARTTLS is offered and then refused",
    "bad-name": "A name in the certificate is not a name",
}
R3_URL = "http://r3.example.com/r3.der"


def title(finding_id: str) -> str:
    """The titles of this module, so that the goldens do not change with the catalogue's."""
    return TITLES.get(finding_id, finding_id)


def name(common_name: str) -> Name:
    """A distinguished name of two parts."""
    return Name(
        common_name.encode("utf-8", "surrogatepass"),
        common_name.encode("utf-8", "surrogatepass"),
        f"CN={common_name},O=Example",
        common_name,
    )


def certificate(subject: str, issuer: str, days: int = 60, key: str = "rsa", **more: object) -> Certificate:
    """A certificate valid until ``days`` from NOW."""
    der = f"{subject} by {issuer} until {days}".encode("utf-8", "surrogatepass")
    made = Certificate(
        der,
        sha256(der).hexdigest(),
        subject=name(subject),
        issuer=name(issuer),
        not_before=NOW - timedelta(days=90),
        not_after=NOW + timedelta(days=days),
        key=PublicKey(b"key", key, 2048 if key == "rsa" else 256, None if key == "rsa" else "P-256"),
        signature_name="sha256WithRSAEncryption",
    )
    return replace(made, **more)  # any field of Certificate, by name


MX = certificate("mx.example.com", "Example R3", dns_names=("mx.example.com", "mail.example.com"), aia=(R3_URL,))
OLD_MX = certificate("mx.example.com", "Example R3", -3, dns_names=("mx.example.com",))
R3 = certificate("Example R3", "Example Root X1", 1000, "ecdsa")
ROOT = certificate("Example Root X1", "Example Root X1", 5000)
TRANSCRIPT = (
    Exchange(31.2, "server", "220 mx.example.com ESMTP Postfix"),
    Exchange(31.9, "client", "EHLO [192.0.2.1]"),
    Exchange(46.0, "server", "250-mx.example.com"),
    Exchange(46.0, "server", "250 STARTTLS"),
)
SEEN = Observation(
    ENDPOINT,
    NOW,
    Stage.DONE,
    greeting=Reply(220, ("mx.example.com ESMTP Postfix",)),
    presented=(MX.der, R3.der),
    tls_version="TLSv1.3",
    cipher="TLS_AES_256_GCM_SHA384",
    client_cert_requested=False,
    timing_ms={"connect": 15.04, "greeting": 16.1, "ehlo": 14.8},
    transcript=TRANSCRIPT,
)
POSTFIX = Mta("postfix", "220 mx.example.com ESMTP Postfix", Confidence.VERY_LIKELY)
PATH = Path((MX, R3, ROOT), (Source.PRESENTED, Source.PRESENTED, Source.ANCHOR), anchored=True)
ACCEPTED = Verdict(0, 0, "ok")
INSTALL = (
    "$ cat chain.pem /etc/postfix/mx.example.com.key > /etc/postfix/mx.example.com.pem",
    "$ postfix reload",
)


def report(endpoint: EndpointReport, **more: object) -> Report:
    """A report on one endpoint."""
    made = Report(Target("mx.example.com"), (endpoint,), (), STORES, NOW)
    return replace(made, **more)  # any field of Report, by name


def keep(found: Certificate, position: int, to: int | None = None) -> Step:
    """Keep a certificate where it is, or move it."""
    goal = position if to is None else to
    return Step("keep" if goal == position else "move", found.sha256, found.label, position, goal)


def remove(found: Certificate, position: int) -> Step:
    """Take a certificate away."""
    return Step("remove", found.sha256, found.label, position, None)


GOOD_CHAIN = Chain((MX, R3), 0, PATH, (PATH,), verdict=ACCEPTED, verdict_as_sent=ACCEPTED, store="certifi 2026.10.18")
GOOD = report(
    EndpointReport(
        SEEN, GOOD_CHAIN, repair=Repair((keep(MX, 0), keep(R3, 1)), (MX, R3), pem="-----BEGIN\n"), mta=POSTFIX
    )
)

GAP = Gap(0, "CN=Example R3,O=Example", "a1b2", (R3_URL,))
NO_ISSUER = Verdict(20, 0, "unable to get local issuer certificate")
LONE = Path((MX,), (Source.PRESENTED,), anchored=False)
MENDED = replace(PATH, sources=(Source.PRESENTED, Source.AIA, Source.ANCHOR))
MISSING_FINDING = Finding(
    "missing-intermediate",
    Severity.ERROR,
    positions=(0,),
    summary='We received #1 of 1, "mx.example.com", alone; "Example R3", which signed it, was not sent. Senders that '
    "verify certificates cannot reach a root that they trust and refuse to deliver. Browsers and some mail clients "
    "fetch the missing certificate themselves, so you may not notice.",
    facts={"certificate": '#1 of 1, "mx.example.com"', "source": "aia", "aia": (R3_URL,)},
    fix=('Put "Example R3" behind "mx.example.com" in the file that the server serves.', *INSTALL),
)
MISSING = report(
    EndpointReport(
        replace(SEEN, presented=(MX.der,), client_cert_requested=True),
        Chain((MX,), 0, LONE, mended=MENDED, gap=GAP, verdict=NO_ISSUER, store="certifi 2026.10.18"),
        (MISSING_FINDING, Finding("client-cert-requested", Severity.INFO, summary="It asked for a certificate.")),
        Repair(
            (keep(MX, 0), Step("insert", R3.sha256, "Example R3", None, 1)),
            (MX, R3),
            (Missing("CN=Example R3,O=Example", R3.sha256, "aia", R3_URL),),
            "-----BEGIN\n",
        ),
        POSTFIX,
        (
            Refusal("Postfix that verifies", "defers", "it cannot build a chain; measured: Postfix 3.7"),
            Refusal("Exim that verifies", "defers", "it cannot build a chain; Exim specification, chapter 30"),
            Refusal("a sender with opportunistic TLS", "delivers", "it does not verify; RFC 7435"),
        ),
    )
)

MISORDERED = report(
    EndpointReport(
        replace(SEEN, presented=(OLD_MX.der, ROOT.der, R3.der)),
        Chain(
            (OLD_MX, ROOT, R3),
            0,
            replace(PATH, certificates=(OLD_MX, R3, ROOT)),
            verdict=Verdict(10, 0, "certificate has expired"),
            store="certifi 2026.10.18",
        ),
        (
            Finding("misordered", Severity.WARNING, positions=(1, 2), summary="We received 1, 3, 2.", fix=INSTALL),
            Finding("expired", Severity.ERROR, positions=(0,), summary="It ended 3 days ago.", fix=INSTALL),
            Finding("root-included", Severity.INFO, positions=(1,), summary="Nobody needs it."),
        ),
        Repair((keep(OLD_MX, 0), remove(ROOT, 1), keep(R3, 2, 1)), (OLD_MX, R3), pem="-----BEGIN\n"),
        POSTFIX,
        skipped=(Skipped("name-mismatch", "there is no name to judge it by"),),
    )
)

UNREACHABLE = report(
    EndpointReport(
        Observation(
            ENDPOINT,
            NOW,
            Stage.CONNECT,
            Failure(Trouble.TIMEOUT, "no answer within 20 s"),
            timing_ms={"dns": 3.0, "connect": 20000.0},
        ),
        findings=(
            Finding(
                "timeout-connect",
                Severity.ERROR,
                summary="We tried to connect to 192.0.2.25, port 25, and nothing came back in 20 s. Many networks let "
                "no mail out, so the block may be on our side.",
                fix=("Try from a server that may send mail:", "$ nc -vz 192.0.2.25 25"),
            ),
        ),
        skipped=(
            Skipped("missing-intermediate", "no list of certificates was received"),
            Skipped("expired", "no list of certificates was received"),
        ),
    )
)

REFUSED = report(
    EndpointReport(
        replace(
            SEEN,
            stage=Stage.STARTTLS,
            failure=Failure(
                Trouble.REPLY, "454-4.7.0 TLS not available\n454 4.7.0 due to local problem", ("reply:454",)
            ),
            presented=None,
            tls_version=None,
            cipher=None,
            client_cert_requested=None,
            transcript=(
                *TRANSCRIPT,
                Exchange(46.4, "client", "STARTTLS"),
                Exchange(60.1, "server", "454-4.7.0 TLS not available"),
                Exchange(60.1, "server", "454 4.7.0 due to local problem"),
            ),
        ),
        findings=(
            Finding(
                "starttls-refused",
                Severity.ERROR,
                summary="The server offers STARTTLS and answered our STARTTLS with a refusal; most often it cannot "
                "read its own certificate or key.",
                fix=("Look into its log.",),
            ),
        ),
        mta=POSTFIX,
        skipped=(Skipped("missing-intermediate", "no list of certificates was received"),),
    )
)

NASTY = (
    "\x1b]0;owned\x07\x1b[31m[bold red]mx[/]\u202ekcart\u2066 \u200b\r\n* OK \x9b2J\x7f"
    "\U000e0041\ud800\udcff\u05d0\u0301\u0301\u0301"
)
"""Escape sequences, markup, bidi, invisible, tag, surrogate, right-to-left and piled-up characters."""
EVIL = certificate(NASTY, NASTY, dns_names=(NASTY,), aia=(NASTY,), key="rsa")
HOSTILE = report(
    EndpointReport(
        replace(
            SEEN,
            failure=Failure(Trouble.ALERT, NASTY),
            stage=Stage.EHLO_TLS,
            presented=(EVIL.der,),
            tls_version=NASTY,
            retried="tls1.2",
            first_failure=Failure(Trouble.CLOSED, NASTY),
            transcript=(Exchange(1.0, "server", NASTY),),
        ),
        Chain((EVIL,), 0, Path((EVIL,), (Source.PRESENTED,), anchored=False), gap=Gap(0, NASTY, None, (NASTY,))),
        (Finding("bad-name", Severity.ERROR, positions=(0,), summary=NASTY, fix=(NASTY, f"$ echo {NASTY}")),),
        Repair((keep(EVIL, 0), Step("insert", None, NASTY, None, 1)), None, (Missing(NASTY, None, "unknown", NASTY),)),
        Mta("postfix", NASTY, Confidence.MAY_BE),
        (Refusal(NASTY, "refuses", NASTY),),
        (Skipped("expired", NASTY),),
    )
)
ALL = {
    "good": GOOD,
    "missing-intermediate": MISSING,
    "misordered-expired": MISORDERED,
    "unreachable": UNREACHABLE,
    "starttls-refused": REFUSED,
    "hostile": HOSTILE,
}
