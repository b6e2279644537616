"""A server in a process of its own that answers every POST with a stream made beforehand.

``python stream_server.py`` prints its port. The query of the path says what to send:
``n`` tokens, ``words`` of them different, ``lines`` of them in a chunk, ``gap`` seconds between
them and ``wait`` before the first, ``framing`` (chunked or identity), ``gzip`` (0 or 1), ``final``
bytes of a final answer, ``piece`` bytes a chunk for that one. A conversation that is read has
nothing in it yet.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
import zlib
from contextlib import suppress
from itertools import islice
from typing import Iterator
from urllib.parse import parse_qs, urlsplit

PAD = "\\u0000"
NOTHING = b'{"json":{"title":"T","model":"m","rootMessageId":"r","messages":[]}}'


def token_line(index: int, words: int) -> bytes:
    text = f" word{index % words}"
    return f'{{"type":"stream","token":"{text}{PAD * (16 - len(text))}"}}\n'.encode()


def timed_line() -> bytes:
    """Return a token that holds the moment of its sending, for the latency benchmark."""
    return json.dumps({"type": "stream", "token": f"{time.perf_counter():.7f} "}).encode() + b"\n"


def answer(options: dict[str, str]) -> Iterator[bytes]:
    count, gap = int(options.get("n", 0)), float(options.get("gap", 0))
    words = int(options.get("words", 1000))
    yield b'{"type":"status","status":"started"}\n'
    time.sleep(float(options.get("wait", 0)))
    for index in range(count):
        if gap:
            time.sleep(gap)
            yield timed_line()
        else:
            yield token_line(index, words)
    final = int(options.get("final", 0))
    text = "x" * final if final else "done"
    yield json.dumps({"type": "finalAnswer", "text": text, "interrupted": False}).encode() + b"\n"
    yield b" " * 4096
    yield b'{"type":"status","status":"finished"}\n'


def pieces(lines: Iterator[bytes], together: int, size: int) -> Iterator[bytes]:
    """Yield *together* lines at once, or each in pieces of *size* bytes."""
    while True:
        piece = b"".join(islice(lines, together))
        if not piece:
            return
        step = size or len(piece)
        for start in range(0, len(piece), step):
            yield piece[start : start + step]


def body(options: dict[str, str]) -> Iterator[bytes]:
    chunked = options.get("framing", "chunked") == "chunked"
    packer = zlib.compressobj(wbits=31) if options.get("gzip") == "1" else None
    together, size = int(options.get("lines", 1)), int(options.get("piece", 0))
    for piece in pieces(answer(options), together, size):
        if packer is not None:
            piece = packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH)
        yield b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
    if chunked:
        yield b"0\r\n\r\n"


def head(options: dict[str, str]) -> bytes:
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: application/jsonl"]
    if options.get("framing", "chunked") == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
    else:
        lines.append(b"Connection: close")
    if options.get("gzip") == "1":
        lines.append(b"Content-Encoding: gzip")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def serve_one(connection: socket.socket, made: dict[str, bytes]) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in received:
                more = connection.recv(65536)
                if not more:
                    return
                received += more
            header, _, received = received.partition(b"\r\n\r\n")
            length = 0
            for line in header.lower().split(b"\r\n"):
                if line.startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            while len(received) < length:
                received += connection.recv(65536)
            received = received[length:]
            if header.startswith(b"GET "):
                kind = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                size = b"Content-Length: %d\r\n\r\n" % len(NOTHING)
                connection.sendall(kind + size + NOTHING)
                continue
            query = urlsplit(header.split(b" ")[1].decode()).path.rpartition("/o/")[2]
            query = query.partition("/")[0].replace("~", "&")
            options = {key: values[0] for key, values in parse_qs(query).items()}
            send(connection, query, options, made)
            if options.get("framing", "chunked") != "chunked":
                return


def served(connection: socket.socket, made: dict[str, bytes]) -> None:
    with suppress(ConnectionError):  # a reader that has its answer does not wait for the rest
        serve_one(connection, made)


def send(
    connection: socket.socket, query: str, options: dict[str, str], made: dict[str, bytes]
) -> None:
    connection.sendall(head(options))
    if "gap" in options:
        for piece in body(options):
            connection.sendall(piece)
        return
    if query not in made:
        made[query] = b"".join(body(options))
    connection.sendall(made[query])


def main() -> int:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(256)
    print(listener.getsockname()[1], flush=True)
    made: dict[str, bytes] = {}
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=served, args=(connection, made), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
