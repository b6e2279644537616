"""Only this machine's network, a home of the test's own, and one shared embedded server."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import io
import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

for _name in list(os.environ):
    ours = ("HUGCHAT_SYNC_ALL_CUTS", "HUGCHAT_SYNC_FUZZ")
    named = _name.startswith("HUGCHAT_SYNC_") and _name not in ours
    if named or _name == "HF_TOKEN":
        del os.environ[_name]  # whoever runs the tests may be signed in somewhere

if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # each process of the tests would compile anew
    os.environ["PYTHONPYCACHEPREFIX"] = tempfile.mkdtemp(prefix="hugchat-sync-")
    atexit.register(shutil.rmtree, os.environ["PYTHONPYCACHEPREFIX"], ignore_errors=True)

# the children of the tests inherit what is ignored: in the background of a shell, or by nohup
for _name, _plain in (
    ("SIGINT", signal.default_int_handler),
    ("SIGHUP", signal.SIG_DFL),
    ("SIGTERM", signal.SIG_DFL),
):
    _number = getattr(signal, _name, signal.SIGINT)  # Windows has no SIGHUP
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _plain)

gc.disable()  # until the tests are collected: what is made till then stays


def pytest_sessionstart(session: pytest.Session) -> None:
    """Let each worker compile a share of the test files, and find the others' compiled."""
    if not hasattr(session.config, "workerinput"):
        return
    workers = session.config.workerinput["workercount"]
    own = int(session.config.workerinput["workerid"][len("gw") :])
    for path in sorted(Path(__file__).parent.glob("*/test_*.py"))[own::workers]:
        sys.path.insert(0, str(path.parent))
        with contextlib.suppress(Exception, pytest.skip.Exception):  # the collection tells it
            importlib.import_module(path.stem)
        sys.path.remove(str(path.parent))


def pytest_collection_finish() -> None:
    """Leave what was collected out of each later look for rubbish."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "127.0.0.1"
        assert host.startswith("127.") or host in ("localhost", "::1"), f"the tests called {host}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


_tests = itertools.count(1)


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.getbasetemp() / f"home-{next(_tests)}"  # made by who writes there
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / "data"))


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let the clients that a test makes pause a moment only before they try or look again."""
    from seams import short_pauses

    with short_pauses(0.05):
        yield


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A server of today that answers out of the shipped documents, shared by many tests."""
    from hugchat_sync.local import LocalServer

    with LocalServer() as running:
        yield running


@pytest.fixture(scope="session")
def _programs() -> Iterator[Any]:
    from forking import Programs

    programs = Programs()
    yield programs
    programs.close()


@pytest.fixture
def start(_programs: Any) -> Iterator[Callable[..., Any]]:
    """Start the program in a process of its own, whose streams are pipes if nothing is said."""
    running: list[Any] = []

    def begin(*words: str, **options: Any) -> Any:
        pipes = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        process = _programs.start(*words, **{**pipes, **options})
        running.append(process)
        return process

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def completed(start: Callable[..., Any]) -> Callable[..., Any]:
    """Run the program in a process of its own; *stdin* is what is piped into it."""

    def run(*words: str, stdin: bytes = b"", **options: Any) -> Any:
        process = start(*words, **options)
        out, err = process.communicate(stdin, timeout=60)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    return run


@dataclass
class Done:
    """How a run of the program ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the program in this process, which is where most of it can be seen.

    ``stdin`` is what is piped into it, ``encoding`` that of what it writes.
    """
    from hugchat_sync.terminal import main

    def run(*words: str, stdin: str | bytes = b"", encoding: str | None = None) -> Done:
        content = stdin.encode("utf-8") if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), "utf-8"))
        capsys.readouterr()
        if encoding is None:
            code = main(list(words))
            captured = capsys.readouterr()
            return Done(code, captured.out, captured.err)
        written = io.BytesIO()
        stream = io.TextIOWrapper(written, encoding)
        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", stream)
            code = main(list(words))
            stream.flush()
        return Done(code, written.getvalue().decode(encoding), capsys.readouterr().err)

    return run
