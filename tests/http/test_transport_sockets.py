"""What depends on sockets: when bytes are handed on, how a stream is ended, what is given back."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from contextlib import contextmanager

import pytest

from hugchat_sync.calls import Call, Request, StreamCall
from hugchat_sync.dialects.verbs import find_error
from hugchat_sync.errors import ConnectionFailed, ServerError, TimedOut, TransportError
from hugchat_sync.options import Timeout
from hugchat_sync.transport.http import Transport

CALL = StreamCall(Request("GET", "/stream", find_error, repeatable=False), iter)


class Served:
    """One connection at a time, answered by a script of bytes and of seconds of silence."""

    def __init__(self, *script, place=("127.0.0.1", 0)):
        self.script = script
        self.connections = 0
        self.gone = threading.Event()
        self._socket = socket.create_server(place)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/chat"

    def _serve(self):
        while not self._end.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                self._answer(connection)

    def _answer(self, connection):
        connection.settimeout(5)
        while not self._end.is_set():
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(65536)
                if not piece:
                    self.gone.set()
                    return
                request += piece
            try:
                for step in self.script:
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    elif self._end.wait(step) or not step:
                        return
            except OSError:
                self.gone.set()
                return

    def close(self):
        self._end.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@contextmanager
def served(*script, **options):
    server = Served(*script)
    transport = Transport(server.url, **options)
    try:
        yield server, transport
    finally:
        transport.close()
        server.close()


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
SIZED = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"


def arrivals(stream):
    started = time.monotonic()
    return [(piece, time.monotonic() - started) for piece in stream]


@pytest.mark.parametrize(
    "script",
    [
        (CHUNKED, 0.02, chunk(b"one"), 0.3, chunk(b"two"), b"0\r\n\r\n"),
        (CLOSING, 0.02, b"one", 0.3, b"two", 0),
        (SIZED, 0.02, b"one", 0.3, b"two"),
    ],
    ids=["chunked", "until the end of the connection", "of a known length"],
)
def test_piece_is_handed_on_when_it_arrives(script):
    with served(*script) as (_, transport):
        found = arrivals(transport.open(CALL))

    assert b"".join(piece for piece, _ in found) == b"onetwo"
    assert found[0][0].startswith(b"o")
    assert found[0][1] < 0.2
    assert found[-1][1] > 0.25


def test_body_that_the_server_compressed_is_unpacked():
    packed = gzip.compress(b"one two three")
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served(head, chunk(packed), b"0\r\n\r\n") as (_, transport):
        found = b"".join(transport.open(CALL))

    assert found == b"one two three"


def test_connection_is_used_again():
    script = (SIZED, b"onetwo")
    with served(*script) as (server, transport):
        bodies = [
            transport.send(Call(Request("GET", "/a", find_error), lambda reply: reply.body))
            for _ in range(4)
        ]

    assert (bodies, server.connections) == ([b"onetwo"] * 4, 1)


def test_connection_is_given_back_after_a_bad_status():
    bad = b'HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{"message": "x"}'
    with served(bad) as (server, transport):
        for _ in range(3):
            with pytest.raises(ServerError, match="404"):
                transport.open(CALL)

    assert server.connections == 1


@pytest.mark.parametrize(
    ("script", "came"),
    [
        ((CHUNKED, chunk(b"one"), 0), b"one"),
        ((CHUNKED, chunk(b"one"), b"6\r\ntwo", 0), b"one"),
        ((CHUNKED, chunk(b"one"), b"nonsense\r\n", 0), b"one"),
    ],
    ids=["between chunks", "inside a chunk", "nonsense"],
)
def test_stream_that_breaks_is_told_after_what_came(script, came):
    with served(*script) as (_, transport):
        stream, found = transport.open(CALL), []
        with pytest.raises(ConnectionFailed) as caught:
            found.extend(stream)

    assert b"".join(found) == came
    assert caught.value.unsure is True


def test_silence_is_told_as_the_clock_that_ran_out():
    with served(CHUNKED, chunk(b"one"), 2, timeout=Timeout(idle=0.2)) as (_, transport):
        stream, found = transport.open(CALL), []
        with pytest.raises(TimedOut) as caught:
            found.extend(stream)

    assert caught.value.phase == "idle"


def test_head_that_comes_byte_by_byte_ends_with_the_total():
    drip = [step for byte in CHUNKED for step in (bytes([byte]), 0.05)]
    with served(*drip, timeout=Timeout(total=0.4)) as (_, transport):
        started = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            transport.open(CALL)

    assert caught.value.phase == "total"
    assert time.monotonic() - started < 1.5


def test_total_ends_a_stream_in_which_bytes_keep_coming():
    drip = [step for _ in range(100) for step in (chunk(b"x"), 0.02)]
    with served(CHUNKED, *drip, timeout=Timeout(total=0.3)) as (_, transport):
        stream, found = transport.open(CALL), []
        with pytest.raises(TimedOut) as caught:
            found.extend(stream)

    assert (caught.value.phase, caught.value.unsure) == ("total", True)


def test_progress_ends_a_stream_in_which_nothing_happens():
    drip = [step for _ in range(100) for step in (chunk(b" "), 0.02)]
    with served(CHUNKED, *drip, timeout=Timeout(progress=0.3)) as (_, transport):
        stream, found = transport.open(CALL), []
        stream.watch(lambda: 0)
        with pytest.raises(TimedOut) as caught:
            found.extend(stream)

    assert (caught.value.phase, caught.value.unsure) == ("progress", True)


def test_stream_that_is_limited_ends_in_time():
    with served(CHUNKED, chunk(b"one"), 3) as (_, transport):
        stream = transport.open(CALL)
        pieces = iter(stream)
        assert next(pieces) == b"one"
        stream.limit(0.2)
        started = time.monotonic()
        with pytest.raises(TransportError):
            next(pieces)

    assert time.monotonic() - started < 1.5


def test_close_wakes_a_reader_in_another_thread():
    with served(CHUNKED, chunk(b"one"), 3) as (server, transport):
        stream = transport.open(CALL)
        threading.Timer(0.1, stream.close).start()
        started, found = time.monotonic(), []
        with pytest.raises(TransportError):
            found.extend(stream)

        assert time.monotonic() - started < 1.5
        assert stream.closed


def test_stream_that_nobody_reads_can_be_closed():
    with served(CHUNKED, chunk(b"one"), 0.3, chunk(b"two"), 0.1, chunk(b"x")) as (
        server,
        transport,
    ):
        transport.open(CALL).close()

        assert server.gone.wait(3)


def test_idle_connection_that_the_server_closed_is_not_used():
    with served(SIZED, b"onetwo", 0) as (server, transport):
        call = Call(Request("POST", "/a", find_error), lambda reply: reply.body)
        bodies = []
        for _ in range(2):
            bodies.append(transport.send(call))
            time.sleep(0.05)

    assert (bodies, server.connections) == ([b"onetwo"] * 2, 2)


def test_connection_that_was_never_made_is_tried_again_for_a_writing_call():
    """By another one who listens meanwhile, at the same place."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = listener.getsockname()
    begun, slept = [], []

    def sleep(seconds):
        slept.append(seconds)
        begun.append(Served(SIZED, b"abcdef", place=place))

    transport = Transport(f"http://127.0.0.1:{place[1]}", sleep=sleep, jitter=lambda: 1.0)
    call = Call(Request("POST", "/thing", find_error), lambda reply: reply.body)
    assert transport.send(call) == b"abcdef"
    assert slept == [0.5]
    transport.close()
    begun[0].close()
