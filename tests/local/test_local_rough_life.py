"""The embedded server where life is rough: strangers' web pages, odd requests, no disk, no room."""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import socket
import sqlite3
import stat
import threading
import time
from contextlib import closing, contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Iterator

import pytest
from local_talk import Talk, until
from local_wire import updates
from sampling import each

from hugchat_sync import Client, GenerationError, HugChatError, Retry, Timeout
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

MIB = 1024 * 1024


def place(server: LocalServer) -> tuple[str, int]:
    found = re.fullmatch(r"http://(.*):(\d+)/chat", server.url)
    assert found
    return found.group(1), int(found.group(2))


def raw(server: LocalServer, sent: bytes, seconds: float = 5.0) -> bytes:
    """Send bytes and return all that comes back until the server closes or has said enough."""
    received = b""
    with socket.create_connection(place(server), timeout=seconds) as line:
        line.sendall(sent)
        line.shutdown(socket.SHUT_WR)
        while True:
            piece = line.recv(65536)
            if not piece:
                return received
            received += piece


@pytest.fixture
def plain() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(["Hello"])) as server:
        yield server


# who is meant -----------------------------------------------------------------------------------

NAMES = ["localhost", "LOCALHOST", "a.localhost", "127.0.0.1", "127.8.8.8", "[::1]", "localhost."]
STRANGERS = ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.1"]


@each("port", ["", ":1", ":80"])
@each("name", NAMES)
def test_names_of_this_machine_are_answered(plain, name, port):
    assert raw(plain, request(f"{name}{port}")).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("port", ["", ":80"])
@pytest.mark.parametrize("name", [*STRANGERS, "[2001:db8::1]", "0.0.0.0"])
def test_a_web_page_under_a_name_of_its_own_was_answered(plain, name, port):
    assert raw(plain, request(f"{name}{port}")).startswith(b"HTTP/1.1 403 ")


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS", "HEAD"])
def test_a_stranger_is_refused_whatever_it_asks_for(plain, method):
    sent = f"{method} /chat/conversation HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode()
    assert raw(plain, sent).startswith(b"HTTP/1.1 403 ")
    assert plain.requests == []


def test_a_stranger_is_refused_in_an_address_that_names_this_machine(plain):
    sent = f"GET {plain.url}/api/v2/user HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode()
    assert raw(plain, sent).startswith(b"HTTP/1.1 403 ")


def test_with_a_token_a_reverse_proxy_may_use_its_name():
    with LocalServer(token="secret") as server:
        assert raw(server, request("chat.example")).startswith(b"HTTP/1.1 200 ")


@each("token", ["", " ", "a b", "naïve", "a\n"])
def test_a_token_that_cannot_be_shown_is_refused(token):
    with pytest.raises(ValueError, match="token"):
        LocalServer(host="0.0.0.0", token=token)


def request(host: str) -> bytes:
    return f"GET /chat/api/v2/user HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()


# what is no request -----------------------------------------------------------------------------

HEAD = "POST /chat/conversation HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
MALFORMED = {
    "no request": "hello\r\n\r\n",
    "old HTTP": "GET /chat/\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "odd version": "GET /chat/ HTTP/1_1.1\r\nHost: localhost\r\n\r\n",
    "two blanks": "GET  /chat/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "zero byte": "GET /chat/\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "letters": "GET /chat/ä HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no host": "GET /chat/ HTTP/1.1\r\n\r\n",
    "empty host": "GET /chat/ HTTP/1.1\r\nHost: \r\n\r\n",
    "two hosts": "GET /chat/ HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
    "odd host": "GET /chat/ HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
    "odd port": "GET /chat/ HTTP/1.1\r\nHost: localhost:80x\r\n\r\n",
    "no colon": HEAD + "Oops\r\n\r\n",
    "blank name": HEAD + "Content-Length : 2\r\n\r\n{}",
    "folded": HEAD + "X: a\r\n Content-Length: 2\r\n\r\n{}",
    "bare return": HEAD + "X: a\rContent-Length: 2\r\n\r\n{}",
    "zero in a header": HEAD + "X: a\0b\r\n\r\n",
    "negative": HEAD + "Content-Length: -5\r\n\r\n",
    "underscore": HEAD + "Content-Length: 1_0\r\n\r\n0123456789",
    "plus": HEAD + "Content-Length: +2\r\n\r\n{}",
    "hexadecimal": HEAD + "Content-Length: 0x2\r\n\r\n{}",
    "empty length": HEAD + "Content-Length: \r\n\r\n",
    "other digits": HEAD + "Content-Length: ２\r\n\r\n{}",
    "two lengths": HEAD + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "two lengths in one": HEAD + "Content-Length: 2, 2\r\n\r\n{}",
    "length and chunks": HEAD + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks in 1.0": "POST /chat/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk of no size": HEAD + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    "negative chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
    "chunk with underscore": HEAD + "Transfer-Encoding: chunked\r\n\r\n0_2\r\n{}\r\n0\r\n\r\n",
    "chunk too long": HEAD + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
}


