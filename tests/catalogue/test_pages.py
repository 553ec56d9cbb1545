"""Every page is complete, speaks as it should, and uses only what its rule gives."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator

import pytest

from probe.catalogue import advice
from probe.catalogue.pages import (
    DEFAULT,
    HEADINGS,
    SCOPES,
    Page,
    ids,
    page,
    page_text,
)
from probe.message import Category
from probe.rules.ids import IDS

MODEL = "probe/catalogue/pages/missing-intermediate.md shows the form"

ENDPOINT = {"host", "port", "endpoint", "name", "starttls", "sni", "servername", "protocol"}
"""Slots of every page."""
SUBJECT = {"certificate", "subject", "issuer", "place"}
"""Facts of every rule about one certificate."""
TALK = {"stage", "address", "seconds", "text", "reply", "symptoms", "tls_version", "cipher"}
"""Facts of every rule about the conversation or the handshake."""
STS = {"domain", "owner", "policy_host", "url", "new_id", "policy"}
"""Facts of everything about MTA-STS."""
LOOKS = {"shown", "affected", "right"}
"""Facts of every finding that compares looks."""
DANE = {"owner", "records", "dnssec", "resolver"}
"""Facts of every rule about TLSA records."""
FACTS = {
    "missing-intermediate": SUBJECT
    | {"missing", "source", "where", "authority_key_id", "aia", "sender", "sender_name"},
    "misordered": {"certificate", "sent", "right"},
    "leaf-not-first": SUBJECT | {"first", "leaf"},
    "duplicate": {"certificates"},
    "root-included": {"certificates"},
    "extra-cert": {"certificates"},
    "wrong-key-intermediate": SUBJECT | {"signer", "child"},
    "bad-signature": SUBJECT | {"signer", "number"},
    "fragile-path": SUBJECT | {"verdict"},
    "too-many-certs": {"count", "limit"},
    "unparsable-cert": {"certificate", "problem"},
    "empty-chain": set[str](),
    "key-mismatch": SUBJECT | {"error"},
    "untrusted-root": SUBJECT | {"root", "stores"},
    "self-signed-leaf": SUBJECT,
    "expired-root": SUBJECT | {"root", "when"},
    "aia-problem": {"url", "problem"},
    "expired": SUBJECT | {"when", "ago"},
    "not-yet-valid": SUBJECT | {"when", "until"},
    "expires-soon": SUBJECT | {"when", "left", "days"},
    "name-mismatch": SUBJECT | {"name", "names"},
    "no-san": SUBJECT | {"common_name"},
    "bad-name": SUBJECT | {"problem"},
    "not-a-ca": SUBJECT,
    "pathlen": SUBJECT | {"limit"},
    "eku": SUBJECT | {"allowed"},
    "client-eku": SUBJECT | {"allowed"},
    "key-usage": SUBJECT | {"usage"},
    "name-constraints": SUBJECT | {"name"},
    "unknown-critical-ext": SUBJECT | {"oids"},
    "v1-cert": SUBJECT,
    "weak-signature": SUBJECT | {"algorithm"},
    "weak-key": SUBJECT | {"key"},
    "starttls-injection": TALK | {"surplus", "count"},
    "weak-dh": TALK | {"bits"},
    "client-cert-required": TALK | {"alert"},
    "handshake-refused": TALK | {"alert"},
    "tls-alert-unexpected-message": TALK | {"alert"},
    "file-wrong-kind": {"path", "label"},
    "file-not-pem": {"path", "line", "label", "problem"},
    "file-glued": {"path", "line", "label"},
    "leaf-missing": {"path", "count"},
    "key-missing": {"path"},
    "key-encrypted": {"path"},
    "key-readable": {"path", "target", "mode", "owner", "group", "widest"},
    "key-unreadable": {"path", "target", "user", "bar"},
    "key-misplaced": {"path"},
    "key-type": SUBJECT | {"key", "wanted"},
    "several-keys": {"path", "count", "lines"},
    "expired-twin": SUBJECT | {"path", "end"},
    "client-cert-refused": {"stage", "said", "alert"},
    "client-cert-tried": {"stage", "said"},
    "no-client-cert": {"address"},
    "refused-us": {"address"},
    "client-without-tls": {"address"},
    "client-handshake-failed": {"address", "stage", "said"},
    "mta-sts-broken": STS,
    "mta-sts-mismatch": STS | {"mx_host", "patterns", "consequence"},
    "mta-sts-none": STS,
    "tls-rpt-broken": {"domain", "report_owner"},
    "tls-rpt-none": {"domain", "report_owner", "by"},
    "sni-dependent": LOOKS | {"where", "asked"},
    "ecdsa-rsa-differ": LOOKS | {"where"},
    "tls-version-dependent": LOOKS | {"where"},
    "pool-dependent": LOOKS | {"where"},
    "address-dependent": LOOKS | {"address"},
    "mx-dependent": LOOKS,
    **dict.fromkeys(("dane-mismatch", "dane-insecure", "dane-bogus"), DANE),
    "dane-ta-missing": DANE | {"missing", "record"},
    "dane-unusable": DANE | {"useless"},
    "dane-rollover": DANE | {"spare"},
    "tlsa-records": {"owner", "zone", "published", "fitting"},
    "served-differs": SUBJECT | {"file", "own", "own_from", "served_from"},
    "mx-is-address": {"records"},
    "mx-bad-name": {"records"},
    "mx-is-cname": {"records"},
    "mx-is-private": {"records"},
    "mx-too-many": {"seen", "count"},
}
"""Finding id → facts that its rule always gives; a page that is not named here may use TALK."""
WITH_CASE = {
    ("dns-failed", "mx"): {"mail_hosts"},
    ("connect-refused", "mx"): {"mail_hosts"},
    ("timeout-connect", "mx"): {"mail_hosts"},
    ("unreachable", "mx"): {"mail_hosts"},
    ("dane-mismatch", "path"): {"record", "faults"},
    ("dane-mismatch", "outranked"): {"record"},
    ("dane-bogus", "failed"): {"text"},
    ("dane-bogus", "unanswered"): {"text"},
    ("unparsable-cert", "field"): SUBJECT,
    ("refused-us", "is"): {"alert"},
    ("refused-us", "closed"): {"stage"},
    ("key-mismatch", "file"): {"path", "key_path"},
    ("key-mismatch", "other"): {"path", "key_path", "owner"},
    ("not-smtp", "protocol"): {"service", "spoken"},
    ("leaf-missing", "sibling"): {"sibling"},
    ("file-not-pem", "form"): {"form"},
    ("expired-twin", "first"): {"fresh"},
    ("served-differs", "unchained"): {"lacking"},
    ("handshake-refused", "no-sni"): {"first"},
    ("handshake-refused", "tls1.2"): {"first"},
    ("handshake-failed", "tls1.2"): {"first"},
}
"""(id, case) → what the rule gives besides, when it says this case."""
WITH_CASE |= {
    ("mta-sts-broken", case): {fact}
    for fact, cases in {
        "said": ("dns", "unresolved", "unreachable", "late", "unasked", "tls", "http"),
        "line": ("several", "record", "html", "line", "pattern", "short", "long"),
        "issuer": ("incomplete", "untrusted"),
        "wanted": ("lacks",),
        "status": ("status",),
        "media_type": ("type",),
        "version": ("old-tls",),
        "when": ("expired",),
        "names": ("name",),
        "fault": ("certificate",),
    }.items()
    for case in cases
}
WITH_CASE |= {
    ("mta-sts-broken", "redirect"): {"status", "location"},
    ("mta-sts-broken", "wrong"): {"line", "wanted"},
    ("mta-sts-mismatch", "tls"): {"address", "said"},
    ("mta-sts-mismatch", "name"): {"address", "names"},
    ("mta-sts-mismatch", "incomplete"): {"address", "issuer"},
    ("mta-sts-mismatch", "untrusted"): {"address", "issuer"},
    ("mta-sts-mismatch", "expired"): {"address", "when"},
    ("mta-sts-mismatch", "certificate"): {"address", "fault"},
    ("tls-rpt-broken", "dns"): {"said"},
    ("tls-rpt-broken", "several"): {"line"},
    ("tls-rpt-broken", "version"): {"line"},
    ("tls-rpt-broken", "rua"): {"line"},
}
COMPARING = ("sni-dependent", "ecdsa-rsa-differ", "tls-version-dependent", "pool-dependent", "address-dependent")
WITH_CASE |= {(id_, "more"): {"common"} for id_ in (*COMPARING, "mx-dependent")}
WITHOUT = {
    **{("tls-rpt-none", case): {"by"} for case in ("testing", "announced")},
    ("handshake-refused", "no-sni"): {"alert"},
    ("handshake-refused", "tls1.2"): {"alert"},
    **{(id_, "each"): {"right"} for id_ in (*COMPARING, "mx-dependent")},
    **{(id_, "more"): {"right"} for id_ in (*COMPARING, "mx-dependent")},
    **{(id_, "other"): {"right", "affected"} for id_ in COMPARING},
}
"""(id, case) → what the rule does not give then."""

CASES = {
    "dns-failed": {"mx", "mail-host", "domain", "no-domain", "bogus"},
    "connect-refused": {"mx", "other"},
    "timeout-connect": {"mx", "other"},
    "unreachable": {"mx", "other", "no-route"},
    "mx-is-address": {"only"},
    "mx-bad-name": {"only", "null"},
    "mx-is-private": {"only"},
    "dane-mismatch": {"path", "outranked", "no-tls"},
    "dane-ta-missing": {"root"},
    "dane-insecure": {"addresses", "mx"},
    "dane-bogus": {"failed", "unanswered"},
    "dane-unusable": {"some"},
    "tlsa-records": {"unasked", "unknown", "fitting", "unfitting"},
    "handshake-refused": {"no-sni", "tls1.2"},
    "handshake-failed": {"tls1.2", "too-large"},
    "not-tls": {"implicit", "implicit-odd", "odd"},
    "closed": {"tls"},
    "no-starttls": {"preauth"},
    "ehlo-refused": {"tls"},
    "oversize-reply": {"tls"},
    "not-smtp": {"tls", "protocol"},
    "banner-refused": {"tls"},
    "timeout-banner": {"tls", "tried"},
    "timeout-handshake": {"tls"},
    "unparsable-cert": {"field"},
    "too-many-certs": {"untidy"},
    "fragile-path": {"order", "key-id", "self-issued", "store"},
    "untrusted-root": {"presented", "fetched"},
    "expired-root": {"beside"},
    "expired": {"unused", "ca"},
    "not-yet-valid": {"unused", "ca", "anchor"},
    "expires-soon": {"ca"},
    "weak-key": {"ca"},
    "weak-signature": {"ca"},
    "name-mismatch": {"cn", "address"},
    "eku": {"intermediate"},
    "client-eku": {"intermediate"},
    "client-cert-refused": {"closed", "demanded"},
    "refused-us": {"closed"},
    "client-handshake-failed": {"unbegun"},
    "file-wrong-kind": {"request", "parameters", "crl", "public-key", "key"},
    "file-not-pem": {"form"},
    "leaf-missing": {"sibling", "bundle"},
    "key-mismatch": {"file", "other"},
    "key-readable": {"refused"},
    "key-unreadable": {"folder"},
    "key-misplaced": {"key-first", "key-last"},
    "expired-twin": {"first"},
    "sni-dependent": {"each", "more", "other"},
    "ecdsa-rsa-differ": {"each", "more"},
    "tls-version-dependent": {"each", "more", "other"},
    "pool-dependent": {"each", "more", "other", "unheard", "silent"},
    "address-dependent": {"each", "more", "other", "unheard", "silent"},
    "mx-dependent": {"each", "more", "part", "unheard", "silent"},
    "missing-intermediate": {"sent"},
    "client-cert-tried": {"taken", "unasked", "needed", "same", "apart"},
    "served-differs": {"not-reloaded", "unchained", "older", "other-key", "listed", "no-leaf"},
    "mta-sts-broken": {
        "dns",
        "several",
        "record",
        "orphan",
        "unresolved",
        "unreachable",
        "late",
        "unasked",
        "tls",
        "old-tls",
        "http",
    }
    | {"size", "redirect", "status", "type", "html", "expired", "name", "incomplete", "untrusted", "certificate", "bom"}
    | {"lacks", "wrong", "line", "pattern", "short", "long"},
    "mta-sts-mismatch": {"tls", "name", "incomplete", "untrusted", "expired", "certificate"},
    "tls-rpt-none": {"testing", "announced"},
    "tls-rpt-broken": {"dns", "several", "version", "rua"},
    "key-usage": {"intermediate"},
    "v1-cert": {"intermediate"},
}
"""Finding id → words that its rule may put into facts["case"]."""
CONFIDENCE = {"is", "very likely", "may be"}

FORBIDDEN = re.compile(r"invalid chain|verification (has )?failed|verify failed", re.IGNORECASE)
"""Sentences that we never print."""
HEDGE = re.compile(r"\b(probably|possibly|perhaps|maybe|might|presumably|seems?)\b|(?<!very )\blikely\b", re.IGNORECASE)
"""Doubt has two expressions, "very likely" and "may be"."""
CITATION = re.compile(
    r"RFC \d{4} §|RFC \d{4}\b|\(\d\w*\)|README|CVE-|specification|manual|documentation|draft-", re.IGNORECASE
)
SECTIONS = {"install", "reload", ""}
PACKAGES = {
    "dig": "bind9-dnsutils",
    "nc": "netcat-openbsd",
    "gnutls-cli": "gnutls-bin",
    "tracepath": "iputils-tracepath",
    "idn2": "idn2",
}
"""A tool that Debian does not install by itself → the package that brings it."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def every_page(test: Callable[[str], None]) -> Callable[[], None]:
    """Run a test for all pages in one go: as seven hundred tests of their own they would take ten times as long."""

    def run() -> None:
        for id_ in ids():
            test(id_)

    run.__doc__ = test.__doc__
    return run


