"""Sweeps written by hand: what the tests of a sweep's summary are made of."""

from __future__ import annotations

from datetime import UTC, datetime

from probe.results.row import Place, Row
from probe.results.tally import About, Tally

ABOUT = About("targets.txt", datetime(2026, 11, 28, 9, 30, tzinfo=UTC), 125.0, "0.1.0", ("certifi 2026.10.18",))
TITLES = {
    "missing-intermediate": "An intermediate certificate is missing",
    "expired": "A certificate has expired",
    "name-mismatch": "The certificate is for another name",
    "no-starttls": "STARTTLS is not offered",
    "root-included": "The root certificate is sent, too",
    "timeout-connect": "Nothing answers the attempt to connect",
}
TIMES = {"dns": 4.0, "connect": 12.0, "greeting": 300.0, "ehlo": 20.0, "starttls": 22.0, "handshake": 60.0}


def title(name: str) -> str:
    """The titles of this module, so that these tests do not change with the catalogue."""
    return TITLES.get(name, name)


def row(name: str, *findings: tuple[str, str], ca: str | None = "Let's Encrypt", mta: str | None = "postfix") -> Row:
    """A host with one address."""
    worst = max((severity for _, severity in findings), key=["info", "warning", "error"].index, default="ok")
    silent = bool(findings) and findings[0][0] == "timeout-connect"
    status = "unreachable" if silent else worst
    version = None if silent or ca is None else "TLSv1.3"
    where = None if silent else "192.0.2.25"
    times = {"dns": 4.0, "connect": 21_000.0} if silent else TIMES
    stage = "connect" if silent else "done"
    place = Place(name, where, 25, status, stage, findings, ca, None if silent else mta, version, times)
    return Row(f"host {name} 25 smtp", status, int(status != "ok"), (), (place,))


def usual() -> Tally:
    """A thousand hosts as they are."""
    tally = Tally()
    for n in range(1000):
        name = f"mx{n}.example.com"
        if n % 50 == 0:
            tally.add(row(name, ("missing-intermediate", "error"), ca="Sectigo Limited", mta="exim"))
        elif n % 71 == 0:
            tally.add(row(name, ("expired", "error"), ("root-included", "info"), ca="DigiCert Inc", mta="exchange"))
        elif n % 90 == 0:
            tally.add(row(name, ("name-mismatch", "warning"), mta="dovecot"))
        elif n % 33 == 0:
            tally.add(row(name, ("timeout-connect", "error"), ca=None))
        elif n % 40 == 1:
            tally.add(row(name, ("no-starttls", "error"), ca=None, mta=None))
        elif n % 12 == 0:
            tally.add(row(name, ("root-included", "info"), ca="DigiCert Inc"))
        else:
            tally.add(row(name))
    return tally


HOSTILE = (
    '<script>document.title="ran"</script>',
    '" onmouseover="document.title=1" x="',
    "</style><style>*{display:none}",
    "<img src=x onerror=document.title=1>",
    "\u202egro.elpmaxe\u2066",
    "nul\0and\x1b[2J\x07",
    "\u05d0\u05d1.example",
    "]]>--><!--",
    "&lt;b&gt;&#60;",
    "a\nb\r\tc",
    "x" * 500,
    "\udcff\ud800",
)
"""What a stranger may write where a name belongs."""


def hostile() -> Tally:
    """Each of those names as host, as CA, as software, as version, as stage and as finding."""
    tally = Tally()
    for n, word in enumerate(HOSTILE):
        times = {word: 10.0 * n}
        place = Place(word, None, 25, "error", "done", ((word, "error"), ("expired", "error")), word, word, word, times)
        tally.add(Row(f"host {word} 25 smtp", "error", 1, (), (place,)))
    return tally
