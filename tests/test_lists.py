"""Lists of targets: every form that people have, every mistake told, every target once, in bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import threading
import tracemalloc
from collections import Counter
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.lists import file as files
from probe.lists import open_list, unique
from probe.lists.file import File
from probe.lists.lines import LONGEST, lines
from probe.model import Kind, Protocol, Target, Tls
from probe.targets import target_of

Told = list[tuple[int, str, str]]


def stdin(content: bytes = b"") -> io.BufferedReader:
    """Standard input as a pipe would bring it."""
    return io.BufferedReader(io.BytesIO(content))


def nothing(number: int, text: str, why: str) -> None:
    """No mistake is expected."""
    pytest.fail(f"{number}: {text}: {why}")


def read(path: Path, column: str | int | None = None, *, shuffle: bool = False, seed: int = 1) -> list[str]:
    """Give the names of all targets of a list without mistakes."""
    told: Told = []
    with open_list(str(path), stdin(), column) as listing:
        names = [target.name for target in listing.targets(lambda *of: told.append(of), shuffle=shuffle, seed=seed)]
    assert told == []
    return names


def mistakes(path: Path, column: str | int | None = None, *, shuffle: bool = False) -> tuple[list[str], Told]:
    """Give the names of all targets, and what was told of the others."""
    told: Told = []
    with open_list(str(path), stdin(), column) as listing:
        found = listing.targets(lambda *of: told.append(of), shuffle=shuffle, seed=1)
        return [target.name for target in found], told


def listed(folder: Path, content: str | bytes) -> Path:
    """Write a list."""
    path = folder / "hosts.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


PLAIN = """\
# all of them

mx1.example.com
  mx2.example.com.\t# the old one