@each("sent", MALFORMED.values())
def test_what_is_malformed_is_400_and_says_nothing_on_the_screen(plain, sent, capfd):
    answer = raw(plain, sent.encode())

    assert answer.startswith(b"HTTP/1.1 400 ") and b"Connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1  # what follows in the same connection is not believed
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (f"GET /chat/{'a' * 70000} HTTP/1.1\r\n\r\n", b"414"),
        (HEAD + f"X: {'a' * 70000}\r\n\r\n", b"431"),
        (HEAD + "X: a\r\n" * 20000 + "\r\n", b"431"),
        (HEAD + "Transfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (HEAD + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
    ],
)
def test_what_is_too_long_or_unknown_is_told(plain, sent, status):
    assert raw(plain, sent.encode())[9:12] == status


ODD = [
    ("GET", "/api/v2/conversations?p=99999999999999999999", b""),
    ("GET", "/api/v2/conversations?p=²", b""),
    ("GET", "/api/conversations?p=--1", b""),
    ("GET", "/conversation/%00%ff/stream?fromSeq=99999999999999999999999", b""),
    ("GET", "/%ff%fe/%00", b""),
    ("POST", "/conversation", b"[" * 100_000),
    ("POST", "/conversation", b'{"model": {"a": 1}, "preprompt": "\\ud800"}'),
    ("POST", "/conversation", b'{"model": "omni", "preprompt": "\\ud800"}'),
    ("POST", "/conversation", b"\xff\xfe"),
    ("POST", "/api/v2/user/settings", b"[" * 100_000),
    ("POST", "/api/v2/user/settings", b'{"customPrompts": {"a": "\\ud800"}}'),
    ("POST", "/api/v2/conversations/import-share", b'{"shareId": "\\ud800"}'),
    ("POST", "/api/mcp/health", b'{"url": 5}'),
]


@pytest.mark.parametrize(("method", "path", "body"), ODD)
def test_odd_requests_leave_no_traceback(plain, method, path, body, capfd):
    path = path.encode().decode("latin-1")
    reply = Talk(plain).call(method, path, body, {"Content-Type": "application/json"})

    assert reply.status in (200, 302, 400, 404, 500, 503)
    assert capfd.readouterr() == ("", "")


def test_a_form_that_is_none_leaves_no_traceback(plain, capfd):
    talk = Talk(plain)
    talk.create()
    for kind in ("multipart/form-data", "multipart/form-data; boundary=X", "text/plain"):
        headers = {"Content-Type": kind, "Origin": talk.origin}
        for body in (b"", b"--X", b"--X\r\n\r\n--X--", b"\xff" * 100):
            reply = talk.call("POST", f"/conversation/{talk.id}", body, headers)
            assert reply.status in (400, 500)
    assert capfd.readouterr() == ("", "")


def test_a_long_message_is_no_form_that_is_too_large(plain):
    talk = Talk(plain)
    talk.create()

    assert talk.say("a" * 2_000_000)[-1]["status"] == "finished"


# bodies that are too large ----------------------------------------------------------------------


def test_a_chunked_body_is_counted_while_it_is_read(plain):
    piece = b"100000\r\n" + b"z" * MIB + b"\r\n"
    with socket.create_connection(place(plain), timeout=10) as line:
        line.sendall((HEAD + "Transfer-Encoding: chunked\r\n\r\n").encode())
        for _ in range(16):
            line.sendall(piece)
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")  # before the body is at its end


