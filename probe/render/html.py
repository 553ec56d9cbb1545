"""The counts of a sweep as one page of HTML that needs nothing else, runs nothing and asks nobody.

Every word from a stranger is cleaned as for a screen (``render.clean``), then escaped for HTML. If either were
forgotten somewhere, the page's own Content-Security-Policy still allows its styles and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from probe.render.clean import clean
from probe.render.counts import WORDS, how_many, milliseconds, number, share, took
from probe.render.facts import software_name
from probe.render.sheet import MARKS
from probe.results.reading import STATUS
from probe.results.tally import About, Group, Tally, frequent, largest

if TYPE_CHECKING:
    from probe.render.finding import Title

POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""https://www.w3.org/TR/CSP3/: the inline style, and nothing from anywhere."""
GROUPS = 50
"""CAs and mail servers that have a row; a sweep of the whole net meets some hundreds, most of them once."""
SEVERITIES = {"error": "error", "warning": "warning", "info": "note"}
KINDS = {"For example": "words", "Most often": "words", "Findings": "words", "Share": "share", "Not right": "share"}
"""Heading → class of its column; the others hold numbers."""
BEGIN = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8">
<meta name="generator" content="smtp-chaincheck">
"""
"""How every page of ours begins."""
_STYLE = Path(__file__).with_name("page.css")

Cell = str
"""HTML, already escaped."""


def page(tally: Tally, about: About, title: Title) -> str:
    """Write the page; ``title`` gives the title of a finding's page."""
    name = f"Sweep of {_text(about.source)}"
    body = (*_heading(name, tally, about), *_sections(tally, title), *_foot(about))
    return BEGIN + "\n".join(
        (
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{name}</title>",
            f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style></head>",
            "<body>",
            *body,
            "</body></html>\n",
        )
    )


def _heading(name: str, tally: Tally, about: About) -> Iterator[str]:
    yield f"<header><h1>{name}</h1>"
    began = f'<time datetime="{about.began:%Y-%m-%dT%H:%M:%SZ}">{about.began:%Y-%m-%d %H:%M} UTC</time>'
    yield f"<p>{began}: {how_many(tally)}{took(tally, about)}.</p>"
    if not about.finished:
        yield "<p><strong>The sweep was not finished: these are the targets that were reached.</strong></p>"
    yield "</header><main>"
    yield '<ul class="tiles" aria-label="What became of the targets">'
    for outcome, count in tally.outcomes.items():
        if count or outcome in STATUS:
            yield (
                f'<li class="{outcome}"><b>{number(count)}</b> <span>{MARKS[outcome]} {WORDS[outcome]}</span> '
                f"<small>{share(count, tally.targets)}</small></li>"
            )
    yield "</ul>"
    yield _bar([*tally.outcomes.items()], tally.targets)


def _sections(tally: Tally, title: Title) -> Iterator[str]:
    yield from _table("findings", "What is wrong", ("Finding", "Targets", "Share", "For example"), _found(tally, title))
    who = ("Targets", "Wrong", "Warnings", "Not right", "Most often")
    authorities, software = largest(tally.authorities), largest(tally.software)
    yield from _table("cas", "By CA", ("CA", *who), _groups(authorities, title))
    named = [(software_name(name), group) for name, group in software]
    yield from _table("software", "By mail server", ("Software", *who), _groups(named, title))
    yield from _table("tls", "TLS versions", ("Version", "Targets", "Share"), _versions(tally))
    slow = ("Stage", "Reached", "Half within", "95% within", "Longest", "Of the time")
    yield from _table("stages", "Where the time goes", slow, _stages(tally))
    more = tally.outcomes["error"] - len(tally.worst)
    caption = f"Targets that are wrong (the first {number(len(tally.worst))})" if more > 0 else "Targets that are wrong"
    yield from _table("wrong", caption, ("Target", "Findings"), _wrong(tally))


