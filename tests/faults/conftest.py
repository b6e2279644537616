"""Servers in processes of their own, proxies before them, and what an undisturbed answer is."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator, List

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from proxy import FaultProxy  # noqa: E402

_NUMBERS = pytest.StashKey[List[str]]()


@pytest.fixture
def told(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Print a line below the results of the tests."""
    lines = request.config.stash.setdefault(_NUMBERS, [])
    return lines.append


def pytest_sessionfinish(session: pytest.Session) -> None:
    handed_on = getattr(session.config, "workeroutput", None)  # by a worker of pytest-xdist
    if handed_on is not None:
        handed_on["numbers"] = session.config.stash.get(_NUMBERS, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    lines = node.config.stash.setdefault(_NUMBERS, [])
    lines.extend(getattr(node, "workeroutput", {}).get("numbers", []))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(_NUMBERS, []):
        terminalreporter.write_line(line)


@contextmanager
def served(era: str) -> Iterator[str]:
    """Give the address of a server in a process of its own."""
    program = [sys.executable, "-W", "error", str(Path(__file__).with_name("served.py")), era]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(timeout=10)


@pytest.fixture(scope="session")
def today() -> Iterator[str]:
    with served("v2-2025") as url:
        yield url


@pytest.fixture(scope="session")
def autumn() -> Iterator[str]:
    with served("lines-2023") as url:
        yield url


@pytest.fixture
def proxy(today: str) -> Iterator[FaultProxy]:
    with FaultProxy(today) as between:
        yield between


@pytest.fixture
def proxy_2023(autumn: str) -> Iterator[FaultProxy]:
    with FaultProxy(autumn) as between:
        yield between
