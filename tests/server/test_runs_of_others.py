"""A run that somebody else began is waited for: no message is wiped, nothing half is read."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from email.utils import formatdate
from typing import Any, Callable, Iterator
from uuid import uuid4

import pytest
from eras import Play, TreeServer
from eras.arena import MANNERS, SERVERS, Arena, some_servers
from sampling import some

from hugchat_sync import Client, Retry, Timeout
from hugchat_sync.errors import ConversationNotExistError, HugChatError, TimedOut
from hugchat_sync.local import LocalServer
from hugchat_sync.local.testing import Fault, Script, Scripted

#: those that store something while an answer is being made; the oldest stores all of it at the end
TELLING = [name for name in SERVERS if SERVERS[name][0] != "tgi-2023"]
#: those where a stop reaches a run whose connection somebody else holds
#: what takes time or does not depend on the era: on one server of each manner, or family
SLOW = some(TELLING, MANNERS)
FEW = ["lines-2023", "tree-2024 of December", "v2-2025"]
STOPPABLE = ["tgi-2023", "lines-2023", "tree-2024 of April", "v2-2025"]
FIRST, SECOND = Play(("Half", " and half.")), Play(("The second.",))

Starter = Callable[..., "tuple[Arena, Client, Client]"]


class Pair:
    """A server, and two clients of one account that know nothing of each other."""

    def __init__(self, name: str, *plays: Play, **options: Any) -> None:
        self.hold = threading.Event()
        first, *others = plays or (FIRST, SECOND)
        held = Play(first.tokens, hold=self.hold, title=first.title, late=first.late)
        self.arena = Arena(name, held, *others)
        self._options = {"retries": Retry(first_delay=0.01, longest_delay=0.02), **options}

    def __enter__(self) -> Pair:
        self._stack = ExitStack()
        self._stack.enter_context(self.arena)
        self.one = self._stack.enter_context(self.client())
        self.place = self.one.create_conversation()
        self.other = self._stack.enter_context(self.client(cookies=self.one.cookies))
        self.pool = self._stack.enter_context(ThreadPoolExecutor(2))
        return self

    def __exit__(self, *exc_info: Any) -> None:
        self.hold.set()
        self._stack.close()

    def client(self, **options: Any) -> Client:
        return Client(self.arena.url, **{**self._options, **options})

    def begin(self) -> Any:
        """Let the first client ask, and return its half answer, which a thread reads on."""
        message = self.one.chat("The first?", self.place)
        assert next(message.tokens()).strip().startswith("Half")
        self.pool.submit(message.text)
        return message

    def let_go(self, seconds: float = 0.3) -> None:
        threading.Timer(seconds, self.hold.set).start()

    def texts(self) -> list[str]:
        with self.client(cookies=self.one.cookies) as third:
            return [entry.text for entry in third.history(self.place)]


@pytest.fixture()
def pair() -> Iterator[Callable[..., Pair]]:
    with ExitStack() as stack:
        yield lambda *words, **options: stack.enter_context(Pair(*words, **options))


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.usefixtures("hurried")
def test_second_message_waits_for_the_run_of_another_client(pair: Any, name: str) -> None:
    two = pair(name)
    message = two.begin()
    two.let_go()

    assert two.other.ask("The second?", two.place) == "The second."

    assert message.text() == "Half and half."
    assert two.texts() == ["The first?", "Half and half.", "The second?", "The second."]
    assert two.arena.turns[-1].history[-1].strip() == "Half and half."  # it is on the same branch


@pytest.mark.parametrize(
    "name", some_servers("test_message_of_another_client_is_appended_to_the_newest")
)
def test_message_of_another_client_is_appended_to_the_newest(pair: Any, name: str) -> None:
    two = pair(name, Play(("One.",)), SECOND, Play(("Three.",)))
    two.hold.set()
    two.one.ask("1", two.place)
    two.other.ask("2", two.place)

    two.one.ask("3", two.place)

    assert two.texts() == ["1", "One.", "2", "The second.", "3", "Three."]


READERS: dict[str, Callable[[Client, str], Any]] = {
    "history": lambda client, place: client.history(place)[-1].text,
    "conversation": lambda client, place: client.conversation(place).path()[-1].text,
    "share": lambda client, place: client.share(place) and "Half and half.",
    "update_title": lambda client, place: client.update_title(place) and "Half and half.",
    "rename": lambda client, place: (
        client.rename_conversation(place, "By hand") or "Half and half."
    ),
}


@pytest.mark.parametrize(
    ("reader", "name"),
    some(
        [(reader, name) for reader in READERS for name in TELLING],
        [
            (reader, name)
            for reader in READERS
            for name in (TELLING if reader == "history" else FEW)
        ],
    ),
)
@pytest.mark.usefixtures("hurried")
def test_reader_waits_as_a_writer_does(pair: Any, name: str, reader: str) -> None:
    two = pair(name)
    message = two.begin()
    two.let_go()

    read = READERS[reader](two.other, two.place)

    assert two.hold.is_set()
    assert read == message.text() == "Half and half."
    assert two.texts() == ["The first?", "Half and half."]
    if reader == "rename":
        assert two.one.fetch_conversations()[two.place] == "By hand"
    if reader == "share" and name != "lines-2023":  # which gives a page to read, and no address
        with two.client() as stranger:
            copied = stranger.import_share(two.other.share(two.place)) if name == "v2-2025" else ""
            assert not copied or stranger.history(copied)[-1].text == "Half and half."


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.usefixtures("hurried")
def test_retry_and_edit_wait_for_the_run_of_another_client(pair: Any, name: str) -> None:
    two = pair(name, Play(("One.",)), FIRST, SECOND, Play(("Three.",)))
    two.hold.set()
    two.one.ask("1", two.place)
    question, answer = two.one.history(two.place)
    two.hold.clear()
    plays = two.arena.server.plays if hasattr(two.arena.server, "plays") else two.arena.model._plays
    plays[1] = Play(FIRST.tokens, hold=two.hold)
    message = two.begin()
    two.let_go()

    again = two.other.retry(answer.text_id, two.place)

    assert two.hold.is_set()
    assert again.text() == "The second."
    assert message.text() == "Half and half."
    if "edit" in two.other.check().features:
        edited = two.other.edit(question.text_id, "1, in other words", two.place)
        assert edited.text() == "Three."


@pytest.mark.parametrize("name", SLOW)
def test_end_of_the_time_is_told_with_the_text_so_far(pair: Any, name: str) -> None:
    two = pair(name)
    two.begin()
    before = two.arena.sent
    with two.client(cookies=two.one.cookies) as client:
        client.models()  # it knows the server then
        hasty = client.with_options(timeout=0.6)
        for call in (hasty.history, lambda place: hasty.ask("The second?", place)):
            began = time.monotonic()
            with pytest.raises(TimedOut, match="an earlier answer .* goes on") as caught:
                call(two.place)
            assert 0.4 < time.monotonic() - began < 2.5
            assert caught.value.phase == "total"
            assert caught.value.partial == ("Half" if name == "v2-2025" else "")
    assert two.arena.sent == before  # nothing was posted


def test_partial_is_that_of_a_message_of_this_client_as_well(pair: Any) -> None:
    two = pair("v2-2025", timeout=Timeout(total=1.5))
    two.begin()

    with pytest.raises(TimedOut) as caught:
        two.one.history(two.place)

    assert caught.value.partial == "Half"


def test_answer_that_was_closed_here_is_waited_for_where_its_run_goes_on(pair: Any) -> None:
    two = pair("v2-2025")
    message = two.one.chat("The first?", two.place)
    assert next(message.tokens()).strip().startswith("Half")
    message.close()
    sent = two.arena.sent
    for _ in range(2):
        with pytest.raises(TimedOut, match="an earlier answer .* goes on") as caught:
            two.one.with_options(timeout=0.6).ask("The second?", two.place)
        assert caught.value.is_earlier
    assert two.arena.sent == sent
    two.let_go()

    assert two.one.ask("The second?", two.place) == "The second."

    assert two.hold.is_set()
    assert two.texts() == ["The first?", "Half and half.", "The second?", "The second."]


@pytest.mark.parametrize("name", SLOW)
def test_answer_that_never_changes_is_given_up(pair: Any, name: str) -> None:
    """Once, and not again by the same client."""
    two = pair(name)
    two.begin()
    patient = Timeout(progress=0.5, idle=30)
    with two.client(cookies=two.one.cookies, timeout=patient) as client:
        client.models()
        began = time.monotonic()
        client.history(two.place)
        assert 0.4 < time.monotonic() - began < 4
        began = time.monotonic()
        client.history(two.place)
        assert time.monotonic() - began < 0.4


@pytest.mark.parametrize("name", some_servers("test_failed_run_of_our_own_is_not_waited_for"))
def test_failed_run_of_our_own_is_not_waited_for(name: str) -> None:
    """Of some failures nothing is stored but the question, as while an answer is made."""
    with Arena(name, Play(("Half",), error="It broke"), SECOND) as arena, Client(arena.url) as one:
        place = one.create_conversation()
        with pytest.raises(HugChatError):
            one.ask("The first?", place)
        began = time.monotonic()

        assert one.ask("The second?", place) == "The second."

        assert time.monotonic() - began < 2


@pytest.mark.parametrize("name", STOPPABLE)
def test_stop_reaches_the_run_of_another_client(pair: Any, name: str) -> None:
    tokens = ("Half", *(" more" for _ in range(200)))
    two = pair(name, Play(tokens), SECOND)
    message = two.begin()

    two.other.stop(two.place)

    if name == "lines-2023":  # which notices it at the next token
        two.hold.set()
    assert len(message.wait(5).text()) < len("".join(tokens))
    assert two.other.ask("The second?", two.place) == "The second."
    assert two.texts()[::2] == ["The first?", "The second?"]


@pytest.mark.parametrize("name", SLOW)
def test_stop_where_nobody_runs_posts_nothing(pair: Any, name: str) -> None:
    two = pair(name)
    two.hold.set()
    two.one.ask("The first?", two.place)
    before = two.arena.sent

    two.other.stop(two.place)
    two.one.stop(two.place)
    two.one.stop()

    assert two.arena.sent == before


@pytest.mark.parametrize("name", some_servers("test_removal_waits_for_nobody"))
def test_removal_waits_for_nobody(pair: Any, name: str) -> None:
    two = pair(name)
    two.begin()
    two.other.models()
    began = time.monotonic()

    two.other.remove_conversation(two.place)

    assert time.monotonic() - began < 1
    with pytest.raises(ConversationNotExistError):
        two.other.history(two.place)


@pytest.mark.parametrize("name", some_servers("test_removal_of_all_waits_for_nobody"))
def test_removal_of_all_waits_for_nobody(pair: Any, name: str) -> None:
    two = pair(name)
    two.begin()
    two.other.models()
    began = time.monotonic()

    assert two.other.remove_all_conversations() == 1
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("name", [name for name in TELLING if name != "v2-2025"])
@pytest.mark.usefixtures("hurried")
def test_waiting_ends_when_the_conversation_is_removed(pair: Any, name: str) -> None:
    two = pair(name)
    two.begin()
    two.other.models()
    waiting = two.pool.submit(two.other.history, two.place)
    time.sleep(0.3)
    assert not waiting.done()

    with two.client(cookies=two.one.cookies) as third:  # who has no answer of its own to close
        third.remove_conversation(two.place)

    with pytest.raises(HugChatError):
        waiting.result(10)


class DatedServer(TreeServer):
    """One that says what time it is, as all but the small servers do."""

    def after(self, asked: Any, told: Any) -> None:
        super().after(asked, told)
        told.headers["Date"] = formatdate(usegmt=True)


def test_answer_that_died_long_ago_is_not_waited_for() -> None:
    """By the server's own clock: ours may be another."""
    with DatedServer(Play(("One.",))) as server, Client(server.url) as client:
        client.ask("1")
        [conversation] = server.conversations.values()
        leaf = conversation.messages[-1]
        for kind in ("user", "assistant"):
            died = {"id": str(uuid4()), "from": kind, "content": "", "children": []}
            above, moment = [*leaf["ancestors"], leaf["id"]], "2020-01-01T00:00:00.000Z"
            leaf = {**died, "ancestors": above, "createdAt": moment, "updatedAt": moment}
            conversation.messages.append(leaf)
        began = time.monotonic()

        assert client.ask("2") == "One."

        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", r"/stream\?", status=404, body="<html></html>", times=None),
        Fault("GET", r"/stream\?", status=500, times=None),
        Fault("GET", r"/stream\?", drop="before", times=None),
        Fault(
            "GET",
            r"/stream\?",
            status=200,
            body='event: end\ndata: {"status":"gone"}\n\n',
            headers={"Content-Type": "text/event-stream"},
            times=None,
        ),
    ],
    ids=["no log", "broken log", "lost log", "unknown run"],
)
@pytest.mark.parametrize("whose", ["ours", "of another client"])
@pytest.mark.usefixtures("hurried")
def test_where_no_log_tells_the_stored_answer_does(fault: Any, whose: str) -> None:
    tokens = tuple(f"{number} " for number in range(10))
    responder = Scripted(Script(tokens=tokens, delay=0.05), Script(tokens=("Second.",)))
    with LocalServer(responder=responder, faults=[fault]) as server, Client(server.url) as one:
        place = one.create_conversation()
        one.chat("The first?", place).close()
        with Client(server.url, cookies=one.cookies, retries=Retry(tries=1)) as other:
            asking = one if whose == "ours" else other
            assert asking.ask("The second?", place) == "Second."
            texts = [entry.text for entry in other.history(place)]
    assert texts == ["The first?", "".join(tokens).rstrip(), "The second?", "Second."]


