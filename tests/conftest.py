"""For every test: a fixed environment, and in CI no silent gaps."""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import sys
import threading
from collections.abc import Generator
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from shared import ALL, examples

import probe

settings.register_profile("ours", max_examples=examples(100), deadline=None, derandomize=not ALL)
settings.load_profile("ours")

_NUMBERS = count()
_SKIPPED: list[str] = []


SLOW = ("tests/suites/", "tests/pki/test_against_others.py", "tests/triage/test_corpus.py")
"""What only scripts/check --all runs: other people's suites, every real certificate at hand, real messages."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow by where it lies."""
    for item in items:
        if any(place in item.path.as_posix() for place in SLOW):
            item.add_marker("slow")


_TRACERS: list[Any] = [None, None]
"""Those of coverage, where it is asked for: of this thread, and of each that begins."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """What importing runs is measured; from here on what a test does, and not what pytest does around it."""
    if sys.gettrace():
        for module in pkgutil.walk_packages(probe.__path__, "probe."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    _TRACERS[:] = sys.gettrace(), threading.gettrace()
    _trace(None, None)


def pytest_collection_finish() -> None:
    """What was collected stays: no search for garbage has to walk through it again."""
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Measure the coverage of a test, unless it says otherwise or what it runs is hypothesis's choice.

    A tracer halves the pace of all Python that runs meanwhile, pytest's own too.
    """
    if pyfuncitem.get_closest_marker("unmeasured") or getattr(pyfuncitem.obj, "is_hypothesis_test", False):
        return (yield)
    _trace(*_TRACERS)
    try:
        return (yield)
    finally:
        _trace(None, None)


def _trace(here: Any, in_threads: Any) -> None:
    sys.settrace(here)
    threading.settrace(in_threads)


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees what another one, or the user, has kept; nothing is made before it is used."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / f"cache-{next(_NUMBERS)}"))


def pytest_report_header() -> str:
    """Name the OpenSSL that the tests run on: much of what is tested is its behaviour."""
    from OpenSSL import SSL

    return f"OpenSSL: {SSL.SSLeay_version(SSL.SSLEAY_VERSION).decode()}"


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what was skipped, and why."""
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _SKIPPED.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a skipped test is a failed run: every server and tool has to be there."""
    if os.environ.get("CI") and _SKIPPED and not hasattr(session.config, "workerinput"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests made the run fail by being skipped."""
    if os.environ.get("CI") and _SKIPPED:
        terminalreporter.section("skipped, which CI does not allow")
        for line in _SKIPPED:
            terminalreporter.write_line(line)
