from __future__ import annotations

import csv
import io

import pytest
from render.tallies import HOSTILE, row

from probe.render.csv import COLUMNS, header, rows_of
from probe.results.row import Place, Row


def read(text: str, delimiter: str = ",") -> list[list[str]]:
    """As a program reads it that knows RFC 4180."""
    return list(csv.reader(io.StringIO(text, newline=""), strict=delimiter == ",", delimiter=delimiter))


def lines_of(*rows: Row) -> list[dict[str, str]]:
    """The lines by the names of their columns."""
    text = header() + "".join(map(rows_of, rows))
    assert text.count("\n") == text.count("\r\n")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_one_line_an_endpoint() -> None:
    """With what is known of it."""
    (line,) = lines_of(row("mx.example.com", ("expired", "error"), ("duplicate", "info"), ("extra-cert", "info")))
    assert line == {
        "target": "mx.example.com",
        "host": "mx.example.com",
        "address": "192.0.2.25",
        "port": "25",
        "status": "error",
        "stage": "done",
        "tls": "TLSv1.3",
        "ca": "Let's Encrypt",
        "mta": "postfix",
        "errors": "expired",
        "warnings": "",
        "notes": "duplicate extra-cert",
    }


def test_a_target_without_endpoints_has_a_line() -> None:
    """And so has what is said of no single endpoint."""
    nowhere = Row("domain example.org 25 smtp", "error", 1, (("no-mx", "error"),), ())
    known = row("mx.example.com")
    both = Row("domain example.net 25 smtp", "warning", 1, (("mx-dependent", "warning"),), known.places * 2)
    found = lines_of(nowhere, both)
    assert [(line["target"], line["host"], line["errors"] + line["warnings"]) for line in found] == [
        ("example.org", "", "no-mx"),
        ("example.net", "", "mx-dependent"),
        ("example.net", "mx.example.com", ""),
        ("example.net", "mx.example.com", ""),
    ]


STARTS = "=+-@＝＋－＠﹦﹢﹣﹫"


def with_ca(word: str) -> Row:
    """A host whose CA calls itself so."""
    place = Place(word, word, 25, "ok", "done", (), word, word, word, {})
    return Row(f"host {word} 25 smtp", "ok", 0, (), (place,))


@pytest.mark.parametrize("start", [*STARTS])
@pytest.mark.parametrize("before", ["", " ", "   ", "'", '"', "x;", "x; ", ";;"])
def test_nothing_is_a_formula(start: str, before: str) -> None:
    """For a program that parts by commas and for one that parts by semicolons; behind blanks and quotes as well."""
    text = rows_of(with_ca(f"{before}{start}cmd|' /C calc'!A0"))
    for delimiter in ",;":
        for cell in (cell for cells in read(text, delimiter) for cell in cells):
            assert not cell.lstrip(" \"'\t\r").startswith(tuple(STARTS)) or cell.lstrip(' "').startswith("'"), cell
    (cells,) = read(text)
    assert len(cells) == len(COLUMNS)
    assert all("cmd|' /C calc'!A0" in cells[n] for n in (0, 1, 2, 6, 7, 8))


def test_tab_and_return_begin_nothing() -> None:
    """They are visible, as every control character and every trick with directions is."""
    text = rows_of(with_ca("\t=1\r\n+2\x00\u202e"))
    assert text.count("\r\n") == 1
    assert r"\t=1\r\n+2\x00\u202e" in text
    assert not set("\t\x00\u202e") & set(text)


@pytest.mark.parametrize("word", HOSTILE)
def test_any_name_is_one_cell(word: str) -> None:
    """And can be written as UTF-8."""
    text = rows_of(with_ca(word))
    text.encode("utf-8")
    (cells,) = read(text)
    assert len(cells) == len(COLUMNS)


def test_what_is_usual_is_left_as_it_is() -> None:
    """No apostrophe where none is needed; quotes and commas survive."""
    (cells,) = read(rows_of(with_ca('Firma "A-B", e.V.')))
    assert cells[7] == 'Firma "A-B", e.V.'
    assert "'" not in rows_of(with_ca("2001:db8::1"))