def file_of(id_: str) -> str:
    """The file to mend, as a message names it."""
    return f"mend probe/catalogue/pages/{id_}.md"


def templates(this: Page) -> Iterator[tuple[str, str]]:
    """Every sentence and command of a head, with the case for which it is said."""
    yield from this.summary.items()
    for case, lines in this.fix.items():
        yield from ((case, line) for line in lines)


def said(this: Page) -> Iterator[str]:
    """Every sentence and command of a head that answers a text."""
    for words in this.said.values():
        yield from (words.meaning, *(text for _, text in words.causes), *words.fix)
        yield from (f"{advice.COMMAND}{command}" for command in words.next)


def given_by_rule(id_: str, case: str) -> set[str]:
    """The slots that have a value when the rule says this case."""
    case = case.rpartition("/")[2]
    both = ENDPOINT | FACTS.get(id_, TALK) | WITH_CASE.get((id_, case), set())
    return both - WITHOUT.get((id_, case), set())


def sentences(text: str) -> int:
    """Count sentences: a full stop, question or exclamation mark with a blank or the end behind it."""
    return len(re.findall(r"[.?!](?=\s|$|\")", text))


def test_there_are_pages_for_the_chain() -> None:
    """Structure, trust, time, name and profile each have their pages; a message names the file to create."""
    for missing in sorted(FACTS.keys() - set(ids()) - {i for i, facts in FACTS.items() if facts >= TALK}):
        pytest.fail(f"create probe/catalogue/pages/{missing}.md; {MODEL}")


