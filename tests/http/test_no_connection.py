"""Why there is no connection: in words, nothing unsure, and no oftener than it helps."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from rawserver import RawServer, certified, whole
from requests.adapters import HTTPAdapter

from hugchat_sync import Client, Retry, Timeout, UsageError
from hugchat_sync.errors import ConnectionFailed

ELSEWHERE = "https://chat.example/chat"  # nothing is sent there: a proxy stands before it
IMPATIENT = {"timeout": Timeout(connect=2, total=10), "retries": Retry(first_delay=0.01)}
OK = whole('{"json":[{"id":"m","name":"m"}]}')


class OwnAdapter(HTTPAdapter):
    """An adapter of the user's, in which nobody can see how far a request came."""


def failed(url: str, session: requests.Session | None = None) -> ConnectionFailed:
    """Return the error of a creation, which is sent twice by nobody."""
    options: Any = {"dialect": "v2-2025", "cookies": {"hf-chat": "v"}, **IMPATIENT}
    with Client(url, session=session, **options) as client, pytest.raises(
        ConnectionFailed
    ) as caught:
        client.create_conversation("m", "")
    return caught.value


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[RawServer, str]]:
    """A server that speaks TLS, and the file of who vouches for it."""
    context, bundle = certified(tmp_path)
    with RawServer(lambda asked, number: OK, context) as server:
        yield server, bundle


@pytest.fixture
def gate() -> Iterator[Callable[[str], RawServer]]:
    """Start proxies that answer with a status."""
    started = []

    def start(status: str) -> RawServer:
        server = RawServer(lambda asked, number: whole("", status, "text/plain")).__enter__()
        started.append(server)
        return server

    yield start
    for server in started:
        server.__exit__()


def place_of(server: RawServer) -> str:
    return server.url.partition("/chat")[0]


@pytest.mark.parametrize("adapter", [None, HTTPAdapter, OwnAdapter])
def test_certificate_that_nobody_vouches_for(tls, adapter):
    server, _ = tls
    session = None
    if adapter is not None:
        session = requests.Session()
        session.mount("https://", adapter())

    error = failed(server.url, session)

    assert "certificate of localhost" in str(error)
    assert "REQUESTS_CA_BUNDLE" in str(error)
    assert (server.connections, server.asked) == (1 if adapter is not OwnAdapter else 2, [])
    assert error.unsure is (adapter is OwnAdapter)  # and looked into once, for that


@pytest.mark.parametrize("verify", [False, True, "bundle"])
def test_verify_of_the_users_own_session_counts(tls, monkeypatch, verify):
    """That of the environment would win over it in requests."""
    server, bundle = tls
    session = requests.Session()
    session.verify = bundle if verify == "bundle" else verify
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle if verify is True else requests.certs.where())

    with Client(server.url, session=session, dialect="v2-2025", **IMPATIENT) as client:
        if verify is False:
            with pytest.warns(Warning, match="Unverified"):
                assert client.models()
        else:
            assert client.models()


def test_bundle_that_is_not_there(tls, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/ca.pem")

    error = failed(tls[0].url)

    assert "CA bundle" in str(error)
    assert not error.unsure


def test_server_that_speaks_no_tls():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def answer() -> None:
            with suppress(OSError):  # the client has enough
                while True:
                    with listener.accept()[0] as accepted:
                        accepted.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                        accepted.recv(65536)

        threading.Thread(target=answer, daemon=True).start()
        error = failed(f"https://127.0.0.1:{listener.getsockname()[1]}/chat")
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)

    assert "speaks no TLS" in str(error)
    assert not error.unsure


def test_name_that_is_not_known(monkeypatch):
    asked = []

    def unknown(*question: Any, **options: Any) -> None:
        asked.append(question)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    error = failed("https://huggingface.example:8443/chat")

    assert str(error) == (
        "the name huggingface.example cannot be resolved: check the network or proxy"
    )
    assert (error.unsure, len(asked)) == (False, 1)


def test_name_that_is_not_known_at_the_moment_is_tried_again(monkeypatch):
    asked = []

    def busy(*question: Any, **options: Any) -> None:
        asked.append(question)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", busy)

    assert "cannot be resolved" in str(failed("https://huggingface.example/chat"))
    assert len(asked) == 3


def test_port_where_nobody_listens():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]

    error = failed(f"http://127.0.0.1:{port}/chat")

    assert f"127.0.0.1:{port}, connections are refused" in str(error)
    assert not error.unsure


