"""``explain``: from whatever a user has in hand (a code, a number, a name, a sentence, a page's id) to one message."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from probe.catalogue.pages import by_symptom, ids, page
from probe.message import Category, Message, Reading
from probe.model import Confidence
from probe.triage import codes as decoding
from probe.triage.diagnosis import diagnose, explained
from probe.triage.nearest import near

LONGEST_WORD = 64
"""Characters of a name or number that has readings; X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY has 46."""


def explain(text: str) -> Message:
    """Say what a text means. A page's own id is that page; a bare number has several readings, X509 first."""
    text = text.strip().rstrip(":;,") if len(text.split()) == 1 else text
    word = text.strip().strip("[]").lower()
    if word in ids():
        return explained(Message(text=text, category=Category.UNDETERMINED, confidence=Confidence.IS), page(word))
    message = diagnose(text)
    readings = _readings(text.strip())
    if not readings or message.codes:
        return message if message.page else replace(message, also=near(text))
    return _read(replace(message, readings=readings), readings)


def _readings(word: str) -> tuple[Reading, ...]:
    if not word or len(word) > LONGEST_WORD or len(word.split()) > 1:
        return ()
    return decoding.readings(word)


def _read(message: Message, readings: Sequence[Reading]) -> Message:
    """The page of the first reading that has one, and as others those of the other readings.

    A word with hyphens is a type of failure in a TLS report rather than a constant's name.
    """
    symptoms = tuple(reading.symptom for reading in readings if reading.symptom)
    numbered = (by_symptom().get(symptom) for symptom in symptoms)
    found = (message.page, *numbered) if "-" in message.text.strip("-") else (*numbered, message.page)
    pages = tuple(dict.fromkeys(filter(None, found)))
    known = replace(message, symptoms=tuple(dict.fromkeys((*symptoms, *message.symptoms))))
    if not pages:
        return replace(known, also=near(" ".join(reading.text for reading in readings)))
    told = explained(known, page(pages[0]), pages[1:])
    return replace(told, confidence=Confidence.MAY_BE) if len(pages) > 1 else told
