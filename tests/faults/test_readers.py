"""One answer and many who read it: threads that wait, a Ctrl-C, a child that was forked."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Callable, Iterator

import pytest
from eras.gate import LOG, MESSAGE, STORED, Asked, Gate, Reply, lines

from hugchat_sync import Client, HugChatError, IncompleteAnswer, Retry, UsageError
from hugchat_sync.events import Status, Token
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Scripted

STARTED = {"type": "status", "status": "started"}
FINISHED = {"type": "status", "status": "finished"}
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def token(text: str) -> dict[str, Any]:
    return {"type": "stream", "token": text}


def final(text: str) -> dict[str, Any]:
    return {"type": "finalAnswer", "text": text, "interrupted": False}


class Held:
    """An answer whose lines leave one by one, each when it is let go.

    :param beats: seconds between two keep-alives in the meantime.
    """

    def __init__(self, *values: Any, beats: float = 0.1) -> None:
        self._reply = lines(*values)
        self._beats = beats
        self._gone = threading.Semaphore(0)
        self.left = threading.Event()  # whoever read it has hung up

    def go(self, count: int = 1) -> None:
        """Let so many lines go."""
        for _ in range(count):
            self._gone.release()

    def __call__(self, asked: Asked) -> Reply:
        def pieces() -> Iterator[bytes]:
            try:
                for piece in self._reply.pieces:
                    while not self._gone.acquire(timeout=self._beats):
                        yield b'{"type":"status","status":"keepAlive"}\n'
                    yield piece
            finally:
                self.left.set()

        return replace(self._reply, pieces=pieces())


@pytest.fixture
def begin() -> Iterator[Callable[..., tuple[Client, Gate]]]:
    """Return a function that gives a client and the gate before its server."""
    with ExitStack() as stack:

        def made(*scripts: Any, **options: Any) -> tuple[Client, Gate]:
            server = stack.enter_context(LocalServer(responder=Scripted(*scripts)))
            gate = stack.enter_context(Gate(server.url))
            quick = Retry(tries=2, first_delay=0.01, longest_delay=0.02)
            client = Client(gate.url, dialect="v2-2025", retries=quick)
            stack.enter_context(client)
            client.create_conversation("omni", "")
            return client, gate

        yield made


# a reader thread and those who wait with it ------------------------------------------------------


def test_event_that_is_there_is_given_at_once_although_the_reader_waits_for_the_next(begin):
    client, gate = begin()
    held = Held(STARTED, token("a"), final("a"), FINISHED)
    gate.on(MESSAGE, held)
    message = client.chat("hi")
    held.go(2)
    assert not message.done  # starts the reader
    while len(message.getText()) < 1:
        time.sleep(0.01)

    found: list[Any] = []

    def take() -> None:
        for event in message:
            found.append(event)
            if type(event) is Token:
                return

    taker = threading.Thread(target=take, daemon=True)
    taker.start()
    taker.join(3)

    assert found == [Status("started"), Token("a")]
    held.go(2)
    assert message.text() == "a"


def test_waiting_loop_wakes_with_each_event_that_a_reader_thread_brings(begin):
    client, gate = begin()
    pieces = [f"{number} " for number in range(12)]
    whole = "".join(pieces).rstrip()
    held = Held(STARTED, *map(token, pieces), final(whole), FINISHED)
    gate.on(MESSAGE, held)
    message = client.chat("hi")
    held.go()
    assert not message.done  # starts the reader

    began = time.monotonic()
    for event in message:
        held.go()  # the next one leaves when this one is here
        if type(event) is Token and event.text == pieces[-1]:
            break
    took = time.monotonic() - began
    held.go(3)

    assert message.text() == whole
    assert took < 3  # half a second for each event would be six


def test_ctrl_c_in_one_reader_ends_the_answer_for_the_others(begin):
    client, gate = begin()
    held = Held(STARTED, token("half"), token(" of it"), final("half of it"), FINISHED)
    gate.on(MESSAGE, held)
    gate.on(LOG, Reply(404, pieces=(b"{}",), is_chunked=False))
    message = client.chat("hi")
    held.go(2)
    troubles: list[HugChatError] = []

    def read() -> None:
        try:
            message.text()
        except HugChatError as error:
            troubles.append(error)

    iterator = iter(message)
    while next(iterator) != Token("half"):
        pass
    others = [threading.Thread(target=read, daemon=True) for _ in range(2)]
    reads = threading.Event()

    def interrupt() -> None:  # once this thread reads on, and the others wait for it
        assert reads.wait(20)
        time.sleep(0.3)
        for other in others:
            other.start()
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    interrupter = threading.Thread(target=interrupt, daemon=True)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        held.go()
        for _ in iterator:
            reads.set()
    interrupter.join()
    for other in others:
        other.join(5)

    assert not any(other.is_alive() for other in others)
    assert [type(trouble) for trouble in troubles] == [IncompleteAnswer] * 2
    assert troubles[0].partial == "half of it"
    assert message.done
    assert held.left.wait(5)


@pytest.mark.parametrize("seconds", [0.05, 0.4])
def test_answer_closed_while_its_rest_begins_ends_that_connection_too(begin, seconds):
    client, gate = begin()
    gate.on(MESSAGE, lines(STARTED, token("half"), is_whole=False))
    asked_for = threading.Event()
    rest = Held(*[token("x")] * 50)

    def late(asked: Asked) -> Reply:
        asked_for.set()
        time.sleep(0.3)
        rest.go(3)
        return replace(rest(asked), kind="text/event-stream")

    gate.on(LOG, late)
    message = client.chat("hi")
    reader = threading.Thread(target=lambda: [*message_events(message)], daemon=True)
    reader.start()
    assert asked_for.wait(5)
    time.sleep(seconds)

    message.close()
    reader.join(3)

    assert not reader.is_alive()
    assert rest.left.wait(3)
    with pytest.raises(IncompleteAnswer):
        message.text()


def message_events(message: Any) -> Iterator[Any]:
    try:
        yield from message
    except HugChatError:
        return


@pytest.mark.parametrize("way", ["close", "total"])
def test_reply_that_ends_with_its_connection_can_be_ended_and_limited(begin, way):
    client, gate = begin()
    held = Held(STARTED, token("half"), final("half"), FINISHED, beats=15)
    gate.on(MESSAGE, lambda asked: replace(held(asked), headers={"Connection": "close"}))
    gate.on(LOG, Reply(404, pieces=(b"{}",), is_chunked=False))
    message = client.chat("hi", timeout=0.8 if way == "total" else None)
    held.go(2)
    if way == "close":
        threading.Timer(0.4, message.close).start()
    began = time.monotonic()

    with pytest.raises(HugChatError) as caught:
        message.text()

    assert time.monotonic() - began < 4
    assert caught.value.partial == "half"
    held.go(10)


# children ----------------------------------------------------------------------------------------


def in_child(work: Callable[[], Any]) -> Any:
    """Return what *work* returns in a forked child, as text; it has twenty seconds."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = "nothing"
        try:
            told = str(work())
        except BaseException as error:  # noqa: BLE001 - the child must not go on as a second pytest
            told = f"{type(error).__name__}: {error}"
        finally:
            os.write(writing, told.encode())
            os._exit(0)
    os.close(writing)
    end = time.monotonic() + 20
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(reading)
            pytest.fail("the child hangs")
        time.sleep(0.02)
    with os.fdopen(reading) as stream:
        return stream.read()


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_does_not_wait_for_locks_that_a_thread_of_its_parent_held(begin):
    client, gate = begin()
    place = client.current_conversation
    sending, may_go = threading.Event(), threading.Event()

    def hold(asked: Asked) -> None:
        sending.set()
        may_go.wait(30)

    gate.on(MESSAGE, hold)
    sender = threading.Thread(target=lambda: client.ask("hi", place), daemon=True)
    sender.start()
    assert sending.wait(10)
    gate.on(STORED, lambda asked: asked.onward())

    try:
        told = in_child(lambda: client.rename_conversation(place, "By a child"))
    finally:
        may_go.set()
        sender.join(20)

    assert told == "None"


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_cannot_read_the_answer_of_its_parent_and_takes_nothing_of_it(begin):
    client, gate = begin()
    held = Held(STARTED, token("one "), token("two"), final("one two"), FINISHED)
    gate.on(MESSAGE, held)
    message = client.chat("hi")
    held.go(2)
    iterator = iter(message)
    assert [next(iterator), next(iterator)] == [Status("started"), Token("one ")]

    def read_on() -> Any:
        held.go(3)
        try:
            return next(iterator)
        except UsageError as error:
            return f"refused: {error}"

    told = in_child(read_on)
    held.go(3)

    assert told.startswith("refused")
    assert [event for event in iterator if type(event) is Token] == [Token("two")]
    assert message.text() == "one two"
    assert gate.count(LOG) == 0


@forks
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_child_closes_no_answer_of_its_parent(begin):
    client, gate = begin()
    held = Held(STARTED, token("one "), token("two"), final("one two"), FINISHED)
    gate.on(MESSAGE, held)
    message = client.chat("hi")
    held.go(2)
    assert next(message.tokens()) == "one "

    def leave() -> str:
        message.close()
        client.close()
        return "left"

    told = in_child(leave)
    held.go(3)

    assert told == "left"
    assert message.text() == "one two"
    assert (gate.count(MESSAGE), gate.count(LOG)) == (1, 0)
    assert not message.interrupted
