"""A Report as JSON: the contract ``smtp-chaincheck/1``, whose JSON Schema is ``schema.json`` beside this module.

All keys are always there; what is unknown is null or an empty list. Times are UTC ISO 8601, digests lower-case hex of
SHA-256 over the DER. The text is ASCII, so nothing in it can steer a terminal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING

from probe.render.plain import plain, row, rows, text_of
from probe.render.written import PARTS, WHOLE, Manner, encoded

if TYPE_CHECKING:
    from probe.model import (
        Certificate,
        Chain,
        Domain,
        EndpointReport,
        Exchange,
        Failure,
        Finding,
        Observation,
        PolicyFetch,
        Repair,
        Report,
        StsLook,
        TlsaAnswer,
        TlsRptLook,
        Verdict,
    )

SCHEMA = "smtp-chaincheck/1"


def text(reports: Sequence[Report]) -> str:
    """Write one document, one line: the report, or ``{"schema": …, "reports": […]}`` when there is not exactly one."""
    if len(reports) == 1:
        return written(document(reports[0]))
    return written({"schema": SCHEMA, "reports": [document(report) for report in reports]})


def error_text(message: str, exit_code: int) -> str:
    """Write the document of a run that came to no report, so that ``--json`` always writes one."""
    return written({"schema": SCHEMA, "error": plain(message), "exit_code": exit_code})


def line(report: Report) -> str:
    """Write what ``text`` writes of one report; what many reports of a sweep share is put into JSON once."""
    return encoded(_report(report, PARTS)) + "\n"


def document(report: Report) -> dict[str, object]:
    """Say the report in plain dicts, lists, strings and numbers, key by key as docs/json.md has it."""
    return _report(report, WHOLE)


def _report(report: Report, manner: Manner) -> dict[str, object]:
    target = report.target
    return {
        "schema": SCHEMA,
        "target": {"kind": target.kind, "name": target.name, "port": target.port, "protocol": target.protocol},
        "status": report.status,
        "exit_code": report.exit_code,
        "at": plain(report.at),
        "stores": manner.part(rows, report.stores),
        "domain": _domain(report.domain),
        "left_out": plain(report.left_out),
        "findings": [_finding(finding) for finding in report.findings],
        "endpoints": [_endpoint(endpoint, manner) for endpoint in report.endpoints],
    }


def _endpoint(report: EndpointReport, manner: Manner) -> dict[str, object]:
    observation, chain = report.observation, report.chain
    return {
        **_place(observation),
        "key_type": _key_type(chain),
        "status": report.status,
        **_conversation(observation),
        "timing_ms": manner.took(observation.timing_ms),
        "mta": row(report.mta) if report.mta else None,
        "presented": _presented(chain, manner),
        "on_disk": _on_disk(report),
        "path": [found.sha256 for found in chain.path.certificates] if chain and chain.path else [],
        "anchor": _anchor(chain, manner),
        "verdict": manner.part(_verdict, chain and chain.verdict),
        "tlsa": _tlsa(observation.tlsa),
        "findings": [_finding(finding) for finding in report.findings],
        "repair": manner.part(_repair, report.repair),
        "refused_by": manner.part(rows, report.refused_by),
        "skipped": manner.part(rows, report.skipped),
        "transcript": manner.timed(_said, *_columns(observation.transcript)),
    }


def _place(observation: Observation) -> dict[str, object]:
    endpoint = observation.endpoint
    return {
        "host": plain(endpoint.host),
        "mx_preference": endpoint.mx_preference,
        "address": plain(endpoint.address),
        "port": endpoint.port,
        "protocol": endpoint.protocol,
        "tls": endpoint.tls,
        "sni": plain(endpoint.sni),
        "offered_key": endpoint.offered_key,
        "offered_tls": endpoint.offered_tls,
    }


def _tlsa(answer: TlsaAnswer | None) -> dict[str, object] | None:
    if answer is None:
        return None
    return row(answer) | {
        "records": [plain(record.text) for record in answer.records],
        "failure": _failure(answer.failure),
    }


def _domain(domain: Domain | None) -> dict[str, object] | None:
    if domain is None:
        return None
    sts, reports = domain.sts, domain.tls_rpt
    return {
        "mx": rows(domain.mx),
        "implicit": domain.implicit,
        "left_out": domain.left_out,
        "dnssec": domain.dnssec,
        "resolver": plain(domain.resolver),
        "failure": _failure(domain.failure),
        "mta_sts": _txt(sts) | {"policy": _policy(sts.fetch)} if sts else None,
        "tls_rpt": _txt(reports) if reports else None,
    }


def _txt(look: StsLook | TlsRptLook) -> dict[str, object]:
    return {"records": plain(look.records), "failure": _failure(look.failure)}


def _policy(fetch: PolicyFetch | None) -> dict[str, object] | None:
    if fetch is None:
        return None
    return row(fetch) | {
        "presented": [sha256(der).hexdigest() for der in fetch.presented or ()],
        "body": plain(fetch.body.decode("utf-8", "replace")),
        "failure": _failure(fetch.failure),
        "fetched": [plain({"url": asked.url, "problem": asked.problem}) for asked in fetch.fetched],
    }


def _failure(failure: Failure | None) -> object:
    return plain({"text": failure.text, "symptoms": failure.symptoms}) if failure else None


def _conversation(observation: Observation) -> dict[str, object]:
    return {
        "stage": observation.stage,
        "failure": _failure(observation.failure),
        "tls_version": plain(observation.tls_version),
        "cipher": plain(observation.cipher),
        "client_cert_requested": observation.client_cert_requested,
        "client_cert": [sha256(der).hexdigest() for der in observation.client_chain],
    }


def _presented(chain: Chain | None, manner: Manner) -> list[object]:
    return [manner.part(_certificate, found, n) for n, found in enumerate(chain.presented)] if chain else []


def _verdict(verdict: Verdict | None) -> object:
    return row(verdict) if verdict else None


def _key_type(chain: Chain | None) -> str | None:
    return chain.own.key.algorithm or None if chain and chain.own else None


def _certificate(found: Certificate, position: int) -> dict[str, object]:
    readable = found.problem is None
    return {
        "position": position,
        "sha256": found.sha256,
        "subject": plain(found.subject.text) if readable else None,
        "issuer": plain(found.issuer.text) if readable else None,
        "names": plain(found.dns_names + found.ip_addresses),
        "not_before": plain(found.not_before),
        "not_after": plain(found.not_after),
        "key": plain(found.key.text) or None,
        "signature": plain(found.signature_name) or None,
        "aia": plain(found.aia),
        "problem": plain(found.problem),
    }


def _on_disk(report: EndpointReport) -> dict[str, object] | None:
    disk = report.on_disk
    if disk is None:
        return None
    listed = [found.sha256 for found in disk.certificates]
    return {"file": plain(disk.path), "certificates": listed, "same": report.as_on_disk}


def _anchor(chain: Chain | None, manner: Manner) -> object:
    path = chain.path if chain else None
    return manner.part(_top, path.certificates[-1], chain.store) if chain and path and path.anchored else None


def _top(found: Certificate, store: str | None) -> dict[str, object]:
    return {"subject": plain(found.subject.text), "sha256": found.sha256, "store": plain(store)}


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "positions": list(finding.positions),
        "summary": plain(finding.summary),
        "facts": plain(finding.facts),
        "fix": plain(finding.fix),
        "page": finding.page,
    }


def _repair(repair: Repair | None) -> dict[str, object] | None:
    if repair is None:
        return None
    return {
        "steps": rows(repair.steps),
        "bundle": None if repair.bundle is None else [found.sha256 for found in repair.bundle],
        "missing": rows(repair.missing),
        "pem": plain(repair.pem),
    }


def _columns(transcript: Sequence[Exchange]) -> tuple[list[float], list[str], list[str]]:
    return [said.ms for said in transcript], [said.sender for said in transcript], [said.line for said in transcript]


def _said(sender: str, line: str) -> dict[str, object]:
    return {"from": sender, "line": text_of(line)}


def written(whole: Mapping[str, object]) -> str:
    """ASCII, one line."""
    return encoded(whole) + "\n"