@every_page
def test_the_head_is_complete(id_: str) -> None:
    """Id, title, summary, fix and recipe are there and of the right kind."""
    this = page(id_)
    assert this.id == id_, f"{file_of(id_)}: its id says {this.id!r}"
    assert this.title, f"{file_of(id_)}: the title is empty"
    assert not this.title.endswith("."), f"{file_of(id_)}: a title has no full stop"
    assert len(this.title) <= 75, f"{file_of(id_)}: the title is longer than a line"
    assert this.recipe in SECTIONS, f"{file_of(id_)}: recipe is one of {sorted(SECTIONS)}"
    assert this.category in set(Category), f"{file_of(id_)}: category is one of {sorted(Category)}"
    assert this.scope in SCOPES, f"{file_of(id_)}: scope is one of {SCOPES}"
    assert this.summary or this.said, f"{file_of(id_)}: a page answers a finding, [summary], or a text, [said]"
    assert all(this.fix.values()), f"{file_of(id_)}: a fix has at least one line"


@every_page
def test_a_page_of_a_rule_has_its_words(id_: str) -> None:
    """A finding is told by [summary] and [fix]; a page without a rule has neither."""
    this = page(id_)
    if id_ in IDS:
        assert DEFAULT in this.summary, f"{file_of(id_)}: [summary] needs {DEFAULT!r}"
        assert DEFAULT in this.fix, f"{file_of(id_)}: fix needs {DEFAULT!r}, or is a list"
    else:
        assert not this.summary, f"{file_of(id_)}: no rule raises {id_}"
        assert not this.fix, f"{file_of(id_)}: no rule raises {id_}; what a text's page advises stands in [said]"


