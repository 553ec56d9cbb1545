"""Which lines of a log are worth a look: those with a phrase or a number of a page."""

from __future__ import annotations

from probe.catalogue.pages import SCOPES, page
from probe.triage.diagnosis import ENCRYPTED
from probe.triage.incidents import Interest
from probe.triage.phrases import evidence

ANCHORS = tuple(
    word.encode()
    for word in (
        "tls",
        "ssl",
        "certif",
        "handshake",
        "x509",
        "pkix",
        "dane",
        "mta-sts",
        "sts-webpki",
        "sts-policy",
        "cipher",
        "private key",
        "io-error",
        "io error",
        "error:",
        "verif",
        "untrusted",
        "self-signed",
        "self signed",
        "alert",
        "lost connection",
        "connection died",
        "closed connection",
        "connection unexpectedly",
        "0x80",
        "revoc",
        "revok",
        "fingerprint",
        "not authenticated",
        "common a",
        "encryption",
        "dnssec",
        "chain ",
        "keystore",
        "ocsp",
        " depth",
        "authority",
        "hook",
        "reload error",
        "while deploying",
        "critical",
        "5.7.30",
        ">: 400 ",
        "mta connecting ",
        "smtp connected address",
    )
)
"""Lower-case bytes of which every interesting line holds one; tests/catalogue/test_texts.py holds the pages to it."""
CONTEXT = ("mta connecting ", "smtp connected address")
"""Lines that tell the peer of a session whose evidence comes later."""
LINE = 8 << 10
"""Characters of a line that are looked at; syslog stops there."""
_ASIDE = SCOPES.index("aside")


class Interests:
    """Says how interesting a line is, and keeps the first that is no failure: where no other is, it is the answer."""

    def __init__(self) -> None:
        self.harmless = ""

    def __call__(self, body: str) -> Interest:
        """Judge one line."""
        places, codes = evidence(body[:LINE])
        places = tuple(place for place in places if page(place.page).about_tls)
        if (places and places[0].scope > _ASIDE) or codes:
            return Interest.EVIDENCE
        if places:
            self.harmless = self.harmless or body
            return Interest.CONTEXT if places[0].page == ENCRYPTED else Interest.NOTHING
        return Interest.CONTEXT if any(words in body for words in CONTEXT) else Interest.NOTHING
