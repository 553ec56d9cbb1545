"""In a few words, what a sender that uses DANE finds: the findings have the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.model import Dnssec
from probe.render.looks import servers

if TYPE_CHECKING:
    from probe.model import EndpointReport
    from probe.render.looks import Looks

BROKEN, UNKNOWN, NONE = "DNSSEC is broken", "not known, the look-up failed", "none"
WRONG = {
    "dane-mismatch": "does not fit",
    "dane-ta-missing": "does not fit",
    "dane-unusable": "counts for nothing",
    "dane-insecure": "there, and without DNSSEC no sender uses it",
}
"""Finding → what it means in short."""
UNSEEN, PERHAPS, FITS = "not compared", "fits, where DNSSEC vouches for it", "fits"
WORST_FIRST = tuple(dict.fromkeys((BROKEN, *WRONG.values(), UNKNOWN, UNSEEN, PERHAPS, FITS, NONE)))


def of_look(look: EndpointReport) -> str:
    """What is so at one server; "" where DNS was not asked."""
    answer = look.observation.tlsa
    if answer is None:
        return ""
    known = {answer.dnssec, answer.address_dnssec}
    if Dnssec.BOGUS in known or answer.failure:
        return BROKEN if Dnssec.BOGUS in known else UNKNOWN
    if not answer.records:
        return NONE
    if wrong := _wrong(look):
        return wrong
    if look.observation.presented is None:
        return UNSEEN
    return PERHAPS if Dnssec.UNKNOWN in known else FITS


def _wrong(look: EndpointReport) -> str:
    """What is wrong with the records; some that count for nothing beside others are not."""
    found = {finding.id for finding in look.findings if finding.facts.get("case") != "some"} | {*look.hidden}
    return next((words for id_, words in WRONG.items() if id_ in found), "")


def of_hosts(looks: Looks) -> str:
    """At how many mail hosts which is so, the worst look at each; "" where DNS was asked for none."""
    told = ([*filter(None, map(of_look, server.looks))] for server in servers(looks))
    states = [min(words, key=WORST_FIRST.index) for words in told if words]
    if len(states) < 2 or {*states} == {NONE}:
        return states[0] if states else ""
    counted = [(states.count(state), state) for state in WORST_FIRST if state in states]
    return "; ".join(f"{number} of {len(states)} hosts: {state}" for number, state in counted)