@every_page
def test_the_head_speaks_of_cases_that_exist(id_: str) -> None:
    """A key of summary or fix is a case of the rule, or a confidence."""
    cases = CONFIDENCE | CASES.get(id_, set())
    known = cases | {f"{voice}/{case}" for voice in ("file", "client") for case in cases}
    assert {*page(id_).summary, *page(id_).fix} <= known, f"{file_of(id_)}: its rule knows {sorted(known)}"


@every_page
def test_the_six_headings_are_there_in_order(id_: str) -> None:
    """Each page answers the same six questions, none with silence."""
    sections = page(id_).sections
    assert tuple(sections) == HEADINGS, f"{file_of(id_)}: {MODEL}"
    assert [heading for heading, text in sections.items() if not text] == [], f"{file_of(id_)}: an empty section"


@every_page
def test_a_summary_has_at_most_four_sentences(id_: str) -> None:
    """More is for the page."""
    counted = {case: sentences(text) for case, text in page(id_).summary.items()}
    assert all(1 <= count <= 4 for count in counted.values()), f"{file_of(id_)}: sentences {counted}"


@every_page
def test_every_slot_has_a_value(id_: str) -> None:
    """A template uses only facts that its rule gives, so nobody reads "unknown"."""
    for case, template in templates(page(id_)):
        spare = advice.names(template) - given_by_rule(id_, case)
        assert spare == set(), f"{file_of(id_)}: no rule gives {sorted(spare)} for {case!r}"
        assert not re.search(r"[{}]", re.sub(r"\{[a-z_]+\}", "", template)), f"{file_of(id_)}: a stray brace"


