"""What the benchmarks share: the server process, the raw reader, the client under test."""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import urllib3

from hugchat_sync import Client, Message

CONVERSATION = "0" * 24
PARENT = "00000000-0000-4000-8000-000000000000"
_decode = json.JSONDecoder().decode


@contextmanager
def stream_server() -> Iterator[int]:
    """Start the server in a process of its own; yields its port."""
    program = Path(__file__).with_name("stream_server.py")
    process = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def options_path(**options: object) -> str:
    return "/o/" + "~".join(f"{name}={value}" for name, value in options.items())


def client_for(port: int, **options: object) -> Client:
    return Client(f"http://127.0.0.1:{port}{options_path(**options)}", dialect="v2-2025")


def message_of(client: Client, number: int = 0) -> Message:
    return client.chat("hi", f"{number:024x}", parent_id=PARENT)


def raw_objects(port: int, **options: object) -> Iterator[dict[str, object]]:
    """Yield the objects of an answer, read with nothing but a socket."""
    connection = socket.create_connection(("127.0.0.1", port))
    path = f"{options_path(**options)}/conversation/{CONVERSATION}"
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        buffer += connection.recv(65536)
    head, _, buffer = buffer.partition(b"\r\n\r\n")
    chunks = _chunks(connection, buffer) if b"chunked" in head else _plain(connection, buffer)
    pending = b""
    with connection:
        for chunk in chunks:
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                yield _decode(line.decode())


def urllib3_objects(port: int, **options: object) -> Iterator[dict[str, object]]:
    """Yield the same, read with nothing but urllib3, which is below every client of requests."""
    path = f"{options_path(**options)}/conversation/{CONVERSATION}"
    pool = urllib3.HTTPConnectionPool("127.0.0.1", port, timeout=60.0)
    pending = b""
    for chunk in pool.urlopen("POST", path, preload_content=False).read_chunked():
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            yield _decode(line.decode())


def _plain(connection: socket.socket, buffer: bytes) -> Iterator[bytes]:
    if buffer:  # the head may have come alone
        yield buffer
    while True:
        more = connection.recv(65536)
        if not more:
            return
        yield more


def _chunks(connection: socket.socket, buffer: bytes) -> Iterator[bytes]:
    position = 0
    while True:
        end = buffer.find(b"\r\n", position)
        if end >= 0:
            size = int(buffer[position:end], 16)
            if not size:
                return
            if len(buffer) >= end + 2 + size + 2:
                yield buffer[end + 2 : end + 2 + size]
                position = end + 2 + size + 2
                continue
        more = connection.recv(65536)
        if not more:
            return
        buffer = buffer[position:] + more
        position = 0


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1))]


def median(values: list[float]) -> float:
    return statistics.median(values)


def medians(found: list[tuple[float, float]]) -> list[float]:
    return [median(list(values)) for values in zip(*found)]


def print_costs(spent: dict[str, list[tuple[float, float]]]) -> None:
    """Print the medians of what programs cost, each compared with that of the first one."""
    clock, processor = medians(next(iter(spent.values())))
    for name, found in spent.items():
        seconds, used = medians(found)
        print(
            f"{name:<38} {seconds * 1000:>5.0f} ms  {seconds / clock:.2f}, "
            f"of the processor {used / processor:.2f}"
        )


def process_cost(*arguments: str) -> tuple[float, float]:
    """Return the seconds of the clock and of the processor that a process of its own takes.

    Compiled files are kept, whatever the environment says: nobody's job compiles each time.
    """
    kept = {name: text for name, text in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments], stdout=subprocess.DEVNULL, env=kept)
    _, process.returncode, used = os.wait4(process.pid, 0)
    assert not process.returncode, arguments
    return time.perf_counter() - began, used.ru_utime + used.ru_stime