mx3.example.com:587
192.0.2.25
2001:db8::25
[2001:db8::26]:465
user@example.org
smtps://mx4.example.com/
https://example.net/#contact
"Doe, John" <john@example.info>
BÜCHER.example
"""


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_plain_list(tmp_path: Path, end: str, *, shuffle: bool) -> None:
    """Hosts, ports, addresses, mail addresses, URLs and comments are understood as they are on the command line."""
    path = listed(tmp_path, "\ufeff" + PLAIN.replace("\n", end))
    told: Told = []
    with open_list(str(path), stdin()) as listing:
        found = list(listing.targets(lambda *of: told.append(of), shuffle=shuffle))
    assert told == []
    expected = [
        Target("mx1.example.com"),
        Target("mx2.example.com"),
        Target("mx3.example.com", 587, Protocol.SUBMISSION),
        Target("192.0.2.25"),
        Target("2001:db8::25"),
        Target("2001:db8::26", 465, Protocol.SUBMISSION, Tls.IMPLICIT),
        Target("example.org", kind=Kind.DOMAIN),
        Target("mx4.example.com", 465, Protocol.SUBMISSION, Tls.IMPLICIT),
        Target("example.net"),
        Target("example.info", kind=Kind.DOMAIN),
        Target("xn--bcher-kva.example"),
    ]
    assert (set(found) if shuffle else found) == (set(expected) if shuffle else expected)


def test_each_line_is_understood_as_the_caller_wants(tmp_path: Path) -> None:
    """Domains with MX records, and a port for all that name none."""
    path = listed(tmp_path, "example.com\nexample.org:587\n")
    with open_list(str(path), stdin()) as listing:
        found = list(listing.targets(nothing, partial(target_of, port=26, mx=True), shuffle=False))
    assert [(target.kind, target.port) for target in found] == [(Kind.DOMAIN, 26), (Kind.DOMAIN, 587)]


def test_text_that_is_no_utf8_is_latin_1(tmp_path: Path) -> None:
    """An old list with umlauts is read, and one such line does not change how the others are read."""
    assert read(listed(tmp_path, b"b\xfccher.example\nb\xc3\xbccher.example\n")) == ["xn--bcher-kva.example"] * 2


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("1,google.example\n2,mail.example\n", ["google.example", "mail.example"]),
        ("saddr\n192.0.2.1\n192.0.2.2\n", ["192.0.2.1", "192.0.2.2"]),
        ("# made by zmap\nsaddr,sport\n192.0.2.1,25\n", ["192.0.2.1"]),
        ('"Common Name";"Not After"\n"mx.example.com";"2026-01-01"\n', ["mx.example.com"]),
        ("GlobalRank,TldRank,Domain,TLD\n1,1,example.com,com\n", ["example.com"]),
        ("2024-01-01T00:00:00,DE,mx.example.com\n", ["mx.example.com"]),
        ("mx.example.com\tthe first, of two; really\n", ["mx.example.com"]),
        ("1,localhost\n", ["localhost"]),
        ("localhost\nmail\n", ["localhost", "mail"]),
        ("domain,mx.example.com\n", ["mx.example.com"]),
        ('"Suite #5",mx.example.com\n', ["mx.example.com"]),
        (',,"mx.example.com",\n', ["mx.example.com"]),
    ],
)
def test_the_first_field_that_is_a_target(tmp_path: Path, content: str, names: list[str]) -> None:
    """Lists with ranks, dates and headers need no option; a name with a dot goes before a single word."""
    assert read(listed(tmp_path, content)) == names


TABLE = "Nr;Host Name;Notes\n1;mx1.example.com;old.example.org\n2; mx2.example.com ;\n"


@pytest.mark.parametrize("column", ["host name", "HOST NAME", " Host Name", 2, "2"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_column_by_name_or_number(tmp_path: Path, column: str | int, delimiter: str) -> None:
    """Its name counts in any case, its number from 1; what the fields are divided by is told from the first line."""
    content = TABLE.replace(";", delimiter)
    assert read(listed(tmp_path, content), column) == ["mx1.example.com", "mx2.example.com"]


def test_a_column_without_header_and_with_empty_first_fields(tmp_path: Path) -> None:
    """A number works without a header; an empty field at the beginning is a field."""
    assert read(listed(tmp_path, "a;mx1.example.com\n;mx2.example.com\n"), 2) == ["mx1.example.com", "mx2.example.com"]
    assert read(listed(tmp_path, "\tmx1.example.com\n\tmx2.example.com\n"), 2) == ["mx1.example.com", "mx2.example.com"]


def test_a_comment_ends_a_field(tmp_path: Path) -> None:
    """As it ends a line without columns."""
    assert read(listed(tmp_path, "mx1.example.com  # old\nmx2.example.com\n"), 1) == [
        "mx1.example.com",
        "mx2.example.com",
    ]


@pytest.mark.parametrize(
    ("content", "lent"),
    [
        ("mx.example.com;2603\n", True),
        ("host,port\nmx.example.com,25\n", True),
        ("1,mx.example.com\n", False),
        ("mx.example.com\n", False),
        ("mx.example.com,25,old\n", False),
        ("host,rank\nmx.example.com,25\n", False),
    ],
)
def test_a_port_in_a_field_of_its_own_is_noticed(tmp_path: Path, content: str, lent: bool) -> None:
    """It is not read, and a rank is none."""
    with open_list(str(listed(tmp_path, content)), stdin()) as listing:
        assert listing.lends_no_port is lent
    assert read(listed(tmp_path, content)) == ["mx.example.com"]


def test_a_column_that_is_called_by_a_number(tmp_path: Path) -> None:
    """The header goes before the count."""
    assert read(listed(tmp_path, "2024,2\nmx1.example.com,mx2.example.com\n"), "2024") == ["mx1.example.com"]


def test_a_plain_list_has_one_column(tmp_path: Path) -> None:
    """Lines without any delimiter are a table of one column."""
    assert read(listed(tmp_path, "mx1.example.com\nmx2.example.com\n"), 1) == ["mx1.example.com", "mx2.example.com"]


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("mx", 'There is no column "mx". The first line has: nr, host name, notes.'),
        (4, "There is no column 4: the first line has 3."),
        ("0", "There is no column 0: the first line has 3."),
        ("\x1b[2J", r'There is no column "\\x1b\[2J".'),
    ],
)
def test_a_column_that_is_not_there(tmp_path: Path, column: str | int, why: str) -> None:
    """The columns that are there are named."""
    with pytest.raises(ValueError, match=why), open_list(str(listed(tmp_path, TABLE)), stdin(), column):
        pass


QUOTED = (
    'host,notes\nmx1.example.com,"two\nlines, and ""quotes"""\nmx2.example.com,\nmx3.example.com,"one"\n'
    'mx4.example.com,"never closed\nmx5.example.com,\n'
)


@pytest.mark.parametrize("shuffle", [False, True])
def test_quoted_fields_over_several_lines(tmp_path: Path, *, shuffle: bool) -> None:
    """They are one record; a quote that is never closed costs no line behind it."""
    found = read(listed(tmp_path, QUOTED), "host", shuffle=shuffle)
    assert sorted(found) == [f"mx{number}.example.com" for number in range(1, 6)]


