"""Who can read a file: owner, mode, links, and every folder on the way."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from probe.pki.place import place_of

STRANGER = "stranger"


@pytest.fixture(autouse=True)
def users(monkeypatch: pytest.MonkeyPatch) -> None:
    """One user who owns nothing and is in no group of ours."""
    known = {STRANGER: SimpleNamespace(pw_uid=54_321, pw_gid=54_321)}

    def by_name(name: str) -> SimpleNamespace:
        return known[name]

    monkeypatch.setattr(pwd, "getpwnam", by_name)
    monkeypatch.setattr(os, "getgrouplist", lambda _, group: [group])


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key below folders that everybody may pass."""
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        if folder.stat().st_uid == os.getuid() and folder.name.startswith(("pytest", "test", "popen")):
            folder.chmod(0o755)
    folder = tmp_path / "keys"
    folder.mkdir()
    file = folder / "key.pem"
    file.write_text("key", encoding="ascii")
    return file


def barred(path: Path) -> dict[str, str]:
    """User → what keeps them out."""
    return dict(place_of(path, (STRANGER,)).barred)


def test_owner_group_and_mode_are_those_of_the_target(key: Path, tmp_path: Path) -> None:
    """A link has rights of its own that mean nothing."""
    key.chmod(0o640)
    link = tmp_path / "link.pem"
    link.symlink_to(key)
    place = place_of(link)
    assert (place.path, place.target, place.mode) == (str(link), str(key), 0o640)
    assert (place.owner, place.group) == (pwd.getpwuid(os.getuid())[0], grp.getgrgid(os.getgid())[0])


def test_the_mode_lets_in_or_bars(key: Path) -> None:
    """The last three bits for whom neither owner nor group fits."""
    key.chmod(0o644)
    assert barred(key) == {}
    key.chmod(0o640)
    assert barred(key) == {STRANGER: str(key)}


def test_a_folder_that_cannot_be_passed_bars(key: Path, tmp_path: Path) -> None:
    """Reading a folder is no use without the right to pass it."""
    key.chmod(0o644)
    key.parent.chmod(0o754)
    assert barred(key) == {STRANGER: str(key.parent)}
    link = tmp_path / "link.pem"
    link.symlink_to(key)
    assert barred(link) == {STRANGER: str(key.parent)}


def test_every_folder_behind_a_link_counts(key: Path, tmp_path: Path) -> None:
    """As in /etc/exim4/key.pem → /etc/letsencrypt/live/NAME → ../../archive/NAME: the folder in the middle, too."""
    key.chmod(0o644)
    live = tmp_path / "live"
    live.mkdir()
    (live / "key.pem").symlink_to("../keys/key.pem")
    link = tmp_path / "link.pem"
    link.symlink_to(live / "key.pem")
    assert barred(link) == {}
    live.chmod(0o700)
    assert barred(link) == {STRANGER: str(live)}


def test_users_that_are_not_here_are_named(key: Path) -> None:
    """They are neither barred nor let in."""
    place = place_of(key, (STRANGER, "qmailr"))
    assert place.unknown_users == ("qmailr",)
    assert "qmailr" not in dict(place.barred)


def test_an_access_list_is_not_judged(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may let in whom the mode does not."""
    key.chmod(0o600)
    assert barred(key) == {STRANGER: str(key)}
    monkeypatch.setattr(os, "listxattr", lambda step: ["system.posix_acl_access"] if Path(step) == key else [])
    assert barred(key) == {}


def test_what_is_not_there_raises(tmp_path: Path) -> None:
    """An OSError, as for any file; a loop of links ends."""
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for path in (tmp_path / "absent", loop):
        with pytest.raises(OSError):  # noqa: PT011 -- which error it is, differs with the version of Python
            place_of(path, (STRANGER,))
