"""Collections of certificates: read from files and folders, found by subject."""

from __future__ import annotations

import lzma
import os
from typing import IO, TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from forge import CAST, certificate
from hypothesis import given
from hypothesis import strategies as st
from shared import shared

from probe.pki import files
from probe.pki.certificate import parse
from probe.pki.der import OID, SEQUENCE, SET, encode
from probe.pki.pool import FEW, Pool, from_paths

if TYPE_CHECKING:
    from pathlib import Path

ROOT, R3 = CAST.root, CAST.r3


def p7(*ders: bytes, encoding: Encoding = Encoding.DER) -> bytes:
    """PKCS#7, certificates alone."""
    return pkcs7.serialize_certificates([x509.load_der_x509_certificate(der) for der in ders], encoding)


def folder(path: Path) -> Path:
    """A folder as people have them: certificates in all wrappings, and things that are none."""
    (path / "sub").mkdir()
    (path / "sub" / "inner.pem").write_text(CAST.mx.pem)
    (path / "a.pem").write_text(f"a comment\n{ROOT.pem}")
    (path / "b.der").write_bytes(R3.der)
    (path / "c.p7b").write_bytes(p7(ROOT.der, CAST.old_root.der))
    (path / "d.p7c").write_bytes(p7(CAST.strange_root.der, encoding=Encoding.PEM))
    (path / "README").write_text("Nothing to see.")
    (path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    (path / "e.pem").symlink_to(path / "a.pem")
    (path / "gone.pem").symlink_to(path / "nowhere")
    os.mkfifo(path / "pipe")
    return path


def test_a_folder_gives_every_certificate_once_and_remembers_where_it_was(tmp_path: Path) -> None:
    """PEM, DER and PKCS#7 in both encodings; keys, text, links to nowhere, pipes and subfolders are passed over."""
    pool = from_paths([folder(tmp_path)])
    assert [ROOT.der, R3.der, CAST.old_root.der, CAST.strange_root.der] == [c.der for c in pool.certificates]
    assert str(tmp_path / "a.pem") == pool.origin(ROOT.sha256)
    assert str(tmp_path / "c.p7b") == pool.origin(CAST.old_root.sha256)
    assert pool.origin(CAST.mx.sha256) == ""


def test_certificates_are_found_by_the_canonical_form_of_their_subject(tmp_path: Path) -> None:
    """Case and the kind of string do not matter; an empty key finds nobody."""
    (tmp_path / "r3.pem").write_text(R3.pem)
    pool = from_paths([tmp_path / "r3.pem"])
    assert (parse(R3.der),) == pool.by_subject(parse(CAST.mx.der).issuer.key)
    assert pool.by_subject(b"nobody") == ()
    assert pool.by_subject(b"") == ()


def test_the_index_agrees_with_the_parser_for_everything_it_can_be_given() -> None:
    """The subject is read without the rest, and is the same one."""
    forged = [
        ROOT,
        CAST.mx,
        certificate(version=1),
        certificate(corrupt="trailing"),
        certificate(corrupt="indefinite"),
        certificate(corrupt="truncated"),
        certificate(corrupt="garbage"),
        certificate(subject=""),
        certificate(subject=b"\x30\x03\x31\x01\x05"),
    ]
    pool = Pool({each.der: "here" for each in forged})
    parsed = [parse(each.der) for each in forged]
    readable = [each for each in parsed if each.problem is None]
    assert readable == list(pool.certificates)
    for one in readable:
        found = pool.by_subject(one.subject.key)
        assert [each for each in readable if one.subject.key and each.subject.key == one.subject.key] == list(found)


def subject(tag: int, value: bytes) -> bytes:
    """A name of one commonName."""
    attribute = encode(SEQUENCE, encode(OID, bytes.fromhex("550403")) + encode(tag, value))
    return encode(SEQUENCE, encode(SET, attribute))


def test_a_search_finds_what_the_index_finds_however_a_name_is_written() -> None:
    """The same name as UTF8String, PrintableString, T61String, BMPString and UniversalString; and others."""
    text = " Example  Root "
    same = [(0x0C, text.encode()), (0x13, b"EXAMPLE ROOT"), (0x14, b"example root")]
    same += [(0x1E, text.encode("utf-16-be")), (0x1C, text.encode("utf-32-be"))]
    others = [(0x0C, b"Example Roo"), (0x0C, "Éxample".encode()), (0x0C, b"\xff\xfeX"), (0x12, b"42"), (0x0C, b"-")]
    forged = [certificate(subject=subject(tag, value)) for tag, value in (*same, *others)]
    searched, indexed = (Pool({each.der: "here" for each in forged}) for _ in range(2))
    for n in range(FEW):
        indexed.named(bytes([n]))
    found = [searched.named(parse(each.der).subject.key) for each in forged]
    assert [list(indexed.named(parse(each.der).subject.key)) for each in forged] == [list(each) for each in found]
    assert [len(each) for each in found] == [len(same)] * len(same) + [1] * len(others)


@given(st.binary(max_size=40), st.integers(0, 600), st.binary(max_size=6))
def test_hostile_certificates_neither_raise_nor_hide_others(noise: bytes, at: int, patch: bytes) -> None:
    """Random bytes, and a certificate with some bytes changed."""
    broken = ROOT.der[:at] + patch + ROOT.der[at + len(patch) :]
    pool = Pool({noise: "noise", broken: "broken", R3.der: "good"})
    assert parse(R3.der) in pool.by_subject(parse(R3.der).subject.key)
    assert all(certificate.problem is None for certificate in pool.certificates)


def test_the_sum_of_two_pools_keeps_order_and_first_origin() -> None:
    """What both have is counted once."""
    total = Pool({ROOT.der: "first", R3.der: "first"}) + Pool({CAST.mx.der: "second", R3.der: "second"})
    assert [total.origin(c.sha256) for c in total.certificates] == ["first", "first", "second"]
    assert len(total) == 3
    assert parse(CAST.mx.der) in total
    assert parse(CAST.old_root.der) not in total
    assert len(Pool()) == 0


def test_the_day_of_a_file_is_its_modification_in_utc(tmp_path: Path) -> None:
    """The youngest one counts."""
    for name, when in (("a.pem", 1_700_000_000), ("b.pem", 1_600_000_000)):
        (tmp_path / name).write_text(ROOT.pem)
        os.utime(tmp_path / name, (when, when))
    assert files.newest(files.read(tmp_path)) == "2023-11-14"


def test_what_gives_nothing_is_said_in_a_sentence(tmp_path: Path) -> None:
    """Absent, empty, no certificate, a certificate in name alone, an empty folder, an impossible name."""
    (tmp_path / "empty").touch()
    (tmp_path / "html").write_text("<html>")
    (tmp_path / "hollow.pem").write_text("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")
    (tmp_path / "short.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")
    (tmp_path / "folder").mkdir()
    wanted = {
        "absent": "cannot be read: No such file or directory.",
        "empty": "holds no certificate; PEM, DER or PKCS#7 can be read.",
        "html": "holds no certificate; PEM, DER or PKCS#7 can be read.",
        "hollow.pem": "holds no certificate; PEM, DER or PKCS#7 can be read.",
        "short.pem": "holds no certificate; PEM, DER or PKCS#7 can be read.",
        "folder": "has no readable file with a certificate in it; PEM, DER or PKCS#7 can be read.",
        "nul\0": "cannot be read: embedded null byte.",
    }
    for name, sentence in wanted.items():
        with pytest.raises(ValueError, match=r".") as caught:
            from_paths([tmp_path / name])
        assert f"{tmp_path / name} {sentence}" == str(caught.value)


def test_large_files_and_folders_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the wrong kind does not fill the memory, and in a folder it is passed over."""
    monkeypatch.setattr(files, "FILE_BYTES", len(ROOT.pem))
    (tmp_path / "a.pem").write_text(ROOT.pem)
    (tmp_path / "large.pem").write_text(ROOT.pem + R3.pem)
    with pytest.raises(ValueError, match="is larger than 0 MiB"):
        from_paths([tmp_path / "large.pem"])
    assert [ROOT.der] == [c.der for c in from_paths([tmp_path]).certificates]
    monkeypatch.setattr(files, "FOLDER_BYTES", 10)
    with pytest.raises(ValueError, match="holds more than 20000 files or 0 MiB, which is no trust store"):
        from_paths([tmp_path])


def test_a_file_without_permission_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's word is in the sentence; in a folder such a file is passed over."""

    def locked(path: Path, mode: str) -> IO[Any]:
        if path.name == "key.pem":
            raise PermissionError(13, "Permission denied")
        return open(path, mode)  # noqa: PTH123 - Path.open is what it stands for

    for name in ("key.pem", "root.pem"):
        (tmp_path / name).write_bytes(ROOT.der)
    monkeypatch.setattr(type(tmp_path), "open", locked)
    with pytest.raises(ValueError, match=r"key.pem cannot be read: Permission denied"):
        from_paths([tmp_path / "key.pem"])
    assert len(from_paths([tmp_path])) == 1


@pytest.mark.slow
def test_every_intermediate_of_the_public_internet_is_found_by_its_subject(tmp_path: Path) -> None:
    """CCADB's list of 2026: more than 2,000 in one file."""
    packed = shared("pool/intermediates-tls-certifi-2026-08.pem.xz")
    (tmp_path / "all.pem").write_bytes(lzma.decompress(packed.read_bytes()))
    pool = from_paths([tmp_path])
    assert len(pool) > 2000
    assert all(certificate in pool.by_subject(certificate.subject.key) for certificate in pool.certificates)
    assert len(pool.certificates) == len(pool)