def test_a_chunk_is_refused_for_the_size_it_announces(plain):
    sent = (HEAD + "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n").encode()
    with socket.create_connection(place(plain), timeout=10) as line:
        line.sendall(sent)
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_length_beyond_all_measure_is_refused_at_once(plain):
    with socket.create_connection(place(plain), timeout=10) as line:
        line.sendall((HEAD + f"Content-Length: {10**15}\r\nExpect: 100-continue\r\n\r\n").encode())
        assert line.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_below_the_limit_is_taken(plain):
    body = json.dumps({"model": "omni", "preprompt": "p" * 3 * MIB}).encode()
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(p), p) for p in (body[:9], body[9:]))
    sent = (HEAD + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n").encode()

    assert raw(plain, sent + chunks + b"0\r\nX: y\r\n\r\n").startswith(b"HTTP/1.1 200 ")


# responders and upstreams that fail -------------------------------------------------------------


class Failing:
    """A responder that fails in some way: before, between or behind its words."""

    def __init__(self, steps: Any, title: bool = False) -> None:
        self._steps, self._title = steps, title

    def answer(self, turn: Any) -> Any:
        return self._steps()

    def title(self, turn: Any) -> Any:
        if self._title:
            raise LookupError("no title")


def at_once() -> Any:
    raise LookupError("a secret: sk-12345")


def in_the_middle() -> Any:
    yield from Scripted(["Hel", "lo"]).answer(turn_of_nobody())
    raise LookupError("a secret: sk-12345")


def before_the_end() -> Any:
    from hugchat_sync.local.responder import Text

    yield Text("Hel")
    raise LookupError("a secret: sk-12345")


def words_of_another_kind() -> Any:
    yield "Hello"


def a_list_as_text() -> Any:
    from hugchat_sync.local.responder import Text

    yield Text(["a"])  # type: ignore[arg-type]


def a_result_without_its_call() -> Any:
    from hugchat_sync.local.responder import ToolResult

    yield ToolResult("never called", "text")


def turn_of_nobody() -> Any:
    from hugchat_sync.local.responder import Turn

    return Turn("hi", (), "", "omni", "v2-2025", "")


def patient(server: LocalServer) -> Client:
    clocks = Timeout(connect=2, idle=3, progress=3, total=4)
    return Client(server.url, timeout=clocks, retries=Retry(tries=1))


@pytest.mark.parametrize(
    "steps",
    [at_once, before_the_end, words_of_another_kind, a_list_as_text, a_result_without_its_call],
)
def test_a_responder_that_fails_ends_its_answer_with_an_error(steps, capfd):
    with LocalServer(responder=Failing(steps)) as server, patient(server) as client:
        with pytest.raises(GenerationError) as caught:
            client.ask("hi")
        assert "sk-12345" not in str(caught.value)
        assert caught.value.partial == ("Hel" if steps is before_the_end else "")
    assert capfd.readouterr() == ("", "")


def test_a_failure_behind_the_answer_does_not_spoil_it():
    with LocalServer(responder=Failing(in_the_middle)) as server, patient(server) as client:
        assert client.ask("hi") == "Hello"


def test_a_title_that_fails_costs_the_title_only():
    def steps() -> Any:
        return Scripted(["Hello"]).answer(turn_of_nobody())

    with LocalServer(responder=Failing(steps, title=True)) as server, patient(server) as client:
        assert client.ask("hi") == "Hello"


def test_the_next_answer_is_given_as_ever():
    found = [at_once, lambda: Scripted(["Hello"]).answer(turn_of_nobody())]
    server = LocalServer(responder=Failing(lambda: found.pop(0)()))
    with server, patient(server.start()) as client:
        with pytest.raises(GenerationError):
            client.ask("hi")
        assert client.ask("hi") == "Hello"


class Model(ThreadingHTTPServer):
    """A model server that sends what it is told to send."""

    daemon_threads = True

    def __init__(self, said: bytes, listed: bytes = b'{"data": [{"id": "m"}]}') -> None:
        super().__init__(("127.0.0.1", 0), ModelHandler)
        self.said, self.listed = said, listed
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.keys: list[str | None] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def __exit__(self, *error: object) -> None:
        self.shutdown()
        super().__exit__(*error)


class ModelHandler(BaseHTTPRequestHandler):
    server: Model

    def do_GET(self) -> None:
        self._send(self.server.listed)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._send(self.server.said)

    def _send(self, body: bytes) -> None:
        self.server.keys.append(self.headers["Authorization"])
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


def fails_as_it_should(model: Model) -> None:
    with LocalServer(upstream=model.url) as server:
        client = patient(server)
        with client, pytest.raises(GenerationError):
            client.ask("hi")


GOOD = b'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n'
ODD_STREAMS = [
    b"data: 5\n\n",
    b"data: []\n\n",
    b"data: null\n\n",
    b'data: "text"\n\n',
    b"data: {\n\n",
    b"data: \xff\xfe\n\n",
    b'data: {"choices":5}\n\n',
    b'data: {"choices":{"a":1}}\n\n',
    b'data: {"choices":[5]}\n\n',
    b'data: {"choices":[{"delta":[1]}]}\n\n',
    b'data: {"choices":[{"delta":{"content":["a"]}}]}\n\n',
    b'data: {"choices":[{"delta":{"content":5}}]}\n\n',
    b'data: {"choices":[{"delta":{"reasoning":{"a":1}}}]}\n\n',
    b'data: {"error":{"message":["a"]}}\n\n',
    b"data: " + b"[" * 100_000 + b"\n\n",
    b"data: " + b"a" * 3 * MIB + b"\n\n",
    b"",
]


@pytest.mark.parametrize("said", ODD_STREAMS, ids=lambda said: repr(said[:50]))
def test_an_upstream_of_odd_shape_ends_the_answer_with_an_error(said, capfd):
    with Model(said) as model:
        fails_as_it_should(model)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("listed", [b"5", b'{"data": {"a": 1}}', b'{"data": [5]}', b"[" * 100_000])
def test_a_list_of_models_of_odd_shape_is_passed_over(listed, capfd):
    with Model(GOOD, listed) as model, LocalServer(upstream=model.url) as server:
        client = patient(server)
        with client:
            assert client.ask("hi") == "Hello"
            assert [one.id for one in client.models()] == ["default"]
    assert capfd.readouterr() == ("", "")


# the key of an upstream -------------------------------------------------------------------------


def test_a_key_is_not_sent_in_the_clear_to_another_machine(caplog):
    from hugchat_sync.local.upstream import Upstream

    assert not Upstream("http://localhost:1", key="k").withholds_key
    assert not Upstream("https://gpu.example", key="k").withholds_key
    assert not Upstream("http://gpu.example").withholds_key
    assert not Upstream("http://gpu.example", key="k", allow_insecure=True).withholds_key
    assert Upstream("http://gpu.example", key="k").withholds_key


@pytest.mark.parametrize("words", [(), ("--allow-insecure",)])
def test_serve_sends_the_key_to_another_machine_only_if_that_is_allowed(serving, words, tmp_path):
    # another machine's name that leads here, for the length of this test
    with Model(GOOD) as model:
        site = tmp_path / "sitecustomize.py"
        site.write_text(
            "import socket\n_plain = socket.getaddrinfo\n"
            "def _leads_here(host, *rest, **more):\n"
            "    return _plain('127.0.0.1' if host == 'gpu.example' else host, *rest, **more)\n"
            "socket.getaddrinfo = _leads_here\n"
        )
        upstream = model.url.replace("127.0.0.1", "gpu.example")
        environment = {"OPENAI_API_KEY": "made-up-key", "PYTHONPATH": path_with(tmp_path)}
        running = serving("--upstream", upstream, *words, **environment)
        with running as (url, process), Client(url) as client:
            assert client.ask("hi") == "Hello"
        err = process.err

    assert set(model.keys) == ({"Bearer made-up-key"} if words else {None})
    assert ("--allow-insecure" in err) is (not words) and "made-up-key" not in err


def test_a_key_with_a_line_break_is_stripped():
    from hugchat_sync.local.upstream import Upstream

    with Model(GOOD) as model:
        relay = Upstream(model.url, key="made-up-key\n")
        with LocalServer(responder=relay) as server, Client(server.url) as client:
            assert client.ask("hi") == "Hello"
    assert set(model.keys) == {"Bearer made-up-key"}
    with pytest.raises(ValueError) as caught:
        Upstream(model.url, key="made\nup")
    assert "up" not in str(caught.value).split()


# the token of serve -----------------------------------------------------------------------------


@pytest.fixture
def serving(start: Any) -> Any:
    """``hugchat-sync serve`` in a process of its own: its address and the process."""

    @contextmanager
    def begin(*words: str, preexec_fn: Any = None, **environment: str) -> Iterator[Any]:
        env = {**os.environ, **environment}
        process = start("serve", "--port", "0", *words, env=env, preexec_fn=preexec_fn)
        try:
            yield process.stdout.readline().decode().strip(), process
        finally:
            process.terminate()
            process.err = process.communicate(timeout=10)[1].decode()

    return begin


def path_with(folder: Path) -> str:
    return os.pathsep.join([str(folder), str(Path(__file__).parents[2])])


def test_the_token_of_serve_may_come_from_the_environment(serving):
    with serving(HUGCHAT_SYNC_SERVE_TOKEN=" secret\n") as (url, _):
        with Client(url, cookies={"hf-chat": "secret"}) as client:
            assert client.whoami() is not None
        sent = request("localhost").replace(b"GET /chat/api/v2/user", b"POST /chat/conversation")
        with socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) as line:
            line.sendall(sent)
            assert line.recv(4096).startswith(b"HTTP/1.1 302 ")


