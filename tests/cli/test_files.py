from __future__ import annotations

import os
from pathlib import Path

import pytest

from probe.cli import files

FORCE = files.Overwriting(force=True)


def mode(path: Path) -> int:
    """The permission bits."""
    return path.stat().st_mode & 0o777


def test_a_new_file_is_whole_and_readable_by_all(tmp_path: Path) -> None:
    """Mode 0644 whatever the umask, and nothing left beside it."""
    before = os.umask(0o077)
    try:
        files.write(tmp_path / "chain.pem", "PEM\n")
    finally:
        os.umask(before)
    assert (tmp_path / "chain.pem").read_text() == "PEM\n"
    assert mode(tmp_path / "chain.pem") == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["chain.pem"]


def test_what_exists_is_not_overwritten_unless_forced(tmp_path: Path) -> None:
    """The sentence says how."""
    place = tmp_path / "chain.pem"
    place.write_text("-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match=r"exists already\. Say --force"):
        files.write(place, "new")
    assert place.read_text() == "-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n"
    files.write(place, "new", FORCE)
    assert place.read_text() == "new"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the write somebody else may have been quicker."""
    place = tmp_path / "chain.pem"
    place.write_text("theirs")
    monkeypatch.setattr(files, "refuse_place", lambda *_, **__: None)
    with pytest.raises(ValueError, match="exists already"):
        files.write(place, "ours")
    assert place.read_text() == "theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["chain.pem"]


def test_a_private_key_is_never_overwritten(tmp_path: Path) -> None:
    """A servercert.pem holds key and chain; a probe has no key to put back."""
    place = tmp_path / "servercert.pem"
    place.write_text("-----BEGIN RSA PRIVATE KEY-----\nx\n")
    with pytest.raises(ValueError, match="perhaps a private key"):
        files.write(place, "new", FORCE)


def test_a_file_that_we_may_not_read_is_spared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold a key."""
    place = tmp_path / "servercert.pem"
    place.write_text("x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ValueError, match="perhaps a private key"):
        files.refuse_place(place, FORCE)


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    """Servers link their certificate files."""
    real = tmp_path / "real.pem"
    real.write_text("-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n")
    link = tmp_path / "link.pem"
    link.symlink_to("real.pem")
    files.write(link, "new", FORCE)
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_link_that_leads_nowhere_is_not_followed_unless_forced(tmp_path: Path) -> None:
    """In a folder of everybody it may be a trap."""
    link = tmp_path / "link.pem"
    link.symlink_to("elsewhere.pem")
    with pytest.raises(ValueError, match="exists already"):
        files.write(link, "new")
    files.write(link, "new", FORCE)
    assert (tmp_path / "elsewhere.pem").read_text() == "new"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Before a probe, not behind it."""
    with pytest.raises(ValueError, match="there is no folder"):
        files.refuse_place(tmp_path / "nowhere" / "chain.pem")


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    """Not a folder, and no device either."""
    with pytest.raises(ValueError, match="is a folder"):
        files.write(tmp_path, "x")
    with pytest.raises(ValueError, match="no regular file"):
        files.write(Path("/dev/null"), "x", FORCE)


def test_a_disk_that_refuses_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is left beside the place."""

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ValueError, match=r"cannot be written: No space left on device\."):
        files.write(tmp_path / "chain.pem", "x", FORCE)
    assert list(tmp_path.iterdir()) == []


def test_names_are_shown_harmlessly(tmp_path: Path) -> None:
    """A file name is text from somewhere, too."""
    with pytest.raises(ValueError, match=r"\\x1b\[2J") as refused:
        files.read(tmp_path / "\x1b[2J")
    assert "\x1b" not in str(refused.value)


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    """Absent, a folder, too long, no text."""
    place = tmp_path / "seen.json"
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        files.read(place)
    with pytest.raises(ValueError, match="cannot be read: Is a directory"):
        files.read(tmp_path)
    place.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="is no text"):
        files.read(place)
    place.write_text("x" * 11)
    with pytest.raises(ValueError, match="is larger than"):
        files.read(place, 10)
    assert files.read(place, 11) == "x" * 11


@pytest.mark.parametrize(
    "content",
    [
        b"\x30\x82\x04\xbe\x02\x01\x00",
        "-----BEGIN PRIVATE KEY-----".encode("utf-16"),
        b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN DH PARAMETERS-----\n",
        b"some notes of mine",
    ],
    ids=["DER key", "UTF-16", "another block", "text"],
)
def test_only_what_we_write_ourselves_is_overwritten(tmp_path: Path, content: bytes) -> None:
    """A private key has many forms; what is not known to be harmless is spared."""
    place = tmp_path / "chain.pem"
    place.write_bytes(content)
    with pytest.raises(ValueError, match="perhaps a private key"):
        files.write(place, "new", FORCE)
    assert place.read_bytes() == content


def test_an_old_file_keeps_its_mode(tmp_path: Path) -> None:
    """Whoever closed it had a reason."""
    place = tmp_path / "chain.pem"
    place.write_text("-----BEGIN CERTIFICATE-----\nold\n-----END CERTIFICATE-----\n")
    place.chmod(0o640)
    files.write(place, "new", FORCE)
    assert place.stat().st_mode & 0o777 == 0o640


def test_a_key_without_armour_is_never_overwritten(tmp_path: Path) -> None:
    """Bare base64 beside a certificate may be anything; remarks of ours are none."""
    pem = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n"
    place = tmp_path / "chain.pem"
    place.write_text(f"TUlJRXZRSUJBREFO\n{pem}", encoding="ascii")
    with pytest.raises(ValueError, match="perhaps a private key"):
        files.write(place, "new", FORCE)
    place.write_text(f"# mx.example\n{pem}\n# Example R3\r\n{pem}", encoding="ascii")
    files.write(place, "new", FORCE)
    assert place.read_text(encoding="ascii") == "new"


def test_a_name_that_no_file_can_have_is_a_mistake_of_the_user(tmp_path: Path) -> None:
    """And no bug of ours."""
    with pytest.raises(ValueError, match="its name is too long"):
        files.refuse_place(tmp_path / ("a" * 300))
