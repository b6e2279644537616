"""The seed's polling accessors over a message fed from a list."""

from __future__ import annotations

import threading
import time

import pytest
from answers import message_of

from hugchat_sync.events import (
    FinalAnswer,
    Status,
    Token,
    WebSearchError,
    WebSearchSources,
    WebSearchStep,
)
from hugchat_sync.records import Source

SEARCH = [
    WebSearchStep("Searching Google", ("sun",)),
    WebSearchStep("Browsing results"),
    WebSearchError("An error occurred with the web search", ('"none"',)),
    WebSearchSources((Source("A", "https://a.example/x", "a.example"),)),
    Token("It"),
    Token(" is."),
    FinalAnswer("It is."),
]
STEPS = [
    {
        "type": "webSearch",
        "messageType": "update",
        "message": "Searching Google",
        "args": ["sun"],
    },
    {"type": "webSearch", "messageType": "update", "message": "Browsing results"},
    {
        "type": "webSearch",
        "messageType": "error",
        "message": "An error occurred with the web search",
        "args": ['"none"'],
    },
    {
        "type": "webSearch",
        "messageType": "sources",
        "message": "sources",
        "sources": [{"title": "A", "link": "https://a.example/x", "hostname": "a.example"}],
    },
]


@pytest.fixture()
def searched():
    message = message_of(iter(SEARCH), conversation_id="6" * 24, web_search=True)
    message.wait(5)
    return message


def test_text_is_a_list_of_single_characters(searched):
    assert searched.getText() == ["I", "t", " ", "i", "s", "."]


def test_text_is_one_growing_list():
    go_on = threading.Event()

    def events():
        yield Token("ab")
        assert go_on.wait(5)
        yield Token("cd")
        yield FinalAnswer("abcd")

    message = message_of(events())
    end = time.monotonic() + 5
    while len(message.getText()) < 2 and time.monotonic() < end:
        time.sleep(0.005)
    first = message.getText()
    go_on.set()
    message.wait(5)

    assert message.getText() is first
    assert message.stream_text is first
    assert first == list("abcd")


def test_steps_are_the_dicts_of_2023(searched):
    assert searched.getWebSearchSteps() == STEPS
    assert searched.web_search_steps == STEPS


def test_next_step_is_each_step_once_and_then_nothing(searched):
    found = [searched.getWebSearchStep() for _ in range(6)]

    assert found == [*STEPS, None, None]


def test_conversation_is_its_id(searched):
    assert searched.getConversation() == "6" * 24


def test_attributes_of_a_finished_search(searched):
    assert searched.done is True
    assert searched.final_text == "It is."
    assert searched.web_search_enabled is True
    assert searched.web_search_done is True
    assert searched.error is None


def test_search_is_done_when_the_text_begins():
    go_on = threading.Event()

    def events():
        yield SEARCH[0]
        assert go_on.wait(5)
        yield Token("It")
        yield FinalAnswer("It")

    message = message_of(events(), web_search=True)
    before = message.web_search_done
    go_on.set()
    message.wait(5)

    assert (before, message.web_search_done) == (False, True)


def test_waiting_for_a_search_that_nobody_asked_for_never_ended():
    message = message_of(iter([Token("x"), FinalAnswer("x")]))

    assert (message.web_search_enabled, message.web_search_done) == (False, True)


def test_final_text_is_none_until_done():
    go_on = threading.Event()

    def events():
        yield Token("x")
        assert go_on.wait(5)
        yield Status("finished")

    message = message_of(events())
    before = message.getFinalText()
    go_on.set()

    assert (before, message.wait(5).getFinalText()) == (None, "x")


def test_two_pollers_do_not_spell_a_piece_twice():
    message = message_of(iter([*(Token("ab") for _ in range(500)), FinalAnswer("ab" * 500)]))
    threads = [
        threading.Thread(target=lambda: [message.getText() for _ in range(50)]) for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert "".join(message.wait(5).getText()) == "ab" * 500


def test_signal_handler_may_poll_while_its_thread_does():
    class Interrupted(str):
        """A text in whose midst a handler runs."""

        def __iter__(self):
            for character in str(self):
                seen.append(len(message.getText()))
                message.getWebSearchStep()
                yield character

    seen = []
    message = message_of(iter([Token(Interrupted("Hello")), FinalAnswer("Hello")]))
    message.wait(5)
    polling = threading.Thread(target=message.getText, daemon=True)  # it waited for itself
    polling.start()
    polling.join(3)

    assert not polling.is_alive()
    assert message.getText() == list("Hello")
    assert len(seen) == 5