@every_page
def test_commands_begin_with_a_dollar_and_a_blank(id_: str) -> None:
    """A command is one line that a shell can split; a sentence is not taken for one."""
    for template in (*(template for _, template in templates(page(id_))), *advised(page(id_))):
        if template.startswith("$"):
            assert template.startswith(advice.COMMAND), f'{file_of(id_)}: a command begins with "$ "'
            assert "\n" not in template, f"{file_of(id_)}: a command is one line"
            assert shlex.split(template), f"{file_of(id_)}: a shell cannot read {template!r}"
        else:
            assert template[:1].isupper() or template[:1] == "{", f"{file_of(id_)}: a sentence begins {template!r}"
            assert not re.match(r"(openssl|smtp-chaincheck|dig|curl|sudo|cat|cp) ", template), (
                f'{file_of(id_)}: a command begins with "$ ": {template!r}'
            )


def advised(this: Page) -> Iterator[str]:
    """What a text's page tells to do."""
    for words in this.said.values():
        yield from words.fix
        yield from (f"{advice.COMMAND}{command}" for command in words.next)


def commands(this: Page) -> Iterator[str]:
    """Every command of a page: in its head, and in its sh blocks."""
    yield from (template for _, template in templates(this) if template.startswith(advice.COMMAND))
    yield from (line for line in advised(this) if line.startswith(advice.COMMAND))
    for text in this.sections.values():
        yield from (line for language, block in FENCE.findall(text) if language == "sh" for line in block.splitlines())


@every_page
def test_s_client_ends(id_: str) -> None:
    """It is told where to connect in one way, and reads no keyboard: without that it waits for ever."""
    for command in commands(page(id_)):
        if "s_client" in command:
            assert " -connect " in command, f"{file_of(id_)}: -connect HOST:PORT in {command!r}"
            assert "</dev/null" in command, f"{file_of(id_)}: </dev/null in {command!r}"


