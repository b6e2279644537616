"""How often, and for how long: rate limits that press, and calls of many requests in one time."""

from __future__ import annotations

import inspect
import json
import time
from typing import Any, Callable, Iterator

import pytest
from rawserver import Asked, RawServer, whole
from sampling import each
from seams import short_pauses

from hugchat_sync import Bot, Client, HugChatError, Retry, Timeout
from hugchat_sync.errors import ConnectionFailed, RateLimited, TimedOut

PLACE, PARENT = "a" * 24, "11111111-1111-1111-1111-111111111111"
QUICK = Retry(tries=3, first_delay=0.01, longest_delay=0.02)


def client(server: RawServer, **options: Any) -> Client:
    made = {"dialect": "v2-2025", "cookies": {"hf-chat": "some-session"}, **options}
    return Client(server.url, **made)


@pytest.fixture
def hurried() -> Iterator[None]:
    """Let nobody wait long between two looks at the server."""
    with short_pauses(0.02):
        yield


def page(number: int) -> bytes:
    """Return a page of conversations that no other page has; another one follows, always."""
    made = [
        {
            "id": f"{number * 100 + one:024x}",
            "title": "t",
            "updatedAt": "2026-01-01T00:00:00.000Z",
        }
        for one in range(30)
    ]
    return whole(json.dumps({"json": {"conversations": made, "hasMore": True}}))


def stored() -> bytes:
    """Return a conversation without a message."""
    tree = {
        "id": PLACE,
        "title": "t",
        "model": "m",
        "rootMessageId": PARENT,
        "messages": [
            {"id": PARENT, "from": "system", "content": "", "ancestors": [], "children": []}
        ],
    }
    return whole(json.dumps({"json": tree}))


def limiting(after: str) -> Callable[[Asked, int], bytes]:
    """Return what answers every message with 429."""
    limited = whole("{}", "429 Too Many", more=f"Retry-After: {after}\r\n".encode())
    return lambda asked, number: limited if asked.method == "POST" else stored()


@each("after", ["0", "-5", "0.0001", "1e-300", "Thu, 01 Jan 1970 00:00:00 GMT", "0, 0"])
@each("timeout", [2, Timeout(total=2)])
def test_rate_limit_without_a_wait_costs_no_more_than_the_tries(
    after: str, timeout: float | Timeout
) -> None:
    """A message was posted hundreds of times a second until the time was over."""
    with RawServer(limiting(after)) as server, client(
        server, timeout=timeout, retries=QUICK
    ) as asking:
        with pytest.raises(RateLimited):
            asking.chat("hi", PLACE, parent_id=PARENT)
        assert 1 <= server.posts() <= 3


def test_rate_limit_is_waited_for_no_less_than_the_usual_delay() -> None:
    moments = []

    def answer(asked: Asked, number: int) -> bytes:
        moments.append(time.monotonic())
        return whole("{}", "429 Too Many", more=b"Retry-After: 0\r\n")

    patient = Retry(tries=3, first_delay=0.4, longest_delay=0.4)
    with RawServer(answer) as server, client(
        server, timeout=5, retries=patient
    ) as asking, pytest.raises(RateLimited):
        asking.models()
    waits = [later - earlier for earlier, later in zip(moments, moments[1:])]
    assert len(waits) == 2
    assert all(0.2 <= wait < 1 for wait in waits)


def test_longest_retry_after_of_nought_waits_never() -> None:
    limited = whole("{}", "429 Too Many", more=b"Retry-After: 0\r\n")
    never = Retry(tries=3, longest_retry_after=0)
    with RawServer(lambda asked, number: limited) as server, client(
        server, timeout=5, retries=never
    ) as asking:
        with pytest.raises(RateLimited):
            asking.models()
        assert len(server.asked) == 1


@pytest.mark.parametrize("after", ["Fri, 31 Dec 9999 23:59:59 -2359", "1e400", "9" * 400, "Mon, 1"])
def test_date_that_no_clock_has_is_no_time_to_wait(after: str) -> None:
    limited = whole("{}", "429 Too Many", more=f"Retry-After: {after}\r\n".encode())
    with RawServer(lambda asked, number: limited) as server, client(server) as asking:
        with pytest.raises(RateLimited):
            asking.models()
        assert len(server.asked) == 1


# tries ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "posts"), [({}, 1), ({"max_tries": 2}, 2)])
def test_tries_of_the_client_are_those_of_a_send(options: dict[str, int], posts: int) -> None:
    """The default of ``max_tries`` overrode what the client was given."""
    once = Retry(tries=1, first_delay=0.01, longest_delay=0.02)
    with RawServer(limiting("0")) as server, client(server, timeout=5, retries=once) as asking:
        with pytest.raises(RateLimited):
            asking.ask("hi", PLACE, parent_id=PARENT, **options)
        assert server.posts() == posts


def test_three_tries_that_were_said_are_three() -> None:
    with RawServer(limiting("0")) as server, client(
        server, timeout=5, retries=Retry(tries=1, first_delay=0.01)
    ) as asking:
        with pytest.raises(RateLimited):
            asking.chat("hi", PLACE, max_tries=3, parent_id=PARENT)
        assert server.posts() == 3


@pytest.mark.parametrize("method", [Client.chat, Client.ask, Bot.chat])
def test_default_of_max_tries_shows_three(method: Callable[..., object]) -> None:
    parameter = inspect.signature(method).parameters["max_tries"]
    assert (parameter.default, repr(parameter.default)) == (3, "3")


