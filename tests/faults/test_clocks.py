"""Four clocks, each with its own name and the text so far; and Ctrl-C, which waits for none."""

from __future__ import annotations

import signal
import socket
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from proxy import FaultProxy, Harm
from sweep import impatient

from hugchat_sync import Client
from hugchat_sync.errors import IncompleteAnswer, TimedOut
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Script, Scripted
from hugchat_sync.options import Retry, Timeout

SECOND = Script(tokens=("Second", "."))


@pytest.fixture
def hanging() -> Iterator[LocalServer]:
    """A server whose first answer stops in the middle; only keep-alives come after that."""
    first = Script(tokens=("Half ", "an "), hang=True)
    with LocalServer(responder=Scripted(first, SECOND)) as server:
        yield server


def asked(url: str, timeout: Timeout | float, **options: Any) -> Any:
    client = impatient(url, timeout=timeout)
    return client, client.chat("hi", client.create_conversation(system_prompt=""), **options)


def spent(since: float) -> float:
    return time.monotonic() - since


def test_connect() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)  # and nobody accepts: the kernel lets only so many wait
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/chat"
        # a second try would come after seconds
        once = Retry(tries=1, first_delay=8, longest_delay=8)
        client = Client(url, dialect="v2-2025", timeout=Timeout(connect=0.2), retries=once)
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            client.ask("hi", "6b02a3ec554756adfb4f3181")
        assert caught.value.phase == "connect"
        assert spent(began) < 2


def test_connect_within_a_shorter_total() -> None:
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/chat"
        began = time.monotonic()
        with pytest.raises(TimedOut) as caught:
            Client(url, dialect="v2-2025", timeout=0.2).ask("hi", "6b02a3ec554756adfb4f3181")
        assert caught.value.phase == "total"
        assert spent(began) < 2


def test_idle(today: str) -> None:
    with FaultProxy(today) as proxy:
        client = impatient(proxy.url, timeout=Timeout(idle=0.2))
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", place, Harm(reply_cut=900, silent=True))
        message = client.chat("hi", place, resume=False)
        with pytest.raises(TimedOut) as caught:
            message.text()
        assert caught.value.phase == "idle"
        assert caught.value.partial == message.partial == "One. "


def test_progress_is_not_made_by_keep_alives(hanging: LocalServer) -> None:
    client, message = asked(hanging.url, Timeout(progress=0.4))
    with client, pytest.raises(TimedOut) as caught:
        message.text()
    assert caught.value.phase == "progress"
    assert caught.value.partial == "Half an "


def test_progress_is_not_made_by_the_heartbeats_of_a_log(hanging: LocalServer) -> None:
    with FaultProxy(hanging.url) as proxy:
        client = impatient(proxy.url, timeout=Timeout(progress=0.6))
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", place, Harm(reply_cut=500))
        with client, pytest.raises(TimedOut) as caught:
            client.chat("hi", place).text()
        assert caught.value.phase == "progress"
        assert caught.value.partial == "Half an "


def test_total(hanging: LocalServer) -> None:
    began = time.monotonic()
    client, message = asked(hanging.url, 0.5)
    with client, pytest.raises(TimedOut) as caught:
        message.text()
    assert caught.value.phase == "total"
    assert caught.value.partial == "Half an "
    assert 0.4 < spent(began) < 2


@pytest.mark.parametrize("way", ["text", "poll", "wait"])
def test_every_way_of_reading_meets_the_clock(hanging: LocalServer, way: str) -> None:
    client, message = asked(hanging.url, 0.4)
    read: dict[str, Callable[[], object]] = {
        "text": message.text,
        "wait": message.wait,
        "poll": lambda: [time.sleep(0.01) for _ in iter(message.isDone, True)],
    }
    with client, pytest.raises(TimedOut) as caught:
        read[way]()
        message.getFinalText()
    assert (caught.value.phase, caught.value.partial) == ("total", "Half an ")


@pytest.mark.parametrize("clock", [Timeout(total=0.4), Timeout(progress=0.4)])
def test_slow_loris_is_no_progress(today: str, clock: Timeout) -> None:
    """Bytes that come one by one kept every clock from running out, in the head and in a chunk."""
    with FaultProxy(today) as proxy:
        client = impatient(proxy.url)
        place = client.create_conversation(system_prompt="")
        root = place_root(client, place)
        proxy.harm("POST", place, Harm(piece=1, pause=0.02))
        began = time.monotonic()
        with client, pytest.raises(TimedOut):
            client.chat("hi", place, resume=False, parent_id=root, timeout=clock).text()
        assert spent(began) < 3


def place_root(client: Client, conversation_id: str) -> str:
    root = client.conversation(conversation_id).root_id
    assert root is not None
    return root


def interrupt_soon(seconds: float = 0.2) -> None:
    main = threading.main_thread().ident
    assert main is not None
    timer = threading.Timer(seconds, signal.pthread_kill, (main, signal.SIGINT))
    timer.daemon = True
    timer.start()


def test_ctrl_c_passes_at_once_and_closes_the_connection(hanging: LocalServer) -> None:
    client, message = asked(hanging.url, 30)
    interrupt_soon()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        message.text()
    assert spent(began) < 1
    assert message.done
    with pytest.raises(IncompleteAnswer) as caught:
        message.text()
    assert caught.value.partial == "Half an "
    until = time.monotonic() + 2
    while hanging.open_connections > 1 and time.monotonic() < until:
        time.sleep(0.01)
    assert hanging.open_connections <= 1
    client.close()


def test_ctrl_c_while_the_message_is_sent(hanging: LocalServer) -> None:
    """The next message overtook one whose sending was interrupted, and its answer was lost."""
    with FaultProxy(hanging.url) as proxy:
        client = impatient(proxy.url, timeout=Timeout(progress=0.5))
        place = client.create_conversation(system_prompt="")
        proxy.harm("POST", place, Harm(reply_cut=0, silent=True))
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            client.chat("hi", place)
        began = time.monotonic()
        message = client.chat("again", place)
        assert spent(began) > 0.4  # the first run is still on, until it is given up as dead
        assert message.text() == "Second."
        client.close()


def test_waiting_for_an_earlier_answer_counts_into_the_total(hanging: LocalServer) -> None:
    client, message = asked(hanging.url, 30)
    began = time.monotonic()
    with client, pytest.raises(TimedOut) as caught:
        client.ask("again", message.conversation_id, timeout=0.5)
    assert caught.value.phase == "total"
    assert spent(began) < 2
    assert len(hanging.responder.turns) == 1  # type: ignore[union-attr]
