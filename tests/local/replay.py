"""Sending a recorded request to our own server, and telling how the replies differ."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import quote

from local_talk import Talk
from local_wire import Reply, call, recorded_header, recorded_text, strange

_KEPT = ("accept", "content-type", "origin", "referer", "accept-encoding")
_MODELS = (
    ("mock/plain", "local/plain"),
    ("mock/vision", "local/vision"),
    ("mock/tools", "local/documents"),
    ("meta-llama/Llama-2-70b-chat-hf", "local/documents"),
    ("tiiuae/falcon-180B-chat", "local/plain"),
)
_OWN_ID = re.compile(r"(/conversations?/)(?!0{24})[0-9a-f]{24}")
_MESSAGE = re.compile(r'("(?:id|response_id)": ?)"[0-9a-f-]{36}"')
_ORIGIN = re.compile(r"http://127\.0\.0\.1:39\d\d")


def ours(text: str, talk: Talk) -> str:
    """Return recorded text with our models, ids and origin in place of those of then."""
    for then, now in _MODELS:
        text = text.replace(then, now).replace(quote(then, safe=""), quote(now, safe=""))
    return _ORIGIN.sub(talk.origin, text)


def replay(talk: Talk, record: dict[str, Any], parent: str = "") -> Reply:
    """Return our reply to the recorded request."""
    request = record["request"]
    path = _OWN_ID.sub(rf"\g<1>{talk.id}", ours(request["path"], talk))
    headers = {
        name: ours(value, talk)
        for name, value in request["headers"].items()
        if name.lower() in _KEPT
    }
    if "Cookie" in request["headers"]:
        headers["Cookie"] = f"hf-chat={talk.cookie}"
    return call(talk.url, request["method"], path, headers, _body(talk, record, parent))


def _body(talk: Talk, record: dict[str, Any], parent: str) -> bytes:
    recorded = record["request"].get("body") or {}
    if "base64" in recorded:
        return base64.b64decode(recorded["base64"])
    body = ours(recorded.get("text", ""), talk)
    if "unknown" not in record["name"] and (parent or talk.root):
        body = _MESSAGE.sub(rf'\g<1>"{parent or talk.root}"', body)
    return body.encode("utf-8", "surrogatepass")


def differences(talk: Talk, record: dict[str, Any], reply: Reply) -> list[str]:
    """Return what differs between the recorded reply and ours."""
    then = record["response"]
    found = []
    if reply.status != then["status"]:
        found.append(f"status {reply.status}, recorded {then['status']}")
    for name in ("location", "allow"):
        recorded = recorded_header(record, name)
        expected = None if recorded is None else ours(recorded, talk)
        if reply.headers.get(name) != expected:
            found.append(f"{name} {reply.headers.get(name)!r}, recorded {expected!r}")
    kinds = [
        _kind(reply.headers.get("content-type")),
        _kind(recorded_header(record, "content-type")),
    ]
    if kinds[0] != kinds[1]:
        found.append(f"type {kinds[0]!r}, recorded {kinds[1]!r}")
    if ("set-cookie" in reply.headers) != (recorded_header(record, "set-cookie") is not None):
        found.append(f"cookie {reply.headers.get('set-cookie')!r}")
    return found + _body_differences(talk, record, reply)


def _kind(value: str | None) -> str | None:
    return None if value is None else value.split(";")[0]


def _body_differences(talk: Talk, record: dict[str, Any], reply: Reply) -> list[str]:
    text = ours(recorded_text(record), talk)
    if not text or record["response"]["body"].get("omitted"):
        return []
    if not text.startswith(("{", "[")):
        return [] if reply.text == text else [f"body {reply.text!r}, recorded {text!r}"]
    then = json.loads(text)
    try:
        now = reply.json()
    except ValueError:
        return [f"body {reply.body[:200]!r}, recorded {text!r}"]
    if isinstance(then, dict) and {"message", "error"} & set(then):
        then.pop("errorId", None)
        now.pop("errorId", None)
        return [] if now == then else [f"body {now}, recorded {then}"]
    return strange(now, then)