# documents --------------------------------------------------------------------------------------


def test_documents_stay_in_their_folder(tmp_path, caplog):
    (tmp_path / "outside.md").write_text("# Secret\n\nThe zorblax sleeps.\n")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.md").write_text("# Secret\n\nThe zorblax dreams.\n")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Birds\n\nThe zorblax eats plums.\n")
    (folder / "same.md").symlink_to("a.md")
    (folder / "out.md").symlink_to("../outside.md")
    (folder / "further").symlink_to("../elsewhere")
    (folder / "circle.md").symlink_to("circle.md")
    (folder / "nothing.md").symlink_to("nowhere.md")
    os.mkfifo(folder / "pipe.md")
    with LocalServer(documents=folder) as server, Client(server.url) as client:
        answer = client.ask("zorblax")
        statuses = {
            name: Talk(server).call("GET", f"/documents/{name}").status
            for name in ("a.md", "same.md", "out.md", "further/b.md", "../outside.md")
        }

    assert "plums" in answer and "sleeps" not in answer and "dreams" not in answer
    assert [name for name, status in statuses.items() if status == 200] == ["a.md", "same.md"]


def test_a_folder_that_is_a_link_is_read(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.md").write_text("# Birds\n\nThe zorblax eats plums.\n")
    (tmp_path / "docs").symlink_to("real")
    with LocalServer(documents=tmp_path / "docs") as server, Client(server.url) as client:
        assert "plums" in client.ask("zorblax")


def test_a_name_that_is_not_unicode_does_not_end_the_server(tmp_path):
    (tmp_path / os.fsdecode(b"caf\xe9.md")).write_text("The zorblax eats plums.\n")
    with LocalServer(documents=tmp_path) as server, Client(server.url) as client:
        assert "plums" in client.ask("zorblax")


# disks and descriptors --------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, 0o644])
def test_the_database_is_its_owners_only(tmp_path, before):
    path = tmp_path / "chat.db"
    if before is not None:
        path.touch(before)
    mask = os.umask(0)
    try:
        with LocalServer(database=path) as server:
            Talk(server).create()
            modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    finally:
        os.umask(mask)

    assert len(modes) == 3 and set(modes.values()) == {0o600}


@pytest.mark.parametrize("wait", [True, False])
def test_what_was_said_stayed_in_the_log_of_a_deleted_conversation(tmp_path, wait):
    path = tmp_path / "chat.db"
    script = Script(["The zorblax", " sleeps."], delay=0.1)
    with LocalServer(database=path, responder=Scripted(script)) as server:
        talk = Talk(server)
        talk.create()
        talk.send(stop_at=b"finished" if wait else b"zorblax")
        talk.call("DELETE", f"/api/v2/conversations/{talk.id}")
        time.sleep(0.4)  # the run that was under way ends meanwhile
        with closing(sqlite3.connect(path)) as database:
            bodies = [body for (body,) in database.execute("SELECT body FROM records")]

    assert [body for body in bodies if "zorblax" in body or talk.id in body] == []


def test_a_run_that_an_earlier_version_was_making_is_interrupted_and_no_old_log_is_kept(tmp_path):
    path = tmp_path / "chat.db"
    with LocalServer(database=path, responder=Scripted(["Half"])) as server:
        talk = Talk(server)
        talk.create()
        talk.say()
        answer = talk.last()["id"]
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        query = "UPDATE records SET body = json_remove(body, '$.messages[2].interrupted')"
        database.execute(f"{query} WHERE kind = 'conversation'")
        for run_id, status in (("first", "completed"), ("second", "running")):
            told = [{"type": "stream", "token": "zorblax"}]
            run = {"id": run_id, "conversation": talk.id, "message": answer, "log": told}
            database.execute(
                "INSERT INTO records (kind, id, owner, sort, body) VALUES ('run', ?, ?, ?, ?)",
                (run_id, talk.id, status, json.dumps({**run, "status": status})),
            )
    with LocalServer(database=path) as server:
        talk.server, talk.url = server, server.url
        assert talk.last()["interrupted"] is True
        with closing(sqlite3.connect(path)) as database:
            bodies = [body for (body,) in database.execute("SELECT body FROM records")]
    assert [body for body in bodies if "zorblax" in body] == []


def test_a_full_disk_is_told_and_ends_the_answer(serving, tmp_path):
    small_files = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (256 * 1024, 256 * 1024))
    words = ("--db", str(tmp_path / "chat.db"))
    with serving(*words, preexec_fn=small_files) as (url, process):
        client = Client(url, timeout=20, retries=Retry(tries=1))
        with client, pytest.raises(HugChatError):
            for _ in range(40):
                client.ask("z" * 30_000)
        began = time.monotonic()
        with client, pytest.raises(HugChatError):
            client.ask("z" * 30_000)
        assert time.monotonic() - began < 5
    err = process.err

    assert process.returncode == 0
    assert "Traceback" not in err
    assert re.search("hugchat-sync: .*(disk|I/O)", err)


