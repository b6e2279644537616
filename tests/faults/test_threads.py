"""Many threads, one client: answers never cross, and one conversation has one run at a time."""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Callable, Iterator

import pytest
from eras import OctoberServer
from eras.gate import MESSAGE, Asked, Gate, Reply
from proxy import FaultProxy, Harm
from sweep import impatient

from hugchat_sync import Bot, Client
from hugchat_sync.chat.message import Message
from hugchat_sync.errors import GenerationError, HugChatError, IncompleteAnswer, UsageError
from hugchat_sync.local import LocalServer
from hugchat_sync.local.responder import Failure, Final, Pause, Step, Text, Title, Turn
from hugchat_sync.local.testing import Script, Scripted
from hugchat_sync.options import Timeout

SLOW = Script(tokens=tuple(f"{number} " for number in range(12)), delay=0.03)
WHOLE = "".join(SLOW.tokens).rstrip()
HANGING = Script(tokens=("Half ",), hang=True)


class Echo:
    """Answers with the prompt and what came before it, a word at a time."""

    def answer(self, turn: Turn) -> Iterator[Step]:
        if turn.prompt.startswith("fail"):
            yield Text("No ")
            yield Failure("the model is ill")
            return
        for word in (*turn.prompt.split(), f"after {len(turn.history)}"):
            yield Pause(0.001)
            yield Text(word + " ")
        yield Final()

    def title(self, turn: Turn) -> Title | None:
        return Title(f"About {turn.prompt.split()[0]}", 0.001)


@pytest.fixture
def echoing() -> Iterator[LocalServer]:
    with LocalServer(responder=Echo()) as server:
        yield server


@pytest.fixture
def slow() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(SLOW, Script(tokens=("Second.",)))) as server:
        yield server


@pytest.fixture
def hanging() -> Iterator[LocalServer]:
    with LocalServer(responder=Scripted(HANGING, Script(tokens=("Second.",)))) as server:
        yield server


def begun(client: Client) -> str:
    return client.create_conversation(model="local/plain", system_prompt="")


# across conversations --------------------------------------------------------------------------


def test_32_threads_in_32_conversations_cross_nothing(echoing: LocalServer) -> None:
    with Client(echoing.url) as client, ThreadPoolExecutor(32) as pool:

        def talk(number: int) -> None:
            place = client.create_conversation("local/plain", "")
            for turn in range(3):
                words = f"thread{number} turn{turn}"
                message = client.chat(words, place)
                assert message.conversation_id == place
                assert message.text() == f"{words} after {2 * turn}"
            tree = client.conversation(place)
            path = [message for message in tree.path() if message.role != "system"]
            assert len(path) == len(tree.messages) - 1 == 6
            assert all(f"thread{number} " in message.text for message in path)
            assert client.conversations[place] == f"About thread{number}"

        list(pool.map(talk, range(32)))


def test_parents_chain_though_many_threads_write(echoing: LocalServer) -> None:
    with Bot(echoing.url) as client, ThreadPoolExecutor(8) as pool:
        place = begun(client)
        texts = list(pool.map(lambda number: client.ask(f"say{number}", place), range(8)))
        assert sorted(text.split(" ", 1)[0] for text in texts) == [f"say{n}" for n in range(8)]
        counts = sorted(int(text.rsplit(" ", 1)[1]) for text in texts)
        assert counts == list(range(0, 16, 2))  # each saw all that was before it
        tree = client.conversation(place)
        assert [message.id for message in tree.path()] == [message.id for message in tree.messages]
        assert {len(message.children) for message in tree.messages[:-1]} == {1}


def test_futures_write_into_one_conversation_in_turn(echoing: LocalServer) -> None:
    with Bot(echoing.url) as bot:
        place = begun(bot)
        messages = [bot.chat(f"say{number}", place) for number in range(3)]  # none is read
        history: Any = bot.getHistoriesByID(place, wait=False)
        entries = history.result(10)
        assert [entry["text"] for entry in entries][1::2] == [m.text() for m in messages]
        assert len(entries) == 6


# after whatever became of the earlier message ----------------------------------------------------


def closed(message: Message) -> None:
    next(iter(message))
    message.close()
    with pytest.raises(IncompleteAnswer):
        message.text()


def dropped(message: Message) -> None:
    del message


def left(message: Message) -> None:
    with message:
        next(iter(message))


