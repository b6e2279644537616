"""Servers that answer as they are told, and a client of the program's own session."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest
from eras.arena import EMBEDDED

from hugchat_sync import Client
from hugchat_sync.local.testing import Script, Scripted
from hugchat_sync.terminal.connection import session_file


@pytest.fixture
def scripted() -> Iterator[Callable[..., Any]]:
    """Start servers that answer as they are told."""
    running = []

    def start(
        *scripts: Any,
        era: str = "v2-2025",
        title: Any = None,
        title_seconds: float = 0.0,
        **options: Any,
    ) -> Any:
        responder = Scripted(*(scripts or ([],)), title=title, title_seconds=title_seconds)
        server = EMBEDDED[era](responder=responder, **options).start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.close()


@pytest.fixture
def answering(scripted: Callable[..., Any]) -> Any:
    """A server whose answer is always ``Hello, world.``."""
    return scripted(Script(tokens=("Hello", ",", " world", ".")))


@pytest.fixture
def owner() -> Iterator[Callable[[Any], Client]]:
    """Give a client that sees at a server what the program has done there."""
    clients = []

    def of(server: Any) -> Client:
        clients.append(Client(server.url, cookies=session_file(server.url)))
        return clients[-1]

    yield of
    for client in clients:
        client.close()


@pytest.fixture
def guarded(scripted: Callable[..., Any]) -> Any:
    """A server that only knows one user."""
    return scripted(["fine"], token="the-token")
