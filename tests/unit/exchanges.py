"""Reads recorded exchanges: what was asked, and the reply as the transport would hand it on."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from hugchat_sync.calls import Call, Reply

WIRE = Path(__file__).parent.parent / "wire"
BASE = "/chat"


def exchange(folder: str, name: str) -> dict[str, Any]:
    """Return the exchange *name* of a folder of ``tests/wire``."""
    found: dict[str, Any] = json.loads((WIRE / folder / f"{name}.json").read_text("utf-8"))
    return found


def content(body: dict[str, Any]) -> bytes:
    """Return the bytes of a recorded body; for a page that was left out, another page."""
    if "decoded" in body:
        return content(body["decoded"])
    if "text" in body:
        return str(body["text"]).encode("utf-8", "surrogatepass")
    if "base64" in body:
        return base64.b64decode(body["base64"])
    return b"<!doctype html>\n<html><head><title>ChatUI</title></head><body></body></html>\n"


def reply_of(recorded: dict[str, Any]) -> Reply:
    """Return the recorded reply."""
    response = recorded["response"]
    headers = {name.lower(): value for name, value in response["headers"]}
    url = "http://127.0.0.1" + recorded["request"]["path"]
    return Reply(response["status"], headers, content(response["body"]), url)


def reply(folder: str, name: str) -> Reply:
    """Return the reply of the exchange *name*."""
    return reply_of(exchange(folder, name))


def chunked(folder: str, name: str) -> list[bytes]:
    """Return the body of the reply in the pieces in which it arrived."""
    response = exchange(folder, name)["response"]
    body, pieces, start = content(response["body"]), [], 0
    for _, size in response.get("chunks") or [[0, len(body)]]:
        pieces.append(body[start : start + size])
        start += size
    return [piece for piece in pieces if piece]


def one_by_one(body: bytes) -> list[bytes]:
    """Return the bytes of *body*, each on its own."""
    return [body[index : index + 1] for index in range(len(body))]


def read(folder: str, call: Call[Any], name: str) -> Any:
    """Return what *call* makes of a recorded reply, having asked for it as was recorded."""
    request = exchange(folder, name)["request"]
    path, _, query = request["path"].partition("?")
    asked, _, action = call.request.path.partition("?")
    assert call.request.method == request["method"]
    assert _shape(asked) == _shape(path[len(BASE) :])
    assert action in ("", query)
    return call.read(reply(folder, name))


def _shape(path: str) -> list[str]:
    """Return the steps of a path that are no ids."""
    return [step for step in path.split("/") if len(step) < 20 and len(step) != 7]
