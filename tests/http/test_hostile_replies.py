"""Replies that mean no good, or no sense: one error of ours, bounded memory, no secret anywhere."""

from __future__ import annotations

import json
import logging
import resource
import sys
import traceback
from contextlib import closing
from typing import Any, Callable, Iterator

import pytest
import requests
from rawserver import Asked, RawServer, whole
from sampling import each

from hugchat_sync import Client, HugChatError, Retry, Sign, Timeout
from hugchat_sync.calls import Call, Request, StreamCall
from hugchat_sync.dialects.verbs import find_error
from hugchat_sync.errors import ProtocolError
from hugchat_sync.transport.http import Transport

PLACE, PARENT = "a" * 24, "11111111-1111-1111-1111-111111111111"
MODELS = json.dumps({"json": [{"id": "m", "name": "m"}]})


def client(url: str, **options: Any) -> Client:
    made = {
        "dialect": "v2-2025",
        "cookies": {"hf-chat": "x-session", "token": "y-token1"},
        "timeout": Timeout(connect=2, idle=2, progress=20, total=20),
        "retries": Retry(tries=1),
    }
    return Client(url, **{**made, **options})


def always(reply: object) -> RawServer:
    return RawServer(lambda asked, number: reply)


# addresses -----------------------------------------------------------------------------------

NO_ADDRESSES = [
    b"http://[bad",
    b"/\xff\xfe",
    "http://\u2100.com/".encode(),
    b"http://u:p@[::1",
    b"http://host:99999999/",
    b"//[",
    b"http://" + b"a" * 30000,
    b"\x01\x02",
]


@each("where", NO_ADDRESSES)
@each("status", ["301 Moved", "302 Found", "308 Moved"])
def test_redirect_to_no_address(where: bytes, status: str) -> None:
    with always(whole(b"", status, more=b"Location: " + where + b"?client_id=1\r\n")) as server:
        with client(server.url) as asking, pytest.raises(HugChatError):
            asking.models()
        with pytest.raises(HugChatError):
            Sign("ada@example.org", "pass-word", base_url=server.url).login()


@each(
    "body",
    [
        '{"type":"redirect","status":302,"location":"http://[bad"}',
        '{"type":"redirect","status":"x","location":7}',
        "[" * 100_000,
        '{"location":"//["}',
        "<![foo[",
        "<!doctype html><![if x",
    ],
)
@each("kind", ["application/json", "text/html"])
@pytest.mark.usefixtures("hurried")
def test_nonsense_in_a_good_reply(body: str, kind: str) -> None:
    with always(whole(body, kind=kind)) as server:
        with client(server.url) as asking:
            for call in (asking.models, asking.settings, asking.fetch_conversations):
                with pytest.raises(HugChatError):
                    call()
        with client(server.url, timeout=Timeout(total=1)) as asking, pytest.raises(HugChatError):
            asking.chat("hi", PLACE, parent_id=PARENT).text()  # looked for until the time is over
        with pytest.raises(HugChatError):
            Sign("ada@example.org", "pass-word", base_url=server.url).login()


# framing -------------------------------------------------------------------------------------


@each("size", [b"-a", b"-5", b"-1", b"-7fffffff", b"- 1", b"f" * 40, b"xyz", b""])
def test_size_of_a_chunk_that_is_none(size: bytes) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    with always(head + size + b"\r\n[]\r\n0\r\n\r\n") as server, client(
        server.url, timeout=Timeout(idle=0.5, total=2)
    ) as asking, pytest.raises(HugChatError):
        asking.models()


def peak_of(head: bytes, megabytes: int) -> int:
    """Return by how many MiB the peak of this process grows while an endless body is refused."""

    def body(asked: Asked, number: int) -> Iterator[object]:
        yield head
        for _ in range(megabytes):
            yield b"\0" * (1 << 20)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with RawServer(body) as server, client(server.url) as asking, pytest.raises(HugChatError):
        asking.models()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


