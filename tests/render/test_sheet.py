from __future__ import annotations

import io

import pytest
from rich.text import Text

from probe.render.sheet import WIDEST, WIDTH, Sheet, console, write


class Screen(io.StringIO):
    """A stream that says whether it is a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        """As a file does."""
        return self.terminal


def styled(stream: Screen, *, no_color: bool = False) -> str:
    """A red word as it reaches the stream."""
    screen = console(stream, no_color=no_color)
    screen.print(Text("red", "bold red"))
    return stream.getvalue()


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "COLORTERM", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_gets_colours() -> None:
    """And only a terminal does."""
    assert "\x1b[" in styled(Screen(terminal=True))
    assert styled(Screen(terminal=False)) == "red\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_refuse_colours(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """NO_COLOR and a dumb terminal take every style away, bold too."""
    monkeypatch.setenv(name, value)
    assert styled(Screen(terminal=True)) == "red\n"


def test_the_command_line_can_refuse_colours() -> None:
    """As --no-color does."""
    assert styled(Screen(terminal=True), no_color=True) == "red\n"


def test_an_empty_no_color_refuses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org: "present and not an empty string"."""
    monkeypatch.setenv("NO_COLOR", "")
    assert "\x1b[" in styled(Screen(terminal=True))


def test_a_pipe_gets_no_colours_even_where_programs_are_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that we write into holds no codes."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert styled(Screen(terminal=False)) == "red\n"


@pytest.mark.parametrize(("columns", "expected"), [("60", 60), ("300", WIDEST)])
def test_a_terminal_is_used_as_wide_as_it_reads_well(
    monkeypatch: pytest.MonkeyPatch, columns: str, expected: int
) -> None:
    """Narrow ones are filled, wide ones are not."""
    monkeypatch.setenv("COLUMNS", columns)
    assert expected == console(Screen(terminal=True)).width
    assert console(Screen(terminal=False)).width == WIDTH


def test_a_paragraph_hangs_below_its_first_line() -> None:
    """And a word that is longer than a line stays whole."""
    sheet = Sheet(30)
    sheet.say("one two three four five http://example.com/as/long/as/it/takes six", first="  - ")
    assert [line.plain for line in sheet.lines] == [
        "  - one two three four five",
        "    http://example.com/as/long/as/it/takes",
        "    six",
    ]


def test_no_words_make_no_line() -> None:
    """A label without words would only puzzle."""
    sheet = Sheet()
    sheet.say("", first="  names  ")
    sheet.say(" \n"[:1])
    assert sheet.lines == []


def test_blank_lines_do_not_pile_up() -> None:
    """None at the top, none doubled, none at the end."""
    sheet = Sheet()
    sheet.blank()
    sheet.line("a")
    sheet.blank()
    sheet.blank()
    sheet.line("b")
    sheet.blank()
    stream = Screen(terminal=False)
    write(sheet, console(stream))
    assert stream.getvalue() == "a\n\nb\n"


def test_letters_that_the_stream_lacks_are_replaced() -> None:
    """Signs by plain ones, letters by escapes; an encoding that Python does not know is taken for ASCII."""
    assert Sheet(80, "ascii").shown("✗ “Müller” …") == 'x "M\\xfcller" ...'
    assert Sheet(80, "latin-1").shown("Müller") == "Müller"
    assert Sheet(80, "no-such-encoding").shown("→") == "->"
