"""Pages that answer texts: every line that a page says it is seen as leads to it first, and no page takes another's."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from probe.catalogue.numbers import verify
from probe.catalogue.pages import all_pages, ids
from probe.message import Accused, Direction
from probe.model import Confidence, Stage
from probe.triage.diagnosis import diagnose
from probe.triage.explanation import explain
from probe.triage.interest import ANCHORS
from probe.triage.phrases import normal

SYMPTOM = re.compile(
    r"(?:alert|verify|reason|x509|pem|asn1|rsa|evp|sys|common|bio|ec|pkcs12|conf|x509v3|crypto|prov|dso|engine|dh|bn|obj):\d{1,4}"
    r"|gnutls:-\d{1,4}|nss:-\d{4,5}|hresult:0x[0-9A-F]{8}|status:[245]\.\d{1,3}\.\d{1,3}|reply:\d{3}"
)
ACCUSES = {*Accused, "writer", "peer"}


@pytest.mark.unmeasured
@pytest.mark.parametrize("id_", [this.id for this in all_pages() if this.seen_as])
def test_what_a_page_is_seen_as_leads_to_it(id_: str) -> None:
    """Each line of ``seen_as`` ranks its page first."""
    for line in next(this for this in all_pages() if this.id == id_).seen_as:
        assert diagnose(line).page == id_, f"mend the phrases of {id_}, or those of {diagnose(line).page}: {line}"


def test_a_page_for_texts_is_seen() -> None:
    """Whoever has phrases or numbers and words for them shows what they look like."""
    for this in all_pages():
        if this.said and (this.spellings or this.symptoms):
            assert this.seen_as, f"give probe/catalogue/pages/{this.id}.md a line in seen_as"
        assert bool(this.said) or not (this.spellings or this.symptoms), f"{this.id}: it is found and says nothing"


def test_a_phrase_and_a_number_stand_in_one_page() -> None:
    """Two pages for one phrase would be a toss-up."""
    phrases = Counter(phrase for this in all_pages() for phrase in this.spellings)
    numbers = Counter(symptom for this in all_pages() for symptom in this.symptoms)
    assert [phrase for phrase, count in (phrases + numbers).items() if count > 1] == []


def test_phrases_are_in_normal_form() -> None:
    """Otherwise they would never be found."""
    for this in all_pages():
        for phrase in this.spellings:
            assert normal(phrase) == phrase.strip(), f"{this.id}: write {normal(phrase)!r}"


def test_symptoms_are_numbers_that_the_decoder_makes() -> None:
    """A mistyped prefix would never be found."""
    for this in all_pages():
        assert [symptom for symptom in this.symptoms if not SYMPTOM.fullmatch(symptom)] == [], this.id


def test_the_words_are_of_the_lists() -> None:
    """Direction, confidence, stage and the accused side."""
    for this in all_pages():
        for said in this.said.values():
            assert said.direction in set(Direction), this.id
            assert said.confidence in set(Confidence), this.id
            assert said.stage in set(Stage), this.id
            assert said.accuses in ACCUSES, this.id
            assert said.meaning.endswith((".", "?")), this.id


def test_no_page_accuses_on_a_guess() -> None:
    """Whoever is accused is so with "very likely" at least."""
    for this in all_pages():
        for said in this.said.values():
            assert said.confidence != "may be" or said.accuses in {"none", "unknown"}, this.id


def test_every_line_is_found_in_a_log() -> None:
    """A line without any of the anchors is never looked at. What is before TLS, and what reports say, is in no log."""
    for this in all_pages():
        if this.scope != "aside" and this.about_tls and this.id != "tls-report-failure":
            for line in this.seen_as:
                found = any(anchor in line.lower().encode() for anchor in ANCHORS)
                assert found, f"{this.id}: interest.ANCHORS lacks a word of {line!r}"


def test_ids_explain_themselves() -> None:
    """A page's id, and what stands in a report's brackets, is that page."""
    for id_ in ids():
        assert explain(id_).page == id_
        assert explain(f"[{id_.upper()}]").page == id_


def test_every_alert_and_every_verdict_has_a_page() -> None:
    """What OpenSSL may print as a number is explained."""
    known = {symptom for this in all_pages() for symptom in this.symptoms}
    alerts = (0, 10, 20, 21, 22, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 70, 71, 80, 86, 90, 100, 109, 110)
    later = (112, 113, 115, 116, 120, 121)
    assert [number for number in (*alerts, *later) if f"alert:{number}" not in known] == []
    verdicts = [number for number in range(1, 120) if verify(number)]
    assert [number for number in verdicts if f"verify:{number}" not in known] == []
