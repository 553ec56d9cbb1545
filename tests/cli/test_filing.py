"""``smtp-chaincheck file``: real files on a disk, each with one thing wrong."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs7, pkcs12
from cryptography.x509 import load_der_x509_certificate

from probe.cli import main
from probe.demo import keys
from probe.demo.cast import Cast, cast

NOW = datetime.now(UTC).replace(microsecond=0)
CSR = "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
DH = "-----BEGIN DH PARAMETERS-----\nMAYC\n-----END DH PARAMETERS-----\n"
CRL = "-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"
PUBLIC = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"
PASSWORD = b"correct horse"


@pytest.fixture(scope="module")
def actors() -> Cast:
    """Root, intermediate and leaf of today."""
    return cast(NOW)


@pytest.fixture
def judge(tmp_path: Path, actors: Cast, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, Any]]:
    """Run the verb on a file of this content; the exit code and the JSON document."""
    roots = tmp_path / "roots.pem"
    roots.write_text(actors.root.pem, encoding="ascii")

    def run(content: str | bytes, *words: str, mode: int = 0o600, name: str = "servercert.pem") -> tuple[int, Any]:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode("ascii"))
        file.chmod(mode)
        code = main(["file", str(file), "--json", "--no-fetch", "--trust", str(roots), *words])
        return code, json.loads(capsys.readouterr().out)

    return run


def ids(document: Any) -> list[str]:
    """The findings of the one file."""
    return [finding["id"] for finding in document["endpoints"][0]["findings"]]


def parts(actors: Cast) -> SimpleNamespace:
    """PEM of what files are made of."""
    old = actors.leaf(**actors.days(-120, -30))
    return SimpleNamespace(
        key=keys.pem("leaf"), other=keys.pem("leaf-2"), leaf=actors.mx.pem, r3=actors.r3.pem, root=actors.root.pem,
        old=old.pem, strange=actors.old_root.pem,
    )  # fmt: skip


def encrypted() -> str:
    """The leaf's key behind a passphrase."""
    algorithm = serialization.BestAvailableEncryption(PASSWORD)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return keys.private("leaf").private_bytes(*pem, algorithm).decode()