def test_without_descriptors_it_waits_and_then_goes_on(serving):
    few = partial(resource.setrlimit, resource.RLIMIT_NOFILE, (40, 40))
    lines = []
    with serving(preexec_fn=few) as (url, process):
        host, _, port = url.split("/")[2].partition(":")
        for _ in range(60):
            lines.append(socket.create_connection((host, int(port)), timeout=5))
        time.sleep(0.5)
        before = processor_seconds(process.pid)
        time.sleep(1)
        spent = processor_seconds(process.pid) - before
        for line in lines:
            line.close()
        with Client(url) as client:
            assert client.ask("How do futures work?")
    err = process.err

    assert spent < 0.3
    assert "new connections wait" in err and "Traceback" not in err


def test_an_answer_under_way_was_cut_when_no_descriptor_was_free():
    with LocalServer(responder=Scripted(Script(["Hello"], head=0.6))) as server:
        talk, told = Talk(server), []
        talk.create()
        asking = threading.Thread(target=lambda: told.extend(talk.say()))
        asking.start()
        until(lambda: len(server.requests) == 2)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        time.sleep(0.3)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        asking.join()

    assert told[-1]["status"] == "finished"


def processor_seconds(number: int) -> float:
    words = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def nowhere(tmp_path: Path) -> dict[str, str]:
    """Return an environment whose home is a file: not even root can write below it."""
    place = tmp_path / "home"
    place.touch()
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
    return {**os.environ, **{name: str(place) for name in names}}


def test_local_without_a_writable_home_runs_in_memory_and_says_so_once(completed, tmp_path):
    done = completed("--local", "ask", "How do futures work?", env=nowhere(tmp_path))

    assert done.returncode == 0 and b"future" in done.stdout.lower()
    assert done.stderr.count(b"in memory only") == 1 and done.stderr.count(b"\n") == 1


def test_a_database_that_is_none_is_not_passed_over_in_silence(completed, tmp_path):
    place = tmp_path / "hugchat_sync"
    place.mkdir()
    (place / "local.db").write_text("this is no database, and long enough to be looked at" * 100)
    home = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}
    done = completed("--local", "ls", env={**os.environ, **home})

    assert (done.returncode, done.stdout) == (1, b"") and b"database" in done.stderr


def test_nothing_of_all_this_reaches_the_screen_of_a_program(plain, capfd, caplog):
    caplog.set_level(logging.CRITICAL)
    with closing(socket.create_connection(place(plain))) as line:
        line.sendall(
            b"POST /chat/conversation HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
        )
    until(lambda: plain.open_connections == 0)
    talk = Talk(plain)
    talk.create()
    assert updates(talk.send())[-1]["status"] == "finished"

    assert capfd.readouterr() == ("", "")
