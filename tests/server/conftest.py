"""Servers with prepared answers, and clients that are closed in the end."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Callable, Iterator

import pytest
from eras.arena import EMBEDDED

from hugchat_sync import Client, Retry
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted

#: tries without long waits between them
QUICK = Retry(first_delay=0.01, longest_delay=0.02)


@pytest.fixture()
def serve() -> Iterator[Callable[..., LocalServer]]:
    """Return a function that starts a server with prepared answers."""
    with ExitStack() as stack:

        def start(*scripts: Any, **options: Any) -> LocalServer:
            told = {
                name: options.pop(name) for name in ("title", "title_seconds") if name in options
            }
            responder = Scripted(*scripts, **told)
            server = EMBEDDED[options.pop("era", "v2-2025")]
            return stack.enter_context(server(responder=responder, **options))

        yield start


@pytest.fixture()
def connect() -> Iterator[Callable[..., Any]]:
    """Return a function that makes a client of a server, without detection."""
    with ExitStack() as stack:

        def make(server: LocalServer, kind: Any = Client, **options: Any) -> Any:
            options = {"dialect": getattr(server, "era", "v2-2025"), "retries": QUICK, **options}
            return stack.enter_context(kind(server.url, **options))

        yield make
