"""The page of a sweep in a real browser: it shows the numbers, runs nothing, asks nobody, and fits a phone."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from real.browser import Tab, browser
from real.running import Unpacked
from render.tallies import ABOUT, HOSTILE, hostile, title, usual

from probe.render.html import page

pytestmark = pytest.mark.real

PHONE = 360
"""CSS pixels of a small phone."""


@pytest.fixture(scope="module")
def tab(unpacked: Unpacked, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """One browser for all tests of this file."""
    with browser(unpacked, tmp_path_factory.mktemp("browser")) as tab:
        yield tab


def saved(text: str, folder: Path) -> Path:
    """Write a page as the program does."""
    path = folder / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_numbers_stand_there(tab: Tab, tmp_path: Path) -> None:
    """As text, in tables with captions, below headings."""
    tab.open(saved(page(usual(), ABOUT, title), tmp_path))
    assert tab.value("document.title") == "Sweep of targets.txt"
    text = tab.value("document.body.innerText")
    for told in ("1 000 targets", "An intermediate certificate is missing", "missing-intermediate", "mx50.example.com"):
        assert told in text
    rows = tab.value("[...document.querySelectorAll('#findings tbody tr')].map(one => one.innerText)")
    (row,) = [row for row in rows if "missing-intermediate" in row]
    assert row.split("\t")[1:] == ["20", "2.0%\n", "mx0.example.com, mx50.example.com, mx100.example.com"]
    assert tab.value("document.querySelectorAll('table').length") == 6
    assert tab.value("document.querySelectorAll('table > caption').length") == 6
    assert tab.value("[...document.querySelectorAll('tbody th')].every(one => one.scope == 'row')") is True
    assert tab.value("document.documentElement.lang") == "en"
    assert tab.value("document.compatMode") == "CSS1Compat"


def test_names_of_strangers_run_nothing_and_build_nothing(tab: Tab, tmp_path: Path) -> None:
    """They stand there as text, whatever they are; the page has the same elements as one without them."""
    about = replace(ABOUT, source=HOSTILE[0], version=HOSTILE[1], stores=HOSTILE)
    tab.open(saved(page(hostile(), about, title), tmp_path))
    assert tab.value("document.title") == f"Sweep of {HOSTILE[0]}"
    kinds = set(tab.value("[...new Set([...document.querySelectorAll('*')].map(one => one.localName))]"))
    assert not kinds & {"script", "img", "a", "iframe", "object", "link", "form"}
    assert tab.value("document.querySelectorAll('style').length") == 1
    attributes = tab.value(
        "[...new Set([...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames()))].join(' ')"
    ).split()
    assert not [name for name in attributes if name.startswith("on") or name in {"src", "href", "style"}]
    text = tab.value("document.body.textContent")
    assert HOSTILE[0] in text
    assert HOSTILE[3] in text
    assert HOSTILE[8] in text
    assert r"\u202egro.elpmaxe\u2066" in text
    assert r"nul\x00and\x1b[2J\x07" in text
    assert not set("\u202e\u2066\0\x1b\u05d0") & set(text)
    assert tab.value("getComputedStyle(document.body).display") == "block"


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """A web server on loopback that keeps what it is asked for."""
    asked: list[str] = []

    class Asked(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Asked) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("policy", [True, False])
def test_even_an_escape_that_was_forgotten_does_no_harm(tab: Tab, tmp_path: Path, policy: bool) -> None:
    """The page's own policy stops scripts and requests; without it they happen, so this test can fail."""
    with listening() as (place, asked):
        evil = (
            f"<script>document.title='ran'</script><img src='{place}/image' onerror=\"document.title='ran'\">"
            f"<link rel=stylesheet href='{place}/style'><iframe src='{place}/frame'></iframe>"
            f"<div style='background:url({place}/background)'>.</div><script src='{place}/script'></script>"
        )
        text = page(usual(), ABOUT, title).replace("<main>", f"<main>{evil}", 1)
        if not policy:
            text = text.replace('http-equiv="Content-Security-Policy"', 'name="nothing"')
        tab.open(saved(text, tmp_path))
        tab.value("new Promise(done => setTimeout(done, 200))")
        assert (tab.value("document.title") == "ran") is not policy
        assert bool(asked) is not policy


def test_it_asks_for_nothing_but_itself(tab: Tab, tmp_path: Path) -> None:
    """Nothing is fetched, from anywhere, and the browser has nothing to complain about."""
    path = saved(page(usual(), ABOUT, title), tmp_path)
    tab.open(path)
    assert tab.requests() == [path.as_uri()]
    assert [event for event in tab.events if event.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown"}] == []


@pytest.mark.parametrize("width", [PHONE, 640, 700, 1280])
@pytest.mark.parametrize("name", ["usual", "hostile"])
def test_nothing_hangs_over_the_edge(tab: Tab, tmp_path: Path, width: int, name: str) -> None:
    """On a phone as on a desk, with names of any length."""
    tab.open(saved(page({"usual": usual, "hostile": hostile}[name](), ABOUT, title), tmp_path))
    tab.show(width)
    assert tab.value("document.documentElement.scrollWidth") <= width
    assert tab.value(f"[...document.querySelectorAll('td, h1')].every(o => o.getBoundingClientRect().right <= {width})")


def contrast(tab: Tab, selector: str) -> float:
    """Contrast of a text against the page (WCAG 2.2, relative luminance)."""
    script = f"getComputedStyle(document.querySelector('{selector}')).color"
    inks = [tab.value(script), tab.value("getComputedStyle(document.body).backgroundColor")]
    levels = []
    for ink in inks:
        parts = [int(part) / 255 for part in ink.removeprefix("rgb(").removesuffix(")").split(",")]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        levels.append(sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True)))
    return (max(levels) + 0.05) / (min(levels) + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_readable_by_day_and_by_night(tab: Tab, tmp_path: Path, scheme: str) -> None:
    """4.5:1, as WCAG asks of text, in both schemes; they are not the same."""
    tab.open(saved(page(usual(), ABOUT, title), tmp_path))
    tab.show(800, scheme=scheme)
    back = tab.value("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(255, 255, 255)") is (scheme == "light")
    for selector in ("h1", "header p", "tbody td", "code", "span.error", "span.warning", "span.info"):
        assert contrast(tab, selector) >= 4.5, selector