@pytest.mark.skipif(sys.platform != "linux", reason="what the peak is counted in differs")
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
    ],
    ids=["redirect", "chunk of a negative size"],
)
def test_endless_body_is_refused_by_its_size(head: bytes) -> None:
    """requests read the body of a redirect whole, before anybody could count it."""
    assert peak_of(head, 600) < 400


# hints ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["103 Early Hints", "102 Processing", "100 Continue", "199 X"])
def test_hints_before_a_reply_are_passed_over(status: str) -> None:
    hint = f"HTTP/1.1 {status}\r\nLink: </style.css>\r\n\r\n".encode("ascii")
    lines = '{"type":"finalAnswer","text":"hello","interrupted":false}\n'

    def answer(asked: Asked, number: int) -> bytes:
        if asked.method == "POST":
            return hint * 3 + whole(lines, kind="application/jsonl")
        return hint + whole(MODELS)

    with RawServer(answer) as server, client(server.url) as asking:
        assert [model.id for model in asking.models()] == ["m"]
        call = StreamCall(Request("POST", "/x", find_error), iter)
        assert server.connections == 1
        with closing(Transport(server.url)) as transport:
            assert b"".join(transport.open(call)) == lines.encode("ascii")


def test_switch_of_protocols_is_no_hint() -> None:
    with always(b"HTTP/1.1 101 Switching\r\nContent-Length: 0\r\n\r\n") as server, client(
        server.url
    ) as asking, pytest.raises(HugChatError):
        asking.models()


# secrets -------------------------------------------------------------------------------------

RENEWED = b"a line without the mark\r\nSet-Cookie: hf-chat=RENEWED-SESSION; Path=/\r\n"


def test_malformed_header_line_puts_no_cookie_into_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """urllib3 logs what stands behind such a line, a renewed cookie too."""
    caplog.set_level(logging.DEBUG)
    with always(whole(MODELS, more=RENEWED)) as server, client(server.url) as asking:
        assert [model.id for model in asking.models()] == ["m"]
    assert "RENEWED-SESSION" not in caplog.text


ECHOED = "x-session"


def locals_of(error: BaseException | None) -> str:
    """Return what a report with the variables of all frames of ours shows of an error."""
    found = []
    while error is not None:
        tree = traceback.TracebackException.from_exception(error, capture_locals=True)
        for frame in tree.stack:
            if "hugchat_sync" in frame.filename and "/tests/" not in frame.filename:
                found.append(f"{frame.filename} {frame.name} {frame.locals}")
        found.append(repr(error.args) + repr(vars(error)))
        error = error.__cause__ or error.__context__
    return "\n".join(found)


@each(
    "body",
    [
        f"not json: {ECHOED}",
        f'{{"json": "{ECHOED}"}}',
        f"\xff {ECHOED}",
        f'{{"message": "{ECHOED}"}}',
        f"<html><title>{ECHOED}</title>",
        f"[{'[' * 100_000} {ECHOED}",
    ],
)
@each("status", ["200 OK", "500 Trouble", "401 No"])
@each(
    "use",
    [
        lambda asking: asking.models(),
        lambda asking: asking.chat("hi", PLACE, parent_id=PARENT, resume=False).text(),
    ],
)
def test_no_frame_of_an_error_keeps_an_echoed_cookie(
    body: str, status: str, use: Callable[[Client], object]
) -> None:
    sent = body.encode("latin-1")
    with always(whole(sent + b"\n", status, kind="application/jsonl")) as server, client(
        server.url
    ) as asking, pytest.raises(HugChatError) as caught:
        use(asking)
    assert ECHOED not in str(caught.value)
    assert ECHOED not in locals_of(caught.value)


# the net -------------------------------------------------------------------------------------


def odd(*ignored: object, **also: object) -> Any:
    raise KeyError("a shape that nobody thought of: x-session")


def test_reader_that_meets_a_shape_nobody_thought_of() -> None:
    with always(whole(MODELS)) as server:
        transport = Transport(server.url)
        with pytest.raises(ProtocolError, match="KeyError") as caught:
            transport.send(Call(Request("GET", "/x", find_error), odd))
        assert "x-session" not in str(caught.value)
        stream = transport.open(StreamCall(Request("GET", "/x", find_error), iter))
        with pytest.raises(ProtocolError, match="KeyError"), stream as pieces:
            odd(pieces)
        transport.close()