@pytest.mark.unmeasured
def test_a_large_table_with_quoted_line_ends_is_not_divided(tmp_path: Path) -> None:
    """No place in it can be told from a line inside a field."""
    rows = "".join(f'"first\nfake{at}.example\nlast",mx{at}.example.com\n' for at in range(3000))
    found = read(listed(tmp_path, "notes,host\n" + rows), "host", shuffle=True)
    assert sorted(found) == sorted(f"mx{at}.example.com" for at in range(3000))


WRONG = "mx1.example.com\nno host\nmx2.example.com:99999\n\n1,2,3\nmx3.example.com\n-\n"


def test_mistakes_are_told_and_end_nothing(tmp_path: Path) -> None:
    """Each has the number of its line, its text and a reason."""
    names, told = mistakes(listed(tmp_path, WRONG))
    assert names == ["mx1.example.com", "mx3.example.com"]
    assert [(number, text) for number, text, _ in told] == [
        (2, "no host"),
        (3, "mx2.example.com:99999"),
        (5, "1,2,3"),
        (7, "-"),
    ]
    assert "is no host name" in told[0][2]
    assert told[2][2] == "None of the fields of this line is a host name or an address."


def test_mistakes_of_a_column(tmp_path: Path) -> None:
    """A row that is too short, an empty field, and a field that is no host."""
    path = listed(tmp_path, "id,host\n1\n2,\n3,not a host\n4,mx.example.com\n")
    names, told = mistakes(path, "host")
    assert names == ["mx.example.com"]
    assert [(number, why[:36]) for number, _, why in told] == [
        (2, "This line has no column 2."),
        (3, "Column 2 of this line is empty."),
        (4, '"not a host" is no host name. Write '),
    ]


@pytest.mark.unmeasured
def test_a_mistake_in_the_midst_of_a_mixed_file_has_its_line_number(tmp_path: Path) -> None:
    """It is counted from the beginning of the file, header and all, wherever the file was divided."""
    content = ["host"] + [f"mx{at}.example.com" if at % 7 else f"!{at}" for at in range(20_000)]
    path = listed(tmp_path, "\r\n".join(content))
    names, told = mistakes(path, shuffle=True)
    assert len(names) + len(told) == 20_000
    assert all(content[number - 1] == text for number, text, _ in told)
    assert len(told) == len(range(0, 20_000, 7))


@pytest.mark.parametrize("tail", ["", "\n", "\r\n"])
def test_a_line_without_end_is_cut_and_told(tmp_path: Path, tail: str) -> None:
    """Its beginning counts, the next line is whole, and a line that just fits is not told of."""
    long = "mx1.example.com," + "x" * 3 * LONGEST
    fits = "mx2.example.com," + "x" * (LONGEST - len("mx2.example.com,") - len(tail))
    path = listed(tmp_path, f"{long}\n{fits}{tail}")
    names, told = mistakes(path)
    assert names == ["mx1.example.com", "mx2.example.com"]
    assert [(number, why[:35]) for number, _, why in told] == [(1, "This line is longer than 64 KiB: it")]


def test_a_field_longer_than_any_host(tmp_path: Path) -> None:
    """It is refused before anybody tries to understand it."""
    (names, told) = mistakes(listed(tmp_path, "ü" * 40_000 + "\nmx.example.com\n"))
    assert names == ["mx.example.com"]
    assert "is longer than any host name" in told[0][2]
    assert len(told[0][2]) < 200


HOSTS = st.lists(st.integers(1, 60).map("a".__mul__), max_size=400)


@given(hosts=HOSTS, end=st.sampled_from(["\n", "\r\n"]), ended=st.booleans(), seed=st.integers())
def test_every_target_comes_out_once(
    tmp_path_factory: pytest.TempPathFactory, hosts: list[str], end: str, seed: int, *, ended: bool
) -> None:
    """However long the lines are, wherever the file is divided, with and without an end of the last line."""
    names = [f"{host}.{at}.example" for at, host in enumerate(["first", *hosts])]
    path = listed(tmp_path_factory.getbasetemp(), end.join(names) + end * ended)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "SMALLEST", 64)
        assert sorted(read(path, shuffle=True, seed=seed)) == sorted(names)


@given(sizes=st.lists(st.integers(0, 300), max_size=60), start=st.integers(0, 50))
def test_stretches_are_whole_lines(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], start: int) -> None:
    """They follow each other without a gap, and each but the first begins behind an end of a line."""
    content = b"\n".join(b"x" * size for size in sizes)
    path = listed(tmp_path_factory.getbasetemp(), content)
    with pytest.MonkeyPatch.context() as patched, path.open("rb") as stream:
        patched.setattr(files, "SMALLEST", 16)
        start = min(start, len(content))
        parts = File(stream.fileno(), start, len(content)).stretches()
        assert b"".join(part.opened().read() for part in parts) == content[start:]
        assert all(content[part.start - 1 : part.start] == b"\n" for part in parts[1:])
        found = File(stream.fileno(), start, len(content))
        assert found.lines_before(parts) == [content[start : part.start].count(b"\n") for part in parts] or not parts


