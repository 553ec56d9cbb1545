"""Fixtures of the demo's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from demo.client import Client
from forge import NOW

from probe.demo.cases import Case
from probe.demo.server import Stand, serving


@pytest.fixture
def serve() -> Iterator[Callable[[Case], Stand]]:
    """Start cases; they stop behind the test."""
    with ExitStack() as stack:
        yield lambda case: stack.enter_context(serving(case, NOW))


@pytest.fixture
def connect(serve: Callable[[Case], Stand]) -> Iterator[Callable[[Case], Client]]:
    """Start a case and connect to it; both ends are closed behind the test."""
    with ExitStack() as stack:
        yield lambda case: stack.enter_context(Client(serve(case)))