FAULTS: list[tuple[Callable[[SimpleNamespace], str], tuple[str, ...], int]] = [
    (lambda p: p.key + p.leaf + p.r3, (), 0),
    (lambda p: p.leaf + p.r3 + p.key, (), 0),
    (lambda p: "text before\n" + p.leaf + "text between\n" + p.r3, (), 0),
    (lambda p: (p.key + p.leaf + p.r3).replace("\n", "\r\n"), (), 0),
    (lambda p: p.leaf, ("missing-intermediate",), 1),
    (lambda p: p.other + p.leaf + p.r3, ("key-mismatch",), 1),
    (lambda p: p.leaf.rstrip("\n") + p.r3[p.r3.index("-----") :], ("file-glued",), 1),
    (lambda p: p.leaf.rstrip("\n") + "# R3\n" + p.r3, ("file-glued",), 1),
    (lambda p: p.r3, ("leaf-missing",), 1),
    (lambda p: p.r3 + p.root, ("leaf-missing",), 1),
    (lambda p: (p.root + p.strange) * 4, ("leaf-missing",), 1),
    (lambda _: CSR, ("file-wrong-kind",), 1),
    (lambda _: DH, ("file-wrong-kind",), 1),
    (lambda _: CRL, ("file-wrong-kind",), 1),
    (lambda _: PUBLIC, ("file-wrong-kind",), 1),
    (lambda p: p.key, ("file-wrong-kind",), 1),
    (lambda p: encrypted() + p.leaf + p.r3, ("key-encrypted",), 1),
    (lambda p: p.key + p.other + p.leaf + p.r3, ("several-keys",), 1),
    (lambda p: p.leaf + p.r3[: len(p.r3) // 2], ("file-not-pem",), 1),
    (lambda p: p.leaf + p.old + p.r3, ("expired-twin",), 1),
    (lambda p: p.old + p.leaf + p.r3, ("expired-twin", "expired"), 1),
]


@pytest.mark.parametrize("number", range(len(FAULTS)))
def test_each_fault_has_its_finding(number: int, judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """The findings that only a file has are named, beside those of any chain."""
    made, expected, code = FAULTS[number]
    got, document = judge(made(parts(actors)))
    assert set(expected) <= set(ids(document))
    assert got == code
    if not expected:
        assert ids(document) == []


def test_a_file_for_a_server_is_judged_by_its_habits(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """What one mail server refuses is said where that server is named, and nowhere else."""
    p = parts(actors)
    assert ids(judge(p.leaf + p.r3)[1]) == []
    _, document = judge(p.leaf + p.r3, "--mta", "qmail")
    assert ids(document) == ["key-missing"]
    assert document["endpoints"][0]["findings"][0]["fix"][1].count("--layout") == 1
    assert ids(judge(p.leaf + p.r3 + p.key, "--mta", "postfix")[1]) == ["key-misplaced"]
    assert ids(judge(p.key + p.leaf + p.r3, "--mta", "postfix")[1]) == []


def test_what_is_ignored_is_not_called_right(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first line names a fault of the file that was there and left out."""
    p = parts(actors)
    judge(p.key + p.leaf + p.r3, mode=0o644)
    words = ["--no-fetch", "--trust", str(tmp_path / "roots.pem"), "--quiet", "--ignore", "key-readable"]
    assert main(["file", str(tmp_path / "servercert.pem"), *words]) == 0
    assert capsys.readouterr().out.endswith("— nothing else to report (ignored: key-readable)\n")


def test_the_mail_server_at_hand_has_its_own_sentence(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """What was measured with that software stands behind the finding; qmail cannot use an elliptic curve key."""
    p = parts(actors)
    finding = judge(p.other + p.leaf + p.r3, "--mta", "postfix")[1]["endpoints"][0]["findings"][0]
    assert finding["summary"].endswith("Given such a file, Postfix answers 454 to STARTTLS.")
    curve = keys.pem("p256") + actors.leaf(key="p256").pem + p.r3
    assert ids(judge(curve)[1]) == []
    assert ids(judge(curve, "--mta", "qmail")[1]) == ["key-type"]


def test_a_key_that_others_can_read_is_a_warning(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """It becomes an error where the mail server named refuses such a key; a file without key may be read by all."""
    p = parts(actors)
    assert ids(judge(p.key + p.leaf + p.r3, mode=0o644)[1]) == ["key-readable"]
    assert ids(judge(p.key + p.leaf + p.r3, mode=0o640)[1]) == []
    assert ids(judge(p.leaf + p.r3, mode=0o644)[1]) == []
    _, document = judge(p.key + p.leaf + p.r3, "--mta", "sendmail", mode=0o640)
    assert document["endpoints"][0]["findings"][0]["severity"] == "error"


def test_purpose_and_name_are_asked_for(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """``--as client`` wants clientAuth, ``--name`` a name."""
    both = actors.leaf(eku=("serverAuth",)).pem + actors.r3.pem
    assert ids(judge(both)[1]) == []
    assert ids(judge(both, "--as", "client")[1]) == ["client-eku"]
    assert ids(judge(both, "--as", "both", "--name", "other.example")[1]) == ["name-mismatch", "client-eku"]


@pytest.mark.parametrize("form", ["der", "p7b", "p12", "utf16"])
def test_other_forms_are_read_and_named(form: str, judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """DER, PKCS#7, PKCS#12 and UTF-16 hold good certificates, which no mail server on Unix reads so."""
    chain = [load_der_x509_certificate(one.der) for one in (actors.mx, actors.r3)]
    words: list[str] = []
    if form == "der":
        content = actors.mx.der + actors.r3.der
    elif form == "p7b":
        content = pkcs7.serialize_certificates(chain, serialization.Encoding.DER)
    elif form == "p12":
        protection = serialization.BestAvailableEncryption(PASSWORD)
        content = pkcs12.serialize_key_and_certificates(b"mx", keys.private("leaf"), chain[0], chain[1:], protection)
        descriptor, end = os.pipe()
        os.write(end, PASSWORD + b"\n")
        os.close(end)
        words = ["--password-fd", str(descriptor)]
    else:
        content = b"\xff\xfe" + (actors.mx.pem + actors.r3.pem).encode("utf-16-le")
    code, document = judge(content, *words)
    assert (code, ids(document)) == (1, ["file-not-pem"])
    assert len(document["endpoints"][0]["presented"]) == 2


def test_a_certbot_folder_is_understood(tmp_path: Path, actors: Cast, capsys: pytest.CaptureFixture[str]) -> None:
    """The folder means fullchain.pem with its key; chain.pem is called the wrong file, and the right one is named."""
    p = parts(actors)
    live, archive = tmp_path / "live", tmp_path / "archive"
    live.mkdir()
    archive.mkdir()
    for name, content in (("cert", p.leaf), ("chain", p.r3), ("fullchain", p.leaf + p.r3), ("privkey", p.other)):
        (archive / f"{name}1.pem").write_text(content, encoding="ascii")
        (live / f"{name}.pem").symlink_to(archive / f"{name}1.pem")
    (archive / "privkey1.pem").chmod(0o600)
    common = ["--json", "--no-fetch", "--trust", str(_written(tmp_path / "r.pem", p.root))]
    assert main(["file", str(live), *common]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (Path(document["target"]["name"]).name, ids(document)) == ("fullchain.pem", ["key-mismatch"])
    assert main(["file", str(live / "chain.pem"), *common]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["endpoints"][0]["findings"]
    assert (finding["id"], finding["facts"]["case"]) == ("leaf-missing", "sibling")
    assert str(live / "fullchain.pem") in finding["summary"]


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("fullchain.cer", "ca.cer", "mx.example.test.cer", "mx.example.test.key"), ["fullchain.cer"]),
        (("a.crt", "a.issuer.crt", "a.key", "a.json"), ["a.crt"]),
        (("a.crt", "a.issuer.crt", "a.key", "b.crt", "b.issuer.crt", "b.key"), ["a.crt", "b.crt"]),
    ],
)
def test_other_acme_clients_folders_are_understood(
    names: tuple[str, ...], chosen: list[str], tmp_path: Path, actors: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    """acme.sh and lego have names of their own."""
    p = parts(actors)
    folder = tmp_path / "mx.example.test"
    folder.mkdir()
    for name in names:
        content = p.r3 if "issuer" in name or name == "ca.cer" else p.key if name.endswith(".key") else p.leaf + p.r3
        _written(folder / name, content).chmod(0o600)
    roots = str(_written(tmp_path / "r.pem", p.root))
    assert main(["file", str(folder), "--json", "--no-fetch", "--trust", roots]) == 0
    document = json.loads(capsys.readouterr().out)
    reports = document.get("reports", [document])
    assert [Path(report["target"]["name"]).name for report in reports] == chosen


def _written(path: Path, content: str) -> Path:
    path.write_text(content, encoding="ascii")
    return path


def test_a_file_of_a_key_belongs_to_the_other_file(
    tmp_path: Path, actors: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two paths, one report."""
    p = parts(actors)
    chain, key = _written(tmp_path / "c.pem", p.leaf + p.r3), _written(tmp_path / "k.pem", p.other)
    key.chmod(0o600)
    roots = str(_written(tmp_path / "r.pem", p.root))
    assert main(["file", str(chain), str(key), "--json", "--no-fetch", "--trust", roots]) == 1
    assert ids(json.loads(capsys.readouterr().out)) == ["key-mismatch"]


def test_standard_input_and_s_client(
    monkeypatch: pytest.MonkeyPatch, actors: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What s_client printed is read as it is; where it was told to print one certificate, that is said."""
    roots = str(_written(tmp_path / "r.pem", actors.root.pem))
    head = "CONNECTED(00000003)\n---\nCertificate chain\n 0 s:CN=mx\n   i:CN=R3\n"
    whole = head + actors.mx.pem + " 1 s:CN=R3\n   i:CN=Root\n" + actors.r3.pem + "---\nServer certificate\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(whole.encode()), isatty=lambda: False))
    assert main(["file", "-", "--json", "--no-fetch", "--trust", roots]) == 0
    assert len(json.loads(capsys.readouterr().out)["endpoints"][0]["presented"]) == 2
    short = head + " 1 s:CN=R3\n   i:CN=Root\n---\nServer certificate\n" + actors.mx.pem
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(short.encode()), isatty=lambda: False))
    assert main(["file", "-", "--no-fetch", "--trust", roots]) == 2
    assert "-showcerts" in capsys.readouterr().err


def test_what_is_no_file_is_refused_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A FIFO, a device, a folder, a loop of links, a file beyond all measure: a sentence and exit code 2."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with (tmp_path / "huge").open("wb") as sparse:
        sparse.truncate(5 << 30)
    _written(tmp_path / "empty", "")
    for name in ("fifo", "loop", "huge", "empty", "absent"):
        assert main(["file", str(tmp_path / name)]) == 2, name
        assert capsys.readouterr().err.count("\n") <= 4
    for path in ("/dev/zero", "/dev/null", str(tmp_path), "", "a" * 5000, "\x00"):
        assert main(["file", path]) == 2, path
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.unmeasured
def test_ten_thousand_certificates_are_bounded(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """No mail server has a use for such a file, and nobody waits for us to draw it; hundreds are judged."""
    p = parts(actors)
    code, document = judge(p.leaf + p.r3 * 10_000)
    assert (code, "more than 3000" in str(document["error"])) == (2, True)
    code, document = judge(p.leaf + p.r3 * 500)
    assert (code, "too-many-certs" in ids(document)) == (1, True)


def test_what_cannot_be_read_is_never_called_right(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """A certificate that is none, alone or before others, and a key that is none."""
    p = parts(actors)
    nothing = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    for content in (nothing, nothing + p.r3, nothing + p.leaf):
        code, document = judge(content)
        assert (code, "unparsable-cert" in ids(document)) == (1, True)
    for key in (p.key.replace("\nMII", "\nMI", 1), nothing.replace("CERTIFICATE", "PRIVATE KEY")):
        assert ids(judge(key + p.leaf + p.r3)[1]) == ["file-not-pem"]


def test_a_pkcs12_file_that_asks_for_endless_work_is_not_opened(
    judge: Callable[..., tuple[int, Any]], actors: Cast
) -> None:
    """The number of rounds is read before anybody derives a key."""
    protection = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(1000).build(PASSWORD)
    own = load_der_x509_certificate(actors.mx.der)
    content = pkcs12.serialize_key_and_certificates(b"mx", keys.private("leaf"), own, None, protection)
    bomb = content.replace(b"\x02\x02\x03\xe8", b"\x02\x04\x7f\xff\xff\xff")
    assert bomb != content
    code, document = judge(bomb, "--password-file", "/dev/null")
    assert code == 2
    assert "error" in document


def test_a_key_that_is_named_goes_before_the_files_own(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path
) -> None:
    """--key is what the mail server would be given; it must be a file that holds one."""
    p = parts(actors)
    own, other = _written(tmp_path / "own.key", p.key), _written(tmp_path / "other.key", p.other)
    for key in (own, other):
        key.chmod(0o600)
    assert ids(judge(p.key + p.leaf + p.r3, "--key", str(own))[1]) == []
    assert ids(judge(p.key + p.leaf + p.r3, "--key", str(other))[1]) == ["key-mismatch"]
    for path in (str(tmp_path), str(tmp_path / "roots.pem"), "/dev/zero"):
        assert judge(p.key + p.leaf + p.r3, "--key", path)[0] == 2


def test_a_pair_that_cannot_be_judged_is_not_called_right(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """Without a key that can be read, key-mismatch is among what was skipped."""
    p = parts(actors)
    for content, skipped in ((p.leaf + p.r3, True), (encrypted() + p.leaf + p.r3, True), (p.key + p.leaf, False)):
        told = judge(content)[1]["endpoints"][0]["skipped"]
        assert ("key-mismatch" in {one["id"] for one in told}) == skipped


def test_a_pkcs12_file_with_an_empty_password_asks_nobody(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """As many programs write them."""
    own = load_der_x509_certificate(actors.mx.der)
    content = pkcs12.serialize_key_and_certificates(b"", keys.private("leaf"), own, None, serialization.NoEncryption())
    assert "file-not-pem" in ids(judge(content)[1])


def test_a_set_in_pem_is_called_by_its_name(judge: Callable[..., tuple[int, Any]], actors: Cast) -> None:
    """BEGIN PKCS7 is a frame that no mail server reads."""
    chain = [load_der_x509_certificate(one.der) for one in (actors.mx, actors.r3)]
    _, document = judge(pkcs7.serialize_certificates(chain, serialization.Encoding.PEM))
    (finding,) = document["endpoints"][0]["findings"]
    assert (finding["id"], finding["facts"]["form"]) == ("file-not-pem", "PKCS#7")


def test_the_key_never_shows(judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path) -> None:
    """Not in the report, and not in the mended list."""
    p = parts(actors)
    out = tmp_path / "out.pem"
    _, document = judge(p.other + p.leaf + p.r3, "--write-chain", str(out))
    everything = json.dumps(document) + (out.read_text() if out.exists() else "")
    assert not any(line in everything for line in p.other.splitlines()[1:-1])


def test_openssl_agrees_on_the_pair(tmp_path: Path, actors: Cast) -> None:
    """The public half that we derive is the one that openssl derives."""
    from probe.pki.blocks import blocks

    key = _written(tmp_path / "k.pem", parts(actors).key)
    out = subprocess.run(
        ["openssl", "pkey", "-in", str(key), "-pubout", "-outform", "DER"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    assert blocks(key.read_bytes())[0][0].spki == out


@pytest.mark.parametrize(
    ("mta", "order"),
    [("qmail", "key-first"), ("exim", "fullchain"), (None, "fullchain")],
)
def test_the_mended_file_is_written_as_its_mail_server_reads_it(
    mta: str | None, order: str, judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path
) -> None:
    """The key that stands in the file goes with it where that server reads it from there; the old file is kept."""
    p = parts(actors)
    own = p.key.partition("\n")[2]
    words = ["--mta", mta] if mta else []
    new = tmp_path / "new.pem"
    judge(p.leaf + p.r3 + p.root + p.key, "--write-chain", str(new), *words)
    written = new.read_text(encoding="ascii")
    assert written.startswith(own) == (own in written) == (order == "key-first")
    assert written.count("BEGIN CERTIFICATE") == 2
    assert new.stat().st_mode & 0o777 == (0o600 if order == "key-first" else 0o644)


def test_a_file_is_mended_in_its_place(judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path) -> None:
    """Key, leaf and an order that is wrong: the same file, put right, with the old one beside it."""
    p = parts(actors)
    own = p.key.partition("\n")[2]
    place = str(tmp_path / "servercert.pem")
    judge(own + p.leaf + p.root + p.r3, "--mta", "qmail", "--write-chain", place, "--backup")
    code, document = judge(Path(place).read_bytes(), "--mta", "qmail")
    assert (code, ids(document)) == (0, [])
    assert [p.name for p in tmp_path.glob("servercert.pem.2*")] != []


@pytest.mark.parametrize("layout", [None, "key-first"])
def test_a_key_that_cannot_be_written_hinders_no_list_without_it(
    layout: str | None, judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path
) -> None:
    """With a passphrase, say."""
    p = parts(actors)
    new = tmp_path / "new.pem"
    words = ["--layout", layout] if layout else []
    code, document = judge(encrypted() + p.leaf + p.r3, "--write-chain", str(new), *words)
    assert (new.exists(), "error" in document) == (layout is None, layout is not None)
    assert code == (1 if layout is None else 2)


def test_the_commands_of_a_report_write_what_a_recipe_takes(
    judge: Callable[..., tuple[int, Any]], actors: Cast
) -> None:
    """A list without the key, also where the file has it and its mail server reads it from there."""
    p = parts(actors)
    _, document = judge(p.key + p.leaf + p.root + p.r3, "--mta", "qmail")
    lines = [line for finding in document["endpoints"][0]["findings"] for line in finding["fix"]]
    writing = [line for line in lines if "--write-chain" in line]
    assert writing
    assert all(line.endswith("--layout fullchain") for line in writing)


@pytest.mark.parametrize("purpose", ["server", "client"])
def test_no_remedy_writes_to_certbots_chain_pem(
    purpose: str, judge: Callable[..., tuple[int, Any]], actors: Cast
) -> None:
    """In the folder that is judged that name is taken; and nobody "showed" us anything."""
    p = parts(actors)
    _, document = judge(p.leaf + p.root + p.r3, "--mta", "postfix", "--as", purpose)
    lines = [line for finding in document["endpoints"][0]["findings"] for line in finding["fix"]]
    assert any(line.startswith("$ ") and "--write-chain mended.pem" in line for line in lines)
    assert not any(re.search(r"(?<!full)chain\.pem|showed", line) for line in lines)
    if purpose == "server":
        assert "$ C=mended.pem" in lines
        assert any("`mended.pem` copied there" in line and "than the file held" in line for line in lines)


def test_what_was_mended_in_its_place_is_not_told_to_be_mended(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path
) -> None:
    """The report is of what the file held; the advice to write it, and to install that, is gone."""
    p = parts(actors)
    swapped, place = p.leaf + p.root + p.r3, str(tmp_path / "servercert.pem")
    beside = judge(swapped, "--mta", "exim", "--write-chain", str(tmp_path / "new.pem"))
    in_place = judge(swapped, "--mta", "exim", "--write-chain", place, "--backup")
    assert ids(in_place[1]) == ids(beside[1]) == ["misordered", "root-included"]
    (advice, *_), (kept, *_) = ([f["fix"] for f in one[1]["endpoints"][0]["findings"]] for one in (in_place, beside))
    assert advice == ["That was so, and is mended: the file was written anew. Let the mail server read it again."]
    assert any("awk" in line for line in kept)


def test_a_file_with_a_key_is_told_to_be_backed_up_at_once(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path
) -> None:
    """--force does not suffice there; the sentence says what does, and that does."""
    p = parts(actors)
    place = str(tmp_path / "servercert.pem")
    code, document = judge(p.key + p.leaf, "--write-chain", place, "--force")
    assert (code, "Say --backup" in document["error"]) == (2, True)
    assert "error" not in judge(p.key + p.leaf + p.root + p.r3, "--write-chain", place, "--backup")[1]


def test_openssl_is_not_said_to_accept_a_glued_file(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It accepts the list that we read, and would not read it so; with --ignore that stays true."""
    p = parts(actors)
    place, words = tmp_path / "servercert.pem", ["--no-fetch", "--trust", str(tmp_path / "roots.pem")]
    for content, accepted in ((p.leaf + p.r3, True), (p.leaf.rstrip("\n") + p.r3[p.r3.index("-----") :], False)):
        judge(content)
        for more in ([], ["--ignore", "file-glued"]):
            main(["file", str(place), *words, *more])
            assert ("openssl  accepts" in capsys.readouterr().out) == accepted


def fix_of(document: Any, wanted: str) -> list[str]:
    """The commands of one finding."""
    (finding,) = (one for one in document["endpoints"][0]["findings"] if one["id"] == wanted)
    return [line.removeprefix("$ ") for line in finding["fix"] if line.startswith("$ ")]


def test_the_key_that_fits_is_found(judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path) -> None:
    """The printed lines name it among the files of the folder, whatever else lies there."""
    p = parts(actors)
    folder = tmp_path / "it's a folder"
    folder.mkdir()
    for name, content in (("right one.key", p.key), ("wrong.key", p.other), ("locked.key", encrypted()), ("x", "x")):
        _written(folder / name, content)
    os.mkfifo(folder / "fifo")
    _, document = judge(p.other + p.leaf + p.r3, name="it's a folder/servercert.pem")
    lines = list(takewhile(lambda line: not line.startswith("smtp-chaincheck "), fix_of(document, "key-mismatch")))
    done = subprocess.run(["sh"], input="\n".join(lines), capture_output=True, text=True, check=False, timeout=20)
    assert (done.stdout, done.stderr) == (f"{folder}/right one.key\n", "")


def test_a_key_on_the_wrong_side_is_put_right_by_what_is_printed(
    judge: Callable[..., tuple[int, Any]], actors: Cast, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file itself is written anew, with its key."""
    p = parts(actors)
    _, document = judge(p.leaf + p.r3 + p.key, "--mta", "postfix")
    (line,) = fix_of(document, "key-misplaced")
    name, *words = shlex.split(line)
    assert (name, main([*words, "--no-fetch", "--quiet"])) == ("smtp-chaincheck", 1)
    capsys.readouterr()
    assert ids(judge(Path(words[1]).read_bytes(), "--mta", "postfix")[1]) == []


def test_what_waits_for_a_mail_server_is_not_missed_before_one_is_named(
    judge: Callable[..., tuple[int, Any]], actors: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file without its key is told that the pair was not judged, and nothing of what --mta would ask for."""
    p = parts(actors)
    judge(p.key + p.leaf + p.r3)
    words = ["file", str(tmp_path / "servercert.pem"), "--no-fetch", "--trust", str(tmp_path / "roots.pem")]
    main(words)
    assert "Not judged: name-mismatch (" in capsys.readouterr().out
    main([*words, "--verbose"])
    assert "key-missing" in capsys.readouterr().out
