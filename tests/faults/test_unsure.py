"""Whether a request arrived is found out, not guessed: nothing is sent twice, nothing is lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Iterator

import pytest
from proxy import FaultProxy, Harm, gateway_page
from sweep import impatient

from hugchat_sync import Client
from hugchat_sync.chat.message import Message
from hugchat_sync.chat.run import Run
from hugchat_sync.dialects import Prompt, Stored, load_dialect
from hugchat_sync.errors import (
    ConnectionFailed,
    HugChatError,
    IncompleteAnswer,
    TimedOut,
    Unavailable,
)
from hugchat_sync.events import Event, Reasoning, Token
from hugchat_sync.local import LocalServer
from hugchat_sync.local.responder import Text, ToolCall, ToolResult
from hugchat_sync.local.testing import Script, Scripted
from hugchat_sync.options import Retry, Timeout
from hugchat_sync.transport.retry import Patience, Tries

LOST = [
    Harm(reply_cut=0),
    Harm(reply_cut=0, reset=True),
    Harm(reply_cut=120),
    Harm(reply=gateway_page(502)),
    Harm(reply=gateway_page(504)),
]
NEVER_ARRIVED = [
    Harm(request_cut=0),
    Harm(request_cut=50, reset=True),
    Harm(reply=gateway_page(503), passed_on=False),
]
CREATE = r"/conversation$"


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(Script(tokens=("Good ", "day.")))) as running:
        yield running


@pytest.fixture
def proxy(server: LocalServer) -> Iterator[FaultProxy]:
    with FaultProxy(server.url) as between:
        yield between


@pytest.fixture
def client(proxy: FaultProxy) -> Iterator[Client]:
    # an anonymous visitor whose first reply is lost would be another one afterwards
    with impatient(proxy.url, cookies={"hf-chat": "somebody"}) as made:
        yield made


def posts(server: LocalServer, ending: str) -> int:
    return sum(
        request.method == "POST" and request.path.endswith(ending) for request in server.requests
    )


# sends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", LOST)
def test_message_that_arrived_is_not_sent_again(
    server: LocalServer, proxy: FaultProxy, client: Client, harm: Harm
) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", place, harm)
    assert client.ask("hi", place) == "Good day."
    assert posts(server, place) == 1


@pytest.mark.parametrize("harm", NEVER_ARRIVED)
def test_message_that_did_not_arrive_is_sent_once(
    server: LocalServer, proxy: FaultProxy, client: Client, harm: Harm
) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", place, harm)
    assert client.ask("hi", place) == "Good day."
    assert [entry.text for entry in client.history(place)] == ["hi", "Good day."]


def test_message_is_not_sent_again_when_the_server_cannot_be_asked(
    server: LocalServer, proxy: FaultProxy, client: Client
) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", place, Harm(reply_cut=0))
    look = Harm()  # which is none
    proxy.harm("GET", place, look, *[Harm(reply=b"", passed_on=False)] * 10)
    with pytest.raises(ConnectionFailed):
        client.chat("hi", place)
    assert posts(server, place) == 1
    proxy.behave()
    assert client.ask("and now", place) == "Good day."  # waits for the run that nobody knew of
    assert [entry.text for entry in client.history(place)][::2] == ["hi", "and now"]


def test_no_more_sends_than_tries(proxy: FaultProxy, client: Client) -> None:
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", place, *[Harm(request_cut=0)] * 10)
    with pytest.raises(ConnectionFailed):
        client.chat("hi", place, max_tries=2)
    assert proxy.harmed == 2
    proxy.behave()
    assert client.history(place) == []


SLOW_DOWN = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 0\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


def test_no_more_sends_than_tries_whatever_befalls_them(proxy: FaultProxy) -> None:
    """Lost connections and rate limits are met by different loops, which count together."""
    lost, limited = Harm(request_cut=0), Harm(reply=SLOW_DOWN, passed_on=False)
    with impatient(proxy.url, cookies={"hf-chat": "somebody"}, timeout=20) as client:
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", place, *[limited, limited, lost] * 5)
        with pytest.raises(HugChatError):
            client.chat("hi", place)
        assert proxy.harmed == 4
        proxy.behave()
        assert client.history(place) == []


def test_retry_and_edit_are_cleared_up_as_well(proxy: FaultProxy, client: Client) -> None:
    place = client.create_conversation(system_prompt="")
    client.ask("hi", place)
    question, answer = client.history(place)
    proxy.harm("POST", place, Harm(reply_cut=0), Harm(reply_cut=0))
    assert client.retry(answer.text_id, place).text() == "Good day."
    assert client.edit(question.text_id, "ho", place).text() == "Good day."
    tree = client.conversation(place)
    texts = sorted(message.text for message in tree.messages if message.role == "user")
    assert texts == ["hi", "ho"]
    assert sum(message.role == "assistant" for message in tree.messages) == 3


class NeverStored:
    """A transport to a server that stores a message only at the end of its answer."""

    def __init__(self) -> None:
        self.posts = 0

    def open(self, call: Any, patience: Patience, tries: Tries) -> Any:
        self.posts += 1
        tries.made += 1
        raise ConnectionFailed("broken", unsure=True)

    def send(self, call: Any, patience: Patience) -> Stored | None:
        return None

    def looks(self, patience: Patience, most: int) -> Iterator[int]:
        yield from range(most)

    def pause(self, tried: int, patience: Patience) -> None:
        pass


@pytest.mark.parametrize(("era", "posts"), [("tgi-2023", 1), ("lines-2023", 3), ("v2-2025", 3)])
def test_era_that_cannot_tell_is_not_asked_twice(era: str, posts: int) -> None:
    """The oldest servers store a message with its answer: "not there" says nothing of it."""
    transport: Any = NeverStored()
    prompt = Prompt("6b02a3ec554756adfb4f3181", "hi", "m", "g")
    patience = Patience(Timeout(), Retry(tries=3), 1e12)
    with pytest.raises(ConnectionFailed):
        Run(transport, load_dialect(era), prompt, patience).send()
    assert transport.posts == posts


def test_2023_answer_that_was_cut(autumn: str) -> None:
    """What is missing comes from the history, where it has the whole; else there is the partial."""
    with FaultProxy(autumn) as proxy:
        client = impatient(proxy.url, dialect="lines-2023", model=None)
        whole = client.ask("hi", client.create_conversation())
        size = len(proxy.latest)
        for cut in range(0, size + 1, 41):
            place = client.create_conversation()
            proxy.harm("POST", rf"{place}$", Harm(reply_cut=cut, reset=cut % 2 == 1))
            try:
                assert client.ask("hi", place) == whole
            except IncompleteAnswer as error:
                assert whole.startswith(error.partial)
            questions = [entry for entry in client.history(place) if entry.is_user]
            assert len(questions) == 1
        client.close()


# creates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", LOST)
def test_conversation_whose_creation_was_not_told_is_found(
    server: LocalServer, proxy: FaultProxy, client: Client, harm: Harm
) -> None:
    client.create_conversation(system_prompt="before")
    proxy.harm("POST", CREATE, harm)
    made = client.create_conversation(system_prompt="Be brief.")
    assert next(iter(client.fetch_conversations())) == made
    assert len(client.conversations) == 2
    assert client.conversation(made).system_prompt == "Be brief."
    assert client.ask("hi", made) == "Good day."


@pytest.mark.parametrize("harm", NEVER_ARRIVED)
def test_creation_that_left_nothing_is_raised(
    server: LocalServer, proxy: FaultProxy, client: Client, harm: Harm
) -> None:
    proxy.harm("POST", CREATE, harm)
    with pytest.raises((ConnectionFailed, Unavailable)):
        client.create_conversation(system_prompt="")
    assert posts(server, "/conversation") == 0
    assert client.fetch_conversations() == {}


def test_lost_conversation_is_not_that_of_another_thread(proxy: FaultProxy, client: Client) -> None:
    lost = 4
    proxy.harm("POST", CREATE, *[Harm(reply_cut=0)] * lost)
    with ThreadPoolExecutor(8) as pool:

        def make(number: int) -> str | HugChatError:
            try:
                return client.create_conversation(system_prompt="")
            except ConnectionFailed as error:
                return error  # several are lost, so nobody can tell which is whose

        made = list(pool.map(make, range(8)))
    ids = [one for one in made if isinstance(one, str)]
    assert len(ids) == len(set(ids)) >= 8 - lost
    assert set(client.conversations) == set(ids)
    listed = set(client.fetch_conversations())
    assert set(ids) <= listed
    assert len(listed) == 8  # none was made twice, and none that is lost was taken for another


def test_creation_is_not_repeated_when_the_server_cannot_be_asked(
    server: LocalServer, proxy: FaultProxy, client: Client
) -> None:
    proxy.harm("POST", CREATE, Harm(reply_cut=0))
    proxy.harm("GET", "/conversations", *[Harm(reply=b"", passed_on=False)] * 10)
    with pytest.raises(ConnectionFailed):
        client.create_conversation(system_prompt="")
    assert posts(server, "/conversation") == 1


# the log loses halves of characters --------------------------------------------------------------


HALVES = ("A \ud83d", "\ude80 b", " \ud83d", "\ude01.")
CALL = ToolCall("look", {}, uuid="11111111-2222-4333-8444-555555555555")
LOSING = {
    "text": Script(HALVES),
    "tools": Script(HALVES, before=(Text("One. "), CALL, ToolResult(CALL.uuid, "x"))),
    "a last round": Script(HALVES, before=(Text("One. "), CALL), final="A 🚀 b 😁."),
    "a last round that tells little": Script((*HALVES, " End."), before=(CALL,), final="End."),
    "thinking": Script(("x", "y"), reasoning=HALVES),
    "the sign itself": Script(("A \ufffd", " b\ufffd", ".")),
}


@pytest.mark.parametrize("script", LOSING.values(), ids=LOSING)
def test_half_characters_that_the_log_loses_are_made_good(script: Script) -> None:
    slow = replace(script, delay=0.22)  # the log is written every 0.2 s
    with LocalServer(responder=Scripted(slow)) as server, FaultProxy(server.url) as proxy:
        client = impatient(proxy.url)
        undisturbed = client.chat("hi", client.create_conversation(system_prompt=""))
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", place, Harm(reply_cut=400))
        message = client.chat("hi", place)
        assert message.text() == undisturbed.text()
        assert message.reasoning == undisturbed.reasoning
        assert "".join(message.tokens()) == "".join(undisturbed.tokens())
        assert others_of(message) == others_of(undisturbed)
        assert any("/stream?" in one.path for one in server.requests)  # the log was read
        client.close()


def others_of(message: Message) -> list[Event]:
    """Return the events that are no text."""
    return [event for event in message if not isinstance(event, (Token, Reasoning))]


def test_total_is_no_reason_to_send_again(server: LocalServer, proxy: FaultProxy) -> None:
    client = impatient(proxy.url, timeout=0.6)
    place = client.create_conversation(system_prompt="")
    proxy.harm("POST", place, Harm(reply_cut=0, silent=True))
    with client, pytest.raises(TimedOut) as caught:
        client.ask("hi", place)
    assert caught.value.phase == "total"
    assert posts(server, place) == 1