def _table(name: str, caption: str, heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """A section with one table, where there are rows; the first cell of each is its heading."""
    lines = ["".join(_cells(heads, cells)) for cells in rows]
    if not lines:
        return
    yield f'<section id="{name}"><h2>{caption}</h2><table><caption>{caption}</caption><thead><tr>'
    yield "".join(f'<th scope="col" class="{_kind(head)}">{head}</th>' for head in heads)
    yield "</tr></thead><tbody>"
    yield from (f"<tr>{line}</tr>" for line in lines)
    yield "</tbody></table></section>"


def _cells(heads: Sequence[str], cells: Sequence[Cell]) -> Iterator[str]:
    """``data-head`` is what a narrow screen shows instead of the row of headings."""
    for head, cell in zip(heads, cells, strict=True):
        if head == heads[0]:
            yield f'<th scope="row">{cell}</th>'
        else:
            yield f'<td class="{_kind(head)}" data-head="{head}">{cell}</td>'


def _kind(head: str) -> str:
    return KINDS.get(head, "number")


def _found(tally: Tally, title: Title) -> Iterator[Sequence[Cell]]:
    for name, found in tally.ranked():
        mark = f'<span class="{found.severity}">{MARKS[found.severity]} {SEVERITIES[found.severity]}</span>'
        bar = _bar([(found.severity, found.targets)], tally.targets)
        examples = ", ".join(f"<code>{_text(host)}</code>" for host in found.examples)
        told = f"{mark} {_text(title(name))} <code>{_text(name)}</code>"
        yield told, number(found.targets), f"{share(found.targets, tally.targets)} {bar}", examples


def _groups(groups: Sequence[tuple[str, Group]], title: Title) -> Iterator[Sequence[Cell]]:
    for name, group in groups[:GROUPS]:
        most = f"{_text(title(group.most))} <code>{_text(group.most)}</code>" if group.most else ""
        bad = [("error", group.errors), ("warning", group.warnings)]
        told = f"{share(group.errors + group.warnings, group.targets)} {_bar(bad, group.targets)}"
        yield _text(name), number(group.targets), number(group.errors), number(group.warnings), told, most
    if rest := [group for _, group in groups[GROUPS:]]:
        targets, errors, warnings = (
            sum(getattr(group, part) for group in rest) for part in ("targets", "errors", "warnings")
        )
        told = f"{share(errors + warnings, targets)} {_bar([('error', errors), ('warning', warnings)], targets)}"
        yield f"{number(len(rest))} more", number(targets), number(errors), number(warnings), told, ""


def _versions(tally: Tally) -> Iterator[Sequence[Cell]]:
    for name, count in frequent(tally.versions):
        yield _text(name), number(count), f"{share(count, tally.targets)} {_bar([('info', count)], tally.targets)}"


def _stages(tally: Tally) -> Iterator[Sequence[Cell]]:
    for name, one in tally.stages.items():
        times = (one.within(0.5), one.within(0.95), one.longest)
        yield _text(name), number(one.count), *map(milliseconds, times), f"{tally.share_of_time(one):.0%}"


def _wrong(tally: Tally) -> Iterator[Sequence[Cell]]:
    for one in tally.worst:
        yield f"<code>{_text(one.name)}</code>", ", ".join(f"<code>{_text(name)}</code>" for name in one.findings)


def _foot(about: About) -> Iterator[str]:
    stores = f" Trusted: {_text(', '.join(about.stores))}." if about.stores else ""
    yield f"</main><footer><p>smtp-chaincheck {_text(about.version)}.{stores}</p>"
    yield "<p><code>smtp-chaincheck HOST</code> shows one of them in full, "
    yield "<code>smtp-chaincheck explain FINDING</code> what a finding means and what mends it.</p></footer>"


def _bar(parts: Sequence[tuple[str, int]], whole: int) -> str:
    """Draw parts of a whole side by side. The numbers stand beside it, so a reader that cannot see loses nothing."""
    drawn, left = [], 0.0
    for kind, count in parts:
        width = 100 * count / (whole or 1)
        if width:
            drawn.append(f'<rect class="{kind}" x="{left:.2f}" width="{width:.2f}" height="8"/>')
        left += width
    return f'<svg aria-hidden="true" viewBox="0 0 100 8" preserveAspectRatio="none">{"".join(drawn)}</svg>'


def _text(words: str) -> str:
    return escape(clean(words))
