"""The server itself: connections, closing, faults, token, program."""

from __future__ import annotations

import gc
import socket
import threading
import time
from contextlib import closing

import pytest
from eras.arena import EMBEDDED
from local_talk import until
from local_wire import Wire, call, updates

from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted

NOBODY = '{"json":null}'  # who is signed in


def test_url_is_known_after_start():
    server = LocalServer()
    with pytest.raises(RuntimeError):
        _ = server.url
    try:
        assert server.start().url.startswith("http://127.0.0.1:")
        assert server.url.endswith("/chat") and server.start() is server
    finally:
        server.close()
    server.close()
    assert "not started" in repr(server)


def test_options_are_given_by_name_only():
    with pytest.raises(TypeError):
        LocalServer("chat.db")
    with pytest.raises(TypeError):
        LocalServer(era="v2-2025")


def test_a_port_that_is_taken_is_an_error(serve):
    port = int(serve().origin.rsplit(":", 1)[1])
    with pytest.raises(OSError):
        LocalServer(port=port).start()


def test_base_path_is_the_same_with_and_without_slashes():
    for stated, path in (("chat", "/chat"), ("/a/b/", "/a/b"), ("/", ""), ("", "")):
        with LocalServer(base_path=stated) as server:
            assert server.url.partition("://")[2].partition("/")[2] == path[1:]
            assert call(server.url, "GET", f"{path}/api/v2/user").text == NOBODY


def test_limit_that_is_none_is_not_passed_over():
    with pytest.raises(ValueError, match="messages_per_minute"):
        LocalServer(limits={"message_per_minute": 3})


def test_database_in_memory_by_its_name_in_sqlite_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with LocalServer(database=":memory:"):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("era", ["v2-2025", "lines-2023"])
def test_requests_share_a_connection(serve, era):
    talk = serve(era)
    with closing(Wire(talk.url)) as wire:
        for _ in range(5):
            wire.send("POST", "/chat/conversation", {"Content-Type": "application/json"}, b"{}")
            reply = wire.receive()
            assert reply.status in (400, 500)
            assert reply.headers["keep-alive"] == "timeout=5"
    assert talk.server.connections == 1
    assert [seen.method for seen in talk.server.requests] == ["POST"] * 5
    assert talk.server.requests[0].body_length == 2


def test_pipelined_requests_are_answered_in_order(serve):
    talk = serve()
    with closing(Wire(talk.url)) as wire:
        wire.send("GET", "/chat/api/v2/user", {})
        wire.send("GET", "/chat/api/v2/feature-flags", {})
        assert wire.receive().text == NOBODY
        assert "loginEnabled" in wire.receive().text


def test_stream_leaves_the_connection_usable(serve):
    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    with closing(Wire(talk.url)) as wire:
        from local_wire import multipart

        kind, body = multipart({"inputs": "x", "id": talk.root})
        headers = {"Content-Type": kind, "Origin": talk.origin, "Cookie": f"hf-chat={talk.cookie}"}
        wire.send("POST", f"/chat/conversation/{talk.id}", headers, body)
        assert updates(wire.receive())[-1]["status"] == "finished"
        wire.send("GET", "/chat/api/v2/user", {})
        assert wire.receive().text == NOBODY


def test_idle_connection_is_closed(serve, monkeypatch):
    monkeypatch.setattr("hugchat_sync.local.http._IDLE_SECONDS", 0.2)
    talk = serve()
    with closing(Wire(talk.url)) as wire:
        wire.send("GET", "/chat/api/v2/user", {})
        wire.receive()
        began = time.monotonic()
        assert wire.socket.recv(1) == b""
        assert 0.1 < time.monotonic() - began < 1.0


def test_idle_time_is_the_announced_one():
    from hugchat_sync.local import http

    assert http._IDLE_SECONDS == 5.0


