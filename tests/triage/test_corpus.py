"""Real messages, and logs and bounces of real servers with one known fault each: how often we are right.

Both lie beside the checkout and are read there. They were seen while the pages were written, so the bounds below are
measured values with a little room: they guard what is reached, and prove nothing about messages that nobody has seen.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from shared import shared

from probe.message import Accused, Category, Message
from probe.model import Confidence
from probe.triage import bounce
from probe.triage.diagnosis import diagnose
from probe.triage.story import _of_delivery

OPEN = {Category.UNDETERMINED, Category.HARMLESS}
"""Neither right nor wrong."""

CLIENT, SERVER, NOBODY = {"client"}, {"server"}, set[str]()
AT_FAULT = {
    "missing-intermediate": (SERVER, SERVER, SERVER),
    "self-signed": (SERVER, SERVER, SERVER),
    "expired": (SERVER, SERVER, SERVER),
    "hostname-mismatch": (SERVER, SERVER, SERVER),
    "unknown-ca": (SERVER, SERVER, SERVER),
    "weak-key-or-dh": (SERVER, SERVER, SERVER),
    "dane": (SERVER, NOBODY, SERVER),
    "mta-sts": (SERVER, NOBODY, SERVER),
    "starttls-unsupported": (SERVER, NOBODY, SERVER | CLIENT),
    "protocol-version": (NOBODY, NOBODY, CLIENT),
    "no-shared-cipher": (NOBODY, NOBODY, CLIENT),
    "certificate-required": (NOBODY, CLIENT, CLIENT),
    "local-config": (CLIENT, SERVER, NOBODY),
    "plain-text-or-wrong-port": (NOBODY, NOBODY, NOBODY),
    "peer-closed": (NOBODY, NOBODY, NOBODY),
    "alert-unexpected-message": (NOBODY, NOBODY, NOBODY),
    "other": (NOBODY, NOBODY, CLIENT),
}
"""What the thread found → who may be accused of it in the client's log, in the server's log, in a bounce. In a bounce
the receiving server speaks: it may refuse a client that sends without TLS, with an old version, or before its turn."""
SIDES = {"client log": 0, "server log": 1, "bounce": 2, "dsn": 2}


@cache
def real() -> tuple[tuple[dict[str, Any], Message], ...]:
    """Every real message with what we say of it."""
    rows = json.loads(shared("corpus/messages.json").read_text(encoding="utf-8"))
    return tuple((row, diagnose(row["text"])) for row in rows)


def shares(verdicts: Counter[str]) -> tuple[float, float]:
    """Shares of right and wrong ones."""
    return verdicts["right"] / verdicts.total(), verdicts["wrong"] / verdicts.total()


def verdict(category: Category, accepted: set[str]) -> str:
    """The three possible outcomes."""
    return "right" if category in accepted else "open" if category in OPEN else "wrong"


def test_real_messages_have_the_category_that_their_thread_found() -> None:
    """Or none. The aim is 80 % right and 2 % wrong."""
    right, wrong = shares(Counter(verdict(said.category, {row["category"]}) for row, said in real()))
    assert right >= 0.77
    assert wrong <= 0.05


def test_no_real_message_accuses_the_wrong_side() -> None:
    """With "very likely" and more, only a side that what was found in the end allows."""
    wrong = [
        (row["id"], row["category"], said.page, said.accused)
        for row, said in real()
        if said.accused not in {Accused.UNKNOWN, Accused.NONE} and said.confidence is not Confidence.MAY_BE
        if said.accused not in AT_FAULT[row["category"]][SIDES[row["side"]]]
    ]
    assert wrong == []


UNTRUSTED = {"missing-intermediate", "unknown-ca"}
SELF_MADE = {*UNTRUSTED, "self-signed"}
VERSION = {"protocol-version", "no-shared-cipher"}
ENDED = {"peer-closed"}
NO_SENSE = {"plain-text-or-wrong-port", "peer-closed", "other"}
DANE = {"dane", "expired", *UNTRUSTED}
FITS: dict[str, set[str]] = {
    "alert10_after_finished": {"alert-unexpected-message", *ENDED},
    "alert_handshake_failure": {"no-shared-cipher", "other"},
    "alert_internal_error": {"other", "local-config"},
    "alert_protocol_version": {"protocol-version"},
    "alert_unrecognized_name": {"hostname-mismatch", "other"},
    "bad_record_after_handshake": NO_SENSE,
    "client_cert_required_tls12": {"certificate-required"},
    "client_cert_required_tls13": {"certificate-required"},
    "client_closes_after_220": ENDED,
    "client_no_shared_cipher": {"no-shared-cipher"},
    "client_plaintext_after_starttls": {"plain-text-or-wrong-port", "other"},
    "client_rst_after_220": ENDED,
    "client_tls10_only": VERSION,
    "close_after_clienthello": ENDED,
    "close_after_handshake": ENDED,
    "close_after_starttls": ENDED,
    "dane_2_expired": DANE,
    "dane_2_missing_int": DANE,
    "dane_2_root_not_sent": DANE,
    "dane_insecure_zone": DANE,
    "dane_mismatch": DANE,
    "dane_no_tlsa": DANE,
    "dh_too_small": {"weak-key-or-dh", "no-shared-cipher"},
    "eku_client_only": {"other", "local-config", "unknown-ca"},
    "expired_intermediate": {"expired", *UNTRUSTED},
    "expired_leaf": {"expired"},
    "garbage_after_220": {"plain-text-or-wrong-port"},
    "hang_after_220": ENDED,
    "implicit_tls_on_plain_port": {"plain-text-or-wrong-port"},
    "int_first_on_wire": {*UNTRUSTED, "local-config", "other", "hostname-mismatch", "no-shared-cipher", *ENDED},
    "intermediate_as_leaf": {"hostname-mismatch", "other", *UNTRUSTED},
    "leaf_plus_root": UNTRUSTED,
    "misordered_intermediates": UNTRUSTED,
    "missing_intermediate": UNTRUSTED,
    "missing_upper_intermediate": UNTRUSTED,
    "no_common_version_tls13only": VERSION,
    "no_shared_cipher": {"no-shared-cipher"},
    "no_starttls": {"starttls-unsupported"},
    "not_yet_valid": {"expired"},
    "plaintext_after_handshake": NO_SENSE,
    "rst_after_starttls": ENDED,
    "self_signed": {"self-signed", "unknown-ca"},
    "server_tls_broken_build": {"local-config", "no-shared-cipher", "other", *ENDED},
    "sha1_leaf": {"weak-key-or-dh"},
    "ssl3_only_serverhello": {"protocol-version"},
    "starttls_421": {"starttls-unsupported", "local-config", *ENDED},
    "starttls_454": {"starttls-unsupported", "local-config"},
    "starttls_502": {"starttls-unsupported"},
    "tls10_only": VERSION,
    "tls11_only": VERSION,
    "unknown_root": SELF_MADE,
    "unknown_root_sent": SELF_MADE,
    "unrelated_intermediate": UNTRUSTED,
    "weak_rsa1024": {"weak-key-or-dh"},
    "weak_rsa512": {"weak-key-or-dh"},
    "wrong_name": {"hostname-mismatch"},
}
"""Fault that was injected → categories that say so, or say what its victims see of it."""
WHOLE = {"good", "dane_ok"}


@cache
def made() -> tuple[tuple[dict[str, Any], bytes], ...]:
    """Every sample with an error, and the bounce that the server made, b"" where it made none."""
    with tarfile.open(shared("corpus/mta-samples.tar.xz")) as archive:
        files = {member.name: _read(archive, member) for member in archive if member.isfile()}
    samples = ((json.loads(raw), name) for name, raw in files.items() if name.endswith(".json"))
    return tuple((one, files.get(name[:-5] + ".eml", b"")) for one, name in samples if _tells(one))


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    content = archive.extractfile(member)
    return content.read() if content else b""


def _tells(sample: dict[str, Any]) -> bool:
    return bool(sample["is_error_sample"]) and sample["fault"] not in WHOLE


def test_every_fault_is_judged() -> None:
    """A new fault in the samples needs its row above."""
    assert {sample["fault"] for sample, _ in made()} - FITS.keys() == set()


def test_what_servers_log_leads_to_the_fault() -> None:
    """Where the text carries a reason. The aim is 90 % right.

    One in five has the very lines that another fault, of another category, left: alerts 40 and 42 above all.
    """
    with_reason = [one for one, _ in made() if not one["uninformative_text"]]
    said = Counter(verdict(diagnose(one["text"] or "").category, FITS[one["fault"]]) for one in with_reason)
    right, wrong = shares(said)
    assert right >= 0.75
    assert wrong <= 0.015


def test_what_carries_no_reason_is_seldom_guessed_and_never_wrong() -> None:
    """Such a text may still show the one thing that happened."""
    without = [one for one, _ in made() if one["uninformative_text"]]
    said = Counter(verdict(diagnose(one["text"] or "").category, FITS[one["fault"]]) for one in without)
    assert said["wrong"] == 0
    assert said["open"] >= said["right"]


def bounced() -> Iterator[tuple[dict[str, Any], Message]]:
    """Every sample with a bounce, and what we say of it."""
    for sample, raw in made():
        if raw:
            for delivery in bounce.deliveries(raw)[:1]:
                yield sample, _of_delivery(delivery)  # what triage does with each delivery of a file


def test_bounces_of_servers_hide_the_cause_and_are_not_guessed() -> None:
    """Most of them only say that it did not work."""
    said = Counter(verdict(message.category, FITS[sample["fault"]]) for sample, message in bounced())
    right, wrong = shares(said)
    assert said.total() >= 490
    assert right >= 0.12
    assert wrong <= 0.02


LOCAL = {"client_tls10_only", "client_no_shared_cipher", "implicit_tls_on_plain_port", "server_tls_broken_build"}


@pytest.mark.parametrize("source", ["log", "bounce"])
def test_no_sample_accuses_the_side_that_is_right(source: str) -> None:
    """Where a sound client met a broken server, nothing accuses the client."""
    logs = ((sample, diagnose(sample["text"] or "")) for sample, _ in made())
    wrong = [
        (sample["id"], said.page)
        for sample, said in (logs if source == "log" else bounced())
        if sample["direction"] == "outbound" and sample["fault"] not in LOCAL
        if said.accused is Accused.CLIENT and said.confidence is not Confidence.MAY_BE
    ]
    assert wrong == []
