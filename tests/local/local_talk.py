from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from eras.arena import EMBEDDED  # noqa: E402
from local_wire import Reply, call, multipart, updates  # noqa: E402

from hugchat_sync.local import LocalServer  # noqa: E402


class Talk:
    """A session of today's server, spoken in raw requests."""

    def __init__(self, server: LocalServer, cookie: str = "made-up-session") -> None:
        self.server = server
        self.url = server.url
        self.origin = server.url.rsplit("/chat", 1)[0]
        self.cookie = cookie
        self.id = ""
        self.root = ""

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        sent = {"Accept": "*/*", "Cookie": f"hf-chat={self.cookie}", **(headers or {})}
        raw = b""
        if isinstance(body, bytes):
            raw = body
        elif body is not None:
            raw = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        return call(self.url, method, f"/chat{path}", sent, raw, **more)

    def create(self, model: str = "local/plain", **fields: str) -> Reply:
        reply = self.call("POST", "/conversation", {"model": model, **fields})
        if reply.status == 200:
            self.id = reply.json()["conversationId"]
            if "conversation" in reply.json():
                told = json.loads(reply.json()["conversation"])["json"]
                self.root = told["rootMessageId"]
        return reply

    def send(
        self,
        data: object = None,
        files: tuple[tuple[str, str, str], ...] = (),
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> Reply:
        asked = {"inputs": "Hello", "id": self.root} if data is None else data
        kind, body = multipart(asked, files)
        sent = {"Content-Type": kind, "Origin": self.origin, **(headers or {})}
        return self.call("POST", f"/conversation/{self.id}", body, sent, **more)

    def say(self, text: str = "Hello", parent: str = "", **more: Any) -> list[dict[str, Any]]:
        return updates(self.send({"inputs": text, "id": parent or self.root, **more}))

    def read(self) -> dict[str, Any]:
        found = self.call("GET", f"/api/v2/conversations/{self.id}").json()["json"]
        assert isinstance(found, dict)
        return found

    def last(self) -> dict[str, Any]:
        found = self.read()["messages"][-1]
        assert isinstance(found, dict)
        return found


class Talk2023(Talk):
    """A session of October 2023."""

    def line(self, text: str = "Hello", **more: Any) -> Reply:
        """Send a message and close at the final answer, as a wise client does."""
        options = {key: more.pop(key) for key in ("stop_at", "timeout") if key in more}
        options.setdefault("stop_at", b'"finalAnswer"')
        path = f"/conversation/{self.id}"
        return self.call("POST", path, {"inputs": text, **more}, **options)

    def page(self) -> dict[str, Any]:
        reply = self.call("GET", f"/conversation/{self.id}/__data.json?x-sveltekit-invalidated=_1")
        return hydrated(reply.json()["nodes"][1])

    def layout(self) -> dict[str, Any]:
        reply = self.call("GET", "/__data.json?x-sveltekit-invalidated=1_")
        return hydrated(reply.json()["nodes"][0])


def hydrated(node: dict[str, Any]) -> Any:
    """Return the value of a node of page data."""
    table = node["data"]

    def value(place: int) -> Any:
        if place == -1:
            return "undefined"
        row = table[place]
        if isinstance(row, list):
            return row[1] if row[:1] == ["Date"] else [value(item) for item in row]
        if isinstance(row, dict):
            return {key: value(item) for key, item in row.items()}
        return row

    return value(0)


def until(condition: Callable[[], Any], seconds: float = 2.0) -> Any:
    """Return the first true value of the condition."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found or time.monotonic() > end:
            return found
        time.sleep(0.01)


@pytest.fixture
def serve() -> Iterator[Callable[..., Any]]:
    """Start servers that end with the test; returns a session on each."""
    with ExitStack() as stack:

        def start(era: str = "v2-2025", **options: Any) -> Talk:
            server = stack.enter_context(EMBEDDED[era](**options))
            return Talk2023(server) if era == "lines-2023" else Talk(server)

        yield start
