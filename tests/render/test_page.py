from __future__ import annotations

import io

from rich.console import Console

from probe.render.page import list_of, text_of

PAGE = """\
# A title

`an-id`

## What it means

A paragraph that is *hard* wrapped
at **some** place, see [RFC 5280](https://example.com/rfc5280) and
[https://example.com](https://example.com). A `cat *.pem` stays.

- first item
  goes on
- second item

1. numbered

| a | table |
|---|-------|
| `*.md` | **b** |

```sh
cat a > b
    indented more
```

    four spaces
"""


def shown(markdown: str, width: int = 60) -> list[str]:
    """The lines of a page."""
    return [line.plain for line in text_of(markdown, Console(file=io.StringIO(), width=width)).lines]


def test_a_page_is_laid_out_for_a_terminal() -> None:
    """Headings and paragraphs are text, commands stay as they are, four spaces in."""
    assert shown(PAGE) == [
        "A title",
        "",
        "an-id",
        "",
        "What it means",
        "",
        "A paragraph that is hard wrapped at some place, see RFC 5280",
        "<https://example.com/rfc5280> and https://example.com. A cat",
        "*.pem stays.",
        "",
        "- first item goes on",
        "- second item",
        "",
        "1. numbered",
        "",
        "    a     table",
        "    *.md  b",
        "",
        "    cat a > b",
        "        indented more",
        "",
        "    four spaces",
    ]


def test_a_table_that_is_too_wide_becomes_lines() -> None:
    """The first cell is a heading, the others follow their column's name."""
    table = "| reply | server | where |\n|---|---|---|\n| 454 | `Postfix` | in the log of the mail server |\n"
    assert shown(table, 30) == [
        "    454",
        "      server: Postfix",
        "      where: in the log of the",
        "        mail server",
    ]


def test_emphasis_may_hold_code() -> None:
    """The stars go, and so do the backquotes; what stands between these is left alone."""
    assert shown("**It sends `a*b*c` alone.** Then `**`.") == ["It sends a*b*c alone. Then **."]


def test_a_list_of_pages_hangs_its_titles() -> None:
    """One line an id, or more where the title is long."""
    sheet = list_of({"a": "short", "longer": "a title of some words"}, Console(file=io.StringIO(), width=20))
    assert [line.plain for line in sheet.lines] == [
        "a       short",
        "longer  a title of",
        "        some words",
    ]


def test_no_pages_make_no_list() -> None:
    """Nothing to list is no mistake."""
    assert list_of({}, Console(file=io.StringIO())).lines == []
