"""Replies that are not what their heads say, networks that say nothing: read in all four ways."""

from __future__ import annotations

import gzip
import time
import zlib
from typing import Any, Callable, Iterable, Iterator

import pytest
from proxy import FaultProxy, Harm, gateway_page
from sampling import ALL_CUTS
from sweep import impatient, outcome

from hugchat_sync import Client
from hugchat_sync.chat.message import Message
from hugchat_sync.errors import HugChatError, IncompleteAnswer, ProtocolError
from hugchat_sync.options import Timeout

TEXT = "One. A 🚀 <b> é\u2028 x<thing> 漢字 end"


def by_text(message: Message) -> str:
    return message.text()


def by_loop(message: Message) -> str:
    for _ in message:
        pass
    return "".join(message.tokens())


def by_polling(message: Message) -> str:
    while not message.isDone():
        time.sleep(0.002)
    found = message.getFinalText()
    assert found is not None
    return found


def by_waiting(message: Message) -> str:
    return message.wait(10).text()


WAYS = [by_text, by_loop, by_polling, by_waiting]
Way = Callable[[Message], str]


@pytest.fixture(scope="module")
def body(today: str) -> bytes:
    """The body of a whole answer."""
    with FaultProxy(today) as proxy, impatient(proxy.url) as client:
        client.chat("hi", client.create_conversation(system_prompt="")).text()
        time.sleep(0.05)  # its last line passes
        rest = proxy.latest.partition(b"\r\n\r\n")[2]
    pieces = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        pieces.append(rest[:length])
        rest = rest[length + 2 :] if length else b""
    return b"".join(pieces)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode("ascii")


JSONL = "Content-Type: application/jsonl"


def chunked(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)


#: a reply instead of the server's, made of the body of the good one
REPLIES: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda body: b"",
    "a head that is none": lambda body: b"HTTP/1.1 \r\n\r\n",
    "noise": lambda body: bytes(range(256)) * 8,
    "half a head": lambda body: head(JSONL, "Set-Cookie: hf-chat=abc")[:-6],
    "no body": lambda body: head(JSONL, "Content-Length: 0"),
    "shorter than it says": lambda body: head(JSONL, f"Content-Length: {len(body)}") + body[:700],
    "shorter by a tag": lambda body: (
        head(JSONL, f"Content-Length: {len(body)}") + body[: body.index(b" <") + 40]
    ),
    "longer than it says": lambda body: head(JSONL, "Content-Length: 600") + body,
    "a length that is none": lambda body: head(JSONL, "Content-Length: many") + body[:500],
    "two lengths": lambda body: head(JSONL, "Content-Length: 5", "Content-Length: 6") + body,
    "no length, cut": lambda body: head(JSONL, "Connection: close") + body[:800],
    "chunks that are none": lambda body: (
        head(JSONL, "Transfer-Encoding: chunked") + b"zz\r\n" + body
    ),
    "a chunk cut short": lambda body: (
        head(JSONL, "Transfer-Encoding: chunked") + chunked(body)[:900]
    ),
    "chunks that end early": lambda body: (
        head(JSONL, "Transfer-Encoding: chunked") + chunked(body[: body.index(b"\n", 800) + 1])
    ),
    "gzip cut short": lambda body: (
        head(JSONL, "Content-Encoding: gzip", "Connection: close")
        + gzip.compress(body, mtime=0)[:300]
    ),
    "gzip that is none": lambda body: (
        head(JSONL, "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body
    ),
    "gzip in chunks, cut short": lambda body: (
        head(JSONL, "Content-Encoding: gzip", "Transfer-Encoding: chunked")
        + chunked(gzip.compress(body, mtime=0)[:250])
    ),
    "gzip spoilt": lambda body: (
        head(JSONL, "Content-Encoding: gzip", "Connection: close")
        + gzip.compress(body, mtime=0)[:200]
        + b"\xff" * 200
    ),
    "deflate cut short": lambda body: (
        head(JSONL, "Content-Encoding: deflate", "Connection: close") + zlib.compress(body)[:300]
    ),
    "a page": lambda body: (
        head("Content-Type: text/html", "Content-Length: 40")
        + b"<!doctype html><html>Hello</html>\n".ljust(40)
    ),
    "a page in the middle": lambda body: (
        head(JSONL, "Connection: close")
        + body[: body.index(b"\n", 600) + 1]
        + b"<html><body>Bad gateway</body></html>\n"
    ),
    "a gateway's page": lambda body: gateway_page(502),
    "a gateway's page, cut short": lambda body: gateway_page(504)[:-30],
}


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Client]:
    with impatient(proxy.url) as made:
        yield made


