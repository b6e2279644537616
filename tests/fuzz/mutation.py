"""Recorded replies, and what becomes of them in bad hands: the same for the same seed."""

from __future__ import annotations

import base64
import json
import random
import re
from pathlib import Path
from typing import Any, Dict, List, Tuple

WIRE = Path(__file__).parent.parent / "wire"
ERAS = ("tgi-2023", "lines-2023", "tree-2024", "v2-2025")
#: of each era, by method and route, the replies that were recorded
Table = Dict[str, Dict[Tuple[str, str], List[Any]]]

_IDS = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{24}")
_PAGE = "<!doctype html>\n<html><head><title>ChatUI</title></head><body></body></html>\n"

STATUSES = (200, 201, 204, 206, 301, 302, 304, 307, 400, 401, 402, 403, 404, 405, 407, 408, 410)
STATUSES += (413, 418, 429, 431, 500, 502, 503, 504, 511, 522, 599, 600, 999, 100, 103, 199, 0)
ODD_TEXTS = (
    "",
    "\ud800",
    "\x00",
    "x" * 70_000,
    "null",
    "NaN",
    "http://[bad",
    "//[",
    "../../../etc/passwd",
    "+275760-09-13T00:00:00.000Z",
    "9999-12-31T23:59:59-23:59",
    "0000-00-00T00:00:00Z",
    "2026-02-30T25:61:61.999Z",
    "-1",
    "1_0",
    "<think>",
    "\u202e\u2028",
    "{",
)
ODD_VALUES = (
    None,
    True,
    False,
    0,
    -1,
    7,
    1.5,
    1e308,
    float("inf"),
    float("-inf"),
    float("nan"),
    2**63,
    -(2**63),
    10**300,
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"type": "redirect", "status": 302, "location": "http://[bad"},
    {"json": None},
)
ODD_HEADERS = (
    ("Content-Type", "text/html", "application/json", "application/jsonl", "", "a" * 9000, "\xff"),
    ("Content-Length", "-1", "0", "1_0", "99999999999999999999", "x", "5, 6"),
    ("Transfer-Encoding", "chunked", "gzip", "identity, chunked"),
    ("Content-Encoding", "gzip", "deflate", "br", "zstd", "x"),
    ("Location", "http://[bad", "/\xff\xfe", "//[", "", "http://u:p@[::1", "/login?client_id=1"),
    ("Retry-After", "0", "-5", "1e400", "Fri, 31 Dec 9999 23:59:59 -2359", "9" * 400, "soon"),
    (
        "Set-Cookie",
        "hf-chat=x; Expires=Fri, 99 Foo 99999 99:99:99 GMT",
        "hf-chat=; Max-Age=" + "9" * 400,
        "=; =; ;",
        "hf-chat=\xff; Path=\x01",
        "hf-chat=x; Max-Age=-1e9; Domain=..; Path",
    ),
    ("cf-mitigated", "challenge", ""),
    ("WWW-Authenticate", "Basic", "Digest x", ""),
    ("Connection", "close", "upgrade"),
)


def recorded() -> Table:
    """Return all recorded replies."""
    table: Table = {era: {} for era in ERAS}
    for era in ERAS:
        for folder in (era, "probes", "between", "local"):
            for path in sorted((WIRE / folder).rglob("*.json")):
                value = json.loads(path.read_text("utf-8"))
                if not isinstance(value, dict) or "request" not in value:
                    continue
                key = route(value["request"]["method"], value["request"]["path"])
                table[era].setdefault(key, []).append(value["response"])
    return table


def route(method: str, path: str) -> tuple[str, str]:
    """Return a request without what is different each time."""
    return method, _IDS.sub("ID", path.partition("?")[0])


def content(body: dict[str, Any]) -> bytes:
    """Return the bytes of a recorded body."""
    if "decoded" in body:
        return content(body["decoded"])
    if "text" in body:
        return str(body["text"]).encode("utf-8", "surrogatepass")
    return base64.b64decode(body["base64"]) if "base64" in body else _PAGE.encode("ascii")


def _head(status: int, headers: list[tuple[str, str]]) -> bytes:
    head = f"HTTP/1.1 {status} Said\r\n"
    return head.encode("ascii") + b"".join(
        f"{name}: {value}\r\n".encode("latin-1", "replace") for name, value in headers
    )