def test_chunked_request_body_is_read(serve):
    talk = serve()
    with closing(Wire(talk.url)) as wire:
        head = (
            f"POST /chat/conversation HTTP/1.1\r\nHost: {wire.host}\r\n"
            "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        body = b'{"model": "local/plain"}'
        wire.socket.sendall(head.encode() + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
        assert wire.receive().status == 200


def test_http_1_0_gets_no_chunks(serve):
    talk = serve()
    with closing(Wire(talk.url)) as wire:
        wire.socket.sendall(b"GET /chat/api/v2/user HTTP/1.0\r\n\r\n")
        data = b""
        while True:
            piece = wire.socket.recv(4096)
            if not piece:
                break
            data += piece
    assert data.endswith(b"\r\n\r\n" + NOBODY.encode()) and b"chunked" not in data


@pytest.mark.parametrize("era", ["v2-2025", "lines-2023"])
def test_closing_is_quick_with_open_streams_and_leaves_no_threads(era):
    before = threading.active_count()
    server = EMBEDDED[era](responder=Scripted(Script(["Hello"], hang=True))).start()
    from local_talk import Talk, Talk2023

    talk = Talk(server) if era == "v2-2025" else Talk2023(server)
    talk.create()
    ends = []
    send = talk.send if era == "v2-2025" else lambda: talk.line(stop_at=None)
    threads = [threading.Thread(target=lambda: ends.append(send().ended)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: server.open_connections == 3)
    time.sleep(0.1)
    began = time.monotonic()
    server.close()
    assert time.monotonic() - began < 1.0
    for thread in threads:
        thread.join(1)
    assert ends == ["eof"] * 3
    assert until(lambda: threading.active_count() <= before)


def test_everything_is_a_daemon(serve):
    talk = serve(responder=Scripted(Script(["Hello"], hang=True)))
    talk.create()
    talk.send(stop_at=b"Hello")
    ours = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert ours and all(thread.daemon for thread in ours)


def test_many_streams_at_once(serve):
    talk = serve(responder=Scripted(Script([f" {n}" for n in range(30)], delay=0.005)))
    ids = []
    for _ in range(20):
        talk.create()
        ids.append((talk.id, talk.root))
    from local_talk import Talk

    def one(conversation_id, root):
        other = Talk(talk.server)
        other.id, other.root = conversation_id, root
        results.append(other.say()[-1] == {"type": "status", "status": "finished"})

    results = []
    threads = [threading.Thread(target=one, args=pair) for pair in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [True] * 20


def test_conversations_survive_in_a_file(tmp_path):
    from local_talk import Talk

    path = tmp_path / "chat.db"
    with LocalServer(database=path, responder=Scripted(["Hello"], title="Kept")) as server:
        talk = Talk(server)
        talk.create()
        talk.say()
    with LocalServer(database=path) as server:
        again = Talk(server)
        again.id = talk.id
        assert again.read()["title"] == "Kept" and again.last()["content"] == "Hello"


def test_run_of_a_server_that_ended_is_interrupted(tmp_path):
    from local_talk import Talk

    path = tmp_path / "chat.db"
    with LocalServer(database=path, responder=Scripted(Script(["Hello"], hang=True))) as server:
        talk = Talk(server)
        talk.create()
        talk.send(stop_at=b"Hello")
    with LocalServer(database=path) as server:
        again = Talk(server)
        again.id = talk.id
        text = again.call("GET", f"/conversation/{talk.id}/stream").text
        assert text == 'event: end\ndata: {"status":"gone"}\n\n'
        assert again.last()["interrupted"] is True
    with LocalServer(database=path, responder=Scripted(["Bye"])) as server:
        again = Talk(server)
        again.id = talk.id
        again.say(parent=again.last()["id"])
    with LocalServer(database=path) as server:  # nothing ran any more when the last one ended
        again.server, again.url = server, server.url
        assert again.last()["interrupted"] is False


def test_memory_is_not_kept_after_an_answer(serve):
    from hugchat_sync.local.run import Run

    talk = serve(responder=Scripted(["Hello"]))
    talk.create()
    for _ in range(5):
        talk.say()
    until(lambda: talk.server.open_connections == 0)
    assert until(lambda: (gc.collect(), not _instances(Run))[1])


def _instances(kind):
    return [thing for thing in gc.get_objects() if isinstance(thing, kind)]


def test_nonsense_on_the_socket_was_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with LocalServer() as server:
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as line:
            line.sendall(b"GET / HTT\r\n\r\n")
            assert b"400" in line.recv(4096)

    assert capfd.readouterr() == ("", "")