def test_one_line_over_all_places_is_searched_once(tmp_path: Path) -> None:
    """A file of one line is one stretch, and no place of it is searched again from each division."""
    path = listed(tmp_path, b"x" * 4_000_000)
    read_bytes = Counter[str]()
    with pytest.MonkeyPatch.context() as patched, path.open("rb") as stream:
        pread = os.pread

        def counted(descriptor: int, size: int, at: int) -> bytes:
            read_bytes["all"] += size
            return pread(descriptor, size, at)

        patched.setattr(os, "pread", counted)
        assert len(File(stream.fileno(), 0, 4_000_000).stretches()) == 1
    assert read_bytes["all"] <= 4_000_000


@pytest.mark.unmeasured
def test_a_sorted_list_is_spread_over_all_of_the_sweep(tmp_path: Path) -> None:
    """An operator that has a tenth of the file has about a tenth of any thousand targets."""
    names = [f"mx{at}.operator{at // 4000}.example" for at in range(40_000)]
    found = read(listed(tmp_path, "\n".join(names)), shuffle=True)
    assert Counter(found) == Counter(names)
    for start in range(0, 40_000, 4000):
        share = sum(".operator3." in name for name in found[start : start + 4000])
        assert 280 < share < 520


def test_a_seed_repeats_the_order(tmp_path: Path) -> None:
    """The same seed gives the same order, another one another, and none of them the file's."""
    names = [f"mx{at}.example" for at in range(1000)]
    path = listed(tmp_path, "\n".join(names))
    first, again, other = (read(path, shuffle=True, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert names not in (first, other)


@pytest.mark.unmeasured
def test_standard_input_is_mixed_by_the_window_and_stays_open() -> None:
    """A pipe is read to its end; who gave it may read on, or close it."""
    names = [f"mx{at}.example" for at in range(10_000)]
    pipe = stdin("\n".join(names).encode())
    with open_list("-", pipe) as listing:
        assert listing.how_many() is None
        found = [target.name for target in listing.targets(nothing, seed=1)]
    assert found != names
    assert sorted(found) == sorted(names)
    assert not pipe.closed


def test_lines_are_taken_as_they_come(tmp_path: Path) -> None:
    """In the file's order the first target is there before the second line is written."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    taken = threading.Event()

    def write() -> None:
        with path.open("w") as pipe:
            pipe.write("mx1.example\n")
            pipe.flush()
            taken.wait(10)
            pipe.write("mx2.example\n")

    writer = threading.Thread(target=write)
    writer.start()
    with open_list(str(path), stdin()) as listing:
        assert listing.how_many() is None
        found = listing.targets(nothing, shuffle=False)
        assert next(found).name == "mx1.example"
        taken.set()
        assert [target.name for target in found] == ["mx2.example"]
    writer.join()


@pytest.mark.parametrize("shuffle", [False, True])
def test_gzip_is_read_through(tmp_path: Path, *, shuffle: bool) -> None:
    """In several members as well, as concatenated files are."""
    path = listed(tmp_path, gzip.compress(b"rank,domain\n1,a.example\n") + gzip.compress(b"2,b.example\n"))
    assert sorted(read(path, "domain", shuffle=shuffle)) == ["a.example", "b.example"]
    with open_list("-", stdin(path.read_bytes())) as listing:
        assert listing.how_many() is None
        assert [target.name for target in listing.targets(nothing, shuffle=False)] == ["a.example", "b.example"]


@pytest.mark.unmeasured
def test_an_archive_that_is_cut_short_is_told(tmp_path: Path) -> None:
    """What precedes the damage counts."""
    names = [f"mx{sha256(str(at).encode()).hexdigest()[:8]}.example" for at in range(20_000)]
    packed = gzip.compress("\n".join(names).encode())
    found, told = mistakes(listed(tmp_path, packed[: len(packed) // 2]))
    assert found == names[: len(found)]
    assert len(found) > 1000
    assert [(number, text) for number, text, _ in told][-1] == (len(found) + len(told), "")
    assert told[-1][2].startswith("The list cannot be read from here on: ")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"# nothing\n\n  \n", "has no target in it: all lines are blank or comments"),
        (b"PK\x03\x04\x14\0\x06\0", "a zip archive or a spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a spreadsheet: save it as CSV"),
        (gzip.compress(b"PK\x03\x04\x14\0\x06\0"), "a zip archive or a spreadsheet"),
        ("mx.example.com\n".encode("utf-16"), "text in UTF-16"),
        (b"SQLite format 3\0", "is no text"),
        (b"\x1f\x8bno archive", "cannot be read: "),
        (gzip.compress(b"mx.example.com\n")[:-12], "cannot be read: "),
        (gzip.compress(b""), "is empty"),
    ],
    ids=["nothing", "comments", "zip", "xls", "zip in gzip", "utf-16", "binary", "no gzip", "cut gzip", "empty gzip"],
)
def test_what_is_no_list(tmp_path: Path, content: bytes, why: str) -> None:
    """It is said before the sweep begins, from a file and from a pipe."""
    with pytest.raises(ValueError, match=f"hosts.* {why}"), open_list(str(listed(tmp_path, content)), stdin()):
        pass
    with pytest.raises(ValueError, match=f"Standard input .*{why}"), open_list("-", stdin(content)):
        pass


def test_places_that_hold_no_list(tmp_path: Path) -> None:
    """A folder, and a name that is not there, which may have been made to harm a terminal."""
    with pytest.raises(ValueError, match=r"is a folder\. Name a file in it\."), open_list(str(tmp_path), stdin()):
        pass
    with pytest.raises(ValueError, match=r"gone\\x1b cannot be read: No such file"), open_list("gone\x1b", stdin()):
        pass
    with pytest.raises(ValueError, match="cannot be read"), open_list("\0", stdin()):
        pass


def test_how_many_lines(tmp_path: Path) -> None:
    """They are counted without the header, with the last line that lacks its end, before and while they are read."""
    path = listed(tmp_path, "domain\na.example\nb.example")
    with open_list(str(path), stdin()) as listing:
        assert listing.how_many() == 2
        found = listing.targets(nothing, shuffle=False)
        assert next(found).name == "a.example"
        assert listing.how_many() == 2
        assert next(found).name == "b.example"


def test_how_many_lines_of_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples are near the truth where the length of lines drifts."""
    monkeypatch.setattr(files, "COUNTED", 100_000)
    monkeypatch.setattr(files, "PIECE", 4096)
    names = [f"mx{at}.{'x' * (at // 2000)}.example" for at in range(100_000)]
    with open_list(str(listed(tmp_path, "\n".join(names))), stdin()) as listing:
        assert listing.how_many() == pytest.approx(100_000, rel=0.05)


@pytest.mark.unmeasured
@pytest.mark.parametrize("shuffle", [False, True])
def test_memory_is_bounded(tmp_path: Path, *, shuffle: bool) -> None:
    """A line of 50 MB, a hole in the file, is never held whole."""
    path = listed(tmp_path, "mx.example.com\n" * 1000 + "mx")
    os.truncate(path, 50 << 20)
    with path.open("ab") as stream:
        stream.write(b"\nlast.example.com")
    tracemalloc.start()
    names, told = mistakes(path, shuffle=shuffle)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(names) == 1001
    assert "last.example.com" in names
    assert [number for number, *_ in told] == [1001]
    assert peak < 4 << 20


@pytest.mark.unmeasured
def test_memory_does_not_grow_with_the_list() -> None:
    """What a long list costs is its window."""

    def peak(count: int) -> int:
        tracemalloc.start()
        with open_list("-", stdin(b"mx.example.com\n" * count)) as listing:
            assert sum(1 for _ in listing.targets(nothing)) == count
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most - 15 * count

    assert peak(12_000) < peak(6_000) + (1 << 18)


def test_duplicates_are_left_out() -> None:
    """The first of each key stays."""
    had: set[str] = set()

    def add(key: str) -> bool:
        new = key not in had
        had.add(key)
        return new

    names = ["a.example", "b.example", "a.example", "c.example", "b.example"]
    found = unique(map(target_of, names), add, lambda target: target.name)
    assert [target.name for target in found] == ["a.example", "b.example", "c.example"]


def test_lines_of_a_stream_that_stutters() -> None:
    """Line by line, with numbers from 1, however the bytes come."""
    found = list(lines(io.BufferedReader(io.BytesIO(b"a\nb\n\nc"), 1)))
    assert [(line.number, line.text, line.cut) for line in found] == [
        (1, "a", False),
        (2, "b", False),
        (3, "", False),
        (4, "c", False),
    ]
