"""Whether a request may have left decides what is unsure, not the class of the error."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
import requests
from rawserver import RESET, Asked, RawServer, certified, whole
from requests.adapters import HTTPAdapter

from hugchat_sync.calls import Call, Reply, Request
from hugchat_sync.dialects.verbs import find_error
from hugchat_sync.errors import ConnectionFailed, HugChatError, TimedOut
from hugchat_sync.options import Retry, Timeout
from hugchat_sync.transport.http import Transport

POST = Call(Request("POST", "/thing", find_error, json={"text": "hi"}), lambda reply: reply)
IMPATIENT = Retry(tries=3, first_delay=0.01, longest_delay=0.02)


def sent(url: str, session: requests.Session | None = None, **more: Any) -> Reply:
    options = {"retry": IMPATIENT, "timeout": Timeout(connect=2, idle=2, total=10), **more}
    with closing(Transport(url, session=session, **options)) as transport:
        return transport.send(POST)


def failed(url: str, session: requests.Session | None = None, **more: Any) -> HugChatError:
    with pytest.raises(HugChatError) as caught:
        sent(url, session, **more)
    return caught.value


def through(proxy: str, **settings: Any) -> requests.Session:
    session = requests.Session()
    session.proxies = {"http": proxy, "https": proxy}
    for name, value in settings.items():
        setattr(session, name, value)
    return session


def vacant() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[Callable[..., RawServer]]:
    """Make servers that speak TLS; ``verify`` is what vouches for them."""
    context, bundle = certified(tmp_path)

    class Secure(RawServer):
        verify = bundle

    yield lambda answer: Secure(answer, context)


def verifying(server: Any) -> requests.Session:
    session = requests.Session()
    session.trust_env, session.verify = False, server.verify
    return session


@pytest.mark.parametrize("answer", [None, RESET])
def test_message_behind_a_proxy_that_resets_is_posted_once(answer: object) -> None:
    with RawServer(lambda asked, number: answer) as proxy:
        error = failed("http://127.0.0.1:9/chat", through(proxy.url))
        assert proxy.posts() == 1
    assert isinstance(error, ConnectionFailed)
    assert error.unsure


def test_record_that_breaks_after_the_post_is_unsure(tls: Callable[..., Any]) -> None:
    """An alert or a broken record behind the request was taken for a handshake that failed."""
    posted = []

    def answer(asked: Asked, number: int) -> object:
        posted.append(asked)
        raise_alert(server)
        return None

    def raise_alert(server: Any) -> None:
        for sock in list(server._open):  # below TLS: bytes that are no record
            raw = socket.socket(fileno=socket.dup(sock.fileno()))
            raw.sendall(b"\x15\x03\x03\x00\x02nonsense that is no record")
            raw.close()

    with tls(answer) as server:
        error = failed(server.url, verifying(server))
    assert isinstance(error.__cause__, requests.exceptions.SSLError)
    assert len(posted) == 1
    assert getattr(error, "unsure", None) is True


def test_certificate_that_nobody_vouches_for_is_sure(tls: Callable[..., Any]) -> None:
    session = requests.Session()
    session.trust_env = False
    with tls(lambda asked, number: whole("{}")) as server:
        error = failed(server.url, session)
        assert server.asked == []
    assert isinstance(error, ConnectionFailed)
    assert not error.unsure


def test_certificate_of_a_session_is_used(tls: Callable[..., Any]) -> None:
    with tls(lambda asked, number: whole("{}")) as server:
        assert sent(server.url, verifying(server)).body == b"{}"
        unchecked = requests.Session()
        unchecked.trust_env, unchecked.verify = False, False
        with pytest.warns(Warning, match="Unverified HTTPS"):
            assert sent(server.url, unchecked).body == b"{}"


@pytest.mark.parametrize("own", [True, False])
def test_refused_connection_is_sure(own: bool) -> None:
    error = failed(vacant() + "/chat", None if own else requests.Session())
    assert isinstance(error, ConnectionFailed)
    assert not error.unsure


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "502 Bad Gateway"])
def test_proxy_that_refuses_to_connect_is_sure(status: str) -> None:
    with RawServer(lambda asked, number: whole("no", status)) as proxy:
        error = failed("https://localhost:9/chat", through(proxy.url))
        assert {asked.method for asked in proxy.asked} == {"CONNECT"}
    assert isinstance(error, ConnectionFailed)
    assert not error.unsure


def test_proxy_that_is_silent_when_asked_to_connect_is_sure() -> None:
    with RawServer(lambda asked, number: [9.0]) as proxy:
        clocks = Timeout(connect=0.3, idle=9, total=9)
        error = failed(
            "https://localhost:9/chat", through(proxy.url), timeout=clocks, retry=Retry(tries=1)
        )
    assert isinstance(error, TimedOut)
    assert (error.phase, error.unsure) == ("connect", False)


class Blind(HTTPAdapter):
    """An adapter of the user's, which nobody can look into."""


def test_adapter_of_the_users_own_stays_and_leaves_everything_unsure() -> None:
    session = requests.Session()
    blind = Blind()
    session.mount("http://", blind)
    error = failed(vacant() + "/chat", session)
    assert isinstance(error, ConnectionFailed)
    assert error.unsure
    with RawServer(lambda asked, number: whole("{}")) as server:
        assert sent(server.url, session).body == b"{}"
        assert len(blind.poolmanager.pools) == 2


def test_settings_of_an_adapter_of_requests_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its connections are ours: how often it connects is still what the user said."""
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_connections=3, pool_maxsize=7, max_retries=2))
    made: list[tuple[int, int, int]] = []
    init_poolmanager = HTTPAdapter.init_poolmanager

    def noted(self: HTTPAdapter, connections: int, maxsize: int, **options: Any) -> None:
        made.append((connections, maxsize, self.max_retries.total))
        init_poolmanager(self, connections, maxsize, **options)

    monkeypatch.setattr(HTTPAdapter, "init_poolmanager", noted)
    Transport("http://127.0.0.1:9/chat", session=session).close()
    assert (3, 7, 2) in made
    theirs: Any = session.get_adapter("http://127.0.0.1:9/chat")
    assert type(theirs) is HTTPAdapter


def test_second_request_of_a_connection_is_seen_as_well() -> None:
    answers = {1: whole("{}"), 2: RESET}
    with RawServer(lambda asked, number: answers[number]) as server, closing(
        Transport(server.url, retry=IMPATIENT)
    ) as transport:
        transport.send(POST)
        with pytest.raises(ConnectionFailed) as caught:
            transport.send(POST)
        assert server.connections == 1
        assert server.posts() == 2
    assert caught.value.unsure