def test_end_of_the_time_is_told_where_no_log_tells() -> None:
    responder = Scripted(Script(tokens=tuple("01234567"), delay=0.2), Script(tokens=("Second.",)))
    lost = Fault("GET", r"/stream\?", status=404, body="<html></html>", times=None)
    with LocalServer(responder=responder, faults=[lost]) as server, Client(server.url) as one:
        place = one.create_conversation()
        one.chat("The first?", place).close()

        with pytest.raises(TimedOut) as caught:
            one.with_options(timeout=0.4).ask("The second?", place)

        assert caught.value.is_earlier
        assert one.ask("The second?", place) == "Second."
        texts = [entry.text for entry in one.history(place)]
    assert texts == ["The first?", "01234567", "The second?", "Second."]


def test_message_behind_an_answer_whose_title_is_still_to_come(pair: Any) -> None:
    """The end of a run rewrites the conversation, also when only its title was missing."""
    two = pair("v2-2025", Play(("One.",), title="A late one", late=1.5), SECOND)
    two.hold.set()
    message = two.one.chat("1", two.place)
    assert message.text() == "One."

    two.other.rename_conversation(two.place, "By hand")
    two.other.ask("2", two.place)

    assert two.texts() == ["1", "One.", "2", "The second."]
    assert two.other.fetch_conversations()[two.place] == "By hand"


@pytest.mark.usefixtures("hurried")
def test_question_of_ours_that_another_client_asks_again_is_waited_for() -> None:
    """It keeps its id there, and ours had failed."""
    hold = threading.Event()
    plays = (Play(("Half",), error="It broke"), Play(("Half", " and half."), hold=hold))
    with Arena("lines-2023", *plays) as arena, Client(arena.url) as one:
        place = one.create_conversation()
        with pytest.raises(HugChatError):
            one.ask("The first?", place)
        [question] = one.history(place)
        # a question that failed looks like one that is being answered, but not for ever
        hasty = Timeout(progress=0.6)
        with Client(arena.url, cookies=one.cookies, timeout=hasty) as other:
            message = other.edit(question.text_id, "The first, again?", place)
            assert next(message.tokens()).strip() == "Half"
            reading = threading.Thread(target=message.text)
            reading.start()
            threading.Timer(0.5, hold.set).start()

            texts = [entry.text for entry in one.history(place)]

            assert texts == ["The first, again?", "Half and half."]
            reading.join()