@every_page
def test_a_tool_that_debian_lacks_is_named_with_its_package(id_: str) -> None:
    """Whoever has a bare machine learns what to install."""
    text = page_text(id_)
    for tool, package in PACKAGES.items():
        used = any(re.search(rf"(^|[|$(]\s*){tool} ", command) for command in commands(page(id_)))
        assert not used or package in text, f"{file_of(id_)}: say that {tool} is in {package}"


@every_page
def test_a_colon_has_its_command(id_: str) -> None:
    """A line of a fix that ends in a colon introduces a command, and no command stands without one."""
    this = page(id_)
    for lines in (*this.fix.values(), *(words.fix for words in this.said.values())):
        for line, following in zip(lines, (*lines[1:], ""), strict=True):
            introduces = line.endswith(":")
            fits = line.startswith(advice.COMMAND) or introduces == following.startswith(advice.COMMAND)
            assert fits, f"{file_of(id_)}: {line!r} before {following!r}"


@every_page
def test_a_page_has_no_table(id_: str) -> None:
    """A terminal shows a list, and a table only as its Markdown."""
    assert not re.search(r"^\|", page_text(id_), re.MULTILINE), f"{file_of(id_)}: make the table a list"


@every_page
def test_the_servers_words_are_quoted(id_: str) -> None:
    """What came from the network stands in quotation marks; its own full stop then ends nothing of ours."""
    for case, template in page(id_).summary.items():
        bare = re.findall(r'(?<!")\{(reply|surplus|error|first|verdict)\}', template) if id_ != "leaf-not-first" else []
        assert bare == [], f"{file_of(id_)}: quote {bare} for {case!r}"


@every_page
def test_code_blocks_can_be_pasted(id_: str) -> None:
    """Commands in the body stand in fenced sh blocks, and a shell can split each line."""
    for heading, text in page(id_).sections.items():
        for language, block in FENCE.findall(text):
            assert language in {"sh", "text"}, f"{file_of(id_)}: a block is sh or text, in {heading!r}"
            assert language == "text" or all(shlex.split(line) for line in block.splitlines())
        assert text.count("```") % 2 == 0, f"{file_of(id_)}: an open code block in {heading!r}"


@every_page
def test_the_page_says_how_to_make_sure_by_a_command(id_: str) -> None:
    """Somebody who doubts us finds a command to paste."""
    assert FENCE.search(page(id_).sections["How to make sure"]), f"{file_of(id_)}: no command under 'How to make sure'"


@every_page
def test_what_is_read_was_saved(id_: str) -> None:
    """A command reads ``sent.pem``, what the server sent, only where another has written it."""
    shown = page(id_).sections["How to make sure"]
    assert ("sent.pem" in shown) == (">sent.pem" in shown), f"{file_of(id_)}: let s_client write sent.pem first"


@every_page
def test_the_page_has_references(id_: str) -> None:
    """Each reference is a list item, and at least one cites a standard or a manual."""
    references = page(id_).sections["References"].splitlines()
    assert all(line.startswith(("- ", "  ")) for line in references), f"{file_of(id_)}: references are a list"
    assert any(CITATION.search(line) for line in references), f"{file_of(id_)}: cite an RFC, a manual or a file"


@every_page
def test_the_page_speaks_as_we_speak(id_: str) -> None:
    """No sentence that we never print, and no doubt beyond the three words."""
    this = page(id_)
    for text in (this.title, *(template for _, template in templates(this)), *said(this), *this.sections.values()):
        prose = FENCE.sub("", text)
        assert FORBIDDEN.findall(prose) == [], f"{file_of(id_)}: we never print that"
        assert HEDGE.findall(prose) == [], f'{file_of(id_)}: doubt is "very likely" or "may be"'


@every_page
def test_the_body_has_no_slots(id_: str) -> None:
    """The body is read without a finding, by ``explain``."""
    assert advice.names(page_text(id_)) == set(), f"{file_of(id_)}: write HOST in the body, not {{host}}"


def test_titles_differ() -> None:
    """Two findings in a report are told apart by their titles."""
    titles = [page(id_).title for id_ in ids()]
    assert sorted(titles) == sorted(set(titles))