class Mutation:
    """Spoils replies, as *chance* will have it."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def reply(self, response: Any, spoiled: bool) -> list[object]:
        """Return a recorded reply as pieces on the wire, spoiled or as it was."""
        chance = self._chance
        status, body = response["status"], content(response["body"])
        headers = [
            (name, value)
            for name, value in response["headers"]
            if name.lower() not in ("content-length", "transfer-encoding", "connection")
        ]
        if not spoiled:
            return [_head(status, headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body]
        if chance.random() < 0.15:
            status = chance.choice(STATUSES)
        for _ in range(chance.choice((0, 0, 0, 1, 1, 2))):
            body = self._body(body)
        framing = chance.choice(("length", "length", "chunked", "chunked", "end"))
        if chance.random() < 0.15:
            name, *values = chance.choice(ODD_HEADERS)
            headers.append((name, chance.choice(values)))
        if chance.random() < 0.05 and headers:
            del headers[chance.randrange(len(headers))]
        return self._framed(status, headers, body, framing)

    def _framed(
        self, status: int, headers: list[tuple[str, str]], body: bytes, framing: str
    ) -> list[object]:
        chance, end, head = self._chance, b"", _head(status, headers)
        if framing == "length":
            head += b"Content-Length: %d\r\n" % len(body)
        elif framing == "chunked":
            head += b"Transfer-Encoding: chunked\r\n"
            size = chance.choice((1 << 20, 1 << 20, 37)) if len(body) < 20_000 else 1 << 20
            pieces = [body[begin : begin + size] for begin in range(0, len(body), size)]
            body = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
            end = b"0\r\n\r\n"
            if chance.random() < 0.1:
                end = chance.choice(
                    (b"-5\r\nabc\r\n", b"-1\r\n", b"", b"zz\r\n", b"f" * 99 + b"\r\n")
                )
        if chance.random() < 0.04:
            head += chance.choice(
                (b"no header at all\r\n", b": x\r\n", b" folded\r\n", b"\xff\xfe: \x00\r\n")
            )
        if chance.random() < 0.02:
            head = chance.choice(
                (b"", b"HTTP/9.9 abc\r\n", b"\x16\x03\x01", b"HTTP/1.1 103 Hint\r\n\r\n" + head)
            )
        sent = head + b"\r\n" + body + end
        if chance.random() < 0.04:
            sent = sent[: chance.randrange(len(sent))]
        # None ends the connection; a body until the end has nothing else that ends it
        return [sent, None] if framing == "end" or chance.random() < 0.9 else [sent]

    def _body(self, body: bytes) -> bytes:
        chance = self._chance
        ways = (self._cut, self._noise, self._value, self._value, self._value, self._value)
        return chance.choice(ways)(body)

    def _cut(self, body: bytes) -> bytes:
        at = self._chance.randrange(len(body) + 1)
        return body[:at]

    def _noise(self, body: bytes) -> bytes:
        chance = self._chance
        at = chance.randrange(len(body) + 1)
        noise = bytes(chance.randrange(256) for _ in range(chance.choice((1, 1, 8, 64))))
        return body[:at] + noise + body[at + chance.choice((0, 1, len(noise))) :]

    def _value(self, body: bytes) -> bytes:
        """Change a value somewhere in a JSON body, or in one of its lines."""
        lines = body.split(b"\n")
        numbers = [number for number, line in enumerate(lines) if line.strip()[:1] in (b"{", b"[")]
        if not numbers:
            return self._noise(body)
        number = self._chance.choice(numbers)
        try:
            value = json.loads(lines[number])
        except (ValueError, RecursionError):
            return self._noise(body)
        lines[number] = json.dumps(self._changed(value)).encode("ascii")
        if self._chance.random() < 0.01:
            lines[number] = b"[" * 50_000
        return b"\n".join(lines)

    def _changed(self, value: Any) -> Any:
        chance = self._chance
        places: list[tuple[Any, Any]] = []
        waiting = [value]
        while waiting:
            one = waiting.pop()
            keys: Any = one.keys() if isinstance(one, dict) else range(len(one))
            for key in keys:
                places.append((one, key))
                if isinstance(one[key], (dict, list)):
                    waiting.append(one[key])
        if not places or chance.random() < 0.05:
            return self._odd()
        for _ in range(chance.choice((1, 1, 1, 3))):
            one, key = chance.choice(places)
            if isinstance(one, dict) and key in one and chance.random() < 0.2:
                del one[key]
            elif isinstance(one, dict) or key < len(one):
                held = one[key] if not isinstance(one, dict) or key in one else None
                one[key] = self._nested(held) if isinstance(held, str) else self._odd()
        return value

    def _nested(self, held: str) -> Any:
        """Change a text, or the value in a text that is JSON itself."""
        if held[:1] in ("{", "[") and self._chance.random() < 0.8:
            try:
                return json.dumps(self._changed(json.loads(held)))
            except (ValueError, RecursionError):
                pass
        return self._odd()

    def _odd(self) -> Any:
        chance = self._chance
        if chance.random() < 0.35:
            return chance.choice(ODD_TEXTS)
        if chance.random() < 0.02:
            deep: Any = 1
            for _ in range(400):
                deep = [deep]
            return deep
        return chance.choice(ODD_VALUES)