def test_hook_of_the_users_own_session_raises_what_it_likes() -> None:
    session = requests.Session()
    session.hooks["response"].append(odd)
    with always(whole(MODELS)) as server, client(
        server.url, session=session
    ) as asking, pytest.raises(KeyError):
        asking.models()


# proxies -------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
    """A proxy in the environment that answers everything by itself."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with always(whole("{}", "502 Proxy")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        yield proxy


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_nothing_for_this_machine_goes_through_a_proxy_of_the_environment(
    environment: RawServer, host: str
) -> None:
    with always(whole(MODELS)) as server:
        url = server.url.replace("127.0.0.1", host)
        for session in (None, requests.Session()):
            with client(url, session=session) as asking:
                assert [model.id for model in asking.models()] == ["m"]
        with pytest.raises(HugChatError):
            Sign("ada@example.org", "pass-word", base_url=url).login()
    assert environment.asked == []


def test_proxy_of_the_session_holds_for_this_machine(environment: RawServer) -> None:
    with always(whole(MODELS)) as proxy:
        session = requests.Session()
        session.proxies = {"http": proxy.url}
        with client("http://127.0.0.1:9/chat", session=session) as asking:
            assert [model.id for model in asking.models()] == ["m"]
        assert len(proxy.asked) == 1
    assert environment.asked == []


def test_another_machine_is_asked_through_the_proxy_of_the_environment(
    environment: RawServer,
) -> None:
    with client("http://chat.example/chat", allow_insecure=True) as asking, pytest.raises(
        HugChatError
    ):
        asking.models()
    assert environment.asked


# shapes --------------------------------------------------------------------------------------


def settings_with(**odd: Any) -> bytes:
    return whole(json.dumps({"json": {"activeModel": "m", "customPrompts": {}, **odd}}))


@pytest.mark.parametrize("odd", [7, ["m"], {"m": 1}, True])
def test_setting_of_another_shape_is_kept_and_not_used(odd: object) -> None:
    """A number for a model came out as an ``AttributeError`` once the model was looked for."""
    sent = settings_with(activeModel=odd, customPromptsEnabled="yes", hapticsEnabled=[0])
    written = []

    def answer(asked: Asked, number: int) -> bytes:
        if asked.method == "POST":
            written.append(json.loads(asked.body))
            return whole("{}")
        return sent

    with RawServer(answer) as server, client(server.url, cookies=None) as asking:
        settings = asking.settings()
        assert (settings.active_model, settings.custom_prompts_enabled) == (None, None)
        assert settings.stored_prompt("m") == ""
        asking.update_settings(streaming_mode="raw")
    assert written == [
        {
            "activeModel": odd,
            "customPrompts": {},
            "customPromptsEnabled": "yes",
            "hapticsEnabled": [0],
            "streamingMode": "raw",
        }
    ]


@pytest.mark.parametrize("odd", [{"m": 7}, [], "x", None])
def test_prompts_of_another_shape_are_an_error_with_their_name(odd: object) -> None:
    with always(settings_with(customPrompts=odd)) as server, client(
        server.url, cookies=None
    ) as asking, pytest.raises(ProtocolError) as caught:
        asking.settings()
    assert caught.value.field == "customPrompts"


@pytest.mark.usefixtures("hurried")
def test_list_with_an_id_that_is_none_while_a_lost_conversation_is_looked_for() -> None:
    listed = [{"id": "http://[", "title": "t", "updatedAt": "2026-01-01T00:00:00.000Z"}]

    def answer(asked: Asked, number: int) -> bytes:
        if asked.method == "POST":
            return whole("", "502 Bad Gateway")
        return whole(json.dumps({"json": {"conversations": listed, "hasMore": False}}))

    with RawServer(answer) as server, client(
        server.url, cookies=None, model="m"
    ) as asking, pytest.raises(HugChatError):
        asking.create_conversation(system_prompt="")
