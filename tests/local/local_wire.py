"""A bare HTTP client that shows how a reply is framed, and the recordings to compare with."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

RECORDINGS = Path(__file__).parents[1] / "wire" / "local"
KEEP_ALIVE = {"type": "status", "status": "keepAlive"}
BLANKS = b" " * 4096


@dataclass
class Reply:
    """One reply as it came.

    ``ended`` is ``complete``, ``eof`` (cut by the server), ``left`` (we closed) or ``open``
    (nothing came any more and we gave up).
    """

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    chunks: list[bytes] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    framing: str = "none"
    ended: str = "complete"

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookie(self) -> str | None:
        found = self.headers.get("set-cookie")
        return found.split(";")[0].split("=", 1)[1] if found else None


class Wire:
    """A connection on which requests are made one after the other."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        parts = urlsplit(url)
        self.host = f"{parts.hostname}:{parts.port}"
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout)
        self.deadline = time.monotonic() + timeout
        self.rest = b""

    def close(self) -> None:
        self.socket.close()

    def _fill(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise socket.timeout
        self.socket.settimeout(left)
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.rest += data

    def _line(self) -> bytes:
        while b"\r\n" not in self.rest:
            self._fill()
        line, self.rest = self.rest.split(b"\r\n", 1)
        return line

    def _exactly(self, size: int) -> bytes:
        while len(self.rest) < size:
            self._fill()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {len(body)}")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("utf-8") + body)

    def receive(self, head: bool = False, stop_at: bytes | None = None) -> Reply:
        reply = Reply()
        began = time.monotonic()
        try:
            reply.status = int(self._line().split()[1])
            while True:
                line = self._line().decode("latin-1")
                if not line:
                    break
                name, value = line.split(": ", 1)
                reply.headers[name.lower()] = value
            if "content-length" in reply.headers:
                reply.framing = "content-length"
                size = 0 if head else int(reply.headers["content-length"])
                reply.chunks.append(self._exactly(size))
            elif reply.headers.get("transfer-encoding") == "chunked":
                reply.framing = "chunked"
                self._chunks(reply, stop_at, began)
        except EOFError:
            reply.ended = "eof"
        except socket.timeout:
            reply.ended = "open"
        return reply

    def _chunks(self, reply: Reply, stop_at: bytes | None, began: float) -> None:
        while True:
            size = int(self._line(), 16)
            data = self._exactly(size)
            self._exactly(2)
            if not size:
                return
            reply.chunks.append(data)
            reply.times.append(time.monotonic() - began)
            if stop_at is not None and stop_at in data:
                reply.ended = "left"
                return


def call(
    url: str,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    stop_at: bytes | None = None,
    timeout: float = 5.0,
) -> Reply:
    """Return the reply to one request on a connection of its own."""
    with closing(Wire(url, timeout)) as wire:
        wire.send(method, path, {"Connection": "close", **(headers or {})}, body)
        return wire.receive(method == "HEAD", stop_at)


def multipart(data: object, files: tuple[tuple[str, str, str], ...] = ()) -> tuple[str, bytes]:
    """Return the content type and the body of a message of today."""
    edge = "edge-of-part"
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
        f"Content-Type: {mime}\r\n\r\n{content}\r\n"
        for name, mime, content in files
    ]
    text = data if isinstance(data, str) else json.dumps(data)
    parts.append(f'--{edge}\r\nContent-Disposition: form-data; name="data"\r\n\r\n{text}\r\n')
    body = "".join(parts) + f"--{edge}--\r\n"
    return f"multipart/form-data; boundary={edge}", body.encode("utf-8")


def updates(reply: Reply) -> list[dict[str, Any]]:
    """Return the update lines of a reply."""
    return [json.loads(line) for line in reply.body.split(b"\n") if line.strip()]


def without_keep_alives(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line != KEEP_ALIVE]


def one_line_each(reply: Reply) -> bool:
    """Return whether every chunk is one line, or the blanks after the final answer."""
    return all(
        chunk == BLANKS or (chunk.endswith(b"\n") and chunk.count(b"\n") == 1)
        for chunk in reply.chunks
    )


def recording(era: str, name: str) -> dict[str, Any]:
    """Return one recorded exchange."""
    found = json.loads((RECORDINGS / era / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(found, dict)
    return found


def recorded_header(record: dict[str, Any], name: str) -> str | None:
    for key, value in record["response"]["headers"]:
        if key.lower() == name:
            return str(value)
    return None


def recorded_text(record: dict[str, Any]) -> str:
    body = record["response"].get("body") or {}
    return str(body.get("text", ""))


def recorded_lines(record: dict[str, Any]) -> list[dict[str, Any]]:
    lines = recorded_text(record).split("\n")
    return without_keep_alives([json.loads(line) for line in lines if line.strip()])


def strange(ours: Any, recorded: Any, place: str = "") -> list[str]:
    """Return what is told that was not recorded there, or is of another kind.

    What no client reads is left out on purpose, the marks of superjson too.
    """
    if isinstance(ours, dict) and isinstance(recorded, dict):
        new = [f"{place}.{key}" for key in ours if key not in recorded]
        known = [key for key in ours if key in recorded]
        return new + [
            one for key in known for one in strange(ours[key], recorded[key], f"{place}.{key}")
        ]
    if isinstance(ours, list) and isinstance(recorded, list):
        return strange(ours[0], recorded[0], f"{place}[0]") if ours and recorded else []
    return [] if isinstance(ours, type(recorded)) else [f"{place} is {ours!r}"]
