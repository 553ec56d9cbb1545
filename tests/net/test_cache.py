"""The cache: what it gives back, what it keeps out, and that nothing of it is ever an error."""

from __future__ import annotations

import multiprocessing
import os
import tempfile
from pathlib import Path

import pytest
from forge import CAST, chain

from probe.net import cache
from probe.net.cache import Cache, folder_of
from probe.pki.certificate import parse

LEAF, UPPER, LOWER, ROOT = (parse(one.der) for one in chain(2))
STRANGER = parse(CAST.strange_root.der)


@pytest.fixture
def kept(tmp_path: Path) -> Cache:
    """A cache in a folder that does not exist yet."""
    return Cache(tmp_path / "deep" / "intermediates")


def test_what_signed_is_found_and_nothing_else(kept: Cache) -> None:
    """From the leaf upward, as far as it goes."""
    assert kept.signers([LEAF]) == ()
    kept.keep([UPPER, LOWER, STRANGER])
    assert kept.signers([LEAF]) == (UPPER, LOWER)
    assert kept.signers([UPPER]) == (LOWER,)
    assert kept.signers([STRANGER]) == (STRANGER,)
    assert kept.signers([]) == ()


def test_files_are_named_by_their_digest_and_the_folder_is_ours(kept: Cache) -> None:
    """Nobody else need read where we have been."""
    kept.keep([UPPER])
    (file,) = kept.folder.iterdir()
    assert (file.name, file.read_bytes()) == (f"{UPPER.sha256}.der", UPPER.der)
    assert kept.folder.stat().st_mode & 0o777 == 0o700


def test_the_longest_unused_makes_room(kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of files is bounded, and so is the size of each; what was left unfinished goes, too."""
    monkeypatch.setattr(cache, "COUNT", 2)
    kept.keep([UPPER])
    (kept.folder / ".new-left").write_bytes(b"half")
    (kept.folder / "theirs.txt").write_bytes(b"not ours")
    for number, name in enumerate((".new-left", f"{UPPER.sha256}.der")):
        os.utime(kept.folder / name, (number, number))
    kept.keep([LOWER])
    assert not (kept.folder / ".new-left").exists()
    kept.keep([UPPER])
    os.utime(kept.folder / f"{LOWER.sha256}.der", (1, 1))
    kept.keep([ROOT])
    assert {path.name for path in kept.folder.iterdir()} == {
        "theirs.txt",
        *(f"{one.sha256}.der" for one in (UPPER, ROOT)),
    }
    monkeypatch.setattr(cache, "LARGEST", 10)
    kept.keep([LOWER])
    assert not (kept.folder / f"{LOWER.sha256}.der").exists()


def spoil_content(file: Path) -> None:
    """Another certificate under this name."""
    file.write_bytes(LOWER.der)


def spoil_bytes(file: Path) -> None:
    """A byte is wrong."""
    file.write_bytes(UPPER.der[:-1] + b"\0")


def spoil_pipe(file: Path) -> None:
    """A pipe that nobody writes into."""
    file.unlink()
    os.mkfifo(file)


def spoil_link(file: Path) -> None:
    """A link elsewhere, although what lies there is right."""
    file.rename(file.parents[1] / "elsewhere")
    file.symlink_to(file.parents[1] / "elsewhere")


def spoil_size(file: Path) -> None:
    """A gigabyte, with holes."""
    os.truncate(file, 1 << 30)


def spoil_folder(file: Path) -> None:
    """A folder of that name."""
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize("spoil", [spoil_content, spoil_bytes, spoil_pipe, spoil_link, spoil_size, spoil_folder])
def test_what_is_not_what_its_name_says_is_passed_over(kept: Cache, spoil: object) -> None:
    """And what else lies there is found all the same."""
    kept.keep([UPPER, LOWER])
    assert callable(spoil)
    spoil(kept.folder / f"{UPPER.sha256}.der")
    assert kept.signers([LEAF]) == ()
    assert kept.signers([UPPER]) == (LOWER,)
    kept.keep([UPPER])


def test_a_place_that_cannot_be_used_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the folder's place, a disk that is full."""
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "in"):
        Cache(folder).keep([UPPER])
        assert Cache(folder).signers([LEAF]) == ()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    full = Cache(tmp_path / "full")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        full.keep([UPPER])
    assert list(full.folder.iterdir()) == []
    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    full.keep([UPPER])


def test_a_crowded_folder_is_not_read_to_its_end(kept: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever somebody has put there."""
    kept.keep([UPPER])
    monkeypatch.setattr(cache, "LOOKED_AT", 0)
    assert kept.signers([LEAF]) == ()


def keep_often(folder: Path) -> None:
    """What one of several processes does."""
    for _ in range(30):
        Cache(folder).keep([UPPER, LOWER])
        assert Cache(folder).signers([LEAF]) == (UPPER, LOWER)


def test_several_processes_may_use_it_at_once(kept: Cache) -> None:
    """Nobody reads half a file, and nothing unfinished stays."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=keep_often, args=(kept.folder,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert {path.name for path in kept.folder.iterdir()} == {f"{one.sha256}.der" for one in (UPPER, LOWER)}


def keep_in_turn(folder: Path) -> None:
    """What one of several processes does where there is room for one certificate alone."""
    cache.COUNT = 1
    for _ in range(30):
        for one in (UPPER, LOWER):
            Cache(folder).keep([one])
            assert set(Cache(folder).signers([LEAF])) <= {UPPER, LOWER}


def test_what_another_process_takes_away_meanwhile_is_no_error(kept: Cache) -> None:
    """Each makes room for its own; what is there at the end is whole."""
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=keep_in_turn, args=(kept.folder,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    names = {path.name for path in kept.folder.iterdir()}
    assert names <= {f"{one.sha256}.der" for one in (UPPER, LOWER)}
    assert len(names) >= 1


def test_a_namesake_is_never_taken_for_the_issuer(kept: Cache) -> None:
    """Whoever can write into the folder can put a CA of the same name there, rightly named: it has signed nothing."""
    twin = parse(CAST.authority("Example I2", "issuing-3").der)
    assert (twin.subject.key, twin.sha256 != UPPER.sha256) == (UPPER.subject.key, True)
    kept.keep([twin])
    assert kept.signers([LEAF]) == ()
    kept.keep([UPPER])
    assert kept.signers([LEAF]) == (UPPER,)


@pytest.mark.parametrize(
    ("environment", "folder"),
    [
        ({"XDG_CACHE_HOME": "/c", "HOME": "/h"}, "/c/smtp-chaincheck/intermediates"),
        ({"XDG_CACHE_HOME": "", "HOME": "/h"}, "/h/.cache/smtp-chaincheck/intermediates"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/smtp-chaincheck/intermediates"),
        ({"XDG_CACHE_HOME": "relative"}, None),
        ({}, None),
    ],
)
def test_it_lies_where_caches_lie(environment: dict[str, str], folder: str | None) -> None:
    """XDG Base Directory Specification: a relative path is ignored."""
    assert folder_of(environment) == (Path(folder) if folder else None)