# the time of a call --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [Client.fetch_conversations, Client.remove_all_conversations],
    ids=lambda call: call.__name__,
)
def test_all_pages_are_one_call(call: Callable[[Client], object]) -> None:
    with RawServer(lambda asked, number: [0.05, page(number)]) as server, client(
        server, timeout=0.7
    ) as asking:
        began = time.monotonic()
        try:
            call(asking)
        except TimedOut as error:
            assert error.phase == "total"  # noqa: PT017
            assert not [asked for asked in server.asked if asked.method == "DELETE"]
        else:
            assert call is Client.remove_all_conversations  # the server counts, or needs no list
        assert time.monotonic() - began < 2


def test_every_page_has_its_own_time_where_the_reader_sets_the_pace() -> None:
    with RawServer(lambda asked, number: page(number)) as server, client(
        server, timeout=0.5
    ) as asking:
        listed = asking.list_conversations()
        for _ in range(31):
            next(listed)
        time.sleep(0.6)
        for _ in range(31):
            next(listed)


@pytest.mark.parametrize("use", [Client.models, Client.whoami, Client.fetch_conversations])
def test_renewal_of_a_sign_in_is_within_the_time_of_the_call(
    use: Callable[[Client], object],
) -> None:
    """It had clocks of its own: a call with ``timeout=2`` took a minute."""

    def answer(asked: Asked, number: int) -> object:
        if "/login" in asked.path:
            return [9.0]
        return whole('{"message":"who are you"}', "401 Unauthorized")

    cookies = {"hf-chat": "some-session", "token": "some-token1"}
    with RawServer(answer) as server, client(server, cookies=cookies, timeout=1) as asking:
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            use(asking)
        assert 0.8 < time.monotonic() - began < 2.5
        assert caught.value.phase == "total"
        assert "sign-in" in str(caught.value)


def test_renewal_that_had_no_time_is_tried_again_by_whoever_has() -> None:
    def answer(asked: Asked, number: int) -> object:
        if "/login" in asked.path:
            return [9.0]
        return whole('{"message":"who are you"}', "401 Unauthorized")

    cookies = {"hf-chat": "some-session", "token": "some-token1"}
    with RawServer(answer) as server, client(server, cookies=cookies, timeout=0.5) as asking:
        for _ in range(2):
            with pytest.raises(TimedOut):
                asking.models()
        assert sum("/login" in asked.path for asked in server.asked) == 2


# what is unsure ------------------------------------------------------------------------------

UNSURE = [408, 502, 503, 504, 520, 521, 522, 523, 524]


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("status", UNSURE)
def test_status_of_a_gateway_is_looked_into(status: int) -> None:
    """Not raised as it is, and not posted again before the conversation was looked at."""
    lines = b'{"type":"finalAnswer","text":"hello","interrupted":false}\n'
    posts = []

    def answer(asked: Asked, number: int) -> bytes:
        if asked.method == "POST":
            posts.append(number)
            if len(posts) == 1:
                return whole("<html>trouble</html>", f"{status} Trouble", "text/html")
            return whole(lines, kind="application/jsonl")
        return stored()

    with RawServer(answer) as server, client(server, retries=QUICK) as asking:
        assert asking.chat("hi", PLACE, parent_id=PARENT, resume=False).text() == "hello"
        between = server.asked[posts[0] : posts[1] - 1]
        assert between
        assert {asked.method for asked in between} == {"GET"}


@each(
    "lost",
    [
        whole("<!doctype html><title>Hello</title>", kind="text/html"),
        whole(""),
        whole("<html>wait</html>", "522 Origin", "text/html"),
        whole("{", "200 OK"),
        whole('{"conversationId": 7}'),
    ],
)
def test_creation_with_an_answer_of_somebody_else_is_looked_for(lost: bytes) -> None:
    found = f"{int(time.time()):08x}" + "0" * 16
    listed = [{"id": found, "title": "New Chat", "updatedAt": "2026-01-01T00:00:00.000Z"}]

    def answer(asked: Asked, number: int) -> bytes:
        if asked.method == "POST":
            return lost
        if "conversations?" in asked.path or asked.path.endswith("/conversations"):
            return whole(json.dumps({"json": {"conversations": listed, "hasMore": False}}))
        if "/conversations/" in asked.path:
            tree = {"id": found, "title": "New Chat", "model": "m", "preprompt": ""}
            tree.update({"rootMessageId": PARENT, "messages": []})
            return whole(json.dumps({"json": tree}))
        if asked.path.endswith("/models"):
            return whole(json.dumps({"json": [{"id": "m", "name": "m"}]}))
        return whole(json.dumps({"json": {}}))

    with RawServer(answer) as server, client(server, model="m", retries=QUICK) as asking:
        assert asking.create_conversation(system_prompt="") == found
        assert server.posts() == 1


@pytest.mark.usefixtures("hurried")
def test_send_makes_no_more_requests_than_tries_whatever_befalls_it() -> None:
    """Lost sends and refused ones were counted apart."""

    def answer(asked: Asked, number: int) -> object:
        return None if asked.method == "POST" else stored()

    with RawServer(answer) as server, client(server, retries=QUICK) as asking:
        with pytest.raises((ConnectionFailed, HugChatError)):
            asking.chat("hi", PLACE, parent_id=PARENT)
        assert server.posts() == 3