@pytest.mark.parametrize(
    ("status", "said", "tries"),
    [
        ("407 Proxy Authentication Required", "user name and a password (407)", 1),
        ("403 Forbidden", "does not connect us to chat.example: it answered 403 Forbidden", 1),
        ("502 Bad Gateway", "it answered 502 Bad Gateway", 3),
    ],
)
def test_proxy_that_does_not_connect(gate, monkeypatch, status, said, tries):
    proxy = gate(status)
    place = place_of(proxy).replace("http://", "http://bob:secret@")
    monkeypatch.setenv("HTTPS_PROXY", place)

    error = failed(ELSEWHERE)

    assert said in str(error)
    assert "the proxy" in str(error)
    assert "secret" not in str(error)
    assert (error.unsure, len(proxy.asked)) == (False, tries)


def test_proxy_that_wants_a_password_before_a_plain_request(gate, monkeypatch):
    proxy = gate("407 Proxy Authentication Required")
    monkeypatch.setenv("HTTP_PROXY", place_of(proxy))
    options: Any = {"dialect": "v2-2025", "allow_insecure": True, **IMPATIENT}

    with Client("http://chat.example/chat", **options) as client, pytest.raises(
        ConnectionFailed, match="407"
    ) as caught:
        client.create_conversation("m", "")

    assert (caught.value.unsure, len(proxy.asked)) == (False, 1)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("http://127.0.0.1:9", "cannot be reached"),
        ("socks5://127.0.0.1:9", "pip install requests[socks]"),
        ("http://", "malformed"),
        ("http://host:port", "malformed"),
        ("http://[::1", "malformed"),
        ("gopher://host", "malformed"),
    ],
)
def test_proxy_that_cannot_be_used(monkeypatch, place, said):
    monkeypatch.setenv("HTTPS_PROXY", place)

    error = failed(ELSEWHERE)

    assert said in str(error)
    assert "proxy" in str(error)
    assert "is no address" not in str(error)
    assert not error.unsure


def test_host_that_cannot_be_a_name_is_a_wrong_base_url():
    with pytest.raises(UsageError, match="base URL"):
        Client(f"https://{'a' * 70}.example/chat")


# no file left to open --------------------------------------------------------------------------

FULL = """
import os, resource, sys
from hugchat_sync import Client, HugChatError, Retry, Timeout

def fill():
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            os.open(os.devnull, os.O_RDONLY)
    except OSError:
        pass

def told(call):
    try:
        return call()
    except HugChatError as error:
        return f"{type(error).__name__}: {error}"

url, dialect = sys.argv[1:]
options = {"timeout": Timeout(total=5), "retries": Retry(tries=1), "cookies": {"hf-chat": "v"}}
client = Client(url, dialect=dialect or None, **options)
"""
CALLS = """
fill()
for call in (
    client.models,
    lambda: client.ask("hi", model="m", system_prompt=""),
    lambda: client.chat("hi", "0" * 24),
    lambda: client.create_conversation("m", ""),
    client.whoami,
    lambda: list(client.list_conversations()),
    lambda: list(client.map(["hi"])),
):
    print(told(call))
"""
LOST = """
message = client.chat("hi", model="m", system_prompt="")
fill()
print(told(message.text), message.error.partial)
"""
MADE = (
    '{"conversationId":"000000000000000000000001","conversation":'
    '"{\\"json\\":{\\"title\\":\\"T\\",\\"rootMessageId\\":\\"r\\",\\"messages\\":[]}}"}'
)
HALF = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'21\r\n{"type":"stream","token":"half"}\n\r\n'
)


def said_when_full(program: str, url: str, dialect: str) -> list[str]:
    words = [sys.executable, "-c", FULL + program, url, dialect]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
@pytest.mark.parametrize("dialect", ["", "v2-2025", "lines-2023"])
def test_process_that_can_open_no_file_more_gets_an_error_of_ours(dialect: str) -> None:
    said = said_when_full(CALLS, "http://127.0.0.1:9/chat", dialect)

    assert [one.partition(":")[0] for one in said] == ["ConnectionFailed"] * 6 + ["TransportError"]
    assert all("Too many open files" in one for one in said)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_process_that_can_open_no_file_more_keeps_what_came_of_a_lost_answer() -> None:
    def answer(asked: Any, number: int) -> Any:
        return whole(MADE) if number == 1 else (HALF, None)

    with RawServer(answer) as server:
        said = said_when_full(LOST, server.url, "v2-2025")

    assert said[0].startswith("IncompleteAnswer: ") and said[0].endswith("half")
