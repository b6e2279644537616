"""Only this machine's network, a home of the test's own, and one shared embedded server."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from typing import Any, Iterator

import pytest

for _name in list(os.environ):
    ours = ("HUGCHAT_SYNC_ALL_CUTS", "HUGCHAT_SYNC_FUZZ")
    named = _name.startswith("HUGCHAT_SYNC_") and _name not in ours
    if named or _name == "HF_TOKEN":
        del os.environ[_name]  # whoever runs the tests may be signed in somewhere

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started in the background of a shell
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the children of the tests inherit it


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


@pytest.fixture(scope="session")
def server() -> Iterator[Any]:
    """A server of today that answers out of the shipped documents, shared by many tests."""
    from hugchat_sync.local import LocalServer

    with LocalServer() as running:
        yield running
