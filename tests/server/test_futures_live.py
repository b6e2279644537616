"""``wait=False`` against a server that takes its time."""

from __future__ import annotations

import time
from concurrent.futures import Future, wait

import pytest

from hugchat_sync import (
    Bot,
    ConversationNotExistError,
    HugChatDeprecationWarning,
    HuggingChat,
    ModelNotFound,
    Unavailable,
    UsageError,
)
from hugchat_sync.futures import Background
from hugchat_sync.local.testing import Fault

SLOW = 2.0


def test_four_calls_return_at_once_and_overlap(serve):
    server = serve(faults=[Fault(delay=SLOW, times=None)])
    with Bot(server.url, dialect="v2-2025", model="omni") as bot:
        started = time.monotonic()
        returned = []
        futures = []
        for call in (
            lambda: bot.fetchConversations(wait=False),
            lambda: bot.fetchConversations(wait=False),
            lambda: bot.getHistoriesByID("6" * 24, wait=False),
            lambda: bot.updateTitle("7" * 24, wait=False),
        ):
            before = time.monotonic()
            futures.append(call())
            returned.append(time.monotonic() - before)
        wait(futures)
        took = time.monotonic() - started

    assert max(returned) < 0.05
    assert SLOW <= took < 2 * SLOW
    assert [type(future.exception()) for future in futures] == [
        type(None),
        type(None),
        ConversationNotExistError,
        ConversationNotExistError,
    ]


def test_close_finishes_what_is_under_way(serve):
    server = serve(faults=[Fault(delay=0.3, times=None)])
    hug = HuggingChat(server.url, dialect="v2-2025")
    bot = hug.getBot()
    future = bot.fetchConversations(wait=False)

    hug.close()

    assert future.done()
    assert future.exception() is None


@pytest.mark.parametrize(
    ("fault", "call", "kind"),
    [
        (Fault(status=500, times=None), lambda bot, **o: bot.fetchConversations(**o), Unavailable),
        (None, lambda bot, **o: bot.removeConversation("f" * 24, **o), ConversationNotExistError),
        (None, lambda bot, **o: bot.getHistoriesByID("f" * 24, **o), ConversationNotExistError),
        (None, lambda bot, **o: bot.updateTitle("abc", **o), ConversationNotExistError),
        (None, lambda bot, **o: bot.createConversation(**o), ModelNotFound),
    ],
)
def test_future_raises_what_waiting_would_raise(serve, connect, fault, call, kind):
    server = serve(faults=[fault] if fault else [])
    bot = connect(server, Bot, model="nonsense")

    with pytest.raises(kind) as waiting:
        call(bot, wait=True)
    future = call(bot, wait=False)

    assert type(future.exception(5)) is type(waiting.value) is kind
    assert str(future.exception()).split("'")[0] == str(waiting.value).split("'")[0]


def test_no_more_workers_than_were_asked_for(serve):
    server = serve(faults=[Fault("GET", "/conversations", delay=0.2, times=None)])
    with HuggingChat(server.url, dialect="v2-2025", max_workers=2) as hug:
        bot = hug.getBot()
        started = time.monotonic()
        wait([bot.fetchConversations(wait=False) for _ in range(4)])
        took = time.monotonic() - started

    assert 0.4 <= took < 0.75


@pytest.mark.parametrize("old_name", [lambda: HuggingChat(1), lambda: HuggingChat(max_thread=1)])
def test_number_of_threads_is_taken_by_its_old_names_with_one_warning(serve, monkeypatch, old_name):
    server = serve(faults=[Fault("GET", "/conversations", delay=0.15, times=None)])
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", server.url)
    with pytest.warns(HugChatDeprecationWarning, match="max_workers=1") as warned:
        hug = old_name()
    with hug:
        bot = hug.getBot()
        started = time.monotonic()
        wait([bot.fetchConversations(wait=False) for _ in range(3)])

        assert time.monotonic() - started >= 0.45  # one after the other
    assert [one.filename for one in warned] == [__file__]


def test_calls_after_the_pool_was_closed_begin_a_new_one():
    pool = Background()
    pool.run(list, wait=False).result(5)
    pool.close()

    assert pool.run(list, wait=False).result(5) == []


@pytest.mark.parametrize("closed", ["bot", "hug"])
def test_close_in_a_callback_of_a_future_does_not_wait_for_itself(serve, closed):
    slow = Fault(method="POST", delay=0.2)
    with HuggingChat(serve(faults=[slow]).url) as hug:
        bot = hug.getBot()
        outcome: Future[None] = Future()

        def close(done):
            try:
                outcome.set_result({"bot": bot, "hug": hug}[closed].close())
            except RuntimeError as error:
                outcome.set_exception(error)

        bot.createConversation(wait=False).add_done_callback(close)

        assert outcome.result(5) is None
        with pytest.raises(UsageError, match="closed"):
            bot.ask("hi")