def interrupted(message: Message) -> None:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(0.1, signal.pthread_kill, (main, signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        message.text()
    timer.join()


def polled(message: Message) -> None:
    assert not message.isDone()


@pytest.mark.parametrize("end", [closed, dropped, left, interrupted, polled])
def test_the_next_message_waits_and_nothing_is_lost(
    slow: LocalServer, end: Callable[[Message], None]
) -> None:
    with Client(slow.url) as client:
        place = begun(client)
        end(client.chat("first", place))
        assert client.ask("second", place) == "Second."
        texts = [entry.text for entry in client.history(place)]
        assert texts == ["first", WHOLE, "second", "Second."]


def test_the_next_message_after_a_failed_one(echoing: LocalServer) -> None:
    with Client(echoing.url) as client:
        place = begun(client)
        with pytest.raises(GenerationError, match="ill"):
            client.ask("fail now", place)
        assert client.ask("well", place).startswith("well")
        assert [entry.is_user for entry in client.history(place)] == [True, False] * 2


def test_the_next_message_after_a_stopped_one(hanging: LocalServer) -> None:
    with Client(hanging.url) as client:
        place = begun(client)
        message = client.chat("first", place)
        next(message.tokens())
        message.stop()
        assert message.text().rstrip() == "Half"
        assert message.interrupted
        assert client.ask("second", place) == "Second."


def test_rename_waits_for_the_answer(slow: LocalServer) -> None:
    """A rename during a run is undone by the run's end."""
    with Client(slow.url) as client:
        place = begun(client)
        message = client.chat("first", place)
        client.rename_conversation(place, "Mine")
        assert message.text() == WHOLE
        assert client.update_title(place) == "Mine"


def test_history_shows_no_half_answer(slow: LocalServer) -> None:
    with Client(slow.url) as client:
        place = begun(client)
        client.chat("first", place)
        assert client.history(place)[-1].text == WHOLE


def test_cut_tail_is_no_end_of_the_run() -> None:
    """A message was sent while the server still waited for the title of the one before it."""
    late = Scripted(
        Script(tokens=("One.",)), Script(tokens=("Two.",)), title="T", title_seconds=0.5
    )
    with LocalServer(responder=late) as server, FaultProxy(server.url) as proxy:
        client = impatient(proxy.url, timeout=Timeout(idle=0.6))
        place = begun(client)
        proxy.harm("GET", place, Harm(reply=b"", passed_on=False))
        message = client.chat("first", place)
        assert message.text() == "One."
        message.close()
        assert client.ask("second", place) == "Two."
        assert [entry.text for entry in client.history(place)] == [
            "first",
            "One.",
            "second",
            "Two.",
        ]
        client.close()


def test_2023_connection_is_closed_before_the_next_message() -> None:
    """The server writes the conversation as its open request knew it when that one closes."""
    answers = Scripted(*(Script(tokens=(f"{n}.", " Yes.")) for n in range(5)))
    with OctoberServer(responder=answers) as server, Client(server.url) as client:
        place = client.create_conversation()
        for number in range(5):
            assert client.ask("say", place) == f"{number}. Yes."
        texts = [entry.text for entry in client.history(place)]
        assert texts[1::2] == [f"{number}. Yes." for number in range(5)]


# closing, and what takes no lock ---------------------------------------------------------------


@pytest.mark.parametrize("way", ["message", "client"])
def test_close_wakes_the_reader(hanging: LocalServer, way: str) -> None:
    client = Client(hanging.url)
    message = client.chat("hi", begun(client))
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(message.text)
        while not message.partial:
            time.sleep(0.005)
        began = time.monotonic()
        (message if way == "message" else client).close()
        with pytest.raises(IncompleteAnswer) as caught:
            reading.result(5)
        assert time.monotonic() - began < 1
    assert caught.value.partial == "Half "
    client.close()


def test_close_while_the_log_is_waited_for(hanging: LocalServer) -> None:
    with FaultProxy(hanging.url) as proxy:
        client = Client(proxy.url)
        place = begun(client)
        proxy.harm("POST", place, Harm(reply_cut=600))
        message = client.chat("hi", place)
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(message.text)
            while not message.partial:
                time.sleep(0.005)
            time.sleep(0.1)
            began = time.monotonic()
            client.close()
            with pytest.raises(IncompleteAnswer):
                reading.result(5)
            assert time.monotonic() - began < 1


def test_some_things_wait_for_nobody(hanging: LocalServer) -> None:
    """``repr``, ``done``, ``error``, ``stop`` and ``close`` take no lock that a reader holds."""
    with Client(hanging.url) as client:
        message = client.chat("hi", begun(client))

        def read() -> None:
            with suppress(IncompleteAnswer):  # or the stop came first
                message.text()

        def ask_again() -> None:
            with suppress(HugChatError):  # the client is closed at the end
                client.chat("and then?", message.conversation_id)

        threads = [threading.Thread(target=call, daemon=True) for call in (read, ask_again)]
        threads[0].start()
        while not message.partial:
            time.sleep(0.005)
        threads[1].start()  # it waits for the end of the first answer, with the conversation held
        time.sleep(0.1)
        assert all(thread.is_alive() for thread in threads)
        began = time.monotonic()
        assert "open" in repr(message)
        assert not message.done
        assert message.error is None
        message.stop()
        message.close()
        assert message.done
        assert time.monotonic() - began < 0.5
        for thread in threads:
            thread.join(5)
            assert not thread.is_alive()


def test_close_from_a_signal_handler(hanging: LocalServer) -> None:
    """The handler runs in the very thread that waits for the next byte."""
    with Client(hanging.url) as client:
        message = client.chat("hi", begun(client))
        before = signal.signal(signal.SIGUSR1, lambda *_: message.close())
        try:
            main = threading.main_thread().ident
            assert main is not None
            timer = threading.Timer(0.2, signal.pthread_kill, (main, signal.SIGUSR1))
            timer.start()
            with pytest.raises(IncompleteAnswer):
                message.text()
            timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert message.done


def test_close_from_a_signal_handler_while_waiting(hanging: LocalServer) -> None:
    with Client(hanging.url) as client:
        message = client.chat("hi", begun(client))
        before = signal.signal(signal.SIGUSR1, lambda *_: message.close())
        try:
            main = threading.main_thread().ident
            assert main is not None
            timers = [
                threading.Timer(0.1 + n / 50, signal.pthread_kill, (main, signal.SIGUSR1))
                for n in range(5)
            ]
            for timer in timers:
                timer.start()
            with pytest.raises(IncompleteAnswer):
                message.wait(5)
            for timer in timers:
                timer.join()
        finally:
            signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("behind", [0, 1, 20])
def test_nothing_behind_the_final_answer_spoils_it(today: str, behind: int) -> None:
    def cut(asked: Asked) -> Reply:
        reply = asked.onward()
        body = reply.body
        answered = body.index(b"\n", body.index(b'{"type":"finalAnswer"')) + 1
        assert len(body) > answered + behind  # something does come behind it
        return Reply(reply.status, reply.kind, (body,)).cut(answered + behind)

    with Gate(today) as gate:
        client = impatient(gate.url)
        place = begun(client)
        gate.on(MESSAGE, cut)
        message = client.chat("hi", place)
        broken = Reply(is_whole=False).cut(0)
        gate.on(r"GET ", broken)
        assert message.text().endswith("end")
        list(message)
        assert message.error is None
        gate.open()
        client.close()


def test_removed_conversation_is_closed_not_awaited(hanging: LocalServer) -> None:
    with Client(hanging.url) as client:
        message = client.chat("hi", begun(client))
        began = time.monotonic()
        client.remove_conversation(message.conversation_id)
        assert time.monotonic() - began < 1
        with pytest.raises(IncompleteAnswer):
            message.text()


def test_pool_ends_though_its_futures_read(slow: LocalServer) -> None:
    bot = Bot(slow.url)
    place = begun(bot)
    bot.chat("first", place)
    history: Any = bot.getHistoriesByID(place, wait=False)
    bot.close()
    assert history.done()
    try:
        assert history.result()[-1]["text"] == WHOLE
    except (HugChatError, UsageError):
        pytest.fail("closing must finish what is under way")


def test_paced_over_threads(echoing: LocalServer) -> None:
    with Client(echoing.url, max_per_minute=1200) as client, ThreadPoolExecutor(6) as pool:
        places = [begun(client) for _ in range(6)]
        list(pool.map(lambda place: client.ask("hi", place), places))
    sends = sorted(
        request.at
        for request in echoing.requests
        if request.method == "POST" and "/conversation/" in request.path
    )
    gaps = [later - earlier for earlier, later in zip(sends, sends[1:])]
    assert len(gaps) == 5
    assert sum(gaps) >= 5 * 0.05 - 0.02