def combined(names: Iterable[str]) -> list[tuple[str, Way]]:
    """Return each name with one of the ways of reading, or with all."""
    return [
        (name, way)
        for index, name in enumerate(names)
        for way in (WAYS if ALL_CUTS else [WAYS[index % len(WAYS)]])
    ]


@pytest.mark.parametrize(("name", "way"), combined(REPLIES))
def test_bad_reply_is_made_good(
    proxy: FaultProxy, client: Client, body: bytes, name: str, way: Way
) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", rf"{place}$", Harm(reply=REPLIES[name](body)))
    message = client.chat("hi", place)
    assert way(message) == TEXT
    assert message.reasoning == "I th😀ink"
    assert [call.name for call in message.tool_calls] == ["look"]
    assert [entry.is_user for entry in client.history(place)] == [True, False]


@pytest.mark.parametrize("name", REPLIES)
def test_bad_reply_and_ask(proxy: FaultProxy, client: Client, body: bytes, name: str) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", rf"{place}$", Harm(reply=REPLIES[name](body)))
    assert client.ask("hi", place) == TEXT


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["shorter than it says", "a chunk cut short", "gzip cut short"])
def test_without_resume_there_is_the_beginning(
    proxy: FaultProxy, client: Client, body: bytes, name: str, way: Way
) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", rf"{place}$", Harm(reply=REPLIES[name](body)))
    message = client.chat("hi", place, resume=False)
    with pytest.raises(IncompleteAnswer, match=r"\.partial.*history") as caught:
        way(message)
    assert TEXT.startswith(caught.value.partial)
    assert isinstance(message.error, IncompleteAnswer)
    assert client.history(place)[-1].text == TEXT


SILENCES: dict[str, tuple[Harm, ...]] = {
    "no reply": (Harm(reply_cut=0, silent=True),),
    "half a reply": (Harm(reply_cut=700, silent=True),),
    "half a log": (Harm(reply_cut=700), Harm(reply_cut=300, silent=True)),
    "half a request": (Harm(request_cut=300, silent=True),),
}


@pytest.mark.parametrize(("name", "way"), combined(SILENCES))
def test_half_open_connection(today: str, name: str, way: Way) -> None:
    with FaultProxy(today) as proxy, impatient(proxy.url, timeout=Timeout(idle=0.8)) as client:
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", rf"{place}$", SILENCES[name][0])
        proxy.harm("GET", rf"{place}/stream", *SILENCES[name][1:])
        assert way(client.chat("hi", place)) == TEXT
        assert [entry.is_user for entry in client.history(place)] == [True, False]


@pytest.mark.parametrize("piece", [1, 7])
def test_slow_reply_is_whole(proxy: FaultProxy, client: Client, piece: int) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", rf"{place}$", Harm(piece=piece, pause=0.00001))
    found = outcome(client.chat("hi", place))
    assert (found.text, found.titles) == (TEXT, ("Late",))


def test_nobody_is_there_any_more(today: str) -> None:
    with FaultProxy(today) as proxy:
        client = impatient(proxy.url)
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", rf"{place}$", Harm(reply_cut=900))
        message = client.chat("hi", place)
        next(message.tokens())
    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert isinstance(caught.value.__cause__, HugChatError)
    assert caught.value.partial
    client.close()


def test_answer_without_end_of_line_is_refused(proxy: FaultProxy, client: Client) -> None:
    """More than 64 MB in a line are an attack, not an answer; it is not fetched once more."""
    place = client.create_conversation(system_prompt="")
    reply = head(JSONL, "Connection: close") + b'{"type":"status"}\n' + b" " * (65 << 20)
    proxy.harm("POST", rf"{place}$", Harm(reply=reply))
    message: Any = client.chat("hi", place)
    with pytest.raises(ProtocolError, match="longer than"):
        message.text()
